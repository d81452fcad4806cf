package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The whole story, and then what Wireshark makes of its capture.
func TestOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s of real time: not with -short")
	}
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var errs bytes.Buffer
	status := run([]string{"-once", "-out", dir}, out, &errs)
	text, _ := os.ReadFile(out.Name())
	if status != 0 || bytes.Contains(text, []byte("FAIL")) || !bytes.Contains(text, []byte("INVITE")) {
		t.Fatalf("status %d\n%s%s", status, text, errs.String())
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	capture := filepath.Join(dir, "volte.pcapng")
	count := func(filter string) int {
		t.Helper()
		b, err := exec.Command(tshark, "-n", "-r", capture, "-Y", filter).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "\n")
	}
	for filter, least := range map[string]int{"sip.Method == INVITE": 3, "sip.Status-Code == 200": 6, "rtp.p_type == 8": 600, "rtp.p_type == 0": 600, "rtcp": 2} {
		if n := count(filter); n < least {
			t.Errorf("%d packets of %q, want %d", n, filter, least)
		}
	}
	if n := count("_ws.malformed || _ws.expert.severity >= 0x800000"); n != 0 {
		t.Errorf("%d packets are malformed", n)
	}
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-h"}, 0, "usage: volte"},
		{[]string{"-x"}, 2, "not defined"},
		{[]string{"now"}, 2, `what is "now"`},
		{[]string{"-once", "-out", t.TempDir(), "-listen", "nowhere"}, 1, "volte: "},
	} {
		var errs bytes.Buffer
		if status := run(tc.args, os.Stdout, &errs); status != tc.status || !strings.Contains(errs.String(), tc.want) {
			t.Errorf("%v: status %d, %s", tc.args, status, errs.String())
		}
	}
}
