package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// lsfWeights returns how much the error of each LSF counts: the closer its neighbours, the more (TS 26.090 section 5.2.5).
func lsfWeights(lsf *vec10) (w vec10) {
	w[0] = lsf[1]
	for i := 1; i < 9; i++ {
		w[i] = Sub(lsf[i+1], lsf[i-1])
	}
	w[9] = Sub(16384, lsf[8])
	for i, d := range w {
		if over := Sub(d, 1843); over < 0 { // below 450 Hz
			d = Sub(3427, Mult(d, 28160))
		} else {
			d = Sub(1843, Mult(over, 6242))
		}
		w[i] = Shl(d, 3)
	}
	return w
}

// The codebooks with three dimensions, with a fourth that is 0; halfDico2 has every second entry of the second one, and
// signedDico35 each entry of the third one of 12.2 and its negative.
var (
	paddedDico1  = pad(dico1Lsf3[:], 1)
	paddedDico2  = pad(dico2Lsf3[:], 1)
	halfDico2    = pad(dico2Lsf3[:], 2)
	paddedMR795  = pad(mr795x1Lsf[:], 1)
	signedDico35 = withNegatives(dico3Lsf5[:])
)

func pad(book [][3]int16, step int) (p [][4]int16) {
	for i := 0; i < len(book); i += step {
		p = append(p, [4]int16{book[i][0], book[i][1], book[i][2]})
	}
	return p
}

func withNegatives(book [][4]int16) (s [][4]int16) {
	for _, e := range book {
		s = append(s, e, [4]int16{-e[0], -e[1], -e[2], -e[3]})
	}
	return s
}

// nearest3 returns the index of the entry that is nearest to r. Its fourth dimension has no weight.
func nearest3(r, w []int16, book [][4]int16) int16 {
	return int16(kernel.Nearest4(&[4]int16{r[0], r[1], r[2]}, &[4]int16{w[0], w[1], w[2]}, book))
}

// split3Search finds the indices of a residual in the split codebooks of a mode and returns the quantised residual.
func split3Search(mode Mode, r, w *vec10, index []int16) vec10 {
	r4, w4 := (*[4]int16)(r[6:]), (*[4]int16)(w[6:])
	switch mode {
	case MR475, MR515:
		index[0] = nearest3(r[0:3], w[0:3], paddedDico1)
		index[1] = nearest3(r[3:6], w[3:6], halfDico2)
		index[2] = int16(kernel.Nearest4(r4, w4, mr515x3Lsf[:]))
	case MR795:
		index[0] = nearest3(r[0:3], w[0:3], paddedMR795)
		index[1] = nearest3(r[3:6], w[3:6], paddedDico2)
		index[2] = int16(kernel.Nearest4(r4, w4, dico3Lsf3[:]))
	default:
		index[0] = nearest3(r[0:3], w[0:3], paddedDico1)
		index[1] = nearest3(r[3:6], w[3:6], paddedDico2)
		index[2] = int16(kernel.Nearest4(r4, w4, dico3Lsf3[:]))
	}
	return lsfResidual3(mode, index[0], index[1], index[2])
}

// A lsfEncoder holds the memory of the predictive LSF quantiser.
type lsfEncoder struct {
	pastResidual vec10
}

// split3 quantises one set of LSPs (all modes but 12.2).
func (q *lsfEncoder) split3(mode Mode, lsp *vec10, index []int16) vec10 {
	lsf := lspToLSF(lsp)
	w := lsfWeights(&lsf)
	var predicted, r vec10
	for i := range r {
		predicted[i] = Add(meanLsf3[i], Mult(q.pastResidual[i], predFac3[i]))
		r[i] = Sub(lsf[i], predicted[i])
	}
	return q.finish3(mode, &predicted, &r, &w, index)
}

// split3SID quantises the LSPs of comfort noise, with the best of eight predictions, whose number goes to index[0].
func (q *lsfEncoder) split3SID(lsp *vec10, index []int16) {
	lsf := lspToLSF(lsp)
	w := lsfWeights(&lsf)
	var predicted, r vec10
	least := int32(MaxInt32)
	index[0] = 0
	for k := range pastRqInit {
		var p, d vec10
		for i := range d {
			p[i] = Add(meanLsf3[i], pastRqInit[k][i])
			d[i] = Sub(lsf[i], p[i])
		}
		if e := energy(d[:]); e < least {
			least, predicted, r = e, p, d
			index[0] = int16(k)
		}
	}
	q.finish3(MRDTX, &predicted, &r, &w, index[1:])
}

func (q *lsfEncoder) finish3(mode Mode, predicted, r, w *vec10, index []int16) vec10 {
	q.pastResidual = split3Search(mode, r, w, index)
	var lsf vec10
	for i := range lsf {
		lsf[i] = Add(q.pastResidual[i], predicted[i])
	}
	reorder(&lsf)
	return lsfToLSP(&lsf)
}

// split5 quantises the two sets of LSPs of 12.2, pairs of LSFs of both together.
func (q *lsfEncoder) split5(lsp1, lsp2 *vec10, index []int16) (q1, q2 vec10) {
	lsf1, lsf2 := lspToLSF(lsp1), lspToLSF(lsp2)
	w1, w2 := lsfWeights(&lsf1), lsfWeights(&lsf2)
	books := [5][][4]int16{dico1Lsf5[:], dico2Lsf5[:], signedDico35, dico4Lsf5[:], dico5Lsf5[:]}
	for k, book := range books {
		var p, r, w [4]int16
		for i := range 2 {
			n := 2*k + i
			p[i] = Add(meanLsf5[n], Mult(q.pastResidual[n], predFac5))
			r[i], r[2+i] = Sub(lsf1[n], p[i]), Sub(lsf2[n], p[i])
			w[i], w[2+i] = w1[n], w2[n]
		}
		index[k] = int16(kernel.Nearest4(&r, &w, book))
		e := &book[index[k]]
		for i := range 2 {
			n := 2*k + i
			q1[n], q2[n] = Add(e[i], p[i]), Add(e[2+i], p[i])
			q.pastResidual[n] = e[2+i]
		}
	}
	reorder(&q1)
	reorder(&q2)
	return lsfToLSP(&q1), lsfToLSP(&q2)
}
