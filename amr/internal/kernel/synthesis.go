package kernel

// Synthesis10 filters x by 1/A(z) into y, which may be x: y[n] is x[n] - sum of a[k]*y[n-k], k in 1..10, where a is in Q12 and
// a[0] 1, rounded and saturated. mem has the last ten outputs, the oldest first. It tells whether the sum, which is in the
// Q of y times 2^12, or its rounding left 28 bits, which is where L_shl by 3 of the doubled sum or round saturates.
//
// The sum of the magnitudes of a must be at most 32767: then no partial sum reaches 2^30, whatever the outputs are.
func Synthesis10(a *[11]int16, x, y []int16, mem *[10]int16) (overflow bool) {
	if len(x) == 0 {
		return false
	}
	y = y[:len(x)]
	if haveRecursive && haveSIMD {
		return synthesis10SIMD(a, &x[0], &y[0], mem, len(x)) != 0
	}
	a1, a2, a3, a4, a5 := int32(a[1]), int32(a[2]), int32(a[3]), int32(a[4]), int32(a[5])
	a6, a7, a8, a9, a10 := int32(a[6]), int32(a[7]), int32(a[8]), int32(a[9]), int32(a[10])
	y1, y2, y3, y4, y5 := int32(mem[9]), int32(mem[8]), int32(mem[7]), int32(mem[6]), int32(mem[5])
	y6, y7, y8, y9, y10 := int32(mem[4]), int32(mem[3]), int32(mem[2]), int32(mem[1]), int32(mem[0])
	var wide int32
	for i, v := range x {
		s := int32(v)<<12 - a10*y10 - a9*y9 - a8*y8 - a7*y7 - a6*y6 - a5*y5 - a4*y4 - a3*y3 - a2*y2 - a1*y1
		o := (s + 0x800) >> 12
		wide |= s ^ s>>31
		if o != int32(int16(o)) {
			overflow = true
			o = int32(sat(o))
		}
		y10, y9, y8, y7, y6, y5, y4, y3, y2, y1 = y9, y8, y7, y6, y5, y4, y3, y2, y1, o
		y[i] = int16(o)
	}
	return overflow || wide >= 1<<27
}
