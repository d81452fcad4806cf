package rtp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// EventCode is a telephone-event (RFC 4733 section 3, registry of RFC 4733 section 7).
type EventCode uint8

// EventPayload is one report of the payload format (RFC 4733 section 2.3).
type EventPayload struct {
	Code     EventCode
	End      bool
	Volume   uint8  // 0 to 63, minus dBm0
	Duration uint16 // in timestamp units since the event or segment began
}

const digits = "0123456789*#ABCD"

// DTMF returns the event of a key (RFC 4733 section 3.2): 0-9, *, #, A-D (or a-d), and '!' for
// flash (event 16). It is false for anything else.
func DTMF(key byte) (EventCode, bool) {
	if key >= 'a' && key <= 'd' {
		key -= 'a' - 'A'
	}
	if key == '!' {
		return 16, true
	}
	for i := range len(digits) {
		if digits[i] == key {
			return EventCode(i), true
		}
	}
	return 0, false
}

// Key returns the key of a DTMF event, or 0 if the event is none.
func (e EventCode) Key() byte {
	if e < 16 {
		return digits[e]
	}
	if e == 16 {
		return '!'
	}
	return 0
}

// String returns the key of a DTMF event, or "Event(n)".
func (e EventCode) String() string {
	if k := e.Key(); k != 0 {
		return string(k)
	}
	return fmt.Sprintf("Event(%d)", uint8(e))
}

// AppendBinary appends the four octets of p.
func (p EventPayload) AppendBinary(b []byte) ([]byte, error) {
	if p.Volume > 63 {
		return b, fmt.Errorf("rtp: event volume %d, want 0 to 63", p.Volume)
	}
	flags := p.Volume
	if p.End {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(b, uint8(p.Code), flags), p.Duration), nil
}

// ParseEventPayload reads the first report of a telephone-event payload and returns the rest,
// which holds further reports if it is not empty (RFC 4733 section 2.5.1.5).
func ParseEventPayload(b []byte) (p EventPayload, rest []byte, err error) {
	if len(b) < 4 || len(b)%4 != 0 {
		return p, nil, &ParseError{Field: "telephone-event", Err: ErrLength}
	}
	return EventPayload{
		Code: EventCode(b[0]), End: b[1]&0x80 != 0, Volume: b[1] & 0x3f, Duration: binary.BigEndian.Uint16(b[2:]),
	}, b[4:], nil
}

// sending is the event that a Sender is in.
type sending struct {
	active   bool
	code     EventCode
	volume   uint8
	start    uint32 // timestamp of the event or, if it is long, of the current segment
	elapsed  uint32 // in the segment
	done     uint32 // in earlier segments
	length   uint32 // of the whole event; 0 while it is open
	started  bool   // the first packet was sent
	ending   int    // packets with the E bit that were sent
	finished bool
}

// ErrBusy is returned by StartEvent while another event lasts.
var ErrBusy = errors.New("rtp: an event is being sent")

// finals is how often the last packet is sent (RFC 4733 section 2.5.1.4).
const finals = 3

// StartEvent begins a telephone-event at the current timestamp. It lasts for length units of its
// own clock, or until [Sender.EndEvent] if length is zero. Until [Sender.InEvent] is false again, the
// caller appends event packets instead of audio, at its usual interval. Volume is 0 to 63, minus
// dBm0; 10 is customary for DTMF.
func (s *Sender) StartEvent(code EventCode, volume uint8, length uint32) error {
	if s.event.active {
		return ErrBusy
	}
	if volume > 63 {
		return fmt.Errorf("rtp: event volume %d, want 0 to 63", volume)
	}
	s.event = sending{active: true, code: code, volume: volume, start: s.timestamp, length: length}
	return nil
}

// EndEvent ends an event of open length; the next packets say so.
func (s *Sender) EndEvent() {
	if s.event.active {
		s.event.finished = true
	}
}

// InEvent says whether the next packet is due to [Sender.AppendEvent].
func (s *Sender) InEvent() bool { return s.event.active }

// AppendEvent appends the next packet of the event and moves the clock of the stream on by samples,
// the interval of the caller's packets. The duration is the same interval on the clock of f, which
// should be the same clock (RFC 4733 section 2.5.1.2) and often is not: 8000 Hz beside a wideband
// codec. The first packet has the marker, the last one is sent three times.
// An event longer than the 16-bit duration continues in a new segment (RFC 4733 section 2.5.1.3).
// Without an event nothing is appended.
func (s *Sender) AppendEvent(dst []byte, now time.Time, f Format, samples, duration uint32) ([]byte, error) {
	e := &s.event
	if !e.active {
		return dst, nil
	}
	if !f.valid() {
		return dst, fmt.Errorf("%w: %d", ErrPayloadType, f.PayloadType)
	}
	if e.ending == 0 {
		if !e.finished || !e.started {
			e.elapsed += duration
		}
		if e.length != 0 && e.done+e.elapsed >= e.length {
			e.elapsed, e.finished = e.length-e.done, true
		}
	}
	p := EventPayload{Code: e.code, Volume: e.volume, Duration: uint16(min(e.elapsed, 0xffff))}
	segment := e.elapsed > 0xffff
	if !segment && e.finished && e.started {
		p.End = true
		e.ending++
	}
	var payload [4]byte
	if _, err := p.AppendBinary(payload[:0]); err != nil {
		return dst, err
	}
	dst = s.append(dst, now, f, e.start, !e.started, payload[:])
	e.started = true
	s.timestamp += samples
	s.talking = true
	if segment {
		e.start += uint32(0xffff * uint64(samples) / uint64(max(duration, 1)))
		e.done += 0xffff
		e.elapsed -= 0xffff
	}
	if e.ending == finals {
		*e = sending{}
	}
	return dst, nil
}

// EventReport tells of a received event: once when it begins, once when it ends.
type EventReport struct {
	Code      EventCode
	End       bool
	Volume    uint8         // minus dBm0
	Duration  time.Duration // so far
	Timestamp uint32        // when it began, on the sender's clock
}

// events follows the events of one stream, told by their timestamps (RFC 4733 section 2.5.2).
type events struct {
	active  bool
	seen    bool
	anew    bool // the sender has begun anew since the last event
	code    EventCode
	volume  uint8
	begin   uint32 // timestamp of the event
	segment uint32 // timestamp of the current segment
	length  uint32 // of the whole event, up to the last report
	last    time.Time
	rate    uint32

	queue [16]EventReport // oldest dropped
	head  int
	count int
	lost  uint64
}

// lapse is how long an event lasts whose end is never reported. Packets come every 20 to 50 ms,
// and RFC 4733 section 2.5.2.2 allows three intervals.
const lapse = 150 * time.Millisecond

// overtaken is by how many seconds the timestamp of an event may lie before that of the last one. Beyond, the sender's clock has
// another origin.
const overtaken = 10

// restart follows a sender that begins anew: its timestamps may have another origin, and the event that lasted ends. More
// packets of that event are no other one.
func (e *events) restart() {
	e.finish()
	e.anew = true
}

func (e *events) push(now time.Time, timestamp uint32, rate uint32, payload []byte) error {
	e.expire(now)
	for len(payload) > 0 {
		p, rest, err := ParseEventPayload(payload)
		if err != nil {
			return err
		}
		if p.Duration != 0 { // RFC 4733 section 2.3.5: zero is for states, of which DTMF has none
			e.report(now, timestamp, rate, p)
		}
		payload, timestamp = rest, timestamp+uint32(p.Duration)
	}
	return nil
}

func (e *events) report(now time.Time, timestamp, rate uint32, p EventPayload) {
	length := uint32(p.Duration)
	switch {
	case e.seen && timestamp == e.segment && p.Code == e.code:
		length += e.segment - e.begin
	case e.active && p.Code == e.code && timestamp == e.segment+0xffff:
		e.segment = timestamp
		length += e.segment - e.begin
	case e.seen && !e.anew && int32(e.segment-timestamp) >= 0 && e.segment-timestamp <= overtaken*rate:
		return // overtaken by a later event
	default:
		e.finish()
		e.seen, e.active, e.anew = true, true, false
		e.code, e.volume, e.begin, e.segment, e.length, e.rate = p.Code, p.Volume, timestamp, timestamp, 0, rate
		e.length = length
		e.put(false)
	}
	if !e.active {
		return // a further copy of the end
	}
	e.length = max(e.length, length)
	e.last = now
	if p.End {
		e.finish()
	}
}

// expire ends an event of which nothing has been heard for long.
func (e *events) expire(now time.Time) {
	if e.active && now.Sub(e.last) >= lapse {
		e.finish()
	}
}

func (e *events) finish() {
	if e.active {
		e.active = false
		e.put(true)
	}
}

func (e *events) put(end bool) {
	if e.count == len(e.queue) {
		e.head = (e.head + 1) % len(e.queue)
		e.count--
		e.lost++
	}
	e.queue[(e.head+e.count)%len(e.queue)] = EventReport{
		Code: e.code, End: end, Volume: e.volume, Duration: span(int64(e.length), e.rate), Timestamp: e.begin,
	}
	e.count++
}

func (e *events) pop(now time.Time) (EventReport, bool) {
	e.expire(now)
	if e.count == 0 {
		return EventReport{}, false
	}
	r := e.queue[e.head]
	e.head = (e.head + 1) % len(e.queue)
	e.count--
	return r, true
}
