package call

import (
	"io"
	"time"

	"github.com/gotelco/telco/rtp"
)

// send sends what the source gives: the second half of a turn.
func (m *Media) send(w *workspace) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.adapt()
	if m.forward(w) {
		return
	}
	pcm := w.samples(m.frameLen())
	have := 0
	if m.source != nil {
		var err error
		if have, err = m.source.ReadSamples(pcm); err != nil {
			if err != io.EOF {
				m.warn("source ends", err)
			}
			m.setSource(nil)
		}
	}
	if m.cfg.Hold {
		have = 0
	}
	clear(pcm[have:])
	if m.keyed.busy.Load() {
		m.keyed.turn(m, pcm)
	}
	for _, s := range m.sent {
		if err := s.WriteSamples(pcm); err != nil {
			m.warn("recording ends", err)
			m.sent = without(m.sent, s)
		}
	}
	packet := int(time.Duration(m.cfg.Send.Codec.SampleRate) * m.cfg.Ptime / time.Second)
	units := uint32(time.Duration(m.cfg.Send.Codec.ClockRate) * m.cfg.Ptime / time.Second)
	audio := pcm
	if len(m.out) > 0 || len(pcm) < packet {
		m.out = append(m.out, pcm...)
		audio = m.out
	}
	for ; len(audio) >= packet; audio = audio[packet:] {
		if m.cfg.Hold {
			m.session.Skip(units)
			continue
		}
		if m.dtx != nil && m.dtx.pause(m, audio[:packet], units) {
			continue
		}
		b, err := m.enc.Encode(w.payload[:0], audio[:packet])
		if err != nil {
			m.warn("encoder", err)
			m.session.Skip(units)
			continue
		}
		if len(b) == 0 {
			m.session.Rest(units)
			continue
		}
		if marker, ok := m.enc.(Marker); ok && marker.Marker() {
			m.session.Mark()
		}
		m.session.Send(b, units) // counted there where it fails
	}
	m.out = append(m.out[:0], audio...)
}

// skip lets time pass that the wheel has left out: the timestamps of what is sent stay true.
func (m *Media) skip(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session.Skip(uint32(d * time.Duration(m.cfg.Send.Codec.ClockRate) / time.Second))
}

// adapt tells the encoder what the peer has reported, with a look once a second.
func (m *Media) adapt() {
	if m.turns++; m.turns%50 != 0 {
		return
	}
	if m.watch.f != nil {
		m.look()
	}
	enc, ok := m.enc.(Adaptive)
	if !ok {
		return
	}
	if s := m.session.Stats(); s.RemoteReports != m.reports {
		m.reports = s.RemoteReports
		enc.Loss(s.RemoteFractionLost)
	}
}

// SendEvent sends a telephone-event of the given length, such as a DTMF key (RFC 4733), or a key in the form that the leg has
// instead: see [DTMF]. Events wait for those before them. It returns [rtp.ErrNoEvents] where there is no way to send it, and [rtp.ErrBusy]
// where too many wait.
func (m *Media) SendEvent(code rtp.EventCode, length time.Duration) error {
	m.mu.Lock()
	cfg, closed := &m.cfg, m.closed
	can := cfg.SendEvent != 0 || code.Key() != 0 && (cfg.Tones || cfg.SendKey != nil)
	m.mu.Unlock()
	switch {
	case closed:
		return errClosed
	case !can:
		return rtp.ErrNoEvents
	case !m.keyed.push(outKey{code, eventVolume, max(length, minTone)}):
		return rtp.ErrBusy
	}
	return nil
}

const eventVolume = 10 // -10 dBm0
