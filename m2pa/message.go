package m2pa

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gotelco/telco/internal/wire"
)

// Registered values (RFC 4165 section 7.1).
const (
	PPID = 5    // the SCTP payload protocol identifier
	Port = 3565 // the SCTP port
)

// Lengths in octets.
const (
	HeaderLen = 16   // the common header and the M2PA header
	MaxMSU    = 4096 // the longest SIO and SIF that Parse accepts: that of Q.2210's 4091 octets, rounded up
)

const (
	version      = 1  // section 2.1.1
	messageClass = 11 // section 2.1.3
)

// MessageType is the type of a message (RFC 4165 section 2.1.4).
type MessageType uint8

// The message types.
const (
	UserData   MessageType = 1
	LinkStatus MessageType = 2
)

// String is the type as the RFC names it.
func (t MessageType) String() string {
	switch t {
	case UserData:
		return "User Data"
	case LinkStatus:
		return "Link Status"
	}
	return fmt.Sprintf("MessageType(%d)", uint8(t))
}

// Status is the state that a Link Status message tells (RFC 4165 section 2.3.2).
type Status uint32

// The link states.
const (
	Alignment          Status = 1 // MTP2: SIO
	ProvingNormal      Status = 2 // SIN
	ProvingEmergency   Status = 3 // SIE
	Ready              Status = 4 // the FISU at the end of proving
	ProcessorOutage    Status = 5 // SIPO
	ProcessorRecovered Status = 6 // the FISU at the end of a processor outage
	Busy               Status = 7 // SIB
	BusyEnded          Status = 8
	OutOfService       Status = 9 // SIOS
)

var statusNames = [...]string{Alignment: "Alignment", ProvingNormal: "Proving Normal", ProvingEmergency: "Proving Emergency",
	Ready: "Ready", ProcessorOutage: "Processor Outage", ProcessorRecovered: "Processor Recovered", Busy: "Busy",
	BusyEnded: "Busy Ended", OutOfService: "Out of Service"}

// String is the state as the RFC names it.
func (s Status) String() string {
	if s > 0 && int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", uint32(s))
}

// Message is one M2PA message (RFC 4165 section 2.3).
type Message struct {
	Type MessageType
	BSN  uint32 // 24 bit: the FSN of the User Data message last received from the peer
	FSN  uint32 // 24 bit: the number of this User Data message, or of the last one sent

	Status Status // of LinkStatus

	// Priority is the PRI field of User Data that is not empty, 0 to 3. Only the MTP of Japan
	// (JT-Q704) knows it; elsewhere it is 0.
	Priority uint8

	// Data is the SIO and SIF of User Data, nothing in a message that only acknowledges; or
	// the filler of a Link Status Proving message (section 2.3.2.1).
	Data []byte
}

// Errors that a [ParseError] wraps.
var (
	ErrTruncated = wire.ErrTruncated
	ErrVersion   = errors.New("unsupported version")
	ErrClass     = errors.New("invalid message class")
	ErrType      = errors.New("unsupported message type")
	ErrLength    = errors.New("the length is not that of the message")
	ErrTooLong   = errors.New("too long")
	ErrStatus    = errors.New("unknown link state")
	ErrPadding   = errors.New("octets behind the link state")
	ErrSequence  = errors.New("a sequence number has more than 24 bits")
)

// ParseError says which field of a message does not parse.
type ParseError struct {
	Field string
	Err   error
}

// Error names the field.
func (e *ParseError) Error() string { return "m2pa: parse " + e.Field + ": " + e.Err.Error() }

// Unwrap is why it does not parse.
func (e *ParseError) Unwrap() error { return e.Err }

// Each error that Parse returns is made once: a peer that sends rubbish makes no garbage.
var (
	errHeader       = &ParseError{"header", ErrTruncated}
	errVersion      = &ParseError{"version", ErrVersion}
	errClass        = &ParseError{"message class", ErrClass}
	errType         = &ParseError{"message type", ErrType}
	errLength       = &ParseError{"message length", ErrLength}
	errUserData     = &ParseError{"user data", ErrTruncated}
	errUserDataLong = &ParseError{"user data", ErrTooLong}
	errState        = &ParseError{"state", ErrTruncated}
	errStateValue   = &ParseError{"state", ErrStatus}
	errStateLong    = &ParseError{"state", ErrPadding}
)

// Parse reads one message, which b must hold from its first octet to its last. Data aliases b.
// Spare and unused bits are ignored, as section 2.1.2 has it. The error is a *ParseError.
func Parse(b []byte) (Message, error) {
	var m Message
	if len(b) < HeaderLen {
		return m, errHeader
	}
	_ = b[HeaderLen-1]
	m.Type = MessageType(b[3])
	switch {
	case b[0] != version:
		return m, errVersion
	case b[2] != messageClass:
		return m, errClass
	case m.Type != UserData && m.Type != LinkStatus:
		return m, errType
	case uint64(binary.BigEndian.Uint32(b[4:])) != uint64(len(b)):
		return m, errLength
	}
	m.BSN = binary.BigEndian.Uint32(b[8:]) & seqMask
	m.FSN = binary.BigEndian.Uint32(b[12:]) & seqMask
	rest := b[HeaderLen:len(b):len(b)]
	if m.Type == UserData {
		if len(rest) == 0 {
			return m, nil
		}
		if len(rest) < 2 { // a priority without an SIO
			return m, errUserData
		}
		if len(rest) > 1+MaxMSU {
			return m, errUserDataLong
		}
		m.Priority = rest[0] >> 6
		m.Data = rest[1:]
		return m, nil
	}
	if len(rest) < 4 {
		return m, errState
	}
	m.Status = Status(binary.BigEndian.Uint32(rest))
	if m.Status < Alignment || m.Status > OutOfService {
		return m, errStateValue
	}
	if len(rest) > 4 {
		if m.Status != ProvingNormal && m.Status != ProvingEmergency {
			return m, errStateLong
		}
		m.Data = rest[4:]
	}
	return m, nil
}

// AppendBinary appends the message to b. It refuses what Parse would not read back.
func (m Message) AppendBinary(b []byte) ([]byte, error) {
	fail := func(field string, err error) ([]byte, error) {
		return b, fmt.Errorf("m2pa: append %s: %w", field, err)
	}
	if m.BSN > seqMask || m.FSN > seqMask {
		return fail("header", ErrSequence)
	}
	switch m.Type {
	case UserData:
		if len(m.Data) == 0 {
			return appendHeader(b, UserData, HeaderLen, m.BSN, m.FSN), nil
		}
		if len(m.Data) > MaxMSU || m.Priority > 3 {
			return fail("user data", ErrTooLong)
		}
		b = appendHeader(b, UserData, HeaderLen+1+len(m.Data), m.BSN, m.FSN)
		b = append(b, m.Priority<<6)
		return append(b, m.Data...), nil
	case LinkStatus:
		if m.Status < Alignment || m.Status > OutOfService {
			return fail("state", ErrStatus)
		}
		if len(m.Data) > 0 && m.Status != ProvingNormal && m.Status != ProvingEmergency {
			return fail("state", ErrPadding)
		}
		if len(m.Data) > 1<<16 {
			return fail("filler", ErrTooLong)
		}
		b = appendHeader(b, LinkStatus, HeaderLen+4+len(m.Data), m.BSN, m.FSN)
		b = binary.BigEndian.AppendUint32(b, uint32(m.Status))
		return append(b, m.Data...), nil
	}
	return fail("message type", ErrType)
}

// String is the message in one line, for traces and logs.
func (m Message) String() string {
	if m.Type == LinkStatus {
		return fmt.Sprintf("%s FSN=%d BSN=%d", m.Status, m.FSN, m.BSN)
	}
	if len(m.Data) == 0 {
		return fmt.Sprintf("%s FSN=%d BSN=%d (empty)", m.Type, m.FSN, m.BSN)
	}
	return fmt.Sprintf("%s FSN=%d BSN=%d (%d octets)", m.Type, m.FSN, m.BSN, len(m.Data))
}

func appendHeader(b []byte, t MessageType, length int, bsn, fsn uint32) []byte {
	return append(b, version, 0, messageClass, byte(t),
		byte(length>>24), byte(length>>16), byte(length>>8), byte(length),
		0, byte(bsn>>16), byte(bsn>>8), byte(bsn),
		0, byte(fsn>>16), byte(fsn>>8), byte(fsn))
}

// Sequence numbers count modulo 2^24 (section 2.2.2).
const seqMask = 1<<24 - 1

// noSeq is the number "before the first message": FSN and BSN of a link that has sent nothing.
const noSeq = seqMask

func seqNext(s uint32) uint32   { return (s + 1) & seqMask }
func seqSub(a, b uint32) uint32 { return (a - b) & seqMask }
func seqAdd(s, n uint32) uint32 { return (s + n) & seqMask }
