package kernel

import (
	"encoding/binary"
	"net/netip"

	"github.com/gotelco/telco/internal/wire"
)

// Notifications (RFC 6458 section 6.1), numbered as Linux does.
const (
	assocChange     = 0x8001
	peerAddrChange  = 0x8002
	sendFailed      = 0x8003
	shutdownEvent   = 0x8005
	partialDelivery = 0x8006
)

// States of an assocChange.
const (
	commUp = iota
	commLost
	restart
	shutdownComplete
	cannotStart
)

// States of a peerAddrChange.
const (
	addrAvailable   = 0
	addrUnreachable = 1
	addrConfirmed   = 5
)

var ne, be = binary.NativeEndian, binary.BigEndian

// notification is what the kernel tells of an association.
type notification struct {
	kind    uint16
	state   int    // of assocChange, peerAddrChange
	out, in uint16 // of assocChange: streams
	info    []byte // of assocChange: the ABORT chunk; of sendFailed: data
	addr    netip.Addr
	flags   uint16 // of sendFailed: those of the DATA chunk
	stream  uint16
	ppid    uint32
}

// parseNotification reads a notification; what it returns refers to b.
func parseNotification(b []byte) (n notification, err error) {
	if len(b) < 8 {
		return n, wire.ErrTruncated
	}
	n.kind = ne.Uint16(b)
	if l := int(ne.Uint32(b[4:])); l >= 8 && l < len(b) {
		b = b[:l]
	}
	switch n.kind {
	case assocChange: // type, flags, length, state, error, out, in, id, info
		if len(b) < 20 {
			return n, wire.ErrTruncated
		}
		n.state = int(ne.Uint16(b[8:]))
		n.out, n.in = ne.Uint16(b[12:]), ne.Uint16(b[14:])
		n.info = b[20:]
	case peerAddrChange: // type, flags, length, address (128), state, error, id
		if len(b) < 148 {
			return n, wire.ErrTruncated
		}
		n.addr, _, _ = parseSockaddr(b[8:136])
		n.state = int(int32(ne.Uint32(b[136:])))
	case sendFailed: // type, flags, length, error, sndrcvinfo (32), id, data
		if len(b) < 48 {
			return n, wire.ErrTruncated
		}
		n.stream, n.flags = ne.Uint16(b[12:]), ne.Uint16(b[16:])
		n.ppid = be.Uint32(b[20:])
		n.info = b[48:]
	}
	return n, nil
}

// abortCause reads the first cause of an ABORT chunk (RFC 9260 section 3.3.7). Linux leaves out the
// chunk's header, which begins with 6; the code of a cause begins with 0.
func abortCause(chunk []byte) (code uint16, cause []byte) {
	if len(chunk) >= 4 && chunk[0] == 6 {
		chunk = chunk[4:]
	}
	if len(chunk) < 4 {
		return 0, nil
	}
	l := int(be.Uint16(chunk[2:]))
	if l < 4 || l > len(chunk) {
		l = len(chunk)
	}
	return be.Uint16(chunk), chunk[4:l]
}

// Address families of Linux.
const (
	familyIPv4 = 2
	familyIPv6 = 10
)

// appendSockaddr appends a sockaddr_in or sockaddr_in6.
func appendSockaddr(b []byte, ip netip.Addr, port uint16) []byte {
	if ip.Is4() {
		b = be.AppendUint16(ne.AppendUint16(b, familyIPv4), port)
		a := ip.As4()
		return append(append(b, a[:]...), make([]byte, 8)...)
	}
	b = be.AppendUint16(ne.AppendUint16(b, familyIPv6), port)
	a := ip.As16()
	b = append(append(b, 0, 0, 0, 0), a[:]...)
	return append(b, 0, 0, 0, 0)
}

// parseSockaddr reads one, and returns what follows; rest is nil where b is none.
func parseSockaddr(b []byte) (a netip.Addr, port uint16, rest []byte) {
	if len(b) < 2 {
		return a, 0, nil
	}
	switch family := ne.Uint16(b); {
	case family == familyIPv4 && len(b) >= 16:
		return netip.AddrFrom4([4]byte(b[4:8])), be.Uint16(b[2:]), b[16:]
	case family == familyIPv6 && len(b) >= 28:
		return netip.AddrFrom16([16]byte(b[8:24])).Unmap(), be.Uint16(b[2:]), b[28:]
	}
	return a, 0, nil
}
