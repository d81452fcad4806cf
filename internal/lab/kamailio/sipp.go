package kamailio

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

//go:embed call.xml
var callScenario string

//go:embed volte.xml
var volteScenario string

//go:embed called.xml
var calledScenario string

// SIPp runs a scenario once, from a port of 127.0.0.1 to another, and returns its error with what it printed.
func SIPp(t testing.TB, from, to int, args ...string) error {
	t.Helper()
	dir := t.TempDir()
	errs := filepath.Join(dir, "errors")
	cmd := exec.Command("sipp", append([]string{"-nostdin", "-m", "1", "-timeout", "20", "-timeout_error", "-i", "127.0.0.1", "-p", fmt.Sprint(from),
		"-mi", "127.0.0.1", "-auth_uri", Domain, "-trace_err", "-error_file", errs}, args...)...)
	if to != 0 {
		cmd.Args = append(cmd.Args, fmt.Sprintf("127.0.0.1:%d", to))
	}
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	if err := cmd.Run(); err != nil {
		out, _ := os.ReadFile(errs)
		return fmt.Errorf("sipp %q: %w\n%s", args, err, out[:min(len(out), 3000)])
	}
	return nil
}

// Call makes a call from a phone of SIPp at a port to a user, by way of another port, and hangs up as soon as it is answered.
func Call(t testing.TB, from, by int, user string) error {
	t.Helper()
	scenario := filepath.Join(t.TempDir(), "call.xml")
	write(t, scenario, callScenario)
	return SIPp(t, from, by, "-sf", scenario, "-key", "user", user, "-key", "domain", Domain)
}

// CallVoLTE makes a call as a handset does, with preconditions, from a phone of SIPp that user has registered from a port.
func (c *Core) CallVoLTE(t testing.TB, user string, port int, number string) error {
	t.Helper()
	scenario := filepath.Join(t.TempDir(), "volte.xml")
	write(t, scenario, volteScenario)
	return SIPp(t, port, c.PCSCF, "-sf", scenario, "-key", "user", user, "-key", "number", number, "-key", "domain", Domain)
}

// Answer answers so many calls with a phone of SIPp at a port of 127.0.0.1, and returns when they have ended.
func Answer(t testing.TB, port, calls int) error {
	t.Helper()
	scenario := filepath.Join(t.TempDir(), "called.xml")
	write(t, scenario, calledScenario)
	return SIPp(t, port, 0, "-sf", scenario, "-m", fmt.Sprint(calls))
}

// Register registers a phone at a port of 127.0.0.1 by AKAv1-MD5, by way of the P-CSCF, or of the I-CSCF
// where there is none. Expires 0 ends the registration. Of SIPp's answers three in a hundred are wrong,
// those to a RES with a zero octet: it has four tries.
func (c *Core) Register(t testing.TB, user string, port, expires int) {
	t.Helper()
	dir := t.TempDir()
	account := filepath.Join(dir, "account.csv")
	write(t, account, fmt.Sprintf("SEQUENTIAL\n[authentication username=%s@%s aka_K=0x%s aka_OP=0x%s aka_AMF=0x8000]\n", user, Domain, CardK, CardOP))
	c.RegisterAccount(t, account, user, port, expires)
}

// RegisterAccount is Register with a file of SIPp that has the card.
func (c *Core) RegisterAccount(t testing.TB, account, user string, port, expires int) {
	t.Helper()
	to := c.PCSCF
	if !exists(filepath.Join(c.dir, "pcscf")) {
		to = c.ICSCF
	}
	var err error
	for range 4 {
		if err = SIPp(t, port, to, "-sf", filepath.Join(folder(t), "register.xml"), "-inf", account, "-key", "user", user, "-key", "domain", Domain, "-key", "expires", fmt.Sprint(expires)); err == nil {
			return
		}
	}
	t.Fatal(err)
}
