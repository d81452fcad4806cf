package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const stream = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"pass","Package":"p","Test":"TestGood/sub"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    x_test.go:3: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Test":"TestPeer","Output":"    x_test.go:9: needs sipp\n"}
{"Action":"output","Package":"p","Test":"TestPeer","Output":"--- SKIP: TestPeer (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestPeer"}
{"Action":"fail","Package":"p","Elapsed":1}
{"ImportPath":"q [q.test]","Action":"build-output","Output":"q.go:1: syntax error\n"}
{"ImportPath":"q [q.test]","Action":"build-fail"}
{"Action":"output","Package":"q","Output":"FAIL\tq [build failed]\n"}
{"Action":"fail","Package":"q","Elapsed":0,"FailedBuild":"q [q.test]"}
{"Action":"output","Package":"r","Output":"panic: boom\n"}
{"Action":"fail","Package":"r","Elapsed":0}
{"Action":"skip","Package":"notests"}
{"Action":"pass","Package":"slow","Elapsed":25}
`

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		name             string
		strict, packages bool
		allow            string
		counts           string
	}{
		{"plain", false, false, "", "1 3 1"},
		{"allowed", true, false, "sipp|tshark", "1 3 1"},
		{"strict", true, false, "tshark", "1 4 1"},
		{"packages", false, true, "", "1 3 0"},
	} {
		var out strings.Builder
		s := &summary{strict: c.strict, packages: c.packages, out: &out}
		if c.allow != "" {
			s.allow = regexp.MustCompile(c.allow)
		}
		s.read(strings.NewReader(stream))
		s.print()
		if got := fmt.Sprint(s.passed, s.failed, s.skipped); got != c.counts {
			t.Errorf("%s: counts %s, want %s, in\n%s", c.name, got, c.counts, out.String())
		}
		for _, want := range []string{"FAIL p TestBad: failed\n         x_test.go:3: wrong\n", "FAIL q [q.test]: does not build\n     q.go:1: syntax error\n", "FAIL r: failed\n     panic: boom\n", "p TestPeer", "needs sipp", "slow: slow 25s"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", c.name, want, out.String())
			}
		}
	}
}

func TestBrokenOff(t *testing.T) {
	var out strings.Builder
	s := &summary{out: &out}
	s.read(strings.NewReader("{\"Action\":\"start\",\"Package\":\"p\"}\ngo: something\n"))
	if s.failed != 1 || !strings.Contains(out.String(), "go: something") || !strings.Contains(out.String(), "did not end") {
		t.Errorf("%d failed, %q", s.failed, out.String())
	}
}

func TestLongOutput(t *testing.T) {
	var in, out strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&in, `{"Action":"output","Package":"p","Test":"T","Output":"line %d %s\n"}`+"\n", i, strings.Repeat("x", 1000))
	}
	in.WriteString(`{"Action":"fail","Package":"p","Test":"T"}` + "\n")
	s := &summary{out: &out}
	s.read(strings.NewReader(in.String()))
	if n := strings.Count(out.String(), "\n"); n > 130 || !strings.Contains(out.String(), "line 0 ") || !strings.Contains(out.String(), "line 4999 ") || out.Len() > 60000 {
		t.Errorf("%d lines, %d octets", n, out.Len())
	}
}
