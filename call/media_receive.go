package call

import (
	"slices"
	"time"

	"github.com/gotelco/telco/amr"
	"github.com/gotelco/telco/rtp"
)

type decoder struct {
	Decoder
	player Player // the same, if it is one
	format Format
}

// receive takes in what has arrived: the first half of a turn.
func (m *Media) receive(now time.Time, w *workspace) {
	m.mu.Lock()
	m.session.Poll(now, w.reader)
	m.take(w)
	f, told := m.onEvent, m.told
	m.mu.Unlock()
	if f != nil {
		for _, e := range told {
			f(e)
		}
	}
	m.told = told[:0] // only the wheel touches it
}

func (m *Media) take(w *workspace) {
	for {
		f, ok := m.session.Pop(w.payload[:0])
		if !ok {
			break
		}
		m.decode(f)
	}
	m.frame = m.frame[:0]
	if p := m.decoders[m.decoding].player; p != nil {
		m.play(p)
	} else {
		m.pass.passing = false
		m.playIn()
	}
	if m.keys.detector != nil {
		m.hear()
	}
	for _, s := range m.sinks {
		if err := s.WriteSamples(m.frame); err != nil {
			m.warn("recording ends", err)
			m.dropSink(s)
		}
	}
	m.events()
}

// play lets a Player make the frame of this turn.
func (m *Media) play(p Player) {
	n := m.frameLen()
	var state amr.State
	d, isAMR := p.(*amrDecoder)
	switch {
	case isAMR && m.passes(d):
		state = m.takeFrame(d)
	case isAMR:
		m.endPass(d)
		fallthrough
	default:
		m.frame, state = p.Play(m.frame)
	}
	m.pause = state == amr.Pause
	switch state {
	case amr.Playing:
		m.stats.Played++
	case amr.Pause:
		m.stats.Pauses++
	case amr.Lost:
		m.stats.Concealed++
	default:
		m.stats.Underruns++
	}
	if len(m.frame) != n || m.cfg.Mute {
		m.frame = slices.Grow(m.frame[:0], n)[:n]
		clear(m.frame)
	}
	if m.decoders[m.decoding].format.Codec.Name != m.cfg.Send.Codec.Name {
		return
	}
	if from, ok := p.(Requester); ok {
		if to, obeys := m.enc.(Requested); obeys {
			to.TakeRequest(from.Request())
		}
	}
	if to, carries := m.enc.(Advised); carries {
		if isAMR {
			m.advise(d, to)
		} else if from, ok := p.(Advisor); ok {
			to.Advise(from.Advice())
		}
	}
}

// playIn takes the frame of this turn from what was decoded.
func (m *Media) playIn() {
	n := m.frameLen()
	if m.cfg.Mute {
		m.in = m.in[:0]
	}
	if more := max(m.packet-n, 0); len(m.in) > maxWaiting*n+more {
		// The peer's clock is faster than ours, or we stood still: go back to the newest.
		drop := len(m.in) - keepWaiting*n - more
		m.stats.Dropped += uint64(drop)
		m.in = append(m.in[:0], m.in[drop:]...)
	}
	// A turn finds a packet that is due just now, or just not: one frame in hand, from the first
	// on, makes up for it.
	if m.playing = m.playing && len(m.in) >= n || len(m.in) >= 2*n; m.playing {
		m.frame = append(m.frame, m.in[:n]...)
		m.in = append(m.in[:0], m.in[n:]...)
		m.stats.Played++
		m.noise.on = m.noise.on && !m.noise.ending
		m.pause = false
	} else if m.noise.on {
		if !m.pause && len(m.in) < n {
			m.in = m.in[:0] // the rest of the last packet
		}
		m.frame = slices.Grow(m.frame, n)[:n]
		m.noise.gen.ReadSamples(m.frame)
		m.stats.Pauses++
		m.pause = true
	} else {
		m.pause = false
		// What is there waits: the next turn has it whole.
		m.frame = slices.Grow(m.frame, n)[:n]
		clear(m.frame)
		m.stats.Underruns++
	}
}

const (
	maxWaiting  = 6 // frames that may wait to be played, and what the last packet has beyond one
	keepWaiting = 2 // and that are kept when there are more
)

func (m *Media) frameLen() int { return m.cfg.Send.Codec.SampleRate / 50 }

func (m *Media) decode(f rtp.Frame) {
	if f.Lost {
		if m.noise.on && !m.noise.ending {
			return // of a pause
		}
		if m.decoders[m.decoding].player != nil {
			return // it will see
		}
		m.stats.Concealed++
		m.in = m.decoders[m.decoding].Conceal(m.in)
		return
	}
	if f.Noise {
		if m.noise.take(f.Payload) != nil {
			m.stats.Errors++
		}
		return
	}
	for i := range m.decoders {
		if m.decoders[i].format.PayloadType != f.PayloadType {
			continue
		}
		m.decoding = i
		m.noise.ending = true
		if p := m.decoders[i].player; p != nil {
			m.in = m.in[:0]
			if p.Push(f) != nil {
				m.stats.Errors++
			}
			return
		}
		have := len(m.in)
		var err error
		if m.in, err = m.decoders[i].Decode(m.in, f.Payload); err != nil {
			m.stats.Errors++
			m.in = m.decoders[i].Conceal(m.in[:have])
		}
		m.packet = len(m.in) - have
		return
	}
}

// events takes the keys that have come but as tones.
func (m *Media) events() {
	for {
		e, ok := m.session.PopEvent()
		if !ok {
			break
		}
		m.takeKey(e, keyViaEvent)
	}
	if len(m.keys.infos) > 0 {
		m.pressed()
	}
}

// OnEvent calls f for each telephone-event that is received, once when it begins and once when it
// ends, on the wheel's goroutine: f must not block. Keys that come as tones or INFO requests are events too. Events also go to a Media that this one is
// bridged to.
func (m *Media) OnEvent(f func(rtp.EventReport)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onEvent = f
}
