package hss

import (
	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// uar answers a User-Authorization-Request (TS 29.228 section 6.1.1.1): may this identity register, and at which S-CSCF?
func (h *HSS) uar(q *cx.UAR, c call) (*cx.UAA, error) {
	a := q.Answer(h.cfg.Host, h.cfg.Realm)
	a.SupportedFeatures = h.features(q.SupportedFeatures)
	if insists(c.m, cxFeatures) {
		a.SetResult(cx.FeatureUnsupported)
		return &a, nil
	}
	s, refused, unlock := locked(h, c.wait, func() (subject, diameter.Result) { return h.find(q.PublicIdentity, "", q.UserName) })
	defer unlock()
	if refused.Code != 0 {
		a.SetResult(refused)
		return &a, nil
	}
	// A distinct public user identity is asked for: no PSI, and none of many.
	if s.impu.IsPSI() || s.wildcard {
		a.SetResult(cx.UserUnknown)
		return &a, nil
	}
	emergency := q.UARFlags.Value.Has(cx.UARFlagsIMSEmergencyRegistration)
	if s.impu.Barred && !emergency && !s.Subscriber.anyUnbarred(s.impu) {
		a.SetResult(baseResult(diameter.AuthorizationRejected))
		return &a, nil
	}
	kind := q.UserAuthorizationType.Value // REGISTRATION if absent
	switch kind {
	case cx.UserAuthorizationTypeRegistration, cx.UserAuthorizationTypeRegistrationAndCapabilities:
		if !emergency && !allowedNetwork(s.Subscriber.VisitedNetworks, string(q.VisitedNetworkIdentifier)) {
			a.SetResult(cx.RoamingNotAllowed)
			return &a, nil
		}
	case cx.UserAuthorizationTypeDeRegistration:
	default:
		return nil, invalid(c.m, cx.AVPUserAuthorizationType)
	}
	if kind == cx.UserAuthorizationTypeRegistrationAndCapabilities {
		if err := h.reassignable(c.wait, s); err != nil {
			return nil, err
		}
		a.ServerCapabilities = h.capabilities(s)
		a.SetResult(success())
		return &a, nil
	}
	r := s.State.registration(s.impu)
	if r != nil && r.State != NotRegistered {
		// Registered, or unregistered: the S-CSCF is known.
		a.ServerName = diameter.Some(r.SCSCF)
		if kind == cx.UserAuthorizationTypeDeRegistration {
			a.SetResult(success())
		} else {
			a.SetResult(cx.SubsequentRegistration)
		}
		return &a, nil
	}
	if kind == cx.UserAuthorizationTypeDeRegistration {
		a.SetResult(cx.IdentityNotRegistered)
		return &a, nil
	}
	// Not registered. Another identity of the subscription may have an S-CSCF, or this one has since it asked for authentication.
	if r := s.State.assigned(s.impu); r != nil {
		a.ServerName = diameter.Some(r.SCSCF)
		a.SetResult(cx.SubsequentRegistration)
		return &a, nil
	}
	a.ServerCapabilities = h.capabilities(s)
	a.SetResult(cx.FirstRegistration)
	return &a, nil
}

// anyUnbarred tells whether one of the identities that are registered with p is not barred.
func (s *Subscriber) anyUnbarred(p *PublicIdentity) bool {
	for _, q := range s.set(p) {
		if !q.Barred {
			return true
		}
	}
	return false
}

// reassignable sets the S-CSCF reassignment pending flag of a user whose S-CSCF cannot be reached (TS 23.380 section 4.2).
func (h *HSS) reassignable(wait bool, s subject) error {
	if h.cfg.NoRestoration {
		return nil
	}
	n := *s.State
	n.Registrations = append([]Registration(nil), s.State.Registrations...)
	change := false
	for i := range n.Registrations {
		r := &n.Registrations[i]
		_, psi := s.impu.place()
		if r.PSI == psi && r.SCSCF != "" && !r.Reassignable {
			r.Reassignable, change = true, true
		}
	}
	if !change {
		return nil
	}
	if !wait {
		return errWait
	}
	if err := h.store.Commit(Change{StateOf: s.ID(), State: &n}); err != nil {
		return err
	}
	h.changed("Cx", s.ID(), "S-CSCF reassignment pending")
	return nil
}

// invalid is the error for an AVP whose value is none of those that the interface has.
func invalid(m diameter.Message, code diameter.AVPCode) error {
	e := &diameter.ProtocolError{ResultCode: diameter.InvalidAVPValue}
	if avp, ok := m.Find(code, diameter.Vendor3GPP); ok {
		e.FailedAVP = []diameter.AVP{avp}
	}
	return e
}
