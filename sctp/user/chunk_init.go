package user

import (
	"net/netip"
	"slices"
)

// maxAddrs is how many addresses of a peer are kept; more are ignored.
const maxAddrs = 16

// maxReported is how many octets of unknown parameters or chunks are sent back.
const maxReported = 1024

// Parameters of INIT and INIT ACK (RFC 9260 section 3.3.2.1).
const (
	paramHeartbeatInfo  = 1
	paramIPv4           = 5
	paramIPv6           = 6
	paramStateCookie    = 7
	paramUnrecognized   = 8
	paramPreservative   = 9
	paramHostName       = 11
	paramSupportedTypes = 12
	paramECN            = 0x8000
)

// initChunk is an INIT or INIT ACK.
type initChunk struct {
	tag      uint32 // the initiate tag
	rwnd     uint32
	out, in  uint16 // OS and MIS
	tsn      uint32 // the initial TSN
	addrs    []netip.Addr
	cookie   []byte   // of INIT ACK
	unknown  [][]byte // parameters to be reported as unrecognized
	preserve uint32   // milliseconds by which the cookie's life should be longer
	hostName []byte   // the whole parameter, if there is one: it makes the chunk unacceptable
	types    []uint16 // the address types that the sender takes, if it says so
}

// parseInit reads the value of an INIT or INIT ACK. What it returns aliases b, but for addrs.
func parseInit(b []byte) (c initChunk, err error) {
	if len(b) < 16 {
		return c, &ParseError{"INIT", errShort}
	}
	c = initChunk{tag: be.Uint32(b), rwnd: be.Uint32(b[4:]), out: be.Uint16(b[8:]), in: be.Uint16(b[10:]), tsn: be.Uint32(b[12:])}
	reported := 0
	for b = b[16:]; len(b) > 0; {
		typ, value, whole, rest, ok := nextTLV(b)
		if !ok {
			return c, &ParseError{"INIT parameter", errLength}
		}
		b = rest
		switch typ {
		case paramIPv4, paramIPv6:
			a, ok := netip.AddrFromSlice(value)
			if !ok || a.Is4() != (typ == paramIPv4) {
				return c, &ParseError{"address parameter", errLength}
			}
			if a = a.Unmap(); usable(a) && len(c.addrs) < maxAddrs && !slices.Contains(c.addrs, a) {
				c.addrs = append(c.addrs, a)
			}
		case paramStateCookie:
			c.cookie = value
		case paramUnrecognized, paramECN:
		case paramPreservative:
			if len(value) != 4 {
				return c, &ParseError{"Cookie Preservative", errLength}
			}
			c.preserve = be.Uint32(value)
		case paramHostName:
			c.hostName = whole
		case paramSupportedTypes:
			for ; len(value) >= 2 && len(c.types) < 8; value = value[2:] {
				c.types = append(c.types, be.Uint16(value))
			}
		default: // table 3; the rules are those of chunks, in the high octet
			t := chunkType(typ >> 8)
			if reported += len(whole); t.unknownReports() && reported <= maxReported {
				c.unknown = append(c.unknown, whole)
			}
			if t.unknownStops() {
				return c, nil
			}
		}
	}
	return c, nil
}

// usable says whether packets can be sent to an address that a peer named.
func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// append writes the chunk as an INIT or INIT ACK. Unknown parameters are those to report.
func (c *initChunk) append(b []byte, t chunkType) []byte {
	start := len(b)
	b = beginChunk(b, t, 0)
	b = be.AppendUint32(b, c.tag)
	b = be.AppendUint32(b, c.rwnd)
	b = be.AppendUint16(b, c.out)
	b = be.AppendUint16(b, c.in)
	b = be.AppendUint32(b, c.tsn)
	for _, a := range c.addrs {
		b = appendAddr(b, a)
	}
	// The padding of the last parameter is that of the chunk (section 3.2), so it goes in front of
	// the next one.
	if len(c.types) > 0 {
		b = beginAddr(b, paramSupportedTypes, uint16(4+2*len(c.types)))
		for _, t := range c.types {
			b = be.AppendUint16(b, t)
		}
	}
	if c.preserve != 0 {
		b = beginAddr(padFrom(b, start), paramPreservative, 8)
		b = be.AppendUint32(b, c.preserve)
	}
	if c.cookie != nil {
		b = append(beginAddr(padFrom(b, start), paramStateCookie, uint16(4+len(c.cookie))), c.cookie...)
	}
	for _, u := range c.unknown {
		b = append(beginAddr(padFrom(b, start), paramUnrecognized, uint16(4+len(u))), u...)
	}
	return finishTLV(b, start)
}

func padFrom(b []byte, start int) []byte {
	for (len(b)-start)&3 != 0 {
		b = append(b, 0)
	}
	return b
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v := a.As4()
		return append(beginAddr(b, paramIPv4, 8), v[:]...)
	}
	v := a.As16()
	return append(beginAddr(b, paramIPv6, 20), v[:]...)
}

func beginAddr(b []byte, typ, n uint16) []byte {
	return be.AppendUint16(be.AppendUint16(b, typ), n)
}

// refusal is the cause with which an INIT or INIT ACK that cannot be accepted is answered
// (sections 3.3.2 and 3.3.3), or nil.
func (c *initChunk) refusal(ack bool) []byte {
	switch {
	case c.hostName != nil:
		return appendCause(nil, causeUnresolvable, c.hostName)
	case c.rwnd < 1500, c.out == 0, c.in == 0:
		return appendCause(nil, causeInvalidParam, nil)
	case ack && c.cookie == nil:
		return appendCause(nil, causeMissingParam, []byte{0, 0, 0, 1, 0, paramStateCookie})
	}
	return nil
}
