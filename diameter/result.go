package diameter

import "strconv"

// A ResultCode is the value of Result-Code (RFC 6733 section 7.1) or, with a vendor, of Experimental-Result-Code.
type ResultCode uint32

// IsSuccess tells whether the code is of the class 2xxx.
func (r ResultCode) IsSuccess() bool { return r/1000 == 2 }

// IsProtocolError tells whether the code is of the class 3xxx, whose answers have the E flag set.
func (r ResultCode) IsProtocolError() bool { return r/1000 == 3 }

// IsTransient tells whether the code is of the class 4xxx: the request may succeed later.
func (r ResultCode) IsTransient() bool { return r/1000 == 4 }

// IsPermanent tells whether the code is of the class 5xxx.
func (r ResultCode) IsPermanent() bool { return r/1000 == 5 }

// The result codes of the base protocol (RFC 6733 section 7.1) and of RFC 5719, RFC 6734 and RFC 6735's registry
// that peers send.
const (
	MultiRoundAuth         ResultCode = 1001
	Success                ResultCode = 2001
	LimitedSuccess         ResultCode = 2002
	CommandUnsupported     ResultCode = 3001
	UnableToDeliver        ResultCode = 3002
	RealmNotServed         ResultCode = 3003
	TooBusy                ResultCode = 3004
	LoopDetected           ResultCode = 3005
	RedirectIndication     ResultCode = 3006
	ApplicationUnsupported ResultCode = 3007
	InvalidHdrBits         ResultCode = 3008
	InvalidAVPBits         ResultCode = 3009
	UnknownPeer            ResultCode = 3010
	AuthenticationRejected ResultCode = 4001
	OutOfSpace             ResultCode = 4002
	ElectionLost           ResultCode = 4003
	AVPUnsupported         ResultCode = 5001
	UnknownSessionID       ResultCode = 5002
	AuthorizationRejected  ResultCode = 5003
	InvalidAVPValue        ResultCode = 5004
	MissingAVP             ResultCode = 5005
	ResourcesExceeded      ResultCode = 5006
	ContradictingAVPs      ResultCode = 5007
	AVPNotAllowed          ResultCode = 5008
	AVPOccursTooManyTimes  ResultCode = 5009
	NoCommonApplication    ResultCode = 5010
	UnsupportedVersion     ResultCode = 5011
	UnableToComply         ResultCode = 5012
	InvalidBitInHeader     ResultCode = 5013
	InvalidAVPLength       ResultCode = 5014
	InvalidMessageLength   ResultCode = 5015
	InvalidAVPBitCombo     ResultCode = 5016
	NoCommonSecurity       ResultCode = 5017
)

var resultNames = map[ResultCode]string{
	MultiRoundAuth:         "DIAMETER_MULTI_ROUND_AUTH",
	Success:                "DIAMETER_SUCCESS",
	LimitedSuccess:         "DIAMETER_LIMITED_SUCCESS",
	CommandUnsupported:     "DIAMETER_COMMAND_UNSUPPORTED",
	UnableToDeliver:        "DIAMETER_UNABLE_TO_DELIVER",
	RealmNotServed:         "DIAMETER_REALM_NOT_SERVED",
	TooBusy:                "DIAMETER_TOO_BUSY",
	LoopDetected:           "DIAMETER_LOOP_DETECTED",
	RedirectIndication:     "DIAMETER_REDIRECT_INDICATION",
	ApplicationUnsupported: "DIAMETER_APPLICATION_UNSUPPORTED",
	InvalidHdrBits:         "DIAMETER_INVALID_HDR_BITS",
	InvalidAVPBits:         "DIAMETER_INVALID_AVP_BITS",
	UnknownPeer:            "DIAMETER_UNKNOWN_PEER",
	AuthenticationRejected: "DIAMETER_AUTHENTICATION_REJECTED",
	OutOfSpace:             "DIAMETER_OUT_OF_SPACE",
	ElectionLost:           "ELECTION_LOST",
	AVPUnsupported:         "DIAMETER_AVP_UNSUPPORTED",
	UnknownSessionID:       "DIAMETER_UNKNOWN_SESSION_ID",
	AuthorizationRejected:  "DIAMETER_AUTHORIZATION_REJECTED",
	InvalidAVPValue:        "DIAMETER_INVALID_AVP_VALUE",
	MissingAVP:             "DIAMETER_MISSING_AVP",
	ResourcesExceeded:      "DIAMETER_RESOURCES_EXCEEDED",
	ContradictingAVPs:      "DIAMETER_CONTRADICTING_AVPS",
	AVPNotAllowed:          "DIAMETER_AVP_NOT_ALLOWED",
	AVPOccursTooManyTimes:  "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES",
	NoCommonApplication:    "DIAMETER_NO_COMMON_APPLICATION",
	UnsupportedVersion:     "DIAMETER_UNSUPPORTED_VERSION",
	UnableToComply:         "DIAMETER_UNABLE_TO_COMPLY",
	InvalidBitInHeader:     "DIAMETER_INVALID_BIT_IN_HEADER",
	InvalidAVPLength:       "DIAMETER_INVALID_AVP_LENGTH",
	InvalidMessageLength:   "DIAMETER_INVALID_MESSAGE_LENGTH",
	InvalidAVPBitCombo:     "DIAMETER_INVALID_AVP_BIT_COMBO",
	NoCommonSecurity:       "DIAMETER_NO_COMMON_SECURITY",
}

// String returns the code's name, such as "DIAMETER_MISSING_AVP", or its number.
func (r ResultCode) String() string {
	if s, ok := resultNames[r]; ok {
		return s
	}
	return strconv.Itoa(int(r))
}
