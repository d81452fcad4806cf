package m3ua

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// associated tells of a new association of an ASP. The ASP is ASP-DOWN until it says ASP Up.
func (g *sgCore) associated(a *aspCore, single bool, out []output) []output {
	a.ready, a.single, a.id = true, single, Optional{}
	return append(out, output{ev: Event{Kind: AssociationUp, ASP: a.cfg.Name}})
}

// lost tells that the association is gone (SCTP CDI), or that the peer began anew (SCTP RI).
func (g *sgCore) lost(now time.Time, a *aspCore, restart bool, why error, out []output) []output {
	a.ready = restart
	out = append(out, output{ev: Event{Kind: AssociationDown, ASP: a.cfg.Name, Err: why}})
	out = g.toDown(now, a, true, out)
	if restart {
		out = append(out, output{ev: Event{Kind: AssociationUp, ASP: a.cfg.Name}})
	}
	return out
}

// aspUp follows RFC 4666 section 4.3.4.1:
//
//	State         Input    Action                                      Next state
//	any           ASP Up   blocked: ERR Refused - Management Blocking   unchanged
//	any           ASP Up   ERR for a bad ASP Identifier                 unchanged
//	ASP-DOWN      ASP Up   ASP Up Ack, NTFY                             ASP-INACTIVE
//	ASP-INACTIVE  ASP Up   ASP Up Ack                                   ASP-INACTIVE
//	ASP-ACTIVE    ASP Up   ERR Unexpected Message, ASP Up Ack, NTFY,    ASP-INACTIVE
//	                       registered keys are deregistered
func (g *sgCore) aspUp(now time.Time, a *aspCore, m *ASPUp, raw []byte, out []output) []output {
	if a.cfg.Blocked || g.isolated {
		why := fmt.Errorf("m3ua: ASP %q is blocked", a.cfg.Name)
		if g.isolated {
			why = errors.New("m3ua: the gateway is isolated from its network")
		}
		return g.errorTo(now, a, &ERR{Code: RefusedManagementBlocking}, raw, why, out)
	}
	if !m.ASPIdentifier.Set && a.cfg.RequireIdentifier {
		return g.errorTo(now, a, &ERR{Code: ASPIdentifierRequired}, raw, fmt.Errorf("m3ua: ASP %q must say its ASP Identifier", a.cfg.Name), out)
	}
	if m.ASPIdentifier.Set {
		if why := g.badIdentifier(a, m.ASPIdentifier); why != nil {
			return g.errorTo(now, a, &ERR{Code: InvalidASPIdentifier}, raw, why, out)
		}
		a.id = m.ASPIdentifier
	}
	ack := output{asp: a, send: &ASPUpAck{}}
	switch {
	case !a.up:
		a.up = true
		if t := g.tBeat(a); t > 0 {
			a.nextBeat, a.silent = now.Add(t), 0
		}
		out = append(out, ack, output{ev: Event{Kind: ASPStateEvent, ASP: a.cfg.Name, Was: Down, State: Inactive}})
		for _, mb := range a.members {
			mb.state = Inactive
			was := mb.as.state
			if out = g.update(now, mb.as, out); mb.as.state == was {
				// Section 4.3.4.5: the ASP is told how the AS stands.
				out = g.notify(a, mb.as, mb.as.notification(), Optional{}, out)
			}
			if mb.as.insufficient() {
				out = g.notify(a, mb.as, NotifyInsufficientASPs, Optional{}, out)
			}
		}
	case a.active():
		out = g.errorTo(now, a, &ERR{Code: UnexpectedMessage}, raw, fmt.Errorf("m3ua: ASP Up from ASP %q, which is active", a.cfg.Name), out)
		out = append(out, ack)
		for _, mb := range slices.Clone(a.members) {
			out = g.setMember(now, mb, Inactive, out)
		}
		out = g.dropRegistrations(now, a, out)
	default:
		out = append(out, ack)
	}
	return out
}

// badIdentifier says what is wrong with an ASP Identifier: it must be the one that is configured,
// and nobody else's in the same AS.
func (g *sgCore) badIdentifier(a *aspCore, id Optional) error {
	if a.cfg.Identifier.Set && a.cfg.Identifier != id {
		return fmt.Errorf("m3ua: ASP %q says ASP Identifier %v and is configured with %v", a.cfg.Name, id, a.cfg.Identifier)
	}
	for _, mb := range a.members {
		for _, other := range mb.as.members {
			if o := other.asp; o != a && (o.up && o.id == id || o.cfg.Identifier == id) {
				return fmt.Errorf("m3ua: ASP %q says ASP Identifier %v, which is that of %q", a.cfg.Name, id, o.cfg.Name)
			}
		}
	}
	return nil
}

// aspDown follows RFC 4666 section 4.3.4.2: whatever the state, it becomes ASP-DOWN and there is an
// ASP Down Ack; registered keys are deregistered.
func (g *sgCore) aspDown(now time.Time, a *aspCore, out []output) []output {
	out = append(out, output{asp: a, send: &ASPDownAck{}})
	return g.toDown(now, a, false, out)
}

// toDown moves an ASP to ASP-DOWN everywhere. The others of its AS are told if it failed.
func (g *sgCore) toDown(now time.Time, a *aspCore, failed bool, out []output) []output {
	if !a.up {
		return out
	}
	wasActive := a.active()
	a.up, a.nextBeat = false, time.Time{}
	for _, mb := range slices.Clone(a.members) {
		if mb.state == Down {
			continue
		}
		if failed {
			for _, other := range mb.as.members {
				if other.state != Down && other.asp != a {
					out = g.notify(other.asp, mb.as, NotifyASPFailure, a.id, out)
				}
			}
		}
		out = g.setMember(now, mb, Down, out)
	}
	out = g.dropRegistrations(now, a, out)
	was := Inactive
	if wasActive {
		was = Active
	}
	return append(out, output{ev: Event{Kind: ASPStateEvent, ASP: a.cfg.Name, Was: was, State: Down}})
}

// notify sends an NTFY about an AS.
func (g *sgCore) notify(a *aspCore, s *asCore, st Status, id Optional, out []output) []output {
	return append(out, output{asp: a, send: &NTFY{Status: st, ASPIdentifier: id, RoutingContexts: s.contexts()}})
}

// contexts is the Routing Context of an AS as parameters hold it.
func (s *asCore) contexts() []uint32 {
	if s.cfg.RoutingContext == 0 {
		return nil
	}
	return []uint32{s.cfg.RoutingContext}
}

// blockASP is the operator's: the ASP is put down, with an ASP Down Ack that nobody asked for
// (section 4.7), and cannot come up until it is unblocked.
func (g *sgCore) blockASP(now time.Time, a *aspCore, block bool, out []output) []output {
	if a.cfg.Blocked = block; block && a.up {
		out = append(out, output{asp: a, send: &ASPDownAck{Info: "blocked"}})
		out = g.toDown(now, a, false, out)
	}
	return out
}

// isolate is section 4.7: without its network the gateway puts down all ASPs.
func (g *sgCore) isolate(now time.Time, on bool, out []output) []output {
	g.isolated = on
	if !on {
		return out
	}
	for _, name := range sortedKeys(g.asps) {
		if a := g.asps[name]; a.up {
			out = append(out, output{asp: a, send: &ASPDownAck{Info: "isolated"}})
			out = g.toDown(now, a, false, out)
		}
	}
	return out
}
