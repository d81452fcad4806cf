package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/internal/calltest"
	"github.com/gotelco/telco/internal/memnet"
)

// web is a web server without a network.
type web func(http.ResponseWriter, *http.Request)

func (f web) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(w, r)
	}()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		<-done
		return nil, r.Context().Err()
	}
}

// script answers request after request, and keeps them.
type script struct {
	t       *testing.T
	answers []string // the last one again and again; "500" and the like are a status

	mu   sync.Mutex
	got  []Request
	urls []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	if err := Verify("secret", r.Header.Get(SignatureHeader), b, time.Now(), 0); err != nil {
		s.t.Error(err)
	}
	var req Request
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		s.t.Errorf("%v: %s", err, b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.got)
	s.got, s.urls = append(s.got, req), append(s.urls, r.URL.String())
	answer := s.answers[min(n, len(s.answers)-1)]
	if len(answer) == 3 {
		w.WriteHeader(int(answer[0]-'0')*100 + int(answer[1]-'0')*10 + int(answer[2]-'0'))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, answer)
}

func (s *script) requests() ([]Request, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got), slices.Clone(s.urls)
}

// ring calls a switch whose calls ask a web server, and returns why the call has ended.
func ring(t *testing.T, cfg Config, server http.HandlerFunc, args string, during func(*call.Call)) (*Hooks, error) {
	n := memnet.New(memnet.Config{Latency: time.Millisecond})
	cfg.Client.Secret = "secret"
	cfg.Client.Transport = web(server)
	hooks, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hooks.Close() })
	sw := calltest.Switch(t, n, 9, control.Config{Dialplan: func(context.Context, *control.Channel, control.Extension) ([]control.Action, error) {
		return []control.Action{{App: "webhook", Args: args}, {App: "hangup", Args: "NORMAL_UNSPECIFIED"}}, nil
	}})
	sw.Handle("webhook", hooks.App)
	phone := calltest.Agent(t, n, 1, call.Config{})
	c, err := phone.Dial(t.Context(), "sip:1234@10.0.0.9", call.DialOptions{From: "<sip:4930123@example.org>"})
	if err != nil {
		return hooks, err
	}
	if during != nil {
		during(c)
	}
	<-c.Context().Done()
	return hooks, context.Cause(c.Context())
}

// A server has a call answer, asks for keys, and says how it ends.
func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{t: t, answers: []string{
			`{"actions":[{"app":"answer"},{"app":"play_and_get_digits","args":"4 4 1 3000 # silence_stream://100 silence_stream://100 pin \\d{4}"}],"set":{"greeting":"hello"}}`,
			`{"actions":[{"app":"playback","args":"no such file"}],"url":"/second?a=b"}`,
			`{"actions":[{"app":"hangup","args":"CALL_REJECTED"}],"done":true}`,
		}}
		_, err := ring(t, Config{}, s.ServeHTTP, "http://hooks.example/first", func(c *call.Call) {
			time.Sleep(time.Second)
			for _, key := range []byte("4711") {
				if err := c.SendDTMF(key); err != nil {
					t.Error(err)
				}
				time.Sleep(300 * time.Millisecond)
			}
		})
		if got := control.CauseOf(err); got != control.CallRejected {
			t.Errorf("the call has ended with %v: %v", got, err)
		}
		time.Sleep(time.Minute)
		got, urls := s.requests()
		var reasons []Reason
		for _, r := range got {
			reasons = append(reasons, r.Reason)
		}
		if !slices.Equal(reasons, []Reason{Start, Next, Next, End}) {
			t.Fatalf("asked for %v", reasons)
		}
		if want := []string{"http://hooks.example/first", "http://hooks.example/first", "http://hooks.example/second?a=b", "http://hooks.example/first"}; !slices.Equal(urls, want) {
			t.Errorf("asked %v", urls)
		}
		if c := got[0].Channel; c.Direction != "inbound" || c.CallerNumber != "4930123" || c.Destination != "1234" || c.Answered != nil || c.UUID == "" || got[0].Version != 1 {
			t.Errorf("first %+v", got[0])
		}
		if r := got[1]; r.Variables["pin"] != "4711" || r.Variables["greeting"] != "hello" || r.Channel.Answered == nil || len(r.Results) != 2 || r.Results[0].App != "answer" || r.Results[1].Error != "" {
			t.Errorf("second %+v", r)
		}
		if r := got[2]; len(r.Results) != 1 || r.Results[0].Error == "" && !strings.Contains(r.Results[0].Response, "NOT FOUND") {
			t.Errorf("a file that is not there: %+v", r.Results)
		}
		if c := got[3].Channel; c.Cause != "CALL_REJECTED" || c.Hungup == nil || got[3].Variables["hangup_cause"] != "CALL_REJECTED" {
			t.Errorf("end %+v", got[3])
		}
	})
}

// What a server may do wrong, and what becomes of the call: the fallback, in time.
func TestServerTrouble(t *testing.T) {
	for name, server := range map[string]http.HandlerFunc{
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
		},
		"no JSON":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"misspelt":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"action":[]}`) },
		"two values": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{} {}`) },
		"no app":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"actions":[{"args":"x"}]}`) },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"actions":[]}`+strings.Repeat(" ", 70000))
		},
		"many actions": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"actions":[{"app":"log"}`+strings.Repeat(`,{"app":"log"}`, 100)+`]}`)
		},
		"never ends": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"actions":[{"app":"set","args":"a=b"}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				_, err := ring(t, Config{Fallback: []control.Action{{App: "hangup", Args: "USER_BUSY"}}, MaxRounds: 20, NoEnd: true}, server, "http://hooks.example/", nil)
				if got := control.CauseOf(err); got != control.UserBusy {
					t.Errorf("the call has ended with %v: %v", got, err)
				}
				if d := time.Since(begin); d > 3*time.Second {
					t.Errorf("after %v", d)
				}
			})
		})
	}
}

// The end of a call is told until the server has taken it.
func TestEndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{t: t, answers: []string{"204", "503", "503", "204"}}
		ring(t, Config{}, s.ServeHTTP, "http://hooks.example/", nil)
		time.Sleep(time.Hour)
		got, _ := s.requests()
		if len(got) != 4 {
			t.Fatalf("%d requests", len(got))
		}
		for i, wait := range []time.Duration{time.Second, 2 * time.Second} {
			if d := got[i+2].Time.Sub(got[i+1].Time); d != wait {
				t.Errorf("try %d comes after %v", i+2, d)
			}
		}
		if got[3].Reason != End || got[3].Channel.Cause != "NORMAL_UNSPECIFIED" {
			t.Errorf("%+v", got[3])
		}
	})
}

// A server that fails again and again is left alone, then tried with one request at a time.
func TestResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c, err := NewClient(ClientConfig{URL: "http://hooks.example/", Trip: 3, Rest: time.Minute, Transport: web(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			if asked < 5 {
				w.WriteHeader(500)
			}
		})})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		post := func() error {
			_, _, err := c.Post(t.Context(), "application/json", []byte("{}"), nil)
			return err
		}
		for range 10 {
			post()
		}
		if err := post(); asked != 3 || !errors.Is(err, ErrResting) {
			t.Errorf("asked %d times: %v", asked, err)
		}
		time.Sleep(time.Minute)
		post()
		post()
		if asked != 4 {
			t.Errorf("asked %d times", asked)
		}
		time.Sleep(time.Minute)
		for range 3 {
			if err := post(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A call may only ask where it is allowed to, and errors have no password in them.
func TestURLs(t *testing.T) {
	h, err := New(Config{Allow: func(u *url.URL) bool { return u.Hostname() == "good.example" }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for s, ok := range map[string]bool{
		"http://good.example/x": true, "https://good.example:8443/x?y=z": true, "http://user:topsecret@bad.example/": false, "ftp://good.example/": false,
		"http://": false, "": false, "ftp://user:topsecret@good.example/": false, "http://good.example:topsecret/": false,
	} {
		_, err := h.target(s, nil)
		if (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
		if err != nil && strings.Contains(err.Error(), "user:topsecret") {
			t.Errorf("%v", err)
		}
	}
	if _, err := NewClient(ClientConfig{URL: "http://x/", Header: map[string]string{"A": "b\r\nc"}}); err == nil {
		t.Error("a header field of two lines")
	}
}

func TestSign(t *testing.T) {
	now := time.Unix(1795000000, 0)
	v := Sign("secret", now, []byte("{}"))
	if err := Verify("secret", v, []byte("{}"), now.Add(4*time.Minute), 0); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"old":     Verify("secret", v, []byte("{}"), now.Add(6*time.Minute), 0),
		"changed": Verify("secret", v, []byte("[]"), now, 0),
		"other":   Verify("Secret", v, []byte("{}"), now, 0),
		"empty":   Verify("secret", "", []byte("{}"), now, 0),
		"nothing": Verify("secret", "t=,v1=", []byte("{}"), now, 0),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzAnswer: what a server says is taken or refused, and what is taken has apps.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"actions":[{"app":"answer","args":""}],"set":{"a":"b"},"url":"/x","done":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnswer(b)
		if err != nil {
			return
		}
		for _, x := range a.Actions {
			if x.App == "" {
				t.Errorf("%q", b)
			}
		}
	})
}
