package sip

import (
	"errors"
	"fmt"
)

// Layer says at which depth a message was refused.
type Layer uint8

// The layers, in the order in which a message passes them.
const (
	SyntaxLayer  Layer = iota + 1 // the octets do not make a message: start line, header lines, framing
	HeaderLayer                   // a header field is missing, repeated, against its grammar or out of range
	RequestLayer                  // a request that reads well cannot be served: version, method, URI, extension, content type
)

func (l Layer) String() string {
	switch l {
	case SyntaxLayer:
		return "syntax"
	case HeaderLayer:
		return "header"
	case RequestLayer:
		return "request"
	}
	return fmt.Sprintf("Layer(%d)", uint8(l))
}

// The causes that callers tell apart; others are plain text. A [ParseError] wraps them.
var (
	ErrTooLarge  = errors.New("message too large")                   // over MaxSize or MaxFields
	ErrTruncated = errors.New("message ends before its header does") // no empty line, or a body shorter than Content-Length
	ErrMissing   = errors.New("missing")                             // a field that must be there is not
	ErrRepeated  = errors.New("more than one")                       // a field that must be single is not
)

// ParseError says why a message, a header field or a URI was refused.
type ParseError struct {
	Layer  Layer  // how deep it got
	Field  string // "start line", "Request-URI", "Via", …; empty for a bare value
	Offset int    // of the offending octet: within the message when it came through [Parse], else within the text given; -1 if there is none
	Status int    // the status code to answer a request with (400, 416, 420, 505, 513, …); 0 for a response, which is dropped
	Err    error  // the cause
}

// Error describes the refusal in one line.
func (e *ParseError) Error() string {
	s := "sip: "
	if e.Field != "" {
		s += e.Field + ": "
	}
	s += e.Err.Error()
	if e.Offset >= 0 {
		s += fmt.Sprintf(" (offset %d)", e.Offset)
	}
	return s
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// statusOf is what to refuse a request with because of err: 400 where err does not say.
func statusOf(err error) int {
	var pe *ParseError
	if errors.As(err, &pe) && pe.Status != 0 {
		return pe.Status
	}
	return 400
}

// cause is a reason in words.
type cause string

func (c cause) Error() string { return string(c) }

// bad makes the refusal of a value at offset off of its text.
func bad(off int, why cause) *ParseError {
	return &ParseError{Layer: SyntaxLayer, Offset: off, Status: 400, Err: why}
}

// inField moves e to a header field whose value starts at base.
func (e *ParseError) inField(field string, base int) *ParseError {
	e.Layer = HeaderLayer
	return e.within(field, base)
}

// within moves e to a part of the message that starts at base; base -1 means it is nowhere in one.
func (e *ParseError) within(field string, base int) *ParseError {
	if e.Field == "" {
		e.Field = field
	}
	if base < 0 {
		e.Offset = -1
	} else if e.Offset >= 0 {
		e.Offset += base
	}
	return e
}

// asError keeps a nil *ParseError from becoming a non-nil error.
func asError(e *ParseError) error {
	if e == nil {
		return nil
	}
	return e
}
