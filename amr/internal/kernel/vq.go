package kernel

// Nearest4 returns the index of the entry of book, a multiple of 8 of them, with the least distance to r, the first among
// equals: the sum of the squares of mult(w, r-e), doubled, where the difference saturates. Weights are above -32768. If
// no distance is below 2^31-1, it is 0.
//
// The standard's distances saturate at 2^31-1, and only a smaller one wins. So it is the same to find the least sum of
// squares below 2^30. A square is at most 32767^2, and four of them fit in 32 bits without sign.
func Nearest4(r, w *[4]int16, book [][4]int16) int {
	if haveSIMD && len(book) >= 8 {
		return int(nearest4SIMD(r, w, &book[0], len(book)))
	}
	least, index := uint32(1<<30), 0
	for i := range book {
		e := &book[i]
		d := weightedSquare(w[0], r[0], e[0]) + weightedSquare(w[1], r[1], e[1])
		if d >= least {
			continue // the other squares only add to it
		}
		d += weightedSquare(w[2], r[2], e[2]) + weightedSquare(w[3], r[3], e[3])
		if d < least {
			least, index = d, i
		}
	}
	return index
}

func weightedSquare(w, r, e int16) uint32 {
	t := int32(mult(w, sat(int32(r)-int32(e))))
	return uint32(t * t)
}

// Distances sets dist to 2 * the sum of (x-entry)^2 for the entries of book, a multiple of 8 of them, in groups of eight: a pair
// of values of each, then the next pair. x has an even number of values.
//
// The caller knows that no distance reaches 2^31: len(x)*d^2 < 2^30 for the largest d = |x|+|entry|. Then no difference leaves 16
// bits, and as squares are not negative, no part of a sum leaves 32.
func Distances(dist []int32, x, book []int16) {
	book = book[:len(dist)*len(x)]
	if len(dist) == 0 || len(x) == 0 {
		return
	}
	if haveSIMD {
		distancesSIMD(&dist[0], &x[0], &book[0], len(dist)/8, len(x)/2)
		return
	}
	for g := 0; g+8 <= len(dist); g += 8 {
		var s [8]int32
		for k := 0; k+2 <= len(x); k += 2 {
			a, b := int32(x[k]), int32(x[k+1])
			e := (*[16]int16)(book)
			book = book[16:]
			for i := range s {
				c, d := a-int32(e[2*i]), b-int32(e[2*i+1])
				s[i] += c*c + d*d
			}
		}
		for i, v := range s {
			dist[g+i] = 2 * v
		}
	}
}
