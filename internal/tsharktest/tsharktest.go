// Package tsharktest asks Wireshark's dissectors what they think of a capture. A test that talks
// over the network gives its stacks the Func of [Capture]: when the test ends, tshark reads what
// was sent, and a frame that it finds malformed or in error fails the test.
//
//	endpoint := sip.NewEndpoint(sip.Config{Trace: tsharktest.Capture(t)})
//
// Without tshark on PATH, and with -short, the capture is written but not judged, and the test's
// log says so.
package tsharktest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// Need skips the test where tshark is missing, and with -short.
func Need(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("tshark takes a second, left out with -short")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark (Debian: apt-get install tshark)")
	}
}

// Capture returns a Func that writes a capture in the test's temporary folder, and checks it when
// the test ends. args go to tshark, such as "-d", "udp.port==4000,rtp". A failing test keeps its
// capture in the folder that TELCO_CAPTURES names, if it is set.
func Capture(t testing.TB, args ...string) trace.Func {
	t.Helper()
	name := filepath.Join(t.TempDir(), "capture.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{IncludeSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("capture: %v", err)
		}
		if _, err := exec.LookPath("tshark"); err != nil {
			t.Log("tshark is missing, the capture is not judged")
		} else if testing.Short() {
			t.Log("with -short the capture is not judged")
		} else if w.Stats().Packets > 0 {
			Check(t, name, args...)
		}
		if t.Failed() {
			keep(t, name)
		}
	})
	return w.Trace
}

// Check fails the test for each frame of a capture that tshark calls malformed, or to which an
// expert of severity "error" objects.
func Check(t testing.TB, name string, args ...string) {
	t.Helper()
	const bad = "_ws.malformed || _ws.expert.severity >= error || _ws.unreassembled"
	for _, f := range Fields(t, name, bad, []string{"frame.number", "_ws.col.Protocol", "_ws.col.Info", "_ws.expert.message"}, args...) {
		t.Errorf("tshark on frame %s (%s): %s: %s", f[0], f[1], f[2], f[3])
	}
}

// Fields returns the named fields of each frame that passes the display filter; an empty filter
// passes all. Several occurrences of a field are joined with commas.
func Fields(t testing.TB, name, filter string, fields []string, args ...string) [][]string {
	t.Helper()
	cmd := []string{"-n", "-r", name, "-T", "fields", "-E", "separator=/t"}
	if filter != "" {
		cmd = append(cmd, "-Y", filter)
	}
	for _, f := range fields {
		cmd = append(cmd, "-e", f)
	}
	out := run(t, append(cmd, args...)...)
	var rows [][]string
	for line := range strings.Lines(out) {
		row := strings.Split(strings.TrimRight(line, "\n"), "\t")
		for len(row) < len(fields) {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return rows
}

func run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("tshark", args...)
	// Preferences of whoever runs the test must not change what it sees.
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+t.TempDir(), "HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

func keep(t testing.TB, name string) {
	dir := os.Getenv("TELCO_CAPTURES")
	if dir == "" {
		return
	}
	b, err := os.ReadFile(name)
	if err == nil {
		to := filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "_")+".pcapng")
		if err = os.WriteFile(to, b, 0o644); err == nil {
			t.Logf("the capture is kept as %s", to)
		}
	}
	if err != nil {
		t.Logf("the capture is not kept: %v", err)
	}
}
