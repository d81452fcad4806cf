package ss7

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/mtp3/tcap"
	"github.com/gotelco/telco/mtp3/tcap/inap"
	"github.com/gotelco/telco/trace/ladder"
)

func TestDemo(t *testing.T) {
	var rec ladder.Recorder
	var log bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	d, err := NewDemo(ctx, rec.Trace, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	defer d.Close()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("\n%s\n%s", rec.Text(ladder.Config{}), log.String())
		}
	})
	for _, c := range []struct {
		number string
		want   string
	}{
		{"0800123456", "0800123456 -> 4030201, circuit 1 to-C: answered after"},
		{"0800999", "0800999: the service control point refuses: cause 17 (user busy)"},
		{"0800000", "0800000: the service control point refuses: missing customer record"},
		{"4030999", "4030999, circuit 3 to-C: answered after"},
		{"4017", "4017, circuit 1 to-C: not answered, cause 17 (user busy)"},
		{"50", "50: 50: no trunk leads to this number"},
		{"x", `x: "x": a number has 1 to 24 digits`},
	} {
		r, err := d.Call(ctx, c.number)
		if err != nil || !strings.HasPrefix(r.Text(), c.want) {
			t.Errorf("%s: %q %v, want %q", c.number, r.Text(), err, c.want)
		}
	}
	var s Stats
	if err := d.a.Do(func(time.Time) { s = d.A.Stats() }); err != nil {
		t.Fatal(err)
	}
	if s.Calls != 7 || s.Answered != 2 || s.Failed != 5 || s.Queries != 3 || s.QueriesFailed != 2 || s.Active != 0 {
		t.Errorf("%+v", s)
	}
	if q := d.SCP.Stats(); q.Queries.Load() != 3 || q.Translated.Load() != 1 || q.Released.Load() != 1 || q.Unknown.Load() != 1 {
		t.Errorf("%d queries", q.Queries.Load())
	}
	text := rec.Text(ladder.Config{Width: 160, Summaries: Summaries(d.a.cfg.Format), Show: UserParts})
	for _, want := range []string{"- InitialDP -", "Begin 0800123456?", "- Connect -", "End 4030201", "IAM", "ANM", "RLC"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestTranslations(t *testing.T) {
	table := Translations{{Number: "0800*", To: "99"}, {Number: "08001*", To: "4*"}, {Number: "0800123", To: "55"}, {Number: "0800666*", Cause: isup.CallRejected}}
	for number, want := range map[string]string{"0800": "99", "08007": "99", "080012": "42", "0800123": "55", "08001234": "4234", "0800666": ""} {
		to, cause, ok := table.Find(number)
		if to != want || !ok || (cause != 0) != (want == "") {
			t.Errorf("%s: %q %v %v", number, to, cause, ok)
		}
	}
	if _, _, ok := table.Find("0700"); ok {
		t.Error("0700 is there")
	}
}

// TestAnswers are what a service control point says to what it should not be asked.
func TestAnswers(t *testing.T) {
	p, err := NewPoint(PointConfig{Name: "SCP", PointCode: 2070})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewTranslator(p, 12, []uint32{800}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Set(Translations{{Number: "1", To: "x"}})
	begin := func(parameter []byte, code tcap.Code) tcap.Message {
		return tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(7), Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 3, Code: code, Parameter: parameter}}}
	}
	arg := func(a inap.InitialDPArg) []byte {
		b, err := a.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		about string
		m     tcap.Message
		check func(tcap.Message) bool
	}{
		{"another operation", begin(nil, tcap.Code{Local: 99}), func(m tcap.Message) bool { return m.Components[0].Problem == tcap.UnrecognizedOperation }},
		{"no argument", begin(nil, inap.InitialDP), func(m tcap.Message) bool { return m.Components[0].Problem == tcap.MistypedParameter }},
		{"no number", begin(arg(inap.InitialDPArg{ServiceKey: 800}), inap.InitialDP), func(m tcap.Message) bool { return m.Components[0].Code == inap.MissingParameter }},
		{"half a number", begin(arg(inap.InitialDPArg{ServiceKey: 800, CalledPartyNumber: []byte{1}}), inap.InitialDP),
			func(m tcap.Message) bool { return m.Components[0].Problem == tcap.MistypedParameter }},
		{"another service", begin(arg(inap.InitialDPArg{ServiceKey: 801, CalledPartyNumber: []byte{2, 16, 1}}), inap.InitialDP),
			func(m tcap.Message) bool { return m.Components[0].Code == inap.MissingCustomerRecord }},
		{"a table with nonsense", begin(arg(inap.InitialDPArg{ServiceKey: 800, CalledPartyNumber: []byte{0x82, 16, 1}}), inap.InitialDP),
			func(m tcap.Message) bool { return m.Components[0].Code == inap.SystemFailure }},
		{"another context", tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(7), Dialogue: &tcap.Dialogue{Kind: tcap.DialogueRequest, Context: "1.2.3"}},
			func(m tcap.Message) bool { return m.Kind == tcap.Abort && m.Dialogue.Refused }},
		{"nothing", tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(7)}, func(m tcap.Message) bool { return m.Kind == tcap.End && len(m.Components) == 0 }},
		{"a transaction that is none", tcap.Message{Kind: tcap.Continue, OTID: tcap.NewID(7), DTID: tcap.NewID(8)},
			func(m tcap.Message) bool { return m.Kind == tcap.Abort && m.AbortCause == tcap.UnrecognizedTransaction }},
		{"an end", tcap.Message{Kind: tcap.End, DTID: tcap.NewID(8)}, func(m tcap.Message) bool { return m.Kind == 0 }},
	} {
		b, err := c.m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		m, about := s.answer(b)
		if !c.check(m) || m.Kind != 0 && m.DTID != tcap.NewID(7) {
			t.Errorf("%s: %+v (%s)", c.about, m, about)
		}
	}
	if m, _ := s.answer([]byte{0x62, 8, 0x48, 1, 9, 0x6c, 3, 1, 2, 3}); m.Kind != tcap.Abort || m.AbortCause != tcap.BadlyFormatted {
		t.Errorf("nonsense: %+v", m)
	}
	if m, _ := s.answer([]byte{1}); m.Kind != 0 {
		t.Errorf("nothing: %+v", m)
	}
}

func TestNetwork(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if _, err := Network("pigeon", log); err == nil {
		t.Error("by pigeon")
	}
	for _, name := range []string{"udp", "auto"} {
		if n, err := Network(name, log); err != nil || n == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckNumber("+49301234"); err != nil {
		t.Error(err)
	}
	if err := CheckNumber("1234567890123456789012345"); !errors.Is(err, ErrNumber) {
		t.Error(err)
	}
}
