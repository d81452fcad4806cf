package mtp3

import (
	"slices"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// recomputeAll is recompute for many destinations.
func (n *Node) recomputeAll(sets []*routeSet, wait time.Duration) {
	// Procedures that follow may learn and forget points, which changes the list.
	for _, rs := range slices.Clone(sets) {
		if n.exact[rs.dest] == rs {
			n.recompute(rs, wait)
		}
	}
}

// recompute chooses the ways of a destination anew (Q.704 sections 4.2 to 4.7). Traffic that
// leaves a way because another is better now waits for the time wait (T3 at changeback, T6 at controlled
// rerouting); if its old way is gone it is not withheld (forced rerouting), but by a changeover of its link
// that is under way.
func (n *Node) recompute(rs *routeSet, wait time.Duration) {
	oldOne, oldPick, oldStatus := rs.one, rs.pick, rs.status
	used := n.usedLinksets(rs)
	status, priority := Unavailable, uint8(0)
	for _, r := range rs.routes { // in the order of priority
		if a := r.availability(); a > status {
			status, priority = a, r.priority
		}
	}
	candidate := func(r *route) bool { return r.priority == priority && r.availability() == status }
	rs.one, rs.pick = -1, nil
	if status != Unavailable {
		n.choose(rs, priority, candidate, oldOne, oldPick)
		n.holdRerouted(rs, oldOne, oldPick, wait)
	}
	n.dirty = true
	n.preventive(rs, used, oldStatus, status)
	n.setStatus(rs, status)
	n.announce(rs, n.announcement(rs))
	if rs.learnt {
		n.dissolve(rs)
	}
}

// choose divides the SLS over the candidates of one priority.
func (n *Node) choose(rs *routeSet, priority uint8, candidate func(*route) bool, oldOne int16, oldPick []uint8) {
	var peers []int // all of that priority: they have fixed places, so that a loss moves only what it has to
	live := 0
	for i, r := range rs.routes {
		if r.priority == priority {
			peers = append(peers, i)
			if candidate(r) {
				live++
				rs.one = int16(i)
			}
		}
	}
	if live <= 1 {
		return
	}
	slots := n.f.SLSValues()
	cur := make([]int16, slots)
	for s := range cur {
		cur[s] = oldOne
		if oldPick != nil {
			cur[s] = int16(oldPick[s])
		}
	}
	spread(cur, len(rs.routes),
		func(s int) int { return peers[s*len(peers)/slots] },
		func(i int) bool { return candidate(rs.routes[i]) })
	rs.one = -1
	rs.pick = make([]uint8, slots)
	targets := make([]uint16, slots)
	key := make([]byte, 0, 2*slots)
	for s := range cur {
		rs.pick[s] = uint8(cur[s])
		targets[s] = rs.routes[cur[s]].target()
		key = append(key, byte(targets[s]), byte(targets[s]>>8))
	}
	rs.shared = n.share(key, targets)
}

// share keeps a division of the SLS over targets once for all destinations that have it.
func (n *Node) share(key []byte, targets []uint16) uint32 {
	i, ok := n.pickIndex[string(key)]
	if !ok {
		if len(n.picks) > 4096 { // mostly of times gone by: keep those in use
			n.forgetPicks()
		}
		i = uint32(len(n.picks))
		n.picks = append(n.picks[:i:i], targets) // the router may be reading the old one
		n.pickIndex[string(key)] = i
	}
	return i
}

// forgetPicks begins the list of divisions anew.
func (n *Node) forgetPicks() {
	n.picks = make([][]uint16, 1)
	n.pickIndex = make(map[string]uint32)
	for _, rs := range n.sets {
		if rs == nil || rs.pick == nil {
			continue
		}
		targets := make([]uint16, len(rs.pick))
		key := make([]byte, 0, 2*len(targets))
		for s, r := range rs.pick {
			targets[s] = rs.routes[r].target()
			key = append(key, byte(targets[s]), byte(targets[s]>>8))
		}
		i, ok := n.pickIndex[string(key)]
		if !ok {
			i = uint32(len(n.picks))
			n.picks = append(n.picks, targets)
			n.pickIndex[string(key)] = i
		}
		rs.shared = i
	}
	n.dirty = true
}

// routeOf is the route of an SLS, or nil.
func (rs *routeSet) routeOf(slot int) *route { return pickRoute(rs.routes, rs.one, rs.pick, slot) }

func pickRoute(routes []*route, one int16, pick []uint8, slot int) *route {
	if pick != nil {
		if i := int(pick[slot]); i < len(routes) {
			return routes[i]
		}
		return nil
	}
	if one < 0 || int(one) >= len(routes) {
		return nil
	}
	return routes[one]
}

// holdRerouted withholds what moves.
func (n *Node) holdRerouted(rs *routeSet, oldOne int16, oldPick []uint8, wait time.Duration) {
	if oldOne < 0 && oldPick == nil {
		return
	}
	for s := range n.f.SLSValues() {
		was, is := pickRoute(rs.routes, oldOne, oldPick, s), rs.routeOf(s)
		if was == is || was == nil || rs.heldBy(s) != nil {
			continue
		}
		var slots slotSet
		slots.add(s)
		switch {
		case was.ls != nil && was.ls.hold[was.ls.slot(SLS(s))] != nil:
			was.ls.hold[was.ls.slot(SLS(s))].holdSet(rs, slots)
		case wait > 0 && was.availability() != Unavailable:
			n.timedDiversionFor(wait).holdSet(rs, slots)
		}
	}
}

// setStatus sets the status of a destination and tells users.
func (n *Node) setStatus(rs *routeSet, a Availability) {
	was := rs.status
	rs.status = a
	if was == a {
		return
	}
	rs.since = n.now
	n.changed(Change{Kind: DestinationChanged, Destination: rs.dest, State: a}, n.f.DestinationString(rs.dest), a.String())
	if (was == Unavailable) == (a == Unavailable) {
		return
	}
	n.tellUsers(rs)
	n.retellChildren(rs, a)
	if a == Unavailable {
		n.setCongestion(rs, 0)
		for _, r := range rs.routes {
			if r.ls != nil && !slices.Contains(n.uninhibit, r.ls) {
				n.uninhibit = append(n.uninhibit, r.ls)
			}
		}
	}
}

func (n *Node) tellUsers(rs *routeSet) {
	k := ResumePrimitive
	if rs.status == Unavailable {
		k = PausePrimitive
	}
	n.primitive(Primitive{Kind: k, Affected: rs.dest})
}

// retellChildren puts right for the points within a destination what was said of the whole.
func (n *Node) retellChildren(rs *routeSet, said Availability) {
	for _, c := range rs.children {
		if (c.status == Unavailable) != (said == Unavailable) {
			n.tellUsers(c)
			n.retellChildren(c, c.status)
		} else {
			n.retellChildren(c, said)
		}
	}
}

// Status returns what the node thinks of a point: whether it can be reached, and its congestion level.
func (n *Node) Status(pc PointCode) (Availability, uint8) {
	if n.isLocal(pc) {
		return Available, 0
	}
	rs := n.lookup(pc)
	if rs == nil {
		return Unavailable, 0
	}
	return rs.status, rs.congestion
}

// usedLinksets are those that carry traffic of a destination.
func (n *Node) usedLinksets(rs *routeSet) []*linkset {
	var used []*linkset
	if !n.cfg.Transfer { // only transfer-prohibited wants to know
		return nil
	}
	if rs.pick == nil {
		if r := rs.routeOf(0); r != nil && r.ls != nil {
			used = append(used, r.ls)
		}
		return used
	}
	for _, i := range rs.pick {
		if int(i) >= len(rs.routes) {
			continue
		}
		if ls := rs.routes[i].ls; ls != nil && !slices.Contains(used, ls) {
			used = append(used, ls)
		}
	}
	return used
}

// accessible tells whether management about destinations can and should be sent over a linkset.
func (n *Node) accessible(ls *linkset) bool {
	return ls.usable > 0 && n.restart == notRestarting
}

// preventive tells the points that traffic of a destination begins to be sent to not to send it back, and those
// that it is not sent to any more that they may (Q.704 sections 13.2.2 i and 13.3.2 i).
func (n *Node) preventive(rs *routeSet, before []*linkset, was, is Availability) {
	if !n.cfg.Transfer || n.muted {
		return
	}
	now := n.usedLinksets(rs)
	for _, ls := range now {
		// Over its normal way the next point would not send it back, as long as it was not told to.
		if !slices.Contains(before, ls) && (was != Unavailable || !rs.normal(ls)) {
			n.tell(ls, rs, TFP)
		}
	}
	for _, ls := range before {
		if !slices.Contains(now, ls) && is != Unavailable && was != Unavailable {
			n.tell(ls, rs, transferHeading(is))
		}
	}
}

// normal tells whether a linkset is among the best ways that were configured.
func (rs *routeSet) normal(ls *linkset) bool {
	for _, r := range rs.routes {
		if r.ls == ls && r.priority == rs.routes[0].priority {
			return true
		}
	}
	return false
}

// announcement is what neighbours are to think of a destination: a way that is worse than normal counts as
// restricted after T11 (Q.704 section 13.4.2).
func (n *Node) announcement(rs *routeSet) Availability {
	if !n.cfg.TransferRestricted || !n.cfg.Transfer || rs.status == Unavailable {
		n.timers.Stop(rs.t11)
		return rs.status
	}
	if rs.status == Available && rs.routeOf(0) != nil && rs.routeOf(0).priority == rs.routes[0].priority {
		n.timers.Stop(rs.t11)
		return Available
	}
	if rs.announced == Restricted || rs.status == Restricted {
		return Restricted
	}
	if rs.t11 == nil {
		rs.t11 = &loop.Timer{}
		rs.t11.Fire = func() { n.announce(rs, Restricted) }
	}
	if !rs.t11.Running() {
		n.after(rs.t11, n.t.T11)
	}
	if rs.announced == Unavailable {
		return Available
	}
	return rs.announced
}

// announce tells all neighbours of a change (broadcast method, Q.704 sections 13.2.2 ii and 13.3.2 ii).
func (n *Node) announce(rs *routeSet, a Availability) {
	was := rs.announced
	rs.announced = a
	if !n.cfg.Transfer || was == a || n.muted || n.restart != notRestarting {
		return
	}
	used := n.usedLinksets(rs)
	told := make(map[PointCode]bool, len(n.linksets))
	for _, ls := range n.linksets {
		if ls == nil || told[ls.adjacent] || !n.accessible(ls) || slices.Contains(used, ls) {
			continue
		}
		told[ls.adjacent] = true
		n.tell(ls, rs, transferHeading(a))
	}
	if a == Unavailable {
		for _, pc := range n.points(rs) {
			n.startT8(pc)
		}
	}
}

// transferHeading is the message that says a.
func transferHeading(a Availability) Heading {
	switch a {
	case Available:
		return TFA
	case Restricted:
		return TFR
	}
	return TFP
}

// tell sends a transfer message about every point of a destination to the neighbour over ls.
func (n *Node) tell(ls *linkset, rs *routeSet, h Heading) {
	if !n.accessible(ls) || rs.dest.Wild == 0 && rs.dest.PC == ls.adjacent {
		return
	}
	if rs.dest.Wild == 8 && n.f.Variant == ANSI {
		n.sendAdjacent(ls, SNMessage{Heading: h + 0x10, Destination: rs.dest.PC}, nil) // TFP+0x10 is TCP, and so on
		return
	}
	for _, pc := range n.points(rs) {
		if pc != ls.adjacent {
			n.sendAdjacent(ls, SNMessage{Heading: h, Destination: pc}, nil)
		}
	}
}

// points are the single points of a destination, without those that have a state of their own; none if there are too many.
func (n *Node) points(rs *routeSet) []PointCode {
	if rs.dest.Wild == 0 {
		return []PointCode{rs.dest.PC}
	}
	if rs.dest.Wild > 16 || rs.dest.Size() > n.cfg.MaxBroadcast {
		return nil
	}
	var all []PointCode
	for i := range rs.dest.Size() {
		pc := rs.dest.PC + PointCode(i)
		if n.lookup(pc) == rs && !n.isLocal(pc) {
			all = append(all, pc)
		}
	}
	return all
}
