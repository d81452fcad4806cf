package kernel

// A Grid holds 64 values, each in a doubleword without its sign: the upper words are 0.
type Grid [64]uint32

// NewGrid returns the values of x, and zeros behind them.
func NewGrid(x []int16) (g Grid) {
	for i, v := range x {
		g[i] = uint32(uint16(v))
	}
	return g
}

// Chebyshev sets y to the values of the polynomial f of order 5, Q10, where f[0] is 1, in Chebyshev form at the points of x, Q15, over 2
// and limited to 16 bits, which is Q14: b[k] = 2*x*b[k-1] - b[k-2] + f[k] from b[0] = 1 and b[1] = 2*x + f[1], all in Q23; at the end
// x*b[4] - b[3] + f[5]/2, in Q14. Products are rounded down, the doubled ones before they are doubled.
//
// It tells whether it could: false means that some b[k] is beyond 2^28 and that y has nothing. Otherwise the sums for the next one
// are at most 3*2^28 and 2^28 more for f: they stay within 32 bits, and b[k] is known to be right where it is within 2^28.
func (g *Grid) Chebyshev(f *[6]int16, y *[64]int16) bool {
	if haveSubframe && haveSIMD {
		return chebyshevSIMD(g, f, y) <= 1<<28
	}
	for i, v := range g {
		x := int32(int16(v))
		b2 := int32(1 << 23)
		b1 := x<<9 + int32(f[1])<<13
		for _, c := range f[2:5] {
			if uint32(b1+1<<28) > 1<<29 {
				return false
			}
			b1, b2 = timesQ15(b1, x)<<1-b2+int32(c)<<13, b1
		}
		if uint32(b1+1<<28) > 1<<29 {
			return false
		}
		y[i] = sat((timesQ15(b1, x) - b2 + int32(f[5])<<12) >> 9)
	}
	return true
}

func timesQ15(b, x int32) int32 { return int32(int64(b) * int64(x) >> 15) }
