package kernel

// Pulse search over the 64 positions of a wideband subframe, on four tracks: position 4k+t is number k of track t.

// A Track holds what belongs to the positions of a track.
type Track [16]int16

// A TrackPair holds correlations of the pulses of a track with those of the next, a row for each position of the first; what
// kernels write before it doesn't count.
type TrackPair struct {
	_ [256]int16
	M [256]int16
}

// CrossTracks fills in the correlations of the four tracks with the next ones: for pulses at x and x+d, the sum of h[k]*h[k+d]
// over what both have left of the subframe, times 2, rounded, the upper half. Only the odd distances d between neighbouring
// tracks are needed: 1, 5, 9, ... and 3, 7, 11, ...
//
// The sum for (x, x+d) is that for (x+1, x+1+d) and one more product. Its parts are bounded by the energy of h (Cauchy and
// Schwarz), which has to be below 2^30 - 2^15: then twice a part, with the 2^15 that rounds, stays below 2^31. Assembly keeps the
// sums undoubled with 2^14 and shifts by 15, which is the same.
func CrossTracks(cross *[4]TrackPair, h *[64]int16) {
	if haveSearch && haveSIMD {
		var h4 [4][32]int16 // zeros follow the samples of a track
		for i, v := range h {
			h4[i%4][i/4] = v
		}
		crossTracksSIMD(cross, &h[0], &h4[0][0])
		return
	}
	for d := 1; d < 64; d += 2 {
		s := int32(0x8000)
		for k := range 64 - d {
			s += 2 * int32(h[k]) * int32(h[k+d])
			x := 63 - d - k
			y := x + d
			if d&3 == 3 { // x is on the track after y
				x, y = y, x
			}
			cross[x&3].M[x>>2<<4|y>>2] = int16(s >> 16)
		}
	}
}

// withSign returns mult(v, 32767) or, where neg is -1 and not 0, the negative of v, saturated.
//
// For v > 0, v*32767>>15 is v-1; for 0 and -32767 to -1 it is v; for -32768 it is -32767.
func withSign(v, neg int16) int16 {
	if neg != 0 {
		return sat(-int32(v))
	}
	return mult(v, 32767)
}

// SignCross gives the correlations of two tracks the signs of both pulses, by mult with 32767 or negation. signs are 0 or
// -1.
func SignCross(m *[256]int16, x, y *Track) {
	if haveSearch && haveSIMD {
		signCrossSIMD(&m[0], &x[0], &y[0])
		return
	}
	for i, s := range x {
		row := (*Track)(m[16*i:])
		for j, v := range row {
			row[j] = withSign(v, s^y[j])
		}
	}
}

// TrackCorr takes every fourth of the correlations c, gives them the signs, which are 0 or -1, as SignCross does, and adds auto,
// saturated.
func TrackCorr(cor *Track, c *[64]int16, sign, auto *Track) {
	if haveSearch && haveSIMD {
		trackCorrSIMD(&cor[0], &c[0], &sign[0], &auto[0])
		return
	}
	for i := range cor {
		cor[i] = sat(int32(withSign(c[4*i], sign[i])) + int32(auto[i]))
	}
}

// AddPulses sets vec to add(vec, add(a, b)): 16-bit saturating addition, in the order of the standard.
func AddPulses(vec, a, b *[64]int16) {
	if haveSearch && haveSIMD {
		addPulsesSIMD(&vec[0], &a[0], &b[0])
		return
	}
	for i, v := range a {
		vec[i] = sat(int32(vec[i]) + int32(sat(int32(v)+int32(b[i]))))
	}
}

// A Best is the best pair of pulses of a search: the square of its correlation, its energy, and the positions on both tracks,
// -1 where there is none.
type Best struct{ Sq, Alp, I, J int32 }

// BestPair finds the best pair of pulses on two tracks, the first one at a position whose rank is below limit. With the
// correlation ps2 of target and pulses, ps and dnX and dnY, added with saturation, and the energy alp, alp0 + (corX + corY)*2^13 +
// cross*2^14 in its upper half, a pair is better if bestAlp*mult(ps2, ps2) > bestSq*alp, where -1 and 1 are to be beaten first: a
// later one has to be better, not equal.
//
// alp0 is within -2^30 and 2^30; the three terms are within 2^28, 2^28 and 2^29, so that no sum leaves 32 bits, and its upper half
// is a word. Where all energies are positive, the scan finds the first pair with the largest quotient, and so does assembly, in lanes. They
// may be negative, for which the pairs have no order: then it follows the scan, and jumps to the next better pair in order, again and
// again. It compares the difference of the products with 0: squares are -1 to 32767 and energies words, so that the difference is
// within 32767*65535 < 2^31.
func BestPair(dnX, rank, corX, dnY, corY *Track, cross *[256]int16, limit, ps int16, alp0 int32) Best {
	if haveSearch && haveSIMD {
		b := [4]int32{-1, 1, -1, -1}
		if haveVector && bestPairPositiveSIMD(&dnX[0], &rank[0], &corX[0], &dnY[0], &corY[0], &cross[0], int32(limit), int32(ps), alp0, &b) {
			return Best{b[0], b[1], b[2], b[3]}
		}
		bestPairSIMD(&dnX[0], &rank[0], &corX[0], &dnY[0], &corY[0], &cross[0], int32(limit), int32(ps), alp0, &b)
		return Best{b[0], b[1], b[2], b[3]}
	}
	b := Best{-1, 1, -1, -1}
	for i, r := range rank {
		if r >= limit {
			continue
		}
		ps1 := int32(sat(int32(ps) + int32(dnX[i])))
		alp1 := alp0 + int32(corX[i])<<13
		for j, c := range (*Track)(cross[16*i:]) {
			ps2 := sat(ps1 + int32(dnY[j]))
			a := (alp1 + int32(corY[j])<<13 + int32(c)<<14) >> 16
			if sq := int32(mult(ps2, ps2)); b.Alp*sq > b.Sq*a {
				b = Best{sq, a, int32(i), int32(j)}
			}
		}
	}
	return b
}

// BestOfTwo is BestPair for two tracks of 32 positions, with one pulse on each and all pairs tried. The energy is add(autoX,
// add(autoY, cross)), in saturated words.
func BestOfTwo(dn, auto *[2][32]int16, cross *[32][32]int16) Best {
	if haveSearch && haveSIMD {
		b := [4]int32{-1, 1, -1, -1}
		bestOfTwoSIMD(&dn[0][0], &auto[0][0], &dn[1][0], &auto[1][0], &cross[0][0], &b)
		if b[2] >= 32 { // the second one is in the upper half
			b[2] -= 32
			b[3] += 16
		}
		return Best{b[0], b[1], b[2], b[3]}
	}
	b := Best{-1, 1, -1, -1}
	for i := range cross {
		for j, c := range cross[i] {
			ps := sat(int32(dn[0][i]) + int32(dn[1][j]))
			a := int32(sat(int32(auto[0][i]) + int32(sat(int32(auto[1][j])+int32(c)))))
			if sq := int32(mult(ps, ps)); b.Alp*sq > b.Sq*a {
				b = Best{sq, a, int32(i), int32(j)}
			}
		}
	}
	return b
}
