package cdr

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/lab"
)

// TestMain writes records for ever when it is the child of TestKilled, and says which are kept.
func TestMain(m *testing.M) {
	dir := os.Getenv("TELCO_CDR_CHILD")
	if dir == "" {
		os.Exit(m.Run())
	}
	var f Format
	if err := f.UnmarshalText([]byte(os.Getenv("TELCO_CDR_FORMAT"))); err != nil {
		os.Exit(1)
	}
	l, _, err := Open(Config{Dir: dir, Format: f, MaxSize: 20000})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for g := range 4 {
		go func() {
			for i := 0; ; i++ {
				r := sample()
				r.ID = fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				if err := l.Append(r); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				os.Stdout.WriteString(r.ID + "\n")
				mu.Unlock()
			}
		}()
	}
	select {}
}

func sample() Record {
	start := time.Date(2026, 11, 23, 15, 54, 16, 123456789, time.FixedZone("CET", 3600))
	return Record{ID: "1", Start: start, Ring: start.Add(time.Second), Answer: start.Add(3 * time.Second), End: start.Add(63500 * time.Millisecond),
		Side: "ims", Trunk: "core", Target: "trunk/pbx", Rule: `say "hi", all`, CallingIn: "tel:+49301", CalledIn: "sip:02@h", Calling: "+49301", Called: "+49302",
		Status: 200, Cause: 16, HungUp: ByCaller, Reason: "line 1\r\nline 2", ICID: "abc", Recordings: []string{"a", "b"},
		Legs: []Leg{{CallID: "x@y", Direction: "in", Start: start, Codec: "AMR-WB/16000", Media: Media{Sent: 3000, Received: 2990, Lost: 10, Jitter: 1.25, MOS: 4.1}},
			{Direction: "out", Status: 503}, {CallID: "z", Direction: "out", Status: 200, Codec: "PCMA/8000", Media: Media{MOS: math.NaN()}}},
		Vars: map[string]string{"k": "v"}}
}

func open(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, report, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.Torn != 0 {
		t.Errorf("torn: %+v", report)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func ids(t testing.TB, dir, suffix string) (list []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if suffix == ".csv" {
			rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
			if err != nil || len(rows) > 0 && cmp.Diff(Columns(), rows[0]) != "" {
				t.Fatalf("%s: %v", name, err)
			}
			if len(rows) == 0 { // nothing since the last one was completed
				continue
			}
			for _, r := range rows[1:] {
				list = append(list, r[0])
			}
			continue
		}
		for line := range strings.Lines(string(b)) {
			var r Record
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%s: %v: %q", name, err, line)
			}
			list = append(list, r.ID)
		}
	}
	return list
}

func TestFormats(t *testing.T) {
	r := sample()
	line, err := r.AppendCSV(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(line, []byte("\n")); n != 1 {
		t.Errorf("%d lines: %q", n, line)
	}
	row, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, name := range Columns() {
		if row[i] != "" {
			got[name] = row[i]
		}
	}
	if d := cmp.Diff(map[string]string{
		"id": "1", "start": "2026-11-23T14:54:16.123Z", "ring": "2026-11-23T14:54:17.123Z", "answer": "2026-11-23T14:54:19.123Z",
		"end": "2026-11-23T14:55:19.623Z", "duration": "63.500", "billsec": "60.500", "side": "ims", "trunk": "core", "target": "trunk/pbx",
		"rule": `say "hi", all`, "calling_in": "tel:+49301", "called_in": "sip:02@h", "calling": "+49301", "called": "+49302", "status": "200",
		"cause": "16", "hung_up": "caller", "reason": "line 1  line 2", "icid": "abc", "recordings": "a b", "legs": "3",
		"a_call_id": "x@y", "a_codec": "AMR-WB/16000", "a_sent": "3000", "a_received": "2990", "a_lost": "10", "a_jitter_ms": "1.25", "a_mos": "4.1",
		"b_call_id": "z", "b_status": "200", "b_codec": "PCMA/8000", "b_sent": "0", "b_received": "0", "b_lost": "0", "b_jitter_ms": "0", "b_mos": "0",
	}, got); d != "" {
		t.Error(d)
	}
	line, err = r.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Record
		Duration, Billsec float64
	}
	if err := json.Unmarshal(line, &back); err != nil {
		t.Fatal(err)
	}
	want := r.whole()
	if d := cmp.Diff(want, back.Record); d != "" || back.Duration != 63.5 || back.Billsec != 60.5 {
		t.Error(d, back.Duration, back.Billsec)
	}
	refused := Record{ID: "2", Start: r.Start, End: r.Start.Add(time.Second), Status: 404}
	if refused.Billed() != 0 || refused.Duration() != time.Second {
		t.Error(refused.Billed(), refused.Duration())
	}
	line, _ = refused.AppendJSON(nil)
	if want := `{"id":"2","start":"2026-11-23T14:54:16.123Z","end":"2026-11-23T14:54:17.123Z","status":404,"duration":1.000,"billsec":0.000}` + "\n"; string(line) != want {
		t.Errorf("%s", line)
	}
}

func TestLog(t *testing.T) {
	for _, f := range []Format{CSV, JSON} {
		dir := t.TempDir()
		var told []string
		l := open(t, Config{Dir: dir, Format: f, OnRecord: func(r Record) { told = append(told, r.ID) }})
		var wg sync.WaitGroup
		const n = 200
		for i := range n {
			wg.Go(func() {
				r := sample()
				r.ID = fmt.Sprint(i)
				if err := l.Append(r); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, _, err := Open(Config{Dir: dir, Format: f}); err == nil {
			t.Error("two at once")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(sample()); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := l.Rotate(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if s := l.Stats(); s.Written != n || s.Syncs == 0 || s.Syncs > n || s.Pending != 0 {
			t.Errorf("%+v", s)
		}
		if d := cmp.Diff(told, ids(t, dir, f.suffix())); d != "" || len(told) != n {
			t.Error(d)
		}
		l = open(t, Config{Dir: dir, Format: f}) // and goes on
		if err := l.Append(sample()); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if got := ids(t, dir, f.suffix()); len(got) != n+1 {
			t.Errorf("%d records", len(got))
		}
	}
}

func TestRotateBySize(t *testing.T) {
	dir := t.TempDir()
	var done []string
	l := open(t, Config{Dir: dir, MaxSize: 3000, Keep: 3, OnRotate: func(path string) { done = append(done, path) }})
	for range 40 {
		if err := l.Append(sample()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := l.Rotate(); err != nil { // nothing in it
		t.Fatal(err)
	}
	if s := l.Stats(); len(done) < 5 || int(s.Rotated) != len(done) {
		t.Errorf("%+v %v", s, done)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "calls-*.csv"))
	if d := cmp.Diff(done[len(done)-3:], left); d != "" {
		t.Error(d)
	}
	for _, name := range left {
		if st, err := os.Stat(name); err != nil || st.Size() > 3000 {
			t.Error(name, st.Size(), err)
		}
	}
	if n := len(ids(t, dir, ".csv")); n == 0 || n >= 40 {
		t.Errorf("%d records in three files", n)
	}
}

func TestRotateByDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins at midnight UTC
		dir := t.TempDir()
		berlin := time.FixedZone("CET", 3600)
		var days []string
		l := open(t, Config{Dir: dir, Format: JSON, Daily: true, Zone: berlin, OnRotate: func(string) { days = append(days, time.Now().In(berlin).Format("01-02 15:04")) }})
		for _, d := range []time.Duration{0, 22 * time.Hour, time.Hour, time.Hour, 72 * time.Hour} {
			time.Sleep(d)
			synctest.Wait()
			if err := l.Append(sample()); err != nil {
				t.Fatal(err)
			}
		}
		// The third record is of the next day in Berlin. The midnights of empty days rotate nothing.
		if d := cmp.Diff([]string{"01-02 00:00", "01-03 00:00"}, days); d != "" {
			t.Error(d)
		}
		l.Close()
		names, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		if len(names) != 3 || len(ids(t, dir, ".jsonl")) != 5 {
			t.Error(names)
		}
	})
}

// A file whose columns are others is complete as it is.
func TestOtherColumns(t *testing.T) {
	dir := t.TempDir()
	old := []byte("id,start\n1,x\n")
	if err := os.WriteFile(filepath.Join(dir, "calls.csv"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, Config{Dir: dir})
	if err := l.Append(sample()); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "calls-*.csv"))
	if len(names) != 1 {
		t.Fatal(names)
	}
	if b, _ := os.ReadFile(names[0]); !bytes.Equal(b, old) {
		t.Errorf("%q", b)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "calls.csv")); !bytes.HasPrefix(b, header()) {
		t.Errorf("%q", b)
	}
}

// Every way in which a last group can be cut or lack a page is mended, and nothing else is lost.
func TestMend(t *testing.T) {
	for _, f := range []Format{CSV, JSON} {
		good := []byte(nil)
		if f == CSV {
			good = header()
		}
		line := sample().AppendCSV
		if f == JSON {
			line = sample().AppendJSON
		}
		good, _ = line(good)
		last, _ := line(nil)
		holes := bytes.Repeat([]byte{0}, 100)
		tails := [][]byte{holes, append(bytes.Clone(holes), last...), append(append(last[:20:20], holes...), last[120:]...)}
		for i := range last {
			if i%37 == 0 && i > 0 {
				tails = append(tails, last[:i])
			}
		}
		for _, tail := range tails {
			dir := t.TempDir()
			path := filepath.Join(dir, "calls"+f.suffix())
			if err := os.WriteFile(path, append(bytes.Clone(good), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			l, report, err := Open(Config{Dir: dir, Format: f})
			if err != nil {
				t.Fatal(err)
			}
			if report.Torn != int64(len(tail)) || report.Size != int64(len(good)) {
				t.Errorf("%v, tail %q: %+v", f, tail, report)
			}
			if b, err := os.ReadFile(report.TornFile); err != nil || !bytes.Equal(b, tail) {
				t.Errorf("set aside: %q %v", b, err)
			}
			if err := l.Append(Record{ID: "after"}); err != nil {
				t.Error(err)
			}
			l.Close()
			if d := cmp.Diff([]string{"1", "after"}, ids(t, dir, f.suffix())); d != "" {
				t.Errorf("%v, tail %q: %s", f, tail, d)
			}
		}
	}
}

// What was acknowledged is there after kill -9, once, in files that any reader takes.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for a second, left out with -short")
	}
	for _, f := range []Format{CSV, JSON} {
		dir := t.TempDir()
		var acked []string
		for range 4 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "TELCO_CDR_CHILD="+dir, "TELCO_CDR_FORMAT="+f.String())
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			s := bufio.NewScanner(out)
			for n := 0; n < 60 && s.Scan(); n++ {
				acked = append(acked, s.Text())
			}
			cmd.Process.Kill()
			for s.Scan() { // what it said before it died
				acked = append(acked, s.Text())
			}
			cmd.Wait()
		}
		l, _, err := Open(Config{Dir: dir, Format: f})
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		have := map[string]int{}
		for _, id := range ids(t, dir, f.suffix()) {
			have[id]++
		}
		if len(acked) < 240 {
			t.Fatalf("only %d records were acknowledged", len(acked))
		}
		for _, id := range acked {
			// The last line that a child wrote may itself be torn.
			if strings.Count(id, "-") == 2 && have[id] != 1 {
				t.Errorf("%v: record %s is there %d times", f, id, have[id])
			}
		}
	}
}

// sick is a file whose disk has trouble on demand.
type sick struct {
	file
	mu    *sync.Mutex
	write *error // after half of it was written
	sync  *error
}

func (s sick) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.write != nil {
		n, _ := s.file.Write(b[:len(b)/2])
		return n, *s.write
	}
	return s.file.Write(b)
}

func (s sick) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.sync != nil {
		return *s.sync
	}
	return s.file.Sync()
}

func TestDiskTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var mu sync.Mutex
		var wErr, sErr error
		set := func(w, s error) { mu.Lock(); wErr, sErr = w, s; mu.Unlock() }
		var kept []string
		l := open(t, Config{Dir: dir, MaxPending: 3, OnRecord: func(r Record) { kept = append(kept, r.ID) },
			open: func(path string) (file, error) {
				f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
				return sick{f, &mu, &wErr, &sErr}, err
			}})
		add := func(id string) error { return l.Append(Record{ID: id}) }
		if err := add("1"); err != nil {
			t.Fatal(err)
		}
		set(syscall.ENOSPC, nil)
		var pending *PendingError
		for _, id := range []string{"2", "3", "4"} {
			if err := add(id); !errors.As(err, &pending) || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if err := add("5"); !errors.Is(err, ErrLost) {
			t.Error(err)
		}
		if s := l.Stats(); s.Pending != 3 || s.Lost != 1 || s.LastError == nil || s.Written != 1 {
			t.Errorf("%+v", s)
		}
		if got := ids(t, dir, ".csv"); len(got) != 1 {
			t.Errorf("half a group stays in the file: %v", got)
		}
		set(nil, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if s := l.Stats(); s.Pending != 0 || s.Written != 4 || s.LastError != nil {
			t.Errorf("%+v", s)
		}
		set(nil, syscall.EIO)
		if err := add("6"); !errors.As(err, &pending) || !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
		set(nil, nil)
		if err := add("7"); err != nil {
			t.Error(err)
		}
		want := []string{"1", "2", "3", "4", "6", "7"}
		if d := cmp.Diff(want, ids(t, dir, ".csv")); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(want, kept); d != "" {
			t.Error(d)
		}
		set(syscall.ENOSPC, nil)
		if err := add("8"); !errors.As(err, &pending) {
			t.Error(err)
		}
		if err := l.Close(); !errors.Is(err, syscall.ENOSPC) || l.Stats().Lost != 2 {
			t.Errorf("%v %+v", err, l.Stats())
		}
	})
}

// Other programs read the files as they stand.
func TestReadByOthers(t *testing.T) {
	lab.Need(t, "python3 jq", "python3", "jq")
	dir := t.TempDir()
	for _, f := range []Format{CSV, JSON} {
		l := open(t, Config{Dir: dir, Format: f})
		for i := range 3 {
			r := sample()
			r.ID, r.Status = fmt.Sprint(i), 200+300*(i%2)
			if err := l.Append(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"181.5 say \"hi\", all 2026-11-23T14:54:16.123Z\n", []string{"python3", "-c",
			`import csv; l = list(csv.DictReader(open("calls.csv"))); print(sum(float(r["billsec"]) for r in l), l[0]["rule"], l[0]["start"])`}},
		{"1\t+49302\t500\n", []string{"jq", "-r", `select(.status >= 500) | [.id, .called, .status] | @tsv`, "calls.jsonl"}},
		{"2\n", []string{"jq", "-s", `map(select(.status == 200 and .legs[0].media.mos > 4 and .billsec == 60.5)) | length`, "calls.jsonl"}},
	} {
		cmd := exec.Command(c.args[0], c.args[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if string(out) != c.want || err != nil {
			t.Errorf("%s: %q %v", c.args[0], out, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	for _, cfg := range []Config{{}, {Dir: t.TempDir(), Name: "a/b"}, {Dir: t.TempDir(), Format: 9}, {Dir: "/dev/null/x"}} {
		if _, _, err := Open(cfg); err == nil {
			t.Errorf("%+v was opened", cfg)
		}
	}
}

// Any text is one line of CSV, and of JSON, that reads back; a torn file is never read twice alike.
func FuzzRecord(f *testing.F) {
	f.Add("1", "a\r\nb", `"q",`, int64(0), 1.5)
	f.Fuzz(func(t *testing.T, id, reason, rule string, ms int64, mos float64) {
		r := Record{ID: id, Reason: reason, Rule: rule, Start: time.UnixMilli(ms % (1 << 40)), Legs: []Leg{{Media: Media{MOS: mos}}}}
		line, err := r.AppendCSV(nil)
		if err != nil || bytes.Count(line, []byte("\n")) != 1 || bytes.IndexByte(line, 0) >= 0 {
			t.Fatalf("%q %v", line, err)
		}
		row, err := csv.NewReader(bytes.NewReader(line)).Read()
		if err != nil || row[0] != oneLine(id) || len(row) != len(Columns()) {
			t.Fatalf("%q %v", row, err)
		}
		line, err = r.AppendJSON(nil)
		if err != nil || bytes.Count(line, []byte("\n")) != 1 || bytes.IndexByte(line, 0) >= 0 {
			t.Fatalf("%q %v", line, err)
		}
		var back Record
		if err := json.Unmarshal(line, &back); err != nil || !back.Start.Equal(r.whole().Start) {
			t.Fatalf("%q %v", line, err)
		}
	})
}

func FuzzMend(f *testing.F) {
	f.Add([]byte("id,x\n1,2\n3"), []byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, append(a, b...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := mend(path); err != nil {
			t.Fatal(err)
		}
		if again, err := mend(path); err != nil || again.Torn != 0 {
			t.Fatalf("%+v %v", again, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, Config{Dir: b.TempDir(), Format: JSON})
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		r := sample()
		for pb.Next() {
			if err := l.Append(r); err != nil {
				b.Error(err)
				return
			}
		}
	})
	s := l.Stats()
	b.ReportMetric(float64(s.Written)/float64(s.Syncs), "records/sync")
}
