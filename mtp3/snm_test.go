package mtp3

import (
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// messages are one of each kind, with what tshark calls them.
var messages = []struct {
	m    SNMessage
	wire string // ITU, after the label
}{
	{SNMessage{Heading: COO, FSN: 0x55}, "1155"},
	{SNMessage{Heading: COA, FSN: 0x7f}, "217f"},
	{SNMessage{Heading: XCO, FSN: 0x123456}, "31563412"},
	{SNMessage{Heading: XCA, FSN: 0xffffff}, "41ffffff"},
	{SNMessage{Heading: CBD, Code: 0xa5}, "51a5"},
	{SNMessage{Heading: CBA, Code: 1}, "6101"},
	{SNMessage{Heading: ECO}, "12"},
	{SNMessage{Heading: ECA}, "22"},
	{SNMessage{Heading: RCT}, "13"},
	{SNMessage{Heading: TFC, Destination: 8238, Status: 2}, "232ea0"},
	{SNMessage{Heading: TFP, Destination: 8238}, "142e20"},
	{SNMessage{Heading: TFR, Destination: 8238}, "342e20"},
	{SNMessage{Heading: TFA, Destination: 8238}, "542e20"},
	{SNMessage{Heading: RST, Destination: 8238}, "152e20"},
	{SNMessage{Heading: RSR, Destination: 8238}, "252e20"},
	{SNMessage{Heading: LIN}, "16"},
	{SNMessage{Heading: LUN}, "26"},
	{SNMessage{Heading: LIA}, "36"},
	{SNMessage{Heading: LUA}, "46"},
	{SNMessage{Heading: LID}, "56"},
	{SNMessage{Heading: LFU}, "66"},
	{SNMessage{Heading: LLT}, "76"},
	{SNMessage{Heading: LRT}, "86"},
	{SNMessage{Heading: TRA}, "17"},
	{SNMessage{Heading: DLC, DataLink: 0xabc}, "18bc0a"},
	{SNMessage{Heading: CSS}, "28"},
	{SNMessage{Heading: CNS}, "38"},
	{SNMessage{Heading: CNP}, "48"},
	{SNMessage{Heading: UPU, Destination: 8238, UserPart: ISUP, Cause: 1}, "1a2e2015"},
	{SNMessage{SI: SNT, Heading: SLTM, Pattern: []byte("abcd")}, "114061626364"},
	{SNMessage{SI: SNT, Heading: SLTA, Pattern: []byte{1}}, "211001"},
}

func TestSNMessages(t *testing.T) {
	for _, c := range messages {
		c.m.SLC = 5
		b, err := Format{}.AppendSNMessage(nil, c.m)
		if got := fmt.Sprintf("%x", b); err != nil || got != c.wire {
			t.Errorf("%s: %s, %v, want %s", c.m.Name(), got, err, c.wire)
		}
		for _, v := range []Variant{ITU, ANSI, China, Japan} {
			f := Format{Variant: v}
			b, err := f.AppendSNMessage(nil, c.m)
			if err != nil {
				t.Error(err)
				continue
			}
			m, err := f.ParseSNMessage(c.m.SI, Label{SLS: 5}, b)
			if err != nil {
				t.Errorf("%v %s: %v", v, c.m.Name(), err)
			}
			if d := cmp.Diff(c.m, m); d != "" {
				t.Errorf("%v %s: %s", v, c.m.Name(), d)
			}
			for n := range b {
				if _, err := f.ParseSNMessage(c.m.SI, Label{}, b[:n]); err == nil {
					t.Errorf("%v %s: %d octets are a message", v, c.m.Name(), n)
				}
			}
		}
	}
	for _, bad := range []string{"\x00", "\x99", "\x27", "\x24\x01\x02"} {
		if m, err := (Format{}).ParseSNMessage(SNM, Label{}, []byte(bad)); err == nil {
			t.Errorf("%x is %s", bad, m.Name())
		}
	}
	if m, err := (Format{Variant: ANSI}).ParseSNMessage(SNM, Label{}, []byte("\x24\x00\x02\x03")); err != nil || m.Heading != TCP || m.Destination != 0x030200 {
		t.Errorf("TCP: %+v, %v", m, err)
	}
}

// TestSNMessagesTshark lets Wireshark's mtp3 and mtp3mg read one of each message.
func TestSNMessagesTshark(t *testing.T) {
	tsharktest.Need(t)
	var want []string
	name := filepath.Join(t.TempDir(), "snm.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range messages {
		c.m.SLC = uint8(i & 15)
		b := Format{}.AppendMSU(nil, MSU{NI: National, SI: c.m.SI, Label: Label{DPC: 8238, OPC: 2067, SLS: SLS(c.m.SLC)}})
		b, err := Format{}.AppendSNMessage(b, c.m)
		if err != nil {
			t.Fatal(err)
		}
		// An M2PA User Data message (RFC 4165 section 2.3.1) around it.
		p := []byte{1, 0, 11, 1, 0, 0, 0, byte(17 + len(b)), 0, 0xff, 0xff, 0xff, 0, 0, 0, byte(i), 0}
		p = append(p, b...)
		w.Trace(trace.Event{
			Time: time.Unix(int64(i), 0), Dir: trace.Sent, Proto: trace.M2PA, Transport: trace.OverSCTP, PPID: 5, Stream: 1, Data: p,
			Local: netip.MustParseAddrPort("127.0.0.1:3565"), Remote: netip.MustParseAddrPort("127.0.0.2:3565"),
		})
		want = append(want, fmt.Sprintf("%d %d %d", c.m.Heading&15, c.m.Heading>>4, c.m.SLC))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tsharktest.Check(t, name)
	var got []string
	for _, r := range tsharktest.Fields(t, name, "mtp3", []string{"mtp3mg.h0", "mtp3mg.h1", "mtp3mg.test.h0", "mtp3mg.test.h1", "mtp3.sls"}) {
		got = append(got, numbers(r...))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// The fields of those that have some, in the order of messages.
	got = got[:0]
	for _, r := range tsharktest.Fields(t, name, "mtp3mg.fsn || mtp3mg.cbc || mtp3mg.apc || mtp3mg.link || mtp3mg.test_pattern",
		[]string{"mtp3mg.fsn", "mtp3mg.cbc", "mtp3mg.apc", "mtp3mg.status", "mtp3mg.link", "mtp3mg.user", "mtp3mg.cause", "mtp3mg.test.length"}) {
		got = append(got, numbers(r...))
	}
	want = []string{"85", "127", "1193046", "16777215", "165", "1", "8238 2", "8238", "8238", "8238", "8238", "8238", "2748", "8238 5 1", "4", "1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// numbers prints the fields that are there, decimal or 0x, in decimal.
func numbers(fields ...string) string {
	var out []string
	for _, f := range fields {
		if n, err := strconv.ParseUint(f, 0, 32); err == nil {
			out = append(out, fmt.Sprint(n))
		}
	}
	return strings.Join(out, " ")
}

func FuzzParseSNMessage(f *testing.F) {
	for _, c := range messages {
		b, err := Format{}.AppendSNMessage(nil, c.m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(0), uint8(c.m.SI), uint8(3), b)
		f.Add(uint8(1), uint8(c.m.SI), uint8(3), append(b, 0))
	}
	f.Fuzz(func(t *testing.T, v, si, sls uint8, b []byte) {
		format := Format{Variant: Variant(v & 3)}
		l := Label{SLS: SLS(sls & 15)}
		m, err := format.ParseSNMessage(ServiceIndicator(si%3), l, b)
		if err != nil {
			return
		}
		c, err := format.AppendSNMessage(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := format.ParseSNMessage(m.SI, l, c)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Error(d)
		}
		if len(c) > len(b) || m.SI == SNM && len(c) == len(b) && m.Heading>>4 == 0 && !bytes.Equal(b, c) {
			t.Errorf("%x became %x", b, c)
		}
	})
}
