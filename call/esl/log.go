package esl

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// logLevels are FreeSWITCH's, from CONSOLE, 0, to DEBUG, 7.
var logLevels = []string{"CONSOLE", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"}

// parseLogLevel reads the name of a level or its number.
func parseLogLevel(s string) (int, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return max(0, min(n, len(logLevels)-1)), true
	}
	for i, name := range logLevels {
		if strings.EqualFold(s, name) {
			return i, true
		}
	}
	switch strings.ToUpper(s) {
	case "ERROR":
		return 3, true
	case "WARN":
		return 4, true
	}
	return 0, false
}

func logLevelOf(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}

func slogLevelOf(level int) slog.Level {
	switch {
	case level <= 3:
		return slog.LevelError
	case level == 4:
		return slog.LevelWarn
	case level <= 6:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// A Log is a slog.Handler that hands what is logged to clients which asked for it (the command log), besides the
// handler that it wraps. It is made first, so that everything can log through it, and given to the Server in its
// Config.
type Log struct {
	next  slog.Handler
	taps  *logTaps
	attrs string // of WithAttrs, with the groups in their names
	group string
	uuid  string
}

// logTaps are the clients who want the log.
type logTaps struct {
	level atomic.Int32 // the most verbose that is wanted; -1 if nobody listens
	mu    sync.Mutex
	taps  map[*client]int
}

// NewLog returns a Log. next may be nil.
func NewLog(next slog.Handler) *Log {
	l := &Log{next: next, taps: &logTaps{taps: make(map[*client]int)}}
	l.taps.level.Store(-1)
	return l
}

// set says from which level on a client wants the log; -1 is not at all.
func (t *logTaps) set(c *client, level int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if level < 0 {
		delete(t.taps, c)
	} else {
		t.taps[c] = level
	}
	most := -1
	for _, l := range t.taps {
		most = max(most, l)
	}
	t.level.Store(int32(most))
}

// Enabled implements slog.Handler.
func (l *Log) Enabled(ctx context.Context, level slog.Level) bool {
	return logLevelOf(level) <= int(l.taps.level.Load()) || l.next != nil && l.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (l *Log) Handle(ctx context.Context, r slog.Record) error {
	if logLevelOf(r.Level) <= int(l.taps.level.Load()) {
		l.tap(r)
	}
	if l.next != nil && l.next.Enabled(ctx, r.Level) {
		return l.next.Handle(ctx, r)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (l *Log) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *l
	for _, a := range attrs {
		n.attrs = appendAttr(n.attrs, n.group, a)
		if a.Key == "uuid" {
			n.uuid = a.Value.String()
		}
	}
	if n.next != nil {
		n.next = n.next.WithAttrs(attrs)
	}
	return &n
}

// WithGroup implements slog.Handler.
func (l *Log) WithGroup(name string) slog.Handler {
	n := *l
	n.group += name + "."
	if n.next != nil {
		n.next = n.next.WithGroup(name)
	}
	return &n
}

func appendAttr(s, group string, a slog.Attr) string {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, m := range v.Group() {
			s = appendAttr(s, group, m)
		}
		return s
	}
	text := v.String()
	if text == "" || strings.ContainsAny(text, " \"\r\n=") {
		text = strconv.Quote(text)
	}
	return s + " " + group + a.Key + "=" + text
}

// tap queues a record for the clients.
func (l *Log) tap(r slog.Record) {
	line := &logLine{level: logLevelOf(r.Level), uuid: l.uuid}
	s := l.attrs
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "uuid" {
			line.uuid = a.Value.String()
		}
		s = appendAttr(s, l.group, a)
		return true
	})
	if f, _ := runtime.CallersFrames([]uintptr{r.PC}).Next(); r.PC != 0 {
		line.file, line.line = path.Base(f.File), f.Line
		line.fn = f.Function[strings.LastIndexByte(f.Function, '/')+1:]
	}
	line.text = fmt.Sprintf("%s [%s] %s:%d %s%s\n", r.Time.Format("2006-01-02 15:04:05.000000"), logLevels[line.level], line.file, line.line,
		r.Message, s)
	l.taps.mu.Lock()
	defer l.taps.mu.Unlock()
	for c, level := range l.taps.taps {
		if line.level <= level {
			c.queueLog(line)
		}
	}
}

// A logLine is one entry, sent as log/data.
type logLine struct {
	level    int
	file, fn string
	line     int
	uuid     string
	text     string
}

func (l *logLine) append(dst []byte) []byte {
	return fmt.Appendf(dst, "Content-Type: log/data\nContent-Length: %d\nLog-Level: %d\nText-Channel: 0\nLog-File: %s\nLog-Func: %s\n"+
		"Log-Line: %d\nUser-Data: %s\n\n%s", len(l.text), l.level, oneLine(l.file), oneLine(l.fn), l.line, oneLine(l.uuid), l.text)
}
