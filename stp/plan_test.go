package stp

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	old := load(t, "stp-a.yaml")
	for _, c := range []struct {
		name, from, to string // replaced in the file
		want           []string
	}{
		{"nothing", "", "", nil},
		{"defaults written out", "priority: 1 }\n\n#", "priority: 1 }\nm3ua: { t-recovery: 2s }\n#", nil},
		{"another order", "  - { to: 4.5.3, via: to-B, priority: 1 }\n  - { to: 4.5.6, via: to-B, priority: 1 }", "  - { to: 4.5.6/14, via: to-B, priority: 1 }\n  - { to: 4.5.3, via: to-B, priority: 1 }", nil},
		{"a fifth link", "127.0.0.1:3573\" } }", "127.0.0.1:3573\" } }\n      - { slc: 4, m2pa: { connect: \"127.0.0.2:3569\" } }",
			[]string{"add link to-B/4: aligns, then takes its share of SLS by changeback"}},
		{"another address", "127.0.0.2:3567", "127.0.0.3:3567",
			[]string{"reopen link to-B/2: m2pa.connect 127.0.0.2:3567 -> 127.0.0.3:3567 (its traffic goes to other links by changeover)"}},
		{"timers of all links of a linkset", "adjacent: 4.5.1\n", "adjacent: 4.5.1\n    m2pa: { t7: 1200ms }\n", []string{
			"reopen link to-B/0: m2pa.t7 1.5s -> 1.2s (its traffic goes to other links by changeover)", "reopen link to-B/1: m2pa.t7 1.5s -> 1.2s (its traffic goes to other links by changeover)",
			"reopen link to-B/2: m2pa.t7 1.5s -> 1.2s (its traffic goes to other links by changeover)", "reopen link to-B/3: m2pa.t7 1.5s -> 1.2s (its traffic goes to other links by changeover)"}},
		{"a screen that nothing uses", "node:", "screening: { name: s, default: deny }\nnode:", nil},
		{"mask", "  - { to: 4.5.3, via: to-B, priority: 1 }\n  - { to: 4.5.6, via: to-B, priority: 1 }", "  - { to: 4.5.0/11, via: to-B }", []string{
			"remove route 4.5.3 via linkset to-B (what only it led to cannot be reached any more)", "remove route 4.5.6 via linkset to-B (what only it led to cannot be reached any more)",
			"add route 4.5.0/11 via linkset to-B: priority 5"}},
		{"priority", "4.5.3, via: to-B, priority: 1", "4.5.3, via: to-B, priority: 2", []string{"change route 4.5.3 via linkset to-B: priority 1 -> 2 (traffic moves by controlled rerouting)"}},
		{"mode", "routing-context: 2, mode: loadshare", "routing-context: 2, mode: broadcast", []string{"reopen as C: mode loadshare -> broadcast (its ASPs have to become active again)"}},
		{"an ASP goes", ", { name: c2, peer: 127.0.0.22 }", "", []string{"remove asp c2 (its association ends)", "change as C: asps [c1 c2] -> [c1]"}},
		{"blocked", "peer: 127.0.0.13", "peer: 127.0.0.13, blocked: on", []string{"change asp d1: blocked (it is put down)"}},
		{"an AS comes", "# 1.2.3 to", "  - { name: Z, point-code: 1.2.7, routing-context: 9, asps: a1 }\n#", []string{"add as Z: routing context 9", "add route 1.2.7 via as Z: priority 0"}},
		{"point code", "point-code: 1.2.1", "point-code: 1.2.2", []string{"restart node STP-A: point-code 1.2.1 -> 1.2.2 (every association ends)",
			"reopen linkset to-B: local 1.2.1 -> 1.2.2 (its links go out of service)"}},
		{"listen", "m3ua: 127.0.0.1:2905", "m3ua: 127.0.0.1:2906", []string{"remove listen m3ua 127.0.0.1:2905 (associations that it accepted stay)", "add listen m3ua 127.0.0.1:2906"}},
		{"translation", `prefix: "0800"`, `prefix: "0900"`, []string{"change gtt: 1 -> 1 rules, all at once"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := os.ReadFile("testdata/stp-a.yaml")
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(file), c.from, c.to, 1)
			if text == string(file) && c.from != "" {
				t.Fatalf("no %q in the file", c.from)
			}
			steps := Plan(old, parse(t, text))
			var got []string
			for _, s := range Changes(steps) {
				if strings.HasPrefix(s.String(), "reopen link ") && c.name == "point code" {
					continue // each of them, as its linkset does
				}
				got = append(got, s.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			b, err := json.Marshal(steps)
			var again []Step
			if err == nil {
				err = json.Unmarshal(b, &again)
			}
			if diff := cmp.Diff(steps, again); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestPlanKeeps(t *testing.T) {
	c := load(t, "stp-a.yaml")
	var got []string
	for _, s := range Plan(c, c) {
		got = append(got, s.String())
	}
	want := "keep node STP-A\nkeep listen m3ua 127.0.0.1:2905\nkeep listen m2pa 127.0.0.1:3565\nkeep linkset to-B\nkeep link to-B/0\nkeep link to-B/1\nkeep link to-B/2\nkeep link to-B/3\n" +
		"keep asp a1\nkeep asp c1\nkeep asp c2\nkeep asp d1\nkeep asp scp1\nkeep as A\nkeep as C\nkeep as D\nkeep as SCP\nkeep route: 6 ways\nkeep gtt: 1 rules"
	if diff := cmp.Diff(strings.Split(want, "\n"), got); diff != "" {
		t.Error(diff)
	}
}

// TestPlanEverything changes what each kind of item says.
func TestPlanEverything(t *testing.T) {
	old := parse(t, everything)
	for _, c := range []struct{ from, to, want string }{
		{"default: deny, rules", "default: allow, rules", "change linkset x y: rules of screen s\nchange as 007: screen\nchange gateway g: screen"},
		{"rotate: 1", "rotate: 2", "reopen linkset x y: rotate 1 -> 2 (its links go out of service)\n" +
			"reopen link zero: its linkset changes (its traffic goes to other links by changeover)\nreopen link x y/15: its linkset changes (its traffic goes to other links by changeover)"},
		{"t1: 43s", "t1: 44s", "reopen link zero: m2pa.t1 43s -> 44s (its traffic goes to other links by changeover)"},
		{"screen: s, start: off", "start: off", "change linkset x y: screen s -> none"},
		{"peer-contexts: [3]", "peer-contexts: [3, 4]", "reopen gateway g: peer-contexts 3 -> 3+4 (its associations end)"},
		{"point-codes: [7.7.7]", "point-codes: [7.7.6]", "change gateway g: point-codes 7.7.7 -> 7.7.6\n" +
			"remove route 7.7.7 via gateway g (what only it led to cannot be reached any more)\nadd route 7.7.6 via gateway g: priority 0"},
		{"screen: s, blocked: on, t-ack", "screen: s, t-ack", "change gateway g: blocked on -> off (this node goes down or comes up there)"},
		{"blocked: on, asps", "asps", "change as 007: not blocked any more"},
		{"registration: off, blocked: on", "registration: off", "change asp a2: not blocked any more"},
		{"hop-counter: 7", "hop-counter: 8", "change sccp: hop-counter 7 -> 8"},
		{"ring: 10s", "ring: 20s", "change capture: ring 10s -> 20s"},
		{"hosts: [stp.example]", "hosts: []", "change management: hosts stp.example -> none"},
		{"t-recovery: 3s", "t-recovery: 4s", "restart m3ua: t-recovery 3s -> 4s (every association of M3UA ends)"},
		{"rto-min: 50ms", "rto-min: 60ms", "restart sctp: rto-min 50ms -> 60ms (associations take it up when they begin anew)"},
		{"{t1: 1s, t24", "{t1: 1100ms, t24", "restart node on: timers.t1 1s -> 1.1s (every association ends)"},
	} {
		text := strings.Replace(everything, c.from, c.to, 1)
		if text == everything {
			t.Fatalf("no %q", c.from)
		}
		var got []string
		for _, s := range Changes(Plan(old, parse(t, text))) {
			got = append(got, s.String())
		}
		if diff := cmp.Diff(strings.Split(c.want, "\n"), got); diff != "" {
			t.Errorf("%s: %s", c.to, diff)
		}
	}
}
