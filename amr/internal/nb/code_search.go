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
