package sip

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestCorpus reads every file below the directory that TELCO_SIP_CORPUS names (the PROTOS c07-sip
// cases, say) as a message and holds it to the properties of the fuzz targets.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("TELCO_SIP_CORPUS")
	if dir == "" {
		t.Skip("TELCO_SIP_CORPUS names no directory of messages")
	}
	var files, lenient, strict int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if _, v := verdict(b, Policy{Strict: true}); v == "accept" {
			strict++
		}
		m, v := verdict(b, Policy{})
		if m != nil {
			touch(m)
		}
		if v != "accept" {
			t.Logf("%s: %s", filepath.Base(path), v)
			return nil
		}
		lenient++
		out, err := m.AppendText(nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		if canonical(b, m) && !bytes.Equal(b, out) {
			t.Errorf("%s: untouched message changed", path)
		}
		if again, err := Parse(out); err != nil || again.String() != string(out) {
			t.Errorf("%s: appended message: %v", path, err)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files: %v", files, err)
	}
	t.Logf("%d messages: %d accepted, %d of them by the strict parser", files, lenient, strict)
}
