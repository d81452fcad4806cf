package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/internal/calltest"
	"github.com/gotelco/telco/internal/memnet"
)

// desk is a switch at 10.0.0.9 with its API, and telephones that answer at 10.0.0.1 and 10.0.0.2.
type desk struct {
	*testing.T
	sw  *control.Switch
	api *Handler
}

func newDesk(t *testing.T, cfg control.Config, api Config) *desk {
	n := memnet.New(memnet.Config{Latency: time.Millisecond})
	cfg.Dialplan = func(_ context.Context, _ *control.Channel, ext control.Extension) ([]control.Action, error) {
		if ext.Number != "music" {
			return nil, nil
		}
		return []control.Action{{App: "answer"}, {App: "playback", Args: "tone_stream://%(1000,0,440);loops=-1"}}, nil
	}
	api.Switch = calltest.Switch(t, n, 9, cfg)
	calltest.Agent(t, n, 1, call.Config{OnCall: calltest.Answer(500)})
	calltest.Agent(t, n, 2, call.Config{OnCall: calltest.Answer(900)})
	calltest.Agent(t, n, 3, call.Config{OnCall: func(c *call.Call) { c.Refuse(486, "") }})
	return &desk{t, api.Switch, New(api)}
}

// do sends a request from this machine and returns status and body. The body has to be as openapi.json says.
func (d *desk) do(method, path, body string, out any) int {
	d.Helper()
	w := d.send(method, path, body, nil)
	checkAnswer(d.T, method, path, w)
	if out != nil {
		dec := json.NewDecoder(strings.NewReader(w.Body.String()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(out); err != nil {
			d.Errorf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
	return w.Code
}

func (d *desk) send(method, path, body string, edit func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:4711", "localhost:8080"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r.WithContext(d.Context()))
	return w
}

// checkAnswer holds an answer against the description: the status is listed, and the content is of the type that it says.
func checkAnswer(t *testing.T, method, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]any `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	path, _, _ = strings.Cut(path, "?")
	if parts := strings.Split(path, "/"); len(parts) > 3 && parts[2] == "channels" {
		parts[3] = "{uuid}"
		path = strings.Join(parts, "/")
	}
	answer, ok := doc.Paths[path][strings.ToLower(method)].Responses[http.StatusText(w.Code)]
	if !ok {
		answer, ok = doc.Paths[path][strings.ToLower(method)].Responses[itoa(w.Code)]
	}
	if !ok {
		t.Errorf("%s %s: %d is not described: %s", method, path, w.Code, w.Body)
		return
	}
	have := w.Header().Get("Content-Type")
	if _, ok := answer.Content[have]; !ok && (have != "" || len(answer.Content) > 0) {
		t.Errorf("%s %s: %d with %q, want %v", method, path, w.Code, have, answer.Content)
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// Two calls are made, bridged, asked, recorded, given keys, parked, transferred and hung up.
func TestSteering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		d := newDesk(t, control.Config{Recordings: folder}, Config{})
		var a, b Channel
		if s := d.do("POST", "/v1/calls", `{"to":"sofia/internal/x@10.0.0.1","wait":true,"variables":{"colour":"red"},"callerNumber":"123"}`, &a); s != 201 || a.Variables["colour"] != "red" || a.CallState != "ACTIVE" || a.Direction != "outbound" || a.Answered == nil {
			t.Fatalf("%d %+v", s, a)
		}
		if s := d.do("POST", "/v1/calls", `{"to":"sofia/internal/y@10.0.0.2","wait":true}`, &b); s != 201 {
			t.Fatalf("%d %+v", s, b)
		}
		var l ChannelList
		if s := d.do("GET", "/v1/channels", "", &l); s != 200 || len(l.Channels) != 2 || l.Channels[0].UUID != a.UUID || l.Channels[0].Variables != nil {
			t.Errorf("%d %+v", s, l)
		}
		if s := d.do("POST", "/v1/channels/"+a.UUID+"/recordings", `{"name":"a.wav"}`, nil); s != 204 {
			t.Errorf("record: %d", s)
		}
		if s := d.do("POST", "/v1/channels/"+a.UUID+"/bridge", `{"uuid":"`+b.UUID+`"}`, nil); s != 204 {
			t.Errorf("bridge: %d", s)
		}
		time.Sleep(2 * time.Second)
		var now Channel
		if d.do("GET", "/v1/channels/"+a.UUID, "", &now); now.Bridged != b.UUID || !slices.Contains(now.Recordings, filepath.Join(folder, "a.wav")) && !slices.Contains(now.Recordings, "a.wav") {
			t.Errorf("%+v", now)
		}
		if s := d.do("POST", "/v1/channels/"+a.UUID+"/dtmf", `{"keys":"12"}`, nil); s != 204 {
			t.Errorf("keys: %d", s)
		}
		if s := d.do("DELETE", "/v1/channels/"+a.UUID+"/recordings?name=a.wav", "", nil); s != 204 {
			t.Errorf("stop recording: %d", s)
		}
		if s := d.do("PATCH", "/v1/channels/"+b.UUID+"/variables", `{"park_after_bridge":"true","colour":"blue"}`, &now); s != 200 || now.Variables["colour"] != "blue" {
			t.Errorf("variables: %d %+v", s, now)
		}
		if s := d.do("POST", "/v1/channels/"+a.UUID+"/transfer", `{"extension":"music"}`, nil); s != 204 {
			t.Errorf("transfer: %d", s)
		}
		time.Sleep(time.Second)
		now = Channel{}
		if d.do("GET", "/v1/channels/"+a.UUID, "", &now); now.App != "playback" || now.Bridged != "" {
			t.Errorf("after the transfer: %+v", now)
		}
		if s := d.do("DELETE", "/v1/channels/"+a.UUID+"/actions", "", nil); s != 204 {
			t.Errorf("stop: %d", s)
		}
		if s := d.do("POST", "/v1/channels/"+b.UUID+"/park", "", nil); s != 204 {
			t.Errorf("park: %d", s)
		}
		var results Results
		if s := d.do("POST", "/v1/channels/"+b.UUID+"/actions", `{"actions":[{"app":"playback","args":"tone_stream://%(200,0,440)"},{"app":"set","args":"x=y"}],"wait":true}`, &results); s != 200 || len(results.Results) != 2 || results.Results[0].Error != "" {
			t.Errorf("actions: %d %+v", s, results)
		}
		if s := d.do("DELETE", "/v1/channels/"+b.UUID+"?cause=USER_BUSY", "", nil); s != 204 {
			t.Errorf("hang up: %d", s)
		}
		time.Sleep(time.Second)
		var p Problem
		if s := d.do("GET", "/v1/channels/"+b.UUID, "", &p); s != 404 || p.Status != 404 {
			t.Errorf("a channel that has ended: %d %+v", s, p)
		}
		if info, err := os.Stat(filepath.Join(folder, "a.wav")); err != nil || info.Size() < 16000 {
			t.Errorf("recording: %v %v", info, err)
		}
		var st Stats
		if s := d.do("GET", "/v1/stats", "", &st); s != 200 || st.Total != 2 || st.Channels != 0 {
			t.Errorf("%d %+v", s, st)
		}
	})
}

// A call that is not waited for is made all the same, does what it was told, and ends.
func TestOriginateLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, control.Config{}, Config{})
		var events []string
		d.sw.Watch(func(e *control.Event) { events = append(events, e.Name+" "+e.Field("Application")) })
		var m Made
		if s := d.do("POST", "/v1/calls", `{"to":"sofia/internal/x@10.0.0.1","actions":[{"app":"playback","args":"tone_stream://%(300,0,440)"}]}`, &m); s != 202 {
			t.Fatal(s)
		}
		time.Sleep(100 * time.Millisecond)
		var c Channel
		if s := d.do("GET", "/v1/channels/"+m.UUID, "", &c); s != 200 || c.UUID != m.UUID {
			t.Errorf("%d %+v", s, c)
		}
		time.Sleep(time.Second)
		if s := d.do("GET", "/v1/channels/"+m.UUID, "", nil); s != 404 {
			t.Errorf("the call should have ended: %d", s)
		}
		synctest.Wait()
		if !slices.Contains(events, "CHANNEL_EXECUTE_COMPLETE playback") {
			t.Errorf("%q", events)
		}
	})
}

// Requests that make no sense change nothing, and say what is wrong.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, control.Config{}, Config{MaxBody: 2000, MaxWait: time.Second})
		for _, x := range []struct {
			method, path, body string
			status             int
			says               string
		}{
			{"POST", "/v1/calls", `{"to":"sofia/internal/x@10.0.0.3","wait":true}`, 502, "USER_BUSY"},
			{"POST", "/v1/calls", `{`, 400, "body"},
			{"POST", "/v1/calls", `{} {}`, 400, "more than one"},
			{"POST", "/v1/calls", `{"too":"x"}`, 400, "too"},
			{"POST", "/v1/calls", ``, 400, "body"},
			{"POST", "/v1/calls", `{"to":"` + strings.Repeat("x", 3000) + `"}`, 413, "too long"},
			{"POST", "/v1/calls", `{"to":""}`, 422, "dial string"},
			{"POST", "/v1/calls", `{"to":"user/1","actions":[{"app":"dance"}]}`, 422, "dance"},
			{"POST", "/v1/calls", `{"to":"user/1","actions":[{"app":"park"}],"extension":"1"}`, 422, "either"},
			{"POST", "/v1/calls", `{"to":"user/1","extension":"&park()"}`, 422, "actions"},
			{"POST", "/v1/calls", `{"to":"user/1","timeout":-1}`, 422, "timeout"},
			{"POST", "/v1/calls", `{"to":"user/1","variables":{"origination_uuid":"mine"}}`, 422, "origination_uuid"},
			{"POST", "/v1/calls", `{"to":"user/1,user/2"}`, 422, "wait"},
			{"GET", "/v1/channels/none", ``, 404, "UUID"},
			{"POST", "/v1/channels/none/bridge", `{"uuid":"x"}`, 404, "UUID"},
		} {
			var p Problem
			if s := d.do(x.method, x.path, x.body, &p); s != x.status || p.Status != s || !strings.Contains(p.Title+" "+p.Detail+" "+p.Cause, x.says) {
				t.Errorf("%s %s %.60s: %d %+v, want %d and %q", x.method, x.path, x.body, s, p, x.status, x.says)
			}
		}
		for path, want := range map[string]int{"/v1/channels": 405, "/v2": 404} {
			if w := d.send("PUT", path, "{}", nil); w.Code != want || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %v", path, w.Code, w.Header())
			}
		}
		var c Channel
		d.do("POST", "/v1/calls", `{"to":"sofia/internal/x@10.0.0.1","wait":true}`, &c)
		var p Problem
		if s := d.do("POST", "/v1/channels/"+c.UUID+"/actions", `{"actions":[{"app":"sleep","args":"60000"}],"wait":true}`, &p); s != 504 {
			t.Errorf("actions without end: %d %+v", s, p)
		}
		for path, body := range map[string]string{"/bridge": `{"uuid":"none"}`, "/transfer": `{"extension":""}`, "/recordings": `{"name":""}`, "/actions": `{"actions":[{"app":"x"}]}`} {
			if s := d.do("POST", "/v1/channels/"+c.UUID+path, body, &p); s != 422 {
				t.Errorf("%s: %d %+v", path, s, p)
			}
		}
		if s := d.do("DELETE", "/v1/channels/"+c.UUID+"?cause=BOREDOM", "", &p); s != 422 {
			t.Errorf("a cause that there is none: %d", s)
		}
	})
}

// Without the token, and from pages of others, nothing is to be had.
func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := newDesk(t, control.Config{}, Config{})
		token := &desk{t, open.sw, New(Config{Switch: open.sw, Token: "secret"})}
		far := func(r *http.Request) { r.RemoteAddr = "192.0.2.1:5" }
		for name, x := range map[string]struct {
			d    *desk
			edit func(*http.Request)
			want int
		}{
			"here":         {open, nil, 200},
			"elsewhere":    {open, far, 403},
			"another name": {open, func(r *http.Request) { r.Host = "evil.example" }, 403},
			"no token":     {token, nil, 401},
			"wrong token":  {token, func(r *http.Request) { r.Header.Set("Authorization", "Bearer other") }, 401},
			"right token":  {token, func(r *http.Request) { far(r); r.Header.Set("Authorization", "Bearer secret") }, 200},
		} {
			if w := x.d.send("GET", "/v1/channels", "", x.edit); w.Code != x.want {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		for name, edit := range map[string]func(*http.Request){
			"a form":         func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
			"another's page": func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		} {
			if w := open.send("POST", "/v1/calls", `{"to":"user/1"}`, edit); w.Code != 415 && w.Code != 403 {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
	})
}

// Who watches gets the events that he asked for; who does not read loses some, is told, and holds up nobody.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, control.Config{}, Config{MaxStreams: 1, MaxPending: 2})
		ctx, stop := context.WithCancel(t.Context())
		pr, pw := io.Pipe()
		w := &streamWriter{ResponseRecorder: httptest.NewRecorder(), to: pw}
		r := httptest.NewRequest("GET", "/v1/events?name=CHANNEL_ANSWER&name=CHANNEL_DESTROY", nil).WithContext(ctx)
		r.RemoteAddr, r.Host = "127.0.0.1:1", "localhost"
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.api.ServeHTTP(w, r)
			pw.Close()
		}()
		read := func() string {
			b := make([]byte, 16<<10)
			n, err := pr.Read(b)
			if err != nil {
				t.Error(err)
			}
			return string(b[:n])
		}
		if s := read(); s != ": watching\n\n" {
			t.Fatalf("%q", s)
		}
		if s := d.do("GET", "/v1/events", "", nil); s != 503 {
			t.Errorf("one watcher too many: %d", s)
		}
		var c Channel
		d.do("POST", "/v1/calls", `{"to":"sofia/internal/x@10.0.0.1","wait":true}`, &c)
		s := read()
		data, ok := strings.CutPrefix(s, "event: CHANNEL_ANSWER\ndata: ")
		var e Event
		if err := json.Unmarshal([]byte(strings.TrimSuffix(data, "\n\n")), &e); !ok || err != nil || e.UUID != c.UUID || e.Fields["Unique-ID"] != c.UUID {
			t.Errorf("%v %q", err, s)
		}
		for range 5 { // each a CHANNEL_ANSWER and a CHANNEL_DESTROY that nobody reads
			d.do("POST", "/v1/calls", `{"to":"sofia/internal/x@10.0.0.1","wait":true}`, &c)
			d.do("DELETE", "/v1/channels/"+c.UUID, "", nil)
		}
		time.Sleep(time.Second)
		all := ""
		for !strings.Contains(all, "left out") {
			all += read()
		}
		if !strings.Contains(all, ": 7 events were left out") { // one was under way, two were pending
			t.Errorf("%q", all)
		}
		go io.Copy(io.Discard, pr)
		stop()
		<-ended
		if w.Header().Get("Content-Type") != "text/event-stream" {
			t.Errorf("%v", w.Header())
		}
	})
}

// streamWriter hands on what is written at once.
type streamWriter struct {
	*httptest.ResponseRecorder
	to io.Writer
}

func (w *streamWriter) Write(b []byte) (int, error) { return w.to.Write(b) }

// The description has every operation, and no others.
func TestOpenAPI(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	var described, served []string
	for path, methods := range doc.Paths {
		for m := range methods {
			described = append(described, strings.ToUpper(m)+" "+path)
		}
	}
	served = append(served, "GET /v1/openapi.json")
	for _, r := range routes {
		served = append(served, r.Method+" "+r.Path)
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("described %v\nserved %v", described, served)
	}
}
