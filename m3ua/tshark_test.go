package m3ua

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// TestTshark: Wireshark reads each message under the name it has here, and objects to nothing.
func TestTshark(t *testing.T) {
	tsharktest.Need(t)
	name := t.TempDir() + "/m3ua.pcapng"
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range everyMessage {
		b, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.Trace(trace.Event{Time: time.Unix(int64(i), 0), Dir: trace.Sent, Proto: trace.M3UA, Transport: trace.OverSCTP,
			Local: netip.MustParseAddrPort("127.0.0.1:2905"), Remote: netip.MustParseAddrPort("127.0.0.2:2905"), PPID: PPID, Data: b})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tsharktest.Check(t, name)
	rows := tsharktest.Fields(t, name, "", []string{"m3ua.message_class", "m3ua.message_type", "_ws.col.Info", "m3ua.message_length"})
	if len(rows) != len(everyMessage) {
		t.Fatalf("%d frames for %d messages", len(rows), len(everyMessage))
	}
	for i, m := range everyMessage {
		typ := m.Type()
		if got := rows[i][0] + "/" + rows[i][1]; got != fmt.Sprintf("%d/%d", typ>>8, typ&0xff) {
			t.Errorf("%v: %v", typ, rows[i])
		}
	}
}
