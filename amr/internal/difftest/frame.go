package main

import (
	"encoding/binary"
	"fmt"

	"github.com/gotelco/telco/amr/internal/nb"
)

// The file format of the reference's programs: a frame is 250 words, the type, 244 bits in the codec's order, the mode (-1
// with no data) and four that are not used.
const (
	frameBits  = 244
	frameWords = 1 + frameBits + 1 + 4
)

// A frame is one of a file.
type frame struct {
	tx   nb.TxType
	rx   nb.RxType
	mode nb.Mode
	bits [frameBits]byte
}

func parseFrames(data []byte) (frames []frame, err error) {
	if len(data)%(2*frameWords) != 0 {
		return nil, fmt.Errorf("a file of %d bytes has no whole number of frames", len(data))
	}
	for ; len(data) > 0; data = data[2*frameWords:] {
		w := samples(data[:2*frameWords])
		f := frame{tx: nb.TxType(w[0]), mode: nb.Mode(w[1+frameBits]) & 7}
		for i := range f.bits {
			f.bits[i] = byte(w[1+i])
		}
		frames = append(frames, f)
	}
	return frames, nil
}

// appendRx appends the frame with its receive type.
func (f *frame) appendRx(b []byte) []byte {
	var w [frameWords]int16
	w[0] = int16(f.rx)
	for i, bit := range f.bits {
		w[1+i] = int16(bit)
	}
	w[1+frameBits] = int16(f.mode)
	return append(b, words(w[:])...)
}

// packed returns the frame as it is sent.
func (f *frame) packed() (out [nb.MaxBytes]byte) {
	if f.tx == nb.TxSpeech {
		nb.Pack(f.mode, &f.bits, &out)
	} else if f.tx != nb.TxNoData {
		nb.PackSID(&f.bits, f.tx == nb.TxSIDUpdate, f.mode, &out)
	}
	return out
}

func samples(data []byte) []int16 {
	s := make([]int16, len(data)/2)
	for i := range s {
		s[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return s
}

func words(s []int16) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, v := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}
