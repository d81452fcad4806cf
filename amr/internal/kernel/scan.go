package kernel

// Searches of the wideband encoder.

// RankTracks mixes the correlations d and c of the 64 positions, (d*kd + c*kc) >> 7, limited to 16 bits, and sorts all by track: neg
// is -1 where the mix is negative, dn is d, negated there, and rank tells how many positions of the track have a larger mix without
// sign, or an equal one earlier, less 8. best is the position with the least rank of each track. kd and kc are not negative, so that the
// mix stays within 2^31 before it is shifted.
func RankTracks(neg, dn, rank *[4]Track, best *[4]int16, d, c *[64]int16, kd, kc int16) {
	if haveVector && haveSIMD {
		rankTracksSIMD(neg, dn, rank, best, d, c, int32(kd)|int32(kc)<<16)
		return
	}
	for t := range rank {
		var keys [16]int32 // mix and position, sorted downwards
		for i := range keys {
			at := 4*i + t
			v := sat((int32(d[at])*int32(kd) + int32(c[at])*int32(kc)) >> 7)
			neg[t][i], dn[t][i] = 0, d[at]
			if v < 0 {
				v = sat(-int32(v))
				neg[t][i], dn[t][i] = -1, sat(-int32(d[at]))
			}
			key := int32(v)<<4 | int32(15-i)
			j := i
			for ; j > 0 && keys[j-1] < key; j-- {
				keys[j] = keys[j-1]
			}
			keys[j] = key
		}
		for k, key := range keys {
			rank[t][15-key&15] = int16(k - 8)
		}
		best[t] = int16(4*(15-keys[0]&15)) + int16(t)
	}
}

// Least returns the index of the least number of x, the first among equals, and the number. x has a multiple of 8, at least 8.
func Least(x []int32) (index int, least int32) {
	if haveVector && haveSIMD && len(x) >= 8 {
		i, v := leastSIMD(&x[0], len(x)&^7)
		return int(i), v
	}
	least = x[0]
	for i, v := range x {
		if v < least {
			index, least = i, v
		}
	}
	return index, least
}

// Gains sets err to the errors of the gains in book, a multiple of 8: gp, and gc, which is mult_r of the second one with mant. An error is
//
//	hi0*gp2 + hi1*gp + hi2*gc2 + hi3*gc + hi4*gpc, doubled, for gp2, gc2 and gpc the products of gp and gc, rounded but for gc2,
//
// plus what the lower halves lo, and the lower half of gc2, add to it, of 12 bits less.
//
// The caller knows that gp is 0 to 21234, that gc is not negative, that |hi| is at most 2^13 and lo is 0 to 2^12. Then the low sum is below
// 2^31, and that of the others within 2^14 * (13760+21234+32767+32767+21234) + 2^20 < 2^31: no L_mac saturates.
func Gains(err []int32, book [][2]int16, mant int16, hi, lo *[5]int16) {
	book = book[:len(err)]
	if haveVector && haveSIMD && len(err) > 0 {
		pair := func(a, b int16) int32 { return int32(uint16(a)) | int32(b)<<16 }
		gainsSIMD(&err[0], &book[0], len(err), &[7]int32{pair(0, mant), pair(hi[0], hi[4]), pair(hi[1], hi[3]), pair(hi[2], 0),
			pair(lo[0], lo[4]), pair(lo[1], lo[3]), pair(lo[2], 0)})
		return
	}
	h0, h1, h2, h3, h4 := int32(hi[0]), int32(hi[1]), int32(hi[2]), int32(hi[3]), int32(hi[4])
	l0, l1, l2, l3, l4 := int32(lo[0]), int32(lo[1]), int32(lo[2]), int32(lo[3]), int32(lo[4])
	for i := range book {
		gp := int32(book[i][0])
		gc := (int32(book[i][1])*int32(mant) + 0x4000) >> 15
		gp2 := (gp*gp + 0x4000) >> 15
		gpc := (gp*gc + 0x4000) >> 15
		gc2 := gc * gc >> 15
		s := h2*(gc*gc&0x7fff)>>2 + 2*(l0*gp2+l1*gp+l2*gc2+l3*gc+l4*gpc)
		err[i] = s>>12 + 2*(h0*gp2+h1*gp+h2*gc2+h3*gc+h4*gpc)
	}
}

// Chebyshev104 sets y to the values of a Chebyshev series at 104 points x, as the standard's Chebps2 computes them for the len(f)-1 degrees of f.
// It tells whether it has: only assembly does all at once.
//
// The caller knows that the sum of |f[i]|*(len(f)-1-i) is below 2^17 - 2: then no term of the recursion reaches 2^30, nor a part of
// the next one 2^31, and nothing saturates before the result.
func Chebyshev104(y, x *[104]int16, f []int16) bool {
	if !haveVector || !haveSIMD || len(f) < 4 {
		return false
	}
	chebyshev104SIMD(y, x, &f[0], len(f)-1)
	return true
}
