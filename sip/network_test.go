package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// netHost is a network that records what it is given.
type netHost struct {
	*network
	mu     sync.Mutex
	got    []netEvent
	onData func(Flow, []byte)
}

type netEvent struct {
	flow Flow
	data string
	err  error // of a closed connection
}

// newNetHost makes a network whose streams are dialled within mem, from host.
func newNetHost(t *testing.T, mem *memnet.Network, host string, cfg NetworkConfig) *netHost {
	t.Helper()
	if mem != nil {
		a := netip.MustParseAddr(host)
		cfg.Dial = func(ctx context.Context, to DialTarget) (net.Conn, error) {
			c, err := mem.Dial(ctx, netip.AddrPortFrom(a, to.Local.Port()), to.Remote)
			if err != nil {
				return nil, err
			}
			return c, nil
		}
		cfg.ListenPacket = func(netip.AddrPort) (net.PacketConn, error) {
			return mem.ListenPacket(netip.AddrPortFrom(a, 0))
		}
	}
	h := &netHost{}
	h.network = newNetwork(cfg, func(f Flow, data []byte) {
		h.mu.Lock()
		h.got = append(h.got, netEvent{flow: f, data: string(data)})
		on := h.onData
		h.mu.Unlock()
		if on != nil {
			on(f, data)
		}
	}, func(f Flow, err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = append(h.got, netEvent{flow: f, err: err})
	})
	t.Cleanup(h.close)
	return h
}

// handle sets what is called with each message, while readers run.
func (h *netHost) handle(f func(Flow, []byte)) {
	h.mu.Lock()
	h.onData = f
	h.mu.Unlock()
}

func (h *netHost) events() []netEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

// data returns what was received, one string a message.
func (h *netHost) data() (all []string) {
	for _, e := range h.events() {
		if e.err == nil {
			all = append(all, e.data)
		}
	}
	return all
}

// closes returns the reasons of closed connections.
func (h *netHost) closes() (all []error) {
	for _, e := range h.events() {
		if e.err != nil {
			all = append(all, e.err)
		}
	}
	return all
}

// serveMem listens within mem.
func (h *netHost) serveMem(t *testing.T, mem *memnet.Network, lc ListenConfig) Flow {
	t.Helper()
	var f Flow
	a := netip.MustParseAddrPort(lc.Addr)
	if lc.Transport == UDP {
		pc, err := mem.ListenPacket(a)
		if err == nil {
			f, err = h.servePacketConn(pc, lc)
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	l, err := mem.Listen(a)
	if err == nil {
		f, err = h.serveListener(l, lc)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// reach connects and waits for the flow.
func (h *netHost) reach(t *testing.T, tr Transport, remote, name string) (Flow, error) {
	t.Helper()
	type result struct {
		f   Flow
		err error
	}
	ch := make(chan result, 1)
	h.connect(tr, netip.MustParseAddrPort(remote), name, Flow{}, func(f Flow, err error) { ch <- result{f, err} })
	select {
	case r := <-ch:
		return r.f, r.err
	case <-time.After(time.Minute):
		t.Fatal("connect never answered")
	}
	return Flow{}, nil
}

// sipText is a message of the given body, big enough to be a message at all.
func sipText(body string) string {
	return fmt.Sprintf("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestUDPBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{Latency: time.Millisecond})
		a, b := newNetHost(t, mem, "192.0.2.1", NetworkConfig{}), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		a.serveMem(t, mem, ListenConfig{Transport: UDP, Addr: "192.0.2.1:5060"})
		b.serveMem(t, mem, ListenConfig{Transport: UDP, Addr: "192.0.2.2:5060"})
		b.onData = func(f Flow, data []byte) { b.send(f, []byte("answer to "+string(data))) }
		f, err := a.reach(t, UDP, "192.0.2.2:5060", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{"one", "two", "\r\n\r\n", "\r\n", "\x00\x00"} {
			if err := a.send(f, []byte(m)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got, want := fmt.Sprint(a.data()), "[answer to one answer to two]"; got != want {
			t.Errorf("got %s", got)
		}
		if got, want := fmt.Sprint(b.data()), "[one two]"; got != want {
			t.Errorf("got %s", got)
		}
		e := a.events()[0]
		if e.flow != f {
			t.Errorf("the answer came over %v, want %v", e.flow, f)
		}
		if n := b.snapshot().KeepAlives; n != 3 {
			t.Errorf("%d keep-alives, want 3", n)
		}
		if n := a.snapshot().KeepAlives; n != 1 {
			t.Errorf("%d pongs, want 1", n)
		}
		var te *TransportError
		if err := a.send(f, make([]byte, 65508)); !errors.As(err, &te) || te.Remote != f.Remote {
			t.Errorf("an oversized datagram: %v", err)
		}
	})
}

func TestUDPSocketChoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{})
		h := newNetHost(t, mem, "192.0.2.1", NetworkConfig{})
		auto, err := h.reach(t, UDP, "192.0.2.9:5060", "")
		if err != nil || auto.Local.Addr().String() != "192.0.2.1" {
			t.Errorf("without a listener: %v, %v", auto, err)
		}
		four := h.serveMem(t, mem, ListenConfig{Transport: UDP, Addr: "192.0.2.1:5060", Advertise: "sip.example.com"})
		six := h.serveMem(t, mem, ListenConfig{Transport: UDP, Addr: "[2001:db8::1]:5060"})
		loop := h.serveMem(t, mem, ListenConfig{Transport: UDP, Addr: "127.0.0.1:5070", Advertise: "192.0.2.77:6000"})
		for _, c := range []struct {
			remote string
			from   Flow
			want   Flow
			sentBy string
		}{
			{"[2001:db8::2]:5060", Flow{}, six, "2001:db8::1 5060"},
			{"127.0.0.5:5060", Flow{}, loop, "192.0.2.77 6000"},
			{"192.0.2.9:5060", four, four, "sip.example.com 5060"},
			{"192.0.2.9:5060", Flow{Transport: UDP, Local: four.Local}, four, "sip.example.com 5060"},
			{"192.0.2.9:5060", Flow{Transport: TCP, Local: four.Local}, four, "sip.example.com 5060"},
		} {
			h.connect(UDP, netip.MustParseAddrPort(c.remote), "", c.from, func(f Flow, err error) {
				if err != nil || f.Local != c.want.Local || f.conn != c.want.conn {
					t.Errorf("to %s from %v: %v, %v, want the socket of %v", c.remote, c.from, f, err, c.want)
				}
				host, port := h.sentBy(f)
				if s := fmt.Sprint(host, " ", port); s != c.sentBy {
					t.Errorf("to %s: sent by %s, want %s", c.remote, s, c.sentBy)
				}
			})
		}
	})
}

func TestTCPMessagesInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{})
		b := newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		b.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.2:5060"})
		c, err := mem.Dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:5060"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{sipText("one"), sipText(""), sipText(strings.Repeat("three", 5000))}
		stream := want[0] + "\r\n\r\n" + want[1] + want[2]
		for i := 0; i < len(stream); i += 7 {
			c.Write([]byte(stream[i:min(i+7, len(stream))]))
			synctest.Wait()
		}
		if got := b.data(); !slices.Equal(got, want) {
			t.Errorf("got %d messages: %.200q", len(got), got)
		}
		pong := make([]byte, 10)
		if k, _ := c.Read(pong); string(pong[:k]) != "\r\n" {
			t.Errorf("the ping was answered by %q", pong[:k])
		}
	})
}

// A connection on which each read ends within a message, as those of a busy trunk do, is not that of a
// slow sender.
func TestBusyConnectionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{})
		b := newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		b.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.2:5060"})
		c, err := mem.Dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:5060"))
		if err != nil {
			t.Fatal(err)
		}
		text := sipText("message")
		c.Write([]byte(text[:20]))
		for range 120 {
			time.Sleep(time.Second)
			if _, err := c.Write([]byte(text[20:] + text[:20])); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := b.data(); len(got) != 120 || len(b.closes()) != 0 {
			t.Errorf("%d messages, closed: %v", len(got), b.closes())
		}
	})
}

func TestConnectionIsReusedBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{Latency: 10 * time.Millisecond})
		a, b := newNetHost(t, mem, "192.0.2.1", NetworkConfig{}), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		a.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.1:5060"})
		b.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.2:5060"})

		// Two wishes at once make one connection.
		flows := make(chan Flow, 2)
		for range 2 {
			a.connect(TCP, netip.MustParseAddrPort("192.0.2.2:5060"), "", Flow{}, func(f Flow, err error) { flows <- f })
		}
		f, again := <-flows, <-flows
		if f.IsZero() || f != again {
			t.Fatalf("two connections: %v, %v", f, again)
		}
		if host, port := a.sentBy(f); host != "192.0.2.1" || port != 5060 {
			t.Errorf("Via of a connection names %s:%d, want the listener", host, port)
		}
		a.send(f, []byte(sipText("out")))
		time.Sleep(time.Second)
		in := b.events()[0].flow
		// The accepted connection serves the other direction.
		back, err := b.reach(t, TCP, f.Local.String(), "")
		if err != nil || back != in {
			t.Errorf("to the peer's address: %v, %v, want %v", back, err, in)
		}
		if err := b.send(Flow{Transport: TCP, Remote: f.Local}, []byte(sipText("back"))); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := a.data(); len(got) != 1 || got[0] != sipText("back") {
			t.Errorf("got %q", got)
		}
		if s := b.snapshot(); s.Conns != 1 || s.Accepted != 1 || s.Dialled != 0 {
			t.Errorf("%+v", s)
		}
		a.closeFlow(f)
		time.Sleep(time.Second)
		if c := b.closes(); len(c) != 1 {
			t.Errorf("the other side saw %v", c)
		}
		if err := a.send(f, []byte("x")); !errors.Is(err, errFlowClosed) {
			t.Errorf("send over a closed flow: %v", err)
		}
		if b.alive(in) || a.alive(f) {
			t.Error("closed flows are alive")
		}
	})
}

func TestConnectErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{})
		a := newNetHost(t, mem, "192.0.2.1", NetworkConfig{})
		if _, err := a.reach(t, TCP, "192.0.2.2:5060", ""); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Error(err)
		}
		mem.Block(netip.MustParseAddr("192.0.2.3"), true)
		start := time.Now()
		if _, err := a.reach(t, TCP, "192.0.2.3:5060", ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := a.reach(t, WSS, "192.0.2.2:443", ""); !errors.Is(err, errNoWebSocket) {
			t.Error(err)
		}
		if s := a.snapshot(); s.DialErrors != 2 || s.Conns != 0 || a.pending != 0 {
			t.Errorf("%+v, %d pending", s, a.pending)
		}
	})
}

func TestSlowAndIdlePeersAreCut(t *testing.T) {
	cases := []struct {
		name  string
		play  func(c net.Conn, b *netHost)
		after time.Duration
		want  error
	}{
		{"says nothing", func(net.Conn, *netHost) {}, 32 * time.Second, errSlowSender},
		{"half a message", func(c net.Conn, _ *netHost) { c.Write([]byte(sipText("whole"))); c.Write([]byte(sipText("half")[:30])) }, 32 * time.Second, errSlowSender},
		{"an octet a second", func(c net.Conn, _ *netHost) {
			for _, b := range []byte(sipText(strings.Repeat("x", 100))) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 32 * time.Second, errSlowSender},
		{"idle", func(c net.Conn, _ *netHost) { c.Write([]byte(sipText("hello"))) }, time.Hour, errIdle},
		{"reads nothing", func(c net.Conn, b *netHost) {
			c.Write([]byte(sipText("hello")))
			synctest.Wait()
			b.send(b.events()[0].flow, make([]byte, 200_000))
		}, 10 * time.Second, errSlowReader},
		{"reads nothing while much is sent", func(c net.Conn, b *netHost) {
			c.Write([]byte(sipText("hello")))
			synctest.Wait()
			for b.send(b.events()[0].flow, make([]byte, 10_000)) == nil {
			}
		}, 0, errSlowReader},
		{"not SIP", func(c net.Conn, _ *netHost) { c.Write(bytes.Repeat([]byte("x"), 100_000)) }, 0, ErrTooLarge},
		{"no Content-Length", func(c net.Conn, _ *netHost) { c.Write([]byte("OPTIONS sip:b SIP/2.0\r\nTo: <sip:b>\r\n\r\n")) }, time.Second, ErrMissing},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem := memnet.New(memnet.Config{})
				b := newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
				b.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.2:5060"})
				c, err := mem.Dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:5060"))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				start := time.Now()
				played := make(chan struct{})
				go func() { defer close(played); tc.play(c, b) }()
				defer func() { <-played }()
				for len(b.closes()) == 0 && time.Since(start) < 2*time.Hour {
					time.Sleep(time.Second)
				}
				if got := b.closes(); len(got) != 1 || !errors.Is(got[0], tc.want) {
					t.Errorf("closed: %v, want %v", got, tc.want)
				}
				if d := time.Since(start); d < tc.after || d > tc.after+2*time.Second { // looked at each second
					t.Errorf("cut after %v, want %v", d, tc.after)
				}
			})
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{})
		b := newNetHost(t, mem, "192.0.2.2", NetworkConfig{MaxConns: 3, MaxConnsPerHost: 2})
		b.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.2:5060"})
		dial := func(from string) *memnet.Conn {
			c, err := mem.Dial(t.Context(), netip.MustParseAddrPort(from+":0"), netip.MustParseAddrPort("192.0.2.2:5060"))
			if err != nil {
				t.Fatal(err)
			}
			c.Write([]byte(sipText(from)))
			synctest.Wait()
			return c
		}
		dial("192.0.2.11")
		dial("192.0.2.11")
		dial("192.0.2.11") // refused: third of its host
		dial("192.0.2.12")
		dial("192.0.2.13") // refused: all three are fresh
		if s := b.snapshot(); s.Conns != 3 || s.Refused != 2 || s.Evicted != 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(20 * time.Second)
		dial("192.0.2.11") // refused again
		time.Sleep(15 * time.Second)
		dial("192.0.2.14") // one of the idle makes room
		time.Sleep(time.Second)
		if s := b.snapshot(); s.Conns != 3 || s.Refused != 3 || s.Evicted != 1 {
			t.Errorf("%+v", s)
		}
		if got := b.data(); len(got) != 4 || got[3] != sipText("192.0.2.14") {
			t.Errorf("got %q", got)
		}
	})
}

// Connections that say nothing, and handshakes that hang, make room for who has something to say; who has
// spoken is not driven out by them.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	for _, transport := range []Transport{TCP, TLS} {
		t.Run(transport.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := newTestCA(t)
				mem := memnet.New(memnet.Config{})
				b := newNetHost(t, mem, "192.0.2.2", NetworkConfig{MaxConns: 8})
				b.serveMem(t, mem, ListenConfig{Transport: transport, Addr: "192.0.2.2:5060", TLS: &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, "b.test")}}})
				dial := func(from string) net.Conn {
					c, err := mem.Dial(t.Context(), netip.MustParseAddrPort(from+":0"), netip.MustParseAddrPort("192.0.2.2:5060"))
					if err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					return c
				}
				speak := func(from string) {
					c := dial(from)
					if transport == TLS {
						c = tls.Client(c, &tls.Config{RootCAs: ca.pool, ServerName: "b.test"})
					}
					go c.Write([]byte(sipText(from)))
					synctest.Wait()
				}
				speak("192.0.2.11")
				time.Sleep(time.Minute) // long idle, as phones are
				for range 20 {
					dial("192.0.2.66")
				}
				speak("192.0.2.12")
				for range 20 {
					dial("192.0.2.66")
				}
				time.Sleep(2 * time.Second)
				speak("192.0.2.13")
				if got := b.data(); len(got) != 3 {
					t.Errorf("got %q", got)
				}
				if s := b.snapshot(); s.Refused != 0 {
					t.Errorf("%+v", s)
				}
				b.network.mu.Lock()
				conns, greeting := len(b.conns), len(b.greeting)
				spoken := 0
				for _, c := range b.conns {
					if c.spoke.Load() {
						spoken++
					}
				}
				b.network.mu.Unlock()
				if spoken != 3 || conns+greeting > 8 {
					t.Errorf("%d connections, %d in their handshake, %d have spoken", conns, greeting, spoken)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// A connection that had much to send holds no buffers when it is idle.
func TestIdleConnectionQueuesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{})
		a, b := newNetHost(t, mem, "192.0.2.1", NetworkConfig{}), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		b.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.2:5060"})
		f, err := a.reach(t, TCP, "192.0.2.2:5060", "")
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := a.send(f, []byte(sipText(strings.Repeat("x", 20_000)))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * releaseAfter)
		c := a.conn(f)
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(b.data()) != 10 || cap(c.queue)+cap(c.spare) != 0 {
			t.Errorf("%d messages came, %d and %d octets are held", len(b.data()), cap(c.queue), cap(c.spare))
		}
	})
}

// A connection that had much to read and is idle now gives its buffers back.
func TestIdleConnectionHoldsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		in := input{nc: ours, stream: true, buf: make([]byte, readBufferMin)}
		text := sipText(strings.Repeat("x", 50_000))
		go func() {
			theirs.Write([]byte(text + text[:100]))
			time.Sleep(time.Minute)
			theirs.Write([]byte(text[100:]))
		}()
		for messages := 0; messages < 2; {
			start := time.Now()
			data, err := in.read(start, start.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(start); waited > 0 && (len(in.buf) != readBufferMin || cap(in.framer.buf) > 1024) {
				t.Errorf("%d and %d octets after %v", len(in.buf), cap(in.framer.buf), waited)
			}
			in.framer.Write(data)
			in.grow(len(data))
			for {
				kind, msg, err := in.framer.Next()
				if err != nil {
					t.Fatal(err)
				}
				if kind == NoFrame {
					break
				}
				if string(msg) != text {
					t.Errorf("message of %d octets", len(msg))
				}
				messages++
			}
			if messages == 1 && in.framer.Buffered() == 100 && len(in.buf) == readBufferMin {
				t.Error("the buffer did not grow")
			}
		}
	})
}

func TestStreamKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{Latency: time.Millisecond})
		a, b := newNetHost(t, mem, "192.0.2.1", NetworkConfig{KeepAlive: 100 * time.Second}), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		b.serveMem(t, mem, ListenConfig{Transport: TCP, Addr: "192.0.2.2:5060"})
		f, err := a.reach(t, TCP, "192.0.2.2:5060", "")
		if err != nil {
			t.Fatal(err)
		}
		a.send(f, []byte(sipText("hello")))
		time.Sleep(1001 * time.Second)
		if n := a.snapshot().KeepAlives; n < 10 || n > 13 {
			t.Errorf("%d pongs in 1000 s, want 10 to 12", n)
		}
		if len(a.closes()) > 0 {
			t.Fatal(a.closes())
		}
		// The peer's application hangs: nobody answers any more.
		hung := b.network.conn(b.events()[0].flow)
		hung.mu.Lock()
		hung.draining = true // its sends are refused, its connection stays
		hung.mu.Unlock()
		time.Sleep(120 * time.Second)
		if c := a.closes(); len(c) != 1 || !errors.Is(c[0], errNoPong) {
			t.Errorf("closed: %v", c)
		}
	})
}

func TestUDPKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memnet.New(memnet.Config{})
		a, b := newNetHost(t, mem, "192.0.2.1", NetworkConfig{}), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		a.serveMem(t, mem, ListenConfig{Transport: UDP, Addr: "192.0.2.1:5060"})
		b.serveMem(t, mem, ListenConfig{Transport: UDP, Addr: "192.0.2.2:5060"})
		f, _ := a.reach(t, UDP, "192.0.2.2:5060", "")
		a.keepAlive(f, 30*time.Second)
		time.Sleep(301 * time.Second)
		n := b.snapshot().KeepAlives
		if n < 10 || n > 13 {
			t.Errorf("%d in 300 s", n)
		}
		a.keepAlive(f, 0)
		time.Sleep(time.Hour)
		if m := b.snapshot().KeepAlives; m != n {
			t.Errorf("%d more after the stop", m-n)
		}
	})
}

// TestRealSockets runs UDP and TCP over the loopback, IPv4 and IPv6 where the system has it, on
// sockets bound to one address and to all.
func TestRealSockets(t *testing.T) {
	for _, tr := range []Transport{UDP, TCP} {
		for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", ":0"} {
			t.Run(fmt.Sprint(tr, " ", addr), func(t *testing.T) {
				a, b := newNetHost(t, nil, "", NetworkConfig{DSCP: 24}), newNetHost(t, nil, "", NetworkConfig{})
				got := make(chan string, 10)
				var fb Flow
				var err error
				if fb, err = b.listen(ListenConfig{Transport: tr, Addr: addr}); err != nil {
					if strings.Contains(addr, "::1") {
						t.Skip("no IPv6 here:", err)
					}
					t.Fatal(err)
				}
				if tr == UDP {
					if _, err := a.listen(ListenConfig{Transport: tr, Addr: addr}); err != nil {
						t.Fatal(err)
					}
				}
				b.handle(func(f Flow, data []byte) {
					if err := b.send(f, data); err != nil {
						t.Error(err)
					}
				})
				a.handle(func(f Flow, data []byte) { got <- fmt.Sprint(f.Remote, " ", len(data)) })
				to := netip.AddrPortFrom(fb.Local.Addr(), fb.Local.Port())
				if to.Addr().IsUnspecified() {
					to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), to.Port())
				}
				f, err := a.reach(t, tr, to.String(), "")
				if err != nil {
					t.Fatal(err)
				}
				msg := sipText(strings.Repeat("x", 3000))
				for range 5 {
					if err := a.send(f, []byte(msg)); err != nil {
						t.Fatal(err)
					}
				}
				for range 5 {
					select {
					case s := <-got: // the answer comes from where the request went to
						if want := fmt.Sprint(to, " ", len(msg)); s != want {
							t.Errorf("answer from %s, want %s", s, want)
						}
					case <-time.After(10 * time.Second):
						t.Fatal("no answer")
					}
				}
			})
		}
	}
}
