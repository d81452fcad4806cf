package mtp3

import "time"

// Transfer takes a message of a user of this node (MTP-TRANSFER request). NI is put in; a zero OPC means
// that of the node.
func (n *Node) Transfer(now time.Time, m MSU, out []Output) []Output {
	n.begin(now, out)
	m.NI = n.cfg.NI
	if m.Label.OPC == 0 {
		m.Label.OPC = n.cfg.PointCode
	}
	if n.f.CheckMSU(m) != nil || n.isManagement(m.SI) {
		n.drop(InvalidPrimitive)
		return n.end()
	}
	n.stats.FromUsers++
	n.buf = n.f.AppendMSU(n.buf[:0], m)
	n.forward(&m, n.buf, m.Priority, source{})
	return n.end()
}

// TransferFrom takes a message that an owner of destinations has for the network, such as what an
// Application Server Process sent. It may be for this node, another owner or a point behind a linkset.
func (n *Node) TransferFrom(now time.Time, id OwnerID, m MSU, out []Output) []Output {
	o := n.owner(id)
	if o == nil {
		return out
	}
	n.begin(now, out)
	n.stats.FromOwners++
	switch {
	case n.f.CheckMSU(m) != nil || n.isManagement(m.SI):
		n.drop(InvalidPrimitive)
	case m.NI != n.cfg.NI:
		n.drop(WrongNetwork)
	case !o.cfg.Screen.Allows(&m):
		n.drop(ScreenedOut)
	default:
		n.buf = n.f.AppendMSU(n.buf[:0], m)
		if n.isLocal(m.Label.DPC) {
			n.deliver(&m, n.buf, source{owner: o})
		} else {
			n.forward(&m, n.buf, m.Priority, source{owner: o})
		}
	}
	return n.end()
}

// isManagement tells whether si is of level 3 itself.
func (n *Node) isManagement(si ServiceIndicator) bool {
	return si == SNM || si == SNT || si == SNTSpecial && n.f.Variant == ANSI
}

// received discriminates a message from a link (Q.704 section 2.4): for us, to be transferred, or neither.
func (n *Node) received(l *link, raw []byte, priority uint8) {
	l.stats.MSUsIn++
	l.stats.OctetsIn += uint64(len(raw))
	m, err := n.f.ParseMSU(raw)
	switch {
	case err != nil:
		n.drop(Malformed)
		return
	case m.NI != n.cfg.NI:
		n.drop(WrongNetwork)
		return
	}
	if n.isLocal(m.Label.DPC) {
		switch {
		case m.SI == SNM:
			n.managementMessage(l, &m)
			return
		case n.isManagement(m.SI):
			n.linkTestMessage(l, &m)
			return
		}
	}
	switch {
	case n.restart != notRestarting:
		n.drop(Restarting)
	case !l.ls.cfg.Screen.Allows(&m):
		n.drop(ScreenedOut)
	case n.isLocal(m.Label.DPC):
		n.deliver(&m, raw, source{ls: l.ls})
	case !n.cfg.Transfer:
		n.drop(NotForUs)
	default:
		n.forward(&m, raw, priority, source{ls: l.ls})
	}
}

// deliver distributes a message for this node to its user (Q.704 section 2.4.2).
func (n *Node) deliver(m *MSU, raw []byte, from source) {
	if n.users[m.SI] == userAvailable {
		n.stats.Delivered++
		n.out = append(n.out, Output{Kind: Deliver, Primitive: Primitive{Kind: TransferPrimitive, MSU: *m}, Raw: raw})
		return
	}
	n.drop(UserUnavailable)
	cause := uint8(1)
	if n.users[m.SI] == userInaccessible {
		cause = 2
	}
	n.userPartUnavailable(m, cause, from)
}

// userPartUnavailable answers a message that nobody here takes, once a second for each origin and user part.
func (n *Node) userPartUnavailable(m *MSU, cause uint8, from source) {
	const limit, every = 1024, time.Second
	key := uint32(m.Label.OPC)<<4 | uint32(m.SI)
	if at, ok := n.upu[key]; ok && n.now.Sub(at) < every {
		return
	}
	if len(n.upu) >= limit {
		for k, at := range n.upu {
			if n.now.Sub(at) >= every {
				delete(n.upu, k)
			}
		}
		if len(n.upu) >= limit {
			return
		}
	}
	n.upu[key] = n.now
	n.sendManagement(m.Label.DPC, m.Label.OPC, SNMessage{Heading: UPU, Destination: m.Label.DPC, UserPart: m.SI, Cause: cause})
}

// forwardRaw forwards what waited or was retrieved.
func (n *Node) forwardRaw(raw []byte, priority uint8, from source) {
	m, err := n.f.ParseMSU(raw)
	if err != nil {
		n.drop(Malformed)
		return
	}
	if n.isLocal(m.Label.OPC) && n.isManagement(m.SI) {
		n.again(&m, raw, priority)
		return
	}
	n.forward(&m, raw, priority, from)
}

// again sends a management message of ours that was retrieved from a failed link, if it still makes sense on another.
func (n *Node) again(m *MSU, raw []byte, priority uint8) {
	ls := n.adjacentSet(m.Label.DPC, -1)
	if m.SI != SNM || !n.timely(m) {
		return
	}
	if ls != nil {
		if l := n.pathTo(ls, m.Label.SLS, nil); l != nil { // past what is withheld: it may be waiting for this
			n.transmit(l, raw, priority)
		} else {
			n.drop(NoManagementPath)
		}
		return
	}
	n.forward(m, raw, priority, source{again: true})
}

// timely tells whether a management message of ours still says what it said when it was sent. One that waited long in a
// link must not: an order about a link that has served again since would end its service, with a number of its former life.
func (n *Node) timely(m *MSU) bool {
	msg, err := n.f.ParseSNMessage(SNM, m.Label, m.Data)
	if err != nil {
		return false
	}
	switch msg.Heading {
	case COO, XCO, ECO, COA, XCA, ECA:
		ls := n.adjacentSet(m.Label.DPC, int(msg.SLC))
		if ls == nil {
			return false
		}
		l := ls.byCode(msg.SLC)
		if l == nil || l.up {
			return false
		}
		switch msg.Heading {
		case COO, XCO:
			return l.co != nil && l.co.handshake && l.bsntOK && l.bsnt == msg.FSN
		case ECO:
			return l.co != nil && l.co.handshake && !l.bsntOK
		case COA, XCA:
			return l.bsntOK && l.bsnt == msg.FSN
		}
	case CBD, LIN, LUN, LIA, LUA, LID, LFU, LLT, LRT: // those who wait for them or for their answers send again
		return false
	}
	return true
}

// forward routes a message (Q.704 section 2.3). m is a view of raw.
func (n *Node) forward(m *MSU, raw []byte, priority uint8, from source) {
	rs := n.lookup(m.Label.DPC)
	if rs == nil {
		if n.isLocal(m.Label.DPC) && from.ls == nil {
			n.deliver(m, raw, from)
			return
		}
		n.drop(UnknownDestination)
		return
	}
	if rs.status == Unavailable {
		if n.isLocal(m.Label.DPC) {
			n.deliver(m, raw, from)
			return
		}
		n.drop(DestinationUnavailable)
		n.respondProhibited(from.ls, m.Label.DPC)
		return
	}
	slot := int(m.Label.SLS) & (n.f.SLSValues() - 1)
	if len(rs.holds) > 0 {
		if d := rs.heldBy(slot); d != nil {
			n.holdMessage(d, raw, priority, from)
			return
		}
	}
	r := rs.routeOf(slot)
	if rs.congestion > 0 && n.cfg.Congestion == CongestionPriorities && from.ls == nil && m.SI != SNM && m.Priority < rs.congestion {
		n.drop(CongestedDestination)
		return
	}
	if r.owner != nil {
		if r.owner == from.owner {
			n.drop(CircularRoute)
			return
		}
		n.toOwner(r.owner, m, raw, from)
		return
	}
	ls := r.ls
	if ls == from.ls {
		n.drop(CircularRoute)
		n.respondProhibited(ls, m.Label.DPC)
		return
	}
	s := ls.slot(m.Label.SLS)
	if d := ls.hold[s]; d != nil {
		n.holdMessage(d, raw, priority, from)
		return
	}
	l := ls.cur[s]
	if l == nil {
		n.drop(DestinationUnavailable)
		return
	}
	if l.level > 0 && m.SI != SNM && !n.throughCongestion(m, l.level, l.discard, &l.congCount, from) {
		return
	}
	if !from.again && (from.ls != nil || from.owner != nil) {
		n.stats.Transferred++
	}
	n.transmit(l, raw, priority)
}

// toOwner gives a message to an owner.
func (n *Node) toOwner(o *owner, m *MSU, raw []byte, from source) {
	if len(o.level) > 0 {
		if level := o.level[m.Label.DPC]; level > 0 && !n.throughCongestion(m, level, 0, &o.sent, from) {
			return
		}
	}
	n.stats.ToOwners++
	if n.cfg.ToOwner != nil {
		n.given = *m // a copy, lest every message that is received be allocated
		n.cfg.ToOwner(o.id, &n.given, raw)
		return
	}
	n.out = append(n.out, Output{Kind: ToOwner, Owner: o.id, Primitive: Primitive{Kind: TransferPrimitive, MSU: *m}, Raw: raw})
}

// transmit gives a message to level 2.
func (n *Node) transmit(l *link, raw []byte, priority uint8) {
	l.stats.MSUsOut++
	l.stats.OctetsOut += uint64(len(raw))
	n.ind = l.l2.Send(n.now, priority, raw, n.ind[:0])
	if len(n.ind) > 0 {
		n.said(l, n.ind)
	}
}

// managementHeader writes the service information octet and label of a management message, whose SLS is the SLC.
func (n *Node) managementHeader(b []byte, si ServiceIndicator, dpc, opc PointCode, slc uint8) []byte {
	m := MSU{NI: n.cfg.NI, SI: si, Label: Label{DPC: dpc, OPC: opc, SLS: SLS(slc)}}
	if n.cfg.Congestion == CongestionPriorities {
		m.Priority = 3 // Q.704 section 2.3.5.1
	}
	return n.f.AppendMSU(b, m)
}

// management is a management message as bytes, in a buffer that the next one overwrites.
func (n *Node) management(dpc, opc PointCode, m SNMessage) []byte {
	b, err := n.f.AppendSNMessage(n.managementHeader(n.body[:0], m.SI, dpc, opc, m.SLC), m)
	if err != nil {
		return nil // of the variant's messages only those are sent that it has
	}
	n.body = b
	n.countSNM(m.SI, m.Heading, true)
	return b
}

// sendOn sends a message about a link, or for it alone, over that link.
func (n *Node) sendOn(l *link, m SNMessage) {
	if b := n.management(l.ls.adjacent, l.ls.local, m); b != nil {
		n.transmit(l, b, b[0]>>4&3)
	}
}

// sendAdjacent sends a management message to the point at the other end of a linkset: over a link of it other than
// avoid, else over any other way there is. It tells whether it found one.
func (n *Node) sendAdjacent(ls *linkset, m SNMessage, avoid *link) bool {
	b := n.management(ls.adjacent, ls.local, m)
	if b == nil {
		return false
	}
	l := n.pathTo(ls, SLS(m.SLC), avoid)
	if l == nil {
		n.drop(NoManagementPath)
		return false
	}
	n.transmit(l, b, b[0]>>4&3)
	return true
}

// pathTo is a link for a management message to the point at the other end of a linkset: one of the linkset other than
// avoid, or one of another linkset that leads there.
func (n *Node) pathTo(ls *linkset, sls SLS, avoid *link) *link {
	if l := ls.managementLink(sls, avoid); l != nil {
		return l
	}
	rs := n.lookup(ls.adjacent)
	if rs == nil || rs.status == Unavailable {
		return nil
	}
	r := rs.routeOf(int(sls) & (n.f.SLSValues() - 1))
	if r == nil || r.ls == nil || r.ls == ls {
		return nil
	}
	return r.ls.managementLink(sls, avoid)
}

// sendManagement sends a management message to any point, as an ordinary message.
func (n *Node) sendManagement(opc, dpc PointCode, m SNMessage) {
	b := n.management(dpc, opc, m)
	if b == nil {
		return
	}
	b = append([]byte(nil), b...) // forwarding may send others
	msu, err := n.f.ParseMSU(b)
	if err != nil {
		return
	}
	n.forward(&msu, b, b[0]>>4&3, source{})
}

// countSNM counts a management message.
func (n *Node) countSNM(si ServiceIndicator, h Heading, sent bool) {
	c := &n.snmIn
	if sent {
		c = &n.snmOut
	}
	if si == SNM {
		c.snm[h]++
	} else {
		c.test[h]++
	}
}

type snmCounters struct{ snm, test [256]uint64 }

// ManagementCount returns how many management messages of a heading were received and sent. Those
// of SI 1 and 2 (SLTM, SLTA) are counted together.
func (n *Node) ManagementCount(si ServiceIndicator, h Heading) (received, sent uint64) {
	if si == SNM {
		return n.snmIn.snm[h], n.snmOut.snm[h]
	}
	return n.snmIn.test[h], n.snmOut.test[h]
}

// managementMessage distributes a message of signalling network management for this node.
func (n *Node) managementMessage(l *link, m *MSU) {
	msg, err := n.f.ParseSNMessage(SNM, m.Label, m.Data)
	if err != nil {
		n.drop(Malformed)
		return
	}
	n.countSNM(SNM, msg.Heading, false)
	if n.restart != notRestarting {
		switch msg.Heading {
		case TFP, TFR, TFA, TCP, TCR, TCA, TRA, TRW:
		default: // Q.704 section 9.6.6
			n.drop(UnexpectedManagement)
			return
		}
	}
	switch msg.Heading {
	case RCT: // it has reached its end: Q.704 section 13.9.6
		return
	case TFC:
		n.transferControlled(msg)
		return
	case UPU:
		n.remoteUserUnavailable(msg)
		return
	}
	// All others are between adjacent points.
	slc := -1
	if linkRelated(msg.Heading) {
		slc = int(msg.SLC)
	}
	ls := l.ls
	if ls.adjacent != m.Label.OPC || slc >= 0 && ls.byCode(msg.SLC) == nil {
		ls = n.adjacentSet(m.Label.OPC, slc)
	}
	if ls == nil {
		n.drop(NotAdjacent)
		return
	}
	var about *link
	if slc >= 0 {
		if about = ls.byCode(msg.SLC); about == nil {
			n.drop(UnexpectedManagement)
			return
		}
	}
	switch msg.Heading {
	case COO, COA, XCO, XCA, ECO, ECA:
		n.changeoverMessage(about, msg)
	case CBD, CBA:
		n.changebackMessage(ls, msg)
	case TFP, TFR, TFA, TCP, TCR, TCA:
		n.transferMessage(ls.adjacent, msg)
	case RST, RSR, RCP, RCR:
		n.routeTest(ls, msg)
	case LIN, LUN, LIA, LUA, LID, LFU, LLT, LRT:
		n.inhibitMessage(about, msg)
	case TRA:
		n.restartAllowed(ls)
	case TRW:
	default:
		n.drop(UnexpectedManagement)
	}
}
