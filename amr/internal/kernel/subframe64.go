package kernel

// Filters with the impulse response of a subframe of 64 samples. With SIMD they run over zeros around the samples: a product
// with 0 changes no sum. In two halves, taps that would only meet zeros are left out for one of them.

const half64 = 32

// Convolve64 sets y to the convolution of x and h, rounded: y[n] is FIR16's result for the sum of x[i]*h[n-i], with a shift of
// 15. It is exact where WithinSum(x, SumAbs(h)).
func Convolve64(x, h, y *[64]int16) {
	var rev [64]int16
	for i, v := range h {
		rev[63-i] = v
	}
	if haveSIMD {
		var z [half64 - 1 + 64]int16
		copy(z[half64-1:], x[:])
		FIR16(y[:half64], z[:], rev[half64:], 0x4000, 15)
		FIR16(y[half64:], z[:], rev[:], 0x4000, 15)
		return
	}
	for n := range y {
		y[n] = sat((Dot(x[:n+1], rev[63-n:]) + 0x4000) >> 15)
	}
}

// Correlate64 sets y[i] to the sum of x[i+k]*h[k], modulo 2^32.
func Correlate64(x, h *[64]int16, y *[64]int32) {
	if haveSIMD {
		var z [64 + half64 - 1]int16
		copy(z[:], x[:])
		FIR32(y[:half64], z[:], h[:])
		FIR32(y[half64:], z[half64:], h[:half64])
		return
	}
	for i := range y {
		y[i] = Dot(x[i:], h[:64-i])
	}
}

// CorrelateRound64 sets y[i] to the sum of x[i+k]*h[k], shifted right by 14 and rounded. x has zeros behind 64 samples. It is
// exact where FIR16 is, within WithinSum(x, SumAbs(h)).
func CorrelateRound64(x *[96]int16, h, y *[64]int16) {
	if haveSIMD {
		FIR16(y[:half64], x[:half64+63], h[:], 0x2000, 14)
		FIR16(y[half64:], x[half64:half64+63], h[:half64], 0x2000, 14)
		return
	}
	for i := range y {
		y[i] = sat((Dot(x[i:64], h[:64-i]) + 0x2000) >> 14)
	}
}
