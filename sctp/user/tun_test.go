//go:build linux

package user_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/sctptest"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
	"golang.org/x/sys/unix"
)

// tunHost is a host beside the kernel, with a line of its own to each of the kernel's networks
// 10.7.0.0/24 and 10.7.1.0/24. Its packets are IP with SCTP in it, as on any network; the kernel's
// own SCTP doesn't see what is for us.
type tunHost struct {
	addrs []netip.Addr // ours; the kernel's end in .1
	files [2]*os.File
	cut   [2]atomic.Bool
	lossy lossy
	mu    sync.Mutex
	ends  [2]*tunConn
}

var tuns atomic.Int32

func newTunHost(t *testing.T) *tunHost {
	t.Helper()
	h := &tunHost{lossy: newLossy(0).(lossy)}
	n := tuns.Add(1)
	for i := range h.files {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("t%dx%d", n, i)
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			t.Fatal(err)
		}
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
			t.Fatal(err)
		}
		h.files[i] = os.NewFile(uintptr(fd), name)
		t.Cleanup(func() { h.files[i].Close() })
		for _, cmd := range []string{fmt.Sprintf("ip addr add 10.7.%d.1/24 dev %s", i, name), "ip link set " + name + " up"} {
			if out, err := exec.Command("sh", "-c", cmd).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", cmd, err, out)
			}
		}
		h.addrs = append(h.addrs, netip.AddrFrom4([4]byte{10, 7, byte(i), 2}))
	}
	for i := range h.files {
		go h.read(i)
	}
	return h
}

func kernelOf(h *tunHost) sctp.Addr {
	var a sctp.Addr
	for _, x := range h.addrs {
		b := x.As4()
		b[3] = 1
		a.IPs = append(a.IPs, netip.AddrFrom4(b))
	}
	return a
}

func (h *tunHost) Cut(i int, cut bool) {
	for n := range h.cut {
		if i < 0 || i == n {
			h.cut[n].Store(cut)
		}
	}
}

// read hands the packets of a line to whoever has its address open.
func (h *tunHost) read(i int) {
	for {
		b := make([]byte, 1<<16)
		n, err := h.files[i].Read(b)
		if err != nil {
			return
		}
		if b = b[:n]; n < 20 || b[0]>>4 != 4 || b[9] != 132 || h.cut[i].Load() || h.lossy.loses() {
			continue
		}
		h.mu.Lock()
		c := h.ends[i]
		h.mu.Unlock()
		if c == nil {
			continue
		}
		select {
		case c.in <- user.Packet{Local: c.local, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0), Data: b[int(b[0]&15)*4:]}:
		default:
		}
	}
}

func (h *tunHost) Name() string  { return "tun" }
func (h *tunHost) Overhead() int { return 0 }

func (h *tunHost) Local(to netip.Addr) ([]netip.Addr, error) {
	if to.IsValid() {
		return []netip.Addr{h.addrs[network(to)&1]}, nil
	}
	return h.addrs, nil
}

func (h *tunHost) Open(local netip.AddrPort) (user.PacketConn, error) {
	c := &tunConn{h: h, local: local, line: slices.Index(h.addrs, local.Addr()), in: make(chan user.Packet, 1024), over: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.line < 0 || h.ends[c.line] != nil {
		return nil, fmt.Errorf("%v is not to be had", local)
	}
	h.ends[c.line] = c
	return c, nil
}

type tunConn struct {
	h     *tunHost
	local netip.AddrPort
	line  int
	in    chan user.Packet
	over  chan struct{}
	once  sync.Once
}

func (c *tunConn) LocalAddr() netip.AddrPort { return c.local }

func (c *tunConn) ReadPackets(ps []user.Packet) (int, error) {
	select {
	case ps[0] = <-c.in:
		return 1, nil
	case <-c.over:
		return 0, net.ErrClosed
	}
}

func (c *tunConn) WritePackets(ps []user.Packet) (int, error) {
	for _, p := range ps {
		if c.h.cut[c.line].Load() || c.h.lossy.loses() {
			continue
		}
		b := make([]byte, 20, 20+len(p.Data))
		b[0], b[8], b[9] = 0x45, 64, 132
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(p.Data)))
		src, dst := c.local.Addr().As4(), p.Remote.Addr().As4()
		copy(b[12:], src[:])
		copy(b[16:], dst[:])
		sum := uint32(0)
		for i := 0; i < 20; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		sum = sum&0xffff + sum>>16
		binary.BigEndian.PutUint16(b[10:], ^uint16(sum+sum>>16))
		c.h.files[c.line].Write(append(b, p.Data...))
	}
	return len(ps), nil
}

func (c *tunConn) Close() error {
	c.once.Do(func() {
		c.h.mu.Lock()
		c.h.ends[c.line] = nil
		c.h.mu.Unlock()
		close(c.over)
	})
	return nil
}

// The kernel's SCTP in plain IP, with two paths: as the server of our associations.
func TestKernelServesIP(t *testing.T) {
	kernelOverUDP(t)
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		h := newTunHost(t)
		return sctptest.Lab{Client: user.New(user.Config{Carrier: h}), ClientAddr: sctp.Addr{IPs: h.addrs},
			Server: kernel.Network{}, ServerAddr: kernelOf(h), AbortWithoutText: true, Cut: h.Cut, FixedPort: 5000}
	})
}

// And as the client.
func TestKernelDialsIP(t *testing.T) {
	kernelOverUDP(t)
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		h := newTunHost(t)
		return sctptest.Lab{Client: kernel.Network{}, ClientAddr: kernelOf(h),
			Server: user.New(user.Config{Carrier: h}), ServerAddr: sctp.Addr{IPs: h.addrs}, AbortWithoutText: true, Cut: h.Cut, FixedPort: 5001}
	})
}

// Ten megabytes to the kernel and back, and less with losses.
func TestKernelLoss(t *testing.T) {
	kernelOverUDP(t)
	for _, c := range []struct {
		loss   float64
		octets int
		ours   bool // we dial
	}{{0, 10 << 20, true}, {0, 10 << 20, false}, {0.01, 2 << 20, true}, {0.05, 1 << 20, false}} {
		t.Run(fmt.Sprintf("loss %v dialling %v", c.loss, c.ours), func(t *testing.T) {
			h := newTunHost(t)
			h.lossy.rate = c.loss
			cfg := quick
			if c.octets < 10<<20 {
				cfg.Trace = tsharktest.Capture(t)
			}
			n := user.New(user.Config{Carrier: h})
			var dialler, listener sctp.Network = n, kernel.Network{}
			from, to := sctp.Addr{IPs: h.addrs}, kernelOf(h)
			if !c.ours {
				dialler, listener, from, to = listener, dialler, to, from
			}
			l, err := listener.Listen(t.Context(), to, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			mine, err := dialler.Dial(t.Context(), from, l.Addr(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := l.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !c.ours {
				mine, theirs = theirs, mine
			}
			go echo(theirs)
			start := time.Now()
			echoed(t, mine, c.octets)
			t.Logf("%d octets there and back in %v, %d chunks sent again", c.octets, time.Since(start).Round(time.Millisecond), mine.Status().Retransmitted)
			if err := mine.Shutdown(t.Context()); err != nil && c.loss == 0 {
				t.Errorf("shutdown: %v", err)
			}
			theirs.Close()
		})
	}
}

// echo sends everything back until the association ends.
func echo(c sctp.Conn) {
	in := make([]sctp.Received, 0, 64)
	for {
		var err error
		if in, err = c.Receive(context.Background(), in[:0]); err != nil {
			return
		}
		for _, r := range in {
			if r.Event == nil {
				if _, err := c.Send(context.Background(), r.Message); err != nil {
					return
				}
			}
		}
	}
}
