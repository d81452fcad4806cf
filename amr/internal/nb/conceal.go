package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// Substitution of lost frames (TS 26.091 section 6). The state of a decoder counts bad frames up to 6 and says how
// strongly the gains are muted.

// A pitchGainGuard smooths and substitutes the pitch gain.
type pitchGainGuard struct {
	recent [5]int16
	past   int16
	lastOK int16
}

func (g *pitchGainGuard) reset() {
	*g = pitchGainGuard{recent: [5]int16{1640, 1640, 1640, 1640, 1640}, lastOK: 16384}
}

// substitute returns the median of the last gains, or the last one if less, attenuated.
func (g *pitchGainGuard) substitute(state int16) int16 {
	return Mult(min(median(g.recent[:]), g.past), pdown[state])
}

// update takes in the gain of a subframe and returns it limited: after a bad frame it may not exceed that before.
func (g *pitchGainGuard) update(bad, prevBad bool, gain int16) int16 {
	if !bad {
		if prevBad {
			gain = min(gain, g.lastOK)
		}
		g.lastOK = gain
	}
	g.past = min(gain, 16384)
	copy(g.recent[:], g.recent[1:])
	g.recent[4] = g.past
	return gain
}

// A codeGainGuard smooths and substitutes the code gain.
type codeGainGuard struct {
	recent [5]int16
	past   int16
	lastOK int16
}

func (g *codeGainGuard) reset() { *g = codeGainGuard{recent: [5]int16{1, 1, 1, 1, 1}, lastOK: 1} }

// substitute is that of pitchGainGuard; the predictor takes the mean of its memory for the lost subframe.
func (g *codeGainGuard) substitute(state int16, p *gainPredictor) int16 {
	p.update(p.average())
	return Mult(min(median(g.recent[:]), g.past), cdown[state])
}

func (g *codeGainGuard) update(bad, prevBad bool, gain int16) int16 {
	if !bad {
		if prevBad {
			gain = min(gain, g.lastOK)
		}
		g.lastOK = gain
	}
	g.past = gain
	copy(g.recent[:], g.recent[1:])
	g.recent[4] = gain
	return gain
}

// smoothLSF is a slow average of the LSFs, the reference for how stationary the signal is.
func smoothLSF(mean, lsf *vec10) {
	for i := range mean {
		s := LMsu(DepositH(mean[i]), 5243, mean[i]) // 0.16
		mean[i] = Round(LMac(s, 5243, lsf[i]))
	}
}

// subframeLSF interpolates the LSFs of a subframe.
func subframeLSF(old, new *vec10, subframe int) (lsf vec10) {
	switch subframe {
	case 0:
		for i := range lsf {
			lsf[i] = Add(Sub(old[i], old[i]>>2), new[i]>>2)
		}
	case 1:
		lsf = meanLSP(old, new)
	case 2:
		for i := range lsf {
			lsf[i] = Add(old[i]>>2, Sub(new[i], new[i]>>2))
		}
	default:
		lsf = *new
	}
	return lsf
}

// A codeGainSmoother averages the code gain where the spectrum is stationary, against fluctuating background noise
// (TS 26.090 section 6.1, TS 26.091).
type codeGainSmoother struct {
	history   [7]int16
	hangVar   int16
	hangCount int16
}

// mix returns the smoothed gain for a subframe with the interpolated LSFs lsf.
func (c *codeGainSmoother) mix(d *Decoder, mode Mode, gain int16, lsf *vec10, bad, degraded bool) int16 {
	copy(c.history[:], c.history[1:])
	c.history[6] = gain

	diff := lsfDistance(&d.lsfMean, lsf)
	if diff > 5325 { // 0.65 in Q13
		c.hangVar = Add(c.hangVar, 1)
	} else {
		c.hangVar = 0
	}
	if c.hangVar > 10 {
		c.hangCount = 0
	}
	mixed := gain
	if mode <= MR67 || mode == MR102 {
		inNoise := d.noise && mode.lowRate()
		threshold := int16(3277) // 0.4
		if (degraded && d.prevDegraded || bad || d.prevBad) && d.voicedHangover > 1 && inNoise {
			threshold = 4506 // 0.55
		}
		own := int16(8192) // the share of the gain itself, Q13
		if over := max(diff-threshold, 0); over <= 2048 && c.hangCount >= 40 && diff <= 5325 {
			own = over << 2
		}
		from, weight := 2, int16(6554) // the mean of 5 subframes
		if (bad || d.prevBad) && inNoise {
			from, weight = 0, 4681 // of 7
		}
		s := int32(0)
		for _, g := range c.history[from:] {
			s = LMac(s, weight, g)
		}
		mean := Round(s)
		s = LMac(LMult(own, gain), 8192, mean)
		mixed = Round(LShl(LMsu(s, own, mean), 2))
	}
	c.hangCount = Add(c.hangCount, 1)
	return mixed
}

// lsfDistance returns the sum of |mean-lsf|/mean in Q13.
func lsfDistance(mean, lsf *vec10) (diff int16) {
	for i, m := range mean {
		d := Abs(Sub(m, lsf[i]))
		s1 := NormS(d) - 1
		s2 := NormS(m)
		q := DivS(Shl(d, s1), Shl(m, s2))
		diff = Add(diff, Shr(q, 2+s1-s2))
	}
	return diff
}

// A noiseDetector tells background noise from speech in the synthesis, for the concealment in 4.75..5.90.
type noiseDetector struct {
	energies [60]int16
	hangover int16
}

// update takes in a frame and the last nine pitch gains; voiced counts frames since the last voiced one, up to 10.
func (n *noiseDetector) update(synth *[FrameLen]int16, gains *[9]int16, voiced *int16) (noise bool) {
	e := ExtractH(LShl(energy(synth[:]), 2))
	floor, top, recent := int16(MaxInt16), n.energies[0], n.energies[40]
	for i, v := range n.energies {
		floor = min(floor, v)
		if i < 56 {
			top = max(top, v)
		}
		if i >= 40 {
			recent = max(recent, v)
		}
	}
	const lower, upper, limit = 20, 1953, 17578
	if top > lower && e < limit && e > lower && (e < Shl(floor, 4) || recent < upper) {
		n.hangover = min(n.hangover+1, 30)
	} else {
		n.hangover = 0
	}
	copy(n.energies[:], n.energies[1:])
	n.energies[59] = e

	threshold := int16(13926) // 0.85 in Q14
	if n.hangover > 8 {
		threshold = 15565 // 0.95
	}
	if n.hangover > 15 {
		threshold = 16383 // 1
	}
	isVoiced := median(gains[4:]) > threshold
	if n.hangover > 20 {
		isVoiced = median(gains[:]) > threshold
	}
	if isVoiced {
		*voiced = 0
	} else {
		*voiced = min(*voiced+1, 10)
	}
	return n.hangover > 1
}

// liftExcitation raises an excitation that is too weak beside the last ones, in background noise around a bad frame.
func liftExcitation(exc *[subLen]int16, energy int16, history *[9]int16, voiced int16, prevBad, careful bool) {
	average := median(history[:])
	last := min(Add(history[7], history[8])>>1, history[8])
	if energy >= average || energy <= 5 {
		return
	}
	test := Shl(last, 2)
	if voiced < 7 || prevBad {
		test = Sub(test, last)
	}
	average = min(average, test)
	exp := NormS(energy)
	inv := DivS(16383, Shl(energy, exp))
	scale := ExtractL(min(LShr(LMult(average, inv), 20-exp), MaxInt16)) // Q10
	if careful {
		scale = min(scale, 3072)
	}
	for i, v := range exc {
		exc[i] = ExtractL(LMult(scale, v) >> 11)
	}
}
