package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// gainCoeffs are the correlations of the adaptive codebook that the gain search needs: <y,y> and <x,y>, normalised.
type gainCoeffs struct{ yy, expYY, xy, expXY int16 }

// quantise finds the gains that come closest to the target xn (TS 26.190 section 5.9): pit is the unquantised pitch
// gain, y1 and y2 are the filtered adaptive and fixed codebook vectors, q is the scaling of xn. short selects 6 bits.
func (p *gainPredictor) quantise(xn, y1, y2, code *[subLen]int16, q int16, c gainCoeffs, short bool, pit int16, clip bool) (idx, gainPit int16, gain int32) {
	const window = 64 // entries searched
	book := tQuaGain7b[:]
	start, size := 0, window
	if short {
		book = tQuaGain6b[:]
		if clip {
			size -= 16
		}
	} else {
		// The book is sorted by pitch gain: search around it.
		n := len(book) - window
		if clip {
			n -= 27
		}
		for i := range n {
			if pit > book[window/2+i][0] {
				start++
			}
		}
	}

	coeff := [5]int16{c.yy, op.Neg(c.xy)}
	exp := [5]int16{c.expYY, c.expXY + 1}
	f, e := norm32(energy(y2[:]))
	coeff[2], exp[2] = int16(f>>16), e-18+2*q
	f, e = normDot(xn[:], y2[:])
	coeff[3], exp[3] = int16(op.LNeg(f)>>16), e-8+q
	f, e = normDot(y1[:], y2[:])
	coeff[4], exp[4] = int16(f>>16), e-8+q

	f, e = norm32(energy(code[:]))
	logExp, logFrac := log2(f)
	s := op.Mpy32x16(logExp+e-55, logFrac, -24660)
	const meanEnergy = 30
	s = op.LShl(op.LMac(s, meanEnergy, 8192), 10)
	mant, expCode := gainFromDB(int16(p.sum(s) >> 16))
	e = expCode + 4

	exp[0] -= 13
	exp[1] -= 14
	exp[2] += 15 + 2*e
	exp[3] += e
	exp[4] += 1 + e
	top := max(exp[0], exp[1], exp[2], exp[3], exp[4])
	var lo [5]int16
	for i := range coeff {
		hi, l := op.Extract(op.LShr(int32(coeff[i])<<16, top-exp[i]+2))
		coeff[i], lo[i] = hi, l>>3
	}
	var err [window]int32
	kernel.Gains(err[:size], book[start:start+size], mant, &coeff, &lo)
	best, _ := kernel.Least(err[:size])
	idx = int16(start + best)
	gainPit = book[idx][0]
	factor := book[idx][1]
	gain = op.LShl(op.LMult(factor, mant), expCode+4)
	p.push(quantisedEnergy(factor))
	return idx, gainPit, gain
}
