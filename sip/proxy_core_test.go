package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/memnet"
)

var proxyAddr = netip.MustParseAddrPort("192.0.2.100:5060")

// proxyLab is a proxy with a caller and callees that do only what the test says.
type proxyLab struct {
	*testing.T
	net    *memnet.Network
	proxy  *Proxy
	caller *scriptPeer
	callee []*scriptPeer
}

func newProxyLab(t *testing.T, callees int, cfg ProxyConfig) *proxyLab {
	t.Helper()
	l := &proxyLab{T: t, net: memnet.New(memnet.Config{})}
	p, err := NewProxy(cfg)
	if err != nil {
		t.Fatal(err)
	}
	pc, err := l.net.ListenPacket(proxyAddr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Endpoint().ServePacketConn(pc, ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	l.proxy = p
	l.caller = newScriptPeer(t, l.net, aliceAddr, proxyAddr)
	for i := range callees {
		l.callee = append(l.callee, newScriptPeer(t, l.net, calleeAddr(i), proxyAddr))
	}
	return l
}

func calleeAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}), 5060)
}

// forks are branches to n callees.
func forks(n int) []*Branch {
	var out []*Branch
	for i := range n {
		out = append(out, &Branch{URI: "sip:callee@" + calleeAddr(i).String()})
	}
	return out
}

// done waits until nothing is left, and closes the proxy.
func (l *proxyLab) done() {
	l.Helper()
	time.Sleep(100 * time.Second)
	synctest.Wait()
	if st := l.proxy.Endpoint().Stats(); st.ServerTransactions != 0 || st.ClientTransactions != 0 || st.Leaked != 0 {
		l.Errorf("%d and %d transactions are left, %d leaked", st.ServerTransactions, st.ClientTransactions, st.Leaked)
	}
	l.proxy.Endpoint().Close()
}

// final reads the caller's next response other than 100, and acknowledges a refusal.
func (l *proxyLab) final(inv *Request) *Response {
	l.Helper()
	for {
		resp, ok := l.caller.read().(*Response)
		if !ok || resp.IsProvisional() {
			continue
		}
		if !resp.IsSuccess() && inv.Method == INVITE {
			l.caller.send(NewACK(inv, resp))
		}
		return resp
	}
}

// The response that is passed on, by those of three branches (RFC 3261 section 16.7 items 5 to 7).
func TestProxyBestResponse(t *testing.T) {
	for _, tc := range []struct {
		branches [3]int
		want     int
	}{
		{[3]int{404, 486, 480}, 486}, // the first to come among equals: they come from the second on
		{[3]int{503, 503, 503}, 500},
		{[3]int{503, 404, 500}, 404},
		{[3]int{404, 302, 500}, 302},
		{[3]int{404, 401, 302}, 302},
		{[3]int{404, 407, 486}, 407},
		{[3]int{408, 480, 503}, 480},
		{[3]int{484, 404, 500}, 484},
		{[3]int{404, 404, 603}, 603},
		{[3]int{500, 504, 503}, 504},
		{[3]int{200, 404, 603}, 200},
	} {
		t.Run(fmt.Sprint(tc.branches), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newProxyLab(t, 3, ProxyConfig{OnRequest: func(f *Forwarding) { f.Forward(forks(3)...) }})
				inv := l.caller.invite("best")
				l.caller.send(inv)
				for i, status := range []int{tc.branches[1], tc.branches[2], tc.branches[0]} { // a 2xx comes last
					p := l.callee[(i+1)%3]
					req := p.request(INVITE)
					p.respond(req, status, fmt.Sprint("t", i), "")
					if status >= 300 {
						p.request(ACK)
					}
				}
				resp := l.final(inv)
				if resp.StatusCode != tc.want || resp.Count("Via") != 1 {
					t.Errorf("%s", resp)
				}
				if resp.IsSuccess() {
					l.caller.send(within(inv, resp, ACK, "ack", 10))
					if ack := l.callee[0].request(ACK); ack.RequestURI != "sip:peer@"+calleeAddr(0).String() {
						t.Errorf("%s", ack)
					}
				}
				l.done()
			})
		})
	}
}

// All challenges of the branches are in the 407 (item 7).
func TestProxyChallenges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newProxyLab(t, 2, ProxyConfig{OnRequest: func(f *Forwarding) { f.Forward(forks(2)...) }})
		inv := l.caller.invite("auth")
		l.caller.send(inv)
		for i, p := range l.callee {
			resp := NewResponse(p.request(INVITE), 401+6*i, "")
			resp.SetToTag("t")
			resp.Add([]string{"WWW-Authenticate", "Proxy-Authenticate"}[i], fmt.Sprintf(`Digest realm="%d", nonce="n"`, i))
			p.send(resp)
			p.request(ACK)
		}
		resp := l.final(inv)
		if resp.StatusCode != 401 || resp.Value("WWW-Authenticate") != `Digest realm="0", nonce="n"` || resp.Value("Proxy-Authenticate") != `Digest realm="1", nonce="n"` {
			t.Errorf("%s", resp)
		}
		l.done()
	})
}

// The first 2xx cancels the other branches; a second one, too late for that, is passed on as well. A 603
// cancels, and waits for the end of the others.
func TestProxyCancelsBranches(t *testing.T) {
	for _, status := range []int{200, 603} {
		synctest.Test(t, func(t *testing.T) {
			l := newProxyLab(t, 3, ProxyConfig{OnRequest: func(f *Forwarding) { f.Forward(forks(3)...) }})
			inv := l.caller.invite("fork")
			l.caller.send(inv)
			var invites []*Request
			for i, p := range l.callee {
				req := p.request(INVITE)
				invites = append(invites, req)
				p.respond(req, 180, fmt.Sprint("t", i), "")
			}
			for range l.callee {
				l.caller.response(180)
			}
			l.callee[0].respond(invites[0], status, "t0", "")
			for i := 1; i < 3; i++ {
				cancel := l.callee[i].request(CANCEL)
				l.callee[i].send(NewResponse(cancel, 200, ""))
			}
			l.callee[1].respond(invites[1], 487, "t1", "")
			l.callee[1].request(ACK)
			if status == 200 {
				l.callee[2].respond(invites[2], 200, "t2", "") // crossed the CANCEL
				got := map[string]bool{}
				for range 2 {
					to, _ := l.caller.response(200).To()
					got[to.Tag()] = true
				}
				if !got["t0"] || !got["t2"] {
					t.Errorf("%v", got)
				}
			} else {
				l.callee[2].respond(invites[2], 487, "t2", "")
				l.callee[2].request(ACK)
				if resp := l.final(inv); resp.StatusCode != 603 {
					t.Errorf("%s", resp)
				}
			}
			l.done()
		})
	}
}

// The caller's CANCEL goes to all branches with its Reason, and the 487 comes back.
func TestProxyCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newProxyLab(t, 2, ProxyConfig{OnRequest: func(f *Forwarding) { f.Forward(forks(2)...) }})
		inv := l.caller.invite("cancel")
		l.caller.send(inv)
		var invites []*Request
		for _, p := range l.callee {
			req := p.request(INVITE)
			invites = append(invites, req)
			p.respond(req, 180, "t", "")
		}
		cancel := NewCANCEL(inv)
		cancel.Add("Reason", "SIP;cause=200")
		l.caller.send(cancel)
		for i, p := range l.callee {
			c := p.request(CANCEL)
			if c.Value("Reason") != "SIP;cause=200" {
				t.Errorf("%s", c)
			}
			p.send(NewResponse(c, 200, ""))
			p.respond(invites[i], 487, "t", "")
			p.request(ACK)
		}
		l.caller.response(200)
		if resp := l.final(inv); resp.StatusCode != 487 {
			t.Errorf("%s", resp)
		}
		l.done()
	})
}

// One target after the other, with hooks on the branch, its replies and the failure.
func TestProxySerial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		l := newProxyLab(t, 3, ProxyConfig{OnRequest: func(f *Forwarding) {
			branches := forks(3)
			for i, b := range branches {
				b.Edit = func(req *Request) { req.Set("X-Branch", fmt.Sprint(i)) }
			}
			next := 1
			f.OnReply = func(b *Branch, resp *Response) {
				log = append(log, fmt.Sprint("reply ", resp.StatusCode))
				resp.Set("X-Seen", "yes")
			}
			f.OnFailure = func(resp *Response) {
				log = append(log, fmt.Sprint("failure ", resp.StatusCode))
				if next < len(branches) {
					next++
					f.Forward(branches[next-1])
				}
			}
			f.Forward(branches[0])
		}})
		inv := l.caller.invite("serial")
		l.caller.send(inv)
		for i, status := range []int{404, 486, 200} {
			req := l.callee[i].request(INVITE)
			if req.Value("X-Branch") != fmt.Sprint(i) || req.Value("Max-Forwards") != "69" || req.Value("Max-Breadth") != "60" {
				t.Errorf("%s", req)
			}
			l.callee[i].respond(req, status, fmt.Sprint("t", i), "")
		}
		if resp := l.final(inv); resp.StatusCode != 200 || resp.Value("X-Seen") != "yes" {
			t.Errorf("%s", resp)
		}
		if diff := cmp.Diff([]string{"reply 404", "failure 404", "reply 486", "failure 404", "reply 200"}, log); diff != "" {
			t.Error(diff)
		}
		l.done()
	})
}

// Timer C ends what rings for ever; each further provisional response puts it off.
func TestProxyTimerC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newProxyLab(t, 1, ProxyConfig{OnRequest: func(f *Forwarding) { f.Forward(forks(1)...) }, TimerC: 200 * time.Second,
			Endpoint: Config{Limits: Limits{HandlerTimeout: time.Hour}}})
		inv := l.caller.invite("ring")
		start := time.Now()
		l.caller.send(inv)
		req := l.callee[0].request(INVITE)
		l.callee[0].respond(req, 180, "t", "")
		time.Sleep(100 * time.Second)
		l.callee[0].respond(req, 183, "t", "")
		l.callee[0].conn.SetReadDeadline(time.Time{})
		time.Sleep(199 * time.Second)
		cancel := l.callee[0].request(CANCEL)
		if took := time.Since(start).Truncate(time.Second); took != 300*time.Second {
			t.Errorf("after %v", took)
		}
		l.callee[0].send(NewResponse(cancel, 200, ""))
		l.callee[0].respond(req, 487, "t", "")
		if resp := l.final(inv); resp.StatusCode != 487 {
			t.Errorf("%s", resp)
		}
		l.done()
	})
}

// What is not forwarded, and with what it is refused.
func TestProxyRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newProxyLab(t, 0, ProxyConfig{OnRequest: func(f *Forwarding) {
			if f.Request.RequestURI == "sip:fork@example.org" {
				f.Forward(forks(3)...)
				return
			}
			f.Forward(&Branch{Send: SendOptions{Targets: []Target{{Transport: UDP, Addr: proxyAddr}}}})
		}, Endpoint: Config{Policy: Policy{ProxyTags: []string{"known"}}}})
		for i, tc := range []struct {
			uri, field, value string
			status            int
		}{
			{bobURI, "Max-Forwards", "0", 483},
			{bobURI, "Max-Forwards", "70", 482}, // comes back to us as it was
			{"sip:fork@example.org", "Max-Breadth", "2", 440},
			{bobURI, "Max-Breadth", "0", 440},
			{bobURI, "Max-Breadth", "many", 400},
			{bobURI, "Proxy-Require", "unknown", 420},
		} {
			inv := l.caller.invite(fmt.Sprint("refused", i))
			inv.RequestURI = tc.uri
			inv.Set(tc.field, tc.value)
			inv.Add("Require", "timer") // which is not for a proxy
			l.caller.send(inv)
			resp := l.final(inv)
			if resp.StatusCode != tc.status {
				t.Errorf("%s: %s got %d, want %d", tc.field, tc.value, resp.StatusCode, tc.status)
			}
			if resp.StatusCode == 420 && (resp.Value("Unsupported") != tc.value || resp.Count("Unsupported") != 1) {
				t.Errorf("%s", resp)
			}
		}
		l.done()
	})
}

// A request that comes back with another Request-URI is a spiral, and goes on.
func TestProxySpiral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newProxyLab(t, 1, ProxyConfig{OnRequest: func(f *Forwarding) {
			if strings.HasPrefix(f.Request.RequestURI, "sip:bob@") {
				f.Forward(&Branch{URI: "sip:carol@example.org", Send: SendOptions{Targets: []Target{{Transport: UDP, Addr: proxyAddr}}}})
				return
			}
			f.Forward(forks(1)...)
		}})
		inv := l.caller.invite("spiral")
		l.caller.send(inv)
		req := l.callee[0].request(INVITE)
		if req.Count("Via") != 3 || req.Value("Max-Forwards") != "68" {
			t.Errorf("%s", req)
		}
		l.callee[0].respond(req, 200, "t", "")
		if resp := l.final(inv); resp.StatusCode != 200 {
			t.Errorf("%s", resp)
		}
		l.done()
	})
}

// Routes of loose and strict routers before and after us, and what our own Route carried (RFC 3261
// sections 16.4, 16.6 and 16.12.1).
func TestProxyRoutes(t *testing.T) {
	self, next := "<sip:"+proxyAddr.String()+";lr>", calleeAddr(0).String()
	for name, tc := range map[string]struct {
		uri    string
		routes []string
		outURI string
		out    []string
		user   string
	}{
		"ours on top":                {"sip:bob@example.org", []string{"<sip:state@" + proxyAddr.String() + ";lr>", "<sip:" + next + ";lr>"}, "sip:bob@example.org", []string{"<sip:" + next + ";lr>"}, "state"},
		"both of our sides":          {"sip:bob@example.org", []string{self, self, "<sip:" + next + ";lr>"}, "sip:bob@example.org", []string{"<sip:" + next + ";lr>"}, ""},
		"two passes through us":      {"sip:bob@example.org", []string{"<sip:one@" + proxyAddr.String() + ";lr>", "<sip:two@" + proxyAddr.String() + ";lr>", "<sip:" + next + ";lr>"}, "sip:bob@example.org", []string{"<sip:" + next + ";lr>"}, "one two"},
		"not ours":                   {"sip:bob@example.org", []string{"<sip:" + next + ";lr>"}, "sip:bob@example.org", []string{"<sip:" + next + ";lr>"}, "-"},
		"a strict router before us":  {"sip:" + proxyAddr.String() + ";lr", []string{"<sip:" + next + ";lr>", "<sip:bob@example.org>"}, "sip:bob@example.org", []string{"<sip:" + next + ";lr>"}, ""},
		"a strict router comes next": {"sip:bob@example.org", []string{self, "<sip:" + next + ">", "<sip:more.example.org;lr>"}, "sip:" + next, []string{"<sip:more.example.org;lr>", "<sip:bob@example.org>"}, ""},
		"a name of ours":             {"sip:bob@example.org", []string{"<sip:proxy.example.org;lr>", "<sip:" + next + ";lr>"}, "sip:bob@example.org", []string{"<sip:" + next + ";lr>"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				user := "-"
				l := newProxyLab(t, 1, ProxyConfig{Names: []string{"proxy.example.org"}, OnRequest: func(f *Forwarding) {
					if u, ok := f.Route(); ok {
						user = strings.TrimPrefix(user+" "+u.User, "- ")
					}
					f.Forward()
				}})
				req := l.caller.invite("route")
				req.Method = OPTIONS
				req.Set("CSeq", "10 OPTIONS")
				req.RequestURI = tc.uri
				for _, r := range tc.routes {
					req.Add("Route", r)
				}
				l.caller.send(req)
				got := l.callee[0].request(OPTIONS)
				var routes []string
				for r := range got.Values("Route") {
					routes = append(routes, r)
				}
				if diff := cmp.Diff(tc.out, routes); diff != "" || got.RequestURI != tc.outURI || user != tc.user {
					t.Errorf("%s to %s, our user part %q\n%s", diff, got.RequestURI, user, got)
				}
				l.callee[0].send(NewResponse(got, 200, ""))
				l.caller.response(200)
				l.done()
			})
		})
	}
}

// A silent target of another request than INVITE is a 504, early enough for the caller to hear of it, and
// a proxy that stays on the path over two transports is recorded twice.
func TestProxySilenceAndRecordRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newProxyLab(t, 1, ProxyConfig{OnRequest: func(f *Forwarding) {
			var params Params
			params.Set("leg", "a")
			f.RecordRoute("mark", params)
			f.Forward(forks(1)...)
		}})
		l.callee[0].conn.SetReadDeadline(time.Time{})
		req := l.caller.invite("silent")
		req.Method = MESSAGE
		req.Set("CSeq", "10 MESSAGE")
		l.caller.send(req)
		got := l.callee[0].request(MESSAGE)
		if rr := got.Value("Record-Route"); rr != "<sip:mark@192.0.2.100:5060;leg=a;lr>" || got.Count("Record-Route") != 1 {
			t.Errorf("%s", got)
		}
		if resp := l.final(req); resp.StatusCode != 504 {
			t.Errorf("%s", resp)
		}
		l.done()
	})
}

// All branches under way share Max-Breadth (RFC 5393 section 5.3.3.1): what one has is there for others when it
// has failed.
func TestProxySharesBreadth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var crowded error
		l := newProxyLab(t, 3, ProxyConfig{OnRequest: func(f *Forwarding) {
			branches := forks(3)
			f.OnFailure = func(*Response) {
				f.OnFailure = nil
				f.Forward(branches[2])
			}
			f.Forward(branches[:2]...)
			crowded = f.Forward(branches[2])
		}})
		req := l.caller.invite("breadth")
		req.Set("Max-Breadth", "4")
		l.caller.send(req)
		for i, want := range []string{"2", "2", "4"} {
			got := l.callee[i].request(INVITE)
			if v := got.Value("Max-Breadth"); v != want {
				t.Errorf("branch %d: %s, want %s", i, v, want)
			}
			l.callee[i].respond(got, 486, "t", "")
		}
		if l.final(req); crowded != ErrDecided {
			t.Errorf("a third branch beside the two: %v", crowded)
		}
		l.done()
	})
}

// What a branch may say that is not for the caller: provisional responses and a 408 to another request than
// INVITE (RFC 4320 section 4), and a response without the way back.
func TestProxyKeepsToItself(t *testing.T) {
	for _, tc := range []struct {
		method Method
		says   []int
		noVia  bool
		want   int
	}{
		{MESSAGE, []int{183, 200}, false, 200},
		{MESSAGE, []int{408}, false, 504},
		{INVITE, []int{408}, false, 408},
		{INVITE, []int{180, 486}, true, 502},
		{MESSAGE, []int{200}, true, 502},
	} {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newProxyLab(t, 1, ProxyConfig{OnRequest: func(f *Forwarding) { f.Forward(forks(1)...) }})
				req := l.caller.invite("own")
				req.Method = tc.method
				req.Set("CSeq", CSeq{10, tc.method}.String())
				l.caller.send(req)
				got := l.callee[0].request(tc.method)
				if tc.noVia {
					got.RemoveNth("Via", 1)
				}
				for _, status := range tc.says {
					l.callee[0].respond(got, status, "t", "")
				}
				resp := l.caller.read().(*Response)
				if resp.StatusCode != tc.want {
					t.Errorf("got %d, want %d", resp.StatusCode, tc.want)
				}
				if tc.method == INVITE {
					l.caller.send(NewACK(req, resp))
				}
				l.done()
			})
		})
	}
}

// Whoever asked for sips is recorded by sips (RFC 3261 section 16.6 item 4).
func TestProxyRecordsSIPS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newProxyLab(t, 1, ProxyConfig{OnRequest: func(f *Forwarding) {
			f.RecordRoute("mark", Params{})
			f.Forward(&Branch{Send: SendOptions{Targets: []Target{{Transport: UDP, Addr: calleeAddr(0)}}}})
		}})
		req := l.caller.invite("secure")
		req.RequestURI = "sips:bob@example.org"
		l.caller.send(req)
		got := l.callee[0].request(INVITE)
		if rr := got.Value("Record-Route"); rr != "<sips:mark@192.0.2.100:5060;lr>" {
			t.Errorf("%s", got)
		}
		l.callee[0].respond(got, 200, "t", "")
		l.final(req)
		l.done()
	})
}
