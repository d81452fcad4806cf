package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

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

// A pairPath is one of the ways of searchPairs: the order of the tracks, and what is found on them.
type pairPath struct {
	tracks [10]int
	slots  [10]int
	found
	alp0 int32
}

// searchPairs finds the 8 pulses of 10.2 (four tracks) or the 10 of 12.2 (five): the first stays at the best slot of the
// best track, the second at that of each other track by turns; the others are found pair by pair. The ways do not depend on one
// another: taken side by side, one can begin in the processor where the other waits for its outcome.
func (c *codeSearch) searchPairs(best, tracks []int) (slots [10]int) {
	n := 2 * c.step
	c.pair.M, c.pair.D, c.pair.Diag = &c.rr, &c.d, &c.diag
	var paths [4]pairPath
	for i := range c.step - 1 {
		w := &paths[i]
		w.tracks[0] = tracks[0]
		copy(w.tracks[1:], tracks[1+i:])
		copy(w.tracks[n-i:], tracks[1:1+i])
		i0, i1 := best[w.tracks[0]], best[w.tracks[1]]
		w.slots[0], w.slots[1] = i0, i1
		w.ps = Add(c.d[i0], c.d[i1])
		w.alp0 = int32(c.diag[i0])<<12 + int32(c.diag[i1])<<12 + int32(c.rr[i0][i1])<<13
	}
	for stage := range c.step - 1 {
		k := 2 + 2*stage
		for i := range c.step - 1 {
			w := &paths[i]
			w.found = c.searchPair(&pairStages[stage], w.tracks[k], w.tracks[k+1], w.slots[:k+2], w.ps, w.alp0)
			w.alp0 = int32(w.alp) << 15
		}
	}
	top := nothing
	for i := range n {
		slots[i] = c.slot(i)
	}
	for i := range c.step - 1 {
		if w := &paths[i]; better(w.sq, w.alp, top.sq, top.alp) {
			top, slots = w.found, w.slots
		}
	}
	return slots
}

// searchPair finds the last two of pulses, on tracks a and b.
func (c *codeSearch) searchPair(s *pairStage, a, b int, pulses []int, ps0 int16, alp0 int32) found {
	n := len(pulses) - 2
	q := &c.pair
	q.N, q.A, q.Count = int64(n), int64(a*c.width*2), int64(c.width)
	q.Pre, q.Self, q.Add, q.Cross = int64(s.pre), int64(s.self), int64(s.add), int64(s.cross)
	q.Alp0, q.Ps0 = int64(alp0), int64(ps0)
	for i, p := range pulses[:n] {
		q.Pulses[i] = int64(p * 96)
	}
	best, first := nothing, int64(0)
	for from := 0; from < c.width; from += 8 {
		q.B, q.Lanes = int64((b*c.width+from)*2), int64(min(8, c.width-from))
		if !q.Run() {
			return c.searchPairSat(s, a, b, pulses, ps0, alp0)
		}
		sq, alp, order := int16(q.Square), int16(q.Alpha), q.Slots+int64(from)
		l, r := int32(best.alp)*int32(sq), int32(best.sq)*int32(alp)
		if l > r || l == r && order < first {
			best, first = found{0, sq, alp}, order
		}
	}
	i, j := a*c.width+int(first>>4), b*c.width+int(first&15)
	pulses[n], pulses[n+1] = i, j
	best.ps = Add(Add(ps0, c.d[i]), c.d[j])
	return best
}

// searchPairSat is searchPair step by step: with six pulses the sums may leave 32 bits, and saturate.
func (c *codeSearch) searchPairSat(s *pairStage, a, b int, pulses []int, ps0 int16, alp0 int32) found {
	n := len(pulses) - 2
	a, b = a*c.width, b*c.width
	var pre [10]int32
	for k := range pre[:c.width] {
		j := b + k
		t := int32(c.diag[j]) << s.pre
		for _, p := range pulses[:n] {
			t = LAdd(t, int32(c.rr[p][j])<<(s.pre+1))
		}
		pre[k] = int32(Round(t)) << s.add
	}
	best := nothing
	pulses[n], pulses[n+1] = a, b
	for i := a; i < a+c.width; i++ {
		ps1 := Add(ps0, c.d[i])
		alp1 := LAdd(alp0, int32(c.diag[i])<<s.self)
		for _, p := range pulses[:n] {
			alp1 = LAdd(alp1, int32(c.rr[p][i])<<(s.self+1))
		}
		row := c.rr[i][b : b+c.width]
		d := c.d[b : b+len(row)]
		for k, r := range row {
			ps := Add(ps1, d[k])
			alp := Round(LAdd(LAdd(alp1, pre[k]), int32(r)<<s.cross))
			sq := Mult(ps, ps)
			if better(sq, alp, best.sq, best.alp) {
				best = found{ps, sq, alp}
				pulses[n], pulses[n+1] = i, b+k
			}
		}
	}
	return best
}
