package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

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
