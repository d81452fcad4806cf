// Package ber reads and writes the basic encoding rules of ASN.1 (X.690), as far as the SS7 protocols need them: elements
// with definite or indefinite length and tags of up to four octets, integers and object identifiers. It writes definite lengths.
package ber

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Tag is identifier octets as a number: 0x30 is SEQUENCE, 0x9f1c is [28] IMPLICIT of something primitive.
type Tag uint32

// Constructed tells whether the element holds elements.
func (t Tag) Constructed() bool {
	for t > 0xff {
		t >>= 8
	}
	return t&0x20 != 0
}

// String is the tag in hexadecimal digits.
func (t Tag) String() string { return fmt.Sprintf("%02x", uint32(t)) }

// Universal tags.
const (
	Integer     Tag = 0x02
	OctetString Tag = 0x04
	Null        Tag = 0x05
	OID         Tag = 0x06
	External    Tag = 0x28
	Sequence    Tag = 0x30
)

// Errors of elements.
var (
	ErrTruncated = errors.New("truncated")
	ErrTag       = errors.New("tag too long")
	ErrLength    = errors.New("length not allowed")
	ErrDepth     = errors.New("nested too deeply")
	ErrValue     = errors.New("value not allowed")
)

const maxDepth = 16 // of elements with indefinite length within one another

// Next reads the first element of b. value and rest alias b; the value of an element with indefinite length is without the end-of-contents
// octets.
func Next(b []byte) (tag Tag, value, rest []byte, err error) { return next(b, maxDepth) }

func next(b []byte, depth int) (tag Tag, value, rest []byte, err error) {
	n, tag := 0, Tag(0)
	for more := true; more; n++ {
		if n == len(b) {
			return 0, nil, nil, ErrTruncated
		}
		if n == 4 {
			return 0, nil, nil, ErrTag
		}
		tag = tag<<8 | Tag(b[n])
		if more = n > 0 && b[n]&0x80 != 0 || n == 0 && b[0]&0x1f == 0x1f; n == 1 && b[1] == 0x80 {
			return 0, nil, nil, ErrTag // leading zeros
		}
	}
	if b = b[n:]; len(b) == 0 {
		return 0, nil, nil, ErrTruncated
	}
	size, b := int(b[0]), b[1:]
	switch {
	case size == 0x80:
		if !tag.Constructed() {
			return 0, nil, nil, ErrLength
		}
		return indefinite(tag, b, depth)
	case size > 0x84:
		return 0, nil, nil, ErrLength
	case size > 0x80:
		octets := size - 0x80
		if octets > len(b) {
			return 0, nil, nil, ErrTruncated
		}
		size = 0
		for _, o := range b[:octets] {
			size = size<<8 | int(o)
		}
		b = b[octets:]
	}
	if size > len(b) {
		return 0, nil, nil, ErrTruncated
	}
	return tag, b[:size:size], b[size:], nil
}

// indefinite finds the end-of-contents octets.
func indefinite(tag Tag, b []byte, depth int) (Tag, []byte, []byte, error) {
	if depth == 0 {
		return 0, nil, nil, ErrDepth
	}
	for at := b; ; {
		if len(at) >= 2 && at[0] == 0 && at[1] == 0 {
			n := len(b) - len(at)
			return tag, b[:n:n], at[2:], nil
		}
		_, _, rest, err := next(at, depth-1)
		if err != nil {
			return 0, nil, nil, err
		}
		at = rest
	}
}

// Element reads the first element of b as Next does, and also returns its octets, tag and length included.
func Element(b []byte) (tag Tag, value, whole, rest []byte, err error) {
	tag, value, rest, err = Next(b)
	if err == nil {
		n := len(b) - len(rest)
		whole = b[:n:n]
	}
	return tag, value, whole, rest, err
}

// Append appends an element.
func Append(b []byte, tag Tag, value []byte) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if o := byte(tag >> shift); o != 0 || tag>>shift != 0 || shift == 0 {
			b = append(b, o)
		}
	}
	n := len(value)
	switch {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	case n < 0x10000:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, value...)
}

// AppendInt appends an INTEGER or ENUMERATED in the fewest octets.
func AppendInt(b []byte, tag Tag, v int64) []byte {
	n := 1
	for n < 8 && v != v<<(64-8*n)>>(64-8*n) {
		n++
	}
	value := make([]byte, 0, 8)
	for i := n - 1; i >= 0; i-- {
		value = append(value, byte(v>>(8*i)))
	}
	return Append(b, tag, value)
}

// Int is the value of an INTEGER or ENUMERATED of at most eight octets.
func Int(value []byte) (int64, error) {
	if len(value) == 0 || len(value) > 8 {
		return 0, ErrValue
	}
	v := int64(int8(value[0]))
	for _, o := range value[1:] {
		v = v<<8 | int64(o)
	}
	return v, nil
}

// ParseOID reads an object identifier: "0.4.0.1" from its value. Numbers have at most 28 bits.
func ParseOID(value []byte) (string, error) {
	if len(value) == 0 || len(value) > 64 {
		return "", ErrValue
	}
	var text []byte
	n, octets := uint64(0), 0
	for i, o := range value {
		if octets == 0 && o == 0x80 || octets == 4 {
			return "", ErrValue
		}
		n = n<<7 | uint64(o&0x7f)
		if octets++; o&0x80 != 0 {
			if i == len(value)-1 {
				return "", ErrTruncated
			}
			continue
		}
		if text == nil {
			first := min(n/40, 2)
			text = strconv.AppendUint(text, first, 10)
			n -= 40 * first
		}
		text = strconv.AppendUint(append(text, '.'), n, 10)
		n, octets = 0, 0
	}
	return string(text), nil
}

// AppendOID appends the value of an object identifier, the opposite of ParseOID.
func AppendOID(b []byte, oid string) ([]byte, error) {
	first, rest, _ := strings.Cut(oid, ".")
	a, err := strconv.ParseUint(first, 10, 2)
	if err != nil || a > 2 || rest == "" {
		return b, ErrValue
	}
	for i, part := range strings.Split(rest, ".") {
		n, err := strconv.ParseUint(part, 10, 28)
		if err != nil || i == 0 && a < 2 && n > 39 {
			return b, ErrValue
		}
		if i == 0 {
			n += 40 * a
		}
		if n >= 1<<28 {
			return b, ErrValue
		}
		for shift := 21; shift > 0; shift -= 7 {
			if n>>shift != 0 {
				b = append(b, byte(n>>shift)|0x80)
			}
		}
		b = append(b, byte(n)&0x7f)
	}
	return b, nil
}
