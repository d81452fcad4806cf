package m3ua

import (
	"fmt"
	"slices"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// maxKeys and maxGroups bound how many routing keys one REG REQ may hold, and how many point codes
// one of them: what is beyond gets "Insufficient Resources".
const maxKeys, maxGroups = 256, 64

// register follows RFC 4666 section 4.4.1: one result for each key, in one REG RSP.
func (g *sgCore) register(now time.Time, a *aspCore, m *REGREQ, raw []byte, out []output) []output {
	if g.cfg.Registration.Disabled {
		return g.errorTo(now, a, &ERR{Code: UnsupportedMessageClass}, raw, fmt.Errorf("m3ua: registration is not allowed here"), out)
	}
	rsp := &REGRSP{}
	var joined []*member
	ids := map[uint32]bool{}
	var after []output
	for i := range m.Keys {
		k := &m.Keys[i]
		r := RegistrationResult{LocalID: k.LocalID, Status: RegInvalidRoutingKey}
		if i >= maxKeys || len(k.Key.Groups) > maxGroups {
			r.Status = RegInsufficientResources
		} else if !ids[k.LocalID] {
			ids[k.LocalID] = true
			var mb *member
			var changed bool
			if r.Status, mb, changed = g.registerKey(a, k); mb != nil {
				r.RoutingContext = mb.as.cfg.RoutingContext
				if r.Status == Registered && !changed {
					joined = append(joined, mb)
				}
				if r.Status == Registered {
					after = append(after, output{routes: true}, output{ev: Event{Kind: RegisteredEvent, ASP: a.cfg.Name, AS: mb.as.cfg.Name, RoutingContexts: mb.as.contexts()}})
				}
			}
		}
		rsp.Results = append(rsp.Results, r)
	}
	out = append(out, output{asp: a, send: rsp})
	out = append(out, after...)
	for _, mb := range joined {
		was := mb.as.state
		if out = g.update(now, mb.as, out); mb.as.state == was {
			out = g.notify(a, mb.as, mb.as.notification(), Optional{}, out)
		}
	}
	return out
}

// registerKey is one registration. The member is set if the outcome has a Routing Context; changed
// says that it was there before.
//
//	Routing key                                        Outcome
//	malformed                                          Invalid Routing Key, Invalid DPC, Unsupported …
//	of a Network Appearance nobody configured          Invalid Network Appearance
//	with a Routing Context that cannot be changed      Routing Key Change Refused
//	the same as that of an AS in another mode          Unsupported/Invalid Traffic Handling Mode
//	the same as that of an AS of this ASP              Routing Key Already Registered
//	the same as that of another AS                     the ASP joins it, or Permission Denied
//	sharing messages with that of another AS           Cannot Support Unique Routing
//	new, where no AS may be made                       Routing Key not Currently Provisioned
//	new, where no more can be made                     Insufficient Resources
//	new                                                the AS is made, or Permission Denied
func (g *sgCore) registerKey(a *aspCore, k *RoutingKeyRequest) (RegistrationStatus, *member, bool) {
	cfg := &g.cfg.Registration
	if k.Invalid != Registered {
		return k.Invalid, nil, false
	}
	for _, grp := range k.Key.Groups {
		if grp.DPC > g.cfg.Format.MaxPointCode() {
			return RegInvalidDPC, nil, false
		}
		for _, o := range grp.OPCs {
			if o.PC > g.cfg.Format.MaxPointCode() {
				return RegInvalidRoutingKey, nil, false
			}
		}
	}
	if na := k.Key.NetworkAppearance; na.Set && !g.hasNA(na.Value) {
		return RegInvalidNetworkAppearance, nil, false
	}
	if a.cfg.RefuseRegistration {
		return RegPermissionDenied, nil, false
	}
	if k.RoutingContext.Set {
		return g.changeKey(a, k)
	}
	if s := g.keys().same[k.Key.canonical()]; s != nil {
		if k.TrafficMode != 0 && s.mode != 0 && k.TrafficMode != s.mode {
			return RegUnsupportedTrafficMode, nil, false
		}
		for _, mb := range a.members {
			if mb.as == s {
				return RegAlreadyRegistered, mb, false
			}
		}
		if s.cfg.RoutingContext == 0 || cfg.Authorize != nil && !cfg.Authorize(a.cfg.Name, s.cfg.Name, k.Key, false) {
			return RegPermissionDenied, nil, false
		}
		return Registered, g.join(s, a, true), false
	}
	if g.overlapping(k.Key, nil) != nil {
		return RegNotUnique, nil, false
	}
	switch {
	case !cfg.Dynamic:
		return RegNotProvisioned, nil, false
	case cfg.Authorize != nil && !cfg.Authorize(a.cfg.Name, "", k.Key, false):
		return RegPermissionDenied, nil, false
	case g.dynamic >= cfg.MaxKeys:
		return RegInsufficientResources, nil, false
	}
	s := &asCore{dynamic: true, mode: k.TrafficMode, cfg: ASConfig{
		RoutingContext: g.freeContext(), Key: k.Key.clone(), TrafficMode: k.TrafficMode}}
	s.cfg.Name = fmt.Sprintf("rk-%d", s.cfg.RoutingContext)
	g.index = nil
	g.dynamic++
	g.as = append(g.as, s)
	return Registered, g.join(s, a, true), false
}

// changeKey is a registration with a Routing Context: another key for what has one.
func (g *sgCore) changeKey(a *aspCore, k *RoutingKeyRequest) (RegistrationStatus, *member, bool) {
	mb := a.member(k.RoutingContext.Value)
	if mb == nil || !mb.as.dynamic || len(mb.as.members) > 1 || !g.cfg.Registration.Change {
		return RegChangeRefused, nil, false
	}
	if k.TrafficMode != 0 && mb.as.mode != 0 && k.TrafficMode != mb.as.mode {
		return RegUnsupportedTrafficMode, nil, false
	}
	if g.overlapping(k.Key, mb.as) != nil {
		return RegNotUnique, nil, false
	}
	if f := g.cfg.Registration.Authorize; f != nil && !f(a.cfg.Name, mb.as.cfg.Name, k.Key, false) {
		return RegPermissionDenied, nil, false
	}
	g.index = nil
	mb.as.cfg.Key = k.Key.clone()
	return Registered, mb, true
}

// keyIndex finds routing keys by what is in them, so that a registration does not cost more the
// more keys there are. It is made anew after keys have changed.
type keyIndex struct {
	same  map[string]*asCore // by canonical form
	byDPC map[mtp3.PointCode][]indexed
}

type indexed struct {
	as    *asCore
	group *KeyGroup
}

func (g *sgCore) keys() *keyIndex {
	if g.index != nil {
		return g.index
	}
	x := &keyIndex{map[string]*asCore{}, map[mtp3.PointCode][]indexed{}}
	for _, s := range g.as {
		if len(s.cfg.Key.Groups) == 0 {
			continue
		}
		x.same[s.cfg.Key.canonical()] = s
		for i := range s.cfg.Key.Groups {
			grp := &s.cfg.Key.Groups[i]
			x.byDPC[grp.DPC] = append(x.byDPC[grp.DPC], indexed{s, grp})
		}
	}
	g.index = x
	return x
}

// overlapping is an AS other than not that a message of this key could belong to.
func (g *sgCore) overlapping(k RoutingKey, not *asCore) *asCore {
	x := g.keys()
	for i := range k.Groups {
		for _, e := range x.byDPC[k.Groups[i].DPC] {
			if e.as != not && sameNetwork(k.NetworkAppearance, e.as) && e.group.overlaps(&k.Groups[i]) {
				return e.as
			}
		}
	}
	return nil
}

// freeContext is a Routing Context that no AS has.
func (g *sgCore) freeContext() uint32 {
	for {
		rc := g.nextContext
		if g.nextContext++; rc != 0 && g.byContext(rc) == nil {
			return rc
		}
	}
}

func (g *sgCore) byContext(rc uint32) *asCore {
	for _, s := range g.as {
		if s.cfg.RoutingContext == rc {
			return s
		}
	}
	return nil
}

// join adds an ASP to an AS.
func (g *sgCore) join(s *asCore, a *aspCore, registered bool) *member {
	mb := &member{as: s, asp: a, registered: registered}
	if a.up {
		mb.state = Inactive
	}
	s.members = append(s.members, mb)
	a.members = append(a.members, mb)
	return mb
}

// leave takes an ASP out of an AS, and an AS away that was made by registration and has no more ASPs.
func (g *sgCore) leave(now time.Time, mb *member, out []output) []output {
	out = g.setMember(now, mb, Down, out)
	is := func(m *member) bool { return m == mb }
	mb.as.members = slices.DeleteFunc(mb.as.members, is)
	mb.asp.members = slices.DeleteFunc(mb.asp.members, is)
	if mb.as.dynamic && len(mb.as.members) == 0 {
		out = g.removeAS(now, mb.as, out)
		g.dynamic--
	}
	return append(out, output{routes: true})
}

// removeAS takes an AS out of the configuration: it is AS-DOWN.
func (g *sgCore) removeAS(now time.Time, s *asCore, out []output) []output {
	for _, m := range slices.Clone(s.members) {
		out = g.setMember(now, m, Down, out)
		m.asp.members = slices.DeleteFunc(m.asp.members, func(o *member) bool { return o == m })
	}
	s.members = nil
	out = g.setState(now, s, Down, out)
	g.as = slices.DeleteFunc(g.as, func(o *asCore) bool { return o == s })
	g.index = nil
	return append(out, output{routes: true})
}

// dropRegistrations forgets what an ASP registered (sections 4.3.4.1, 4.3.4.2).
func (g *sgCore) dropRegistrations(now time.Time, a *aspCore, out []output) []output {
	for _, mb := range slices.Clone(a.members) {
		if mb.registered {
			out = append(out, output{ev: Event{Kind: DeregisteredEvent, ASP: a.cfg.Name, AS: mb.as.cfg.Name, RoutingContexts: mb.as.contexts()}})
			out = g.leave(now, mb, out)
		}
	}
	return out
}

// deregister follows RFC 4666 section 4.4.2: one result for each Routing Context.
func (g *sgCore) deregister(now time.Time, a *aspCore, m *DEREGREQ, raw []byte, out []output) []output {
	if g.cfg.Registration.Disabled {
		return g.errorTo(now, a, &ERR{Code: UnsupportedMessageClass}, raw, fmt.Errorf("m3ua: registration is not allowed here"), out)
	}
	rsp := &DEREGRSP{}
	var gone []*member
	for _, rc := range m.RoutingContexts {
		mb := a.member(rc)
		r := DeregistrationResult{RoutingContext: rc}
		switch f := g.cfg.Registration.Authorize; {
		case rc == 0 || mb == nil && g.byContext(rc) == nil:
			r.Status = DeregInvalidRoutingContext
		case mb == nil || slices.Contains(gone, mb):
			r.Status = DeregNotRegistered
		case !mb.registered || f != nil && !f(a.cfg.Name, mb.as.cfg.Name, mb.as.cfg.Key, true):
			r.Status = DeregPermissionDenied
		case mb.state == Active:
			r.Status = DeregASPActive
		default:
			gone = append(gone, mb)
		}
		rsp.Results = append(rsp.Results, r)
	}
	out = append(out, output{asp: a, send: rsp})
	for _, mb := range gone {
		out = append(out, output{ev: Event{Kind: DeregisteredEvent, ASP: a.cfg.Name, AS: mb.as.cfg.Name, RoutingContexts: mb.as.contexts()}})
		out = g.leave(now, mb, out)
	}
	return out
}
