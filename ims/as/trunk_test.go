package as

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

// Servers are tried by priority, and drawn by weight among equals (RFC 2782).
func TestTrunkOrder(t *testing.T) {
	tr, err := newTrunk(Trunk{Name: "t", CoolDown: time.Minute, Servers: []TrunkServer{
		{URI: "sip:c", Priority: 2}, {URI: "sip:a1", Weight: 30}, {URI: "sip:a2", Weight: 10}, {URI: "sip:b", Priority: 1},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	r := rand.New(rand.NewPCG(1, 2))
	first := map[string]int{}
	for range 4000 {
		var got []string
		for _, s := range tr.order(now, r.IntN) {
			got = append(got, s.URI)
		}
		if len(got) != 4 || got[2] != "sip:b" || got[3] != "sip:c" {
			t.Fatal(got)
		}
		first[got[0]]++
	}
	if n := first["sip:a1"]; n < 2850 || n > 3150 {
		t.Errorf("a1 was first %d times of 4000, want about 3000", n)
	}

	uris := func(at time.Time) (got []string) {
		for _, s := range tr.order(at, func(int) int { return 0 }) {
			got = append(got, s.URI)
		}
		return got
	}
	a1, a2 := tr.servers[1], tr.servers[2]
	silent := &sip.AttemptError{Method: sip.INVITE, Err: sip.ErrTimeout}
	if !tr.next(a1, now, silent) || !tr.next(a2, now, &sip.ResponseError{Response: response(503, "Retry-After", "7200")}) {
		t.Error("another server is to be tried")
	}
	if diff := cmp.Diff([]string{"sip:b", "sip:c"}, uris(now)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"sip:a1", "sip:b", "sip:c"}, uris(now.Add(61*time.Second))); diff != "" {
		t.Error(diff)
	}
	tr.next(a1, now, silent) // again: twice as long
	if diff := cmp.Diff([]string{"sip:b", "sip:c"}, uris(now.Add(61*time.Second))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"sip:a1", "sip:a2", "sip:b", "sip:c"}, uris(now.Add(61*time.Minute))); diff != "" {
		t.Error(diff) // an hour at most, whatever it says
	}
	for _, s := range tr.servers {
		tr.next(s, now, silent)
	}
	if n := len(uris(now)); n != 4 {
		t.Errorf("%d servers, want all of them where none does well", n)
	}
	for status, want := range map[int]bool{408: true, 500: true, 502: true, 503: true, 504: true, 404: false, 480: false, 486: false, 487: false, 603: false, 302: false} {
		if got := tr.next(a1, now, &sip.ResponseError{Response: response(status)}); got != want {
			t.Errorf("after %d the next server: %v", status, got)
		}
	}
	// Another configuration knows what is known of the servers that stay.
	tr.servers[0].failed(now, time.Hour, 0, errors.New("gone"))
	again, err := newTrunk(Trunk{Name: "t", Servers: []TrunkServer{{URI: "sip:c", Priority: 2}, {URI: "sip:d"}}}, tr)
	if err != nil || again.servers[0] != tr.servers[0] || again.servers[1].usable(now) != true || again.servers[0].usable(now) {
		t.Errorf("%v %+v", err, again.stats(now))
	}
}

func response(status int, fields ...string) *sip.Response {
	r := &sip.Response{StatusCode: status}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Add(fields[i], fields[i+1])
	}
	return r
}

// Decisions' targets with weights are drawn by them; those without stay in their order.
func TestArrange(t *testing.T) {
	list := []Target{{Trunk: "first"}, {Trunk: "a", Weight: 3}, {Trunk: "b", Weight: 1}, {Trunk: "last"}}
	r := rand.New(rand.NewPCG(3, 4))
	n := 0
	for range 4000 {
		got := arrange(list, r.IntN)
		if len(got) != 4 || got[0].Trunk != "first" || got[3].Trunk != "last" {
			t.Fatal(got)
		}
		if got[1].Trunk == "a" {
			n++
		}
	}
	if n < 2850 || n > 3150 {
		t.Errorf("a came first %d times of 4000, want about 3000", n)
	}
}

func TestTrunkErrors(t *testing.T) {
	for want, tr := range map[string]Trunk{
		"cannot be one":           {Name: "a/b"},
		"no sip URI":              {Name: "a", Servers: []TrunkServer{{URI: "tel:+49"}}},
		"negative":                {Name: "a", Servers: []TrunkServer{{URI: "sip:x", Weight: -1}}},
		"a: from":                 {Name: "a", From: "<"},
		"a: registrar":            {Name: "a", Register: TrunkRegister{Registrar: "::"}},
		"neither an address":      {Name: "a", Register: TrunkRegister{Registrar: "sip:x"}},
		"header v":                {Name: "a", Headers: []HeaderRule{{Name: "v", Value: "x"}}},
		"header X-A":              {Name: "a", Headers: []HeaderRule{{Name: "X-A", Value: "x\r\nVia: y"}}},
		"not among those":         {Name: "a", Codecs: []string{"G729"}},
		"no country code":         {Name: "a", Border: BorderConfig{Plan: PlanConfig{Country: "0"}}},
		"trunk b: register proxy": {Name: "b", Username: "u", Register: TrunkRegister{Registrar: "sip:x", Proxy: "::"}},
	} {
		_, err := newSettings(Config{Trunks: []Trunk{tr}}, nil)
		var ce *ConfigError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, cfg := range []Config{{IMS: IMS{Routes: []string{"<sip:x>"}}}, {IMS: IMS{OrigRoutes: []string{"::"}}}, {IMS: IMS{Peers: []Source{{}}}}, {Trunks: []Trunk{{Name: "a"}, {Name: "a"}}}} {
		var ce *ConfigError
		if _, err := New(cfg); !errors.As(err, &ce) {
			t.Errorf("%+v: %v", cfg.IMS, err)
		}
	}
}

// A server that does not answer OPTIONS is left alone until it does.
func TestPing(t *testing.T) {
	tr := trunkTo("a", hostTrunk+1, hostTrunk+2)
	tr.Servers[1].Priority, tr.Ping = 1, 10*time.Second
	run(t, Config{Trunks: []Trunk{tr}, Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}}})}, func(h *house) {
		h.carrier(hostTrunk+1, nil)
		spare := h.carrier(hostTrunk+2, nil)
		time.Sleep(20 * time.Second)
		usable := func() (out []bool) {
			for _, s := range h.s.Stats().Trunks[0].Servers {
				out = append(out, s.Usable)
			}
			return out
		}
		if diff := cmp.Diff([]bool{true, true}, usable()); diff != "" {
			t.Error(diff)
		}
		h.net.Block(at(hostTrunk+1, 0).Addr(), true)
		time.Sleep(30 * time.Second)
		if diff := cmp.Diff([]bool{false, true}, usable()); diff != "" {
			t.Error(diff)
		}
		p := h.cscf()
		inv := p.invite("tel:+4930")
		p.send(inv)
		began := time.Now()
		p.answered(inv)
		if d := time.Since(began); d > time.Second || len(spare.calls()) != 1 {
			t.Errorf("after %v, %d calls at the spare server", d, len(spare.calls()))
		}
		h.net.Block(at(hostTrunk+1, 0).Addr(), false)
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]bool{true, true}, usable()); diff != "" {
			t.Error(diff)
		}
	})
}

// A trunk has no more calls than it may have, both ways together.
func TestTrunkMaxCalls(t *testing.T) {
	tr := trunkTo("a", hostTrunk+1)
	tr.MaxCalls = 1
	run(t, Config{Trunks: []Trunk{tr, trunkTo("b", hostTrunk+2)}, Router: always(Decision{Action: Bridge, Targets: []Target{{Trunk: "a"}, {Trunk: "b"}}})}, func(h *house) {
		a, b := h.carrier(hostTrunk+1, nil), h.carrier(hostTrunk+2, nil)
		p := h.cscf()
		for range 2 {
			inv := p.invite("tel:+4930")
			p.send(inv)
			p.answered(inv)
		}
		if len(a.calls()) != 1 || len(b.calls()) != 1 {
			t.Errorf("%d and %d calls", len(a.calls()), len(b.calls()))
		}
		if _, err := a.Dial(h.Context(), "sip:+4931@10.0.0.9", call.DialOptions{}); sip.StatusCode(err) != 503 {
			t.Errorf("a call from the full trunk: %v", err)
		}
	})
}
