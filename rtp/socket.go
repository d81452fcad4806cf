package rtp

import (
	"net"
	"net/netip"
)

// socket reads and writes without allocation where the connection can.
type socket struct {
	conn net.PacketConn
	raw  *rawSocket   // in its place, if the Session is polled
	fast addrPortConn // nil if conn is another kind
	to   netip.AddrPort
	addr net.Addr // to, for the slow way
}

// addrPortConn is what *net.UDPConn has.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

func newSocket(c net.PacketConn) socket {
	fast, _ := c.(addrPortConn)
	return socket{conn: c, fast: fast}
}

func (c *socket) read(b []byte) (int, netip.AddrPort, error) {
	if c.fast != nil {
		return c.fast.ReadFromUDPAddrPort(b)
	}
	n, a, err := c.conn.ReadFrom(b)
	if err != nil {
		return n, netip.AddrPort{}, err
	}
	return n, addrPort(a), nil
}

func (c *socket) write(b []byte, to netip.AddrPort) error {
	if c.raw != nil {
		return c.raw.write(b, to)
	}
	var err error
	if c.fast != nil {
		_, err = c.fast.WriteToUDPAddrPort(b, to)
		return err
	}
	if c.to != to || c.addr == nil {
		c.to, c.addr = to, net.UDPAddrFromAddrPort(to)
	}
	_, err = c.conn.WriteTo(b, c.addr)
	return err
}

func (c *socket) close() error {
	if c.raw != nil {
		return c.raw.close()
	}
	return c.conn.Close()
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		return u.AddrPort()
	}
	if a == nil {
		return netip.AddrPort{}
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p
}
