package sccp

import (
	"errors"
	"fmt"

	"github.com/gotelco/telco/internal/wire"
)

// MessageType says what a message is (Q.713 section 2.1).
type MessageType uint8

// The messages of connectionless service. Those of connections are known by name alone.
const (
	UDT   MessageType = 0x09 // unitdata
	UDTS  MessageType = 0x0a // unitdata service: an UDT that comes back
	XUDT  MessageType = 0x11 // extended unitdata
	XUDTS MessageType = 0x12
	LUDT  MessageType = 0x13 // long unitdata
	LUDTS MessageType = 0x14
)

var typeNames = [...]string{1: "CR", 2: "CC", 3: "CREF", 4: "RLSD", 5: "RLC", 6: "DT1", 7: "DT2", 8: "AK", 9: "UDT", 10: "UDTS", 11: "ED", 12: "EA", 13: "RSR", 14: "RSC", 15: "ERR", 16: "IT", 17: "XUDT", 18: "XUDTS", 19: "LUDT", 20: "LUDTS"}

// String is the acronym of the type.
func (t MessageType) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return fmt.Sprintf("MessageType(%#02x)", uint8(t))
}

// service tells whether the type is that of a message that comes back.
func (t MessageType) service() bool { return t == UDTS || t == XUDTS || t == LUDTS }

// extended tells whether the type has a hop counter and optional parameters.
func (t MessageType) extended() bool { return t >= XUDT }

// long tells whether pointers and the length of data have two octets.
func (t MessageType) long() bool { return t == LUDT || t == LUDTS }

// ReturnCause says why a message comes back (Q.713 section 3.12).
type ReturnCause uint8

// The causes.
const (
	NoTranslationForNature  ReturnCause = 0 // no translation for an address of such nature
	NoTranslation           ReturnCause = 1 // no translation for this specific address
	SubsystemCongestion     ReturnCause = 2
	SubsystemFailure        ReturnCause = 3
	UnequippedUser          ReturnCause = 4
	MTPFailure              ReturnCause = 5
	NetworkCongestion       ReturnCause = 6
	Unqualified             ReturnCause = 7
	ErrorInTransport        ReturnCause = 8
	ErrorInLocalProcessing  ReturnCause = 9
	NoReassembly            ReturnCause = 10 // destination cannot perform reassembly
	SCCPFailure             ReturnCause = 11
	HopCounterViolation     ReturnCause = 12
	SegmentationUnsupported ReturnCause = 13
	SegmentationFailure     ReturnCause = 14
)

var causeNames = [...]string{"no translation for an address of such nature", "no translation for this specific address", "subsystem congestion", "subsystem failure",
	"unequipped user", "MTP failure", "network congestion", "unqualified", "error in message transport", "error in local processing",
	"destination cannot perform reassembly", "SCCP failure", "hop counter violation", "segmentation not supported", "segmentation failure"}

// String is the cause in words.
func (c ReturnCause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return fmt.Sprintf("ReturnCause(%d)", uint8(c))
}

// Segmentation says which part of a longer message this one is (Q.713 section 3.17).
type Segmentation struct {
	First     bool
	InOrder   bool   // class 1 was asked for
	Remaining uint8  // how many segments follow, 0 to 15
	Reference uint32 // 24 bits, the same in all segments
}

// Message is a message of connectionless service.
type Message struct {
	Type MessageType

	Class         uint8 // 0, or 1 for messages that keep their order; not in a message that comes back
	ReturnOnError bool  // a message that cannot be delivered comes back; not in one that comes back itself
	Cause         ReturnCause

	HopCounter uint8 // of XUDT, LUDT and those that come back of them: 1 to 15

	Called  Address
	Calling Address
	Data    []byte

	Segmentation    Segmentation // of XUDT, LUDT
	HasSegmentation bool
	Importance      uint8 // 0 to 7
	HasImportance   bool
	Optional        []byte // further optional parameters, as they came: tag, length, value
}

// Errors of messages.
var (
	ErrType     = errors.New("message type not known")
	ErrPointer  = errors.New("pointer leads out of the message")
	ErrData     = errors.New("no data")
	ErrTooLong  = errors.New("too long for this type of message")
	ErrOptional = errors.New("optional part broken")
)

// ParseError says which part of a message could not be read.
type ParseError struct {
	Type  MessageType
	Field string
	Err   error
}

// Error names the field.
func (e *ParseError) Error() string {
	return "sccp: parse " + e.Type.String() + ": " + e.Field + ": " + e.Err.Error()
}

// Unwrap is the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// Optional parameters (Q.713 section 3).
const (
	endOfOptional   = 0x00
	tagSegmentation = 0x10
	tagHopCounter   = 0x11
	tagImportance   = 0x12
)

// Parse reads a message of connectionless service. What it returns aliases b. A message whose
// called address alone could not be understood comes with a ParseError of field "called party
// address", all its other fields set, so that it can be returned.
func (c Codec) Parse(b []byte) (Message, error) {
	var m Message
	r := wire.NewReader(b)
	m.Type = MessageType(r.Uint8())
	fail := func(field string, err error) (Message, error) {
		return m, &ParseError{m.Type, field, err}
	}
	switch m.Type {
	case UDT, UDTS, XUDT, XUDTS, LUDT, LUDTS:
	default:
		if r.Err() != nil {
			return fail("message type", r.Err())
		}
		return fail("message type", ErrType)
	}
	if o := r.Uint8(); m.Type.service() {
		m.Cause = ReturnCause(o)
	} else {
		m.Class, m.ReturnOnError = o&15, o>>4 == 8
	}
	if m.Type.extended() {
		m.HopCounter = r.Uint8() & 15
	}
	called, err := c.variable(&r, b, m.Type.long(), false)
	if err != nil {
		return fail("called party address", err)
	}
	calling, err := c.variable(&r, b, m.Type.long(), false)
	if err != nil {
		return fail("calling party address", err)
	}
	if m.Data, err = c.variable(&r, b, m.Type.long(), m.Type.long()); err != nil {
		return fail("data", err)
	}
	if len(m.Data) == 0 {
		return fail("data", ErrData)
	}
	if m.Type.extended() {
		if err := m.parseOptional(&r, b); err != nil {
			return fail("optional part", err)
		}
	}
	if m.Calling, err = c.ParseAddress(calling); err != nil {
		// Nobody has to understand it before the message comes back.
		m.Calling = Address{raw: calling}
	}
	if m.Called, err = c.ParseAddress(called); err != nil {
		return fail("called party address", err)
	}
	return m, nil
}

// pointer reads a pointer and returns what it points to: an index in b.
func pointer(r *wire.Reader, long bool) int {
	if !long {
		at := r.Offset()
		return at + int(r.Uint8())
	}
	lo, hi := int(r.Uint8()), int(r.Uint8())
	return r.Offset() - 1 + (lo | hi<<8)
}

// variable reads a pointer and the parameter that it points to.
func (c Codec) variable(r *wire.Reader, b []byte, longPointer, longLength bool) ([]byte, error) {
	at := pointer(r, longPointer)
	if r.Err() != nil {
		return nil, r.Err()
	}
	if at < r.Offset() || at >= len(b) {
		return nil, ErrPointer
	}
	n := int(b[at])
	at++
	if longLength {
		if at >= len(b) {
			return nil, wire.ErrTruncated
		}
		n |= int(b[at]) << 8
		at++
	}
	if n > len(b)-at {
		return nil, wire.ErrTruncated
	}
	return b[at : at+n : at+n], nil
}

// parseOptional reads the optional part, if there is one.
func (m *Message) parseOptional(r *wire.Reader, b []byte) error {
	start := r.Offset()
	at := pointer(r, m.Type.long())
	if r.Err() != nil {
		return r.Err()
	}
	if !m.Type.long() && b[start] == 0 || m.Type.long() && b[start]|b[start+1] == 0 {
		return nil
	}
	if at < r.Offset() || at >= len(b) {
		return ErrPointer
	}
	end := at // of what Optional holds, while that lies in one piece
	for at < len(b) && b[at] != endOfOptional {
		if len(b)-at < 2 || int(b[at+1]) > len(b)-at-2 {
			return ErrOptional
		}
		start, value := at, b[at+2:at+2+int(b[at+1])]
		at += 2 + len(value)
		switch {
		case b[start] == tagSegmentation && len(value) == 4:
			m.HasSegmentation = true
			m.Segmentation = Segmentation{First: value[0]&0x80 != 0, InOrder: value[0]&0x40 != 0, Remaining: value[0] & 15,
				Reference: uint32(value[1]) | uint32(value[2])<<8 | uint32(value[3])<<16}
		case b[start] == tagImportance && len(value) == 1:
			m.HasImportance, m.Importance = true, value[0]&7
		case m.Optional == nil || start == end:
			m.Optional = b[at-len(m.Optional)-2-len(value) : at : at]
			end = at
		default:
			m.Optional, end = append(m.Optional, b[start:at]...), -1
		}
	}
	return nil
}

// Append writes a message. The error is a *ParseError: what does not fit.
func (c Codec) Append(b []byte, m Message) ([]byte, error) {
	start := len(b)
	fail := func(field string, err error) ([]byte, error) {
		return b[:start], &ParseError{m.Type, field, err}
	}
	switch m.Type {
	case UDT, UDTS, XUDT, XUDTS, LUDT, LUDTS:
	default:
		return fail("message type", ErrType)
	}
	if len(m.Data) == 0 {
		return fail("data", ErrData)
	}
	if len(m.Data) > 255 && !m.Type.long() || len(m.Data) > 3952 {
		return fail("data", ErrTooLong)
	}
	b = append(b, byte(m.Type))
	if m.Type.service() {
		b = append(b, byte(m.Cause))
	} else {
		b = append(b, m.Class&15|flag(m.ReturnOnError, 0x80))
	}
	if m.Type.extended() {
		b = append(b, m.HopCounter&15)
	}
	size := 1
	if m.Type.long() {
		size = 2
	}
	pointers := 3
	if m.Type.extended() {
		pointers = 4
	}
	at := len(b)
	for range pointers * size {
		b = append(b, 0)
	}
	point := func(i int) bool { // the i-th pointer leads to what is appended next
		p := at + i*size + size - 1
		n := len(b) - p
		if size == 2 {
			b[p-1], b[p] = byte(n), byte(n>>8)
			return true
		}
		b[p] = byte(n)
		return n <= 255
	}
	for i, a := range [...]Address{m.Called, m.Calling} {
		point(i)
		lenAt := len(b)
		b = c.AppendAddress(append(b, 0), a)
		n := len(b) - lenAt - 1
		if n > 255 {
			return fail([...]string{"called party address", "calling party address"}[i], ErrTooLong)
		}
		b[lenAt] = byte(n)
	}
	if !point(2) {
		return fail("data", ErrTooLong)
	}
	b = append(b, byte(len(m.Data)))
	if m.Type.long() {
		b = append(b, byte(len(m.Data)>>8))
	}
	b = append(b, m.Data...)
	if m.Type.extended() && (m.HasSegmentation || m.HasImportance || len(m.Optional) > 0) {
		if !point(3) {
			return fail("optional part", ErrTooLong)
		}
		if s := m.Segmentation; m.HasSegmentation {
			b = append(b, tagSegmentation, 4, flag(s.First, 0x80)|flag(s.InOrder, 0x40)|s.Remaining&15, byte(s.Reference), byte(s.Reference>>8), byte(s.Reference>>16))
		}
		if m.HasImportance {
			b = append(b, tagImportance, 1, m.Importance&7)
		}
		b = append(append(b, m.Optional...), endOfOptional)
	}
	return b, nil
}

// Return makes the message that takes m back to where it came from (Q.714 section 4.2), with the
// addresses changed over. ok is false if m does not ask for it.
func (m Message) Return(cause ReturnCause) (back Message, ok bool) {
	if m.Type.service() || !m.ReturnOnError || m.HasSegmentation && !m.Segmentation.First {
		return Message{}, false
	}
	back = m
	switch m.Type {
	case UDT:
		back.Type = UDTS
	case XUDT:
		back.Type = XUDTS
	case LUDT:
		back.Type = LUDTS
	}
	back.Cause, back.Class, back.ReturnOnError = cause, 0, false
	back.Called, back.Calling = m.Calling, m.Called
	if back.Type.extended() {
		back.HopCounter = 15
	}
	return back, true
}
