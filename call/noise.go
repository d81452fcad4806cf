package call

import (
	"math"

	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/rtp/cn"
)

// noiseIn plays the comfort noise that a peer describes (RFC 3389).
type noiseIn struct {
	on     bool // the peer pauses
	ending bool // speech has come again, and is not played yet
	gen    cn.Generator
}

// take follows a packet of comfort noise.
func (n *noiseIn) take(payload []byte) error {
	d, err := cn.Parse(payload)
	if err != nil {
		return err
	}
	n.gen.Set(d)
	n.on, n.ending = true, false
	return nil
}

// noiseOut sends comfort noise in the pauses of a codec that has none of its own (RFC 3389, G.711 appendix II).
type noiseOut struct {
	vad      vad
	analyzer *cn.Analyzer
	pausing  bool
	since    int // packets of the pause since the noise was measured
	sent     cn.Noise
	payload  []byte
}

const (
	noiseOrder = 10 // of the spectrum: appendix II
	noiseEvery = 10 // packets between two looks at the noise
)

// pause sends comfort noise, or nothing, in the place of a packet of audio, which stands for units of the clock; false if it is to be sent
// as it is.
func (n *noiseOut) pause(m *Media, pcm []int16, units uint32) bool {
	known := m.bridge != nil && m.source == Source(m.bridge) && m.bridge.m.pause // what the peer of the bridge says
	if silent := n.vad.silent(pcm); !silent && !known {
		n.pausing = false
		return false
	}
	n.analyzer.Write(pcm)
	if n.since++; n.pausing && n.since < noiseEvery {
		m.session.Rest(units)
		return true
	}
	noise := n.analyzer.Noise()
	n.analyzer.Reset()
	n.since = 0
	if n.pausing && !cn.Changed(n.sent, noise) {
		m.session.Rest(units)
		return true
	}
	var err error
	if n.payload, err = noise.AppendBinary(n.payload[:0]); err != nil {
		return false
	}
	n.pausing, n.sent = true, noise
	m.session.SendNoise(n.payload, units) // counted there where it fails
	return true
}

// startNoise follows a change of the configuration. The caller holds mu.
func (m *Media) startNoise() {
	switch {
	case m.cfg.SendNoise == 0 || !m.cfg.DTX:
		m.dtx = nil
	case m.dtx == nil:
		m.dtx = &noiseOut{analyzer: cn.NewAnalyzer(noiseOrder)}
	}
	if m.cfg.ReceiveNoise == 0 {
		m.noise.on = false
	}
}

// sendNoise is the format of the comfort noise that is sent.
func (m *Media) sendNoise() rtp.Format {
	return rtp.Format{PayloadType: m.cfg.SendNoise, ClockRate: uint32(m.cfg.Send.Codec.ClockRate), Noise: m.cfg.SendNoise != 0}
}

// vad tells pauses from speech by their energy: a pause is low, and hardly above the lowest that was heard of late.
type vad struct {
	floor    float64 // dBov; 0 before the first
	hangover int
}

const (
	loudest  = -45.0 // dBov, of a pause: what is above may be music or a tone
	margin   = 6.0   // dB above the floor
	rising   = 0.05  // dB by which the floor goes up each time
	hangover = 10    // times that speech goes on after its end: weak ends of words
)

func (v *vad) silent(pcm []int16) bool {
	level := -127.0
	if r := rms(pcm); r > 0 {
		level = 20 * math.Log10(r/32768)
	}
	if v.floor == 0 || level < v.floor {
		v.floor = level
	} else {
		v.floor = min(v.floor+rising, loudest)
	}
	v.floor = max(v.floor, -75) // what is quieter is silent anyhow
	if level > loudest || level > v.floor+margin {
		v.hangover = hangover
		return false
	}
	if v.hangover > 0 {
		v.hangover--
		return false
	}
	return true
}
