package basicop

import "math/bits"

const (
	MaxInt16 = 1<<15 - 1 // MAX_16
	MinInt16 = -1 << 15  // MIN_16
)

// Sat returns x, limited to 16 bits (saturate).
func Sat(x int32) int16 {
	if x != int32(int16(x)) {
		return int16(x>>31) ^ MaxInt16
	}
	return int16(x)
}

// Add returns a + b in the operands' Q (add).
func Add(a, b int16) int16 { return Sat(int32(a) + int32(b)) }

// Sub returns a - b in the operands' Q (sub).
func Sub(a, b int16) int16 { return Sat(int32(a) - int32(b)) }

// Abs returns |a|; that of -32768 is 32767 (abs_s).
func Abs(a int16) int16 {
	if a == MinInt16 {
		return MaxInt16
	}
	return (a ^ a>>15) - a>>15
}

// Neg returns -a; that of -32768 is 32767 (negate).
func Neg(a int16) int16 {
	if a == MinInt16 {
		return MaxInt16
	}
	return -a
}

// Mult returns the product Qa * Qb -> Q(a+b-15), truncated (mult).
func Mult(a, b int16) int16 { return Sat(int32(a) * int32(b) >> 15) }

// MultR returns the product Qa * Qb -> Q(a+b-15), rounded (mult_r).
func MultR(a, b int16) int16 { return Sat((int32(a)*int32(b) + 0x4000) >> 15) }

// Shl returns a * 2^n; a negative n shifts right (shl).
func Shl(a int16, n int16) int16 {
	if n < 0 {
		return a >> uint(min(-int(n), 15))
	}
	return shl(a, uint(n))
}

// shl shifts left by n >= 0. A shift of 16 takes every number but 0 out of range, so more is the same.
func shl(a int16, n uint) int16 { return Sat(int32(a) << min(n, 16)) }

// Shr returns a / 2^n, rounded down; a negative n shifts left (shr).
func Shr(a int16, n int16) int16 {
	if n < 0 {
		return shl(a, uint(-int(n)))
	}
	return a >> uint(n)
}

// ShrR returns a / 2^n, rounded to nearest; a negative n shifts left (shr_r).
func ShrR(a int16, n int16) int16 {
	if n > 15 {
		return 0
	}
	if n <= 0 {
		return shl(a, uint(-int(n)))
	}
	return int16((int32(a)>>uint(n-1) + 1) >> 1)
}

// NormS returns how far a can be shifted left without overflow, 0 for 0 (norm_s).
func NormS(a int16) int16 {
	if a == 0 {
		return 0
	}
	return int16(bits.LeadingZeros16(uint16(a^a>>15))) - 1
}

// DivS returns num / den in Q15, truncated, for 0 <= num <= den and den > 0; equal operands give 32767 (div_s).
// The standard leaves other operands undefined; here they give 32767 and never panic.
func DivS(num, den int16) int16 {
	if num >= den || num < 0 {
		return MaxInt16
	}
	return int16(uint32(num) << 15 / uint32(den))
}
