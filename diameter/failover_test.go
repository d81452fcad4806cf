package diameter

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pool is a route of a realm to several peers, the first preferred.
func pool(realm string, hosts ...string) []Route {
	r := Route{Realm: realm}
	for i, h := range hosts {
		r.Peers = append(r.Peers, RoutePeer{Host: h, Priority: i})
	}
	return []Route{r}
}

// TestFailover: the first peer takes requests and falls silent. Its watchdog makes it suspect, and what
// it holds goes to the second peer with the T flag and the same End-to-End Identifier.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "one."+realmB)
		var seen sync.Map
		w.node("192.0.2.2", "two."+realmB, realmB, func(c *Config) {
			c.Services = []Service{{Application: cxApp, Command: marCode, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
				seen.Store(r.EndToEndID, r.Header)
				return echo(ctx, r)
			}}}
		})
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1"), peerAt("two."+realmB, "192.0.2.2")}
			c.Routes = pool(realmB, "one."+realmB, "two."+realmB)
			c.Timers.Request = 5 * time.Minute
		})
		r := l.accept()
		r.answerCER()
		ready(t, n, "one."+realmB, "two."+realmB)
		start := time.Now()
		const count = 50
		var wg sync.WaitGroup
		var answers atomic.Int32
		for i := range count {
			wg.Go(func() {
				a, err := n.Do(t.Context(), mar(fmt.Sprint("s;", i), realmB, ""))
				if err != nil || resultOf(t, a.Message) != Success || a.Text(AVPSessionID, 0) != fmt.Sprint("s;", i) || a.Peer != "two."+realmB {
					t.Errorf("%d: %v from %s: %v", i, a.Header, a.Peer, err)
				}
				answers.Add(1)
			})
		}
		var held []Message
		for range count {
			held = append(held, r.expect(marCode, true))
		}
		r.expect(CommandDeviceWatchdog, true) // unanswered
		wg.Wait()
		if d := time.Since(start); d < 56*time.Second || d > 64*time.Second {
			t.Errorf("failover after %v, want two intervals of the watchdog", d)
		}
		if s := state(t, n, "one."+realmB); s != "I-Open SUSPECT" || answers.Load() != count {
			t.Errorf("%s, %d answers", s, answers.Load())
		}
		for _, m := range held {
			v, ok := seen.Load(m.EndToEndID)
			if !ok || m.Flags&Retransmitted != 0 || v.(Header).Flags&Retransmitted == 0 || v.(Header).HopByHopID == 0 {
				t.Errorf("%v went on as %v", m.Header, v)
			}
		}
		for _, m := range held { // late answers are nobody's
			r.answer(m, Success)
		}
		synctest.Wait()
		s, _ := n.Peer("one." + realmB)
		if s.Retransmitted != count || s.Unmatched != count || s.Pending != 0 || s.Watchdog != WatchdogOkay {
			t.Errorf("%+v", s)
		}
		go n.Do(t.Context(), mar("s", realmB, ""))
		if m := r.expect(marCode, true); m.Flags&Retransmitted != 0 { // failback
			t.Error(m.Header)
		}
	})
}

// TestSuspectPeerMayAnswer: without another peer requests stay where they are.
func TestSuspectPeerMayAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "one."+realmB)
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1")}
			c.Timers.Request = 5 * time.Minute
		})
		r := l.accept()
		r.answerCER()
		ready(t, n, "one."+realmB)
		result := make(chan error, 1)
		go func() {
			_, err := n.Do(t.Context(), mar("s", realmB, ""))
			result <- err
		}()
		m := r.expect(marCode, true)
		r.expect(CommandDeviceWatchdog, true)
		time.Sleep(35 * time.Second)
		if s := state(t, n, r.host); s != "I-Open SUSPECT" {
			t.Fatal(s)
		}
		if _, err := n.Do(t.Context(), mar("s", realmB, "")); err == nil {
			t.Error("a request went to a suspect peer")
		}
		r.answer(m, Success)
		if err := <-result; err != nil {
			t.Error(err)
		}
		if s := state(t, n, r.host); s != "I-Open OKAY" {
			t.Error(s)
		}
	})
}

// TestPeerKilled: many requests under way to two peers, one of which dies again and again; each is answered
// exactly once.
func TestPeerKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		slow := []Service{{Application: cxApp, Command: marCode, Goroutine: true, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
			time.Sleep(time.Duration(r.EndToEndID%50) * time.Millisecond)
			return echo(ctx, r)
		}}}
		serve := func(host, ip string) *Node {
			return w.node(ip, host, realmB, func(c *Config) { c.Services = slow })
		}
		serve("two."+realmB, "192.0.2.2")
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1"), peerAt("two."+realmB, "192.0.2.2")}
			c.Routes = []Route{{Realm: realmB, Peers: []RoutePeer{{Host: "one." + realmB, Weight: 3}, {Host: "two." + realmB}}}}
			c.Timers.Tc = time.Second
			c.Timers.ReopenWatchdogs = -1
		})
		ready(t, n, "two."+realmB)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var done, double atomic.Int32
		for g := range 20 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					var once atomic.Bool
					ch := make(chan error, 1)
					err := n.Send(mar(fmt.Sprint("s;", g, i), realmB, ""), func(a Answer, err error) {
						if !once.CompareAndSwap(false, true) {
							double.Add(1)
							return
						}
						if err == nil && a.Text(AVPSessionID, 0) != fmt.Sprint("s;", g, i) {
							err = fmt.Errorf("answer to %s", a.Text(AVPSessionID, 0))
						}
						ch <- err
					})
					if err != nil {
						t.Error(err)
						return
					}
					if err := <-ch; err != nil {
						t.Error(err)
						return
					}
					done.Add(1)
				}
			})
		}
		for range 5 {
			one := serve("one."+realmB, "192.0.2.1")
			n.Connect("one." + realmB)
			ready(t, n, "one."+realmB)
			time.Sleep(200 * time.Millisecond)
			one.Close()
			time.Sleep(100 * time.Millisecond)
		}
		close(stop)
		wg.Wait()
		s, _ := n.Peer("one." + realmB)
		if double.Load() != 0 || done.Load() < 500 || s.Retransmitted == 0 {
			t.Errorf("%d done, %d twice, %d retransmitted", done.Load(), double.Load(), s.Retransmitted)
		}
		for _, p := range n.Stats().Peers {
			if p.Pending != 0 {
				t.Errorf("%s: %d pending", p.Host, p.Pending)
			}
		}
	})
}

// TestReopen: a connection that replaces a lost one has to answer three watchdogs before requests go
// there; what the peer asks is answered all along.
func TestReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "one."+realmB)
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1")}
			c.Services = echoService
		})
		r := l.accept()
		r.answerCER()
		ready(t, n, r.host)
		r.nc.Close()
		r = l.accept()
		r.answerCER()
		r.answer(r.expect(CommandDeviceWatchdog, true), Success)
		m := r.mar("s", realmA, "")
		r.send(m.Header, m.AVPs)
		if rc := resultOf(t, r.expect(marCode, false)); rc != Success {
			t.Error(rc)
		}
		for i := range 2 {
			if s := state(t, n, r.host); s != "I-Open REOPEN" {
				t.Fatalf("%d: %s", i, s)
			}
			if _, err := n.Do(t.Context(), mar("s", realmB, "")); err == nil {
				t.Error("a request went to a peer in REOPEN")
			}
			r.answer(r.expect(CommandDeviceWatchdog, true), Success)
			synctest.Wait()
		}
		if s := state(t, n, r.host); s != "I-Open OKAY" {
			t.Error(s)
		}
	})
}

// TestSilentPeerIsCut: SUSPECT, then DOWN, then Tc.
func TestSilentPeerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "one."+realmB)
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1")}
			c.Timers.Request = time.Hour
		})
		r := l.accept()
		r.answerCER()
		ready(t, n, r.host)
		failed := make(chan error, 1)
		go func() {
			_, err := n.Do(t.Context(), mar("s", realmB, ""))
			failed <- err
		}()
		r.expect(marCode, true)
		r.expect(CommandDeviceWatchdog, true)
		r.ended()
		var re *RouteError
		if err := <-failed; !errors.As(err, &re) || re.ResultCode != UnableToDeliver {
			t.Error(err)
		}
		if s := state(t, n, r.host); s != "Closed DOWN" {
			t.Error(s)
		}
	})
}

func TestTimeoutAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "one."+realmB)
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) { c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1")} })
		r := l.accept()
		r.answerCER()
		ready(t, n, r.host)
		go func() {
			for {
				if _, err := r.readErr(); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		_, err := n.Do(t.Context(), mar("s", realmB, ""))
		var te *TimeoutError
		if !errors.As(err, &te) || te.Peer != r.host || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Do(ctx, mar("s", realmB, "")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s, _ := n.Peer(r.host)
		if s.Pending != 0 || s.TimedOut != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestBusyPeer: DIAMETER_TOO_BUSY sends a request to the next peer, and without one it is the answer.
func TestBusyPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		var calls atomic.Int32
		busy := func(rc ResultCode) func(*Config) {
			return func(c *Config) {
				c.Services = []Service{{Application: cxApp, Handler: func(_ context.Context, r *Incoming) (encoding.BinaryAppender, error) {
					calls.Add(1)
					if r.Flags&Retransmitted != 0 {
						t.Error("T flag: the first peer did not do anything")
					}
					return nil, &ProtocolError{ResultCode: rc}
				}}}
			}
		}
		w.node("192.0.2.1", "one."+realmB, realmB, busy(TooBusy))
		w.node("192.0.2.2", "two."+realmB, realmB, busy(UnableToDeliver))
		w.node("192.0.2.4", "three."+realmB, realmB, func(c *Config) { c.Services = echoService })
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1"), peerAt("two."+realmB, "192.0.2.2"), peerAt("three."+realmB, "192.0.2.4")}
			c.Routes = append(pool(realmB, "one."+realmB, "two."+realmB, "three."+realmB), pool("c.example", "one."+realmB)...)
		})
		ready(t, n, "one."+realmB, "two."+realmB, "three."+realmB)
		a, err := n.Do(t.Context(), mar("s", realmB, ""))
		if err != nil || resultOf(t, a.Message) != Success || calls.Load() != 2 {
			t.Errorf("%v after %d peers: %v", a.Header, calls.Load(), err)
		}
		w.t.Log(n.Stats().Peers[0].Rerouted)
		m := mar("s", realmB, "one."+realmB)
		if a, err := n.Do(t.Context(), m); err != nil || resultOf(t, a.Message) != TooBusy {
			t.Errorf("%v %v", a.Header, err)
		}
	})
}

// TestShares: peers of equal priority share by weight; those of a higher one stand by.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		hosts := []string{"one.", "two.", "three."}
		var peers []Peer
		for i, h := range hosts {
			ip := fmt.Sprintf("192.0.2.%d", i+1)
			w.node(ip, h+realmB, realmB, func(c *Config) { c.Services = echoService })
			peers = append(peers, peerAt(h+realmB, ip))
		}
		n := w.node("192.0.2.9", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = peers
			c.Routes = []Route{{Realm: realmB, Peers: []RoutePeer{
				{Host: "three." + realmB, Priority: 1}, {Host: "one." + realmB, Weight: 3}, {Host: "two." + realmB}}}}
		})
		ready(t, n, "one."+realmB, "two."+realmB, "three."+realmB)
		got := map[string]int{}
		for range 100 {
			a, err := n.Do(t.Context(), mar("s", realmB, ""))
			if err != nil {
				t.Fatal(err)
			}
			got[a.Peer]++
		}
		if got["one."+realmB] != 75 || got["two."+realmB] != 25 {
			t.Error(got)
		}
		n.Disconnect("one."+realmB, DisconnectCauseBusy)
		n.Disconnect("two."+realmB, DisconnectCauseBusy)
		if a, err := n.Do(t.Context(), mar("s", realmB, "")); err != nil || a.Peer != "three."+realmB {
			t.Errorf("%s, %v", a.Peer, err)
		}
	})
}

// TestDuplicates: a request that comes again is answered again without being served again.
func TestDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		var served atomic.Int32
		n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) {
			c.Services = []Service{{Application: cxApp, Command: marCode, Goroutine: true, Handler: func(ctx context.Context, r *Incoming) (encoding.BinaryAppender, error) {
				served.Add(1)
				time.Sleep(time.Second)
				b := AppendUint32(nil, AVPResultCode, Mandatory, 0, uint32(Success))
				b = AppendUint32(b, AVPOriginStateID, Mandatory, 0, uint32(served.Load()))
				return Message{r.Header.Answer(), b}, nil
			}}}
		})
		r := w.raw("192.0.2.2", "raw."+realmB, "192.0.2.1")
		r.cer()
		relay := w.raw("192.0.2.3", "relay."+realmB, "192.0.2.1")
		relay.cer()
		m := r.mar("s", realmB, "")
		r.send(m.Header, m.AVPs)
		again := m.Header
		again.Flags |= Retransmitted
		again.HopByHopID = 77
		relay.send(again, m.AVPs) // while the first is being served
		a, b := r.read(), relay.read()
		if a.HopByHopID != m.HopByHopID || b.HopByHopID != 77 || string(a.AVPs) != string(b.AVPs) || served.Load() != 1 {
			t.Errorf("%v, %v, served %d times", a.Header, b.Header, served.Load())
		}
		again.HopByHopID = 78
		relay.send(again, m.AVPs) // and afterwards
		if c := relay.read(); c.HopByHopID != 78 || string(a.AVPs) != string(c.AVPs) || served.Load() != 1 {
			t.Errorf("%v, served %d times", c.Header, served.Load())
		}
		time.Sleep(5 * time.Minute)
		other := r.mar("s", realmB, "")
		other.EndToEndID = m.EndToEndID
		other.AVPs = append([]byte(nil), m.AVPs...)
		r2 := w.raw("192.0.2.2", "raw2."+realmB, "192.0.2.1")
		r2.cer()
		r2.send(other.Header, other.AVPs) // too late to be a duplicate
		r2.read()
		if served.Load() != 2 {
			t.Errorf("served %d times", served.Load())
		}
		other.AVPs = r2.mar("s", realmB, "").AVPs // another Origin-Host
		r2.send(other.Header, other.AVPs)
		r2.read()
		if served.Load() != 3 {
			t.Errorf("served %d times", served.Load())
		}
		if s, _ := n.Peer(relay.host); s.Duplicates != 0 && s.Duplicates != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestDuplicatesAreBounded(t *testing.T) {
	d := newDuplicates(64, time.Minute)
	now := time.Unix(1e9, 0)
	c := &conn{}
	for i := range uint32(10000) {
		k := d.key([]byte("host"), Header{EndToEndID: i})
		if a, fresh := d.begin(k, c, Header{}, now); a != nil || !fresh {
			t.Fatalf("%d is a duplicate", i)
		}
		d.finish(k, make([]byte, 100))
	}
	entries := 0
	for i := range d.shards {
		entries += len(d.shards[i].m)
		if len(d.shards[i].ring) > 8 {
			t.Errorf("shard of %d", len(d.shards[i].ring))
		}
	}
	if entries != 64 {
		t.Errorf("%d entries", entries)
	}
	k := d.key([]byte("HOST"), Header{EndToEndID: 9999})
	if a, _ := d.begin(k, c, Header{HopByHopID: 5}, now); len(a) != 100 || a[15] != 5 {
		t.Errorf("%x", a)
	}
}

// TestEndToEndIDs are unique over restarts: the next node begins above what this one can have reached.
func TestEndToEndIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := map[uint32]bool{}
		for range 50 {
			n, err := New(Config{OriginHost: "a.example", OriginRealm: "example"})
			if err != nil {
				t.Fatal(err)
			}
			for range 1000 {
				id := n.endToEndID()
				if ids[id] {
					t.Fatalf("%08x twice", id)
				}
				ids[id] = true
			}
			n.Close()
			time.Sleep(2 * time.Second)
		}
	})
}
