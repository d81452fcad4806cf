package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// A postFilter sharpens the formants of the synthesis, compensates the tilt that this brings, and restores the gain
// (TS 26.090 section 6.2.1).
type postFilter struct {
	memory   vec10
	gain     int16 // of the last sample, Q12
	preemph  int16 // last sample of the residual
	synth    [order + FrameLen]int16
	residual [subLen]int16
}

func (p *postFilter) reset() { *p = postFilter{gain: 4096} }

const impulseLen = 22 // of the truncated response that the tilt is measured on

// run replaces a frame of synthesis, made by the filters a, by its post-filtered form.
func (p *postFilter) run(mode Mode, synth *[FrameLen]int16, a *[4]lpc) {
	copy(p.synth[order:], synth[:])
	num, den := &gamma3, &gamma4
	if mode == MR122 || mode == MR102 {
		num, den = &gamma3MR122, &gamma4MR122
	}
	for sub := range a {
		at := sub * subLen
		var ap3, ap4 lpc
		weightLPC(&a[sub], num, &ap3)
		weightLPC(&a[sub], den, &ap4)
		residual(&ap3, p.synth[at:at+order+subLen], p.residual[:])

		var h [impulseLen]int16 // response of A(z/num)/A(z/den)
		copy(h[:], ap3[:])
		synthesis(&ap4, h[:], h[:], &vec10{})
		p.compensateTilt(tilt(&h))

		out := (*[subLen]int16)(synth[at:])
		synthesis(&ap4, p.residual[:], out[:], &p.memory)
		copy(p.memory[:], out[subLen-order:])
		p.adapt((*[subLen]int16)(p.synth[order+at:]), out)
	}
	copy(p.synth[:order], p.synth[FrameLen:])
}

// tilt returns 0.8 * r(1)/r(0) of an impulse response, in Q15, or 0 if r(1) is not positive.
func tilt(h *[impulseLen]int16) int16 {
	sum := int64(0)
	for _, v := range h {
		sum += int64(v) * int64(v)
	}
	s := int32(0)
	if sum < 1<<30 { // no part of the sum reaches that (Cauchy-Schwarz)
		for i, v := range h[:impulseLen-1] {
			s += int32(v) * int32(h[i+1])
		}
		s <<= 1
	} else {
		for i, v := range h[:impulseLen-1] {
			s = LMac(s, v, h[i+1])
		}
	}
	r0, r1 := ExtractH(LSat(sum<<1)), ExtractH(s)
	if r1 <= 0 {
		return 0
	}
	return DivS(Mult(r1, 26214), r0)
}

// compensateTilt filters the residual by 1 - g/z.
func (p *postFilter) compensateTilt(g int16) {
	last := p.residual[subLen-1]
	if g != 0 {
		var before [subLen]int16
		before[0] = p.preemph
		copy(before[1:], p.residual[:])
		kernel.SubScaled40(&p.residual, &p.residual, &before, g, 15)
	}
	p.preemph = last
}

// adapt scales out, sample by sample, towards the energy of in.
func (p *postFilter) adapt(in, out *[subLen]int16) {
	root := energyRatio(in, out)
	if root < 0 {
		p.gain = 0
		return
	}
	const factor = 29491 // 0.9 in Q15
	step := Mult(Round(LShl(root, 9)), MaxInt16-factor)
	gain := p.gain
	for i, v := range out { // the gain stays below 32767*0.9 + 3276
		gain = int16(int32(gain)*factor>>15) + step
		out[i] = Sat(int32(v) * int32(gain) >> 12)
	}
	p.gain = gain
}

// restoreEnergy scales out to the energy of in.
func restoreEnergy(in, out *[subLen]int16) {
	root := energyRatio(in, out)
	if root < 0 {
		return
	}
	kernel.Scale40(out, out, Round(LShl(root, 9)), 0, 12)
}

// energyRatio returns sqrt(energy(in)/energy(out)), which 9 bits of left shift bring to Q12 in the upper half; 0 if in
// is silent, and -1 if out is.
func energyRatio(in, out *[subLen]int16) int32 {
	s := scaledEnergy(out)
	if s == 0 {
		return -1
	}
	exp := NormL(s) - 1
	gainOut := Round(LShl(s, exp))
	s = scaledEnergy(in)
	if s == 0 {
		return 0
	}
	n := NormL(s)
	gainIn := Round(s << uint(n))
	s = int32(DivS(gainOut, gainIn)) << 7
	return invSqrt(LShr(s, exp-n))
}

// scaledEnergy returns the energy divided by 16. Where it saturates, the samples are divided by 4 first.
func scaledEnergy(x *[subLen]int16) int32 {
	if s := energy(x[:]); s != MaxInt32 {
		return s >> 4
	}
	var q [subLen]int16
	for i, v := range x {
		q[i] = v >> 2
	}
	return energy(q[:])
}
