package record_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/call/record"
)

// A folder where nothing can be written any more: the call goes on, the recording says what it lacks.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	m := leg(t, 400, 1000)
	dir := t.TempDir()
	spool, err := record.Open(record.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	r, err := spool.Record(m, record.Options{Name: "full"})
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Break(r); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	before := m.Stats().RTP.PacketsSent
	time.Sleep(200 * time.Millisecond)
	if m.Stats().RTP.PacketsSent == before {
		t.Error("media stands still")
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	var d record.Description
	b, err := os.ReadFile(filepath.Join(dir, "full.json"))
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil || !strings.Contains(d.Incomplete, "no space left") || spool.Stats().Incomplete != 1 {
		t.Errorf("%v %+v", err, d)
	}
}
