package isup

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/gotelco/telco/internal/wire"
	"github.com/gotelco/telco/mtp3"
)

// CIC is a circuit identification code: which of the circuits between two exchanges a message is
// about (Q.763 section 1.2). It has 12 bits.
type CIC uint16

// MaxCIC is the highest circuit identification code.
const MaxCIC CIC = 0x0fff

// SLS is the signalling link selection for messages of this circuit: its lowest four bits, so that all
// messages of a call keep their order (Q.704 section 2.2.4).
func (c CIC) SLS() mtp3.SLS { return mtp3.SLS(c & 15) }

// Param is a parameter as it is on the wire.
type Param struct {
	Code  ParameterCode
	Value []byte // without name and length
}

// Message is a message of the ISDN user part (Q.763 section 1). Its parameters stand in one list,
// in the order of the message: mandatory ones first. The typed values of this package go in with
// [Message.Set] and come out with [Message.Decode]; what they don't know stays in the list, and goes out again
// as it came.
type Message struct {
	CIC    CIC
	Type   MessageType
	Params []Param

	// Raw is what follows the type, of messages that are no list of parameters: PAM, CRG, and
	// messages of unknown types that don't consist of an optional part.
	Raw []byte
}

// Errors within a ParseError.
var (
	ErrTruncated = wire.ErrTruncated
	ErrPointer   = errors.New("pointer leads out of the message")
	ErrLength    = errors.New("wrong length")
	ErrMissing   = errors.New("missing")
	ErrTooLong   = errors.New("longer than 255 octets")
	ErrNotHere   = errors.New("this message has no optional part")
	ErrValue     = errors.New("value out of range")
)

// ParseError says what of a message could not be read, or not be written.
type ParseError struct {
	Type  MessageType
	Field string // a parameter's name, "circuit identification code", "message type", …
	Err   error
}

// Error names type and field.
func (e *ParseError) Error() string {
	return "isup: " + e.Type.String() + ": " + e.Field + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads a message, the octets that follow the routing label. Values alias b. A message of an
// unknown type is no error: Type.Known tells. On an error CIC and Type are set as far as they could be read.
func Parse(b []byte) (Message, error) {
	var m Message
	err := m.Parse(b)
	return m, err
}

// Parse reads a message as the function Parse does, and uses the space of m.Params again: with a Message that is kept
// for this, nothing is allocated.
func (m *Message) Parse(b []byte) error {
	*m = Message{Params: m.Params[:0]}
	r := wire.NewReader(b)
	lo, hi := r.Uint8(), r.Uint8()
	if r.Err() != nil {
		return &ParseError{m.Type, "circuit identification code", r.Err()}
	}
	m.CIC = (CIC(lo) | CIC(hi)<<8) & MaxCIC // the four bits above are spare
	m.Type = MessageType(r.Uint8())
	if r.Err() != nil {
		return &ParseError{m.Type, "message type", r.Err()}
	}
	f := m.Type.format()
	if f.raw {
		m.Raw = r.Rest()
		return nil
	}
	if f == unknownFormat {
		rest := r
		if m.parseOptional(&r, b) != nil {
			m.Params, m.Raw = m.Params[:0], rest.Rest()
		}
		return nil
	}
	for _, p := range f.fixed {
		v := r.Bytes(p.len)
		if r.Err() != nil {
			return &ParseError{m.Type, p.code.String(), r.Err()}
		}
		m.Params = append(m.Params, Param{p.code, v})
	}
	for _, code := range f.variable {
		at := r.Offset()
		at += int(r.Uint8())
		if r.Err() != nil {
			return &ParseError{m.Type, code.String(), r.Err()}
		}
		if at < r.Offset() || at >= len(b) {
			return &ParseError{m.Type, code.String(), ErrPointer}
		}
		n := int(b[at])
		if at++; n > len(b)-at {
			return &ParseError{m.Type, code.String(), wire.ErrTruncated}
		}
		m.Params = append(m.Params, Param{code, b[at : at+n : at+n]})
	}
	if f.optional {
		if err := m.parseOptional(&r, b); err != nil {
			return &ParseError{m.Type, "optional part", err}
		}
	}
	return nil
}

// parseOptional reads the pointer to the optional part and that. A message that ends before the
// pointer has none: some exchanges send an RLC so.
func (m *Message) parseOptional(r *wire.Reader, b []byte) error {
	if r.Len() == 0 && m.Type.Known() {
		return nil
	}
	at := r.Offset()
	p := int(r.Uint8())
	if r.Err() != nil {
		return r.Err()
	}
	if p == 0 {
		return nil
	}
	if at += p; at >= len(b) {
		return ErrPointer
	}
	for b[at] != byte(endOfOptional) {
		if len(b)-at < 2 {
			return wire.ErrTruncated
		}
		code, n := ParameterCode(b[at]), int(b[at+1])
		if at += 2; n > len(b)-at {
			return wire.ErrTruncated
		}
		m.Params = append(m.Params, Param{code, b[at : at+n : at+n]})
		if at += n; at >= len(b) {
			return wire.ErrTruncated // the octet that ends the part is missing
		}
	}
	return nil
}

// AppendBinary appends the message to b, from the circuit identification code on. The error is a
// *ParseError that names what is missing or does not fit; b is then returned as it was.
func (m Message) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	fail := func(field string, err error) ([]byte, error) { return b[:start], &ParseError{m.Type, field, err} }
	if m.CIC > MaxCIC {
		return fail("circuit identification code", ErrValue)
	}
	b = append(b, byte(m.CIC), byte(m.CIC>>8), byte(m.Type))
	f := m.Type.format()
	if f.raw || f == unknownFormat && m.Raw != nil {
		return append(b, m.Raw...), nil
	}
	for _, p := range f.fixed {
		v, ok := m.Param(p.code)
		if !ok {
			return fail(p.code.String(), ErrMissing)
		}
		if len(v) != p.len {
			return fail(p.code.String(), ErrLength)
		}
		b = append(b, v...)
	}
	at := len(b) // of the next pointer
	for range f.variable {
		b = append(b, 0)
	}
	if f.optional {
		b = append(b, 0)
	}
	for _, code := range f.variable {
		v, ok := m.Param(code)
		if !ok {
			return fail(code.String(), ErrMissing)
		}
		if len(v) > 255 || len(b)-at > 255 {
			return fail(code.String(), ErrTooLong)
		}
		b[at] = byte(len(b) - at)
		at++
		b = append(append(b, byte(len(v))), v...)
	}
	optional := false
	for i, p := range m.Params {
		if f.mandatory(p.Code) && m.first(p.Code) == i {
			continue
		}
		if !f.optional {
			return fail(p.Code.String(), ErrNotHere)
		}
		if p.Code == endOfOptional {
			return fail("parameter 0", ErrValue)
		}
		if len(p.Value) > 255 || !optional && len(b)-at > 255 {
			return fail(p.Code.String(), ErrTooLong)
		}
		if !optional {
			b[at], optional = byte(len(b)-at), true
		}
		b = append(append(b, byte(p.Code), byte(len(p.Value))), p.Value...)
	}
	if optional {
		b = append(b, byte(endOfOptional))
	}
	return b, nil
}

func (f *format) mandatory(code ParameterCode) bool {
	for _, p := range f.fixed {
		if p.code == code {
			return true
		}
	}
	for _, c := range f.variable {
		if c == code {
			return true
		}
	}
	return false
}

// first is the index of the first parameter of this code, or -1.
func (m *Message) first(code ParameterCode) int {
	for i := range m.Params {
		if m.Params[i].Code == code {
			return i
		}
	}
	return -1
}

// Param returns the value of the first parameter of this code.
func (m *Message) Param(code ParameterCode) (value []byte, ok bool) {
	if i := m.first(code); i >= 0 {
		return m.Params[i].Value, true
	}
	return nil, false
}

// A Parameter is a typed value of a parameter. AppendBinary appends it without name and length.
type Parameter interface {
	Code() ParameterCode
	AppendBinary(b []byte) ([]byte, error)
}

// A ParameterDecoder is a Parameter that can be read, too: the pointer types of this package.
type ParameterDecoder interface {
	Code() ParameterCode
	UnmarshalBinary(b []byte) error
}

// New makes a message of the given parameters. It panics if a value cannot be written, as only a program's own
// values can be wrong: those that come from outside go through [Message.Set].
func New(t MessageType, cic CIC, params ...Parameter) Message {
	m := Message{Type: t, CIC: cic}
	for _, p := range params {
		if err := m.Add(p); err != nil {
			panic(err)
		}
	}
	return m
}

// Set puts a parameter into the message, in the place of the first one with the same code, if there is one.
func (m *Message) Set(p Parameter) error {
	v, err := p.AppendBinary(nil)
	if err != nil {
		return &ParseError{m.Type, p.Code().String(), err}
	}
	if i := m.first(p.Code()); i >= 0 {
		m.Params[i].Value = v
	} else {
		m.Params = append(m.Params, Param{p.Code(), v})
	}
	return nil
}

// Add appends a parameter, also where there is one of the same code.
func (m *Message) Add(p Parameter) error {
	v, err := p.AppendBinary(nil)
	if err != nil {
		return &ParseError{m.Type, p.Code().String(), err}
	}
	m.Params = append(m.Params, Param{p.Code(), v})
	return nil
}

// Remove takes all parameters of this code out.
func (m *Message) Remove(code ParameterCode) {
	kept := m.Params[:0]
	for _, p := range m.Params {
		if p.Code != code {
			kept = append(kept, p)
		}
	}
	m.Params = kept
}

// Decode reads the first parameter of p's code into p. ok is false if the message has none.
func (m *Message) Decode(p ParameterDecoder) (ok bool, err error) {
	v, ok := m.Param(p.Code())
	if !ok {
		return false, nil
	}
	if err := p.UnmarshalBinary(v); err != nil {
		return true, &ParseError{m.Type, p.Code().String(), err}
	}
	return true, nil
}

// Clone returns a message that shares nothing with m.
func (m Message) Clone() Message {
	params := m.Params
	m.Params = nil
	for _, p := range params {
		m.Params = append(m.Params, Param{p.Code, bytes.Clone(p.Value)})
	}
	m.Raw = bytes.Clone(m.Raw)
	return m
}

// String is the type, the circuit and what matters most of the rest: "IAM CIC 5 to 0800123456 from 4930123".
func (m Message) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v CIC %d", m.Type, m.CIC)
	var called CalledPartyNumber
	if ok, err := m.Decode(&called); ok && err == nil {
		b.WriteString(" to " + called.Digits.String())
	}
	var more SubsequentNumber
	if ok, err := m.Decode(&more); ok && err == nil {
		b.WriteString(" digits " + more.Digits.String())
	}
	var calling CallingPartyNumber
	if ok, err := m.Decode(&calling); ok && err == nil && calling.Digits.Len() > 0 {
		b.WriteString(" from " + calling.Digits.String())
	}
	var cause Cause
	if ok, err := m.Decode(&cause); ok && err == nil {
		b.WriteString(" cause " + cause.Value.String())
	}
	var event EventInformation
	if ok, err := m.Decode(&event); ok && err == nil {
		b.WriteString(" " + event.Event.String())
	}
	var rs RangeAndStatus
	if ok, err := m.Decode(&rs); ok && err == nil {
		fmt.Fprintf(&b, " to %d", int(m.CIC)+int(rs.Range))
	}
	return b.String()
}
