package call

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/amr"
)

// passage is what a leg of AMR knows of frames that go through a bridge as they are: where both legs have the same codec and modes, the peer
// bears any change of mode, packets hold one frame, and nobody else wants to hear the samples.
type passage struct {
	accepts atomic.Uint32 // what the leg sends without coding it anew: see amrKey; 0 for nothing
	limit   atomic.Uint32 // the highest mode that its peer wants; amr.NoRequest for any

	// Of the wheel's goroutine.
	passing    bool      // what was received in this turn is in frame, and not decoded
	forwarding bool      // what was sent last came so
	frame      amr.Frame // with its data in data
	lost       bool      // it is not there, but was sent
	data       [64]byte
}

// amrKey stands for a codec and its modes.
func amrKey(c amr.Codec, set amr.ModeSet) uint32 {
	if set == 0 {
		set = 1<<c.Modes() - 1
	}
	return 1<<31 | uint32(c)<<16 | uint32(set)
}

// passes says whether frames of d go on as they are in this turn.
func (m *Media) passes(d *amrDecoder) bool {
	return m.peer != nil && d.key != 0 && m.peer.pass.accepts.Load() == d.key && !m.cfg.Mute && len(m.sinks) == 0 && m.keys.detector == nil
}

// takeFrame keeps the frame of this turn.
func (m *Media) takeFrame(d *amrDecoder) amr.State {
	p := &m.pass
	f, state := d.next()
	p.passing, p.lost = true, state == amr.Lost
	p.frame = f
	p.frame.Data = append(p.data[:0], f.Data...)
	n := m.frameLen()
	m.frame = slices.Grow(m.frame[:0], n)[:n]
	clear(m.frame)
	return state
}

// endPass has d decode again, from its home state.
func (m *Media) endPass(d *amrDecoder) {
	if m.pass.passing {
		m.pass.passing = false
		d.dec.Reset()
	}
}

// advise tells the encoder what to ask the peer for: what d wants and, where frames pass, what the far end of the bridge wants.
func (m *Media) advise(d *amrDecoder, to Advised) {
	cmr := d.advice
	if m.pass.passing {
		cmr = min(cmr, amr.FrameType(m.peer.pass.limit.Load()))
	}
	to.Advise(uint8(cmr))
}

// forward sends the frame that the other leg of the bridge has passed in this turn; false if there is none.
func (m *Media) forward(w *workspace) bool {
	p := &m.pass
	enc, ok := m.enc.(*amrEncoder)
	fits := ok && m.bridge != nil && m.source == Source(m.bridge) && m.cfg.Ptime == FrameTime && len(m.sent) == 0 && len(m.out) == 0 && !m.cfg.Tones
	if !fits || enc.key == 0 {
		p.accepts.Store(0)
		m.endForward()
		return false
	}
	p.accepts.Store(enc.key)
	from := m.bridge.m
	if on := m.on.Load(); on == nil || on != from.on.Load() || !from.pass.passing {
		m.endForward()
		return false
	}
	p.forwarding = true
	if m.keyed.busy.Load() {
		m.keyed.turn(m, nil)
	}
	limit := enc.modes.Next()
	if limit == enc.top {
		limit = amr.NoRequest
	}
	p.limit.Store(uint32(limit))
	units := uint32(time.Duration(m.cfg.Send.Codec.ClockRate) * FrameTime / time.Second)
	if m.cfg.Hold {
		m.session.Skip(units)
		return true
	}
	b, err := enc.forward(w.payload[:0], from.pass.frame, from.pass.lost)
	switch {
	case err != nil:
		m.warn("encoder", err)
		m.session.Skip(units)
	case len(b) == 0:
		m.session.Rest(units)
	default:
		if enc.marker {
			m.session.Mark()
		}
		m.session.Send(b, units) // counted there where it fails
	}
	return true
}

// endForward has the encoder code again, from its home state.
func (m *Media) endForward() {
	if m.pass.forwarding {
		m.pass.forwarding = false
		m.pass.limit.Store(uint32(amr.NoRequest))
		if enc, ok := m.enc.(*amrEncoder); ok {
			enc.enc.Reset()
		}
	}
}

// forward appends the payload for a frame that another leg has received.
func (e *amrEncoder) forward(dst []byte, f amr.Frame, lost bool) ([]byte, error) {
	speech := int(f.Type) < e.enc.Codec().Modes()
	e.marker = speech && !e.talking
	if f.Type == amr.NoData || f.Type == amr.SpeechLost {
		if !lost || !e.talking {
			return dst, nil // a pause
		}
		f = amr.Frame{Type: amr.NoData} // in speech: the peer is to conceal it
	} else {
		e.talking = speech
	}
	e.frames[0] = f
	return e.format.AppendPayload(dst, amr.Payload{CMR: e.advice, Frames: e.frames[:1]})
}
