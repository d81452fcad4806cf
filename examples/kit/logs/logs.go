// Package logs gives every program the same two flags for its log, and the log itself.
//
//	opts := logs.Flags(flag.CommandLine)
//	flag.Parse()
//	log := opts.Logger(os.Stderr)
package logs

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
)

// Options say how to log. The zero value logs text from Info up.
type Options struct {
	// Level may be changed while the program runs.
	Level slog.LevelVar

	// JSON writes an object per line instead of text.
	JSON bool
}

// Flags defines -log-level and -log-format.
func Flags(fs *flag.FlagSet) *Options {
	o := new(Options)
	fs.TextVar(&o.Level, "log-level", &o.Level, "log from this `level` up: debug, info, warn, error")
	fs.Func("log-format", "`format` of the log: text or json (default text)", func(s string) error {
		switch s {
		case "text", "json":
			o.JSON = s == "json"
			return nil
		}
		return fmt.Errorf("%q is neither text nor json", s)
	})
	return o
}

// Logger returns a logger to out.
func (o *Options) Logger(out io.Writer) *slog.Logger {
	h := &slog.HandlerOptions{Level: &o.Level}
	if o.JSON {
		return slog.New(slog.NewJSONHandler(out, h))
	}
	return slog.New(slog.NewTextHandler(out, h))
}
