//go:build !linux

package user

import (
	"net"
	"net/netip"
)

// batch reads and writes one packet at a time.
type batch struct {
	c     net.PacketConn
	local netip.AddrPort
	raw   bool
	buf   []byte
}

func newBatch(c net.PacketConn, local netip.AddrPort, raw bool) (PacketConn, error) {
	return &batch{c, local, raw, make([]byte, 1<<16)}, nil
}

func (b *batch) LocalAddr() netip.AddrPort { return b.local }

func (b *batch) ReadPackets(ps []Packet) (int, error) {
	n, from, err := b.c.ReadFrom(b.buf)
	if err != nil {
		return 0, err
	}
	var remote netip.AddrPort
	switch a := from.(type) {
	case *net.UDPAddr:
		remote = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	case *net.IPAddr:
		ip, _ := netip.AddrFromSlice(a.IP)
		remote = netip.AddrPortFrom(ip.Unmap().WithZone(a.Zone), 0)
	}
	ps[0] = Packet{b.local, remote, b.buf[:n]}
	return 1, nil
}

func (b *batch) WritePackets(ps []Packet) (n int, err error) {
	for _, p := range ps {
		var to net.Addr = net.UDPAddrFromAddrPort(p.Remote)
		if b.raw {
			to = &net.IPAddr{IP: p.Remote.Addr().AsSlice(), Zone: p.Remote.Addr().Zone()}
		}
		if _, err := b.c.WriteTo(p.Data, to); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (b *batch) Close() error { return b.c.Close() }

// kernelHasSCTP cannot be told here: where the system has one, the socket is refused by itself or
// the administrator knows.
func kernelHasSCTP() bool { return false }
