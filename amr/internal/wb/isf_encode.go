package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// The ISF quantiser searches two stages (TS 26.190 section 5.2.5): the best four entries of each half of stage one, and
// the best of stage two for each.

// vqDist returns 2 * sum((x-entry)^2), saturated.
func vqDist(x, entry []int16) int32 {
	entry = entry[:len(x)]
	var s int64
	for i, v := range x {
		d := int64(op.Sub(v, entry[i]))
		s += d * d
	}
	return satPositive(2 * s)
}

// nearest returns the entry of book closest to x, the first of equals, and its distance. An entry at the largest
// distance is never found: then it is 0.
func nearest[E [2]int16 | [3]int16 | [4]int16 | [5]int16 | [7]int16](x []int16, book []E, entry func(*E) []int16) (int16, int32) {
	best, least := 0, int32(op.MaxInt32)
	for i := range book {
		if d := vqDist(x, entry(&book[i])); d < least {
			best, least = i, d
		}
	}
	return int16(best), least
}

// survivors sets idx to the four entries of book closest to x, the closest first.
func survivors[E [9]int16 | [7]int16](x []int16, book []E, entry func(*E) []int16) (idx [4]int16) {
	idx = [4]int16{0, 1, 2, 3}
	dist := [4]int32{op.MaxInt32, op.MaxInt32, op.MaxInt32, op.MaxInt32}
	for i := range book {
		d := vqDist(x, entry(&book[i]))
		for k := range dist {
			if d < dist[k] {
				copy(dist[k+1:], dist[k:])
				copy(idx[k+1:], idx[k:])
				dist[k], idx[k] = d, int16(i)
				break
			}
		}
	}
	return idx
}

func entry2(e *[2]int16) []int16 { return e[:] }
func entry3(e *[3]int16) []int16 { return e[:] }
func entry4(e *[4]int16) []int16 { return e[:] }
func entry5(e *[5]int16) []int16 { return e[:] }
func entry7(e *[7]int16) []int16 { return e[:] }
func entry9(e *[9]int16) []int16 { return e[:] }

// quantISF quantises isf in place with 46 bits, or 36 if short is set, and returns the indices. past is the residual
// that prediction starts from, for the next frame.
func quantISF(isf, past *[order]int16, short bool) (idx [7]int16) {
	var r [order]int16
	for i, v := range isf {
		r[i] = op.Sub(op.Sub(v, meanIsf[i]), op.Mult(isfMu, past[i]))
	}
	var rest [9]int16
	least := int32(op.MaxInt32)
	for _, s := range survivors(r[:9], dico1Isf[:], entry9) {
		for i := range rest {
			rest[i] = op.Sub(r[i], dico1Isf[s][i])
		}
		if short {
			i2, d := nearest(rest[:5], dico21Isf36b[:], entry5)
			i3, e := nearest(rest[5:], dico22Isf36b[:], entry4)
			if d = op.LAdd(d, e); d < least {
				least = d
				idx[0], idx[2], idx[3] = s, i2, i3
			}
			continue
		}
		i2, d := nearest(rest[:3], dico21Isf[:], entry3)
		i3, e := nearest(rest[3:6], dico22Isf[:], entry3)
		i4, f := nearest(rest[6:], dico23Isf[:], entry3)
		if d = op.LAdd(op.LAdd(d, e), f); d < least {
			least = d
			idx[0], idx[2], idx[3], idx[4] = s, i2, i3, i4
		}
	}
	least = op.MaxInt32
	for _, s := range survivors(r[9:], dico2Isf[:], entry7) {
		for i := range rest[:7] {
			rest[i] = op.Sub(r[9+i], dico2Isf[s][i])
		}
		if short {
			if i4, d := nearest(rest[:7], dico23Isf36b[:], entry7); d < least {
				least = d
				idx[1], idx[4] = s, i4
			}
			continue
		}
		i5, d := nearest(rest[:3], dico24Isf[:], entry3)
		i6, e := nearest(rest[3:7], dico25Isf[:], entry4)
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
	idx[0], _ = nearest(r[0:2], dico1IsfNoise[:], entry2)
	idx[1], _ = nearest(r[2:5], dico2IsfNoise[:], entry3)
	idx[2], _ = nearest(r[5:8], dico3IsfNoise[:], entry3)
	idx[3], _ = nearest(r[8:12], dico4IsfNoise[:], entry4)
	idx[4], _ = nearest(r[12:16], dico5IsfNoise[:], entry4)
	sidISF(&idx, isf)
	return idx
}
