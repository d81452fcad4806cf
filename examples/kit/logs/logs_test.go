package logs

import (
	"bytes"
	"flag"
	"io"
	"log/slog"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "level=WARN msg=b\n"},
		{"-log-format json", `"level":"WARN","msg":"b"}` + "\n"},
		{"-log-level=error", ""},
		{"-log-level=debug -log-format=text", "level=DEBUG msg=a\n"},
	} {
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		o := Flags(fs)
		if err := fs.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		log := o.Logger(&b)
		log.Debug("a")
		log.Warn("b")
		if got := b.String(); !strings.Contains(got, c.want) || (c.want == "" && got != "") {
			t.Errorf("%q: got %q", c.args, got)
		}
		o.Level.Set(slog.LevelError + 1)
		n := b.Len()
		log.Error("c")
		if b.Len() != n {
			t.Errorf("%q: the level did not change", c.args)
		}
	}
	fs := flag.NewFlagSet("x", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	Flags(fs)
	if fs.Parse([]string{"-log-format=xml"}) == nil || fs.Parse([]string{"-log-level=loud"}) == nil {
		t.Error("taken")
	}
}
