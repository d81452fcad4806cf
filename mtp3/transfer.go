package mtp3

import (
	"slices"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// transferMessage acts on TFP, TFR and TFA, and on those about clusters (Q.704 sections 13.2.3, 13.3.3
// and 13.4.3), from the adjacent point opc.
func (n *Node) transferMessage(opc PointCode, m SNMessage) {
	state := Available
	switch m.Heading {
	case TFP, TCP:
		state = Unavailable
	case TFR, TCR:
		state = Restricted
	}
	switch m.Heading {
	case TCP, TCR, TCA:
		cluster := Destination{PC: m.Destination, Wild: 8}.Canonical()
		for _, rs := range slices.Clone(n.sets) {
			if rs != nil && n.sets[rs.entry] == rs && cluster.Covers(rs.dest) {
				n.setRoutes(rs, opc, state)
			}
		}
		return
	}
	pc := m.Destination
	rs := n.lookup(pc)
	if rs == nil || n.isLocal(pc) || pc == opc || !rs.via(opc) {
		return // a route that does not exist: no action (sections 13.2.4, 13.3.4)
	}
	if rs.dest.Wild > 0 {
		same := true
		for _, r := range rs.routes {
			if r.ls != nil && r.ls.adjacent == opc && r.state != state {
				same = false
			}
		}
		if same {
			return
		}
		if rs = n.exception(rs, pc); rs == nil {
			n.drop(UnexpectedManagement)
			return
		}
	}
	n.setRoutes(rs, opc, state)
}

// via tells whether a route leads over a linkset to opc.
func (rs *routeSet) via(opc PointCode) bool {
	for _, r := range rs.routes {
		if r.ls != nil && r.ls.adjacent == opc {
			return true
		}
	}
	return false
}

// setRoutes sets what the adjacent point opc says of a destination.
func (n *Node) setRoutes(rs *routeSet, opc PointCode, state Availability) {
	changed := false
	for _, r := range rs.routes {
		if r.ls == nil || r.ls.adjacent != opc || rs.dest.Wild == 0 && rs.dest.PC == opc {
			continue
		}
		if r.state != state {
			r.state = state
			changed = true
		}
		if state == Available {
			n.timers.Stop(r.test)
		} else {
			n.testRoute(r)
		}
	}
	if !changed {
		return
	}
	wait := n.t.T6 // controlled rerouting; what uses a prohibited route leaves it at once
	n.recompute(rs, wait)
}

// SetOwnerRoute says whether an owner of destinations, available as it is, can reach one of them: what a
// signalling gateway behind it said. A point within a masked route gets a state of its own.
func (n *Node) SetOwnerRoute(now time.Time, id OwnerID, d Destination, a Availability, out []Output) []Output {
	o := n.owner(id)
	if o == nil {
		return out
	}
	n.begin(now, out)
	d = d.Canonical()
	for _, rs := range slices.Clone(o.sets) {
		if n.exact[rs.dest] == rs && d.Covers(rs.dest) {
			n.setOwnerRoute(o, rs, a)
		}
	}
	if d.Wild == 0 && n.exact[d] == nil {
		if rs := n.lookup(d.PC); rs != nil && slices.Contains(o.sets, rs) && rs.stateOf(o) != a {
			if rs = n.exception(rs, d.PC); rs != nil {
				n.setOwnerRoute(o, rs, a)
			} else {
				n.drop(UnexpectedManagement)
			}
		}
	}
	return n.end()
}

// stateOf is what an owner said of a destination.
func (rs *routeSet) stateOf(o *owner) Availability {
	for _, r := range rs.routes {
		if r.owner == o {
			return r.state
		}
	}
	return Unavailable
}

func (n *Node) setOwnerRoute(o *owner, rs *routeSet, a Availability) {
	for _, r := range rs.routes {
		if r.owner == o && r.state != a {
			r.state = a
			n.recompute(rs, n.t.T6)
			return
		}
	}
}

// testRoute asks for the state of a route every T10 until it is allowed (Q.704 section 13.5.2).
func (n *Node) testRoute(r *route) {
	if r.test == nil {
		r.test = &loop.Timer{}
		r.test.Fire = func() {
			if r.state == Available {
				return
			}
			if r.ls.usable > 0 && n.restart == notRestarting {
				h := RST
				if r.state == Restricted {
					h = RSR
				}
				if r.set.dest.Wild == 8 && n.f.Variant == ANSI {
					h += 0x20
				}
				n.sendAdjacent(r.ls, SNMessage{Heading: h, Destination: r.set.dest.PC}, nil)
			}
			n.after(r.test, n.t.T10)
		}
	}
	if !r.test.Running() {
		n.after(r.test, n.t.T10)
	}
}

// allowRoutes forgets what the adjacent point said: it restarts (Q.704 sections 9.6.1 and 9.6.2).
func (n *Node) allowRoutes(ls *linkset) {
	for _, rs := range slices.Clone(ls.sets) {
		if n.exact[rs.dest] != rs {
			continue
		}
		for _, r := range rs.routes {
			if r.ls == ls {
				r.state = Available
				n.timers.Stop(r.test)
			}
		}
		if rs.learnt {
			n.recompute(rs, n.t.T6)
		}
	}
}

// routeTest answers RST and RSR if the point that asks thinks wrongly of a destination (Q.704 section 13.5.4).
func (n *Node) routeTest(ls *linkset, m SNMessage) {
	if n.restart != notRestarting || !n.cfg.Transfer {
		return
	}
	thought := Unavailable
	if m.Heading == RSR || m.Heading == RCR {
		thought = Restricted
	}
	actual := Unavailable
	if rs := n.lookup(m.Destination); rs != nil && !slices.Contains(n.usedLinksets(rs), ls) {
		actual = rs.announced
	}
	if n.isLocal(m.Destination) {
		actual = Available
	}
	if actual == thought {
		return
	}
	h := transferHeading(actual)
	if m.Heading == RCP || m.Heading == RCR {
		h += 0x10
	}
	n.sendAdjacent(ls, SNMessage{Heading: h, Destination: m.Destination}, nil)
}

// sendRoutingStatus tells a neighbour that became accessible what it cannot reach through this node,
// and then that this is all (Q.704 sections 9.3.2 and 13.2.2 iv).
func (n *Node) sendRoutingStatus(ls *linkset) {
	n.sendRoutingTable(ls)
	if n.sendAdjacent(ls, SNMessage{Heading: TRA}, nil) {
		ls.traSent = true
		n.after(ls.t19, n.t.T19)
	}
	n.adjacentRestartProgress(ls)
}

func (n *Node) sendRoutingTable(ls *linkset) {
	if !n.cfg.Transfer {
		return
	}
	for _, rs := range slices.Clone(n.sets) {
		if rs == nil {
			continue
		}
		a := rs.announced
		if rs.status == Unavailable || slices.Contains(n.usedLinksets(rs), ls) {
			a = Unavailable
		}
		if a != Available && !rs.normal(ls) { // our own normal way leads over that neighbour: it would not ask us
			n.tell(ls, rs, transferHeading(a))
		}
	}
}

// respondProhibited answers a message that cannot be transferred (response method, Q.704 section 13.2.2 iii).
func (n *Node) respondProhibited(ls *linkset, pc PointCode) {
	if ls == nil || !n.cfg.Transfer || n.restart != notRestarting || pc == ls.adjacent {
		return
	}
	if at, ok := n.t8[pc]; ok && n.now.Before(at) {
		return
	}
	if n.startT8(pc) {
		n.sendAdjacent(ls, SNMessage{Heading: TFP, Destination: pc}, nil)
	}
}

// startT8 keeps the response method silent about a point for a while. It tells whether there was
// room to remember that: without, there are no responses.
func (n *Node) startT8(pc PointCode) bool {
	const limit = 4096
	if len(n.t8) >= limit {
		n.purgeT8()
		if len(n.t8) >= limit {
			return false
		}
	}
	n.t8[pc] = n.now.Add(n.t.T8)
	return true
}

func (n *Node) purgeT8() {
	for pc, at := range n.t8 {
		if !n.now.Before(at) {
			delete(n.t8, pc)
		}
	}
}
