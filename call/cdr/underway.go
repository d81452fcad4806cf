package cdr

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/internal/journal"
)

// EndedWithProcess is the Reason of records that Open writes about calls that were under way when the process before it died.
const EndedWithProcess = "the program ended during the call"

// alive is how often a Log with calls under way notes that it is: a call that dies with it ends no later than that after the
// End of its record.
const alive = 10 * time.Second

// underway are the calls that have begun and not ended, on disk.
type underway struct {
	dir string

	mu      sync.Mutex
	journal *journal.Journal // nil until the first call
	calls   map[string]Record
	last    time.Time // sign of life of the process before
	beat    *time.Timer
	closed  bool
	compact sync.WaitGroup
}

// note is a record of the journal: one of its fields is set.
type note struct {
	Call  *Record   `json:"call,omitempty"`
	Over  []string  `json:"over,omitempty"` // IDs
	Alive time.Time `json:"alive,omitzero"`
}

// openUnderway reads what a process before has left.
func openUnderway(dir string) (*underway, error) {
	u := &underway{dir: dir, calls: map[string]Record{}}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	return u, u.open()
}

// open opens the journal.
func (u *underway) open() error {
	j, _, err := journal.Open(journal.Config{Dir: u.dir, Replay: func(b []byte) error {
		var n note
		if json.Unmarshal(b, &n) != nil {
			return nil // of a version that writes more
		}
		u.apply(n)
		return nil
	}})
	u.journal = j
	return err
}

func (u *underway) apply(n note) {
	if n.Call != nil {
		u.calls[n.Call.ID] = *n.Call
		for _, t := range []time.Time{n.Call.Start, n.Call.Ring, n.Call.Answer} {
			if t.After(u.last) {
				u.last = t
			}
		}
	}
	for _, id := range n.Over {
		delete(u.calls, id)
	}
	if n.Alive.After(u.last) {
		u.last = n.Alive
	}
}

// unfinished are the records of the calls that ended with the process before.
func (u *underway) unfinished() (list []Record) {
	for _, r := range u.calls {
		r.End, r.Cause, r.HungUp, r.Reason = u.last, 41, ByServer, EndedWithProcess
		if r.End.Before(r.Start) {
			r.End = r.Start
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Record) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// keep has a note on disk and in memory.
func (u *underway) keep(n note) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	u.mu.Lock()
	j := u.journal
	u.mu.Unlock()
	return j.Append(b, func() {
		u.mu.Lock()
		u.apply(n)
		u.mu.Unlock()
	})
}

// begin keeps that a call is under way.
func (u *underway) begin(r Record) error {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return fs.ErrClosed
	}
	if u.journal == nil {
		if err := u.open(); err != nil {
			u.mu.Unlock()
			return err
		}
	}
	if u.beat == nil {
		u.beat = time.AfterFunc(alive, u.live)
	}
	u.mu.Unlock()
	r = r.whole()
	return u.keep(note{Call: &r})
}

// over notes that the records of some calls are in the file.
func (u *underway) over(ids []string) error {
	u.mu.Lock()
	ids = slices.DeleteFunc(ids, func(id string) bool { _, ok := u.calls[id]; return !ok })
	u.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	return u.keep(note{Over: ids})
}

// live is a sign of life, while there are calls; and gives back what the journal has grown by.
func (u *underway) live() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return
	}
	u.beat.Reset(alive)
	calls, j := len(u.calls), u.journal
	u.compact.Go(func() {
		if calls > 0 {
			u.keep(note{Alive: kept(time.Now())}) // its failure is seen by the next call
		}
		if j.Size() > 1<<20 {
			j.Compact(u.snapshot)
		}
	})
}

func (u *underway) snapshot(write func(record []byte) error) error {
	u.mu.Lock()
	list := []note{{Alive: u.last}}
	for _, r := range u.calls {
		list = append(list, note{Call: &r})
	}
	u.mu.Unlock()
	for _, n := range list {
		b, err := json.Marshal(n)
		if err != nil {
			return err
		}
		if err := write(b); err != nil {
			return err
		}
	}
	return nil
}

func (u *underway) close() error {
	u.mu.Lock()
	u.closed = true
	if u.beat != nil {
		u.beat.Stop()
	}
	j := u.journal
	u.mu.Unlock()
	u.compact.Wait()
	if j == nil {
		return nil
	}
	return j.Close()
}

// Begin keeps on disk that a call is under way, as r says of it until now. Begin again with the same ID replaces that, and
// Append of a record with that ID ends it. Where the process dies before, Open writes the record: with an End no more than 10
// seconds before the process died, Cause 41, and [EndedWithProcess] for a Reason. An error says that the call would leave no
// record then, and does not matter to Append.
func (l *Log) Begin(r Record) error {
	if err := l.underway.begin(r); err != nil {
		return &PendingError{err}
	}
	return nil
}

// underwayDir is where calls under way are kept.
func (c *Config) underwayDir() string {
	return filepath.Join(c.Dir, "."+c.Name+c.Format.suffix()+".underway")
}
