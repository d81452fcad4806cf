package diameter

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// relayBetween makes a relay with a client's side and a server's.
func relayBetween(w *network, change func(*Config)) *Node {
	return w.node("192.0.2.5", "relay.example", "example", func(c *Config) {
		c.Applications, c.Relay = nil, true
		if change != nil {
			change(c)
		}
	})
}

// TestRelay: the AVPs go as they came, a Route-Record behind them; the answer comes back under the
// request's own Hop-by-Hop Identifier.
func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		n := relayBetween(w, nil)
		client := w.raw("192.0.2.1", "client."+realmA, "192.0.2.5")
		server := w.raw("192.0.2.2", "server."+realmB, "192.0.2.5")
		client.cer()
		server.cer()
		unknown := AppendAVP(nil, AVP{Code: 9999, Flags: 0x1f, VendorID: 4242, Data: []byte("odd")})
		padded := []byte{0, 0, 0x27, 0x10, 0, 0, 0, 9, 'x', 1, 2, 3} // padding that is not zero
		proxy := AppendText(nil, AVPProxyInfo, Mandatory, 0, "state")
		m := client.mar("s;1", realmB, "", unknown, padded, proxy)
		client.send(m.Header, m.AVPs)
		got := server.expect(marCode, true)
		if want := AppendText([]byte(m.AVPs), AVPRouteRecord, Mandatory, 0, client.host); string(got.AVPs) != string(want) {
			t.Errorf("\n%x want\n%x", got.AVPs, want)
		}
		if got.EndToEndID != m.EndToEndID || got.HopByHopID == m.HopByHopID || got.Flags != m.Flags {
			t.Errorf("%v -> %v", m.Header, got.Header)
		}
		server.answer(got, Success, unknown)
		a := client.read()
		if a.HopByHopID != m.HopByHopID || a.EndToEndID != m.EndToEndID || !a.AVPs.Has(9999, 4242) || a.Text(AVPOriginHost, 0) != server.host {
			t.Errorf("%v", a.Header)
		}
		m = client.mar("s;2", "nowhere.example", "")
		client.send(m.Header, m.AVPs)
		a = client.read()
		if rc := resultOf(t, a); rc != RealmNotServed || a.Flags&ErrorFlag == 0 || a.Text(AVPOriginHost, 0) != "relay.example" {
			t.Errorf("%v %v", rc, a.Header)
		}
		m = client.mar("s;3", realmB, "", AppendText(nil, AVPRouteRecord, Mandatory, 0, "RELAY.example"))
		client.send(m.Header, m.AVPs)
		if rc := resultOf(t, client.read()); rc != LoopDetected {
			t.Error(rc)
		}
		m = client.mar("s;4", realmB, "", AppendText(nil, AVPRouteRecord, Mandatory, 0, server.host))
		client.send(m.Header, m.AVPs) // predictive loop avoidance
		if rc := resultOf(t, client.read()); rc != UnableToDeliver {
			t.Error(rc)
		}
		m = client.mar("s;5", realmB, "")
		m.Flags &^= Proxiable
		client.send(m.Header, m.AVPs)
		if rc := resultOf(t, client.read()); rc != UnableToDeliver {
			t.Error(rc)
		}
		m = client.mar("s;6", realmB, "")
		client.send(m.Header, m.AVPs)
		server.expect(marCode, true)
		start := time.Now()
		if rc := resultOf(t, client.read()); rc != UnableToDeliver || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", rc, time.Since(start))
		}
		m = client.mar("s;7", realmB, "", proxy)
		client.send(m.Header, m.AVPs)
		server.expect(marCode, true)
		server.nc.Close()
		a = client.read()
		if rc := resultOf(t, a); rc != UnableToDeliver || a.Text(AVPProxyInfo, 0) != "state" || a.Text(AVPSessionID, 0) != "s;7" {
			t.Errorf("%v %x", rc, a.AVPs)
		}
		synctest.Wait()
		s := n.Stats()
		if s.Loops != 1 || s.Peers[0].Serving != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestRelaysInARow: nodes of a realm behind two relays; a loop between relays ends.
func TestRelaysInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		w.node("192.0.2.1", "server."+realmB, realmB, func(c *Config) {
			c.Services = []Service{{Application: cxApp, Goroutine: true, Handler: func(_ context.Context, r *Incoming) (encoding.BinaryAppender, error) {
				var b []byte
				b = AppendUint32(b, AVPResultCode, Mandatory, 0, uint32(Success))
				for a := range r.AVPs.All() {
					if a.Code == AVPRouteRecord {
						b = AppendText(b, AVPErrorMessage, 0, 0, a.Text())
					}
				}
				return Message{r.Header.Answer(), b}, nil
			}}}
		})
		relay := func(ip, host string, peers []Peer, routes []Route) *Node {
			return w.node(ip, host, "relays.example", func(c *Config) {
				c.Applications, c.Relay, c.Peers, c.Routes = nil, true, peers, routes
			})
		}
		two := relay("192.0.2.3", "two.example", []Peer{peerAt("server."+realmB, "192.0.2.1")},
			append(pool(realmB, "server."+realmB), pool("loop.example", "one.example")...))
		one := relay("192.0.2.2", "one.example", []Peer{peerAt("two.example", "192.0.2.3")}, pool("*", "two.example"))
		n := w.node("192.0.2.4", "client."+realmA, realmA, func(c *Config) {
			c.Peers = []Peer{peerAt("one.example", "192.0.2.2")}
			c.Routes = pool("*", "one.example")
		})
		ready(t, n, "one.example")
		ready(t, one, "two.example")
		ready(t, two, "server."+realmB)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				a, err := n.Do(t.Context(), mar(fmt.Sprint("s;", i), realmB, ""))
				if err != nil || a.Text(AVPSessionID, 0) != fmt.Sprint("s;", i) {
					t.Errorf("%v: %v", a.Header, err)
					return
				}
				var records []string
				for x := range a.AVPs.All() {
					if x.Code == AVPErrorMessage {
						records = append(records, x.Text())
					}
				}
				if fmt.Sprint(records) != "[client.a.example one.example]" {
					t.Error(records)
				}
			})
		}
		wg.Wait()
		a, err := n.Do(t.Context(), mar("s", "loop.example", ""))
		if err != nil || resultOf(t, a.Message) != UnableToDeliver {
			t.Errorf("%v: %v", a.Header, err)
		}
	})
}

// TestRelayFailover: a relay re-sends what its peer holds, too.
func TestRelayFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		relayBetween(w, func(c *Config) {
			c.Routes = pool(realmB, "one."+realmB, "two."+realmB)
		})
		client := w.raw("192.0.2.1", "client."+realmA, "192.0.2.5")
		one := w.raw("192.0.2.2", "one."+realmB, "192.0.2.5")
		two := w.raw("192.0.2.3", "two."+realmB, "192.0.2.5")
		client.cer()
		one.cer()
		two.cer()
		m := client.mar("s;1", realmB, "")
		client.send(m.Header, m.AVPs)
		first := one.expect(marCode, true)
		one.nc.Close()
		second := two.expect(marCode, true)
		if second.Flags != first.Flags|Retransmitted || second.EndToEndID != m.EndToEndID || string(second.AVPs) != string(first.AVPs) {
			t.Errorf("%v, then %v", first.Header, second.Header)
		}
		two.answer(second, Success)
		if a := client.read(); a.HopByHopID != m.HopByHopID || resultOf(t, a) != Success {
			t.Error(a.Header)
		}
	})
}

func TestProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		w.node("192.0.2.1", "server."+realmB, realmB, func(c *Config) { c.Services = echoService })
		proxy := w.node("192.0.2.5", "proxy.example", "example", func(c *Config) {
			c.Peers = []Peer{peerAt("server."+realmB, "192.0.2.1")}
			c.Routes = []Route{{Realm: realmB, Action: ProxyRequests, Peers: []RoutePeer{{Host: "server." + realmB}},
				OnRequest: func(r *Incoming) ([]AVP, error) {
					if r.Text(AVPSessionID, 0) == "bad" {
						return nil, &ProtocolError{ResultCode: AuthorizationRejected, Text: "policy of " + r.Peer}
					}
					return []AVP{{Code: AVPUserName, Flags: Mandatory, Data: []byte("added")}}, nil
				},
				OnAnswer: func(a Message) []AVP {
					return []AVP{{Code: AVPErrorMessage, Data: []byte(a.Text(AVPSessionID, 0))}}
				},
			}}
		})
		ready(t, proxy, "server."+realmB)
		client := w.raw("192.0.2.2", "client."+realmA, "192.0.2.5")
		client.cer()
		m := client.mar("good", realmB, "")
		client.send(m.Header, m.AVPs)
		if a := client.read(); resultOf(t, a) != Success || a.Text(AVPErrorMessage, 0) != "good" {
			t.Errorf("%v %x", a.Header, a.AVPs)
		}
		m = client.mar("bad", realmB, "")
		client.send(m.Header, m.AVPs)
		if a := client.read(); resultOf(t, a) != AuthorizationRejected || a.Text(AVPErrorMessage, 0) != "policy of "+client.host {
			t.Errorf("%v %x", a.Header, a.AVPs)
		}
		m = client.mar("other", "c.example", "")
		client.send(m.Header, m.AVPs)
		if rc := resultOf(t, client.read()); rc != RealmNotServed {
			t.Error(rc)
		}
	})
}

// TestRedirect: the agent answers 3006, the client goes to the host named and remembers as it is told.
func TestRedirect(t *testing.T) {
	for _, c := range []struct {
		usage RedirectHostUsage
		same  Message // a request that goes straight to the host afterwards
		other Message // one that does not
	}{
		{RedirectHostUsageDontCache, Message{}, mar("s;1", realmB, "")},
		{RedirectHostUsageAllSession, mar("s;1", realmB, ""), mar("s;2", realmB, "")},
		{RedirectHostUsageAllRealm, mar("s;2", realmB, ""), mar("s;1", "c.example", "")},
		{RedirectHostUsageRealmAndApplication, mar("s;2", realmB, ""), mar("s;1", "c.example", "")},
		{RedirectHostUsageAllApplication, mar("s;2", "c.example", ""), Message{}},
		{RedirectHostUsageAllHost, mar("s;2", "c.example", ""), Message{}},
		{RedirectHostUsageAllUser, mar("s;2", "c.example", "", AppendText(nil, AVPUserName, Mandatory, 0, "u")), mar("s;1", realmB, "")},
	} {
		t.Run(c.usage.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				w.node("192.0.2.1", "server."+realmB, realmB, func(c *Config) {
					c.Services, c.Realms = echoService, []string{"c.example"}
				})
				agent := w.node("192.0.2.5", "redirect.example", "example", func(cfg *Config) {
					cfg.Routes = []Route{{Realm: "*", Action: RedirectRequests, RedirectHosts: []string{"aaa://server." + realmB},
						RedirectUsage: c.usage, RedirectCache: time.Minute}}
				})
				dialled := w.dialFrom("192.0.2.2")
				n := w.node("192.0.2.2", "client."+realmA, realmA, func(cfg *Config) {
					cfg.Peers = []Peer{peerAt("redirect.example", "192.0.2.5")}
					cfg.Routes = pool("*", "redirect.example")
					cfg.Redirect = func(u URI) (Peer, bool) { return u.Peer(), true }
					cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
						if address == "server.b.example:3868" {
							address = "192.0.2.1:3868"
						}
						return dialled(ctx, network, address)
					}
				})
				ready(t, n, "redirect.example")
				do := func(m Message) uint64 {
					t.Helper()
					before := agent.Stats().Redirected
					a, err := n.Do(t.Context(), m)
					if err != nil || resultOf(t, a.Message) != Success || a.Peer != "server."+realmB {
						t.Errorf("%v from %s: %v", a.Header, a.Peer, err)
					}
					return agent.Stats().Redirected - before
				}
				first := mar("s;1", realmB, "", AppendText(nil, AVPUserName, Mandatory, 0, "u"))
				if k := do(first); k != 1 {
					t.Errorf("%d redirects", k)
				}
				if c.same.Code != 0 {
					if k := do(c.same); k != 0 {
						t.Errorf("redirected %d times though cached", k)
					}
				}
				if c.other.Code != 0 {
					if k := do(c.other); k != 1 {
						t.Errorf("another request was redirected %d times", k)
					}
				}
				time.Sleep(61 * time.Second)
				synctest.Wait()
				if c.same.Code != 0 {
					if k := do(c.same); k != 1 {
						t.Errorf("redirected %d times after the cache's time", k)
					}
				}
			})
		})
	}
}

// TestRedirectNotFollowed: without leave the answer is the caller's.
func TestRedirectNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		w.node("192.0.2.5", "redirect.example", "example", func(cfg *Config) {
			cfg.Routes = []Route{{Realm: "*", Action: RedirectRequests, RedirectHosts: []string{"aaa://x.example", "aaas://y.example:1"}}}
		})
		n := w.node("192.0.2.2", "client."+realmA, realmA, func(cfg *Config) {
			cfg.Peers = []Peer{peerAt("redirect.example", "192.0.2.5")}
			cfg.Routes = pool("*", "redirect.example")
		})
		ready(t, n, "redirect.example")
		a, err := n.Do(t.Context(), mar("s", realmB, ""))
		if err != nil || resultOf(t, a.Message) != RedirectIndication || a.Flags&ErrorFlag == 0 || a.Text(AVPRedirectHost, 0) != "aaa://x.example" {
			t.Errorf("%v: %v", a.Header, err)
		}
	})
}

// TestRedirectCircle: two hosts that redirect to each other do not keep a request for ever.
func TestRedirectCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		for i, h := range []string{"x.example", "y.example"} {
			other := []string{"y.example", "x.example"}[i]
			w.node(fmt.Sprintf("192.0.2.%d", 5+i), h, "example", func(cfg *Config) {
				cfg.Routes = []Route{{Realm: "*", Action: RedirectRequests, RedirectHosts: []string{"aaa://" + other}}}
			})
		}
		n := w.node("192.0.2.2", "client."+realmA, realmA, func(cfg *Config) {
			cfg.Peers = []Peer{peerAt("x.example", "192.0.2.5"), peerAt("y.example", "192.0.2.6")}
			cfg.Routes = pool("*", "x.example")
		})
		ready(t, n, "x.example", "y.example")
		a, err := n.Do(t.Context(), mar("s", realmB, ""))
		if err != nil || resultOf(t, a.Message) != RedirectIndication || n.Stats().Redirected != maxRedirects {
			t.Errorf("%v: %v after %d", a.Header, err, n.Stats().Redirected)
		}
	})
}

func TestOverloadControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		var servers []*Node
		for i, h := range []string{"one.", "two."} {
			servers = append(servers, w.node(fmt.Sprintf("192.0.2.%d", i+1), h+realmB, realmB, func(c *Config) { c.Services = echoService }))
		}
		n := w.node("192.0.2.9", "cscf."+realmA, realmA, func(c *Config) {
			c.Overload = true
			c.Peers = []Peer{peerAt("one."+realmB, "192.0.2.1"), peerAt("two."+realmB, "192.0.2.2")}
			c.Routes = pool(realmB, "one."+realmB, "two."+realmB)
		})
		ready(t, n, "one."+realmB, "two."+realmB)
		run := func(host string) (sent map[string]int, throttled int) {
			t.Helper()
			sent = map[string]int{}
			for range 1000 {
				a, err := n.Do(t.Context(), mar("s", realmB, host))
				var te *ThrottledError
				switch {
				case errors.As(err, &te):
					throttled++
				case err != nil:
					t.Fatal(err)
				default:
					if !a.AVPs.Has(AVPOCSupportedFeatures, 0) {
						t.Fatal("no OC-Supported-Features in the answer")
					}
					sent[a.Peer]++
				}
			}
			return sent, throttled
		}
		if sent, throttled := run(""); sent["one."+realmB] != 1000 || throttled != 0 {
			t.Errorf("without a report: %v, %d", sent, throttled)
		}
		servers[0].ReportOverload(cxApp, OCReportTypeHostReport, 40, 20*time.Second)
		if _, err := n.Do(t.Context(), mar("s", realmB, "")); err != nil { // brings the report
			t.Fatal(err)
		}
		if sent, throttled := run(""); throttled != 0 || sent["two."+realmB] < 300 || sent["two."+realmB] > 500 {
			t.Errorf("diverted: %v, %d", sent, throttled)
		}
		if sent, throttled := run("one." + realmB); throttled < 300 || throttled > 500 || len(sent) != 1 {
			t.Errorf("throttled: %v, %d", sent, throttled)
		}
		servers[1].ReportOverload(cxApp, OCReportTypeRealmReport, 100, time.Minute)
		for range 20 { // until one goes to two
			n.Do(t.Context(), mar("s", realmB, ""))
		}
		if sent, throttled := run(""); throttled != 1000 {
			t.Errorf("realm: %v, %d", sent, throttled)
		}
		if sent, throttled := run("two." + realmB); throttled != 0 {
			t.Errorf("host, while the realm is overloaded: %v, %d", sent, throttled)
		}
		servers[1].ReportOverload(cxApp, OCReportTypeRealmReport, 0, 0)
		n.Do(t.Context(), mar("s", realmB, "two."+realmB))
		if _, throttled := run(""); throttled < 900 {
			t.Errorf("the load returns at once: %d", throttled)
		}
		time.Sleep(5 * time.Second)
		if _, throttled := run(""); throttled < 400 || throttled > 600 {
			t.Errorf("half way: %d", throttled)
		}
		time.Sleep(30 * time.Second)
		if sent, throttled := run(""); throttled != 0 || sent["one."+realmB] != 1000 {
			t.Errorf("afterwards: %v, %d", sent, throttled)
		}
		for _, bad := range []func() error{
			func() error { return servers[0].ReportOverload(cxApp, OCReportTypeHostReport, 101, 0) },
			func() error { return servers[0].ReportOverload(cxApp, OCReportTypeHostReport, 1, 25*time.Hour) },
			func() error { return servers[0].ReportOverload(cxApp, 7, 1, 0) },
		} {
			if bad() == nil {
				t.Error("a bad report was taken")
			}
		}
	})
}

// TestOverloadSequence: reports that are not newer are ignored, also when the number has rolled over.
func TestOverloadSequence(t *testing.T) {
	var o overloadState
	now := time.Unix(1e9, 0)
	o.init(10, now)
	k := overloadKey{cxApp, OCReportTypeHostReport, "h"}
	for i, c := range []struct {
		sequence  uint64
		reduction int
		want      int
	}{
		{5, 10, 10}, {5, 20, 10}, {4, 20, 10}, {6, 30, 30}, {^uint64(0) - 5, 40, 40}, {3, 50, 50}, {2, 60, 50}, {1 << 63, 70, 70},
	} {
		o.update(k, overloadEntry{sequence: c.sequence, reduction: c.reduction, validity: time.Minute}, now)
		if got := o.reduction(k.typ, k.name, cxApp, now); got != c.want {
			t.Errorf("%d: %d, want %d", i, got, c.want)
		}
	}
	for i := range 100 {
		o.update(overloadKey{cxApp, OCReportTypeHostReport, fmt.Sprint(i)}, overloadEntry{sequence: 1, reduction: 1, validity: time.Minute}, now)
	}
	if len(o.learned) != 10 {
		t.Errorf("%d entries, want the limit", len(o.learned))
	}
}
