package sccp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gotelco/telco/internal/wire"
	"github.com/gotelco/telco/mtp3"
)

// SSN is a subsystem number: which user of SCCP at a signalling point (Q.713 section 3.4.2.2).
type SSN uint8

// Subsystem numbers of Q.713 and TS 23.003 section 8.
const (
	UnknownSSN SSN = 0 // not known, or not used
	SCMG       SSN = 1 // SCCP management
	ISUP       SSN = 3
	OMAP       SSN = 4
	MAP        SSN = 5
	HLR        SSN = 6
	VLR        SSN = 7
	MSC        SSN = 8
	EIR        SSN = 9
	AUC        SSN = 10
	ISS        SSN = 11 // ISDN supplementary services
	INAP       SSN = 12
	BISDN      SSN = 13 // broadband ISDN edge-to-edge applications
	TCTest     SSN = 14 // TC test responder
	RANAP      SSN = 142
	RNSAP      SSN = 143
	GMLC       SSN = 145
	CAP        SSN = 146
	GSMSCF     SSN = 147
	SIWF       SSN = 148
	SGSN       SSN = 149
	GGSN       SSN = 150
	BSSAP      SSN = 254
)

var ssnNames = map[SSN]string{UnknownSSN: "unknown", SCMG: "SCMG", ISUP: "ISUP", OMAP: "OMAP", MAP: "MAP", HLR: "HLR", VLR: "VLR", MSC: "MSC", EIR: "EIR", AUC: "AUC",
	ISS: "ISS", INAP: "INAP", BISDN: "BISDN", TCTest: "TC-test", RANAP: "RANAP", RNSAP: "RNSAP", GMLC: "GMLC", CAP: "CAP", GSMSCF: "gsmSCF", SIWF: "SIWF", SGSN: "SGSN", GGSN: "GGSN", BSSAP: "BSSAP"}

// String is the subsystem's name.
func (s SSN) String() string {
	if n, ok := ssnNames[s]; ok {
		return n
	}
	return fmt.Sprintf("SSN(%d)", uint8(s))
}

// GTFormat is the global title indicator: which fields a global title has (Q.713 section 3.4.1).
type GTFormat uint8

// The formats of the ITU. ANSI numbers two of its own in other ways (T1.112.3 section 3.4.1), which
// [Variant] takes care of.
const (
	NoGT           GTFormat = iota
	GTNature                // nature of address
	GTTranslation           // translation type
	GTNumberPlan            // translation type, numbering plan, encoding scheme
	GTAll                   // translation type, numbering plan, encoding scheme, nature of address
	maxKnownFormat = GTAll
)

// NumberingPlan says what kind of number a global title is (Q.713 section 3.4.2.3.3).
type NumberingPlan uint8

// The numbering plans.
const (
	UnknownPlan NumberingPlan = 0
	E164        NumberingPlan = 1 // ISDN/telephony
	X121        NumberingPlan = 3 // data
	F69         NumberingPlan = 4 // telex
	E210        NumberingPlan = 5 // maritime mobile
	E212        NumberingPlan = 6 // land mobile
	E214        NumberingPlan = 7 // ISDN/mobile
)

var planNames = map[NumberingPlan]string{UnknownPlan: "unknown", E164: "E.164", X121: "X.121", F69: "F.69", E210: "E.210", E212: "E.212", E214: "E.214"}

// String is the plan's recommendation.
func (p NumberingPlan) String() string {
	if n, ok := planNames[p]; ok {
		return n
	}
	return fmt.Sprintf("NumberingPlan(%d)", uint8(p))
}

// NatureOfAddress says how much of a number is there (Q.713 section 3.4.2.3.1).
type NatureOfAddress uint8

// The natures.
const (
	UnknownNature       NatureOfAddress = 0
	SubscriberNumber    NatureOfAddress = 1
	ReservedNational    NatureOfAddress = 2
	NationalNumber      NatureOfAddress = 3
	InternationalNumber NatureOfAddress = 4
)

var natureNames = map[NatureOfAddress]string{UnknownNature: "unknown", SubscriberNumber: "subscriber", ReservedNational: "reserved", NationalNumber: "national", InternationalNumber: "international"}

// String is the nature in words.
func (n NatureOfAddress) String() string {
	if s, ok := natureNames[n]; ok {
		return s
	}
	return fmt.Sprintf("NatureOfAddress(%d)", uint8(n))
}

// GlobalTitle is a name that has to be translated before a message can be routed on it (Q.713
// section 3.4.2.3).
type GlobalTitle struct {
	Format GTFormat
	TT     uint8           // translation type; of GTTranslation, GTNumberPlan and GTAll
	Plan   NumberingPlan   // of GTNumberPlan and GTAll
	Nature NatureOfAddress // of GTNature and GTAll
	Digits Digits
}

// Digits are digits as Q.713 section 3.4.2.3.1 packs them: two an octet, the first in the low half.
type Digits struct {
	packed []byte
	n      int
}

const digitChars = "0123456789ABCDEF"

// ParseDigits packs digits: 0 to 9, and A to F for the codes above them (B and C are code 11 and 12).
func ParseDigits(s string) (Digits, error) {
	d := Digits{packed: make([]byte, (len(s)+1)/2), n: len(s)}
	for i := range len(s) {
		var v byte
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			v = c - '0'
		case c >= 'A' && c <= 'F':
			v = c - 'A' + 10
		case c >= 'a' && c <= 'f':
			v = c - 'a' + 10
		default:
			return Digits{}, fmt.Errorf("sccp: %q is no digit", c)
		}
		d.packed[i/2] |= v << (4 * (i & 1))
	}
	return d, nil
}

// Len is how many digits there are.
func (d Digits) Len() int { return d.n }

// At is the i-th digit, 0 to 15.
func (d Digits) At(i int) uint8 { return d.packed[i/2] >> (4 * (i & 1)) & 15 }

// String is the digits as ParseDigits reads them.
func (d Digits) String() string {
	b := make([]byte, d.n)
	for i := range b {
		b[i] = digitChars[d.At(i)]
	}
	return string(b)
}

// String is the title as operators write it: "E.164 international 4930123".
func (g GlobalTitle) String() string {
	var b strings.Builder
	if g.Format != GTNature && g.TT != 0 {
		fmt.Fprintf(&b, "TT %d ", g.TT)
	}
	if g.Format >= GTNumberPlan {
		b.WriteString(g.Plan.String() + " ")
	}
	if g.Format == GTNature || g.Format == GTAll {
		b.WriteString(g.Nature.String() + " ")
	}
	return b.String() + g.Digits.String()
}

// Address is the called or calling party address of a message (Q.713 section 3.4).
type Address struct {
	RouteOnSSN bool // route on point code and subsystem number; otherwise on the global title
	HasPC      bool
	PC         mtp3.PointCode
	HasSSN     bool
	SSN        SSN
	GT         GlobalTitle

	national bool   // of ANSI: the bit that says that this address is coded as ANSI has it
	raw      []byte // as it came; written back while nothing was changed
	known    bool   // raw could be read whole
}

// String is the address in words: "PC 2067 SSN HLR", "GT E.164 international 4930123 SSN HLR".
func (a Address) String() string {
	var parts []string
	if a.GT.Format != NoGT {
		parts = append(parts, "GT "+a.GT.String())
	}
	if a.HasPC {
		parts = append(parts, fmt.Sprintf("PC %d", a.PC))
	}
	if a.HasSSN {
		parts = append(parts, "SSN "+a.SSN.String())
	}
	if len(parts) == 0 {
		return "no address"
	}
	return strings.Join(parts, " ")
}

// Errors of addresses.
var (
	ErrGTFormat = errors.New("global title indicator not known")
	ErrDigits   = errors.New("encoding scheme of the digits not known")
)

// Codec reads and writes messages in the way of one network. The zero Codec is that of the ITU.
type Codec struct {
	// Format is the format of point codes; addresses are coded as T1.112.3 has them if it is
	// ANSI's, else as Q.713 has them.
	Format mtp3.Format
}

func (c Codec) ansi() bool { return c.Format.Variant == mtp3.ANSI }

// pcLen is how many octets a point code takes in an address.
func (c Codec) pcLen() int { return (c.Format.PointCodeBits() + 7) / 8 }

// ParseAddress reads an address without its length. Digits alias b.
func (c Codec) ParseAddress(b []byte) (Address, error) {
	r := wire.NewReader(b)
	a := Address{raw: b}
	ind := r.Uint8()
	a.RouteOnSSN = ind&0x40 != 0
	a.HasPC, a.HasSSN = ind&1 != 0, ind&2 != 0
	if c.ansi() {
		a.HasPC, a.HasSSN = a.HasSSN, a.HasPC
		a.national = ind&0x80 != 0
		if a.HasSSN {
			a.SSN = SSN(r.Uint8())
		}
	}
	if a.HasPC {
		for i, o := range r.Bytes(c.pcLen()) {
			a.PC |= mtp3.PointCode(o) << (8 * i)
		}
		a.PC &= c.Format.MaxPointCode()
	}
	if a.HasSSN && !c.ansi() {
		a.SSN = SSN(r.Uint8())
	}
	format := GTFormat(ind >> 2 & 15)
	if c.ansi() && format != NoGT {
		switch format {
		case 1:
			format = GTNumberPlan
		case 2:
			format = GTTranslation
		default:
			return a, ErrGTFormat
		}
	}
	if format > maxKnownFormat {
		return a, ErrGTFormat
	}
	g := &a.GT
	g.Format = format
	odd, scheme := false, uint8(0)
	if format >= GTTranslation {
		g.TT = r.Uint8()
	}
	if format >= GTNumberPlan {
		o := r.Uint8()
		g.Plan, scheme = NumberingPlan(o>>4), o&15
		odd = scheme == 1
	}
	if format == GTNature || format == GTAll {
		o := r.Uint8()
		g.Nature = NatureOfAddress(o & 0x7f)
		if format == GTNature {
			odd = o&0x80 != 0
		}
	}
	if r.Err() != nil {
		return a, r.Err()
	}
	if format == NoGT {
		a.known = r.Len() == 0
		return a, nil
	}
	g.Digits.packed = r.Rest()
	g.Digits.n = 2 * len(g.Digits.packed)
	if odd && g.Digits.n > 0 {
		g.Digits.n--
	} else if format == GTTranslation && g.Digits.n > 0 && g.Digits.At(g.Digits.n-1) == 15 {
		g.Digits.n-- // nothing says odd here: the filler does
	}
	if format >= GTNumberPlan && scheme != 1 && scheme != 2 {
		return a, ErrDigits
	}
	a.known = true
	return a, nil
}

// AppendAddress writes an address without its length. One that was read and not changed since is
// written as it came.
func (c Codec) AppendAddress(b []byte, a Address) []byte {
	if a.raw != nil {
		if o, err := c.ParseAddress(a.raw); o.same(a) && (err != nil || o.known) {
			return append(b, a.raw...)
		}
	}
	g := a.GT
	format := g.Format
	var ind byte
	if c.ansi() {
		ind = flag(a.HasSSN, 1) | flag(a.HasPC, 2) | 0x80
		switch format {
		case GTNumberPlan, GTAll: // T1.112.3 has no nature of address
			format, ind = GTNumberPlan, ind|1<<2
		case GTTranslation, GTNature:
			format, ind = GTTranslation, ind|2<<2
		}
	} else {
		ind = flag(a.HasPC, 1) | flag(a.HasSSN, 2) | byte(format)<<2
	}
	b = append(b, ind|flag(a.RouteOnSSN, 0x40))
	if c.ansi() && a.HasSSN {
		b = append(b, byte(a.SSN))
	}
	if a.HasPC {
		for i := range c.pcLen() {
			b = append(b, byte(a.PC>>(8*i)))
		}
	}
	if !c.ansi() && a.HasSSN {
		b = append(b, byte(a.SSN))
	}
	odd := g.Digits.n&1 != 0
	if format >= GTTranslation {
		b = append(b, g.TT)
	}
	if format >= GTNumberPlan {
		b = append(b, byte(g.Plan)<<4|2-flag(odd, 1))
	}
	switch format {
	case NoGT:
		return b
	case GTNature:
		b = append(b, byte(g.Nature)&0x7f|flag(odd, 0x80))
	case GTAll:
		b = append(b, byte(g.Nature)&0x7f)
	}
	for i := 0; i < g.Digits.n; i += 2 {
		o := g.Digits.At(i)
		switch {
		case i+1 < g.Digits.n:
			o |= g.Digits.At(i+1) << 4
		case format == GTTranslation:
			o |= 0xf0
		}
		b = append(b, o)
	}
	return b
}

// same tells whether the fields of two addresses are equal.
func (a Address) same(b Address) bool {
	if a.RouteOnSSN != b.RouteOnSSN || a.HasPC != b.HasPC || a.PC != b.PC || a.HasSSN != b.HasSSN || a.SSN != b.SSN ||
		a.GT.Format != b.GT.Format || a.GT.TT != b.GT.TT || a.GT.Plan != b.GT.Plan || a.GT.Nature != b.GT.Nature || a.GT.Digits.n != b.GT.Digits.n {
		return false
	}
	for i := range a.GT.Digits.n {
		if a.GT.Digits.At(i) != b.GT.Digits.At(i) {
			return false
		}
	}
	return true
}

func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}
