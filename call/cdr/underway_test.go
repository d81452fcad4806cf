package cdr

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// read returns the records of a file of JSON.
func read(t *testing.T, dir string) (list []Record) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "calls.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var r Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// Calls that had begun leave a record when the log is opened again, once; those that had ended leave their own.
func TestUnderway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, Config{Dir: dir, Format: JSON})
		start := time.Now()
		for i := range 5 {
			if err := l.Begin(Record{ID: fmt.Sprint(i), Start: start.Add(time.Duration(i) * time.Millisecond), Called: "+49"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		answered := Record{ID: "3", Start: start.Add(3 * time.Millisecond), Answer: time.Now(), Status: 200, Called: "+49"}
		if err := l.Begin(answered); err != nil {
			t.Fatal(err)
		}
		ended := answered
		ended.ID, ended.End, ended.Cause = "1", time.Now(), 16
		if err := l.Append(ended); err != nil {
			t.Fatal(err)
		}
		time.Sleep(65 * time.Second) // it lives on for a while
		synctest.Wait()
		l.Close()
		if err := l.Begin(Record{ID: "late"}); err == nil {
			t.Error("Begin after Close")
		}

		for i := range 2 {
			l, report, err := Open(Config{Dir: dir, Format: JSON})
			if err != nil {
				t.Fatal(err)
			}
			if want := []int{4, 0}[i]; report.Calls != want {
				t.Errorf("opened %d times: %d calls had not ended, want %d", i+1, report.Calls, want)
			}
			l.Close()
		}
		got := read(t, dir)
		order := ""
		for _, r := range got {
			order += r.ID
		}
		if order != "10234" {
			t.Fatalf("records %s", order)
		}
		if r := got[3]; r.End.Sub(start) != 60*time.Second || !r.Answer.Equal(start.Add(2*time.Second)) || r.Status != 200 || r.Cause != 41 || r.HungUp != ByServer || r.Reason != EndedWithProcess {
			t.Errorf("%+v", r)
		}
		if r := got[0]; r.Cause != 16 || r.Reason != "" {
			t.Errorf("%+v", r)
		}
	})
}

// What is kept of calls does not grow with the calls there have been.
func TestUnderwayCompacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, Config{Dir: dir, Format: JSON})
		l.Begin(Record{ID: "stays", Start: time.Now(), Called: "+49"})
		for i := range 200 {
			r := Record{ID: fmt.Sprint(i), Start: time.Now(), Called: strings.Repeat("9", 20000)}
			if err := l.Begin(r); err != nil {
				t.Fatal(err)
			}
			if err := l.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		l.Close()
		size := int64(0)
		filepath.Walk(filepath.Join(dir, ".calls.jsonl.underway"), func(_ string, i os.FileInfo, err error) error {
			size += i.Size()
			return err
		})
		if size > 100_000 {
			t.Errorf("%d octets", size)
		}
		if l, report, err := Open(Config{Dir: dir, Format: JSON}); err != nil || report.Calls != 1 {
			t.Errorf("%+v %v", report, err)
		} else {
			l.Close()
		}
	})
}
