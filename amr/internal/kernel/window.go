package kernel

// MulRound sets y[i] to x[i]*w[i] in Q15, rounded: mult_r, but for the product of two -32768, which must not come up.
func MulRound(y, x, w []int16) {
	x, w = x[:len(y)], w[:len(y)]
	n := 0
	if haveSubframe && haveSIMD && len(y) >= 16 {
		n = len(y) &^ 15
		mulRoundSIMD(&y[0], &x[0], &w[0], n)
	}
	for ; n < len(y); n++ {
		y[n] = int16((int32(x[n])*int32(w[n]) + 0x4000) >> 15)
	}
}
