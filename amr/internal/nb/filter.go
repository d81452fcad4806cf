package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// absSum returns the sum of |a[i]|.
func absSum(a *lpc) (s int32) {
	for _, v := range a {
		s += max(int32(v), -int32(v))
	}
	return s
}

// residual filters x by A(z): y[i] = sum of a[k]*x[i-k] over a subframe, rounded to the Q of x. x has the ten samples of
// history in front.
func residual(a *lpc, x []int16, y []int16) {
	if absSum(a) > MaxInt16 {
		residualSat(a, x, y)
		return
	}
	// |sum| <= 32767*32768 < 2^30: no prefix of the doubled sum can leave 32 bits, so that only the last shift saturates.
	var in [48 + np1]int16
	var taps [np1 + 1]int16
	var out [48]int16
	copy(in[:], x[:order+subLen])
	for i, v := range a {
		taps[order-i] = v
	}
	kernel.FIR16(out[:], in[:], taps[:], 0x800, 12)
	copy(y, out[:subLen])
}

func residualSat(a *lpc, x []int16, y []int16) {
	for i := range y {
		s := LMult(x[order+i], a[0])
		for k := 1; k <= order; k++ {
			s = LMac(s, a[k], x[order+i-k])
		}
		y[i] = Round(LShl(s, 3))
	}
}

// synthesis filters x by 1/A(z) into y, which may be x, from the last ten outputs in mem, oldest first. It tells
// whether any step of the computation saturated. mem is not changed.
func synthesis(a *lpc, x, y []int16, mem *vec10) (overflow bool) {
	var out [order + 80]int16
	copy(out[:], mem[:])
	y = y[:len(x)]
	if absSum(a) > MaxInt16 {
		return synthesisSat(a, x, y, &out)
	}
	// As in residual, whatever the outputs are, the sum cannot leave 32 bits before the last shift.
	a0, a1, a2, a3, a4, a5 := int32(a[0]), int32(a[1]), int32(a[2]), int32(a[3]), int32(a[4]), int32(a[5])
	a6, a7, a8, a9, a10 := int32(a[6]), int32(a[7]), int32(a[8]), int32(a[9]), int32(a[10])
	y1, y2, y3, y4, y5 := int32(mem[9]), int32(mem[8]), int32(mem[7]), int32(mem[6]), int32(mem[5])
	y6, y7, y8, y9, y10 := int32(mem[4]), int32(mem[3]), int32(mem[2]), int32(mem[1]), int32(mem[0])
	var wide int32
	for i, v := range x {
		s := a0*int32(v) - a10*y10 - a9*y9 - a8*y8 - a7*y7 - a6*y6 - a5*y5 - a4*y4 - a3*y3 - a2*y2 - a1*y1
		o := (s + 0x800) >> 12
		wide |= s ^ s>>31
		if o != int32(int16(o)) {
			overflow = true
			o = int32(Sat(o))
		}
		y10, y9, y8, y7, y6, y5, y4, y3, y2, y1 = y9, y8, y7, y6, y5, y4, y3, y2, y1, o
		y[i] = int16(o)
	}
	return overflow || wide >= 1<<27
}

func synthesisSat(a *lpc, x, y []int16, out *[order + 80]int16) (overflow bool) {
	for i := range x {
		s, ov := LMultOv(x[i], a[0])
		overflow = overflow || ov
		for k := 1; k <= order; k++ {
			p, ov1 := LMultOv(a[k], out[order+i-k])
			d := int64(s) - int64(p)
			s = LSat(d)
			overflow = overflow || ov1 || int64(s) != d
		}
		s, ov = LShlOv(s, 3)
		overflow = overflow || ov || s > MaxInt32-0x8000
		out[order+i] = Round(s)
	}
	copy(y, out[order:order+len(x)])
	return overflow
}

// weightLPC returns A(z/gamma): a[i]*gamma^i, with the powers of gamma in Q15 (TS 26.090 section 5.3).
func weightLPC(a *lpc, gamma *vec10, w *lpc) {
	w[0] = a[0]
	for i := 1; i < np1; i++ {
		w[i] = Round(LMult(a[i], gamma[i-1]))
	}
}

// A response is an impulse response of a subframe, Q12, ready for filters with it.
type response struct {
	h      [subLen]int16
	taps   [subLen]int16 // h backwards
	energy int64
}

func (r *response) set(h *[subLen]int16) {
	r.h = *h
	for i, v := range h {
		r.taps[subLen-1-i] = v
	}
	r.energy = kernel.SumSquares(h[:])
}

// convolve filters x by the response, from rest (TS 26.090 section 5.5).
func (r *response) convolve(x, y *[subLen]int16) {
	if !kernel.WithinCauchy(kernel.SumSquares(x[:]), r.energy) {
		for n := range y {
			s := int32(0)
			for i := range n + 1 {
				s = LMac(s, x[i], r.h[n-i])
			}
			y[n] = ExtractH(LShl(s, 3))
		}
		return
	}
	var in [subLen - 1 + 48]int16
	var out [48]int16
	copy(in[subLen-1:], x[:])
	kernel.FIR16(out[:], in[:], r.taps[:], 0, 12)
	copy(y[:], out[:])
}

// backward returns the L_mac chains of x from each sample on with the response.
func (r *response) backward(x *[subLen]int16, y *[subLen]int32) {
	if !kernel.WithinCauchy(kernel.SumSquares(x[:]), r.energy) {
		for i := range y {
			s := int32(0)
			for j, v := range x[i:] {
				s = LMac(s, v, r.h[j])
			}
			y[i] = s
		}
		return
	}
	var in [48 + subLen - 1]int16
	var out [48]int32
	copy(in[:], x[:])
	kernel.FIR32(out[:], in[:], r.h[:])
	for i, v := range out[:subLen] {
		y[i] = v << 1
	}
}
