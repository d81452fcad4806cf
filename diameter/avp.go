package diameter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// An AVPCode, with the vendor, names an attribute (RFC 6733 section 4.1).
type AVPCode uint32

// AVPFlags are the flags of an AVP (RFC 6733 section 4.1). Reserved bits are kept as they came.
type AVPFlags uint8

// The AVP flags.
const (
	VendorFlag AVPFlags = 1 << 7 // V: a Vendor-ID follows the length
	Mandatory  AVPFlags = 1 << 6 // M: who doesn't know the AVP has to reject the message
	Protected  AVPFlags = 1 << 5 // P: reserved for end-to-end security
)

// String returns the letters of the flags that are set, such as "VM".
func (f AVPFlags) String() string { return flagString(uint8(f), "VMP") }

// ErrTooLong says that something does not fit in a length field of 24 bits.
var ErrTooLong = errors.New("longer than 24 bits can say")

// AVP is one attribute as it is on the wire. Data has no padding.
type AVP struct {
	Code     AVPCode
	Flags    AVPFlags // VendorFlag is implied where VendorID is not zero
	VendorID VendorID
	Data     []byte
}

// IsMandatory tells whether the M flag is set.
func (a AVP) IsMandatory() bool { return a.Flags&Mandatory != 0 }

func (a AVP) vendorSpecific() bool { return a.Flags&VendorFlag != 0 || a.VendorID != 0 }

// Len is the AVP's length field: header and data, padding left out.
func (a AVP) Len() int {
	if a.vendorSpecific() {
		return 12 + len(a.Data)
	}
	return 8 + len(a.Data)
}

// AppendBinary appends the AVP with its padding. It fails with ErrTooLong only.
func (a AVP) AppendBinary(b []byte) ([]byte, error) {
	if n := a.Len(); n > MaxMessageLen {
		return b, fmt.Errorf("diameter: AVP %d of %d octets: %w", uint32(a.Code), n, ErrTooLong)
	}
	return AppendAVP(b, a), nil
}

// AppendAVP is AVP.AppendBinary for AVPs known to fit.
func AppendAVP(b []byte, a AVP) []byte {
	b, at := BeginAVP(b, a.Code, a.Flags, a.VendorID)
	return EndAVP(append(b, a.Data...), at)
}

// BeginAVP appends the header of an AVP whose data the caller appends next, and which [EndAVP]
// ends. AVPs nest so. VendorFlag is added where vendor is not zero.
func BeginAVP(b []byte, code AVPCode, flags AVPFlags, vendor VendorID) (_ []byte, at int) {
	at = len(b)
	if vendor != 0 {
		flags |= VendorFlag
	}
	b = binary.BigEndian.AppendUint32(b, uint32(code))
	b = append(b, byte(flags), 0, 0, 0)
	if flags&VendorFlag != 0 {
		b = binary.BigEndian.AppendUint32(b, uint32(vendor))
	}
	return b, at
}

// EndAVP writes the length of the AVP that [BeginAVP] began at b[at:] and appends its padding. A length over
// 24 bits is cut here; [FinishMessage] refuses such a message.
func EndAVP(b []byte, at int) []byte {
	n := len(b) - at
	b[at+5], b[at+6], b[at+7] = byte(n>>16), byte(n>>8), byte(n)
	return append(b, "\x00\x00\x00"[:-n&3]...)
}

// AVPs is a sequence of AVPs as they are on the wire: the body of a message or the data of a
// grouped AVP.
type AVPs []byte

// All yields the AVPs in order; each aliases s. It ends before the first that is malformed.
func (s AVPs) All() iter.Seq[AVP] {
	return func(yield func(AVP) bool) {
		for len(s) > 0 {
			a, n, ok := s.first()
			if !ok || !yield(a) {
				return
			}
			s = s[n:]
		}
	}
}

// Find returns the first AVP with the code and vendor. It does not look into grouped AVPs.
func (s AVPs) Find(code AVPCode, vendor VendorID) (AVP, bool) {
	for len(s) > 0 {
		a, n, ok := s.first()
		if !ok {
			break
		}
		if a.Code == code && a.VendorID == vendor {
			return a, true
		}
		s = s[n:]
	}
	return AVP{}, false
}

// Has tells whether there is an AVP with the code and vendor.
func (s AVPs) Has(code AVPCode, vendor VendorID) bool {
	_, ok := s.Find(code, vendor)
	return ok
}

// Check returns nil, or a [*ProtocolError] with InvalidAVPLength for the first AVP that is malformed.
func (s AVPs) Check() error {
	_, err := s.check()
	return err
}

func (s AVPs) check() (good int, err error) {
	for good < len(s) {
		_, n, ok := s[good:].first()
		if !ok {
			return good, s[good:].lengthError()
		}
		good += n
	}
	return good, nil
}

// first returns the first AVP and what it takes with its padding. The padding of a last AVP may be
// missing (as some send grouped AVPs).
func (s AVPs) first() (a AVP, n int, ok bool) {
	if len(s) < 8 {
		return a, 0, false
	}
	flags := binary.BigEndian.Uint32(s[4:])
	a.Code, a.Flags = AVPCode(binary.BigEndian.Uint32(s)), AVPFlags(flags>>24)
	length, head := int(flags&0xffffff), 8
	if a.Flags&VendorFlag != 0 {
		head = 12
	}
	if length < head || length > len(s) {
		return a, 0, false
	}
	if head == 12 {
		a.VendorID = VendorID(binary.BigEndian.Uint32(s[8:]))
	}
	a.Data = s[head:length:length]
	return a, min((length+3)&^3, len(s)), true
}

// lengthError describes the malformed AVP at the head of s. The Failed-AVP holds its header, padded with
// zeros where it is cut (RFC 6733 section 7.1.5).
func (s AVPs) lengthError() *ProtocolError {
	var head [12]byte
	copy(head[:], s)
	a := AVP{Code: AVPCode(binary.BigEndian.Uint32(head[:])), Flags: AVPFlags(head[4])}
	if a.Flags&VendorFlag != 0 {
		a.VendorID = VendorID(binary.BigEndian.Uint32(head[8:]))
	}
	return &ProtocolError{
		ResultCode: InvalidAVPLength,
		FailedAVP:  []AVP{a},
		Text:       fmt.Sprintf("AVP %d: length %d of %d octets left", uint32(a.Code), binary.BigEndian.Uint32(head[4:])&0xffffff, len(s)),
	}
}
