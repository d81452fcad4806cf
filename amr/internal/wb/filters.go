package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// iir2 is the memory of a second-order recursive filter: outputs in double precision, inputs.
type iir2 struct {
	y2hi, y2lo, y1hi, y1lo int16
	x0, x1                 int16
}

// state returns the outputs with their halves put together again, and the inputs. The standard's products with both halves, of which
// it rounds that with the lower one, are one product of 64 bits, rounded.
func (f *iir2) state() (y1, y2, x0, x1 int64) {
	return int64(f.y1hi)<<15 + int64(f.y1lo), int64(f.y2hi)<<15 + int64(f.y2lo), int64(f.x0), int64(f.x1)
}

func (f *iir2) keep(y1, y2, x0, x1 int64) {
	f.y1hi, f.y1lo, f.y2hi, f.y2lo = int16(y1>>15), int16(y1&0x7fff), int16(y2>>15), int16(y2&0x7fff)
	f.x0, f.x1 = int16(x0), int16(x1)
}

// sat31 limits x to 31 bits: what is kept of an output, whose lowest bit doesn't count.
func sat31(x int64) int64 {
	if x<<33>>33 != x {
		return x>>63 ^ (1<<30 - 1)
	}
	return x
}

// highPass50 removes what lies below 50 Hz, at 12.8 kHz (TS 26.190 section 5.1 and 6.4).
//
// The terms of y and x0 reach 1.87e9 together and can't saturate. Where those of x1 and x2 do, the sum ends above 2^31 - 8e8,
// and the shift by 2 saturates with it as with the exact one.
func (f *iir2) highPass50(sig []int16) {
	const b0, b1 = 4053, -8106
	const a1, a2 = 16211, -8021
	y1, y2, x0, x1 := f.state()
	for i, v := range sig {
		x2 := x1
		x1 = x0
		x0 = int64(v)
		s := (((x0+x2)*(2*b0)+x1*(2*b1))<<15 + 0x4000 + y2*(2*a2) + y1*(2*a1)) >> 15 << 1
		y2, y1 = y1, sat31(s)
		sig[i] = op.Sat(int32((y1 + 1<<13) >> 14))
	}
	f.keep(y1, y2, x0, x1)
}

// highPass400 removes what lies below 400 Hz, at 12.8 kHz, before the tilt is measured (TS 26.190 section 6.6).
//
// The terms of the low halves stay within 1.93e9; so does that of y1. Where that of y2 or those behind, which are 2.4e8
// together, saturate, so does the shift by 1, as with the exact sum.
func (f *iir2) highPass400(sig []int16) {
	const b0, b1 = 915, -1830
	const a1, a2 = 29280, -14160
	y1, y2, x0, x1 := f.state()
	for i, v := range sig {
		x2 := x1
		x1 = x0
		x0 = int64(v)
		s := (((x0+x2)*(2*b0)+x1*(2*b1))<<15 + 0x4000 + y2*(2*a2) + y1*(2*a1)) >> 15
		y2, y1 = y1, sat31(s)
		sig[i] = op.Sat(int32((y1 + 1<<14) >> 15))
	}
	f.keep(y1, y2, x0, x1)
}

// preemph filters x by 1 - mu/z, mu >= 0, from a zero memory.
func preemph(x *[subLen]int16, mu int16) { kernel.Echo(x, 1, -mu) }

// preemph2 filters x by 2 * (1 - mu/z), mu >= 0, from a zero memory.
func preemph2(x []int16, mu int16) {
	m := 2 * int32(mu)
	var last int32
	for i, v := range x {
		s := op.LSub(int32(v)<<16, last*m)
		x[i] = op.Sat((s>>14 + 1) >> 1)
		last = int32(v)
	}
}

// deemph2 filters x by 1/2 / (1 - mu/z), mu in Q15, and returns the last output. Of the two terms only the sum can
// saturate, which rounding does as well.
func deemph2(x []int16, mu, mem int16) int16 {
	last, fac := int64(mem), 2*int64(mu)
	for i, v := range x {
		last = (int64(v)<<15 + 0x8000 + last*fac) >> 16
		if last != int64(int16(last)) {
			last = int64(op.Sat(int32(last)))
		}
		x[i] = int16(last)
	}
	return int16(last)
}

// weight sets ap to A(z/gamma).
func weight(a, ap []int16, gamma int16) {
	m := len(a) - 1
	ap = ap[:len(a)]
	ap[0] = a[0]
	fac := int32(gamma)
	for i := 1; i < m; i++ {
		ap[i] = int16((int32(a[i])*fac<<1 + 0x8000) >> 16)
		fac = (fac*int32(gamma)<<1 + 0x8000) >> 16
	}
	ap[m] = int16((int32(a[m])*fac<<1 + 0x8000) >> 16)
}

// residu filters the len(y) samples x[order:] by A(z) in Q12; x starts with the order samples before them and has one
// more behind them, which doesn't count.
func residu(a []int16, x, y []int16) {
	var c [order + 2]int16
	for i, v := range a[:order+1] {
		c[order-i] = v
	}
	x = x[:len(y)+order+1]
	if kernel.WithinSum(x[:len(y)+order], kernel.SumAbs(c[:])) {
		fir16(y, x, c[:], 4)
		return
	}
	for i := range y {
		s := op.LMult(x[order+i], a[0])
		for j := 1; j <= order; j++ {
			s = op.LMac(s, a[j], x[order+i-j])
		}
		y[i] = op.Round(op.LShl(s, 4))
	}
}

// The buffer of a recursive filter starts with its last synHist outputs; filters of a lower order don't look at all.
const synHist = kernel.History16

// synFilt filters x by 1/A(z). buf starts with the last outputs and receives len(x) more.
func synFilt(a, x, buf []int16) {
	synFiltGain(a, x, buf, a[0]>>1, op.NormS(a[0])-2+3)
}

// synFiltGain is synFilt with an input gain and a shift of its own.
//
// limit is what 2*sum|a| leaves room for: see kernel.Synthesis16. From the first output beyond it on, the chain is followed
// step by step.
func synFiltGain(a, x, buf []int16, a0, shift int16) {
	m := len(a) - 1
	y := buf[synHist:][:len(x)]
	sum := kernel.SumAbs(a[1:])
	limit := min((1<<30-1<<15-int64(kernel.MaxAbs(x))*int64(a0))/(sum+1), op.MaxInt16)
	i := 0
	if a0 >= 0 && int64(kernel.MaxAbs(buf[synHist-m:synHist])) <= limit && shift >= 0 && shift <= 14 {
		i = kernel.Synthesis16(a, x, buf, a0, int32(0x4000)>>uint(shift), uint(15-shift), int32(limit))
	}
	for ; i < len(x); i++ {
		s := op.LMult(x[i], a0)
		for j := 1; j <= m; j++ {
			s = op.LMsu(s, a[j], buf[synHist+i-j])
		}
		y[i] = op.Round(op.LShl(s, shift))
	}
}

// synFilt32 filters exc by 1/A(z), of order 16, with outputs of 28 bits: hi and lo, of 12 bits, start with the last
// outputs and receive len(exc) more.
//
// Where the bound below holds no sum saturates: see kernel.SynthesisWide.
func synFilt32(a []int16, exc []int16, q int16, hi, lo []int16) {
	shift := op.NormS(a[0]) - 2 + 3
	a0 := op.Shr(a[0], 4+q)
	sum := kernel.SumAbs(a[1:])
	i := 0
	limit := min((1<<30-1<<20-int64(kernel.MaxAbs(exc))*int64(a0))/(sum+1), op.MaxInt16)
	if sum < 1<<17 && int64(kernel.MaxAbs(hi[synHist-order:synHist])) <= limit && shift <= 4 && a0 >= 0 {
		i = kernel.SynthesisWide(a, exc, hi, lo, a0, uint(15-shift), limit<<12)
	}
	for ; i < len(exc); i++ {
		var s int32
		for j := 1; j <= order; j++ {
			s = op.LMsu(s, lo[synHist+i-j], a[j])
		}
		s = op.LMac(s>>12, exc[i], a0)
		for j := 1; j <= order; j++ {
			s = op.LMsu(s, hi[synHist+i-j], a[j])
		}
		s = op.LShl(s, shift)
		hi[synHist+i] = int16(s >> 16)
		lo[synHist+i] = int16(s >> 4 & 0xfff)
	}
}

// deemph32 filters the double-precision signal by 1 / (1 - mu/z), mu in Q15, and returns the last output. Where the sum of
// both terms saturates, so does the output.
func deemph32(hi, lo, y []int16, mu, mem int16) int16 {
	last, fac := int64(mem), 2*int64(mu>>1)
	hi, lo = hi[:len(y)], lo[:len(y)]
	for i := range y {
		s := int64(op.LSat((int64(hi[i])<<16 + int64(lo[i])<<4) << 3))
		last = (s + 1<<14 + last*fac) >> 15
		if last != int64(int16(last)) {
			last = int64(op.Sat(int32(last)))
		}
		y[i] = int16(last)
	}
	return int16(last)
}

// highFIR is the memory of the 31-tap filters of the high band.
type highFIR [30]int16

// The taps of those filters, with a zero to make them even.
var band6k7k, low7k [32]int16

func init() {
	copy(band6k7k[:], fir6k7k[:])
	copy(low7k[:], fir7k[:])
}

// bandPass6k7k keeps 6 to 7 kHz of sig, at 16 kHz, scaled by 1/4 (TS 26.190 section 6.6).
func (f *highFIR) bandPass6k7k(sig []int16) { f.filter(sig, 2, &band6k7k, 158870) }

// lowPass7k removes what lies above 7 kHz of sig, at 16 kHz.
func (f *highFIR) lowPass7k(sig []int16) { f.filter(sig, 0, &low7k, 61098) }

func (f *highFIR) filter(sig []int16, shift uint, c *[32]int16, sumC int64) {
	var x [30 + subLen16k + 1]int16
	copy(x[:], f[:])
	for i, v := range sig {
		x[30+i] = v >> shift
	}
	fir(sig, x[:], c[:], sumC, 0)
	copy(f[:], x[len(sig):])
}
