package kernel

// History16 is how many outputs of the past stand before those of a filter of order 16 or 20, which is the higher one.
const History16 = 20

// recursiveTaps are the coefficients of a recursive filter as its kernel wants them: three zeros, a[20] down to a[5], and
// a[1] to a[7] once more. Those beyond the order are 0.
type recursiveTaps struct {
	old  [20]int16
	near [7]int64
}

func (t *recursiveTaps) set(a []int16) {
	for i := 5; i < len(a); i++ {
		t.old[3+20-i] = a[i]
	}
	for i := range t.near {
		t.near[i] = int64(a[1+i])
	}
}

// Synthesis16 filters x by 1/A(z), of order 16 or 20, by an input gain a0: an output is (x*a0 - the sum of a[k] times the k-th
// last output + half) >> down. y begins with History16 outputs of the past and receives len(x) more. It stops before the
// first output beyond limit in magnitude, and returns how many there are up to there. down is 1 to 15.
//
// The caller has checked the past, and that limit*sum|a[1:]| + max|x|*|a0| < 2^30 - 2^15. As every output that goes into a sum
// is within the limit, no part of a sum nor its doubling leaves 32 bits, and in whatever order: the wrapping sum is that of
// L_mult and L_msu.
func Synthesis16(a, x, y []int16, a0 int16, half int32, down uint, limit int32) int {
	m := len(a) - 1
	if len(x) == 0 {
		return 0
	}
	switch {
	case haveRecursive && haveSIMD && len(x)%4 == 0:
		var t recursiveTaps
		t.set(a)
		return synthesis16SIMD(&y[History16:][:len(x)][0], &x[0], &t, len(x), int32(a0), half, uint64(down), limit)
	case m == 16:
		return synthesis16(a, x, y[History16-16:], a0, half, down, limit)
	}
	y = y[History16-m:]
	for i, v := range x {
		s := int32(v) * int32(a0)
		w := y[i : i+m]
		for j := 1; j <= m; j++ {
			s -= int32(a[j]) * int32(w[m-j])
		}
		o := (s + half) >> down
		if o > limit || -o > limit {
			return i
		}
		y[m+i] = int16(o)
	}
	return len(x)
}

// synthesis16 is that for order 16.
func synthesis16(a, x, y []int16, a0 int16, half int32, down uint, limit int32) int {
	c := (*[17]int16)(a)
	for i, v := range x {
		w := (*[17]int16)(y[i:])
		s := int32(v)*int32(a0) -
			int32(c[16])*int32(w[0]) - int32(c[15])*int32(w[1]) - int32(c[14])*int32(w[2]) - int32(c[13])*int32(w[3]) -
			int32(c[12])*int32(w[4]) - int32(c[11])*int32(w[5]) - int32(c[10])*int32(w[6]) - int32(c[9])*int32(w[7])
		s -= int32(c[8])*int32(w[8]) + int32(c[7])*int32(w[9]) + int32(c[6])*int32(w[10]) + int32(c[5])*int32(w[11]) +
			int32(c[4])*int32(w[12]) + int32(c[3])*int32(w[13]) + int32(c[2])*int32(w[14]) + int32(c[1])*int32(w[15])
		o := (s + half) >> down
		if o > limit || -o > limit {
			return i
		}
		w[16] = int16(o)
	}
	return len(x)
}

// SynthesisWide is Synthesis16 of order 16 for 64 samples, with outputs of 28 bits, hi*2^12 + lo with lo of 12 bits: an output is
// (x*a0*2^12 - the sum of a[k] times the k-th last output) >> down. limit is for hi*2^12 + lo as well.
//
// The standard sums up the products of the low halves, shifts the sum right by 12 and adds those of the high ones. As long
// as none of the sums saturates, that is one sum of products with hi*2^12 + lo, shifted at the end. The caller has checked the
// past, and that (limit>>12)*sum|a[1:]| + max|x|*|a0| < 2^30 - 2^20 and sum|a[1:]| < 2^17, so that the sum of the low halves stays
// below 2^29 and that of the others, with what it carries, below 2^30. Assembly sums up the halves of outputs apart in 32 bits
// within those bounds; everything else is in 64 bits.
func SynthesisWide(a, x, hi, lo []int16, a0 int16, down uint, limit int64) int {
	if haveRecursive && haveSIMD && len(x)%4 == 0 && len(x) > 0 {
		var t recursiveTaps
		t.set(a)
		return synthesisWideSIMD(&hi[History16:][:len(x)][0], &lo[History16:][:len(x)][0], &x[0], &t, len(x), int32(a0), uint64(down), limit)
	}
	const order = 16
	var c [order]int64
	for i := range c {
		c[i] = int64(a[order-i])
	}
	var v [order + 64]int64
	for i := range order {
		v[i] = int64(hi[History16-order+i])<<12 + int64(lo[History16-order+i])
	}
	for i, x := range x[:min(len(x), 64)] {
		w := (*[order + 1]int64)(v[i:])
		s := (int64(x)*int64(a0))<<12 -
			c[0]*w[0] - c[1]*w[1] - c[2]*w[2] - c[3]*w[3] - c[4]*w[4] - c[5]*w[5] - c[6]*w[6] - c[7]*w[7]
		s -= c[8]*w[8] + c[9]*w[9] + c[10]*w[10] + c[11]*w[11] + c[12]*w[12] + c[13]*w[13] + c[14]*w[14] + c[15]*w[15]
		o := s >> down
		if o > limit || -o > limit {
			return i
		}
		w[order] = o
		hi[History16+i] = int16(o >> 12)
		lo[History16+i] = int16(o & 0xfff)
	}
	return len(x)
}
