package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/gotelco/telco/internal/disk"
)

// Config says where a journal lies and who takes its records.
type Config struct {
	// Dir is the folder of the journal's files, which is made if it is not there. One process at
	// a time may have it open.
	Dir string

	// Replay takes every record that was kept, in order, while Open runs. The record is valid
	// during the call. An error ends Open.
	Replay func(record []byte) error

	open func(name string, flag int) (file, error) // tests put a failing disk here
}

// file is what a journal needs of an *os.File.
type file interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
	Close() error
}

// Report says what Open found.
type Report struct {
	Records  int    // how many were replayed, those of the snapshot included
	Snapshot int    // how many of these stood in the snapshot
	Torn     int64  // octets after the last complete record, which were cut off
	TornFile string // where they were set aside
}

// Errors of Append.
var (
	ErrTooLong = errors.New("journal: record too long")
	ErrBusy    = errors.New("journal: a compaction is under way")
)

// FullError says that the disk had no room for a record, which is not kept. The next may be.
type FullError struct{ Err error }

func (e *FullError) Error() string { return "journal: disk full: " + e.Err.Error() }
func (e *FullError) Unwrap() error { return e.Err }

// FailedError says that the disk failed in a way after which nothing can be promised. The journal
// refuses everything until it is opened anew.
type FailedError struct{ Err error }

func (e *FailedError) Error() string { return "journal: disk failed: " + e.Err.Error() }
func (e *FailedError) Unwrap() error { return e.Err }

// Journal is an open journal. Its methods may be called by several goroutines at once.
type Journal struct {
	cfg  Config
	lock *os.File

	mu      sync.Mutex
	cond    sync.Cond // the committer waits for work
	batch   *batch    // what the next commit writes
	rotate  *rotation // what the committer does before it
	closed  bool
	failed  error
	size    int64 // octets of the open file
	since   int64 // octets appended since the last snapshot
	compact bool  // a compaction is under way

	done chan struct{} // the committer has ended

	// of the committer alone
	f   file
	gen uint64
}

// batch is the appends that one write and one sync put on disk.
type batch struct {
	data  []byte
	apply []func()
	done  chan struct{}
	err   error
}

type rotation struct {
	done chan struct{}
	gen  uint64
	err  error
}

func logName(gen uint64) string      { return fmt.Sprintf("%016x.log", gen) }
func snapshotName(gen uint64) string { return fmt.Sprintf("%016x.snapshot", gen) }

// Open opens the journal in cfg.Dir and replays it.
func Open(cfg Config) (*Journal, Report, error) {
	var rep Report
	if cfg.open == nil {
		cfg.open = func(name string, flag int) (file, error) { return os.OpenFile(name, flag, 0o600) }
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, rep, fmt.Errorf("journal: %w", err)
	}
	lock, err := disk.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, rep, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{cfg: cfg, lock: lock, batch: newBatch(), done: make(chan struct{})}
	j.cond.L = &j.mu
	if rep, err = j.load(); err != nil {
		lock.Close()
		return nil, rep, err
	}
	go j.commits()
	return j, rep, nil
}

// generations lists the generations of which the folder has a file with the ending.
func generations(dir, ending string) ([]uint64, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var gens []uint64
	for _, n := range names {
		var gen uint64
		if hex, ok := strings.CutSuffix(n.Name(), ending); ok && len(hex) == 16 {
			if _, err := fmt.Sscanf(hex, "%016x", &gen); err == nil {
				gens = append(gens, gen)
			}
		}
	}
	slices.Sort(gens)
	return gens, nil
}

// load replays the newest snapshot and the files after it, removes what these replace, and opens
// the last for appending.
func (j *Journal) load() (rep Report, err error) {
	snapshots, err := generations(j.cfg.Dir, ".snapshot")
	if err != nil {
		return rep, err
	}
	logs, err := generations(j.cfg.Dir, ".log")
	if err != nil {
		return rep, err
	}
	replay := func(b []byte) error {
		if j.cfg.Replay != nil {
			if err := j.cfg.Replay(b); err != nil {
				return fmt.Errorf("journal: record %d: %w", rep.Records, err)
			}
		}
		rep.Records++
		return nil
	}
	var base uint64
	if n := len(snapshots); n > 0 {
		// A snapshot has its name only once it is whole and on disk.
		base = snapshots[n-1]
		if _, err := j.replayFile(snapshotName(base), replay); err != nil {
			return rep, corrupt(snapshotName(base), err)
		}
		rep.Snapshot = rep.Records
	}
	logs = slices.DeleteFunc(logs, func(gen uint64) bool { return gen < base })
	for i, gen := range logs {
		good, err := j.replayFile(logName(gen), replay)
		switch {
		case err == errTorn && i == len(logs)-1:
			if rep.Torn, rep.TornFile, err = j.cutTail(logName(gen), good); err != nil {
				return rep, err
			}
		case err != nil:
			// Only the last file was open when the process ended: the others were whole.
			return rep, corrupt(logName(gen), err)
		}
		j.size, j.since = good, j.since+good
	}
	if len(logs) == 0 {
		if j.f, err = j.create(logName(base)); err != nil {
			return rep, err
		}
		j.gen, j.size = base, int64(len(magic))
		return rep, j.removeBefore(base)
	}
	j.gen = logs[len(logs)-1]
	if j.f, err = j.cfg.open(j.path(logName(j.gen)), os.O_RDWR); err != nil {
		return rep, fmt.Errorf("journal: %w", err)
	}
	if j.size == 0 { // torn within its first octets
		if _, err := j.f.Write([]byte(magic)); err != nil {
			return rep, fmt.Errorf("journal: %w", err)
		}
		j.size = int64(len(magic))
	}
	if _, err := j.f.Seek(j.size, io.SeekStart); err != nil {
		return rep, fmt.Errorf("journal: %w", err)
	}
	if err := j.f.Sync(); err != nil {
		return rep, fmt.Errorf("journal: %w", err)
	}
	return rep, j.removeBefore(base)
}

func corrupt(name string, err error) error {
	if err == errTorn {
		return fmt.Errorf("journal: %s is damaged: restore it from a copy", name)
	}
	return err
}

func (j *Journal) path(name string) string { return filepath.Join(j.cfg.Dir, name) }

func (j *Journal) replayFile(name string, each func([]byte) error) (good int64, err error) {
	f, err := os.Open(j.path(name))
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	return readRecords(f, each)
}

// cutTail sets what follows the first good octets of a file aside and cuts it off.
func (j *Journal) cutTail(name string, good int64) (n int64, aside string, err error) {
	f, err := os.OpenFile(j.path(name), os.O_RDWR, 0)
	if err != nil {
		return 0, "", fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	aside = j.path(name + ".torn")
	t, err := os.OpenFile(aside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, "", fmt.Errorf("journal: %w", err)
	}
	defer t.Close()
	if _, err = f.Seek(good, io.SeekStart); err == nil {
		n, err = io.Copy(t, f)
	}
	if err = errors.Join(err, t.Sync()); err == nil {
		err = errors.Join(f.Truncate(good), f.Sync())
	}
	if err != nil {
		return 0, "", fmt.Errorf("journal: %w", err)
	}
	return n, aside, nil
}

// create makes a file that holds no record, on disk with its name.
func (j *Journal) create(name string) (file, error) {
	f, err := j.cfg.open(j.path(name), os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err = f.Write([]byte(magic)); err == nil {
		if err = f.Sync(); err == nil {
			err = disk.SyncDir(j.cfg.Dir)
		}
	}
	if err != nil {
		f.Close()
		os.Remove(j.path(name))
		return nil, fmt.Errorf("journal: %w", err)
	}
	return f, nil
}

// removeBefore removes files that a snapshot replaces, and those of a compaction that did not end.
func (j *Journal) removeBefore(base uint64) error {
	names, err := os.ReadDir(j.cfg.Dir)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, n := range names {
		var gen uint64
		hex, ending, _ := strings.Cut(n.Name(), ".")
		old := false
		if _, err := fmt.Sscanf(hex, "%016x", &gen); err == nil && len(hex) == 16 {
			old = gen < base && (ending == "log" || ending == "snapshot") || ending == "snapshot.new"
		}
		if old {
			if err := os.Remove(j.path(n.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("journal: %w", err)
			}
		}
	}
	return nil
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// Append keeps a record. It returns once the record is on disk and apply, which may be nil, has
// run: applies run one after the other in the order of the records, none of them for a record that
// was not kept, and none while a snapshot is begun. So a state changed only by applies is what the
// journal says. An apply must be quick and must not call the journal.
func (j *Journal) Append(record []byte, apply func()) error {
	if len(record) > MaxRecord {
		return ErrTooLong
	}
	j.mu.Lock()
	if err := j.refusal(); err != nil {
		j.mu.Unlock()
		return err
	}
	b := j.batch
	b.data = appendRecord(b.data, record)
	if apply != nil {
		b.apply = append(b.apply, apply)
	}
	j.cond.Signal()
	j.mu.Unlock()
	<-b.done
	return b.err
}

// refusal is why nothing can be appended.
func (j *Journal) refusal() error {
	if j.failed != nil {
		return j.failed
	}
	if j.closed {
		return fmt.Errorf("journal: %w", net.ErrClosed)
	}
	return nil
}

// commits writes batch after batch until the journal is closed.
func (j *Journal) commits() {
	defer close(j.done)
	spare := newBatch()
	j.mu.Lock()
	defer j.mu.Unlock()
	for {
		for len(j.batch.data) == 0 && j.rotate == nil && !j.closed {
			j.cond.Wait()
		}
		b, r, size := j.batch, j.rotate, j.size
		if len(b.data) == 0 && r == nil {
			return
		}
		j.batch, j.rotate = spare, nil
		j.mu.Unlock()

		// What was appended before a rotation was asked for may land on either side of it: its
		// applies run before the snapshot begins.
		failed := j.commit(b, size)
		if r != nil {
			if failed == nil {
				r.err = j.turn()
			} else {
				r.err = failed
			}
			r.gen = j.gen
		}

		j.mu.Lock()
		if b.err == nil {
			j.size += int64(len(b.data))
			j.since += int64(len(b.data))
		}
		if r != nil && r.err == nil {
			j.size, j.since = int64(len(magic)), 0
		}
		if failed != nil {
			j.failed = failed
			b.err = failed
		}
		close(b.done)
		if r != nil {
			close(r.done)
		}
		spare = newBatch()
		if cap(b.data) <= 1<<20 {
			spare.data = b.data[:0] // Append's callers read only done and err
		}
		if j.failed != nil {
			// Those who came while the disk failed are told, and nobody comes after them.
			j.batch.err = j.failed
			close(j.batch.done)
			if j.rotate != nil {
				j.rotate.err = j.failed
				close(j.rotate.done)
			}
			return
		}
	}
}

// commit puts a batch on disk behind the size octets that the file has. b.err is what its
// appenders get; failed is set when the journal can go on no more.
func (j *Journal) commit(b *batch, size int64) (failed error) {
	if len(b.data) == 0 {
		return nil
	}
	if _, err := j.f.Write(b.data); err != nil {
		// Cut back what was written in part: a later record must not stand behind it.
		_, err2 := j.f.Seek(size, io.SeekStart)
		if err := errors.Join(j.f.Truncate(size), err2); err != nil {
			return &FailedError{err}
		}
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			b.err = &FullError{err}
		} else {
			b.err = fmt.Errorf("journal: %w", err)
		}
		return nil
	}
	if err := j.f.Sync(); err != nil {
		return &FailedError{err}
	}
	for _, apply := range b.apply {
		apply()
	}
	return nil
}

// turn goes on in a new file.
func (j *Journal) turn() error {
	if err := j.f.Sync(); err != nil { // it may have been cut back since its last commit
		return fmt.Errorf("journal: %w", err)
	}
	f, err := j.create(logName(j.gen + 1))
	if err != nil {
		return err
	}
	j.f.Close()
	j.f, j.gen = f, j.gen+1
	return nil
}

// Size is how many octets of records have come since the last snapshot: what Compact would save.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.since
}

// Compact replaces all records by those that state writes. Appends go on meanwhile; state sees at
// least everything whose apply ran before it was called, and may see more. When Compact fails the
// records are as they were. While one runs, another gets ErrBusy.
func (j *Journal) Compact(state func(write func(record []byte) error) error) error {
	j.mu.Lock()
	if err := j.refusal(); err != nil || j.compact {
		j.mu.Unlock()
		if err == nil {
			err = ErrBusy
		}
		return err
	}
	j.compact = true
	r := &rotation{done: make(chan struct{})}
	j.rotate = r
	j.cond.Signal()
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		j.compact = false
		j.mu.Unlock()
	}()
	<-r.done
	if r.err != nil {
		return r.err
	}
	final := j.path(snapshotName(r.gen))
	if err := j.snapshot(final+".new", state); err != nil {
		os.Remove(final + ".new")
		return err
	}
	if err := os.Rename(final+".new", final); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := disk.SyncDir(j.cfg.Dir); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return j.removeBefore(r.gen)
}

// snapshot writes a whole file of records and puts it on disk.
func (j *Journal) snapshot(name string, state func(write func([]byte) error) error) error {
	f, err := j.cfg.open(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	buf := append(make([]byte, 0, 1<<20), magic...)
	err = state(func(record []byte) error {
		if len(record) > MaxRecord {
			return ErrTooLong
		}
		buf = appendRecord(buf, record)
		if len(buf) < 1<<20 {
			return nil
		}
		_, err := f.Write(buf)
		buf = buf[:0]
		return err
	})
	if err != nil {
		return err
	}
	if _, err := f.Write(buf); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Close keeps what was appended and closes the files. Later appends get a net.ErrClosed.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		<-j.done
		return nil
	}
	j.closed = true
	j.cond.Signal()
	j.mu.Unlock()
	<-j.done
	return errors.Join(j.f.Close(), j.lock.Close())
}
