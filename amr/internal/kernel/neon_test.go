package kernel

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestNEON has an assembler check the instructions of neon_arm64.h.
func TestNEON(t *testing.T) {
	as, err := exec.LookPath("aarch64-linux-gnu-as")
	if err != nil {
		t.Skip("aarch64-linux-gnu-as is not installed (Debian: binutils-aarch64-linux-gnu)")
	}
	header, err := os.ReadFile("neon_arm64.h")
	if err != nil {
		t.Fatal(err)
	}
	macro := regexp.MustCompile(`(?m)^// (.*)\n#define (\w+)\(d, n(, m)?\) WORD \$\(0x([0-9a-f]{8})( \| \(m\)<<16)? \| \(n\)<<5 \| \(d\)\)$`)
	found := macro.FindAllStringSubmatch(string(header), -1)
	if n := strings.Count(string(header), "#define"); n != len(found) || n == 0 {
		t.Fatalf("%d definitions, of which %d are understood", n, len(found))
	}
	register := regexp.MustCompile(`\b([vdsh])([dnm])\b`)
	var source strings.Builder
	var want []uint32
	var names []string
	for _, f := range found {
		base, err := strconv.ParseUint(f[4], 16, 32)
		if err != nil || (f[3] == "") != (f[5] == "") {
			t.Fatalf("%s: %v", f[0], err)
		}
		for _, r := range []map[string]int{{"d": 0, "n": 0, "m": 0}, {"d": 31, "n": 0, "m": 0}, {"d": 0, "n": 31, "m": 0}, {"d": 1, "n": 2, "m": 15}} {
			op := register.ReplaceAllStringFunc(f[1], func(s string) string { return fmt.Sprint(s[:1], r[s[1:]]) })
			w := uint32(base) | uint32(r["n"])<<5 | uint32(r["d"])
			if f[3] != "" {
				w |= uint32(r["m"]) << 16
			}
			fmt.Fprintln(&source, op)
			names, want = append(names, f[2]+": "+op), append(want, w)
		}
	}
	dir := t.TempDir()
	in, object := filepath.Join(dir, "neon.s"), filepath.Join(dir, "neon.o")
	if err := os.WriteFile(in, []byte(source.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(as, "-o", object, in).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	elf, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	text := elf[64:] // the first section stands behind the header
	for i, w := range want {
		if got := binary.LittleEndian.Uint32(text[4*i:]); got != w {
			t.Errorf("%s is %#08x, not %#08x", names[i], got, w)
		}
	}
}
