package kernel

// Slide40 moves a filtered excitation on by a sample: y[j] becomes y[j] + (x*h[j] >> down), saturated both times, for 40
// samples. It returns the sum of y*xn modulo 2^32 and that of y*y, exactly: see Dot and SumSquares.
//
// A product is at most 2^30 in magnitude and is kept whole in 32 bits until it is shifted and limited, as mult and L_shl do.
func Slide40(y *[40]int16, h, xn *[40]int16, x int16, down uint) (xy int32, yy int64) {
	if haveSIMD {
		return slide40SIMD(&y[0], h, xn, int64(x), int64(down))
	}
	for j, v := range h {
		t := sat(int32(y[j]) + int32(sat(int32(x)*int32(v)>>down)))
		y[j] = t
		xy += int32(t) * int32(xn[j])
		yy += int64(int32(t) * int32(t))
	}
	return xy, yy
}

// Slides40 moves a filtered excitation on by the samples of x, up to 40, from the last one to the first: with each one, y moves one place
// on, the sample >> (down-12) comes in front, and Slide40 adds the products with h, of which h[0] is 0. xy and yy, one longer than x,
// get the sums of y*xn and y*y before the first one and after each.
func Slides40(y, h, xn *[40]int16, x []int16, down uint, xy *[41]int32, yy *[41]int64) {
	if haveSubframe && haveSIMD && len(x) > 0 && len(x) <= 40 {
		slides40SIMD(y, h, xn, &x[0], len(x), uint64(down), xy, yy)
		return
	}
	var buf [80]int16
	at := len(x)
	copy(buf[at:], y[:])
	xy[0], _, yy[0] = DotSquares40(xn, y)
	for i := range x {
		v := x[len(x)-1-i]
		at--
		buf[at] = v >> (down - 12)
		xy[1+i], yy[1+i] = Slide40((*[40]int16)(buf[at:]), h, xn, v, down)
	}
	copy(y[:], buf[at:])
}

// Slide64 prepends the sample x to a convolution with h, kept in y behind a zero: y[1+j] becomes add(mult(x, h[j]), y[j]) for 64
// samples, each from what was one place before it. It returns the sum of y[1:]*xn modulo 2^32 and that of the squares of y, as
// Slide40 does.
func Slide64(y *[65]int16, h, xn *[64]int16, x int16) (xy int32, yy int64) {
	if haveSIMD {
		return slide64SIMD(y, h, xn, int64(x))
	}
	for j := 63; j >= 0; j-- {
		t := sat(int32(mult(x, h[j])) + int32(y[j]))
		y[1+j] = t
		xy += int32(t) * int32(xn[j])
		yy += int64(int32(t) * int32(t))
	}
	return xy, yy
}
