package as_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sip"
)

// sipp runs a scenario of testdata at a port of an address. The function that it returns waits for its end.
func sipp(t *testing.T, scenario, host string, port, calls int, args ...string) (wait func()) {
	t.Helper()
	dir := t.TempDir()
	file, err := filepath.Abs(filepath.Join("testdata", "sipp", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	errs := filepath.Join(dir, "errors")
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "sipp", append([]string{"-nostdin", "-sf", file, "-m", fmt.Sprint(calls), "-timeout", "30", "-timeout_error", "-deadcall_wait", "0", "-i", host, "-mi", host, "-p", fmt.Sprint(port),
		"-trace_err", "-error_file", errs}, args...)...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			out, _ := os.ReadFile(errs)
			t.Errorf("sipp %s: %v\n%s", scenario, err, out[:min(len(out), 3000)])
		}
	}
}

// TestSIPp: a server between an S-CSCF and the servers of a carrier, all of them SIPp: one of the servers is silent, one cannot
// serve, and the third takes the calls. Then the server lets the S-CSCF's calls go on by their original dialog identifiers.
func TestSIPp(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for other programs (-short)")
	}
	lab.Need(t, "sip-tester", "sipp")
	port, core, back, unable, able := lab.FreePort(t), lab.FreePort(t), lab.FreePort(t), lab.FreePort(t), lab.FreePort(t)
	tr := tsharktest.Capture(t, "-d", fmt.Sprintf("udp.port==%d,sip", port))
	silent, err := net.ListenPacket("udp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	rules, err := as.NewRules(as.RulesConfig{
		Rules:   []as.Rule{{Match: as.Match{Called: []string{"+49*"}, Case: []as.SessionCase{as.CaseOrig}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: "carrier"}}}}},
		Default: as.Decision{Action: as.Proxy},
	})
	if err != nil {
		t.Fatal(err)
	}
	var over ended
	server := startServer(t, as.Config{
		Call: call.Config{SIP: sip.UserAgentConfig{Endpoint: sip.Config{Trace: tr}}, Trace: tr},
		IMS:  as.IMS{Peers: []as.Source{source(t, fmt.Sprintf("127.0.0.1:%d", core)), source(t, fmt.Sprintf("127.0.0.1:%d", back))}, Domain: "ims.example.org", TermIOI: "home2", RecordRoute: true},
		Trunks: []as.Trunk{{
			Name: "carrier", TargetTimeout: 500 * time.Millisecond, CoolDown: time.Minute, Codecs: []string{"PCMU"},
			Servers: []as.TrunkServer{
				{URI: "sip:" + silent.LocalAddr().String()}, {URI: fmt.Sprintf("sip:127.0.0.3:%d", unable), Priority: 1}, {URI: fmt.Sprintf("sip:127.0.0.4:%d", able), Priority: 2},
			},
		}},
		Router: rules, OnEnd: over.add,
	}, port)
	to := fmt.Sprintf("127.0.0.1:%d", port)
	const calls = 5
	refuses := sipp(t, "unable", "127.0.0.3", unable, 1)
	answers := sipp(t, "answers", "127.0.0.4", able, calls)
	time.Sleep(200 * time.Millisecond) // until they listen; a request that comes before is sent again
	sipp(t, "bridge", "127.0.0.1", core, 1, to)()
	refuses()
	sipp(t, "bridge", "127.0.0.1", core, calls-1, "-r", "10", to)()
	answers()
	proxied := sipp(t, "proxied", "127.0.0.1", back, calls)
	sipp(t, "proxy", "127.0.0.1", core, calls, "-r", "10", "-key", "odi_port", fmt.Sprint(back), to)()
	proxied()

	deadline := time.Now().Add(10 * time.Second)
	for len(over.all()) < 2*calls && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	all := over.all()
	if len(all) != 2*calls {
		t.Fatalf("%d calls are over", len(all))
	}
	for i, c := range all {
		r := c.Record()
		want, target := as.Bridge, "trunk/carrier"
		if i >= calls {
			want, target = as.Proxy, "proxy"
		}
		if c.Decision.Action != want || r.Target != target || r.Status != 200 || !strings.HasPrefix(c.ODI, "odi-") || !strings.HasPrefix(r.ICID, "icid-") || r.OrigIOI != "home1" {
			t.Errorf("call %d: %+v", i, r)
		}
		if want == as.Bridge && (len(r.Legs) != 2 || r.Legs[1].Codec != "PCMU/8000" || r.Legs[0].Codec != "PCMA/8000") {
			t.Errorf("call %d: %+v", i, r.Legs)
		}
	}
	if n := len(all[0].Attempts); n != 3 {
		t.Errorf("the first call was tried at %d servers, want 3: %+v", n, all[0].Attempts)
	}
	for _, c := range all[1:calls] {
		if len(c.Attempts) != 1 {
			t.Errorf("%+v", c.Attempts)
		}
	}
	st := server.Stats()
	if tr := st.Trunks[0]; st.Calls != 0 || tr.Servers[0].Usable || tr.Servers[1].Usable || !tr.Servers[2].Usable || tr.Calls != 0 {
		t.Errorf("%+v", st)
	}
}
