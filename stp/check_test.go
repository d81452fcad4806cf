package stp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sound is a configuration with nothing wrong; the cases below add to it.
const sound = `node: {name: X, point-code: 1.2.1, network-indicator: national}
listen: [{m3ua: 10.0.0.1}, {m2pa: 10.0.0.1}]
linkset:
- {name: l, adjacent: 4.5.1, links: [{slc: 0, m2pa: {connect: 10.0.0.2}}, {slc: 1, m2pa: {connect: 10.1.0.2}}]}
- {name: m, adjacent: 4.5.2, links: [{slc: 0, m2pa: {accept: 10.0.0.3}}, {slc: 1, m2pa: {accept: 10.1.0.3}}]}
as:
- {name: a, point-code: 1.2.3, routing-context: 1, asps: {name: a1, peer: 10.0.0.11}}
`

const soundRoutes = "route: [{to: 5.0.0/3, via: l}, {to: 6.0.0/3, via: m}]\n"

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", sound + soundRoutes, ""},
		{"unused linkset", sound + "route: [{to: 5.0.0/3, via: l}]", `5:4: note: linkset "m": no route uses it, only 4.5.2 itself is reached over it`},
		{"names", sound + soundRoutes + "gateway: [{name: a, connect: 10.0.0.20}]\nscreening: [{name: s}, {name: s}]\nasp: {name: a1, peer: 10.0.0.12}", `7:59: error: asp "a1": line 11 has that name already
9:12: error: gateway "a": line 7 has that name already
10:14: warning: screen "s" is used nowhere: no linkset, AS or gateway names it
10:25: error: screen "s": line 10 has that name already
10:25: warning: screen "s" is used nowhere: no linkset, AS or gateway names it`},
		{"aliases", strings.Replace(sound, "1.2.1,", "1.2.1, aliases: [1.2.1, 1.2.2, 1.2.2],", 1) + soundRoutes, `1:8: error: alias 1.2.1 is a point code of this node already
1:8: error: alias 1.2.2 is a point code of this node already`},
		{"end point", strings.Replace(sound, "1.2.1,", "1.2.1, transfer: off,", 1) + soundRoutes,
			"1:8: note: transfer is off: what comes over links for others is refused; AS still reach the routes"},
		{"national options", strings.Replace(sound, "national}", "international, transfer-restricted: on, congestion: levels}", 1) + soundRoutes,
			`1:8: warning: congestion with several levels is a national option (Q.704 section 11.2.4)
1:8: note: transfer-restricted is a national option (Q.704 section 13.4): neighbours of an international network may not know it`},
		{"linksets", `node: {point-code: 1.2.1}
linkset:
- {name: l, adjacent: 4.5.1, local: 1.2.2, links: [{slc: 1, m2pa: {connect: 10.0.0.2}}, {slc: 1, name: x, m2pa: {connect: 10.0.0.3}}]}
- {name: m, adjacent: 4.5.1, links: [{slc: 0, start: off, m2pa: {connect: 10.0.0.4}}]}
- {name: n, adjacent: 1.2.1}
- {name: o, adjacent: 4.5.3, screen: out, links: [{slc: 0, m2pa: {connect: 10.0.0.5}}, {slc: 1, m2pa: {connect: 10.0.0.6}}, {slc: 2, m2pa: {connect: 10.0.0.7}}]}
screening: {name: outer, default: deny}
`, `3:4: error: linkset "l": local 1.2.2 is no point code of this node: name it under node.aliases
3:90: error: linkset "l": the link in line 3 has SLC 1 already
4:4: error: linkset "m": the one in line 3 leads to 4.5.1 already; links to one point are one linkset
4:4: warning: linkset "m": no link starts by itself: it waits for an operator
5:4: error: linkset "n": the adjacent point 1.2.1 is this node
5:4: warning: linkset "n" has no links: 1.2.1 cannot be reached over it
6:4: error: linkset "o": there is no screen "out"; do you mean "outer"?
6:4: note: linkset "o": 16 values of SLS over 3 links are 6 or 5 each: with 1, 2, 4, 8 or 16 links all carry the same
7:13: warning: screen "outer" is used nowhere: no linkset, AS or gateway names it
7:13: warning: screen "outer" refuses everything`},
		{"routes", sound + `route:
- {to: 1.2.1, via: l}
- {to: 4.5.6, via: n}
- {to: 4.5.7, via: [l, l]}
- {to: 4.5.2, via: m}
- {to: 4.5.7, via: l, priority: 1}
`, `9:4: error: route to 1.2.1: that is this node
10:4: error: route to 4.5.6: there is no linkset, as or gateway "n"; do you mean "l"?
11:4: error: route to 4.5.7 via l is in line 11 already
12:4: note: route to 4.5.2: it is at the other end of linkset m, which needs no route
13:4: error: route to 4.5.7 via l is in line 11 already`},
		{"never taken", sound + `route:
- {to: 5.5.0/13, via: l}
- {to: 5.5.0, via: m}
- {to: 5.5.1, via: m}
- {to: 5.6.0/12, via: l}
- {to: 5.6.0/13, via: m}
- {to: 5.6.2, via: m}
`, "9:4: warning: route to 5.5.0/13 is never taken: each of its 2 points has a closer route"},
		{"combined", sound + "route: [{to: 4.5.0/11, via: [l, m]}]", ""},
		{"wasted SLS", strings.ReplaceAll(sound, "links:", "rotate: 3, links:") + "route: [{to: 4.5.0/11, via: [l, m]}]",
			`8:10: warning: wasted SLS: of the linksets that share the traffic to 4.5.0/11, l/1 and m/0 never carry any; with "rotate: 0" at these linksets all do`},
		{"no way back", sound + soundRoutes + `gtt: {match: {prefix: 49}, to: {pc: 4.5.6}}
screening: {name: s, rules: [{opc: [5.5.0/11, 4.5.6], si: isup}, {si: [isup], opc: 4.5.6}, {action: deny}]}
gateway: {name: g, connect: 10.0.0.9, screen: s}
`, `9:33: error: gtt leads to 4.5.6, but no route leads there
10:31: warning: screen "s" lets in what 4.5.6 sends, but there is no way back: no route leads there
10:67: warning: screen "s": no message comes to this rule: the one in line 10 takes all that it matches
10:67: warning: screen "s" lets in what 4.5.6 sends, but there is no way back: no route leads there`},
		{"timers", strings.Replace(sound, "national}", "national, timers: {t1: 2s, test-t2: 10s}}", 1) + soundRoutes + "m2pa: {t7: 500ms, congestion-onset: [100], congestion-abatement: [200]}",
			`1:8: note: timer t1 is 2s: the recommendation has 500ms to 1.2s
1:8: note: timer test-t2 is 10s: the recommendation has 30s to 1m30s
9:8: warning: m2pa: t7 is 500ms, and SCTP sends again after 1s at the earliest (rto-min): one lost packet becomes a lost link
9:8: warning: m2pa: congestion level 1 ends at 200 octets, above its onset at 100`},
	} {
		t.Run(c.name, func(t *testing.T) {
			checked(t, c.text, c.want)
		})
	}
}

func checked(t *testing.T, text, want string) {
	t.Helper()
	got := []string{}
	for _, f := range parse(t, text).Check() {
		got = append(got, strings.TrimPrefix(f.String(), "stp.yaml:"))
	}
	lines := strings.Split(want, "\n")
	if want == "" {
		lines = []string{}
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckServers(t *testing.T) {
	const node = "node: {point-code: 1.2.1, network-indicator: national}\nlisten: [{m3ua: 10.0.0.1}, {m3ua-tcp: 10.0.0.1}]\nas:\n"
	for _, c := range []struct{ name, text, want string }{
		{"contexts and keys", node + `- {name: a, point-code: 1.2.3, routing-context: 1, asps: {name: a1, peer: 10.0.0.11}}
- {name: b, point-code: 1.2.3, routing-context: 1, asps: {name: b1, peer: 10.0.0.11}}
- {name: c, keys: {dpc: 1.2.3, si: isup, opc: 4.5.6}, routing-context: 2, asps: [a1, a1, c1]}
- {name: d, point-code: 1.2.1, asps: a1}
- {name: e}
`, `5:4: error: as "b": the one in line 4 has routing context 1 already
5:4: error: as "b" has the same routing key as "a" in line 4
5:59: warning: asp "b1" comes from 10.0.0.11 like "a1" in line 4: only ports or an id tell them apart
6:4: note: as "c": some messages match "a" in line 4 too; the key that says more counts
6:4: note: as "c": some messages match "b" in line 5 too; the key that says more counts
6:20: warning: as "c" has messages from 4.5.6, but there is no way back there: no route leads to it
6:86: error: as "c" names asp "a1" twice
6:90: error: asp "c1" is only a name: say where it comes from (peer) or where it is (connect), here or under asp
7:4: error: as "d" needs a routing-context: its asp "a1" is in several AS
7:4: warning: as "d": 1.2.1 is this node: messages for it end here and never go to the AS
8:4: warning: as "e" has no asps: nobody can serve it
8:4: note: as "e" has no point-code and no keys: it takes what no other key matches, where a route leads to it`},
		{"numbers", node + `- {name: a, point-code: 1.2.3, mode: override, min-asps: 2, asps: [{name: a1, peer: 10.0.0.11}, {name: a2, peer: 10.0.0.12}]}
- {name: b, point-code: 1.2.4, min-asps: 2, asps: {name: b1, peer: 10.0.0.13}}
asp: [{name: c1, peer: 10.0.0.14}, {name: d1, id: 4}]
`, `4:4: error: as "a": mode override has one active ASP, min-asps 2 cannot be
5:4: error: as "b" never becomes active: min-asps is 2, and it has 1
6:8: warning: asp "c1" is in no as
6:37: error: asp "d1" has neither peer nor connect: it cannot come
6:37: warning: asp "d1" is in no as`},
		{"nobody listens", "node: {point-code: 1.2.1}\nas: {name: a, point-code: 1.2.3, asps: {name: a1, peer: 10.0.0.3}}", "2:6: error: ASPs are to set up associations, but nothing listens for M3UA: listen: [ { m3ua: ADDRESS } ]"},
		{"gateways", "node: {point-code: 1.2.1}\ngateway:\n- {name: g, connect: 10.0.0.2, passive: on, routing-contexts: 1, register: {dpc: 1.2.3}, peer-contexts: 5}", `3:4: error: gateway "g": keys are either agreed (routing-contexts) or registered (register)
3:4: error: gateway "g": passive is for role ipsp-single or ipsp-double: a signalling gateway waits for its ASPs
3:4: warning: gateway "g": peer-contexts are for role ipsp-double
3:77: note: gateway "g": the key is for 1.2.3, which is not this node: messages for it are passed on by the routes here`},
		{"ports", `node: {point-code: 1.2.1}
listen: [{m3ua: 10.0.0.1}, {m3ua: "10.0.0.1,10.0.0.2"}, {m2pa: "10.0.0.1:2905"}, {m3ua-tcp: 10.0.0.1}]
linkset:
- {name: l, adjacent: 4.5.1, links: [{slc: 0, m2pa: {accept: 10.0.0.9}}, {slc: 1, m2pa: {accept: 10.0.0.9}}, {slc: 2, m2pa: {accept: 10.0.0.9, local: "10.0.0.2:2905"}},
   {slc: 3, m2pa: {connect: 10.0.0.9}}, {slc: 4, m2pa: {connect: 10.0.0.9}}]}
`, `2:29: error: listen m3ua 10.0.0.1,10.0.0.2:2905: line 2 uses 10.0.0.1:2905 already (listen m3ua)
2:58: error: listen m2pa 10.0.0.1:2905: line 2 uses 10.0.0.1:2905 already (listen m3ua)
4:4: note: linkset "l": 16 values of SLS over 5 links are 4 or 3 each: with 1, 2, 4, 8 or 16 links all carry the same
4:75: error: link l/1: the one in line 4 has the same two ends (10.0.0.1:2905 and 10.0.0.9:0): associations cannot be told apart; each link needs a port of its own
5:42: note: link l/4 goes to the same 10.0.0.9:3565 as the one in line 5: the peer tells them apart by order of arrival only; a local port would be better`},
	} {
		t.Run(c.name, func(t *testing.T) { checked(t, c.text, c.want) })
	}
}

func TestScenarioChecks(t *testing.T) {
	for _, name := range []string{"stp-a.yaml", "stp-a-mask.yaml", "stp-b.yaml", "stp-b-mask.yaml"} {
		if all := load(t, name).Check(); len(all) > 0 {
			t.Errorf("%s: %v", name, all)
		}
	}
}
