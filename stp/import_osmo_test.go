package stp

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestImportOsmo(t *testing.T) {
	f, err := os.Open("testdata/osmo-stp.cfg")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, findings, err := ImportOsmo("osmo-stp.cfg", f)
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, `
node: {point-code: 1.2.1, network-indicator: national}
listen: {m3ua: "127.0.0.1:2905"}
m3ua: {t-recovery: 3s, registration: {dynamic: on}}
as:
- {name: a, point-code: 1.2.3, routing-context: 1, mode: override, asps: {name: exchange-a, peer: 127.0.0.11}}
- {name: c, keys: {dpc: 1.2.4, si: isup}, routing-context: 2, mode: loadshare, asps: [{name: exchange-c1, peer: "127.0.0.12,127.0.1.12:2910"}, {name: exchange-c2, peer: 127.0.0.22}]}
- {name: sms, point-code: 1.2.6, routing-context: 3, asps: {name: sms, connect: "127.0.0.30:2905", local: "127.0.0.1:2907"}}
gateway: {name: abroad, connect: "127.0.0.40:2905", local: "127.0.0.1:2906", routing-contexts: 7}
route: [{to: 4.5.0/11, via: abroad, priority: 1}, {to: 4.0.0/3, via: sms, priority: 7}]
`)
	if diff := cmp.Diff(want, got, ignorePos, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Config{}, "File")); diff != "" {
		t.Error(diff)
	}
	if len(findings) != 1 || findings[0].Pos.Line != 48 {
		t.Errorf("findings: %v", findings)
	}
	if all := got.Check(); len(all) > 0 {
		t.Errorf("checked: %v", all)
	}
	if got.AS[1].Pos.Line != 37 || got.Routes[0].Pos.Line != 53 {
		t.Errorf("places: %v, %v", got.AS[1].Pos, got.Routes[0].Pos)
	}
}

func TestImportOsmoFindings(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "log stderr\n logging level all debug\n", `osmo: error: there is no "cs7 instance"`},
		{"no point code", "! none\ncs7 instance 0\n listen m3ua 2905\n", "osmo:2:1: error: there is no point-code: osmo-stp can do without, a node here cannot; set node.point-code to one that is free"},
		{"two instances", "cs7 instance 0\n point-code 1.2.1\ncs7 instance 1\n point-code 1.2.2\n as x m3ua\n",
			"osmo:3:1: error: a second instance: a node here is one signalling point; make a file of its own of it"},
		{"other protocols", "cs7 instance 0\n point-code 1.2.1\n asp x 14001 0 sua\n  remote-ip 10.0.0.1\n as x sua\n  asp x\n listen sua 14001\n  local-ip 10.0.0.1\n",
			"osmo:3:1: warning: asp x: SUA has no counterpart, only M3UA\nosmo:5:1: warning: as x: SUA has no counterpart, only M3UA\nosmo:7:1: warning: listen: SUA has no counterpart, only M3UA"},
		{"not understood", "cs7 instance 0\n point-code 1.2.1\n turbo on\n  faster\n listen m3ua 2905\n  ip-dscp 5\n",
			"osmo:3:1: warning: not understood: turbo on\nosmo:6:1: warning: not understood: ip-dscp 5"},
		{"masks", "cs7 instance 0\n point-code 1.2.1\n asp x 0 2905 m3ua\n  remote-ip 10.0.0.1\n as x m3ua\n  asp x\n  routing-key 1 1.2.3\n route-table system\n" +
			"  update route 4.5.6 0.2.7 linkset x\n  update route 4.5.6 7.255.0 linkset x\n  update route 4.5.6 7.255.9 linkset x\n  update route 4.5.6 /15 linkset x\n  update route 4.5.6 7.255.7 linkset y priority 0\n",
			"osmo:9:1: warning: mask 0.2.7: the bits that count do not lead, so that it means points that are no range; taken for 4.5.6 alone\n" +
				"osmo:10:1: note: 4.5.6 has bits that mask 7.255.0 leaves out\n" +
				"osmo:11:1: error: mask: mtp3: parse point code \"7.255.9\": part 3 is not a number of 3 bits\n" +
				"osmo:11:1: note: route to 4.5.6 via x: the one in line 9 is replaced\n" +
				"osmo:12:1: error: mtp3: parse destination \"4.5.6/15\": a mask has 0 to 14 bits\n" +
				"osmo:13:1: note: priority 0 becomes 1: 0 is that of direct ways\n" +
				"osmo:13:1: error: route to 4.5.6: there is no as \"y\""},
		{"AS", "cs7 instance 0\n point-code 1.2.1\n asp x 0 2905 m3ua\n  remote-ip host\n  quirk no_notify\n asp x 0 2905 m3ua\n asp y 0 2905 m3ua\n  role ipsp\n  remote-ip 10.0.0.2\n asp z 0 2905 m3ua\n" +
			" as a m3ua\n  asp x\n  asp w\n  traffic-mode roundrobin\n  routing-key 0 1.2.3 ssn 8\n  point-code override dpc 1.2.4\n as a m3ua\n as b m3ua\n  asp x\n  asp y\n as c m3ua\n  asp y\n",
			"osmo:3:1: error: asp x has no remote-ip: nobody can be told to be it\n" +
				"osmo:4:1: error: \"host\" is no IP address: names are not looked up\n" +
				"osmo:5:1: note: quirk no_notify: there is no such switch here; what a peer does wrong is counted\n" +
				"osmo:6:1: error: asp x is in line 3 already\n" +
				"osmo:7:1: note: role ipsp becomes ipsp-single: ask whether the peer wants one exchange or two (ipsp-double)\n" +
				"osmo:10:1: warning: asp z is in no as: left out\n" +
				"osmo:11:1: error: as a names asp w, which is nowhere\n" +
				"osmo:14:1: note: roundrobin becomes loadshare by SLS: message by message the order would be lost\n" +
				"osmo:15:1: warning: routing context 0 means none here: messages for as a will carry no routing context\n" +
				"osmo:15:1: warning: routing by subsystem number has no counterpart in RFC 4666: as a takes every subsystem of 1.2.3\n" +
				"osmo:16:1: warning: point-code override: messages are not changed on their way here\n" +
				"osmo:17:1: error: as a is in line 11 already\n" +
				"osmo:18:1: error: as b has ASPs in different roles: this node cannot be gateway and ASP of one AS"},
		{"ports", "cs7 instance 0\n point-code 1.2.1\n listen m3ua 70000\n asp x a b m3ua\n", "osmo:3:1: error: \"70000\" is no port\nosmo:4:1: error: \"a\" is no port\nosmo:4:1: error: \"b\" is no port"},
		{"format", "cs7 instance 0\n point-code format 8 8 9\n point-code delimiter dash\n point-code 1-2-1\n network-indicator spare\n sccp-timer ias 100\n",
			"osmo:2:1: error: this format of point codes has no counterpart: want a format such as \"3-8-3\", \"14\", \"ansi\", \"china\" or \"japan\", not \"8-8-9\"\n" +
				"osmo:3:1: note: point codes are read with dots and with dashes, and shown with dots\n" +
				"osmo:6:1: note: timers of connection-oriented SCCP have no counterpart: that part is not here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, findings, err := ImportOsmo("osmo", strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(strings.Split(c.want, "\n"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, _, err := ImportOsmo("osmo", iotest.ErrReader(errors.New("broken"))); err == nil {
		t.Error("read from a broken reader")
	}
}

func FuzzImportOsmo(f *testing.F) {
	text, err := os.ReadFile("testdata/osmo-stp.cfg")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := ImportOsmo("f", strings.NewReader(string(text)))
		if err != nil {
			return
		}
		again, err := ParseConfig("f", c.Text())
		if err != nil {
			return // a file without a point code, say: the findings tell of it
		}
		if diff := cmp.Diff(c, again, ignorePos, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		c.Check()
	})
}

// TestImportOsmoOptions has what the file above has not.
func TestImportOsmoOptions(t *testing.T) {
	got, findings, err := ImportOsmo("osmo", strings.NewReader(`cs7 instance 0
 point-code 1.2.1
 secondary-pc 1.2.2
 listen m3ua 2906 tcp
  local-ip 10.0.0.1
  accept-asp-connections dynamic-permitted
 asp x 0 2905 m3ua
  remote-ip 10.0.0.2 primary
  asp-identifier 7
  shutdown
 asp y 2905 0 m3ua tcp
  remote-ip 10.0.0.3
  transport-role client
  block
 as a m3ua
  description two of them
  asp x
  asp y
  traffic-mode broadcast
  minimum-asp 2
  routing-key 4 1.2.3 si b-isup
  routing-key 4 1.2.4
`))
	if err != nil || len(findings) > 0 {
		t.Errorf("%v %v", findings, err)
	}
	want := parse(t, `
node: {point-code: 1.2.1, aliases: 1.2.2, network-indicator: international}
listen: {m3ua-tcp: "10.0.0.1:2906"}
m3ua: {any-asp: on}
as: {name: a, point-code: 1.2.4, keys: {dpc: 1.2.3, si: b-isup}, routing-context: 4, mode: broadcast, min-asps: 2, asps: [
  {name: x, peer: 10.0.0.2, id: 7, blocked: on}, {name: y, connect: "10.0.0.3:2905", tcp: on, blocked: on}]}
`)
	if diff := cmp.Diff(want, got, ignorePos, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Config{}, "File")); diff != "" {
		t.Error(diff)
	}
}
