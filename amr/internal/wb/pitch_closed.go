package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// Closed-loop pitch search (TS 26.190 section 5.7).

// searchPitch returns the lag of exc[at:] between t0Min and t0Max, in quarters, whose filtered past excitation fits the
// target xn best. full says that the lag is sent whole: then it has quarters below fr2, halves below fr1, no fraction
// above. With fr2 = pitMin the resolution is 1/2.
func searchPitch(exc []int16, at int, xn, h *[subLen]int16, t0Min, t0Max int16, full bool, fr2, fr1 int16) (t0, frac int16) {
	const margin = 4
	var buf [40]int16
	first := t0Min - margin
	n := t0Max + margin - first + 1
	corr := buf[:n]
	normCorr(exc, at, xn, h, int(first), corr)

	t0 = t0Min
	best := corr[margin]
	for t := t0Min + 1; t <= t0Max; t++ {
		if c := corr[t-first]; c >= best {
			best, t0 = c, t
		}
	}
	if full && t0 >= fr1 {
		return t0, 0
	}
	step, frac := int16(1), int16(-3)
	if full && t0 >= fr2 || fr2 == pitMin {
		step, frac = 2, -2
	}
	if t0 == t0Min {
		frac = 0
	}
	around := corr[t0-first-margin:]
	best = interpolateCorr(around, frac)
	for f := frac + step; f <= 3; f += step {
		if c := interpolateCorr(around, f); c > best {
			best, frac = c, f
		}
	}
	if frac < 0 {
		frac += 4
		t0--
	}
	return t0, frac
}

// interpolateCorr returns the correlation frac/4 behind c[4].
func interpolateCorr(c []int16, frac int16) int16 {
	i := 1
	if frac < 0 {
		frac += 4
		i = 0
	}
	var s int32
	for k := 0; k < 8; k++ { // sum |inter4x1| of a phase is at most 25066: no saturation
		s += int32(c[i+k]) * int32(inter4x1[3-int(frac)+4*k])
	}
	return op.Sat((s + 0x2000) >> 14)
}

// normCorr sets corr to the correlations of xn with the past excitation first, first+1, ... samples ago, filtered by h
// and normalised.
func normCorr(exc []int16, at int, xn, h *[subLen]int16, first int, corr []int16) {
	var buf [1 + subLen]int16 // a zero before the filtered excitation
	filtered := (*[subLen]int16)(buf[1:])
	k := at - first
	convolve((*[subLen]int16)(exc[k:]), h, filtered)
	ex := kernel.SumSquares(xn[:])
	scale := -((30 - op.NormL(satPositive(2*ex+1)) + 2) >> 1)
	xy, ey := kernel.Dot(xn[:], filtered[:]), kernel.SumSquares(filtered[:])
	for i := range corr {
		if i > 0 {
			k--
			xy, ey = kernel.Slide64(&buf, h, xn, exc[k])
		}
		dot := 1 + 2*xy
		if !kernel.WithinCauchy(ex, ey) {
			dot = dotChain(1, xn[:], filtered[:])
		}
		c, expC := norm32(dot)
		e, expE := norm32(satPositive(2*ey + 1))
		e, expE = isqrtNorm(e, expE)
		r := op.LMult(int16(c>>16), int16(e>>16))
		corr[i] = op.Round(op.LShl(r, expC+expE+scale))
	}
}

// convolve sets y to the convolution of x and h.
func convolve(x, h, y *[subLen]int16) {
	if kernel.WithinSum(x[:], kernel.SumAbs(h[:])) {
		kernel.Convolve64(x, h, y)
		return
	}
	for n := range y {
		var s int32
		for i := 0; i <= n; i++ {
			s = op.LMac(s, x[i], h[n-i])
		}
		y[n] = op.Round(s)
	}
}

// pitchGain returns the gain of the filtered adaptive codebook vector y against the target xn in Q14, at most 1.2, and
// the energies that the gain quantiser needs.
func pitchGain(xn, y *[subLen]int16) (gain int16, c gainCoeffs) {
	yy, expYY := normEnergy(y[:])
	s, expXY := normDot(xn[:], y[:])
	xy := int16(s >> 16)
	c = gainCoeffs{yy, expYY, xy, expXY}
	if xy < 0 {
		return 0, c
	}
	gain = op.DivS(xy>>1, yy)
	return min(op.Shl(gain, expXY-expYY), 19661), c
}

// subtract sets out to x - gain*y, gain in Q14 and not negative. What saturates in 32 bits does so in 16 as well.
func subtract(out, x, y []int16, gain int16) { kernel.Mix(out, x, y, 1<<14, -gain, 0, 0, 14) }

// gainClip tells where the pitch gain has to stay below 0.95, lest a lost frame of a strong resonance rings on (TS
// 26.190 section 5.9).
type gainClip struct {
	dist int16 // smallest distance of ISFs, averaged
	gain int16 // pitch gain, averaged
}

func (c *gainClip) reset() { *c = gainClip{dist: 307, gain: 9830} }

// active tells whether to clip.
func (c *gainClip) active(mode Mode) bool {
	if mode <= Mode885 {
		thres := op.Add(14746, op.Mult(1638, int16(op.LMult(c.dist, 16384/384))))
		return c.gain > thres
	}
	return c.dist < 154 && c.gain > 14746
}

func (c *gainClip) noteISF(mode Mode, isf *[order]int16) {
	least := op.Sub(isf[1], isf[0])
	for i := 2; i < order-1; i++ {
		least = min(least, op.Sub(isf[i], isf[i-1]))
	}
	d := int16(op.LMac(op.LMult(26214, c.dist), 6554, least) >> 16)
	limit := int16(307)
	if mode <= Mode885 {
		limit = 384
	}
	c.dist = min(d, limit)
}

func (c *gainClip) noteGain(mode Mode, gain int16) {
	var s int32
	if mode <= Mode885 {
		s = op.LMac(op.LMult(32113, c.gain), 655, gain)
	} else {
		s = op.LMac(op.LMult(29491, c.gain), 3277, gain)
	}
	c.gain = max(int16(s>>16), 9830)
}
