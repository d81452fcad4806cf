package wb

// Pulse positions of one track as indices (TS 26.190 section 5.8.2): a track has 16 positions, a pulse is its position
// plus negPulse if it is negative. n is the number of position bits under consideration.

const (
	numTracks = 4
	trackLen  = 16
	negPulse  = 16
	pulseAmp  = 512 // Q9
)

// pulses is how many pulses the four tracks of a mode's codebook have, and where the bits of their indices lie.
type pulses struct {
	count [numTracks]int8
	high  [numTracks]int8 // bits of the first part of each index, sent before all second parts
	low   [numTracks]int8 // bits of the second part
}

// trackPulses holds the codebooks of the modes 8.85 to 23.85.
var trackPulses = [9]pulses{
	Mode885:  {count: [4]int8{1, 1, 1, 1}, low: [4]int8{5, 5, 5, 5}},
	Mode1265: {count: [4]int8{2, 2, 2, 2}, low: [4]int8{9, 9, 9, 9}},
	Mode1425: {count: [4]int8{3, 3, 2, 2}, low: [4]int8{13, 13, 9, 9}},
	Mode1585: {count: [4]int8{3, 3, 3, 3}, low: [4]int8{13, 13, 13, 13}},
	Mode1825: {count: [4]int8{4, 4, 4, 4}, high: [4]int8{2, 2, 2, 2}, low: [4]int8{14, 14, 14, 14}},
	Mode1985: {count: [4]int8{5, 5, 4, 4}, high: [4]int8{10, 10, 2, 2}, low: [4]int8{10, 10, 14, 14}},
	Mode2305: {count: [4]int8{6, 6, 6, 6}, high: [4]int8{11, 11, 11, 11}, low: [4]int8{11, 11, 11, 11}},
	Mode2385: {count: [4]int8{6, 6, 6, 6}, high: [4]int8{11, 11, 11, 11}, low: [4]int8{11, 11, 11, 11}},
}

// readCode reads the indices of a subframe and sets code to its pulses.
func readCode(r *bitReader, mode Mode, code *[subLen]int16) {
	*code = [subLen]int16{}
	if mode == Mode660 {
		idx := r.read(12)
		put := func(pos int16, neg bool) {
			code[pos] = pulseAmp
			if neg {
				code[pos] = -pulseAmp
			}
		}
		put(idx>>5&0x3e, idx>>6&32 != 0)
		put(idx&0x1f<<1+1, idx&32 != 0)
		return
	}
	p := &trackPulses[mode]
	var idx [numTracks]int32
	for t, n := range p.high {
		idx[t] = int32(r.read(int(n))) << uint(p.low[t])
	}
	for t, n := range p.low {
		idx[t] |= int32(r.read(int(n)))
	}
	for t, n := range p.count {
		var pos [6]int16
		switch n {
		case 1:
			decode1(idx[t], 4, 0, pos[:])
		case 2:
			decode2(idx[t], 4, 0, pos[:])
		case 3:
			decode3(idx[t], 4, 0, pos[:])
		case 4:
			decode4(idx[t], 4, 0, pos[:])
		case 5:
			decode5(idx[t], 4, 0, pos[:])
		case 6:
			decode6(idx[t], pos[:])
		}
		for _, v := range pos[:n] {
			at := int(v&(trackLen-1))*numTracks + t
			if v&negPulse == 0 {
				code[at] += pulseAmp
			} else {
				code[at] -= pulseAmp
			}
		}
	}
}

// decode1 takes a pulse from n+1 bits: sign, position.
func decode1(idx int32, n uint, offset int16, pos []int16) {
	pos[0] = int16(idx)&(1<<n-1) + offset
	if idx>>n&1 == 1 {
		pos[0] += negPulse
	}
}

// decode2 takes two pulses from 2n+1 bits: one sign and two positions, whose order tells the other sign.
func decode2(idx int32, n uint, offset int16, pos []int16) {
	mask := int16(1)<<n - 1
	pos[0] = int16(idx>>n)&mask + offset
	pos[1] = int16(idx)&mask + offset
	neg := idx>>(2*n)&1 == 1
	switch {
	case pos[1] < pos[0] && neg:
		pos[0] += negPulse
	case pos[1] < pos[0]:
		pos[1] += negPulse
	case neg:
		pos[0] += negPulse
		pos[1] += negPulse
	}
}

// decode3 takes three pulses from 3n+1 bits: two in one half of the track, one anywhere.
func decode3(idx int32, n uint, offset int16, pos []int16) {
	half := offset
	if idx>>(2*n-1)&1 == 1 {
		half += 1 << (n - 1)
	}
	decode2(idx&(1<<(2*n-1)-1), n-1, half, pos)
	decode1(idx>>(2*n), n, offset, pos[2:])
}

// decode4Half takes four pulses from 4n+1 bits: two in one half, two anywhere.
func decode4Half(idx int32, n uint, offset int16, pos []int16) {
	half := offset
	if idx>>(2*n-1)&1 == 1 {
		half += 1 << (n - 1)
	}
	decode2(idx&(1<<(2*n-1)-1), n-1, half, pos)
	decode2(idx>>(2*n), n, offset, pos[2:])
}

// decode4 takes four pulses from 4n bits: two bits tell how many lie in the lower half.
func decode4(idx int32, n uint, offset int16, pos []int16) {
	h := n - 1
	upper := offset + 1<<h
	switch idx >> (4*n - 2) & 3 {
	case 0:
		if idx>>(4*h+1)&1 == 0 {
			decode4Half(idx, h, offset, pos)
		} else {
			decode4Half(idx, h, upper, pos)
		}
	case 1:
		decode1(idx>>(3*h+1), h, offset, pos)
		decode3(idx, h, upper, pos[1:])
	case 2:
		decode2(idx>>(2*h+1), h, offset, pos)
		decode2(idx, h, upper, pos[2:])
	case 3:
		decode3(idx>>(h+1), h, offset, pos)
		decode1(idx, h, upper, pos[3:])
	}
}

// decode5 takes five pulses from 5n bits: three in the half that one bit tells, two anywhere.
func decode5(idx int32, n uint, offset int16, pos []int16) {
	half := offset
	if idx>>(5*n-1)&1 == 1 {
		half += 1 << (n - 1)
	}
	decode3(idx>>(2*n+1), n-1, half, pos)
	decode2(idx, n, offset, pos[3:])
}

// decode6 takes six pulses of a track of 16 positions from 22 bits.
func decode6(idx int32, pos []int16) {
	const n, h = 4, 3
	a, b := int16(0), int16(1<<h)
	if idx>>(6*n-5)&1 == 1 {
		a, b = b, a
	}
	switch idx >> (6*n - 4) & 3 {
	case 0:
		decode5(idx>>n, h, a, pos)
		decode1(idx, h, a, pos[5:])
	case 1:
		decode5(idx>>n, h, a, pos)
		decode1(idx, h, b, pos[5:])
	case 2:
		decode4(idx>>(2*h+1), h, a, pos)
		decode2(idx, h, b, pos[4:])
	case 3:
		decode3(idx>>(3*h+1), h, 0, pos)
		decode3(idx, h, 1<<h, pos[3:])
	}
}
