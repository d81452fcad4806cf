package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// zone is a Resolver over a table: "NAPTR name", "SRV name" and "name" to records as text.
type zone map[string][]string

var errServFail = errors.New("SERVFAIL")

func (z zone) LookupNAPTR(_ context.Context, name string) (out []NAPTR, err error) {
	for _, s := range z["NAPTR "+name] {
		if s == "error" {
			return nil, errServFail
		}
		var r NAPTR
		if _, err := fmt.Sscanf(s, "%d %d %q %q %q %s", &r.Order, &r.Preference, &r.Flags, &r.Service, &r.Regexp, &r.Replacement); err != nil {
			panic(s + ": " + err.Error())
		}
		r.Replacement = strings.TrimSuffix(r.Replacement, ".")
		out = append(out, r)
	}
	return out, nil
}

func (z zone) LookupSRV(_ context.Context, name string) (out []SRV, err error) {
	for _, s := range z["SRV "+name] {
		if s == "error" {
			return nil, errServFail
		}
		var r SRV
		if _, err := fmt.Sscanf(s, "%d %d %d %s", &r.Priority, &r.Weight, &r.Port, &r.Target); err != nil {
			panic(s + ": " + err.Error())
		}
		r.Target = strings.TrimSuffix(r.Target, ".")
		out = append(out, r)
	}
	return out, nil
}

func (z zone) LookupAddrs(_ context.Context, name string) (out []netip.Addr, err error) {
	for _, s := range z[name] {
		if s == "error" {
			return nil, errServFail
		}
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

// RFC 3263 section 4.1 has example.com; the others are made for a branch each.
var testZone = zone{
	"NAPTR example.com": {
		`100 50 "s" "SIP+D2U" "" _sip._udp.example.com`,
		`90 50 "s" "SIP+D2T" "" _sip._tcp.example.com`,
		`50 50 "s" "SIPS+D2T" "" _sips._tcp.example.com`,
		`10 10 "u" "E2U+sip" "!.*!sip:x!" .`,
		`10 10 "s" "SIP+D2S" "" _sip._sctp.example.com`,
	},
	"SRV _sips._tcp.example.com": {"0 1 5061 server1.example.com", "1 1 5061 server2.example.com"},
	"SRV _sip._tcp.example.com":  {"0 1 5060 server1.example.com"},
	"SRV _sip._udp.example.com":  {"0 1 5060 server1.example.com", "1 1 5070 server2.example.com"},
	"server1.example.com":        {"192.0.2.1", "2001:db8::1"},
	"server2.example.com":        {"192.0.2.2"},

	"SRV _sip._udp.srv.test":  {"20 0 5062 b.srv.test", "10 0 5060 a.srv.test"},
	"SRV _sip._tcp.srv.test":  {"10 0 5060 a.srv.test"},
	"SRV _sips._tcp.srv.test": {"10 0 5061 a.srv.test"},
	"a.srv.test":              {"192.0.2.11"},
	"b.srv.test":              {"192.0.2.12"},
	"srv.test":                {"192.0.2.99"},

	"plain.test": {"192.0.2.21", "192.0.2.22"},

	"SRV _sip._udp.none.test":  {"0 0 0 ."},
	"SRV _sip._tcp.none.test":  {"0 0 0 ."},
	"SRV _sips._tcp.none.test": {"0 0 0 ."},
	"none.test":                {"192.0.2.31"},

	"NAPTR broken.test":         {"error"},
	"SRV _sip._udp.broken.test": {"error"},
	"broken.test":               {"192.0.2.41"},

	"SRV _sip._udp.dead.test": {"error"},
	"dead.test":               {"error"},

	"NAPTR web.test":         {`10 10 "S" "sips+d2w" "" _ws._tcp.web.test`, `20 10 "a" "SIP+D2W" "" a.srv.test`},
	"SRV _ws._tcp.web.test":  {"0 0 8443 a.srv.test"},
	"NAPTR empty.test":       {`10 10 "s" "SIP+D2T" "" _sip._tcp.nowhere.test`, `20 10 "s" "SIP+D2U" "" _sip._udp.srv.test`},
	"SRV _sip._udp.num.test": {"0 0 5060 192.0.2.51"},
	"maddr.test":             {"192.0.2.61"},
}

func targets(ts []Target) (out []string) {
	for _, t := range ts {
		out = append(out, fmt.Sprintf("%v %v %s", t.Transport, t.Addr, t.ServerName))
	}
	return out
}

func TestTargets(t *testing.T) {
	all := []Transport{UDP, TCP, TLS, WS, WSS}
	for _, c := range []struct {
		uri   string
		cfg   LocateConfig
		want  []string
		isErr error
	}{
		// Numeric addresses.
		{uri: "sip:192.0.2.7", want: []string{"UDP 192.0.2.7:5060 192.0.2.7"}},
		{uri: "sips:192.0.2.7", want: []string{"TLS 192.0.2.7:5061 192.0.2.7"}},
		{uri: "sip:192.0.2.7;transport=tcp", want: []string{"TCP 192.0.2.7:5060 192.0.2.7"}},
		{uri: "sip:192.0.2.7:5080;transport=TLS", want: []string{"TLS 192.0.2.7:5080 192.0.2.7"}},
		{uri: "sip:[2001:db8::7]:5070", want: []string{"UDP [2001:db8::7]:5070 2001:db8::7"}},
		{uri: "sips:192.0.2.7;transport=tcp", want: []string{"TLS 192.0.2.7:5061 192.0.2.7"}},
		{uri: "sips:192.0.2.7;transport=udp", isErr: errNoTransport},
		{uri: "sip:192.0.2.7;transport=sctp", isErr: errNoTransport},
		{uri: "sip:192.0.2.7;transport=ws", isErr: errNoTransport},
		{uri: "sip:192.0.2.7;transport=ws", cfg: LocateConfig{Transports: all}, want: []string{"WS 192.0.2.7:80 192.0.2.7"}},
		{uri: "sips:192.0.2.7;transport=ws", cfg: LocateConfig{Transports: all}, want: []string{"WSS 192.0.2.7:443 192.0.2.7"}},
		{uri: "sip:example.com;maddr=192.0.2.8", want: []string{"UDP 192.0.2.8:5060 example.com"}},
		{uri: "sips:example.com;maddr=maddr.test", want: []string{"TLS 192.0.2.61:5061 example.com"}},
		// A port: no NAPTR, no SRV.
		{uri: "sip:srv.test:5060", want: []string{"UDP 192.0.2.99:5060 srv.test"}},
		{uri: "sips:srv.test:5061", want: []string{"TLS 192.0.2.99:5061 srv.test"}},
		{uri: "sip:plain.test:7000;transport=tcp", want: []string{"TCP 192.0.2.21:7000 plain.test", "TCP 192.0.2.22:7000 plain.test"}},
		// NAPTR decides; the answer's order, not that of its records.
		{uri: "sip:example.com", want: []string{"TLS 192.0.2.1:5061 example.com", "TLS [2001:db8::1]:5061 example.com", "TLS 192.0.2.2:5061 example.com"}},
		{uri: "sip:example.com", cfg: LocateConfig{PreferIPv6: true}, want: []string{"TLS [2001:db8::1]:5061 example.com", "TLS 192.0.2.1:5061 example.com", "TLS 192.0.2.2:5061 example.com"}},
		{uri: "sip:example.com", cfg: LocateConfig{Transports: []Transport{UDP, TCP}}, want: []string{"TCP 192.0.2.1:5060 example.com", "TCP [2001:db8::1]:5060 example.com"}},
		{uri: "sip:example.com", cfg: LocateConfig{Transports: []Transport{UDP}, MaxTargets: 2}, want: []string{"UDP 192.0.2.1:5060 example.com", "UDP [2001:db8::1]:5060 example.com"}},
		{uri: "sips:example.com", cfg: LocateConfig{MaxTargets: 1}, want: []string{"TLS 192.0.2.1:5061 example.com"}},
		{uri: "sip:example.com", cfg: LocateConfig{AllNAPTROrders: true, Transports: []Transport{TCP, UDP}}, want: []string{
			"TCP 192.0.2.1:5060 example.com", "TCP [2001:db8::1]:5060 example.com",
			"UDP 192.0.2.1:5060 example.com", "UDP [2001:db8::1]:5060 example.com", "UDP 192.0.2.2:5070 example.com"}},
		{uri: "sip:web.test", cfg: LocateConfig{Transports: all}, want: []string{"WSS 192.0.2.11:8443 web.test"}},
		{uri: "sip:web.test", cfg: LocateConfig{Transports: []Transport{WS}}, want: []string{"WS 192.0.2.11:80 web.test"}},
		{uri: "sip:empty.test", want: []string{"UDP 192.0.2.11:5060 empty.test", "UDP 192.0.2.12:5062 empty.test"}},
		// A transport: its SRV records, else addresses.
		{uri: "sip:example.com;transport=udp", want: []string{"UDP 192.0.2.1:5060 example.com", "UDP [2001:db8::1]:5060 example.com", "UDP 192.0.2.2:5070 example.com"}},
		{uri: "sip:plain.test;transport=tls", want: []string{"TLS 192.0.2.21:5061 plain.test", "TLS 192.0.2.22:5061 plain.test"}},
		// No NAPTR: SRV of what we have, in our order.
		{uri: "sip:srv.test", want: []string{"UDP 192.0.2.11:5060 srv.test", "UDP 192.0.2.12:5062 srv.test", "TCP 192.0.2.11:5060 srv.test"}},
		{uri: "sips:srv.test", want: []string{"TLS 192.0.2.11:5061 srv.test"}},
		{uri: "sip:srv.test", cfg: LocateConfig{Transports: []Transport{TCP, UDP}, MaxTargets: 2}, want: []string{"TCP 192.0.2.11:5060 srv.test", "UDP 192.0.2.11:5060 srv.test"}},
		{uri: "sip:num.test", want: []string{"UDP 192.0.2.51:5060 num.test"}},
		// No SRV: addresses.
		{uri: "sip:plain.test", want: []string{"UDP 192.0.2.21:5060 plain.test", "UDP 192.0.2.22:5060 plain.test"}},
		{uri: "sips:plain.test.", want: []string{"TLS 192.0.2.21:5061 plain.test", "TLS 192.0.2.22:5061 plain.test"}},
		// Nothing.
		{uri: "sip:none.test", isErr: errNoService},
		{uri: "sip:none.test;transport=tcp", isErr: errNoService},
		{uri: "sip:nobody.test", isErr: errNoAddress},
		{uri: "sip:broken.test", want: []string{"UDP 192.0.2.41:5060 broken.test"}},
		{uri: "sip:dead.test", isErr: errServFail},
		{uri: "tel:+4416", isErr: errNotLocatable},
	} {
		u, err := ParseURI(c.uri)
		if err != nil {
			t.Fatal(err)
		}
		c.cfg.Resolver = testZone
		got, err := NewLocator(c.cfg).Targets(t.Context(), u)
		if d := cmp.Diff(c.want, targets(got)); d != "" || !errors.Is(err, c.isErr) {
			t.Errorf("%s: %v\n%s", c.uri, err, d)
		}
		var le *LocateError
		if err != nil && !errors.As(err, &le) {
			t.Errorf("%s: error of type %T", c.uri, err)
		}
	}
}

func TestWhy(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:example.com":             "NAPTR 50 50 SIPS+D2T, SRV 0 1 server1.example.com, address",
		"sip:srv.test":                "no NAPTR, SRV 10 0 a.srv.test, address",
		"sip:srv.test;transport=tcp":  "transport in the URI, SRV 10 0 a.srv.test, address",
		"sip:plain.test":              "no NAPTR, no SRV, address",
		"sip:plain.test:99":           "port in the URI, address",
		"sip:192.0.2.1;transport=tcp": "numeric address",
	} {
		u, _ := ParseURI(uri)
		got, err := NewLocator(LocateConfig{Resolver: testZone}).Targets(t.Context(), u)
		if err != nil || got[0].Why != want {
			t.Errorf("%s: %v, %v, want %q", uri, got, err, want)
		}
	}
}

func TestResponseTargets(t *testing.T) {
	for _, c := range []struct {
		via  string
		want []string
	}{
		{"SIP/2.0/TCP client.test:5070;received=192.0.2.7;branch=z9hG4bK1", []string{"TCP 192.0.2.7:5070 client.test"}},
		{"SIP/2.0/TCP plain.test;received=192.0.2.7;rport=33333", []string{"TCP 192.0.2.7:5060 plain.test", "TCP 192.0.2.21:5060 plain.test", "TCP 192.0.2.22:5060 plain.test"}},
		{"SIP/2.0/TLS srv.test", []string{"TLS 192.0.2.11:5061 srv.test"}},
		{"SIP/2.0/UDP srv.test", []string{"UDP 192.0.2.11:5060 srv.test", "UDP 192.0.2.12:5062 srv.test"}},
		{"SIP/2.0/UDP srv.test:5090", []string{"UDP 192.0.2.99:5090 srv.test"}},
		{"SIP/2.0/UDP 192.0.2.3;received=192.0.2.4", []string{"UDP 192.0.2.3:5060 192.0.2.3"}},
		{"SIP/2.0/TLS [2001:db8::3]:5080", []string{"TLS [2001:db8::3]:5080 2001:db8::3"}},
		{"SIP/2.0/UDP srv.test;maddr=192.0.2.5", []string{"UDP 192.0.2.5:5060 srv.test"}},
		{"SIP/2.0/SCTP srv.test", nil},
	} {
		v, err := ParseVia(c.via)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewLocator(LocateConfig{Resolver: testZone}).ResponseTargets(t.Context(), v)
		if d := cmp.Diff(c.want, targets(got)); d != "" || (err != nil) != (c.want == nil) {
			t.Errorf("%s: %v\n%s", c.via, err, d)
		}
	}
}

// TestSRVWeights draws 10,000 times: each record comes first as often as its weight says
// (RFC 2782), within 5 standard deviations of a seeded draw.
func TestSRVWeights(t *testing.T) {
	records := []SRV{{10, 60, 1, "a"}, {10, 30, 2, "b"}, {10, 10, 3, "c"}, {10, 0, 4, "d"}, {5, 0, 5, "e"}}
	seed := uint64(1)
	random := func(n int) int { // xorshift
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		return int(seed % uint64(n))
	}
	first := map[string]int{}
	for range 10_000 {
		got := orderSRV(records, random)
		if got[0].Target != "e" || len(got) != 5 {
			t.Fatalf("priority is not respected: %v", got)
		}
		seen := map[string]bool{}
		for _, r := range got {
			seen[r.Target] = true
		}
		if len(seen) != 5 {
			t.Fatalf("records are lost: %v", got)
		}
		first[got[1].Target]++
	}
	for name, want := range map[string]int{"a": 5940, "b": 2970, "c": 990, "d": 99} {
		if d := first[name] - want; d < -250 || d > 250 || first[name] == 0 {
			t.Errorf("%s was first %d times, want about %d", name, first[name], want)
		}
	}
}

func TestFailedTargetsAreTriedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLocator(LocateConfig{Resolver: testZone, Transports: []Transport{UDP}})
		u, _ := ParseURI("sip:srv.test")
		order := func() string {
			ts, err := l.Targets(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(ts[0].Addr.Addr(), " ", ts[1].Addr.Addr())
		}
		const normal, swapped = "192.0.2.11 192.0.2.12", "192.0.2.12 192.0.2.11"
		expect := func(when, want string) {
			t.Helper()
			if got := order(); got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
		}
		ts, _ := l.Targets(t.Context(), u)
		expect("at first", normal)
		l.Failed(ts[0], 0)
		l.Failed(ts[0], 0) // of the same burst
		expect("after a failure", swapped)
		if ts, _ := l.Targets(t.Context(), u); !strings.HasSuffix(ts[1].Why, "; avoided after 1 failures") {
			t.Errorf("why: %q", ts[1].Why)
		}
		time.Sleep(29 * time.Second)
		expect("before the back-off ends", swapped)
		time.Sleep(2 * time.Second)
		expect("one request probes", normal)
		expect("the next one does not", swapped)
		l.Failed(ts[0], 0)
		time.Sleep(31 * time.Second)
		expect("the back-off has doubled", swapped)
		time.Sleep(30 * time.Second)
		expect("and ends", normal)
		l.Succeeded(ts[0])
		expect("after a success", normal)
		l.Failed(ts[0], 10*time.Minute)
		time.Sleep(9 * time.Minute)
		expect("within Retry-After", swapped)
		l.Failed(ts[1], 0)
		expect("all fail: in the order of DNS", normal)
	})
}

func TestHealthIsBounded(t *testing.T) {
	l := NewLocator(LocateConfig{Resolver: testZone, MaxHealth: 10})
	for i := range 1000 {
		l.Failed(Target{Transport: UDP, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5060)}, 0)
	}
	if n := len(l.health.state); n != 10 {
		t.Errorf("%d remembered", n)
	}
}

func ExampleLocator_Targets() {
	l := NewLocator(LocateConfig{Resolver: testZone})
	u, _ := ParseURI("sip:alice@srv.test;transport=udp")
	targets, err := l.Targets(context.Background(), u)
	for _, t := range targets {
		fmt.Println(t)
	}
	fmt.Println(err)
	// Output:
	// UDP 192.0.2.11:5060 (transport in the URI, SRV 10 0 a.srv.test, address)
	// UDP 192.0.2.12:5062 (transport in the URI, SRV 20 0 b.srv.test, address)
	// <nil>
}
