package sip

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gotelco/telco/trace"
)

// Transport is what carries SIP messages between two hops (RFC 3261 section 18, RFC 7118).
type Transport uint8

// The transports. NoTransport is the zero value: not known, or not decided yet.
const (
	NoTransport Transport = iota
	UDP
	TCP
	TLS
	WS  // WebSocket over TCP (RFC 7118)
	WSS // WebSocket over TLS (RFC 7118)
)

var transportNames = [...]string{"", "UDP", "TCP", "TLS", "WS", "WSS"}

// String returns the transport as a Via spells it (RFC 3261 section 20.42): "UDP", "TLS", …
func (t Transport) String() string {
	if int(t) < len(transportNames) {
		return transportNames[t]
	}
	return fmt.Sprintf("Transport(%d)", uint8(t))
}

// ParseTransport finds the transport with that name, in either case, such as "udp" from a
// transport parameter or "TLS" from a Via.
func ParseTransport(s string) (Transport, bool) {
	for t, name := range transportNames {
		if t > 0 && strings.EqualFold(name, s) {
			return Transport(t), true
		}
	}
	return NoTransport, false
}

// Reliable tells that the transport loses nothing, so that messages are not sent again and the
// timers G, E and A don't run (RFC 3261 section 17).
func (t Transport) Reliable() bool { return t > UDP }

// Secure tells that the transport is encrypted: TLS or WSS.
func (t Transport) Secure() bool { return t == TLS || t == WSS }

// DefaultPort is the port when an address names none: 5060, 5061 over TLS (RFC 3261 section
// 19.1.2), 80 and 443 for WebSocket (RFC 7118 section 5).
func (t Transport) DefaultPort() uint16 {
	switch t {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	}
	return 5060
}

// Param is the transport as a URI's transport parameter spells it: "udp", "tcp", "tls", "ws".
// WSS is "ws" too: a sips URI tells them apart (RFC 7118 section 5.4).
func (t Transport) Param() string {
	if t == WSS {
		return "ws"
	}
	return strings.ToLower(t.String())
}

// Trace returns the same transport as package trace names it.
func (t Transport) Trace() trace.Transport {
	if t <= WSS {
		return trace.Transport(t)
	}
	return trace.NoTransport
}

// Flow is the way between us and a peer: a local socket and the peer's address, or one
// connection. Messages are sent over flows; a Flow stays valid as a value when its connection
// has gone, and sending over it then fails. Flows are comparable.
//
// A Flow made by hand from Transport, Local and Remote names the socket that is bound to Local
// (or any fitting one where Local is zero), or the connection between the two addresses.
type Flow struct {
	Transport     Transport
	Local, Remote netip.AddrPort
	conn          uint64 // the socket or connection; 0 in a Flow made by hand
}

// IsZero tells that the Flow names nothing.
func (f Flow) IsZero() bool { return f == Flow{} }

// String returns the flow for logs: "UDP 192.0.2.1:5060-192.0.2.9:5060".
func (f Flow) String() string {
	if f.conn != 0 && f.Transport.Reliable() {
		return fmt.Sprintf("%v %v-%v #%d", f.Transport, f.Local, f.Remote, f.conn)
	}
	return fmt.Sprintf("%v %v-%v", f.Transport, f.Local, f.Remote)
}

// TransportError tells that a message could not be sent or a connection could not be had. To a
// transaction it is what a timeout is: the next target may do better (RFC 3261 section 18.4).
type TransportError struct {
	Op        string // "send", "connect", "receive"
	Transport Transport
	Remote    netip.AddrPort
	Err       error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("sip: %s %v %v: %v", e.Op, e.Transport, e.Remote, e.Err)
}

func (e *TransportError) Unwrap() error { return e.Err }
