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
	sum, limit := absSum(a), int32(MaxInt16)
	if sum > MaxInt16 { // where the outputs must be smaller than 16 bits allow, and the inputs and the past
		limit = (1<<30 - 1) / sum
		if kernel.MaxAbs(x) > limit || kernel.MaxAbs(mem[:]) > limit {
			limit = 0
		}
	}
	n := 0
	if limit > 0 && a[0] == 4096 {
		n = kernel.Synthesis10(a, x, y, mem, limit)
	}
	if n == len(x) {
		return false
	}
	past := *mem
	if n < order {
		copy(past[:], mem[n:])
		copy(past[order-n:], y[:n])
	} else {
		copy(past[:], y[n-order:n])
	}
	return synthesisSat(a, x[n:], y[n:], &past)
}

// synthesisSat is synthesis with saturation at each step.
func synthesisSat(a *lpc, x, y []int16, mem *vec10) (overflow bool) {
	var out [order + 80]int16
	copy(out[:], mem[:])
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
