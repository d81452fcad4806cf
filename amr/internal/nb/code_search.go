package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// A codeSearch looks for the codeword that, filtered by the impulse response, is nearest to the target: the one with the
// largest (sum of d at its pulses)^2 / (sum of rr at pairs of its pulses) (TS 26.090 section 5.7).
//
// The positions of a track are step apart. They are kept side by side: a slot is track*width + position/step.
type codeSearch struct {
	h       response       // impulse response, with the pitch sharpening
	step    int            // number of tracks, 4 or 5
	width   int            // positions of a track
	d       [48]int16      // by slot: |correlation of target and response|; behind 40 there is nothing
	sign    [48]int16      // its sign, 32767 or -32767
	diag    [48]int16      // correlation of the response with itself at one slot, and
	rr      kernel.Matrix  // at two, times both signs
	sum     [48]int16      // in 10.2 and 12.2, by slot: what chooses the signs
	delayed kernel.Delayed // h, for filtered
	keep    [subLen]bool   // where the first pulse may be
	pair    kernel.PairSearch
	chain   kernel.ChainSearch
}

func (c *codeSearch) slot(position int) int { return position%c.step*c.width + position/c.step }

func (c *codeSearch) position(slot int) int { return slot%c.width*c.step + slot/c.width }

// slots5 and slots4 are the slots by position.
var slots5, slots4 = slotTable(5), slotTable(4)

func slotTable(step int) (t [subLen]uint8) {
	c := codeSearch{step: step, width: subLen / step}
	for i := range t {
		t[i] = uint8(c.slot(i))
	}
	return t
}

func (c *codeSearch) slots() *[subLen]uint8 {
	if c.step == 4 {
		return &slots4
	}
	return &slots5
}

// backward sets d to the correlation of the target with the response, scaled so that the pulses of all tracks can be added
// with headroom bits to spare.
func (c *codeSearch) backward(x *[subLen]int16, headroom int16) {
	var y [subLen]int32
	c.h.backward(x, &y)
	var tops [5]int32
	for at := 0; at < subLen; at += c.step {
		for track, v := range y[at : at+c.step] {
			tops[track] = max(tops[track], LAbs(v))
		}
	}
	total := int32(5)
	for _, top := range tops {
		total = LAdd(total, top>>1)
	}
	shift := NormL(total) - headroom
	slots := c.slots()
	if shift < 0 {
		for i, v := range y {
			c.d[slots[i]%48] = Round(v >> -shift)
		}
		return
	}
	for i, v := range y { // |v| is below 2*total, which has a bit more of headroom
		c.d[slots[i]%48] = Round(v << shift)
	}
}

// chooseSigns takes the sign of each pulse from d.
func (c *codeSearch) chooseSigns() {
	for i, v := range c.d[:subLen] {
		m := int32(v) >> 31 // -1 if negative; the signs are too random to be foreseen by the processor
		c.sign[i] = int16(MaxInt16 ^ m - m)
		c.d[i] = int16(min(int32(v)^m-m, MaxInt16))
		c.keep[i] = true
	}
}

// sort8 are the exchanges that sort eight numbers.
var sort8 = [...][2]uint8{
	{0, 2}, {1, 3}, {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6}, {3, 7}, {0, 1}, {2, 3}, {4, 5}, {6, 7}, {2, 4}, {3, 5}, {1, 4}, {3, 6}, {1, 2}, {3, 4}, {5, 6},
}

// thin leaves n positions of each of the five tracks to the first pulse, those with the largest d, the last ones among equals.
func (c *codeSearch) thin(n int) {
	for track := range 5 {
		var keys, sorted [8]int32
		for i, v := range c.d[track*8 : track*8+8] {
			keys[i] = int32(v)<<3 + int32(i)
		}
		sorted = keys
		for _, e := range sort8 {
			a, b := &sorted[e[0]&7], &sorted[e[1]&7]
			*a, *b = min(*a, *b), max(*a, *b)
		}
		last := sorted[7-n] // of those that go
		if last>>3 == MaxInt16 {
			c.thinLimited(n)
			return
		}
		for i, k := range keys {
			c.keep[track*8+i] = k > last
		}
	}
}

// thinLimited is thin where the limit of 16 bits comes up, which the standard takes no position for.
func (c *codeSearch) thinLimited(n int) {
	for i := range c.keep {
		c.keep[i] = true
	}
	at := 0
	for track := range 5 {
		for range 8 - n {
			least := int16(MaxInt16)
			for i := track * 8; i < track*8+8; i++ {
				if c.keep[i] && c.d[i] < least {
					least, at = c.d[i], i
				}
			}
			c.keep[at] = false
		}
	}
}

// chooseSignsByResidual takes the signs from d and the residual r together (10.2 and 12.2). best is the slot of the
// largest sum on each track; the tracks follow from the one with the largest of all, twice around.
func (c *codeSearch) chooseSignsByResidual(r *[subLen]int16, best, tracks []int) {
	d := (*[subLen]int16)(c.d[:])
	kr := ExtractH(LShl(invSqrt(correlateFrom(256, r, r)), 5))
	kd := ExtractH(LShl(invSqrt(correlateFrom(256, d, d)), 5))
	var bySlot [48]int16
	for i, slot := range c.slots() {
		bySlot[slot%48] = r[i]
	}
	var most [5]kernel.SlotSum
	kernel.Signs40(&c.d, &c.sign, &c.sum, &bySlot, kr, kd, &most)
	if c.step == 4 { // whose tracks are longer
		most = [5]kernel.SlotSum{}
		for track := range c.step {
			m := &most[track]
			m.Sum = -1
			for i, v := range c.sum[track*10 : track*10+10] {
				if v > m.Sum {
					*m = kernel.SlotSum{Sum: v, Slot: int16(i)}
				}
			}
		}
	}
	top, first := int16(-1), 0
	for track := range best {
		m := most[track]
		best[track] = track*c.width + int(m.Slot)
		if m.Sum > top {
			top, first = m.Sum, track
		}
	}
	for i := range tracks {
		tracks[i] = (first + i) % c.step
	}
}

// autocorrelate fills in rr and diag.
func (c *codeSearch) autocorrelate() {
	var h [subLen]int16
	s := correlateFrom(2, &c.h.h, &c.h.h)
	if ExtractH(s) == MaxInt16 {
		for i, v := range c.h.h {
			h[i] = v >> 1
		}
	} else {
		k := Mult(ExtractH(LShl(invSqrt(s>>1), 7)), 32440) // 0.99
		kernel.Scale40(&h, &c.h.h, k, 32, 6)
	}
	slots := c.slots()
	sum := int64(0)
	for k, v := range h {
		sum += 2 * int64(v) * int64(v)
		c.diag[slots[subLen-1-k]%48] = Round(LSat(sum))
	}
	s = LSat(sum)
	switch {
	case s != MaxInt32 && c.step == 5:
		c.rr.Correlate5(&h, &c.sign)
	case s != MaxInt32:
		c.rr.Correlate4(&h, &c.sign)
	default:
		for lag := 1; lag < subLen; lag++ {
			s = 0
			for k := range subLen - lag {
				s = LMac(s, h[k], h[k+lag])
				j := slots[subLen-1-k]
				i := slots[subLen-1-k-lag]
				v := Mult(Round(s), Mult(c.sign[i], c.sign[j]))
				c.rr[i][j], c.rr[j][i] = v, v
			}
		}
	}
	for i, v := range c.diag[:subLen] {
		c.rr[i][i] = v // without the signs
	}
}

// better tells whether sq1/alp1 > sq/alp, which are not negative.
func better(sq1, alp1, sq, alp int16) bool {
	return int32(alp)*int32(sq1) > int32(sq)*int32(alp1)
}

// A found is the outcome of a search: the sum of d, its square and the energy.
type found struct{ ps, sq, alp int16 }

var nothing = found{0, -1, 1}

// addPulse tries a further pulse on one of five tracks, beside those in pulses. alp0 is the energy so far, self the shift
// that a diagonal element of rr is added to it with; pairs count twice. The weights add up to 1 at most, so that no sum
// leaves 32 bits.
func (c *codeSearch) addPulse(track int, pulses []int, ps0 int16, alp0 int32, self uint) (best found, at int) {
	at = track * 8
	diag := (*[8]int16)(c.diag[at:])
	var e [8]int32
	for i, v := range diag {
		e[i] = int32(v)
	}
	for _, p := range pulses {
		row := (*[8]int16)(c.rr[p][at:])
		for i, v := range row {
			e[i] += 2 * int32(v)
		}
	}
	best = nothing
	d := (*[8]int16)(c.d[at:])
	k := 0
	for i, v := range d {
		ps := Add(ps0, v)
		sq := Mult(ps, ps)
		if a := Round(alp0 + e[i]<<self); better(sq, a, best.sq, best.alp) {
			best, k = found{ps, sq, a}, i
		}
	}
	return best, at + k
}

// addChain adds the best pulse on each of tracks, one after the other, to that in slots[0].
func (c *codeSearch) addChain(slots *[4]int, tracks []int) (f found) {
	q := &c.chain
	q.First = int64(slots[0] * 2)
	if q.Run() {
		for i := range tracks {
			slots[i+1] = int(q.At[i])
		}
		return found{int16(q.Ps), int16(q.Sq), int16(q.Alp)}
	}
	f.ps = c.d[slots[0]]
	alp0, self := int32(c.diag[slots[0]])<<14, uint(14)
	for i, t := range tracks {
		f, slots[i+1] = c.addPulse(t, slots[:i+1], f.ps, alp0, self)
		alp0, self = int32(f.alp)<<(14+2*i), 12
	}
	return f
}

// prepareChain is to be called before addChain with these tracks.
func (c *codeSearch) prepareChain(tracks []int) {
	q := &c.chain
	q.M, q.D, q.Diag, q.N = &c.rr, &c.d, &c.diag, int64(len(tracks))
	q.Self = [3]int64{14, 12, 12}
	for i, t := range tracks {
		q.Tracks[i] = int64(t * 16)
	}
}

// search2 finds two pulses, one on each of a pair of tracks.
func (c *codeSearch) search2(tracks [][2]int) (slots [4]int) {
	best := nothing
	slots = [4]int{c.slot(0), c.slot(1)}
	for _, t := range tracks {
		c.prepareChain(t[1:])
		for i := t[0] * 8; i < t[0]*8+8; i++ {
			p := [4]int{i}
			f := c.addChain(&p, t[1:])
			if better(f.sq, f.alp, best.sq, best.alp) {
				best, slots = f, p
			}
		}
	}
	return slots
}

// searchN finds n pulses, 3 or 4, one on each of tracks, the first among the positions that thin has left. Each track comes
// first once.
func (c *codeSearch) searchN(n int, best *found, slots *[4]int, tracks [4]int) {
	for range n {
		c.prepareChain(tracks[1:n])
		for i := tracks[0] * 8; i < tracks[0]*8+8; i++ {
			if !c.keep[i] {
				continue
			}
			p := [4]int{i}
			f := c.addChain(&p, tracks[1:n])
			if better(f.sq, f.alp, best.sq, best.alp) {
				*best, *slots = f, p
			}
		}
		last := tracks[n-1]
		copy(tracks[1:n], tracks[:n-1])
		tracks[0] = last
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

// filtered returns the sum of the response h at the positions of pulses, each times its weight, Q15 (Q13 of 12.2).
func (c *codeSearch) filtered(pulses []kernel.Pulse, y *[subLen]int16) {
	if c.exactly(pulses) {
		c.delayed.Set(&c.h.h)
		c.delayed.Pulses(y, pulses)
		return
	}
	for i := range y {
		s := int32(0)
		for _, p := range pulses {
			if i >= int(p.At) {
				s = LMac(s, c.h.h[i-int(p.At)], p.Weight)
			}
		}
		y[i] = Round(s)
	}
}

// exactly tells whether no part of a sum of filtered can reach 2^30, where the standard's doubled one would saturate.
func (c *codeSearch) exactly(pulses []kernel.Pulse) bool {
	weight := int64(0)
	for _, p := range pulses {
		weight += max(int64(p.Weight), -int64(p.Weight))
	}
	d := &c.delayed
	d.Set(&c.h.h)
	if bound := weight * int64(kernel.MaxAbs(d[subLen:])); bound < 1<<30 || bound >= 1<<31-1<<15 {
		return bound < 1<<30
	}
	// The sums of magnitudes do not leave 32 bits. They are at least 2^30 where they come out as 32767.
	var sum [subLen]int16
	magnitudes := [10]kernel.Pulse{}
	for i, p := range pulses {
		magnitudes[i] = kernel.Pulse{At: p.At, Weight: max(p.Weight, -max(p.Weight, -MaxInt16))}
	}
	for i, v := range c.h.h {
		d[subLen+i] = max(v, -v)
	}
	d.Pulses(&sum, magnitudes[:len(pulses)])
	for _, v := range sum {
		if v >= MaxInt16-1 {
			return false
		}
	}
	return true
}
