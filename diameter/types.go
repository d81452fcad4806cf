package diameter

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"time"
)

// Uint32 reads data of the type Unsigned32. The errors of this and the methods below are of the type
// [*ProtocolError], with InvalidAVPLength or InvalidAVPValue and the AVP.
func (a AVP) Uint32() (uint32, error) {
	if len(a.Data) != 4 {
		return 0, a.sizeError(4)
	}
	return binary.BigEndian.Uint32(a.Data), nil
}

// Uint64 reads data of the type Unsigned64.
func (a AVP) Uint64() (uint64, error) {
	if len(a.Data) != 8 {
		return 0, a.sizeError(8)
	}
	return binary.BigEndian.Uint64(a.Data), nil
}

// Int32 reads data of the type Integer32 or Enumerated.
func (a AVP) Int32() (int32, error) {
	v, err := a.Uint32()
	return int32(v), err
}

// Int64 reads data of the type Integer64.
func (a AVP) Int64() (int64, error) {
	v, err := a.Uint64()
	return int64(v), err
}

// Float32 reads data of the type Float32.
func (a AVP) Float32() (float32, error) {
	v, err := a.Uint32()
	return math.Float32frombits(v), err
}

// Float64 reads data of the type Float64.
func (a AVP) Float64() (float64, error) {
	v, err := a.Uint64()
	return math.Float64frombits(v), err
}

// Text returns the data as text: the types UTF8String, DiameterIdentity, DiameterURI, IPFilterRule.
func (a AVP) Text() string { return string(a.Data) }

// Grouped returns the AVPs of data of the type Grouped, unchecked.
func (a AVP) Grouped() AVPs { return AVPs(a.Data) }

// Address families of the type Address (RFC 6733 section 4.3.1).
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// Address reads data of the type Address. Families other than IPv4 and IPv6 are an InvalidAVPValue.
func (a AVP) Address() (netip.Addr, error) {
	if len(a.Data) < 2 {
		return netip.Addr{}, a.sizeError(6)
	}
	family := binary.BigEndian.Uint16(a.Data)
	switch addr, ok := netip.AddrFromSlice(a.Data[2:]); {
	case family == familyIPv4 && ok && addr.Is4(), family == familyIPv6 && ok && addr.Is6():
		return addr, nil
	case family == familyIPv4 || family == familyIPv6:
		return netip.Addr{}, a.sizeError(2 + 4*int(family*family)) // 6 or 18
	}
	return netip.Addr{}, a.valueError(fmt.Sprintf("address family %d", family))
}

// ntpEpoch is 1 January 1900 in seconds of Unix.
const ntpEpoch = -2208988800

// Time reads data of the type Time: seconds since 1900 as in NTP, of era 1 (from 7 February 2036 on) where
// the highest bit is clear (RFC 6733 section 4.3.1, RFC 5905).
func (a AVP) Time() (time.Time, error) {
	v, err := a.Uint32()
	if err != nil {
		return time.Time{}, err
	}
	return ntpTime(v), nil
}

func ntpTime(v uint32) time.Time {
	s := int64(v) + ntpEpoch
	if v&(1<<31) == 0 {
		s += 1 << 32
	}
	return time.Unix(s, 0).UTC()
}

// AppendUint32 appends an AVP of the type Unsigned32.
func AppendUint32(b []byte, code AVPCode, flags AVPFlags, vendor VendorID, v uint32) []byte {
	b, at := BeginAVP(b, code, flags, vendor)
	return EndAVP(binary.BigEndian.AppendUint32(b, v), at)
}

// AppendUint64 appends an AVP of the type Unsigned64.
func AppendUint64(b []byte, code AVPCode, flags AVPFlags, vendor VendorID, v uint64) []byte {
	b, at := BeginAVP(b, code, flags, vendor)
	return EndAVP(binary.BigEndian.AppendUint64(b, v), at)
}

// AppendText appends an AVP of the type UTF8String, DiameterIdentity or another that is text.
func AppendText(b []byte, code AVPCode, flags AVPFlags, vendor VendorID, v string) []byte {
	b, at := BeginAVP(b, code, flags, vendor)
	return EndAVP(append(b, v...), at)
}

// AppendOctets appends an AVP of the type OctetString.
func AppendOctets(b []byte, code AVPCode, flags AVPFlags, vendor VendorID, v []byte) []byte {
	b, at := BeginAVP(b, code, flags, vendor)
	return EndAVP(append(b, v...), at)
}

// AppendAddress appends an AVP of the type Address. An IPv4 address mapped into IPv6 goes as IPv4.
func AppendAddress(b []byte, code AVPCode, flags AVPFlags, vendor VendorID, v netip.Addr) []byte {
	b, at := BeginAVP(b, code, flags, vendor)
	if v = v.Unmap(); v.Is4() {
		a4 := v.As4()
		b = append(append(b, 0, familyIPv4), a4[:]...)
	} else if v.Is6() {
		a16 := v.As16()
		b = append(append(b, 0, familyIPv6), a16[:]...)
	}
	return EndAVP(b, at)
}

// AppendTime appends an AVP of the type Time, in seconds modulo 2^32.
func AppendTime(b []byte, code AVPCode, flags AVPFlags, vendor VendorID, v time.Time) []byte {
	return AppendUint32(b, code, flags, vendor, uint32(v.Unix()-ntpEpoch))
}

// sizeError says that the data does not have the length of its type; want octets would do.
func (a AVP) sizeError(want int) *ProtocolError {
	text := fmt.Sprintf("AVP %d: data of %d octets, want %d", uint32(a.Code), len(a.Data), want)
	if len(a.Data) < want { // padded to what the type needs (RFC 6733 section 7.5)
		a.Data = append(append(make([]byte, 0, want), a.Data...), make([]byte, want-len(a.Data))...)
	}
	return &ProtocolError{ResultCode: InvalidAVPLength, FailedAVP: []AVP{a}, Text: text}
}

func (a AVP) valueError(why string) *ProtocolError {
	return &ProtocolError{
		ResultCode: InvalidAVPValue, FailedAVP: []AVP{a},
		Text: fmt.Sprintf("AVP %d: %s", uint32(a.Code), why),
	}
}
