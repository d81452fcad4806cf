package resample

// dots sets y[i] to the exact sum of the products of c and x[i*step:]. The number of taps is a multiple of 8 and at least 16, and the
// magnitudes of those that one lane of dotsSIMD takes add up to less than 2^16, so that the lane holds their sum.
func dots(y []int64, x, c []int16, step int) {
	if len(y) == 0 {
		return
	}
	x = x[:(len(y)-1)*step+len(c)]
	if haveSIMD {
		dotsSIMD(&y[0], &x[0], &c[0], len(y), len(c), step)
		return
	}
	for i := range y {
		y[i] = dot(c, x[i*step:])
	}
}

// dot is the exact sum of products. Two of them fit into 32 bits, because no coefficient is -1.
func dot(c, x []int16) (sum int64) {
	x = x[:len(c)]
	for len(c) >= 8 && len(x) >= 8 {
		a := int32(c[0])*int32(x[0]) + int32(c[1])*int32(x[1])
		b := int32(c[2])*int32(x[2]) + int32(c[3])*int32(x[3])
		d := int32(c[4])*int32(x[4]) + int32(c[5])*int32(x[5])
		e := int32(c[6])*int32(x[6]) + int32(c[7])*int32(x[7])
		sum += int64(a) + int64(b) + int64(d) + int64(e)
		c, x = c[8:], x[8:]
	}
	return sum
}
