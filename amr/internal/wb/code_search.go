package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

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

// track holds what belongs to the positions of a track: position 4i+t of a subframe is number i of track t.
type track = kernel.Track

// codeSearch is the working memory of a search.
type codeSearch struct {
	// h and negH hold the impulse response, positive and negative, behind 64 zeros: a pulse's contribution starts
	// at h[64-position].
	h, negH [2 * subLen]int16
	neg     [numTracks]track // -1 where a pulse is negative
	dn      [numTracks]track // correlation with the target, for that sign
	rank    [numTracks]track // of a position in its track: the best has -8, and the next -7
	best    [numTracks]int16 // the best position of each track, in the subframe
	auto    [numTracks]track // energy of h, cut off behind the subframe
	cross   [numTracks]kernel.TrackPair
	vec     [subLen + subLen/2]int16 // sum of the contributions so far, zeros behind it
}

// invRoot returns 1/sqrt(energy) of x, scaled by 2^extra.
func invRoot(x []int16, extra int16) int16 {
	f, e := norm32(energy(x))
	f, e = isqrtNorm(f, e)
	return op.Round(op.LShl(f, e+extra))
}

// chooseSigns sets s.neg by a mix of dn and cn, turns dn to that sign, and ranks the positions of each track by the mix, unsigned, the
// first of equals as the better one. L_shl of the mix by 8 saturates where its upper half does.
func (s *codeSearch) chooseSigns(dn, cn *[subLen]int16, alpha int16) {
	kc := invRoot(cn[:], 5)
	kd := op.MultR(alpha, invRoot(dn[:], 8))
	kernel.RankTracks(&s.neg, &s.dn, &s.rank, &s.best, dn, cn, kd, kc)
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
	if s.neg[pos%numTracks][pos/numTracks] != 0 {
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
	// Every partial sum is bounded by the energy: below this none saturates.
	if kernel.SumSquares(h[:]) < 1<<30-1<<15 {
		kernel.CrossTracks(&s.cross, h)
	} else {
		s.correlateSat(h)
	}
	// Correlations take the signs of both pulses.
	for t := range s.cross {
		kernel.SignCross(&s.cross[t].M, &s.neg[t], &s.neg[(t+1)%numTracks])
	}
}

// correlateSat is kernel.CrossTracks with saturation.
func (s *codeSearch) correlateSat(h *[subLen]int16) {
	for d := 1; d < subLen; d += 2 {
		cor := int32(0x8000)
		for k := 0; k < subLen-d; k++ {
			cor = op.LMac(cor, h[k], h[k+d])
			x := subLen - 1 - d - k
			y := x + d
			if d&3 == 3 { // x is on the track after y
				x, y = y, x
			}
			s.cross[x&3].M[x>>2<<4|y>>2] = int16(cor >> 16)
		}
	}
}

// correlateVec sets c to the correlations of vec with h at all positions. exact tells that none can saturate.
func (s *codeSearch) correlateVec(c *[subLen + numTracks]int16, exact bool) {
	h := (*[subLen]int16)(s.h[subLen:])
	if exact {
		kernel.CorrelateRound64(&s.vec, h, (*[subLen]int16)(c[:]))
		return
	}
	for i := range c[:subLen] {
		var sum int32
		for j, w := range s.vec[i:subLen] {
			sum = op.LMac(sum, h[j], w)
		}
		c[i] = op.Round(op.LShl(sum, 1))
	}
}

// trackCorr takes the correlations of track t from c, with the sign of its pulses, plus their energies.
func (s *codeSearch) trackCorr(cor *track, c *[subLen + numTracks]int16, t int) {
	kernel.TrackCorr(cor, (*[subLen]int16)(c[t:]), &s.neg[t], &s.auto[t])
}

// searchPair places two pulses on tracks tx and ty, the first on one of its best positions; ps and alp are correlation
// and energy of the pulses before and become those with them.
//
// A pair is better if alpBest*sq > sqBest*alp, with the first pair at 1*sq > -1*alp; a later one has to be better, not
// equal.
func (s *codeSearch) searchPair(tried, tx, ty int, ps, alp *int16, corX, corY *track) (ix, iy int16) {
	limit := int16(tried - 8)
	alp0 := op.LAdd(int32(*alp)<<16, 0x8000)
	dnX, dnY, cross := &s.dn[tx], &s.dn[ty], &s.cross[tx].M
	var best kernel.Best
	if alp0 < 1<<30 && alp0 > -1<<30 {
		best = kernel.BestPair(dnX, &s.rank[tx], corX, dnY, corY, cross, limit, *ps, alp0)
	} else {
		best = kernel.Best{Sq: -1, Alp: 1, I: -1, J: -1}
		for i, rank := range s.rank[tx] {
			if rank >= limit {
				continue
			}
			ps1 := op.Add(*ps, dnX[i])
			alp1 := op.LAdd(alp0, int32(corX[i])<<13)
			for j, c := range cross[i*trackLen:][:trackLen] {
				ps2 := op.Add(ps1, dnY[j])
				a := op.LAdd(op.LAdd(alp1, int32(corY[j])<<13), int32(c)<<14) >> 16
				if sq := int32(op.Mult(ps2, ps2)); best.Alp*sq > best.Sq*a {
					best = kernel.Best{Sq: sq, Alp: a, I: int32(i), J: int32(j)}
				}
			}
		}
	}
	i, j := max(best.I, 0), max(best.J, 0)
	*ps = op.Add(*ps, op.Add(dnX[i], dnY[j]))
	*alp = int16(best.Alp)
	return int16(4*int(i) + tx), int16(4*int(j) + ty)
}

// add adds the contributions of pulses at x and y to vec.
func (s *codeSearch) add(x, y int16) {
	kernel.AddPulses((*[subLen]int16)(s.vec[:]), s.contribution(x), s.contribution(y))
}

// start puts the first pulses on the maxima of the tracks and returns their correlation and energy.
func (s *codeSearch) start(plan *searchPlan, first int, chosen *[maxPulses]int16) (ps, alp int16) {
	switch plan.fixed {
	case 0:
		clear(s.vec[:])
	case 2:
		clear(s.vec[:])
		t, u := first&3, (first+1)&3
		x, y := s.best[t], s.best[u]
		chosen[0], chosen[1] = x, y
		i, j := x>>2, y>>2
		ps = op.Add(s.dn[t][i], s.dn[u][j])
		e := op.LMult(s.auto[t][i], 4096)
		e = op.LMac(e, s.auto[u][j], 4096)
		e = op.LMac(e, s.cross[t].M[i<<4+j], 8192)
		alp = op.Round(e)
		a, b := s.contribution(x), s.contribution(y)
		kernel.AddPulses((*[subLen]int16)(s.vec[:]), a, b)
	case 4:
		for i := range 4 {
			t := (first + i) & 3
			chosen[i] = s.best[t]
			ps = op.Add(ps, s.dn[t][chosen[i]>>2])
		}
		a, b := s.contribution(chosen[0]), s.contribution(chosen[1])
		c, d := s.contribution(chosen[2]), s.contribution(chosen[3])
		copy(s.vec[:], a[:])
		for _, x := range []*[subLen]int16{b, c, d} {
			kernel.Add(s.vec[:subLen], x[:])
		}
		alp = op.Round(satPositive(2*kernel.SumSquares(s.vec[:subLen])) >> 3)
	}
	return ps, alp
}

// searchCode finds the code vector of modes 8.85 to 23.85 for the correlation dn of target and impulse response, the
// residual target cn and the response h. It sets code (Q9) and its filtered form y (Q9), and writes the indices.
func searchCode(mode Mode, dn, cn, h, code, y *[subLen]int16, w *bitWriter) {
	plan := &searchPlans[mode]
	var s codeSearch
	s.chooseSigns(dn, cn, plan.alpha)
	shift := uint(0)
	if plan.pulses >= 12 && satPositive(2*kernel.SumSquares(h[:]))>>16 > 1024 {
		shift = 1
	}
	s.setResponse(h, shift)
	s.correlate()

	sumH := kernel.SumAbs(s.h[subLen:])
	var chosen, best [maxPulses]int16
	for i := range best {
		best[i] = int16(i)
	}
	psBest, alpBest := int32(-1), int32(1)
	for round := range plan.rounds {
		ps, alp := s.start(plan, round, &chosen)
		for k, pair := plan.fixed, 0; k < plan.pulses; k, pair = k+2, pair+1 {
			tx, ty := trackOf(plan, round, k), trackOf(plan, round, k+1)
			var c [subLen + numTracks]int16
			var corX, corY track
			s.correlateVec(&c, kernel.WithinSum(s.vec[:subLen], sumH))
			s.trackCorr(&corX, &c, tx)
			s.trackCorr(&corY, &c, ty)
			ix, iy := s.searchPair(plan.tried[pair], tx, ty, &ps, &alp, &corX, &corY)
			chosen[k], chosen[k+1] = ix, iy
			s.add(ix, iy)
		}
		sq := int32(op.Mult(ps, ps))
		if alpBest*sq > psBest*int32(alp) {
			psBest, alpBest = sq, int32(alp)
			best = chosen
			*y = [subLen]int16(s.vec[:])
		}
	}

	// Build the code vector and its indices.
	*code = [subLen]int16{}
	kernel.Scale(y[:], -3)
	var at [numTracks][6]int16
	var n [numTracks]int
	for _, pos := range best[:plan.pulses] {
		t := pos & 3
		idx := pos >> 2
		if s.neg[t][idx] != 0 {
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
