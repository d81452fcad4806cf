package stp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckNetwork(t *testing.T) {
	a, b := load(t, "stp-a.yaml"), load(t, "stp-b.yaml")
	if all := CheckNetwork(a, b, load(t, "stp-a-mask.yaml")); len(all) != 1 || !strings.Contains(all[0].Text, "has the point code 1.2.1 too") {
		t.Errorf("%v", all)
	}
	if all := CheckNetwork(load(t, "stp-a-mask.yaml"), load(t, "stp-b-mask.yaml")); len(all) > 0 {
		t.Errorf("%v", all)
	}
	for _, c := range []struct{ from, to, want string }{
		{"network-indicator: national", "network-indicator: international", `stp-a.yaml:14:5: error: linkset "to-B": the network indicator here is national, at STP-B international: messages would be refused
stp-b.yaml:12:5: error: linkset "to-A": the network indicator here is international, at STP-A national: messages would be refused`},
		{"adjacent: 1.2.1", "adjacent: 1.2.0", `stp-a.yaml:14:5: error: linkset "to-B" leads to STP-B, which has no linkset from 4.5.1 to 1.2.1
stp-a.yaml:23:7: warning: there is no way back: messages from 1.2.3 (as A) do not reach 4.5.3 (as E): linkset to-B has no other end`},
		{`      - { slc: 3, m2pa: { accept: "127.0.0.1", local: "127.0.0.2:3568" } }` + "\n", "", `stp-a.yaml:20:11: error: link to-B/3: STP-B has no link with SLC 3 in linkset "to-A"`},
		{`slc: 3, m2pa: { accept: "127.0.0.1", local`, `slc: 4, m2pa: { accept: "127.0.0.1", local`, `stp-a.yaml:20:11: error: link to-B/3: STP-B has no link with SLC 3 in linkset "to-A"
stp-b.yaml:18:11: error: link to-A/4: STP-A has no link with SLC 4 in linkset "to-B"`},
		{`"127.0.0.2:3567"`, `"127.0.0.2:3577"`, `stp-a.yaml:19:11: error: link to-B/2 connects to 127.0.0.2:3567, but STP-B waits at 127.0.0.2:3577`},
		{`"127.0.0.1", local: "127.0.0.2:3567"`, `"127.0.0.9", local: "127.0.0.2:3567"`, `stp-a.yaml:19:11: error: link to-B/2 connects from 127.0.0.1:3572, but STP-B accepts it from 127.0.0.9:0 alone`},
		{`accept: "127.0.0.1", local: "127.0.0.2:3565"`, `connect: "127.0.0.1:3570"`, `stp-a.yaml:17:11: error: link to-B/0: both ends connect: one has to accept
stp-b.yaml:15:11: error: link to-A/0: both ends connect: one has to accept`},
		{"  - { to: 1.2.5, via: to-A, priority: 1 }\n", "", `stp-b.yaml:21:7: warning: there is no way back: messages from 4.5.3 (as E) do not reach 1.2.5 (as D): STP-B: unknown destination (by way of STP-B)
stp-b.yaml:22:7: warning: there is no way back: messages from 4.5.6 (as B) do not reach 1.2.5 (as D): STP-B: unknown destination (by way of STP-B)`},
	} {
		text := strings.Replace(read(t, "stp-b.yaml"), c.from, c.to, 1)
		if text == read(t, "stp-b.yaml") {
			t.Fatalf("no %q", c.from)
		}
		other, err := ParseConfig("stp-b.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range CheckNetwork(a, other) {
			got = append(got, f.String())
		}
		if c.to == "adjacent: 1.2.0" { // each pair of points; one is enough here
			got = got[:min(2, len(got))]
		}
		if diff := cmp.Diff(strings.Split(c.want, "\n"), got); diff != "" {
			t.Errorf("%s: %s", c.to, diff)
		}
	}
	// STP-B sends back what STP-A sends it.
	text := strings.Replace(read(t, "stp-a-mask.yaml"), "4.5.0/11", "4.0.0/3", 1)
	if text == read(t, "stp-a-mask.yaml") {
		t.Fatal("no such route")
	}
	other, err := ParseConfig("stp-a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	lonely := parse(t, "node: {point-code: 4.7.7, network-indicator: national}\nlisten: {m3ua: 10.0.0.1}\nas: {name: L, point-code: 4.7.6, asps: {name: l, peer: 10.0.0.9}}")
	var got []string
	for _, f := range CheckNetwork(other, load(t, "stp-b.yaml"), lonely) {
		got = append(got, f.String())
	}
	if len(got) != 4 || got[0] != "stp-a.yaml:23:7: warning: messages from 1.2.3 (as A) do not reach 4.7.6 (as L): STP-B: unknown destination (by way of STP-A, STP-B)" {
		t.Errorf("%q", got)
	}
}
