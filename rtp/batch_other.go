//go:build !linux

package rtp

import (
	"net"
	"net/netip"
)

// batch reads one datagram at a time.
type batch struct {
	conn *net.UDPConn
	from netip.AddrPort
	n    int
	buf  [maxDatagram]byte
}

func newBatch(conn *net.UDPConn) *batch { return &batch{conn: conn} }

func (b *batch) read() (n int, err error) {
	b.n, b.from, err = b.conn.ReadFromUDPAddrPort(b.buf[:])
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func (b *batch) datagram(int) (netip.AddrPort, []byte) { return b.from, b.buf[:b.n] }
