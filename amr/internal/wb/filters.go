package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// iir2 is the memory of a second-order recursive filter: outputs in double precision, inputs.
type iir2 struct {
	y2hi, y2lo, y1hi, y1lo int16
	x0, x1                 int16
}

// highPass50 removes what lies below 50 Hz, at 12.8 kHz (TS 26.190 section 5.1 and 6.4).
//
// Bounds: the low halves are 0 to 32767, so their sum is below 1.1e9. The terms of y and x0 reach 1.87e9 together and
// can't saturate; those of x1 and x2 can.
func (f *iir2) highPass50(sig []int16) {
	const b0, b1 = 4053, -8106
	const a1, a2 = 16211, -8021
	y2hi, y2lo, y1hi, y1lo := int32(f.y2hi), int32(f.y2lo), int32(f.y1hi), int32(f.y1lo)
	x0, x1 := int32(f.x0), int32(f.x1)
	for i, v := range sig {
		x2 := x1
		x1 = x0
		x0 = int32(v)
		s := (0x4000 + y1lo*(2*a1) + y2lo*(2*a2)) >> 15
		s += y1hi*(2*a1) + y2hi*(2*a2) + x0*(2*b0)
		s = op.LAdd(s, x1*(2*b1))
		s = op.LAdd(s, x2*(2*b0))
		s = op.LSat(int64(s) << 2)
		y2hi, y2lo = y1hi, y1lo
		y1hi, y1lo = s>>16, s>>1&0x7fff
		sig[i] = op.Sat((s>>14 + 1) >> 1)
	}
	f.y2hi, f.y2lo, f.y1hi, f.y1lo = int16(y2hi), int16(y2lo), int16(y1hi), int16(y1lo)
	f.x0, f.x1 = int16(x0), int16(x1)
}

// highPass400 removes what lies below 400 Hz, at 12.8 kHz, before the tilt is measured (TS 26.190 section 6.6).
//
// Bounds: the terms of the low halves stay within 1.93e9; so does that of y1. Those behind can saturate.
func (f *iir2) highPass400(sig []int16) {
	const b0, b1 = 915, -1830
	const a1, a2 = 29280, -14160
	y2hi, y2lo, y1hi, y1lo := int32(f.y2hi), int32(f.y2lo), int32(f.y1hi), int32(f.y1lo)
	x0, x1 := int32(f.x0), int32(f.x1)
	for i, v := range sig {
		x2 := x1
		x1 = x0
		x0 = int32(v)
		s := (0x4000 + y1lo*(2*a1) + y2lo*(2*a2)) >> 15
		s = op.LAdd(s+y1hi*(2*a1), y2hi*(2*a2))
		s = op.LAdd(s, x0*(2*b0))
		s = op.LAdd(s, x1*(2*b1))
		s = op.LAdd(s, x2*(2*b0))
		s = op.LSat(int64(s) << 1)
		y2hi, y2lo = y1hi, y1lo
		y1hi, y1lo = s>>16, s>>1&0x7fff
		sig[i] = op.Round(s)
	}
	f.y2hi, f.y2lo, f.y1hi, f.y1lo = int16(y2hi), int16(y2lo), int16(y1hi), int16(y1lo)
	f.x0, f.x1 = int16(x0), int16(x1)
}

// preemph filters x by 1 - mu/z, mu >= 0, from a zero memory.
func preemph(x []int16, mu int16) {
	m := 2 * int32(mu)
	var last int32
	for i, v := range x {
		x[i] = op.Round(op.LSub(int32(v)<<16, last*m))
		last = int32(v)
	}
}

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
// saturate.
func deemph2(x []int16, mu, mem int16) int16 {
	for i, v := range x {
		s := int64(v)<<15 + int64(mem)*int64(mu)<<1
		mem = op.Round(op.LSat(s))
		x[i] = mem
	}
	return mem
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
	if firBound(x[:len(y)+order], sumAbs(c[:])) {
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
const synHist = order16k

// synTaps are the coefficients of a recursive filter as its kernel wants them: three zeros, a[20] down to a[5], and a[1]
// to a[7] once more. Those beyond the order are 0.
type synTaps struct {
	old  [20]int16
	near [7]int64
}

func (t *synTaps) set(a []int16) {
	for i := 5; i < len(a); i++ {
		t.old[3+20-i] = a[i]
	}
	for i := range t.near {
		t.near[i] = int64(a[1+i])
	}
}

// synFilt filters x by 1/A(z). buf starts with the last outputs and receives len(x) more.
func synFilt(a, x, buf []int16) {
	synFiltGain(a, x, buf, a[0]>>1, op.NormS(a[0])-2+3)
}

// synFiltGain is synFilt with an input gain and a shift of its own.
//
// As long as all of the last outputs are within limit, no partial sum of the chain leaves 32 bits: limit is what
// 2*sum|a| leaves room for.
func synFiltGain(a, x, buf []int16, a0, shift int16) {
	m := len(a) - 1
	y := buf[synHist:][:len(x)]
	sum := sumAbs(a[1:])
	limit := min((1<<30-1<<15-int64(maxAbs(x))*int64(a0))/(sum+1), op.MaxInt16)
	i := 0
	if a0 >= 0 && int64(maxAbs(buf[synHist-m:synHist])) <= limit && shift >= 0 && shift <= 14 {
		half, down := int32(0x4000)>>uint(shift), uint(15-shift)
		switch {
		case haveSIMD && len(x)%4 == 0:
			var t synTaps
			t.set(a)
			i = synFiltAVX2(&y[0], &x[0], &t, len(x), int32(a0), half, uint64(down), int32(limit))
		case m == order:
			i = synFilt16(a, x, buf[synHist-order:], a0, half, down, int32(limit))
		default:
			i = synFiltFast(a, x, buf[synHist-m:], a0, half, down, int32(limit))
		}
	}
	for ; i < len(x); i++ {
		s := op.LMult(x[i], a0)
		for j := 1; j <= m; j++ {
			s = op.LMsu(s, a[j], buf[synHist+i-j])
		}
		y[i] = op.Round(op.LShl(s, shift))
	}
}

// synFiltFast filters in wrapping arithmetic: buf starts with the last len(a)-1 outputs. It returns how many outputs are
// within limit, all or those before the first that isn't.
func synFiltFast(a, x, buf []int16, a0 int16, half int32, down uint, limit int32) int {
	m := len(a) - 1
	for i, v := range x {
		s := int32(v) * int32(a0)
		w := buf[i : i+m]
		for j := 1; j <= m; j++ {
			s -= int32(a[j]) * int32(w[m-j])
		}
		y := (s + half) >> down
		if y > limit || -y > limit {
			return i
		}
		buf[m+i] = int16(y)
	}
	return len(x)
}

// synFilt16 is synFiltFast for order 16.
func synFilt16(a, x, buf []int16, a0 int16, half int32, down uint, limit int32) int {
	c := (*[order + 1]int16)(a)
	for i, v := range x {
		w := (*[order + 1]int16)(buf[i:])
		s := int32(v)*int32(a0) -
			int32(c[16])*int32(w[0]) - int32(c[15])*int32(w[1]) - int32(c[14])*int32(w[2]) - int32(c[13])*int32(w[3]) -
			int32(c[12])*int32(w[4]) - int32(c[11])*int32(w[5]) - int32(c[10])*int32(w[6]) - int32(c[9])*int32(w[7])
		s -= int32(c[8])*int32(w[8]) + int32(c[7])*int32(w[9]) + int32(c[6])*int32(w[10]) + int32(c[5])*int32(w[11]) +
			int32(c[4])*int32(w[12]) + int32(c[3])*int32(w[13]) + int32(c[2])*int32(w[14]) + int32(c[1])*int32(w[15])
		y := (s + half) >> down
		if y > limit || -y > limit {
			return i
		}
		w[16] = int16(y)
	}
	return len(x)
}

// synFilt32 filters exc by 1/A(z), of order 16, with outputs of 28 bits: hi and lo, of 12 bits, start with the last
// outputs and receive len(exc) more.
//
// The standard sums up the products of the low halves, shifts the sum right by 12 and adds those of the high ones. As long
// as none of the sums saturates, that is one sum of products with hi*2^12 + lo, shifted at the end.
func synFilt32(a []int16, exc []int16, q int16, hi, lo []int16) {
	shift := op.NormS(a[0]) - 2 + 3
	a0 := op.Shr(a[0], 4+q)
	sum := sumAbs(a[1:])
	i := 0
	limit := min((1<<30-1<<20-int64(maxAbs(exc))*int64(a0))/(sum+1), op.MaxInt16)
	if sum < 1<<17 && int64(maxAbs(hi[synHist-order:synHist])) <= limit && shift <= 4 && a0 >= 0 {
		down := uint(15 - shift)
		if haveSIMD && len(exc)%4 == 0 {
			var t synTaps
			t.set(a)
			i = synFilt32AVX2(&hi[synHist], &lo[synHist], &exc[0], &t, len(exc), int32(a0), uint64(down), limit<<12)
		} else {
			i = synFilt32Fast(a, exc, hi, lo, a0, down, limit<<12)
		}
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

// synFilt32Fast is synFilt32 without saturation; it returns how many outputs are within limit, which has 28 bits as well.
func synFilt32Fast(a, exc, hi, lo []int16, a0 int16, down uint, limit int64) int {
	var c [order]int64
	for i := range c {
		c[i] = int64(a[order-i])
	}
	var v [order + subLen]int64
	for i := range order {
		v[i] = int64(hi[synHist-order+i])<<12 + int64(lo[synHist-order+i])
	}
	for i, x := range exc {
		w := (*[order + 1]int64)(v[i:])
		s := (int64(x)*int64(a0))<<12 -
			c[0]*w[0] - c[1]*w[1] - c[2]*w[2] - c[3]*w[3] - c[4]*w[4] - c[5]*w[5] - c[6]*w[6] - c[7]*w[7]
		s -= c[8]*w[8] + c[9]*w[9] + c[10]*w[10] + c[11]*w[11] + c[12]*w[12] + c[13]*w[13] + c[14]*w[14] + c[15]*w[15]
		y := s >> down
		if y > limit || -y > limit {
			return i
		}
		w[order] = y
		hi[synHist+i] = int16(y >> 12)
		lo[synHist+i] = int16(y & 0xfff)
	}
	return len(exc)
}

// deemph32 filters the double-precision signal by 1 / (1 - mu/z), mu in Q15, and returns the last output.
func deemph32(hi, lo, y []int16, mu, mem int16) int16 {
	fac := 2 * int32(mu>>1)
	hi, lo = hi[:len(y)], lo[:len(y)]
	for i := range y {
		s := op.LSat((int64(hi[i])<<16 + int64(lo[i])<<4) << 3)
		s = op.LAdd(s, int32(mem)*fac)
		mem = op.Sat((s>>14 + 1) >> 1)
		y[i] = mem
	}
	return mem
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
