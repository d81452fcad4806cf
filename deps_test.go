package telco_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gotelco/telco"

// allowed says which packages of this module each package may import. Every package may also
// import trace, internal/..., and its own parents (sip/websocket may import sip). "x/..." stands
// for x and everything below it. The first line whose left side matches a package counts; a
// package that no line names may import nothing more.
const allowed = `
examples/...   -> ...
trace/...      ->
sip/...        -> sip/...
sdp/...        ->
rtp/...        -> rtp/...
amr/...        -> amr/...
g711/...       ->
resample/...   ->
ipsec/...      -> ipsec/...
ims/aka/...    ->
mtp3/...       -> mtp3
sctp/...       -> sctp
diameter/...   -> sctp diameter/...
m2pa/...       -> mtp3 sctp
m3ua/...       -> mtp3 sctp
stp/...        -> mtp3 mtp3/sccp m2pa m3ua sctp
call/...       -> call/... sip/... sdp rtp/... amr g711 resample
ims/ue/...     -> ims/... sip/... sdp diameter/... ipsec/... call/... rtp/... amr g711 resample
ims/as/...     -> ims/... sip/... sdp diameter/... ipsec/... call/... rtp/... amr g711 resample
ims/...        -> ims/... sip/... sdp diameter/... ipsec/... sctp
`

// thirdParty names the modules that packages may import beside the standard library, and by
// whom ("..." is anybody). Tests may also import those of testOnly.
const thirdParty = `
github.com/pion/rtp           rtp/... call/... examples/...
github.com/pion/sdp/v3        sdp/...
github.com/pion/srtp/v3       rtp/... call/... examples/...
github.com/ishidawataru/sctp  sctp/kernel/...
github.com/coder/websocket    sip/... examples/...
github.com/goccy/go-yaml      stp/... ims/hss/provision examples/...
golang.org/x/crypto           ...
golang.org/x/net              ...
golang.org/x/sys              ...
`

const testOnly = `
github.com/google/go-cmp  ...
github.com/pion/rtp       ...
`

// maxModules bounds what somebody who imports one package of this module sees in his module graph.
const maxModules = 18

type listed struct {
	ImportPath, Name                   string
	Imports, TestImports, XTestImports []string
}

func TestImports(t *testing.T) {
	for _, p := range goList(t) {
		from := rel(p.ImportPath)
		for _, imp := range p.Imports {
			if why := refused(from, imp, thirdParty); why != "" {
				t.Errorf("%s imports %s: %s", from, imp, why)
			}
		}
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			switch {
			case isStd(imp) || imp == p.ImportPath:
			case strings.HasPrefix(imp, module):
				if underInternal(imp) && match("examples/...", from) {
					t.Errorf("the tests of %s import %s: programs get copied out", from, imp)
				}
			default:
				if !lineAllows(thirdParty+testOnly, from, imp) {
					t.Errorf("the tests of %s import %s, which is in neither list of modules", from, imp)
				}
			}
		}
	}
}

// refused says why the package from may not import imp, or nothing.
func refused(from, imp, modules string) string {
	if isStd(imp) {
		if imp == "testing" && !match("internal/...", from) {
			return "only tests do"
		}
		return ""
	}
	if !strings.HasPrefix(imp, module+"/") && imp != module {
		if !lineAllows(modules, from, imp) && !(slices.Contains(strings.Fields(testPackages), from) && lineAllows(testOnly, from, imp)) {
			return "thirdParty does not allow it"
		}
		return ""
	}
	to := rel(imp)
	switch {
	case match("examples/...", from) && underInternal(imp):
		return "programs get copied out, they import public packages only"
	case match("examples/...", to) && !match("examples/...", from) && !match("internal/lab/...", from): // the lab is for tests
		return "a library package imports a program"
	case match("examples/...", from), match("internal/...", to), to == "trace":
		return ""
	case strings.HasPrefix(from, to+"/"): // a parent
		return ""
	}
	for _, i := range []string{from + "/internal/", from[:strings.LastIndex("/"+from, "/")] + "internal/"} {
		if strings.HasPrefix(to+"/", i) { // its own internal packages, or those beside it
			return ""
		}
	}
	if slices.Contains(strings.Fields(testPackages), from) {
		return ""
	}
	if match("internal/...", from) {
		return "internal packages stay below every public one but trace"
	}
	for line := range lines(allowed) {
		left, right, _ := strings.Cut(line, "->")
		if !match(strings.TrimSpace(left), from) {
			continue
		}
		for _, pattern := range strings.Fields(right) {
			if match(pattern, to) {
				return ""
			}
		}
		return "the line of " + strings.TrimSpace(left) + " does not allow it"
	}
	return "no line of allowed is about " + from
}

// TestInternalStaysBelow keeps the loophole shut: what internal packages import, everybody imports. Those
// that serve tests alone may see more, as long as no public package imports them.
func TestInternalStaysBelow(t *testing.T) {
	for _, p := range goList(t) {
		if match("internal/...", rel(p.ImportPath)) || match("examples/...", rel(p.ImportPath)) {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(strings.Fields(testPackages), rel(imp)) {
				t.Errorf("%s imports %s, which is for tests", rel(p.ImportPath), rel(imp))
			}
		}
	}
}

// testPackages are internal packages that serve tests alone.
const testPackages = `internal/tsharktest internal/lab internal/lab/kamailio internal/bench internal/sctptest internal/diatest internal/calltest`

func TestModule(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		if f := strings.Fields(line); len(f) > 0 && (f[0] == "replace" || f[0] == "exclude" || f[0] == "toolchain") {
			t.Errorf("go.mod: %q: `go run %s/examples/x@latest` would not work, or would fetch a toolchain", strings.TrimSpace(line), module)
		}
	}
	out, err := exec.Command("go", "list", "-m", "all").Output()
	if err != nil {
		t.Skipf("the module graph cannot be read here: %v", stderr(err))
	}
	if n := strings.Count(string(out), "\n") - 1; n > maxModules {
		t.Errorf("%d modules in the graph beside this one, want at most %d:\n%s", n, maxModules, out)
	}
}

// TestRules tests the matching that the other tests stand on.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		from, imp string
		ok        bool
	}{
		{"sip", "net", true},
		{"sip", module + "/trace", true},
		{"sip", module + "/internal/wire", true},
		{"sip", module + "/sdp", false},
		{"sip", module + "/trace/pcapng", false},
		{"sip/websocket", module + "/sip", true},
		{"sip/websocket", "github.com/coder/websocket", true},
		{"diameter/cx", module + "/diameter", true},
		{"m3ua", module + "/m2pa", false},
		{"m3ua", module + "/mtp3", true},
		{"examples/as", module + "/internal/wire", false},
		{"examples/as", module + "/call", true},
		{"call", module + "/examples/kit/config", false},
		{"internal/wire", module + "/sip", false},
		{"rtp", "github.com/sirupsen/logrus", false},
		{"amr", module + "/amr/internal/basicop", true},
		{"amr/nb", module + "/amr/internal/basicop", true},
		{"ims/aka", module + "/sip", false},
		{"nobody", module + "/sip", false},
		{"sip", "testing", false},
	} {
		if why := refused(c.from, c.imp, thirdParty); (why == "") != c.ok {
			t.Errorf("%s -> %s: %q, want allowed: %v", c.from, c.imp, why, c.ok)
		}
	}
}

func goList(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", stderr(err))
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 2 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

func stderr(err error) error {
	var x *exec.ExitError
	if errors.As(err, &x) {
		return fmt.Errorf("%w: %s", err, x.Stderr)
	}
	return err
}

func rel(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }

func isStd(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func underInternal(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }

// match tells whether pkg is the pattern, or below it when the pattern ends in "/...".
func match(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pkg == pattern
}

// lineAllows tells whether a line of modules lets from import imp.
func lineAllows(modules, from, imp string) bool {
	for line := range lines(modules) {
		f := strings.Fields(line)
		if imp != f[0] && !strings.HasPrefix(imp, f[0]+"/") {
			continue
		}
		for _, pattern := range f[1:] {
			if match(pattern, from) || match("internal/...", from) {
				return true
			}
		}
	}
	return false
}

func lines(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}
