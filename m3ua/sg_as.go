package m3ua

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// aspActive follows RFC 4666 section 4.3.4.3, for an ASP that is up:
//
//	Routing Context               Answer for it
//	one of the ASP                ASP Active Ack; ASP-ACTIVE, NTFYs
//	of an AS that is blocked      ERR Refused - Management Blocking
//	of an AS of another mode      ERR Unsupported Traffic Mode Type
//	any other                     ERR Invalid Routing Context
//	none, and it is required      ERR Missing Parameter
//	none                          as if it named every AS of the ASP
//	none, and the ASP has no AS   ERR No Configured AS for ASP
//
// For a Routing Context that nobody knows, sections 3.8.1 and 4.3.4.4 and TS 102 381 want Invalid
// Routing Context; section 4.3.4.3 swaps it with No Configured AS for ASP, against their definitions.
func (g *sgCore) aspActive(now time.Time, a *aspCore, m *ASPActive, raw []byte, out []output) []output {
	if m.TrafficMode != 0 && !m.TrafficMode.Valid() {
		return g.errorTo(now, a, &ERR{Code: UnsupportedTrafficMode, RoutingContexts: m.RoutingContexts}, raw, fmt.Errorf("m3ua: %v in ASP Active", m.TrafficMode), out)
	}
	members, ok, out := g.named(now, a, m.RoutingContexts, raw, out)
	if !ok {
		return out
	}
	var done []*member
	var blocked, mode []uint32
	for _, mb := range members {
		switch s := mb.as; {
		case s.cfg.Blocked:
			blocked = append(blocked, s.cfg.RoutingContext)
		case m.TrafficMode != 0 && s.mode != 0 && m.TrafficMode != s.mode:
			mode = append(mode, s.cfg.RoutingContext)
		default:
			done = append(done, mb)
		}
	}
	if len(done) > 0 {
		ack := &ASPActiveAck{TrafficMode: m.TrafficMode}
		if len(m.RoutingContexts) > 0 {
			for _, mb := range done {
				ack.RoutingContexts = append(ack.RoutingContexts, mb.as.cfg.RoutingContext)
			}
		}
		out = append(out, output{asp: a, send: ack})
		for _, mb := range done {
			out = g.activate(now, mb, m.TrafficMode, out)
		}
	}
	if blocked != nil {
		out = g.errorTo(now, a, &ERR{Code: RefusedManagementBlocking, RoutingContexts: named(blocked)}, raw, fmt.Errorf("m3ua: AS %v are blocked", blocked), out)
	}
	if mode != nil {
		out = g.errorTo(now, a, &ERR{Code: UnsupportedTrafficMode, RoutingContexts: named(mode)}, raw, fmt.Errorf("m3ua: AS %v are not in mode %v", mode, m.TrafficMode), out)
	}
	return out
}

// named leaves out the contexts of AS that have none.
func named(rcs []uint32) []uint32 {
	return slices.DeleteFunc(rcs, func(rc uint32) bool { return rc == 0 })
}

// named finds the memberships that an ASPAC or ASPIA is about, and answers for those it cannot be
// about. It is false if nothing is left to do.
func (g *sgCore) named(now time.Time, a *aspCore, rcs []uint32, raw []byte, out []output) ([]*member, bool, []output) {
	if len(rcs) == 0 {
		switch {
		case len(a.members) == 0:
			return nil, false, g.errorTo(now, a, &ERR{Code: NoConfiguredAS}, raw, fmt.Errorf("m3ua: ASP %q has no AS", a.cfg.Name), out)
		case a.cfg.RequireContext:
			return nil, false, g.errorTo(now, a, &ERR{Code: MissingParameter}, raw, fmt.Errorf("m3ua: ASP %q must name Routing Contexts", a.cfg.Name), out)
		}
		return slices.Clone(a.members), true, out
	}
	var found []*member
	var invalid []uint32
	for _, rc := range rcs {
		switch m := a.member(rc); {
		case m == nil:
			invalid = append(invalid, rc)
		case !slices.Contains(found, m):
			found = append(found, m)
		}
	}
	if invalid != nil {
		out = g.errorTo(now, a, &ERR{Code: InvalidRoutingContext, RoutingContexts: invalid}, raw, fmt.Errorf("m3ua: ASP %q is in no AS with Routing Context %v", a.cfg.Name, invalid), out)
	}
	return found, len(found) > 0, out
}

// activate moves an ASP to ASP-ACTIVE in an AS. In mode override the one before it is told to stop.
func (g *sgCore) activate(now time.Time, mb *member, mode TrafficMode, out []output) []output {
	s := mb.as
	if s.mode == 0 {
		s.mode = max(mode, Override)
	}
	var overridden []*member
	if s.mode == Override {
		for _, other := range s.members {
			if other != mb && other.state == Active {
				other.state = Inactive
				s.changed = true
				overridden = append(overridden, other)
			}
		}
	}
	was := mb.state
	out = g.setMember(now, mb, Active, out)
	for _, other := range overridden {
		out = g.notify(other.asp, s, NotifyAlternateASPActive, mb.asp.id, out)
		out = append(out, output{ev: Event{Kind: ASPStateEvent, ASP: other.asp.cfg.Name, AS: s.cfg.Name, Was: Active, State: Inactive}})
	}
	if was != Active {
		out = g.tellStatus(mb, out)
	}
	return out
}

// aspInactive follows RFC 4666 section 4.3.4.4: an ASP Inactive Ack for each AS of the ASP, in
// whatever state, and ERR as for ASP Active.
func (g *sgCore) aspInactive(now time.Time, a *aspCore, m *ASPInactive, raw []byte, out []output) []output {
	members, ok, out := g.named(now, a, m.RoutingContexts, raw, out)
	if !ok {
		return out
	}
	ack := &ASPInactiveAck{}
	at := len(out)
	out = append(out, output{asp: a, send: ack})
	for _, mb := range members {
		if len(m.RoutingContexts) > 0 {
			ack.RoutingContexts = append(ack.RoutingContexts, mb.as.cfg.RoutingContext)
		}
		out = g.setMember(now, mb, Inactive, out)
	}
	out[at].send = ack
	return out
}

// setMember changes the state of an ASP in an AS, and what follows from it.
func (g *sgCore) setMember(now time.Time, mb *member, to State, out []output) []output {
	was := mb.state
	if was == to {
		return out
	}
	mb.state = to
	if was == Active || to == Active {
		mb.as.changed = true
		out = append(out, output{ev: Event{Kind: ASPStateEvent, ASP: mb.asp.cfg.Name, AS: mb.as.cfg.Name, Was: was, State: to}})
	}
	out = g.update(now, mb.as, out)
	if was == Active && mb.as.insufficient() {
		for _, other := range mb.as.members {
			if other.state == Inactive {
				out = g.notify(other.asp, mb.as, NotifyInsufficientASPs, Optional{}, out)
			}
		}
	}
	return out
}

func (s *asCore) count(st State) int {
	n := 0
	for _, m := range s.members {
		if m.state == st {
			n++
		}
	}
	return n
}

// need is how many ASPs must be active before traffic starts.
func (s *asCore) need() int {
	if s.mode == Override {
		return 1
	}
	return max(s.cfg.MinASPs, 1)
}

// insufficient says whether an AS runs with fewer ASPs than it needs.
func (s *asCore) insufficient() bool { return s.state == Active && s.count(Active) < s.need() }

// idleState is the state of an AS without active ASPs.
func (s *asCore) idleState() State {
	if s.count(Inactive)+s.count(Active) > 0 {
		return Inactive
	}
	return Down
}

// update finds the state of an AS from those of its ASPs (RFC 4666 section 4.3.2, Figure 4):
//
//	State        Input                                Next state
//	AS-DOWN      an ASP becomes ASP-INACTIVE          AS-INACTIVE (DN2IA)
//	AS-INACTIVE  n ASPs are ASP-ACTIVE                AS-ACTIVE (IA2AC)
//	AS-INACTIVE  all ASPs are ASP-DOWN                AS-DOWN (IA2DN)
//	AS-ACTIVE    no ASP is ASP-ACTIVE                 AS-PENDING, start T(r) (AC2PN)
//	AS-PENDING   an ASP becomes ASP-ACTIVE            AS-ACTIVE, stop T(r) (PN2AC)
//	AS-PENDING   T(r), an ASP is ASP-INACTIVE         AS-INACTIVE (PN2IA)
//	AS-PENDING   T(r), all ASPs are ASP-DOWN          AS-DOWN (PN2DN)
func (g *sgCore) update(now time.Time, s *asCore, out []output) []output {
	active := s.count(Active)
	next := s.state
	switch s.state {
	case Down, Inactive:
		if next = s.idleState(); active >= s.need() {
			next = Active
		}
	case Active:
		if active == 0 {
			if next = Pending; g.cfg.TRecovery < 0 || s.cfg.Blocked {
				next = s.idleState()
			}
		}
	case Pending:
		if active > 0 {
			next = Active
		} else if s.cfg.Blocked {
			next = s.idleState()
		}
	}
	return g.setState(now, s, next, out)
}

// setState changes the state of an AS and tells its ASPs and, of its point codes, the others.
func (g *sgCore) setState(now time.Time, s *asCore, next State, out []output) []output {
	was := s.state
	if next == was {
		if s.changed {
			s.changed = false
			out = append(out, output{as: s})
		}
		return out
	}
	before := g.reachable(s)
	s.state, s.changed, s.recovery = next, false, time.Time{}
	switch next {
	case Pending:
		s.recovery = now.Add(g.cfg.TRecovery)
	case Down:
		s.mode = s.cfg.TrafficMode
	}
	out = append(out, output{as: s}, output{ev: Event{Kind: ASStateEvent, AS: s.cfg.Name, RoutingContexts: s.contexts(), Was: was, State: next}})
	if next != Down {
		for _, m := range s.members {
			if m.state != Down {
				out = g.notify(m.asp, s, s.notification(), Optional{}, out)
			}
		}
	}
	return g.tellReachable(s, before, out)
}

// notification is the NTFY of a state.
func (s *asCore) notification() Status {
	switch s.state {
	case Active:
		return NotifyASActive
	case Pending:
		return NotifyASPending
	}
	return NotifyASInactive
}

// blockAS is the operator's: the AS takes no more traffic, its ASPs are told with an ASP Inactive
// Ack that nobody asked for (section 4.7), and cannot be active in it until it is unblocked.
func (g *sgCore) blockAS(now time.Time, s *asCore, block bool, out []output) []output {
	if s.cfg.Blocked = block; !block {
		return out
	}
	for _, m := range slices.Clone(s.members) {
		if m.state == Active {
			out = append(out, output{asp: m.asp, send: &ASPInactiveAck{RoutingContexts: s.contexts(), Info: "blocked"}})
			out = g.setMember(now, m, Inactive, out)
		}
	}
	return g.update(now, s, out)
}
