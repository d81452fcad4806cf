package stp

import (
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
)

// sgEvent is what the signalling gateway says, on any goroutine, one at a time; sometimes that of the loop.
func (n *Node) sgEvent(e m3ua.Event) {
	n.m3uaChanged(e)
	switch e.Kind {
	case m3ua.ASStateEvent, m3ua.RegisteredEvent, m3ua.DeregisteredEvent, m3ua.CongestionEvent, m3ua.PrimitiveEvent, m3ua.AssociationDown:
		n.event(e)
	}
}

// event leaves an event for the loop. What concerns one AS replaces what was said before of the same.
func (n *Node) event(e m3ua.Event) {
	n.evMu.Lock()
	defer n.evMu.Unlock()
	const limit = 16384
	if len(n.events) >= limit { // all of them are states: the last one of each counts
		kept := n.events[:0]
		for i, x := range n.events {
			last := true
			for _, y := range n.events[i+1:] {
				if x.Kind == y.Kind && x.AS == y.AS && x.ASP == y.ASP && x.Primitive.Affected == y.Primitive.Affected {
					last = false
					break
				}
			}
			if last {
				kept = append(kept, x)
			}
		}
		if n.events = kept; len(kept) >= limit {
			n.events = kept[1:]
		}
	}
	n.events = append(n.events, e)
	n.kick()
}

// takeEvents acts on them, in the loop.
func (n *Node) takeEvents(now time.Time) {
	n.evMu.Lock()
	events := n.events
	n.events = nil
	n.evMu.Unlock()
	for i := range events {
		switch e := &events[i]; e.Kind {
		case m3ua.ASStateEvent:
			n.asState(now, e.AS, e.State)
		case m3ua.RegisteredEvent, m3ua.DeregisteredEvent:
			n.reconcile(now)
		case m3ua.CongestionEvent:
			n.asCongestion(now, e.AS, e.Level)
		case m3ua.PrimitiveEvent:
			n.aspSaid(now, e)
		case m3ua.AssociationDown:
			n.strangerLeft(e.ASP)
		case gatewayEvent:
			if t := n.owners["gateway "+e.AS]; t != nil {
				n.availability(now, t)
			}
		case gatewayPrimitive:
			n.gatewaySaid(now, e)
		}
	}
}

// asState follows an AS: its destinations can be reached while it is active, and while it keeps messages for
// the next ASP.
func (n *Node) asState(now time.Time, as string, state m3ua.State) {
	n.asStates[as] = state
	for _, t := range n.targetsOf(as) {
		n.availability(now, t)
	}
}

// targetsOf are the owners that an AS is (part of).
func (n *Node) targetsOf(as string) []*target {
	var all []*target
	if t := n.owners["as "+as]; t != nil {
		all = append(all, t)
	}
	for _, name := range sortedKeys(n.owners) {
		t := n.owners[name]
		for _, m := range t.members {
			if m == as {
				all = append(all, t)
			}
		}
	}
	return all
}

// availability tells mtp3 whether an owner takes messages.
func (n *Node) availability(now time.Time, t *target) {
	av := mtp3.Unavailable
	takes := func(as string) bool { return n.asStates[as] == m3ua.Active || n.asStates[as] == m3ua.Pending }
	switch {
	case t.gw != nil:
		if t.gw.active() {
			av = mtp3.Available
		}
	case t.as != nil:
		if takes(t.as.Name()) {
			av = mtp3.Available
		}
	default:
		for _, m := range t.members {
			if takes(m) {
				av = mtp3.Available
			}
		}
	}
	if av == mtp3.Unavailable {
		t.level.Store(0)
	}
	n.out = n.mtp.SetOwner(now, t.id, av, n.out[:0])
	n.handle(now)
}

// asCongestion follows the queues towards the ASPs of an AS.
func (n *Node) asCongestion(now time.Time, as string, level uint8) {
	for _, t := range n.targetsOf(as) {
		n.congested(now, t, level)
	}
}

// congested tells mtp3 of the congestion of an owner, which tells those who send there.
func (n *Node) congested(now time.Time, t *target, level uint8) {
	t.level.Store(uint32(level))
	for _, pc := range t.points {
		n.out = n.mtp.SetOwnerCongestion(now, t.id, pc, level, n.out[:0])
		n.handle(now)
	}
	any := false
	for _, t := range n.owners {
		any = any || t.level.Load() > 0
	}
	n.anyCongested.Store(any)
}

// aspSaid acts on SCON of an ASP: a point of its AS is congested.
func (n *Node) aspSaid(now time.Time, e *m3ua.Event) {
	p := &e.Primitive
	if e.ASP == "" || p.Kind != mtp3.StatusPrimitive || p.Status.Cause != mtp3.Congested || p.Affected.Wild > 0 {
		return
	}
	for _, s := range n.sg.Stats().AS {
		if _, member := s.ASPs[e.ASP]; !member {
			continue
		}
		for _, t := range n.targetsOf(s.Name) {
			for _, pc := range t.points {
				if pc == p.Affected.PC {
					n.out = n.mtp.SetOwnerCongestion(now, t.id, pc, p.Status.Level, n.out[:0])
					n.handle(now)
				}
			}
		}
	}
}
