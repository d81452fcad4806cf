package sccp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/trace"
)

// start is when virtual time begins.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Points of the tests.
const (
	pcA, pcC, pcSCP, pcSTP, pcSTPB mtp3.PointCode = 2067, 2068, 2070, 2065, 8233
)

// network joins nodes: what one sends another receives at once. It keeps what each tells its users.
type network struct {
	t     *testing.T
	now   time.Time
	nodes map[mtp3.PointCode]*Node
	log   []string // "1.2.3: N-STATE …"
	units []Output
	sent  []mtp3.MSU // all messages, copied
	lose  func(mtp3.MSU) bool
}

// capture lets tshark judge SCCP; what users say to one another is not TCAP here, and its table of subsystems should not think so.
func capture(t *testing.T) trace.Func {
	return tsharktest.Capture(t, "--disable-protocol", "tcap", "--disable-protocol", "bssap")
}

func newNetwork(t *testing.T, cfgs ...Config) *network {
	return captured(t, capture(t), cfgs...)
}

func captured(t *testing.T, capture trace.Func, cfgs ...Config) *network {
	w := &network{t: t, now: start, nodes: map[mtp3.PointCode]*Node{}}
	for _, c := range cfgs {
		c.Trace = capture
		n, err := NewNode(c)
		if err != nil {
			t.Fatal(err)
		}
		w.nodes[c.PointCode] = n
	}
	return w
}

// do carries out the outputs of a node, and those that follow from them.
func (w *network) do(at *Node, out []Output) {
	w.t.Helper()
	type job struct {
		at  *Node
		out Output
	}
	var jobs []job
	add := func(at *Node, out []Output) {
		for _, o := range out {
			o.MSU.Data = bytes.Clone(o.MSU.Data)
			o.Unit.Data = bytes.Clone(o.Unit.Data)
			o.Unit.Called, o.Unit.Calling = o.Unit.Called.clone(), o.Unit.Calling.clone()
			jobs = append(jobs, job{at, o})
		}
	}
	add(at, out)
	for len(jobs) > 0 {
		j := jobs[0]
		jobs = jobs[1:]
		who := j.at.pc(j.at.cfg.PointCode)
		s := j.out.State
		switch j.out.Kind {
		case Send:
			w.sent = append(w.sent, j.out.MSU)
			if len(w.sent) > 10_000 {
				w.t.Fatal("messages without end")
			}
			to := w.nodes[j.out.MSU.Label.DPC]
			if to == nil || w.lose != nil && w.lose(j.out.MSU) {
				continue
			}
			add(to, to.HandleMTP(w.now, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: j.out.MSU}, nil))
		case UnitdataIndication, NoticeIndication:
			w.units = append(w.units, j.out)
		case StateIndication:
			w.log = append(w.log, fmt.Sprintf("%s: %v of %s in service %v", who, s.SSN, j.at.pc(s.PC), s.InService))
		case PointIndication:
			w.log = append(w.log, fmt.Sprintf("%s: %s accessible %v, SCCP %v, restriction %d", who, j.at.pc(s.PC), s.Accessible, s.SCCP, s.Restriction))
		default:
			w.log = append(w.log, fmt.Sprintf("%s: %v, %v of %s", who, j.out.Kind, s.SSN, j.at.pc(s.PC)))
		}
	}
}

// wait lets time pass.
func (w *network) wait(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for {
		var next *Node
		for _, n := range w.nodes {
			if at := n.Deadline(); !at.IsZero() && !at.After(end) && (next == nil || at.Before(next.Deadline())) {
				next = n
			}
		}
		if next == nil {
			w.now = end
			return
		}
		w.now = next.Deadline()
		w.do(next, next.Expire(w.now, nil))
	}
}

func (w *network) user(pc mtp3.PointCode, ssn SSN, cfg SubsystemConfig) {
	w.t.Helper()
	n := w.nodes[pc]
	if err := n.AddSubsystem(ssn, cfg); err != nil {
		w.t.Fatal(err)
	}
	w.set(pc, ssn, InService)
	w.log = nil
}

func (w *network) set(pc mtp3.PointCode, ssn SSN, s UserState) {
	w.t.Helper()
	out, err := w.nodes[pc].SetSubsystem(w.now, ssn, s, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(w.nodes[pc], out)
}

func (w *network) mtp(pc mtp3.PointCode, p mtp3.Primitive) {
	w.t.Helper()
	w.do(w.nodes[pc], w.nodes[pc].HandleMTP(w.now, p, nil))
}

func (w *network) unitdata(pc mtp3.PointCode, u Unitdata) {
	w.t.Helper()
	out, err := w.nodes[pc].Unitdata(w.now, u, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(w.nodes[pc], out)
}

// messages are what was sent since the last call, in words.
func (w *network) messages() (s []string) {
	for _, m := range w.sent {
		p, err := itu.Parse(m.Data)
		what := p.Type.String()
		if p.Type.service() {
			what += " " + p.Cause.String()
		}
		if p.Called.SSN == SCMG && p.Called.HasSSN {
			c, err := itu.ParseSCMG(p.Data)
			if err != nil {
				w.t.Error(err)
			}
			what = fmt.Sprintf("%v %v of %d", c.Type, c.SSN, c.PC)
			if c.Type == SSC {
				what += fmt.Sprintf(" level %d", c.Congestion)
			}
		}
		if err != nil {
			what = err.Error()
		}
		s = append(s, fmt.Sprintf("%d>%d %s", m.Label.OPC, m.Label.DPC, what))
	}
	w.sent = nil
	return s
}

func (w *network) wantMessages(when string, want ...string) {
	w.t.Helper()
	if d := cmp.Diff(want, w.messages()); d != "" {
		w.t.Errorf("%s: messages (-want +got)\n%s", when, d)
	}
}

func (w *network) wantLog(when string, want ...string) {
	w.t.Helper()
	if d := cmp.Diff(want, w.log); d != "" {
		w.t.Errorf("%s: indications (-want +got)\n%s", when, d)
	}
	w.log = nil
}

func table(t testing.TB, rules ...Rule) *Translator {
	t.Helper()
	tr, err := NewTranslator(mtp3.Format{}, rules)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func ssn(s SSN) Address { return Address{RouteOnSSN: true, HasSSN: true, SSN: s} }

func at(pc mtp3.PointCode, s SSN) Address {
	return Address{RouteOnSSN: true, HasPC: true, PC: pc, HasSSN: true, SSN: s}
}

func title(t testing.TB, s string) Address {
	a := e164(t, s)
	a.HasSSN, a.SSN = true, INAP
	return a
}

// The question "0800 number" goes from an exchange over a transfer point that translates it to a
// service control point, whose answer comes back.
func TestNumberTranslation(t *testing.T) {
	tr := table(t, Rule{Match: Match{Plan: Is(E164), Digits: "49800"}, To: []Entity{{PC: pcSCP, SSN: INAP}}})
	toSTP := table(t, Rule{To: []Entity{{PC: pcSTP, RouteOnGT: true}}})
	w := newNetwork(t, Config{PointCode: pcA, Translator: toSTP}, Config{PointCode: pcSTP, Translator: tr}, Config{PointCode: pcSCP})
	w.user(pcA, INAP, SubsystemConfig{})
	w.user(pcSCP, INAP, SubsystemConfig{})
	data := []byte("query")
	w.unitdata(pcA, Unitdata{Called: title(t, "49800123"), Calling: ssn(INAP), Class: 1, Sequence: 5, ReturnOnError: true, Data: data})
	w.wantMessages("query", "2067>2065 UDT", "2065>2070 UDT")
	if len(w.units) != 1 {
		t.Fatalf("%d indications", len(w.units))
	}
	u := w.units[0].Unit
	if u.Called.String() != "GT E.164 international 49800123 SSN INAP" || u.Calling.String() != "PC 2067 SSN INAP" || string(u.Data) != "query" ||
		u.OPC != pcSTP || u.Sequence != 5 || u.Class != 1 || !u.ReturnOnError {
		t.Errorf("%+v", u)
	}
	w.unitdata(pcSCP, Unitdata{Called: u.Calling, Calling: ssn(INAP), Class: 1, Sequence: 5, Data: []byte("answer")})
	w.wantMessages("answer", "2070>2067 UDT")
	if len(w.units) != 2 || string(w.units[1].Unit.Data) != "answer" || w.units[1].Unit.OPC != pcSCP {
		t.Errorf("%+v", w.units)
	}
	if s := w.nodes[pcSTP].Stats(); s.Translated != 1 || s.Received[UDT] != 1 || s.Sent[UDT] != 1 || s.Reasons != (Reasons{}) {
		t.Errorf("%+v", s)
	}
}

// Each reason for which a message cannot go on, and what its sender hears of it (Q.714 sections 2.3 and 4.2).
func TestReturnCauses(t *testing.T) {
	rules := []Rule{
		{Match: Match{Plan: Is(E164), Digits: "1"}, To: []Entity{{PC: pcSCP}}},
		{Match: Match{Plan: Is(E164), Digits: "2"}, To: []Entity{{PC: pcSTP, SSN: HLR}}},
		{Match: Match{Plan: Is(E164), Digits: "3"}, To: []Entity{{PC: pcA, RouteOnGT: true}}},
		{Match: Match{Plan: Is(E164), Digits: "4"}, To: []Entity{{PC: pcSTP, RouteOnGT: true}}},
		{Match: Match{Plan: Is(E164), Digits: "5"}, To: []Entity{{PC: pcC, RouteOnGT: true}}},
		{Match: Match{Plan: Is(E164), Digits: "6"}, To: []Entity{{PC: pcSTP, RouteOnGT: true, GT: Change{Strip: 1}}}},
		{Match: Match{Plan: Is(E164), Digits: "7"}, To: []Entity{{PC: pcSTP, RouteOnGT: true, GT: Change{Prefix: "7"}}}},
		{Match: Match{Plan: Is(E164), Digits: "8"}, To: []Entity{{PC: pcSCP, GT: Change{Prefix: strings.Repeat("8", 60)}}}},
	}
	e212 := title(t, "262011234567890")
	e212.GT.Plan = E212
	pause := mtp3.Primitive{Kind: mtp3.PausePrimitive, Affected: mtp3.Destination{PC: pcSCP}}
	status := func(cause mtp3.StatusCause) mtp3.Primitive {
		return mtp3.Primitive{Kind: mtp3.StatusPrimitive, Affected: mtp3.Destination{PC: pcSCP}, Status: mtp3.Status{Cause: cause, SI: mtp3.SCCP}}
	}
	judged := capture(t)
	broken := title(t, "1")
	broken.raw = []byte{0x7c, 0}
	broken.RouteOnSSN, broken.HasSSN, broken.SSN, broken.GT = true, false, 0, GlobalTitle{Format: 15}
	for _, c := range []struct {
		name   string
		m      Message
		before func(w *network)
		reason Reason
		cause  ReturnCause
	}{
		{"no such nature", Message{Type: UDT, Called: e212}, nil, NoNature, NoTranslationForNature},
		{"no such title", Message{Type: UDT, Called: title(t, "9")}, nil, NoTitle, NoTranslation},
		{"no title", Message{Type: UDT, Called: Address{HasSSN: true, SSN: INAP}}, nil, TitleMissing, NoTranslationForNature},
		{"not understood", Message{Type: UDT, Called: broken}, nil, NoNature, NoTranslationForNature},
		{"unequipped", Message{Type: UDT, Called: ssn(VLR)}, nil, Unequipped, UnequippedUser},
		{"subsystem 0", Message{Type: UDT, Called: ssn(0)}, nil, Unequipped, UnequippedUser},
		{"unequipped after translation", Message{Type: XUDT, HopCounter: 9, Called: title(t, "2")},
			func(w *network) { w.do(w.nodes[pcSTP], w.nodes[pcSTP].RemoveSubsystem(w.now, HLR, nil)) }, Unequipped, UnequippedUser},
		{"local out of service", Message{Type: XUDT, HopCounter: 9, Called: ssn(HLR)}, func(w *network) { w.set(pcSTP, HLR, OutOfService) }, SubsystemDown, SubsystemFailure},
		{"local busy", Message{Type: UDT, Called: ssn(HLR)}, func(w *network) { w.set(pcSTP, HLR, Busy) }, SubsystemBusy, SubsystemCongestion},
		{"remote out of service", Message{Type: UDT, Called: title(t, "1")}, func(w *network) {
			w.mtp(pcSTP, scmgFrom(pcSCP, pcSTP, SCMGMessage{Type: SSP, SSN: INAP, PC: pcSCP}))
		}, SubsystemDown, SubsystemFailure},
		{"point gone", Message{Type: LUDT, HopCounter: 9, Called: title(t, "1")}, func(w *network) { w.mtp(pcSTP, pause) }, PointUnreachable, MTPFailure},
		{"SCCP gone", Message{Type: UDT, Called: title(t, "1")}, func(w *network) { w.mtp(pcSTP, status(mtp3.UserInaccessible)) }, SCCPDown, SCCPFailure},
		{"congested", Message{Type: XUDT, HopCounter: 9, Called: title(t, "1"), HasImportance: true, Importance: 2}, func(w *network) {
			w.mtp(pcSTP, scmgFrom(pcSCP, pcSTP, SCMGMessage{Type: SSC, SSN: SCMG, PC: pcSCP, Congestion: 3}))
		}, Restricted, NetworkCongestion},
		{"hops", Message{Type: XUDT, HopCounter: 1, Called: title(t, "1")}, nil, HopsUsedUp, HopCounterViolation},
		{"no hops", Message{Type: LUDT, HopCounter: 0, Called: title(t, "1")}, nil, HopsUsedUp, HopCounterViolation},
		{"back to where it came from", Message{Type: UDT, Called: title(t, "3")}, nil, TranslationLoop, HopCounterViolation},
		{"to this node again", Message{Type: XUDT, HopCounter: 9, Called: title(t, "4")}, nil, TranslationLoop, HopCounterViolation},
		{"second translation fails", Message{Type: XUDT, HopCounter: 9, Called: title(t, "69")}, nil, NoTitle, NoTranslation},
		{"hops within this node", Message{Type: XUDT, HopCounter: 3, Called: title(t, "77")}, nil, HopsUsedUp, HopCounterViolation},
		{"translations without end", Message{Type: UDT, Called: title(t, "77")}, nil, HopsUsedUp, HopCounterViolation},
		{"longer than a message", Message{Type: UDT, Called: title(t, "8"), Data: make([]byte, 240)}, nil, TooLong, SegmentationUnsupported},
		{"LUDT without a reference", Message{Type: LUDT, HopCounter: 9, Called: title(t, "1"), Data: make([]byte, 500)}, nil, NoSegmentation, SegmentationFailure},
		{"LUDT of more than 16 segments", Message{Type: LUDT, HopCounter: 9, Called: title(t, "8"), Data: make([]byte, 3900), HasSegmentation: true, Segmentation: Segmentation{First: true}}, nil, TooLong, SegmentationUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := judged
			if c.m.Called.raw != nil {
				to = nil // malformed on purpose
			}
			w := captured(t, to, Config{PointCode: pcSTP, Translator: table(t, rules...)})
			w.user(pcSTP, HLR, SubsystemConfig{})
			n := w.nodes[pcSTP]
			if err := n.AddRemote(pcSCP, RemoteConfig{Subsystems: []RemoteSubsystem{{SSN: INAP}}}); err != nil {
				t.Fatal(err)
			}
			if c.before != nil {
				c.before(w)
			}
			w.sent = nil
			c.m.Calling = at(pcA, MSC)
			if c.m.Data == nil {
				c.m.Data = []byte("data")
			}
			for _, back := range []bool{true, false} {
				c.m.ReturnOnError = back
				was := n.Stats()
				w.mtp(pcSTP, transfer(t, pcA, pcSTP, c.m))
				var got []Message
				for _, s := range w.sent {
					m, err := itu.Parse(s.Data)
					if err != nil {
						t.Fatal(err)
					}
					if m.Called.SSN != SCMG {
						got = append(got, m)
						if s.Label != (mtp3.Label{DPC: pcA, OPC: pcSTP, SLS: 7}) {
							t.Errorf("label %+v", s.Label)
						}
					}
				}
				w.sent = nil
				s := n.Stats()
				if s.Reasons[c.reason] != was.Reasons[c.reason]+1 {
					t.Errorf("reason %v is not counted: %v", c.reason, s.Reasons)
				}
				if !back {
					if len(got) != 0 || s.Reasons[NotWantedBack] != was.Reasons[NotWantedBack]+1 {
						t.Errorf("not wanted back, but %d messages", len(got))
					}
					continue
				}
				if len(got) != 1 || s.Returned != was.Returned+1 {
					t.Fatalf("%d messages came back; %+v", len(got), s)
				}
				m := got[0]
				called := c.m.Called
				if called.raw == nil {
					if called, _ = itu.ParseAddress(itu.AppendAddress(nil, called)); !m.Calling.same(called) {
						t.Errorf("from %v, want %v", m.Calling, called)
					}
				}
				want := c.m.Type + 1
				if want == LUDTS && len(c.m.Data) > 200 {
					want = XUDTS // as much of it as fits
				}
				if m.Type != want || m.Cause != c.cause || !m.Called.same(c.m.Calling) || !bytes.HasPrefix(c.m.Data, m.Data) {
					t.Errorf("%v %v to %v, want cause %v", m.Type, m.Cause, m.Called, c.cause)
				}
			}
		})
	}
}

func transfer(t testing.TB, opc, dpc mtp3.PointCode, m Message) mtp3.Primitive {
	t.Helper()
	b, err := itu.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: mtp3.MSU{SI: mtp3.SCCP, Label: mtp3.Label{OPC: opc, DPC: dpc, SLS: 7}, Data: b}}
}

func scmgFrom(opc, dpc mtp3.PointCode, s SCMGMessage) mtp3.Primitive {
	b, err := itu.Append(nil, Message{Type: UDT, Called: ssn(SCMG), Calling: ssn(SCMG), Data: itu.AppendSCMG(nil, s)})
	if err != nil {
		panic(err)
	}
	return mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: mtp3.MSU{SI: mtp3.SCCP, Label: mtp3.Label{OPC: opc, DPC: dpc}, Data: b}}
}

// What is not for connectionless service is dropped and counted.
func TestDropped(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcSTP, NI: mtp3.National})
	n := w.nodes[pcSTP]
	msu := func(ni mtp3.NetworkIndicator, si mtp3.ServiceIndicator, hex string) {
		n.HandleMTP(w.now, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: mtp3.MSU{NI: ni, SI: si, Data: unhex(t, hex)}}, nil)
	}
	const good = "09 80 03 05 07 02 42 06 02 42 08 01 aa"
	n.cfg.Trace = nil // these are malformed, as tshark would say
	msu(mtp3.International, mtp3.SCCP, good)
	msu(mtp3.National, mtp3.ISUP, good)
	msu(mtp3.National, mtp3.SCCP, "")
	msu(mtp3.National, mtp3.SCCP, "01 00 00 01 02 02 06 04 43 13 08 06 0f 01 01 00")
	msu(mtp3.National, mtp3.SCCP, "09 80 03 05 ff")
	msu(mtp3.National, mtp3.SCCP, "0a 01 03 05 07 02 42 06 02 42 08 01 aa")         // UDTS for nobody
	msu(mtp3.National, mtp3.SCCP, "09 00 03 05 07 02 42 01 02 42 01 05 0906010000") // SCMG of no type
	msu(mtp3.National, mtp3.SCCP, "09 00 03 05 07 02 42 01 02 42 01 05 0506010000") // SOG for nobody
	want := Reasons{WrongService: 2, Malformed: 2, NotConnectionless: 1, Unequipped: 1, ReturnFailed: 1, SCMGMalformed: 1, SCMGUnexpected: 1}
	if got := n.Stats().Reasons; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// Messages that come back are routed on the calling address: a title is translated, a subsystem alone is at the OPC (Q.714 section 4.2).
func TestReturnRouting(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA}, Config{PointCode: pcSTP, Translator: table(t, Rule{Match: Match{Digits: "49"}, To: []Entity{{PC: pcA, SSN: MSC}}})})
	w.user(pcA, MSC, SubsystemConfig{})
	for _, calling := range []Address{ssn(MSC), title(t, "4930")} {
		w.mtp(pcSTP, transfer(t, pcA, pcSTP, Message{Type: XUDT, HopCounter: 3, ReturnOnError: true, Called: title(t, "1"), Calling: calling, Data: []byte("x")}))
		w.wantMessages(calling.String(), "2065>2067 XUDTS no translation for this specific address")
		u := w.units[len(w.units)-1]
		if u.Kind != NoticeIndication || u.Unit.Cause != NoTranslation || u.Unit.Called.SSN != MSC || u.Unit.OPC != pcSTP {
			t.Errorf("%+v", u)
		}
	}
	// A way back that does not exist is counted.
	w.mtp(pcSTP, transfer(t, pcA, pcSTP, Message{Type: UDT, ReturnOnError: true, Called: title(t, "1"), Calling: title(t, "2"), Data: []byte("x")}))
	w.wantMessages("no way back")
	if r := w.nodes[pcSTP].Stats().Reasons; r[ReturnFailed] != 1 || r[NoTitle] != 4 {
		t.Errorf("%v", r)
	}
	// From a user of this node the message comes back as a notice at once.
	w.units = nil
	w.unitdata(pcA, Unitdata{Called: title(t, "1"), Calling: ssn(MSC), ReturnOnError: true, Data: []byte("x")})
	w.wantMessages("notice")
	if len(w.units) != 1 || w.units[0].Kind != NoticeIndication || w.units[0].Unit.Cause != NoTranslationForNature || string(w.units[0].Unit.Data) != "x" {
		t.Errorf("%+v", w.units)
	}
	w.unitdata(pcA, Unitdata{Called: Address{}, Calling: ssn(MSC), ReturnOnError: true, Data: []byte("x")})
	if u := w.units[1].Unit; u.Cause != Unqualified {
		t.Errorf("no address: %+v", u)
	}
}

// Two nodes that send a title to one another by way of a third: the hop counter ends it; UDT has none
// unless the nodes give it one.
func TestLoop(t *testing.T) {
	for _, c := range []struct {
		typ      MessageType
		extended bool
		want     int
	}{{XUDT, false, 15}, {UDT, true, 16}} {
		ring := func(from, to mtp3.PointCode) Config {
			return Config{PointCode: from, Extended: c.extended, Translator: table(t, Rule{Match: Match{Digits: "49"}, To: []Entity{{PC: to, RouteOnGT: true}}})}
		}
		w := newNetwork(t, ring(pcA, pcC), ring(pcC, pcSTP), ring(pcSTP, pcA), Config{PointCode: pcSCP})
		w.user(pcSCP, MSC, SubsystemConfig{})
		w.mtp(pcA, transfer(t, pcSCP, pcA, Message{Type: c.typ, HopCounter: 15, ReturnOnError: true, Called: title(t, "49"), Calling: at(pcSCP, MSC), Data: []byte("x")}))
		if len(w.units) != 1 || w.units[0].Unit.Cause != HopCounterViolation || len(w.sent) != c.want {
			t.Errorf("%v: %d messages, %+v", c.typ, len(w.sent), w.units)
		}
	}
}

// Relaying adds the OPC to a calling address that has a subsystem alone (Q.714 section 2.7.5.2), and keeps SLS, priority and all else.
func TestRelay(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcSTP, Translator: table(t, Rule{To: []Entity{{PC: pcSCP}}})})
	for _, c := range []struct{ calling, want Address }{
		{ssn(MSC), at(pcA, MSC)},
		{at(pcC, MSC), at(pcC, MSC)},
		{title(t, "493"), title(t, "493")},
		{Address{}, Address{}},
	} {
		p := transfer(t, pcA, pcSTP, Message{Type: XUDT, Class: 1, HopCounter: 4, Called: title(t, "49"), Calling: c.calling, Data: []byte("x"), Optional: []byte{0x77, 1, 2}, HasImportance: true, Importance: 6})
		p.MSU.Priority = 2
		w.sent = nil
		w.mtp(pcSTP, p)
		if len(w.sent) != 1 {
			t.Fatalf("%d messages", len(w.sent))
		}
		m, err := itu.Parse(w.sent[0].Data)
		if err != nil || !m.Calling.same(c.want) || m.HopCounter != 3 || !m.Called.RouteOnSSN || m.Importance != 6 || !bytes.Equal(m.Optional, []byte{0x77, 1, 2}) || m.Class != 1 {
			t.Errorf("%+v %v", m, err)
		}
		if s := w.sent[0]; s.Label.SLS != 7 || s.Priority != 2 || s.Label.OPC != pcSTP {
			t.Errorf("%+v", s)
		}
	}
}

func TestRequests(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA, Priorities: &[8]uint8{6: 2}, Aliases: []mtp3.PointCode{pcC}})
	w.user(pcA, MSC, SubsystemConfig{})
	n := w.nodes[pcA]
	for _, c := range []struct {
		u    Unitdata
		want error
	}{
		{Unitdata{}, ErrUnitNoData},
		{Unitdata{Data: []byte{1}, Class: 2}, ErrClass},
		{Unitdata{Data: []byte{1}, Importance: 8}, ErrImportance},
		{Unitdata{Data: make([]byte, 3953)}, ErrUnitTooLong},
		{Unitdata{Data: make([]byte, 3952), Called: e164(t, "493012345"), Calling: e164(t, "493012345")}, ErrUnitTooLong},
	} {
		if out, err := n.Unitdata(w.now, c.u, nil); !errors.Is(err, c.want) || len(out) != 0 {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	// Class 0 takes the SLS in turn, class 1 that of its sequence; importance needs XUDT and makes a priority.
	var sls []mtp3.SLS
	for i := range 4 {
		w.unitdata(pcA, Unitdata{Called: at(pcSCP, MSC), Calling: ssn(MSC), Class: uint8(i / 2), Sequence: 0x123, Data: []byte{1}, HasImportance: i == 3, Importance: 6})
	}
	for _, m := range w.sent {
		sls = append(sls, m.Label.SLS)
	}
	if d := cmp.Diff([]mtp3.SLS{0, 1, 3, 3}, sls); d != "" {
		t.Error(d)
	}
	if w.sent[2].Priority != 0 || w.sent[3].Priority != 2 {
		t.Errorf("%+v", w.sent)
	}
	w.wantMessages("requests", "2067>2070 UDT", "2067>2070 UDT", "2067>2070 UDT", "2067>2070 XUDT")
	// For this node.
	w.unitdata(pcA, Unitdata{Called: at(pcC, MSC), Calling: ssn(MSC), Data: []byte{1}})
	w.unitdata(pcA, Unitdata{Called: ssn(MSC), Calling: ssn(MSC), Data: []byte{1}})
	if len(w.units) != 2 || w.units[0].Unit.OPC != pcA || !w.units[0].Unit.Calling.same(at(pcA, MSC)) {
		t.Errorf("%+v", w.units)
	}
	// Management is not for users.
	w.unitdata(pcA, Unitdata{Called: ssn(SCMG), Calling: ssn(MSC), Data: itu.AppendSCMG(nil, SCMGMessage{Type: SST, SSN: MSC, PC: pcA})})
	if r := n.Stats().Reasons; r[SCMGUnexpected] != 1 {
		t.Errorf("%v", r)
	}
	for _, c := range []Config{{PointCode: 1 << 14}, {HopCounter: 16}, {MaxSIF: 20}, {MaxSIF: 5000}, {Format: mtp3.Format{Variant: 9}}, {Aliases: []mtp3.PointCode{1 << 15}}} {
		if _, err := NewNode(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	if err := n.AddSubsystem(SCMG, SubsystemConfig{}); !errors.Is(err, ErrSSN) {
		t.Error(err)
	}
	if _, err := n.SetSubsystem(w.now, HLR, InService, nil); !errors.Is(err, ErrSubsystem) {
		t.Error(err)
	}
	if err := n.AddRemote(1<<14, RemoteConfig{}); err == nil {
		t.Error("a point code of 15 bits")
	}
	if err := n.AddRemote(5, RemoteConfig{Subsystems: []RemoteSubsystem{{SSN: 0}}}); !errors.Is(err, ErrSSN) {
		t.Error(err)
	}
}

// Transit of a message with a global title allocates nothing.
func TestRelayAllocates(t *testing.T) {
	n, in := relayBench(t)
	var out []Output
	if a := testing.AllocsPerRun(100, func() { out = n.HandleMTP(start, in, out[:0]) }); a != 0 || len(out) != 1 {
		t.Errorf("%v allocations, %d outputs", a, len(out))
	}
}

func relayBench(t testing.TB) (*Node, mtp3.Primitive) {
	n, err := NewNode(Config{PointCode: pcSTP, Translator: table(t, Rule{Match: Match{Plan: Is(E164), Digits: "4930"}, To: []Entity{{PC: pcSCP, SSN: INAP}, {PC: pcC}}, Share: BySLS})})
	if err != nil {
		t.Fatal(err)
	}
	return n, transfer(t, pcA, pcSTP, Message{Type: UDT, Class: 1, Called: title(t, "493012345"), Calling: at(pcA, MSC), Data: make([]byte, 80)})
}

func BenchmarkRelay(b *testing.B) {
	n, in := relayBench(b)
	var out []Output
	b.ReportAllocs()
	for b.Loop() {
		out = n.HandleMTP(start, in, out[:0])
	}
}
