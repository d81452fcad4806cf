package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// The multiply-accumulate kernels. Each has a bound under which no partial sum of the standard's saturating chain
// leaves 32 bits; then the terms may be added in any order and in wrapping arithmetic. Outside the bound the chain is
// followed operator by operator.

// sumSquares returns sum(x*x), exactly: less than 2^32 terms of 2^30.
func sumSquares(x []int16) int64 {
	var s int64
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		s = sumSquaresAVX2(&x[0], n)
		x = x[n:]
	}
	for _, v := range x {
		s += int64(int32(v) * int32(v))
	}
	return s
}

// maxAbs returns the largest magnitude in x.
func maxAbs(x []int16) int32 {
	var hi, lo int16
	var m int32
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		m = maxAbsAVX2(&x[0], n)
		x = x[n:]
	}
	for _, v := range x {
		hi = max(hi, v)
		lo = min(lo, v)
	}
	return max(m, int32(hi), -int32(lo))
}

// sumAbs returns the sum of the magnitudes in x, of up to 2^15 samples.
func sumAbs(x []int16) int64 {
	var s int32
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		s = sumAbsAVX2(&x[0], n)
		x = x[n:]
	}
	for _, v := range x {
		w := int32(v)
		s += (w ^ w>>31) - w>>31
	}
	return int64(s)
}

// dotSat returns init + 2 * sum(x*y), saturated after each term.
//
// By Cauchy and Schwarz every partial sum is at most sqrt(sum(x*x) * sum(y*y)); below 2^30 - 1 nothing can
// saturate.
func dotSat(init int32, x, y []int16) int32 {
	y = y[:len(x)]
	if withinCauchy(sumSquares(x), sumSquares(y)) {
		return init + 2*dotWrap(x, y)
	}
	for i, v := range x {
		init = op.LMac(init, v, y[i])
	}
	return init
}

// withinCauchy tells whether sqrt(ex*ey) < 2^30, with room for the float and an init of 1.
func withinCauchy(ex, ey int64) bool {
	return float64(ex)*float64(ey) < 0x1.fffp59
}

// dotWrap returns sum(x*y) in wrapping arithmetic: the order of the terms doesn't matter.
func dotWrap(x, y []int16) int32 {
	y = y[:len(x)]
	var s0, s1 int32
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		s0 = dotAVX2(&x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	y = y[:len(x)]
	i := 0
	for ; i+2 <= len(x); i += 2 {
		s0 += int32(x[i]) * int32(y[i])
		s1 += int32(x[i+1]) * int32(y[i+1])
	}
	if i < len(x) {
		s0 += int32(x[i]) * int32(y[i])
	}
	return s0 + s1
}

// fir32 sets y[n] to sum(x[n+k] * c[k]) over k, in wrapping arithmetic.
func fir32(y []int32, x, c []int16) {
	x = x[:len(y)+len(c)-1]
	n := 0
	if haveSIMD && len(c)&1 == 0 && len(y) >= 16 {
		n = len(y) &^ 15
		fir32AVX2(&y[0], &x[0], &c[0], n, len(c)/2)
	}
	for ; n+4 <= len(y); n += 4 {
		y[n], y[n+1], y[n+2], y[n+3] = fourTaps(x[n:], c)
	}
	for ; n < len(y); n++ {
		y[n] = dotWrap(c, x[n:])
	}
}

// fourTaps returns the sums of products of c with four consecutive windows of x.
func fourTaps(x, c []int16) (s0, s1, s2, s3 int32) {
	w := x[:len(c)+3]
	x0, x1, x2 := int32(w[0]), int32(w[1]), int32(w[2])
	w = w[3:]
	for k, cv := range c {
		ck := int32(cv)
		x3 := int32(w[k])
		s0 += ck * x0
		s1 += ck * x1
		s2 += ck * x2
		s3 += ck * x3
		x0, x1, x2 = x1, x2, x3
	}
	return
}

// fir16 sets y[n] to sum(x[n+k] * c[k]), shifted left by shift+1 and rounded to the upper half, saturated: what a chain
// of L_mac from 0, L_shl by shift and round give. It needs firBound(x, sumAbs(c)). y and x must not overlap. Kernels take
// an even number of taps only.
//
// The result is (sum + 2^(14-shift)) >> (15-shift), limited to 16 bits: where L_shl or round would saturate, the
// shifted sum is beyond 16 bits as well.
func fir16(y, x, c []int16, shift uint) {
	x = x[:len(y)+len(c)-1]
	half := int32(0x4000) >> shift
	down := 15 - shift
	n := 0
	if haveSIMD && len(c)&1 == 0 && len(y) >= 16 {
		n = len(y) &^ 15
		fir16AVX2(&y[0], &x[0], &c[0], n, len(c)/2, half, uint64(down))
	}
	for ; n+4 <= len(y); n += 4 {
		s0, s1, s2, s3 := fourTaps(x[n:], c)
		y[n] = op.Sat((s0 + half) >> down)
		y[n+1] = op.Sat((s1 + half) >> down)
		y[n+2] = op.Sat((s2 + half) >> down)
		y[n+3] = op.Sat((s3 + half) >> down)
	}
	for ; n < len(y); n++ {
		y[n] = op.Sat((dotWrap(c, x[n:]) + half) >> down)
	}
}

// firBound tells whether 2 * sum|c| * max|x| stays below 2^31 with room for rounding, so that no chain of products of
// x and c can saturate.
func firBound(x []int16, sumC int64) bool {
	return int64(maxAbs(x))*sumC < 1<<30-1<<15
}

// firSat16 does what fir16 does, with a saturating chain in the order of rising k.
func firSat16(y, x, c []int16, shift uint) {
	for n := range y {
		var s int32
		for k, cv := range c {
			s = op.LMac(s, x[n+k], cv)
		}
		y[n] = op.Round(op.LShl(s, int16(shift)))
	}
}

// fir is fir16 or firSat16, as the bound allows.
func fir(y, x, c []int16, sumC int64, shift uint) {
	if firBound(x[:len(y)+len(c)-1], sumC) {
		fir16(y, x, c, shift)
	} else {
		firSat16(y, x, c, shift)
	}
}

// tapOffsets are the byte offsets of an output's first sample and of its taps.
type tapOffsets struct{ x, c uint32 }

// polyphase sets y[i] to the interpolation of x by the 32 taps that table[i] names, Q14, in wrapping arithmetic: the
// caller knows that 2 * sum|c| * max|x| stays below 2^31 - 2^15.
func polyphase(y, x []int16, c [][32]int16, table []tapOffsets) {
	table = table[:len(y)]
	i := 0
	if last := table[len(y)-1]; haveSIMD && len(y) >= 4 && int(last.x/2)+32 <= len(x) {
		i = len(y) &^ 3
		polyphaseAVX2(&y[0], &x[0], &c[0][0], &table[0], i)
	}
	for ; i < len(y); i++ {
		t := table[i]
		w := x[t.x/2:]
		taps := c[t.c/64][:min(32, len(w))]
		y[i] = op.Sat((dotWrap(taps, w) + 0x2000) >> 14)
	}
}
