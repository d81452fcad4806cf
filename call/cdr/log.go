package cdr

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/internal/disk"
)

// Format is how records are written.
type Format uint8

// The formats.
const (
	CSV  Format = iota // with a header line
	JSON               // an object per line
)

// String returns "csv" or "json".
func (f Format) String() string {
	switch f {
	case CSV:
		return "csv"
	case JSON:
		return "json"
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// MarshalText returns what String does.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what String returns.
func (f *Format) UnmarshalText(b []byte) error {
	switch strings.ToLower(string(b)) {
	case "csv":
		*f = CSV
	case "json":
		*f = JSON
	default:
		return fmt.Errorf("cdr: unknown format %q, want csv or json", b)
	}
	return nil
}

// suffix is that of the files.
func (f Format) suffix() string {
	if f == JSON {
		return ".jsonl"
	}
	return ".csv"
}

// Config configures a Log. Dir must be set.
type Config struct {
	// Dir is the folder, which is made if it is not there. Of each Name and Format one process
	// may write there.
	Dir string `yaml:"dir"`
	// Name begins the names of files. If empty, "calls".
	Name   string `yaml:"name"`
	Format Format `yaml:"format"`

	// MaxSize is how many octets a file may have before the next is begun. If zero, 256 MiB; if
	// negative, there is no limit.
	MaxSize int64 `yaml:"max_size"`
	// Daily begins a file each day, at midnight in Zone (if nil, UTC). A record is of the day on
	// which it is written.
	Daily bool           `yaml:"daily"`
	Zone  *time.Location `yaml:"-"`
	// Keep is how many complete files are kept; older ones are deleted. If zero, all.
	Keep int `yaml:"keep"`

	// MaxPending is how many records wait in memory while the disk is full. If zero, 10,000.
	// Further ones are refused, and counted.
	MaxPending int `yaml:"max_pending"`
	// Retry is how often a full disk is tried again. If zero, 1 second.
	Retry time.Duration `yaml:"retry"`

	// OnRecord, if not nil, is called with each record after it is on disk, OnRotate with the path
	// of each complete file. They are called one at a time and hold up further records: they must
	// not block, nor call the Log.
	OnRecord func(Record)      `yaml:"-"`
	OnRotate func(path string) `yaml:"-"`

	Logger *slog.Logger `yaml:"-"` // if nil, nothing is logged

	open func(path string) (file, error) // of tests
}

// file is what a Log needs of an *os.File.
type file interface {
	io.Writer
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// Report says what Open found.
type Report struct {
	Path     string // of the file that is written
	Size     int64  // what was in it, without what was cut off
	Torn     int64  // octets of records that were not complete, which were cut off
	TornFile string // where they were set aside
	Calls    int    // calls of [Log.Begin] that ended with the process before, whose records are written now
}

// PendingError says that the disk did not take a record, which waits in memory for it to do so.
type PendingError struct{ Err error }

func (e *PendingError) Error() string { return "cdr: not on disk yet: " + e.Err.Error() }

// Unwrap returns what the disk said.
func (e *PendingError) Unwrap() error { return e.Err }

// ErrLost says that a record was not kept: too many wait already.
var ErrLost = errors.New("cdr: too many records wait for the disk")

// Stats is a snapshot of a Log.
type Stats struct {
	Written   uint64 // records on disk since Open
	Syncs     uint64 // of the file; the rest is shared
	Pending   int    // records in memory
	Lost      uint64 // refused for want of room, or still pending at Close
	Rotated   uint64 // files
	Failures  uint64 // of the disk
	LastError error  // nil again once the disk works
}

// Log is a file of records. Its methods may be called by any goroutine.
type Log struct {
	cfg  Config
	log  *slog.Logger
	lock io.Closer

	underway *underway

	mu      sync.Mutex
	pending []*entry // not on disk, in order
	held    int      // of them have been tried: what Append has told of by a PendingError
	stats   Stats
	closed  bool

	wake chan struct{} // capacity 1
	rot  chan chan error
	quit chan struct{}
	done chan struct{}

	// Of the writer alone.
	path string
	f    file
	size int64
	day  string
}

type entry struct {
	rec  Record
	line []byte
	done chan error // capacity 1
}

// maxGroup bounds the octets of one write, and so what a crash can leave half written.
const maxGroup = 1 << 20

// Open opens a log, and mends what a crash left.
func Open(cfg Config) (*Log, Report, error) {
	if cfg.Dir == "" {
		return nil, Report{}, errors.New("cdr: no folder")
	}
	cfg.Name = cmp.Or(cfg.Name, "calls")
	if strings.ContainsAny(cfg.Name, "/\\*?[") || cfg.Format > JSON {
		return nil, Report{}, fmt.Errorf("cdr: bad name %q or format %v", cfg.Name, cfg.Format)
	}
	cfg.MaxSize = cmp.Or(cfg.MaxSize, 256<<20)
	cfg.MaxPending = cmp.Or(max(cfg.MaxPending, 0), 10_000)
	cfg.Retry = cmp.Or(max(cfg.Retry, 0), time.Second)
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.open == nil {
		cfg.open = func(path string) (file, error) {
			return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		}
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, Report{}, fmt.Errorf("cdr: %w", err)
	}
	l := &Log{cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), rot: make(chan chan error), quit: make(chan struct{}), done: make(chan struct{})}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.path = filepath.Join(cfg.Dir, cfg.Name+cfg.Format.suffix())
	lock, err := disk.Lock(filepath.Join(cfg.Dir, "."+cfg.Name+cfg.Format.suffix()+".lock"))
	if err != nil {
		return nil, Report{}, fmt.Errorf("cdr: %w", err)
	}
	l.lock = lock
	if l.underway, err = openUnderway(cfg.underwayDir()); err != nil {
		lock.Close()
		return nil, Report{}, fmt.Errorf("cdr: calls under way: %w", err)
	}
	report, err := l.begin()
	if err != nil {
		l.underway.close()
		lock.Close()
		return nil, report, err
	}
	lost := l.underway.unfinished()
	go l.run()
	report.Calls = len(lost)
	if len(lost) > 0 {
		l.log.Warn("call records: calls ended with the program before", "calls", len(lost))
	}
	var entries []*entry
	for _, r := range lost {
		if e, err := l.enqueue(r); err == nil {
			entries = append(entries, e)
		}
	}
	for _, e := range entries { // what the disk does not take waits in memory, and is found again by the next Open
		<-e.done
	}
	return l, report, nil
}

// begin mends and opens the file.
func (l *Log) begin() (Report, error) {
	report, err := mend(l.path)
	if err != nil {
		return report, fmt.Errorf("cdr: %w", err)
	}
	if report.Torn > 0 {
		l.log.Warn("call records: a torn record was cut off", "file", l.path, "octets", report.Torn, "kept_in", report.TornFile)
	}
	if l.cfg.Format == CSV && report.Size > 0 {
		same, err := startsWith(l.path, header())
		if err != nil {
			return report, fmt.Errorf("cdr: %w", err)
		}
		if !same { // of another version: its columns are others
			if err := l.setAside(); err != nil {
				return report, fmt.Errorf("cdr: %w", err)
			}
			report.Size = 0
		}
	}
	l.size, l.day = report.Size, ""
	if st, err := os.Stat(l.path); err == nil && report.Size > 0 {
		l.day = l.dayOf(st.ModTime())
	}
	return report, l.openFile()
}

func header() []byte {
	b, _ := appendCSV(nil, Columns())
	return b
}

func (l *Log) dayOf(t time.Time) string { return t.In(l.cfg.Zone).Format("20060102") }

// openFile opens the file at l.path for appending, with its header if it is empty.
func (l *Log) openFile() error {
	f, err := l.cfg.open(l.path)
	if err != nil {
		return fmt.Errorf("cdr: %w", err)
	}
	if err := disk.SyncDir(l.cfg.Dir); err != nil {
		f.Close()
		return fmt.Errorf("cdr: %w", err)
	}
	l.f = f
	return nil
}

// Append keeps a record: it returns nil when the record is on disk. A [PendingError] says that it
// is in memory and will be, ErrLost that it is not kept. After Close it is net.ErrClosed.
func (l *Log) Append(r Record) error {
	e, err := l.enqueue(r)
	if err != nil {
		return err
	}
	return <-e.done
}

// enqueue has a record written.
func (l *Log) enqueue(r Record) (*entry, error) {
	var line []byte
	var err error
	if l.cfg.Format == JSON {
		line, err = r.AppendJSON(nil)
	} else {
		line, err = r.AppendCSV(nil)
	}
	if err != nil {
		return nil, err
	}
	if len(line) > maxGroup {
		return nil, fmt.Errorf("cdr: a record of %d octets", len(line))
	}
	e := &entry{r, line, make(chan error, 1)}
	l.mu.Lock()
	switch {
	case l.closed:
		l.mu.Unlock()
		return nil, fmt.Errorf("cdr: %w", net.ErrClosed)
	case len(l.pending) >= l.cfg.MaxPending:
		l.stats.Lost++
		l.mu.Unlock()
		l.log.Error("call record lost: too many wait for the disk", "id", r.ID, "pending", l.cfg.MaxPending)
		return nil, ErrLost
	}
	l.pending = append(l.pending, e)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return e, nil
}

// Rotate begins a new file, if there are records in the present one.
func (l *Log) Rotate() error {
	done := make(chan error, 1)
	select {
	case l.rot <- done:
		return <-done
	case <-l.done:
		return fmt.Errorf("cdr: %w", net.ErrClosed)
	}
}

// Stats returns a snapshot.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Pending = len(l.pending)
	return s
}

// Close writes what is pending, if the disk takes it, and closes the file. Its error says that
// records are lost.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if !closed {
		close(l.quit)
	}
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.pending); n > 0 && !closed {
		l.stats.Lost += uint64(n)
		return fmt.Errorf("cdr: %d records are lost: %w", n, l.stats.LastError)
	}
	return nil
}

// past reports whether the records in the file are of an earlier day, and a file is kept per day.
func (l *Log) past() bool {
	return l.cfg.Daily && l.day != "" && l.day != l.dayOf(time.Now())
}

// untilMidnight is when the next day begins in Zone, where Daily asks for it.
func (l *Log) untilMidnight() time.Duration {
	now := time.Now().In(l.cfg.Zone)
	return time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, l.cfg.Zone).Sub(now)
}

// run is the writer.
func (l *Log) run() {
	defer close(l.done)
	defer l.lock.Close()
	retry := time.NewTimer(0)
	retry.Stop()
	defer retry.Stop()
	var midnight <-chan time.Time
	for quit := false; !quit; {
		var rotated chan error
		if l.cfg.Daily && midnight == nil {
			midnight = time.After(l.untilMidnight())
		}
		select {
		case <-midnight:
			midnight = nil
		case <-l.wake:
		case <-retry.C:
		case rotated = <-l.rot:
		case <-l.quit:
			quit = true
		}
		ok := l.flush()
		if l.past() {
			if err := l.rotate(); err != nil {
				l.log.Error("call records: the day's file could not be completed", "file", l.path, "err", err)
			}
		}
		if rotated != nil {
			rotated <- l.rotate()
		}
		if !ok {
			retry.Reset(l.cfg.Retry)
		}
	}
	if l.f != nil {
		l.f.Close()
	}
	if err := l.underway.close(); err != nil {
		l.log.Warn("call records: calls under way", "err", err)
	}
}

// flush writes what is pending, in groups, and reports whether nothing is left to try again.
func (l *Log) flush() bool {
	for {
		l.mu.Lock()
		n, octets := 0, 0
		for n < len(l.pending) && octets+len(l.pending[n].line) <= maxGroup {
			octets += len(l.pending[n].line)
			n++
		}
		group := slices.Clone(l.pending[:n])
		l.mu.Unlock()
		if n == 0 {
			return true
		}
		err := l.write(group, octets)
		l.mu.Lock()
		if err != nil {
			// All that wait are told, those too whose turn had not come.
			first := l.stats.LastError == nil
			l.stats.Failures++
			l.stats.LastError = err
			told := l.pending[l.held:]
			l.held = len(l.pending)
			for _, e := range told {
				e.done <- &PendingError{err}
			}
			l.mu.Unlock()
			if first {
				l.log.Error("call records are not written", "file", l.path, "err", err)
			}
			return false
		}
		held := min(l.held, n)
		l.pending = slices.Delete(l.pending, 0, n)
		l.held -= held
		l.stats.Written += uint64(n)
		again := l.stats.LastError != nil
		l.stats.LastError = nil
		l.mu.Unlock()
		if again {
			l.log.Info("call records are written again", "file", l.path)
		}
		over := make([]string, 0, len(group))
		for i, e := range group {
			if l.cfg.OnRecord != nil {
				l.cfg.OnRecord(e.rec)
			}
			if i >= held {
				e.done <- nil
			}
			over = append(over, e.rec.ID)
		}
		if err := l.underway.over(over); err != nil { // Open will write them again: the IDs tell
			l.log.Warn("call records: calls under way", "err", err)
		}
	}
}

// write puts a group on disk, or leaves the file as it was.
func (l *Log) write(group []*entry, octets int) error {
	if l.cfg.MaxSize > 0 && l.size+int64(octets) > l.cfg.MaxSize || l.past() {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if l.f == nil {
		if _, err := l.begin(); err != nil {
			return err
		}
	}
	b := make([]byte, 0, octets+1024)
	if l.size == 0 && l.cfg.Format == CSV {
		b = append(b, header()...)
	}
	for _, e := range group {
		b = append(b, e.line...)
	}
	if _, err := l.f.Write(b); err != nil {
		if terr := l.f.Truncate(l.size); terr != nil {
			l.abandon()
		}
		return err
	}
	if err := l.f.Sync(); err != nil {
		// Nobody knows what is on disk after l.size. The file is cut there and opened anew, and the
		// group is written again: if it was not cut, twice, which the ids tell.
		l.abandon()
		return err
	}
	l.size += int64(len(b))
	l.day = l.dayOf(time.Now())
	l.mu.Lock()
	l.stats.Syncs++
	l.mu.Unlock()
	return nil
}

// abandon closes a file of which nobody knows what it holds after l.size, and cuts it there if
// that can be done.
func (l *Log) abandon() {
	l.f.Truncate(l.size)
	l.f.Close()
	l.f = nil
}

// rotate gives the file its final name and begins another.
func (l *Log) rotate() error {
	if l.size == 0 {
		return nil
	}
	if l.f != nil {
		l.f.Close()
		l.f = nil
	}
	if err := l.setAside(); err != nil {
		return fmt.Errorf("cdr: %w", err)
	}
	l.size, l.day = 0, ""
	return l.openFile()
}

// setAside renames the file to one with the time in its name.
func (l *Log) setAside() error {
	suffix := l.cfg.Format.suffix()
	base := strings.TrimSuffix(l.path, suffix) + "-" + strings.Replace(time.Now().UTC().Format("20060102T150405.000"), ".", "", 1)
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s-%03d%s", base, n, suffix)
		// A link, unlike a rename, never takes the place of another file.
		err := os.Link(l.path, name)
		if errors.Is(err, os.ErrExist) && n < 999 {
			continue
		}
		if err == nil {
			err = os.Remove(l.path)
		} else if !errors.Is(err, os.ErrExist) { // a file system without links
			if _, serr := os.Lstat(name); serr == nil {
				continue
			}
			err = os.Rename(l.path, name)
		}
		if err == nil {
			err = disk.SyncDir(l.cfg.Dir)
		}
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.stats.Rotated++
		l.mu.Unlock()
		l.log.Info("call records: a file is complete", "file", name)
		l.prune()
		if l.cfg.OnRotate != nil {
			l.cfg.OnRotate(name)
		}
		return nil
	}
}

// prune deletes the oldest complete files but Keep.
func (l *Log) prune() {
	if l.cfg.Keep <= 0 {
		return
	}
	const digits = "[0-9][0-9][0-9]"
	pattern := l.cfg.Name + "-" + digits + digits + "[0-9][0-9]T" + digits + digits + digits + "-" + digits + l.cfg.Format.suffix()
	entries, _ := os.ReadDir(l.cfg.Dir) // sorted
	var names []string
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok {
			names = append(names, filepath.Join(l.cfg.Dir, e.Name()))
		}
	}
	for i := 0; i < len(names)-l.cfg.Keep; i++ {
		if err := os.Remove(names[i]); err != nil {
			l.log.Warn("call records: an old file stays", "file", names[i], "err", err)
		}
	}
}

func startsWith(path string, want []byte) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	have := make([]byte, len(want))
	n, err := io.ReadFull(f, have)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return bytes.Equal(have[:n], want), nil
}
