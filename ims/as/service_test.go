package as

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/sip"
)

// sounds is a folder with an announcement of two seconds.
func sounds(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "gone.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := wav.NewWriter(f, wav.Format{SampleRate: 8000})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 16000)
	for i := range pcm {
		pcm[i] = int16(i % 50 * 400)
	}
	if err := w.WriteSamples(pcm); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Where nobody can be reached the caller hears why, before he is refused with what the callee's network said.
func TestAnnouncement(t *testing.T) {
	dir := sounds(t)
	for name, answer := range map[string]bool{"early": false, "answered": true} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{
				Trunks: []Trunk{trunkTo("a", hostTrunk+1)}, Control: control.Config{Sounds: dir},
				Announcements: Announcements{Causes: map[int]string{1: "gone.wav"}, Answer: answer},
				Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
					if r.Called.String() == "+4912" {
						return Decision{Action: Refuse, Status: 410, Announcement: "gone.wav"}, nil
					}
					return Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}}, nil
				}),
			}, func(h *house) {
				h.carrier(hostTrunk+1, func(c *call.Call) { c.Refuse(404, "") })
				p := h.cscf()
				for uri, want := range map[string]int{"tel:+4911": 404, "tel:+4912": 410} {
					began := time.Now()
					inv := p.invite(uri)
					p.send(inv)
					if answer {
						p.answered(inv)
						bye := p.request(sip.BYE)
						if !strings.Contains(bye.Value("Reason"), "cause=") {
							t.Errorf("%s", bye)
						}
						p.respond(bye, 200, "")
					} else {
						early := p.response(183, inv)
						if len(early.Body) == 0 {
							t.Errorf("%s", early)
						}
						if resp := p.response(want, inv); !strings.HasPrefix(resp.Value("Reason"), "Q.850;cause=") {
							t.Errorf("%s", resp)
						}
					}
					if d := time.Since(began); d < 1900*time.Millisecond || d > 4*time.Second {
						t.Errorf("%s took %v, want the two seconds of the announcement", uri, d)
					}
				}
			})
		})
	}
}

// register is a third-party REGISTER as Kamailio's S-CSCF writes it.
func (p *cscf) register(user string, expires string, contentType, body string) *sip.Request {
	p.n++
	id := string(rune('a' + p.n))
	r := sip.NewRequest(sip.REGISTER, "sip:10.0.0.9:5060")
	r.Add("Via", "SIP/2.0/UDP "+p.conn.LocalAddr().String()+";branch=z9hG4bK-r"+id)
	r.Add("To", "<"+user+">")
	r.Add("From", "<sip:scscf.ims.example.org:6060>;tag=r"+id)
	r.Add("Call-ID", "r"+id)
	r.Add("CSeq", "1 REGISTER")
	r.Add("Max-Forwards", "70")
	r.Add("Contact", "<sip:scscf.ims.example.org:6060>")
	r.Add("Expires", expires)
	r.Add("P-Charging-Vector", "icid-value=reg-1;orig-ioi=home1")
	r.Add("P-Visited-Network-ID", "visited.example.org")
	r.Add("P-Associated-URI", "<sip:alice@ims.example.org>, <sip:b@ims.example.org, tel:+4930>") // as it comes
	if body != "" {
		r.Add("Content-Type", contentType)
		r.Body = []byte(body)
	}
	return r
}

const thirdPartyBody = "--x\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n" +
	`<?xml version="1.0"?><ims-3gpp version="1"><service-info><![CDATA[<package>gold</package>]]></service-info></ims-3gpp>` +
	"\r\n--x\r\nContent-Type: message/sip\r\n\r\nREGISTER sip:ims.example.org SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1\r\nTo: <sip:alice@ims.example.org>\r\nFrom: <sip:alice@ims.example.org>;tag=1\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n" +
	"\r\n--x\r\nContent-Type: message/sip\r\n\r\nSIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1\r\nTo: <sip:alice@ims.example.org>;tag=2\r\nFrom: <sip:alice@ims.example.org>;tag=1\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nP-Associated-URI: <sip:alice@ims.example.org>, <tel:+493011111>\r\n\r\n\r\n--x--\r\n"

func TestThirdPartyRegister(t *testing.T) {
	var mu sync.Mutex
	var heard []Registration
	run(t, Config{IMS: IMS{TermIOI: "home2"}, OnRegister: func(r Registration) {
		mu.Lock()
		heard = append(heard, r)
		mu.Unlock()
	}}, func(h *house) {
		p := h.cscf()
		reg := p.register("sip:alice@ims.example.org", "600", `multipart/mixed;boundary="x"`, thirdPartyBody)
		p.send(reg)
		ok := p.response(200, reg)
		if n, _ := ok.Expires(); n != 600 || !strings.Contains(ok.Value("P-Charging-Vector"), "home2") {
			t.Errorf("%s", ok)
		}
		r, known := h.s.Registration("sip:alice@IMS.example.org;x=y")
		if !known || !r.Registered || r.ICID != "reg-1" || string(r.ServiceInfo) != "<package>gold</package>" || !strings.HasPrefix(string(r.Request), "REGISTER") ||
			!strings.HasPrefix(string(r.Response), "SIP/2.0 200") || r.SCSCF != "sip:scscf.ims.example.org:6060" || r.VisitedNetwork != "visited.example.org" || time.Until(r.Expires) > 600*time.Second {
			t.Errorf("%+v", r)
		}
		if diff := cmp.Diff([]string{"sip:alice@ims.example.org", "tel:+493011111"}, r.Associated); diff != "" {
			t.Error(diff)
		}
		// A body that nobody can read is no reason to refuse, nor is none at all.
		for _, body := range []string{"", "--x\r\nno multipart", "<<<"} {
			again := p.register("sip:bob@ims.example.org", "600000", `multipart/mixed;boundary="x"`, body)
			p.send(again)
			p.response(200, again)
		}
		if n := h.s.Stats().Users; n != 2 {
			t.Errorf("%d users", n)
		}
		gone := p.register("sip:bob@ims.example.org", "0", "", "")
		p.send(gone)
		if ok := p.response(200, gone); ok.Value("Expires") != "0" {
			t.Errorf("%s", ok)
		}
		time.Sleep(12 * time.Minute) // alice's S-CSCF says no more
		synctest.Wait()
		if n := h.s.Stats().Users; n != 0 || len(h.s.Registrations()) != 0 {
			t.Errorf("%d users", n)
		}
		mu.Lock()
		defer mu.Unlock()
		var got []string
		for _, r := range heard {
			state := "gone"
			if r.Registered {
				state = "here"
			}
			got = append(got, r.User+" "+state)
		}
		want := []string{"sip:alice@ims.example.org here", "sip:bob@ims.example.org here", "sip:bob@ims.example.org here", "sip:bob@ims.example.org here", "sip:bob@ims.example.org gone", "sip:alice@ims.example.org gone"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// The server subscribes to the registration state of a user, and forgets the user when that ends.
func TestRegEvent(t *testing.T) {
	run(t, Config{IMS: IMS{RegEvent: true, OrigIOI: "home1"}}, func(h *house) {
		p := h.cscf()
		reg := p.register("sip:alice@ims.example.org", "3600", "", "")
		reg.Set("Contact", "<sip:scscf@10.0.0.20:5060>")
		p.send(reg)
		p.response(200, reg)
		sub := p.request(sip.SUBSCRIBE)
		if sub.RequestURI != "sip:alice@ims.example.org" || sub.Value("Event") != "reg" || !strings.HasPrefix(sub.Value("Route"), "<sip:scscf@10.0.0.20") {
			t.Errorf("%s", sub)
		}
		p.respond(sub, 200, "", "Expires", "3600")
		notify := func(seq, state, body string) {
			r := sip.NewRequest(sip.NOTIFY, "sip:as@10.0.0.9:5060")
			r.Add("Via", "SIP/2.0/UDP "+p.conn.LocalAddr().String()+";branch=z9hG4bK-n"+seq+sub.CallID())
			r.Add("From", sub.Value("To")+";tag=callee")
			r.Add("To", sub.Value("From"))
			r.Add("Call-ID", sub.CallID())
			r.Add("CSeq", seq+" NOTIFY")
			r.Add("Contact", "<sip:scscf@10.0.0.20>")
			r.Add("Max-Forwards", "70")
			r.Add("Event", "reg")
			r.Add("Subscription-State", state)
			r.Add("Content-Type", "application/reginfo+xml")
			r.Body = []byte(body)
			p.send(r)
			p.response(200, r)
			synctest.Wait()
		}
		notify("1", "active;expires=3600", `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full"><registration aor="sip:alice@ims.example.org" id="a" state="active"/><registration aor="tel:+4930" id="b" state="active"/></reginfo>`)
		if r, _ := h.s.Registration("sip:alice@ims.example.org"); len(r.Associated) != 2 {
			t.Errorf("%+v", r)
		}
		// A REGISTER that says nothing of the other identities does not take them away, and asks for nothing more.
		p.send(p.register("sip:alice@ims.example.org", "3600", "", ""))
		synctest.Wait()
		notify("2", "active;expires=3600", `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="1" state="partial"><registration aor="tel:+4930" id="b" state="terminated"/></reginfo>`)
		if r, _ := h.s.Registration("sip:alice@ims.example.org"); len(r.Associated) != 1 {
			t.Errorf("%+v", r)
		}
		// The S-CSCF ends the subscription: there is another one with the next REGISTER.
		notify("3", "terminated;reason=noresource", "")
		again := p.register("sip:alice@ims.example.org", "600", "", "")
		again.Set("Contact", "<sip:scscf@10.0.0.20:5060>")
		p.send(again)
		p.response(200, again)
		sub = p.request(sip.SUBSCRIBE)
		if v, err := sub.ChargingVector(); err != nil || v.ICID() == "" || v.OrigIOI() != "home1" {
			t.Errorf("%s", sub)
		}
		p.respond(sub, 200, "", "Expires", "600")
		notify("1", "active;expires=600", "")
		notify("2", "active;expires=600", `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="1" state="full"><registration aor="sip:alice@ims.example.org" id="a" state="terminated"/></reginfo>`)
		if _, known := h.s.Registration("sip:alice@ims.example.org"); known {
			t.Error("alice is still known")
		}
		end := p.request(sip.SUBSCRIBE) // nobody wants to know more
		if end.Value("Expires") != "0" || end.CallID() != sub.CallID() {
			t.Errorf("%s", end)
		}
		p.respond(end, 200, "", "Expires", "0")
		notify("3", "terminated", "")
		// Nor where the registration runs out without a word.
		third := p.register("sip:alice@ims.example.org", "100", "", "")
		third.Set("Contact", "<sip:scscf@10.0.0.20:5060>")
		p.send(third)
		p.response(200, third)
		sub = p.request(sip.SUBSCRIBE)
		p.respond(sub, 200, "", "Expires", "1000")
		notify("1", "active;expires=1000", "")
		end = p.await(sip.SUBSCRIBE, 5*time.Minute)
		if end.Value("Expires") != "0" || h.s.Stats().Users != 0 {
			t.Errorf("%s", end)
		}
		p.respond(end, 200, "", "Expires", "0")
		notify("2", "terminated", "")
	})
}

// Calls go on while the configuration changes, and while the server takes no more.
func TestReloadAndDrain(t *testing.T) {
	run(t, Config{
		Trunks: []Trunk{trunkTo("a", hostTrunk+1)}, Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}}),
	}, func(h *house) {
		a, b := h.carrier(hostTrunk+1, nil), h.carrier(hostTrunk+2, nil)
		p := h.cscf()
		first := p.invite("tel:+4930")
		p.send(first)
		ok := p.answered(first)

		bad := h.cfg
		bad.Call.Codecs = []call.Codec{call.PCMU}
		bad.Phones.Domain = "phones.example.org"
		var ce *ConfigError
		if err := h.s.Reload(bad); !errors.Is(err, ErrFixed) || !errors.As(err, &ce) || !strings.Contains(err.Error(), "codecs") || !strings.Contains(err.Error(), "domain of the phones") {
			t.Errorf("Reload: %v", err)
		}
		bad = h.cfg
		bad.Trunks = append(bad.Trunks, trunkTo("a", 1))
		if err := h.s.Reload(bad); !errors.As(err, &ce) {
			t.Errorf("Reload: %v", err)
		}
		good := h.cfg
		good.Trunks = []Trunk{trunkTo("b", hostTrunk+2)}
		good.Router = always(Decision{Action: Bridge, Targets: []Target{{Trunk: "b"}}})
		if err := h.s.Reload(good); err != nil {
			t.Fatal(err)
		}
		second := p.invite("tel:+4931")
		p.send(second)
		ok2 := p.answered(second)
		if len(a.calls()) != 1 || len(b.calls()) != 1 || h.s.Stats().Calls != 2 {
			t.Errorf("%d and %d calls", len(a.calls()), len(b.calls()))
		}

		drained := make(chan error, 1)
		ctx, cancel := context.WithTimeout(h.Context(), time.Hour)
		defer cancel()
		go func() { drained <- h.s.Drain(ctx) }()
		synctest.Wait()
		third := p.invite("tel:+4932")
		p.send(third)
		if resp := p.response(503, third); resp.Value("Retry-After") == "" {
			t.Errorf("%s", resp)
		}
		opt := p.options()
		p.send(opt)
		p.response(503, opt)
		p.send(p.within(first, ok, sip.BYE, "2"))
		p.send(p.within(second, ok2, sip.BYE, "2"))
		if err := <-drained; err != nil {
			t.Error(err)
		}
		h.s.Resume()
		opt = p.options()
		p.send(opt)
		p.response(200, opt)
	})
}

func (p *cscf) options() *sip.Request {
	p.n++
	id := string(rune('a' + p.n))
	r := sip.NewRequest(sip.OPTIONS, "sip:10.0.0.9:5060")
	r.Add("Via", "SIP/2.0/UDP "+p.conn.LocalAddr().String()+";branch=z9hG4bK-o"+id)
	r.Add("Max-Forwards", "0")
	r.Add("From", "<sip:ping@10.0.0.20>;tag=o"+id)
	r.Add("To", "<sip:10.0.0.9>")
	r.Add("Call-ID", "o"+id)
	r.Add("CSeq", "1 OPTIONS")
	return r
}

// A leg that sends no media any more ends its call, and so does the longest time that a call may last.
func TestOverdue(t *testing.T) {
	for name, tc := range map[string]struct {
		media, most time.Duration
		want        control.Cause
	}{"media": {time.Minute, time.Hour, control.MediaTimeout}, "duration": {-1, time.Minute, control.AllottedTimeout}} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{MediaTimeout: tc.media, MaxDuration: tc.most, Trunks: []Trunk{trunkTo("a", hostTrunk+1)}, Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}})}, func(h *house) {
				h.carrier(hostTrunk+1, nil)
				p := h.cscf()
				inv := p.invite("tel:+4930")
				p.send(inv)
				p.answered(inv)
				began := time.Now()
				p.conn.SetReadDeadline(time.Time{})
				bye := p.await(sip.BYE, 5*time.Minute)
				if d := time.Since(began); d < time.Minute || d > 2*time.Minute || !strings.Contains(bye.Value("Reason"), "Q.850") {
					t.Errorf("after %v: %s", d, bye)
				}
				p.respond(bye, 200, "")
				if end := h.end(0); end.Cause != tc.want && end.Cause.Q850() != tc.want.Q850() {
					t.Errorf("%s", end.Cause)
				}
			})
		})
	}
}

// await is request with another time to wait.
func (p *cscf) await(m sip.Method, most time.Duration) *sip.Request {
	p.h.Helper()
	for end := time.Now().Add(most); time.Now().Before(end); {
		b := make([]byte, 65536)
		p.conn.SetReadDeadline(end)
		n, _, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			break
		}
		if m2, err := sip.Parse(b[:n]); err == nil {
			if r, ok := m2.(*sip.Request); ok && r.Method == m {
				return r
			}
		}
	}
	p.h.Fatalf("no %s within %v\n%s", m, most, p.h.log.String())
	return nil
}

// A carrier that wants our password, for calls and for the registration; calls that come from it name the account.
func TestTrunkAccount(t *testing.T) {
	tr := trunkTo("carrier", hostTrunk+1)
	tr.Username, tr.Password, tr.From, tr.Identity = "kunde", "geheim", "<sip:kunde@carrier.example>", IdentityPreferred
	tr.Register = TrunkRegister{Registrar: "sip:carrier.example", Proxy: "sip:10.0.0.31:5060"}
	tr.CalledInTo = true
	digest, err := sip.NewDigestServer(sip.DigestConfig{Realm: "carrier.example", Users: sip.Passwords(map[string]string{"kunde": "geheim"})})
	if err != nil {
		t.Fatal(err)
	}
	run(t, Config{Trunks: []Trunk{tr}, Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
		if r.Side == SideTrunk {
			return Decision{Action: Refuse, Status: 480, Cause: 20}, nil
		}
		return Decision{Action: Bridge, Targets: []Target{{Trunk: "carrier"}}}, nil
	})}, func(h *house) {
		reg := sip.NewRegistrar(sip.RegistrarConfig{Auth: digest})
		far := &farEnd{on: func(c *call.Call) {
			if _, resp, _ := sip.Authenticate(c.Context(), digest, c.Request(), true); resp != nil {
				c.Respond(resp)
				return
			}
			c.Answer(context.Background())
			<-c.Context().Done()
		}}
		far.Agent = h.agent(hostTrunk+1, call.Config{SIP: sip.UserAgentConfig{Handler: reg}, OnCall: func(in *call.Call) {
			far.mu.Lock()
			far.reqs = append(far.reqs, in.Request().Clone())
			far.mu.Unlock()
			far.on(in)
		}})
		time.Sleep(5 * time.Second)
		h.s.accounts.Set("carrier", h.s.settings.Load().trunks[0].registration(h.s.Endpoint())) // at once, instead of after its back-off
		time.Sleep(5 * time.Second)
		bindings := reg.Lookup(sip.URI{Scheme: "sip", User: "kunde", Host: "carrier.example"})
		if len(bindings) != 1 || !strings.HasPrefix(bindings[0].Contact, "sip:kunde@10.0.0.9") {
			t.Fatalf("%+v %+v", bindings, h.s.Stats().Trunks)
		}
		if st := h.s.Stats().Trunks[0].Registration; st.State.String() != "registered" {
			t.Errorf("%+v", st)
		}
		p := h.cscf()
		inv := p.invite("tel:+4930", "Privacy", "id")
		p.send(inv)
		p.answered(inv)
		last := far.calls()[len(far.calls())-1]
		if from, _ := last.From(); from.URI.String() != "sip:kunde@carrier.example" || !strings.Contains(last.Value("P-Preferred-Identity"), "+493011111") || last.Value("Privacy") != "id" {
			t.Errorf("%s", last)
		}
		_, err := far.Dial(h.Context(), bindings[0].Contact, call.DialOptions{To: "<sip:+493022222@carrier.example>"})
		if sip.StatusCode(err) != 480 {
			t.Errorf("call from the carrier: %v", err)
		}
		if r := h.end(0).Request; r.Side != SideTrunk || r.Trunk != "carrier" || r.Called.String() != "+493022222" {
			t.Errorf("%+v", r)
		}
	})
}

// Phones register with the server, call with their passwords, under their own names only, and are called.
func TestPhones(t *testing.T) {
	run(t, Config{
		Phones: Phones{Domain: "phones.example.org", Users: map[string]string{"alice": "a", "bob": "b"}, Numbers: map[string]string{"alice": "+493010"}},
		Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
			return Decision{Action: Bridge, Targets: []Target{{Trunk: "bob"}}, Vars: map[string]string{"test": "1"}}, nil
		}),
	}, func(h *house) {
		phone := func(host byte, user, password string, on func(*call.Call)) *call.Agent {
			return h.agent(host, call.Config{OnCall: on, SIP: sip.UserAgentConfig{Address: "<sip:" + user + "@phones.example.org>", Auth: sip.Password("", user, password), Send: sip.SendOptions{NextHop: mustURI("sip:10.0.0.9:5060")}}})
		}
		var got *sip.Request
		bob := phone(hostPhone+1, "bob", "b", func(c *call.Call) {
			got = c.Request().Clone()
			c.Ring()
			c.Answer(context.Background())
			<-c.Context().Done()
		})
		alice := phone(hostPhone, "alice", "a", nil)
		thief := phone(hostPhone+2, "bob", "wrong", nil)
		liar := h.agent(hostPhone+3, call.Config{SIP: sip.UserAgentConfig{Address: "<sip:bob@phones.example.org>", Auth: sip.Password("", "alice", "a")}})
		if _, err := thief.UserAgent().Register(h.Context(), sip.RegisterOptions{Registrar: "sip:phones.example.org"}); err == nil {
			t.Error("a wrong password was taken")
		}
		if _, err := alice.Dial(h.Context(), "sip:bob@phones.example.org", call.DialOptions{}); sip.StatusCode(err) != 480 {
			t.Errorf("bob is not there yet: %v", err)
		}
		if _, err := bob.UserAgent().Register(h.Context(), sip.RegisterOptions{Registrar: "sip:phones.example.org"}); err != nil {
			t.Fatal(err)
		}
		if _, err := liar.Dial(h.Context(), "sip:bob@10.0.0.9", call.DialOptions{}); sip.StatusCode(err) != 403 {
			t.Errorf("under another's name: %v", err)
		}
		c, err := alice.Dial(h.Context(), "sip:bob@phones.example.org", call.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if from, _ := got.From(); from.URI.Number() != "+493010" || got.Has("P-Asserted-Identity") {
			t.Errorf("%s", got)
		}
		if st := h.s.Stats(); st.Phones != 1 || st.Calls != 1 {
			t.Errorf("%+v", st)
		}
		c.HangUp(h.Context())
		if i := h.end(2); i.Request.Side != SidePhone || i.Request.Trunk != "alice" || i.Target != "phone/bob" || i.Vars["test"] != "1" {
			t.Errorf("%+v", i)
		}
	})
}

func mustURI(s string) sip.URI {
	u, err := sip.ParseURI(s)
	if err != nil {
		panic(err)
	}
	return u
}

// Other requests of the core: hooks see them first, what they leave goes on by its Route, the rest is refused.
func TestOtherRequests(t *testing.T) {
	run(t, Config{OnRequest: func(_ context.Context, r *Request, f *sip.Forwarding) bool {
		if r.Called.String() == "+49555" {
			f.Respond(sip.NewResponse(f.Original, 202, ""))
			return true
		}
		return false
	}}, func(h *house) {
		p := h.cscf()
		message := func(uri, route string) *sip.Request {
			r := p.invite(uri)
			r.Method = sip.MESSAGE
			r.Set("CSeq", "1 MESSAGE")
			r.Del("Route")
			r.Add("Route", "<sip:10.0.0.9:5060;lr>"+route)
			r.Set("Content-Type", "text/plain")
			r.Body = []byte("hello")
			p.send(r)
			return r
		}
		p.response(202, message("tel:+49555", ""))
		sent := message("sip:bob@ims.example.org", ", "+odi)
		got := p.request(sip.MESSAGE)
		if got.Value("Route") != odi || string(got.Body) != "hello" || got.Value("P-Served-User") == "" {
			t.Errorf("%s", got)
		}
		p.respond(got, 200, "")
		p.response(200, sent)
		p.response(405, message("sip:bob@10.0.0.9", ""))
	})
}

// The server calls on behalf of a user: to the S-CSCF with orig, an asserted identity and a charging identity of its own.
func TestOriginate(t *testing.T) {
	run(t, Config{IMS: IMS{Routes: []string{"<sip:icscf@10.0.0.22;lr>"}, OrigRoutes: []string{"<sip:scscf@10.0.0.20;lr;orig>"}, OrigIOI: "home1"}}, func(h *house) {
		p := h.cscf()
		result := make(chan error, 1)
		go func() {
			_, err := h.s.Switch().OriginateString(h.Context(), "{origination_caller_id_number=+4930777}ims/+4930888 &park()")
			result <- err
		}()
		got := p.request(sip.INVITE)
		if got.Value("Route") != "<sip:scscf@10.0.0.20;lr;orig>" || got.RequestURI != "sip:+4930888@ims.example.org;user=phone" || !strings.Contains(got.Value("P-Asserted-Identity"), "+4930777") {
			t.Errorf("%s", got)
		}
		if v, err := got.ChargingVector(); err != nil || v.ICID() == "" || v.OrigIOI() != "home1" {
			t.Errorf("%v", v)
		}
		p.respond(got, 404, "")
		p.request(sip.ACK)
		if err := <-result; !errors.Is(err, control.UnallocatedNumber) {
			t.Errorf("originate: %v", err)
		}
	})
}

// A phone of the trunk side may have a call transferred only where its trunk may.
func TestTransfer(t *testing.T) {
	for _, may := range []bool{false, true} {
		tr := trunkTo("a", hostTrunk+1)
		tr.Transfer = may
		run(t, Config{Trunks: []Trunk{tr, trunkTo("b", hostTrunk+2)}, Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
			if strings.Contains(r.Called.String(), "4999") {
				return Decision{Action: Bridge, Targets: []Target{{Trunk: "b"}}}, nil
			}
			return Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}}, nil
		})}, func(h *house) {
			refused := make(chan error, 1)
			h.carrier(hostTrunk+1, func(c *call.Call) {
				c.Answer(context.Background())
				time.Sleep(time.Second)
				refused <- c.Transfer(context.Background(), "sip:+4999@as.example.org;user=phone")
				<-c.Context().Done()
			})
			b := h.carrier(hostTrunk+2, nil)
			p := h.cscf()
			inv := p.invite("tel:+4930")
			p.send(inv)
			ok := p.answered(inv)
			err := <-refused
			time.Sleep(2 * time.Second)
			if may != (err == nil) || len(b.calls()) != map[bool]int{false: 0, true: 1}[may] {
				t.Errorf("may %v: %v, %d calls\n%s", may, err, len(b.calls()), h.log.String())
			}
			p.send(p.within(inv, ok, sip.BYE, "2"))
		})
	}
}

// Calls that the agent refuses by itself are over, too: those that require what it does not support, those that are
// cancelled, and those beyond its admission.
func TestRefusedByTheAgent(t *testing.T) {
	run(t, Config{
		Call:   call.Config{Admission: call.Admission{MaxCalls: 1}},
		Router: always(Decision{Action: Run, Apps: []App{{"answer", ""}, {"sleep", "1000000"}}}),
	}, func(h *house) {
		p := h.cscf()
		strange := p.invite("tel:+4930", "Require", "quantum")
		p.send(strange)
		p.response(420, strange)
		first := p.invite("tel:+4931")
		p.send(first)
		ok := p.answered(first)
		second := p.invite("tel:+4932")
		p.send(second)
		p.response(503, second)
		synctest.Wait()
		if n := h.s.Stats().Calls; n != 1 {
			t.Errorf("%d calls, want the first alone", n)
		}
		p.send(p.within(first, ok, sip.BYE, "2"))
		if end := h.end(2); end.Status != 200 {
			t.Errorf("%+v", end)
		}
		if n := len(h.s.pending) + len(h.s.sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// A caller who gives up while the router thinks, and one who does while it rings.
func TestCancel(t *testing.T) {
	think := make(chan time.Duration, 2)
	run(t, Config{Trunks: []Trunk{trunkTo("a", hostTrunk+1)}, Router: routerFunc(func(ctx context.Context, r *Request) (Decision, error) {
		select {
		case <-time.After(<-think):
			return Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}}, nil
		case <-ctx.Done():
			return Decision{}, ctx.Err()
		}
	})}, func(h *house) {
		h.carrier(hostTrunk+1, func(c *call.Call) {
			c.Ring()
			<-c.Context().Done()
		})
		p := h.cscf()
		for _, d := range []time.Duration{0, 3 * time.Second, time.Minute} {
			think <- d
			inv := p.invite("tel:+4930")
			p.send(inv)
			switch d {
			case 0:
				p.response(180, inv)
			case time.Minute: // longer than RouteTimeout
				p.response(504, inv)
				continue
			default:
				p.response(100, inv)
			}
			cancel := sip.NewCANCEL(inv)
			p.send(cancel)
			if to, err := p.response(200, cancel).To(); err != nil || to.Tag() == "" {
				t.Errorf("the answer to CANCEL has the tag %q", to.Tag())
			}
			p.response(487, inv)
		}
		for n := range 3 {
			if end := h.end(n); end.Status != 487 && end.Status != 504 || end.Status == 487 && end.HungUp != "caller" {
				t.Errorf("%+v", end)
			}
		}
	})
}

// A private caller is anonymous to a network that is not trusted.
func TestPrivacy(t *testing.T) {
	run(t, Config{Trunks: []Trunk{trunkTo("a", hostTrunk+1)}, Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}})}, func(h *house) {
		far := h.carrier(hostTrunk+1, nil)
		p := h.cscf()
		inv := p.invite("tel:+4930", "Privacy", "id")
		p.send(inv)
		p.answered(inv)
		got := far.calls()[0]
		if strings.Contains(got.String(), "493011111") || strings.Contains(got.String(), "alice") || !strings.Contains(got.Value("From"), "anonymous.invalid") || got.Has("Privacy") {
			t.Errorf("%s", got)
		}
	})
}

// A phone that talks to two parties in two calls connects them, and is out of it.
func TestAttendedTransfer(t *testing.T) {
	run(t, Config{
		Phones: Phones{Domain: "phones.example.org", Users: map[string]string{"alice": "a"}},
		Trunks: []Trunk{trunkTo("a", hostTrunk+1), trunkTo("b", hostTrunk+2)},
		Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
			name := "a"
			if strings.HasSuffix(r.Called.String(), "2") {
				name = "b"
			}
			return Decision{Action: Bridge, Targets: []Target{{Trunk: name}}}, nil
		}),
	}, func(h *house) {
		var mu sync.Mutex
		ends := map[string]*call.Call{}
		keep := func(name string) func(*call.Call) {
			return func(c *call.Call) {
				c.Answer(context.Background())
				mu.Lock()
				ends[name] = c
				mu.Unlock()
				<-c.Context().Done()
			}
		}
		h.carrier(hostTrunk+1, keep("a"))
		h.carrier(hostTrunk+2, keep("b"))
		alice := h.agent(hostPhone, call.Config{SIP: sip.UserAgentConfig{Address: "<sip:alice@phones.example.org>", Auth: sip.Password("", "alice", "a"), Send: sip.SendOptions{NextHop: mustURI("sip:10.0.0.9:5060")}}})
		var calls []*call.Call
		for _, number := range []string{"+49301", "+49302"} {
			c, err := alice.Dial(h.Context(), "sip:"+number+"@phones.example.org;user=phone", call.DialOptions{})
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, c)
		}
		time.Sleep(time.Second)
		if err := calls[0].TransferTo(h.Context(), calls[1]); err != nil {
			t.Errorf("transfer: %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for i, c := range calls {
			if c.Context().Err() == nil {
				t.Errorf("alice's call %d goes on", i)
			}
		}
		for name, c := range ends {
			if c.Context().Err() != nil {
				t.Errorf("the call of %s is over: %v", name, context.Cause(c.Context()))
			}
		}
		var bridged int
		for _, info := range h.s.Switch().Channels() {
			if info.Bridged != "" {
				bridged++
			}
		}
		if bridged != 2 {
			t.Errorf("%d channels are bridged: %+v", bridged, h.s.Switch().Channels())
		}
		ends["a"].HangUp(h.Context())
		time.Sleep(time.Second)
		if ends["b"].Context().Err() == nil || len(h.s.Switch().Channels()) != 0 {
			t.Errorf("b's call goes on; %d channels", len(h.s.Switch().Channels()))
		}
	})
}

// Hundreds of calls at once, of every kind, with loss: each is told of once, and nothing is left.
func TestManyCalls(t *testing.T) {
	const n = 300
	run(t, Config{
		Trunks: []Trunk{trunkTo("a", hostTrunk+1), trunkTo("none", hostTrunk+7)}, IMS: IMS{Peers: []Source{{Prefix: mustPrefix("10.0.0.20/32")}, {Prefix: mustPrefix("10.0.0.21/32")}}, RecordRoute: true},
		Router: routerFunc(func(_ context.Context, r *Request) (Decision, error) {
			switch n := r.Called.Number.Digits; n[len(n)-1] % 5 {
			case 0:
				return Decision{Action: Proxy}, nil
			case 1:
				return Decision{Action: Refuse, Cause: 1}, nil
			case 2:
				return Decision{Action: Run, Apps: []App{{"answer", ""}, {"sleep", "500"}}}, nil
			case 3:
				return Decision{Action: Bridge, Targets: []Target{{Trunk: "none"}, {Trunk: "a"}}}, nil
			}
			return Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}}, nil
		}),
	}, func(h *house) {
		h.carrier(hostTrunk+1, func(c *call.Call) {
			c.Ring()
			time.Sleep(200 * time.Millisecond)
			c.Answer(context.Background())
			<-c.Context().Done()
		})
		core := h.agent(21, call.Config{OnCall: func(c *call.Call) { c.Refuse(486, "") }})
		caller := h.agent(hostCSCF, call.Config{})
		_ = core
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[int]int{}
		for i := range n {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				number := "+4930" + strings.Repeat("1", i%3) + string(rune('0'+i%10))
				ctx, cancel := context.WithTimeout(h.Context(), time.Duration(1+i%7)*time.Second)
				defer cancel()
				c, err := caller.Dial(ctx, "tel:"+number, call.DialOptions{Edit: func(r *sip.Request) {
					r.Del("Route")
					r.Add("Route", "<sip:10.0.0.9;lr>")
					r.Add("Route", "<sip:odi@10.0.0.21;lr>")
				}, Send: sip.SendOptions{NextHop: mustURI("sip:10.0.0.9:5060")}})
				mu.Lock()
				got[sip.StatusCode(err)]++
				mu.Unlock()
				if err == nil {
					time.Sleep(100 * time.Millisecond)
					c.HangUp(h.Context())
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.mu.Lock()
		ends, ids := len(h.ends), map[string]bool{}
		for _, e := range h.ends {
			ids[e.ID] = true
		}
		h.mu.Unlock()
		st := h.s.Stats()
		if ends != n || len(ids) != n || st.Calls != 0 || st.Received != n || st.Answered+st.Failed+st.Proxied != n || st.Trunks[0].Calls != 0 || st.Control.Channels != 0 {
			t.Errorf("%d ends of %d calls, %+v", ends, len(ids), st)
		}
		if got[0] < n/5 || got[404] < n/10 || got[486] < n/10 {
			t.Errorf("outcomes %v", got)
		}
		if len(h.s.pending)+len(h.s.sessions)+len(h.s.own) != 0 {
			t.Error("sessions are left")
		}
	})
}

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
