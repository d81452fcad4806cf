package hss

import (
	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// lir answers a Location-Info-Request (TS 29.228 section 6.1.4.1): which S-CSCF serves this identity, or could?
func (h *HSS) lir(q *cx.LIR, c call) (*cx.LIA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	a.SupportedFeatures = h.features(q.SupportedFeatures)
	if insists(c.m, cxFeatures) {
		a.SetResult(cx.FeatureUnsupported)
		return &a, nil
	}
	s, refused, unlock := locked(h, c.wait, func() (subject, diameter.Result) { return h.find(q.PublicIdentity, "", "") })
	defer unlock()
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	if s.wildcard {
		a.WildcardedPublicIdentity = diameter.Some(s.Wildcard)
	}
	originating := q.OriginatingRequest.Present
	if s.impu.IsPSI() {
		if !s.State.active(s.impu) {
			a.SetResult(cx.UserUnknown)
			return &a, nil
		}
		if s.impu.ServerName != "" && !originating {
			// Direct routing: the I-CSCF goes to the application server by itself.
			a.ServerName = diameter.Some(s.impu.ServerName)
			a.LIAFlags = diameter.Some(cx.LIAFlagsPSIDirectRoutingIndication)
			a.SetResult(success())
			return &a, nil
		}
	}
	if q.UserAuthorizationType.Value == cx.UserAuthorizationTypeRegistrationAndCapabilities && !h.cfg.NoRestoration {
		if err := h.reassignable(c.wait, s); err != nil {
			return nil, err
		}
		a.ServerCapabilities = h.capabilities(s)
		a.SetResult(success())
		return &a, nil
	}
	if r := s.State.registration(s.impu); r != nil && r.State != NotRegistered {
		a.ServerName = diameter.Some(r.SCSCF)
		a.SetResult(success())
		return &a, nil
	}
	if !originating && !h.unregisteredServices(s) {
		a.SetResult(cx.IdentityNotRegistered)
		return &a, nil
	}
	if r := s.State.assigned(s.impu); r != nil {
		a.ServerName = diameter.Some(r.SCSCF)
		a.SetResult(success())
		return &a, nil
	}
	a.ServerCapabilities = h.capabilities(s)
	a.SetResult(cx.UnregisteredService)
	return &a, nil
}

// active tells whether a PSI is active: as provisioned, or as an application server has switched it.
func (s *State) active(p *PublicIdentity) bool {
	for _, a := range s.PSIActivation {
		if a.Identity == p.key().Value {
			return a.Active
		}
	}
	return !p.Inactive
}
