package stp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ask calls the management interface.
func ask(t *testing.T, h http.Handler, method, path string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, "http://localhost"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestManagement does to the scenario's network what operators do, by the management interface.
func TestManagement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScenario(t, true)
		defer s.end()
		s.start()
		s.forget()
		h := Handler(s.stpA)
		do := func(verb, kind, name string, want int) {
			t.Helper()
			if code, body := ask(t, h, "POST", "/api/"+verb+"?kind="+kind+"&name="+url.QueryEscape(name)); code != want {
				t.Errorf("%s %s %s: %d %s", verb, kind, name, code, body)
			}
			settle(5 * time.Second)
		}
		state := func(name string) string {
			t.Helper()
			var links []LinkStatus
			_, body := ask(t, h, "GET", "/api/status/links")
			if err := json.Unmarshal([]byte(body), &links); err != nil {
				t.Fatal(err)
			}
			for _, l := range links {
				if l.Name == name {
					return l.State
				}
			}
			return "none"
		}
		do("inhibit", "link", "to-B/1", 200)
		if got := state("to-B/1"); got != "inhibited" {
			t.Error(got)
		}
		do("inhibit", "link", "to-B/0", 200)
		do("inhibit", "link", "to-B/2", 200)
		do("inhibit", "link", "to-B/3", 409) // the last one
		s.flood(s.a, pcB, 200, time.Millisecond, nil)
		complete(t, s.b.taken(), 200)
		for _, l := range []string{"to-B/0", "to-B/1", "to-B/2"} {
			do("uninhibit", "link", l, 200)
		}
		do("uninhibit", "link", "to-B/2", 409)
		if got := s.links(); got != allInService {
			t.Error(got)
		}
		do("block", "link", "to-B/2", 200)
		if got := state("to-B/2"); got != "blocked" {
			t.Error(got)
		}
		do("unblock", "link", "to-B/2", 200)
		do("deactivate", "linkset", "to-B", 200)
		if got := state("to-B/2"); got != "deactivated" {
			t.Error(got)
		}
		if diff := cmp.Diff([]string{"MTP-PAUSE 4.5.0/11", "MTP-PAUSE 4.5.1"}, sorted(s.a.heard())); diff != "" {
			t.Error(diff)
		}
		do("activate", "linkset", "to-B", 200)
		settle(90 * time.Second)
		if diff := cmp.Diff([]string{"MTP-RESUME 4.5.0/11", "MTP-RESUME 4.5.1"}, sorted(s.a.heard())); diff != "" {
			t.Error(diff)
		}
		do("block", "asp", "a1", 200)
		s.b.send(pcA, 1, 5, 0)
		do("block", "as", "C", 200)
		for _, a := range s.status(s.stpA).ASPs {
			if a.Name == "a1" && (a.State != "DOWN" || !a.Blocked) {
				t.Errorf("%+v", a)
			}
		}
		do("unblock", "asp", "a1", 200)
		do("unblock", "as", "C", 200)
		settle(30 * time.Second) // the ASPs try again
		for _, a := range s.status(s.stpA).AS {
			if a.State != "ACTIVE" {
				t.Errorf("%+v", a)
			}
		}
		do("block", "asp", "nobody", 404)
		do("block", "link", "nothing", 404)
		do("activate", "asp", "a1", 409)
		do("inhibit", "linkset", "to-B", 409)
		do("inhibit", "link", "nothing", 404)
		do("dance", "link", "to-B/1", 404)

		code, body := ask(t, h, "GET", "/api/status")
		var st Status
		if err := json.Unmarshal([]byte(body), &st); code != 200 || err != nil || st.Name != "STP-A" || len(st.Routes) == 0 || len(st.Alarms) == 0 {
			t.Errorf("%d %v %+v", code, err, st)
		}
		code, body = ask(t, h, "GET", "/api/changes?after=10")
		var changes []Change
		if err := json.Unmarshal([]byte(body), &changes); code != 200 || err != nil || len(changes) == 0 || changes[0].Sequence != 11 {
			t.Errorf("%d %v %+v", code, err, changes)
		}
		if code, body = ask(t, h, "GET", "/metrics"); code != 200 || !strings.Contains(body, "stp_link_up{link=\"to-B/2\"} 1\n") {
			t.Errorf("%d %s", code, body)
		}
		if code, body = ask(t, h, "GET", "/readyz"); code != 200 {
			t.Errorf("%d %s", code, body) // c2 alone has no association
		}
		if code, _ = ask(t, h, "GET", "/api/status/nothing"); code != 404 {
			t.Error(code)
		}
		if code, _ = ask(t, h, "POST", "/api/block?kind=as&name=C", "Origin", "http://elsewhere.example", "Sec-Fetch-Site", "cross-site"); code != 403 {
			t.Error(code)
		}
		r := httptest.NewRequest("GET", "http://rebound.example/api/status", nil)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 403 {
			t.Error(w.Code)
		}
		s.end()
		if code, _ = ask(t, h, "GET", "/healthz"); code != 503 {
			t.Error(code)
		}
		if err := s.stpA.Block(t.Context(), KindASP, "a1"); !errors.Is(err, ErrNotRunning) {
			t.Error(err)
		}
	})
}

func TestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		n := w.node(twoAS + "management: { token: sesame }\n")
		h := Handler(n)
		for _, x := range []struct {
			path, auth string
			code       int
		}{{"/api/status", "", 401}, {"/api/status", "Bearer open", 401}, {"/api/status", "Bearer sesame", 200}, {"/healthz", "", 200}} {
			if code, body := ask(t, h, "GET", x.path, "Authorization", x.auth); code != x.code {
				t.Errorf("%s %q: %d %s", x.path, x.auth, code, body)
			}
		}
	})
}

// TestWatch: changes come in their order, and as server-sent events.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		n := w.node(twoAS)
		changes, stop := n.Watch()
		defer stop()
		ctx, cancel := context.WithCancel(t.Context())
		rec := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			Handler(n).ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "GET", "http://localhost/api/changes?follow", nil))
		}()
		synctest.Wait()
		w.exchange("a1", 2067, "10.0.0.3:2905", "10.0.0.1:2905", 1)
		settle(time.Second)
		cancel()
		<-done
		var last uint64
		seen := 0
		for len(changes) > 0 {
			c := <-changes
			if c.Sequence <= last {
				t.Errorf("%+v after %d", c, last)
			}
			last = c.Sequence
			if c.Kind == "as" && c.About == "A" && strings.Contains(c.Text, "INACTIVE -> ACTIVE") {
				seen++
			}
		}
		if seen != 1 || !strings.Contains(rec.Body.String(), "INACTIVE -\\u003e ACTIVE") {
			t.Errorf("seen %d times; %s", seen, rec.Body)
		}
	})
}
