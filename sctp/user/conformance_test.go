package user_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gotelco/telco/internal/sctptest"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/user"
)

// ether is two networks, 10.0.0.0/24 and 10.0.1.0/24, that hosts with an address in each share.
type ether struct {
	mu   sync.Mutex
	ends map[netip.AddrPort]*etherConn
	cut  [2]bool
	port uint16
}

func newEther() *ether { return &ether{ends: map[netip.AddrPort]*etherConn{}, port: 40000} }

// network is the one of an address: 0 or 1.
func network(a netip.Addr) int { return int(a.As4()[2]) }

func (e *ether) Cut(i int, cut bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for n := range e.cut {
		if i < 0 || i == n {
			e.cut[n] = cut
		}
	}
}

// host is the Carrier of one host.
type host struct {
	*ether
	addrs []netip.Addr
}

func (e *ether) host(last byte) host {
	return host{e, []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, last}), netip.AddrFrom4([4]byte{10, 0, 1, last})}}
}

func (host) Name() string  { return "ether" }
func (host) Overhead() int { return 8 }

func (h host) Local(to netip.Addr) ([]netip.Addr, error) {
	addrs := slices.Clone(h.addrs)
	if to.IsValid() && network(to) == 1 {
		slices.Reverse(addrs)
	}
	return addrs, nil
}

func (h host) Open(local netip.AddrPort) (user.PacketConn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if local.Port() == 0 {
		h.port++
		local = netip.AddrPortFrom(local.Addr(), h.port)
	}
	if h.ends[local] != nil {
		return nil, net.ErrClosed
	}
	c := &etherConn{ether: h.ether, local: local, in: make(chan user.Packet, 1000), over: make(chan struct{})}
	h.ends[local] = c
	return c, nil
}

type etherConn struct {
	*ether
	local netip.AddrPort
	in    chan user.Packet
	over  chan struct{}
	once  sync.Once
}

func (c *etherConn) LocalAddr() netip.AddrPort { return c.local }

func (c *etherConn) ReadPackets(ps []user.Packet) (n int, err error) {
	select {
	case ps[0] = <-c.in:
	case <-c.over:
		return 0, net.ErrClosed
	}
	for n = 1; n < len(ps); n++ {
		select {
		case ps[n] = <-c.in:
		default:
			return n, nil
		}
	}
	return n, nil
}

func (c *etherConn) WritePackets(ps []user.Packet) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range ps {
		to := c.ends[p.Remote]
		if to == nil || c.cut[network(p.Remote.Addr())] || network(c.local.Addr()) != network(p.Remote.Addr()) {
			continue
		}
		select {
		case to.in <- user.Packet{Local: p.Remote, Remote: c.local, Data: slices.Clone(p.Data)}:
		default: // the queue is full: lost
		}
	}
	return len(ps), nil
}

func (c *etherConn) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		delete(c.ends, c.local)
		c.mu.Unlock()
		close(c.over)
	})
	return nil
}

// Every test of the seam, on two hosts with two paths, in virtual time.
func TestConformance(t *testing.T) {
	sctptest.Run(t, true, func(t *testing.T) sctptest.Lab {
		e := newEther()
		client, server := e.host(1), e.host(2)
		return sctptest.Lab{
			Client: user.New(user.Config{Carrier: client}), Server: user.New(user.Config{Carrier: server}),
			ServerAddr: sctp.Addr{IPs: server.addrs}, ClientAddr: sctp.Addr{IPs: client.addrs},
			FixedPort: 5000, Cut: e.Cut,
		}
	})
}

// The same over UDP on the loopback.
func TestConformanceUDP(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for real time, left out with -short")
	}
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		server := user.New(user.Config{})
		return sctptest.Lab{
			Client: user.New(user.Config{}), Server: server,
			ServerAddr: addr(0, udpPort(t), "127.0.0.1"), ClientAddr: addr(0, udpPort(t), "127.0.0.1"),
		}
	})
}

// The same in IP itself, where the system lets us and has no SCTP of its own.
func TestConformanceRaw(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for real time, left out with -short")
	}
	c, err := user.Raw{}.Open(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Skipf("needs root, and a kernel without SCTP: %v", err)
	}
	c.Close()
	// Every stack sees all that comes for its address, and aborts what it does not know: each test has
	// addresses that no other one has, here or in another process.
	var labs atomic.Uint32
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		subnet := fmt.Sprintf("127.%d.%d.", 1+os.Getpid()%250, labs.Add(1)%250)
		return sctptest.Lab{
			Client: user.New(user.Config{Carrier: user.Raw{}}), Server: user.New(user.Config{Carrier: user.Raw{}}),
			ServerAddr: addr(0, 0, subnet+"1"), ClientAddr: addr(0, 0, subnet+"2"),
		}
	})
}
