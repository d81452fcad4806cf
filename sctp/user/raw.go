package user

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Raw carries packets in IP itself, as protocol 132, the way that peers without RFC 6951 want it.
// It needs CAP_NET_RAW, and a system without an SCTP of its own: that one would answer to every
// INIT with an ABORT. All packets of a local address come to this process; two of them cannot
// share one. The zero value works.
type Raw struct{}

// ErrKernel says that the system has an SCTP of its own; package sctp/kernel uses it.
var ErrKernel = errors.New("sctp/user: raw IP is refused, for the kernel has SCTP")

// Name is "raw".
func (Raw) Name() string { return "raw" }

// Overhead is 0.
func (Raw) Overhead() int { return 0 }

// Open opens a raw socket. The port of local is ignored.
func (Raw) Open(local netip.AddrPort) (PacketConn, error) {
	if kernelHasSCTP() {
		return nil, ErrKernel
	}
	network := "ip4:132"
	if !local.Addr().Is4() {
		network = "ip6:132"
	}
	c, err := net.ListenIP(network, &net.IPAddr{IP: local.Addr().AsSlice(), Zone: local.Addr().Zone()})
	if err != nil {
		return nil, fmt.Errorf("sctp/user: %w", err)
	}
	c.SetReadBuffer(4 << 20)
	c.SetWriteBuffer(4 << 20)
	return newBatch(c, netip.AddrPortFrom(local.Addr(), 0), true)
}

// Local asks the system's routes.
func (Raw) Local(to netip.Addr) ([]netip.Addr, error) { return systemAddrs(to) }
