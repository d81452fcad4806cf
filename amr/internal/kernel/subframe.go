package kernel

// Nearest4 returns the index of the entry of book, a multiple of 8 of them, with the least distance to r, the first among
// equals: the sum of the squares of mult(w, r-e), doubled, where the difference saturates. Weights are above -32768. If
// no distance is below 2^31-1, it is 0.
//
// The standard's distances saturate at 2^31-1, and only a smaller one wins. So it is the same to find the least sum of
// squares below 2^30. A square is at most 32767^2, and four of them fit in 32 bits without sign.
func Nearest4(r, w *[4]int16, book [][4]int16) int {
	if haveSIMD && len(book) >= 8 {
		return int(nearestAVX2(r, w, &book[0], len(book)))
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

// Slide40 moves a filtered excitation on by a sample: y[j] becomes y[j] + (x*h[j] >> down), saturated both times, for 40
// samples. It returns the sum of y*xn modulo 2^32 and that of y*y.
func Slide40(y *[40]int16, h, xn *[40]int16, x int16, down uint) (xy int32, yy int64) {
	if haveSIMD {
		return slideAVX2(&y[0], h, xn, int64(x), int64(down))
	}
	for j, v := range h {
		t := sat(int32(y[j]) + int32(sat(int32(x)*int32(v)>>down)))
		y[j] = t
		xy += int32(t) * int32(xn[j])
		yy += int64(int32(t) * int32(t))
	}
	return xy, yy
}
