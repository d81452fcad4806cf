package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gotelco/telco/stp"
)

// The whole story, and then what Wireshark makes of its capture.
func TestOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 12 s of real time: not with -short")
	}
	capture := filepath.Join(t.TempDir(), "story.pcapng")
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"-once", "-pcap", capture}, &out, &errs); status != 0 || bytes.Contains(out.Bytes(), []byte("FAIL ")) || !bytes.Contains(out.Bytes(), []byte("IAM CIC 5")) {
		t.Fatalf("status %d\n%s%s", status, &out, &errs)
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	count := func(filter string) int {
		t.Helper()
		b, err := exec.Command(tshark, "-n", "-r", capture, "-Y", filter).Output()
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(b, []byte("\n"))
	}
	for filter, least := range map[string]int{"isup.message_type == 1": 4, "mtp3mg": 100, "m3ua.message_class == 2": 10, "sccp.message_type == 0x12": 1, "m2pa.status == 9": 1} {
		if n := count(filter); n < least {
			t.Errorf("%d packets of %q, want %d", n, filter, least)
		}
	}
	if n := count("_ws.malformed || _ws.expert.severity >= 0x800000"); n != 0 {
		t.Errorf("%d packets are malformed", n)
	}
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, bad, broken := file("good.yaml", yamlA), file("bad.yaml", "node: {point-code: 1.2.1}\nroute: {to: 4.5.6, via: x}\n"), file("broken.yaml", "nod: {}")
	other := file("other.yaml", strings.Replace(yamlA, "priority: 1", "priority: 2", 1))
	osmo := file("osmo.cfg", "cs7 instance 0\n point-code 1.2.1\n asp a1 0 2905 m3ua\n  remote-ip 10.0.0.3\n  turbo\n as a m3ua\n  asp a1\n  routing-key 1 1.2.3\n listen m3ua 2905\n  local-ip 10.0.0.1\n")
	for _, c := range []struct {
		args   string
		status int
		out    string // contained in what is printed
		err    string
	}{
		{"-h", 0, "", "usage: stp"},
		{"-x", 2, "", "not defined"},
		{"dance", 2, "", `what is "dance"`},
		{"run", 2, "", "run wants a file"},
		{"run " + filepath.Join(dir, "none"), 1, "", "stp: open "},
		{"run " + bad, 1, "", "no linkset, as or gateway"},
		{"run " + good + " -sctp pigeon", 2, "", "kernel, udp or auto"},
		{"check " + good, 0, "ok: STP-A 1.2.1, 1 linksets with 4 links, 4 as, 1 routes", ""},
		{"check " + good + " " + bad, 1, `bad.yaml:2:9: error: route to 4.5.6: there is no linkset, as or gateway "x"`, ""},
		{"check " + broken, 1, "", `broken.yaml:1:1: nod: unknown key; do you mean "node"?`},
		{"check -json " + bad, 1, `"line": 2`, ""},
		{"config " + good, 0, "point-code: 1.2.1\n", ""},
		{"config -full " + good, 0, "t7: 1.1s\n", ""},
		{"config -full " + good, 0, "rto-min: 1s # default\n", ""},
		{"import " + osmo, 0, "routing-context: 1\n", "osmo.cfg:5:1: warning: not understood: turbo"},
		{"import " + filepath.Join(dir, "none"), 1, "", "stp: open "},
		{"explain 1.2.3 4.5.6 3 " + good, 0, "=> over link to-B/3 of linkset to-B to 4.5.1", ""},
		{"explain 1.2.3 4.5.6 3 -down to-B " + good, 0, "=> not forwarded (destination unavailable)", ""},
		{"explain 1.2.3 1.2.1 3 -called 080012 " + good, 0, "=> to as SCP for 1.2.6", ""},
		{"explain 1.2.3 1.2.9 3 " + good, 1, "", "part 3 is not a number of 3 bits"},
		{"explain 1.2.3 4.5.6 x " + good, 2, "", "an SLS is a number"},
		{"explain -si 99 1.2.3 4.5.6 1 " + good, 2, "", "no service indicator"},
		{"explain -json -si tup 1.2.3 4.5.6 3 " + good, 0, `"link": "to-B/3"`, ""},
		{"plan " + good + " " + other, 0, "change route 4.5.0/11 via linkset to-B: priority 1 -> 2", ""},
		{"plan " + good + " " + good, 0, "untouched: 1 node, 1 listen, 1 linkset, 4 link, 6 asp, 4 as, 5 route, 2 gtt\n", ""},
		{"show links -at http://127.0.0.1:1", 1, "", "no node answers at http://127.0.0.1:1"},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), strings.Fields(c.args), &out, &errs)
		if status != c.status || !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.err) {
			t.Errorf("%s: status %d, want %d\n%s%s", c.args, status, c.status, &out, &errs)
		}
	}
}

// buffer is what a program writes while it runs.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// await waits until f is satisfied.
func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// TestRun runs a node, and is its operator.
func TestRun(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := c.LocalAddr().(*net.UDPAddr).Port
	c.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "stp.yaml")
	write := func(more string) {
		t.Helper()
		text := "node: {name: X, point-code: 1.2.1}\nlisten: {m3ua: 127.0.0.1}\nsctp: {udp-port: " + strconv.Itoa(port) + "}\n" +
			"as:\n- {name: A, point-code: 1.2.3, routing-context: 1, asps: {name: a1, peer: 127.0.0.2}}\n" +
			"linkset: {name: l, adjacent: 4.5.1, links: {slc: 0, m2pa: {connect: 127.0.0.3, local: 127.0.0.1}}}\n" +
			"capture: {directory: " + dir + "/cap, continuous: on}\nmanagement: {token: secret}\n" + more
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"run", file, "-sctp", "udp", "-admin", "127.0.0.1:0"}, &log, &log)
	}()
	url := ""
	await(t, "the listener", func() bool {
		if m := regexp.MustCompile(`url=(http://\S+)`).FindStringSubmatch(log.String()); m != nil && strings.Contains(log.String(), "stp: running") {
			url = m[1]
		}
		return url != ""
	})
	if !strings.Contains(log.String(), "SCTP over UDP, as asked") {
		t.Error("the log does not say what carries SCTP")
	}
	ask := func(args string, status int, want string) {
		t.Helper()
		var out bytes.Buffer
		if got := run(ctx, append(strings.Fields(args), "-at", url, "-token", "secret"), &out, &out); got != status || !strings.Contains(out.String(), want) {
			t.Errorf("%s: status %d, want %d and %q\n%s", args, got, status, want, &out)
		}
	}
	ask("show links", 0, "l/0")
	ask("show linksets", 0, "unavailable")
	ask("show as", 0, "a1 DOWN")
	ask("show asp", 0, "a1")
	ask("show gateways", 0, "GATEWAY")
	ask("show routes", 0, "linkset l")
	ask("show traffic", 0, "from links")
	ask("show alarms", 0, "linkset l")
	ask("show all", 0, "LINKSETS")
	ask("show moon", 2, `there is no "moon"`)
	ask("show -json links", 0, `"name": "l/0"`)
	ask("show route 4.5.1 sls 3", 0, "no link of the linkset is in service")
	ask("show route 4.5.1", 0, "route set:")
	ask("show route", 2, "show route wants PC")
	ask("explain 1.2.3 4.5.1 3", 0, "=> not forwarded")
	ask("explain 1.2.3 4.5.1 3 live", 0, "=> not forwarded")
	ask("explain 1.2.3 4.5.1 3 live -down l", 2, "-down is for explaining a file")
	ask("block asp a1", 0, "done")
	ask("show asp", 0, "blocked")
	ask("unblock asp a1", 0, "done")
	ask("block asp nobody", 1, `there is no asp "nobody"`)
	ask("inhibit as A", 1, "only links")
	ask("deactivate link l/0", 0, "done")
	ask("show links", 0, "deactivated")
	ask("activate link l/0", 0, "done")
	ask("plan "+file, 0, "nothing changes")
	ask("trace 4.5.1 -seconds 1 -pcap "+filepath.Join(dir, "x.pcapng"), 0, "octets in")
	ask("trace 9.9.9 -seconds 1", 1, "part 1 is not a number of 3 bits")

	var out bytes.Buffer
	if status := run(ctx, []string{"show", "links", "-at", url}, &out, &out); status != 1 {
		t.Errorf("without the token: %d %s", status, &out)
	}
	get := func(path string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b.String()
	}
	for path, want := range map[string]string{"/": "<svg", "/metrics": `stp_link_up{link="l/0"} 0`, "/healthz": "", "/api/config": "point-code: 1.2.1"} {
		if status, body := get(path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
	}
	if status, body := get("/readyz"); status != 503 || !strings.Contains(body, "major") {
		t.Errorf("readyz: %d %s", status, body)
	}

	write("route: {to: 4.5.0/11, via: l}\n")
	ask("plan "+file, 0, "add route 4.5.0/11 via linkset l: priority 5")
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGHUP); err != nil {
		t.Skip("no SIGHUP here: ", err)
	}
	await(t, "the new configuration", func() bool { return strings.Contains(log.String(), "configuration read again") })
	ask("show routes", 0, "4.5.0/11")
	write("route: {to: 4.5.0/11, via: nowhere}\n")
	ask("apply "+file, 1, `there is no linkset, as or gateway "nowhere"`)
	write("")
	ask("apply -json "+file, 0, `"kind": "remove"`)
	ask("show -json routes", 0, `"to": "4.5.1"`)

	cancel()
	if status := <-ended; status != 0 {
		t.Errorf("ended with %d\n%s", status, &log)
	}
	if _, err := os.Stat(filepath.Join(dir, "cap", "l_0.pcapng")); err != nil {
		t.Error(err)
	}
}

func TestFindingsJSON(t *testing.T) {
	b, err := json.Marshal(findings([]stp.Finding{{Kind: stp.FindingWarning, File: "f", Pos: stp.Pos{Line: 3, Column: 4}, Text: "x"}}))
	if want := `[{"kind":"warning","file":"f","line":3,"column":4,"text":"x"}]`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}
