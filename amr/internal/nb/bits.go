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

const sidBits = 35 // comfort noise parameters; then follow the SID type indicator (STI) and the mode

// Bits returns how many bits a packed frame of the mode has; a SID frame has 39 with its STI and mode.
func (m Mode) Bits() int { return int(frameBits[m]) }

// Bytes returns how many bytes a packed frame of the mode takes.
func (m Mode) Bytes() int { return (m.Bits() + 7) / 8 }

// serialize lays the parameters out in the codec's order, one bit a byte.
func serialize(mode Mode, prm *[maxParams]int16, bits *[maxBits]byte) {
	n := 0
	for i, size := range paramBits[mode] {
		v := prm[i]
		for k := size - 1; k >= 0; k-- {
			bits[n] = byte(v>>uint(k)) & 1
			n++
		}
	}
}

// parse is the inverse of serialize.
func parse(mode Mode, bits *[maxBits]byte, prm *[maxParams]int16) {
	n := 0
	for i, size := range paramBits[mode] {
		v := int16(0)
		for range size {
			v = v<<1 | int16(bits[n])
			n++
		}
		prm[i] = v
	}
}

// Pack writes the bits of a speech frame in the order of their importance, the first in the top bit of out[0].
func Pack(mode Mode, bits *[maxBits]byte, out *[MaxBytes]byte) {
	*out = [MaxBytes]byte{}
	for j, from := range bitOrder[mode] {
		out[j>>3] |= bits[from] << (7 - j&7)
	}
}

// unpack is the inverse of Pack. Bits that data is too short for are 0.
func unpack(mode Mode, data []byte, bits *[maxBits]byte) {
	for j, to := range bitOrder[mode] {
		if j>>3 >= len(data) {
			break
		}
		bits[to] = data[j>>3] >> (7 - j&7) & 1
	}
}

// PackSID writes a SID frame: comfort noise parameters, STI, and the mode, least significant bit first
// (TS 26.101 section 4.2.3).
func PackSID(bits *[maxBits]byte, update bool, mode Mode, out *[MaxBytes]byte) {
	*out = [MaxBytes]byte{}
	for j, b := range bits[:sidBits] {
		out[j>>3] |= b << (7 - j&7)
	}
	if update {
		out[4] |= 0x10
	}
	out[4] |= byte(mode&1<<3 | mode&2<<1 | mode&4>>1)
}

// unpackSID is the inverse of PackSID.
func unpackSID(data []byte, bits *[maxBits]byte) {
	for j := range sidBits {
		if j>>3 >= len(data) {
			break
		}
		bits[j] = data[j>>3] >> (7 - j&7) & 1
	}
}

// SIDInfo returns the STI of a packed SID frame (false: SID_FIRST, true: SID_UPDATE) and the mode that its encoder is in.
func SIDInfo(data []byte) (update bool, mode Mode) {
	if len(data) < 5 {
		return false, MR475
	}
	b := data[4]
	return b&0x10 != 0, Mode(b>>3&1 | b>>1&2 | b<<1&4)
}
