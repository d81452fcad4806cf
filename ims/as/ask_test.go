package as

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/call/webhook"
	"github.com/gotelco/telco/sip"
)

// asked is a web server that answers every question alike, after checking it by the schema.
type asked struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	answer string
	last   []byte
	header http.Header
	conns  atomic.Int64
	count  int
}

func newAsked(t *testing.T, s schema, def string) *asked {
	a := &asked{status: 200}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = s.check(def, body)
		}
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.last, a.header = body, r.Header
		a.count++
		w.WriteHeader(a.status)
		io.WriteString(w, a.answer)
	}))
	a.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			a.conns.Add(1)
		}
	}
	a.Start()
	t.Cleanup(a.Close)
	return a
}

func (a *asked) set(status int, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.answer = status, answer
}

func askRules(t *testing.T, c AskConfig) *Rules {
	return newRules(t, RulesConfig{Trunks: []string{"a", "b"}, Ask: map[string]AskConfig{"web": c},
		Rules:   []Rule{{Name: "web", Ask: "web"}, {Name: "var", Match: Match{Vars: map[string]string{"vip": "1"}}, Then: to("b")}},
		Default: Decision{Status: 480}})
}

func TestAsk(t *testing.T) {
	s := newSchema(t, AskSchema)
	web := newAsked(t, s, "request")
	r := askRules(t, AskConfig{ClientConfig: webhook.ClientConfig{URL: web.URL + "/route?key=1", Secret: "s3", Header: map[string]string{"Authorization": "Bearer x"}},
		Headers: []string{"P-Access-Network-Info"}})
	invite := sip.NewRequest("INVITE", "tel:+4930123")
	invite.Add("Call-ID", "c1")
	invite.Add("P-Access-Network-Info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1")
	req := &Request{ID: "id1", Time: time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC), Side: SideIMS, Trunk: "core", Source: netip.MustParseAddrPort("127.0.0.1:5060"),
		Calling: Party{Number: Number{Digits: "+4930999"}, Name: "Alice"}, Called: party(t, "+4930123"), Case: CaseOrig, RegState: Registered,
		ServedUser: "sip:alice@example.org", SIP: invite, Vars: map[string]string{"x": "y"}}
	for _, c := range []struct {
		status       int
		answer, want string
		check        func(d Decision) bool
	}{
		{200, `{"targets":[{"trunk":"a","timeout":12.5},{"uri":"sip:x@h","weight":1},{"ims":true,"called":"110"}],"record":true,"vars":{"k":"v"}}`,
			"bridge trunk/a, sip:x@h, ims/110", func(d Decision) bool {
				return d.Record && d.Vars["k"] == "v" && d.Targets[0].Timeout == 12500*time.Millisecond && d.Rule == "web" && d.Called.String() == "+4930123"
			}},
		{201, `{"action":"bridge","targets":[{"trunk":"b"}],"calling":"+49301","calling_name":"Desk","private":true,"called":"bob@example.org"}`, "bridge trunk/b",
			func(d Decision) bool {
				return d.Calling == Party{Number: Number{Digits: "+49301"}, Name: "Desk", Private: true} && d.Called.URI == "sip:bob@example.org"
			}},
		{200, `{"targets":[{"trunk":"b"}],"calling":""}`, "bridge trunk/b", func(d Decision) bool { return d.Calling.Private && d.Calling.Number.IsZero() }},
		{200, `{"status":486,"cause":17,"announcement":"busy.wav"}`, "refuse 486 Q.850 17, announcement busy.wav", nil},
		{200, `{"action":"refuse"}`, "refuse 404", nil},
		{200, `{"apps":[{"app":"answer"},{"app":"playback","args":"x y"}]}`, "run answer, playback x y", nil},
		{200, `{"address":"127.0.0.1:8084"}`, "socket 127.0.0.1:8084", nil},
		{200, `{"address":"http://h/next"}`, "webhook http://h/next", nil},
		{200, `{"action":"proxy"}`, "proxy", nil},
		{200, `{"action":"next"}`, "refuse 480", nil},
		{200, `{"action":"next","vars":{"vip":"1"},"called":"+1"}`, "bridge trunk/b", func(d Decision) bool {
			return d.Rule == "var" && d.Vars["vip"] == "1" && d.Called.String() == "+1"
		}},
		{204, ``, "refuse 480", nil},
	} {
		web.set(c.status, c.answer)
		if c.answer != "" {
			if err := s.check("answer", []byte(c.answer)); err != nil {
				t.Errorf("%s: %v", c.answer, err)
			}
		}
		d, tried, err := r.Explain(t.Context(), req)
		if err != nil || d.String() != c.want || c.check != nil && !c.check(d) {
			t.Errorf("%s: %v %+v\n%v", c.answer, err, d, tried)
		}
	}
	if n := web.conns.Load(); n != 1 {
		t.Errorf("%d connections for one request after the other", n)
	}
	var got map[string]any
	if err := json.Unmarshal(web.last, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"version": 1., "id": "id1", "time": "2026-11-23T16:00:00Z", "method": "INVITE", "side": "ims", "trunk": "core", "source": "127.0.0.1:5060",
		"calling": map[string]any{"number": "+4930999", "name": "Alice"}, "called": map[string]any{"number": "+4930123"}, "session_case": "orig", "reg_state": "reg",
		"served_user": "sip:alice@example.org", "call_id": "c1", "vars": map[string]any{"x": "y"},
		"headers": map[string]any{"P-Access-Network-Info": []any{"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1"}}}, got); d != "" {
		t.Error(d)
	}
	if len(req.Vars) != 1 {
		t.Errorf("the request was changed: %v", req.Vars)
	}
	if err := webhook.Verify("s3", web.header.Get(webhook.SignatureHeader), web.last, time.Now(), 0); err != nil || web.header.Get("Authorization") != "Bearer x" {
		t.Error(err, web.header)
	}
}

// Answers that are not as they should be are no answers.
func TestAskBadAnswers(t *testing.T) {
	s := newSchema(t, AskSchema)
	web := newAsked(t, s, "request")
	r := askRules(t, AskConfig{ClientConfig: webhook.ClientConfig{URL: web.URL + "/?pass=word", MaxAnswer: 1000, Trip: -1}, Fallback: to("a")})
	for _, c := range []struct {
		status int
		answer string
	}{
		{500, ""}, {302, ""}, {404, "{}"}, {200, ""}, {200, "hello"}, {200, "[]"}, {200, "{}"}, {200, `{"action":"dance"}`}, {200, `{"targets":[]}`},
		{200, `{"targets":[{"trunk":"c"}]}`}, {200, `{"targets":[{"trunk":"a","uri":"sip:h"}]}`}, {200, `{"targets":[{"trunk":"a","timeout":-1}]}`},
		{200, `{"status":200}`}, {200, `{"action":"refuse","sttaus":486}`}, {200, `{"action":"refuse"}{}`}, {200, `{"action":"refuse","called":"no number"}`},
		{200, `{"action":"refuse","calling":"x"}`}, {200, strings.Repeat(" ", 1000) + `{"action":"proxy"}`}, {200, `{"targets":[` + strings.Repeat(`{"ims":true},`, 40) + `{"ims":true}]}`},
	} {
		web.set(c.status, c.answer)
		d, tried, err := r.Explain(t.Context(), &Request{Side: SideTrunk, Called: party(t, "+1")})
		if err != nil || d.String() != "bridge trunk/a" || d.Called.String() != "+1" {
			t.Errorf("%d %s: %v %v", c.status, c.answer, d, err)
		}
		if len(tried) == 0 || !strings.HasPrefix(tried[0].Why, "ask: ") || strings.Contains(fmt.Sprint(tried), "word") {
			t.Errorf("%d %s: %v", c.status, c.answer, tried)
		}
	}
	web.Close()
	if d, _, err := r.Explain(t.Context(), &Request{Side: SideTrunk, Called: party(t, "+1")}); err != nil || d.String() != "bridge trunk/a" {
		t.Errorf("nobody there: %v %v", d, err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A server that hangs costs each call its timeout, after a while nothing, and others never anything.
func TestAskHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := false
		r := newRules(t, RulesConfig{
			Ask: map[string]AskConfig{
				"hangs": {ClientConfig: webhook.ClientConfig{URL: "http://a", Timeout: 3 * time.Second, Concurrent: 2, Trip: 8, Rest: 10 * time.Second,
					Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
						if answers {
							return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"status":600}`))}, nil
						}
						return hang(r)
					})}},
				"works": {ClientConfig: webhook.ClientConfig{URL: "http://b", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"status":486}`))}, nil
				})}}},
			Rules: []Rule{{Match: Match{Called: []string{"+1*"}}, Ask: "hangs"}, {Ask: "works"}}})
		ask := func(ctx context.Context, called string) (string, time.Duration) {
			start := time.Now()
			d, err := r.Route(ctx, &Request{Side: SideTrunk, Called: party(t, called)})
			if err != nil {
				return err.Error(), time.Since(start)
			}
			return d.String(), time.Since(start)
		}
		var wg sync.WaitGroup
		for range 8 { // six of them never get a place
			wg.Go(func() {
				if d, took := ask(t.Context(), "+12"); d != "refuse 486" || took != 3*time.Second {
					t.Errorf("%v after %v", d, took)
				}
			})
		}
		synctest.Wait()
		if d, took := ask(t.Context(), "+2"); d != "refuse 486" || took != 0 {
			t.Errorf("the other server: %v after %v", d, took)
		}
		wg.Wait()
		if d, took := ask(t.Context(), "+12"); d != "refuse 486" || took != 0 {
			t.Errorf("after eight failures: %v after %v", d, took)
		}
		time.Sleep(10 * time.Second)
		wg.Go(func() { ask(t.Context(), "+12") }) // tries
		synctest.Wait()
		if d, took := ask(t.Context(), "+12"); d != "refuse 486" || took != 0 {
			t.Errorf("while one tries: %v after %v", d, took)
		}
		wg.Wait()
		time.Sleep(10 * time.Second)
		answers = true
		for range 3 {
			if d, took := ask(t.Context(), "+12"); d != "refuse 600" || took != 0 {
				t.Errorf("it is back: %v after %v", d, took)
			}
		}
		answers = false
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if d, took := ask(ctx, "+12"); d != context.DeadlineExceeded.Error() || took != time.Second {
			t.Errorf("the caller left: %v after %v", d, took)
		}
	})
}

func TestAskRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		a, err := NewAsk(AskConfig{Retries: 2, ClientConfig: webhook.ClientConfig{URL: "http://a", Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			if n++; n < 3 {
				return nil, io.ErrUnexpectedEOF
			}
			return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
		})}})
		if err != nil {
			t.Fatal(err)
		}
		if d, err := a.Decide(t.Context(), &Request{}); err != nil || n != 3 || d.Action != 0 {
			t.Error(d, err, n)
		}
		n = -10
		if _, err := a.Decide(t.Context(), &Request{}); !errors.Is(err, io.ErrUnexpectedEOF) || n != -7 {
			t.Error(err, n)
		}
	})
}

// An emergency call waits for no web server, unless a rule says so.
func TestAskEmergency(t *testing.T) {
	web := webhook.ClientConfig{URL: "http://a", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"status":486}`))}, nil
	})}
	for _, c := range []struct {
		match Match
		want  string
	}{{Match{}, "bridge trunk/a"}, {Match{Emergency: yes()}, "refuse 486"}} {
		r := newRules(t, RulesConfig{Ask: map[string]AskConfig{"w": {ClientConfig: web}}, Rules: []Rule{{Match: c.match, Ask: "w"}, {Then: to("a")}}})
		d, err := r.Route(t.Context(), &Request{Called: party(t, "112"), Emergency: "urn:service:sos"})
		if err != nil || d.String() != c.want {
			t.Errorf("%v %v, want %v", d, err, c.want)
		}
	}
}

func TestSignature(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := webhook.Sign("key", now, []byte("body"))
	for _, c := range []struct {
		secret, value, body string
		at                  time.Duration
		ok                  bool
	}{
		{"key", s, "body", 0, true}, {"key", s, "body", 4 * time.Minute, true}, {"key", s, "body", -4 * time.Minute, true},
		{"key", s, "body", 6 * time.Minute, false}, {"kex", s, "body", 0, false}, {"key", s, "bodx", 0, false}, {"key", "", "body", 0, false},
		{"key", strings.Replace(s, "t=18", "t=19", 1), "body", 0, false}, {"key", s + "0", "body", 0, false}, {"key", "t=1,v1=", "body", 0, false},
	} {
		if err := webhook.Verify(c.secret, c.value, []byte(c.body), now.Add(c.at), 0); (err == nil) != c.ok || err != nil && !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestHTTPConfigErrors(t *testing.T) {
	for _, c := range []AskConfig{{}, {ClientConfig: webhook.ClientConfig{URL: "ftp://x"}}, {ClientConfig: webhook.ClientConfig{URL: "http://x", Timeout: -1}}, {Retries: -1, ClientConfig: webhook.ClientConfig{URL: "http://x"}},
		{ClientConfig: webhook.ClientConfig{URL: "http://x", Header: map[string]string{"a b": ""}}}, {ClientConfig: webhook.ClientConfig{URL: "http://x"}, Fallback: &Decision{}}} {
		if _, err := NewAsk(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

// Whatever a server answers is a decision that can be carried out, or an error.
func FuzzAskAnswer(f *testing.F) {
	f.Add([]byte(`{"targets":[{"trunk":"a","timeout":12.5},{"uri":"sip:x@h","weight":1},{"ims":true,"called":"110"}],"record":true,"vars":{"k":"v"}}`))
	f.Add([]byte(`{"action":"next","calling":"","vars":{}}`))
	a, err := NewAsk(AskConfig{ClientConfig: webhook.ClientConfig{URL: "http://x"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := a.decision(b, &Request{}, map[string]string{})
		if err != nil || d.Action == 0 {
			return
		}
		if err := d.check(nil); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		_ = d.String()
	})
}
