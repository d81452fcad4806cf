package m2pa

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// station is a loop with links whose level 3 starts them and counts.
type station struct {
	*Loop
	links []*Link
	got   []string
	said  []string
}

func newStation(t *testing.T) *station {
	s := &station{}
	s.Loop = NewLoop(LoopConfig{Handle: func(now time.Time, l *Link, in []mtp3.Indication) {
		for _, i := range in {
			if i.Kind == mtp3.Received {
				s.got = append(s.got, string(i.MSU))
				continue
			}
			s.said = append(s.said, said(i))
			if i.Kind == mtp3.OutOfService {
				l.Start(now, nil)
			}
		}
	}})
	t.Cleanup(func() { s.Close() })
	return s
}

func (s *station) add(t *testing.T, cfg Config, path Path) *Link {
	t.Helper()
	l := New(cfg)
	s.links = append(s.links, l)
	if err := s.Add(l, path); err != nil {
		t.Fatal(err)
	}
	s.do(t, func(now time.Time) { l.Start(now, nil) })
	return l
}

func (s *station) do(t *testing.T, f func(now time.Time)) {
	t.Helper()
	if err := s.Do(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func (s *station) state(t *testing.T, l *Link) (st State) {
	t.Helper()
	s.do(t, func(time.Time) { st = l.State() })
	return st
}

func at(s string) sctp.Addr { return sctp.AddrOf(netip.MustParseAddrPort(s)) }

// stations are a client and a server with a link between them.
func stations(t *testing.T, n *sctp.Memory, cfg Config, path Path) (a, b *station) {
	a, b = newStation(t), newStation(t)
	client, server := path, path
	client.Network, server.Network = n, n
	client.Local, client.Remote = at("192.0.2.1:3565"), at("192.0.2.2:3565")
	server.Local, server.Remote, server.Server = client.Remote, client.Local, true
	b.add(t, cfg, server)
	a.add(t, cfg, client)
	return a, b
}

func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{Delay: 10 * time.Millisecond})
		a, b := stations(t, n, Config{}, Path{})
		time.Sleep(10 * time.Second)
		if sa, sb := a.state(t, a.links[0]), b.state(t, b.links[0]); sa != StateInService || sb != StateInService {
			t.Fatalf("%v, %v", sa, sb)
		}
		for i := range 1000 {
			a.do(t, func(now time.Time) { a.links[0].Send(now, 0, fmt.Append(nil, "m", i), nil) })
		}
		time.Sleep(time.Second)
		b.do(t, func(time.Time) {
			if len(b.got) != 1000 || b.got[999] != "m999" {
				t.Errorf("%d messages arrived", len(b.got))
			}
		})
		a.do(t, func(time.Time) {
			if s := a.links[0].Stats(); s.Unacknowledged != 0 || s.Unsent != 0 {
				t.Errorf("%+v", s)
			}
		})
		// The association ends, and comes again by itself.
		if err := a.Abort(t.Context(), a.links[0], "test"); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
		if sa := a.state(t, a.links[0]); sa != StateInitialAlignment {
			t.Errorf("%v", sa)
		}
		time.Sleep(15 * time.Second)
		if sa, sb := a.state(t, a.links[0]), b.state(t, b.links[0]); sa != StateInService || sb != StateInService {
			t.Errorf("after the abort: %v, %v", sa, sb)
		}
		want := []string{"in service", "out of service: transport lost", "in service"}
		a.do(t, func(time.Time) {
			if fmt.Sprint(a.said) != fmt.Sprint(want) {
				t.Errorf("said %q, want %q", a.said, want)
			}
		})
		a.Close()
		b.Close()
		if err := a.Do(t.Context(), func(time.Time) {}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Do after Close: %v", err)
		}
	})
}

// TestLoopNobodyThere has a client whose peer comes late.
func TestLoopNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{})
		a, b := newStation(t), newStation(t)
		a.add(t, Config{}, Path{Network: n, Local: at("192.0.2.1:3565"), Remote: at("192.0.2.2:3565")})
		time.Sleep(5 * time.Minute)
		b.add(t, Config{}, Path{Network: n, Local: at("192.0.2.2:3565"), Remote: at("192.0.2.1:3565"), Server: true})
		time.Sleep(2 * time.Minute)
		if s := a.state(t, a.links[0]); s != StateInService {
			t.Errorf("%v, said %q", s, a.said)
		}
		a.do(t, func(time.Time) {
			if len(a.said) < 2 {
				t.Errorf("said %q, want out of service for each attempt", a.said)
			}
		})
		a.Close()
		b.Close()
	})
}

// TestLoopRefuses: a server takes its peer alone, whatever port it has if told so.
func TestLoopRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{})
		b := newStation(t)
		b.add(t, Config{}, Path{Network: n, Local: at("192.0.2.2:3565"), Remote: at("192.0.2.1:3565"), Server: true})
		b.add(t, Config{}, Path{Network: n, Local: at("192.0.2.2:3565"), Remote: at("192.0.2.3:0"), Server: true, AnyPort: true})
		for _, c := range []struct {
			from string
			up   bool
		}{{"192.0.2.1:5000", false}, {"192.0.2.9:3565", false}, {"192.0.2.3:5000", true}, {"192.0.2.1:3565", true}} {
			conn, err := n.Dial(t.Context(), at(c.from), at("192.0.2.2:3565"), sctp.Config{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			in, _ := conn.Receive(t.Context(), make([]sctp.Received, 0, 8))
			if got := len(in) > 1 && in[1].Event == nil; got != c.up {
				t.Errorf("from %s: %+v", c.from, in)
			}
			conn.Close()
		}
		if b.Refused() != 2 {
			t.Errorf("%d refused", b.Refused())
		}
		time.Sleep(time.Minute)
		b.Close()
	})
}

// TestLoopReplaced: a peer that begins anew from another port before its old association is known
// to be lost gets its link.
func TestLoopReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{})
		b := newStation(t)
		b.add(t, Config{}, Path{Network: n, Local: at("192.0.2.2:3565"), Remote: at("192.0.2.1:0"), Server: true, AnyPort: true})
		var conns []sctp.Conn
		for i := range 5 {
			conn, err := n.Dial(t.Context(), at(fmt.Sprintf("192.0.2.1:%d", 5000+i)), at("192.0.2.2:3565"), sctp.Config{})
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
			time.Sleep(time.Second)
		}
		for i, c := range conns {
			in, err := c.Receive(t.Context(), make([]sctp.Received, 0, 8))
			last := in[len(in)-1]
			if gone := last.Event != nil && last.Event.Kind == sctp.Down; gone != (i < 4) {
				t.Errorf("association %d: %+v, %v", i, last.Event, err)
			}
		}
		b.do(t, func(time.Time) {
			if s := b.links[0].Stats(); s.Associations != 5 {
				t.Errorf("%d associations", s.Associations)
			}
		})
		b.Close()
		conns[4].Close()
	})
}

// TestLoopSlowPeer has one peer that does not read: the messages wait in its link, up to the limit,
// and the other link of the same loop does not notice.
func TestLoopSlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{})
		cfg := Config{T4n: 100 * time.Millisecond, T7: time.Hour, TransmitBuffer: 1 << 18}
		a, b := stations(t, n, cfg, Path{SCTP: sctp.Config{SendBuffer: 1 << 12, ReceiveBuffer: 1 << 12}})
		slow := a.add(t, cfg, Path{Network: n, Local: at("192.0.2.1:3565"), Remote: at("192.0.2.3:3565"), SCTP: sctp.Config{SendBuffer: 1 << 12}})
		ln, err := n.Listen(t.Context(), at("192.0.2.3:3565"), sctp.Config{ReceiveBuffer: 1 << 12})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := ln.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []Status{OutOfService, Alignment, ProvingNormal, ProvingNormal, Ready} {
			b, _ := Message{Type: LinkStatus, Status: s}.AppendBinary(nil)
			if _, err := conn.Send(t.Context(), sctp.Message{PPID: PPID, Data: b}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if s := a.state(t, slow); s != StateInService {
			t.Fatalf("the slow one is in %v", s)
		}
		for range 4000 {
			a.do(t, func(now time.Time) {
				a.Loop.cfg.Handle(now, slow, slow.Send(now, 0, make([]byte, 100), nil))
				a.links[0].Send(now, 0, []byte("quick"), nil)
			})
		}
		time.Sleep(time.Second)
		b.do(t, func(time.Time) {
			if len(b.got) != 4000 {
				t.Errorf("%d messages to the quick peer", len(b.got))
			}
		})
		a.do(t, func(time.Time) {
			s := slow.Stats()
			if s.Octets > 1<<18 || s.Discarded == 0 || s.Level != 3 {
				t.Errorf("the slow link: %+v", s)
			}
		})
		a.Close()
		b.Close()
		conn.Close()
		ln.Close()
	})
}

// TestLoopTrace: every message and change of state is an event.
func TestLoopTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sctp.NewMemory(sctp.MemoryConfig{})
		count := map[trace.Dir]int{}
		events := make(chan trace.Event, 10000)
		a, b := stations(t, n, Config{T4n: 100 * time.Millisecond, Trace: func(e trace.Event) { events <- e }}, Path{})
		time.Sleep(time.Second)
		a.do(t, func(now time.Time) { a.links[0].Send(now, 0, []byte("hi"), nil) })
		time.Sleep(time.Second)
		a.Close()
		b.Close()
		close(events)
		for e := range events {
			count[e.Dir]++
			if e.Dir != trace.State && (e.PPID != PPID || !e.Local.IsValid() || !e.Remote.IsValid() || len(e.Data) == 0) {
				t.Errorf("%+v", e)
			}
		}
		if count[trace.Sent] == 0 || count[trace.Sent] != count[trace.Received] || count[trace.State] < 8 {
			t.Errorf("%v", count)
		}
	})
}
