package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// Cause says why a channel has ended: up to 127 a cause of Q.850, above that one of FreeSWITCH's own.
// Numbers without a name are kept. It is an error, the cause of [Channel.Context].
type Cause uint16

// The causes that the package itself gives.
const (
	CauseNone                   Cause = 0
	UnallocatedNumber           Cause = 1
	NoRouteDestination          Cause = 3
	NormalClearing              Cause = 16
	UserBusy                    Cause = 17
	NoUserResponse              Cause = 18
	NoAnswer                    Cause = 19
	SubscriberAbsent            Cause = 20
	CallRejected                Cause = 21
	NumberChanged               Cause = 22
	RedirectionToNewDestination Cause = 23
	ExchangeRoutingError        Cause = 25
	DestinationOutOfOrder       Cause = 27
	InvalidNumberFormat         Cause = 28
	FacilityRejected            Cause = 29
	NormalUnspecified           Cause = 31
	NetworkOutOfOrder           Cause = 38
	NormalTemporaryFailure      Cause = 41
	SwitchCongestion            Cause = 42
	RequestedChanUnavail        Cause = 44
	ServiceUnavailable          Cause = 63
	ServiceNotImplemented       Cause = 79
	IncompatibleDestination     Cause = 88
	MandatoryIEMissing          Cause = 96
	RecoveryOnTimerExpire       Cause = 102
	ProtocolError               Cause = 111
	Interworking                Cause = 127
	Success                     Cause = 142
	OriginatorCancel            Cause = 487
	SystemShutdown              Cause = 701
	LoseRace                    Cause = 702
	ManagerRequest              Cause = 703
	BlindTransfer               Cause = 800
	AttendedTransfer            Cause = 801
	AllottedTimeout             Cause = 802
	MediaTimeout                Cause = 804
	PickedOff                   Cause = 805
	UserNotRegistered           Cause = 806
	ProgressTimeout             Cause = 807
	InvalidGateway              Cause = 808
	GatewayDown                 Cause = 809
	InvalidURL                  Cause = 810
	InvalidProfile              Cause = 811
	NoPickup                    Cause = 812
	BusyEverywhere              Cause = 815
	Decline                     Cause = 816
	DoesNotExistAnywhere        Cause = 817
	NotAcceptable               Cause = 818
	Unwanted                    Cause = 819
)

// causeNames are the names that users of FreeSWITCH know, which are those of Q.850 for the most part.
var causeNames = map[Cause]string{
	0: "NONE", 1: "UNALLOCATED_NUMBER", 2: "NO_ROUTE_TRANSIT_NET", 3: "NO_ROUTE_DESTINATION", 6: "CHANNEL_UNACCEPTABLE",
	7: "CALL_AWARDED_DELIVERED", 16: "NORMAL_CLEARING", 17: "USER_BUSY", 18: "NO_USER_RESPONSE", 19: "NO_ANSWER",
	20: "SUBSCRIBER_ABSENT", 21: "CALL_REJECTED", 22: "NUMBER_CHANGED", 23: "REDIRECTION_TO_NEW_DESTINATION",
	25: "EXCHANGE_ROUTING_ERROR", 27: "DESTINATION_OUT_OF_ORDER", 28: "INVALID_NUMBER_FORMAT", 29: "FACILITY_REJECTED",
	30: "RESPONSE_TO_STATUS_ENQUIRY", 31: "NORMAL_UNSPECIFIED", 34: "NORMAL_CIRCUIT_CONGESTION", 38: "NETWORK_OUT_OF_ORDER",
	41: "NORMAL_TEMPORARY_FAILURE", 42: "SWITCH_CONGESTION", 43: "ACCESS_INFO_DISCARDED", 44: "REQUESTED_CHAN_UNAVAIL",
	45: "PRE_EMPTED", 50: "FACILITY_NOT_SUBSCRIBED", 52: "OUTGOING_CALL_BARRED", 54: "INCOMING_CALL_BARRED",
	57: "BEARERCAPABILITY_NOTAUTH", 58: "BEARERCAPABILITY_NOTAVAIL", 63: "SERVICE_UNAVAILABLE", 65: "BEARERCAPABILITY_NOTIMPL",
	66: "CHAN_NOT_IMPLEMENTED", 69: "FACILITY_NOT_IMPLEMENTED", 79: "SERVICE_NOT_IMPLEMENTED", 81: "INVALID_CALL_REFERENCE",
	88: "INCOMPATIBLE_DESTINATION", 95: "INVALID_MSG_UNSPECIFIED", 96: "MANDATORY_IE_MISSING", 97: "MESSAGE_TYPE_NONEXIST",
	98: "WRONG_MESSAGE", 99: "IE_NONEXIST", 100: "INVALID_IE_CONTENTS", 101: "WRONG_CALL_STATE", 102: "RECOVERY_ON_TIMER_EXPIRE",
	103: "MANDATORY_IE_LENGTH_ERROR", 111: "PROTOCOL_ERROR", 127: "INTERWORKING", 142: "SUCCESS", 487: "ORIGINATOR_CANCEL",
	700: "CRASH", 701: "SYSTEM_SHUTDOWN", 702: "LOSE_RACE", 703: "MANAGER_REQUEST", 800: "BLIND_TRANSFER",
	801: "ATTENDED_TRANSFER", 802: "ALLOTTED_TIMEOUT", 803: "USER_CHALLENGE", 804: "MEDIA_TIMEOUT", 805: "PICKED_OFF",
	806: "USER_NOT_REGISTERED", 807: "PROGRESS_TIMEOUT", 808: "INVALID_GATEWAY", 809: "GATEWAY_DOWN", 810: "INVALID_URL",
	811: "INVALID_PROFILE", 812: "NO_PICKUP", 813: "SRTP_READ_ERROR", 814: "BOWOUT", 815: "BUSY_EVERYWHERE", 816: "DECLINE",
	817: "DOES_NOT_EXIST_ANYWHERE", 818: "NOT_ACCEPTABLE", 819: "UNWANTED", 820: "NO_IDENTITY", 821: "BAD_IDENTITY_INFO",
	822: "UNSUPPORTED_CERTIFICATE", 823: "INVALID_IDENTITY", 824: "STALE_DATE", 825: "REJECT_ALL",
}

var causeNumbers = func() map[string]Cause {
	m := make(map[string]Cause, len(causeNames))
	for c, name := range causeNames {
		m[name] = c
	}
	return m
}()

// String returns the name, such as USER_BUSY, or the number of a cause that has none.
func (c Cause) String() string {
	if s, ok := causeNames[c]; ok {
		return s
	}
	return strconv.Itoa(int(c))
}

// Error is the name.
func (c Cause) Error() string { return "control: " + c.String() }

// ParseCause reads a name, in any case, or a number of at most 999.
func ParseCause(s string) (Cause, error) {
	s = strings.TrimSpace(s)
	if c, ok := causeNumbers[strings.ToUpper(s)]; ok {
		return c, nil
	}
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n < 1000 {
		return Cause(n), nil
	}
	return CauseNone, fmt.Errorf("control: %.40q is no hangup cause", s)
}

// Q850 returns the cause as Q.850 has it: causes beyond 127 are 16, 31 or what comes closest.
func (c Cause) Q850() int {
	if c > 0 && c <= 127 {
		return int(c)
	}
	switch c {
	case CauseNone, NormalClearing, OriginatorCancel, LoseRace, BlindTransfer, AttendedTransfer, AllottedTimeout, PickedOff, ManagerRequest:
		return int(NormalClearing)
	case UserNotRegistered:
		return int(SubscriberAbsent)
	case BusyEverywhere:
		return int(UserBusy)
	case Decline, Unwanted:
		return int(CallRejected)
	case DoesNotExistAnywhere, InvalidURL, InvalidGateway:
		return int(UnallocatedNumber)
	case NotAcceptable:
		return int(IncompatibleDestination)
	case ProgressTimeout, NoPickup:
		return int(NoAnswer)
	case MediaTimeout:
		return int(RecoveryOnTimerExpire)
	case GatewayDown, InvalidProfile, SystemShutdown:
		return int(NormalTemporaryFailure)
	}
	return int(NormalUnspecified)
}

// statusOfCause follows RFC 3398 section 8.2.6.1, and FreeSWITCH for causes that the RFC does not have.
var statusOfCause = map[Cause]int{
	1: 404, 2: 404, 3: 404, 17: 486, 18: 408, 19: 480, 20: 480, 21: 603, 22: 410, 23: 410, 25: 483, 26: 404, 27: 502, 28: 484,
	29: 501, 31: 480, 34: 503, 38: 503, 41: 503, 42: 503, 44: 503, 47: 503, 52: 403, 54: 403, 55: 403, 57: 403, 58: 503,
	65: 488, 69: 501, 70: 488, 79: 501, 87: 403, 88: 488, 102: 504, 111: 500, 127: 500, 487: 487,
	701: 503, 804: 480, 806: 480, 807: 480, 808: 484, 809: 503, 810: 484, 811: 502, 812: 480, 815: 600, 816: 603, 817: 604,
	818: 606, 819: 607, 820: 428, 821: 429, 822: 437, 823: 438, 824: 403, 825: 603,
}

// SIPStatus returns the status code that refuses a call for this cause (RFC 3398 section 8.2.6.1). Causes that
// the RFC has no code for get 480, as FreeSWITCH has it.
func (c Cause) SIPStatus() int {
	if code, ok := statusOfCause[c]; ok {
		return code
	}
	return 480
}

// CauseOfStatus returns the cause of a SIP status code (RFC 3398 section 7.2.4.1), with FreeSWITCH's choice where
// the two differ.
func CauseOfStatus(code int) Cause {
	switch code {
	case 401, 402, 403, 407, 603, 608:
		return CallRejected
	case 404:
		return UnallocatedNumber
	case 485, 604:
		return NoRouteDestination
	case 408, 504:
		return RecoveryOnTimerExpire
	case 410:
		return NumberChanged
	case 413, 414, 416, 420, 421, 423, 505, 513:
		return Interworking
	case 480:
		return NoUserResponse
	case 400, 481, 500, 503:
		return NormalTemporaryFailure
	case 486, 600:
		return UserBusy
	case 484:
		return InvalidNumberFormat
	case 488, 606:
		return IncompatibleDestination
	case 502:
		return NetworkOutOfOrder
	case 405:
		return ServiceUnavailable
	case 406, 415, 501:
		return ServiceNotImplemented
	case 482, 483:
		return ExchangeRoutingError
	case 487:
		return OriginatorCancel
	case 607:
		return Unwanted
	case 428, 429:
		return Cause(820 + code - 428)
	case 437, 438:
		return Cause(822 + code - 437)
	}
	switch {
	case code >= 200 && code < 300:
		return NormalClearing
	case code >= 300 && code < 400:
		return RedirectionToNewDestination
	}
	return NormalUnspecified
}

// Reason is the cause as a Reason field (RFC 3326) gives it: Q.850;cause=16;text="NORMAL_CLEARING".
func (c Cause) Reason() sip.Reason { return sip.NewReason("Q.850", c.Q850(), c.String()) }

// CauseOfHeader reads the Reason fields of a message (RFC 3326): the cause of Q.850, else that of a SIP status code;
// CauseNone where there is neither. A Q.850 cause whose text is the name of a cause beyond 127 with that value is that cause.
func CauseOfHeader(h *sip.Header) Cause {
	found := CauseNone
	for r, err := range h.Reasons() {
		if err != nil {
			continue
		}
		switch n := r.Cause(); {
		case strings.EqualFold(r.Protocol, "Q.850") && n > 0 && n <= 127:
			if c, ok := causeNumbers[r.Text()]; ok && c.Q850() == n {
				return c
			}
			return Cause(n)
		case strings.EqualFold(r.Protocol, "SIP") && n >= 200 && n < 700 && found == CauseNone:
			found = CauseOfStatus(n)
		}
	}
	return found
}

// CauseOf returns why a call has failed or ended: err is what [call.Agent.Dial] returned or the cause of
// [call.Call.Context].
func CauseOf(err error) Cause {
	var (
		c       Cause
		bye     *sip.ByeError
		cancel  *sip.CancelError
		refused *sip.ResponseError
		sdpErr  *sdp.RefusedError
	)
	switch {
	case err == nil:
		return NormalClearing
	case errors.As(err, &c):
		return c
	case errors.Is(err, call.ErrMediaTimeout):
		return MediaTimeout
	case errors.As(err, &bye):
		if c := CauseOfHeader(bye.Request.Head()); c != CauseNone {
			return c
		}
		return NormalClearing
	case errors.As(err, &cancel) && cancel.Request != nil:
		if c := CauseOfHeader(cancel.Request.Head()); c != CauseNone {
			return c
		}
		return OriginatorCancel
	case errors.As(err, &refused):
		if c := CauseOfHeader(refused.Response.Head()); c != CauseNone && c != NormalClearing {
			return c
		}
		return CauseOfStatus(refused.Response.StatusCode)
	case errors.Is(err, sip.ErrCanceled):
		return OriginatorCancel
	case errors.Is(err, sip.ErrHungUp), errors.Is(err, sip.ErrPeerHungUp):
		return NormalClearing
	case errors.Is(err, sip.ErrForked):
		return LoseRace
	case errors.Is(err, sip.ErrRefused):
		return CallRejected
	case errors.Is(err, sip.ErrTimeout), errors.Is(err, sip.ErrNoACK), errors.Is(err, sip.ErrSessionExpired):
		return RecoveryOnTimerExpire
	case errors.As(err, &sdpErr):
		return IncompatibleDestination
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, call.ErrNoAnswer):
		return NoAnswer
	case errors.Is(err, context.Canceled):
		return OriginatorCancel
	case errors.Is(err, call.ErrNoPorts):
		return SwitchCongestion
	}
	return NormalTemporaryFailure
}
