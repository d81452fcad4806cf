package as

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/call/webhook"
	"github.com/gotelco/telco/sip"
)

// sender answers by the target's name: "ok", "202", "silent", or a status.
type sender struct {
	mu   sync.Mutex
	sent []string
	last *sip.Request
	wait chan struct{} // if not nil, told of each message, then waited for
}

func (s *sender) send(ctx context.Context, t Target, m *Message) (*sip.Response, error) {
	if s.wait != nil {
		s.wait <- struct{}{}
		<-s.wait
	}
	s.mu.Lock()
	s.sent = append(s.sent, fmt.Sprintf("%s: %s to %s: %s", t, m.Calling, m.Called, m.Body))
	s.last = m.request("sip:x@h")
	s.mu.Unlock()
	status := 200
	switch t.Trunk {
	case "ok":
	case "silent":
		return nil, errors.New("nobody there")
	default:
		fmt.Sscan(t.Trunk, &status)
	}
	resp := &sip.Response{StatusCode: status, Reason: sip.StatusText(status)}
	if status >= 300 {
		return nil, &sip.ResponseError{Method: sip.MESSAGE, Response: resp}
	}
	return resp, nil
}

func messages(t *testing.T, s *sender, cfg MessagesConfig) *Messages {
	t.Helper()
	targets := func(names ...string) *Decision {
		d := &Decision{}
		for _, n := range names {
			d.Targets = append(d.Targets, Target{Trunk: n})
		}
		return d
	}
	cfg.Router = newRules(t, RulesConfig{Rules: []Rule{
		{Name: "calls only", Match: Match{Method: []string{"INVITE"}}, Then: &Decision{Status: 500}},
		{Name: "one", Match: Match{Called: []string{"+1"}}, Then: targets("ok")},
		{Name: "next", Match: Match{Called: []string{"+2"}}, Then: targets("silent", "503", "404", "480", "ok")},
		{Name: "busy", Match: Match{Called: []string{"+3"}}, Then: targets("486", "ok")},
		{Name: "nobody", Match: Match{Called: []string{"+4"}}, Then: targets("503", "silent")},
		{Name: "refuse", Match: Match{Called: []string{"+5"}}, Then: &Decision{Status: 603}},
		{Name: "run", Match: Match{Called: []string{"+6"}}, Then: &Decision{Apps: []App{{"answer", ""}}}},
		{Name: "later", Match: Match{Called: []string{"+7"}}, Then: targets("202")},
		{Name: "on", Match: Match{Called: []string{"+8"}}, Then: &Decision{Action: Proxy}},
		{Name: "any", Match: Match{Called: []string{`/^\+9(\d{3})$/`}}, Then: &Decision{Targets: []Target{{Trunk: "x"}}}},
	}})
	cfg.Send = s.send
	m, err := NewMessages(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestMessagesHTTP(t *testing.T) {
	schema := newSchema(t, MessageSchema)
	s := &sender{}
	m := messages(t, s, MessagesConfig{})
	post := func(contentType, query, body string) (int, map[string]any) {
		t.Helper()
		if contentType == "application/json" && !strings.Contains(body, "bad") {
			if err := schema.check("message", []byte(body)); err != nil {
				t.Errorf("%s: %v", body, err)
			}
		}
		r := httptest.NewRequest("POST", "/message?"+query, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v", w.Body, err)
		}
		if got["error"] == nil {
			if err := schema.check("result", w.Body.Bytes()); err != nil {
				t.Errorf("%s: %v", w.Body, err)
			}
		}
		return w.Code, got
	}
	rp := base64.StdEncoding.EncodeToString([]byte{0, 1, 0, 255})
	for _, c := range []struct {
		contentType, query, body string
		status                   int
		sip                      float64
		sent                     []string
	}{
		{"application/json", "", `{"to":"+1","from":"+49 30","from_name":"Desk","text":"hällo"}`, 200, 200, []string{"trunk/ok: +4930 to +1: hällo"}},
		{"application/json", "", `{"to":"tel:+2","text":""}`, 200, 200,
			[]string{"trunk/silent:  to +2: ", "trunk/503:  to +2: ", "trunk/404:  to +2: ", "trunk/480:  to +2: ", "trunk/ok:  to +2: "}},
		{"application/json", "", `{"to":"+3","text":"x"}`, 409, 486, []string{"trunk/486:  to +3: x"}},
		{"application/json", "", `{"to":"+4","text":"x"}`, 504, 408, []string{"trunk/503:  to +4: x", "trunk/silent:  to +4: x"}},
		{"application/json", "", `{"to":"+5","text":"x"}`, 403, 603, nil},
		{"application/json", "", `{"to":"+6","text":"x"}`, 502, 501, nil},
		{"application/json", "", `{"to":"+7","text":"x"}`, 202, 202, []string{"trunk/202:  to +7: x"}},
		{"application/json", "", `{"to":"+55","text":"x"}`, 404, 404, nil},
		{"application/json", "", `{"to":"+1","content_type":"application/vnd.3gpp.sms","body":"` + rp + `"}`, 200, 200, []string{"trunk/ok:  to +1: \x00\x01\x00\xff"}},
		{"application/vnd.3gpp.sms", "to=%2B1&from=alice@h", "\x00\x01", 200, 200, []string{"trunk/ok: alice@h to +1: \x00\x01"}},
		{"text/plain;charset=utf-8", "to=%2B1", "x", 200, 200, []string{"trunk/ok:  to +1: x"}},
		{"image/png", "to=%2B1", "x", 415, 415, nil},
		{"text/plain", "to=%2B1", strings.Repeat("x", 1301), 413, 513, nil},
		{"text/plain", "to=%2B1", strings.Repeat("x", 20000), 413, 0, nil},
		{"application/json", "", `{"bad":1}`, 400, 0, nil},
		{"application/json", "", `{"text":"bad: nobody"}`, 400, 0, nil},
		{"application/json", "", `{"to":"bad","text":"x"}`, 400, 0, nil},
		{"application/json", "", `{"to":"+1"}bad`, 400, 0, nil},
		{"application/json", "", `{"to":"+1","text":"bad","body":""}`, 400, 0, nil},
		{"application/json", "", `{"to":"+1","text":"bad","headers":{"Via":"x"}}`, 400, 0, nil},
		{"application/json", "", `{"to":"+1","text":"bad","headers":{"Subject":"x\r\nVia: y"}}`, 400, 0, nil},
		{"application/json", "", `{"to":"+1","text":"bad","from_name":"x\r\nVia: y"}`, 400, 0, nil},
		{"", "to=%2B1", "x", 400, 0, nil},
	} {
		s.sent = nil
		status, got := post(c.contentType, c.query, c.body)
		if status != c.status || c.sip != 0 && got["status"] != c.sip || c.sip == 0 && got["error"] == nil {
			t.Errorf("%s %s: %d %v", c.contentType, c.body, status, got)
		}
		if d := cmp.Diff(c.sent, s.sent); d != "" {
			t.Errorf("%s %s: %s", c.contentType, c.body, d)
		}
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/message", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Error(w.Code, w.Header())
	}
}

func TestMessagesRequest(t *testing.T) {
	s := &sender{}
	m := messages(t, s, MessagesConfig{})
	msg := &Message{Called: party(t, "+1"), ContentType: ThreeGPPSMS, Body: []byte{1}}
	msg.Header.Set("In-Reply-To", "a@b")
	if _, err := m.Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for k, v := range s.last.Fields() {
		fields = append(fields, k+": "+v)
	}
	if d := cmp.Diff([]string{"In-Reply-To: a@b", "Content-Type: application/vnd.3gpp.sms", "Accept-Contact: *;+g.3gpp.smsip;require;explicit", "Request-Disposition: no-fork"}, fields); d != "" {
		t.Error(d)
	}
	_, err := m.Send(t.Context(), &Message{Called: party(t, "+3")})
	var e *MessageError
	if !errors.As(err, &e) || e.Result.Status != 486 || sip.StatusCode(err) != 486 || e.Result.Rule != "busy" {
		t.Errorf("%v", err)
	}
}

// A place for one message: the second is told to come later.
func TestMessagesPending(t *testing.T) {
	s := &sender{wait: make(chan struct{})}
	m := messages(t, s, MessagesConfig{MaxPending: 1})
	done := make(chan error)
	go func() {
		_, err := m.Send(t.Context(), &Message{Called: party(t, "+1")})
		done <- err
	}()
	<-s.wait
	r := httptest.NewRequest("POST", "/?to=%2B1", strings.NewReader("x"))
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code, w.Header())
	}
	close(s.wait)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := m.Stats(); got != (MessagesStats{Sent: 1, Failed: 1}) {
		t.Errorf("%+v", got)
	}
}

func TestMessagesIncoming(t *testing.T) {
	schema := newSchema(t, MessageSchema)
	web := newAsked(t, schema, "incoming")
	s := &sender{}
	m := messages(t, s, MessagesConfig{Webhook: webhook.ClientConfig{URL: web.URL + "/in", Trip: -1, Secret: "k"}})
	in := func(called, contentType, body string) (int, *sip.Response) {
		t.Helper()
		r := sip.NewRequest(sip.MESSAGE, "tel:"+called)
		for k, v := range map[string]string{"Via": "SIP/2.0/UDP h;branch=z9hG4bK1", "From": "<tel:+49>;tag=1", "To": "<tel:+1>", "Call-ID": "c", "CSeq": "1 MESSAGE", "Content-Type": contentType} {
			r.Add(k, v)
		}
		r.Body = []byte(body)
		resp, ok := m.answer(t.Context(), &Request{ID: "i", Time: time.Unix(1, 0), Method: sip.MESSAGE, Side: SidePhone, Calling: party(t, "+49"), Called: party(t, called), SIP: r})
		if !ok {
			return 0, nil
		}
		return resp.StatusCode, resp
	}
	for _, c := range []struct {
		called, contentType, body string
		web                       int
		answer                    string
		want                      int
	}{
		{"+1", "text/plain", "x", 500, "", 200}, // to a phone
		{"+3", "text/plain", "x", 500, "", 486},
		{"+5", "text/plain", "x", 500, "", 603},
		{"+8", "text/plain", "x", 500, "", 0}, // goes on
		{"+77", "text/plain", "x", 200, "", 200},
		{"+77", "text/plain", "x", 202, "thanks", 202},
		{"+77", "text/plain", "x", 200, `{"status":480}`, 480},
		{"+77", "text/plain", "x", 200, `{"status":100}`, 200},
		{"+77", ThreeGPPSMS, "\x00\xff", 204, "", 200},
		{"+77", "text/plain", "x", 404, "", 404},
		{"+77", "text/plain", "x", 401, "", 403},
		{"+77", "text/plain", "x", 413, "", 513},
		{"+77", "text/plain", "x", 503, "", 503},
		{"+77", "text/plain", "x", 500, "", 500},
		{"+77", "text/html", "x", 200, "", 415},
		{"+77", "text/plain", strings.Repeat("x", 1301), 200, "", 513},
	} {
		web.set(c.web, c.answer)
		got, resp := in(c.called, c.contentType, c.body)
		if got != c.want {
			t.Errorf("%s %s %d %s: %d, want %d", c.called, c.contentType, c.web, c.answer, got, c.want)
		}
		if got == 415 && resp.Count("Accept") != 2 || got == 503 && resp.Value("Retry-After") == "" {
			t.Errorf("%v", resp)
		}
	}
	web.set(200, "")
	if n, _ := in("+77", "text/plain;charset=UTF-8", "hällo"); n != 200 {
		t.Error(n)
	}
	var got map[string]any
	if err := json.Unmarshal(web.last, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"version": 1., "id": "i", "time": "1970-01-01T00:00:01Z", "side": "phone", "call_id": "c",
		"calling": map[string]any{"number": "+49"}, "called": map[string]any{"number": "+77"}, "content_type": "text/plain;charset=UTF-8", "text": "hällo"}, got); d != "" {
		t.Error(d)
	}
	if err := webhook.Verify("k", web.header.Get(webhook.SignatureHeader), web.last, time.Now(), 0); err != nil {
		t.Error(err)
	}
	if st := m.Stats(); st.Sent != 1 || st.Received != 5 || st.Pending != 0 {
		t.Errorf("%+v", st)
	}
}

func TestMessagesConfigErrors(t *testing.T) {
	r := newRules(t, RulesConfig{})
	s := (&sender{}).send
	for _, c := range []MessagesConfig{{}, {Router: r}, {Router: r, Send: s, MaxSize: -1}, {Router: r, Send: s, Webhook: webhook.ClientConfig{URL: "x"}}} {
		if _, err := NewMessages(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func FuzzHTTPMessage(f *testing.F) {
	f.Add("application/json", `{"to":"+1","text":"x","headers":{"Subject":"y"}}`)
	f.Add("text/plain", "x")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequest(http.MethodPost, "/?to=1", nil)
		r.Header.Set("Content-Type", contentType)
		m, err := readHTTPMessage(r, []byte(body))
		if err != nil {
			return
		}
		req := m.request("sip:x@h")
		b, err := req.AppendText(nil)
		if err != nil {
			return
		}
		back, err := sip.Parse(b)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if got := back.(*sip.Request); string(got.Content()) != string(m.Body) || got.Len() != req.Len()+1 && got.Len() != req.Len() {
			t.Fatalf("%q became %q", req, got)
		}
	})
}
