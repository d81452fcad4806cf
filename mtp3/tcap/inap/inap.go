// Package inap has the operations of the intelligent network's capability set 1 (Q.1218, ETS 300 374-1) that a number
// translation service needs: an exchange that meets a number it cannot route by itself asks a service control point (InitialDP),
// which answers with the number to go on with (Connect), with a cause for releasing the call (ReleaseCall), tells the exchange to
// go on as if it had not asked (Continue), or refuses (MissingCustomerRecord and other errors). They travel in package tcap's components:
//
//	arg, err := inap.InitialDPArg{ServiceKey: 800, CalledPartyNumber: number}.AppendBinary(nil)
//	m := tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(1),
//		Dialogue:   &tcap.Dialogue{Kind: tcap.DialogueRequest, Context: inap.SSPToSCP},
//		Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.InitialDP, Parameter: arg}}}
//
// Numbers and causes are octets as in the ISUP parameters of the same names (Q.763 sections 3.9, 3.10, 3.12): package isup
// reads and writes them.
//
// # Limitations
//
// The other operations of the capability set are not here. Fields of arguments that are not known are kept, and written after the known ones.
package inap

import (
	"errors"

	"github.com/gotelco/telco/internal/ber"
	"github.com/gotelco/telco/mtp3/tcap"
)

// SSPToSCP is the application context of a service switching point that asks a service control point (ETS 300 374-1).
const SSPToSCP = "0.4.0.1.1.1.0.0"

// Operations.
var (
	InitialDP   = tcap.Code{Local: 0}
	Connect     = tcap.Code{Local: 20}
	ReleaseCall = tcap.Code{Local: 22}
	Continue    = tcap.Code{Local: 31}
)

// Errors of operations.
var (
	MissingCustomerRecord       = tcap.Code{Local: 6} // the number is not known
	MissingParameter            = tcap.Code{Local: 7}
	ParameterOutOfRange         = tcap.Code{Local: 8}
	SystemFailure               = tcap.Code{Local: 11}
	TaskRefused                 = tcap.Code{Local: 12}
	UnexpectedComponentSequence = tcap.Code{Local: 14}
	UnexpectedDataValue         = tcap.Code{Local: 15}
	UnexpectedParameter         = tcap.Code{Local: 16}
)

var errorNames = map[tcap.Code]string{MissingCustomerRecord: "missing customer record", MissingParameter: "missing parameter", ParameterOutOfRange: "parameter out of range",
	SystemFailure: "system failure", TaskRefused: "task refused", UnexpectedComponentSequence: "unexpected component sequence",
	UnexpectedDataValue: "unexpected data value", UnexpectedParameter: "unexpected parameter"}

// ErrorName is an error in words.
func ErrorName(c tcap.Code) string {
	if n, ok := errorNames[c]; ok {
		return n
	}
	return "error " + c.String()
}

// EventType is the detection point of a call that made the exchange ask (Q.1218, EventTypeBCSM).
type EventType uint8

// The events, of those that come before the call goes on.
const (
	OrigAttemptAuthorized EventType = 1
	CollectedInfo         EventType = 2
	AnalyzedInformation   EventType = 3
	RouteSelectFailure    EventType = 4
)

// Errors within an ArgumentError.
var (
	ErrMissing = errors.New("missing")
	ErrTag     = errors.New("unexpected element")
	ErrValue   = errors.New("value not allowed")
)

// ArgumentError says which field of an operation's argument cannot be read or written.
type ArgumentError struct {
	Field string
	Err   error
}

// Error names the field.
func (e *ArgumentError) Error() string { return "inap: " + e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ArgumentError) Unwrap() error { return e.Err }

const (
	tagServiceKey     ber.Tag = 0x80
	tagCalledNumber   ber.Tag = 0x82
	tagCallingNumber  ber.Tag = 0x83
	tagCallerCategory ber.Tag = 0x85
	tagEventType      ber.Tag = 0x9f1c
	tagDestination    ber.Tag = 0xa0
)

// InitialDPArg is the argument of InitialDP.
type InitialDPArg struct {
	ServiceKey         uint32 // which service is asked for, 0 to 2147483647
	CalledPartyNumber  []byte // Q.763 section 3.9; nil if not there
	CallingPartyNumber []byte // Q.763 section 3.10; nil if not there
	Category           uint8  // of the calling party, Q.763 section 3.11; 0 (unknown) is not written
	Event              EventType
	Other              []byte // further elements
}

// AppendBinary appends the argument, a SEQUENCE.
func (a InitialDPArg) AppendBinary(b []byte) ([]byte, error) {
	if a.ServiceKey > 1<<31-1 {
		return b, &ArgumentError{"serviceKey", ErrValue}
	}
	body := ber.AppendInt(nil, tagServiceKey, int64(a.ServiceKey))
	if a.CalledPartyNumber != nil {
		body = ber.Append(body, tagCalledNumber, a.CalledPartyNumber)
	}
	if a.CallingPartyNumber != nil {
		body = ber.Append(body, tagCallingNumber, a.CallingPartyNumber)
	}
	if a.Category != 0 {
		body = ber.Append(body, tagCallerCategory, []byte{a.Category})
	}
	if a.Event != 0 {
		body = ber.AppendInt(body, tagEventType, int64(a.Event))
	}
	return ber.Append(b, ber.Sequence, append(body, a.Other...)), nil
}

// ParseInitialDP reads the argument. Octets alias b.
func ParseInitialDP(b []byte) (InitialDPArg, error) {
	var a InitialDPArg
	body, err := sequence(b)
	if err != nil {
		return a, &ArgumentError{"InitialDPArg", err}
	}
	hasKey := false
	for len(body) > 0 {
		tag, value, whole, rest, err := ber.Element(body)
		if err != nil {
			return a, &ArgumentError{"InitialDPArg", err}
		}
		body = rest
		switch tag {
		case tagServiceKey:
			v, err := ber.Int(value)
			if err != nil || v < 0 || v > 1<<31-1 {
				return a, &ArgumentError{"serviceKey", ErrValue}
			}
			a.ServiceKey, hasKey = uint32(v), true
		case tagCalledNumber:
			a.CalledPartyNumber = value
		case tagCallingNumber:
			a.CallingPartyNumber = value
		case tagCallerCategory:
			if len(value) != 1 {
				return a, &ArgumentError{"callingPartysCategory", ErrValue}
			}
			a.Category = value[0]
		case tagEventType:
			v, err := ber.Int(value)
			if err != nil || v < 1 || v > 127 {
				return a, &ArgumentError{"eventTypeBCSM", ErrValue}
			}
			a.Event = EventType(v)
		default:
			a.Other = append(a.Other[:len(a.Other):len(a.Other)], whole...)
		}
	}
	if !hasKey {
		return a, &ArgumentError{"serviceKey", ErrMissing}
	}
	return a, nil
}

// ConnectArg is the argument of Connect.
type ConnectArg struct {
	Destinations [][]byte // called party numbers (Q.763 section 3.9), the first to be tried first: 1 to 3
	Other        []byte   // further elements
}

// AppendBinary appends the argument, a SEQUENCE.
func (a ConnectArg) AppendBinary(b []byte) ([]byte, error) {
	if len(a.Destinations) < 1 || len(a.Destinations) > 3 {
		return b, &ArgumentError{"destinationRoutingAddress", ErrValue}
	}
	var list []byte
	for _, d := range a.Destinations {
		list = ber.Append(list, ber.OctetString, d)
	}
	return ber.Append(b, ber.Sequence, append(ber.Append(nil, tagDestination, list), a.Other...)), nil
}

// ParseConnect reads the argument. Octets alias b.
func ParseConnect(b []byte) (ConnectArg, error) {
	var a ConnectArg
	body, err := sequence(b)
	if err != nil {
		return a, &ArgumentError{"ConnectArg", err}
	}
	for len(body) > 0 {
		tag, value, whole, rest, err := ber.Element(body)
		if err != nil {
			return a, &ArgumentError{"ConnectArg", err}
		}
		if body = rest; tag != tagDestination {
			a.Other = append(a.Other[:len(a.Other):len(a.Other)], whole...)
			continue
		}
		for len(value) > 0 {
			var number []byte
			if tag, number, value, err = ber.Next(value); err != nil || tag != ber.OctetString || len(a.Destinations) == 3 {
				return a, &ArgumentError{"destinationRoutingAddress", ErrValue}
			}
			a.Destinations = append(a.Destinations, number)
		}
	}
	if len(a.Destinations) == 0 {
		return a, &ArgumentError{"destinationRoutingAddress", ErrMissing}
	}
	return a, nil
}

// AppendReleaseCall appends the argument of ReleaseCall: cause indicators (Q.763 section 3.12).
func AppendReleaseCall(b, cause []byte) ([]byte, error) {
	if len(cause) < 2 || len(cause) > 32 {
		return b, &ArgumentError{"cause", ErrValue}
	}
	return ber.Append(b, ber.OctetString, cause), nil
}

// ParseReleaseCall reads it.
func ParseReleaseCall(b []byte) (cause []byte, err error) {
	tag, value, rest, err := ber.Next(b)
	if err != nil {
		return nil, &ArgumentError{"cause", err}
	}
	if tag != ber.OctetString || len(rest) > 0 || len(value) < 2 || len(value) > 32 {
		return nil, &ArgumentError{"cause", ErrValue}
	}
	return value, nil
}

func sequence(b []byte) ([]byte, error) {
	tag, value, rest, err := ber.Next(b)
	if err == nil && (tag != ber.Sequence || len(rest) > 0) {
		err = ErrTag
	}
	return value, err
}
