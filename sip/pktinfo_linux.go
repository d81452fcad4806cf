package sip

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pktinfo makes the control message that sets the source address of a datagram (ip(7), ipv6(7)).
func pktinfo(local netip.Addr, v6 bool) []byte {
	level, kind, size := unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo
	if v6 {
		level, kind, size = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo
	}
	b := make([]byte, unix.CmsgSpace(size))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = int32(level), int32(kind)
	h.SetLen(unix.CmsgLen(size))
	data := b[unix.CmsgLen(0):]
	if v6 {
		a := local.As16()
		copy(data, a[:]) // ipi6_addr; ipi6_ifindex stays 0
	} else {
		a := local.As4()
		copy(data[4:], a[:]) // ipi_spec_dst
	}
	return b
}

// localOf finds the local address of a received datagram in its control messages.
func localOf(oob []byte) netip.Addr {
	for len(oob) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return netip.Addr{}
		}
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(data[4:8])) // ipi_spec_dst: ours, also for broadcast
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(data[:16])).Unmap()
		}
		oob = rest
	}
	return netip.Addr{}
}
