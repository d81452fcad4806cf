// Package lab is for tests that need more than Go: programs that others wrote, root, or a kernel
// with SCTP and ESP. It says in one voice what is missing, and ./test counts on that voice.
//
// The folder also holds the script uml, which runs a command under a User-Mode Linux kernel that
// has what many a machine's own lacks, and the script peers, which installs the programs on Debian.
package lab

import (
	"os"
	"os/exec"
	"testing"
)

// Need skips the test unless each of programs is on PATH. pkg is the Debian package that has them.
func Need(t testing.TB, pkg string, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s (Debian: apt-get install %s)", p, pkg)
		}
	}
}

// NeedKernel skips the test unless it runs as root under a kernel that it may change: the one of
// ./internal/lab/uml, under which ./test runs the tests of each file that calls this.
func NeedKernel(t testing.TB) {
	t.Helper()
	if os.Getenv("UML_LAB") == "" {
		t.Skip("needs the kernel of internal/lab/uml (UML_LAB is not set)")
	}
}

// NeedData returns the folder that an environment variable names, and skips the test where it is
// not set. what says what should be found there.
func NeedData(t testing.TB, variable, what string) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		t.Skipf("needs %s (%s is not set)", what, variable)
	}
	return dir
}
