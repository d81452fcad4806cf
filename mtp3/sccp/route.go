package sccp

import (
	"errors"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/trace"
)

// origin is where a message came from.
type origin struct {
	from     source
	opc      mtp3.PointCode
	dpc      mtp3.PointCode // the point code of ours that it came to
	sls      mtp3.SLS
	priority uint8
	split    bool // it has to be sent in segments
}

type source uint8

const (
	fromMTP  source = iota
	fromUser        // a local subsystem
	goesBack        // made here to take another message back
)

// maxTranslations is how often a message may be translated in a row at one node.
const maxTranslations = 15

// receive takes a message from MTP.
func (n *Node) receive(msu mtp3.MSU) {
	n.trace(trace.Received, msu)
	if msu.SI != mtp3.SCCP || msu.NI != n.cfg.NI {
		n.drop(WrongService)
		return
	}
	o := origin{from: fromMTP, opc: msu.Label.OPC, dpc: msu.Label.DPC, sls: msu.Label.SLS, priority: msu.Priority}
	if !n.isLocal(o.dpc) {
		o.dpc = n.cfg.PointCode
	}
	n.congested(&o)
	m, err := n.codec.Parse(msu.Data)
	if err != nil {
		n.unreadable(&m, &o, err)
		return
	}
	n.stats.Received[m.Type]++
	n.route(&m, &o)
}

// unreadable returns a message of which the called address alone could not be understood, and drops others.
func (n *Node) unreadable(m *Message, o *origin, err error) {
	var pe *ParseError
	switch {
	case !errors.As(err, &pe):
		n.drop(Malformed)
	case errors.Is(err, ErrType):
		n.drop(NotConnectionless)
	case pe.Field == "called party address" && len(m.Data) > 0:
		n.stats.Received[m.Type]++
		n.fail(m, o, NoNature)
	default:
		n.drop(Malformed)
	}
}

// route is SCCP routing control (Q.714 section 2.3): it brings a message one step on.
func (n *Node) route(m *Message, o *origin) {
	called := m.Called
	if o.from == fromUser && called.HasPC && !n.isLocal(called.PC) {
		ssn := UnknownSSN
		if called.RouteOnSSN {
			ssn = called.SSN
		}
		if ok, why := n.Reach(called.PC, ssn); !ok {
			n.fail(m, o, reasonOf(why))
			return
		}
		n.forward(m, m.HopCounter, called, called.PC, o)
		return
	}
	if called.RouteOnSSN {
		n.deliver(m, called, o)
		return
	}
	if called.GT.Format == NoGT {
		if o.from == fromUser {
			n.fail(m, o, NoAddress)
		} else {
			n.fail(m, o, TitleMissing)
		}
		return
	}
	hops := m.HopCounter
	for i := range maxTranslations {
		if m.Type.extended() && o.from == fromMTP {
			if hops <= 1 {
				n.fail(m, o, HopsUsedUp)
				return
			}
			hops--
		}
		r := n.trans.Translate(Query{Called: called, SLS: o.sls, Class: m.sequenceClass()}, n)
		if !r.OK {
			n.fail(m, o, reasonOf(r.Cause))
			return
		}
		n.stats.Translated++
		next := called
		next, n.digits[i&1] = r.Address(called, n.digits[i&1])
		local := n.isLocal(r.PC)
		switch {
		case !next.RouteOnSSN && (local || o.from == fromMTP && r.PC == o.opc) && sameTitle(&next.GT, &called.GT):
			n.fail(m, o, TranslationLoop)
			return
		case !local:
			n.forward(m, hops, next, r.PC, o)
			return
		case next.RouteOnSSN:
			n.deliver(m, next, o)
			return
		}
		called = next
	}
	n.fail(m, o, HopsUsedUp)
}

// sequenceClass is the class that decides whether the order of a message matters.
func (m *Message) sequenceClass() uint8 {
	if m.HasSegmentation {
		return 1 // all segments go one way
	}
	return m.Class & 1
}

func sameTitle(a, b *GlobalTitle) bool {
	return Address{GT: *a}.same(Address{GT: *b})
}

// Reach tells whether messages can be sent to a subsystem of a point, this one included, and why not. A node is
// thereby the [Availability] of its translator.
func (n *Node) Reach(pc mtp3.PointCode, ssn SSN) (bool, ReturnCause) {
	if n.isLocal(pc) {
		if ssn == UnknownSSN || ssn == SCMG {
			return true, 0
		}
		s := n.subs[ssn]
		switch {
		case s == nil:
			return false, UnequippedUser
		case s.state == OutOfService:
			return false, SubsystemFailure
		case s.state == Busy:
			return false, SubsystemCongestion
		}
		return true, 0
	}
	if !n.reachable(pc) {
		return false, MTPFailure
	}
	r := n.remotes[pc]
	switch {
	case r == nil || ssn == SCMG:
		return true, 0
	case r.sccp != SCCPAvailable:
		return false, SCCPFailure
	case r.prohibited(ssn):
		return false, SubsystemFailure
	}
	return true, 0
}

func (n *Node) reachable(pc mtp3.PointCode) bool {
	if n.cfg.Reachable != nil {
		return n.cfg.Reachable(pc)
	}
	return !n.paused.paused(pc)
}

// forward sends a message to another point.
func (n *Node) forward(m *Message, hops uint8, called Address, pc mtp3.PointCode, o *origin) {
	if !n.admit(pc, m.importance()) {
		n.fail(m, o, Restricted)
		return
	}
	w := *m
	w.Called, w.HopCounter = called, hops
	if o.from == fromMTP {
		if w.Calling.RouteOnSSN && !w.Calling.HasPC && w.Calling.HasSSN { // section 2.7.5.2
			w.Calling.HasPC, w.Calling.PC = true, o.opc
		}
		if w.Type == UDT && n.cfg.Extended {
			w.Type, w.HopCounter = XUDT, n.cfg.HopCounter
		}
	}
	r := n.transmit(&w, pc, o)
	if r == TooLong && w.Type != m.Type {
		w.Type = m.Type
		r = n.transmit(&w, pc, o)
	}
	if r != reasonCount {
		n.fail(m, o, r)
		return
	}
	if o.from == goesBack {
		n.stats.Returned++
	}
}

// importance is that of a message, or what stands for it (Q.714 section 2.6.6).
func (m *Message) importance() uint8 {
	switch {
	case m.HasImportance:
		return m.Importance
	case m.Type.service():
		return 3
	}
	return 4
}

// transmit gives a message to MTP, in segments if it has to. It returns reasonCount, or why it cannot.
func (n *Node) transmit(m *Message, pc mtp3.PointCode, o *origin) Reason {
	if o.split || m.Type == LUDT && n.noLong(pc) {
		return n.segment(m, pc, o)
	}
	if n.encode(m, pc, o) {
		return reasonCount
	}
	if m.Type != LUDTS {
		return n.segment(m, pc, o)
	}
	w := *m // what comes back may be less than what was sent
	w.Type = XUDTS
	n.address = n.codec.AppendAddress(n.codec.AppendAddress(n.address[:0], m.Called), m.Calling)
	if room := n.segmentRoom(len(n.address), m.HasImportance) - len(m.Optional); room > 0 {
		w.Data = m.Data[:min(room, len(m.Data))]
		if n.encode(&w, pc, o) {
			return reasonCount
		}
	}
	return TooLong
}

// encode sends a message if it fits.
func (n *Node) encode(m *Message, pc mtp3.PointCode, o *origin) bool {
	at := len(n.buf)
	b, err := n.codec.Append(n.buf, *m)
	if err != nil || len(b)-at+n.cfg.Format.LabelLen() > n.cfg.MaxSIF {
		n.buf = b[:at]
		return false
	}
	n.buf = b
	n.send(m, b[at:len(b):len(b)], pc, o)
	return true
}

func (n *Node) send(m *Message, data []byte, pc mtp3.PointCode, o *origin) {
	n.sendFrom(m, data, pc, n.cfg.PointCode, o)
}

func (n *Node) sendFrom(m *Message, data []byte, pc, from mtp3.PointCode, o *origin) {
	msu := mtp3.MSU{NI: n.cfg.NI, SI: mtp3.SCCP, Priority: o.priority, Label: mtp3.Label{DPC: pc, OPC: from, SLS: o.sls}, Data: data}
	if o.from != fromMTP {
		msu.Priority = 0
		if n.cfg.Priorities != nil {
			msu.Priority = n.cfg.Priorities[m.importance()&7] & 3
		}
	}
	n.stats.Sent[m.Type]++
	n.trace(trace.Sent, msu)
	n.out = append(n.out, Output{Kind: Send, MSU: msu})
}

func (n *Node) trace(dir trace.Dir, msu mtp3.MSU) {
	if n.cfg.Trace != nil {
		n.cfg.Trace(trace.Event{Time: n.now, Dir: dir, Proto: trace.MTP3, Data: n.cfg.Format.AppendMSU(nil, msu), Correlation: n.cfg.Name})
	}
}

// deliver gives a message to a local subsystem.
func (n *Node) deliver(m *Message, called Address, o *origin) {
	if called.HasSSN && called.SSN == SCMG {
		n.scmg(m, o)
		return
	}
	var s *subsystem
	if called.HasSSN {
		s = n.subs[called.SSN]
	}
	switch {
	case s == nil:
		n.fail(m, o, Unequipped)
		return
	case s.state == OutOfService:
		if o.from == fromMTP {
			n.sendSCMG(o.opc, o.dpc, SCMGMessage{Type: SSP, SSN: called.SSN, PC: o.dpc})
		}
		n.fail(m, o, SubsystemDown)
		return
	case s.state == Busy:
		n.fail(m, o, SubsystemBusy)
		return
	}
	if m.HasSegmentation && !m.Type.service() && (!m.Segmentation.First || m.Segmentation.Remaining > 0) {
		n.reassemble(m, called, o)
		return
	}
	n.indicate(m, called, o, m.Data)
}

// indicate tells a local subsystem of a message.
func (n *Node) indicate(m *Message, called Address, o *origin, data []byte) {
	u := Unitdata{Called: called, Calling: m.Calling, Class: m.Class, ReturnOnError: m.ReturnOnError, Sequence: uint32(o.sls),
		HasImportance: m.HasImportance, Importance: m.Importance, Data: data, OPC: o.opc, Cause: m.Cause}
	if m.HasSegmentation && !m.Type.service() {
		u.Class = flag(m.Segmentation.InOrder, 1)
	}
	if c := &u.Calling; c.RouteOnSSN && c.HasSSN && !c.HasPC {
		c.HasPC, c.PC = true, o.opc // so that an answer to it finds its way
	}
	kind := UnitdataIndication
	if m.Type.service() {
		kind = NoticeIndication
		if o.from == goesBack {
			n.stats.Returned++
		}
	}
	n.stats.Delivered++
	n.out = append(n.out, Output{Kind: kind, Unit: u})
}

// fail counts why a message cannot go on, and takes it back to its sender if that wants it (Q.714 section 4.2).
func (n *Node) fail(m *Message, o *origin, r Reason) {
	n.drop(r)
	if m.Type.service() {
		n.drop(ReturnFailed)
		return
	}
	back, ok := m.Return(causes[r])
	if !ok || n.cfg.NoReturn {
		n.drop(NotWantedBack)
		return
	}
	if back.Type.extended() {
		back.HopCounter = n.cfg.HopCounter
	}
	to := origin{from: goesBack, opc: n.cfg.PointCode, dpc: n.cfg.PointCode, sls: o.sls}
	switch {
	case o.from == fromUser:
		n.indicate(&back, back.Called, &to, m.Data)
	case back.Called.RouteOnSSN:
		pc := o.opc
		if back.Called.HasPC {
			pc = back.Called.PC
		}
		if n.isLocal(pc) {
			n.deliver(&back, back.Called, &to)
			return
		}
		if ok, why := n.Reach(pc, back.Called.SSN); !ok {
			n.fail(&back, &to, reasonOf(why))
			return
		}
		n.forward(&back, back.HopCounter, back.Called, pc, &to)
	default:
		n.route(&back, &to)
	}
}
