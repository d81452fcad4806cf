package esltest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
)

// FreeSWITCH's own client, which stands on its own C library: TELCO_FS_CLI is a folder with fs_cli, built from
// libs/esl of FreeSWITCH's source.
func TestFsCLI(t *testing.T) {
	dir := lab.NeedData(t, "TELCO_FS_CLI", "fs_cli")
	each(t, func(t *testing.T, h *house) { withFsCLI(t, h, dir) })
}

func withFsCLI(t *testing.T, h *house, dir string) {
	host, port, _ := net.SplitHostPort(h.esl)
	cli := func(stdin string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, dir+"/fs_cli", append([]string{"-H", host, "-P", port, "-p", h.password, "-t", "5000"}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
		cmd.Stdin = strings.NewReader(stdin)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := cli("", "-x", "status"); !strings.HasPrefix(out, "UP 0 years, 0 days, ") || !strings.Contains(out, "is ready") {
		t.Errorf("status: %q", out)
	}
	p := h.phone(700)
	out := cli("", "-x", "originate {mark=1}"+p.url+" &park")
	id, ok := strings.CutPrefix(strings.TrimSpace(out), "+OK ")
	if !ok {
		t.Fatalf("originate: %q", out)
	}
	if out := cli("", "-x", "uuid_getvar "+id+" mark"); strings.TrimSpace(out) != "1" {
		t.Errorf("uuid_getvar: %q", out)
	}
	if out := cli("", "-x", "show channels"); !strings.Contains(out, id+",outbound,") || !strings.Contains(out, "1 total.") {
		t.Errorf("show channels: %q", out)
	}
	cli("", "-x", "uuid_broadcast "+id+" "+beep)
	wait(t, "the tone", func() bool { return p.heard(440) > 0.2 })
	if out := cli("", "-x", "nothing"); !strings.Contains(out, "-ERR nothing Command not found!") {
		t.Errorf("nothing: %q", out)
	}
	if out := cli("", "-x", "uuid_kill "+id); strings.TrimSpace(out) != "+OK" {
		t.Errorf("uuid_kill: %q", out)
	}
	start := time.Now()
	if out := cli("/event plain HEARTBEAT\nversion\n/quit\n", "-i"); !strings.Contains(out, "FreeSWITCH Version telco") {
		t.Errorf("at its prompt, after %v: %q", time.Since(start), out)
	}
	h.password = "wrong"
	if out := cli("", "-x", "status"); !strings.Contains(out, "rror") {
		t.Errorf("a wrong password: %q", out)
	}
}
