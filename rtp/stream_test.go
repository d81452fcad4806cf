package rtp

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	ourAddr   = netip.MustParseAddrPort("192.0.2.1:4000")
	peerAddr  = netip.MustParseAddrPort("192.0.2.2:5000")
	natAddr   = netip.MustParseAddrPort("198.51.100.7:61234")
	thiefAddr = netip.MustParseAddrPort("203.0.113.9:7")
	noAddr    netip.AddrPort
)

// The table of type latch.
func TestLatch(t *testing.T) {
	moved := netip.MustParseAddrPort("192.0.2.2:5002")
	l := latch{}
	l.setRemote(t0, peerAddr)
	check := func(what string, target netip.AddrPort, allowed ...netip.AddrPort) {
		t.Helper()
		if l.target() != target {
			t.Errorf("%s: sends to %v, want %v", what, l.target(), target)
		}
		for _, a := range []netip.AddrPort{peerAddr, natAddr, thiefAddr, moved} {
			want := false
			for _, b := range allowed {
				want = want || a == b
			}
			if l.allows(a) != want {
				t.Errorf("%s: %v allowed is %v", what, a, !want)
			}
		}
	}
	check("open", peerAddr, peerAddr, natAddr, thiefAddr, moved)
	if l.heard(t0, natAddr, 1, 7) || l.heard(t0, thiefAddr, 2, 7) || l.heard(t0, natAddr, 1, 9) || !l.heard(t0, natAddr, 1, 10) {
		t.Error("the first packet did not latch")
	}
	check("latched", natAddr, natAddr)
	l.setRemote(t0, peerAddr)
	check("the same again", natAddr, natAddr)
	l.setRemote(t0, noAddr)
	check("held", noAddr, natAddr)
	l.setRemote(t0, netip.MustParseAddrPort("0.0.0.0:5000"))
	check("held by c=0.0.0.0", noAddr, natAddr)
	l.setRemote(t0, peerAddr)
	check("resumed", natAddr, natAddr)

	l.setRemote(t0.Add(time.Second), moved)
	check("moved", moved, peerAddr, natAddr, thiefAddr, moved)
	if l.heard(t0.Add(1500*time.Millisecond), natAddr, 1, 1) {
		t.Error("a packet on its way from the old source latched")
	}
	check("moved", moved, peerAddr, natAddr, thiefAddr, moved)
	if !l.heard(t0.Add(1600*time.Millisecond), moved, 1, 1) {
		t.Error("the new source did not latch")
	}
	check("latched again", moved, moved)

	// A peer whose translator keeps the old source latches after the grace time.
	l.setRemote(t0.Add(3*time.Second), peerAddr)
	if l.heard(t0.Add(3*time.Second), moved, 1, 1) || l.heard(t0.Add(4*time.Second), moved, 1, 2) || !l.heard(t0.Add(4*time.Second), moved, 1, 3) {
		t.Error("the old source after the grace time")
	}

	l = latch{strict: true}
	l.setRemote(t0, peerAddr)
	check("strict", peerAddr, peerAddr)
	if l.heard(t0, natAddr, 1, 1) || !l.heard(t0, netip.MustParseAddrPort("192.0.2.2:5000"), 1, 2) {
		t.Error("strict latched wrongly")
	}
}

// pair returns two streams that know each other.
func pair(a, b Config) (x, y *Stream) {
	a.Remote, a.Local, b.Remote, b.Local = peerAddr, ourAddr, ourAddr, peerAddr
	return NewStream(t0, a), NewStream(t0, b)
}

func TestStream(t *testing.T) {
	event := Format{PayloadType: 101, Event: true}
	cfg := Config{Send: Format{PayloadType: 8}, SendEvent: event, Receive: []Format{{PayloadType: 8}, event}}
	x, y := pair(cfg, cfg)
	now := t0
	var buf, speech []byte
	var frames, events int
	for i := range 500 {
		now = now.Add(20 * time.Millisecond)
		if i == 100 {
			if err := x.StartEvent(9, 10, 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		b, to, err := x.AppendAudio(nil, now, make([]byte, 160), 160)
		if err != nil || to != peerAddr {
			t.Fatal(to, err)
		}
		if i%10 == 5 {
			continue // lost
		}
		if err := y.Receive(now.Add(30*time.Millisecond), ourAddr, b); err != nil {
			t.Fatal(err)
		}
		for {
			f, ok := y.Pop(now, buf)
			if !ok {
				break
			}
			frames++
			speech = append(speech, f.Payload...)
		}
		for {
			r, ok := y.PopEvent(now)
			if !ok {
				break
			}
			if r.Code != 9 || r.End && r.Duration != 100*time.Millisecond {
				t.Errorf("event %+v", r)
			}
			events++
		}
	}
	st := y.Stats()
	if events != 2 || st.PacketsReceived != 450 || st.Lost != 50 || st.Malformed+st.Refused+st.Unexpected+st.Probation != 0 {
		t.Errorf("%d events, %+v", events, st)
	}
	if uint64(len(speech)) != 160*st.Buffer.Played {
		t.Errorf("%d octets of speech in %d frames", len(speech), st.Buffer.Played)
	}
	// 7 event packets are not played; 1 of them, number 105, was lost and is concealed.
	if frames < 480 || st.Buffer.Concealed < 48 || st.Buffer.Concealed > 50 {
		t.Errorf("%d frames, %+v", frames, st.Buffer)
	}
	if st := x.Stats(); st.PacketsSent != 500 || st.EventsSent != 1 {
		t.Errorf("%+v", st)
	}
}

// RTCP between two streams with 40 ms of latency each way.
func TestReports(t *testing.T) {
	for _, mux := range []bool{false, true} {
		cfg := Config{Mux: mux, CNAME: "a@example.org"}
		x, y := pair(cfg, cfg)
		const latency = 40 * time.Millisecond
		now := t0
		due := x.Deadline()
		if due.Before(t0.Add(time.Second)) || due.After(t0.Add(3100*time.Millisecond)) {
			t.Errorf("first report after %v", due.Sub(t0))
		}
		for i := range 3000 {
			now = now.Add(20 * time.Millisecond)
			if b, _, err := x.AppendAudio(nil, now, make([]byte, 160), 160); err != nil {
				t.Fatal(err)
			} else if i%4 != 3 {
				y.Receive(now.Add(latency), ourAddr, b)
			}
			for _, s := range []*Stream{x, y} {
				if now.Before(s.Deadline()) {
					continue
				}
				b, to, err := s.AppendReport(nil, now)
				if err != nil {
					t.Fatal(err)
				}
				peer, from := y, ourAddr
				if s == y {
					peer, from = x, peerAddr
				}
				if !mux {
					from = netip.AddrPortFrom(from.Addr(), from.Port()+1)
				}
				if want := map[bool]netip.AddrPort{true: s.Remote(), false: netip.AddrPortFrom(s.Remote().Addr(), s.Remote().Port()+1)}[mux]; to != want {
					t.Fatalf("report to %v, want %v", to, want)
				}
				receive := peer.ReceiveRTCP
				if mux {
					receive = peer.Receive
				}
				if err := receive(now.Add(latency), from, b); err != nil {
					t.Fatal(err)
				}
				if d := s.Deadline().Sub(now); d < 2*time.Second || d > 6200*time.Millisecond {
					t.Fatalf("next report after %v", d)
				}
			}
		}
		st := x.Stats()
		if st.RemoteFractionLost < 0.24 || st.RemoteFractionLost > 0.26 || st.RemoteReports < 8 || st.RemoteLost < 600 {
			t.Errorf("mux %v: %+v", mux, st)
		}
		if d := st.RoundTrip - 2*latency; d < -time.Millisecond || d > time.Millisecond {
			t.Errorf("round trip %v", st.RoundTrip)
		}
		b, _, err := x.AppendBye(nil, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := y.ReceiveRTCP(now, ourAddr, b); err != nil || !y.Stats().RemoteLeft {
			t.Errorf("BYE: %v", err)
		}
		if _, _, err := y.AppendBye(nil, now); err != nil {
			t.Error(err)
		}
	}
	x := NewStream(t0, Config{NoRTCP: true})
	if !x.Deadline().IsZero() {
		t.Error("a report is due although there is no RTCP")
	}
}

func TestStreamRefuses(t *testing.T) {
	_, y := pair(Config{}, Config{Receive: []Format{{PayloadType: 8}}})
	s := NewSender(7)
	good := func(f Format) []byte {
		b, _ := s.AppendAudio(nil, t0, f, []byte{1, 2, 3}, 160)
		return b
	}
	pcma := Format{PayloadType: 8}
	for _, c := range []struct {
		name string
		from netip.AddrPort
		data []byte
		want error
	}{
		{"short", ourAddr, []byte{0x80}, ErrLength},
		{"version 1", ourAddr, append([]byte{0x40}, good(pcma)[1:]...), ErrVersion},
		{"STUN", ourAddr, append([]byte{0}, good(pcma)[1:]...), ErrVersion},
		{"payload type", ourAddr, good(Format{PayloadType: 9}), ErrUnexpected},
		{"good", ourAddr, good(pcma), nil},
		{"mapped address", netip.MustParseAddrPort("[::ffff:192.0.2.1]:4000"), good(pcma), nil},
		{"another source", thiefAddr, good(pcma), ErrRefused},
		{"another port", netip.MustParseAddrPort("192.0.2.1:4001"), good(pcma), ErrRefused},
	} {
		if err := y.Receive(t0, c.from, c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// CSRC count, extension or padding beyond the end.
	for _, first := range []byte{0x8f, 0x90, 0xa0} {
		b := good(pcma)
		b[0] = first
		if first == 0xa0 {
			b[len(b)-1] = 200
		}
		var pe *ParseError
		if err := y.Receive(t0, ourAddr, b[:15]); !errors.As(err, &pe) {
			t.Errorf("first octet %#x: %v", first, err)
		}
	}
	st := y.Stats()
	if st.Malformed != 6 || st.Unexpected != 1 || st.Refused != 2 || st.PacketsReceived != 2 {
		t.Errorf("%+v", st)
	}
	if err := y.ReceiveRTCP(t0, thiefAddr, []byte{0x80, 201, 0, 1, 0, 0, 0, 1}); err != ErrRefused {
		t.Errorf("RTCP from another host: %v", err)
	}
}

// A new SSRC takes over with its second packet in order; single strays do nothing.
func TestNewSSRC(t *testing.T) {
	_, y := pair(Config{}, Config{})
	a, b := NewSender(1), NewSender(2)
	send := func(s *Sender) error {
		p, _ := s.AppendAudio(nil, t0, Format{}, []byte{byte(s.ssrc)}, 160)
		return y.Receive(t0, ourAddr, p)
	}
	for _, c := range []struct {
		s    *Sender
		want error
	}{{a, nil}, {a, nil}, {b, ErrProbation}, {a, nil}, {b, nil}, {b, nil}, {a, ErrProbation}} {
		if err := send(c.s); err != c.want {
			t.Errorf("SSRC %d: %v, want %v", c.s.ssrc, err, c.want)
		}
	}
	if st := y.Stats(); st.RemoteSSRC != 2 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
	for i := range 2 {
		if f, ok := y.Pop(t0.Add(time.Second), nil); !ok || f.Lost || f.Payload[0] != 2 {
			t.Errorf("frame %d: %+v", i, f)
		}
	}
}

func TestHoldAndMove(t *testing.T) {
	x, y := pair(Config{}, Config{})
	b, _, _ := x.AppendAudio(nil, t0, []byte{1}, 160)
	first := parse(t, b)
	x.SetRemote(t0, noAddr, noAddr)
	for range 10 {
		if _, _, err := x.AppendAudio(nil, t0, []byte{1}, 160); err != ErrNoRemote {
			t.Fatal(err)
		}
	}
	if _, _, err := x.AppendReport(nil, t0); err != ErrNoRemote {
		t.Errorf("report while held: %v", err)
	}
	x.SetRemote(t0, peerAddr, noAddr)
	b, _, err := x.AppendAudio(nil, t0, []byte{1}, 160)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, b)
	if p.SequenceNumber != first.SequenceNumber+1 || p.Timestamp != first.Timestamp+11*160 || !p.Marker {
		t.Errorf("after hold: %+v after %+v", p.Header, first.Header)
	}
	if x.Stats().Unsendable != 10 {
		t.Errorf("%+v", x.Stats())
	}
	// RTCP goes where a=rtcp says, and then where RTCP came from.
	x.SetRemote(t0, peerAddr, netip.MustParseAddrPort("192.0.2.2:9999"))
	if _, to, _ := x.AppendReport(nil, t0); to.Port() != 9999 {
		t.Errorf("report to %v", to)
	}
	r, _, err := y.AppendReport(nil, t0)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.ReceiveRTCP(t0, netip.MustParseAddrPort("192.0.2.2:1234"), r); err != nil {
		t.Fatal(err)
	}
	if _, to, _ := x.AppendReport(nil, t0); to.Port() != 1234 {
		t.Errorf("report to %v", to)
	}
}

func TestSetFormats(t *testing.T) {
	x, y := pair(Config{Send: Format{PayloadType: 8}}, Config{Receive: []Format{{PayloadType: 8}}})
	b, _, _ := x.AppendAudio(nil, t0, nil, 160)
	one := parse(t, b)
	wide := Format{PayloadType: 98, ClockRate: 16000}
	x.SetFormats(wide, Format{}, nil)
	b, _, _ = x.AppendAudio(nil, t0, nil, 320)
	two := parse(t, b)
	if two.PayloadType != 98 || two.Timestamp != one.Timestamp+160 || two.SequenceNumber != one.SequenceNumber+1 {
		t.Errorf("%+v after %+v", two.Header, one.Header)
	}
	if err := y.Receive(t0, ourAddr, b); err != ErrUnexpected {
		t.Error(err)
	}
	y.SetFormats(wide, Format{}, []Format{wide})
	if err := y.Receive(t0, ourAddr, b); err != nil {
		t.Error(err)
	}
	if err := x.StartEvent(1, 0, time.Second); err != ErrNoEvents {
		t.Error(err)
	}
}

// Events of 8000 Hz beside a codec of 16000 Hz: their duration counts in their own clock, their
// timestamps in that of the codec, and the speech after them is played when it should be.
func TestEventsOfAnotherClock(t *testing.T) {
	wide, event := Format{PayloadType: 98, ClockRate: 16000}, Format{PayloadType: 101, ClockRate: 8000, Event: true}
	cfg := Config{Send: wide, SendEvent: event, Receive: []Format{wide, event}, Buffer: BufferConfig{Fixed: true}}
	x, y := pair(cfg, cfg)
	now := t0
	var got []EventReport
	frames := 0
	for i := range 200 {
		now = now.Add(20 * time.Millisecond)
		if i%50 == 20 {
			if err := x.StartEvent(5, 10, 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		b, _, err := x.AppendAudio(nil, now, make([]byte, 60), 320)
		if err != nil {
			t.Fatal(err)
		}
		if err := y.Receive(now, ourAddr, b); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, ok := y.Pop(now, nil); ok; _, ok = y.Pop(now, nil) {
			n++
		}
		if frames += n; n > 1 {
			t.Errorf("%d frames in tick %d", n, i)
		}
		for r, ok := y.PopEvent(now); ok; r, ok = y.PopEvent(now) {
			if r.End {
				got = append(got, r)
			}
		}
	}
	if len(got) != 4 || got[0].Duration != 100*time.Millisecond || got[1].Timestamp-got[0].Timestamp != 16000 {
		t.Errorf("%+v", got)
	}
	if st := y.Stats(); frames != 200-4*7-3 || st.Buffer.Late != 0 || st.Buffer.Concealed != 0 {
		t.Errorf("%d frames, %+v", frames, st)
	}
}

func TestNoAllocations(t *testing.T) {
	event := Format{PayloadType: 101, Event: true}
	cfg := Config{SendEvent: event, Receive: []Format{{}, event}}
	x, y := pair(cfg, cfg)
	now := t0
	payload, out, frame := make([]byte, 160), make([]byte, 0, 2000), make([]byte, 0, 2000)
	round := func() {
		now = now.Add(20 * time.Millisecond)
		var err error
		out, _, err = x.AppendAudio(out[:0], now, payload, 160)
		if err != nil || y.Receive(now, ourAddr, out) != nil {
			t.Fatal(err)
		}
		if f, ok := y.Pop(now, frame); ok {
			frame = f.Payload
		}
		y.PopEvent(now)
		if now.After(y.Deadline()) {
			out, _, _ = y.AppendReport(out[:0], now)
			if x.ReceiveRTCP(now, peerAddr, out) != nil {
				t.Fatal("report")
			}
		}
		if now.UnixMilli()%1000 == 0 {
			x.StartEvent(1, 10, 100*time.Millisecond)
		}
	}
	for range 100 {
		round()
	}
	if n := testing.AllocsPerRun(1000, round); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func TestRTCPText(t *testing.T) {
	// A compound packet by hand: RR with one report, SDES with CNAME "ab", BYE.
	b, err := hex.DecodeString("81c9000700000001" + "00000002" + "40fffffe" + "00010005" + "00000050" + "11112222" + "00010000" +
		"81ca0003" + "00000001" + "01026162" + "00000000" + "81cb0001" + "00000001")
	if err != nil {
		t.Fatal(err)
	}
	rr, rest, err := ParseRTCP(b)
	if err != nil {
		t.Fatal(err)
	}
	from, info, about, found, err := rr.Report(2)
	want := ReceptionReport{SSRC: 2, FractionLost: 64, Lost: -2, Highest: 65541, Jitter: 80, LastSR: 0x11112222, Delay: 65536}
	if err != nil || from != 1 || !found || info != (SenderInfo{}) || cmp.Diff(want, about) != "" {
		t.Errorf("%v %v %v %+v", from, found, err, about)
	}
	sdes, rest, err := ParseRTCP(rest)
	if err != nil || string(sdes.CNAME(1)) != "ab" || sdes.CNAME(2) != nil {
		t.Errorf("%q %v", sdes.CNAME(1), err)
	}
	bye, rest, err := ParseRTCP(rest)
	if err != nil || !bye.Leaves(1) || bye.Leaves(2) || len(rest) != 0 {
		t.Error(bye, err)
	}
	out := appendBye(appendCNAME(appendReport(nil, 1, nil, &want), 1, "ab"), 1)
	if hex.EncodeToString(out) != hex.EncodeToString(b) {
		t.Errorf("appends as %x", out)
	}
	for n := range 9 { // the padding of every length of name
		p, rest, err := ParseRTCP(appendCNAME(nil, 5, "abcdefghi"[:n]))
		if err != nil || len(rest) != 0 || string(p.CNAME(5)) != "abcdefghi"[:n] {
			t.Errorf("CNAME of %d octets: %q %v", n, p.CNAME(5), err)
		}
	}
	if got := NTP(time.Unix(0, 500_000_000)); got != 2208988800<<32|1<<31 {
		t.Errorf("NTP %#x", got)
	}
	for name, c := range map[string]struct {
		hex  string
		want error
	}{
		"short": {"80c9", ErrLength}, "length": {"80c90002" + "00000001", ErrLength}, "version": {"40c90001" + "00000001", ErrVersion},
		"padding": {"a0c90001" + "00000000", ErrPadding}, "padding in the middle": {"a0c90002" + "0000000100000004" + "80cb0000", ErrPadding},
		"count": {"82c90001" + "00000001", ErrLength}, "not a report": {"80cb0000", ErrFirst}, "empty": {"", ErrLength},
		"second is bad": {"80c90001" + "00000001" + "81c80001" + "00000001", ErrLength},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		x := NewStream(t0, Config{Remote: peerAddr})
		var pe *ParseError
		if err := x.ReceiveRTCP(t0, peerAddr, b); !errors.Is(err, c.want) || !errors.As(err, &pe) || x.Stats().Malformed != 1 {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzStream(f *testing.F) {
	s := NewSender(1)
	b, _ := s.AppendAudio(nil, t0, Format{}, []byte{1, 2, 3, 4}, 160)
	f.Add(b, uint64(1))
	s.StartEvent(1, 10, 160)
	b, _ = s.AppendEvent(nil, t0, Format{PayloadType: 101}, 160, 160)
	f.Add(b, uint64(2))
	f.Add(appendBye(appendCNAME(appendReport(nil, 1, &SenderInfo{}, &ReceptionReport{SSRC: 9}), 1, "x"), 1), uint64(3))
	f.Add(appendXR(appendCNAME(appendReport(nil, 1, nil, nil), 1, "x"), 1, VoIPMetrics{SSRC: 9}), uint64(4))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		x := NewStream(t0, Config{Remote: peerAddr, Mux: seed%2 == 0, SSRC: 9, Receive: []Format{{}, {PayloadType: 8, ClockRate: 1}, {PayloadType: 101, Event: true}}})
		now := t0
		for range 20 {
			now = now.Add(time.Duration(r.Int64N(int64(time.Second))))
			p := append([]byte(nil), data...)
			if len(p) > 8 && r.IntN(2) == 0 {
				p[2+r.IntN(6)] = byte(r.Uint32())
			}
			before := x.Stats()
			errRTP, errRTCP := x.Receive(now, peerAddr, p), x.ReceiveRTCP(now, peerAddr, p)
			after := x.Stats()
			var counted uint64
			for _, d := range []uint64{
				after.PacketsReceived - before.PacketsReceived, after.Malformed - before.Malformed, after.Refused - before.Refused,
				after.Unexpected - before.Unexpected, after.Probation - before.Probation,
			} {
				counted += d
			}
			if errRTP != nil && errRTCP != nil && counted < 2 {
				t.Fatalf("%v, %v: %d were counted", errRTP, errRTCP, counted)
			}
			for range 300 {
				if _, ok := x.Pop(now, nil); !ok {
					break
				}
			}
			x.PopEvent(now)
			x.AppendReport(nil, now)
		}
	})
}

func BenchmarkStream(b *testing.B) {
	x, y := pair(Config{}, Config{})
	now := t0
	payload, out, frame := make([]byte, 160), make([]byte, 0, 2000), make([]byte, 0, 2000)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(20 * time.Millisecond)
		out, _, _ = x.AppendAudio(out[:0], now, payload, 160)
		y.Receive(now, ourAddr, out)
		if f, ok := y.Pop(now, frame); ok {
			frame = f.Payload
		}
	}
}

// A sender that begins anew in the middle of a key ends the key, and its next keys are heard although their timestamps are earlier.
func TestEventOfRestartedSender(t *testing.T) {
	event := Format{PayloadType: 101, Event: true}
	cfg := Config{Remote: peerAddr, Send: Format{PayloadType: 8}, SendEvent: event, Receive: []Format{{PayloadType: 8}, event}}
	type key struct {
		Code EventCode
		End  bool
	}
	for _, tc := range []struct {
		name string
		next func(s *Sender)
	}{
		{"another SSRC", func(s *Sender) { *s = Sender{ssrc: s.ssrc + 1, seq: 9, timestamp: s.timestamp - 8000} }},
		{"another sequence", func(s *Sender) { s.seq += 20000; s.timestamp -= 8000 }},
		{"another sequence alone", func(s *Sender) { s.seq += 20000 }},
		{"another clock", func(s *Sender) { s.event, s.timestamp = sending{}, s.timestamp-30*8000 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x, y := pair(cfg, cfg)
			x.sender.timestamp = 0x80000000
			now := t0
			var got []key
			send := func(n int) {
				for range n {
					now = now.Add(20 * time.Millisecond)
					b, _, err := x.AppendAudio(nil, now, make([]byte, 160), 160)
					if err != nil {
						t.Fatal(err)
					}
					y.Receive(now, ourAddr, b)
					for r, ok := y.PopEvent(now); ok; r, ok = y.PopEvent(now) {
						got = append(got, key{r.Code, r.End})
					}
				}
			}
			send(10)
			x.StartEvent(5, 10, 10*time.Second)
			send(10)
			tc.next(x.sender)
			send(5)
			x.sender.event = sending{}
			send(10)
			x.StartEvent(6, 10, 100*time.Millisecond)
			send(10)
			if diff := cmp.Diff([]key{{5, false}, {5, true}, {6, false}, {6, true}}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
