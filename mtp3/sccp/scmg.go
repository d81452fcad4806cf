package sccp

import (
	"errors"

	"github.com/gotelco/telco/internal/wire"
	"github.com/gotelco/telco/mtp3"
)

// SCMGType says what a management message is (Q.713 section 5.2.1).
type SCMGType uint8

// The management messages.
const (
	SSA SCMGType = 1 // subsystem allowed
	SSP SCMGType = 2 // subsystem prohibited
	SST SCMGType = 3 // subsystem status test
	SOR SCMGType = 4 // subsystem out-of-service request
	SOG SCMGType = 5 // subsystem out-of-service grant
	SSC SCMGType = 6 // subsystem (SCCP) congested
)

var scmgNames = [...]string{SSA: "SSA", SSP: "SSP", SST: "SST", SOR: "SOR", SOG: "SOG", SSC: "SSC"}

// String is the acronym of the type.
func (t SCMGType) String() string { return name(scmgNames[:], t, "SCMGType") }

// SCMGMessage is the data of a message between the managements of two SCCPs (Q.713 section 5.3).
type SCMGMessage struct {
	Type         SCMGType
	SSN          SSN            // the affected subsystem
	PC           mtp3.PointCode // the affected point
	Multiplicity uint8          // 0: not known, 1: solitary, 2: duplicated
	Congestion   uint8          // of SSC: 1 to 8
}

var errSCMGType = errors.New("type not known")

// ParseSCMG reads a management message. The errors are ParseErrors.
func (c Codec) ParseSCMG(b []byte) (SCMGMessage, error) {
	r := wire.NewReader(b)
	m := SCMGMessage{Type: SCMGType(r.Uint8()), SSN: SSN(r.Uint8())}
	for i, o := range r.Bytes(c.pcLen()) {
		m.PC |= mtp3.PointCode(o) << (8 * i)
	}
	m.PC &= c.Format.MaxPointCode()
	m.Multiplicity = r.Uint8() & 3
	if m.Type == SSC {
		m.Congestion = r.Uint8() & 15
	}
	if r.Err() != nil {
		return m, &ParseError{UDT, "management", r.Err()}
	}
	if m.Type < SSA || m.Type > SSC {
		return m, &ParseError{UDT, "management", errSCMGType}
	}
	return m, nil
}

// AppendSCMG writes a management message.
func (c Codec) AppendSCMG(b []byte, m SCMGMessage) []byte {
	b = append(b, byte(m.Type), byte(m.SSN))
	for i := range c.pcLen() {
		b = append(b, byte(m.PC>>(8*i)))
	}
	b = append(b, m.Multiplicity&3)
	if m.Type == SSC {
		b = append(b, m.Congestion&15)
	}
	return b
}

// sendSCMG sends a management message in a UDT of class 0.
func (n *Node) sendSCMG(to, from mtp3.PointCode, s SCMGMessage) {
	if n.isLocal(to) || !n.reachable(to) {
		n.drop(SCMGUndelivered)
		return
	}
	management := Address{RouteOnSSN: true, HasSSN: true, SSN: SCMG}
	called, calling := management, management
	called.HasPC, called.PC = true, to
	calling.HasPC, calling.PC = true, from
	var data [8]byte
	m := Message{Type: UDT, Called: called, Calling: calling, Data: n.codec.AppendSCMG(data[:0], s), Importance: 7, HasImportance: true}
	at := len(n.buf)
	n.buf, _ = n.codec.Append(n.buf, m) // fits: all parts are short
	o := origin{from: fromUser, sls: mtp3.SLS(int(n.turn) & (n.cfg.Format.SLSValues() - 1))}
	n.turn++
	n.sendFrom(&m, n.buf[at:len(n.buf):len(n.buf)], to, from, &o)
}

// scmg takes a message for SCCP management (Q.714 section 5.3).
func (n *Node) scmg(m *Message, o *origin) {
	if m.Type.service() || o.from != fromMTP {
		n.drop(SCMGUnexpected)
		return
	}
	s, err := n.codec.ParseSCMG(m.Data)
	if err != nil {
		n.drop(SCMGMalformed)
		return
	}
	handled := false
	switch s.Type {
	case SST:
		handled = n.tested(s, o)
	case SSA, SSP:
		handled = n.subsystemNews(s, o)
	case SSC:
		handled = n.remoteCongested(s, o)
	case SOR:
		handled = n.outOfServiceRequest(s, o)
	case SOG:
		handled = n.outOfServiceGrant(s)
	}
	if !handled {
		n.drop(SCMGUnexpected)
	}
}

// tested answers a status test (section 5.3.4.3): only what is in service is spoken of.
func (n *Node) tested(s SCMGMessage, o *origin) bool {
	if !n.isLocal(s.PC) {
		return false
	}
	if s.SSN != SCMG {
		sub := n.subs[s.SSN]
		if sub == nil || sub.state == OutOfService || sub.ignoreSST.Running() {
			return sub != nil
		}
	}
	n.sendSCMG(o.opc, o.dpc, SCMGMessage{Type: SSA, SSN: s.SSN, PC: s.PC})
	return true
}
