package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/examples/kit/admin"
	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/trace"
)

func get(s *admin.Server, path string, edit ...func(*http.Request)) (int, string) {
	r := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
	for _, f := range edit {
		f(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestReady(t *testing.T) {
	s := admin.New(admin.Config{})
	if code, body := get(s, "/readyz"); code != 200 || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	var err error
	s.Check("trunk", func() error { return err })
	if code, _ := get(s, "/readyz"); code != 200 {
		t.Errorf("%d with a check that passes", code)
	}
	err = errors.New("not registered")
	s.Drain()
	if code, body := get(s, "/readyz"); code != 503 || body != "draining\ntrunk: not registered\n" {
		t.Errorf("%d %q", code, body)
	}
	if code, _ := get(s, "/healthz"); code != 200 {
		t.Errorf("healthz: %d", code)
	}
}

func TestMetrics(t *testing.T) {
	s := admin.New(admin.Config{})
	s.Metrics(func(m *metrics.Writer) { m.Gauge("calls", "Calls now.", 2) })
	code, body := get(s, "/metrics")
	if code != 200 || !strings.Contains(body, "\ncalls 2\n") || !strings.Contains(body, "go_goroutines ") {
		t.Errorf("%d %s", code, body)
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Log("promtool is missing, the page is not judged")
		return
	}
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func TestWhoMayAsk(t *testing.T) {
	s := admin.New(admin.Config{Token: "secret", Hosts: []string{"as.example.com"}})
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	token := func(v string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", v) }
	}
	for _, c := range []struct {
		path string
		edit []func(*http.Request)
		want int
	}{
		{"/metrics", nil, 401},
		{"/metrics", []func(*http.Request){token("Bearer wrong")}, 401},
		{"/metrics", []func(*http.Request){token("secret")}, 401},
		{"/metrics", []func(*http.Request){token("Bearer secret")}, 200},
		{"/readyz", nil, 200},
		{"/readyz", []func(*http.Request){host("localhost:8080")}, 200},
		{"/readyz", []func(*http.Request){host("[::1]:8080")}, 200},
		{"/readyz", []func(*http.Request){host("as.example.com")}, 200},
		{"/readyz", []func(*http.Request){host("evil.example.com:8080")}, 421},
		{"/nothing", []func(*http.Request){token("Bearer secret")}, 404},
	} {
		if code, body := get(s, c.path, c.edit...); code != c.want {
			t.Errorf("%s: %d %q, want %d", c.path, code, body, c.want)
		}
	}
}

func TestIndex(t *testing.T) {
	s := admin.New(admin.Config{})
	if code, body := get(s, "/"); code != 200 || !strings.Contains(body, "GET /metrics\n") {
		t.Errorf("%d %q", code, body)
	}
	s.Handle("GET /{$}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "own") }))
	if code, body := get(s, "/"); code != 200 || body != "own" {
		t.Errorf("%d %q", code, body)
	}
}

// TestStreams runs the real listener and reads both streams.
func TestStreams(t *testing.T) {
	s := admin.New(admin.Config{Addr: "127.0.0.1:0", Backlog: 2})
	addr, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	for _, c := range []string{"forgotten", "kept", "last"} {
		s.Trace(trace.Event{Time: time.Unix(1, 0), Interface: "as", Comment: c})
	}
	open := func(path string) io.ReadCloser {
		resp, err := http.Get("http://" + addr.String() + path)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		return resp.Body
	}
	capture, feed := open("/trace.pcapng"), open("/events")
	defer capture.Close()
	defer feed.Close()
	head := make([]byte, 32)
	if _, err := io.ReadFull(capture, head); err != nil || string(head[:4]) != "\x0a\x0d\x0d\x0a" {
		t.Fatalf("%v %x", err, head)
	}
	s.Trace(trace.Event{Time: time.Unix(2, 0), Dir: trace.Sent, Interface: "as", Proto: trace.SIP, Transport: trace.UDP,
		Local: netip.MustParseAddrPort("192.0.2.1:1"), Remote: netip.MustParseAddrPort("192.0.2.2:2"),
		Data: []byte("SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\nX: key\r\n\r\n"), Secrets: []trace.Span{{Start: 42, End: 45}}})
	s.Trace(trace.Event{Dir: trace.Sent, Proto: trace.RTP})

	lines := bufio.NewScanner(feed)
	var got []admin.Event
	for len(got) < 3 && lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var e admin.Event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
	}
	if len(got) != 3 || got[0].Comment != "kept" || got[0].N != 2 || got[1].Comment != "last" {
		t.Fatalf("got %+v", got)
	}
	if e := got[2]; e.Label != "486 Busy Here" || !e.Bad || e.Remote != "192.0.2.2:2" || strings.Contains(e.Text, "key") || !strings.Contains(e.Text, "X: xxx") {
		t.Errorf("got %+v", e)
	}
	rest := make([]byte, 100)
	if _, err := io.ReadFull(capture, rest); err != nil {
		t.Errorf("the capture holds no packet: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := io.Copy(io.Discard, feed); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the feed ended with %v", err)
	}
}

func TestLastEventID(t *testing.T) {
	s := admin.New(admin.Config{})
	s.Trace(trace.Event{Comment: "one"})
	s.Trace(trace.Event{Comment: "two"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, body := get(s, "/events", func(r *http.Request) {
		*r = *r.WithContext(ctx)
		r.Header.Set("Last-Event-ID", "1")
	})
	if strings.Contains(body, "one") || !strings.Contains(body, "id: 2\ndata: ") {
		t.Errorf("got %q", body)
	}
}

func TestAddressInUse(t *testing.T) {
	a := admin.New(admin.Config{Addr: "127.0.0.1:0"})
	addr, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	if err := admin.New(admin.Config{Addr: addr.String()}).Run(ctx); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
