package mtp3

import (
	"fmt"
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// congestion takes a new congestion status of a link (Q.704 section 3.8).
func (n *Node) congestion(l *link, level, discard uint8) {
	level, discard = min(level, 3), min(discard, 3)
	if level > 0 && l.level == 0 {
		l.stats.Congestions++
	}
	was := l.level
	l.level, l.discard = level, discard
	if was != level {
		l.congCount = 0
		n.changed(Change{Kind: LinkCongestion, Link: l.id, Linkset: l.ls.id, Level: level}, l.name, fmt.Sprintf("level %d", level))
	}
}

// SetOwnerCongestion says how congested an owner is for one of its points: 0 (not) to 3. Those who send to it learn it
// as of a congested link.
func (n *Node) SetOwnerCongestion(now time.Time, id OwnerID, pc PointCode, level uint8, out []Output) []Output {
	const limit = 65536
	o := n.owner(id)
	if o == nil {
		return out
	}
	n.begin(now, out)
	level = min(level, 3)
	was := o.level[pc]
	switch {
	case level == 0:
		delete(o.level, pc)
	case len(o.level) < limit:
		o.level[pc] = level
	}
	if was != level {
		o.sent = 0
		n.changed(Change{Kind: DestinationCongestion, Owner: o.id, Destination: Destination{PC: pc}, Level: level}, n.f.PointCodeString(pc), fmt.Sprintf("level %d", level))
	}
	return n.end()
}

// everyCongested is n of Q.704 section 11.2.3: of so many messages to a congested route set one is answered.
const everyCongested = 8

// throughCongestion tells the sender of a message that its way is congested, and whether the message goes on all the same
// (Q.704 sections 2.3.5, 11.2.3 to 11.2.5).
func (n *Node) throughCongestion(m *MSU, level, discard uint8, count *int, from source) bool {
	if n.cfg.Congestion == CongestionPriorities {
		if m.Priority >= level {
			return true
		}
		n.tellCongested(m, level, from)
		if m.Priority < discard {
			n.drop(CongestionDiscard)
			return false
		}
		return true
	}
	first := *count == 0
	*count = (*count + 1) % everyCongested
	if first {
		if n.cfg.Congestion == CongestionInternational {
			level = 0
		}
		n.tellCongested(m, level, from)
	}
	return true
}

// tellCongested sends TFC to where a message came from, or MTP-STATUS if that is here.
func (n *Node) tellCongested(m *MSU, level uint8, from source) {
	if from.ls != nil && !n.isLocal(m.Label.OPC) {
		opc := from.ls.local
		n.sendManagement(opc, m.Label.OPC, SNMessage{Heading: TFC, Destination: m.Label.DPC, Status: level})
		return
	}
	n.primitive(Primitive{Kind: StatusPrimitive, Affected: Destination{PC: m.Label.DPC}, Status: Status{Cause: Congested, Level: level}})
}

// transferControlled acts on TFC for this node (Q.704 sections 11.2.3.2 and 13.7).
func (n *Node) transferControlled(m SNMessage) {
	rs := n.lookup(m.Destination)
	if rs == nil || rs.status == Unavailable { // Q.704 section 13.7.6
		return
	}
	if n.cfg.Congestion != CongestionPriorities {
		n.primitive(Primitive{Kind: StatusPrimitive, Affected: Destination{PC: m.Destination}, Status: Status{Cause: Congested, Level: m.Status}})
		return
	}
	if m.Status == 0 {
		return
	}
	if rs = n.exception(rs, m.Destination); rs == nil {
		n.drop(UnexpectedManagement)
		return
	}
	if rs.t15 == nil {
		rs.t15 = &loop.Timer{Fire: func() { n.congestionTest(rs) }}
		rs.t16 = &loop.Timer{Fire: func() { n.congestionTestExpired(rs) }}
	}
	if rs.t16.Running() || m.Status > rs.congestion {
		n.setCongestion(rs, m.Status)
	}
	n.timers.Stop(rs.t16)
	n.after(rs.t15, n.t.T15)
}

// setCongestion sets the congestion status of a route set and tells users (Q.704 section 11.2.4).
func (n *Node) setCongestion(rs *routeSet, level uint8) {
	if rs.congestion == level {
		return
	}
	rs.congestion = level
	if level == 0 {
		n.timers.Stop(rs.t15)
		n.timers.Stop(rs.t16)
	}
	n.changed(Change{Kind: DestinationCongestion, Destination: rs.dest, Level: level}, n.f.DestinationString(rs.dest), fmt.Sprintf("level %d", level))
	if rs.status != Unavailable {
		n.primitive(Primitive{Kind: StatusPrimitive, Affected: rs.dest, Status: Status{Cause: Congested, Level: level}})
	}
}

// congestionTest sends RCT with a priority one below the congestion status (Q.704 section 13.9).
func (n *Node) congestionTest(rs *routeSet) {
	if rs.congestion == 0 || rs.status == Unavailable {
		return
	}
	n.after(rs.t16, n.t.T16)
	b := n.management(rs.dest.PC, n.cfg.PointCode, SNMessage{Heading: RCT})
	b = append([]byte(nil), b...)
	b[0] = b[0]&^0x30 | (rs.congestion-1)<<4
	if r := rs.routeOf(0); r != nil && r.ls != nil {
		if l := r.ls.managementLink(0, nil); l != nil {
			// A link of ours that is congested itself must not be tested: it is known.
			if b[0]>>4&3 >= l.discard {
				n.transmit(l, b, b[0]>>4&3)
			}
		}
	}
}

// congestionTestExpired is the end of T16: no TFC came, so the status is one lower.
func (n *Node) congestionTestExpired(rs *routeSet) {
	if rs.congestion == 0 {
		return
	}
	n.setCongestion(rs, rs.congestion-1)
	if rs.congestion > 0 {
		n.congestionTest(rs)
	} else if rs.learnt {
		n.dissolve(rs)
	}
}

// remoteUserUnavailable acts on UPU (Q.704 section 11.2.7.2).
func (n *Node) remoteUserUnavailable(m SNMessage) {
	if m.UserPart > 15 || n.users[m.UserPart] != userAvailable {
		return
	}
	cause := UserUnknown
	switch m.Cause {
	case 1:
		cause = UserUnequipped
	case 2:
		cause = UserInaccessible
	}
	n.primitive(Primitive{Kind: StatusPrimitive, Affected: Destination{PC: m.Destination}, Status: Status{Cause: cause, SI: m.UserPart}})
}
