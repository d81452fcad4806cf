package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// interpolate returns the value of a table of 32-point resolution, in the upper 16 bits: x has the index in its upper
// half (already without the offset of the table) and the fraction, 15 bits, below bit 15.
func interpolate(table []int16, i int, frac int16) int32 {
	return DepositH(table[i]) - int32(table[i]-table[i+1])*int32(frac)<<1
}

// log2Norm returns log2 of x, which is normalised by the shift exp: exponent and Q15 fraction. For x <= 0 both are 0.
func log2Norm(x int32, exp int16) (exponent, fraction int16) {
	if x <= 0 {
		return 0, 0
	}
	y := interpolate(log2Tbl[:], int(x>>25)-32, int16(x>>10&0x7fff))
	return 30 - exp, ExtractH(y)
}

// log2 returns log2 of x: exponent and Q15 fraction.
func log2(x int32) (exponent, fraction int16) {
	exp := NormL(x)
	return log2Norm(LShl(x, exp), exp)
}

// pow2 returns 2^(exponent.fraction), the fraction in Q15.
func pow2(exponent, fraction int16) int32 {
	x := int32(fraction) << 6
	y := interpolate(pow2Tbl[:], int(x>>16), int16(x>>1&0x7fff))
	return LShrR(y, Sub(30, exponent))
}

// invSqrt returns 1/sqrt(x), in Q30 for an integer x; 2^30-1 for x <= 0.
func invSqrt(x int32) int32 {
	if x <= 0 {
		return 0x3fffffff
	}
	exp := NormL(x)
	x <<= uint(exp)
	exp = 30 - exp
	if exp&1 == 0 {
		x >>= 1
	}
	y := interpolate(invSqrtTbl[:], int(x>>25)-16, int16(x>>10&0x7fff))
	return y >> uint(exp>>1+1)
}

// sqrtExp returns sqrt(x) * 2^(exp/2) in the upper half of the range; 0 for x <= 0.
func sqrtExp(x int32) (y int32, exp int16) {
	if x <= 0 {
		return 0, 0
	}
	exp = NormL(x) &^ 1
	x <<= uint(exp)
	return interpolate(sqrtLTbl[:], int(x>>25)-16, int16(x>>10&0x7fff)), exp
}

// median returns the middle one of an odd number of values, at most 9.
func median(v []int16) int16 {
	var s [9]int16
	n := copy(s[:], v)
	for i := 1; i < n; i++ {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s[n/2]
}

// energy returns the L_mac chain of x[i]*x[i].
func energy(x []int16) int32 { return kernel.Energy(x) }

// correlateFrom returns the L_mac chain of a and b, started from a small s.
func correlateFrom(s int32, a, b *[subLen]int16) int32 {
	if sum, aa, bb := kernel.DotSquares40(a, b); kernel.WithinCauchy(aa, bb) {
		return s + sum<<1
	}
	for i, v := range a {
		s = LMac(s, v, b[i])
	}
	return s
}

// correlate returns the L_mac chain of a and b.
func correlate(a, b *[subLen]int16) int32 { return correlateFrom(0, a, b) }
