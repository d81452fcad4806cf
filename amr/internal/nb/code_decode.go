package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// The algebraic codebooks (TS 26.090 section 5.7): a codeword is a few pulses of +-1 on interleaved tracks of positions.
// Pulses are 8191 (+1) and -8192 (-1) in Q13, in 12.2 +-4096 in Q12.

// A codeword is the fixed codebook vector of a subframe.
type codeword = [subLen]int16

// setPulses puts pulses at the positions, with the signs in bits from the lowest: 1 is positive.
func setPulses(code *codeword, signs int16, positions ...int16) {
	for _, p := range positions {
		code[p] = 8191
		if signs&1 == 0 {
			code[p] = -8192
		}
		signs >>= 1
	}
}

// decodeCode2x9 decodes the 9 bits of 4.75 and 5.15: two pulses on two of five tracks, which depend on the subframe.
func decodeCode2x9(subframe int, signs, index int16, code *codeword) {
	start := startPos[int(index>>6&1)<<3+subframe<<1:]
	setPulses(code, signs, index&7*5+start[0], index>>3&7*5+start[1])
}

// decodeCode2x11 decodes the 11 bits of 5.90.
func decodeCode2x11(signs, index int16, code *codeword) {
	track := index >> 4 & 3
	if track == 3 {
		track = 4
	}
	setPulses(code, signs, index>>1&7*5+1+index&1<<1, index>>6&7*5+track)
}

// decodeCode3x14 decodes the 14 bits of 6.70.
func decodeCode3x14(signs, index int16, code *codeword) {
	setPulses(code, signs, index&7*5, index>>4&7*5+1+index>>3&1<<1, index>>8&7*5+2+index>>7&1<<1)
}

// decodeCode4x17 decodes the 17 bits of 7.40 and 7.95.
func decodeCode4x17(signs, index int16, code *codeword) {
	setPulses(code, signs, dgray[index&7]*5, dgray[index>>3&7]*5+1, dgray[index>>6&7]*5+2, dgray[index>>10&7]*5+3+index>>9&1)
}

// decodeCode8x31 decodes the 31 bits of 10.2: two pulses on each of four tracks. The sign of the second is that of the
// first if it comes after it, else the opposite.
func decodeCode8x31(prm []int16, code *codeword) {
	var pos [8]int16
	pos[0], pos[4], pos[1] = split10(prm[4])
	pos[2], pos[6], pos[5] = split10(prm[5])
	msb, lsb := prm[6]>>2, prm[6]&3
	n := (msb*25 + 12) >> 5 // two digits to base 5, of which the lower one runs to and fro
	hi, lo := n/5, n%5
	if hi&1 == 1 {
		lo = 4 - lo
	}
	pos[3] = lo<<1 + lsb&1
	pos[7] = hi<<1 + lsb>>1
	for track := range int16(4) {
		sign := int16(8191)
		if prm[track] != 0 {
			sign = -8191
		}
		setPair(code, pos[track]*4+track, pos[track+4]*4+track, sign)
	}
}

// split10 takes apart an index of 10 bits: three digits to base 5, each with a lowest bit below.
func split10(index int16) (a, b, c int16) {
	msb, lsb := min(index>>3, 124), index&7
	return msb%5<<1 + lsb&1, msb/5%5<<1 + lsb>>1&1, msb/25<<1 + lsb>>2
}

// decodeCode10x35 decodes the 35 bits of 12.2: two pulses on each of five tracks, signed as in decodeCode8x31.
func decodeCode10x35(prm []int16, code *codeword) {
	for track := range int16(5) {
		index := prm[track]
		sign := int16(4096)
		if index>>3&1 != 0 {
			sign = -4096
		}
		setPair(code, dgray[index&7]*5+track, dgray[prm[track+5]&7]*5+track, sign)
	}
}

func setPair(code *codeword, first, second, sign int16) {
	code[first] = sign
	if second < first {
		sign = -sign
	}
	code[second] += sign
}

// sharpen adds the pitch periodicity to a codeword: code[i] += code[i-lag]*sharp, sharp in Q15 (TS 26.090 section 5.7).
func sharpen(code *codeword, lag, sharp int16) {
	for i := int(lag); i < subLen; i++ {
		code[i] = Add(code[i], Mult(code[i-int(lag)], sharp))
	}
}
