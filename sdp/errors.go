package sdp

import (
	"errors"
	"fmt"
	"strconv"
)

// The reasons of a [ParseError].
var (
	ErrSyntax    = errors.New("not of the form <type>=<value>")
	ErrVersion   = errors.New("version is not 0")
	ErrMissing   = errors.New("a required line is missing")
	ErrDuplicate = errors.New("line occurs twice")
	ErrFields    = errors.New("wrong number of fields")
	ErrNumber    = errors.New("not a number in range")
	ErrCharacter = errors.New("control character")
	ErrTooLarge  = errors.New("too large")
)

// ParseError says which line of a description does not parse.
type ParseError struct {
	Line int    // counted from 1; 0 where it is not known
	Text string // the line, cut after 80 octets
	Err  error
}

func (e *ParseError) Error() string {
	return "sdp: line " + strconv.Itoa(e.Line) + " " + strconv.Quote(e.Text) + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

func parseError(line int, text string, err error) error {
	return &ParseError{Line: line, Text: text[:min(len(text), 80)], Err: err}
}

// What a [StateError] means.
var (
	// ErrGlare: an offer came while ours is unanswered. SIP answers 491 (RFC 3261 section 14.2).
	ErrGlare = errors.New("offers of both sides crossed")
	// ErrPending: there is an unanswered offer already. SIP answers a second one with 500 and
	// Retry-After (RFC 3261 section 14.2).
	ErrPending = errors.New("an offer is outstanding")
	// ErrNoOffer: there is nothing to answer, reject or withdraw.
	ErrNoOffer = errors.New("no offer is outstanding")
)

// StateError says that an offer or answer does not fit the state of the session
// (RFC 3264 section 4). Nothing has changed.
type StateError struct {
	Op    string // "offer", "answer", …
	State State
	Err   error
}

func (e *StateError) Error() string { return fmt.Sprintf("sdp: %s while %v: %v", e.Op, e.State, e.Err) }

// Unwrap returns ErrGlare, ErrPending or ErrNoOffer.
func (e *StateError) Unwrap() error { return e.Err }

// Why an offered stream is refused, or an answer is wrong.
var (
	ErrNoMedia   = errors.New("no such media here")
	ErrTransport = errors.New("transport is not accepted")
	ErrNoFormat  = errors.New("no format in common")
	ErrMulticast = errors.New("multicast is not accepted")
	ErrNoAddress = errors.New("no usable address")
	ErrMedia     = errors.New("answer differs from the offer in number or kind of media")
)

// RefusedError says that no stream of an offer can be accepted, so that the offer as a whole is to
// be rejected; SIP answers 488 (RFC 3261 section 13.3.1.3).
type RefusedError struct {
	Reasons []error // for each m= line, nil where the offer itself had port 0
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("sdp: offer refused: %v", e.Unwrap())
}

// Unwrap returns the reason of the first refused stream.
func (e *RefusedError) Unwrap() error {
	for _, err := range e.Reasons {
		if err != nil {
			return err
		}
	}
	return ErrNoMedia
}

// AnswerError says that a peer's answer cannot be one to our offer (RFC 3264 sections 6 and 7).
// The session is as before the offer.
type AnswerError struct {
	Media int // index of the m= line, -1 for the description as a whole
	Err   error
}

func (e *AnswerError) Error() string {
	if e.Media < 0 {
		return "sdp: answer: " + e.Err.Error()
	}
	return fmt.Sprintf("sdp: answer: m= line %d: %v", e.Media+1, e.Err)
}

// Unwrap returns the cause.
func (e *AnswerError) Unwrap() error { return e.Err }
