package as

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// redirects answers calls with a 302 to some addresses.
func redirects(contacts ...string) func(*call.Call) {
	return func(c *call.Call) {
		resp := sip.NewResponse(c.Request(), 302, "")
		for _, v := range contacts {
			resp.Add("Contact", v)
		}
		c.Respond(resp)
	}
}

// A target that redirects: the call is refused, goes where the Contacts say, or where the router says, and is told how it came there.
func TestRedirect(t *testing.T) {
	for _, tc := range []struct {
		name     string
		mode     Redirect
		contacts []string
		status   int      // that the caller gets
		second   []string // Request-URIs at .32
		div      string   // at .32
		by       string   // in the record
	}{
		{"refused", RedirectRefuse, []string{"<sip:+4999@10.0.0.32>"}, 480, nil, "", ""},
		{"to another address", RedirectFollow, []string{"<sip:+4930123456@10.0.0.32;user=phone>"}, 200, []string{"sip:+4930123456@10.0.0.32;user=phone"}, "", ""},
		{"to another number", RedirectFollow, []string{"<sip:+4999@10.0.0.32;user=phone?Reason=x>"}, 200, []string{"sip:+4999@10.0.0.32;user=phone"}, "", "+4930123456"},
		{"by preference", RedirectFollow, []string{"<sip:a@10.0.0.33>;q=0.1", "<sip:b@10.0.0.32>;q=0.9"}, 200, []string{"sip:b@10.0.0.32"}, "", "+4930123456"},
		{"the next one", RedirectFollow, []string{"<sip:nobody@10.0.0.33>", "<sip:b@10.0.0.32>"}, 200, []string{"sip:b@10.0.0.32"}, "", "+4930123456"},
		{"back to itself", RedirectFollow, []string{"<sip:+4930123456@10.0.0.31:5060;user=phone>"}, 480, nil, "", ""},
		{"into the core", RedirectFollow, []string{"<sip:alice@10.0.0.20>"}, 480, nil, "", ""},
		{"by the router", RedirectRoute, []string{"<sip:+4999@elsewhere.invalid;user=phone>"}, 200, []string{"sip:+4999@10.0.0.32:5060;user=phone"}, "<sip:+4930123456@as.example.org;user=phone>;reason=unconditional;counter=1", "+4930123456"},
		{"by the router to nobody", RedirectRoute, []string{"<sip:+4998@10.0.0.32;user=phone>"}, 480, nil, "", ""},
		{"by the router in a circle", RedirectRoute, []string{"<sip:+4930123456@10.0.0.32;user=phone>"}, 480, nil, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := trunkTo("a", hostTrunk+1), trunkTo("b", hostTrunk+2)
			a.Redirect, b.Diversion = tc.mode, DiversionHeader
			run(t, Config{Trunks: []Trunk{a, b}, Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
				switch {
				case r.Called.String() == "+4999" && len(r.Diversions) == 1:
					return Decision{Action: Bridge, Targets: []Target{{Trunk: "b"}}}, nil
				case r.Called.String() == "+4998":
					return Decision{Action: Refuse}, nil
				}
				return Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}}, nil
			})}, func(h *house) {
				first := h.carrier(hostTrunk+1, redirects(tc.contacts...))
				second := h.carrier(hostTrunk+2, nil)
				h.carrier(hostTrunk+3, func(c *call.Call) { c.Refuse(404, "") })
				p := h.cscf()
				inv := p.invite("tel:+4930123456")
				p.send(inv)
				if tc.status == 200 {
					ok := p.answered(inv)
					p.send(p.within(inv, ok, sip.BYE, "2"))
				} else if resp := p.response(tc.status, inv); resp.Has("Contact") {
					t.Errorf("%s", resp)
				}
				var uris []string
				for _, r := range second.calls() {
					uris = append(uris, r.RequestURI)
					if r.Value("Diversion") != tc.div || r.Value("P-Asserted-Identity") != "" {
						t.Errorf("%s", r)
					}
				}
				if d := cmp.Diff(tc.second, uris); d != "" || len(first.calls()) != 1 {
					t.Errorf("%d calls at the first: %s", len(first.calls()), d)
				}
				if r := h.end(0).Record(); r.DivertedBy != tc.by || (tc.by != "") != (r.Diversion == "unconditional") {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// Phones that forward calls to one another do so a few times only, and not in a circle.
func TestRedirectChain(t *testing.T) {
	users := map[string]string{}
	for _, u := range []string{"a", "b", "c", "d"} {
		users[u] = "x"
	}
	for _, most := range []int{0, 2} {
		run(t, Config{MaxDiversions: most, Phones: Phones{Domain: "phones.example.org", Users: users, Redirect: RedirectRoute},
			Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
				u, _ := sip.ParseURI(r.Called.URI)
				return Decision{Action: Bridge, Targets: []Target{{Trunk: u.User}}}, nil
			})}, func(h *house) {
			called := map[string]int{}
			for i, u := range []string{"a", "b", "c", "d"} {
				to := []string{"b", "c", "d", "a"}[i]
				phone := h.agent(hostPhone+byte(i), call.Config{OnCall: func(c *call.Call) {
					called[u]++
					redirects("<sip:" + to + "@phones.example.org>")(c)
				}, SIP: sip.UserAgentConfig{Address: "<sip:" + u + "@phones.example.org>", Auth: sip.Password("", u, "x"), Send: sip.SendOptions{NextHop: mustURI("sip:10.0.0.9:5060")}}})
				if _, err := phone.UserAgent().Register(h.Context(), sip.RegisterOptions{Registrar: "sip:phones.example.org"}); err != nil {
					t.Fatal(err)
				}
			}
			p := h.cscf()
			inv := p.invite("sip:a@phones.example.org")
			p.send(inv)
			p.response(480, inv)
			want := map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}
			if most == 2 {
				delete(want, "d")
			}
			if d := cmp.Diff(want, called); d != "" {
				t.Error(d)
			}
			r := h.end(0).Record()
			if r.OriginalCalled != "a@phones.example.org" || r.Diversion != "deflection" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What came of the call's way before goes on within the trust domain, in both forms, and what the server does with it is added.
func TestDiversionFields(t *testing.T) {
	const came = "<sip:+491@ims.example.org;user=phone>;index=1, <sip:+492@ims.example.org;user=phone;cause=486>;index=1.1;mp=1"
	busy := Decision{Action: Bridge, Targets: []Target{{Trunk: "busy"}, {Trunk: "out", Called: "+495"}}}
	forward := Decision{Action: Bridge, Called: Party{Number: Number{Digits: "+495"}}, Targets: []Target{{Trunk: "out"}}, Diversion: "unconditional"}
	mapped := Decision{Action: Bridge, Targets: []Target{{Trunk: "out", Called: "+495"}}}
	for _, tc := range []struct {
		name        string
		d           Decision
		trust       Trust
		fields      DiversionFields
		in, privacy string
		history     []string
		diversion   []string
		by          string
	}{
		{"not diverted", Decision{Action: Bridge, Targets: []Target{{Trunk: "out"}}}, Trusted, 0, "", "", nil, nil, ""},
		{"another number", mapped, Trusted, 0, "", "", []string{
			"<sip:+492@ims.example.org;user=phone>;index=1", "<sip:+495@10.0.0.31:5060;user=phone>;index=1.1;mp=1"}, nil, ""},
		{"forwarded", forward, Trusted, 0, "", "", []string{
			"<sip:+492@ims.example.org;user=phone>;index=1", "<sip:+495@10.0.0.31:5060;user=phone;cause=302>;index=1.1;mp=1"},
			[]string{"<sip:+492@as.example.org;user=phone>;reason=unconditional;counter=1"}, "+492"},
		{"forwarded again", forward, Trusted, 0, came, "", []string{
			"<sip:+491@ims.example.org;user=phone>;index=1", "<sip:+492@ims.example.org;user=phone;cause=486>;index=1.1;mp=1", "<sip:+495@10.0.0.31:5060;user=phone;cause=302>;index=1.1.1;mp=1.1"},
			[]string{"<sip:+492@as.example.org;user=phone>;reason=unconditional;counter=1"}, "+492"},
		{"only on", Decision{Action: Bridge, Targets: []Target{{Trunk: "out"}}}, Trusted, DiversionHistoryInfo, "<sip:+490@ims.example.org;user=phone>;index=1.2", "", []string{
			"<sip:+490@ims.example.org;user=phone>;index=1.2", "<sip:+492@ims.example.org;user=phone>;index=1.2.0.1", "<sip:+492@10.0.0.31:5060;user=phone>;index=1.2.0.1.1"}, nil, ""},
		{"after a failure", busy, Trusted, 0, "", "", []string{
			"<sip:+492@ims.example.org;user=phone>;index=1", "<sip:+492@10.0.0.32:5060;user=phone?Reason=SIP%3Bcause%3D404>;index=1.1", "<sip:+495@10.0.0.31:5060;user=phone;cause=404>;index=1.2;mp=1"},
			[]string{"<sip:+492@as.example.org;user=phone>;reason=unknown;counter=1"}, "+492"},
		{"to strangers", forward, Untrusted, 0, came, "", nil, nil, "+492"},
		{"to strangers who are told", forward, Untrusted, DiversionHeader, came, "", nil, []string{"<sip:+492@as.example.org;user=phone>;reason=unconditional;counter=1"}, "+492"},
		{"to strangers in private", forward, Untrusted, DiversionHistoryInfo, came, "history", []string{
			"<sip:anonymous@anonymous.invalid>;index=1", "<sip:anonymous@anonymous.invalid>;index=1.1;mp=1", "<sip:anonymous@anonymous.invalid>;index=1.1.1;mp=1.1"}, nil, "+492"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := trunkTo("out", hostTrunk+1)
			out.Trust, out.Diversion = tc.trust, tc.fields
			var saw []Diversion
			run(t, Config{Trunks: []Trunk{out, trunkTo("busy", hostTrunk+2)}, Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
				saw = r.Diversions
				return tc.d, nil
			})}, func(h *house) {
				far := h.carrier(hostTrunk+1, nil)
				h.carrier(hostTrunk+2, func(c *call.Call) { c.Refuse(404, "") })
				p := h.cscf()
				inv := p.invite("sip:+492@ims.example.org;user=phone", "History-Info", tc.in, "Privacy", tc.privacy)
				p.send(inv)
				ok := p.answered(inv)
				got := far.calls()[0]
				if d := cmp.Diff(tc.history, values(&got.Header, "History-Info")); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(tc.diversion, values(&got.Header, "Diversion")); d != "" {
					t.Error(d)
				}
				if (tc.in == came) != (len(saw) == 1 && saw[0].By.String() == "+491" && saw[0].Reason == "user-busy") {
					t.Errorf("the router saw %+v", saw)
				}
				if tc.in == came && tc.trust == Trusted && len(values(&ok.Header, "History-Info")) != 3 {
					t.Errorf("the caller is not told: %s", ok)
				}
				p.send(p.within(inv, ok, sip.BYE, "2"))
				end := h.end(0)
				r := end.Record()
				if r.DivertedBy != tc.by {
					t.Errorf("%+v", r)
				}
				if tc.in == came && r.OriginalCalled != "+491" {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// A call that is let go on to another number says so.
func TestProxyDiverts(t *testing.T) {
	run(t, Config{Router: always(Decision{Action: Proxy, Called: Party{Number: Number{Digits: "+495"}}, Diversion: "user-busy"})}, func(h *house) {
		p := h.cscf()
		inv := p.invite("sip:bob@ims.example.org", "History-Info", "<sip:bob@ims.example.org>;index=1.1")
		p.send(inv)
		got := p.request(sip.INVITE)
		want := []string{"<sip:bob@ims.example.org>;index=1.1", "<sip:+495@ims.example.org;user=phone;cause=486>;index=1.1.1;mp=1.1"}
		if d := cmp.Diff(want, values(&got.Header, "History-Info")); d != "" || got.Value("Diversion") != "<sip:bob@ims.example.org>;reason=user-busy;counter=1" {
			t.Errorf("%s\n%s", d, got)
		}
		p.respond(got, 486, "")
		p.response(486, inv)
		if r := h.end(0).Record(); r.DivertedBy != "bob@ims.example.org" {
			t.Errorf("%+v", r)
		}
	})
}

// A phone is somebody else than was called, unless the number or the name is its own.
func TestDivertedToPhone(t *testing.T) {
	d := Decision{Action: Bridge, Targets: []Target{{Trunk: "bob"}}, Diversion: "unconditional"}
	run(t, Config{Phones: Phones{Domain: "phones.example.org", Users: map[string]string{"bob": "b"}, Numbers: map[string]string{"bob": "+492"}}, Router: always(d)}, func(h *house) {
		p := h.cscf()
		for i, tc := range [][2]string{{"tel:+492", ""}, {"sip:bob@phones.example.org", ""}, {"tel:+491", "+491"}} {
			inv := p.invite(tc[0])
			p.send(inv)
			p.response(480, inv)
			if r := h.end(i).Record(); r.DivertedBy != tc[1] {
				t.Errorf("%s: %+v", tc[0], r)
			}
		}
	})
}

// Diversion is read where there is no History-Info, and only of networks that are believed.
func TestDiversionsIn(t *testing.T) {
	for _, f := range []DiversionFields{DiversionByTrust, DiversionHeader} {
		tr := trunkTo("a", hostTrunk+1)
		tr.Diversion = f
		var saw []Diversion
		yes := true
		rules, err := NewRules(RulesConfig{Rules: []Rule{{Match: Match{Diverted: &yes, DivertedBy: []string{"+49*"}}, Then: &Decision{Action: Refuse, Status: 486}}}})
		if err != nil {
			t.Fatal(err)
		}
		run(t, Config{Trunks: []Trunk{tr}, Router: routerFunc(func(ctx context.Context, r *Request) (Decision, error) {
			saw = r.Diversions
			return rules.Route(ctx, r)
		})}, func(h *house) {
			p := h.script(hostTrunk + 1)
			inv := p.invite("sip:+493@10.0.0.9", "Route", "", "Diversion", `"Bob" <tel:+492>;reason=no-answer;counter=2;privacy=full, <sip:+491@x;user=phone>`)
			p.send(inv)
			if f == DiversionByTrust {
				p.response(404, inv)
				if saw != nil {
					t.Errorf("%+v", saw)
				}
				return
			}
			p.response(486, inv)
			want := []Diversion{{Party{Number: Number{Digits: "+492"}, Name: "Bob", Private: true}, "no-answer", 2}, {Party{Number: Number{Digits: "+491"}}, "unknown", 1}}
			if d := cmp.Diff(want, saw, cmp.AllowUnexported(sip.Params{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// A call for help gets through without a password, with nobody's name on it, and to nobody else.
func TestEmergencyWithoutPassword(t *testing.T) {
	for _, strict := range []bool{false, true} {
		desk := trunkTo("desk", hostTrunk+1)
		desk.Trust = Trusted
		var saw *Request
		run(t, Config{
			Trunks: []Trunk{desk}, Phones: Phones{Domain: "phones.example.org", Users: map[string]string{"alice": "a"}, Numbers: map[string]string{"alice": "+493010"}, EmergencyPassword: strict},
			Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
				saw = r
				return Decision{Action: Bridge, Targets: []Target{{Trunk: "desk"}}}, nil
			}),
		}, func(h *house) {
			sos, err := NewEmergency(EmergencyConfig{})
			if err != nil {
				t.Fatal(err)
			}
			cfg := h.cfg
			cfg.Emergency = sos
			if err := h.s.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			far := h.carrier(hostTrunk+1, nil)
			p := h.script(hostPhone)
			for _, uri := range []string{"sip:112@10.0.0.9", "urn:service:sos"} {
				inv := p.invite(uri, "Route", "", "From", "<sip:alice@phones.example.org>;tag=1", "P-Asserted-Identity", "", "P-Served-User", "", "P-Charging-Vector", "", "Record-Route", "")
				p.send(inv)
				if strict {
					p.response(407, inv)
					continue
				}
				ok := p.answered(inv)
				got := far.calls()[len(far.calls())-1]
				if !saw.Unverified || saw.Trunk != "" || saw.Emergency != "urn:service:sos" || got.Has("P-Asserted-Identity") || !strings.Contains(got.Value("From"), "alice@phones.example.org") {
					t.Errorf("%+v\n%s", saw, got)
				}
				if !strings.Contains(alertText(saw, time.Now()), "alice@phones.example.org (without a password") {
					t.Errorf("%s", alertText(saw, time.Now()))
				}
				refer := p.within(inv, ok, sip.REFER, "2")
				refer.Set("Refer-To", "<sip:+88299@phones.example.org>")
				refer.Set("Contact", "<sip:alice@10.0.0.40>")
				p.send(refer)
				for told := ""; !strings.Contains(told, "403"); {
					notify := p.request(sip.NOTIFY)
					p.respond(notify, 200, "")
					if told = string(notify.Body); strings.Contains(told, " 200") {
						t.Fatalf("it was transferred: %s", told)
					}
				}
				p.send(p.within(inv, ok, sip.BYE, "3"))
				p.response(200, nil)
			}
			other := p.invite("sip:113@10.0.0.9", "Route", "", "From", "<sip:alice@phones.example.org>;tag=1")
			p.send(other)
			p.response(407, other)
			time.Sleep(40 * time.Second)
			want := uint64(2)
			if strict {
				want = 0
			}
			if st := h.s.Stats(); st.Received != want || st.Answered != want {
				t.Errorf("%+v", st)
			}
		})
	}
}

// The texts of settings are read back.
func TestDiversionTexts(t *testing.T) {
	for _, v := range []DiversionFields{DiversionByTrust, DiversionNone, DiversionHistoryInfo, DiversionHeader, DiversionBoth} {
		var back DiversionFields
		if err := back.UnmarshalText([]byte(v.String())); err != nil || back != v {
			t.Error(v, back, err)
		}
	}
	for _, v := range []Redirect{RedirectRefuse, RedirectFollow, RedirectRoute} {
		var back Redirect
		if err := back.UnmarshalText([]byte(v.String())); err != nil || back != v {
			t.Error(v, back, err)
		}
	}
	if d := (Decision{Targets: []Target{{IMS: true}}, Diversion: "why not"}); d.check(nil) == nil || !slices.Contains([]int{302, 404, 408, 480, 486, 503}, diversionReasons["away"]) {
		t.Error("a reason that there is not")
	}
}
