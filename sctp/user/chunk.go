package user

import "fmt"

// Causes of ABORT and ERROR (RFC 9260 section 3.3.10).
const (
	causeInvalidStream       = 1
	causeMissingParam        = 2
	causeStaleCookie         = 3
	causeOutOfResource       = 4
	causeUnresolvable        = 5
	causeUnrecognizedChunk   = 6
	causeInvalidParam        = 7
	causeUnrecognizedParams  = 8
	causeNoUserData          = 9
	causeCookieWhileShutting = 10
	causeRestartNewAddrs     = 11
	causeUserAbort           = 12
	causeProtocolViolation   = 13
)

// appendCause appends a cause. It is the last of its chunk, so that its padding is that of the chunk.
func appendCause(b []byte, code uint16, value []byte) []byte {
	start := len(b)
	b = append(beginTLV(b, code), value...)
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// data is a DATA chunk (section 3.3.1).
type data struct {
	flags       uint8
	tsn         uint32
	stream, ssn uint16
	ppid        uint32
	user        []byte
}

// parseData reads a DATA chunk; the user data aliases it, and may be empty, which the RFC forbids.
func parseData(c chunk) (d data, err error) {
	v := c.value
	if len(v) < dataHead-chunkHead {
		return d, &ParseError{"DATA", errShort}
	}
	return data{c.flags, be.Uint32(v), be.Uint16(v[4:]), be.Uint16(v[6:]), be.Uint32(v[8:]), v[12:]}, nil
}

// append writes the chunk, padded.
func (d *data) append(b []byte) []byte {
	n := dataHead + len(d.user)
	b = append(b, byte(ctData), d.flags, byte(n>>8), byte(n))
	b = be.AppendUint32(b, d.tsn)
	b = be.AppendUint16(b, d.stream)
	b = be.AppendUint16(b, d.ssn)
	b = be.AppendUint32(b, d.ppid)
	b = append(b, d.user...)
	for ; n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// sack is a SACK chunk (section 3.3.4). The gap blocks stay as they came: four octets each.
type sack struct {
	cum  uint32
	rwnd uint32
	gaps []byte
	dups int
}

func parseSack(c chunk) (s sack, err error) {
	v := c.value
	if len(v) < 12 {
		return s, &ParseError{"SACK", errShort}
	}
	s = sack{cum: be.Uint32(v), rwnd: be.Uint32(v[4:]), dups: int(be.Uint16(v[10:]))}
	n := 4 * int(be.Uint16(v[8:]))
	if len(v) < 12+n+4*s.dups {
		return s, &ParseError{"SACK", errShort}
	}
	s.gaps = v[12 : 12+n]
	return s, nil
}

// causeError tells what an ABORT or ERROR says: the first cause in it.
func firstCause(value []byte) (code uint16, info []byte) {
	code, info, _, _, ok := nextTLV(value)
	if !ok {
		return 0, nil
	}
	return code, info
}

// state is a state of an association (section 4).
type state uint8

const (
	closed state = iota
	cookieWait
	cookieEchoed
	established
	shutdownPending
	shutdownSent
	shutdownReceived
	shutdownAckSent
)

var stateNames = [...]string{"CLOSED", "COOKIE-WAIT", "COOKIE-ECHOED", "ESTABLISHED", "SHUTDOWN-PENDING",
	"SHUTDOWN-SENT", "SHUTDOWN-RECEIVED", "SHUTDOWN-ACK-SENT"}

// String is the state as the RFC writes it.
func (s state) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}
