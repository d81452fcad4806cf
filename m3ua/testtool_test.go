package m3ua_test

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

// TestTesttool lets nplab's m3ua-testtool (https://github.com/nplab/m3ua-testtool), which has the cases of
// ETSI TS 102 381, judge a gateway over the kernel's SCTP. TELCO_M3UA_TESTTOOL is the folder with its files.
func TestTesttool(t *testing.T) {
	lab.NeedKernel(t)
	tool := lab.NeedData(t, "TELCO_M3UA_TESTTOOL", "nplab's m3ua-testtool")
	lab.Need(t, "guile-3.0", "guile")
	from := func(addr string) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(addr)} }
	key := func(pc mtp3.PointCode) m3ua.RoutingKey { return m3ua.RoutingKey{Groups: []m3ua.KeyGroup{{DPC: pc}}} }
	asps := []m3ua.ASPConfig{{Name: "a1", Remote: from("127.0.0.2:3000")}, {Name: "a2", Remote: from("127.0.0.2:3001")}}
	one := m3ua.SGConfig{TRecovery: -time.Second, ASP: asps,
		AS: []m3ua.ASConfig{{Name: "T1", RoutingContext: 1, TrafficMode: m3ua.Override, Key: key(100), ASPs: []string{"a1", "a2"}}}}
	pending, blocked, broadcast, both := one, one, one, one
	blocked.ASP = []m3ua.ASPConfig{{Name: "a1", Remote: asps[0].Remote, Blocked: true}}
	blocked.AS = []m3ua.ASConfig{{Name: "T1", RoutingContext: 1, Key: key(100), ASPs: []string{"a1"}}}
	broadcast.AS = []m3ua.ASConfig{{Name: "T1", RoutingContext: 1, TrafficMode: m3ua.Broadcast, MinASPs: 2, Key: key(100), ASPs: []string{"a1", "a2"}}}
	pending.TRecovery = 0 // the default
	both.AS = []m3ua.ASConfig{{Name: "T1", RoutingContext: 1, TrafficMode: m3ua.Loadshare, Key: key(100), ASPs: []string{"a1", "a2"}},
		{Name: "T2", RoutingContext: 2, TrafficMode: m3ua.Override, Key: key(101), ASPs: []string{"a2"}}}

	const two = " tester-port-1 tester-port-2 sut-addr sut-port-1 sut-port-2 "
	passed, ran := 0, 0
	for _, c := range []struct {
		cfg   m3ua.SGConfig
		tests string
		args  string
		left  bool // the tool leaves the verdict to the reader: it ran to its end
	}{
		{one, "aspsm-v-001 aspsm-v-003 aspsm-v-005 aspsm-i-001 aspsm-i-002 aspsm-i-003 aspsm-i-004 aspsm-o-001 aspsm-o-003 aspsm-o-004", "", false},
		{blocked, "aspsm-v-009", "", false},
		{one, "asptm-v-001 asptm-v-003 asptm-v-006 asptm-v-010 asptm-v-011 asptm-i-001 asptm-i-003 asptm-i-004 asptm-i-005 asptm-i-006 asptm-i-008 asptm-i-010 asptm-o-001 asptm-o-003", "", false},
		{pending, "asptm-v-008", "", false},
		{one, "asptm-v-005", "", true},
		{one, "asptm-i-009 asptm-v-014", two + "asp-id-1 asp-id-2", false},
		{broadcast, "asptm-v-013", two + "asp-id-1 asp-id-2", false},
		{both, "mtr-v-001", two + "tester-rc-valid-1 tester-rc-valid-2 tester-pc-1 tester-pc-2", true},
		{one, "mtr-i-001 mtr-i-002 mtr-i-003 mtr-v-003-alternate ssnm-003", "", false},
		{one, "ssnm-004", "", true},
		{one, "rkm-v-001 rkm-v-002 rkm-v-003 rkm-i-003 rkm-i-004 rkm-i-005 rkm-i-006 rkm-i-007 rkm-i-008 rkm-i-009 rkm-i-010 rkm-i-011 rkm-i-012 rkm-i-013 rkm-i-014 rkm-i-015 rkm-i-017 rkm-i-018 rkm-i-020 rkm-i-021 rkm-i-022 rkm-i-023", "", false},
	} {
		g, err := m3ua.NewSG(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		l, err := kernel.Network{}.Listen(t.Context(), sctp.AddrOf(netip.MustParseAddrPort("127.0.0.1:2905")), sctp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- g.Serve(ctx, l) }()
		for name := range strings.FieldsSeq(c.tests) {
			args := " tester-port sut-addr sut-port" + arguments[name]
			if c.args != "" {
				args = c.args
			}
			limit, done := context.WithTimeout(t.Context(), 40*time.Second)
			out, err := exec.CommandContext(limit, "guile", "--no-auto-compile", "testdata/testtool.scm", tool,
				"(m3ua-sgp-"+name+" tester-addr"+args+")").CombinedOutput()
			done()
			status := 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				status = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			switch {
			case status == 0 && !c.left:
				passed++
			case status == 2 && c.left:
				ran++
			default:
				t.Errorf("%s: status %d\n%s", name, status, out)
			}
		}
		stop()
		l.Close()
		<-served
		g.Close()
	}
	t.Logf("%d passed, %d ran to their end and have no verdict", passed, ran)
}

// arguments are what some tests want beside the addresses.
var arguments = map[string]string{"asptm-v-005": " tester-rc-valid"}
