package mtp3

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// PointCode is the number of a signalling point, 14, 16 or 24 bits wide (Q.704 section 2.2,
// T1.111.4, TTC JT-Q704). How it is written down is a matter of the [Format].
type PointCode uint32

// Variant tells apart the national layouts of the routing label and of the management messages.
type Variant uint8

// The variants.
const (
	ITU   Variant = iota // Q.704: 14 bit point codes, 4 bit SLS
	ANSI                 // T1.111: 24 bit point codes, 8 (or 5) bit SLS
	China                // GF 001-9001: 24 bit point codes, 4 bit SLS
	Japan                // TTC JT-Q704: 16 bit point codes, 4 bit SLS
)

var variantNames = [...]string{"ITU", "ANSI", "China", "Japan"}

// String is the variant's name.
func (v Variant) String() string { return name(variantNames[:], v, "Variant") }

// Format says how the point codes of a network look, in a message and on paper. The zero Format is
// that of the ITU: 14 bits, written 3-8-3.
type Format struct {
	Variant Variant

	// Split is how many bits each part of a written point code has, from the most significant:
	// {3, 8, 3} writes 2067 as 1.2.3. The parts add up to PointCodeBits. If zero: 3-8-3 (ITU), 8-8-8
	// (ANSI, China), 5-4-7 (Japan). One part, such as {14}, is a plain number.
	Split [4]uint8

	// SLSBits is how many bits of the SLS share the load, of ANSI 5 or 8. If zero, 8 for ANSI, 4 for the others.
	SLSBits uint8

	// Separator stands between the parts. If zero, a dot. Reading takes dots and hyphens.
	Separator byte
}

// PointCodeBits is the width of a point code: 14, 16 or 24.
func (f Format) PointCodeBits() int {
	switch f.Variant {
	case ANSI, China:
		return 24
	case Japan:
		return 16
	}
	return 14
}

// MaxPointCode is the highest point code.
func (f Format) MaxPointCode() PointCode { return 1<<f.PointCodeBits() - 1 }

// SLSValues is how many values of SLS share the load: 16, 32 or 256.
func (f Format) SLSValues() int {
	switch {
	case f.Variant == ANSI && f.SLSBits == 0:
		return 256
	case f.Variant == ANSI && f.SLSBits <= 8:
		return 1 << f.SLSBits
	}
	return 16
}

// split is Split, or what stands for zero.
func (f Format) split() []uint8 {
	s := f.Split[:]
	if f.Split == ([4]uint8{}) {
		switch f.Variant {
		case ANSI, China:
			return []uint8{8, 8, 8}
		case Japan:
			return []uint8{5, 4, 7}
		}
		return []uint8{3, 8, 3}
	}
	for len(s) > 1 && s[len(s)-1] == 0 {
		s = s[:len(s)-1]
	}
	return s
}

// Validate says what is wrong with a Format, or nil.
func (f Format) Validate() error {
	if f.Variant > Japan {
		return fmt.Errorf("mtp3: format: %v is unknown", f.Variant)
	}
	sum := 0
	for _, n := range f.split() {
		if n == 0 {
			return fmt.Errorf("mtp3: format: a part of no bits in %v", f.Split)
		}
		sum += int(n)
	}
	if sum != f.PointCodeBits() {
		return fmt.Errorf("mtp3: format: the parts of %v have %d bits, a point code of %v has %d", f.split(), sum, f.Variant, f.PointCodeBits())
	}
	if ok := f.SLSBits == 0 || f.Variant == ANSI && (f.SLSBits == 5 || f.SLSBits == 8) || f.SLSBits == 4; !ok {
		return fmt.Errorf("mtp3: format: %v has no SLS of %d bits", f.Variant, f.SLSBits)
	}
	return nil
}

// ParsePointCode reads a point code in parts ("1.2.3", "1-2-3") or as a plain decimal number.
func (f Format) ParsePointCode(s string) (PointCode, error) {
	bad := func(why string) (PointCode, error) {
		return 0, &ParseError{Field: "point code " + strconv.Quote(s), Err: fmt.Errorf("%s", why)}
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '-' })
	if n := strings.Count(s, ".") + strings.Count(s, "-"); n != len(parts)-1 {
		return bad("an empty part")
	}
	if len(parts) == 1 {
		n, err := strconv.ParseUint(parts[0], 10, 32)
		if err != nil || PointCode(n) > f.MaxPointCode() {
			return bad(fmt.Sprintf("not a number of %d bits", f.PointCodeBits()))
		}
		return PointCode(n), nil
	}
	split := f.split()
	if len(parts) != len(split) {
		return bad(fmt.Sprintf("%d parts, want %d", len(parts), len(split)))
	}
	var pc PointCode
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil || n >= 1<<split[i] {
			return bad(fmt.Sprintf("part %d is not a number of %d bits", i+1, split[i]))
		}
		pc = pc<<split[i] | PointCode(n)
	}
	return pc, nil
}

// AppendPointCode writes a point code in the parts of the format.
func (f Format) AppendPointCode(b []byte, pc PointCode) []byte {
	sep := f.Separator
	if sep == 0 {
		sep = '.'
	}
	left := f.PointCodeBits()
	for i, n := range f.split() {
		if i > 0 {
			b = append(b, sep)
		}
		left -= int(n)
		b = strconv.AppendUint(b, uint64(pc>>max(left, 0))&(1<<n-1), 10)
	}
	return b
}

// PointCodeString is the point code in the parts of the format: "1.2.3".
func (f Format) PointCodeString(pc PointCode) string { return string(f.AppendPointCode(nil, pc)) }

// Destination is a signalling point, or a range of them that share their leading bits (a cluster).
type Destination struct {
	PC   PointCode // its Wild low-order bits are zero
	Wild uint8     // how many low-order bits don't matter: the Mask of RFC 4666 section 3.4.1; 0 for a single point
}

// Contains tells whether pc is (one of) d.
func (d Destination) Contains(pc PointCode) bool { return pc>>d.Wild == d.PC>>d.Wild }

// Covers tells whether every point of e is one of d.
func (d Destination) Covers(e Destination) bool { return d.Wild >= e.Wild && d.Contains(e.PC) }

// Size is how many points d has.
func (d Destination) Size() int { return 1 << d.Wild }

// Canonical returns d with the bits that don't matter set to zero.
func (d Destination) Canonical() Destination {
	d.PC = d.PC >> d.Wild << d.Wild
	return d
}

// ParseDestination reads a point code, alone ("4.5.6"), with the number of its bits that matter
// ("4.5.0/11") or with a mask in the parts of a point code ("4.5.0/7.255.0"). The bits that matter lead.
func (f Format) ParseDestination(s string) (Destination, error) {
	pcText, maskText, masked := strings.Cut(s, "/")
	pc, err := f.ParsePointCode(pcText)
	if err != nil || !masked {
		return Destination{PC: pc}, err
	}
	total := f.PointCodeBits()
	if n, err := strconv.Atoi(maskText); err == nil {
		if n < 0 || n > total {
			return Destination{}, &ParseError{Field: "destination " + strconv.Quote(s), Err: fmt.Errorf("a mask has 0 to %d bits", total)}
		}
		return Destination{PC: pc, Wild: uint8(total - n)}.Canonical(), nil
	}
	mask, err := f.ParsePointCode(maskText)
	if err != nil {
		return Destination{}, err
	}
	wild := bits.TrailingZeros32(uint32(mask) | 1<<total)
	if mask>>wild != f.MaxPointCode()>>wild {
		return Destination{}, &ParseError{Field: "destination " + strconv.Quote(s), Err: fmt.Errorf("the bits of the mask that are set must lead")}
	}
	return Destination{PC: pc, Wild: uint8(wild)}.Canonical(), nil
}

// DestinationString is the destination as ParseDestination reads it: "4.5.6" or "4.5.0/11".
func (f Format) DestinationString(d Destination) string {
	b := f.AppendPointCode(nil, d.PC)
	if d.Wild > 0 {
		b = append(b, '/')
		b = strconv.AppendInt(b, int64(f.PointCodeBits()-int(d.Wild)), 10)
	}
	return string(b)
}
