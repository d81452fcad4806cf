// Testsum reads the output of `go test -json` and says what a person wants to know of it: what
// failed, with its output; what was skipped, and why; how many there were.
//
//	go test -json ./... | testsum -counts FILE -allow 'regexp of reasons to skip'
//
// It exits with 1 if something failed, or if -strict is given and a test was skipped for a reason
// that -allow doesn't match.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// result is what became of one test or package.
type result struct {
	output []string
	tests  int // of a package: how many of its tests failed
}

type summary struct {
	strict   bool
	allow    *regexp.Regexp
	packages bool // count packages, not tests

	out                     io.Writer
	open                    map[string]*result
	builds                  map[string][]string
	passed, failed, skipped int
	reasons                 []string
	slow                    []string
}

func main() {
	s := &summary{out: os.Stdout}
	counts := flag.String("counts", "", "write \"PASSED FAILED SKIPPED\" to this `file`")
	allow := flag.String("allow", "", "`regexp` of the reasons for which a test may be skipped with -strict")
	flag.BoolVar(&s.strict, "strict", false, "a test skipped for another reason is a failure")
	flag.BoolVar(&s.packages, "packages", false, "count packages, not tests")
	flag.Parse()
	if *allow != "" {
		re, err := regexp.Compile(*allow)
		if err != nil {
			fmt.Fprintln(os.Stderr, "testsum:", err)
			os.Exit(2)
		}
		s.allow = re
	}
	s.read(os.Stdin)
	s.print()
	if *counts != "" {
		if err := os.WriteFile(*counts, fmt.Appendf(nil, "%d %d %d\n", s.passed, s.failed, s.skipped), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "testsum:", err)
			os.Exit(2)
		}
	}
	if s.failed > 0 {
		os.Exit(1)
	}
}

func (s *summary) read(r io.Reader) {
	s.open = make(map[string]*result)
	s.builds = make(map[string][]string)
	in := bufio.NewScanner(r)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil || e.Action == "" {
			fmt.Fprintln(s.out, in.Text()) // go itself says something
			continue
		}
		s.event(e)
	}
	for name := range s.open { // the stream broke off
		if !strings.Contains(name, " ") {
			s.fail(name, "did not end", s.open[name].output)
		}
	}
	if err := in.Err(); err != nil {
		s.fail("the output of go test", err.Error(), nil)
	}
}

func (s *summary) event(e event) {
	key := e.Package
	if e.Test != "" {
		key += " " + e.Test
	}
	r := s.open[key]
	if r == nil && e.Package != "" {
		r = new(result)
		s.open[key] = r
	}
	switch e.Action {
	case "output":
		r.output = append(r.output, e.Output)
		if len(r.output) > 4*(firstLines+lastLines) { // forget the middle
			r.output = slices.Delete(r.output, 2*firstLines, 2*firstLines+lastLines)
		}
	case "build-output":
		s.builds[e.ImportPath] = append(s.builds[e.ImportPath], e.Output)
	case "build-fail":
		s.fail(e.ImportPath, "does not build", s.builds[e.ImportPath])
		s.parent(e.ImportPath)
	case "pass":
		delete(s.open, key)
		if s.counts(e) {
			s.passed++
		}
		if e.Test == "" && e.Elapsed >= 20 {
			s.slow = append(s.slow, fmt.Sprintf("%s %v", short(e.Package), time.Duration(e.Elapsed*float64(time.Second)).Round(time.Second)))
		}
	case "skip":
		delete(s.open, key)
		if e.Test == "" {
			return // a package without tests
		}
		why := reason(r.output)
		if !s.packages && !strings.Contains(e.Test, "/") {
			s.skipped++
		}
		if s.strict && (s.allow == nil || !s.allow.MatchString(why)) {
			s.fail(key, "skipped though this machine could run it: "+why, nil)
			return
		}
		s.reasons = append(s.reasons, fmt.Sprintf("%s %s: %s", short(e.Package), e.Test, why))
	case "fail":
		delete(s.open, key)
		if e.Test == "" {
			if r.tests == 0 && !slices.ContainsFunc(r.output, func(o string) bool { return strings.Contains(o, "[build failed]") }) && !s.built(e.Package) {
				s.fail(e.Package, "failed", r.output)
			}
			return
		}
		s.parent(e.Package)
		if strings.Contains(e.Test, "/") {
			s.show(key, "failed", r.output)
			return
		}
		s.fail(key, "failed", r.output)
	}
}

// built tells whether the package failed because it does not build, which has been said.
func (s *summary) built(pkg string) bool {
	for p := range s.builds {
		if p == pkg || strings.HasPrefix(p, pkg+" [") || strings.HasPrefix(p, pkg+"_test") {
			return true
		}
	}
	return false
}

func (s *summary) counts(e event) bool {
	if s.packages {
		return e.Test == ""
	}
	return e.Test != "" && !strings.Contains(e.Test, "/")
}

func (s *summary) parent(pkg string) {
	if r := s.open[pkg]; r != nil {
		r.tests++
	}
}

func (s *summary) fail(what, how string, output []string) {
	s.failed++
	s.show(what, how, output)
}

func (s *summary) show(what, how string, output []string) {
	fmt.Fprintf(s.out, "FAIL %s: %s\n", short(what), how)
	output = slices.DeleteFunc(slices.Clone(output), func(o string) bool { return strings.HasPrefix(o, "=== ") })
	for i, o := range output {
		if more := len(output) - firstLines - lastLines; more > 0 && i >= firstLines && i < firstLines+more {
			if i == firstLines {
				fmt.Fprintf(s.out, "     … %d lines more\n", more)
			}
			continue
		}
		o = strings.TrimRight(o, "\n")
		fmt.Fprintf(s.out, "     %s\n", o[:min(len(o), lineLength)])
	}
}

// What is shown of a failure's output.
const (
	firstLines = 30
	lastLines  = 90
	lineLength = 400
)

func (s *summary) print() {
	slices.Sort(s.reasons)
	for _, r := range s.reasons {
		fmt.Fprintln(s.out, "skipped", r)
	}
	if len(s.slow) > 0 {
		fmt.Fprintln(s.out, "slow:", strings.Join(s.slow, ", "))
	}
}

// reason is what a test that skipped itself said last.
func reason(output []string) string {
	for _, o := range slices.Backward(output) {
		o = strings.TrimSpace(o)
		if o == "" || strings.HasPrefix(o, "===") || strings.HasPrefix(o, "---") {
			continue
		}
		if _, text, ok := strings.Cut(o, ".go:"); ok { // file.go:12: reason
			if _, text, ok = strings.Cut(text, ": "); ok {
				return text
			}
		}
		return o
	}
	return "no reason given"
}

func short(s string) string { return strings.ReplaceAll(s, "github.com/gotelco/telco/", "") }
