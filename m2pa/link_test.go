package m2pa

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// rfc4165 is what Q.781 has no case for, by section of RFC 4165.
var rfc4165 = []struct{ name, steps string }{
	{"4.1.3 start before the association", `
		start
		= INITIAL ALIGNMENT
		wait 5s
		up
		< Out of Service
		< Alignment
		> Out of Service
		> Alignment
		< Proving Normal
	`},
	{"4.1.3 no association", `
		start
		down
		! out of service: transport lost
		= OUT OF SERVICE
	`},
	{"4.1.3 no association, and nobody says so", `
		start
		wait 11.5s
		! out of service: alignment not possible
	`},
	{"4.1.3 the peer is ready first", proving + `
		wait 1s
		<* Proving Normal
		> Ready
		wait 7.2s
		<* Proving Normal
		< Ready
		! in service
		= IN SERVICE
	`},
	{"4.1.3 the peer is first, in a processor outage", proving + `
		> Processor Outage
		wait 8.2s
		<* Proving Normal
		< Ready
		! remote processor outage
		= PROCESSOR OUTAGE
	`},
	{"4.1.4 figure 16, seen from A", inService + `
		send a1
		< MSU 0 bsn=- a1
		> MSU 0 bsn=- b1
		! received b1
		< ACK 0 bsn=0
		lpo
		< Processor Outage bsn=0
		> MSU 1 bsn=0 b2
		> MSU 2 bsn=0 b3
		send a2
		< MSU 1 bsn=0 a2
		send a3
		< MSU 2 bsn=0 a3
		> ACK 2 bsn=1
		flush
		! lost a3
		lpr
		< Processor Recovered bsn=0
		# B never processed a3
		> Ready bsn=1 fsn=0
		> MSU 1 bsn=1 too-early
		> Ready@1 bsn=1 fsn=0
		< Ready@1 bsn=0
		> MSU 1 bsn=1 b4
		! received b4
		< ACK 1 bsn=1
		send a4
		< MSU 2 bsn=1 a4
		= IN SERVICE
	`},
	{"4.1.4 figure 16, seen from B", inService + `
		send b1
		< MSU 0 bsn=- b1
		send b2
		< MSU 1 bsn=- b2
		> Processor Outage bsn=0
		! remote processor outage
		> MSU 0 bsn=0 a1
		! received a1
		< ACK 1 bsn=0
		> Processor Recovered bsn=0 fsn=0
		! remote processor recovered
		< Ready@1 bsn=0
		flush
		! lost b2
		send b3
		< MSU 1 bsn=0 b3
		> Ready@1 bsn=0
		> ACK 0 bsn=1
		= IN SERVICE
	`},
	{"4.1.4 what A flushed is sent again when B continues", inService + `
		send b1
		< MSU 0 bsn=- b1
		send b2
		< MSU 1 bsn=- b2
		> Processor Outage bsn=-
		! remote processor outage
		send b3
		> Processor Recovered bsn=- fsn=-
		! remote processor recovered
		< Ready@1 bsn=-
		continue
		< MSU 0 bsn=- b1
		< MSU 1 bsn=- b2
		< MSU 2 bsn=- b3
		= IN SERVICE
	`},
	{"4.1.4 both recover at once", inService + `
		lpo
		< Processor Outage bsn=-
		> Processor Outage
		! remote processor outage
		lpr
		< Processor Recovered bsn=-
		> Processor Recovered bsn=-
		! remote processor recovered
		< Ready@1 bsn=-
		# the peer's answers come in the order of what it got
		> Ready@1 bsn=-
		< Ready@1 bsn=-
		> Ready@1 bsn=-
		continue
		= IN SERVICE
	`},
	{"4.1.4 both recover with messages held at both ends", inService + `
		lpo
		< Processor Outage bsn=-
		> MSU 0 bsn=- held
		> Processor Outage
		! remote processor outage
		lpr
		< Processor Recovered bsn=-
		> Processor Recovered bsn=-
		! remote processor recovered
		< Ready@1 bsn=-
		continue
		> Ready@1 bsn=-
		< Ready@1 bsn=-
		> MSU 0 bsn=- held
		! received held
		< ACK - bsn=0
	`},
	{"4.1.4 no Ready comes", inService + `
		lpo
		< Processor Outage bsn=-
		lpr
		< Processor Recovered bsn=-
		wait 2s
		< Out of Service
		! out of service: acknowledgement late
	`},
	{"4.1.4 a Ready with an impossible BSN", inService + `
		lpo
		< Processor Outage bsn=-
		lpr
		< Processor Recovered bsn=-
		> Ready@1 bsn=77
		< Out of Service
		! out of service: abnormal sequence number
	`},
	{"4.1.4 a Processor Recovered with an impossible BSN", inService + `
		> Processor Outage
		! remote processor outage
		> Processor Recovered bsn=77
		< Out of Service
		! out of service: abnormal sequence number
	`},
	{"4.1.5 this side sends and acknowledges while the peer is busy", inService + `
		> Busy
		send a
		> MSU 0 bsn=- b
		! received b
		< ACK - bsn=0
		> Busy Ended
		< MSU 0 bsn=0 a
	`},
	{"4.1.5 busy ends before it was said", inService + `
		busy
		< Busy
		busy-ended
		< Busy Ended
		busy
		< Busy
		stop
		< Out of Service
	`},
	{"4.1.7 a message could not be sent", inService + `
		sendfailed
		< Out of Service
		! out of service: transport lost
		= OUT OF SERVICE
	`},
	{"4.1.7 the peer restarts the association", inService + `
		send a
		< MSU 0 bsn=- a
		restart
		< Out of Service
		! out of service: transport lost
		retrieve -
		! retrieved a
		! retrieval complete
		start
		< Alignment
	`},
	{"4.2.1 the empty message is not acknowledged", inService + `
		> ACK - bsn=-
		> ACK - bsn=-
		= IN SERVICE
	`},
	{"4.2.1 an FSN out of order", inService + `
		> MSU 1 bsn=- early
		> MSU 5 bsn=- early
		> MSU 0 bsn=- a
		! received a
		< ACK - bsn=0
	`},
	{"4.2.3 retrieval after FSNC, then what was never sent", inService + `
		send a
		< MSU 0 bsn=- a
		send b
		< MSU 1 bsn=- b
		send c
		< MSU 2 bsn=- c
		> ACK - bsn=0
		> Busy
		send d
		> MSU 0 bsn=0 x
		! received x
		< ACK 2 bsn=0
		down
		! out of service: transport lost
		bsnt
		! BSNT 0
		retrieve 77
		! retrieval not possible
		retrieve 1
		! retrieved c
		! retrieved d
		! retrieval complete
		retrieve 1
		! retrieval complete
	`},
	{"4.2.3 emergency changeover", inService + `
		send a
		< MSU 0 bsn=- a
		> Busy
		send b
		down
		! out of service: transport lost
		retrieve-unsent
		! lost a
		! retrieved b
		! retrieval complete
	`},
	{"4.2.3 nothing to say before the first service", `
		bsnt
		! BSNT not retrievable
		retrieve 0x1000000
		! retrieval not possible
	`},
	{"4.2.3 nothing is retrieved in service", inService + `
		send a
		< MSU 0 bsn=- a
		retrieve -
		retrieve-unsent
		> ACK - bsn=0
	`},
	{"sending out of service", `
		send a
		! discarded a
		up
		< Out of Service
		send b
		! discarded b
	`},
	{"a start in service", inService + `
		start
		< Out of Service
		< Alignment
		= INITIAL ALIGNMENT
	`},
}

func TestRFC4165(t *testing.T) {
	for _, c := range rfc4165 {
		t.Run(c.name, func(t *testing.T) { newScript(t, Config{}).run(c.steps) })
	}
}

func TestRepeats(t *testing.T) {
	newScript(t, Config{RepeatInterval: time.Second}).run(`
		up
		< Out of Service
		start
		< Alignment
		wait 2.5s
		< Alignment
		< Alignment
		> Alignment
		< Proving Normal
		> Proving Normal
		wait 8.2s
		<* Proving Normal
		< Ready
		wait 3s
		< Ready
		< Ready
		< Ready
		lpo
		< Processor Outage bsn=-
		wait 2s
		< Processor Outage bsn=-
		< Processor Outage bsn=-
	`)
}

func TestWithoutProving(t *testing.T) {
	newScript(t, Config{T4n: -1}).run(upBoth + `
		start
		< Alignment
		> Alignment
		< Proving Normal
		> Proving Normal
		< Ready
		> Ready
		! in service
	`)
}

func TestCongestion(t *testing.T) {
	s := newScript(t, Config{TransmitBuffer: 240, CongestionDiscard: [3]int{0, 200, 0}, CongestionOnset: [3]int{60, 120, 180}, Window: 1})
	s.run(inService)
	// Each message is 20 octets with its header.
	text := ""
	level := map[int]string{4: "! congestion 1", 7: "! congestion 2", 10: "! congestion 3"}
	for i := 1; i <= 12; i++ {
		text += fmt.Sprintf("send m%02d\n", i)
		if i == 1 {
			text += "< MSU 0 bsn=- m01\n"
		}
		if level[i] != "" {
			text += level[i] + "\n"
		}
	}
	text += "send m13\n! discarded m13\n"
	// Abatement is at 4/5 of the onset: 144, 96, 48.
	level = map[int]string{7: "! congestion 2", 4: "! congestion 1", 2: "! congestion 0"}
	for i := 1; i <= 12; i++ {
		text += fmt.Sprintf("> ACK - bsn=%d\n", i-1)
		if level[12-i] != "" {
			text += level[12-i] + "\n"
		}
		if i < 12 {
			text += fmt.Sprintf("< MSU %d bsn=- m%02d\n", i, i+1)
		}
	}
	s.run(text)
}

func TestDiscardStatus(t *testing.T) {
	l := New(Config{CongestionOnset: [3]int{-1}, CongestionDiscard: [3]int{100, 200, 300}})
	l.state = StateInService // no level 2 needed
	var got []string
	for range 20 {
		for _, i := range l.Send(time.Unix(1, 0), 0, []byte{1, 2, 3}, nil) {
			got = append(got, fmt.Sprintf("%d/%d", i.Level, i.Discard))
		}
	}
	l.q.sent = 20
	for i := range uint32(20) {
		l.lastSent = 19
		l.acknowledge(time.Unix(1, 0), i)
		for _, i := range l.congestion(time.Unix(1, 0), nil) {
			got = append(got, fmt.Sprintf("%d/%d", i.Level, i.Discard))
		}
	}
	if want := "[0/1 0/2 0/3 0/2 0/1 0/0]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestReceiveBuffer: a peer that goes on sending while messages are held back loses the link.
func TestReceiveBuffer(t *testing.T) {
	newScript(t, Config{ReceiveBuffer: 20}).run(inService + `
		lpo
		< Processor Outage bsn=-
		> MSU 0 bsn=- 123456789
		> MSU 1 bsn=- 123456789
		> MSU 2 bsn=- x
		< Out of Service
		! out of service: unknown
		bsnt
		! BSNT -
	`)
}

// TestWrongMessages: what the protocol has no place for is counted, and changes nothing.
func TestWrongMessages(t *testing.T) {
	var log bytes.Buffer
	s := newScript(t, Config{Name: "x", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.run(inService)
	ack, _ := Message{Type: UserData, BSN: noSeq, FSN: noSeq}.AppendBinary(nil)
	edit := func(i int, v byte) []byte { b := bytes.Clone(ack); b[i] = v; return b }
	before := s.l.Stats()
	for _, m := range []sctp.Message{
		{Stream: 1, PPID: PPID, Data: edit(0, 2)},
		{Stream: 1, PPID: PPID, Data: edit(2, 12)},
		{Stream: 1, PPID: PPID, Data: edit(3, 3)},
		{Stream: 1, PPID: PPID, Data: edit(7, 17)},
		{Stream: 1, PPID: PPID, Data: ack[:15]},
		{Stream: 0, PPID: PPID, Data: ack},
		{Stream: 2, PPID: PPID, Data: ack},
		{Stream: 1, PPID: 0x05000000, Data: ack},
		s.parse("garbage"),
	} {
		if out := s.l.HandleSCTP(s.now, sctp.Received{Message: m}, nil); len(out) != 0 {
			t.Errorf("%+v: %v", m, out)
		}
	}
	want := before
	want.WrongVersion, want.WrongClass, want.WrongType, want.WrongLength, want.WrongStream, want.WrongPPID, want.WrongStatus = 1, 1, 1, 2, 2, 1, 1
	if got := s.l.Stats(); got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if n := strings.Count(log.String(), "peer misbehaves"); n != 9 {
		t.Errorf("%d warnings: %s", n, &log)
	}
	// A link status on the other stream says what it says.
	s.run("> Processor Outage@0\n! remote processor outage\n> Out of Service@1\n< Out of Service\n! out of service: peer out of service")
	if got := s.l.Stats().WrongStream; got != 4 {
		t.Errorf("%d on wrong streams", got)
	}
	// One stream is too few.
	l := New(Config{})
	l.Start(s.now, nil)
	out := l.HandleSCTP(s.now, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 1, Out: 1}}, nil)
	if len(out) != 1 || out[0].Reason != mtp3.TransportLost || l.Pending() {
		t.Errorf("%v", out)
	}
}

// TestSequenceWraps sends past 2^24.
func TestSequenceWraps(t *testing.T) {
	p := newPair(t, Config{T4n: -1})
	for _, l := range p.l {
		l.acked, l.lastSent, l.lastGot = seqMask-2, seqMask-2, seqMask-2
	}
	n := 0
	p.got[1] = func(i mtp3.Indication) { n++ }
	for range 10 {
		p.l[0].Send(p.now, 0, []byte{3, 1}, nil)
		p.exchange()
	}
	if s := p.l[0].Stats(); n != 10 || p.l[0].lastSent != 7 || s.Unacknowledged != 0 {
		t.Errorf("%d arrived, %+v", n, s)
	}
}

// TestTshark has Wireshark judge everything two links say to each other.
func TestTshark(t *testing.T) {
	tsharktest.Need(t)
	name := filepath.Join(t.TempDir(), "m2pa.pcapng")
	w, err := pcapng.Create(name, pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := newPair(t, Config{Name: "link", T4n: 300 * time.Millisecond, Trace: func(e trace.Event) {
		if e.Dir != trace.Received { // once each
			w.Trace(e)
		}
	}})
	a, b := netip.MustParseAddrPort("192.0.2.1:3565"), netip.MustParseAddrPort("192.0.2.2:3565")
	p.l[0].SetAddrs(a, b)
	p.l[1].SetAddrs(b, a)
	// An SCCP unitdata from 2067 to 8238, network indicator 2, as in the example of Q.704.
	msu := binary.LittleEndian.AppendUint32([]byte{0x83}, 8238|2067<<14|5<<28)
	msu = append(msu, 0x09, 0x00, 0x03, 0x05, 0x07, 0x02, 0x42, 0x08, 0x02, 0x42, 0x08, 0x02, 0x62, 0x00)
	for range 3 {
		p.l[0].Send(p.now, 0, msu, nil)
		p.exchange()
		p.l[1].Send(p.now, 0, msu, nil)
		p.exchange()
	}
	step := func(f func(*Link, time.Time, []mtp3.Indication) []mtp3.Indication, i int) {
		f(p.l[i], p.now, nil)
		p.exchange()
	}
	step((*Link).LocalProcessorOutage, 0)
	step((*Link).LocalProcessorRecovered, 0)
	step((*Link).Continue, 1)
	p.l[0].Busy(p.now, true, nil)
	p.exchange()
	p.l[0].Busy(p.now, false, nil)
	p.exchange()
	step((*Link).Stop, 0)
	if s := p.l[1].Stats(); s.State != StateOutOfService || s.LastFailure != mtp3.ReceivedOutOfService || s.Received != 3 {
		t.Errorf("%+v", s)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tsharktest.Check(t, name)
	seen := map[string]int{}
	for _, f := range tsharktest.Fields(t, name, "m2pa", []string{"m2pa.status", "m2pa.type", "mtp3.opc", "mtp3.dpc", "sccp.message_type"}) {
		seen[strings.Join(f, " ")]++
	}
	for _, want := range []string{"5 2", "6 2", "7 2", "8 2", "9 2", " 1", " 1 2067 8238 0x09"} { // those before have no addresses yet
		if seen[want] == 0 && seen[want+strings.Repeat(" ", 4-strings.Count(want, " "))] == 0 {
			t.Errorf("no %q among %q", want, seen)
		}
	}
}

// FuzzLink gives a link arbitrary messages, events, commands and times in any state: it keeps its
// limits, and what it sends parses.
func FuzzLink(f *testing.F) {
	status := func(s Status) []byte { return []byte{1, 0, byte(s), 0, 0} }
	f.Add(bytes.Join([][]byte{{0}, {10}, status(Alignment), status(ProvingNormal), {20, 255}, status(Ready), {30, 3}, {2, 0, 0, 0, 9}}, nil))
	f.Add([]byte{0, 10, 1, 0, 1, 0, 0, 1, 0, 3, 0, 0, 20, 60, 1, 0, 4, 0, 0, 12, 2, 0, 0, 255, 255, 13, 1, 1, 4, 0, 0, 30, 9, 1, 0, 6, 1, 1, 14, 15})
	f.Fuzz(func(t *testing.T, in []byte) {
		l := New(Config{T4n: 20 * time.Millisecond, T4e: 10 * time.Millisecond, ReceiveBuffer: 256, TransmitBuffer: 2048, TransmitMessages: 16, Window: 5, ProvingFiller: 3})
		now := time.Unix(1, 0)
		var out []mtp3.Indication
		next := func() byte {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return b
		}
		buf := make([]sctp.Message, 0, 8)
		got := 0
		for len(in) > 0 {
			out = out[:0]
			switch c := next(); c {
			case 0, 3, 4, 5, 6:
				kind := map[byte]sctp.EventKind{0: sctp.Up, 3: sctp.Down, 4: sctp.Restart, 5: sctp.SendFailed, 6: sctp.PeerClosing}[c]
				out = l.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: kind, In: 2, Out: 2}}, out)
			case 1, 2: // a message that parses, near the numbers that matter
				m := Message{Type: LinkStatus}
				stream := uint16(next() & 1)
				if c == 2 {
					m.Type, stream = UserData, 1
					m.Data = bytes.Repeat([]byte{c}, int(next()))
				} else {
					m.Status = 1 + Status(next()%9)
				}
				m.BSN = seqAdd(l.acked, uint32(int8(next()))&seqMask)
				m.FSN = seqAdd(l.lastGot, uint32(1+int8(next()))&seqMask)
				b, err := m.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				out = l.HandleSCTP(now, sctp.Received{Message: sctp.Message{Stream: stream, PPID: PPID, Data: b}}, out)
			case 7: // octets
				n := min(int(next()), len(in))
				out = l.HandleSCTP(now, sctp.Received{Message: sctp.Message{Stream: uint16(next()), PPID: PPID, Data: in[:min(n, len(in))]}}, out)
			case 10:
				out = l.Start(now, out)
			case 11:
				out = l.Stop(now, out)
			case 12:
				out = l.LocalProcessorOutage(now, out)
			case 13:
				out = l.LocalProcessorRecovered(now, out)
			case 14:
				out = l.Continue(now, out)
			case 15:
				out = l.FlushBuffers(now, out)
			case 16:
				out = l.Busy(now, next()&1 == 0, out)
			case 17:
				out = l.Retrieve(now, seqAdd(l.acked, uint32(next()))&seqMask, out)
			case 18:
				out = l.RetrieveUnsent(now, out)
			case 19:
				out = l.SetEmergency(now, out)
			case 20:
				now = now.Add(time.Duration(next()) * 10 * time.Millisecond)
				out = l.Expire(now, out)
			default:
				out = l.Send(now, c&3, bytes.Repeat([]byte{c}, int(next())), out)
			}
			for _, i := range out {
				if i.Kind == mtp3.Received {
					got++
				}
			}
			if l.Pending() {
				buf = l.Output(now, buf[:0])
				if len(buf) == 0 {
					t.Fatal("pending, but nothing to send")
				}
				for _, m := range buf {
					if _, err := Parse(m.Data); err != nil {
						t.Fatalf("sends % x: %v", m.Data, err)
					}
				}
				l.Sent(now, buf[:int(next())%(len(buf)+1)])
			}
			s := l.Stats()
			switch {
			case s.Octets > 2048 || s.Unsent+s.Unacknowledged > 16 || s.Unacknowledged > 16:
				t.Fatalf("transmit buffers: %+v", s)
			case s.Held*2 > 256 || l.heldSize > 256:
				t.Fatalf("receive buffer: %d messages, %d octets", s.Held, l.heldSize)
			case len(l.statuses) > 64 || len(l.expected) > 64+len(in):
				t.Fatalf("%d statuses, %d expected", len(l.statuses), len(l.expected))
			case int(seqSub(l.lastSent, l.acked)) < l.q.sent:
				t.Fatalf("%d unacknowledged, of FSN %d to %d", l.q.sent, l.acked, l.lastSent)
			case s.State == StateInService && (s.Held > 0 && !l.busy):
				t.Fatal("messages are held back in service")
			}
			if d := l.Deadline(); s.State == StateOutOfService && !d.IsZero() {
				t.Fatal("a timer runs out of service")
			}
		}
	})
}
