package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// The ISF quantiser searches two stages (TS 26.190 section 5.2.5): the best four entries of each half of stage one, and
// the best of stage two for each.

// vqBook is a codebook under search.
type vqBook struct {
	dim, n int
	values []int16 // entry by entry
	// groups holds eight entries each, a pair of values of all and then the next pair, filled up with zeros; limit is
	// the largest |x| for which no distance leaves 32 bits.
	groups []int16
	limit  int32
}

func newVQBook(dim int, values []int16) *vqBook {
	b := &vqBook{dim: dim, n: len(values) / dim, values: values}
	pairs := (dim + 1) / 2
	b.groups = make([]int16, b.n*2*pairs)
	for i := range b.n {
		for k, v := range values[i*dim:][:dim] {
			b.groups[(i/8*pairs+k/2)*16+i%8*2+k%2] = v
		}
	}
	// 2 * dim * d^2 < 2^31 for d = |x| + |entry|
	d := int32(0)
	for int64(dim)*int64(d+1)*int64(d+1) < 1<<30 {
		d++
	}
	b.limit = d - kernel.MaxAbs(values)
	return b
}

func flat[E [2]int16 | [3]int16 | [4]int16 | [5]int16 | [7]int16 | [9]int16](book []E) *vqBook {
	var v []int16
	dim := 0
	for i := range book {
		e := any(book[i])
		switch e := e.(type) {
		case [2]int16:
			v, dim = append(v, e[:]...), len(e)
		case [3]int16:
			v, dim = append(v, e[:]...), len(e)
		case [4]int16:
			v, dim = append(v, e[:]...), len(e)
		case [5]int16:
			v, dim = append(v, e[:]...), len(e)
		case [7]int16:
			v, dim = append(v, e[:]...), len(e)
		case [9]int16:
			v, dim = append(v, e[:]...), len(e)
		}
	}
	return newVQBook(dim, v)
}

var (
	book1, book2              = flat(dico1Isf[:]), flat(dico2Isf[:])
	book21, book22, book23    = flat(dico21Isf[:]), flat(dico22Isf[:]), flat(dico23Isf[:])
	book24, book25            = flat(dico24Isf[:]), flat(dico25Isf[:])
	short21, short22, short23 = flat(dico21Isf36b[:]), flat(dico22Isf36b[:]), flat(dico23Isf36b[:])
	noise1, noise2, noise3    = flat(dico1IsfNoise[:]), flat(dico2IsfNoise[:]), flat(dico3IsfNoise[:])
	noise4, noise5            = flat(dico4IsfNoise[:]), flat(dico5IsfNoise[:])
)

// distances sets dist to 2 * sum((x-entry)^2), saturated, of all entries.
func (b *vqBook) distances(x []int16, dist *[256]int32) []int32 {
	x = x[:b.dim]
	if kernel.MaxAbs(x) <= b.limit {
		var z [10]int16
		copy(z[:], x)
		kernel.Distances(dist[:b.n], z[:(b.dim+1)&^1], b.groups)
		return dist[:b.n]
	}
	values := b.values
	for i := range dist[:b.n] {
		e := values[:len(x)]
		values = values[len(x):]
		var s int64
		for k, v := range x {
			d := int64(op.Sub(v, e[k]))
			s += d * d
		}
		dist[i] = satPositive(2 * s)
	}
	return dist[:b.n]
}

// nearest returns the entry closest to x, the first of equals, and its distance.
func (b *vqBook) nearest(x []int16) (int16, int32) {
	var dist [256]int32
	best, least := kernel.Least(b.distances(x, &dist))
	return int16(best), least
}

// survivors returns the four entries closest to x, the closest first. An entry at the largest distance is none of them:
// the first ones fill up their number.
func (b *vqBook) survivors(x []int16) (idx [4]int16) {
	var all [256]int32
	dist := b.distances(x, &all)
	found := 0
	for k := range idx {
		i, least := kernel.Least(dist)
		if least == op.MaxInt32 {
			idx[k] = int16(k - found)
			continue
		}
		found++
		idx[k] = int16(i)
		dist[i] = op.MaxInt32
	}
	return idx
}

// quantISF quantises isf in place with 46 bits, or 36 if short is set, and returns the indices. past is the residual
// that prediction starts from, for the next frame.
func quantISF(isf, past *[order]int16, short bool) (idx [7]int16) {
	var r [order]int16
	for i, v := range isf {
		r[i] = op.Sub(op.Sub(v, meanIsf[i]), op.Mult(isfMu, past[i]))
	}
	var rest [9]int16
	least := int32(op.MaxInt32)
	for _, s := range book1.survivors(r[:9]) {
		for i := range rest {
			rest[i] = op.Sub(r[i], dico1Isf[s][i])
		}
		if short {
			i2, d := short21.nearest(rest[:5])
			i3, e := short22.nearest(rest[5:])
			if d = op.LAdd(d, e); d < least {
				least = d
				idx[0], idx[2], idx[3] = s, i2, i3
			}
			continue
		}
		i2, d := book21.nearest(rest[:3])
		i3, e := book22.nearest(rest[3:6])
		i4, f := book23.nearest(rest[6:])
		if d = op.LAdd(op.LAdd(d, e), f); d < least {
			least = d
			idx[0], idx[2], idx[3], idx[4] = s, i2, i3, i4
		}
	}
	least = op.MaxInt32
	for _, s := range book2.survivors(r[9:]) {
		for i := range rest[:7] {
			rest[i] = op.Sub(r[9+i], dico2Isf[s][i])
		}
		if short {
			if i4, d := short23.nearest(rest[:7]); d < least {
				least = d
				idx[1], idx[4] = s, i4
			}
			continue
		}
		i5, d := book24.nearest(rest[:3])
		i6, e := book25.nearest(rest[3:7])
		if d = op.LAdd(d, e); d < least {
			least = d
			idx[1], idx[5], idx[6] = s, i5, i6
		}
	}
	dequantISF(&idx, short, isf, past)
	reorderISF(isf)
	return idx
}

// quantSID quantises the frequencies of comfort noise in place.
func quantSID(isf *[order]int16) (idx [5]int16) {
	var r [order]int16
	for i, v := range isf {
		r[i] = op.Sub(v, meanIsfNoise[i])
	}
	idx[0], _ = noise1.nearest(r[0:2])
	idx[1], _ = noise2.nearest(r[2:5])
	idx[2], _ = noise3.nearest(r[5:8])
	idx[3], _ = noise4.nearest(r[8:12])
	idx[4], _ = noise5.nearest(r[12:16])
	sidISF(&idx, isf)
	return idx
}
