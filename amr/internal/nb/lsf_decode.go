package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// lsfDecoder holds the memory of the predictive LSF dequantiser (TS 26.090 section 6.1).
type lsfDecoder struct {
	pastResidual vec10
	pastLSF      vec10
}

func (d *lsfDecoder) reset() {
	d.pastResidual = vec10{}
	d.pastLSF = meanLsf5
}

// conceal moves the last LSFs a bit towards their mean (TS 26.091 section 6.2.3.2): alpha is 0.9 or 0.95 in Q15.
func (d *lsfDecoder) conceal(mean *vec10, alpha, oneMinusAlpha int16) (lsf vec10) {
	for i := range lsf {
		lsf[i] = Add(Mult(d.pastLSF[i], alpha), Mult(mean[i], oneMinusAlpha))
	}
	return lsf
}

// split3 decodes the three indices of all modes but 12.2, and of SID frames (MRDTX). If bad, the indices are not used.
func (d *lsfDecoder) split3(mode Mode, bad bool, prm []int16) (lsp vec10) {
	var predicted, lsf vec10
	for i := range predicted {
		p := d.pastResidual[i]
		if mode != MRDTX {
			p = Mult(p, predFac3[i])
		}
		predicted[i] = Add(meanLsf3[i], p)
	}
	if bad {
		lsf = d.conceal(&meanLsf3, 29491, 3277)
		for i := range lsf {
			d.pastResidual[i] = Sub(lsf[i], predicted[i])
		}
	} else {
		r := lsfResidual3(mode, prm[0], prm[1], prm[2])
		for i := range lsf {
			lsf[i] = Add(r[i], predicted[i])
		}
		d.pastResidual = r
	}
	reorder(&lsf)
	d.pastLSF = lsf
	return lsfToLSP(&lsf)
}

// lsfResidual3 looks the residual up in the split codebooks of a mode.
func lsfResidual3(mode Mode, i1, i2, i3 int16) (r vec10) {
	switch mode {
	case MR475, MR515:
		copy(r[0:3], dico1Lsf3[i1][:])
		copy(r[3:6], dico2Lsf3[i2<<1][:])
		copy(r[6:10], mr515x3Lsf[i3][:])
	case MR795:
		copy(r[0:3], mr795x1Lsf[i1][:])
		copy(r[3:6], dico2Lsf3[i2][:])
		copy(r[6:10], dico3Lsf3[i3][:])
	default:
		copy(r[0:3], dico1Lsf3[i1][:])
		copy(r[3:6], dico2Lsf3[i2][:])
		copy(r[6:10], dico3Lsf3[i3][:])
	}
	return r
}

// split5 decodes the five indices of 12.2, each of a pair of LSFs in both sets.
func (d *lsfDecoder) split5(bad bool, prm []int16) (lspMid, lspNew vec10) {
	var predicted, lsf1, lsf2 vec10
	for i := range predicted {
		predicted[i] = Add(meanLsf5[i], Mult(d.pastResidual[i], predFac5))
	}
	if bad {
		lsf1 = d.conceal(&meanLsf5, 31128, 1639)
		lsf2 = lsf1
		for i := range lsf2 {
			d.pastResidual[i] = Sub(lsf2[i], predicted[i])
		}
	} else {
		rows := [5][4]int16{dico1Lsf5[prm[0]], dico2Lsf5[prm[1]], dico3Lsf5[prm[2]>>1], dico4Lsf5[prm[3]], dico5Lsf5[prm[4]]}
		if prm[2]&1 != 0 {
			for i, v := range rows[2] {
				rows[2][i] = Neg(v)
			}
		}
		for k, row := range rows {
			for i := range 2 {
				lsf1[2*k+i] = Add(row[i], predicted[2*k+i])
				lsf2[2*k+i] = Add(row[2+i], predicted[2*k+i])
				d.pastResidual[2*k+i] = row[2+i]
			}
		}
	}
	reorder(&lsf1)
	reorder(&lsf2)
	d.pastLSF = lsf2
	return lsfToLSP(&lsf1), lsfToLSP(&lsf2)
}
