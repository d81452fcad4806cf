package kernel

// Synthesis10 filters x by 1/A(z) into y, which may be x: y[n] is x[n] - sum of a[k]*y[n-k], k in 1..10, where a is in Q12 and
// a[0] 1, rounded. mem has the last ten outputs, the oldest first. It stops before the first output beyond limit in magnitude, and
// returns how many there are up to there.
//
// The caller has checked mem, and that limit*sum|a[1:]| + max|x|*4096 < 2^30: as every output that goes into a sum is within the
// limit, no part of a sum nor its doubling leaves 32 bits. Nor does L_shl by 3 or round saturate, as the output is within 16 bits.
func Synthesis10(a *[11]int16, x, y []int16, mem *[10]int16, limit int32) int {
	if len(x) == 0 {
		return 0
	}
	y = y[:len(x)]
	if haveRecursive && haveSIMD {
		return len(x) - synthesis10SIMD(a, &x[0], &y[0], mem, len(x), limit)
	}
	a1, a2, a3, a4, a5 := int32(a[1]), int32(a[2]), int32(a[3]), int32(a[4]), int32(a[5])
	a6, a7, a8, a9, a10 := int32(a[6]), int32(a[7]), int32(a[8]), int32(a[9]), int32(a[10])
	y1, y2, y3, y4, y5 := int32(mem[9]), int32(mem[8]), int32(mem[7]), int32(mem[6]), int32(mem[5])
	y6, y7, y8, y9, y10 := int32(mem[4]), int32(mem[3]), int32(mem[2]), int32(mem[1]), int32(mem[0])
	for i, v := range x {
		s := int32(v)<<12 - a10*y10 - a9*y9 - a8*y8 - a7*y7 - a6*y6 - a5*y5 - a4*y4 - a3*y3 - a2*y2 - a1*y1
		o := (s + 0x800) >> 12
		if uint32(o+limit) > uint32(2*limit) {
			return i
		}
		y10, y9, y8, y7, y6, y5, y4, y3, y2, y1 = y9, y8, y7, y6, y5, y4, y3, y2, y1, o
		y[i] = int16(o)
	}
	return len(x)
}
