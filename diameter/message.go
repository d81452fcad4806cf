package diameter

import (
	"encoding"
	"encoding/binary"
	"fmt"
)

// HeaderLen is how many octets the Diameter header has.
const HeaderLen = 20

// MaxMessageLen is the longest message that the length field can express.
const MaxMessageLen = 1<<24 - 1

const version = 1

// CommandFlags are the flags of the header (RFC 6733 section 3). Reserved bits are kept as they came.
type CommandFlags uint8

// The command flags.
const (
	Request       CommandFlags = 1 << 7 // R: the message is a request
	Proxiable     CommandFlags = 1 << 6 // P: it may be proxied, relayed or redirected
	ErrorFlag     CommandFlags = 1 << 5 // E: the answer reports a protocol error
	Retransmitted CommandFlags = 1 << 4 // T: the request may have been sent before, on another connection
)

// String returns the letters of the flags that are set, such as "RP".
func (f CommandFlags) String() string {
	return flagString(uint8(f), "RPET")
}

func flagString(f uint8, names string) string {
	var s []byte
	for i := range 8 {
		switch {
		case f&(1<<(7-i)) == 0:
		case i < len(names):
			s = append(s, names[i])
		default:
			s = append(s, 'r') // reserved
		}
	}
	if s == nil {
		return "-"
	}
	return string(s)
}

// A CommandCode says what a message is about; request and answer share it.
type CommandCode uint32

// An ApplicationID names a Diameter application (RFC 6733 section 11.3).
type ApplicationID uint32

// Applications that the base protocol knows.
const (
	Common         ApplicationID = 0          // the base protocol's own messages
	BaseAccounting ApplicationID = 3          // base accounting
	Relay          ApplicationID = 0xffffffff // what relays advertise: any application
)

// A VendorID is an SMI Network Management Private Enterprise Code.
type VendorID uint32

// Vendors with AVPs in the dictionaries of this module.
const (
	IETF       VendorID = 0     // AVPs without a vendor
	Vendor3GPP VendorID = 10415 // 3GPP
	VendorETSI VendorID = 13019 // ETSI
)

// Header is a message's header (RFC 6733 section 3), but for the version, which is 1, and the
// length, which is counted when the message is appended.
type Header struct {
	Flags         CommandFlags
	Code          CommandCode // of 24 bits
	ApplicationID ApplicationID
	HopByHopID    uint32
	EndToEndID    uint32
}

// Answer returns the header of an answer to a request with header h: the same code, application,
// identifiers and P flag (RFC 6733 section 6.2).
func (h Header) Answer() Header {
	h.Flags &= Proxiable
	return h
}

// IsRequest tells whether the R flag is set.
func (h Header) IsRequest() bool { return h.Flags&Request != 0 }

// String returns a short form for logs, such as "303 RP app 16777216 hbh 1a2b3c4d e2e 00000001".
func (h Header) String() string {
	return fmt.Sprintf("%d %v app %d hbh %08x e2e %08x", uint32(h.Code), h.Flags, uint32(h.ApplicationID), h.HopByHopID, h.EndToEndID)
}

// ParseHeader reads a header and returns it with the length of the whole message, header included. It needs
// only the first HeaderLen octets, so that it finds the end of a message in a stream. The error is a
// [*ProtocolError] with the code UnsupportedVersion or InvalidMessageLength; the header is then filled
// all the same if b is long enough, for an answer. After such an error framing is lost.
func ParseHeader(b []byte) (h Header, length int, err error) {
	if len(b) < HeaderLen {
		return h, 0, &ProtocolError{ResultCode: InvalidMessageLength, Text: fmt.Sprintf("header of %d octets", len(b))}
	}
	h = Header{
		Flags:         CommandFlags(b[4]),
		Code:          CommandCode(binary.BigEndian.Uint32(b[4:]) & 0xffffff),
		ApplicationID: ApplicationID(binary.BigEndian.Uint32(b[8:])),
		HopByHopID:    binary.BigEndian.Uint32(b[12:]),
		EndToEndID:    binary.BigEndian.Uint32(b[16:]),
	}
	length = int(binary.BigEndian.Uint32(b) & 0xffffff)
	switch {
	case b[0] != version:
		err = &ProtocolError{ResultCode: UnsupportedVersion, Text: fmt.Sprintf("version %d", b[0])}
	case length < HeaderLen || length%4 != 0:
		err = &ProtocolError{ResultCode: InvalidMessageLength, Text: fmt.Sprintf("message length %d", length)}
	}
	return h, length, err
}

// AppendHeader appends a header whose length field is zero; [FinishMessage] fills it in.
func AppendHeader(b []byte, h Header) []byte {
	b = append(b, version, 0, 0, 0, byte(h.Flags), byte(h.Code>>16), byte(h.Code>>8), byte(h.Code))
	b = binary.BigEndian.AppendUint32(b, uint32(h.ApplicationID))
	b = binary.BigEndian.AppendUint32(b, h.HopByHopID)
	return binary.BigEndian.AppendUint32(b, h.EndToEndID)
}

// FinishMessage writes the length of the message that begins at b[start:] into its header. It
// returns ErrTooLong where the field cannot hold it.
func FinishMessage(b []byte, start int) error {
	n := len(b) - start
	if n > MaxMessageLen {
		return fmt.Errorf("diameter: message of %d octets: %w", n, ErrTooLong)
	}
	b[start+1], b[start+2], b[start+3] = byte(n>>16), byte(n>>8), byte(n)
	return nil
}

// Message is a header and its AVPs as they are on the wire. What a relay forwards is therefore
// what came: unknown AVPs, their order, flags and padding. The zero Message is an empty answer.
type Message struct {
	Header
	AVPs AVPs
}

// ParseMessage reads one message, which has to be all of b. The message aliases b: whoever parses gives b
// away, or clones what it keeps. It allocates nothing but errors.
//
// The error is a [*ProtocolError]. With UnsupportedVersion or InvalidMessageLength framing is lost.
// With InvalidAVPLength the header is good, and Message.AVPs holds the AVPs before the bad one, so
// that the answer of RFC 6733 section 7.1.5 can be made. AVPs within grouped AVPs are not looked at.
func ParseMessage(b []byte) (Message, error) {
	h, n, err := ParseHeader(b)
	if err != nil {
		return Message{Header: h}, err
	}
	if n != len(b) {
		return Message{Header: h}, &ProtocolError{ResultCode: InvalidMessageLength, Text: fmt.Sprintf("message length %d of %d octets", n, len(b))}
	}
	m := Message{h, AVPs(b[HeaderLen:n:n])}
	good, err := m.AVPs.check()
	if err != nil {
		m.AVPs = m.AVPs[:good:good]
	}
	return m, err
}

// AppendBinary appends the message as it goes on the wire. It fails with ErrTooLong only.
func (m Message) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	b = append(AppendHeader(b, m.Header), m.AVPs...)
	if err := FinishMessage(b, start); err != nil {
		return b[:start], err
	}
	return b, nil
}

// Len is how many octets the message has on the wire.
func (m Message) Len() int { return HeaderLen + len(m.AVPs) }

// Find returns the first AVP with the code and vendor.
func (m Message) Find(code AVPCode, vendor VendorID) (AVP, bool) { return m.AVPs.Find(code, vendor) }

// Text returns the data of the first AVP with the code and vendor as text, empty if there is none.
func (m Message) Text(code AVPCode, vendor VendorID) string {
	a, _ := m.AVPs.Find(code, vendor)
	return string(a.Data)
}

// Clone returns a message that shares no memory with m.
func (m Message) Clone() Message {
	m.AVPs = append(AVPs(nil), m.AVPs...)
	return m
}

// NewMessage encodes a typed command into a Message of its own.
func NewMessage(c encoding.BinaryAppender) (Message, error) {
	b, err := c.AppendBinary(nil)
	if err != nil {
		return Message{}, err
	}
	return ParseMessage(b)
}
