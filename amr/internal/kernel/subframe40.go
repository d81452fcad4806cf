package kernel

// What is done sample by sample to the 40 samples of a subframe of the narrowband codec.

// Scale40 sets y[i] to (x[i]*g + half) >> down, limited to 16 bits. |half| is at most 2^15, so that no sum leaves 32 bits. y may be x.
//
// That is what L_mult, L_shl by n and round (half 0x4000>>n) or extract_h (half 0) give with down = 15-n, for any g but -32768:
// where L_shl or round saturates, what is shifted only here is beyond 16 bits as well.
func Scale40(y, x *[40]int16, g int16, half int32, down uint) {
	if haveSubframe && haveSIMD {
		scale40SIMD(y, x, int64(g), int64(half), uint64(down))
		return
	}
	for i, v := range x {
		y[i] = sat((int32(v)*int32(g) + half) >> down)
	}
}

// SubScaled40 sets z[i] to x[i] less y[i]*g >> down, each limited to 16 bits. z may be x, and y too.
func SubScaled40(z, x, y *[40]int16, g int16, down uint) {
	if haveSubframe && haveSIMD {
		subScaled40SIMD(z, x, y, int64(g), uint64(down))
		return
	}
	for i, v := range y {
		z[i] = sat(int32(x[i]) - int32(sat(int32(v)*int32(g)>>down)))
	}
}

// Mix40 sets y[i] to (y[i]*p + x[i]*g + half) >> down, limited to 16 bits. p and g are not negative, and half is up to 2^14: two
// products of 32767 and 2^14 together stay below 2^31, and no sum is below -2*32768*32767 > -2^31.
//
// That is what L_mult, L_mac, L_shl by n > 0 and round give with half = 0x4000>>n and down = 15-n: where L_mac saturates at twice
// the sum, L_shl does too.
func Mix40(y, x *[40]int16, p, g int16, half int32, down uint) {
	if haveSubframe && haveSIMD {
		mix40SIMD(y, x, uint64(uint16(p))|uint64(uint16(g))<<16, int64(half), uint64(down))
		return
	}
	for i, v := range x {
		y[i] = sat((int32(y[i])*int32(p) + int32(v)*int32(g) + half) >> down)
	}
}

// Delayed is an impulse response of 40 samples after as many zeros, and some zeros that are there to be read.
type Delayed [40 + 48]int16

// Set takes a response.
func (d *Delayed) Set(h *[40]int16) { copy(d[40:], h[:]) }

// A Pulse is a position in a subframe and a weight.
type Pulse struct {
	At     uint16
	Weight int16
}

// Pulses sets y to the sum of the response at each pulse, times its weight, Q15, rounded and limited to 16 bits. There are up to
// ten pulses. The caller knows that the largest magnitude in d times the sum of those of the weights is below 2^31 - 2^14.
func (d *Delayed) Pulses(y *[40]int16, pulses []Pulse) {
	if haveSubframe && haveSIMD && len(pulses) <= 10 {
		var p [10]Pulse // one without weight completes the last pair
		n := copy(p[:], pulses)
		pulsesSIMD(y, d, &p, (n+1)/2)
		return
	}
	var sum [40]int32
	for _, p := range pulses {
		w := int32(p.Weight)
		for i, v := range (*[40]int16)(d[40-p.At:]) {
			sum[i] += int32(v) * w
		}
	}
	for i, s := range sum {
		y[i] = sat((s + 0x4000) >> 15)
	}
}

// Signs40 weighs the residual r and the correlation d, both by slot, as (r*kr + d*kd + 16) >> 5, limited to 16 bits. sign gets 32767 or
// -32767 by the sign of that, sum its magnitude up to 32767, and d is negated where it is negative. kr and kd are not negative. The
// shift is that of L_mult, L_mac, L_shl by 10 and round: see Mix40. What is behind 40 is to be 0 and becomes that of 0.
//
// top has for each track of eight slots the first one with the largest sum, and the sum.
func Signs40(d, sign, sum, r *[48]int16, kr, kd int16, top *[5]SlotSum) {
	if haveSubframe && haveSIMD {
		signs40SIMD(d, sign, sum, r, uint64(uint16(kr))|uint64(uint16(kd))<<16, top)
		return
	}
	for i, v := range d {
		s := int32(sat((int32(r[i])*int32(kr) + int32(v)*int32(kd) + 16) >> 5))
		m := s >> 31 // -1 if negative
		sign[i] = int16(m ^ 32767 - m)
		d[i] = sat(int32(v) ^ m - m)
		sum[i] = sat(s ^ m - m)
	}
	for t := range top {
		top[t] = SlotSum{Sum: -1}
		for i, v := range sum[8*t : 8*t+8] {
			if v > top[t].Sum {
				top[t] = SlotSum{v, int16(i)}
			}
		}
	}
}

// A SlotSum is the sum at a slot of a track.
type SlotSum struct{ Sum, Slot int16 }
