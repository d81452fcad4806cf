package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// The chains of L_mac that kernels take, and what is done where a sum might saturate.

// dotSat returns init + 2 * sum(x*y), saturated after each term. init is 0 or 1.
func dotSat(init int32, x, y []int16) int32 {
	y = y[:len(x)]
	if kernel.WithinCauchy(kernel.SumSquares(x), kernel.SumSquares(y)) {
		return init + 2*kernel.Dot(x, y)
	}
	return dotChain(init, x, y)
}

// dotChain is dotSat, step by step.
func dotChain(init int32, x, y []int16) int32 {
	for i, v := range x {
		init = op.LMac(init, v, y[i])
	}
	return init
}

// fir16 sets y[n] to sum(x[n+k] * c[k]), shifted left by shift+1 and rounded to the upper half, saturated: what a chain
// of L_mac from 0, L_shl by shift and round give, where kernel.WithinSum(x, kernel.SumAbs(c)).
func fir16(y, x, c []int16, shift uint) { kernel.FIR16(y, x, c, int32(0x4000)>>shift, 15-shift) }

// firSat16 does what fir16 does, with a saturating chain in the order of rising k.
func firSat16(y, x, c []int16, shift uint) {
	for n := range y {
		y[n] = op.Round(op.LShl(dotChain(0, x[n:n+len(c)], c), int16(shift)))
	}
}

// fir is fir16 or firSat16, as the bound allows.
func fir(y, x, c []int16, sumC int64, shift uint) {
	if kernel.WithinSum(x[:len(y)+len(c)-1], sumC) {
		fir16(y, x, c, shift)
	} else {
		firSat16(y, x, c, shift)
	}
}
