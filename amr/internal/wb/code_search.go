package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// Algebraic codebook search (TS 26.190 section 5.8.3): pulses are placed in pairs on neighbouring tracks, so that the
// correlation with the target, squared, over the energy of the filtered code becomes largest.

// searchPlan is how the search of a mode goes.
type searchPlan struct {
	rounds int   // times the search starts over with tracks permuted
	alpha  int16 // Q15, weight of the target against the residual in the pulse signs
	pulses int
	fixed  int     // pulses put on the maxima first
	tried  [10]int // positions tried for the first pulse of each pair
}

var searchPlans = [9]searchPlan{
	Mode885:  {4, 8192, 4, 0, [10]int{4, 8}},
	Mode1265: {4, 4096, 8, 2, [10]int{4, 8, 8}},
	Mode1425: {4, 4096, 10, 2, [10]int{4, 6, 8, 8}},
	Mode1585: {4, 4096, 12, 4, [10]int{4, 6, 8, 8}},
	Mode1825: {3, 3277, 16, 4, [10]int{4, 4, 6, 6, 8, 8}},
	Mode1985: {3, 3072, 18, 4, [10]int{2, 3, 4, 5, 6, 7, 8}},
	Mode2305: {2, 2048, 24, 4, [10]int{2, 2, 3, 4, 5, 6, 7, 8, 8, 8}},
	Mode2385: {1, 2048, 24, 4, [10]int{2, 2, 3, 4, 5, 6, 7, 8, 8, 8}},
}

const maxPulses = 24

// codeSearch is the working memory of a search.
type codeSearch struct {
	// h and negH hold the impulse response, positive and negative, behind 64 zeros: a pulse's contribution starts
	// at h[64-position].
	h, negH [2 * subLen]int16
	neg     [subLen]bool  // sign of a pulse at each position
	dn      [subLen]int16 // correlation with the target, for that sign
	dn2     [subLen]int16 // the 8 best positions of a track have -8 (best) to -1
	best    [numTracks]int16
	// auto[t][i] is the energy of h at position i of track t; cross[t][i*16+j] the correlation between position i of
	// track t and j of the next.
	auto  [numTracks][trackLen]int16
	cross [numTracks][trackLen * trackLen]int16
	vec   [subLen]int16 // sum of the contributions so far
}

// invRoot returns 1/sqrt(energy) of x, scaled by 2^extra.
func invRoot(x []int16, extra int16) int16 {
	f, e := norm32(energy(x))
	f, e = isqrtNorm(f, e)
	return op.Round(op.LShl(f, e+extra))
}

// chooseSigns sets s.neg by a mix of dn and cn and turns dn to that sign. It returns the mix, unsigned.
func (s *codeSearch) chooseSigns(dn, cn *[subLen]int16, alpha int16) {
	kc := invRoot(cn[:], 5)
	kd := op.MultR(alpha, invRoot(dn[:], 8))
	for i := range dn {
		b := op.LShl(op.LMac(op.LMult(kc, cn[i]), kd, dn[i]), 8)
		v := int16(b >> 16)
		s.neg[i] = v < 0
		s.dn[i] = dn[i]
		if v < 0 {
			v = op.Neg(v)
			s.dn[i] = op.Neg(dn[i])
		}
		s.dn2[i] = v
	}
}

// rank marks the eight best positions of each track in dn2.
func (s *codeSearch) rank() {
	pos := 0
	for t := range s.best {
		for k := 0; k < 8; k++ {
			v := int16(-1)
			for j := t; j < subLen; j += numTracks {
				if s.dn2[j] > v {
					v, pos = s.dn2[j], j
				}
			}
			s.dn2[pos] = int16(k - 8)
			if k == 0 {
				s.best[t] = int16(pos)
			}
		}
	}
}

// setResponse takes the impulse response, shifted right.
func (s *codeSearch) setResponse(h *[subLen]int16, shift uint) {
	for i, v := range h {
		v >>= shift
		s.h[subLen+i] = v
		s.negH[subLen+i] = op.Neg(v)
	}
}

// contribution returns the filtered pulse at pos.
func (s *codeSearch) contribution(pos int16) *[subLen]int16 {
	if s.neg[pos] {
		return (*[subLen]int16)(s.negH[subLen-pos:])
	}
	return (*[subLen]int16)(s.h[subLen-pos:])
}

// correlate fills auto and cross: the sums run along the diagonals of the matrix of h's correlations, and only pairs
// of neighbouring tracks are needed: the distances 1, 5, 9, ... and 3, 7, 11, ...
func (s *codeSearch) correlate() {
	h := (*[subLen]int16)(s.h[subLen:])
	cor := int32(0x8000)
	for i := trackLen - 1; i >= 0; i-- {
		k := (trackLen - 1 - i) * 4
		for t := numTracks - 1; t >= 0; t-- {
			cor = op.LMac(cor, h[k], h[k])
			s.auto[t][i] = int16(cor >> 16)
			k++
		}
	}
	// Without saturation every partial sum is bounded by the energy.
	fast := sumSquares(h[:]) < 1<<30-1<<15
	for d := 1; d < subLen; d += 2 {
		// Pulses at x and x+d; x runs down from the last position that leaves room.
		cor := int32(0x8000)
		for k := 0; k < subLen-d; k++ {
			if fast {
				cor += 2 * int32(h[k]) * int32(h[k+d])
			} else {
				cor = op.LMac(cor, h[k], h[k+d])
			}
			x := subLen - 1 - d - k
			y := x + d
			v := int16(cor >> 16)
			if d&3 == 1 { // y is on the track after x
				s.cross[x&3][x>>2<<4|y>>2] = v
			} else { // x is on the track after y
				s.cross[y&3][y>>2<<4|x>>2] = v
			}
		}
	}
	// Correlations take the signs of both pulses.
	for t := range s.cross {
		next := (t + 1) % numTracks
		for i := 0; i < trackLen; i++ {
			row := s.cross[t][i*trackLen:][:trackLen]
			neg := s.neg[4*i+t]
			for j, v := range row {
				if neg == s.neg[4*j+next] {
					row[j] = op.Mult(v, op.MaxInt16)
				} else {
					row[j] = op.Neg(v)
				}
			}
		}
	}
}

// correlateTrack sets cor to the correlations of vec with a pulse at each position of track t, plus the energy of the
// pulse.
func (s *codeSearch) correlateTrack(t int, cor *[trackLen]int16, fast bool) {
	h := (*[subLen]int16)(s.h[subLen:])
	for i := range cor {
		pos := 4*i + t
		var sum int32
		if fast {
			sum = dotWrap(s.vec[pos:], h[:subLen-pos]) << 1
		} else {
			for j, v := range s.vec[pos:] {
				sum = op.LMac(sum, h[j], v)
			}
		}
		c := op.Round(op.LShl(sum, 1))
		if s.neg[pos] {
			c = op.Neg(c)
		} else {
			c = op.Mult(c, op.MaxInt16)
		}
		cor[i] = op.Add(c, s.auto[t][i])
	}
}

// searchPair places two pulses on tracks tx and ty; ps and alp are correlation and energy of the pulses before and
// become those with them.
func (s *codeSearch) searchPair(tried, tx, ty int, ps, alp *int16, corX, corY *[trackLen]int16) (ix, iy int16) {
	limit := int16(tried - 8)
	alp0 := op.LAdd(int32(*alp)<<16, 0x8000)
	sqBest, alpBest := int32(-1), int32(1)
	ix, iy = int16(tx), int16(ty)
	cross := &s.cross[tx]
	// No sum below leaves 32 bits: the three terms are below 2^28, 2^28 and 2^29.
	fast := alp0 < 1<<30 && alp0 > -1<<30
	for i := 0; i < trackLen; i++ {
		x := 4*i + tx
		if s.dn2[x] >= limit {
			continue
		}
		ps1 := op.Add(*ps, s.dn[x])
		alp1 := op.LAdd(alp0, int32(corX[i])<<13)
		row := cross[i*trackLen:][:trackLen]
		for j, c := range row {
			ps2 := op.Add(ps1, s.dn[4*j+ty])
			var a int32
			if fast {
				a = (alp1 + int32(corY[j])<<13 + int32(c)<<14) >> 16
			} else {
				a = op.LAdd(op.LAdd(alp1, int32(corY[j])<<13), int32(c)<<14) >> 16
			}
			sq := int32(op.Mult(ps2, ps2))
			if alpBest*sq > sqBest*a {
				sqBest, alpBest = sq, a
				ix, iy = int16(x), int16(4*j+ty)
			}
		}
	}
	*ps = op.Add(*ps, op.Add(s.dn[ix], s.dn[iy]))
	*alp = int16(alpBest)
	return ix, iy
}

// add adds the contributions of pulses at x and y to vec.
func (s *codeSearch) add(x, y int16) {
	a, b := s.contribution(x), s.contribution(y)
	for i, v := range a {
		s.vec[i] = op.Add(s.vec[i], op.Add(v, b[i]))
	}
}

// start puts the first pulses on the maxima of the tracks and returns their correlation and energy.
func (s *codeSearch) start(plan *searchPlan, first int, chosen *[maxPulses]int16) (ps, alp int16) {
	switch plan.fixed {
	case 0:
		s.vec = [subLen]int16{}
	case 2:
		t, u := first&3, (first+1)&3
		x, y := s.best[t], s.best[u]
		chosen[0], chosen[1] = x, y
		ps = op.Add(s.dn[x], s.dn[y])
		i, j := x>>2, y>>2
		e := op.LMult(s.auto[t][i], 4096)
		e = op.LMac(e, s.auto[u][j], 4096)
		e = op.LMac(e, s.cross[t][i<<4+j], 8192)
		alp = op.Round(e)
		a, b := s.contribution(x), s.contribution(y)
		for i := range s.vec {
			s.vec[i] = op.Add(a[i], b[i])
		}
	case 4:
		for i := range 4 {
			chosen[i] = s.best[(first+i)&3]
			ps = op.Add(ps, s.dn[chosen[i]])
		}
		a, b := s.contribution(chosen[0]), s.contribution(chosen[1])
		c, d := s.contribution(chosen[2]), s.contribution(chosen[3])
		for i := range s.vec {
			s.vec[i] = op.Add(op.Add(op.Add(a[i], b[i]), c[i]), d[i])
		}
		alp = op.Round(satPositive(2*sumSquares(s.vec[:])) >> 3)
	}
	return ps, alp
}

// searchCode finds the code vector of modes 8.85 to 23.85 for the correlation dn of target and impulse response, the
// residual target cn and the response h. It sets code (Q9) and its filtered form y (Q9), and writes the indices.
func searchCode(mode Mode, dn, cn, h, code, y *[subLen]int16, w *bitWriter) {
	plan := &searchPlans[mode]
	var s codeSearch
	s.chooseSigns(dn, cn, plan.alpha)
	s.rank()
	shift := uint(0)
	if plan.pulses >= 12 && satPositive(2*sumSquares(h[:]))>>16 > 1024 {
		shift = 1
	}
	s.setResponse(h, shift)
	s.correlate()

	sumH := sumAbs(s.h[subLen:])
	var chosen, best [maxPulses]int16
	for i := range best {
		best[i] = int16(i)
	}
	psBest, alpBest := int32(-1), int32(1)
	for round := range plan.rounds {
		ps, alp := s.start(plan, round, &chosen)
		for k, pair := plan.fixed, 0; k < plan.pulses; k, pair = k+2, pair+1 {
			tx, ty := trackOf(plan, round, k), trackOf(plan, round, k+1)
			fast := firBound(s.vec[:], sumH)
			var corX, corY [trackLen]int16
			s.correlateTrack(tx, &corX, fast)
			s.correlateTrack(ty, &corY, fast)
			ix, iy := s.searchPair(plan.tried[pair], tx, ty, &ps, &alp, &corX, &corY)
			chosen[k], chosen[k+1] = ix, iy
			s.add(ix, iy)
		}
		sq := int32(op.Mult(ps, ps))
		if alpBest*sq > psBest*int32(alp) {
			psBest, alpBest = sq, int32(alp)
			best = chosen
			*y = s.vec
		}
	}

	// Build the code vector and its indices.
	*code = [subLen]int16{}
	for i, v := range y {
		y[i] = op.ShrR(v, 3)
	}
	var at [numTracks][6]int16
	var n [numTracks]int
	for _, pos := range best[:plan.pulses] {
		t := pos & 3
		idx := pos >> 2
		if s.neg[pos] {
			code[pos] -= pulseAmp >> shift
			idx += negPulse
		} else {
			code[pos] += pulseAmp >> shift
		}
		at[t][n[t]] = idx
		n[t]++
	}
	writeCode(mode, &at, w)
}

// trackOf returns the track of pulse k in a round of the search.
func trackOf(plan *searchPlan, round, k int) int {
	if plan.pulses%4 == 2 && k >= plan.pulses-2 { // the two pulses beyond whole sets of tracks lie on tracks 0 and 1
		return k & 1
	}
	return int(tipos[4*round+k])
}
