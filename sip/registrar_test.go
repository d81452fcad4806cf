package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/memnet"
)

// register makes a REGISTER from "name: value" lines.
func register(seq int, lines ...string) *Request {
	r := NewRequest(REGISTER, "sip:example.org")
	r.Add("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
	r.Add("From", "<sip:alice@example.org>;tag=t")
	r.Add("To", "<sip:alice@Example.ORG:5060;x=y>")
	r.Add("Call-ID", "call-1")
	r.Add("CSeq", fmt.Sprint(seq, " REGISTER"))
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		if name == "Call-ID" || name == "To" {
			r.Set(name, value)
		} else {
			r.Add(name, value)
		}
	}
	return r
}

func TestRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistrar(RegistrarConfig{Domains: []string{"example.org"}, MaxContacts: 3})
		aor, _ := ParseURI("sip:alice@example.org;transport=tcp")
		for i, step := range []struct {
			wait   time.Duration
			seq    int
			lines  []string
			status int
			want   []string // the Contacts of the response
		}{
			{0, 1, nil, 200, nil},
			{0, 2, []string{"Contact: <sip:a@192.0.2.1>;q=0.5;+sip.instance=\"<urn:x>\"", "Contact: <sip:b@192.0.2.1>;expires=60;q=0.7", "Expires: 600"}, 200,
				[]string{`<sip:b@192.0.2.1>;q=0.7;expires=60`, `<sip:a@192.0.2.1>;q=0.5;+sip.instance="<urn:x>";expires=600`}},
			{0, 2, []string{"Contact: <sip:a@192.0.2.1>"}, 500, nil}, // CSeq again
			{0, 1, []string{"Contact: <sip:a@192.0.2.1>", "Call-ID: another"}, 200,
				[]string{`<sip:a@192.0.2.1>;expires=3600`, `<sip:b@192.0.2.1>;q=0.7;expires=60`}},
			{0, 3, []string{"Contact: <sip:A@192.0.2.1>;expires=59"}, 423, nil},
			{0, 3, []string{"Contact: <sip:c@192.0.2.1>;expires=99999", "Contact: <sip:d@192.0.2.1>"}, 403, nil}, // all or none
			{30 * time.Second, 4, nil, 200, []string{`<sip:a@192.0.2.1>;expires=3570`, `<sip:b@192.0.2.1>;q=0.7;expires=30`}},
			{30 * time.Second, 5, nil, 200, []string{`<sip:a@192.0.2.1>;expires=3540`}},
			{0, 6, []string{"Contact: <sip:c@192.0.2.1>;expires=99999", "Contact: <sip:a@192.0.2.1>;expires=0"}, 200, []string{`<sip:c@192.0.2.1>;expires=3600`}},
			{0, 7, []string{"Contact: *"}, 400, nil},
			{0, 7, []string{"Contact: *", "Expires: 1"}, 400, nil},
			{0, 7, []string{"Contact: *", "Contact: <sip:c@192.0.2.1>", "Expires: 0"}, 400, nil},
			{0, 7, []string{"Contact: <sip:c@192.0.2.1>", "Contact: *"}, 400, nil},
			{0, 7, []string{"Contact: <sip:c", "Expires: 60"}, 400, nil},
			{0, 6, []string{"Contact: *", "Expires: 0"}, 500, nil},
			{0, 7, []string{"Contact: *", "Expires: 0"}, 200, nil},
			{0, 8, []string{"Contact: <sip:c@192.0.2.1>", "Expires: 0"}, 200, nil},
			{0, 9, []string{"Require: path, gruu"}, 420, nil},
			{0, 9, []string{"To: <sip:alice@example.com>"}, 404, nil},
			{0, 9, []string{"Contact: <sip:p@192.0.2.1>", "Path: <sip:p1.example.org;lr>, <sip:p2.example.org;lr>", "Supported: path"}, 200, []string{`<sip:p@192.0.2.1>;expires=3600`}},
		} {
			time.Sleep(step.wait)
			req := register(step.seq, step.lines...)
			resp := r.Register(t.Context(), req, Flow{})
			var got []string
			for v := range resp.Values("Contact") {
				got = append(got, v)
			}
			if d := cmp.Diff(step.want, got); d != "" || resp.StatusCode != step.status {
				t.Errorf("step %d: %d, want %d\n%s", i, resp.StatusCode, step.status, d)
			}
			if want := map[int]string{423: "60"}[resp.StatusCode]; resp.Value("Min-Expires") != want {
				t.Errorf("step %d: %s", i, resp)
			}
			if want := map[int]string{420: "gruu"}[resp.StatusCode]; resp.Value("Unsupported") != want {
				t.Errorf("step %d: %s", i, resp)
			}
			if resp.Count("Path") != req.Count("Path") {
				t.Errorf("step %d: %s", i, resp)
			}
		}
		bs := r.Lookup(aor)
		if len(bs) != 1 || bs[0].Contact != "sip:p@192.0.2.1" {
			t.Fatalf("%+v", bs)
		}
		if d := cmp.Diff([]string{"<sip:p1.example.org;lr>", "<sip:p2.example.org;lr>"}, bs[0].Path); d != "" {
			t.Error(d)
		}
		other, _ := ParseURI("sip:bob@example.org")
		if bs := r.Lookup(other); bs != nil {
			t.Errorf("%+v", bs)
		}
		time.Sleep(time.Hour)
		if bs := r.Lookup(aor); bs != nil {
			t.Errorf("after an hour: %+v", bs)
		}
		r.Register(t.Context(), register(10), Flow{})
		if r.Len() != 0 {
			t.Errorf("%d addresses are kept", r.Len())
		}
		bad := register(1)
		bad.RequestURI = "tel:1"
		if resp := r.Register(t.Context(), bad, Flow{}); resp.StatusCode != 416 {
			t.Errorf("%s", resp)
		}
		bad.RequestURI = "sip:example.com"
		if resp := r.Register(t.Context(), bad, Flow{}); resp.StatusCode != 404 {
			t.Errorf("%s", resp)
		}
		if resp := r.Register(t.Context(), NewRequest(INVITE, "sip:x"), Flow{}); resp.StatusCode != 405 || resp.Value("Allow") != "REGISTER" {
			t.Errorf("%s", resp)
		}
	})
}

func TestRegistrarBounds(t *testing.T) {
	r := NewRegistrar(RegistrarConfig{MaxAddresses: 2})
	for i, want := range []int{200, 200, 503} {
		resp := r.Register(t.Context(), register(1, fmt.Sprintf("To: <sip:u%d@example.org>", i), "Contact: <sip:a@b>"), Flow{})
		if resp.StatusCode != want {
			t.Errorf("%d: %d", i, resp.StatusCode)
		}
	}
	long := strings.Repeat("x", 5000)
	for line, want := range map[string]int{
		"Path: nowhere":                                        400,
		"Path: <sip:p;lr;x=" + long + long + ">":               200,
		"Path: <sip:p;lr;x=" + long + long + long + long + ">": 513,
		"Contact: <sip:b@b>;x=" + long:                         513,
	} {
		resp := r.Register(t.Context(), register(2, "To: <sip:u0@example.org>", "Call-ID: "+fmt.Sprint(len(line)), "Contact: <sip:a@b>", line), Flow{})
		if resp.StatusCode != want {
			t.Errorf("%.30s: %d, want %d", line, resp.StatusCode, want)
		}
	}
	if resp := r.Register(t.Context(), register(2, "To: <sip:u1@example.org>", "Contact: <sip:a@c>"), Flow{}); resp.StatusCode != 200 {
		t.Errorf("a known address at the limit: %d", resp.StatusCode)
	}
}

// An agent registers over UDP and TCP, with each algorithm, and stays registered.
func TestRegistration(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		for _, alg := range []DigestAlgorithm{MD5, SHA256, SHA512256} {
			t.Run(transport+" "+string(alg), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testRegistration(t, transport, alg) })
			})
		}
	}
}

func testRegistration(t *testing.T, transport string, alg DigestAlgorithm) {
	n := memnet.New(memnet.Config{Latency: 5 * time.Millisecond})
	registrar := NewRegistrar(RegistrarConfig{
		Auth:       newServer(t, DigestConfig{Algorithms: []DigestAlgorithm{alg}}),
		MinExpires: 10 * time.Minute,
	})
	seen := 0
	server := NewEndpoint(Config{Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
		seen++
		registrar.ServeSIP(tx, req)
	}), Inline: true})
	pc, err := n.ListenPacket(bobAddr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.ServePacketConn(pc, ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	l, err := n.Listen(bobAddr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.ServeListener(l, ListenConfig{Transport: TCP}); err != nil {
		t.Fatal(err)
	}
	alice := newUA(t, n, aliceAddr, UserAgentConfig{
		Address: `"Alice" <sip:alice@example.org>`, Auth: Password("example.org", "alice", "wonderland"),
		Routes:   []string{"<sip:192.0.2.2;lr;transport=" + transport + ">"},
		Endpoint: Config{Network: NetworkConfig{Dial: dialer(n)}},
	})
	var changes []error
	reg, err := alice.Register(t.Context(), RegisterOptions{
		Registrar: "sip:example.org", Expires: time.Minute, // too short: 423
		OnChange: func(err error) { changes = append(changes, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if seen != 3 {
		t.Errorf("%d REGISTERs", seen)
	}
	aor, _ := ParseURI("sip:alice@example.org")
	bs := registrar.Lookup(aor)
	if len(bs) != 1 || !strings.HasPrefix(bs[0].Contact, "sip:alice@192.0.2.1:") || strings.Contains(bs[0].Contact, "transport=tcp") != (transport == "tcp") {
		t.Fatalf("%+v", bs)
	}
	if until, err := reg.Expires(); err != nil || time.Until(until).Round(time.Second) != 10*time.Minute {
		t.Errorf("until %v, %v", until, err)
	}
	time.Sleep(24 * time.Hour) // it is kept alive
	synctest.Wait()
	if bs := registrar.Lookup(aor); len(bs) != 1 || seen < 24*6 {
		t.Errorf("%+v after %d REGISTERs", bs, seen)
	}
	if len(changes) != 0 {
		t.Errorf("changes: %v", changes)
	}
	if transport == "udp" { // which can be lost
		n.Block(bobAddr.Addr(), true)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if len(changes) == 0 || changes[0] == nil {
			t.Errorf("changes: %v", changes)
		}
		if bs := registrar.Lookup(aor); len(bs) != 0 {
			t.Errorf("%+v", bs)
		}
		n.Block(bobAddr.Addr(), false)
		time.Sleep(35 * time.Minute)
		synctest.Wait()
		if bs := registrar.Lookup(aor); len(bs) != 1 || changes[len(changes)-1] != nil {
			t.Errorf("%+v, changes %v", bs, changes)
		}
	}
	if err := reg.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if bs := registrar.Lookup(aor); len(bs) != 0 {
		t.Errorf("after Close: %+v", bs)
	}
	if err := reg.Close(t.Context()); err != nil {
		t.Errorf("closing again: %v", err)
	}
	wrong := newUA(t, n, carolAddr, UserAgentConfig{Address: "<sip:alice@example.org>", Auth: Password("", "alice", "guess"),
		Routes: []string{"<sip:192.0.2.2;lr>"}})
	if _, err := wrong.Register(t.Context(), RegisterOptions{Registrar: "sip:example.org"}); !errors.Is(err, ErrAuthRejected) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := wrong.Register(t.Context(), RegisterOptions{Registrar: "sip:user@example.org"}); err == nil {
		t.Error("a registrar with a user part was taken")
	}
	thief := newUA(t, n, carolTwo, UserAgentConfig{Address: "<sip:bob@example.org>", Auth: Password("", "alice", "wonderland"),
		Routes: []string{"<sip:192.0.2.2;lr>"}})
	if _, err := thief.Register(t.Context(), RegisterOptions{Registrar: "sip:example.org"}); StatusCode(err) != 403 {
		t.Errorf("another's address: %v", err)
	}
	quiet(t, alice, wrong, thief)
	server.Close()
}

// A registration that is refreshing ends with its agent.
func TestRegistrationClosedByAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		registrar := NewRegistrar(RegistrarConfig{})
		bob := newUA(t, n, bobAddr, UserAgentConfig{Handler: registrar})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Address: "<sip:alice@192.0.2.2>"})
		reg, err := alice.Register(t.Context(), RegisterOptions{Registrar: "sip:192.0.2.2", Contact: "<sip:alice@192.0.2.1:5060>;q=0.3"})
		if err != nil {
			t.Fatal(err)
		}
		if err := reg.Refresh(context.Background()); err != nil {
			t.Error(err)
		}
		if got := reg.Response().Value("Contact"); got != "<sip:alice@192.0.2.1:5060>;q=0.3;expires=3600" {
			t.Error(got)
		}
		alice.Close()
		bob.Close()
		synctest.Wait()
		select {
		case <-reg.done:
		default:
			t.Error("it refreshes on")
		}
	})
}

// A registrar that grants no time is a failure, not one to ask again each second.
func TestRegistrationWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		registers := 0
		bob := newUA(t, n, bobAddr, UserAgentConfig{Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
			resp := NewResponse(req, 200, "")
			if registers++; registers > 1 {
				resp.Add("Expires", "0")
			}
			tx.Respond(resp)
		})})
		alice := newUA(t, n, aliceAddr, UserAgentConfig{Address: "<sip:alice@192.0.2.2>"})
		var failed error
		reg, err := alice.Register(t.Context(), RegisterOptions{Registrar: "sip:192.0.2.2", OnChange: func(err error) { failed = err }})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(55 * time.Minute)
		synctest.Wait()
		if _, err := reg.Expires(); !errors.Is(failed, errNoBinding) || !errors.Is(err, errNoBinding) || registers > 10 {
			t.Errorf("%v, %v, after %d requests", failed, err, registers)
		}
		if _, err := alice.Register(t.Context(), RegisterOptions{Registrar: "sip:192.0.2.2"}); !errors.Is(err, errNoBinding) {
			t.Error(err)
		}
		alice.Close()
		bob.Close()
	})
}

func TestRefreshTimes(t *testing.T) {
	for granted, want := range map[time.Duration]time.Duration{
		time.Hour: 50 * time.Minute, 20 * time.Minute: 10 * time.Minute, time.Minute: 30 * time.Second, 0: time.Second,
	} {
		if got := refreshAfter(granted); got != want {
			t.Errorf("%v: %v", granted, got)
		}
	}
	for i := 1; i < 100; i++ {
		limit := min(30*time.Second<<min(i-1, 6), 30*time.Minute)
		if got := retryAfterFailure(i); got < limit/2 || got > limit {
			t.Errorf("%d failures: %v", i, got)
		}
	}
}
