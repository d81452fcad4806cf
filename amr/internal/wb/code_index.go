package wb

// writeCode writes the indices of the pulses at of each track, the inverse of readCode.
func writeCode(mode Mode, at *[numTracks][6]int16, w *bitWriter) {
	p := &trackPulses[mode]
	var idx [numTracks]int32
	for t, n := range p.count {
		pos := at[t][:]
		switch n {
		case 1:
			idx[t] = encode1(pos[0], 4)
		case 2:
			idx[t] = encode2(pos[0], pos[1], 4)
		case 3:
			idx[t] = encode3(pos[0], pos[1], pos[2], 4)
		case 4:
			idx[t] = encode4(pos, 4)
		case 5:
			idx[t] = encode5(pos, 4)
		case 6:
			idx[t] = encode6(pos)
		}
	}
	for t, n := range p.high {
		w.write(int16(idx[t]>>uint(p.low[t])), int(n))
	}
	for t, n := range p.low {
		w.write(int16(idx[t]&(1<<uint(n)-1)), int(n))
	}
}

// encode1 puts a pulse into n+1 bits.
func encode1(pos int16, n uint) int32 {
	idx := int32(pos) & (1<<n - 1)
	if pos&negPulse != 0 {
		idx += 1 << n
	}
	return idx
}

// encode2 puts two pulses into 2n+1 bits: pulses of one sign in rising order, others so that the negative one is told
// by the order.
func encode2(a, b int16, n uint) int32 {
	mask := int16(1)<<n - 1
	first, second := a, b
	if (a^b)&negPulse == 0 {
		if a > b {
			first, second = b, a
		}
	} else if a&mask <= b&mask {
		first, second = b, a
	}
	idx := int32(first&mask)<<n + int32(second&mask)
	if first&negPulse != 0 {
		idx += 1 << (2 * n)
	}
	return idx
}

// encode3 puts three pulses into 3n+1 bits: two of them share a half.
func encode3(a, b, c int16, n uint) int32 {
	half := int16(1) << (n - 1)
	switch {
	case (a^b)&half == 0:
	case (a^c)&half == 0:
		b, c = c, b
	default:
		a, b, c = b, c, a
	}
	return encode2(a, b, n-1) + int32(a&half)<<n + encode1(c, n)<<(2*n)
}

// encode4Half puts four pulses, of which two of the first three share a half, into 4n+1 bits.
func encode4Half(a, b, c, d int16, n uint) int32 {
	half := int16(1) << (n - 1)
	switch {
	case (a^b)&half == 0:
	case (a^c)&half == 0:
		b, c = c, b
	default:
		a, b, c = b, c, a
	}
	return encode2(a, b, n-1) + int32(a&half)<<n + encode2(c, d, n)<<(2*n)
}

// halves sorts pulses into those of the lower and those of the upper half, in order.
func halves(pos []int16, n uint, lower, upper *[6]int16) int {
	i, j := 0, 0
	for _, p := range pos {
		if p>>(n-1)&1 == 0 {
			lower[i] = p
			i++
		} else {
			upper[j] = p
			j++
		}
	}
	return i
}

// encode4 puts four pulses into 4n bits.
func encode4(pos []int16, n uint) int32 {
	var a, b [6]int16
	h := n - 1
	count := halves(pos[:4], n, &a, &b)
	var idx int32
	switch count {
	case 0:
		idx = 1<<(4*n-3) + encode4Half(b[0], b[1], b[2], b[3], h)
	case 1:
		idx = encode1(a[0], h)<<(3*h+1) + encode3(b[0], b[1], b[2], h)
	case 2:
		idx = encode2(a[0], a[1], h)<<(2*h+1) + encode2(b[0], b[1], h)
	case 3:
		idx = encode3(a[0], a[1], a[2], h)<<n + encode1(b[0], h)
	case 4:
		idx = encode4Half(a[0], a[1], a[2], a[3], h)
	}
	return idx + int32(count&3)<<(4*n-2)
}

// encode5 puts five pulses into 5n bits.
func encode5(pos []int16, n uint) int32 {
	var a, b [6]int16
	h := n - 1
	count := halves(pos[:5], n, &a, &b)
	three, rest := &a, [2]int16{}
	var idx int32
	switch count {
	case 0:
		three, rest = &b, [2]int16{b[3], b[4]}
	case 1:
		three, rest = &b, [2]int16{b[3], a[0]}
	case 2:
		three, rest = &b, [2]int16{a[0], a[1]}
	case 3:
		rest = [2]int16{b[0], b[1]}
	case 4:
		rest = [2]int16{a[3], b[0]}
	case 5:
		rest = [2]int16{a[3], a[4]}
	}
	if count <= 2 {
		idx = 1 << (5*n - 1)
	}
	return idx + encode3(three[0], three[1], three[2], h)<<(2*n+1) + encode2(rest[0], rest[1], n)
}

// encode6 puts six pulses of a track of 16 positions into 22 bits.
func encode6(pos []int16) int32 {
	const n, h = 4, 3
	var a, b [6]int16
	count := halves(pos[:6], n, &a, &b)
	const upper = 1 << (6*n - 5)
	switch count {
	case 0:
		return upper + encode5(b[:], h)<<n + encode1(b[5], h)
	case 1:
		return upper + encode5(b[:], h)<<n + encode1(a[0], h) + 1<<(6*n-4)
	case 2:
		return upper + encode4(b[:], h)<<(2*h+1) + encode2(a[0], a[1], h) + 2<<(6*n-4)
	case 3:
		return encode3(a[0], a[1], a[2], h)<<(3*h+1) + encode3(b[0], b[1], b[2], h) + 3<<(6*n-4)
	case 4:
		return encode4(a[:], h)<<(2*h+1) + encode2(b[0], b[1], h) + 2<<(6*n-4)
	case 5:
		return encode5(a[:], h)<<n + encode1(b[0], h) + 1<<(6*n-4)
	}
	return encode5(a[:], h)<<n + encode1(a[5], h)
}
