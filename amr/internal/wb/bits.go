package wb

// maxBits is the number of speech bits in the longest frame.
const maxBits = 477

// codecBits holds a frame's bits, one an element, in the order in which the codec makes them.
type codecBits [maxBits]uint8

// sortOrder returns the order of importance of mode m: bit j of a frame as sent is codec bit sortOrder(m)[j].
func sortOrder(m Mode) []int16 {
	switch m {
	case Mode660:
		return sort660[:]
	case Mode885:
		return sort885[:]
	case Mode1265:
		return sort1265[:]
	case Mode1425:
		return sort1425[:]
	case Mode1585:
		return sort1585[:]
	case Mode1825:
		return sort1825[:]
	case Mode1985:
		return sort1985[:]
	case Mode2305:
		return sort2305[:]
	case Mode2385:
		return sort2385[:]
	case ModeSID:
		return sortSID[:]
	}
	return nil
}

// unsort takes the bits of a frame of mode m from data. Bits that data is too short for are 0.
func (b *codecBits) unsort(m Mode, data []byte) {
	order := sortOrder(m)
	for i := 0; i < len(order); i += 8 {
		var octet uint8
		if i>>3 < len(data) {
			octet = data[i>>3]
		}
		for _, pos := range order[i:min(i+8, len(order))] {
			b[pos] = octet >> 7
			octet <<= 1
		}
	}
}

// sort appends the bits of a frame of mode m to dst, padded by zeros to whole octets.
func (b *codecBits) sort(m Mode, dst []byte) []byte {
	order := sortOrder(m)
	for i := 0; i < len(order); i += 8 {
		part := order[i:min(i+8, len(order))]
		var octet uint8
		for _, pos := range part {
			octet = octet<<1 | b[pos]
		}
		dst = append(dst, octet<<(8-len(part)))
	}
	return dst
}

// SIDIsUpdate tells whether the frame of comfort noise in data carries parameters: its type bit (TS 26.201 section 4.2.3)
// follows the 35 bits of those.
func SIDIsUpdate(data []byte) bool { return data[4]&0x10 != 0 }

// bitReader reads parameters, the most significant bit first.
type bitReader struct {
	bits *codecBits
	pos  int
}

func (r *bitReader) read(n int) int16 {
	var v int16
	for _, b := range r.bits[r.pos : r.pos+n] {
		v = v<<1 | int16(b)
	}
	r.pos += n
	return v
}

// bitWriter writes parameters, the most significant bit first.
type bitWriter struct {
	bits *codecBits
	pos  int
}

func (w *bitWriter) write(v int16, n int) {
	for i := n - 1; i >= 0; i-- {
		w.bits[w.pos] = uint8(v>>uint(i)) & 1
		w.pos++
	}
}
