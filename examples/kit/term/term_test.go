package term

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gotelco/telco/trace"
)

func TestLadder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	a, b := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:1")
	l := Ladder(f, map[netip.AddrPort]string{b: "peer"})
	l.Trace(trace.Event{Dir: trace.Sent, Interface: "me", Proto: trace.ESL, Local: a, Remote: b, Data: []byte("x")})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(out), "me ") || !strings.Contains(string(out), "peer") || strings.Contains(string(out), "\x1b") {
		t.Errorf("%v %q", err, out)
	}
	if n := Width(f); n != 0 {
		t.Errorf("a closed file is %d wide", n)
	}
}
