package rtp

import (
	"errors"
	"fmt"
)

// The reasons of a [ParseError].
var (
	ErrLength  = errors.New("wrong length")
	ErrVersion = errors.New("version is not 2")
	ErrFirst   = errors.New("a compound packet starts with a report") // RFC 3550 section 6.1
	ErrPadding = errors.New("wrong padding")
)

// ParseError says which part of a packet does not parse.
type ParseError struct {
	Field string // "RTP header", "RTCP SR", …
	Err   error
}

func (e *ParseError) Error() string { return fmt.Sprintf("rtp: parse %s: %v", e.Field, e.Err) }

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }
