package tcap

import (
	"errors"
	"fmt"

	"github.com/gotelco/telco/internal/ber"
)

// Kind says what a message is (Q.773 section 3.1).
type Kind uint8

// The messages.
const (
	Unidirectional Kind = iota + 1
	Begin
	Continue
	End
	Abort
)

var kindNames = [...]string{Unidirectional: "Unidirectional", Begin: "Begin", Continue: "Continue", End: "End", Abort: "Abort"}

var kindTags = [...]ber.Tag{Unidirectional: 0x61, Begin: 0x62, Continue: 0x65, End: 0x64, Abort: 0x67}

// String is the message's name.
func (k Kind) String() string { return name(kindNames[:], k, "Kind") }

func name[T ~uint8](names []string, v T, typ string) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", typ, uint8(v))
}

// TransactionID is how one end numbers a transaction: one to four octets (Q.773 section 3.1). Which zeros lead belongs to it.
type TransactionID struct {
	Value  uint32
	Octets uint8 // 1 to 4; zero: there is none
}

// NewID is a transaction ID of four octets.
func NewID(v uint32) TransactionID { return TransactionID{v, 4} }

// String is the ID in hexadecimal digits.
func (t TransactionID) String() string { return fmt.Sprintf("%0*x", 2*int(t.Octets), t.Value) }

// AbortCause is why the transaction layer gives up (Q.773 section 3.1, P-abort cause).
type AbortCause uint8

// The causes.
const (
	UnrecognizedMessage     AbortCause = 0
	UnrecognizedTransaction AbortCause = 1
	BadlyFormatted          AbortCause = 2 // badly formatted transaction portion
	IncorrectPortion        AbortCause = 3 // incorrect transaction portion
	ResourceLimitation      AbortCause = 4
)

var abortNames = [...]string{"unrecognized message type", "unrecognized transaction ID", "badly formatted transaction portion", "incorrect transaction portion", "resource limitation"}

// String is the cause in words.
func (c AbortCause) String() string { return name(abortNames[:], c, "AbortCause") }

// Message is a message of the transaction sub-layer (Q.773).
type Message struct {
	Kind Kind
	OTID TransactionID // of the sender: in Begin and Continue
	DTID TransactionID // of the receiver: in Continue, End and Abort

	PAbort     bool // Abort: by the transaction layer, because of Cause
	AbortCause AbortCause

	Dialogue   *Dialogue // nil if there is no dialogue portion
	Components []Component
}

// Errors within a ParseError.
var (
	ErrTruncated = ber.ErrTruncated
	ErrTag       = errors.New("tag not known here")
	ErrMissing   = errors.New("missing")
	ErrValue     = errors.New("value not allowed")
	ErrTooMany   = errors.New("too many components")
)

// MaxComponents is how many components a message may have.
const MaxComponents = 64

// ParseError says what of a message could not be read, or not be written.
type ParseError struct {
	Field string
	Err   error
}

// Error names the field.
func (e *ParseError) Error() string { return "tcap: " + e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

const (
	tagOTID       ber.Tag = 0x48
	tagDTID       ber.Tag = 0x49
	tagPAbort     ber.Tag = 0x4a
	tagDialogue   ber.Tag = 0x6b
	tagComponents ber.Tag = 0x6c
)

// Parse reads a message. Parameters alias b. After an error of the dialogue or component portion, Kind and the IDs are set.
func Parse(b []byte) (Message, error) {
	var m Message
	tag, body, _, err := ber.Next(b)
	if err != nil {
		return m, &ParseError{"message type", err}
	}
	for k, t := range kindTags {
		if t == tag && t != 0 {
			m.Kind = Kind(k)
		}
	}
	if m.Kind == 0 {
		return m, &ParseError{"message type", ErrTag}
	}
	var dialogue, components []byte
	hasDialogue := false
	for len(body) > 0 {
		var value []byte
		if tag, value, body, err = ber.Next(body); err != nil {
			return m, &ParseError{"transaction portion", err}
		}
		switch tag {
		case tagOTID:
			m.OTID, err = parseID(value)
		case tagDTID:
			m.DTID, err = parseID(value)
		case tagPAbort:
			var v int64
			if v, err = ber.Int(value); err == nil && (v < 0 || v > 127) {
				err = ErrValue
			}
			m.PAbort, m.AbortCause = true, AbortCause(v)
		case tagDialogue:
			dialogue, hasDialogue = value, true
		case tagComponents:
			components = value
		default:
			err = ErrTag
		}
		if err != nil {
			return m, &ParseError{"transaction portion", err}
		}
	}
	if err := m.checkIDs(); err != nil {
		return m, err
	}
	if hasDialogue {
		m.Dialogue = new(Dialogue)
		if err := m.Dialogue.parse(dialogue); err != nil {
			return m, &ParseError{"dialogue portion", err}
		}
	}
	for len(components) > 0 {
		if len(m.Components) == MaxComponents {
			return m, &ParseError{"component portion", ErrTooMany}
		}
		var c Component
		if components, err = c.parse(components); err != nil {
			return m, &ParseError{"component portion", err}
		}
		m.Components = append(m.Components, c)
	}
	return m, nil
}

// checkIDs: which of the two IDs belong to which message.
func (m *Message) checkIDs() error {
	if want := m.Kind == Begin || m.Kind == Continue; want != (m.OTID.Octets > 0) {
		return &ParseError{"originating transaction ID", missing(want)}
	}
	if want := m.Kind == Continue || m.Kind == End || m.Kind == Abort; want != (m.DTID.Octets > 0) {
		return &ParseError{"destination transaction ID", missing(want)}
	}
	if m.PAbort && m.Kind != Abort {
		return &ParseError{"P-abort cause", ErrTag}
	}
	return nil
}

func missing(want bool) error {
	if want {
		return ErrMissing
	}
	return ErrTag
}

func parseID(b []byte) (TransactionID, error) {
	if len(b) < 1 || len(b) > 4 {
		return TransactionID{}, ErrValue
	}
	t := TransactionID{Octets: uint8(len(b))}
	for _, o := range b {
		t.Value = t.Value<<8 | uint32(o)
	}
	return t, nil
}

func (t TransactionID) append(b []byte, tag ber.Tag) ([]byte, error) {
	if t.Octets > 4 || t.Octets < 4 && t.Value>>(8*t.Octets) != 0 {
		return b, ErrValue
	}
	var v [4]byte
	for i := range v {
		v[i] = byte(t.Value >> (8 * (3 - i)))
	}
	return ber.Append(b, tag, v[4-t.Octets:]), nil
}

// AppendBinary appends the message to b. The error is a *ParseError.
func (m Message) AppendBinary(b []byte) ([]byte, error) {
	if m.Kind < Unidirectional || m.Kind > Abort {
		return b, &ParseError{"message type", ErrValue}
	}
	if err := m.checkIDs(); err != nil {
		return b, err
	}
	if len(m.Components) > MaxComponents {
		return b, &ParseError{"component portion", ErrTooMany}
	}
	var body []byte
	var err error
	if m.OTID.Octets > 0 {
		if body, err = m.OTID.append(body, tagOTID); err != nil {
			return b, &ParseError{"originating transaction ID", err}
		}
	}
	if m.DTID.Octets > 0 {
		if body, err = m.DTID.append(body, tagDTID); err != nil {
			return b, &ParseError{"destination transaction ID", err}
		}
	}
	if m.PAbort {
		body = ber.AppendInt(body, tagPAbort, int64(m.AbortCause&0x7f))
	}
	if m.Dialogue != nil {
		d, err := m.Dialogue.append(nil)
		if err != nil {
			return b, &ParseError{"dialogue portion", err}
		}
		body = ber.Append(body, tagDialogue, d)
	}
	if len(m.Components) > 0 {
		var all []byte
		for _, c := range m.Components {
			if all, err = c.append(all); err != nil {
				return b, &ParseError{"component portion", err}
			}
		}
		body = ber.Append(body, tagComponents, all)
	}
	return ber.Append(b, kindTags[m.Kind], body), nil
}
