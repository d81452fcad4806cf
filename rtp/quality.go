package rtp

import "time"

// bursts tells bursts of loss from isolated losses: RFC 3611 appendix A.2, with its names. Unlike there the first loss of
// all does not count as the end of a burst.
type bursts struct {
	pkt, lost                    int
	c11, c13, c14, c22, c23, c33 int64
	losses, runs                 int64 // packets, and how often one or more were lost in a row
	discards                     int64
	received                     int64
}

const gmin = 16 // RFC 3611 section 4.7.2, recommended

func (v *bursts) play() {
	v.pkt++
	v.received++
}

func (v *bursts) lose() {
	v.losses++
	if v.pkt > 0 || v.losses+v.discards == 1 {
		v.runs++
	}
	if v.pkt >= gmin {
		switch {
		case v.lost == 1:
			v.c14++
		case v.lost > 1:
			v.c13++
		}
		v.lost = 1
		v.c11 += int64(v.pkt)
	} else {
		v.lost++
		if v.pkt == 0 {
			v.c33++
		} else {
			v.c23++
			v.c22 += int64(v.pkt - 1)
		}
	}
	v.pkt = 0
}

// discard counts a packet that came too late. If it was taken for lost before, that is set right.
func (v *bursts) discard(counted bool) {
	if !counted {
		v.lose()
	}
	if v.losses > 0 {
		v.losses--
		v.discards++
	}
}

// rate is n of all packets, in 1/256.
func (v *bursts) rate(n int64) uint8 {
	all := v.received + v.losses + v.discards
	if all == 0 {
		return 0
	}
	return uint8(min(256*n/all, 255))
}

// measure fills in the metrics of loss; packet is the length of one.
func (v *bursts) measure(m *VoIPMetrics, packet time.Duration) {
	m.LossRate, m.DiscardRate, m.Gmin = v.rate(v.losses), v.rate(v.discards), gmin
	c11, c13, c14 := v.c11, v.c13, v.c14
	if v.pkt >= gmin { // the last loss is over: what would be counted at the next one
		c11 += int64(v.pkt)
		switch {
		case v.lost == 1:
			c14++
		case v.lost > 1:
			c13++
		}
	} else if v.lost > 1 {
		c13++
	}
	if c11+c14 > 0 {
		m.GapDensity = uint8(min(256*c14/(c11+c14), 255))
	}
	if c13 == 0 {
		m.GapDuration = time.Duration(c11+c14) * packet
		return
	}
	p32, p23 := float64(v.c23)/float64(c13+v.c23+v.c33), 1.0
	if v.c22+v.c23 > 0 {
		p23 = 1 - float64(v.c22)/float64(v.c22+v.c23)
	}
	m.BurstDensity = uint8(min(256*p23/(p23+p32), 255))
	m.GapDuration = time.Duration((c11+c14+c13)/c13) * packet
	m.BurstDuration = time.Duration((v.c22+v.c23+v.c23+v.c33+c13)/c13) * packet
}

// burstRatio is BurstR of G.107 section 3.5: how long runs of loss are, beside those of random loss; at least 1.
func (v *bursts) burstRatio() float64 {
	lost, all := float64(v.losses+v.discards), float64(v.received+v.losses+v.discards)
	if v.runs == 0 || lost == all {
		return 1
	}
	return max(lost/float64(v.runs)*(1-lost/all), 1)
}

// Impairment is what a codec does to speech in the E-model (G.107 clause 7.4): its values are in G.113 appendix I.
type Impairment struct {
	Ie  float64 // equipment impairment without loss, 0 to 95
	Bpl float64 // robustness against loss, over 0
}

// Impairments of G.113 appendix I, all with concealment.
var (
	ImpairG711 = Impairment{Ie: 0, Bpl: 25.1} // of G.711 with appendix I of its own
	ImpairEFR  = Impairment{Ie: 5, Bpl: 10}   // of GSM-EFR, which is AMR 12.2
	ImpairG729 = Impairment{Ie: 11, Bpl: 19}  // of G.729A with VAD
)

// RFactor is the rating of the E-model (G.107) with its defaults for all that RTP does not tell, 0 to 93.2: oneWay is the
// delay from mouth to ear, loss the share of packets that are not played, burst the ratio BurstR (1 if
// loss is random). The delay impairment is the usual simplification for a call without echo (Cole and
// Rosenbluth, 2001).
func RFactor(codec Impairment, oneWay time.Duration, loss, burst float64) float64 {
	if codec.Bpl <= 0 {
		codec = ImpairG711
	}
	d := float64(oneWay) / float64(time.Millisecond)
	id := 0.024 * d
	if d > 177.3 {
		id += 0.11 * (d - 177.3)
	}
	ppl := 100 * min(max(loss, 0), 1)
	ie := codec.Ie + (95-codec.Ie)*ppl/(ppl/max(burst, 1)+codec.Bpl) // equation 7-29
	return max(93.2-id-ie, 0)
}

// MOS is the mean opinion score that belongs to a rating, 1 to 4.5 (G.107 annex B).
func MOS(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1)
}

// Quality is an estimate of how the peer sounds to us.
type Quality struct {
	R   float64 // rating of the E-model, 0 to 93.2
	MOS float64 // of a conversation, 1 to 4.5
	// Listening is the MOS without the delay.
	Listening float64
}

// quality estimates from what was played.
func (s *Stream) quality() (q Quality) {
	v := &s.buffer.bursts
	if v.received == 0 {
		return q
	}
	lost := v.losses + v.discards
	loss, burst := float64(lost)/float64(v.received+lost), v.burstRatio()
	q.R = RFactor(s.cfg.Impairment, s.remote.roundTrip/2+s.endSystemDelay(), loss, burst)
	q.MOS = MOS(q.R)
	q.Listening = MOS(RFactor(s.cfg.Impairment, 0, loss, burst))
	return q
}

// endSystemDelay is the delay within this end: the playout buffer and the packet that is being filled.
func (s *Stream) endSystemDelay() time.Duration {
	return s.buffer.Stats().Delay + s.buffer.interval
}

// metrics makes the report block about the peer's source.
func (s *Stream) metrics() VoIPMetrics {
	b := s.buffer
	m := VoIPMetrics{
		SSRC: s.source.ssrc, RoundTrip: s.remote.roundTrip, EndSystemDelay: s.endSystemDelay(),
		SignalLevel: Unavailable, NoiseLevel: Unavailable, RERL: Unavailable,
		RFactor: Unavailable, ExtRFactor: Unavailable, MOSLQ: Unavailable, MOSCQ: Unavailable,
		RXConfig:  3<<6 | 2<<4, // standard concealment, non-adaptive
		JBNominal: b.Stats().Delay, JBMaximum: b.delay, JBAbsMax: b.delay,
	}
	if !b.cfg.Fixed {
		m.RXConfig = 3<<6 | 3<<4
		m.JBMaximum, m.JBAbsMax = max(b.Stats().Target, m.JBNominal), b.cfg.MaxDelay
	}
	b.bursts.measure(&m, b.interval)
	if q := s.quality(); q.MOS > 0 {
		m.RFactor, m.MOSCQ, m.MOSLQ = uint8(q.R+0.5), uint8(10*q.MOS+0.5), uint8(10*q.Listening+0.5)
	}
	return m
}
