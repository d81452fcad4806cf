package basicop

// The double-precision format (DPF) holds a 32-bit number as hi in its upper 16 bits and lo, 15 bits without sign,
// below: x = hi<<16 + lo<<1. The lowest bit is lost.

// Extract splits a 32-bit number into DPF (L_Extract).
func Extract(a int32) (hi, lo int16) { return int16(a >> 16), int16(a >> 1 & 0x7fff) }

// Comp joins DPF into a 32-bit number (L_Comp).
func Comp(hi, lo int16) int32 { return LAdd(int32(hi)<<16, int32(lo)<<1) }

// Mpy32 returns the product of two DPF numbers, Q31 * Q31 -> Q31 (Mpy_32). With lo in 0..32767 only the product of
// two his of -32768 can saturate: |hi1*hi2*2| <= 32768*32767*2 = 2^31-65536 otherwise, and the two cross terms together
// add no more than 65534 in its direction, because a cross term of the opposite sign only takes away.
func Mpy32(hi1, lo1, hi2, lo2 int16) int32 {
	return LMult(hi1, hi2) + int32(hi1)*int32(lo2)>>15<<1 + int32(lo1)*int32(hi2)>>15<<1
}

// Mpy32x16 returns the product of a DPF and a 16-bit number, Q31 * Q15 -> Q31 (Mpy_32_16); see Mpy32 for the range.
func Mpy32x16(hi, lo, n int16) int32 { return LMult(hi, n) + int32(lo)*int32(n)>>15<<1 }

// Div32 returns num / den in Q31 for 0 <= num < den and den normalised (hi >= 0x4000), with about 24 bits of
// precision: one Newton step from the 15-bit reciprocal (Div_32).
func Div32(num int32, denHi, denLo int16) int32 {
	inv := DivS(0x3fff, denHi) // Q14
	hi, lo := Extract(LSub(MaxInt32, Mpy32x16(denHi, denLo, inv)))
	hi, lo = Extract(Mpy32x16(hi, lo, inv))
	numHi, numLo := Extract(num)
	return LShl(Mpy32(numHi, numLo, hi, lo), 2)
}

// MpyL16 is Mpy32x16 of a 32-bit number that has not been split, Q31 * Q15 -> Q31: with a = hi<<16 + lo<<1 the two products
// of Mpy32x16 are together (hi<<15 + lo) * n >> 15, because the first is a whole multiple of 2^15. The one
// product that saturates, -2^31 * -32768, wraps here.
func MpyL16(a int32, n int16) int32 { return int32(int64(a>>1)*int64(n)>>15) << 1 }
