package rtp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, b []byte) rtp.Packet {
	t.Helper()
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	return p
}

// Sequence numbers go on by one, timestamps by what was said, the marker stands at the start of
// each talkspurt, all of it across the wrap of both.
func TestSenderContinuity(t *testing.T) {
	s := NewSender(0x01020304)
	s.seq, s.timestamp = 0xfffe, 0xffffff00
	type step struct {
		Seq    uint16
		Stamp  uint32
		Marker bool
	}
	var got []step
	for i := range 8 {
		if i == 3 {
			s.Skip(160 * 10)
		}
		b, err := s.AppendAudio([]byte("head"), t0, Format{PayloadType: 8}, []byte{byte(i)}, 160)
		if err != nil || string(b[:4]) != "head" {
			t.Fatal(err)
		}
		p := parse(t, b[4:])
		if p.Version != 2 || p.SSRC != 0x01020304 || p.PayloadType != 8 || !bytes.Equal(p.Payload, []byte{byte(i)}) {
			t.Fatalf("%+v", p)
		}
		got = append(got, step{p.SequenceNumber, p.Timestamp, p.Marker})
	}
	want := []step{
		{0xfffe, 0xffffff00, true}, {0xffff, 0xffffffa0, false}, {0, 0x40, false},
		{1, 0xe0 + 1600, true}, {2, 0xe0 + 1760, false}, {3, 0xe0 + 1920, false}, {4, 0xe0 + 2080, false}, {5, 0xe0 + 2240, false},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for range 100 {
		n := NewSender(0)
		first := n.seq
		if n.renew(); first >= 1<<15 || n.seq >= 1<<15 {
			t.Fatalf("sequence numbers begin with %d and %d", first, n.seq)
		}
	}
	for _, pt := range []uint8{64, 72, 95, 128, 255} {
		if _, err := s.AppendAudio(nil, t0, Format{PayloadType: pt}, nil, 160); !errors.Is(err, ErrPayloadType) {
			t.Errorf("payload type %d: %v", pt, err)
		}
	}
	if a, b := NewSender(0), NewSender(0); a.SSRC() == b.SSRC() || a.SSRC() == 0 {
		t.Error("SSRC is not random")
	}
}

type eventPacket struct {
	Seq    uint16
	Stamp  uint32
	Marker bool
	EventPayload
}

func sendEvent(t *testing.T, s *Sender, samples uint32) (out []eventPacket) {
	t.Helper()
	for s.InEvent() && len(out) < 2000 {
		b, err := s.AppendEvent(nil, t0, Format{PayloadType: 101, Event: true}, samples, samples)
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, b)
		e, rest, err := ParseEventPayload(p.Payload)
		if err != nil || len(rest) != 0 || p.PayloadType != 101 {
			t.Fatal(err)
		}
		out = append(out, eventPacket{p.SequenceNumber, p.Timestamp, p.Marker, e})
	}
	return out
}

// RFC 4733 section 2.5.1.2 and 2.5.1.4.
func TestSendEvent(t *testing.T) {
	s := NewSender(1)
	s.seq, s.timestamp = 10, 1000
	five, _ := DTMF('5')
	if err := s.StartEvent(five, 10, 800); err != nil {
		t.Fatal(err)
	}
	if err := s.StartEvent(five, 10, 800); err != ErrBusy {
		t.Errorf("two at once: %v", err)
	}
	e := func(seq uint16, marker, end bool, d uint16) eventPacket {
		return eventPacket{seq, 1000, marker, EventPayload{5, end, 10, d}}
	}
	want := []eventPacket{
		e(10, true, false, 160), e(11, false, false, 320), e(12, false, false, 480), e(13, false, false, 640),
		e(14, false, true, 800), e(15, false, true, 800), e(16, false, true, 800),
	}
	if d := cmp.Diff(want, sendEvent(t, s, 160)); d != "" {
		t.Error(d)
	}
	b, _ := s.AppendAudio(nil, t0, Format{}, nil, 160)
	if p := parse(t, b); p.Timestamp != 1000+7*160 || p.SequenceNumber != 17 || p.Marker {
		t.Errorf("audio goes on with %+v", p.Header)
	}
	if b, err := s.AppendEvent(nil, t0, Format{PayloadType: 101}, 160, 160); len(b) != 0 || err != nil {
		t.Error("an event packet without an event")
	}
	if err := s.StartEvent(five, 64, 800); err == nil || s.InEvent() {
		t.Error("volume 64 was accepted")
	}
}

// An event that ends before its first packet still has one without the E bit, and an open one
// ends when it is told to.
func TestSendOpenEvent(t *testing.T) {
	s := NewSender(1)
	s.timestamp = 0
	if err := s.StartEvent(16, 0, 0); err != nil {
		t.Fatal(err)
	}
	s.EndEvent()
	var got []EventPayload
	for _, p := range sendEvent(t, s, 400) {
		got = append(got, p.EventPayload)
	}
	want := []EventPayload{{16, false, 0, 400}, {16, true, 0, 400}, {16, true, 0, 400}, {16, true, 0, 400}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// RFC 4733 section 2.5.1.3: 20 s at 8000 Hz need three segments. The receiver makes one event of
// them again.
func TestLongEvent(t *testing.T) {
	s := NewSender(1)
	s.timestamp = 0xffff0000
	const length = 160000
	if err := s.StartEvent(1, 3, length); err != nil {
		t.Fatal(err)
	}
	var segments []uint32
	var e events
	now := t0
	packets := sendEvent(t, s, 160)
	for i, p := range packets {
		if p.Marker != (i == 0) || p.End != (i >= len(packets)-3) {
			t.Fatalf("packet %d: %+v", i, p)
		}
		if len(segments) == 0 || segments[len(segments)-1] != p.Stamp {
			segments = append(segments, p.Stamp)
		}
		b, _ := p.AppendBinary(nil)
		now = now.Add(20 * time.Millisecond)
		if err := e.push(now, p.Stamp, 8000, b); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]uint32{0xffff0000, 0xffffffff, 0xfffe}, segments); d != "" {
		t.Error(d)
	}
	want := []EventReport{
		{1, false, 3, 20 * time.Millisecond, 0xffff0000},
		{1, true, 3, 20 * time.Second, 0xffff0000},
	}
	if d := cmp.Diff(want, reports(&e, now)); d != "" {
		t.Error(d)
	}
}

func reports(e *events, now time.Time) (out []EventReport) {
	for {
		r, ok := e.pop(now)
		if !ok {
			return out
		}
		out = append(out, r)
	}
}

func TestReceiveEvents(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	type in struct {
		at    int // ms
		stamp uint32
		p     []EventPayload
	}
	one := func(at int, stamp uint32, code EventCode, end bool, d uint16) in {
		return in{at, stamp, []EventPayload{{code, end, 7, d}}}
	}
	for name, c := range map[string]struct {
		in   []in
		want []EventReport
	}{
		"start and end": {
			[]in{one(0, 0, 1, false, 160), one(20, 0, 1, false, 320), one(40, 0, 1, true, 480), one(60, 0, 1, true, 480), one(80, 0, 1, true, 480)},
			[]EventReport{{1, false, 7, ms(20), 0}, {1, true, 7, ms(60), 0}}},
		"start lost": {
			[]in{one(20, 0, 1, false, 320), one(40, 0, 1, true, 480)},
			[]EventReport{{1, false, 7, ms(40), 0}, {1, true, 7, ms(60), 0}}},
		"only one of the ends": {
			[]in{one(60, 0, 1, true, 480)},
			[]EventReport{{1, false, 7, ms(60), 0}, {1, true, 7, ms(60), 0}}},
		"end lost": {
			[]in{one(0, 0, 1, false, 160), one(20, 0, 1, false, 320)},
			[]EventReport{{1, false, 7, ms(20), 0}, {1, true, 7, ms(40), 0}}},
		"end lost, then another": {
			[]in{one(0, 0, 1, false, 160), one(100, 800, 2, false, 160), one(120, 800, 2, true, 320)},
			[]EventReport{{1, false, 7, ms(20), 0}, {1, true, 7, ms(20), 0}, {2, false, 7, ms(20), 800}, {2, true, 7, ms(40), 800}}},
		"same key twice": {
			[]in{one(0, 0, 1, true, 160), one(100, 800, 1, true, 160)},
			[]EventReport{{1, false, 7, ms(20), 0}, {1, true, 7, ms(20), 0}, {1, false, 7, ms(20), 800}, {1, true, 7, ms(20), 800}}},
		"overtaken": {
			[]in{one(0, 0, 1, false, 160), one(100, 800, 2, true, 160), one(101, 0, 1, true, 480)},
			[]EventReport{{1, false, 7, ms(20), 0}, {1, true, 7, ms(20), 0}, {2, false, 7, ms(20), 800}, {2, true, 7, ms(20), 800}}},
		"back within the event": {
			[]in{one(0, 0, 1, false, 320), one(20, 0, 1, false, 160), one(40, 0, 1, true, 480)},
			[]EventReport{{1, false, 7, ms(40), 0}, {1, true, 7, ms(60), 0}}},
		"two in a packet": {
			[]in{{0, 0, []EventPayload{{1, true, 7, 400}, {2, false, 7, 160}}}, one(20, 400, 2, true, 320)},
			[]EventReport{{1, false, 7, ms(50), 0}, {1, true, 7, ms(50), 0}, {2, false, 7, ms(20), 400}, {2, true, 7, ms(40), 400}}},
		"zero duration": {[]in{one(0, 0, 1, false, 0)}, nil},
	} {
		var e events
		for _, p := range c.in {
			var b []byte
			for _, r := range p.p {
				b, _ = r.AppendBinary(b)
			}
			if err := e.push(t0.Add(ms(p.at)), p.stamp, 8000, b); err != nil {
				t.Fatal(name, err)
			}
		}
		if d := cmp.Diff(c.want, reports(&e, t0.Add(time.Second))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	var e events
	for i := range 100 {
		b, _ := EventPayload{1, true, 0, 160}.AppendBinary(nil)
		if err := e.push(t0, uint32(i*1000), 8000, b); err != nil {
			t.Fatal(err)
		}
	}
	if got := reports(&e, t0); len(got) != len(e.queue) || e.lost != 200-uint64(len(got)) || got[len(got)-1].Timestamp != 99000 {
		t.Errorf("%d reports, %d lost", len(got), e.lost)
	}
	var pe *ParseError
	if err := e.push(t0, 0, 8000, []byte{1, 2, 3}); !errors.As(err, &pe) || !errors.Is(err, ErrLength) {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	for _, k := range []byte("0123456789*#ABCD!") {
		e, ok := DTMF(k)
		if !ok || e.Key() != k || e.String() != string(k) {
			t.Errorf("key %c: %v", k, e)
		}
	}
	if e, ok := DTMF('a'); !ok || e != 12 {
		t.Error("a is not A")
	}
	if _, ok := DTMF('x'); ok || EventCode(70).String() != "Event(70)" || EventCode(70).Key() != 0 {
		t.Error("what is no key")
	}
}
