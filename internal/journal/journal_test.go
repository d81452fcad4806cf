package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// table is a map kept in a journal: a record is "key=value", or "key" to delete it.
type table struct {
	mu sync.Mutex
	m  map[string]string
	j  *Journal
}

func (s *table) apply(record string) {
	key, value, ok := strings.Cut(record, "=")
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.m[key] = value
	} else {
		delete(s.m, key)
	}
}

func (s *table) append(record string) error {
	return s.j.Append([]byte(record), func() { s.apply(record) })
}

func (s *table) compact() error {
	return s.j.Compact(func(write func([]byte) error) error {
		s.mu.Lock()
		m := maps.Clone(s.m)
		s.mu.Unlock()
		for k, v := range m {
			if err := write([]byte(k + "=" + v)); err != nil {
				return err
			}
		}
		return nil
	})
}

func openTable(t testing.TB, cfg Config) (*table, Report) {
	t.Helper()
	s := &table{m: map[string]string{}}
	cfg.Replay = func(b []byte) error { s.apply(string(b)); return nil }
	j, rep, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.j = j
	t.Cleanup(func() { j.Close() })
	return s, rep
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeeps(t *testing.T) {
	dir := t.TempDir()
	s, rep := openTable(t, Config{Dir: dir})
	if rep != (Report{}) {
		t.Errorf("a new journal reports %+v", rep)
	}
	must(t, s.append("a=1"))
	must(t, s.append("b=2"))
	must(t, s.append("a=3"))
	must(t, s.append("b"))
	if _, _, err := Open(Config{Dir: dir}); err == nil {
		t.Error("opened twice")
	}
	must(t, s.j.Close())
	if err := s.append("c=1"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("append after Close: %v", err)
	}

	s, rep = openTable(t, Config{Dir: dir})
	if diff := cmp.Diff(map[string]string{"a": "3"}, s.m); diff != "" || rep.Records != 4 {
		t.Errorf("%+v %s", rep, diff)
	}
	if s.j.Size() == 0 {
		t.Error("nothing to compact")
	}
	must(t, s.compact())
	if n := s.j.Size(); n != 0 {
		t.Errorf("%d octets since the snapshot", n)
	}
	must(t, s.append("d=4"))
	must(t, s.j.Close())
	s, rep = openTable(t, Config{Dir: dir})
	if diff := cmp.Diff(map[string]string{"a": "3", "d": "4"}, s.m); diff != "" || rep.Records != 2 || rep.Snapshot != 1 {
		t.Errorf("%+v %s", rep, diff)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "0*")); len(names) != 2 {
		t.Errorf("files left: %q", names)
	}
	if err := s.j.Append(make([]byte, MaxRecord+1), nil); err != ErrTooLong {
		t.Error(err)
	}
}

// Whatever a crash leaves of the last records, what was whole before them is kept.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	s, _ := openTable(t, Config{Dir: dir})
	must(t, s.append("a=1"))
	must(t, s.j.Close())
	name := filepath.Join(dir, logName(0))
	one, err := os.ReadFile(name)
	must(t, err)
	both := appendRecord(slices.Clone(one), []byte("b=2"))
	for cut := range both {
		for _, junk := range []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff junk"} {
			if cut == len(one) && junk == "\x00\x00\x00\x00\x00\x00\x00\x00" {
				continue // tested below
			}
			whole := (cut == len(one) || cut == len(magic)) && junk == "" // ends between two records
			must(t, os.WriteFile(name, append(both[:cut:cut], junk...), 0o600))
			s, rep := openTable(t, Config{Dir: dir})
			want := map[string]string{}
			if cut >= len(one) {
				want["a"] = "1"
			}
			if diff := cmp.Diff(want, s.m); diff != "" || (rep.Torn == 0) != whole && cut != 0 {
				t.Fatalf("cut at %d of %d, then %q: %+v %s", cut, len(both), junk, rep, diff)
			}
			must(t, s.append("c=3"))
			must(t, s.j.Close())
			s, rep = openTable(t, Config{Dir: dir})
			want["c"] = "3"
			if diff := cmp.Diff(want, s.m); diff != "" || rep.Torn != 0 {
				t.Fatalf("cut at %d of %d, opened again: %+v %s", cut, len(both), rep, diff)
			}
			must(t, s.j.Close())
		}
	}
	// Zeros, as file systems leave them where data never came, are no record.
	must(t, os.WriteFile(name, append(slices.Clone(one), make([]byte, 100)...), 0o600))
	s, rep := openTable(t, Config{Dir: dir})
	if rep.Torn != 100 || rep.Records != 1 {
		t.Errorf("%+v", rep)
	}
	if b, err := os.ReadFile(rep.TornFile); len(b) != 100 || err != nil {
		t.Error(len(b), err)
	}
	must(t, s.j.Close())
}

// A damaged file that is not the last is no torn tail: opening says so and changes nothing.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s, _ := openTable(t, Config{Dir: dir})
	must(t, s.append("a=1"))
	must(t, s.compact())
	must(t, s.append("b=2"))
	must(t, s.j.Close())
	name := filepath.Join(dir, snapshotName(1))
	b, err := os.ReadFile(name)
	must(t, err)
	b[len(b)-1] ^= 1
	must(t, os.WriteFile(name, b, 0o600))
	if _, _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), snapshotName(1)) {
		t.Errorf("damaged snapshot: %v", err)
	}
	refusing := errors.New("no")
	b[len(b)-1] ^= 1
	must(t, os.WriteFile(name, b, 0o600))
	if _, _, err := Open(Config{Dir: dir, Replay: func([]byte) error { return refusing }}); !errors.Is(err, refusing) {
		t.Error(err)
	}
	if s, _ := openTable(t, Config{Dir: dir}); len(s.m) != 2 {
		t.Error(s.m)
	}
}

// badFile fails as it is told.
type badFile struct {
	*os.File
	d *badDisk
}

type badDisk struct {
	room              int // octets until the disk is full; negative: no limit
	syncErr, truncErr error
	syncs             atomic.Int32
	slow              chan struct{} // if set, every sync takes one of it
}

func (d *badDisk) open(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	return &badFile{f, d}, err
}

func (f *badFile) Write(b []byte) (int, error) {
	if f.d.room >= 0 && len(b) > f.d.room {
		n, _ := f.File.Write(b[:f.d.room])
		f.d.room -= n
		return n, &os.PathError{Op: "write", Err: syscall.ENOSPC}
	}
	if f.d.room >= 0 {
		f.d.room -= len(b)
	}
	return f.File.Write(b)
}

func (f *badFile) Sync() error {
	f.d.syncs.Add(1)
	if f.d.slow != nil {
		<-f.d.slow
	}
	if f.d.syncErr != nil {
		return f.d.syncErr
	}
	return f.File.Sync()
}

func (f *badFile) Truncate(n int64) error {
	if f.d.truncErr != nil {
		return f.d.truncErr
	}
	return f.File.Truncate(n)
}

func TestFullDisk(t *testing.T) {
	d := &badDisk{room: -1}
	dir := t.TempDir()
	s, _ := openTable(t, Config{Dir: dir, open: d.open})
	must(t, s.append("a=1"))
	d.room = 5
	var full *FullError
	if err := s.append("b=2"); !errors.As(err, &full) {
		t.Errorf("disk full: %v", err)
	}
	if err := s.compact(); err == nil {
		t.Error("compacted onto a full disk")
	}
	d.room = -1
	must(t, s.append("c=3"))
	must(t, s.compact())
	must(t, s.append("d=4"))
	want := map[string]string{"a": "1", "c": "3", "d": "4"}
	if diff := cmp.Diff(want, s.m); diff != "" {
		t.Error(diff)
	}
	must(t, s.j.Close())
	s, rep := openTable(t, Config{Dir: dir})
	if diff := cmp.Diff(want, s.m); diff != "" || rep.Torn != 0 {
		t.Error(rep, diff)
	}
}

func TestFailedDisk(t *testing.T) {
	for name, break_ := range map[string]func(*badDisk){
		"sync":     func(d *badDisk) { d.syncErr = syscall.EIO },
		"truncate": func(d *badDisk) { d.room, d.truncErr = 3, syscall.EIO },
	} {
		t.Run(name, func(t *testing.T) {
			d := &badDisk{room: -1}
			s, _ := openTable(t, Config{Dir: t.TempDir(), open: d.open})
			must(t, s.append("a=1"))
			break_(d)
			var failed *FailedError
			if err := s.append("b=2"); !errors.As(err, &failed) {
				t.Errorf("%v", err)
			}
			d.room, d.syncErr, d.truncErr = -1, nil, nil
			if err := s.append("c=3"); !errors.As(err, &failed) {
				t.Errorf("after a failure: %v", err)
			}
			if err := s.compact(); !errors.As(err, &failed) {
				t.Errorf("compact after a failure: %v", err)
			}
			if len(s.m) != 1 {
				t.Error(s.m)
			}
		})
	}
}

// Appends that come while the disk syncs share the next sync.
func TestGroupCommit(t *testing.T) {
	d := &badDisk{room: -1}
	s, _ := openTable(t, Config{Dir: t.TempDir(), open: d.open})
	d.slow = make(chan struct{})
	const n = 100
	var wg sync.WaitGroup
	appended := func() int { // in the batch that waits
		s.j.mu.Lock()
		defer s.j.mu.Unlock()
		return len(s.j.batch.apply)
	}
	before := d.syncs.Load()
	wg.Go(func() { s.append("first=1") })
	for d.syncs.Load() == before {
		time.Sleep(time.Millisecond)
	}
	for i := range n {
		wg.Go(func() { s.append(fmt.Sprintf("k%d=1", i)) })
	}
	d.slow <- struct{}{}
	for range 1000 {
		if appended() == n {
			break
		}
		select {
		case d.slow <- struct{}{}:
		case <-time.After(time.Millisecond):
		}
	}
	close(d.slow)
	wg.Wait()
	if len(s.m) != n+1 {
		t.Errorf("%d of %d applied", len(s.m), n+1)
	}
	if syncs := d.syncs.Load() - before; syncs > n/2 {
		t.Errorf("%d syncs for %d appends", syncs, n+1)
	}
}

// Appends, deletions and compactions at once end in the state that is replayed.
func TestConcurrentCompaction(t *testing.T) {
	dir := t.TempDir()
	s, _ := openTable(t, Config{Dir: dir})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range 200 {
				record := fmt.Sprintf("%d.%d=%d", w, r.IntN(20), i)
				if r.IntN(4) == 0 {
					record, _, _ = strings.Cut(record, "=")
				}
				if err := s.append(record); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := s.compact(); err != nil && err != ErrBusy {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	want := maps.Clone(s.m)
	must(t, s.j.Close())
	s, _ = openTable(t, Config{Dir: dir})
	if diff := cmp.Diff(want, s.m); diff != "" {
		t.Error(diff)
	}
}

// TestKill ends a process that appends and compacts with SIGKILL, again and again: everything that
// it said was kept must be there, in the order in which it was kept. TELCO_KILLS says how often.
func TestKill(t *testing.T) {
	if dir := os.Getenv("TELCO_JOURNAL_CHILD"); dir != "" {
		child(t, dir)
		return
	}
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("TELCO_KILLS")); err == nil {
		kills = n
	} else if testing.Short() {
		kills = 3
	}
	dir := t.TempDir()
	acked := map[string]int{} // of each writer, the last number it was told is kept
	torn := 0
	for i := range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "TELCO_JOURNAL_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		kill := time.AfterFunc(time.Hour, func() {})
		for lines.Scan() {
			w, n, ok := strings.Cut(lines.Text(), "=")
			if w == "ready" {
				kill = time.AfterFunc(time.Duration(rand.IntN(20000))*time.Microsecond, func() { cmd.Process.Kill() })
				continue
			}
			if v, err := strconv.Atoi(n); ok && err == nil {
				acked[w] = v
			} else if strings.HasPrefix(lines.Text(), "lost") {
				t.Fatalf("kill %d: %s", i, lines.Text())
			}
		}
		kill.Stop()
		cmd.Process.Kill()
		cmd.Wait()
		s, rep := openTable(t, Config{Dir: dir})
		if rep.Torn > 0 {
			torn++
		}
		for w, n := range acked {
			if got, _ := strconv.Atoi(s.m[w]); got < n {
				t.Fatalf("kill %d: writer %s was told that %d is kept, but %d is", i, w, n, got)
			}
		}
		must(t, s.j.Close())
	}
	t.Logf("%d kills, %d torn tails, %d appends acknowledged by the last", kills, torn, acked["0"])
}

func child(t *testing.T, dir string) {
	s, _ := openTable(t, Config{Dir: dir})
	fmt.Println("ready")
	var out sync.Mutex
	for w := range 4 {
		go func() {
			n, _ := strconv.Atoi(func() string { s.mu.Lock(); defer s.mu.Unlock(); return s.m[strconv.Itoa(w)] }())
			for {
				n++
				if err := s.append(fmt.Sprintf("%d=%d", w, n)); err != nil {
					return
				}
				out.Lock()
				fmt.Printf("%d=%d\n", w, n)
				out.Unlock()
			}
		}()
	}
	for range 1000 {
		s.compact()
		time.Sleep(time.Millisecond)
	}
}

func FuzzReadRecords(f *testing.F) {
	f.Add(appendRecord(appendRecord([]byte(magic), []byte("a")), nil))
	f.Add([]byte(magic + "\x05\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		again := []byte(magic)
		good, err := readRecords(strings.NewReader(string(b)), func(r []byte) error {
			again = appendRecord(again, r)
			return nil
		})
		if good > int64(len(b)) || err == nil && good != int64(len(b)) {
			t.Fatalf("%d of %d octets: %v", good, len(b), err)
		}
		if good > 0 && string(again) != string(b[:good]) {
			t.Errorf("%x\n%x", again, b[:good])
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			j, _, err := Open(Config{Dir: b.TempDir()})
			must(b, err)
			defer j.Close()
			var record [200]byte
			binary.LittleEndian.PutUint64(record[:], 1)
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for range b.N / writers {
						j.Append(record[:], nil)
					}
				})
			}
			wg.Wait()
		})
	}
}
