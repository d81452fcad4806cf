package trace

import (
	"fmt"
	"net/netip"
	"time"
)

// A Func receives every [Event] of a stack. It is called on the goroutine that sends or
// receives, so it must return quickly and must not call back into the stack. It may be called
// by several goroutines at once. Event.Data belongs to the caller: a Func that keeps it copies it.
type Func func(Event)

// Event is one thing that happened: a message on the wire, or a change of state.
type Event struct {
	Time time.Time // when it was sent, received or changed
	Dir  Dir       // Sent, Received, or State for a change of state

	Interface string // the role or reference point, such as "pcscf", "Cx", "link-1"; may be empty
	Proto     Proto  // the protocol that Data holds
	Transport Transport
	Local     netip.AddrPort // our end; zero if there is none
	Remote    netip.AddrPort // the peer's end; zero if there is none

	// Stream and PPID describe an SCTP data chunk (RFC 9260 section 3.3.1), in host order.
	Stream uint16
	PPID   uint32

	Data    []byte // the message as it is on the wire; nil for a change of state
	Secrets []Span // the parts of Data that are secret (keys); sinks overwrite them unless told otherwise

	Correlation string // what belongs together: a Call-ID, a Session-Id, a linkset
	Comment     string // why, in words: "iFC priority 10 -> AS", "ALIGNED -> PROVING"
}

// Span is a range of octets: Data[Start:End].
type Span struct{ Start, End int }

// Redacted returns data with every span overwritten by 'x' and everything else as it was. It
// returns data itself when no span lies within it, and a copy otherwise.
func Redacted(data []byte, secrets []Span) []byte {
	copied := false
	for _, s := range secrets {
		start, end := max(s.Start, 0), min(s.End, len(data))
		if start >= end {
			continue
		}
		if !copied {
			data, copied = append([]byte(nil), data...), true
		}
		for i := start; i < end; i++ {
			data[i] = 'x'
		}
	}
	return data
}

// Dir says which way an event went.
type Dir uint8

// The directions.
const (
	State    Dir = iota // nothing was on the wire: a state changed or a decision was taken
	Sent                // from Local to Remote
	Received            // from Remote to Local
)

func (d Dir) String() string {
	switch d {
	case State:
		return "state"
	case Sent:
		return "sent"
	case Received:
		return "received"
	}
	return fmt.Sprintf("Dir(%d)", uint8(d))
}

// Proto names a protocol.
type Proto uint8

// The protocols of this module.
const (
	NoProto Proto = iota
	SIP
	SDP
	RTP
	RTCP
	Diameter
	M3UA
	M2PA
	MTP3
	SCCP
	ISUP
	SCTP
	ESP
	DNS
	HTTP
	ESL
)

var protoNames = [...]string{"none", "SIP", "SDP", "RTP", "RTCP", "Diameter", "M3UA", "M2PA", "MTP3", "SCCP", "ISUP", "SCTP", "ESP", "DNS", "HTTP", "ESL"}

func (p Proto) String() string {
	if int(p) < len(protoNames) {
		return protoNames[p]
	}
	return fmt.Sprintf("Proto(%d)", uint8(p))
}

// Transport names what carried a message.
type Transport uint8

// The transports.
const (
	NoTransport Transport = iota
	UDP
	TCP
	TLS
	WS
	WSS
	OverSCTP
	Pipe // in memory, within one process
)

var transportNames = [...]string{"none", "UDP", "TCP", "TLS", "WS", "WSS", "SCTP", "pipe"}

func (t Transport) String() string {
	if int(t) < len(transportNames) {
		return transportNames[t]
	}
	return fmt.Sprintf("Transport(%d)", uint8(t))
}

// Tee returns a Func that calls each of fns in order. Nil entries are left out; with none left
// Tee returns nil, so that a stack traces nothing.
func Tee(fns ...Func) Func {
	var live []Func
	for _, f := range fns {
		if f != nil {
			live = append(live, f)
		}
	}
	switch len(live) {
	case 0:
		return nil
	case 1:
		return live[0]
	}
	return func(e Event) {
		for _, f := range live {
			f(e)
		}
	}
}
