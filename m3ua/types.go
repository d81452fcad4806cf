package m3ua

import "fmt"

// PPID is the SCTP payload protocol identifier of M3UA (RFC 4666 section 7.1), and Port its
// registered port for SCTP and TCP (section 7.2).
const (
	PPID = 3
	Port = 2905
)

// Version is the one version of the protocol, Release 1.0 (RFC 4666 section 3.1.1).
const Version = 1

// Class is a message class (RFC 4666 section 3.1.2).
type Class uint8

// The message classes.
const (
	MGMT     Class = 0 // management
	Transfer Class = 1
	SSNM     Class = 2 // SS7 signalling network management
	ASPSM    Class = 3 // ASP state maintenance
	ASPTM    Class = 4 // ASP traffic maintenance
	RKM      Class = 9 // routing key management
)

// String is the class as RFC 4666 abbreviates it.
func (c Class) String() string {
	switch c {
	case MGMT:
		return "MGMT"
	case Transfer:
		return "Transfer"
	case SSNM:
		return "SSNM"
	case ASPSM:
		return "ASPSM"
	case ASPTM:
		return "ASPTM"
	case RKM:
		return "RKM"
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// MessageType is a message class and the type within it (RFC 4666 section 3.1.2): the class is the
// high octet.
type MessageType uint16

// The messages of RFC 4666, as it abbreviates them.
const (
	TypeERR            MessageType = 0x0000
	TypeNTFY           MessageType = 0x0001
	TypeDATA           MessageType = 0x0101
	TypeDUNA           MessageType = 0x0201
	TypeDAVA           MessageType = 0x0202
	TypeDAUD           MessageType = 0x0203
	TypeSCON           MessageType = 0x0204
	TypeDUPU           MessageType = 0x0205
	TypeDRST           MessageType = 0x0206
	TypeASPUp          MessageType = 0x0301
	TypeASPDown        MessageType = 0x0302
	TypeBEAT           MessageType = 0x0303
	TypeASPUpAck       MessageType = 0x0304
	TypeASPDownAck     MessageType = 0x0305
	TypeBEATAck        MessageType = 0x0306
	TypeASPActive      MessageType = 0x0401
	TypeASPInactive    MessageType = 0x0402
	TypeASPActiveAck   MessageType = 0x0403
	TypeASPInactiveAck MessageType = 0x0404
	TypeREGREQ         MessageType = 0x0901
	TypeREGRSP         MessageType = 0x0902
	TypeDEREGREQ       MessageType = 0x0903
	TypeDEREGRSP       MessageType = 0x0904
)

var typeNames = map[MessageType]string{
	TypeERR: "ERR", TypeNTFY: "NTFY", TypeDATA: "DATA",
	TypeDUNA: "DUNA", TypeDAVA: "DAVA", TypeDAUD: "DAUD", TypeSCON: "SCON", TypeDUPU: "DUPU", TypeDRST: "DRST",
	TypeASPUp: "ASPUP", TypeASPDown: "ASPDN", TypeBEAT: "BEAT",
	TypeASPUpAck: "ASPUP ACK", TypeASPDownAck: "ASPDN ACK", TypeBEATAck: "BEAT ACK",
	TypeASPActive: "ASPAC", TypeASPInactive: "ASPIA", TypeASPActiveAck: "ASPAC ACK", TypeASPInactiveAck: "ASPIA ACK",
	TypeREGREQ: "REG REQ", TypeREGRSP: "REG RSP", TypeDEREGREQ: "DEREG REQ", TypeDEREGRSP: "DEREG RSP",
}

// Class is the message class.
func (t MessageType) Class() Class { return Class(t >> 8) }

// String is the message as RFC 4666 abbreviates it, such as "ASPUP ACK".
func (t MessageType) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("%v/%d", t.Class(), uint8(t))
}

// Tag says which parameter follows (RFC 4666 section 3.2).
type Tag uint16

// The parameters of RFC 4666.
const (
	TagInfoString            Tag = 0x0004
	TagRoutingContext        Tag = 0x0006
	TagDiagnosticInformation Tag = 0x0007
	TagHeartbeatData         Tag = 0x0009
	TagTrafficModeType       Tag = 0x000b
	TagErrorCode             Tag = 0x000c
	TagStatus                Tag = 0x000d
	TagASPIdentifier         Tag = 0x0011
	TagAffectedPointCode     Tag = 0x0012
	TagCorrelationID         Tag = 0x0013

	TagNetworkAppearance        Tag = 0x0200
	TagUserCause                Tag = 0x0204
	TagCongestionIndications    Tag = 0x0205
	TagConcernedDestination     Tag = 0x0206
	TagRoutingKey               Tag = 0x0207
	TagRegistrationResult       Tag = 0x0208
	TagDeregistrationResult     Tag = 0x0209
	TagLocalRKIdentifier        Tag = 0x020a
	TagDestinationPointCode     Tag = 0x020b
	TagServiceIndicators        Tag = 0x020c
	TagOriginatingPointCodeList Tag = 0x020e
	TagProtocolData             Tag = 0x0210
	TagRegistrationStatus       Tag = 0x0212
	TagDeregistrationStatus     Tag = 0x0213
)

var tagNames = map[Tag]string{
	TagInfoString: "INFO String", TagRoutingContext: "Routing Context", TagDiagnosticInformation: "Diagnostic Information",
	TagHeartbeatData: "Heartbeat Data", TagTrafficModeType: "Traffic Mode Type", TagErrorCode: "Error Code", TagStatus: "Status",
	TagASPIdentifier: "ASP Identifier", TagAffectedPointCode: "Affected Point Code", TagCorrelationID: "Correlation ID",
	TagNetworkAppearance: "Network Appearance", TagUserCause: "User/Cause", TagCongestionIndications: "Congestion Indications",
	TagConcernedDestination: "Concerned Destination", TagRoutingKey: "Routing Key", TagRegistrationResult: "Registration Result",
	TagDeregistrationResult: "Deregistration Result", TagLocalRKIdentifier: "Local Routing Key Identifier",
	TagDestinationPointCode: "Destination Point Code", TagServiceIndicators: "Service Indicators",
	TagOriginatingPointCodeList: "Originating Point Code List", TagProtocolData: "Protocol Data",
	TagRegistrationStatus: "Registration Status", TagDeregistrationStatus: "Deregistration Status",
}

// String is the parameter's name in RFC 4666.
func (t Tag) String() string {
	if s, ok := tagNames[t]; ok {
		return s
	}
	return fmt.Sprintf("Parameter(%#04x)", uint16(t))
}

// known says whether RFC 4666 defines the parameter.
func (t Tag) known() bool { _, ok := tagNames[t]; return ok }

// TrafficMode is a Traffic Mode Type (RFC 4666 section 3.7.1).
type TrafficMode uint32

// The traffic modes. Zero is "not said": the parameter is absent.
const (
	Override  TrafficMode = 1
	Loadshare TrafficMode = 2
	Broadcast TrafficMode = 3
)

// Valid says whether RFC 4666 defines the mode.
func (m TrafficMode) Valid() bool { return m >= Override && m <= Broadcast }

// String is the mode's name.
func (m TrafficMode) String() string {
	switch m {
	case 0:
		return "unset"
	case Override:
		return "override"
	case Loadshare:
		return "loadshare"
	case Broadcast:
		return "broadcast"
	}
	return fmt.Sprintf("TrafficMode(%d)", uint32(m))
}

// ErrorCode is what an ERR message says (RFC 4666 section 3.8.1).
type ErrorCode uint32

// The error codes.
const (
	InvalidVersion            ErrorCode = 0x01
	UnsupportedMessageClass   ErrorCode = 0x03
	UnsupportedMessageType    ErrorCode = 0x04
	UnsupportedTrafficMode    ErrorCode = 0x05
	UnexpectedMessage         ErrorCode = 0x06
	ProtocolError             ErrorCode = 0x07
	InvalidStreamIdentifier   ErrorCode = 0x09
	RefusedManagementBlocking ErrorCode = 0x0d
	ASPIdentifierRequired     ErrorCode = 0x0e
	InvalidASPIdentifier      ErrorCode = 0x0f
	InvalidParameterValue     ErrorCode = 0x11
	ParameterFieldError       ErrorCode = 0x12
	UnexpectedParameter       ErrorCode = 0x13
	DestinationStatusUnknown  ErrorCode = 0x14
	InvalidNetworkAppearance  ErrorCode = 0x15
	MissingParameter          ErrorCode = 0x16
	InvalidRoutingContext     ErrorCode = 0x19
	NoConfiguredAS            ErrorCode = 0x1a
)

var errorNames = map[ErrorCode]string{
	InvalidVersion: "Invalid Version", UnsupportedMessageClass: "Unsupported Message Class", UnsupportedMessageType: "Unsupported Message Type",
	UnsupportedTrafficMode: "Unsupported Traffic Mode Type", UnexpectedMessage: "Unexpected Message", ProtocolError: "Protocol Error",
	InvalidStreamIdentifier: "Invalid Stream Identifier", RefusedManagementBlocking: "Refused - Management Blocking",
	ASPIdentifierRequired: "ASP Identifier Required", InvalidASPIdentifier: "Invalid ASP Identifier",
	InvalidParameterValue: "Invalid Parameter Value", ParameterFieldError: "Parameter Field Error", UnexpectedParameter: "Unexpected Parameter",
	DestinationStatusUnknown: "Destination Status Unknown", InvalidNetworkAppearance: "Invalid Network Appearance",
	MissingParameter: "Missing Parameter", InvalidRoutingContext: "Invalid Routing Context", NoConfiguredAS: "No Configured AS for ASP",
}

// String is the code in the words of RFC 4666.
func (c ErrorCode) String() string {
	if s, ok := errorNames[c]; ok {
		return s
	}
	return fmt.Sprintf("ErrorCode(%#x)", uint32(c))
}

// Status is what an NTFY message says: the Status Type in the high 16 bits, the Status Information
// in the low ones (RFC 4666 section 3.8.2).
type Status uint32

// The notifications.
const (
	NotifyASInactive         Status = 1<<16 | 2
	NotifyASActive           Status = 1<<16 | 3
	NotifyASPending          Status = 1<<16 | 4
	NotifyInsufficientASPs   Status = 2<<16 | 1
	NotifyAlternateASPActive Status = 2<<16 | 2
	NotifyASPFailure         Status = 2<<16 | 3
)

// String is the notification in the words of RFC 4666.
func (s Status) String() string {
	switch s {
	case NotifyASInactive:
		return "AS-INACTIVE"
	case NotifyASActive:
		return "AS-ACTIVE"
	case NotifyASPending:
		return "AS-PENDING"
	case NotifyInsufficientASPs:
		return "Insufficient ASP Resources Active in AS"
	case NotifyAlternateASPActive:
		return "Alternate ASP Active"
	case NotifyASPFailure:
		return "ASP Failure"
	}
	return fmt.Sprintf("Status(%d,%d)", uint16(s>>16), uint16(s))
}

// RegistrationStatus is the outcome of one registration (RFC 4666 section 3.6.2).
type RegistrationStatus uint32

// The outcomes of a registration.
const (
	Registered                  RegistrationStatus = 0
	RegUnknown                  RegistrationStatus = 1
	RegInvalidDPC               RegistrationStatus = 2
	RegInvalidNetworkAppearance RegistrationStatus = 3
	RegInvalidRoutingKey        RegistrationStatus = 4
	RegPermissionDenied         RegistrationStatus = 5
	RegNotUnique                RegistrationStatus = 6 // Cannot Support Unique Routing
	RegNotProvisioned           RegistrationStatus = 7
	RegInsufficientResources    RegistrationStatus = 8
	RegUnsupportedParameter     RegistrationStatus = 9
	RegUnsupportedTrafficMode   RegistrationStatus = 10
	RegChangeRefused            RegistrationStatus = 11
	RegAlreadyRegistered        RegistrationStatus = 12
)

var regNames = [...]string{"Successfully Registered", "Unknown", "Invalid DPC", "Invalid Network Appearance", "Invalid Routing Key",
	"Permission Denied", "Cannot Support Unique Routing", "Routing Key not Currently Provisioned", "Insufficient Resources",
	"Unsupported RK parameter Field", "Unsupported/Invalid Traffic Handling Mode", "Routing Key Change Refused", "Routing Key Already Registered"}

// String is the outcome in the words of RFC 4666.
func (s RegistrationStatus) String() string {
	if int(s) < len(regNames) {
		return regNames[s]
	}
	return fmt.Sprintf("RegistrationStatus(%d)", uint32(s))
}

// DeregistrationStatus is the outcome of one deregistration (RFC 4666 section 3.6.4).
type DeregistrationStatus uint32

// The outcomes of a deregistration.
const (
	Deregistered               DeregistrationStatus = 0
	DeregUnknown               DeregistrationStatus = 1
	DeregInvalidRoutingContext DeregistrationStatus = 2
	DeregPermissionDenied      DeregistrationStatus = 3
	DeregNotRegistered         DeregistrationStatus = 4
	DeregASPActive             DeregistrationStatus = 5
)

var deregNames = [...]string{"Successfully Deregistered", "Unknown", "Invalid Routing Context", "Permission Denied", "Not Registered",
	"ASP Currently Active for Routing Context"}

// String is the outcome in the words of RFC 4666.
func (s DeregistrationStatus) String() string {
	if int(s) < len(deregNames) {
		return deregNames[s]
	}
	return fmt.Sprintf("DeregistrationStatus(%d)", uint32(s))
}

// UnavailabilityCause says why a remote user part does not answer (RFC 4666 section 3.4.5).
type UnavailabilityCause uint16

// The causes.
const (
	CauseUnknown      UnavailabilityCause = 0
	CauseUnequipped   UnavailabilityCause = 1
	CauseInaccessible UnavailabilityCause = 2
)

// String is the cause in words.
func (c UnavailabilityCause) String() string {
	switch c {
	case CauseUnknown:
		return "unknown"
	case CauseUnequipped:
		return "unequipped remote user"
	case CauseInaccessible:
		return "inaccessible remote user"
	}
	return fmt.Sprintf("UnavailabilityCause(%d)", uint16(c))
}
