package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// isqrtNorm returns 1/sqrt(x) for x = frac * 2^exp, frac in Q31 and normalised: linear interpolation in a table of 49
// points. For x <= 0 it returns the largest number.
func isqrtNorm(frac int32, exp int16) (int32, int16) {
	if frac <= 0 {
		return op.MaxInt32, 0
	}
	if exp&1 == 1 {
		frac >>= 1
	}
	exp = -((exp - 1) >> 1)
	i := frac>>25 - 16
	a := int16(frac >> 10 & 0x7fff)
	slope := isqrtTbl[i] - isqrtTbl[i+1]
	return int32(isqrtTbl[i])<<16 - int32(slope)*int32(a)<<1, exp
}

// isqrt returns 1/sqrt(x) in the format of the standard's Isqrt: Q31 for integer x.
func isqrt(x int32) int32 {
	n := op.NormL(x)
	frac, exp := isqrtNorm(op.LShl(x, n), 31-n)
	return op.LShl(frac, exp)
}

// pow2 returns 2^(exp + frac) for frac in Q15, rounded to an integer.
func pow2(exp, frac int16) int32 {
	x := int32(frac) << 6
	i := x >> 16
	a := int16(x >> 1 & 0x7fff)
	slope := pow2Tbl[i] - pow2Tbl[i+1]
	return op.LShrR(int32(pow2Tbl[i])<<16-int32(slope)*int32(a)<<1, 30-exp)
}

// log2 returns the integer part and the fraction in Q15 of log2(x); 0 for x <= 0.
func log2(x int32) (exp, frac int16) {
	if x <= 0 {
		return 0, 0
	}
	n := op.NormL(x)
	x <<= uint(n)
	i := x>>25 - 32
	a := int16(x >> 10 & 0x7fff)
	slope := log2Tbl[i] - log2Tbl[i+1]
	return 30 - n, int16((int32(log2Tbl[i])<<16 - int32(slope)*int32(a)<<1) >> 16)
}

// norm32 returns x normalised and the exponent of the result as a Q31 fraction: x = frac * 2^(exp-30) / 2.
func norm32(x int32) (frac int32, exp int16) {
	n := op.NormL(x)
	return x << uint(n), 30 - n
}

// energy returns 1 + 2 * sum(x*x), saturated. All terms are positive, so that one clamp at the end equals a clamp
// after each.
func energy(x []int16) int32 {
	return satPositive(2*kernel.SumSquares(x) + 1)
}

// satPositive returns x >= 0, limited to 32 bits.
func satPositive(x int64) int32 {
	return int32(min(x, op.MaxInt32))
}

// normEnergy returns energy(x), normalised, as the upper half and the exponent.
func normEnergy(x []int16) (frac, exp int16) {
	f, e := norm32(energy(x))
	return int16(f >> 16), e
}

// normDot returns 1 + 2 * sum(x*y), saturated after every term, normalised.
func normDot(x, y []int16) (frac int32, exp int16) {
	return norm32(dotSat(1, x, y))
}

// random steps a linear congruential generator and returns its state.
func random(seed *int16) int16 {
	*seed = int16(int32(*seed)*31821 + 13849)
	return *seed
}

// median5 returns the third largest of five.
func median5(x *[5]int16) int16 {
	s := *x
	for i := 1; i < 5; i++ {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s[2]
}
