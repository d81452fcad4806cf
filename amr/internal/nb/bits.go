package nb

// paramBits is how many bits each parameter of a mode has, in the order of TS 26.090 table 9a ff.
var paramBits = [9][]int16{
	bitnoMR475[:], bitnoMR515[:], bitnoMR59[:], bitnoMR67[:], bitnoMR74[:], bitnoMR795[:], bitnoMR102[:], bitnoMR122[:], bitnoMRDTX[:],
}

// bitOrder maps the position of a bit in a packed frame to its position in the codec's order (TS 26.101 annex B).
// The bits of a SID frame are not reordered.
var bitOrder = [9][]int16{
	sortMR475[:], sortMR515[:], sortMR59[:], sortMR67[:], sortMR74[:], sortMR795[:], sortMR102[:], sortMR122[:], nil,
}

// Bits returns how many bits a packed frame of the mode has; a SID frame has 39 with its STI and mode.
func (m Mode) Bits() int { return int(frameBits[m]) }

// Bytes returns how many bytes a packed frame of the mode takes.
func (m Mode) Bytes() int { return (m.Bits() + 7) / 8 }

// A paramBit says where a bit of a packed frame comes from: which parameter, and how far from its lowest bit.
type paramBit struct{ param, shift uint8 }

// packedBits are the bits of the modes in the order of packed frames, and unpackedBits say where in a packed frame the bits
// of the parameters are, in the codec's order.
var packedBits, unpackedBits = func() (packed [9][]paramBit, unpacked [9][]uint8) {
	for mode, sizes := range paramBits {
		var codec []paramBit
		for i, size := range sizes {
			for k := size - 1; k >= 0; k-- {
				codec = append(codec, paramBit{uint8(i), uint8(k)})
			}
		}
		packed[mode], unpacked[mode] = codec, make([]uint8, len(codec))
		for i := range codec {
			unpacked[mode][i] = uint8(i)
		}
		if order := bitOrder[mode]; order != nil {
			packed[mode] = make([]paramBit, len(codec))
			for i, from := range order {
				packed[mode][i] = codec[from]
				unpacked[mode][from] = uint8(i)
			}
		}
	}
	return packed, unpacked
}()

// pack writes the parameters of a speech frame, or with MRDTX those of comfort noise, the most important bit in the top bit
// of out[0].
func pack(mode Mode, prm *[maxParams]int16, out *[MaxBytes]byte) {
	*out = [MaxBytes]byte{}
	bits := packedBits[mode]
	at := 0
	for ; len(bits) >= 8; at++ {
		b := uint16(0)
		for _, from := range (*[8]paramBit)(bits) {
			b = b<<1 | uint16(prm[from.param])>>(from.shift&15)&1
		}
		out[at] = byte(b)
		bits = bits[8:]
	}
	for i, from := range bits {
		out[at] |= byte(prm[from.param]>>from.shift&1) << (7 - i)
	}
}

// unpack is the inverse of pack. Bits that data is too short for are 0.
func unpack(mode Mode, data []byte, prm *[maxParams]int16) {
	var frame [MaxBytes + 1]byte
	copy(frame[:MaxBytes], data)
	bits := unpackedBits[mode]
	for i, size := range paramBits[mode] {
		v := int16(0)
		for _, at := range bits[:size] {
			v = v<<1 | int16(frame[at>>3]>>(7-at&7)&1)
		}
		bits = bits[size:]
		prm[i] = v
	}
}

// packSID writes a SID frame: comfort noise parameters, STI, and the mode, least significant bit first
// (TS 26.101 section 4.2.3).
func packSID(prm *[maxParams]int16, update bool, mode Mode, out *[MaxBytes]byte) {
	pack(MRDTX, prm, out)
	if update {
		out[4] |= 0x10
	}
	out[4] |= byte(mode&1<<3 | mode&2<<1 | mode&4>>1)
}

// Pack writes the bits of a speech frame, one a byte in the codec's order, in that of their importance, the first in the top
// bit of out[0].
func Pack(mode Mode, bits *[maxBits]byte, out *[MaxBytes]byte) {
	prm := parse(mode, bits)
	pack(mode, &prm, out)
}

// PackSID does the same for a SID frame with the STI and the mode.
func PackSID(bits *[maxBits]byte, update bool, mode Mode, out *[MaxBytes]byte) {
	prm := parse(MRDTX, bits)
	packSID(&prm, update, mode, out)
}

// parse returns the parameters that bits in the codec's order make.
func parse(mode Mode, bits *[maxBits]byte) (prm [maxParams]int16) {
	n := 0
	for i, size := range paramBits[mode] {
		for range size {
			prm[i] = prm[i]<<1 | int16(bits[n])
			n++
		}
	}
	return prm
}

// SIDInfo returns the STI of a packed SID frame (false: SID_FIRST, true: SID_UPDATE) and the mode that its encoder is in.
func SIDInfo(data []byte) (update bool, mode Mode) {
	if len(data) < 5 {
		return false, MR475
	}
	b := data[4]
	return b&0x10 != 0, Mode(b>>3&1 | b>>1&2 | b<<1&4)
}
