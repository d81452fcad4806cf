package as

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/sip"
)

func party(t testing.TB, s string) Party {
	t.Helper()
	p, err := partyOfText(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newRules(t testing.TB, cfg RulesConfig) *Rules {
	t.Helper()
	r, err := NewRules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func yes() *bool { b := true; return &b }

func to(trunk string) *Decision { return &Decision{Targets: []Target{{Trunk: trunk}}} }

func TestRulesMatch(t *testing.T) {
	no := false
	for _, c := range []struct {
		name  string
		match Match
		want  bool
	}{
		{"everything", Match{}, true},
		{"exact", Match{Called: []string{"+4930123"}}, true},
		{"other", Match{Called: []string{"+4930124"}}, false},
		{"prefix", Match{Called: []string{"+1*", "+49*"}}, true},
		{"no prefix", Match{Called: []string{"+5*"}}, false},
		{"any", Match{Called: []string{"*"}}, true},
		{"expression", Match{Called: []string{`/^\+49(30|40)/`}}, true},
		{"no expression", Match{Called: []string{`/^49/`}}, false},
		{"calling", Match{Calling: []string{"alice@example.org"}}, true},
		{"calling prefix", Match{Calling: []string{"bob@*"}}, false},
		{"side", Match{Side: []Side{SidePhone, SideIMS}}, true},
		{"other side", Match{Side: []Side{SideTrunk}}, false},
		{"trunk", Match{Trunk: []string{"core"}}, true},
		{"other trunk", Match{Trunk: []string{"a"}}, false},
		{"case", Match{Case: []SessionCase{CaseOrig}}, true},
		{"other case", Match{Case: []SessionCase{CaseTerm, CaseOrigCDIV}}, false},
		{"registered", Match{RegState: []RegState{Registered}}, true},
		{"not registered", Match{RegState: []RegState{Unregistered}}, false},
		{"served", Match{ServedUser: []string{"alice@example.org"}}, true},
		{"not served", Match{ServedUser: []string{"bob@example.org"}}, false},
		{"method", Match{Method: []string{"MESSAGE"}}, false},
		{"source", Match{Source: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, true},
		{"other source", Match{Source: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, false},
		{"no emergency", Match{Emergency: &no}, true},
		{"emergency", Match{Emergency: yes()}, false},
		{"anonymous", Match{Anonymous: yes()}, false},
		{"not anonymous", Match{Anonymous: &no}, true},
		{"variable", Match{Vars: map[string]string{"tariff": "gold*"}}, true},
		{"other variable", Match{Vars: map[string]string{"tariff": "silver"}}, false},
		{"time", Match{When: []When{{Days: "sun"}, {Days: "mon", From: "15:00", To: "16:00"}}}, true},
		{"other time", Match{When: []When{{Days: "tue-sun"}}}, false},
		{"all of it", Match{Called: []string{"+49*"}, Side: []Side{SideIMS}, Trunk: []string{"no"}}, false},
	} {
		r := newRules(t, RulesConfig{Rules: []Rule{{Name: c.name, Match: c.match, Then: to("x")}}})
		req := &Request{Time: time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC), Side: SideIMS, Trunk: "core", Case: CaseOrig, RegState: Registered,
			Source: netip.MustParseAddrPort("[::ffff:127.0.0.9]:5060"), ServedUser: "sip:alice@Example.org",
			Calling: party(t, "alice@example.org"), Called: party(t, "+4930123"), Vars: map[string]string{"tariff": "golden"}}
		d, tried, err := r.Explain(t.Context(), req)
		if got := d.Action == Bridge; err != nil || got != c.want {
			t.Errorf("%s: %v %v %v", c.name, d, tried, err)
		}
		if tried[0].Matched != c.want || tried[0].Why == "" {
			t.Errorf("%s: explained as %+v", c.name, tried)
		}
		if plain, err := r.Route(t.Context(), req); err != nil || plain.String() != d.String() {
			t.Errorf("%s: %v, but explained as %v", c.name, plain, d)
		}
	}
}

func TestRulesExplain(t *testing.T) {
	r := newRules(t, RulesConfig{
		Trunks: []string{"carrier", "pbx"},
		Rules: []Rule{
			{Name: "tariff", Match: Match{Calling: []string{"+4930*"}}, Set: map[string]string{"tariff": "gold"}},
			{Name: "test numbers", Match: Match{Called: []string{"9*"}}, Then: &Decision{Apps: []App{{"answer", ""}, {"echo", ""}}}},
			{Name: "extensions", Match: Match{Called: []string{`/^\+4930555(?P<ext>\d{2})$/`}, Vars: map[string]string{"tariff": "gold"}},
				Set:  map[string]string{"ext": "x${ext}"},
				Then: &Decision{Targets: []Target{{Trunk: "pbx", Called: "${ext}"}, {URI: "sip:$1@192.0.2.1"}}, Announcement: "away.wav", Vars: map[string]string{"e": "$1"}}},
			{Match: Match{Called: []string{"+*"}}, Calling: []Rewrite{{Match: ".*", Replace: "+493055500"}}, Then: to("carrier")},
		},
		Default: Decision{Status: 484, Cause: 28},
	})
	req := &Request{ID: "1", Side: SideTrunk, Calling: party(t, "+4930999"), Called: party(t, "+493055512")}
	d, tried, err := r.Explain(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := Decision{Action: Bridge, Rule: "extensions", Announcement: "away.wav", Calling: req.Calling, Called: req.Called,
		Targets: []Target{{Trunk: "pbx", Called: "12"}, {URI: "sip:12@192.0.2.1"}}, Vars: map[string]string{"tariff": "gold", "ext": "x12", "e": "12"}}
	if diff := diffNumbers(want, d); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Tried{
		{"tariff", true, "goes on: called +493055512, calling +4930999"},
		{"test numbers", false, "called +493055512 does not match [9*]"},
		{"extensions", true, "decided: bridge trunk/pbx/12, sip:12@192.0.2.1, announcement away.wav"},
	}, tried); diff != "" {
		t.Error(diff)
	}
	if len(req.Vars) != 0 {
		t.Errorf("the request was changed: %v", req.Vars)
	}

	d, err = r.Route(t.Context(), &Request{Calling: party(t, "+1"), Called: party(t, "+493055512")})
	if err != nil || d.Rule != "rule 4" || d.Calling.String() != "+493055500" || d.Targets[0].Trunk != "carrier" {
		t.Errorf("%+v %v", d, err)
	}
	d, err = r.Route(t.Context(), &Request{Called: party(t, "901")})
	if err != nil || d.String() != "run answer, echo" {
		t.Errorf("%v %v", d, err)
	}
	d, err = r.Route(t.Context(), &Request{Called: party(t, "bob@x")})
	if err != nil || d.String() != "refuse 484 Q.850 28" || d.Rule != "" {
		t.Errorf("%v %v", d, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Route(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has left: %v", err)
	}
}

// What a caller sends cannot leave its place in a URI.
func TestRulesCapturesQuoted(t *testing.T) {
	r := newRules(t, RulesConfig{Rules: []Rule{{Match: Match{Called: []string{`/^(.*)@x$/`}},
		Then: &Decision{Targets: []Target{{URI: "sip:$1@192.0.2.1"}}}}}})
	d, err := r.Route(t.Context(), &Request{Called: Party{URI: "sip:a%40evil%3Fb%3Cc@x"}})
	if err != nil || d.Targets[0].URI != "sip:a%40evil?b%3Cc@192.0.2.1" {
		t.Errorf("%v %v", d, err)
	}
	if u, err := sip.ParseURI(d.Targets[0].URI); err != nil || u.Host != "192.0.2.1" {
		t.Errorf("%v %v", u, err)
	}
}

func TestRulesChance(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := newRules(t, RulesConfig{
		Rand: rnd.IntN,
		Rules: []Rule{
			{Name: "new", Split: []Share{{Weight: 90}, {Weight: 10, Then: to("new")}}},
			{Name: "old", Then: &Decision{Targets: []Target{{Trunk: "a", Weight: 3}, {Trunk: "b", Weight: 1}, {Trunk: "c"}}}},
		}})
	got := map[string]int{}
	const n = 10000
	for range n {
		d, err := r.Route(t.Context(), &Request{Called: party(t, "+1")})
		if err != nil {
			t.Fatal(err)
		}
		if d.Rule == "old" && (len(d.Targets) != 3 || d.Targets[2].Trunk != "c") {
			t.Fatal(d)
		}
		got[d.Targets[0].Trunk]++
	}
	if got["new"] < n/20 || got["new"] > n/7 || got["a"] < 2*got["b"] || got["a"] > 4*got["b"] || got["c"] != 0 {
		t.Errorf("drawn: %v", got)
	}
}

func TestRulesErrors(t *testing.T) {
	dec := func(d Decision) RulesConfig { return RulesConfig{Trunks: []string{"a"}, Rules: []Rule{{Then: &d}}} }
	for _, c := range []struct {
		cfg  RulesConfig
		want string
	}{
		{dec(Decision{}), "rule 1: no action"},
		{dec(Decision{Action: Bridge}), "without targets"},
		{dec(Decision{Action: Run}), "without apps"},
		{dec(Decision{Apps: []App{{"", "x"}}}), "bad name"},
		{dec(Decision{Status: 200}), "200"},
		{dec(Decision{Cause: 128}), "128"},
		{dec(Decision{Address: "x"}), "host:port"},
		{dec(Decision{Action: Webhook, Address: "ftp://x"}), "URL"},
		{dec(Decision{Targets: []Target{{}}}), "exactly one"},
		{dec(Decision{Targets: []Target{{Trunk: "a", IMS: true}}}), "exactly one"},
		{dec(Decision{Targets: []Target{{Trunk: "b"}}}), `no trunk "b"`},
		{dec(Decision{Targets: []Target{{URI: "http://x"}}}), "neither"},
		{dec(Decision{Targets: []Target{{URI: "x"}}}), "target 1"},
		{dec(Decision{Targets: []Target{{IMS: true, Called: "x"}}}), "not a telephone number"},
		{dec(Decision{Targets: make([]Target, 33)}), "more than 32"},
		{RulesConfig{Rules: []Rule{{Name: "n", Match: Match{Called: []string{"/(/"}}}}}, "n: called"},
		{RulesConfig{Rules: []Rule{{Match: Match{When: []When{{Days: "someday"}}}}}}, "someday"},
		{RulesConfig{Rules: []Rule{{Match: Match{When: []When{{Zone: "Mars/Base"}}}}}}, "time zone"},
		{RulesConfig{Rules: []Rule{{ENUM: "x"}}}, `no enum "x"`},
		{RulesConfig{Rules: []Rule{{Ask: "x"}}}, `no ask "x"`},
		{RulesConfig{Rules: []Rule{{Then: to("a"), Split: []Share{{Weight: 1}}}}}, "more than one"},
		{RulesConfig{Rules: []Rule{{Split: []Share{{}}}}}, "without any weight"},
		{RulesConfig{Rules: []Rule{{Called: []Rewrite{{Match: "("}}}}}, "rewrite_called"},
		{RulesConfig{Zone: "x/y"}, "time zone"},
		{RulesConfig{Default: Decision{Status: 100}}, "default"},
		{RulesConfig{Ask: map[string]AskConfig{"a": {}}}, `ask "a"`},
		{RulesConfig{ENUM: map[string]ENUMConfig{"e": {Suffixes: []string{"a b"}}}}, `enum "e"`},
	} {
		if _, err := NewRules(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q: %v", c.want, err)
		}
	}
}

func TestWhen(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		tm, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return tm.UTC()
	}
	for _, c := range []struct {
		when When
		in   string
		out  string
	}{
		{When{Days: "mon-fri", From: "08:00", To: "17:30"}, "2026-11-23 08:00", "2026-11-23 17:30"},
		{When{Days: "mon-fri"}, "2026-11-27 23:59", "2026-11-28 00:00"},
		{When{Days: "fri-mon"}, "2026-11-29 12:00", "2026-12-01 12:00"},
		{When{Days: "Friday, sun"}, "2026-11-27 12:00", "2026-11-28 12:00"},
		{When{Days: "fri", From: "22:00", To: "06:00"}, "2026-11-28 05:59", "2026-11-27 05:59"},
		{When{Dates: "12-24..12-26"}, "2030-12-25 12:00", "2030-12-27 00:00"},
		{When{Dates: "12-31..01-01"}, "2030-01-01 12:00", "2030-12-30 12:00"},
		{When{Dates: "2026-12-24,2027-01-06"}, "2027-01-06 00:00", "2028-01-06 00:00"},
		{When{Dates: "02-29"}, "2028-02-29 00:00", "2028-03-01 00:00"},
		{When{From: "18:00", To: "24:00"}, "2026-11-23 23:59", "2026-11-23 17:59"},
		// Summer time ends on 2026-10-25 at 03:00: both hours from 2 to 3 are within.
		{When{From: "02:00", To: "03:00"}, "2026-10-25 02:30", "2026-10-25 03:00"},
	} {
		w, err := compileWhen(c.when, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if !w.contains(at(c.in)) {
			t.Errorf("%+v lacks %s", c.when, c.in)
		}
		if w.contains(at(c.out)) {
			t.Errorf("%+v has %s", c.when, c.out)
		}
	}
	w, _ := compileWhen(When{From: "02:00", To: "03:00"}, berlin)
	for _, utc := range []string{"00:30", "01:30"} {
		tm, _ := time.Parse("2006-01-02 15:04", "2026-10-25 "+utc)
		if !w.contains(tm) {
			t.Errorf("%s UTC, in one of the two hours between 2 and 3", utc)
		}
	}
	for _, bad := range []When{{From: "8:0"}, {From: "24:00"}, {To: "24:01"}, {To: "x"}, {Dates: "13-01"}, {Dates: "2026-12-24..12-26"},
		{Dates: "2026-12-24..2026-12-01"}, {Days: "mon-"}} {
		if _, err := compileWhen(bad, berlin); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	var list []string
	for i := range 100000 {
		list = append(list, fmt.Sprintf("+49%06d*", i))
	}
	var rules []Rule
	for i := range 50 {
		rules = append(rules, Rule{Match: Match{Called: []string{fmt.Sprintf("+1%d*", i)}}, Then: to("a")})
	}
	r := newRules(b, RulesConfig{Rules: append(rules, Rule{Match: Match{Called: list}, Then: to("b")})})
	req := &Request{Called: party(b, "+49099999123")}
	for b.Loop() {
		if d, err := r.Route(b.Context(), req); err != nil || d.Rule != "rule 51" {
			b.Fatal(d, err)
		}
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add("+49*", "+4930", "$1")
	f.Add(`/^\+(\d+)$/`, "+4930", "sip:$1@h")
	f.Add("//", "", "$")
	f.Fuzz(func(t *testing.T, pattern, text, template string) {
		p, err := compilePatterns("x", []string{pattern})
		if err != nil {
			return
		}
		c, ok := p.match(text)
		if out := c.expand(template, sip.EscapeUser); !ok && out != template || len(out) > max(maxText, len(template)) {
			t.Fatalf("%q: %v", out, ok)
		}
	})
}
