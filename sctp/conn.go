package sctp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Message is one user message: what an upper layer gives to an association in one piece and gets
// from it in one piece (RFC 9260 section 1.3.3).
type Message struct {
	Stream    uint16 // the stream identifier, from 0
	PPID      uint32 // the payload protocol identifier, in host order, such as 3 for M3UA
	Unordered bool   // delivered as it arrives, whatever its stream still waits for
	Data      []byte // at least one octet
}

// Received is what [Conn.Receive] delivers: a message, or an event between two messages.
type Received struct {
	Message
	Event *Event // if set, Message is empty
}

// EventKind says what happened to an association (RFC 9260 section 11.2).
type EventKind uint8

// The kinds of events.
const (
	Up          EventKind = iota + 1 // the association is established; the first thing a Conn delivers
	Down                             // the association is over; the last thing a Conn delivers
	Restart                          // the peer began anew under the same addresses (RFC 9260 section 5.2.4.1)
	PathUp                           // a remote address answers again, or for the first time
	PathDown                         // a remote address is out of reach
	SendFailed                       // a message was given up unacknowledged; Event.Message is what it was
	PeerClosing                      // the peer asked for the shutdown: nothing more can be sent
)

var eventNames = [...]string{Up: "up", Down: "down", Restart: "restart", PathUp: "path up", PathDown: "path down", SendFailed: "send failed", PeerClosing: "peer closing"}

// String is the kind in words.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event is a change that an upper layer has to know of.
type Event struct {
	Kind EventKind

	Path    Addr     // of PathUp and PathDown: the remote address, alone
	In, Out uint16   // of Up and Restart: how many streams there are in each direction
	Reason  error    // of Down: why, a *DownError
	Message *Message // of SendFailed; without its beginning, if the peer has acknowledged that
}

// Reason says why an association is over.
type Reason uint8

// The reasons.
const (
	ShutdownComplete Reason = iota + 1 // both sides agreed: everything was delivered
	PeerAborted                        // the peer sent ABORT; DownError.Cause is what it said
	PeerLost                           // the peer stopped answering on every path (RFC 9260 section 8.1)
	CannotStart                        // nobody answered, or the peer refused
	LocalClosed                        // Close or Abort of this side
)

var reasonNames = [...]string{ShutdownComplete: "shut down", PeerAborted: "aborted by the peer", PeerLost: "peer lost", CannotStart: "cannot start", LocalClosed: "closed"}

// String is the reason in words.
func (r Reason) String() string {
	if int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// DownError says that an association is over, and why. One with LocalClosed is net.ErrClosed.
type DownError struct {
	Reason Reason
	Code   uint16 // of PeerAborted: the cause code (RFC 9260 section 3.3.10); 0 if the peer gave none
	Cause  []byte // of PeerAborted: what the cause holds, such as the text of an upper layer
	Err    error  // what the system said, if anything
}

// Error says which reason, with the peer's cause.
func (e *DownError) Error() string {
	s := "sctp: " + e.Reason.String()
	if e.Reason == PeerAborted && e.Code != 0 {
		s += fmt.Sprintf(": cause %d %q", e.Code, e.Cause)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is what the system said.
func (e *DownError) Unwrap() error { return e.Err }

// Is makes the error of an association that this side ended a net.ErrClosed.
func (e *DownError) Is(target error) bool {
	return target == net.ErrClosed && e.Reason == LocalClosed
}

// Errors of sending.
var (
	ErrFull    = errors.New("sctp: the send buffer is full")
	ErrTooLong = errors.New("sctp: the message is longer than this association sends")
	ErrEmpty   = errors.New("sctp: the message is empty")
	ErrStream  = errors.New("sctp: no such stream")
	ErrClosing = errors.New("sctp: the association is being shut down") // after Shutdown, or after the peer's: PeerClosing
)

// Conn is an association. Its methods may be called by several goroutines at once; of Receive,
// only one call at a time.
type Conn interface {
	// Send hands over the messages in order and returns how many were taken, all of them unless
	// err is set. While the send buffer is full it waits. A message is taken whole or not at
	// all, and its Data may be used again when Send returns.
	Send(ctx context.Context, ms ...Message) (n int, err error)

	// TrySend is Send that does not wait: what finds no room stays with the caller, with ErrFull.
	TrySend(ms ...Message) (n int, err error)

	// Receive waits until something has arrived and appends to in all that is there, as long
	// as it has room without growing, but at least one. Order is kept within a stream, and
	// between messages and a Restart or Down. The Data of messages stays valid until the next
	// call of Receive: who keeps it longer copies it. After Down has been delivered, err is the
	// *DownError.
	Receive(ctx context.Context, in []Received) ([]Received, error)

	// Status is a snapshot of the association and its paths.
	Status() Status

	// Shutdown ends the association once everything sent has been acknowledged by the peer. It
	// returns nil when both sides agreed on the end, and aborts when ctx is done before that.
	Shutdown(ctx context.Context) error

	// Abort ends the association at once; the peer is told, with cause (a user-initiated abort,
	// RFC 9260 section 3.3.10.12).
	Abort(cause string) error

	// Close is Shutdown with Config.CloseTimeout as its limit. It returns at once; what is under
	// way goes on in the background. A Send that waits returns a net.ErrClosed; Receive drops what
	// nobody has taken yet and delivers Down with LocalClosed.
	Close() error

	LocalAddr() Addr
	RemoteAddr() Addr
}

// Listener accepts associations.
type Listener interface {
	Accept(ctx context.Context) (Conn, error) // a net.ErrClosed after Close
	Addr() Addr
	Close() error // associations accepted before stay
}

// Network is a way to have associations: the kernel's SCTP, one of our own over UDP or raw IP, or
// one in memory. Programs choose; packages above take Conns.
type Network interface {
	// Listen accepts associations on local. A zero port is chosen by the network.
	Listen(ctx context.Context, local Addr, cfg Config) (Listener, error)
	// Dial sets up an association. local may be zero.
	Dial(ctx context.Context, local, remote Addr, cfg Config) (Conn, error)
	// Capabilities says what this network can do.
	Capabilities() Capabilities
}

// Capabilities says what a [Network] can do. A Config that asks for more is refused by Listen and
// Dial with an *UnsupportedError.
type Capabilities struct {
	Name       string // "kernel", "udp", "raw", "memory"
	Multihomed bool   // several addresses per side, with PathUp and PathDown
	RTO        bool   // Config.RTO… are honoured
	SACK       bool   // Config.SACKDelay is honoured
	MaxMessage int    // the longest message in octets
}

// UnsupportedError says that a network cannot do what a Config asks for.
type UnsupportedError struct{ Network, Field string }

// Error names the field of Config.
func (e *UnsupportedError) Error() string {
	return "sctp: " + e.Network + " has no " + e.Field
}

// Status is a snapshot of an association.
type Status struct {
	State      string // as RFC 9260 section 4 names them: "ESTABLISHED", "SHUTDOWN-SENT", …
	In, Out    uint16 // streams in each direction
	Unsent     int    // octets taken by Send that have not been sent yet
	Unacked    int    // octets sent that the peer has not acknowledged
	PeerWindow uint32 // the peer's receive window, in octets
	Paths      []PathStatus

	Sent, Received, Retransmitted uint64 // messages sent and received, DATA chunks sent again (0 if not known)
}

// PathStatus is a snapshot of one remote address.
type PathStatus struct {
	Addr    Addr
	Active  bool
	Primary bool
	CWND    uint32
	SRTT    time.Duration
	RTO     time.Duration
	MTU     uint32
}
