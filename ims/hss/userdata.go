package hss

import (
	"slices"
	"strings"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// profile returns the service profile of an identity, nil if it has none.
func (h *HSS) profile(s *Subscriber, p *PublicIdentity) *ServiceProfile {
	if p.Profile == "" {
		if len(s.ServiceProfiles) > 0 {
			return &s.ServiceProfiles[0]
		}
		return nil
	}
	for i := range s.ServiceProfiles {
		if s.ServiceProfiles[i].Name == p.Profile {
			return &s.ServiceProfiles[i]
		}
	}
	return h.store.Shared().ServiceProfiles[p.Profile]
}

// criteria returns the initial filter criteria of a profile in the order of their priority, without those that application servers
// have switched off for the identity; with expand those of shared sets as well. A criterion is off while all its tags of dynamic
// service activation info are inactive (TS 29.328 section 7.6.11).
func (h *HSS) criteria(p *ServiceProfile, state *State, impu *PublicIdentity, expand bool) []cx.InitialFilterCriteria {
	if p == nil {
		return nil
	}
	var out []cx.InitialFilterCriteria
	add := func(list []InitialFilterCriteria) {
		for i := range list {
			c := &list[i]
			if len(c.DSAI) > 0 && !slices.ContainsFunc(c.DSAI, func(tag string) bool { return !state.inactive(tag, impu) }) {
				continue
			}
			if f, err := c.CX(); err == nil { // checked when it was stored
				out = append(out, f)
			}
		}
	}
	add(p.InitialFilterCriteria)
	if expand {
		shared := h.store.Shared().SharedIFCSets
		for _, id := range p.SharedIFCSets {
			if set := shared[id]; set != nil {
				add(set.InitialFilterCriteria)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b cx.InitialFilterCriteria) int { return a.Priority - b.Priority })
	return out
}

// inactive tells whether a tag of dynamic service activation info is inactive for an identity.
func (s *State) inactive(tag string, p *PublicIdentity) bool {
	return slices.ContainsFunc(s.InactiveDSAI, func(d DSAI) bool { return d.Tag == tag && d.Identity == p.key().Value })
}

// unregisteredServices tells whether an identity has services while it is not registered: criteria for that part of the profile.
func (h *HSS) unregisteredServices(s subject) bool {
	for _, f := range h.criteria(h.profile(s.Subscriber, s.impu), s.State, s.impu, true) {
		if part, ok := f.ProfilePartIndicator.Get(); !ok || part == cx.Unregistered {
			return true
		}
	}
	return false
}

// userData makes the profile of an implicit set, or of a PSI, for an S-CSCF (TS 29.228 section 6.6 and Annex B). Identities with the
// same services stand together; the default identity comes first.
func (h *HSS) userData(s subject, impi string, sharedIFC bool) []byte {
	if impi == "" {
		// A PSI without a private service identity: something has to be there.
		_, impi, _ = strings.Cut(s.impu.Identity, ":")
	}
	doc := cx.IMSSubscription{PrivateID: impi}
	type group struct {
		profile *ServiceProfile
		off     string // the inactive tags
	}
	groups := map[group]int{}
	var order []*ServiceProfile
	var firsts []*PublicIdentity
	for _, p := range s.Subscriber.set(s.impu) {
		if s.impi != nil && !p.UsedBy(s.impi.IMPI) {
			continue
		}
		g := group{profile: h.profile(s.Subscriber, p)}
		for _, d := range s.State.InactiveDSAI {
			if d.Identity == p.key().Value {
				g.off += d.Tag + "\x00"
			}
		}
		i, ok := groups[g]
		if !ok {
			i = len(order)
			groups[g] = i
			order, firsts = append(order, g.profile), append(firsts, p)
			doc.ServiceProfiles = append(doc.ServiceProfiles, cx.ServiceProfile{})
		}
		doc.ServiceProfiles[i].PublicIdentities = append(doc.ServiceProfiles[i].PublicIdentities, s.publicIdentity(p))
	}
	for i, profile := range order {
		out := &doc.ServiceProfiles[i]
		out.InitialFilterCriteria = h.criteria(profile, s.State, firsts[i], !sharedIFC)
		if profile == nil {
			continue
		}
		if sharedIFC {
			out.SharedIFCSetIDs = profile.SharedIFCSets
		}
		if n := profile.SubscribedMediaProfileID; n != nil {
			out.SubscribedMediaProfileID = diameter.Some(*n)
		}
		out.ServiceIDs = profile.ServiceIDs
	}
	return doc.AppendXML(nil)
}

// publicIdentity is an identity as the profile has it (TS 29.228 Annex B.2.1).
func (s subject) publicIdentity(p *PublicIdentity) cx.PublicIdentity {
	out := cx.PublicIdentity{
		Identity: p.Identity, BarringIndication: p.Barred, DisplayName: p.DisplayName, AliasIdentityGroupID: p.AliasGroup, ServiceLevelTraceInfo: p.TraceInfo,
	}
	if t := p.cxType(); t != cx.PublicUserIdentity {
		out.IdentityType = diameter.Some(t)
	}
	switch p.Type {
	case WildcardedPSI:
		out.WildcardedPSI = p.Identity
	case WildcardedIMPU:
		out.WildcardedIMPU = p.Identity
	}
	if p.IsWildcarded() && p == s.impu && s.asked != "" {
		out.Identity = s.asked
	}
	if p.ServicePriorityLevel != nil {
		out.ServicePriorityLevel = diameter.Some(*p.ServicePriorityLevel)
	}
	if p.MaxRegistrations != nil {
		out.MaxNumOfAllowedSimultRegistrations = diameter.Some(*p.MaxRegistrations)
	}
	return out
}
