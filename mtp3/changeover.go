package mtp3

import "github.com/gotelco/telco/internal/loop"

// holdForChangeover withholds the traffic of a link that became unavailable.
func (n *Node) holdForChangeover(l *link) *diversion {
	ls := l.ls
	d := &diversion{kind: changeoverDiversion, ls: ls, link: l}
	d.timer = &loop.Timer{Fire: func() { n.changeoverExpired(d) }}
	l.co = d
	// Traffic that was on its way to this link stays where it is.
	for s, h := range ls.hold {
		if h != nil && h.kind == changebackDiversion && h.to == l && ls.hold[s] == h {
			n.flush(n.release(h))
		}
	}
	// Traffic that was on its way away from it waits for the changeover instead.
	for s, cur := range ls.cur {
		if cur != l {
			continue
		}
		if h := ls.hold[s]; h != nil && h != d {
			n.absorb(d, h)
		}
		ls.hold[s] = d
	}
	return d
}

// absorb moves everything that waits for h, a changeback from the link that failed, to d.
func (n *Node) absorb(d, h *diversion) {
	n.timers.Stop(h.timer)
	d.queue = append(d.queue, h.queue...)
	h.queue = nil
	for s, x := range h.ls.hold {
		if x == h {
			h.ls.hold[s] = d
		}
	}
	for _, rs := range h.sets {
		for i := range rs.holds {
			if rs.holds[i].d == h {
				slots := rs.holds[i].slots
				rs.unhold(h)
				d.holdSet(rs, slots)
				break
			}
		}
	}
	h.sets = nil
}

// beginChangeover starts the handshake with the other end, or the time that stands for it (Q.704 sections 5.4 and 5.6).
//
//	Link unavailable by   Path to the other end   Action
//	failure               yes                     COO, XCO or ECO; T2
//	failure               no                      T1
//	processor outage      -                       T1
//	inhibition            -                       T1
func (n *Node) beginChangeover(d *diversion) {
	l := d.link
	l.stats.Changeovers++
	n.stats.Changeovers++
	if !l.up && (l.ordered || n.sendChangeover(l, true)) {
		d.handshake = true
		n.linkChanged(ChangeoverBegan, l, "")
		n.after(d.timer, n.t.T2)
		return
	}
	n.linkChanged(ChangeoverBegan, l, "time-controlled")
	n.after(d.timer, n.t.T1)
}

// changeoverFailed follows the failure of a link whose time-controlled changeover is under way.
func (n *Node) changeoverFailed(d *diversion) {
	if d.link.ordered || n.sendChangeover(d.link, true) {
		d.handshake = true
		n.after(d.timer, n.t.T2)
	}
}

// sendChangeover sends a changeover order or acknowledgement, the emergency one if the sequence number is not known.
func (n *Node) sendChangeover(l *link, order bool) bool {
	m := SNMessage{SLC: l.slc, FSN: l.bsnt}
	switch {
	case !l.bsntOK && order:
		m.Heading = ECO
	case !l.bsntOK:
		m.Heading = ECA
	case l.bits > 7 && order:
		m.Heading = XCO
	case l.bits > 7:
		m.Heading = XCA
	case order:
		m.Heading = COO
	default:
		m.Heading = COA
	}
	return n.sendAdjacent(l.ls, m, l)
}

// changeoverMessage acts on COO, COA, XCO, XCA, ECO and ECA about a link.
//
//	Changeover of the link   Message        Action
//	none, link available     order          link failed; acknowledge, retrieve, divert
//	none, link not in use    order          acknowledge, as with one that was blocked or inhibited when it failed
//	T2 or T1 runs            order          acknowledge, retrieve, divert
//	T2 runs                  acknowledge    retrieve, divert
//	done                     order          ECA
//	else                     acknowledge    nothing
//
// Without FSN (ECO, ECA) only what was never sent is diverted.
func (n *Node) changeoverMessage(l *link, m SNMessage) {
	order := m.Heading == COO || m.Heading == XCO || m.Heading == ECO
	var fsn *uint32
	if m.Heading != ECO && m.Heading != ECA {
		fsn = &m.FSN
	}
	if !order {
		if l.co == nil || !l.co.handshake {
			n.drop(UnexpectedManagement)
			return
		}
		n.completeChangeover(l.co, fsn)
		return
	}
	switch {
	case l.up: // Q.704 section 3.2.2: an available link that the other end changes over from has failed
		l.ordered = true
		n.failLink(l, ReceivedOutOfService, true)
		l.ordered = false
	case l.co == nil && l.coDone:
		n.sendAdjacent(l.ls, SNMessage{Heading: ECA, SLC: l.slc}, l)
		return
	}
	n.sendChangeover(l, false)
	if l.co != nil {
		n.completeChangeover(l.co, fsn)
	}
}

// changeoverExpired is the end of T1 or T2.
func (n *Node) changeoverExpired(d *diversion) { n.completeChangeover(d, nil) }

// completeChangeover diverts what was withheld, after what level 2 still had (Q.704 section 5.5).
func (n *Node) completeChangeover(d *diversion, fsn *uint32) {
	l := d.link
	l.co, l.coDone = nil, true
	var again []heldMessage
	if !l.up || l.rpo || l.lpo { // an inhibited link still delivers what it has
		again = n.retrieve(l, fsn)
	}
	q := n.release(d)
	l.ls.place()
	n.flush(again)
	n.flush(q)
	n.linkChanged(ChangeoverDone, l, "")
	n.settle(l.ls)
	if l.active && !l.up && !l.starting {
		n.after(l.t17, n.t.T17)
	}
}

// retrieve takes back from level 2 what the other end has not got.
func (n *Node) retrieve(l *link, fsn *uint32) []heldMessage {
	var again []heldMessage
	take := func(inds []Indication) (ok bool) {
		ok = true
		for _, ind := range inds {
			switch ind.Kind {
			case Retrieved:
				again = append(again, heldMessage{raw: append([]byte(nil), ind.MSU...), priority: ind.Priority, from: source{again: true}})
			case RetrievalNotPossible:
				ok = false
			}
		}
		n.said(l, inds)
		return ok
	}
	if fsn != nil {
		n.ind = l.l2.Retrieve(n.now, *fsn, n.ind[:0])
		if take(n.ind) {
			n.stats.Retrieved += uint64(len(again))
			return again
		}
	}
	n.ind = l.l2.RetrieveUnsent(n.now, n.ind[:0])
	take(n.ind)
	n.stats.Retrieved += uint64(len(again))
	return again
}

// cancelChangeover lets the traffic of a link that is usable again flow on over it.
func (n *Node) cancelChangeover(d *diversion) {
	d.link.co = nil
	n.flush(n.release(d))
	n.linkChanged(ChangeoverDone, d.link, "the link is back")
	n.settle(d.ls)
}
