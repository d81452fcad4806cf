package record_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gotelco/telco/call/record"
)

// Recordings with destinations of their own: a server that is down and one that refuses something hold up nothing else, and
// where each goes survives a restart.
func TestDestination(t *testing.T) {
	m := leg(t, 400, 1000)
	dead, good := newServer(t), newServer(t)
	dead.down = true
	dir := t.TempDir()
	cfg := record.Config{Dir: dir, MinRetry: 10 * time.Millisecond, MaxRetry: 50 * time.Millisecond, Parallel: 1, Header: http.Header{"Authorization": {"secret"}}}
	spool, err := record.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []record.Options{
		{Name: "1", To: record.Destination{URL: dead.URL + "/calls/", Method: "POST", File: "same.wav"}},
		{Name: "2", To: record.Destination{URL: dead.URL + "/calls/exact.wav"}},
		{Name: "3", To: record.Destination{URL: good.URL + "/calls/", Method: "POST", FileField: "rec", File: "same.wav"}},
		{Name: "4", To: record.Destination{URL: good.URL + "/calls/deep.wav?x=1"}},
		{Name: "5", To: record.Destination{URL: good.URL + "/calls/"}},
		{Name: "6"}, // stays
	} {
		r, err := spool.Record(m, o)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []record.Destination{{URL: "ftp://x/"}, {URL: "http://"}, {URL: good.URL, Method: "GET"}, {URL: good.URL, File: "../x"}} {
		if _, err := spool.Record(m, record.Options{To: bad}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	for deadline := time.Now().Add(time.Minute); spool.Stats().Uploaded < 3 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	for name, size := range map[string]int{"same.wav": 44, "deep.wav": 44, "deep.json": 10, "5.wav": 44, "5.json": 10} {
		if got := len(good.file(name)); got < size {
			t.Errorf("%s has %d octets", name, got)
		}
	}
	if st := spool.Stats(); st.Uploaded != 3 || st.Waiting != 3 || st.Failures == 0 {
		t.Errorf("%+v", st)
	}
	if err := spool.Close(); err != nil {
		t.Error(err)
	}
	dead.mu.Lock()
	dead.down = false
	dead.mu.Unlock()
	if spool, err = record.Open(cfg); err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	drain(t, spool)
	for _, name := range []string{"same.wav", "exact.wav", "exact.json"} {
		if dead.file(name) == nil {
			t.Errorf("%s did not arrive", name)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "[^.]*"))
	if len(left) != 2 || filepath.Base(left[0]) != "6.json" || filepath.Base(left[1]) != "6.wav" {
		t.Errorf("left: %v", left)
	}
}
