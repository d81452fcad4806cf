package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/stp"
	"github.com/gotelco/telco/trace"
)

// TestRing keeps what is not too old, and not too much, and writes it for the alarms that are the last ones.
func TestRing(t *testing.T) {
	cfg := stp.CaptureConfig{Directory: t.TempDir(), Ring: 30 * time.Second, RingOctets: 3000, MaxFiles: 2}
	c, err := newCapture(cfg, "X", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	data := make([]byte, 100)
	for i := range 40 {
		data[0] = byte(i)
		c.trace(trace.Event{Time: now.Add(time.Duration(i) * time.Second), Dir: trace.Sent, Interface: "l/0", Proto: trace.M2PA, Data: data})
	}
	if n := len(c.ring); n != 15 || c.octets != 15*200 || c.ring[0].Data[0] != 25 {
		t.Errorf("by octets: %d events, %d octets", n, c.octets)
	}
	c.trace(trace.Event{Time: now.Add(60 * time.Second), Dir: trace.State, Comment: "x"})
	if n := len(c.ring); n != 11 || c.ring[0].Data[0] != 30 {
		t.Errorf("by age: %d events", n)
	}
	for i := range 4 {
		if _, err := c.dump(stp.Change{Time: now.Add(time.Duration(i) * time.Second), Kind: "link", About: "to-B/0"}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := filepath.Glob(filepath.Join(cfg.Directory, "alarm-*"))
	if err != nil || len(all) != 2 || filepath.Base(all[1]) != "alarm-19700101T001643.000-link-to-B_0.pcapng" {
		t.Errorf("%v %v", all, err)
	}
	if info, err := os.Stat(all[0]); err != nil || info.Size() < 1000 {
		t.Errorf("%v %v", info, err)
	}
}

// TestLabel finds the point codes in what links and associations carry.
func TestLabel(t *testing.T) {
	h := newHub(mtp3.Format{})
	want := mtp3.Label{OPC: 2067, DPC: 8238, SLS: 3}
	msu := mtp3.MSU{SI: mtp3.ISUP, NI: mtp3.National, Label: want, Data: []byte{5, 0, 16, 0}}
	overM3UA, err := (&m3ua.DATA{MSU: msu}).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	overM2PA, err := m2pa.Message{Type: m2pa.UserData, Data: mtp3.Format{}.AppendMSU(nil, msu)}.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []trace.Event{{Proto: trace.M3UA, Data: overM3UA}, {Proto: trace.M2PA, Data: overM2PA}} {
		if got, ok := h.label(&e); !ok || got != want {
			t.Errorf("%v: %+v %v", e.Proto, got, ok)
		}
	}
	for _, e := range []trace.Event{{Proto: trace.M3UA, Data: overM3UA[:9]}, {Proto: trace.M2PA, Data: overM2PA[:20]}, {Proto: trace.SCTP, Data: overM2PA}, {}} {
		if got, ok := h.label(&e); ok {
			t.Errorf("%v: %+v", e.Proto, got)
		}
	}
}
