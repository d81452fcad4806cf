package user_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/user"
)

// udpPort is a port of UDP that is free on the loopback.
func udpPort(t testing.TB) uint16 { return uint16(lab.FreePort(t)) }

func addr(port, udp uint16, ips ...string) sctp.Addr {
	a := sctp.Addr{Port: port, UDP: udp}
	for _, ip := range ips {
		a.IPs = append(a.IPs, netip.MustParseAddr(ip))
	}
	return a
}

// noLeak fails the test if goroutines are left once it is over.
func noLeak(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 100 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		b := make([]byte, 1<<16)
		t.Errorf("goroutines are left:\n%s", b[:runtime.Stack(b, true)])
	})
}

func dialPair(t testing.TB, cfg sctp.Config) (client, server sctp.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n := user.New(user.Config{})
	udp := udpPort(t)
	l, err := n.Listen(ctx, addr(40404, udp, "127.0.0.1"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	client, err = n.Dial(ctx, addr(0, udp, "127.0.0.1"), l.Addr(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// next waits for one thing from a Conn.
func next(t testing.TB, c sctp.Conn) sctp.Received {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var room [1]sctp.Received
	r, err := c.Receive(ctx, room[:0])
	if err != nil {
		t.Fatal(err)
	}
	return r[0]
}

func wantEvent(t testing.TB, c sctp.Conn, kind sctp.EventKind) *sctp.Event {
	t.Helper()
	r := next(t, c)
	if r.Event == nil || r.Event.Kind != kind {
		t.Fatalf("got %+v, event %+v, want %v", r.Message, r.Event, kind)
	}
	return r.Event
}

func TestUDP(t *testing.T) {
	noLeak(t)
	capture := tsharktest.Capture(t)
	c, s := dialPair(t, sctp.Config{Trace: capture})
	if up := wantEvent(t, c, sctp.Up); up.In != 17 || up.Out != 17 {
		t.Errorf("%+v", up)
	}
	wantEvent(t, s, sctp.Up)
	ctx := t.Context()
	if n, err := c.Send(ctx, sctp.Message{Stream: 1, PPID: 4001, Data: []byte("one")}, sctp.Message{Stream: 2, PPID: 4002, Unordered: true, Data: make([]byte, 5000)}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if m := next(t, s).Message; m.Stream != 1 || m.PPID != 4001 || string(m.Data) != "one" {
		t.Errorf("got %+v", m)
	}
	if m := next(t, s).Message; m.Stream != 2 || m.PPID != 4002 || !m.Unordered || len(m.Data) != 5000 {
		t.Errorf("got %+v", m)
	}
	if _, err := c.Send(ctx, sctp.Message{Stream: 17, Data: []byte("x")}); !errors.Is(err, sctp.ErrStream) {
		t.Errorf("stream 17: %v", err)
	}
	if _, err := c.Send(ctx, sctp.Message{}); !errors.Is(err, sctp.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := c.Send(ctx, sctp.Message{Data: make([]byte, 1<<16+1)}); !errors.Is(err, sctp.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if err := c.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, s, sctp.PeerClosing)
	for _, x := range []sctp.Conn{c, s} {
		wantEvent(t, x, sctp.Down)
		var down *sctp.DownError
		if _, err := x.Receive(ctx, nil); !errors.As(err, &down) || down.Reason != sctp.ShutdownComplete {
			t.Errorf("after Down: %v", err)
		}
	}
}

func TestAbort(t *testing.T) {
	noLeak(t)
	c, s := dialPair(t, sctp.Config{})
	wantEvent(t, s, sctp.Up)
	c.Abort("had enough")
	var down *sctp.DownError
	if e := wantEvent(t, s, sctp.Down); !errors.As(e.Reason, &down) || down.Reason != sctp.PeerAborted || down.Code != 12 || string(down.Cause) != "had enough" {
		t.Errorf("%+v", e.Reason)
	}
	if _, err := c.TrySend(sctp.Message{Data: []byte("x")}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("sending after Abort: %v", err)
	}
}

func TestRefused(t *testing.T) {
	noLeak(t)
	n := user.New(user.Config{})
	udp := udpPort(t)
	l, err := n.Listen(t.Context(), addr(40404, udp, "127.0.0.1"), sctp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var down *sctp.DownError
	if _, err := n.Dial(t.Context(), addr(0, udp, "127.0.0.1"), addr(2906, udp, "127.0.0.1"), sctp.Config{}); !errors.As(err, &down) || down.Reason != sctp.CannotStart {
		t.Errorf("dialling a port that nobody listens on: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("accept: %v", err)
	}
}

func TestClose(t *testing.T) {
	noLeak(t)
	c, s := dialPair(t, sctp.Config{})
	wantEvent(t, c, sctp.Up)
	wantEvent(t, s, sctp.Up)
	errs := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Receive(context.Background(), nil); err != nil {
				errs <- err
				return
			}
		}
	}()
	if _, err := c.Send(t.Context(), sctp.Message{Data: []byte("the last")}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-errs; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive: %v", err)
	}
	if m := next(t, s); string(m.Data) != "the last" {
		t.Errorf("got %+v", m)
	}
	wantEvent(t, s, sctp.PeerClosing)
	wantEvent(t, s, sctp.Down)
	s.Close()
}

// BenchmarkUDP sends messages of 100 octets one way over the loopback.
func BenchmarkUDP(b *testing.B) {
	for _, batch := range []int{1, 16} {
		b.Run(map[int]string{1: "single", 16: "batch"}[batch], func(b *testing.B) {
			c, s := dialPair(b, sctp.Config{})
			ms := make([]sctp.Message, batch)
			for i := range ms {
				ms[i] = sctp.Message{Stream: uint16(i % 16), PPID: 3, Data: make([]byte, 100)}
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				got := 0
				in := make([]sctp.Received, 0, 256)
				for got < b.N {
					var err error
					if in, err = s.Receive(context.Background(), in[:0]); err != nil {
						b.Error(err)
						return
					}
					for _, r := range in {
						if r.Event == nil {
							got++
						}
					}
				}
			}()
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += batch {
				if _, err := c.Send(context.Background(), ms[:min(batch, b.N-n)]...); err != nil {
					b.Fatal(err)
				}
			}
			<-done
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			b.Log(c.Status().Retransmitted, c.Status().Paths)
			c.Abort("")
			s.Abort("")
		})
	}
}
