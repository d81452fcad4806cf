package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// The multiply-accumulate kernels. Each has a bound under which no partial sum of the standard's saturating chain
// leaves 32 bits; then the terms may be added in any order and in wrapping arithmetic. Outside the bound the chain is
// followed operator by operator.

// sumSquares returns sum(x*x), exactly: at most 512 terms of 2^30.
func sumSquares(x []int16) int64 {
	var s int64
	for _, v := range x {
		s += int64(int32(v) * int32(v))
	}
	return s
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

func dotWrap(x, y []int16) int32 {
	y = y[:len(x)]
	var s0, s1 int32
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
	n := 0
	for ; n+4 <= len(y); n += 4 {
		w := x[n : n+len(c)+3]
		x0, x1, x2 := int32(w[0]), int32(w[1]), int32(w[2])
		w = w[3:]
		var s0, s1, s2, s3 int32
		for k, cv := range c {
			ck := int32(cv)
			x3 := int32(w[k])
			s0 += ck * x0
			s1 += ck * x1
			s2 += ck * x2
			s3 += ck * x3
			x0, x1, x2 = x1, x2, x3
		}
		y[n], y[n+1], y[n+2], y[n+3] = s0, s1, s2, s3
	}
	for ; n < len(y); n++ {
		y[n] = dotWrap(c, x[n:])
	}
}

// fir16 sets y[n] to round(2^(shift+17) * sum) with sum = sum(x[n+k] * c[k]) in Q0, saturated: what a chain of L_mac
// from 0, L_shl by shift and round give. It needs firBound(x, c). y may be x if y[n] is never read again by later
// outputs, which holds for none of the callers but an in-place copy; so y and x must not overlap.
//
// The result is (sum + 2^(14-shift)) >> (15-shift), limited to 16 bits: where L_shl or round would saturate, the
// shifted sum is beyond 16 bits as well.
func fir16(y, x, c []int16, shift uint) {
	half := int32(0x4000) >> shift
	down := 15 - shift
	n := 0
	for ; n+4 <= len(y); n += 4 {
		w := x[n : n+len(c)+3]
		x0, x1, x2 := int32(w[0]), int32(w[1]), int32(w[2])
		w = w[3:]
		var s0, s1, s2, s3 int32
		for k, cv := range c {
			ck := int32(cv)
			x3 := int32(w[k])
			s0 += ck * x0
			s1 += ck * x1
			s2 += ck * x2
			s3 += ck * x3
			x0, x1, x2 = x1, x2, x3
		}
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
