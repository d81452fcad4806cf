package rtp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/gotelco/telco/internal/memnet"
)

func listenUDP(t testing.TB, network, host string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenPacket(network, net.JoinHostPort(host, "0"))
	if err != nil {
		if network == "udp6" {
			t.Skip("no IPv6: ", err)
		}
		t.Fatal(err)
	}
	return c.(*net.UDPConn)
}

// A hundred streams over IPv4 and IPv6 on one Poller: each hears its peer and gets reports, and there is no goroutine for
// any of them.
func TestPoller(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	var sessions []*Session
	for i := range 50 {
		network, host := "udp4", "127.0.0.1"
		if i%2 == 1 {
			if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
				c.Close()
				network, host = "udp6", "::1"
			}
		}
		ar, ac, br, bc := listenUDP(t, network, host), listenUDP(t, network, host), listenUDP(t, network, host), listenUDP(t, network, host)
		cfg := Config{Poller: p, ReportInterval: 20 * time.Millisecond, Buffer: BufferConfig{Delay: -1, Fixed: true}}
		ca, cb := cfg, cfg
		ca.Remote, ca.RemoteRTCP = addrPort(br.LocalAddr()), addrPort(bc.LocalAddr())
		cb.Remote, cb.RemoteRTCP = addrPort(ar.LocalAddr()), addrPort(ac.LocalAddr())
		sessions = append(sessions, NewSession(ar, ac, ca), NewSession(br, bc, cb))
	}
	if n := runtime.NumGoroutine() - before; runtime.GOOS == "linux" && (n > 0 || p.Len() != 200) {
		t.Errorf("%d goroutines, %d sockets", n, p.Len())
	}
	played := make([]int, len(sessions))
	done := func() bool {
		for i, s := range sessions {
			if st := s.Stats(); played[i] < 5 || st.RemoteReports == 0 {
				return false
			}
		}
		return true
	}
	buf := make([]byte, 0, 200)
	for deadline := time.Now().Add(20 * time.Second); !done() && time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		for i, s := range sessions {
			if err := s.Send([]byte{byte(i)}, 160); err != nil {
				t.Fatal(err)
			}
			for f, ok := s.Pop(buf); ok; f, ok = s.Pop(buf) {
				if !f.Lost && f.Payload[0] != byte(i^1) {
					t.Fatalf("%d hears %d", i, f.Payload[0])
				}
				played[i]++
			}
		}
	}
	if !done() {
		t.Errorf("played %v", played)
	}
	for _, s := range sessions {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if p.Len() != 0 {
		t.Errorf("%d sockets are left", p.Len())
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}

	// What cannot be polled is read all the same.
	n := memnet.New(memnet.Config{})
	s := NewSession(listen(t, n, ourAddr), nil, Config{Poller: p, Mux: true})
	if s.poller != nil {
		t.Error("polled")
	}
	s.Close()
}

// Reading through the Poller allocates nothing.
func TestPollerAllocations(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	in, out := listenUDP(t, "udp4", "127.0.0.1"), listenUDP(t, "udp4", "127.0.0.1")
	defer out.Close()
	s := NewSession(in, nil, Config{Poller: p, Mux: true, NoRTCP: true})
	defer s.Close()
	from, to := NewSender(0), addrPort(in.LocalAddr())
	b, frame := make([]byte, 0, 300), make([]byte, 0, 300)
	payload := make([]byte, 160)
	sent := uint64(0)
	one := func() {
		b, _ = from.AppendAudio(b[:0], time.Now(), Format{}, payload, 160)
		out.WriteToUDPAddrPort(b, to)
		sent++
		for end := time.Now().Add(10 * time.Second); s.Stats().PacketsReceived < sent && time.Now().Before(end); {
			time.Sleep(50 * time.Microsecond)
		}
		for _, ok := s.Pop(frame); ok; _, ok = s.Pop(frame) {
		}
	}
	for range 100 {
		one()
	}
	if n := testing.AllocsPerRun(100, one); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func TestDSCP(t *testing.T) {
	c := listenUDP(t, "udp4", "127.0.0.1")
	defer c.Close()
	if err := SetDSCP(c, ExpeditedForwarding); err != nil {
		t.Fatal(err)
	}
	if tos, err := ipv4.NewPacketConn(c).TOS(); err != nil || tos != 46<<2 {
		t.Errorf("TOS %#x, %v", tos, err)
	}
	if err := SetDSCP(c, 64); err == nil {
		t.Error("64 is no DSCP")
	}
	n := memnet.New(memnet.Config{})
	m, err := n.ListenPacket(netip.MustParseAddrPort("192.0.2.1:4000"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := SetDSCP(m, CS5); err == nil {
		t.Error("a connection that is none of the system")
	}
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("no IPv6")
	}
	c6 := listenUDP(t, "udp6", "::1")
	defer c6.Close()
	if err := SetDSCP(c6, CS5); err != nil {
		t.Fatal(err)
	}
	if tc, err := ipv6.NewPacketConn(c6).TrafficClass(); err != nil || tc != 40<<2 {
		t.Errorf("traffic class %#x, %v", tc, err)
	}
}
