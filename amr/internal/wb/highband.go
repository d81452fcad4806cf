package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// highBand makes the noise of 6.4 to 7 kHz from the 12.8 kHz synthesis (TS 26.190 section 6.6). The encoder runs it as
// well in mode 23.85, to find the gain that it sends.
type highBand struct {
	seed  int16
	hp400 iir2
	band  highFIR
}

// randomSteps[i] takes the seed of random i+1 steps on at once.
var randomSteps [subLen16k]struct{ mul, add int16 }

func init() {
	one, zero := int16(1), int16(0)
	for i := range randomSteps {
		random(&zero)
		random(&one)
		randomSteps[i].add = zero
		randomSteps[i].mul = one - zero
	}
}

// noise fills hf with white noise of the energy of exc (scaled by 2^q).
func (b *highBand) noise(hf *[subLen16k]int16, exc []int16, q int16) {
	for i := range hf {
		hf[i] = (b.seed*randomSteps[i].mul + randomSteps[i].add) >> 3
	}
	last := randomSteps[len(hf)-1]
	b.seed = b.seed*last.mul + last.add
	kernel.Scale(exc, -3)
	ener, expE := normEnergy(exc)
	expE -= 2 * (q - 3)
	gain := int16(op.LShl(gainRatio(hf[:], ener, expE, 1)) >> 16)
	kernel.Amplify(hf[:], gain)
}

// gainRatio returns sqrt(ener / energy(x)) as a Q31 number and the left shift that it lacks, plus extra.
func gainRatio(x []int16, ener, expE, extra int16) (int32, int16) {
	own, exp := normEnergy(x)
	if own > ener {
		own >>= 1
		exp++
	}
	frac, e := isqrtNorm(int32(op.DivS(own, ener))<<16, exp-expE)
	return frac, e + extra
}

// tiltGain returns the gain of the noise, Q15, from the spectral tilt of synth, which is high-pass filtered in place.
func (b *highBand) tiltGain(synth []int16, noise bool) int16 {
	b.hp400.highPass400(synth)
	e := energy(synth)
	exp := op.NormL(e)
	ener := int16(e << uint(exp) >> 16)
	r := int16(op.LShl(dotSat(1, synth[1:], synth[:len(synth)-1]), exp) >> 16)
	var fac int16
	if r > 0 {
		fac = op.DivS(r, ener)
	}
	gain := op.MaxInt16 - fac
	if noise {
		gain = op.Shl(op.Mult(gain, 20480), 1)
	}
	gain = op.Mult(op.MaxInt16, gain)
	if gain != 0 {
		gain = op.Add(gain, 1)
	}
	return max(gain, 3277)
}

// extrapolateISF turns the 16 ISFs in isf[:16] into 20 ISPs for 16 kHz (TS 26.190 section 6.6.3): mode 6.60 shapes the
// high band by them.
func extrapolateISF(isf *[order16k]int16) {
	isf[order16k-1] = isf[order-1]
	var diff [order - 2]int16
	for i := range diff {
		diff[i] = op.Sub(isf[i+1], isf[i])
	}
	var s int32
	for _, d := range diff[2:] {
		s = op.LMac(s, d, 2731) // Q15 1/12
	}
	mean := op.Round(s)
	var largest int16
	for _, d := range diff {
		largest = max(largest, d)
	}
	exp := op.NormS(largest)
	for i := range diff {
		diff[i] = op.Shl(diff[i], exp)
	}
	mean = op.Shl(mean, exp)

	var corr [3]int32
	for lag := range corr {
		for i := 7; i < len(diff); i++ {
			p := op.LMult(op.Sub(diff[i], mean), op.Sub(diff[i-2-lag], mean))
			hi, lo := op.Extract(p)
			corr[lag] = op.LAdd(corr[lag], op.Mpy32(hi, lo, hi, lo))
		}
	}
	best := 1
	if corr[0] > corr[1] {
		best = 0
	}
	if corr[2] > corr[best] {
		best = 2
	}
	best++

	for i := order - 1; i < order16k-1; i++ {
		isf[i] = op.Add(isf[i-1], op.Sub(isf[i-1-best], isf[i-2-best]))
	}
	// The span is stretched or shrunk so that the last one comes to lie where the low ones suggest.
	t := op.Sub(isf[2], op.Add(isf[4], isf[3]))
	t = min(op.Add(op.Mult(t, 5461), 20390), 19456)
	t = op.Sub(t, isf[order-2])
	span := op.Sub(isf[order16k-2], isf[order-2])
	expSpan := op.NormS(span)
	exp = op.NormS(t) - 1
	coeff := op.DivS(op.Shl(t, exp), op.Shl(span, expSpan))
	exp = expSpan - exp
	const n = order16k - order
	for i := 0; i < n; i++ {
		k := i + order - 1
		diff[i] = op.Shl(op.Mult(op.Sub(isf[k], isf[k-1]), coeff), exp)
	}
	for i := 1; i < n; i++ {
		if op.Sub(op.Add(diff[i], diff[i-1]), 1280) < 0 {
			if diff[i] > diff[i-1] {
				diff[i-1] = op.Sub(1280, diff[i])
			} else {
				diff[i] = op.Sub(1280, diff[i-1])
			}
		}
	}
	for i := 0; i < n; i++ {
		isf[i+order-1] = op.Add(isf[i+order-2], diff[i])
	}
	for i := range isf[:order16k-1] {
		isf[i] = op.Mult(isf[i], 26214) // 12.8 / 16
	}
	isfToISP(isf[:], isf[:])
}
