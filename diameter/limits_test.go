package diameter

import (
	"context"
	"encoding"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestNoCER: a connection that does not say who it is ends.
func TestNoCER(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) { c.Limits.MaxUnknown = 3 })
		start := time.Now()
		var rs []*raw
		for range 3 {
			rs = append(rs, w.raw("192.0.2.2", "silent.example", "192.0.2.1"))
		}
		synctest.Wait()
		if s := n.Stats(); s.Unknown != 3 {
			t.Errorf("%+v", s)
		}
		w.raw("192.0.2.2", "fourth.example", "192.0.2.1").ended()
		if time.Since(start) != 0 || n.Stats().Refused != 1 {
			t.Errorf("%+v after %v", n.Stats(), time.Since(start))
		}
		for _, r := range rs {
			r.ended()
		}
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("after %v", d)
		}
		synctest.Wait()
		if s := n.Stats(); s.Unknown != 0 {
			t.Errorf("%+v", s)
		}
		r := w.raw("192.0.2.2", "hasty.example", "192.0.2.1")
		m := r.mar("s", realmB, "")
		r.send(m.Header, m.AVPs) // something other than a CER
		r.ended()
	})
}

// TestFloods: requests over the rate get DIAMETER_TOO_BUSY, and who goes on is cut off.
func TestFloods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) {
			c.Services = echoService
			c.Limits.MaxRate, c.Limits.MaxRefused = 10, 50
		})
		r := w.raw("192.0.2.2", "flood.example", "192.0.2.1")
		r.cer()
		for round := range 2 {
			var ok, busy int
			for range 30 {
				m := r.mar("s", realmB, "")
				r.send(m.Header, m.AVPs)
				switch rc := resultOf(t, r.read()); rc {
				case Success:
					ok++
				case TooBusy:
					busy++
				default:
					t.Fatal(rc)
				}
			}
			if ok != 10 || busy != 20 {
				t.Errorf("round %d: %d answered, %d refused", round, ok, busy)
			}
			time.Sleep(time.Second)
		}
		go func() {
			for range 100 {
				b, _ := r.mar("s", realmB, "").AppendBinary(nil)
				if _, err := r.nc.Write(b); err != nil {
					return
				}
			}
		}()
		for {
			if _, err := r.readErr(); err != nil {
				break
			}
		}
		synctest.Wait()
		if s := state(t, n, r.host); s != "unknown" {
			t.Error(s)
		}
		r = w.raw("192.0.2.2", "answers.example", "192.0.2.1")
		r.cer()
		for range 51 {
			r.send(Header{Code: marCode, ApplicationID: cxApp, HopByHopID: 1}, r.origin(nil))
		}
		r.ended()
	})
}

// TestTooManyRequests: those that handlers have not answered are bounded.
func TestTooManyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		var kept []*Incoming
		n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) {
			c.Services = []Service{{Application: cxApp, Handler: func(_ context.Context, r *Incoming) (encoding.BinaryAppender, error) {
				kept = append(kept, r)
				return nil, nil
			}}}
			c.Limits.MaxRequests = 5
		})
		r := w.raw("192.0.2.2", "client.example", "192.0.2.1")
		r.cer()
		for range 6 {
			m := r.mar("s", realmB, "")
			r.send(m.Header, m.AVPs)
		}
		if rc := resultOf(t, r.read()); rc != TooBusy || len(kept) != 5 {
			t.Errorf("%v, %d kept", rc, len(kept))
		}
		for _, k := range kept {
			a, _ := echo(t.Context(), k)
			k.Answer(a)
			r.read()
		}
		m := r.mar("s", realmB, "")
		r.send(m.Header, m.AVPs)
		synctest.Wait()
		if s, _ := n.Peer(r.host); len(kept) != 6 || s.TooBusy != 1 || s.Serving != 1 {
			t.Errorf("%d kept, %+v", len(kept), s)
		}
	})
}

// TestPeerThatStopsReading is cut off, by time or by octets.
func TestPeerThatStopsReading(t *testing.T) {
	for _, queue := range []int{0, 20000} {
		synctest.Test(t, func(t *testing.T) {
			w := newNetwork(t)
			n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) {
				c.Services = echoService
				c.Limits.MaxQueue = queue
			})
			r := w.raw("192.0.2.2", "deaf.example", "192.0.2.1")
			r.cer()
			start := time.Now()
			for range 2000 {
				b, _ := r.mar("s", realmB, "").AppendBinary(nil)
				if _, err := r.nc.Write(b); err != nil {
					break
				}
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if s := state(t, n, r.host); s != "unknown" || time.Since(start) > 12*time.Second {
				t.Errorf("queue %d: %s after %v", queue, s, time.Since(start))
			}
		})
	}
}

// TestPendingIsBounded: a peer that answers nothing holds so many requests and no more.
func TestPendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "one."+realmB)
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1")}
			c.Limits.MaxPending = 3
		})
		r := l.accept()
		r.answerCER()
		ready(t, n, r.host)
		failed := 0
		for range 3 {
			if err := n.Send(mar("s", realmB, ""), func(Answer, error) { failed++ }); err != nil {
				t.Fatal(err)
			}
		}
		err := n.Send(mar("s", realmB, ""), func(Answer, error) { t.Error("called") })
		if re, ok := err.(*RouteError); !ok || re.ResultCode != TooBusy || !strings.Contains(re.Why, "does not take") {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if failed != 3 {
			t.Errorf("%d timed out", failed)
		}
		n.Close()
		if err := n.Send(mar("s", realmB, ""), nil); err != ErrClosed {
			t.Error(err)
		}
	})
}

// TestMaxPeers: those admitted by pattern are bounded.
func TestMaxPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		n := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) { c.Limits.MaxPeers = 2 })
		a := w.raw("192.0.2.2", "a.example", "192.0.2.1")
		b := w.raw("192.0.2.2", "b.example", "192.0.2.1")
		c := w.raw("192.0.2.2", "c.example", "192.0.2.1")
		if resultOf(t, a.cer()) != Success || resultOf(t, b.cer()) != Success || resultOf(t, c.cer()) != TooBusy {
			t.Error(n.Stats())
		}
		c.ended()
		a.nc.Close()
		synctest.Wait()
		if rc := resultOf(t, w.raw("192.0.2.2", "d.example", "192.0.2.1").cer()); rc != Success {
			t.Error(rc)
		}
	})
}

// TestAcceptedPeerLeavesNothing behind.
func TestAcceptedPeerLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		n := w.node("192.0.2.1", "hss."+realmB, realmB, nil)
		for range 100 {
			r := w.raw("192.0.2.2", "x.example", "192.0.2.1")
			if rc := resultOf(t, r.cer()); rc != Success {
				t.Fatal(rc)
			}
			r.nc.Close()
			synctest.Wait()
		}
		if s := n.Stats(); len(s.Peers) != 0 || s.Unknown != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestCloseEndsEverything: connections that have not said who they are, and requests under way.
func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		l := w.listenRaw("192.0.2.1", "one."+realmB)
		n := w.node("192.0.2.3", "cscf."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1"), peerAt("two."+realmB, "192.0.2.2")}
		})
		r := l.accept()
		r.answerCER()
		ready(t, n, r.host)
		silent := w.raw("192.0.2.2", "silent.example", "192.0.2.3")
		synctest.Wait()
		result := make(chan error, 1)
		go func() {
			_, err := n.Do(t.Context(), mar("s", realmB, ""))
			result <- err
		}()
		r.expect(marCode, true)
		start := time.Now()
		n.Close()
		if err := <-result; err != ErrClosed || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		silent.ended()
		r.ended()
		if err := n.Serve(l.l); err != ErrClosed {
			t.Error(err)
		}
		if err := n.Ready(t.Context(), r.host); err != ErrClosed {
			t.Error(err)
		}
		n.Close()
	})
}

func TestConfigErrors(t *testing.T) {
	good := Config{OriginHost: "a.example", OriginRealm: "example"}
	for _, c := range []struct {
		want   string
		change func(*Config)
	}{
		{"", func(c *Config) {}},
		{`OriginHost "" is no DiameterIdentity`, func(c *Config) { c.OriginHost = "" }},
		{`OriginRealm "a b" is no DiameterIdentity`, func(c *Config) { c.OriginRealm = "a b" }},
		{"peer A.example appears twice, or is this node", func(c *Config) { c.Peers = []Peer{{Host: "A.example"}} }},
		{"peer b: transport TLS needs a TLS configuration", func(c *Config) { c.Peers = []Peer{{Host: "b", Transport: TLS}} }},
		{"peer b: transport SCTP needs Config.SCTP", func(c *Config) { c.Peers = []Peer{{Host: "b", Transport: SCTP, Addresses: []string{"1.2.3.4:1"}}} }},
		{"peer b: Transport(9)", func(c *Config) { c.Peers = []Peer{{Host: "b", Transport: 9}} }},
		{"service 5 of application 4 has no handler", func(c *Config) { c.Services = []Service{{Application: 4, Command: 5}} }},
		{`a route has no realm; "*" stands for all`, func(c *Config) { c.Routes = []Route{{}} }},
		{"the route of x has no peers", func(c *Config) { c.Routes = []Route{{Realm: "x"}} }},
		{"the route of x redirects nowhere", func(c *Config) { c.Routes = []Route{{Realm: "x", Action: RedirectRequests}} }},
		{`the route of x: diameter: URI "y": no aaa:// or aaas://`, func(c *Config) {
			c.Routes = []Route{{Realm: "x", Action: RedirectRequests, RedirectHosts: []string{"y"}}}
		}},
		{"InbandSecurity needs TLS", func(c *Config) { c.InbandSecurity = OfferInbandTLS }},
	} {
		cfg := good
		c.change(&cfg)
		n, err := New(cfg)
		if n != nil {
			n.Close()
		}
		if c.want == "" {
			if err != nil {
				t.Error(err)
			}
		} else if err == nil || err.Error() != "diameter: config: "+c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
