package sdp

import "fmt"

// Direction says which way media flows, as the author of the description sees it
// (RFC 8866 section 6.7). The zero value is SendRecv, the default.
type Direction uint8

// The directions.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

var directions = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

func (d Direction) String() string {
	if int(d) < len(directions) {
		return directions[d]
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// ParseDirection reads the name of a direction attribute.
func ParseDirection(name string) (Direction, bool) {
	for i, n := range directions {
		if n == name {
			return Direction(i), true
		}
	}
	return SendRecv, false
}

// CanSend says whether the author of the description may send.
func (d Direction) CanSend() bool { return d == SendRecv || d == SendOnly }

// CanReceive says whether the author of the description is ready to receive.
func (d Direction) CanReceive() bool { return d == SendRecv || d == RecvOnly }

// Reverse returns the direction as the other side sees it.
func (d Direction) Reverse() Direction { return directionOf(d.CanReceive(), d.CanSend()) }

// And returns what both directions allow.
func (d Direction) And(e Direction) Direction {
	return directionOf(d.CanSend() && e.CanSend(), d.CanReceive() && e.CanReceive())
}

func directionOf(send, receive bool) Direction {
	switch {
	case send && receive:
		return SendRecv
	case send:
		return SendOnly
	case receive:
		return RecvOnly
	}
	return Inactive
}
