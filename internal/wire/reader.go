// Package wire reads binary messages: a big-endian cursor that remembers its first error, so that
// a parser is a plain list of fields with one check at the end.
package wire

import (
	"encoding/binary"
	"errors"
)

// ErrTruncated says that the input ended before the value did.
var ErrTruncated = errors.New("truncated")

// Reader reads big-endian values from a slice. After the first short read every further read
// returns zero and Err stays set. The zero Reader is empty.
type Reader struct {
	data []byte
	off  int
	err  error
}

// NewReader returns a Reader over b, which it aliases.
func NewReader(b []byte) Reader { return Reader{data: b} }

// Err is nil, or ErrTruncated once a read went past the end.
func (r *Reader) Err() error { return r.err }

// Offset is how many octets have been read.
func (r *Reader) Offset() int { return r.off }

// Len is how many octets are left.
func (r *Reader) Len() int { return len(r.data) - r.off }

// Bytes returns the next n octets, aliasing the input, or nil if there are fewer.
func (r *Reader) Bytes(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.data)-r.off {
		if r.err == nil {
			r.err = ErrTruncated
		}
		return nil
	}
	b := r.data[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Skip reads over n octets.
func (r *Reader) Skip(n int) { r.Bytes(n) }

// Rest returns everything that is left.
func (r *Reader) Rest() []byte { return r.Bytes(r.Len()) }

// Uint8 reads one octet.
func (r *Reader) Uint8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads two octets.
func (r *Reader) Uint16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint24 reads three octets.
func (r *Reader) Uint24() uint32 {
	if b := r.Bytes(3); b != nil {
		return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	}
	return 0
}

// Uint32 reads four octets.
func (r *Reader) Uint32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight octets.
func (r *Reader) Uint64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}
