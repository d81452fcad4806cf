package as

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/sip"
)

// zone is a resolver with NAPTR records alone; names it lacks have none, "hang" and "fail" do so.
type zone map[string][]sip.NAPTR

func (z zone) LookupNAPTR(ctx context.Context, name string) ([]sip.NAPTR, error) {
	switch {
	case strings.HasSuffix(name, ".hang"):
		<-ctx.Done()
		return nil, ctx.Err()
	case strings.HasSuffix(name, ".fail"):
		return nil, errors.New("SERVFAIL")
	}
	return z[name], nil
}

func (zone) LookupSRV(context.Context, string) ([]sip.SRV, error)      { return nil, nil }
func (zone) LookupAddrs(context.Context, string) ([]netip.Addr, error) { return nil, nil }
func enumRec(order, pref uint16, service, expr string) sip.NAPTR {
	return sip.NAPTR{Order: order, Preference: pref, Flags: "u", Service: service, Regexp: expr}
}

var numbers = zone{
	"1.9.4.private.test": {
		enumRec(20, 1, "E2U+sip", "!^.*$!sip:later@h!"),
		enumRec(10, 20, "E2U+sip", `!^\+49(.*)$!sip:\1@second!`),
		enumRec(10, 10, "E2U+email:mailto", "!^.*$!mailto:a@b!"),
		enumRec(10, 15, "E2U+sip", "!^.*$!sip:first@h;user=phone!"),
		enumRec(10, 30, "E2U+sip", "!^.*$!http://h!"),
		enumRec(10, 40, "E2U+sip", "!^.*$!sip:@!"),
	},
	"2.9.4.private.test": {enumRec(1, 1, "E2U+pstn:tel", "!^.*$!tel:+491;npdi;rn=+49700!")},
	"2.9.4.e164.arpa":    {enumRec(1, 1, "E2U+sip", "!^.*$!sip:public@h!")},
	"3.9.4.e164.arpa":    {enumRec(1, 1, "E2U+sip", "!^.*$!sip:public@h!"), enumRec(1, 2, "E2U+tel", "!^.*$!tel:+1!")},
	"4.9.4.private.test": {enumRec(1, 1, "E2U+tel", "!^(.*)$!tel:\\1!"), enumRec(1, 2, "E2U+sip", "!^.*$!sip:four@h!")},
	"5.9.4.private.test": {enumRec(1, 1, "E2U+P-x:sip", "!^.*$!sip:p@h!")},
}

func TestENUM(t *testing.T) {
	r := newRules(t, RulesConfig{
		ENUM: map[string]ENUMConfig{
			"two":   {Suffixes: []string{"private.test", "e164.arpa"}, Resolver: numbers},
			"trunk": {Suffixes: []string{"private.test"}, Resolver: numbers, Trunk: "ix"},
			"fails": {Suffixes: []string{"a.fail", "e164.arpa"}, Resolver: numbers},
		},
		Rules: []Rule{
			{Match: Match{Side: []Side{SidePhone}}, ENUM: "trunk"},
			{Match: Match{Side: []Side{SideIMS}}, ENUM: "fails"},
			{Match: Match{Side: []Side{SideTrunk}}, ENUM: "two"},
			{Name: "pstn", Then: to("pstn")}}})
	for _, c := range []struct {
		side         Side
		called, want string
		after        string
	}{
		{SideTrunk, "+491", "bridge sip:first@h;user=phone, sip:1@second", "+491"},
		{SideTrunk, "+492", "bridge trunk/pstn", "+491;npdi;rn=+49700"}, // ported
		{SideTrunk, "+493", "bridge sip:public@h", "+493"},              // not in the private one
		{SideTrunk, "+494", "bridge sip:four@h", "+494"},                // to itself by tel: no news
		{SideTrunk, "+495", "bridge trunk/pstn", "+495"},
		{SideTrunk, "495", "bridge trunk/pstn", "495"},
		{SideTrunk, "bob@h", "bridge trunk/pstn", ""},
		{SidePhone, "+491", "bridge trunk/ix/sip:first@h;user=phone, trunk/ix/sip:1@second", "+491"},
		{SideIMS, "+493", "bridge sip:public@h", "+493"},
		{SideIMS, "+491", "bridge trunk/pstn", "+491"}, // one has nothing, nobody knows of the other
	} {
		d, tried, err := r.Explain(t.Context(), &Request{Side: c.side, Called: party(t, c.called)})
		if err != nil || d.String() != c.want || d.Called.Number.String() != c.after {
			t.Errorf("%v %s: %v to %v %v\n%v", c.side, c.called, d, d.Called, err, tried)
		}
	}
	e, err := NewENUM(ENUMConfig{Suffixes: []string{"private.test"}, Private: true, Services: []string{"P-x"}, Resolver: numbers})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Lookup(t.Context(), Number{Digits: "+495"}); err != nil || len(got) != 1 || got[0].URI != "sip:p@h" {
		t.Errorf("%v %v", got, err)
	}
}

// A name server that says nothing costs a call the timeout of all suffixes together.
func TestENUMTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRules(t, RulesConfig{
			ENUM:  map[string]ENUMConfig{"e": {Suffixes: []string{"a.hang", "b.hang", "e164.arpa"}, Resolver: numbers, Timeout: 3 * time.Second}},
			Rules: []Rule{{ENUM: "e"}, {Then: to("pstn")}}})
		start := time.Now()
		d, tried, err := r.Explain(t.Context(), &Request{Side: SideTrunk, Called: party(t, "+493")})
		if err != nil || d.String() != "bridge trunk/pstn" || time.Since(start) != 3*time.Second || !strings.Contains(tried[0].Why, "deadline") {
			t.Errorf("%v %v after %v: %v", d, err, time.Since(start), tried)
		}
	})
}

// Knot is the name server: records of two trees, and answers kept for as long as it says.
func TestENUMKnot(t *testing.T) {
	lab.Need(t, "knot", "knotd")
	if testing.Short() {
		t.Skip("talks to another program, left out with -short")
	}
	dir, port := t.TempDir(), lab.FreePort(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const soa = "$TTL 3600\n@ SOA ns admin 1 3600 3600 3600 60\n@ NS ns\nns A 127.0.0.1\n"
	write("private.zone", soa+`
$ORIGIN 5.5.5.0.3.9.4.enum.private.
1.1 NAPTR 100 10 "u" "E2U+sip" "!^\\+4930555(.*)$!sip:\\1@pbx.example!" .
*.2 NAPTR 100 10 "u" "E2U+sip" "!^(.*)$!sip:\\1@wild.example;user=phone!" .
1.3 NAPTR 100 20 "u" "E2U+sip" "!^.*$!sip:backup@b.example!" .
1.3 NAPTR 100 10 "u" "E2U+sip" "!^.*$!sips:main@a.example!" .
1.3 NAPTR 200 10 "u" "E2U+sip" "!^.*$!sip:never@c.example!" .
1.4 NAPTR 100 10 "u" "E2U+pstn:tel" "!^.*$!tel:+4930777;npdi;rn=+49199!" .
1.5 NAPTR 100 10 "" "" "" other.enum.private.
$ORIGIN enum.private.
other NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:far@d.example!" .
`)
	write("public.zone", soa+`
1.6.5.5.5.0.3.9.4 NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:public@e.example!" .
1.1.5.5.5.0.3.9.4 NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:wrong@e.example!" .
`)
	write("knot.conf", fmt.Sprintf(`
server:
    listen: 127.0.0.1@%d
    rundir: "%s"
    pidfile: "%[2]s/knot.pid"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "%[2]s"
template:
  - id: default
    storage: "%[2]s"
    journal-content: none
    zonefile-sync: -1
zone:
  - domain: enum.private.
    file: "private.zone"
  - domain: e164.arpa.
    file: "public.zone"
`, port, dir))
	cmd := exec.Command("knotd", "-c", filepath.Join(dir, "knot.conf"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		if cmd.ProcessState == nil {
			cmd.Process.Signal(os.Interrupt)
			cmd.Wait()
		}
	}
	defer stop()
	server := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	for deadline := time.Now().Add(30 * time.Second); ; {
		probe := sip.NewDNS(sip.DNSConfig{Servers: []netip.AddrPort{server}, Hosts: "-", Timeout: 200 * time.Millisecond, Attempts: 1})
		if a, err := probe.LookupAddrs(t.Context(), "ns.enum.private"); err == nil && len(a) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("Knot does not answer")
		}
	}
	r := newRules(t, RulesConfig{
		ENUM:  map[string]ENUMConfig{"e": {Suffixes: []string{"enum.private", "e164.arpa"}, Servers: []netip.AddrPort{server}, Timeout: 10 * time.Second}},
		Rules: []Rule{{ENUM: "e"}, {Then: to("pstn")}}})
	for _, answering := range []bool{true, false} { // then by what is kept, "there is nothing" too
		got := map[string]string{}
		for _, n := range []string{"+493055511", "+493055521", "+493055522", "+493055531", "+493055541", "+493055551", "+493055561", "+493055571"} {
			d, _, err := r.Explain(t.Context(), &Request{Side: SideTrunk, Called: party(t, n)})
			if err != nil {
				t.Fatal(err)
			}
			got[n] = d.String()
			if d.Called.Number.String() != n {
				got[n] += " for " + d.Called.Number.String()
			}
		}
		if d := cmp.Diff(map[string]string{
			"+493055511": "bridge sip:11@pbx.example",
			"+493055521": "bridge sip:+493055521@wild.example;user=phone",
			"+493055522": "bridge sip:+493055522@wild.example;user=phone",
			"+493055531": "bridge sips:main@a.example, sip:backup@b.example",
			"+493055541": "bridge trunk/pstn for +4930777;npdi;rn=+49199",
			"+493055551": "bridge sip:far@d.example",
			"+493055561": "bridge sip:public@e.example",
			"+493055571": "bridge trunk/pstn",
		}, got); d != "" {
			t.Errorf("the name server answers: %v\n%s", answering, d)
		}
		stop()
	}
}
