package user

import (
	"fmt"
	"net"
	"net/netip"
)

// DefaultPort is the port of UDP for SCTP (RFC 6951 section 5.1).
const DefaultPort = 9899

// UDP carries packets in UDP (RFC 6951). It needs no privileges. The zero value works.
type UDP struct{}

// Name is "udp".
func (UDP) Name() string { return "udp" }

// Overhead is the header of UDP.
func (UDP) Overhead() int { return 8 }

// Open binds a socket.
func (UDP) Open(local netip.AddrPort) (PacketConn, error) {
	network := "udp4"
	if !local.Addr().Is4() {
		network = "udp6"
	}
	c, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, fmt.Errorf("sctp/user: %w", err)
	}
	// What does not arrive here has to be sent again.
	c.SetReadBuffer(4 << 20)
	c.SetWriteBuffer(4 << 20)
	bound := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return newBatch(c, netip.AddrPortFrom(local.Addr(), bound.Port()), false)
}

// Local asks the system's routes.
func (UDP) Local(to netip.Addr) ([]netip.Addr, error) { return systemAddrs(to) }

func systemAddrs(to netip.Addr) ([]netip.Addr, error) {
	if to.IsValid() {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
		if err != nil {
			return nil, fmt.Errorf("sctp/user: no way to %v: %w", to, err)
		}
		defer c.Close()
		return []netip.Addr{c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()}, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("sctp/user: %w", err)
	}
	var addrs []netip.Addr
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && usable(p.Addr()) && !p.Addr().IsLinkLocalUnicast() {
			addrs = append(addrs, p.Addr().Unmap())
		}
	}
	return addrs, nil
}
