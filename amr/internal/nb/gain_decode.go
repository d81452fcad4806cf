package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// pitchGain looks up the pitch gain, Q14, of the scalar quantiser of 7.95 and 12.2.
func pitchGain(mode Mode, index int16) int16 {
	g := quaGainPitch[index]
	if mode == MR122 {
		return g &^ 3
	}
	return g
}

// codeGain decodes the code gain, Q1, of the scalar quantiser of 7.95 and 12.2 and updates the predictor.
func (g *gainPredictor) codeGain(mode Mode, index int16, code *codeword) (gain int16) {
	exp, frac, _, _ := g.predict(mode, code)
	q := &quaGainCode[index] // correction factor in Q11, its energy as log2 and as dB
	if mode == MR122 {
		gain = Shl(Mult(Shl(ExtractL(pow2(exp, frac)), 4), q[0]), 1)
	} else {
		gain = ExtractH(LShr(LMult(q[0], ExtractL(pow2(14, frac))), Sub(9, exp)))
	}
	g.update(q[1], q[2])
	return gain
}

// jointGains decodes pitch gain (Q14) and code gain (Q1) of the modes with a joint quantiser and updates the predictor.
// In 4.75 one index serves two subframes, of which first is the former.
func (g *gainPredictor) jointGains(mode Mode, index int16, first bool, code *codeword) (pitch, gain int16) {
	var factor, energyMR122, energy int16
	switch mode {
	case MR475:
		q := tableGainMR475[index][:2]
		if !first {
			q = tableGainMR475[index][2:]
		}
		pitch, factor = q[0], q[1]
		energyMR122, energy = factorEnergy(factor)
	case MR67, MR74, MR102:
		q := &tableGainHighrates[index]
		pitch, factor, energyMR122, energy = q[0], q[1], q[2], q[3]
	default:
		q := &tableGainLowrates[index]
		pitch, factor, energyMR122, energy = q[0], q[1], q[2], q[3]
	}
	exp, frac, _, _ := g.predict(mode, code)
	gain = ExtractH(LShr(LMult(factor, ExtractL(pow2(14, frac))), Sub(10, exp)))
	g.update(energyMR122, energy)
	return pitch, gain
}

// factorEnergy returns the energy of a correction factor (Q12), as log2 and as dB, both in Q10.
func factorEnergy(factor int16) (energyMR122, energy int16) {
	exp, frac := log2(int32(factor))
	exp -= 12
	return Add(ShrR(frac, 5), Shl(exp, 10)), Round(LShl(Mpy32x16(exp, frac, 24660), 13))
}
