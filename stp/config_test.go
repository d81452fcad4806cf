package stp

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
)

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func load(t testing.TB, name string) *Config {
	t.Helper()
	c, err := ParseConfig(name, []byte(read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t testing.TB, text string) *Config {
	t.Helper()
	c, err := ParseConfig("stp.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addr(s string) sctp.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return sctp.Addr{IPs: []netip.Addr{netip.MustParseAddr(s)}}
	}
	return sctp.AddrOf(ap)
}

func ptr[T any](v T) *T { return &v }

var ignorePos = cmp.Options{cmpopts.IgnoreTypes(Pos{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}

func TestParseConfig(t *testing.T) {
	got := load(t, "stp-b-mask.yaml")
	link := func(slc uint8, port string) LinkConfig {
		return LinkConfig{SLC: slc, M2PA: M2PALinkConfig{Accept: addr("127.0.0.1"), Local: addr("127.0.0.2:" + port)}}
	}
	want := &Config{
		File:     "stp-b-mask.yaml",
		Node:     NodeConfig{Name: "STP-B", PointCode: 8233, NI: mtp3.National},
		Listen:   []ListenConfig{{M3UA: addr("127.0.0.2:2905")}},
		Linksets: []LinksetConfig{{Name: "to-A", Adjacent: 2065, Links: []LinkConfig{link(0, "3565"), link(1, "3566"), link(2, "3567"), link(3, "3568")}}},
		AS: []ASConfig{
			{Name: "E", PointCode: 8235, RoutingContext: 1, Mode: m3ua.Override, ASPs: []ASPConfig{{Name: "e1", Peer: addr("127.0.0.15")}}},
			{Name: "B", PointCode: 8238, RoutingContext: 2, Mode: m3ua.Override, ASPs: []ASPConfig{{Name: "b1", Peer: addr("127.0.0.16")}}},
		},
		Routes: []RouteConfig{{To: mtp3.Destination{PC: 2064, Wild: 3}, Via: []string{"to-A"}, Priority: 1}},
		GTT:    []GTTConfig{{Name: "freephone", Match: GTTMatch{Plan: ptr(sccp.E164), Prefix: "0800"}, To: []GTTHop{{PC: 2065, Route: RouteOnGT}}}},
	}
	if diff := cmp.Diff(want, got, ignorePos); diff != "" {
		t.Error(diff)
	}
	if p := got.Linksets[0].Links[2].Pos; p.Line != 17 {
		t.Errorf("the third link is in line %v, want 17", p)
	}
}

func TestParseConfigValues(t *testing.T) {
	got := parse(t, `
node: {point-code: 1-2-3, format: ansi, sls-bits: 5, network-indicator: 3, transfer: no, timers: {t1: 1s, test-t2: -1s}}
listen: {m3ua: ["10.0.0.1", "10.1.0.1:2906"]}
m2pa: &slow {t7: 4s, congestion-onset: [1000, 2000]}
m3ua: {registration: {dynamic: on}}
as:
  - name: x
    keys: {dpc: 1.2.4, si: [isup, 3, b-isup], opc: [2.0.0/8, 3.0.0/255.255.0]}
    network-appearance: 7
    asps: [x1, {name: x2, connect: "[2001:db8::1]:2905", id: 9}]
asp: {name: x1, peer: 10.0.0.9}
linkset: {adjacent: 9.9.9, links: {slc: 0, m2pa: {<<: *slow, accept: 10.9.9.9, t1: 50s}}}
gateway: {name: g, role: ipsp-double, accept: 10.0.0.7, routing-contexts: 5}
`)
	want := &Config{
		File: "stp.yaml",
		Node: NodeConfig{PointCode: 0x010203, Format: mtp3.Format{Variant: mtp3.ANSI, SLSBits: 5}, SLSBits: 5, NI: mtp3.NationalSpare, Transfer: Off,
			Timers: mtp3.Timers{T1: time.Second, TestT2: -time.Second}},
		Listen: []ListenConfig{{M3UA: sctp.Addr{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.1.0.1")}, Port: 2906}}},
		M2PA:   M2PAConfig{T7: 4 * time.Second, CongestionOnset: []int{1000, 2000}},
		M3UA:   M3UAConfig{Registration: RegistrationConfig{Dynamic: On}},
		AS: []ASConfig{{Name: "x", Keys: []KeyConfig{{DPC: 0x010204, SIs: []mtp3.ServiceIndicator{mtp3.ISUP, mtp3.SCCP, mtp3.BroadbandISUP},
			OPCs: []mtp3.Destination{{PC: 0x020000, Wild: 16}, {PC: 0x030000, Wild: 8}}}}, NetworkAppearance: m3ua.Some(7),
			ASPs: []ASPConfig{{Name: "x1"}, {Name: "x2", Connect: addr("[2001:db8::1]:2905"), ID: m3ua.Some(9)}}}},
		ASPs: []ASPConfig{{Name: "x1", Peer: addr("10.0.0.9")}},
		Linksets: []LinksetConfig{{Name: "9.9.9", Adjacent: 0x090909, Links: []LinkConfig{{M2PA: M2PALinkConfig{Accept: addr("10.9.9.9"),
			Config: M2PAConfig{T1: 50 * time.Second, T7: 4 * time.Second, CongestionOnset: []int{1000, 2000}}}}}}},
		Gateways: []GatewayConfig{{Name: "g", Role: m3ua.DoubleExchange, Accept: addr("10.0.0.7"), RoutingContexts: []uint32{5}}},
	}
	if diff := cmp.Diff(want, got, ignorePos); diff != "" {
		t.Error(diff)
	}
	asps := got.AllASPs()
	if len(asps) != 2 || asps[0].Name != "x1" || asps[0].Peer.IPs == nil || asps[1].Name != "x2" {
		t.Errorf("ASPs: %+v", asps)
	}
}

func TestParseConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `f:1:1: nothing in it: at least "node" with a "point-code" is needed`},
		{"no point code", "node: {name: x}", "f:1:8: node.point-code: is missing: what is this node called in the network?"},
		{"unknown key", "node: {point-code: 1.2.3}\nroutes: []", `f:2:1: routes: unknown key; do you mean "route"?`},
		{"far from any", "node: {point-code: 1.2.3, colour: red}", "f:1:27: node.colour: unknown key; known are name, point-code, aliases, format, sls-bits, " +
			"network-indicator, transfer, transfer-restricted, restart, link-test, congestion, max-held, max-exceptions, max-broadcast, timers"},
		{"twice", "node: {point-code: 1.2.3}\nnode: {point-code: 1.2.3}", `f:2:1: mapping key "node" already defined at [1:1]`},
		{"not YAML", "node: [", "f:1:7: sequence end token ']' not found"},
		{"point code", "node: {point-code: 1.2.9}", `f:1:20: node.point-code: mtp3: parse point code "1.2.9": part 3 is not a number of 3 bits`},
		{"format", "node: {point-code: 1.2.3, format: 3-8-4}", `f:1:35: node.format: want a format such as "3-8-3", "14", "ansi", "china" or "japan", not "3-8-4"`},
		{"list for a value", "node: {point-code: [1.2.3]}", "f:1:20: node.point-code: want one value, not a list"},
		{"value for keys", "node: STP", `f:1:7: node: want keys and values (name, point-code, aliases, format, sls-bits, network-indicator, transfer, ` +
			`transfer-restricted, restart, link-test, congestion, max-held, max-exceptions, max-broadcast, timers), not "STP"`},
		{"duration", "node: {point-code: 1.2.3, timers: {t1: 8}}", `f:1:40: node.timers.t1: want a duration such as "2s", "500ms" or "1m30s", not "8"`},
		{"mode", "node: {point-code: 1.2.3}\nas: [{name: a, mode: overide}]", `f:2:22: as[0].mode: want unset, override, loadshare, broadcast, not "overide"`},
		{"switch", "node: {point-code: 1.2.3, transfer: maybe}", `f:1:37: node.transfer: want on, off, not "maybe"`},
		{"SI", "node: {point-code: 1.2.3}\nscreening: [{name: s, rules: [{si: 16}]}]",
			`f:2:36: screening[0].rules[0].si: want snm, snt, snt-special, sccp, tup, isup, dup-call, dup-facility, mtp-test, b-isup, s-isup or a number up to 15, not "16"`},
		{"address", "node: {point-code: 1.2.3}\nlisten: [{m3ua: localhost}]",
			`f:2:17: listen[0].m3ua: want addresses and a port such as "10.0.0.1:2905" or "10.0.0.1,10.1.0.1:2905", not "localhost"`},
		{"number", "node: {point-code: 1.2.3}\nas: [{name: a, routing-context: -1}]", `f:2:33: as[0].routing-context: want a number from 0 to 4294967295, not "-1"`},
		{"no alias", "node: {point-code: *pc}", "f:1:20: nothing before is called &pc"},
		{"tag", "node: {point-code: !!str 1.2.3}", "f:1:20: node.point-code: tags such as !!str have no meaning here"},
		{"two documents", "node: {point-code: 1.2.3}\n---\nnode: {}", "f:3:1: a second document: one file holds one configuration"},
		{"link", "node: {point-code: 1.2.3}\nlinkset:\n- name: x\n  links:\n  - slc: 16", "f:3:3: linkset[0].adjacent: is missing: which point is at the other end?\n" +
			"f:5:5: linkset[0].links[0].slc: want 0 to 15, not 16\nf:5:5: linkset[0].links[0].m2pa: wants either connect (this side sets up the association) or accept (the peer does)"},
		{"several", "node: {point-code: 9.9.9, nam: x}\nlisten: [{m3ua: nowhere}]\nroute: [{to: 1.2.3/15, via: x}]",
			"f:1:20: node.point-code: mtp3: parse point code \"9.9.9\": part 1 is not a number of 3 bits\n" +
				"f:1:27: node.nam: unknown key; do you mean \"name\"?\n" +
				"f:2:17: listen[0].m3ua: want addresses and a port such as \"10.0.0.1:2905\" or \"10.0.0.1,10.1.0.1:2905\", not \"nowhere\"\n" +
				"f:3:14: route[0].to: mtp3: parse destination \"1.2.3/15\": a mask has 0 to 14 bits"},
		{"gtt", "node: {point-code: 1.2.3}\ngtt: [{match: {prefix: 49}, to: {ssn: hlr}}]", "f:2:34: gtt[0].to[0].pc: is missing"},
		{"gtt digits", "node: {point-code: 1.2.3}\ngtt: [{match: {prefix: 49x}, to: {pc: 1.2.4}}]", "f:2:8: gtt[0]: digits: not a digit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseConfig("f", []byte(c.text))
			if err == nil {
				t.Fatalf("no error: %+v", got)
			}
			if diff := cmp.Diff(strings.Split(c.want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, text := range []string{"", "stp-a.yaml", "stp-a-mask.yaml", "stp-b.yaml", "stp-b-mask.yaml"} {
		c := parse(t, everything)
		if text != "" {
			c = load(t, text)
		}
		again, err := ParseConfig(c.File, c.Text())
		if err != nil {
			t.Fatalf("%v\n%s", err, c.Text())
		}
		if diff := cmp.Diff(c, again, ignorePos, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		again, err = ParseConfig(c.File, c.Full())
		if err != nil {
			t.Fatalf("%v\n%s", err, c.Full())
		}
		if diff := cmp.Diff(c.WithDefaults(), again, ignorePos, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: full: %s", text, diff)
		}
		if twice := again.WithDefaults(); !cmp.Equal(twice, again, ignorePos, cmpopts.EquateEmpty()) {
			t.Errorf("%s: defaults of defaults: %s", text, cmp.Diff(again, twice, ignorePos))
		}
	}
}

// everything has each key at least once.
const everything = `
node: {name: "on", point-code: 1.2.1, aliases: [1.2.2], format: 3-8-3, sls-bits: 4, network-indicator: international, transfer: off, transfer-restricted: on,
  restart: off, link-test: off, congestion: levels, max-held: 1, max-exceptions: 2, max-broadcast: 3, timers: {t1: 1s, t24: 2s, test-t1: 3s, test-t2: -1s}}
listen: [{m3ua: "10.0.0.1,10.1.0.1"}, {m3ua-tcp: "[2001:db8::1]:2906"}, {m2pa: 10.0.0.1}]
sctp: {carrier: udp, udp-port: 9900, rto-initial: 100ms, rto-min: 50ms, rto-max: 1s, heartbeat: -1s, path-max-retrans: 2, assoc-max-retrans: 4,
  max-init-retrans: 3, sack-delay: -1s, send-buffer: 1000, receive-buffer: 2000, streams: 33}
m2pa: {t1: 41s, t2: 6s, t3: 1s, t4n: 8s, t4e: 400ms, t6: 4s, t7: 1s, proving-interval: 10ms, proving-filler: -1, repeat-interval: 2s, transmit-buffer: 1000,
  transmit-messages: 10, window: 5, receive-buffer: 100, congestion-onset: [1, 2, 3], congestion-abatement: [1, 1, 2], congestion-discard: [4, 5, 6]}
m3ua: {t-recovery: 3s, pending-messages: 1, pending-octets: 2, t-beat: 5s, send-messages: 3, send-octets: 4, network-appearances: [1, 2], strict: on, any-asp: on,
  registration: {enabled: off, dynamic: on, change: on, max-keys: 5, first-context: 6}}
linkset: {name: "x y", adjacent: 4.5.1, local: 1.2.2, rotate: 1, screen: s, start: off, m2pa: {t1: 42s}, links: [
  {slc: 0, name: zero, start: on, m2pa: {connect: 10.0.0.2, local: "10.0.0.1,10.1.0.1:3566", retry-min: 1s, retry-max: 2s, t1: 43s}}, {slc: 15, m2pa: {accept: 10.0.0.2}}]}
as: {name: "007", point-code: 1.2.3, keys: {dpc: 1.2.4, si: [isup, 12], opc: [1.0.0/3]}, routing-context: 5, network-appearance: 1, mode: broadcast, min-asps: 2, screen: s,
  blocked: on, asps: [a1, {name: a2, peer: "10.0.0.5:2905", id: 5, require-id: on, require-context: on, registration: off, blocked: on}]}
asp: {name: a1, connect: 10.0.0.6, local: "10.0.0.1:2907", tcp: on, max-backoff: 1m}
gateway: [{name: g, role: ipsp-single, accept: 10.0.0.7, local: 10.0.0.1, passive: on, point-codes: [7.7.7], routing-contexts: [1], register: {dpc: 1.2.1, si: sccp}, mode: loadshare,
  id: 4, network-appearance: 2, standby: on, peer-contexts: [3], screen: s, blocked: on, t-ack: 1s, t-refused: 2s, t-beat: 3s, t-audit: 4s, send-messages: 5, send-octets: 6},
  {name: h, connect: [10.0.0.8, 10.0.0.9], tcp: on, max-backoff: 5s}]
route: [{to: 0.0.0/0, via: [x y, g], priority: 9}]
screening: {name: s, default: deny, rules: [{opc: 4.5.0/11, dpc: 1.2.3, si: sccp}, {action: deny}]}
sccp: {hop-counter: 7, extended: on, return: off}
gtt: {name: n, match: {gti: 4, tt: 0, np: e164, nai: international, ssn: hlr, prefix: "49??", whole: on}, share: spread, to: [{name: e, pc: 1.2.6, ssn: 200, weight: 2, gt: {remove: on}},
  {pc: 1.2.7, route: gt, gt: {strip: 2, prefix: "0", gti: 4, tt: 9, np: e214, nai: 3}}, {pc: 1.3.0, gt: {replace: "123"}}]}
management: {listen: "127.0.0.1:9999", hosts: [stp.example], token: secret}
capture: {directory: /tmp/x, per-link: off, continuous: on, ring: 10s, ring-octets: 1000, max-files: 3}
`

// TestEverything keeps the text above complete.
func TestEverything(t *testing.T) {
	c := parse(t, everything)
	set := map[string]bool{}
	walk(reflect.ValueOf(c).Elem(), set)
	var empty []string
	for key, ok := range set {
		if !ok && !strings.HasPrefix(key, "Timers.") {
			empty = append(empty, key)
		}
	}
	slices.Sort(empty)
	// The network indicator is there with the number 0; a range of digits and whole digits exclude each other.
	if diff := cmp.Diff([]string{"GTTMatch.through", "NodeConfig.network-indicator"}, empty); diff != "" {
		t.Error(diff)
	}
}

// walk notes of each key of each type whether it is set somewhere.
func walk(v reflect.Value, set map[string]bool) {
	switch {
	case scalarType(v.Type()):
	case v.Kind() == reflect.Pointer:
		walk(v.Elem(), set)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), set)
		}
	default:
		for i := range v.NumField() {
			f := v.Field(i)
			key, inline := keyOf(v.Type().Field(i))
			if key != "" {
				key = v.Type().Name() + "." + key
				set[key] = set[key] || !f.IsZero()
			}
			if (key != "" || inline) && !(f.Kind() == reflect.Pointer && f.IsNil()) {
				walk(f, set)
			}
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, n := range []string{"stp-a.yaml", "stp-a-mask.yaml", "stp-b.yaml", "stp-b-mask.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(everything))
	f.Add([]byte("a: &x [*x, *x]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig("f", text)
		if err != nil {
			return
		}
		again, err := ParseConfig("f", c.Text())
		if err != nil {
			t.Fatalf("%v\n%s", err, c.Text())
		}
		if diff := cmp.Diff(c, again, ignorePos, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if changes := Changes(Plan(c, again)); len(changes) > 0 {
			t.Errorf("the same is planned as %v", changes)
		}
		if len(Errors(c.Check())) == 0 { // what is sound can be built
			if _, err := c.Explain(Query{Label: mtp3.Label{OPC: c.Node.PointCode, DPC: c.Node.PointCode ^ 1}}); err != nil {
				t.Error(err)
			}
		}
		CheckNetwork(c, again)
	})
}
