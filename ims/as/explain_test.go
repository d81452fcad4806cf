package as

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplainHTTP(t *testing.T) {
	sos, err := NewEmergency(EmergencyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	carrier := trunkTo("carrier", hostTrunk+1)
	carrier.Border = BorderConfig{Plan: germany}
	cfg := Config{Trunks: []Trunk{carrier}, Emergency: sos, Phones: Phones{Domain: "home.example", Border: BorderConfig{Plan: america}}}
	cfg.Router = newRules(t, RulesConfig{Zone: "UTC", Rules: []Rule{
		{Name: "help", Match: Match{Emergency: yes()}, Then: &Decision{Targets: []Target{{Trunk: "carrier"}}}},
		{Name: "night", Match: Match{When: []When{{From: "22:00", To: "06:00"}}}, Then: &Decision{Status: 480}},
		{Name: "home", Match: Match{Called: []string{"+49*"}}, Then: &Decision{Targets: []Target{{IMS: true}}}},
	}})
	run(t, cfg, func(h *house) {
		get := func(query ...string) (int, map[string]any) {
			v := url.Values{}
			for i := 0; i < len(query); i += 2 {
				v.Set(query[i], query[i+1])
			}
			w := httptest.NewRecorder()
			h.s.ExplainHTTP(w, httptest.NewRequest("GET", "/?"+v.Encode(), nil))
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			return w.Code, got
		}
		_, got := get("to", "030 5551", "from", "0891", "trunk", "carrier", "time", "2026-11-23T12:00:00Z")
		if d := cmp.Diff(map[string]any{"calling": "+49891", "called": "+49305551", "action": "bridge", "decision": "bridge ims", "rule": "home",
			"targets": []any{map[string]any{"ims": true}}, "tried": []any{
				map[string]any{"rule": "help", "matched": false, "why": "emergency false does not match true"},
				map[string]any{"rule": "night", "matched": false, "why": "time Mon 2026-11-23 12:00 UTC does not match [22:00-06:00]"},
				map[string]any{"rule": "home", "matched": true, "why": "decided: bridge ims"}}}, got); d != "" {
			t.Error(d)
		}
		for _, c := range []struct {
			query  []string
			status int
			want   string
		}{
			{[]string{"to", "112", "trunk", "carrier"}, 200, "bridge trunk/carrier"},
			{[]string{"to", "urn:service:sos.fire"}, 200, "bridge trunk/carrier"},
			{[]string{"to", "+4930", "time", "2026-11-23T23:00:00Z"}, 200, "refuse 480"},
			{[]string{"to", "2125550123", "time", "2026-11-23T12:00:00Z"}, 200, "refuse 404"}, // in America
			{[]string{"to", "011493012", "time", "2026-11-23T12:00:00Z"}, 200, "bridge ims"},
			{[]string{"to", "alice@home.example", "side", "ims", "case", "term", "reg", "unreg", "time", "2026-11-23T12:00:00Z"}, 200, "refuse 404"},
			{[]string{"to", "1", "trunk", "other"}, 400, ""}, {[]string{"to", "1", "side", "left"}, 400, ""}, {nil, 400, ""}, {[]string{"to", "a b@c d"}, 400, ""},
			{[]string{"to", "1", "time", "noon"}, 400, ""}, {[]string{"to", "00491234567890123456", "trunk", "carrier"}, 400, ""},
		} {
			status, got := get(c.query...)
			if status != c.status || c.want != "" && got["decision"] != c.want || c.want == "" && got["error"] == nil {
				t.Errorf("%v: %d %v", c.query, status, got)
			}
		}
	})
	w := httptest.NewRecorder()
	(&Server{}).ExplainHTTP(w, httptest.NewRequest("POST", "/", nil))
	if w.Code != 405 {
		t.Error(w.Code)
	}
}
