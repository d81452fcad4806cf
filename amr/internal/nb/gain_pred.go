package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

const (
	minEnergy      = -14336 // Q10, least prediction error of the code energy, -14 dB
	minEnergyMR122 = -2381  // Q10, the same as log2 for 12.2
	meanEnerMR122  = 783741 // 36 dB as Q16 log2, twice
)

// A gainPredictor predicts the energy of the fixed codebook from that of the last four subframes (TS 26.090 section
// 5.8.2). The memory is kept in two scales, so that modes can change: dB in Q10, and log2 in Q10 for 12.2.
type gainPredictor struct {
	past      [4]int16
	pastMR122 [4]int16
}

func (g *gainPredictor) reset() {
	g.past = [4]int16{minEnergy, minEnergy, minEnergy, minEnergy}
	g.pastMR122 = [4]int16{minEnergyMR122, minEnergyMR122, minEnergyMR122, minEnergyMR122}
}

// predict returns the predicted code gain as log2, exponent and Q15 fraction. In 7.95 it also returns the energy of the
// codeword, en * 2^expEn.
func (g *gainPredictor) predict(mode Mode, code *codeword) (exp, frac, expEn, en int16) {
	ener := energy(code[:])
	if mode == MR122 {
		e, f := log2(LMult(Round(ener), 26214)) // Q9 * 1/40 in Q20
		mean := int32(meanEnerMR122)
		for i, p := range g.pastMR122 {
			mean = LMac(mean, p, predMR122[i])
		}
		exp, frac = Extract(LSub(mean, Comp(e-30, f)) >> 1)
		return exp, frac, 0, 0
	}
	shift := NormL(ener)
	ener <<= uint(shift)
	e, f := log2Norm(ener, shift)
	s := Mpy32x16(e, f, -24660) // -10*log10(energy) in Q13
	switch mode {
	case MR795:
		en, expEn = ExtractH(ener), -11-shift
		s = LMac(s, 17062, 64) // mean energy 36 dB
	case MR74:
		s = LMac(s, 32588, 32) // 30 dB
	case MR67:
		s = LMac(s, 32268, 32) // 28.75 dB
	default:
		s = LMac(s, 16678, 64) // 33 dB
	}
	s = LShl(s, 10) // Q23
	for i, p := range g.past {
		s = LMac(s, pred[i], p)
	}
	scale := int16(5443) // 1/(20*log10(2)) in Q15
	if mode == MR74 {
		scale = 5439
	}
	exp, frac = Extract(LMult(ExtractH(s), scale) >> 8)
	return exp, frac, expEn, en
}

// update puts the prediction error of a subframe into both memories.
func (g *gainPredictor) update(energyMR122, energy int16) {
	copy(g.past[1:], g.past[:3])
	copy(g.pastMR122[1:], g.pastMR122[:3])
	g.past[0], g.pastMR122[0] = energy, energyMR122
}

// average returns the mean of each memory, not below the minimum: what a lost subframe counts as.
func (g *gainPredictor) average() (energyMR122, energy int16) {
	for i := range 4 {
		energyMR122 = Add(energyMR122, g.pastMR122[i])
		energy = Add(energy, g.past[i])
	}
	return max(Mult(energyMR122, 8192), minEnergyMR122), max(Mult(energy, 8192), minEnergy)
}
