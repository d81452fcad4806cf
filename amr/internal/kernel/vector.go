package kernel

// Arithmetic on vectors of samples, as the standards do it in 16 bits.

// Scale multiplies x by 2^exp, rounded and saturated: L_shl or L_shr of the sample in the upper half, then round.
func Scale(x []int16, exp int16) {
	if exp == 0 {
		return
	}
	// A sample in the upper half of 32 bits goes right by lift, where half is added, and then by down: nothing is lost or
	// overflows.
	lift, half, down := uint(16), int32(0), uint(0)
	if exp > 0 {
		lift -= uint(min(exp, 16))
	} else {
		down = uint(min(-exp, 17))
		half = 1 << (down - 1)
	}
	if n := len(x) &^ 15; haveVector && haveSIMD && n > 0 {
		scaleSIMD(&x[0], n, uint64(lift), uint64(down), half)
		x = x[n:]
	}
	for i, v := range x {
		x[i] = sat((int32(v)<<16>>lift + half) >> down)
	}
}

// Mix sets out, which may be x or y, to (x*a + (y*2^lift)*b + half) >> down, saturated.
//
// The caller knows that no y*2^lift leaves 16 bits and that neither the sum of the products nor it and half leave 32.
func Mix(out, x, y []int16, a, b int16, lift uint, half int32, down uint) {
	x, y = x[:len(out)], y[:len(out)]
	if n := len(out) &^ 15; haveVector && haveSIMD && n > 0 {
		mixSIMD(&out[0], &x[0], &y[0], n, int32(uint16(a))|int32(b)<<16, half, uint64(lift), uint64(down))
		out, x, y = out[n:], x[n:], y[n:]
	}
	for i, v := range x {
		out[i] = sat((int32(v)*int32(a) + int32(y[i]<<lift)*int32(b) + half) >> down)
	}
}

// Echo adds to each sample of x that of lag earlier, as it was, times gain in Q15: x[i] becomes round(L_mac(x[i] in the upper half,
// x[i-lag], gain)). Samples before the first one are 0.
//
// L_mac saturates only where round does: it is add(x[i], mult_r(x[i-lag], gain)). gain must not be -32768.
func Echo(x *[64]int16, lag int, gain int16) {
	if lag >= len(x) {
		return
	}
	if haveVector && haveSIMD {
		echoSIMD(x, int64(lag), int32(gain))
		return
	}
	for i := len(x) - 1; i >= lag; i-- {
		x[i] = sat(int32(x[i]) + (int32(x[i-lag])*int32(gain)+0x4000)>>15)
	}
}

// Sides sets y to x, less the samples on both sides times gain in Q15, rounded; y is not x. No |x| may be above 16383, nor gain
// -32768: then it is sub(x[i], mult_r(x[i-1]+x[i+1], gain)) but for the saturation of the standard's L_msu, which
// there is not: 2^30 and twice 2^29 are too little.
func Sides(y, x *[64]int16, gain int16) {
	if haveVector && haveSIMD {
		sidesSIMD(y, x, -int32(gain))
		return
	}
	for i, v := range x {
		var s int32
		if i > 0 {
			s = int32(x[i-1])
		}
		if i < len(x)-1 {
			s += int32(x[i+1])
		}
		y[i] = sat(int32(v) + (0x4000-s*int32(gain))>>15)
	}
}

// Amplify sets x to mult(x, gain).
func Amplify(x []int16, gain int16) {
	if n := len(x) &^ 15; haveVector && haveSIMD && n > 0 {
		amplifySIMD(&x[0], n, int32(gain))
		x = x[n:]
	}
	for i, v := range x {
		x[i] = sat(int32(v) * int32(gain) >> 15)
	}
}

// Add adds y to x, saturated.
func Add(x, y []int16) {
	y = y[:len(x)]
	if n := len(x) &^ 15; haveVector && haveSIMD && n > 0 {
		addSIMD(&x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	for i, v := range y {
		x[i] = sat(int32(x[i]) + int32(v))
	}
}

// Window sets y to mult_r(x, w), with w not negative, and returns the sum of the squares of y, each shifted right by 7.
func Window(y, x, w []int16) (sum int64) {
	x, w = x[:len(y)], w[:len(y)]
	if n := len(y) &^ 15; haveVector && haveSIMD && n > 0 {
		sum = windowSIMD(&y[0], &x[0], &w[0], n)
		y, x, w = y[n:], x[n:], w[n:]
	}
	for i, v := range x {
		p := (int32(v)*int32(w[i]) + 0x4000) >> 15
		y[i] = int16(p)
		sum += int64(p * p >> 7)
	}
	return sum
}
