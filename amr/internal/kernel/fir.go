package kernel

import "math"

// WithinSum tells whether 2 * max|x| * sumC, where sumC is the sum of the magnitudes of a filter's taps, stays below 2^31 with
// room for rounding, so that no chain of products of x and the taps can saturate, in whatever order.
func WithinSum(x []int16, sumC int64) bool { return int64(MaxAbs(x))*sumC < 1<<30-1<<15 }

// FIR32 sets y[n] to the sum over k of x[n+k]*c[k], modulo 2^32, which does not depend on the order of the terms. x has
// len(y)+len(c)-1 samples; SIMD wants an even number of taps.
func FIR32(y []int32, x, c []int16) {
	x = x[:len(y)+len(c)-1]
	n := 0
	if haveSIMD && len(c)&1 == 0 && len(y) >= 16 && len(c) > 0 {
		n = len(y) &^ 15
		fir32SIMD(&y[0], &x[0], &c[0], n, len(c)/2)
	}
	for ; n+4 <= len(y); n += 4 {
		y[n], y[n+1], y[n+2], y[n+3] = fourTaps(x[n:], c)
	}
	for ; n < len(y); n++ {
		y[n] = dotPlain(c, x[n:])
	}
}

// FIR16 sets y[n] to (sum over k of x[n+k]*c[k] + half) >> down, limited to 16 bits. Lengths are as in FIR32; y and x must not
// overlap. half plus the sum wraps modulo 2^32, where the caller has no bound on it.
//
// Within WithinSum or WithinCauchy that is what a chain of L_mac from 0, L_shl by shift and round give, with half =
// 0x4000>>shift and down = 15-shift: the doubled sum does not saturate, and where L_shl or round would, the sum that is
// shifted only here is beyond 16 bits as well.
func FIR16(y, x, c []int16, half int32, down uint) {
	x = x[:len(y)+len(c)-1]
	n := 0
	if haveSIMD && len(c)&1 == 0 && len(y) >= 16 && len(c) > 0 {
		n = len(y) &^ 15
		fir16SIMD(&y[0], &x[0], &c[0], n, len(c)/2, half, uint64(down))
	}
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

// A Phase says what makes one output of Polyphase: the byte offsets of its first sample and of its taps.
type Phase struct{ X, C uint32 }

// Polyphase sets y[i] to the interpolation of x by the 32 taps that table[i] names, Q14: their sum of products, modulo 2^32,
// plus 2^13, shifted right by 14, limited to 16 bits. That is exact where FIR16 is. Taps that lie behind the end of x have
// to be 0.
func Polyphase(y, x []int16, c [][32]int16, table []Phase) {
	table = table[:len(y)]
	i := 0
	if len(y) >= 4 && haveSIMD && int(table[len(y)-1].X/2)+32 <= len(x) {
		i = len(y) &^ 3
		polyphaseSIMD(&y[0], &x[0], &c[0][0], &table[0], i)
	}
	for ; i < len(y); i++ {
		t := table[i]
		w := x[t.X/2:]
		taps := c[t.C/64][:min(32, len(w))]
		y[i] = sat((Dot(taps, w) + 0x2000) >> 14)
	}
}
