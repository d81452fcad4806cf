package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// A codeSearch looks for the codeword that, filtered by the impulse response, is nearest to the target: the one with the
// largest (sum of d at its pulses)^2 / (sum of rr at pairs of its pulses) (TS 26.090 section 5.7).
type codeSearch struct {
	h    response              // impulse response, with the pitch sharpening
	d    [subLen]int16         // |correlation of target and response|
	sign [subLen]int16         // its sign, 32767 or -32767
	rr   [subLen][subLen]int16 // correlations of the response with itself, times both signs
	keep [subLen]bool          // where the first pulse may be
}

// backward sets d to the correlation of the target with the response, scaled so that the pulses of all tracks, step
// positions apart, can be added with headroom bits to spare.
func (c *codeSearch) backward(x *[subLen]int16, headroom int16, step int) {
	var y [subLen]int32
	c.h.backward(x, &y)
	total := int32(5)
	for track := range step {
		top := int32(0)
		for i := track; i < subLen; i += step {
			top = max(top, LAbs(y[i]))
		}
		total = LAdd(total, top>>1)
	}
	shift := NormL(total) - headroom
	for i, v := range y {
		c.d[i] = Round(LShl(v, shift))
	}
}

// chooseSigns takes the sign of each pulse from d.
func (c *codeSearch) chooseSigns() {
	for i, v := range c.d {
		c.sign[i] = MaxInt16
		if v < 0 {
			c.sign[i] = -MaxInt16
			c.d[i] = Neg(v)
		}
		c.keep[i] = true
	}
}

// thin leaves n positions of each of the five tracks to the first pulse, those with the largest d.
func (c *codeSearch) thin(n int) {
	at := 0
	for track := range 5 {
		for range 8 - n {
			least := int16(MaxInt16)
			for i := track; i < subLen; i += 5 {
				if c.keep[i] && c.d[i] < least {
					least, at = c.d[i], i
				}
			}
			c.keep[at] = false
		}
	}
}

// chooseSignsByResidual takes the signs from d and the residual r together (10.2 and 12.2). best is the position of the
// largest sum on each track; the tracks follow from the one with the largest of all, twice around.
func (c *codeSearch) chooseSignsByResidual(r *[subLen]int16, step int, best, tracks []int) {
	kr := ExtractH(LShl(invSqrt(correlateFrom(256, r, r)), 5))
	kd := ExtractH(LShl(invSqrt(correlateFrom(256, &c.d, &c.d)), 5))
	var sum [subLen]int16
	for i, v := range c.d {
		s := Round(LShl(LMac(LMult(kr, r[i]), kd, v), 10))
		c.sign[i] = MaxInt16
		if s < 0 {
			c.sign[i] = -MaxInt16
			s = Neg(s)
			c.d[i] = Neg(v)
		}
		sum[i] = s
	}
	top, first, at := int16(-1), 0, 0
	for track := range step {
		m := int16(-1)
		for i := track; i < subLen; i += step {
			if sum[i] > m {
				m, at = sum[i], i
			}
		}
		best[track] = at
		if m > top {
			top, first = m, track
		}
	}
	for i := range tracks {
		tracks[i] = (first + i) % step
	}
}

// autocorrelate fills in rr.
func (c *codeSearch) autocorrelate() {
	var h [subLen]int16
	s := correlateFrom(2, &c.h.h, &c.h.h)
	if ExtractH(s) == MaxInt16 {
		for i, v := range c.h.h {
			h[i] = v >> 1
		}
	} else {
		k := Mult(ExtractH(LShl(invSqrt(s>>1), 7)), 32440) // 0.99
		for i, v := range c.h.h {
			h[i] = Round(LShl(LMult(v, k), 9))
		}
	}
	s = 0
	for k, v := range h {
		s = LMac(s, v, v)
		c.rr[subLen-1-k][subLen-1-k] = Round(s)
	}
	for lag := 1; lag < subLen; lag++ {
		s = 0
		for k := range subLen - lag {
			s = LMac(s, h[k], h[k+lag])
			j := subLen - 1 - k
			i := j - lag
			v := Mult(Round(s), Mult(c.sign[i], c.sign[j]))
			c.rr[i][j], c.rr[j][i] = v, v
		}
	}
}

// better tells whether sq1/alp1 > sq/alp, which are not negative.
func better(sq1, alp1, sq, alp int16) bool {
	return int32(alp)*int32(sq1) > int32(sq)*int32(alp1)
}

// A found is the outcome of a search: the sum of d, its square and the energy.
type found struct{ ps, sq, alp int16 }

var nothing = found{0, -1, 1}

// addPulse tries a further pulse on the track from start, beside those in pulses. alp0 is the energy so far, self the shift
// that a diagonal element of rr is added to it with; pairs count twice.
func (c *codeSearch) addPulse(start int, pulses []int, ps0 int16, alp0 int32, self uint) (best found, at int) {
	best, at = nothing, start
	for i := start; i < subLen; i += 5 {
		ps := Add(ps0, c.d[i])
		alp := alp0 + int32(c.rr[i][i])<<self
		for _, p := range pulses {
			alp += int32(c.rr[p][i]) << (self + 1)
		}
		sq := Mult(ps, ps)
		a := Round(alp)
		if better(sq, a, best.sq, best.alp) {
			best, at = found{ps, sq, a}, i
		}
	}
	return best, at
}

// search2 finds two pulses, one on each of a pair of tracks.
func (c *codeSearch) search2(starts [][2]int) (pos [4]int) {
	best := nothing
	pos = [4]int{0, 1}
	for _, start := range starts {
		for i := start[0]; i < subLen; i += 5 {
			f, j := c.addPulse(start[1], []int{i}, c.d[i], int32(c.rr[i][i])<<14, 14)
			if better(f.sq, f.alp, best.sq, best.alp) {
				best = f
				pos = [4]int{i, j}
			}
		}
	}
	return pos
}

// searchN finds n pulses, 3 or 4, one on each track of starts, the first among the positions that thin has left. Each
// track comes first once.
func (c *codeSearch) searchN(n int, best *found, pos *[4]int, starts [4]int) {
	for range n {
		for i := starts[0]; i < subLen; i += 5 {
			if !c.keep[i] {
				continue
			}
			p := [4]int{i}
			var f found
			f, p[1] = c.addPulse(starts[1], p[:1], c.d[i], int32(c.rr[i][i])<<14, 14)
			f, p[2] = c.addPulse(starts[2], p[:2], f.ps, int32(f.alp)<<14, 12)
			if n == 4 {
				f, p[3] = c.addPulse(starts[3], p[:3], f.ps, int32(f.alp)<<16, 12)
			}
			if better(f.sq, f.alp, best.sq, best.alp) {
				*best, *pos = f, p
			}
		}
		last := starts[n-1]
		copy(starts[1:n], starts[:n-1])
		starts[0] = last
	}
}

// A pairStage are the shifts of the energy of a further pair of pulses: the energy is scaled down stage by stage, so that
// the sums stay in range.
type pairStage struct {
	pre   uint // of a diagonal element in the sum for the second pulse, which is rounded
	self  uint // of one in that for the first pulse
	add   uint // of the rounded sum
	cross uint // of the pair's own element
}

var pairStages = [4]pairStage{
	{13, 12, 15, 13},
	{13, 11, 14, 12},
	{12, 10, 14, 11},
	{12, 9, 13, 10},
}

// searchPairs finds the 8 pulses of 10.2 (step 4) or the 10 of 12.2 (step 5): the first stays at the best position of the
// best track, the second at that of each other track by turns; the others are found pair by pair.
func (c *codeSearch) searchPairs(step int, best, tracks []int) (pos [10]int) {
	n := 2 * step
	top := nothing
	for i := range n {
		pos[i] = i
	}
	p := [10]int{best[tracks[0]]}
	for range step - 1 {
		p[1] = best[tracks[1]]
		i0, i1 := p[0], p[1]
		f := found{ps: Add(c.d[i0], c.d[i1])}
		alp0 := int32(c.rr[i0][i0])<<12 + int32(c.rr[i1][i1])<<12 + int32(c.rr[i0][i1])<<13
		for stage := range step - 1 {
			k := 2 + 2*stage
			f = c.searchPair(&pairStages[stage], step, tracks[k], tracks[k+1], p[:k+2], f.ps, alp0)
			alp0 = int32(f.alp) << 15
		}
		if better(f.sq, f.alp, top.sq, top.alp) {
			top, pos = f, p
		}
		second := tracks[1]
		copy(tracks[1:n], tracks[2:n])
		tracks[n-1] = second
	}
	return pos
}

// searchPair finds the last two of pulses, on tracks a and b. With six pulses the sums may leave 32 bits, and saturate.
func (c *codeSearch) searchPair(s *pairStage, step, a, b int, pulses []int, ps0 int16, alp0 int32) found {
	n := len(pulses) - 2
	var pre [subLen]int16
	for j := b; j < subLen; j += step {
		t := int32(c.rr[j][j]) << s.pre
		for _, p := range pulses[:n] {
			t = LAdd(t, int32(c.rr[p][j])<<(s.pre+1))
		}
		pre[j] = Round(t)
	}
	best := nothing
	pulses[n], pulses[n+1] = a, b
	for i := a; i < subLen; i += step {
		ps1 := Add(ps0, c.d[i])
		alp1 := LAdd(alp0, int32(c.rr[i][i])<<s.self)
		for _, p := range pulses[:n] {
			alp1 = LAdd(alp1, int32(c.rr[p][i])<<(s.self+1))
		}
		for j := b; j < subLen; j += step {
			ps := Add(ps1, c.d[j])
			alp := Round(LAdd(LAdd(alp1, int32(pre[j])<<s.add), int32(c.rr[i][j])<<s.cross))
			sq := Mult(ps, ps)
			if better(sq, alp, best.sq, best.alp) {
				best = found{ps, sq, alp}
				pulses[n], pulses[n+1] = i, j
			}
		}
	}
	return best
}

// filtered returns the sum of the response h at the pulses, each times its weight, Q15 (Q13 of 12.2).
func (c *codeSearch) filtered(pulses []int, weights []int16, y *[subLen]int16) {
	for i := range y {
		s := int32(0)
		for k, p := range pulses {
			if i >= p {
				s = LMac(s, c.h.h[i-p], weights[k])
			}
		}
		y[i] = Round(s)
	}
}
