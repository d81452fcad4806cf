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

// criteria returns the initial filter criteria of a profile in the order of their priority, without those that are switched off for
// the identities; with expand those of shared sets as well.
func (h *HSS) criteria(p *ServiceProfile, state *State, identities []*PublicIdentity, expand bool) []cx.InitialFilterCriteria {
	if p == nil {
		return nil
	}
	var out []cx.InitialFilterCriteria
	add := func(list []InitialFilterCriteria) {
		for i := range list {
			c := &list[i]
			if slices.ContainsFunc(c.DSAI, func(tag string) bool { return state.inactive(tag, identities) }) {
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

// inactive tells whether a tag of dynamic service activation info is inactive for one of the identities.
func (s *State) inactive(tag string, identities []*PublicIdentity) bool {
	return slices.ContainsFunc(s.InactiveDSAI, func(d DSAI) bool {
		return d.Tag == tag && slices.ContainsFunc(identities, func(p *PublicIdentity) bool { return p.key().Value == d.Identity })
	})
}

// unregisteredServices tells whether an identity has services while it is not registered: criteria for that part of the profile.
func (h *HSS) unregisteredServices(s subject) bool {
	for _, f := range h.criteria(h.profile(s.Subscriber, s.impu), s.State, []*PublicIdentity{s.impu}, true) {
		if part, ok := f.ProfilePartIndicator.Get(); !ok || part == cx.Unregistered {
			return true
		}
	}
	return false
}

// userData makes the profile of an implicit set, or of a PSI, for an S-CSCF (TS 29.228 section 6.6 and Annex B). Identities with the
// same service profile stand together; the default identity comes first.
func (h *HSS) userData(s subject, impi string, sharedIFC bool) []byte {
	if impi == "" {
		// A PSI without a private service identity: something has to be there.
		_, impi, _ = strings.Cut(s.impu.Identity, ":")
	}
	doc := cx.IMSSubscription{PrivateID: impi}
	groups := map[*ServiceProfile]int{}
	members := map[int][]*PublicIdentity{}
	var order []*ServiceProfile
	for _, p := range s.Subscriber.set(s.impu) {
		if s.impi != nil && !p.UsedBy(s.impi.IMPI) {
			continue
		}
		profile := h.profile(s.Subscriber, p)
		i, ok := groups[profile]
		if !ok {
			i = len(order)
			groups[profile] = i
			order = append(order, profile)
			doc.ServiceProfiles = append(doc.ServiceProfiles, cx.ServiceProfile{})
		}
		members[i] = append(members[i], p)
		doc.ServiceProfiles[i].PublicIdentities = append(doc.ServiceProfiles[i].PublicIdentities, s.publicIdentity(p))
	}
	for i, profile := range order {
		out := &doc.ServiceProfiles[i]
		out.InitialFilterCriteria = h.criteria(profile, s.State, members[i], !sharedIFC)
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
