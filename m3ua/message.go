package m3ua

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Message is a message of RFC 4666: a pointer to one of the structs of this package, from [ERR] to
// [DEREGRSP].
type Message interface {
	Type() MessageType
	// AppendBinary appends the message as it is on the wire.
	AppendBinary(b []byte) ([]byte, error)

	params(c *coder)
}

// newMessage makes the struct of a type; nil if RFC 4666 has none.
func newMessage(t MessageType) Message {
	switch t {
	case TypeERR:
		return new(ERR)
	case TypeNTFY:
		return new(NTFY)
	case TypeDATA:
		return new(DATA)
	case TypeDUNA:
		return new(DUNA)
	case TypeDAVA:
		return new(DAVA)
	case TypeDAUD:
		return new(DAUD)
	case TypeSCON:
		return new(SCON)
	case TypeDUPU:
		return new(DUPU)
	case TypeDRST:
		return new(DRST)
	case TypeASPUp:
		return new(ASPUp)
	case TypeASPDown:
		return new(ASPDown)
	case TypeBEAT:
		return new(BEAT)
	case TypeASPUpAck:
		return new(ASPUpAck)
	case TypeASPDownAck:
		return new(ASPDownAck)
	case TypeBEATAck:
		return new(BEATAck)
	case TypeASPActive:
		return new(ASPActive)
	case TypeASPInactive:
		return new(ASPInactive)
	case TypeASPActiveAck:
		return new(ASPActiveAck)
	case TypeASPInactiveAck:
		return new(ASPInactiveAck)
	case TypeREGREQ:
		return new(REGREQ)
	case TypeREGRSP:
		return new(REGRSP)
	case TypeDEREGREQ:
		return new(DEREGREQ)
	case TypeDEREGRSP:
		return new(DEREGRSP)
	}
	return nil
}

// header checks the common header (RFC 4666 section 3.1) and returns the type of the message and
// what follows the header. The length may leave out the padding of the last parameter.
func header(b []byte) (MessageType, []byte, *ParseError) {
	if len(b) < headerLen {
		return 0, nil, &ParseError{ProtocolError, 0, 0, errShort}
	}
	t := MessageType(b[2])<<8 | MessageType(b[3])
	if b[0] != Version {
		return t, nil, &ParseError{InvalidVersion, t, 0, fmt.Errorf("version %d", b[0])}
	}
	switch t.Class() {
	case MGMT, Transfer, SSNM, ASPSM, ASPTM, RKM:
	default:
		return t, nil, &ParseError{Code: UnsupportedMessageClass, Type: t}
	}
	if _, ok := typeNames[t]; !ok {
		return t, nil, &ParseError{Code: UnsupportedMessageType, Type: t}
	}
	n := binary.BigEndian.Uint32(b[4:])
	if n < headerLen || uint64(n)+uint64(-n&3) < uint64(len(b)) || uint64(n) > uint64(len(b)) {
		return t, nil, &ParseError{ProtocolError, t, 0, errLength}
	}
	return t, b[headerLen:n:n], nil
}

// Parse reads one whole message. The result aliases b. Every error is a *[ParseError].
//
// Parameters that the message has no field for are kept in its Unknown; [Unexpected] finds among
// them those that RFC 4666 defines for other messages only, or that came twice.
func Parse(b []byte) (Message, error) {
	t, body, pe := header(b)
	if pe != nil {
		return nil, pe
	}
	if t == TypeDATA {
		d := new(DATA)
		if err := d.Parse(b); err != nil {
			return nil, err
		}
		return d, nil
	}
	ps, pe := split(t, body)
	if pe != nil {
		return nil, pe
	}
	m := newMessage(t)
	c := coder{reading: true, typ: t, in: ps}
	m.params(&c)
	if c.pe != nil {
		return nil, c.pe
	}
	return m, nil
}

// Unexpected returns the first of a message's unknown parameters that RFC 4666 defines: one of
// another message, or one that came twice ("Unexpected Parameter", section 3.8.1).
func Unexpected(m Message) (Tag, bool) {
	for _, p := range unknownOf(m) {
		if p.Tag.known() {
			return p.Tag, true
		}
	}
	return 0, false
}

// unknownOf is what the message has no field for.
func unknownOf(m Message) []Param {
	var u []Param
	m.params(&coder{typ: m.Type(), found: &u})
	return u
}

// appendMessage writes the header and the parameters.
func appendMessage(b []byte, m Message) ([]byte, error) {
	start := len(b)
	t := m.Type()
	c := coder{typ: t, out: append(b, Version, 0, byte(t>>8), byte(t), 0, 0, 0, 0)}
	m.params(&c)
	if c.err != nil {
		return b, c.err
	}
	binary.BigEndian.PutUint32(c.out[start+4:], uint32(len(c.out)-start))
	return c.out, nil
}

// cloneMessage is a copy that shares nothing with the octets m was read from.
func cloneMessage(m Message) Message {
	b, err := m.AppendBinary(nil)
	if err != nil {
		return m
	}
	c, err := Parse(slices.Clip(b))
	if err != nil {
		return m
	}
	return c
}
