package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// searchCode finds the codeword of a subframe for the target x and appends its parameters to p. h is the impulse response, r the residual of the long-term prediction, sharp the pitch sharpening in Q15. code gets the
// codeword, sharpened; y the codeword filtered by h.
func (c *codeSearch) searchCode(mode Mode, subframe int, x *[subLen]int16, h *response, r *[subLen]int16, lag, sharp int16, code *codeword, y *[subLen]int16, p []int16) []int16 {
	c.step, c.width = 5, 8
	if mode == MR102 {
		c.step, c.width = 4, 10
	}
	sharpened := h.h
	sharpen(&sharpened, lag, sharp)
	c.h.set(&sharpened)
	*code = codeword{}
	switch mode {
	case MR475, MR515, MR59:
		c.backward(x, 1)
		c.chooseSigns()
		c.autocorrelate()
		if mode == MR59 {
			pos := c.positions(c.search2([][2]int{{1, 0}, {1, 1}, {1, 2}, {1, 4}, {3, 0}, {3, 1}, {3, 2}, {3, 4}}))
			p = append(p, c.index2x11(pos[:2]), c.setPulses(pos[:2], []int16{pulseBit2x11(pos[0], 0), pulseBit2x11(pos[1], 1)}, code, y))
			break
		}
		s := startPos[2*subframe:]
		pos := c.positions(c.search2([][2]int{{int(s[0]), int(s[1])}, {int(s[8]), int(s[9])}}))
		p = append(p, c.index2x9(subframe, pos[:2]), c.setPulses(pos[:2], []int16{0, 1}, code, y))
	case MR67:
		c.backward(x, 1)
		c.chooseSigns()
		c.thin(6)
		c.autocorrelate()
		best, slots := nothing, [4]int{0, 8, 16}
		for _, t1 := range []int{1, 3} {
			for _, t2 := range []int{2, 4} {
				c.searchN(3, &best, &slots, [4]int{0, t1, t2})
			}
		}
		pos := c.positions(slots)
		index, bits := int16(0), [4]int16{}
		for k, at := range pos[:3] {
			n, track := int16(at/5), at%5
			switch track {
			case 0:
				index += n
			case 1, 3:
				index += n<<4 + int16(track>>1)<<3
				bits[k] = 1
			default:
				index += n<<8 + int16(track>>2)<<7
				bits[k] = 2
			}
		}
		p = append(p, index, c.setPulses(pos[:3], bits[:3], code, y))
	case MR74, MR795:
		c.backward(x, 1)
		c.chooseSigns()
		c.thin(4)
		c.autocorrelate()
		best, slots := nothing, [4]int{0, 8, 16, 24}
		for _, t3 := range []int{3, 4} {
			c.searchN(4, &best, &slots, [4]int{0, 1, 2, t3})
		}
		pos := c.positions(slots)
		index, bits := int16(0), [4]int16{}
		for k, at := range pos {
			n, track := gray[at/5], at%5
			switch track {
			case 3, 4:
				index += n<<10 + int16(track-3)<<9
				bits[k] = 3
			default:
				index += n << (3 * track)
				bits[k] = int16(track)
			}
		}
		p = append(p, index, c.setPulses(pos[:], bits[:], code, y))
	case MR102:
		var best [4]int
		var tracks [8]int
		c.backward(x, 2)
		c.chooseSignsByResidual(r, best[:], tracks[:])
		c.autocorrelate()
		pos := c.searchPairs(best[:], tracks[:])
		p = c.encode8x31(pos[:8], code, y, p)
	default:
		var best [5]int
		var tracks [10]int
		c.backward(x, 2)
		c.chooseSignsByResidual(r, best[:], tracks[:])
		c.autocorrelate()
		pos := c.searchPairs(best[:], tracks[:])
		p = c.encode10x35(pos[:], code, y, p)
	}
	sharpen(code, lag, sharp)
	return p
}

func (c *codeSearch) positions(slots [4]int) (p [4]int) {
	for i, s := range slots {
		p[i] = c.position(s)
	}
	return p
}

// setPulses writes the codeword of up to four pulses and its filtered form, and returns the signs: bit bits[k] is set if
// pulse k is positive.
func (c *codeSearch) setPulses(pos []int, bits []int16, code *codeword, y *[subLen]int16) (signs int16) {
	var pulses [4]kernel.Pulse
	for k, at := range pos {
		pulses[k] = kernel.Pulse{At: uint16(at), Weight: MinInt16}
		if c.sign[c.slot(at)] > 0 {
			code[at], pulses[k].Weight = 8191, MaxInt16
			signs += 1 << bits[k]
		} else {
			code[at] = -8192
		}
	}
	c.filtered(pulses[:len(pos)], y)
	return signs
}

// index2x9 returns the positions of 4.75 and 5.15: 3 bits each, and one for the pair of tracks.
func (c *codeSearch) index2x9(subframe int, pos []int) int16 {
	index := int16(pos[0]/5) + int16(pos[1]/5)<<3
	if trackTable[subframe][pos[0]%5] != 0 {
		index += 64
	}
	return index
}

// index2x11 returns the positions of 5.90.
func (c *codeSearch) index2x11(pos []int) (index int16) {
	for k, at := range pos {
		n, track := int16(at/5), at%5
		if pulseBit2x11(at, k) == 0 {
			index += n<<1 + int16(track>>1)
		} else {
			index += n<<6 + [5]int16{0, 16, 32, 0, 48}[track]
		}
	}
	return index
}

// pulseBit2x11 tells whether pulse k at a position takes the place of the first (0) or of the second pulse in the index.
func pulseBit2x11(at, k int) int16 {
	if track := at % 5; track == 3 || track == 1 && k == 0 {
		return 0
	}
	return 1
}

// encode8x31 writes the codeword of 10.2, with pulses at slots, and appends its parameters: the sign of each track's first pulse, and the positions
// (the inverse of decodeCode8x31).
func (c *codeSearch) encode8x31(slots []int, code *codeword, y *[subLen]int16, p []int16) []int16 {
	var pulses [8]kernel.Pulse
	pos := [8]int16{-1, -1, -1, -1}
	var sign [4]int16
	for k, slot := range slots {
		at := c.position(slot)
		pulses[k].At = uint16(at)
		n, track := int16(at>>2), at&3
		s := int16(0)
		if c.sign[slot] > 0 {
			code[at] = Add(code[at], 8191)
			pulses[k].Weight = MaxInt16
		} else {
			code[at] = Sub(code[at], 8191)
			pulses[k].Weight = MinInt16
			s = 1
		}
		first := pos[track]
		// The second pulse of a track comes after the first if their signs agree, else before it.
		switch {
		case first < 0:
			pos[track], sign[track] = n, s
		case (s == sign[track]) == (first <= n):
			pos[track+4] = n
		default:
			pos[track+4] = first
			pos[track], sign[track] = n, s
		}
	}
	c.filtered(pulses[:], y)

	p = append(p, sign[:]...)
	p = append(p, join10(pos[0], pos[4], pos[1]), join10(pos[2], pos[6], pos[5]))
	lo := pos[3] >> 1
	if pos[7]>>1&1 == 1 {
		lo = 4 - lo
	}
	digits := lo + pos[7]>>1*5
	return append(p, (digits<<5+12)/25<<2+pos[3]&1+pos[7]&1<<1)
}

// join10 is the inverse of split10.
func join10(a, b, c int16) int16 {
	return (a>>1+b>>1*5+c>>1*25)<<3 + a&1 + b&1<<1 + c&1<<2
}

// encode10x35 writes the codeword of 12.2, with pulses at slots, and appends its parameters (the inverse of decodeCode10x35).
func (c *codeSearch) encode10x35(slots []int, code *codeword, y *[subLen]int16, p []int16) []int16 {
	var pulses [10]kernel.Pulse
	index := [10]int16{-1, -1, -1, -1, -1}
	for k, slot := range slots {
		at := slot&7*5 + slot>>3
		pulses[k].At = uint16(at)
		n, track := int16(slot&7), slot>>3
		if c.sign[slot] > 0 {
			code[at] += 4096
			pulses[k].Weight = 8192
		} else {
			code[at] -= 4096
			pulses[k].Weight = -8192
			n += 8
		}
		first := index[track]
		switch {
		case first < 0:
			index[track] = n
		case ((n^first)&8 == 0) == (first&7 <= n&7):
			index[track+5] = n
		default:
			index[track+5] = first
			index[track] = n
		}
	}
	c.filtered(pulses[:], y)
	for i, n := range index {
		if i < 5 {
			index[i] = n&8 | gray[n&7]
		} else {
			index[i] = gray[n&7]
		}
	}
	return append(p, index[:]...)
}
