package isup

import "fmt"

// CauseValue says why (Q.850 section 2.2.7, table 1).
type CauseValue uint8

// Causes.
const (
	Unallocated            CauseValue = 1
	NoRouteTransit         CauseValue = 2
	NoRoute                CauseValue = 3
	SpecialTone            CauseValue = 4
	NormalClearing         CauseValue = 16
	UserBusy               CauseValue = 17
	NoUserResponding       CauseValue = 18
	NoAnswer               CauseValue = 19
	SubscriberAbsent       CauseValue = 20
	CallRejected           CauseValue = 21
	NumberChanged          CauseValue = 22
	ExchangeRoutingError   CauseValue = 25
	OutOfOrder             CauseValue = 27
	AddressIncomplete      CauseValue = 28
	FacilityRejected       CauseValue = 29
	NormalUnspecified      CauseValue = 31
	NoCircuit              CauseValue = 34
	NetworkOutOfOrder      CauseValue = 38
	TemporaryFailure       CauseValue = 41
	Congestion             CauseValue = 42 // switching equipment congestion
	CircuitNotAvailable    CauseValue = 44 // requested circuit/channel not available
	ResourcesUnavailable   CauseValue = 47
	BearerNotAuthorized    CauseValue = 57
	BearerNotAvailable     CauseValue = 58
	BearerNotImplemented   CauseValue = 65
	ServiceNotImplemented  CauseValue = 79
	IncompatibleDest       CauseValue = 88
	InvalidMessage         CauseValue = 95
	MandatoryMissing       CauseValue = 96
	MessageTypeUnknown     CauseValue = 97 // message type non-existent or not implemented
	ParameterUnknown       CauseValue = 99 // information element/parameter non-existent or not implemented, discarded
	InvalidContents        CauseValue = 100
	WrongState             CauseValue = 101 // message not compatible with call state
	TimerExpiry            CauseValue = 102 // recovery on timer expiry
	ParameterPassedOn      CauseValue = 103 // parameter non-existent or not implemented, passed on
	UnrecognizedParameter  CauseValue = 110 // message with unrecognized parameter discarded
	ProtocolError          CauseValue = 111
	InterworkingUnspecific CauseValue = 127
)

var causeNames = [...]string{1: "unallocated number", 2: "no route to specified transit network", 3: "no route to destination", 4: "send special information tone",
	5: "misdialled trunk prefix", 6: "channel unacceptable", 8: "preemption", 9: "preemption, circuit reserved for reuse", 14: "QoR: ported number",
	16: "normal call clearing", 17: "user busy", 18: "no user responding", 19: "no answer from user", 20: "subscriber absent", 21: "call rejected",
	22: "number changed", 23: "redirection to new destination", 24: "call rejected due to feature at the destination", 25: "exchange routing error",
	26: "non-selected user clearing", 27: "destination out of order", 28: "address incomplete", 29: "facility rejected", 31: "normal, unspecified",
	34: "no circuit available", 38: "network out of order", 41: "temporary failure", 42: "switching equipment congestion", 43: "access information discarded",
	44: "requested circuit not available", 46: "precedence call blocked", 47: "resource unavailable", 50: "requested facility not subscribed",
	53: "outgoing calls barred within CUG", 55: "incoming calls barred within CUG", 57: "bearer capability not authorized",
	58: "bearer capability not presently available", 62: "inconsistency in outgoing access information and subscriber class", 63: "service not available",
	65: "bearer capability not implemented", 69: "requested facility not implemented", 70: "only restricted digital information is available",
	79: "service not implemented", 87: "user not member of CUG", 88: "incompatible destination", 90: "non-existent CUG", 91: "invalid transit network selection",
	95: "invalid message", 96: "mandatory information missing", 97: "message type non-existent", 99: "parameter non-existent, discarded",
	100: "invalid contents", 101: "message not compatible with call state", 102: "recovery on timer expiry", 103: "parameter non-existent, passed on",
	110: "message with unrecognized parameter discarded", 111: "protocol error", 127: "interworking"}

// String is number and cause in words.
func (v CauseValue) String() string {
	if int(v) < len(causeNames) && causeNames[v] != "" {
		return fmt.Sprintf("%d (%s)", uint8(v), causeNames[v])
	}
	return fmt.Sprintf("%d", uint8(v))
}

// Location says where a cause comes from (Q.850 section 2.2.3).
type Location uint8

// The locations.
const (
	User                 Location = 0
	PrivateLocal         Location = 1 // private network serving the local user
	PublicLocal          Location = 2 // public network serving the local user
	TransitNetwork       Location = 3
	PublicRemote         Location = 4 // public network serving the remote user
	PrivateRemote        Location = 5
	InternationalNetwork Location = 7
	BeyondInterworking   Location = 10
)

var locationNames = [...]string{0: "user", 1: "private network serving the local user", 2: "public network serving the local user", 3: "transit network",
	4: "public network serving the remote user", 5: "private network serving the remote user", 7: "international network", 10: "network beyond interworking point"}

// String is the location in words.
func (l Location) String() string { return name(locationNames[:], l, "Location") }

// Cause is the cause indicators (Q.763 section 3.12, Q.850).
type Cause struct {
	Value       CauseValue
	Location    Location
	Coding      uint8  // coding standard: 0 ITU-T, 1 ISO/IEC, 2 national, 3 specific to the location
	Diagnostics []byte // see Q.850 table 1; of causes 97, 99, 103 and 110 the codes of messages and parameters
}

// Code is PCause.
func (Cause) Code() ParameterCode { return PCause }

// String is the cause value, and the location in brackets.
func (c Cause) String() string { return fmt.Sprintf("%v, %v", c.Value, c.Location) }

// AppendBinary appends the value.
func (c Cause) AppendBinary(b []byte) ([]byte, error) {
	if c.Value > 127 || c.Location > 15 || c.Coding > 3 {
		return b, ErrValue
	}
	b = append(b, 0x80|c.Coding<<5|byte(c.Location), 0x80|byte(c.Value))
	return append(b, c.Diagnostics...), nil
}

// UnmarshalBinary reads the value. Diagnostics alias it. A recommendation (octet 1a of Q.850, which ISUP does
// not use) is skipped.
func (c *Cause) UnmarshalBinary(b []byte) error {
	*c = Cause{}
	if len(b) < 2 {
		return ErrLength
	}
	c.Coding, c.Location = b[0]>>5&3, Location(b[0]&15)
	if b[0]&0x80 == 0 {
		if b = b[1:]; len(b) < 2 {
			return ErrLength
		}
	}
	c.Value = CauseValue(b[1] & 0x7f)
	if len(b) > 2 {
		c.Diagnostics = b[2:]
	}
	return nil
}
