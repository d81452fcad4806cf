package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
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

// weightedSquare returns the L_mult of the weighted difference with itself.
func weightedSquare(w, d int16) int64 {
	t := int64(Mult(w, d))
	return t * t * 2
}

// The distances are sums of squares: saturating them at 2^31-1 at each step, as the standard does, or not at all gives
// the same winner, for one that saturates is never less than the least so far.

// nearest3 returns the index of the entry that is nearest to r, of n entries step apart.
func nearest3(r, w []int16, book [][3]int16, n, step int) (index int16) {
	least := int64(MaxInt32)
	w0, w1, w2 := w[0], w[1], w[2]
	r0, r1, r2 := r[0], r[1], r[2]
	for i := range n {
		e := &book[i*step]
		d := weightedSquare(w0, Sub(r0, e[0])) + weightedSquare(w1, Sub(r1, e[1])) + weightedSquare(w2, Sub(r2, e[2]))
		if d < least {
			least, index = d, int16(i)
		}
	}
	return index
}

// nearest4 is nearest3 for four dimensions. With signed, each entry also stands for its negative, and index has the sign
// in its lowest bit.
func nearest4(r, w *[4]int16, book [][4]int16, signed bool) (index int16) {
	least := int64(MaxInt32)
	for i := range book {
		e := &book[i]
		d := weightedSquare(w[0], Sub(r[0], e[0])) + weightedSquare(w[1], Sub(r[1], e[1])) +
			weightedSquare(w[2], Sub(r[2], e[2])) + weightedSquare(w[3], Sub(r[3], e[3]))
		if d < least {
			least, index = d, int16(i)
			if signed {
				index <<= 1
			}
		}
		if !signed {
			continue
		}
		d = weightedSquare(w[0], Add(r[0], e[0])) + weightedSquare(w[1], Add(r[1], e[1])) +
			weightedSquare(w[2], Add(r[2], e[2])) + weightedSquare(w[3], Add(r[3], e[3]))
		if d < least {
			least, index = d, int16(i<<1|1)
		}
	}
	return index
}

// split3Search finds the indices of a residual in the split codebooks of a mode and returns the quantised residual.
func split3Search(mode Mode, r, w *vec10, index []int16) vec10 {
	r4, w4 := (*[4]int16)(r[6:]), (*[4]int16)(w[6:])
	switch mode {
	case MR475, MR515:
		index[0] = nearest3(r[0:3], w[0:3], dico1Lsf3[:], 256, 1)
		index[1] = nearest3(r[3:6], w[3:6], dico2Lsf3[:], 256, 2)
		index[2] = nearest4(r4, w4, mr515x3Lsf[:], false)
	case MR795:
		index[0] = nearest3(r[0:3], w[0:3], mr795x1Lsf[:], 512, 1)
		index[1] = nearest3(r[3:6], w[3:6], dico2Lsf3[:], 512, 1)
		index[2] = nearest4(r4, w4, dico3Lsf3[:], false)
	default:
		index[0] = nearest3(r[0:3], w[0:3], dico1Lsf3[:], 256, 1)
		index[1] = nearest3(r[3:6], w[3:6], dico2Lsf3[:], 512, 1)
		index[2] = nearest4(r4, w4, dico3Lsf3[:], false)
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
	books := [5][][4]int16{dico1Lsf5[:], dico2Lsf5[:], dico3Lsf5[:], dico4Lsf5[:], dico5Lsf5[:]}
	for k, book := range books {
		var p, r, w, e [4]int16
		for i := range 2 {
			n := 2*k + i
			p[i] = Add(meanLsf5[n], Mult(q.pastResidual[n], predFac5))
			r[i], r[2+i] = Sub(lsf1[n], p[i]), Sub(lsf2[n], p[i])
			w[i], w[2+i] = w1[n], w2[n]
		}
		index[k] = nearest4(&r, &w, book, k == 2)
		e = book[index[k]>>uint(b2i(k == 2))]
		if k == 2 && index[k]&1 != 0 {
			for i, v := range e {
				e[i] = Neg(v)
			}
		}
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

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
