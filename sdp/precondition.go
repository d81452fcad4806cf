package sdp

import (
	"fmt"
	"strings"
)

// QoS is the precondition-type of quality of service (RFC 3312 section 4), the only one that this package knows
// how to meet.
const QoS = "qos"

// Way is a direction-tag of a precondition (RFC 3312 section 4): a set of WaySend and WayRecv, as its author sees them.
type Way uint8

// The direction-tags.
const (
	WayNone     Way = 0
	WaySend     Way = 1
	WayRecv     Way = 2
	WaySendRecv     = WaySend | WayRecv
)

var wayNames = [...]string{"none", "send", "recv", "sendrecv"}

func (w Way) String() string {
	if int(w) < len(wayNames) {
		return wayNames[w]
	}
	return fmt.Sprintf("Way(%d)", uint8(w))
}

// Reverse returns the tag as the peer sees it.
func (w Way) Reverse() Way { return w>>1&WaySend | w<<1&WayRecv }

// Segment is a status-type of a precondition (RFC 3312 section 4), as its author sees it.
type Segment uint8

// The status-types.
const (
	EndToEnd      Segment = iota
	LocalSegment          // the author's access network
	RemoteSegment         // that of its peer
)

var segmentNames = [...]string{"e2e", "local", "remote"}

func (s Segment) String() string {
	if int(s) < len(segmentNames) {
		return segmentNames[s]
	}
	return fmt.Sprintf("Segment(%d)", uint8(s))
}

// Reverse returns the status-type as the peer sees it.
func (s Segment) Reverse() Segment {
	switch s {
	case LocalSegment:
		return RemoteSegment
	case RemoteSegment:
		return LocalSegment
	}
	return s
}

// Strength is a strength-tag (RFC 3312 section 4). Those of desires are ordered: None is the least.
type Strength uint8

// The strength-tags.
const (
	None      Strength = iota // nothing needs to be reserved
	Optional                  // reservation is tried, the call goes on without it
	Mandatory                 // without reservation there is no call
	Failure                   // this could not be met: why a call was refused (RFC 3312 section 8)
	Unknown                   // this type is not known (section 9)
)

var strengthNames = [...]string{"none", "optional", "mandatory", "failure", "unknown"}

func (s Strength) String() string {
	if int(s) < len(strengthNames) {
		return strengthNames[s]
	}
	return fmt.Sprintf("Strength(%d)", uint8(s))
}

// StatusKind says which of the three attributes a [Status] is.
type StatusKind uint8

// The attributes of RFC 3312 section 4.
const (
	Current StatusKind = iota // a=curr: what is there
	Desired                   // a=des: what is wanted
	Confirm                   // a=conf: the author wants to be told when it is there
)

var statusNames = [...]string{"curr", "des", "conf"}

func (k StatusKind) String() string {
	if int(k) < len(statusNames) {
		return statusNames[k]
	}
	return fmt.Sprintf("StatusKind(%d)", uint8(k))
}

// Status is one line about a precondition: a=curr, a=des or a=conf (RFC 3312 section 4).
type Status struct {
	Kind     StatusKind
	Type     string   // [QoS], or another one that is registered
	Strength Strength // of a=des
	Segment  Segment
	Way      Way
}

// Attribute returns the line.
func (s Status) Attribute() Attribute {
	v := s.Type + " "
	if s.Kind == Desired {
		v += s.Strength.String() + " "
	}
	return Attribute{s.Kind.String(), v + s.Segment.String() + " " + s.Way.String()}
}

// ParseStatus reads the attribute of a precondition. It fails with a [*ParseError] where the attribute is none, or has
// a tag that RFC 3312 lacks.
func ParseStatus(a Attribute) (Status, error) {
	bad := func(err error) (Status, error) {
		return Status{}, parseError(0, "a="+a.Name+":"+a.Value, err)
	}
	kind, ok := tag(statusNames[:], a.Name)
	if !ok {
		return bad(ErrSyntax)
	}
	f := strings.Fields(a.Value)
	s := Status{Kind: StatusKind(kind)}
	want := 3
	if s.Kind == Desired {
		want = 4
	}
	if len(f) != want {
		return bad(ErrFields)
	}
	s.Type = strings.ToLower(f[0])
	if s.Kind == Desired {
		n, ok := tag(strengthNames[:], f[1])
		if !ok {
			return bad(ErrSyntax)
		}
		s.Strength = Strength(n)
		f = f[1:]
	}
	segment, ok1 := tag(segmentNames[:], f[1])
	way, ok2 := tag(wayNames[:], f[2])
	if !ok1 || !ok2 {
		return bad(ErrSyntax)
	}
	s.Segment, s.Way = Segment(segment), Way(way)
	return s, nil
}

func tag(names []string, s string) (int, bool) {
	for i, n := range names {
		if strings.EqualFold(n, s) {
			return i, true
		}
	}
	return 0, false
}

// Statuses returns what the media says about preconditions, in order; nil if it says nothing.
func (m *Media) Statuses() ([]Status, error) {
	var out []Status
	for _, a := range m.Attributes {
		if a.Name != "curr" && a.Name != "des" && a.Name != "conf" {
			continue
		}
		s, err := ParseStatus(a)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
