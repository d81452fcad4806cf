package hss

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gotelco/telco/internal/journal"
)

// StoreConfig says where a store lies.
type StoreConfig struct {
	Dir string // the folder of its files, of one process at a time

	// Cache is how many subscriptions are kept ready to be used, in memory; the others are in a compact form. If zero, 16384.
	Cache int
	// CompactAt is the size of the changes since the last compaction, in octets, that begins another. If zero, 64 MiB, or
	// as much as the last compaction wrote. If negative, only JournalStore.Compact begins one.
	CompactAt int64

	Logger *slog.Logger // if nil, nothing is logged
}

// JournalStore is a [Store] whose changes go to a journal on disk: appended, written together with those that come at the same time,
// and synchronised before they are acknowledged. Everything is in memory, too.
type JournalStore struct {
	cfg    StoreConfig
	x      *index
	q      *sequences
	j      *journal.Journal // nil: memory alone
	shared atomic.Pointer[Shared]
	report StoreReport

	revision, pushID atomic.Uint64

	mu     sync.Mutex
	claims map[Key]string  // identities that are being given to a subscription
	pushes map[uint64]Push // what is owed
	closed bool

	compacting atomic.Bool
	snapshot   atomic.Int64 // octets of the last one
	wg         sync.WaitGroup
}

// StoreReport says what opening a store found.
type StoreReport struct {
	Records     int    // read, of which
	Snapshot    int    // so many stood in the snapshot
	Torn        int64  // octets after the last complete record, which were cut off
	TornFile    string // where they were set aside
	Subscribers int
}

// NewMemoryStore returns a store that is lost with the process.
func NewMemoryStore() *JournalStore { return newStore(StoreConfig{}) }

func newStore(cfg StoreConfig) *JournalStore {
	if cfg.Cache <= 0 {
		cfg.Cache = 16384
	}
	s := &JournalStore{cfg: cfg, x: newIndex(cfg.Cache), claims: map[Key]string{}, pushes: map[uint64]Push{}}
	s.q = newSequences(func(name string, limit uint64) error {
		return s.append(appendSQN(nil, name, limit), func() { s.q.reserved(name, limit) })
	})
	s.shared.Store(&Shared{map[string]*ServiceProfile{}, map[int]*SharedIFCSet{}})
	return s
}

// OpenStore opens the store in cfg.Dir, which is made if it is not there.
func OpenStore(cfg StoreConfig) (*JournalStore, error) {
	s := newStore(cfg)
	j, rep, err := journal.Open(journal.Config{Dir: cfg.Dir, Replay: s.replay})
	if err != nil {
		return nil, fmt.Errorf("hss: %w", err)
	}
	s.j = j
	s.report = StoreReport{rep.Records, rep.Snapshot, rep.Torn, rep.TornFile, s.x.len()}
	if rep.Torn > 0 {
		s.logf(slog.LevelWarn, "the store's last record was torn and has been cut off", "octets", rep.Torn, "kept_in", rep.TornFile)
	}
	return s, nil
}

func (s *JournalStore) logf(level slog.Level, msg string, args ...any) {
	if s.cfg.Logger != nil {
		s.cfg.Logger.Log(context.Background(), level, msg, args...)
	}
}

// Report says what opening found.
func (s *JournalStore) Report() StoreReport { return s.report }

// Records of the journal are operations one after the other: a letter, the length of what follows, and that.
const (
	opPut       = 'S' // appendRecord
	opDelete    = 'D' // ID
	opState     = 'T' // length of the ID, ID, State
	opPush      = 'P' // ID of the push, Push
	opDone      = 'p' // ID of the push
	opProfile   = 'F' // ServiceProfile
	opNoProfile = 'f' // its name
	opIFCSet    = 'I' // SharedIFCSet
	opNoIFCSet  = 'i' // its number
	opSQN       = 'Q' // limit, name
	opCounters  = 'N' // revision, ID of the last push
)

func appendOp(b []byte, op byte, payload []byte) []byte {
	b = append(b, op)
	b = binary.AppendUvarint(b, uint64(len(payload)))
	return append(b, payload...)
}

func appendSQN(b []byte, name string, limit uint64) []byte {
	return appendOp(b, opSQN, append(binary.AppendUvarint(nil, limit), name...))
}

func statePayload(id, state string) []byte {
	p := binary.AppendUvarint(nil, uint64(len(id)))
	return append(append(p, id...), state...)
}

// replay applies a record found on disk.
func (s *JournalStore) replay(b []byte) error {
	d := decoder{s: string(b)} // one copy: all that is kept of the record aliases it
	for d.s != "" && d.err == nil {
		op := d.take(1)
		payload := d.take(d.uint())
		if d.err == nil {
			apply, err := s.operation(op[0], payload)
			if err != nil {
				return err
			}
			apply()
		}
	}
	return d.err
}

// operation reads an operation, and returns what makes it.
func (s *JournalStore) operation(op byte, payload string) (func(), error) {
	switch op {
	case opPut:
		// The keys are checked here, the first of which is the ID; the rest has been found intact by the journal.
		keys, good := 0, true
		revision, _, err := recordKeys(payload, func(k Key) {
			good = good && (k.Kind == KeyID) == (keys == 0) && k.Kind != 0 && k.Kind <= KeyWildcard
			keys++
		})
		if err != nil || keys == 0 || !good {
			return nil, errCodec
		}
		return func() {
			raise(&s.revision, revision)
			s.x.put(payload)
		}, nil
	case opDelete:
		return func() { s.x.delete(payload) }, nil
	case opState:
		d := decoder{s: payload}
		id := d.take(d.uint())
		if d.err != nil {
			return nil, d.err
		}
		return func() { s.x.setState(id, d.s) }, nil
	case opPush:
		var p Push
		if err := readValue(payload, nil, &p); err != nil {
			return nil, err
		}
		return func() {
			raise(&s.pushID, p.ID)
			s.mu.Lock()
			s.pushes[p.ID] = p
			s.mu.Unlock()
		}, nil
	case opDone:
		d := decoder{s: payload}
		id := d.uint()
		return func() {
			s.mu.Lock()
			delete(s.pushes, id)
			s.mu.Unlock()
		}, d.err
	case opProfile:
		p := new(ServiceProfile)
		if err := readValue(payload, nil, p); err != nil {
			return nil, err
		}
		return s.change(func(n *Shared) { n.ServiceProfiles[p.Name] = p }), nil
	case opNoProfile:
		return s.change(func(n *Shared) { delete(n.ServiceProfiles, payload) }), nil
	case opIFCSet:
		p := new(SharedIFCSet)
		if err := readValue(payload, nil, p); err != nil {
			return nil, err
		}
		return s.change(func(n *Shared) { n.SharedIFCSets[p.ID] = p }), nil
	case opNoIFCSet:
		d := decoder{s: payload}
		id := int(d.int())
		return s.change(func(n *Shared) { delete(n.SharedIFCSets, id) }), d.err
	case opSQN:
		d := decoder{s: payload}
		limit := d.uint()
		return func() { s.q.restore(d.s, limit) }, d.err
	case opCounters:
		d := decoder{s: payload}
		revision, push := d.uint(), d.uint()
		return func() { raise(&s.revision, revision); raise(&s.pushID, push) }, d.err
	}
	return nil, fmt.Errorf("hss: the store has a record of the unknown kind %q; a later release wrote it", op)
}

// change replaces Shared.
func (s *JournalStore) change(f func(*Shared)) func() {
	return func() {
		old := s.shared.Load()
		n := &Shared{maps.Clone(old.ServiceProfiles), maps.Clone(old.SharedIFCSets)}
		f(n)
		s.shared.Store(n)
	}
}

func raise(c *atomic.Uint64, to uint64) {
	for v := c.Load(); v < to && !c.CompareAndSwap(v, to); v = c.Load() {
	}
}

// append puts a record on disk and runs what applies it.
func (s *JournalStore) append(record []byte, apply func()) error {
	if s.j == nil {
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return ErrClosed
		}
		if apply != nil {
			apply()
		}
		return nil
	}
	err := s.j.Append(record, apply)
	var full *journal.FullError
	if errors.As(err, &full) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err != nil {
		return fmt.Errorf("hss: %w", err)
	}
	s.compactIfLarge()
	return nil
}

// Commit is [Store.Commit].
func (s *JournalStore) Commit(changes ...Change) error {
	claimed, err := s.claim(changes)
	defer s.release(claimed)
	if err != nil {
		return err
	}
	var record []byte
	var applies []func()
	add := func(op byte, payload []byte) error {
		apply, err := s.operation(op, string(payload))
		if err != nil {
			return err
		}
		record = appendOp(record, op, payload)
		applies = append(applies, apply)
		return nil
	}
	for _, c := range changes {
		var err error
		switch {
		case c.Put != nil:
			if c.Put.hidden() {
				return &FieldError{"privateIdentities", "holds a key that is hidden"}
			}
			err = add(opPut, appendRecord(nil, c.Put, s.revision.Add(1)))
		case c.Delete != "":
			if _, ok := s.x.owner(Key{KeyID, c.Delete}); !ok {
				return ErrNotFound
			}
			err = add(opDelete, []byte(c.Delete))
		case c.StateOf != "":
			if _, ok := s.x.owner(Key{KeyID, c.StateOf}); !ok && !puts(changes, c.StateOf) {
				return ErrNotFound
			}
			var state []byte
			if !c.State.isZero() {
				state = appendValue(nil, nil, c.State)
			}
			err = add(opState, statePayload(c.StateOf, string(state)))
		case c.AddPush != nil:
			c.AddPush.ID = s.pushID.Add(1)
			err = add(opPush, appendValue(nil, nil, c.AddPush))
		case c.DonePush != 0:
			err = add(opDone, binary.AppendUvarint(nil, c.DonePush))
		case c.PutServiceProfile != nil:
			err = add(opProfile, appendValue(nil, nil, c.PutServiceProfile))
		case c.DeleteServiceProfile != "":
			err = add(opNoProfile, []byte(c.DeleteServiceProfile))
		case c.PutSharedIFCSet != nil:
			err = add(opIFCSet, appendValue(nil, nil, c.PutSharedIFCSet))
		case c.DeleteSharedIFCSet != nil:
			err = add(opNoIFCSet, binary.AppendVarint(nil, int64(*c.DeleteSharedIFCSet)))
		}
		if err != nil {
			return err
		}
	}
	if len(record) == 0 {
		return nil
	}
	return s.append(record, func() {
		for _, f := range applies {
			f()
		}
	})
}

func puts(changes []Change, id string) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Put != nil && c.Put.id() == id })
}

// claim sees to it that identities belong to one subscription alone, also while changes are under way.
func (s *JournalStore) claim(changes []Change) (claimed []Key, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if c.Put == nil {
			continue
		}
		id := c.Put.id()
		for _, k := range c.Put.Keys() {
			if other, ok := s.claims[k]; ok && (other != id || !slices.Contains(claimed, k)) {
				return claimed, &ConflictError{k, other}
			}
			if other, ok := s.x.owner(k); ok && other != id {
				return claimed, &ConflictError{k, other}
			}
			s.claims[k] = id
			claimed = append(claimed, k)
		}
	}
	return claimed, nil
}

func (s *JournalStore) release(claimed []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range claimed {
		delete(s.claims, k)
	}
}

func (s *Subscriber) hidden() bool {
	for i := range s.PrivateIdentities {
		p := &s.PrivateIdentities[i]
		if p.AKA != nil && p.AKA.hidden() || p.Digest != nil && (p.Digest.HA1.Hidden() || p.Digest.AlternateHA1.Hidden()) {
			return true
		}
	}
	return false
}

// Find is [Store.Find].
func (s *JournalStore) Find(k Key) (Entry, bool) { return s.x.find(k) }

// NextSQN is [Store.NextSQN].
func (s *JournalStore) NextSQN(name string, n int, floor uint64, wait bool) (uint64, error) {
	return s.q.take(name, uint64(max(n, 1)), floor, wait)
}

// RaiseSQN is [Store.RaiseSQN].
func (s *JournalStore) RaiseSQN(name string, seq uint64) error { return s.q.raise(name, seq) }

// SQN is [Store.SQN].
func (s *JournalStore) SQN(name string) uint64 { return s.q.value(name) }

// Shared is [Store.Shared].
func (s *JournalStore) Shared() *Shared { return s.shared.Load() }

// Pushes is [Store.Pushes].
func (s *JournalStore) Pushes() []Push {
	s.mu.Lock()
	list := slices.Collect(maps.Values(s.pushes))
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b Push) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	return list
}

// All is [Store.All].
func (s *JournalStore) All() iter.Seq[Entry] { return s.x.all() }

// List is [Store.List].
func (s *JournalStore) List(after string, limit int) []string { return s.x.list(after, limit) }

// Len is [Store.Len].
func (s *JournalStore) Len() int { return s.x.len() }

func (s *JournalStore) compactIfLarge() {
	at := s.cfg.CompactAt
	if at == 0 {
		at = max(64<<20, s.snapshot.Load())
	}
	if at < 0 || s.j.Size() < at || !s.compacting.CompareAndSwap(false, true) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer s.compacting.Store(false)
		if err := s.Compact(); err != nil {
			s.logf(slog.LevelError, "the store cannot be compacted", "err", err)
		}
	}()
}

// Compact writes the store anew, without what is no longer there. Changes go on meanwhile.
func (s *JournalStore) Compact() error {
	if s.j == nil {
		return nil
	}
	var size int64
	err := s.j.Compact(func(write func([]byte) error) error {
		put := func(b []byte) error {
			size += int64(len(b))
			return write(b)
		}
		counters := binary.AppendUvarint(binary.AppendUvarint(nil, s.revision.Load()), s.pushID.Load())
		if err := put(appendOp(nil, opCounters, counters)); err != nil {
			return err
		}
		var buf []byte
		if err := s.q.all(func(name string, limit uint64) error {
			buf = appendSQN(buf[:0], name, limit)
			return put(buf)
		}); err != nil {
			return err
		}
		shared := s.Shared()
		for _, p := range shared.ServiceProfiles {
			if err := put(appendOp(nil, opProfile, appendValue(nil, nil, p))); err != nil {
				return err
			}
		}
		for _, p := range shared.SharedIFCSets {
			if err := put(appendOp(nil, opIFCSet, appendValue(nil, nil, p))); err != nil {
				return err
			}
		}
		for _, p := range s.Pushes() {
			if err := put(appendOp(nil, opPush, appendValue(nil, nil, &p))); err != nil {
				return err
			}
		}
		var failed error
		s.x.each(func(record, state string) bool {
			buf = append(buf[:0], opPut)
			buf = binary.AppendUvarint(buf, uint64(len(record)))
			buf = append(buf, record...)
			if state != "" {
				buf = appendOp(buf, opState, statePayload(recordID(record), state))
			}
			failed = put(buf)
			return failed == nil
		})
		return failed
	})
	if errors.Is(err, journal.ErrBusy) {
		return nil
	}
	if err == nil {
		s.snapshot.Store(size)
	}
	return err
}

// Close closes the store. What was acknowledged is on disk.
func (s *JournalStore) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
	if s.j == nil {
		return nil
	}
	return s.j.Close()
}
