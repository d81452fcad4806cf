package basicop

import "math/bits"

const (
	MaxInt32 = 1<<31 - 1 // MAX_32
	MinInt32 = -1 << 31  // MIN_32
)

// LSat returns x, limited to 32 bits.
func LSat(x int64) int32 {
	if x != int64(int32(x)) {
		return int32(x>>63) ^ MaxInt32
	}
	return int32(x)
}

// LAdd returns a + b (L_add).
func LAdd(a, b int32) int32 {
	s := a + b
	if (a^s)&(b^s) < 0 { // the operands have one sign and the sum has the other
		return s>>31 ^ MinInt32
	}
	return s
}

// LSub returns a - b (L_sub).
func LSub(a, b int32) int32 {
	s := a - b
	if (a^b)&(a^s) < 0 {
		return s>>31 ^ MinInt32
	}
	return s
}

// LMult returns the product Qa * Qb -> Q(a+b+1); only -32768 * -32768 saturates (L_mult).
func LMult(a, b int16) int32 {
	p := int32(a) * int32(b)
	if p == 1<<30 {
		return MaxInt32
	}
	return p << 1
}

// LMac returns acc + LMult(a, b), saturated after the product and after the sum (L_mac).
func LMac(acc int32, a, b int16) int32 { return LAdd(acc, LMult(a, b)) }

// LMsu returns acc - LMult(a, b), saturated after the product and after the difference (L_msu).
func LMsu(acc int32, a, b int16) int32 { return LSub(acc, LMult(a, b)) }

// LNeg returns -a; that of -2^31 is 2^31-1 (L_negate).
func LNeg(a int32) int32 {
	if a == MinInt32 {
		return MaxInt32
	}
	return -a
}

// LAbs returns |a|; that of -2^31 is 2^31-1 (L_abs).
func LAbs(a int32) int32 {
	if a == MinInt32 {
		return MaxInt32
	}
	return (a ^ a>>31) - a>>31
}

// LShl returns a * 2^n; a negative n shifts right (L_shl).
func LShl(a int32, n int16) int32 {
	if n < 0 {
		return a >> uint(-int(n))
	}
	return lshl(a, uint(n))
}

// lshl shifts left by n >= 0. A shift of 32 takes every number but 0 out of range, so more is the same.
func lshl(a int32, n uint) int32 { return LSat(int64(a) << min(n, 32)) }

// LShr returns a / 2^n, rounded down; a negative n shifts left (L_shr).
func LShr(a int32, n int16) int32 {
	if n < 0 {
		return lshl(a, uint(-int(n)))
	}
	return a >> uint(n)
}

// LShrR returns a / 2^n, rounded to nearest; a negative n shifts left (L_shr_r).
func LShrR(a int32, n int16) int32 {
	if n > 31 {
		return 0
	}
	if n <= 0 {
		return lshl(a, uint(-int(n)))
	}
	return int32((int64(a)>>uint(n-1) + 1) >> 1)
}

// ExtractH returns the upper 16 bits (extract_h).
func ExtractH(a int32) int16 { return int16(a >> 16) }

// ExtractL returns the lower 16 bits (extract_l).
func ExtractL(a int32) int16 { return int16(a) }

// DepositH returns a in the upper 16 bits (L_deposit_h).
func DepositH(a int16) int32 { return int32(a) << 16 }

// DepositL returns a, sign extended (L_deposit_l).
func DepositL(a int16) int32 { return int32(a) }

// Round returns the upper 16 bits of a, rounded (round).
func Round(a int32) int16 {
	if a > MaxInt32-0x8000 {
		return MaxInt16
	}
	return int16((a + 0x8000) >> 16)
}

// NormL returns how far a can be shifted left without overflow, 0 for 0 (norm_l).
func NormL(a int32) int16 {
	if a == 0 {
		return 0
	}
	return int16(bits.LeadingZeros32(uint32(a^a>>31))) - 1
}

// LAddOv is LAdd that also tells whether the sum left the range (the standard's Overflow flag).
func LAddOv(a, b int32) (int32, bool) {
	s := a + b
	if (a^s)&(b^s) < 0 {
		return s>>31 ^ MinInt32, true
	}
	return s, false
}

// LMultOv is LMult that also tells whether the product left the range.
func LMultOv(a, b int16) (int32, bool) {
	p := int32(a) * int32(b)
	if p == 1<<30 {
		return MaxInt32, true
	}
	return p << 1, false
}

// LShlOv is LShl for n >= 0 that also tells whether the result left the range.
func LShlOv(a int32, n int16) (int32, bool) {
	x := int64(a) << uint(min(n, 32))
	s := LSat(x)
	return s, int64(s) != x
}
