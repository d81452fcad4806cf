package as

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/sip"
)

func values(h *sip.Header, name string) []string {
	return slices.Collect(func(yield func(string) bool) {
		for v := range h.Values(name) {
			if !yield(v) {
				return
			}
		}
	})
}

func trunkTo(name string, hosts ...byte) Trunk {
	t := Trunk{Name: name}
	for _, h := range hosts {
		t.Servers = append(t.Servers, TrunkServer{URI: "sip:" + at(h, 5060).String()})
	}
	return t
}

// A call from the core to a carrier: the identities of the trust domain stay at home, but for a carrier that belongs to
// it; the answer has the charging identity.
func TestBridgeToTrunk(t *testing.T) {
	for _, trust := range []Trust{Untrusted, Trusted} {
		t.Run(trust.String(), func(t *testing.T) {
			carrierTrunk := trunkTo("carrier", hostTrunk+1)
			carrierTrunk.Trust = trust
			carrierTrunk.Headers = []HeaderRule{{Name: "X-Customer", Value: "4711"}, {Name: "Subject"}}
			var saw *Request
			run(t, Config{
				Trunks: []Trunk{carrierTrunk}, IMS: IMS{TermIOI: "home2"},
				Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
					saw = r
					return Decision{Action: Bridge, Targets: []Target{{Trunk: "carrier"}}, Rule: "out"}, nil
				}),
			}, func(h *house) {
				far := h.carrier(hostTrunk+1, nil)
				p := h.cscf()
				inv := p.invite("tel:+4930123456", "Subject", "hello", "History-Info", "<sip:x@y>;index=1")
				p.send(inv)
				ok := p.answered(inv)
				if v, err := ok.ChargingVector(); err != nil || v.ICID() != "icid-1" || v.TermIOI() != "home2" || v.OrigIOI() != "home1" {
					t.Errorf("P-Charging-Vector of the answer: %v", v)
				}
				if saw.Side != SideIMS || saw.Case != CaseOrig || saw.RegState != Registered || saw.ServedUser != "sip:alice@ims.example.org" ||
					saw.Called.String() != "+4930123456" || saw.Calling.String() != "+493011111" || saw.Calling.Name == "" && false {
					t.Errorf("the router saw %+v", saw)
				}
				if n := len(h.s.Switch().Channels()); n != 2 {
					t.Errorf("%d channels, want 2", n)
				}
				got := far.calls()[0]
				if got.RequestURI != "sip:+4930123456@10.0.0.31:5060;user=phone" || got.Value("X-Customer") != "4711" || got.Has("Subject") || got.Value("Max-Forwards") != "66" {
					t.Errorf("INVITE to the carrier: %s", got)
				}
				if from, _ := got.From(); from.URI.Number() != "+493011111" || from.URI.Host != "as.example.org" {
					t.Errorf("From %v", from)
				}
				for _, name := range []string{"P-Asserted-Identity", "P-Charging-Vector", "P-Access-Network-Info", "P-Asserted-Service", "History-Info"} {
					if got.Has(name) != (trust == Trusted) {
						t.Errorf("%s is there: %v", name, got.Has(name))
					}
				}
				for _, name := range []string{"P-Served-User", "P-Charging-Function-Addresses", "Route"} {
					if got.Has(name) {
						t.Errorf("%s is there: %s", name, got.Value(name))
					}
				}
				time.Sleep(time.Second) // talk
				p.send(p.within(inv, ok, sip.BYE, "2"))
				p.response(200, nil)
				end := h.end(0)
				if end.Status != 200 || end.Target != "trunk/carrier" || end.ODI != "odi-4711" || end.ICID != "icid-1" || end.Decision.Rule != "out" || end.Answered.IsZero() || end.Cause.String() != "NORMAL_CLEARING" {
					t.Errorf("%+v", end)
				}
				r := end.Record()
				if len(r.Legs) != 2 || r.Legs[0].Direction != "in" || r.Legs[0].CallID != inv.CallID() || r.Legs[0].Peer != "10.0.0.20:5060" || r.Legs[1].Direction != "out" || r.Legs[1].Status != 200 ||
					r.Legs[1].URI != got.RequestURI || r.Legs[1].Codec != "PCMA/8000" || r.Legs[1].Media.Sent == 0 || r.HungUp != cdr.ByCaller || r.OrigIOI != "home1" || r.TermIOI != "home2" ||
					r.CalledIn != "tel:+4930123456" || r.Called != "+4930123456" || r.Calling != "+493011111" || r.Cause != 16 {
					t.Errorf("record %+v", r)
				}
				if st := h.s.Stats(); st.Answered != 1 || st.Trunks[0].Calls != 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// A proxying AS lets the call go on by its original dialog identifier, unchanged but for what a proxy changes.
func TestProxy(t *testing.T) {
	for _, stay := range []bool{false, true} {
		run(t, Config{IMS: IMS{RecordRoute: stay}}, func(h *house) {
			p := h.cscf()
			inv := p.invite("sip:bob@ims.example.org")
			p.send(inv)
			got := p.request(sip.INVITE)
			if diff := cmp.Diff([]string{odi}, values(&got.Header, "Route")); diff != "" {
				t.Error(diff)
			}
			for _, name := range []string{"P-Served-User", "P-Asserted-Identity", "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Access-Network-Info", "From", "To", "Call-ID", "Contact", "CSeq"} {
				if got.Value(name) != inv.Value(name) {
					t.Errorf("%s was %q and is %q", name, inv.Value(name), got.Value(name))
				}
			}
			if rr := values(&got.Header, "Record-Route"); (len(rr) == 2) != stay || got.Value("Max-Forwards") != "66" || got.Count("Via") != 2 {
				t.Errorf("%s", got)
			}
			p.respond(got, 180, "")
			// The S-CSCF may send it to the same server once more, for the callee: the same Call-ID and CSeq.
			again := p.invite("sip:bob@ims.example.org", "P-Served-User", "<sip:bob@ims.example.org>;sescase=term;regstate=reg", "Call-ID", inv.CallID(), "From", inv.Value("From"))
			p.send(again)
			second := p.request(sip.INVITE)
			p.respond(second, 486, "")
			p.request(sip.ACK)
			p.response(486, again)
			p.respond(got, 486, "")
			p.response(486, inv)
			if end := h.end(1); end.Status != 486 || end.Decision.Action != Proxy {
				t.Errorf("%+v", end)
			}
			if h.end(0).Request.Case != CaseTerm || h.s.Stats().Proxied != 2 || len(h.s.Switch().Channels()) != 0 {
				t.Errorf("%+v %+v", h.end(0).Request, h.s.Stats())
			}
		})
	}
}

// In a call that was let go on with Record-Route, what follows passes as well, while the server's own legs are not
// mistaken for it.
func TestProxyDialog(t *testing.T) {
	run(t, Config{IMS: IMS{RecordRoute: true}}, func(h *house) {
		p := h.cscf()
		inv := p.invite("sip:bob@ims.example.org")
		p.send(inv)
		got := p.request(sip.INVITE)
		p.respond(got, 200, sdpOffer)
		ok := p.response(200, inv)
		ack := p.within(inv, ok, sip.ACK, "1")
		ack.RequestURI = "sip:bob@10.0.0.20"
		p.send(ack)
		if r := p.request(sip.ACK); r.Has("Route") && strings.Contains(r.Value("Route"), "10.0.0.9") {
			t.Errorf("%s", r)
		}
		bye := p.within(inv, ok, sip.BYE, "2")
		bye.RequestURI = "sip:bob@10.0.0.20"
		p.send(bye)
		p.respond(p.request(sip.BYE), 200, "")
		p.response(200, bye)
	})
}

// A caller that gives up while the call is let go on.
func TestProxyCancel(t *testing.T) {
	run(t, Config{}, func(h *house) {
		p := h.cscf()
		inv := p.invite("sip:bob@ims.example.org")
		p.send(inv)
		got := p.request(sip.INVITE)
		p.respond(got, 180, "")
		p.response(180, inv)
		p.send(sip.NewCANCEL(inv))
		cancel := p.request(sip.CANCEL)
		p.respond(cancel, 200, "")
		p.respond(got, 487, "")
		p.response(487, inv)
		if end := h.end(0); end.Status != 487 {
			t.Errorf("%+v", end)
		}
	})
}

// As a back-to-back user agent the server sends the call back to the S-CSCF by the original dialog identifier, with the
// charging identity and the caller's identity; who is called may be another.
func TestBackToTheCore(t *testing.T) {
	for _, called := range []string{"", "+49891234"} {
		run(t, Config{Router: always(Decision{Action: Bridge, Targets: []Target{{IMS: true, Called: called}}})}, func(h *house) {
			p := h.cscf()
			inv := p.invite("sip:bob@ims.example.org;gr=urn:uuid:1")
			p.send(inv)
			got := p.request(sip.INVITE)
			want := inv.RequestURI
			if called != "" {
				want = "sip:+49891234@ims.example.org;user=phone"
			}
			if got.RequestURI != want || got.CallID() == inv.CallID() {
				t.Errorf("%s", got)
			}
			if diff := cmp.Diff([]string{odi}, values(&got.Header, "Route")); diff != "" {
				t.Error(diff)
			}
			if v, err := got.ChargingVector(); err != nil || v.ICID() != "icid-1" || v.OrigIOI() != "home1" {
				t.Errorf("P-Charging-Vector %v", v)
			}
			if !strings.Contains(got.Value("P-Asserted-Identity"), "+493011111") || got.Value("P-Charging-Function-Addresses") != "ccf=10.0.0.99" || got.Has("P-Served-User") {
				t.Errorf("%s", got)
			}
			p.respond(got, 200, strings.ReplaceAll(sdpOffer, "9000", "9002"), "P-Charging-Vector", `icid-value="icid-1";orig-ioi=home1;term-ioi=far`, "P-Asserted-Identity", "<sip:bob@ims.example.org>")
			p.request(sip.ACK)
			ok := p.answered(inv)
			if v, err := ok.ChargingVector(); err != nil || v.TermIOI() != "far" || !strings.Contains(ok.Value("P-Asserted-Identity"), "bob") {
				t.Errorf("%s", ok)
			}
			p.send(p.within(inv, ok, sip.BYE, "2"))
			bye := p.request(sip.BYE)
			p.respond(bye, 200, "")
			if end := h.end(0); end.Target != "ims" || end.Status != 200 {
				t.Errorf("%+v", end)
			}
		})
	}
}

// A server of a trunk that is silent, cannot serve or answers wrongly: the next one is tried, and the dead one is left
// alone for a while.
func TestFailover(t *testing.T) {
	tr := trunkTo("carrier", hostTrunk+1, hostTrunk+2, hostTrunk+3)
	for i := range tr.Servers {
		tr.Servers[i].Priority = i
	}
	run(t, Config{Trunks: []Trunk{tr}, Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "carrier"}}})}, func(h *house) {
		// .31 is silent, .32 answers 503, .33 serves
		h.script(hostTrunk + 1)
		unable := h.carrier(hostTrunk+2, func(c *call.Call) { c.Refuse(503, "") })
		able := h.carrier(hostTrunk+3, nil)
		p := h.cscf()
		call := func() {
			inv := p.invite("tel:+4930123456")
			p.send(inv)
			ok := p.answered(inv)
			bye := p.within(inv, ok, sip.BYE, "2")
			p.send(bye)
			p.response(200, bye)
			synctest.Wait()
		}
		began := time.Now()
		call()
		if d := time.Since(began); d < 3*time.Second || d > 5*time.Second {
			t.Errorf("answered after %v, want after the silent server's 3 s", d)
		}
		st := h.s.Stats().Trunks[0]
		if st.Servers[0].Usable || st.Servers[1].Usable || !st.Servers[2].Usable {
			t.Errorf("%+v", st)
		}
		began = time.Now()
		call()
		if d := time.Since(began); d > time.Second || len(unable.calls()) != 1 || len(able.calls()) != 2 {
			t.Errorf("answered after %v; %d and %d calls", d, len(unable.calls()), len(able.calls()))
		}
		time.Sleep(31 * time.Second)
		call()
		if len(unable.calls()) != 2 || len(able.calls()) != 3 {
			t.Errorf("after the cool-down: %d and %d calls", len(unable.calls()), len(able.calls()))
		}
		if end := h.end(0); len(end.Attempts) != 3 || end.Attempts[2].Err != nil || end.Attempts[1].Err == nil {
			t.Errorf("%+v", end.Attempts)
		}
	})
}

// What a carrier refuses: busy and 6xx hold for all, others lead to the next target.
func TestNextTarget(t *testing.T) {
	for _, tc := range []struct {
		status, want, second int
	}{{486, 486, 0}, {603, 603, 0}, {302, 200, 1}, {404, 200, 1}, {500, 200, 1}, {480, 200, 1}, {407, 200, 1}} {
		run(t, Config{
			Trunks: []Trunk{trunkTo("a", hostTrunk+1), trunkTo("b", hostTrunk+2)},
			Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}, {Trunk: "b"}}}),
		}, func(h *house) {
			h.carrier(hostTrunk+1, func(c *call.Call) { c.Refuse(tc.status, "") })
			b := h.carrier(hostTrunk+2, nil)
			p := h.cscf()
			inv := p.invite("tel:+4930123456")
			p.send(inv)
			if tc.want == 200 {
				p.answered(inv)
			} else if resp := p.response(tc.want, inv); !strings.HasPrefix(resp.Value("Reason"), "Q.850;cause=") {
				t.Errorf("%s", resp)
			}
			if n := len(b.calls()); n != tc.second {
				t.Errorf("after %d: the second target had %d calls", tc.status, n)
			}
		})
	}
}

// Nobody whom we know, nobody whom we can call, too many, redirection.
func TestRefusals(t *testing.T) {
	run(t, Config{Trunks: []Trunk{trunkTo("a", hostTrunk+1)}, MaxCalls: 1, Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
		switch r.Called.String() {
		case "+4911":
			return Decision{Action: Refuse, Cause: 1}, nil
		case "+4912":
			return Decision{Action: Refuse, Status: 302, Targets: []Target{{URI: "sip:there@10.0.0.77"}, {Trunk: "a", Called: "+4999"}}}, nil
		case "+4913":
			return Decision{}, context.DeadlineExceeded
		}
		return Decision{Action: Run, Apps: []App{{"answer", ""}, {"sleep", "100000"}}}, nil
	})}, func(h *house) {
		p, stranger := h.cscf(), h.script(66)
		inv := stranger.invite("tel:+4930123456")
		stranger.send(inv)
		stranger.response(403, inv)
		for uri, want := range map[string]int{"tel:+4911": 404, "tel:+4912": 302, "tel:+4913": 500, "tel:+12345678901234567": 484} {
			inv := p.invite(uri)
			p.send(inv)
			resp := p.response(want, inv)
			if want == 302 {
				if diff := cmp.Diff([]string{"<sip:there@10.0.0.77>", "<sip:+4999@10.0.0.31:5060;user=phone>"}, values(&resp.Header, "Contact")); diff != "" {
					t.Error(diff)
				}
			}
			if want == 404 && !strings.Contains(resp.Value("Reason"), "cause=1") {
				t.Errorf("%s", resp)
			}
			synctest.Wait()
		}
		hops := p.invite("tel:+4930", "Max-Forwards", "0")
		p.send(hops)
		p.response(483, hops)
		first := p.invite("tel:+4930")
		p.send(first)
		ok := p.answered(first)
		second := p.invite("tel:+4931")
		p.send(second)
		if resp := p.response(503, second); resp.Value("Retry-After") == "" {
			t.Errorf("%s", resp)
		}
		p.send(p.within(first, ok, sip.BYE, "2"))
		if st := h.s.Stats(); st.Unknown != 1 || st.Refused != 1 {
			t.Errorf("%+v", st)
		}
	})
}
