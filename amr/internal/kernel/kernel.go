package kernel

import "math"

// SumSquares returns the sum of x[i]*x[i], exactly.
func SumSquares(x []int16) int64 {
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

// Energy returns what a chain of L_mac from 0 makes of x[i]*x[i]. All terms are positive, so that saturating at the end is
// the same as at each step.
func Energy(x []int16) int32 { return int32(min(SumSquares(x)<<1, math.MaxInt32)) }

// WithinCauchy tells, of two sums of squares, whether no sum of products x*y can reach 2^30-1 in magnitude, nor a chain
// of L_mac over them, from 0 or 1, saturate. The margin is far above the error of the floating-point product.
func WithinCauchy(xx, yy int64) bool { return float64(xx)*float64(yy) < 0x1.fffp59 }

// Dot returns the sum of x[i]*y[i] modulo 2^32.
func Dot(x, y []int16) int32 {
	y = y[:len(x)]
	var s0, s1 int32
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		s0 = dotAVX2(&x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	for len(x) >= 2 && len(y) >= 2 {
		s0 += int32(x[0]) * int32(y[0])
		s1 += int32(x[1]) * int32(y[1])
		x, y = x[2:], y[2:]
	}
	if len(x) > 0 && len(y) > 0 {
		s0 += int32(x[0]) * int32(y[0])
	}
	return s0 + s1
}

// MaxAbs returns the largest magnitude in x.
func MaxAbs(x []int16) int32 {
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

// FIR32 sets y[n] to the sum over k of x[n+k]*c[k], modulo 2^32. The lengths of y, a multiple of 16, and c, even, suit the
// kernel; x has len(y)+len(c)-1 samples.
func FIR32(y []int32, x, c []int16) {
	x = x[:len(y)+len(c)-1]
	if haveSIMD && len(y)&15 == 0 && len(c)&1 == 0 && len(y) > 0 && len(c) > 0 {
		fir32AVX2(&y[0], &x[0], &c[0], len(y), len(c)/2)
		return
	}
	n := 0
	for ; n+4 <= len(y); n += 4 {
		y[n], y[n+1], y[n+2], y[n+3] = fourTaps(x[n:], c)
	}
	for ; n < len(y); n++ {
		y[n] = dotPlain(c, x[n:])
	}
}

// FIR16 sets y[n] to (sum over k of x[n+k]*c[k] + half) >> down, limited to 16 bits. Lengths are as in FIR32. y and x must
// not overlap.
func FIR16(y, x, c []int16, half int32, down uint) {
	x = x[:len(y)+len(c)-1]
	if haveSIMD && len(y)&15 == 0 && len(c)&1 == 0 && len(y) > 0 && len(c) > 0 {
		fir16AVX2(&y[0], &x[0], &c[0], len(y), len(c)/2, half, uint64(down))
		return
	}
	n := 0
	for ; n+4 <= len(y); n += 4 {
		s0, s1, s2, s3 := fourTaps(x[n:], c)
		y[n], y[n+1] = sat((s0+half)>>down), sat((s1+half)>>down)
		y[n+2], y[n+3] = sat((s2+half)>>down), sat((s3+half)>>down)
	}
	for ; n < len(y); n++ {
		y[n] = sat((dotPlain(c, x[n:]) + half) >> down)
	}
}

func sat(x int32) int16 {
	if x != int32(int16(x)) {
		return int16(x>>31) ^ math.MaxInt16
	}
	return int16(x)
}

// fourTaps returns the sums of products of c with four consecutive windows of x.
func fourTaps(x, c []int16) (s0, s1, s2, s3 int32) {
	w := x[:len(c)+3]
	x0, x1, x2 := int32(w[0]), int32(w[1]), int32(w[2])
	w = w[3:]
	w = w[:len(c)]
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

func dotPlain(c, x []int16) (s int32) {
	x = x[:len(c)]
	for i, v := range c {
		s += int32(v) * int32(x[i])
	}
	return s
}

// DotSquares40 returns Dot(x, y) and the sums of the squares of both.
func DotSquares40(x, y *[40]int16) (xy int32, xx, yy int64) {
	if haveSIMD {
		return dotSquares40AVX2(x, y)
	}
	for i, v := range x {
		w := y[i]
		xy += int32(v) * int32(w)
		xx += int64(int32(v) * int32(v))
		yy += int64(int32(w) * int32(w))
	}
	return xy, xx, yy
}
