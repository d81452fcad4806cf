package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// isfMu is the prediction of an ISF residual from the last frame's, Q15 1/3.
const isfMu = 10923

// isfResidual sets r to the codebook entries that idx names: 7 indices for 46 bits, 5 for 36 (TS 26.190 section 5.2.6).
func isfResidual(idx *[7]int16, short bool, r *[order]int16) {
	copy(r[:9], dico1Isf[idx[0]][:])
	copy(r[9:], dico2Isf[idx[1]][:])
	add := func(at int, entry []int16) {
		for k, v := range entry {
			r[at+k] = op.Add(r[at+k], v)
		}
	}
	if short {
		add(0, dico21Isf36b[idx[2]][:])
		add(5, dico22Isf36b[idx[3]][:])
		add(9, dico23Isf36b[idx[4]][:])
		return
	}
	add(0, dico21Isf[idx[2]][:])
	add(3, dico22Isf[idx[3]][:])
	add(6, dico23Isf[idx[4]][:])
	add(9, dico24Isf[idx[5]][:])
	add(12, dico25Isf[idx[6]][:])
}

// dequantISF sets isf to the quantised frequencies and past to the residual that the next frame is predicted from,
// without the reordering.
func dequantISF(idx *[7]int16, short bool, isf, past *[order]int16) {
	var r [order]int16
	isfResidual(idx, short, &r)
	for i, v := range r {
		isf[i] = op.Add(op.Add(v, meanIsf[i]), op.Mult(isfMu, past[i]))
		past[i] = v
	}
}

// isfMemory is what the decoder knows of past frequencies.
type isfMemory struct {
	past [order]int16    // quantised residual of the last frame
	old  [order]int16    // ISFs of the last frame
	buf  [3][order]int16 // ISFs of the last good frames, the newest first
}

// decode sets isf to the frequencies that idx names.
func (m *isfMemory) decode(idx *[7]int16, short bool, isf *[order]int16) {
	dequantISF(idx, short, isf, &m.past)
	m.buf[2] = m.buf[1]
	m.buf[1] = m.buf[0]
	m.buf[0] = *isf
	reorderISF(isf)
}

// conceal sets isf to the last frame's frequencies, shifted towards their mean (TS 26.191 section 6.2.3.2).
func (m *isfMemory) conceal(isf *[order]int16) {
	const alpha = 29491 // Q15 0.9
	for i := range isf {
		s := op.LMult(meanIsf[i], 8192)
		for _, b := range &m.buf {
			s = op.LMac(s, b[i], 8192)
		}
		ref := op.Round(s)
		isf[i] = op.Add(op.Mult(alpha, m.old[i]), op.Mult(32768-alpha, ref))
		pred := op.Add(ref, op.Mult(m.past[i], isfMu))
		m.past[i] = op.Sub(isf[i], pred) >> 1
	}
	reorderISF(isf)
}

// sidISF sets isf to the frequencies that the indices of a silence descriptor name (TS 26.192 section 5.1).
func sidISF(idx *[5]int16, isf *[order]int16) {
	copy(isf[0:2], dico1IsfNoise[idx[0]][:])
	copy(isf[2:5], dico2IsfNoise[idx[1]][:])
	copy(isf[5:8], dico3IsfNoise[idx[2]][:])
	copy(isf[8:12], dico4IsfNoise[idx[3]][:])
	copy(isf[12:16], dico5IsfNoise[idx[4]][:])
	for i := range isf {
		isf[i] = op.Add(isf[i], meanIsfNoise[i])
	}
	reorderISF(isf)
}
