package g711

import (
	"fmt"
	"slices"
)

// Law is one of the two encoding laws of ITU-T G.711 section 3. Its value is its static RTP
// payload type (RFC 3551 section 6).
type Law uint8

// The two laws.
const (
	ULaw Law = 0 // mu-law: North America, Japan; RTP name PCMU
	ALaw Law = 8 // A-law: the rest of the world; RTP name PCMA
)

// Rate is the number of samples per second, and of octets: 8000 (ITU-T G.711 section 2).
const Rate = 8000

// String returns the encoding name of RFC 3551, "PCMU" or "PCMA".
func (l Law) String() string {
	switch l {
	case ULaw:
		return "PCMU"
	case ALaw:
		return "PCMA"
	}
	return fmt.Sprintf("Law(%d)", uint8(l))
}

// Silence returns the octet that decodes to the smallest positive value.
func (l Law) Silence() byte {
	if l == ALaw {
		return 0xd5
	}
	return 0xff
}

// Encode returns the octet of one sample.
func (l Law) Encode(sample int16) byte {
	if l == ALaw {
		return alawEncode[uint16(sample)>>4]
	}
	return ulawEncode[uint16(sample)>>2]
}

// Decode returns the sample of one octet. Every octet has one.
func (l Law) Decode(octet byte) int16 {
	if l == ALaw {
		return alawDecode[octet]
	}
	return ulawDecode[octet]
}

// AppendEncode appends one octet for each sample of pcm to dst and returns the extended slice.
func (l Law) AppendEncode(dst []byte, pcm []int16) []byte {
	dst = slices.Grow(dst, len(pcm))
	out := dst[len(dst) : len(dst)+len(pcm)]
	if l == ALaw {
		for i, s := range pcm {
			out[i] = alawEncode[uint16(s)>>4]
		}
	} else {
		for i, s := range pcm {
			out[i] = ulawEncode[uint16(s)>>2]
		}
	}
	return dst[:len(dst)+len(pcm)]
}

// AppendDecode appends one sample for each octet of data to dst and returns the extended slice.
func (l Law) AppendDecode(dst []int16, data []byte) []int16 {
	dst = slices.Grow(dst, len(data))
	out := dst[len(dst) : len(dst)+len(data)]
	table := &ulawDecode
	if l == ALaw {
		table = &alawDecode
	}
	for i, b := range data {
		out[i] = table[b]
	}
	return dst[:len(dst)+len(data)]
}

// AppendALawToULaw appends the mu-law octets of A-law data to dst, by table 4 of ITU-T G.711.
// To convert in place, pass data[:0] and data.
func AppendALawToULaw(dst, data []byte) []byte { return appendConverted(dst, data, alawToUlaw) }

// AppendULawToALaw appends the A-law octets of mu-law data to dst, by table 3 of ITU-T G.711.
// To convert in place, pass data[:0] and data.
func AppendULawToALaw(dst, data []byte) []byte { return appendConverted(dst, data, ulawToAlaw) }

func appendConverted(dst, data []byte, table string) []byte {
	dst = slices.Grow(dst, len(data))
	out := dst[len(dst) : len(dst)+len(data)]
	_ = table[255]
	for i, b := range data {
		out[i] = table[b]
	}
	return dst[:len(dst)+len(data)]
}
