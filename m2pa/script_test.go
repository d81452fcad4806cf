package m2pa

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// script is a link under test (IUT) and what happens to it, as the tables of Q.781 draw it. Time is
// virtual. One step per line:
//
//	> Ready            the tester sends Link Status on the stream where it belongs; Ready@1 on stream 1,
//	                   with sequence numbers if they matter: > Processor Recovered bsn=3 fsn=7
//	> MSU 0 bsn=- hi   the tester sends User Data with FSN 0 (- is the number before 0), BSN and data
//	> ACK 0 bsn=3      the same without data
//	> garbage          octets that are no message
//	< Alignment        the IUT sends; < MSU 0 bsn=- hi and < ACK 0 bsn=3 likewise
//	<* Proving Normal  the IUT sent this once or more since the last step
//	! in service       the IUT tells level 3
//	= IN SERVICE       the state of the IUT
//	wait 1.5s          time passes
//	start, stop …      a command of level 3
//
// Whatever the IUT sends or says has to be in the script, in this order; what it sends and what it
// says between two steps are not ordered against one another.
type script struct {
	t    testing.TB
	l    *Link
	now  time.Time
	sent []string
	said []string
	line int
	buf  []sctp.Message
	out  []mtp3.Indication
}

func newScript(t testing.TB, cfg Config) *script {
	s := &script{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if cfg.RepeatInterval == 0 {
		cfg.RepeatInterval = -1
	}
	s.l = New(cfg)
	return s
}

// run plays the steps.
func (s *script) run(text string) {
	s.t.Helper()
	for line := range strings.Lines(text) {
		s.line++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s.step(line)
		if s.t.Failed() {
			s.t.Fatalf("at line %d: %s", s.line, line)
		}
	}
	s.quiet("the end")
}

func (s *script) quiet(before string) {
	s.t.Helper()
	if len(s.sent) > 0 || len(s.said) > 0 {
		s.t.Errorf("line %d, before %q: unexpected sent %q, said %q", s.line, before, s.sent, s.said)
	}
}

func (s *script) step(line string) {
	s.t.Helper()
	head, rest, _ := strings.Cut(line, " ")
	switch head {
	case "<":
		if len(s.sent) == 0 || s.sent[0] != rest {
			s.t.Errorf("sent %q, want %q", s.sent, rest)
			return
		}
		s.sent = s.sent[1:]
		return
	case "<*":
		n := 0
		for len(s.sent) > 0 && s.sent[0] == rest {
			s.sent = s.sent[1:]
			n++
		}
		if n == 0 {
			s.t.Errorf("sent %q, want %q", s.sent, rest)
		}
		return
	case "!":
		if len(s.said) == 0 || s.said[0] != rest {
			s.t.Errorf("said %q, want %q", s.said, rest)
			return
		}
		s.said = s.said[1:]
		return
	case "=":
		if got := s.l.State().String(); got != rest {
			s.t.Errorf("state %s, want %s", got, rest)
		}
		return
	}
	s.quiet(line)
	if line == "wait" || head == "wait" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		end := s.now.Add(d)
		for {
			next := s.l.Deadline()
			if next.IsZero() || next.After(end) {
				break
			}
			s.now = next
			s.out = s.l.Expire(s.now, s.out[:0])
			s.after()
		}
		s.now = end
		return
	}
	l, now, out := s.l, s.now, s.out[:0]
	switch head {
	case "up":
		out = l.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 2, Out: 2}}, out)
	case "down":
		out = l.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: sctp.Down}}, out)
	case "restart":
		out = l.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: sctp.Restart, In: 2, Out: 2}}, out)
	case "sendfailed":
		out = l.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: sctp.SendFailed}}, out)
	case "start":
		out = l.Start(now, out)
	case "stop":
		out = l.Stop(now, out)
	case "emergency":
		out = l.SetEmergency(now, out)
	case "emergency-ceases":
		out = l.ClearEmergency(now, out)
	case "lpo":
		out = l.LocalProcessorOutage(now, out)
	case "lpr":
		out = l.LocalProcessorRecovered(now, out)
	case "flush":
		out = l.FlushBuffers(now, out)
	case "continue":
		out = l.Continue(now, out)
	case "busy":
		out = l.Busy(now, true, out)
	case "busy-ended":
		out = l.Busy(now, false, out)
	case "send":
		out = l.Send(now, 0, []byte(rest), out)
	case "bsnt":
		out = l.RetrieveBSNT(now, out)
	case "retrieve":
		out = l.Retrieve(now, seqOf(rest), out)
	case "retrieve-unsent":
		out = l.RetrieveUnsent(now, out)
	case ">":
		out = l.HandleSCTP(now, sctp.Received{Message: s.parse(rest)}, out)
	default:
		s.t.Fatalf("line %d: what is %q?", s.line, line)
	}
	s.out = out
	s.after()
}

// after collects what the IUT said and sends.
func (s *script) after() {
	for _, i := range s.out {
		s.said = append(s.said, said(i))
	}
	for s.l.Pending() {
		s.buf = s.l.Output(s.now, s.buf[:0])
		if len(s.buf) == 0 {
			s.t.Fatal("Pending, but no Output")
		}
		for _, m := range s.buf {
			s.sent = append(s.sent, sent(s.t, m))
		}
		s.l.Sent(s.now, s.buf)
	}
}

// parse reads what the tester sends.
func (s *script) parse(text string) sctp.Message {
	s.t.Helper()
	if text == "garbage" {
		return sctp.Message{PPID: PPID, Data: []byte{1, 0, 11, 2, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99}}
	}
	m := Message{Type: LinkStatus, BSN: s.l.lastSent, FSN: seqMask}
	words := strings.Fields(text)
	var plain []string
	for _, w := range words {
		if v, ok := strings.CutPrefix(w, "bsn="); ok {
			m.BSN = seqOf(v)
		} else if v, ok := strings.CutPrefix(w, "fsn="); ok {
			m.FSN = seqOf(v)
		} else {
			plain = append(plain, w)
		}
	}
	stream := uint16(0)
	switch plain[0] {
	case "MSU", "ACK":
		m.Type, m.FSN, stream = UserData, seqOf(plain[1]), 1
		m.Data = []byte(strings.Join(plain[2:], " "))
	default:
		name, at, on := strings.Cut(strings.Join(plain, " "), "@")
		for st := Alignment; st <= OutOfService; st++ {
			if st.String() == name {
				m.Status = st
			}
		}
		if m.Status == ProcessorOutage || m.Status == ProcessorRecovered {
			stream = 1
		}
		if on {
			n, _ := strconv.Atoi(at)
			stream = uint16(n)
		}
	}
	b, err := m.AppendBinary(nil)
	if err != nil {
		s.t.Fatalf("line %d: %q: %v", s.line, text, err)
	}
	return sctp.Message{Stream: stream, PPID: PPID, Data: b}
}

// sent is a message of the IUT as the script writes it.
func sent(t testing.TB, sm sctp.Message) string {
	t.Helper()
	m, err := Parse(sm.Data)
	if err != nil {
		t.Fatalf("the link sent % x: %v", sm.Data, err)
	}
	if sm.PPID != PPID || sm.Unordered {
		t.Errorf("sent with PPID %d, unordered %t", sm.PPID, sm.Unordered)
	}
	if m.Type == UserData {
		if sm.Stream != 1 {
			t.Errorf("User Data on stream %d", sm.Stream)
		}
		if len(m.Data) == 0 {
			return fmt.Sprintf("ACK %s bsn=%s", seqText(m.FSN), seqText(m.BSN))
		}
		return fmt.Sprintf("MSU %s bsn=%s %s", seqText(m.FSN), seqText(m.BSN), m.Data)
	}
	switch m.Status { // RFC 4165 section 4.1.2
	case ProcessorOutage, ProcessorRecovered:
		if sm.Stream != 1 {
			t.Errorf("%s on stream %d", m.Status, sm.Stream)
		}
		return fmt.Sprintf("%s bsn=%s", m.Status, seqText(m.BSN))
	case Ready:
		if sm.Stream == 1 {
			return fmt.Sprintf("Ready@1 bsn=%s", seqText(m.BSN))
		}
	}
	if sm.Stream != 0 {
		t.Errorf("%s on stream %d", m.Status, sm.Stream)
	}
	return m.Status.String()
}

func said(i mtp3.Indication) string {
	switch i.Kind {
	case mtp3.OutOfService:
		return "out of service: " + i.Reason.String()
	case mtp3.Received, mtp3.Retrieved, mtp3.Discarded, mtp3.Lost:
		return i.Kind.String() + " " + string(i.MSU)
	case mtp3.BSNT:
		return "BSNT " + seqText(i.FSN)
	case mtp3.Congestion:
		return fmt.Sprintf("congestion %d", i.Level)
	}
	return i.Kind.String()
}

func seqText(s uint32) string {
	if s == noSeq {
		return "-"
	}
	return strconv.Itoa(int(s))
}

func seqOf(s string) uint32 {
	if s == "-" {
		return noSeq
	}
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		panic(err)
	}
	return uint32(n)
}
