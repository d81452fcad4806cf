package stp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

func title(t testing.TB, digits string) *sccp.Address {
	t.Helper()
	d, err := sccp.ParseDigits(digits)
	if err != nil {
		t.Fatal(err)
	}
	return &sccp.Address{HasSSN: true, SSN: 12, GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.NationalNumber, Digits: d}}
}

func label(opc, dpc mtp3.PointCode, sls mtp3.SLS) mtp3.Label {
	return mtp3.Label{OPC: opc, DPC: dpc, SLS: sls}
}

func ExampleConfig_Explain() {
	c, err := ParseConfig("stp.yaml", []byte(`
node:    { name: STP-A, point-code: 1.2.1 }
listen:  [ { m3ua: "127.0.0.1:2905" } ]
as:      [ { name: A, point-code: 1.2.3, asps: [ { name: a1, peer: "127.0.0.11" } ] } ]
linkset: [ { name: to-B, adjacent: 4.5.1, links: [ { slc: 0, m2pa: { connect: "127.0.0.2" } }, { slc: 1, m2pa: { connect: "127.0.0.3" } } ] } ]
route:   [ { to: 4.5.0/11, via: to-B, priority: 1 } ]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := c.Explain(Query{Label: mtp3.Label{OPC: 2067, DPC: 8238, SLS: 3}}, "to-B/1")
	fmt.Printf("%v%v", e, err)
	// Output:
	// STP-A: ISUP message from 1.2.3 to 4.5.6, SLS 3 (from the configuration: links and AS count as in service unless said otherwise)
	// 1. origin: it comes from as A (which has 1.2.3)
	// 2. discrimination: 4.5.6 is another point: the message is to be transferred
	// 3. screening: as A has no screen: everything may come in
	// 4. route set: the longest match of 4.5.6 is 4.5.0/11, which is available
	//      > linkset to-B, priority 1, available: the best way for this SLS: priority 1, available
	// 5. link: SLS 3 in linkset to-B to 4.5.1, of 2 links
	//      > to-B/0 (SLC 0), in service: it stands in for to-B/1, which is failed
	//      - to-B/1 (SLC 1), failed: it is failed (transport lost)
	// => over link to-B/0 of linkset to-B to 4.5.1
	// <nil>
}

const explained = `
node: {name: X, point-code: 1.2.1, network-indicator: national}
linkset:
- {name: l, adjacent: 4.5.1, screen: s, links: [{slc: 0, m2pa: {connect: 10.0.0.2}}, {slc: 1, m2pa: {connect: 10.1.0.2}}]}
- {name: m, adjacent: 4.5.2, rotate: 1, links: [{slc: 0, m2pa: {accept: 10.0.0.3}}, {slc: 1, m2pa: {accept: 10.1.0.3}}]}
as:
- {name: calls, keys: {dpc: 1.2.3, si: isup}, routing-context: 1, mode: broadcast, asps: {name: a1, peer: 10.0.0.11}}
- {name: texts, keys: {dpc: 1.2.3, si: sccp, opc: 4.5.0/11}, routing-context: 2, mode: loadshare, asps: a1}
- {name: d, point-code: 1.2.4, routing-context: 3, asps: a1}
gateway: {name: g, connect: 10.0.0.9, point-codes: 7.7.7}
route:
- {to: 5.0.0/3, via: [l, m], priority: 1}
- {to: 5.0.0/3, via: g}
- {to: 5.5.0/11, via: m}
screening:
- name: s
  rules:
  - {action: deny, opc: 5.5.5, dpc: 1.2.3}
  - {opc: [5.0.0/3, 4.0.0/3]}
  default: deny
gtt:
- {name: hlr, match: {prefix: "49"}, to: {pc: 1.2.3, ssn: hlr}}
- {name: loop, match: {prefix: "491"}, to: {pc: 1.2.1, ssn: hlr}}
- {name: gone, match: {prefix: "50"}, to: [{pc: 1.2.4}, {pc: 5.5.1, route: gt}]}
`

func TestExplain(t *testing.T) {
	c := parse(t, explained)
	for _, x := range []struct {
		name string
		q    Query
		down []string
		want string // the conclusion, and lines that have to be there
	}{
		{"screened out", Query{Label: label(10285, 2067, 0), From: "l"}, nil, "not forwarded (screened out): its screen does not let it in\n3. screening: screen s, rule 1 (line 18): deny"},
		{"rule lets in", Query{Label: label(10284, 2067, 0), From: "l"}, nil, "to as calls for 1.2.3\n3. screening: screen s, rule 2 (line 19): allow"},
		{"default", Query{Label: label(0, 2067, 0), From: "l"}, nil, "not forwarded (screened out): its screen does not let it in\n" +
			"3. screening: screen s: none of its 2 rules matches: deny (line 16)"},
		{"routing keys", Query{Label: label(8234, 2067, 4), SI: mtp3.SCCP}, nil, "to as texts for 1.2.3\n1. origin: it comes from linkset m (at whose other end is 4.5.2)\n" +
			"5. routing key: several AS have 1.2.3: the key that says most decides\n     - as calls: its key wants another service indicator or OPC\n     > as texts: its key matches\n" +
			"6. as: AS texts, routing context 2, mode loadshare: the active ASPs share by SLS"},
		{"no routing key", Query{Label: label(2068, 2067, 4), SI: mtp3.SCCP}, nil, "not forwarded (no routing key): no routing key matches"},
		{"combined", Query{Label: label(2068, 10240, 0)}, nil, "over link l/0 of linkset l to 4.5.1\n     - linkset m, priority 1, available: equal; it carries other SLS\n" +
			"     - gateway g, priority 5, available: priority 5 is worse than 1"},
		{"rotated", Query{Label: label(2068, 10240, 15)}, nil, "over link m/1 of linkset m to 4.5.2\n5. link: SLS 15 in linkset m to 4.5.2, of 2 links; the SLS is rotated by 1 bits before it chooses"},
		{"to the gateway", Query{Label: label(2068, 10240, 0)}, []string{"l", "m/0", "m/1"}, "to gateway g for 5.0.0\n5. gateway: this node is an ASP of gateway g: as DATA over one of its associations"},
		{"all down", Query{Label: label(2068, 10240, 0)}, []string{"l", "m", "g"}, "not forwarded (destination unavailable): no way to 5.0.0 can be used now"},
		{"longest match", Query{Label: label(2068, 10283, 0)}, nil, "over link m/0 of linkset m to 4.5.2\n4. route set: the longest match of 5.5.3 is 5.5.0/11, which is available\n" +
			"     also in 5.0.0/3, which is wider and doesn't count"},
		{"unknown", Query{Label: label(2068, 1, 0)}, nil, "not forwarded (unknown destination): add a route to 0.0.1, or to a range that has it\n" +
			"4. route set: no route has 0.0.1: the nearest is 1.2.4, which shares its first 2 bits"},
		{"circular", Query{Label: label(8234, 10283, 0)}, nil, "not forwarded (circular route): the best way leads back to where it came from, and MTP never sends it there"},
		{"our own", Query{Label: label(2065, 2068, 0)}, nil, "to as d for 1.2.4\n1. origin: it comes from this node (it is its own point code)"},
		{"from nowhere", Query{Label: label(1, 2068, 0)}, nil, "to as d for 1.2.4\n1. origin: no linkset, AS or gateway leads to 0.0.1: a message of that OPC is not expected, and is routed without regard to it"},
		{"no user", Query{Label: label(2068, 2065, 0)}, nil, "not forwarded (user unavailable): this node has no user of ISUP; the sender gets UPU"},
		{"sccp", Query{Label: label(2068, 2065, 0), SI: mtp3.SCCP}, nil, "delivered to SCCP of this node\n4. translation: 3 rules of global title translation decide by the called address, which was not given"},
		{"translated", Query{Label: label(2068, 2065, 0), SI: mtp3.SCCP, Called: title(t, "4930")}, []string{"calls"}, "not forwarded (no routing key): no routing key matches\n" +
			"4. translation: the called address GT E.164 national 4930 SSN INAP becomes GT E.164 national 4930 SSN HLR at 1.2.3"},
		{"to itself", Query{Label: label(2068, 2065, 0), SI: mtp3.SCCP, Called: title(t, "4910")}, nil, "delivered to SCCP of this node: GT E.164 national 4910 SSN HLR"},
		{"no translation", Query{Label: label(2068, 2065, 0), SI: mtp3.SCCP, Called: title(t, "1")}, nil, "not forwarded (destination unavailable): no translation: the sender gets UDTS (no translation for this specific address)"},
		{"second entity", Query{Label: label(2068, 2065, 0), SI: mtp3.SCCP, Called: title(t, "50")}, []string{"d"}, "over link m/0 of linkset m to 4.5.2\n     > entity 5.5.1 routes on the title: usable"},
		{"on SSN", Query{Label: label(2068, 2065, 0), SI: mtp3.SCCP, Called: &sccp.Address{RouteOnSSN: true, HasSSN: true, SSN: 8}}, nil,
			"delivered to SCCP of this node\n4. translation: the called address SSN MSC is routed on its subsystem number: there is nothing to translate"},
	} {
		t.Run(x.name, func(t *testing.T) {
			e, err := c.Explain(x.q, x.down...)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(x.want, "\n")
			if e.Conclusion != lines[0] {
				t.Errorf("concludes %q\n%s", e.Conclusion, e)
			}
			for _, l := range lines[1:] {
				if !strings.Contains("\n"+e.String(), "\n"+l+"\n") {
					t.Errorf("no line %q in\n%s", l, e)
				}
			}
			b, err := json.Marshal(e)
			var again Explanation
			if err == nil {
				err = json.Unmarshal(b, &again)
			}
			if diff := cmp.Diff(e, again); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
	for _, q := range []Query{{Label: label(20000, 1, 1)}, {Label: label(1, 1, 16)}, {From: "nobody"}} {
		if e, err := c.Explain(q); err == nil {
			t.Errorf("%+v: %s", q, e)
		}
	}
	if _, err := c.Explain(Query{}, "nobody"); err == nil {
		t.Error("nobody is down")
	}
}

// TestExplainLive asks a node that runs.
func TestExplainLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		n := w.node(twoAS)
		w.exchange("a1", 2067, "10.0.0.3:2905", "10.0.0.1:2905", 1)
		settle(time.Second)
		for dpc, want := range map[mtp3.PointCode]string{2067: "to as A for 1.2.3", 2068: "not forwarded (destination unavailable): no way to 1.2.4 can be used now"} {
			e, err := n.Explain(t.Context(), Query{Label: label(1, dpc, 0)})
			if err != nil || !e.Live || e.Conclusion != want {
				t.Errorf("%v\n%s", err, e)
			}
		}
		if _, err := n.Explain(t.Context(), Query{From: "nobody"}); err == nil {
			t.Error("nobody sends")
		}
	})
}
