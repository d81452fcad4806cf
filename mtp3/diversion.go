package mtp3

import (
	"time"

	"github.com/gotelco/telco/internal/loop"
)

// diversion withholds traffic while it moves from one way to another, so that it keeps its order:
// the changeover, changeback and rerouting buffers of Q.704 sections 5 to 8. Slots of one linkset,
// or SLS of destinations, point to it; what is sent meanwhile waits in its queue.
type diversion struct {
	kind  diversionKind
	queue []heldMessage
	timer *loop.Timer
	sets  []*routeSet // destinations that wait for it

	ls        *linkset
	link      *link // changeover: the link that failed; changeback: the one that the traffic leaves
	to        *link // changeback: the link that takes it back
	handshake bool  // changeover: an order was sent, T2 runs; else T1
	code      uint8 // changeback
	second    bool  // changeback: T5 runs
}

type diversionKind uint8

const (
	changeoverDiversion diversionKind = iota
	changebackDiversion
	timedDiversion // T3 or T6
)

// heldMessage is a message that waits.
type heldMessage struct {
	raw      []byte
	priority uint8
	from     source
}

// source is where a message came from: a link of a linkset, an owner, or (both nil) this node.
type source struct {
	ls    *linkset
	owner *owner
	again bool // it was retrieved or held: it has been counted
}

// setHold says which SLS of a destination wait for a diversion.
type setHold struct {
	d     *diversion
	slots slotSet
}

type slotSet [4]uint64

func (s *slotSet) add(i int)      { s[i>>6] |= 1 << (i & 63) }
func (s *slotSet) has(i int) bool { return s[i>>6]>>(i&63)&1 != 0 }

// holdMessage puts a message into the queue of a diversion.
func (n *Node) holdMessage(d *diversion, raw []byte, priority uint8, from source) {
	if n.held >= n.cfg.MaxHeld {
		n.drop(DiversionOverflow)
		return
	}
	n.held++
	from.again = true
	d.queue = append(d.queue, heldMessage{raw: append([]byte(nil), raw...), priority: priority, from: from})
}

// release ends a diversion: nobody waits for it any more. The queue is returned, for flush.
func (n *Node) release(d *diversion) []heldMessage {
	n.timers.Stop(d.timer)
	if d.ls != nil {
		for s, h := range d.ls.hold {
			if h == d {
				d.ls.hold[s] = nil
			}
		}
	}
	for _, rs := range d.sets {
		rs.unhold(d)
	}
	d.sets = nil
	n.dirty = true
	q := d.queue
	d.queue = nil
	n.held -= len(q)
	return q
}

// flush sends what waited, in order, over the ways that are right now.
func (n *Node) flush(q []heldMessage) {
	for i := range q {
		n.forwardRaw(q[i].raw, q[i].priority, q[i].from)
	}
}

// holdSet makes SLS of a destination wait for a diversion.
func (d *diversion) holdSet(rs *routeSet, slots slotSet) {
	for i := range rs.holds {
		if rs.holds[i].d == d {
			for w := range slots {
				rs.holds[i].slots[w] |= slots[w]
			}
			return
		}
	}
	rs.holds = append(rs.holds, setHold{d: d, slots: slots})
	d.sets = append(d.sets, rs)
}

func (rs *routeSet) unhold(d *diversion) {
	for i := range rs.holds {
		if rs.holds[i].d == d {
			rs.holds = append(rs.holds[:i], rs.holds[i+1:]...)
			return
		}
	}
}

// heldBy is the diversion that an SLS of the destination waits for, or nil.
func (rs *routeSet) heldBy(slot int) *diversion {
	for i := range rs.holds {
		if rs.holds[i].slots.has(slot) {
			return rs.holds[i].d
		}
	}
	return nil
}

// timedDiversion is the diversion of everything that is rerouted by the present event and waits for
// the time T3 or T6 (Q.704 sections 6.4 and 8.2).
func (n *Node) timedDiversionFor(wait time.Duration) *diversion {
	if n.timed != nil && n.timedFor == wait {
		return n.timed
	}
	d := &diversion{kind: timedDiversion}
	d.timer = &loop.Timer{Fire: func() { n.flush(n.release(d)) }}
	n.after(d.timer, wait)
	n.timed, n.timedFor = d, wait
	return d
}
