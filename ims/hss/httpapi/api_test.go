package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/ims/hss"
)

// document is openapi.json.
func document(t *testing.T) map[string]any {
	t.Helper()
	doc, err := readDocument()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

var readDocument = sync.OnceValues(func() (doc map[string]any, err error) {
	err = json.Unmarshal(OpenAPI(), &doc)
	return doc, err
})

// at walks down a JSON value.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// valid checks a value against a schema, as far as the document uses JSON Schema, and says what is wrong.
func valid(doc map[string]any, schema, v any, path string) []string {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return valid(doc, at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...), v, path)
	}
	var bad []string
	fail := func(format string, a ...any) { bad = append(bad, path+": "+fmt.Sprintf(format, a...)) }
	switch s["type"] {
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			fail("%v is no object", v)
			break
		}
		for _, k := range toList(s["required"]) {
			if _, ok := m[k.(string)]; !ok {
				fail("%s is required", k)
			}
		}
		for k, x := range m {
			p := at(s, "properties", k)
			if p == nil {
				p = s["additionalProperties"]
			}
			if p == false {
				fail("%s is not in the schema", k)
			} else if p != nil {
				bad = append(bad, valid(doc, p, x, path+"."+k)...)
			}
		}
	case "array":
		list, ok := v.([]any)
		if !ok {
			fail("%v is no list", v)
		}
		for i, x := range list {
			bad = append(bad, valid(doc, s["items"], x, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case "string":
		x, ok := v.(string)
		if !ok {
			fail("%v is no text", v)
		}
		if e := toList(s["enum"]); e != nil && !slices.Contains(e, any(x)) {
			fail("%q is none of %v", x, e)
		}
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(x) {
			fail("%q does not match %s", x, p)
		}
	case "integer":
		x, ok := v.(float64)
		if min, there := s["minimum"].(float64); !ok || x != float64(int64(x)) || there && x < min {
			fail("%v is no such number", v)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			fail("%v is neither true nor false", v)
		}
	}
	return bad
}

func toList(v any) []any {
	list, _ := v.([]any)
	return list
}

// api is a Handler under test, whose every answer is held against the document.
type api struct {
	t     *testing.T
	h     *Handler
	doc   map[string]any
	seen  map[string]bool // "GET /v1/x 200"
	store hss.Store
	trail *Trail
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, doc: document(t), seen: map[string]bool{}, store: hss.NewMemoryStore(), trail: NewTrail(0, nil)}
	h, err := hss.New(hss.Config{
		Host: "hss.ims.example", Realm: "ims.example", Store: a.store, Audit: a.trail.Event,
		SCSCFs: []hss.SCSCF{{Name: "sip:scscf1.ims.example", Capabilities: []uint32{1}}, {Name: "sip:scscf2.ims.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	a.h = New(Config{HSS: h, Store: a.store, Audit: a.trail})
	return a
}

// operation finds the path of the document that a request is for.
func (a *api) operation(method, path string) (name string, op map[string]any) {
	path, _, _ = strings.Cut(path, "?")
	best := -1
	for p, item := range at(a.doc, "paths").(map[string]any) {
		re := "^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(p, "[^/]+") + "$"
		if regexp.MustCompile(re).MatchString(path) {
			if fixed := len(p) - 100*strings.Count(p, "{"); best == -1 || fixed > best {
				best, name = fixed, p
				op, _ = at(item, strings.ToLower(method)).(map[string]any)
			}
		}
	}
	return name, op
}

func (a *api) call(method, path string, body any, headers ...string) (int, http.Header, string) {
	a.t.Helper()
	var r *http.Request
	switch b := body.(type) {
	case nil:
		r = httptest.NewRequest(method, path, nil)
	case string:
		r = httptest.NewRequest(method, path, strings.NewReader(b))
	default:
		js, err := json.Marshal(b)
		if err != nil {
			a.t.Fatal(err)
		}
		r = httptest.NewRequest(method, path, bytes.NewReader(js))
	}
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:5"
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else if headers[i] == "From" {
			r.RemoteAddr = headers[i+1]
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	res := w.Result()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	a.judge(method, path, res, text)
	return res.StatusCode, res.Header, string(text)
}

// judge holds an answer against the document.
func (a *api) judge(method, path string, res *http.Response, text []byte) {
	a.t.Helper()
	name, op := a.operation(method, path)
	if op == nil {
		if res.StatusCode != 404 && res.StatusCode != 405 {
			a.t.Errorf("%s %s is not in the document, and was answered %d", method, path, res.StatusCode)
		}
		return
	}
	answer := at(op, "responses", fmt.Sprint(res.StatusCode))
	if answer == nil {
		a.t.Errorf("%s %s: %d is not in the document: %s", method, path, res.StatusCode, text)
		return
	}
	a.seen[fmt.Sprintf("%s %s %d", method, name, res.StatusCode)] = true
	content, _ := at(answer, "content").(map[string]any)
	if content == nil {
		if len(text) > 0 {
			a.t.Errorf("%s %s: %d has a body: %s", method, path, res.StatusCode, text)
		}
		return
	}
	media := content[res.Header.Get("Content-Type")]
	if media == nil {
		a.t.Errorf("%s %s: %d comes as %s", method, path, res.StatusCode, res.Header.Get("Content-Type"))
		return
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		a.t.Fatal(err)
	}
	for _, bad := range valid(a.doc, at(media, "schema"), v, "") {
		a.t.Errorf("%s %s: %d: %s", method, path, res.StatusCode, bad)
	}
	if tag := at(answer, "headers", "ETag"); (tag != nil) != (res.Header.Get("ETag") != "") {
		a.t.Errorf("%s %s: %d: ETag %q", method, path, res.StatusCode, res.Header.Get("ETag"))
	}
}

// want calls and compares the status.
func (a *api) want(status int, method, path string, body any, headers ...string) (http.Header, string) {
	a.t.Helper()
	got, h, text := a.call(method, path, body, headers...)
	if got != status {
		a.t.Errorf("%s %s: %d, want %d: %s", method, path, got, status, text)
	}
	return h, text
}

// The document has the routes of the handler and no others.
func TestDocumentHasRoutes(t *testing.T) {
	doc := document(t)
	var got, want []string
	for path, item := range at(doc, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			got = append(got, strings.ToUpper(method)+" "+path)
			for _, p := range toList(at(op, "parameters")) {
				param := at(doc, strings.Split(strings.TrimPrefix(at(p, "$ref").(string), "#/"), "/")...)
				if param == nil {
					t.Errorf("%s %s: no parameter %v", method, path, at(p, "$ref"))
				} else if at(param, "in") == "path" && !strings.Contains(path, "{"+at(param, "name").(string)+"}") {
					t.Errorf("%s %s has no {%v}", method, path, at(param, "name"))
				}
			}
		}
	}
	want = append(want, "GET /v1/openapi.json")
	for _, r := range routes {
		want = append(want, r.Method+" "+r.Path)
	}
	sort.Strings(got)
	sort.Strings(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const alice = `{"id": "alice", "privateIdentities": [{"impi": "alice@ims.example", "imsi": "001010000000001",
 "aka": {"k": "465B5CE8B199B49FAA5F0A2EE238A6BC", "opc": "E8ED289DEBA952E4283B54E88E6183CA"}}],
 "publicIdentities": [{"identity": "sip:alice@ims.example"}, {"identity": "tel:+15550001"}], "msisdns": ["15550001"]}`

func TestSubscribers(t *testing.T) {
	a := newAPI(t)
	h, text := a.want(201, "POST", "/v1/subscribers", alice)
	if h.Get("Location") != "/v1/subscribers/alice" {
		t.Errorf("Location %q", h.Get("Location"))
	}
	first := h.Get("ETag")
	if strings.Contains(text, "465") || !strings.Contains(text, `"k":"***"`) {
		t.Errorf("the answer shows a key: %s", text)
	}
	a.want(409, "POST", "/v1/subscribers", alice)
	h, text = a.want(200, "GET", "/v1/subscribers/alice", nil)
	if h.Get("ETag") != first {
		t.Errorf("ETag %s, was %s", h.Get("ETag"), first)
	}
	a.want(304, "GET", "/v1/subscribers/alice", nil, "If-None-Match", first)
	a.want(404, "GET", "/v1/subscribers/bob", nil)

	// What was read can be sent again: keys that are hidden stay.
	changed := strings.Replace(text, `"tel:+15550001"`, `"tel:+15550002"`, 1)
	a.want(412, "PUT", "/v1/subscribers/alice", changed, "If-Match", `"9999"`)
	a.want(412, "PUT", "/v1/subscribers/alice", changed, "If-Match", `W/"x"`)
	a.want(412, "PUT", "/v1/subscribers/alice", changed, "If-None-Match", "*")
	a.want(400, "PUT", "/v1/subscribers/alice", changed, "If-None-Match", first)
	a.want(412, "PUT", "/v1/subscribers/zoe", strings.Replace(changed, `"alice"`, `"zoe"`, 1), "If-Match", "*")
	h, _ = a.want(200, "PUT", "/v1/subscribers/alice", changed, "If-Match", first)
	second := h.Get("ETag")
	if second == first {
		t.Error("the ETag stayed")
	}
	a.want(412, "PUT", "/v1/subscribers/alice", changed, "If-Match", first)
	e, _ := a.store.Find(hss.Key{Kind: hss.KeyID, Value: "alice"})
	if k := e.Subscriber.PrivateIdentities[0].AKA.K.RevealHex(); k != "465b5ce8b199b49faa5f0a2ee238a6bc" {
		t.Errorf("K became %s", k)
	}
	if e.Subscriber.PublicIdentities[1].Identity != "tel:+15550002" {
		t.Error("the change was not made")
	}

	a.want(201, "PUT", "/v1/subscribers/bob%2F%40x", `{"publicIdentities": [{"identity": "sip:bob@ims.example"}]}`)
	a.want(200, "GET", "/v1/subscribers/bob%2F%40x", nil)
	a.want(400, "PUT", "/v1/subscribers/bob", `{"id": "other"}`)
	a.want(409, "PUT", "/v1/subscribers/carol", `{"publicIdentities": [{"identity": "sip:alice@ims.example"}]}`)
	_, text = a.want(422, "PUT", "/v1/subscribers/carol", `{"msisdns": ["x"], "privateIdentities": [{"impi": "c@d", "aka": {"k": "12", "opc": "***"}}]}`)
	for _, want := range []string{`"privateIdentities[0].aka.k"`, `"msisdns[0]"`} {
		if !strings.Contains(text, want) {
			t.Errorf("422 without %s: %s", want, text)
		}
	}
	a.want(422, "PUT", "/v1/subscribers/carol", `{"privateIdentities": [{"impi": "c@d", "aka": {"k": "***", "opc": "***"}}]}`)

	a.want(412, "DELETE", "/v1/subscribers/alice", nil, "If-Match", first)
	a.want(400, "DELETE", "/v1/subscribers/alice", nil, "If-None-Match", "*")
	a.want(204, "DELETE", "/v1/subscribers/alice", nil, "If-Match", second)
	a.want(404, "DELETE", "/v1/subscribers/alice", nil)
}

func TestBodies(t *testing.T) {
	a := newAPI(t)
	for body, want := range map[string]string{
		"":                  "a body in JSON is missing",
		"{":                 "unexpected EOF",
		`{"ID": 1, "x": 2}`: "wrong type",
		`{"x": 1}`:          `unknown field \"x\"`,
		`{} {}`:             "more than one value",
		`{"privateIdentities": [{"aka": {"k": "secret"}}]}`: "a key is not in hexadecimal digits",
	} {
		_, text := a.want(400, "POST", "/v1/subscribers", body)
		if !strings.Contains(text, want) || strings.Contains(text, "secret") {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
	a.want(413, "POST", "/v1/subscribers", `{"id": "`+strings.Repeat("x", 1<<20)+`"}`)
	a.want(415, "POST", "/v1/subscribers", alice, "Content-Type", "text/plain")
	_, text := a.want(405, "PATCH", "/v1/subscribers", nil)
	if !strings.Contains(text, "GET, POST") {
		t.Errorf("405: %s", text)
	}
	a.want(404, "GET", "/v1/nothing", nil)
}

func TestWhoMayAsk(t *testing.T) {
	a := newAPI(t)
	a.want(403, "GET", "/v1/subscribers", nil, "From", "192.0.2.1:7")
	a.want(403, "GET", "/v1/subscribers", nil, "Host", "evil.example")
	a.want(200, "GET", "/v1/subscribers", nil, "Host", "localhost:8080", "From", "[::1]:7")
	a.want(403, "POST", "/v1/subscribers/a/push", nil, "Origin", "http://evil.example")
	a.want(404, "POST", "/v1/subscribers/a/push", nil, "Origin", "http://127.0.0.1:8080")
	a.h = New(Config{HSS: a.h.cfg.HSS, Store: a.store, Token: "right"})
	h, _ := a.want(401, "GET", "/v1/subscribers", nil)
	if h.Get("WWW-Authenticate") != "Bearer" {
		t.Error("no WWW-Authenticate")
	}
	a.want(401, "GET", "/v1/subscribers", nil, "Authorization", "Bearer wrong")
	a.want(200, "GET", "/v1/subscribers", nil, "Authorization", "Bearer right", "From", "192.0.2.1:7", "Host", "hss.example")
	a.want(404, "GET", "/v1/audit", nil, "Authorization", "Bearer right")
}

func TestList(t *testing.T) {
	a := newAPI(t)
	for i := range 25 {
		a.want(201, "POST", "/v1/subscribers", fmt.Sprintf(`{"id": "u%02d", "publicIdentities": [{"identity": "sip:u%d@ims.example"}], "msisdns": ["1555%03d"]}`, i, i, i))
	}
	a.want(201, "POST", "/v1/subscribers", `{"id": "v", "publicIdentities": [{"identity": "sip:v-!.*!@ims.example", "type": "wildcardedPSI"}]}`)
	page := func(query string) (ids []string, l List) {
		t.Helper()
		_, text := a.want(200, "GET", "/v1/subscribers?"+query, nil)
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		for _, s := range l.Subscribers {
			ids = append(ids, s.ID)
		}
		return ids, l
	}
	var all []string
	for after := ""; ; {
		ids, l := page("limit=10&after=" + after)
		all = append(all, ids...)
		if l.Total != 26 {
			t.Errorf("total %d", l.Total)
		}
		if after = l.Next; after == "" {
			break
		}
	}
	if len(all) != 26 || !slices.IsSorted(all) {
		t.Errorf("pages hold %v", all)
	}
	if ids, l := page("prefix=u1&limit=4"); strings.Join(ids, " ") != "u10 u11 u12 u13" || l.Next != "u13" {
		t.Errorf("%v, next %q", ids, l.Next)
	}
	if ids, l := page("prefix=u1&after=u13"); strings.Join(ids, " ") != "u14 u15 u16 u17 u18 u19" || l.Next != "" {
		t.Errorf("%v, next %q", ids, l.Next)
	}
	if ids, _ := page("prefix=u07"); strings.Join(ids, " ") != "u07" {
		t.Errorf("%v", ids)
	}
	for identity, want := range map[string]string{
		"u03": "u03", "sip:u4@IMS.example%3Bx=y": "u04", "1555005": "u05", "%2B1555006": "u06", "sip:v-room@ims.example": "v", "sip:v-!.*!@ims.example": "v", "nobody": "", "": "",
	} {
		if ids, _ := page("identity=" + identity); strings.Join(ids, " ") != want {
			t.Errorf("%s: %v, want %s", identity, ids, want)
		}
	}
	a.want(400, "GET", "/v1/subscribers?identity=a;b", nil)
	a.want(400, "GET", "/v1/subscribers?idenity=a", nil)
	for _, limit := range []string{"0", "1001", "x"} {
		a.want(400, "GET", "/v1/subscribers?limit="+limit, nil)
	}
}

func TestRegistrations(t *testing.T) {
	a := newAPI(t)
	a.want(201, "POST", "/v1/subscribers", alice)
	st := &hss.State{Registrations: []hss.Registration{{SCSCF: "sip:scscf1.ims.example", Host: "scscf1.ims.example", Realm: "ims.example", State: hss.Registered, IMPIs: []string{"alice@ims.example"}}}}
	if err := a.store.Commit(hss.Change{StateOf: "alice", State: st}); err != nil {
		t.Fatal(err)
	}
	_, text := a.want(200, "GET", "/v1/subscribers/alice/state", nil)
	if !strings.Contains(text, `"state":"registered"`) || !strings.Contains(text, `"sqn":{"alice@ims.example":0}`) {
		t.Errorf("state: %s", text)
	}
	_, text = a.want(200, "GET", "/v1/subscribers?identity=alice", nil)
	if !strings.Contains(text, `"registered":true,"scscfs":["sip:scscf1.ims.example"]`) {
		t.Errorf("summary: %s", text)
	}
	_, text = a.want(202, "POST", "/v1/subscribers/alice/push", nil)
	if text != "{\"servers\":1}\n" {
		t.Errorf("push: %s", text)
	}
	a.want(422, "POST", "/v1/subscribers/alice/deregister", `{"reason": "because"}`)
	a.want(422, "POST", "/v1/subscribers/alice/deregister", `{"identity": "sip:bob@ims.example"}`)
	a.want(400, "POST", "/v1/subscribers/alice/deregister", `{"why": "because"}`)
	a.want(204, "POST", "/v1/subscribers/alice/deregister", `{"identity": "tel:+15550001", "reason": "removeSCSCF", "info": "maintenance"}`)
	a.want(204, "POST", "/v1/subscribers/alice/deregister", nil)
	_, text = a.want(200, "GET", "/v1/pushes", nil)
	var pushes []struct{ Kind, Host, Subject string }
	if err := json.Unmarshal([]byte(text), &pushes); err != nil {
		t.Fatal(err)
	}
	if len(pushes) != 2 || pushes[0].Kind != "PPR" || pushes[1].Kind != "RTR" || pushes[1].Host != "scscf1.ims.example" || pushes[1].Subject != "alice" {
		t.Errorf("pushes: %s", text)
	}
	a.want(204, "PUT", "/v1/subscribers/alice/scscf", `{"name": "sip:scscf2.ims.example"}`)
	a.want(422, "PUT", "/v1/subscribers/alice/scscf", `{"name": "scscf2"}`)
	a.want(204, "PUT", "/v1/subscribers/alice/scscf", `{"name": ""}`)
	_, text = a.want(200, "GET", "/v1/subscribers/alice/state", nil)
	if strings.Contains(text, "registered") {
		t.Errorf("state: %s", text)
	}
	for _, call := range [][3]string{{"GET", "state", ""}, {"POST", "deregister", ""}, {"PUT", "scscf", "{}"}, {"POST", "push", ""}, {"POST", "cancel-location", ""}} {
		var body any
		if call[2] != "" {
			body = call[2]
		}
		a.want(404, call[0], "/v1/subscribers/nobody/"+call[1], body)
	}
	st = &hss.State{MME: &hss.ServingNode{Host: "mme.epc.example", Realm: "epc.example"}}
	if err := a.store.Commit(hss.Change{StateOf: "alice", State: st}); err != nil {
		t.Fatal(err)
	}
	a.want(204, "POST", "/v1/subscribers/alice/cancel-location", nil)
	_, text = a.want(200, "GET", "/v1/pushes", nil)
	if !strings.Contains(text, `"kind":"CLR","host":"mme.epc.example"`) {
		t.Errorf("pushes: %s", text)
	}
	_, text = a.want(200, "GET", "/v1/scscfs", nil)
	if !strings.Contains(text, "sip:scscf2.ims.example") {
		t.Errorf("scscfs: %s", text)
	}
	a.want(200, "GET", "/v1/stats", nil)
	a.want(200, "GET", "/v1/openapi.json", nil)
}

func TestShared(t *testing.T) {
	a := newAPI(t)
	const profile = `{"name": "voice", "initialFilterCriteria": [{"priority": 1, "applicationServer": "sip:as.example", "triggers": [{"method": "INVITE"}]}], "sharedIFCSets": [7]}`
	const set = `{"initialFilterCriteria": [{"applicationServer": "sip:sms.example"}]}`
	h, _ := a.want(201, "PUT", "/v1/ifc-sets/7", set)
	tag := h.Get("ETag")
	a.want(200, "PUT", "/v1/ifc-sets/7", set, "If-Match", tag)
	a.want(412, "PUT", "/v1/ifc-sets/7", set, "If-None-Match", "*")
	h, _ = a.want(200, "GET", "/v1/ifc-sets/7", nil)
	if h.Get("ETag") != tag {
		t.Errorf("ETag %s, was %s", h.Get("ETag"), tag)
	}
	a.want(400, "GET", "/v1/ifc-sets/x", nil)
	a.want(404, "GET", "/v1/ifc-sets/8", nil)
	a.want(422, "PUT", "/v1/ifc-sets/8", `{"initialFilterCriteria": [{}]}`)
	a.want(400, "PUT", "/v1/ifc-sets/8", `{"id": 9}`)
	a.want(200, "GET", "/v1/ifc-sets", nil)

	h, _ = a.want(201, "PUT", "/v1/service-profiles/voice", profile)
	tag = h.Get("ETag")
	a.want(200, "PUT", "/v1/service-profiles/voice", strings.Replace(profile, `"priority": 1`, `"priority": 2`, 1), "If-Match", tag)
	a.want(412, "PUT", "/v1/service-profiles/voice", profile, "If-Match", tag)
	a.want(412, "PUT", "/v1/service-profiles/none", `{}`, "If-Match", "*")
	a.want(400, "PUT", "/v1/service-profiles/voice", `{"name": "other"}`)
	a.want(422, "PUT", "/v1/service-profiles/voice", `{"subscribedMediaProfileID": -1}`)
	a.want(200, "GET", "/v1/service-profiles/voice", nil)
	a.want(404, "GET", "/v1/service-profiles/none", nil)
	a.want(200, "GET", "/v1/service-profiles", nil)

	a.want(422, "POST", "/v1/subscribers", strings.Replace(alice, `@ims.example"}, {"id`, `@ims.example", "profile": "none"}, {"id`, 1))
	a.want(201, "POST", "/v1/subscribers", strings.Replace(alice, `@ims.example"}, {"id`, `@ims.example", "profile": "voice"}, {"id`, 1))
	a.want(409, "DELETE", "/v1/service-profiles/voice", nil)
	a.want(409, "DELETE", "/v1/ifc-sets/7", nil)
	a.want(204, "DELETE", "/v1/subscribers/alice", nil)
	a.want(412, "DELETE", "/v1/service-profiles/voice", nil, "If-Match", tag)
	a.want(204, "DELETE", "/v1/service-profiles/voice", nil)
	a.want(404, "DELETE", "/v1/service-profiles/voice", nil)
	a.want(412, "DELETE", "/v1/ifc-sets/7", nil, "If-Match", `"x"`)
	a.want(204, "DELETE", "/v1/ifc-sets/7", nil)
	a.want(404, "DELETE", "/v1/ifc-sets/7", nil)
	a.want(400, "DELETE", "/v1/ifc-sets/-1", nil)
}

func TestBatch(t *testing.T) {
	a := newAPI(t)
	subscribers := []string{strings.Replace(alice, `@ims.example"}, {"id`, `@ims.example", "profile": "voice"}, {"id`, 1)}
	for i := range 300 {
		subscribers = append(subscribers, fmt.Sprintf(`{"id": "u%03d", "publicIdentities": [{"identity": "sip:u%d@ims.example"}]}`, i, i))
	}
	body := `{"serviceProfiles": [{"name": "voice", "sharedIFCSets": [1]}], "sharedIFCSets": [{"id": 1, "initialFilterCriteria": [{"applicationServer": "sip:as.example"}]}],
		"subscribers": [` + strings.Join(subscribers, ",") + `]}`
	plan := func(query, body string) (p Plan) {
		t.Helper()
		_, text := a.want(200, "POST", "/v1/batch"+query, body)
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := plan("?dryRun=true", body); p.Applied || p.Created != 303 || len(p.Changes) != 303 || a.store.Len() != 0 {
		t.Errorf("dry run: %d created, %d subscribers", p.Created, a.store.Len())
	}
	if p := plan("", body); !p.Applied || p.Created != 303 || a.store.Len() != 301 {
		t.Errorf("%d created, %d subscribers", p.Created, a.store.Len())
	}
	body = strings.Replace(strings.Replace(body, `"msisdns": ["15550001"]`, `"msisdns": ["15550009"], "looseRoute": true`, 1), `"sharedIFCSets": [1]}`, `"sharedIFCSets": []}`, 1)
	p := plan("?dryRun=false", body)
	want := []Change{{"serviceProfile", "voice", "update", nil}, {"subscriber", "alice", "update", []string{"msisdns", "looseRoute"}}}
	if diff := cmp.Diff(want, p.Changes); diff != "" || p.Unchanged != 301 || p.Updated != 2 {
		t.Errorf("%d unchanged\n%s", p.Unchanged, diff)
	}
	// One that is wrong, and nothing is changed.
	before := a.store.Len()
	_, text := a.want(422, "POST", "/v1/batch", `{"subscribers": [{"id": "new", "publicIdentities": [{"identity": "sip:new@ims.example"}]},
		{"id": "thief", "publicIdentities": [{"identity": "sip:u7@ims.example"}]}, {"id": "x", "publicIdentities": [{"identity": "x", "profile": "none"}]},
		{"id": "new", "publicIdentities": [{"identity": "sip:other@ims.example"}]}], "sharedIFCSets": [{"id": -1}], "serviceProfiles": [{"name": "a"}, {"name": "a"}]}`)
	for _, want := range []string{`"subscribers[1]"`, `belongs to subscription \"u007\"`, `"subscribers[2].publicIdentities[0].identity"`, `"subscribers[3]","reason":"is the same as subscribers[0]"`,
		`"sharedIFCSets[0].id"`, `"serviceProfiles[1].name"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if a.store.Len() != before {
		t.Error("something was changed")
	}
	a.want(400, "POST", "/v1/batch?dryRun=perhaps", "{}")
	a.want(413, "POST", "/v1/batch", `{"subscribers": [{"id": "`+strings.Repeat("x", 64<<20)+`"}]}`)
}

func TestAudit(t *testing.T) {
	a := newAPI(t)
	a.want(201, "POST", "/v1/subscribers", alice)
	a.want(200, "PUT", "/v1/subscribers/alice", strings.Replace(alice, "15550001\"]", "15550003\"]", 1))
	a.want(204, "DELETE", "/v1/subscribers/alice", nil)
	page := func(query string) (p AuditPage) {
		t.Helper()
		_, text := a.want(200, "GET", "/v1/audit?"+query, nil)
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(text), "465b5c") {
			t.Errorf("a key: %s", text)
		}
		return p
	}
	first := page("limit=2")
	if len(first.Events) != 2 || first.Events[0].What != "delete" || first.Events[1].Details != "msisdns" || first.Events[0].Who != "api 127.0.0.1" || first.Next != 2 {
		t.Errorf("%+v", first)
	}
	if last := page("before=2"); len(last.Events) != 1 || last.Events[0].Details != "new" || last.Next != 0 {
		t.Errorf("%+v", last)
	}
	a.want(400, "GET", "/v1/audit?before=x", nil)
	a.want(400, "GET", "/v1/audit?limit=x", nil)
}

// fullStore is a store whose disk has no room, as long as full is set.
type fullStore struct {
	hss.Store
	full bool
}

func (s *fullStore) Commit(changes ...hss.Change) error {
	if s.full {
		return hss.ErrFull
	}
	return s.Store.Commit(changes...)
}

// A full disk refuses changes, and what is there can be read.
func TestFull(t *testing.T) {
	a := newAPI(t)
	st := &fullStore{Store: a.store}
	h, err := hss.New(hss.Config{Host: "hss.ims.example", Realm: "ims.example", Store: st})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	a.h = New(Config{HSS: h, Store: st})
	a.want(201, "POST", "/v1/subscribers", alice)
	st.full = true
	a.want(507, "POST", "/v1/subscribers", `{"publicIdentities": [{"identity": "sip:bob@ims.example"}]}`)
	a.want(507, "PUT", "/v1/subscribers/alice", strings.Replace(alice, "15550001\"]", "15550003\"]", 1))
	a.want(507, "DELETE", "/v1/subscribers/alice", nil)
	a.want(507, "PUT", "/v1/ifc-sets/7", `{"initialFilterCriteria": []}`)
	_, text := a.want(507, "POST", "/v1/batch", `{"subscribers": [{"publicIdentities": [{"identity": "sip:bob@ims.example"}]}]}`)
	if !strings.Contains(text, "0 of 1 changes were made before") {
		t.Error(text)
	}
	_, text = a.want(200, "GET", "/v1/subscribers/alice", nil)
	if !strings.Contains(text, `"15550001"`) {
		t.Errorf("it was changed: %s", text)
	}
	st.full = false
	a.want(204, "DELETE", "/v1/subscribers/alice", nil)
}

// FuzzHandler: whatever comes, the answer is one that the document has.
func FuzzHandler(f *testing.F) {
	f.Add("GET", "/v1/subscribers", "limit=3&after=x&prefix=y", "", "", "")
	f.Add("PUT", "/v1/subscribers/alice", "", alice, `"1"`, "*")
	f.Add("POST", "/v1/batch", "dryRun=true", `{"subscribers": [`+alice+`]}`, "", "")
	f.Add("PUT", "/v1/ifc-sets/7", "", `{"initialFilterCriteria": [{"xml": "<InitialFilterCriteria/>"}]}`, "", "")
	f.Add("POST", "/v1/subscribers/alice/deregister", "", `{"reason": "serverChange"}`, "", "")
	f.Fuzz(func(t *testing.T, method, path, query, body, match, none string) {
		r, err := http.NewRequest(method, "http://127.0.0.1/", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL.Path = path; !strings.HasPrefix(path, "/v1/") || strings.Contains(path, "//") || strings.Contains(path, "/.") {
			return // ServeMux redirects it
		}
		a := newAPI(t)
		a.want(201, "POST", "/v1/subscribers", alice)
		r.URL.RawQuery, r.RemoteAddr = query, "127.0.0.1:5"
		r.Header = http.Header{"Content-Type": {"application/json"}, "If-Match": {match}, "If-None-Match": {none}}
		w := httptest.NewRecorder()
		a.h.ServeHTTP(w, r)
		res := w.Result()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode >= 500 {
			t.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
		}
		if method != http.MethodHead && method != http.MethodOptions && res.StatusCode != http.StatusMovedPermanently && res.StatusCode != http.StatusTemporaryRedirect {
			a.judge(method, r.URL.EscapedPath(), res, text)
		}
	})
}

func TestTrail(t *testing.T) {
	var file bytes.Buffer
	trail := NewTrail(3, hss.NewAuditLog(&file).Event)
	for i := range 5 {
		trail.Event(hss.AuditEvent{What: fmt.Sprint(i)})
	}
	file.WriteString(`{"what": "torn`)
	numbers := func(l []AuditEntry) (s string) {
		for _, e := range l {
			s += fmt.Sprintf("%d=%s ", e.N, e.What)
		}
		return s
	}
	if got := numbers(trail.Before(0, 10)); got != "5=4 4=3 3=2 " {
		t.Error(got)
	}
	if got := numbers(trail.Before(5, 1)); got != "4=3 " {
		t.Error(got)
	}
	again := NewTrail(4, nil)
	if n, err := again.Load(&file); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := numbers(again.Before(0, 10)); got != "5=4 4=3 3=2 2=1 " {
		t.Error(got)
	}
}
