package esltest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
)

// modesl returns the folder with the Node.js library modesl: that of TELCO_MODESL, else it is fetched by npm.
func modesl(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TELCO_MODESL")
	if dir == "" {
		dir = t.TempDir()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "modesl@1.2.1")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("needs modesl, which npm does not bring (%v), or the folder that has it in TELCO_MODESL\n%s", err, out)
		}
	}
	if dir = filepath.Join(dir, "node_modules"); !isDir(filepath.Join(dir, "modesl")) {
		t.Skip("needs a folder node_modules with modesl in that of TELCO_MODESL")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs node beside TELCO_MODESL")
	}
	return dir
}

// lines is what a program prints.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func isDir(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// The most used client library of Node.js, inbound and outbound at once.
func TestModesl(t *testing.T) {
	modules := modesl(t)
	each(t, func(t *testing.T, h *house) { withModesl(t, h, modules) })
}

func withModesl(t *testing.T, h *house, modules string) {
	alice, bob := h.phone(700), h.phone(1100)
	host, port, _ := net.SplitHostPort(h.esl)
	outbound := fmt.Sprint(lab.FreePort(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "testdata/modesl.js", host, port, h.password, alice.url, bob.url, outbound)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "NODE_NO_WARNINGS=1")
	var out lines
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the server of modesl", func() bool { return strings.Contains(out.String(), "listening") })
	caller, done := h.call("async"+outbound, 700)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	<-done
	t.Log(out.String())
	if caller.heard(440) < 0.2 || alice.heard(440) < 0.2 || alice.heard(1100) < 0.2 || bob.heard(700) < 0.2 {
		t.Errorf("heard: caller %v s, first phone %v and %v s, second phone %v s", caller.heard(440), alice.heard(440), alice.heard(1100), bob.heard(700))
	}
	if s := h.recorded("modesl.wav", 1100); s < 0.2 {
		t.Errorf("%v s were recorded", s)
	}
}
