package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// energyInit is the code energy that the gain predictor starts with, Q10 -14 dB.
const energyInit = -14336

// gainPredictor is the moving-average prediction of the code energy from the last four subframes (TS 26.190 section
// 5.9), the newest first, Q10.
type gainPredictor [4]int16

func (p *gainPredictor) reset() { *p = gainPredictor{energyInit, energyInit, energyInit, energyInit} }

func (p *gainPredictor) push(e int16) { *p = gainPredictor{e, p[0], p[1], p[2]} }

// sum adds the prediction to s.
func (p *gainPredictor) sum(s int32) int32 {
	for i, e := range p {
		s = op.LMac(s, pred[i], e)
	}
	return s
}

// quantisedEnergy returns the energy, Q10, that the gain factor g in Q11 stands for.
func quantisedEnergy(g int16) int16 {
	exp, frac := log2(int32(g))
	return int16(op.Mpy32x16(exp-11, frac, 24660) >> 3)
}

// gainFromDB returns the code gain of a level in dB, Q8, as mantissa in Q14 and exponent.
func gainFromDB(db int16) (mant, exp int16) {
	exp, frac := op.Extract(op.LMult(db, 5443) >> 8)
	return int16(pow2(14, frac)), exp - 14
}

// gainDecoder is the memory of the gain decoding and its concealment.
type gainDecoder struct {
	pred     gainPredictor
	prevCode int16    // code gain of the last good subframe
	codeHist [5]int16 // gains of the last subframes, the newest last
	pitHist  [5]int16
	goodPit  [5]int16 // pitch gains of the last good subframes, the newest last
}

func (g *gainDecoder) reset() {
	*g = gainDecoder{}
	g.pred.reset()
}

// codeEnergy returns 1/sqrt of the mean energy of the code vector, Q12.
func codeEnergy(code []int16) int16 {
	frac, exp := norm32(energy(code))
	frac, exp = isqrtNorm(frac, exp-24)
	return int16(op.LShl(frac, exp-3) >> 16)
}

func push5(h *[5]int16, v int16) {
	copy(h[:], h[1:])
	h[4] = v
}

// decode returns the pitch gain in Q14 and the code gain in Q16 that index idx of short (6 bits) or long (7 bits)
// codebook names. afterBad limits the code gain behind a bad frame.
func (g *gainDecoder) decode(idx int16, short bool, code []int16, afterBad bool) (pit int16, gain int32) {
	innov := codeEnergy(code)
	const meanEnergy = 30 // dB
	db := int16(g.pred.sum(meanEnergy<<24) >> 16)
	mant, exp := gainFromDB(db)
	book := tQuaGain7b[:]
	if short {
		book = tQuaGain6b[:]
	}
	pit, factor := book[idx][0], book[idx][1]
	gain = op.LShl(op.LMult(factor, mant), exp+4)
	if afterBad {
		if limit := op.LMult(g.prevCode, 5120); gain > limit && gain > 6553600 {
			gain = limit
		}
	}
	g.prevCode = op.Round(op.LShl(gain, 3))
	push5(&g.codeHist, g.prevCode)
	push5(&g.pitHist, pit)
	push5(&g.goodPit, pit)
	g.pred.push(quantisedEnergy(factor))
	return pit, op.LShl(mpy(gain, innov), 3)
}

// conceal returns gains for a bad frame: attenuated medians of the last ones (TS 26.191 section 6.2.3.1). state counts
// bad frames up to 6; unusable tells that the frame's other parameters are of no use either. In long background noise
// the code gain isn't attenuated.
func (g *gainDecoder) conceal(code []int16, state int16, unusable, noise bool) (pit int16, gain int32) {
	innov := codeEnergy(code)
	pitDown, codeDown := &pdownUsable, &cdownUsable
	if unusable {
		pitDown, codeDown = &pdownUnusable, &cdownUnusable
	}
	last := min(median5(&g.pitHist), 15565)
	pit = op.Mult(pitDown[state], last)
	lastCode := median5(&g.codeHist)
	if !noise {
		lastCode = op.Mult(codeDown[state], lastCode)
	}
	var s int32
	for _, e := range g.pred {
		s = op.LMac(s, e, 8192)
	}
	g.pred.push(max(op.Sub(int16(s>>16), 3072), energyInit))
	push5(&g.codeHist, lastCode)
	push5(&g.pitHist, last)
	return pit, op.LMult(lastCode, innov)
}
