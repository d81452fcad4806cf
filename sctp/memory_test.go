package sctp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

func addr(s string) sctp.Addr {
	a, err := sctp.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}

// take receives exactly n things.
func take(t *testing.T, c sctp.Conn, n int) []sctp.Received {
	t.Helper()
	var got []sctp.Received
	for len(got) < n {
		in, err := c.Receive(t.Context(), make([]sctp.Received, 0, n-len(got)))
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(got), n, err)
		}
		for _, r := range in {
			r.Data = bytes.Clone(r.Data)
			got = append(got, r)
		}
	}
	return got
}

// wantEvents receives events of these kinds, and returns the last.
func wantEvents(t *testing.T, c sctp.Conn, kinds ...sctp.EventKind) sctp.Event {
	t.Helper()
	var last sctp.Event
	for _, k := range kinds {
		r := take(t, c, 1)[0]
		if r.Event == nil || r.Event.Kind != k {
			t.Fatalf("got %v %q, want %v", r.Event, r.Data, k)
		}
		last = *r.Event
	}
	return last
}

func send(t *testing.T, c sctp.Conn, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if _, err := c.Send(t.Context(), sctp.Message{Data: []byte(s)}); err != nil {
			t.Fatal(err)
		}
	}
}

func wantText(t *testing.T, c sctp.Conn, texts ...string) {
	t.Helper()
	for i, r := range take(t, c, len(texts)) {
		if r.Event != nil || string(r.Data) != texts[i] {
			t.Fatalf("got %v %q, want %q", r.Event, r.Data, texts[i])
		}
	}
}

func wantReason(t *testing.T, e sctp.Event, want sctp.Reason) {
	t.Helper()
	var d *sctp.DownError
	if !errors.As(e.Reason, &d) || d.Reason != want {
		t.Fatalf("down: %v, want %v", e.Reason, want)
	}
}

var twoPaths = []sctp.Addr{addr("10.0.0.1,10.1.0.1:2905"), addr("10.0.0.2,10.1.0.2:2905")}

func TestMemoryPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{})
		a, b := n.Pipe(twoPaths[0], twoPaths[1], sctp.Config{}, sctp.Config{PathMaxRetrans: 1})
		wantEvents(t, a, sctp.Up)
		wantEvents(t, b, sctp.Up)
		start := time.Now()
		n.Cut(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"))
		send(t, a, "over the other path")
		wantText(t, b, "over the other path")
		if d := time.Since(start); d != time.Second {
			t.Errorf("arrived after %v, want RTOMin", d)
		}
		if e := wantEvents(t, b, sctp.PathDown); e.Path.String() != "10.0.0.1:2905" || time.Since(start) != 3*time.Second {
			t.Errorf("%v down after %v", e.Path, time.Since(start))
		}
		if e := wantEvents(t, a, sctp.PathDown); e.Path.String() != "10.0.0.2:2905" || time.Since(start) != 63*time.Second {
			t.Errorf("%v down after %v", e.Path, time.Since(start))
		}
		if s := a.Status(); s.Paths[0].Active || !s.Paths[1].Active || !s.Paths[1].Primary {
			t.Errorf("paths %+v", s.Paths)
		}
		n.Restore(netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.1"))
		wantEvents(t, a, sctp.PathUp)
		wantEvents(t, b, sctp.PathUp)

		n.Cut(netip.Addr{}, netip.MustParseAddr("10.0.0.2"))
		n.Cut(netip.Addr{}, netip.MustParseAddr("10.1.0.2"))
		send(t, a, "held")
		time.Sleep(time.Second)
		n.Restore(netip.Addr{}, netip.MustParseAddr("10.0.0.2"))
		wantText(t, b, "held")

		start = time.Now()
		n.Cut(netip.Addr{}, netip.Addr{})
		wantEvents(t, b, sctp.PathDown, sctp.PathDown)
		wantReason(t, wantEvents(t, b, sctp.Down), sctp.PeerLost)
		if d := time.Since(start); d != 363*time.Second {
			t.Errorf("lost after %v", d)
		}
		wantEvents(t, a, sctp.PathDown, sctp.PathDown)
		wantReason(t, wantEvents(t, a, sctp.Down), sctp.PeerLost)
	})
}

func TestMemoryAbortLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sctp.Pipe()
		wantEvents(t, b, sctp.Up)
		a.Cut()
		a.Abort("unheard")
		time.Sleep(time.Second)
		b.Restore()
		wantReason(t, wantEvents(t, b, sctp.Down), sctp.PeerAborted)
	})
}

func TestMemoryCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{PeerTimeout: 10 * time.Second, PathTimeout: time.Second})
		a, b := n.Pipe(twoPaths[0], twoPaths[1], sctp.Config{}, sctp.Config{})
		wantEvents(t, a, sctp.Up)
		wantEvents(t, b, sctp.Up)
		send(t, a, "before")
		a.Crash()
		wantReason(t, wantEvents(t, a, sctp.Down), sctp.LocalClosed)
		wantText(t, b, "before")
		wantEvents(t, b, sctp.PathDown, sctp.PathDown)
		send(t, b, "lost")
		again, err := n.Dial(t.Context(), twoPaths[0], twoPaths[1], sctp.Config{OutStreams: 3})
		if err != nil {
			t.Fatal(err)
		}
		wantEvents(t, again, sctp.Up)
		e := wantEvents(t, b, sctp.SendFailed, sctp.Restart)
		if e.In != 3 || e.Out != 17 {
			t.Errorf("streams %d, %d", e.In, e.Out)
		}
		send(t, again, "after")
		send(t, b, "found")
		wantEvents(t, b, sctp.PathUp, sctp.PathUp)
		wantText(t, b, "after")
		wantText(t, again, "found")

		last := again.(*sctp.MemoryConn).Restart()
		wantEvents(t, last, sctp.Up)
		wantEvents(t, b, sctp.Restart)
		last.Crash()
		wantEvents(t, b, sctp.PathDown, sctp.PathDown)
		wantReason(t, wantEvents(t, b, sctp.Down), sctp.PeerLost)
	})
}

func TestMemoryLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sctp.Pipe()
		send(t, a, "x")
		b.Lose()
		wantEvents(t, a, sctp.Up)
		wantReason(t, wantEvents(t, a, sctp.Down), sctp.PeerLost)
		wantEvents(t, b, sctp.Up)
		wantText(t, b, "x")
		wantReason(t, wantEvents(t, b, sctp.Down), sctp.PeerLost)
		if _, err := b.Receive(t.Context(), nil); err == nil || errors.Is(err, net.ErrClosed) {
			t.Errorf("then %v", err)
		}
		dead := a.Restart()
		wantReason(t, wantEvents(t, dead, sctp.Down), sctp.CannotStart)
	})
}

func TestMemoryDelayAndBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{Delay: 30 * time.Millisecond, Bandwidth: 64000})
		a, b := n.Pipe(twoPaths[0], twoPaths[1], sctp.Config{}, sctp.Config{})
		wantEvents(t, b, sctp.Up)
		start := time.Now()
		for range 10 {
			if _, err := a.Send(t.Context(), sctp.Message{Data: make([]byte, 784)}); err != nil { // 800 octets: 100 ms
				t.Fatal(err)
			}
		}
		take(t, b, 10)
		if d := time.Since(start); d != 1030*time.Millisecond {
			t.Errorf("took %v", d)
		}
		if err := a.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantEvents(t, b, sctp.PeerClosing)
		wantReason(t, wantEvents(t, b, sctp.Down), sctp.ShutdownComplete)
	})
}

// Streams overtake one another, messages on one stream do not.
func TestMemoryJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{Jitter: 50 * time.Millisecond, Seed: 7})
		a, b := n.Pipe(twoPaths[0], twoPaths[1], sctp.Config{}, sctp.Config{})
		wantEvents(t, b, sctp.Up)
		rnd := rand.New(rand.NewPCG(1, 1))
		const count = 500
		for i := range count {
			m := sctp.Message{Stream: uint16(rnd.IntN(4)), Data: fmt.Appendf(nil, "%05d", i)}
			if _, err := a.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		var last [4]string
		overtaken, highest := 0, ""
		for _, r := range take(t, b, count) {
			if string(r.Data) < last[r.Stream] {
				t.Fatalf("stream %d: %s after %s", r.Stream, r.Data, last[r.Stream])
			}
			last[r.Stream] = string(r.Data)
			if string(r.Data) < highest {
				overtaken++
			} else {
				highest = string(r.Data)
			}
		}
		if overtaken == 0 {
			t.Error("nothing was overtaken")
		}
	})
}

func TestMemoryDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{Delay: 10 * time.Millisecond})
		start := time.Now()
		_, err := n.Dial(t.Context(), sctp.Addr{}, addr("10.0.0.1:1"), sctp.Config{})
		wantReason(t, sctp.Event{Reason: err}, sctp.CannotStart)
		if d := time.Since(start); d != 20*time.Millisecond {
			t.Errorf("refused after %v", d)
		}
		n.Cut(netip.Addr{}, addr("10.0.0.1:1").IPs[0])
		start = time.Now()
		_, err = n.Dial(t.Context(), sctp.Addr{}, addr("10.0.0.1:1"), sctp.Config{MaxInitRetrans: 2})
		wantReason(t, sctp.Event{Reason: err}, sctp.CannotStart)
		if d := time.Since(start); d != 7*time.Second {
			t.Errorf("given up after %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = n.Dial(ctx, sctp.Addr{}, addr("10.0.0.1:1"), sctp.Config{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		l, err := n.Listen(t.Context(), addr("10.0.0.1:1"), sctp.Config{Backlog: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Listen(t.Context(), addr("0.0.0.0:1"), sctp.Config{}); err == nil {
			t.Error("two listeners on one address")
		}
		go func() {
			time.Sleep(2500 * time.Millisecond)
			n.Restore(addr("10.0.0.1:1").IPs[0], netip.Addr{})
		}()
		start = time.Now()
		first, err := n.Dial(t.Context(), sctp.Addr{}, addr("10.0.0.1:1"), sctp.Config{})
		if d := time.Since(start); err != nil || d != 3020*time.Millisecond {
			t.Errorf("up after %v: %v", d, err)
		}
		if _, err = n.Dial(t.Context(), sctp.Addr{}, addr("10.0.0.1:1"), sctp.Config{}); err == nil {
			t.Error("the backlog is endless")
		}
		l.Close()
		wantEvents(t, first, sctp.Up)
		wantReason(t, wantEvents(t, first, sctp.Down), sctp.PeerAborted)
	})
}

func TestMemoryTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		f := func(e trace.Event) {
			got = append(got, fmt.Sprint(e.Dir, " ", e.Proto, " ", e.Local, " ", e.Remote, " ", e.Stream, " ", e.PPID, " ", len(e.Data), " ", e.Comment))
		}
		a, b := sctp.Pipe(sctp.Config{Trace: f}, sctp.Config{})
		a.TrySend(sctp.Message{Stream: 3, PPID: 5, Data: []byte("m2pa")})
		b.TrySend(sctp.Message{Stream: 4, PPID: 3, Data: []byte("m3ua!")})
		b.Abort("enough")
		want := []string{
			"state SCTP 192.0.2.1:5000 192.0.2.2:5000 0 0 0 up",
			"sent M2PA 192.0.2.1:5000 192.0.2.2:5000 3 5 4 ",
			"received M3UA 192.0.2.1:5000 192.0.2.2:5000 4 3 5 ",
			`state SCTP 192.0.2.1:5000 192.0.2.2:5000 0 0 0 down: sctp: aborted by the peer: cause 12 "enough"`,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestMemoryAllocations(t *testing.T) {
	a, b := sctp.Pipe()
	in := make([]sctp.Received, 0, 16)
	ms := make([]sctp.Message, 10)
	for i := range ms {
		ms[i] = sctp.Message{Stream: uint16(i), Data: make([]byte, 100)}
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := a.Send(ctx, ms...); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Receive(ctx, in); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPipe(b *testing.B) {
	x, y := sctp.Pipe()
	in := make([]sctp.Received, 0, 64)
	ms := make([]sctp.Message, 64)
	for i := range ms {
		ms[i] = sctp.Message{Stream: uint16(i % 16), Data: make([]byte, 100)}
	}
	ctx := b.Context()
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(ms) {
		x.Send(ctx, ms...)
		for k := 0; k < len(ms); k += len(in[:cap(in)]) {
			y.Receive(ctx, in)
		}
	}
}

func ExamplePipe() {
	a, b := sctp.Pipe()
	ctx := context.Background()
	a.Send(ctx, sctp.Message{Stream: 1, PPID: 3, Data: []byte("hello")})
	a.Close()
	in := make([]sctp.Received, 0, 16)
	for {
		var err error
		if in, err = b.Receive(ctx, in[:0]); err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range in {
			if r.Event != nil {
				fmt.Println(r.Event.Kind)
			} else {
				fmt.Printf("stream %d, PPID %d: %s\n", r.Stream, r.PPID, r.Data)
			}
		}
	}
	// Output:
	// up
	// stream 1, PPID 3: hello
	// peer closing
	// down
	// sctp: shut down
}
