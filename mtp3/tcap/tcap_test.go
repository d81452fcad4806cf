package tcap_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3/tcap"
	"github.com/gotelco/telco/mtp3/tcap/inap"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// argument is what an AppendBinary gives.
func argument(a interface {
	AppendBinary([]byte) ([]byte, error)
}) []byte {
	b, err := a.AppendBinary(nil)
	if err != nil {
		panic(err)
	}
	return b
}

var (
	number800 = []byte{0x03, 0x10, 0x08, 0x00, 0x21, 0x43} // 80001234, national
	number30  = []byte{0x03, 0x10, 0x03, 0x21, 0x43, 0x65}
	request   = &tcap.Dialogue{Kind: tcap.DialogueRequest, Context: inap.SSPToSCP}
	response  = &tcap.Dialogue{Kind: tcap.DialogueResponse, Context: inap.SSPToSCP}
)

// samples are messages of every kind, the first octet by octet after Q.773.
var samples = []struct {
	hex, about string
	m          tcap.Message
}{
	{"62 3b 48 04 00000001" +
		"6b 1e 28 1c 06 07 00118605010101 a0 11 60 0f 80 02 0780 a1 09 06 07 04000101010000" +
		"6c 13 a1 11 02 01 01 02 01 00 30 09 80 02 0320 82 03 031021", "", tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(1), Dialogue: request,
		Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.InitialDP,
			Parameter: []byte{0x30, 9, 0x80, 2, 3, 0x20, 0x82, 3, 3, 0x10, 0x21}}}}},
	{"", "InitialDP", tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(0x01020304), Dialogue: request, Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.InitialDP,
		Parameter: argument(inap.InitialDPArg{ServiceKey: 800, CalledPartyNumber: number800, CallingPartyNumber: []byte{0x83, 0x13, 0x03, 0x01}, Category: 10, Event: inap.AnalyzedInformation})}}}},
	{"", "Connect", tcap.Message{Kind: tcap.End, DTID: tcap.NewID(0x01020304), Dialogue: response, Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.Connect,
		Parameter: argument(inap.ConnectArg{Destinations: [][]byte{number30}})}}}},
	{"", "ReleaseCall", tcap.Message{Kind: tcap.End, DTID: tcap.NewID(5), Dialogue: response, Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.ReleaseCall,
		Parameter: []byte{0x04, 2, 0x82, 0x81}}}}},
	{"", "an error", tcap.Message{Kind: tcap.End, DTID: tcap.NewID(5), Dialogue: response,
		Components: []tcap.Component{{Kind: tcap.ReturnError, InvokeID: 1, Code: inap.MissingCustomerRecord}}}},
	{"", "Continue of the application", tcap.Message{Kind: tcap.Continue, OTID: tcap.TransactionID{Value: 7, Octets: 1}, DTID: tcap.NewID(5),
		Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.Continue}}}},
	{"", "a rejection", tcap.Message{Kind: tcap.End, DTID: tcap.NewID(5), Components: []tcap.Component{{Kind: tcap.Reject, InvokeID: 1, Problem: tcap.UnrecognizedOperation}}}},
	{"", "a rejection without ID", tcap.Message{Kind: tcap.End, DTID: tcap.NewID(5), Components: []tcap.Component{{Kind: tcap.Reject, NoID: true, Problem: tcap.BadlyStructured}}}},
	{"", "results", tcap.Message{Kind: tcap.End, DTID: tcap.NewID(5), Components: []tcap.Component{{Kind: tcap.ReturnResultLast, InvokeID: 1, NoCode: true},
		{Kind: tcap.ReturnResultLast, InvokeID: 2, Code: tcap.Code{Local: 48}, Parameter: []byte{0x80, 2, 0x11, 0x21}}, {Kind: tcap.Invoke, InvokeID: -1, HasLinked: true, LinkedID: 3, Code: tcap.Code{Local: 1}}}}},
	{"", "P-abort", tcap.Message{Kind: tcap.Abort, DTID: tcap.NewID(5), PAbort: true, AbortCause: tcap.UnrecognizedTransaction}},
	{"", "U-abort", tcap.Message{Kind: tcap.Abort, DTID: tcap.NewID(5), Dialogue: &tcap.Dialogue{Kind: tcap.DialogueAbort, UserInformation: nil}}},
	{"", "refused context", tcap.Message{Kind: tcap.Abort, DTID: tcap.NewID(5), Dialogue: &tcap.Dialogue{Kind: tcap.DialogueResponse, Context: inap.SSPToSCP, Refused: true, Diagnostic: tcap.ContextNotSupported}}},
	{"", "unidirectional", tcap.Message{Kind: tcap.Unidirectional, Dialogue: &tcap.Dialogue{Kind: tcap.DialogueUnidirectional, Context: "0.4.0.1"},
		Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: tcap.Code{Global: "1.2.3.4"}}}}},
}

func TestMessages(t *testing.T) {
	for _, c := range samples {
		b, err := c.m.AppendBinary([]byte{9})
		if err != nil {
			t.Errorf("%s: %v", c.about, err)
			continue
		}
		if want := unhex(t, c.hex); len(want) > 0 && !bytes.Equal(b[1:], want) {
			t.Errorf("% x, want\n% x", b[1:], want)
		}
		m, err := tcap.Parse(b[1:])
		if d := cmp.Diff(c.m, m); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", c.about, err, d)
		}
		for n := range len(b) - 1 {
			_, err := tcap.Parse(b[1 : 1+n])
			if e := (*tcap.ParseError)(nil); !errors.As(err, &e) {
				t.Errorf("%s: %d octets: %v", c.about, n, err)
			}
		}
	}
	_ = fmt.Sprint(tcap.Begin, tcap.Invoke, tcap.ResourceLimitation, tcap.NewID(3), tcap.Code{Global: "1.2"}, tcap.Kind(99))
}

// TestTshark: Wireshark takes each message for what it is.
func TestTshark(t *testing.T) {
	tsharktest.Need(t)
	file := t.TempDir() + "/tcap.pcapng"
	w, err := pcapng.Create(file, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range samples {
		data, err := c.m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		// SCCP unitdata, class 0, both subsystems INAP (12).
		sccp := append([]byte{9, 0, 3, 5, 7, 2, 0x42, 12, 2, 0x42, 12, byte(len(data))}, data...)
		n := 16 + len(sccp)
		b := []byte{1, 0, 1, 1, 0, 0, 0, byte(8 + (n+3)&^3), 0x02, 0x10, 0, byte(n), 0, 0, 8, 0x13, 0, 0, 8, 0x16, 3, 2, 0, 0}
		b = append(append(b, sccp...), make([]byte, -n&3)...)
		w.Trace(trace.Event{Time: time.Unix(int64(i), 0), Dir: trace.Sent, Proto: trace.M3UA, Transport: trace.OverSCTP, Stream: 1, PPID: 3,
			Local: netip.MustParseAddrPort("127.0.0.1:2905"), Remote: netip.MustParseAddrPort("127.0.0.2:2905"), Data: b})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Wireshark finds what is INAP by the subsystem.
	args := []string{"-o", "inap.ssn:12"}
	tsharktest.Check(t, file, args...)
	for _, c := range []struct {
		frame  int
		fields []string
		want   []string
	}{
		{2, []string{"tcap.tid", "_ws.col.Info", "inap.serviceKey", "inap.calledPartyNumber", "inap.callingPartyNumber"}, []string{"01020304", "initialDP", "800", "031008002143", "83130301"}},
		{3, []string{"tcap.tid", "_ws.col.Info", "inap.destinationRoutingAddress"}, []string{"01020304", "connect", "1"}},
		{4, []string{"_ws.col.Info"}, []string{"releaseCall"}},
	} {
		got := tsharktest.Fields(t, file, fmt.Sprintf("frame.number==%d", c.frame), c.fields, args...)
		for i, f := range c.fields {
			if f == "_ws.col.Info" && len(got) == 1 && strings.Contains(got[0][i], c.want[i]) {
				got[0][i] = c.want[i] // the column says more than this
			}
		}
		if len(got) != 1 || !cmp.Equal(got[0], c.want) {
			t.Errorf("frame %d: %q, want %q", c.frame, got, c.want)
		}
	}
}

func TestBadMessages(t *testing.T) {
	for _, c := range []struct {
		hex, field string
	}{
		{"", "message type"},
		{"30 00", "message type"},
		{"62 00", "originating transaction ID"},
		{"62 06 48 01 01 49 01 01", "destination transaction ID"},
		{"62 02 48 00", "transaction portion"},
		{"62 07 48 05 0102030405", "transaction portion"},
		{"62 05 48 01 01 13 00", "transaction portion"},
		{"62 06 48 01 01 4a 01 01", "P-abort cause"},
		{"62 05 48 01 01 6b 00", "dialogue portion"},
		{"62 07 48 01 01 6c 02 a9 00", "component portion"},
		{"62 07 48 01 01 6c 02 a1 00", "component portion"},
		{"62 0a 48 01 01 6c 05 a1 03 02 01 01", "component portion"},
		{"62 0d 48 01 01 6c 08 a4 06 02 01 01 85 01 01", "component portion"},
		{"62 0d 48 01 01 6c 08 a1 06 02 01 01 04 01 01", "component portion"},
	} {
		_, err := tcap.Parse(unhex(t, c.hex))
		var e *tcap.ParseError
		if !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("%s: %v", c.hex, err)
		}
	}
	many := make([]tcap.Component, tcap.MaxComponents+1)
	for i := range many {
		many[i] = tcap.Component{Kind: tcap.Invoke}
	}
	for _, m := range []tcap.Message{
		{}, {Kind: tcap.Begin}, {Kind: tcap.End}, {Kind: tcap.Begin, OTID: tcap.NewID(1), DTID: tcap.NewID(2)}, {Kind: tcap.Begin, OTID: tcap.TransactionID{Value: 256, Octets: 1}},
		{Kind: tcap.Begin, OTID: tcap.NewID(1), Components: many}, {Kind: tcap.Begin, OTID: tcap.NewID(1), Components: []tcap.Component{{}}},
		{Kind: tcap.Begin, OTID: tcap.NewID(1), Components: []tcap.Component{{Kind: tcap.Invoke, Parameter: []byte{4, 9}}}},
		{Kind: tcap.Begin, OTID: tcap.NewID(1), Components: []tcap.Component{{Kind: tcap.Invoke, Code: tcap.Code{Global: "x"}}}},
		{Kind: tcap.Begin, OTID: tcap.NewID(1), Dialogue: &tcap.Dialogue{}}, {Kind: tcap.Begin, OTID: tcap.NewID(1), Dialogue: &tcap.Dialogue{Kind: tcap.DialogueRequest}},
	} {
		b, err := m.AppendBinary([]byte{1})
		if e := (*tcap.ParseError)(nil); !errors.As(err, &e) || len(b) != 1 {
			t.Errorf("%+v: % x %v", m, b, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range samples {
		b, err := c.m.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := tcap.Parse(b)
		if err != nil {
			return
		}
		out, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", m, err)
		}
		again, err := tcap.Parse(out)
		if d := cmp.Diff(m, again); err != nil || d != "" {
			t.Fatalf("%v\n%s", err, d)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	m, err := samples[1].m.AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tcap.Parse(m); err != nil {
			b.Fatal(err)
		}
	}
}
