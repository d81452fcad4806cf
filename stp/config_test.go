package stp

import (
	"net/netip"
	"os"
	"path/filepath"
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

func load(t testing.TB, name string) *Config {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig(name, text)
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

func FuzzParseConfig(f *testing.F) {
	for _, n := range []string{"stp-a.yaml", "stp-a-mask.yaml", "stp-b.yaml", "stp-b-mask.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &x [*x, *x]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := ParseConfig("f", text); err == nil && c.Node.PointCode == 0 {
			t.Error("a node without a point code")
		}
	})
}
