package kernel

import "math"

// SumSquares returns the sum of x[i]*x[i]. A square is at most 2^30, so that two of them fit in 32 bits without sign and
// 2^33 of them in 64 bits: the sum is exact.
func SumSquares(x []int16) int64 {
	var s int64
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		s = sumSquaresSIMD(&x[0], n)
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

// Dot returns the sum of x[i]*y[i] modulo 2^32. Modulo 2^32 addition is associative and commutative, so that the order of
// the terms does not matter, nor that two products of -32768 by itself make -2^31 of 2^31.
func Dot(x, y []int16) int32 {
	y = y[:len(x)]
	var s0, s1 int32
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		s0 = dotSIMD(&x[0], &y[0], n)
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

// MaxAbs returns the largest magnitude in x, up to 32768, which 16 bits without sign hold.
func MaxAbs(x []int16) int32 {
	var hi, lo int16
	var m int32
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		m = maxAbsSIMD(&x[0], n)
		x = x[n:]
	}
	for _, v := range x {
		hi = max(hi, v)
		lo = min(lo, v)
	}
	return max(m, int32(hi), -int32(lo))
}

// SumAbs returns the sum of the magnitudes in x, of up to 2^15 samples: at most 2^30, so that 32 bits hold every part of it.
func SumAbs(x []int16) int64 {
	var s int32
	if n := len(x) &^ 15; haveSIMD && n > 0 {
		s = sumAbsSIMD(&x[0], n)
		x = x[n:]
	}
	for _, v := range x {
		w := int32(v)
		s += (w ^ w>>31) - w>>31
	}
	return int64(s)
}

// DotSquares40 returns Dot(x, y) and the sums of the squares of both, which are exact for the reasons given there.
func DotSquares40(x, y *[40]int16) (xy int32, xx, yy int64) {
	if haveSIMD {
		return dotSquares40SIMD(x, y)
	}
	for i, v := range x {
		w := y[i]
		xy += int32(v) * int32(w)
		xx += int64(int32(v) * int32(v))
		yy += int64(int32(w) * int32(w))
	}
	return xy, xx, yy
}
