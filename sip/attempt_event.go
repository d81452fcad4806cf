package sip

import (
	"fmt"
	"strings"
)

// ClientEvent is what became of a request that was started with [Endpoint.Start].
type ClientEvent struct {
	// Response is a provisional or final response. An INVITE may have several 2xx: from
	// branches of a fork, and retransmissions; the user acknowledges each.
	Response *Response

	Flow   Flow   // where Response came from, or where the ACK went
	Target Target // whom the request was sent to

	// Err says why there will be no final response: ErrTimeout, ErrCanceled, ErrLimit, a
	// *TransportError, or one that is net.ErrClosed, within an *AttemptError.
	Err error

	// Done says that no further event follows. After a 2xx of an INVITE that is 64*T1 later,
	// in an event without Response and Err.
	Done bool
}

// TargetResult is how one target failed.
type TargetResult struct {
	Target Target
	Status int // 503, if that was its answer
	Err    error
}

// AttemptError says that a request has had no final response, and lists the targets that were
// tried.
type AttemptError struct {
	Method Method
	Tried  []TargetResult
	Err    error // the last one's
}

// Error names the targets.
func (e *AttemptError) Error() string {
	var b strings.Builder
	for i, t := range e.Tried {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%v %v: ", t.Target.Transport, t.Target.Addr)
		if t.Status != 0 {
			fmt.Fprintf(&b, "%d", t.Status)
		} else {
			b.WriteString(strings.TrimPrefix(t.Err.Error(), "sip: "))
		}
	}
	if b.Len() == 0 {
		b.WriteString(strings.TrimPrefix(e.Err.Error(), "sip: "))
	}
	return "sip: " + string(e.Method) + ": " + b.String()
}

// Unwrap returns the cause.
func (e *AttemptError) Unwrap() error { return e.Err }
