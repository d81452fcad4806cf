package stp

import (
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
)

// The nodal interworking function (RFC 4666 sections 1.4.6 and 1.6.1). From the left to the right and back:
//
//	ASP                                   network
//	DATA                                  MTP-TRANSFER
//	AS-ACTIVE, AS-PENDING                 its point codes can be reached: TFA, MTP-RESUME
//	AS-INACTIVE, AS-DOWN                  they cannot: TFP, MTP-PAUSE
//	a queue that fills, SCON              TFC to those who send there
//	DUNA, DAVA, DRST                      MTP-PAUSE, MTP-RESUME, a destination that is restricted
//	SCON                                  MTP-STATUS (congestion), TFC for a point code of an AS
//	DUPU                                  MTP-STATUS (user part), UPU for a point code of an AS
//	DAUD                                  answered from what MTP said last

// fromASP takes DATA of an active ASP, on the goroutine that reads its association.
func (n *Node) fromASP(in *m3ua.Indication) {
	m := &in.MSU
	ts := n.targets.Load()
	from := ts.byAS[in.AS]
	if from == nil { // its AS was registered a moment ago: the loop knows
		n.leave(fromResolved, in.AS, m)
		return
	}
	if reason := n.transit(ts, from, in.AS, m); reason != mtp3.Forwarded {
		n.refused(in, reason)
	}
	if level := n.levelOf(ts, m); level > 0 {
		in.Congested(uint8(level))
	}
}

// transit takes a message from outside of the loop: on the short way if it is for an owner, else to the loop.
func (n *Node) transit(ts *targets, from *target, as *m3ua.AS, m *mtp3.MSU) mtp3.Reason {
	if m.NI != n.ni {
		return n.drop(mtp3.WrongNetwork)
	}
	hop := n.router.Route(m.Label.DPC, m.Label.SLS)
	switch hop.Kind {
	case mtp3.OwnerHop:
		if n.in.pending[m.Label.DPC&pendingMask].Load() != 0 {
			break // others wait before it
		}
		if n.format.CheckMSU(*m) != nil {
			return n.drop(mtp3.InvalidPrimitive)
		}
		if s := from.screen.Load(); s != nil && !s.Allows(m) {
			return n.drop(mtp3.ScreenedOut)
		}
		to := ts.get(hop.Owner)
		if to == nil {
			break
		}
		if to == from || as != nil && to.as == nil && to.is(as, m) {
			return n.drop(mtp3.CircularRoute)
		}
		if reason := to.send(m); reason != mtp3.Forwarded {
			return n.drop(reason)
		}
		from.in.Add(1)
		to.out.Add(1)
		return mtp3.Forwarded
	case mtp3.NoHop:
		if s := from.screen.Load(); s != nil && !s.Allows(m) {
			return n.drop(mtp3.ScreenedOut)
		}
		return n.drop(hop.Reason)
	}
	n.leave(from.id, nil, m)
	return mtp3.Forwarded
}

// leave gives a message to the loop.
func (n *Node) leave(owner mtp3.OwnerID, as *m3ua.AS, m *mtp3.MSU) {
	ok, wake := n.in.put(owner, as, m)
	switch {
	case !ok:
		n.drop(mtp3.NodeClosed)
	case wake:
		n.kick()
	}
}

func (n *Node) drop(r mtp3.Reason) mtp3.Reason {
	n.router.Count(r)
	return r
}

// refused tells an ASP what became of its message.
func (n *Node) refused(in *m3ua.Indication, reason mtp3.Reason) {
	switch reason {
	case mtp3.DestinationUnavailable, mtp3.UnknownDestination, mtp3.OwnerInactive:
		in.Unavailable()
	case mtp3.OwnerOverflow:
		in.Congested(3)
	}
}

// levelOf is the congestion of the owner that a message goes to.
func (n *Node) levelOf(ts *targets, m *mtp3.MSU) uint32 {
	if !n.anyCongested.Load() {
		return 0
	}
	if hop := n.router.Route(m.Label.DPC, m.Label.SLS); hop.Kind == mtp3.OwnerHop {
		if t := ts.get(hop.Owner); t != nil {
			return t.level.Load()
		}
	}
	return 0
}

// toOwner gives a message that the loop forwarded to an owner.
func (n *Node) toOwner(id mtp3.OwnerID, m *mtp3.MSU, _ []byte) {
	t := n.targets.Load().get(id)
	switch {
	case t == nil:
		n.drop(mtp3.OwnerInactive)
	case m.SI == mtp3.SNM:
		n.managementForAS(m)
	default:
		if r := t.send(m); r != mtp3.Forwarded {
			n.drop(r)
			return
		}
		t.out.Add(1)
	}
}

// managementForAS turns network management for a point code of an AS into SSNM. It is called within calls of mtp3.
func (n *Node) managementForAS(m *mtp3.MSU) {
	msg, err := n.format.ParseSNMessage(mtp3.SNM, m.Label, m.Data)
	switch {
	case err != nil:
		n.drop(mtp3.Malformed)
	case msg.Heading == mtp3.TFC:
		n.tellCongested(time.Now(), mtp3.Destination{PC: msg.Destination}, msg.Status)
	case msg.Heading == mtp3.UPU:
		n.sg.UserUnavailable(m3ua.Optional{}, msg.Destination, msg.UserPart, m3ua.UnavailabilityCause(msg.Cause))
	case msg.Heading == mtp3.RCT: // it has reached its end
	default:
		n.drop(mtp3.UnexpectedManagement)
	}
}

// tellCongested sends SCON about a destination, at most once a second.
func (n *Node) tellCongested(now time.Time, d mtp3.Destination, level uint8) {
	if at, ok := n.scons[d.PC]; ok && now.Sub(at) < time.Second {
		return
	}
	if len(n.scons) >= 4096 {
		clear(n.scons)
	}
	n.scons[d.PC] = now
	n.sg.TellCongested(m3ua.Optional{}, d, level)
}

// level2 is what links say, in the loop.
func (n *Node) level2(now time.Time, l2 *m2pa.Link, ind []mtp3.Indication) {
	l := n.byLevel2[l2]
	if l == nil {
		return
	}
	n.out = n.mtp.HandleLink(now, l.id, ind, n.out[:0])
	if len(n.out) > 0 {
		n.handle(now)
	}
}

// poll takes what others have left for the loop.
func (n *Node) poll(now time.Time) {
	n.takeEvents(now)
	items, buf := n.in.take()
	if len(items) == 0 && buf == nil {
		return
	}
	start := 0
	for i := range items {
		it := &items[i]
		m := it.msu
		m.Data = buf[start:it.end:it.end]
		start = it.end
		owner := it.owner
		if owner == fromResolved {
			if t := n.targets.Load().byAS[it.as]; t != nil {
				owner = t.id
			}
		}
		switch owner {
		case fromUser:
			n.out = n.mtp.Transfer(now, m, n.out[:0])
		case fromResolved:
			n.drop(mtp3.OwnerInactive)
			n.out = n.out[:0]
		default:
			n.out = n.mtp.TransferFrom(now, owner, m, n.out[:0])
		}
		if len(n.out) > 0 {
			n.handle(now)
		}
		n.in.pending[m.Label.DPC&pendingMask].Add(-1)
	}
	n.in.done(items, buf)
}

// handle does what mtp3 wants done. What that leads to comes after all of it.
func (n *Node) handle(now time.Time) {
	n.outputs(now)
	for hops := 0; len(n.again) > 0; hops++ {
		more, buf := n.again, n.againBuf
		n.again, n.againBuf = n.spare[:0], n.spareBuf[:0]
		for i := range more {
			if hops > 64 {
				n.drop(mtp3.UserLoop)
				continue
			}
			n.out = n.mtp.Transfer(now, more[i], n.out[:0])
			n.outputs(now) // they are valid until the next call
		}
		n.spare, n.spareBuf = more, buf
	}
}

func (n *Node) outputs(now time.Time) {
	for i := range n.out {
		n.output(now, &n.out[i])
	}
}

func (n *Node) output(now time.Time, o *mtp3.Output) {
	switch o.Kind {
	case mtp3.Changed:
		n.mtpChanged(now, &o.Change)
	case mtp3.Deliver:
		n.deliver(now, &o.Primitive)
	}
}

// deliver gives a primitive to the users of this node and to the ASPs.
func (n *Node) deliver(now time.Time, p *mtp3.Primitive) {
	none := m3ua.Optional{}
	switch p.Kind {
	case mtp3.TransferPrimitive:
		if n.sccp != nil && p.MSU.SI == mtp3.SCCP {
			n.toSCCP(now, p)
			return
		}
		if u := n.opt.Users[p.MSU.SI]; u != nil {
			u(&p.MSU)
		}
		return
	case mtp3.PausePrimitive, mtp3.ResumePrimitive:
		av := mtp3.Unavailable
		if p.Kind == mtp3.ResumePrimitive {
			if av, _ = n.mtp.Status(p.Affected.PC); av == mtp3.Unavailable { // the range can be reached, its first point cannot
				av = mtp3.Available
			}
		}
		n.tell(p.Affected, av)
	case mtp3.StatusPrimitive:
		switch p.Status.Cause {
		case mtp3.Congested:
			if n.cfgCongestion == mtp3.CongestionPriorities {
				n.sg.Congested(none, p.Affected, p.Status.Level)
			} else {
				n.tellCongested(now, p.Affected, p.Status.Level)
			}
		default:
			n.sg.UserUnavailable(none, p.Affected.PC, p.Status.SI, causeOf(p.Status.Cause))
		}
	}
	if n.sccp != nil {
		n.toSCCP(now, p)
	}
	if n.opt.Primitive != nil {
		n.opt.Primitive(*p)
	}
}

func causeOf(c mtp3.StatusCause) m3ua.UnavailabilityCause {
	switch c {
	case mtp3.UserUnequipped:
		return m3ua.CauseUnequipped
	case mtp3.UserInaccessible:
		return m3ua.CauseInaccessible
	}
	return m3ua.CauseUnknown
}

// tell says to the ASPs how a destination stands.
func (n *Node) tell(d mtp3.Destination, av mtp3.Availability) {
	n.told[d] = av
	none := m3ua.Optional{}
	switch av {
	case mtp3.Available:
		n.sg.Resume(none, d)
	case mtp3.Restricted:
		n.sg.Restrict(none, d)
	default:
		n.sg.Pause(none, d)
	}
}
