package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gotelco/telco/examples/kit/config"
)

type trunk struct {
	Host     string        `yaml:"host"`
	Interval time.Duration `yaml:"interval"`
}

type file struct {
	Listen netip.AddrPort   `yaml:"listen"`
	Calls  uint8            `yaml:"calls"`
	Trunks []trunk          `yaml:"trunks"`
	Named  map[string]trunk `yaml:"named"`
	Peers  map[string][]netip.AddrPort
}

func (f *file) Validate() error {
	var bad config.Problems
	for i, t := range f.Trunks {
		if t.Host == "" {
			bad.Add(config.Path("trunks", i, "host"), "is missing")
		}
		if t.Interval < 0 {
			bad.Add(config.Path("trunks", i, "interval"), "%v is negative", t.Interval)
		}
	}
	for name, t := range f.Named {
		if t.Host == "" {
			bad.Add(config.Path("named", name), "wants a host")
		}
	}
	if f.Calls == 99 {
		return errors.New("99 is a bad number")
	}
	return bad.Err()
}

func TestParse(t *testing.T) {
	got := file{Calls: 7, Listen: netip.MustParseAddrPort("127.0.0.1:5060")}
	err := config.Parse("x.yaml", []byte("# a comment\ntrunks:\n  - host: a\n    interval: 1m30s\n  - {host: b}\nlisten: \"[::1]:5070\"\n"), &got)
	want := file{Calls: 7, Listen: netip.MustParseAddrPort("[::1]:5070"), Trunks: []trunk{{"a", 90 * time.Second}, {"b", 0}}}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if err := config.Parse("x.yaml", nil, &got); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"calls: 1\nprots: 3\n", `x.yaml:2:1: unknown field "prots"`},
		{"calls: 1\ncalls: 2\n", `x.yaml:2:1: mapping key "calls" already defined at [1:1]`},
		{"calls: many\n", "x.yaml:1:8: is a text, not a whole number"},
		{"calls: 300\n", "x.yaml:1:8: 300 is out of range"},
		{"trunks:\n  - host: a\n    prot: 1\n", `x.yaml:3:5: unknown field "prot"`},
		{"trunks: [\n", "x.yaml:1:9: sequence end token ']' not found"},
		{"listen: nowhere\n", `x.yaml:1:9: "nowhere": not an ip:port`},
		{"peers:\n  a: [127.0.0.1:1, 127.0.0.1]\n", `x.yaml:2:20: "127.0.0.1": not an ip:port`},
		{"trunks:\n  - host: a\n    interval: 5s\n  - interval: soon\n", `x.yaml:4:15: "soon": time: invalid duration`},
		{"trunks:\n  - host: a\n  - interval: 5s\n", "x.yaml:3:5: trunks[1].host: is missing"},
		{"trunks:\n  - host: a\n    interval: -5s\n", "x.yaml:3:15: trunks[0].interval: -5s is negative"},
		{"trunks:\n  - interval: -5s\n", "x.yaml:2:5: trunks[0].host: is missing\nx.yaml:2:15: trunks[0].interval: -5s is negative"},
		{"named:\n  one:\n    interval: 5s\n", "x.yaml:3:5: named.one: wants a host"},
		{"calls: 99\n", "x.yaml: 99 is a bad number"},
	} {
		err := config.Parse("x.yaml", []byte(c.text), new(file))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q\n got %v\nwant %s", c.text, err, c.want)
		}
		var e *config.Error
		if !errors.As(err, &e) {
			t.Errorf("%q: a %T", c.text, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if err := config.Load(filepath.Join(dir, "none"), new(file)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	name := filepath.Join(dir, "x.yaml")
	if err := os.WriteFile(name, []byte("calls: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var f file
	if err := config.Load(name, &f); err != nil || f.Calls != 3 {
		t.Errorf("%+v, %v", f, err)
	}
	if err := os.Truncate(name, 17<<20); err != nil {
		t.Fatal(err)
	}
	if err := config.Load(name, &f); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a huge file: %v", err)
	}
}

// FuzzParse: whatever a file holds, reading it ends in a value or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte("trunks:\n  - host: a\n    interval: 1m\nnamed: {a: {host: b}}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		err := config.Parse("x", text, new(file))
		var e *config.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("a %T: %v", err, err)
		}
	})
}

func ExampleParse() {
	var cfg struct {
		Listen netip.AddrPort `yaml:"listen"`
	}
	fmt.Println(config.Parse("as.yaml", []byte("listen: 127.0.0.1:5060\nlissten: 127.0.0.1:5061\n"), &cfg))
	// Output: as.yaml:2:1: unknown field "lissten"
}
