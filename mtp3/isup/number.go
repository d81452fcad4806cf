package isup

import (
	"fmt"
	"strings"
)

// Digits are the digits of a number: two an octet, the first in the low half (Q.763 section 3.9).
// The zero value has none.
type Digits struct {
	packed []byte
	n      int
}

// ST is the digit that ends a number whose whole length is known to the sender: no more will come
// (Q.763 section 3.9, Q.764 section 2.1.1.1). [Digits.String] writes it as F.
const ST = 15

const digitChars = "0123456789ABCDEF"

// ParseDigits packs digits: 0 to 9, B and C (codes 11 and 12) and the other codes as hexadecimal digits; a
// final F is the ST signal. An E.164 number's "+" does not belong to it.
func ParseDigits(s string) (Digits, error) {
	d := Digits{packed: make([]byte, (len(s)+1)/2), n: len(s)}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'f' {
			c -= 'a' - 'A'
		}
		v := strings.IndexByte(digitChars, c)
		if v < 0 {
			return Digits{}, fmt.Errorf("isup: %q is no digit", s[i])
		}
		d.packed[i/2] |= byte(v) << (4 * (i & 1))
	}
	return d, nil
}

// MustDigits is ParseDigits for digits that a program holds itself. It panics on others.
func MustDigits(s string) Digits {
	d, err := ParseDigits(s)
	if err != nil {
		panic(err)
	}
	return d
}

// Len is how many digits there are, ST counted.
func (d Digits) Len() int { return d.n }

// At is the i-th digit, 0 to 15.
func (d Digits) At(i int) uint8 { return d.packed[i/2] >> (4 * (i & 1)) & 15 }

// Complete tells whether the digits end with ST.
func (d Digits) Complete() bool { return d.n > 0 && d.At(d.n-1) == ST }

// String is the digits as ParseDigits reads them.
func (d Digits) String() string {
	b := make([]byte, d.n)
	for i := range b {
		b[i] = digitChars[d.At(i)]
	}
	return string(b)
}

// Equal tells whether two numbers have the same digits.
func (d Digits) Equal(o Digits) bool { return d.String() == o.String() }

// Nature is the nature of address indicator (Q.763 section 3.9 b).
type Nature uint8

// The natures.
const (
	SubscriberNumber      Nature = 1 // national use
	UnknownNature         Nature = 2 // national use
	NationalNumber        Nature = 3
	InternationalNumber   Nature = 4
	NetworkSpecificNumber Nature = 5 // national use
)

var natureNames = [...]string{1: "subscriber", 2: "unknown", 3: "national", 4: "international", 5: "network-specific"}

// String is the nature in words.
func (n Nature) String() string { return name(natureNames[:], n, "Nature") }

// Plan is the numbering plan indicator (Q.763 section 3.9 d).
type Plan uint8

// The plans.
const (
	UnknownPlan Plan = 0
	E164        Plan = 1 // ISDN/telephony
	X121        Plan = 3 // data (national use)
	F69         Plan = 4 // telex (national use)
	PrivatePlan Plan = 5
)

var planNames = [...]string{0: "unknown", 1: "E.164", 3: "X.121", 4: "F.69", 5: "private"}

// String is the plan's recommendation.
func (p Plan) String() string { return name(planNames[:], p, "Plan") }

// Presentation is the address presentation restricted indicator (Q.763 section 3.10 e).
type Presentation uint8

// The presentations.
const (
	PresentationAllowed    Presentation = 0
	PresentationRestricted Presentation = 1
	NotAvailable           Presentation = 2 // the number is not known
)

var presentationNames = [...]string{"allowed", "restricted", "not available"}

// String is the presentation in words.
func (p Presentation) String() string { return name(presentationNames[:], p, "Presentation") }

// Screening is the screening indicator (Q.763 section 3.10 f).
type Screening uint8

// The screenings.
const (
	UserNotVerified Screening = 0 // user provided, not verified (reserved where Q.763 says so)
	UserVerified    Screening = 1 // user provided, verified and passed
	UserFailed      Screening = 2 // user provided, verified and failed
	NetworkProvided Screening = 3
)

var screeningNames = [...]string{"user provided, not verified", "user provided, verified and passed", "user provided, verified and failed", "network provided"}

// String is the screening in words.
func (s Screening) String() string { return name(screeningNames[:], s, "Screening") }

// Number is what the parameters that hold a number have in common (Q.763 sections 3.9, 3.10, 3.16, 3.26, 3.30, 3.39, 3.44,
// 3.45). Which fields a parameter has on the wire, its type says; the others stay zero.
type Number struct {
	Nature       Nature
	Plan         Plan
	NoINN        bool         // called and location numbers: routing to an internal network number is not allowed
	Incomplete   bool         // calling and generic numbers: the number incomplete indicator
	Presentation Presentation // not of called numbers
	Screening    Screening    // of calling, connected, location and generic numbers
	Digits       Digits
}

// numberFields says which fields a parameter has.
type numberFields struct{ inn, incomplete, presentation, screening bool }

// put writes a number; the bits of fields that the parameter lacks are spare.
func (n Number) put(b []byte, has numberFields) ([]byte, error) {
	if n.Nature > 127 || n.Plan > 7 || n.Presentation > 3 || n.Screening > 3 {
		return b, ErrValue
	}
	o := byte(n.Plan) << 4
	if has.inn && n.NoINN || has.incomplete && n.Incomplete {
		o |= 0x80
	}
	if has.presentation {
		o |= byte(n.Presentation) << 2
	}
	if has.screening {
		o |= byte(n.Screening)
	}
	b = append(b, byte(n.Nature)|byte(n.Digits.n&1)<<7, o)
	return n.Digits.put(b), nil
}

// put writes digits, the half octet after an odd number of them zero.
func (d Digits) put(b []byte) []byte {
	b = append(b, d.packed[:(d.n+1)/2]...)
	if d.n&1 != 0 {
		b[len(b)-1] &= 15
	}
	return b
}

func (n *Number) parse(b []byte, has numberFields) error {
	if len(b) < 2 {
		return ErrLength
	}
	*n = Number{Nature: Nature(b[0] & 0x7f), Plan: Plan(b[1] >> 4 & 7), Digits: parseDigits(b[2:], b[0]&0x80 != 0)}
	n.NoINN = has.inn && b[1]&0x80 != 0
	n.Incomplete = has.incomplete && b[1]&0x80 != 0
	if has.presentation {
		n.Presentation = Presentation(b[1] >> 2 & 3)
	}
	if has.screening {
		n.Screening = Screening(b[1] & 3)
	}
	return nil
}

func parseDigits(b []byte, odd bool) Digits {
	d := Digits{packed: b, n: 2 * len(b)}
	if odd && d.n > 0 {
		d.n--
	}
	return d
}

// CalledPartyNumber is the number that was dialled (Q.763 section 3.9): Nature, Plan, NoINN and Digits.
type CalledPartyNumber struct{ Number }

// CallingPartyNumber is the caller's number (Q.763 section 3.10). One that is NotAvailable has no digits,
// nature or plan, and its screening is NetworkProvided.
type CallingPartyNumber struct{ Number }

// ConnectedNumber is the number that answered (Q.763 section 3.16).
type ConnectedNumber struct{ Number }

// RedirectingNumber is who diverted the call last (Q.763 section 3.44): no NoINN, no Screening.
type RedirectingNumber struct{ Number }

// OriginalCalledNumber is who diverted the call first (Q.763 section 3.39): no NoINN, no Screening.
type OriginalCalledNumber struct{ Number }

// RedirectionNumber is where the call is diverted to (Q.763 section 3.46): as a called party number.
type RedirectionNumber struct{ Number }

// LocationNumber is where the call comes from (Q.763 section 3.30).
type LocationNumber struct{ Number }

// GenericNumber is a number with a qualifier that says what it is (Q.763 section 3.26), such as 6, an additional calling
// party number.
type GenericNumber struct {
	Qualifier uint8
	Number
}

// SubsequentNumber are digits that follow those of an IAM (Q.763 section 3.51).
type SubsequentNumber struct{ Digits Digits }

var (
	calledFields    = numberFields{inn: true}
	callingFields   = numberFields{incomplete: true, presentation: true, screening: true}
	connectedFields = numberFields{presentation: true, screening: true}
	divertedFields  = numberFields{presentation: true}
	locationFields  = numberFields{inn: true, presentation: true, screening: true}
)

// Code is PCalledPartyNumber.
func (CalledPartyNumber) Code() ParameterCode { return PCalledPartyNumber }

// AppendBinary appends the value.
func (n CalledPartyNumber) AppendBinary(b []byte) ([]byte, error) { return n.put(b, calledFields) }

// UnmarshalBinary reads the value. Digits alias it.
func (n *CalledPartyNumber) UnmarshalBinary(b []byte) error { return n.parse(b, calledFields) }

// Code is PCallingPartyNumber.
func (CallingPartyNumber) Code() ParameterCode { return PCallingPartyNumber }

// AppendBinary appends the value.
func (n CallingPartyNumber) AppendBinary(b []byte) ([]byte, error) { return n.put(b, callingFields) }

// UnmarshalBinary reads the value. Digits alias it.
func (n *CallingPartyNumber) UnmarshalBinary(b []byte) error { return n.parse(b, callingFields) }

// Code is PConnectedNumber.
func (ConnectedNumber) Code() ParameterCode { return PConnectedNumber }

// AppendBinary appends the value.
func (n ConnectedNumber) AppendBinary(b []byte) ([]byte, error) { return n.put(b, connectedFields) }

// UnmarshalBinary reads the value. Digits alias it.
func (n *ConnectedNumber) UnmarshalBinary(b []byte) error { return n.parse(b, connectedFields) }

// Code is PRedirectingNumber.
func (RedirectingNumber) Code() ParameterCode { return PRedirectingNumber }

// AppendBinary appends the value.
func (n RedirectingNumber) AppendBinary(b []byte) ([]byte, error) { return n.put(b, divertedFields) }

// UnmarshalBinary reads the value. Digits alias it.
func (n *RedirectingNumber) UnmarshalBinary(b []byte) error { return n.parse(b, divertedFields) }

// Code is POriginalCalledNumber.
func (OriginalCalledNumber) Code() ParameterCode { return POriginalCalledNumber }

// AppendBinary appends the value.
func (n OriginalCalledNumber) AppendBinary(b []byte) ([]byte, error) {
	return n.put(b, divertedFields)
}

// UnmarshalBinary reads the value. Digits alias it.
func (n *OriginalCalledNumber) UnmarshalBinary(b []byte) error { return n.parse(b, divertedFields) }

// Code is PRedirectionNumber.
func (RedirectionNumber) Code() ParameterCode { return PRedirectionNumber }

// AppendBinary appends the value.
func (n RedirectionNumber) AppendBinary(b []byte) ([]byte, error) { return n.put(b, calledFields) }

// UnmarshalBinary reads the value. Digits alias it.
func (n *RedirectionNumber) UnmarshalBinary(b []byte) error { return n.parse(b, calledFields) }

// Code is PLocationNumber.
func (LocationNumber) Code() ParameterCode { return PLocationNumber }

// AppendBinary appends the value.
func (n LocationNumber) AppendBinary(b []byte) ([]byte, error) { return n.put(b, locationFields) }

// UnmarshalBinary reads the value. Digits alias it.
func (n *LocationNumber) UnmarshalBinary(b []byte) error { return n.parse(b, locationFields) }

// Code is PGenericNumber.
func (GenericNumber) Code() ParameterCode { return PGenericNumber }

// AppendBinary appends the value.
func (n GenericNumber) AppendBinary(b []byte) ([]byte, error) {
	return n.put(append(b, n.Qualifier), callingFields)
}

// UnmarshalBinary reads the value. Digits alias it.
func (n *GenericNumber) UnmarshalBinary(b []byte) error {
	if len(b) < 3 {
		return ErrLength
	}
	n.Qualifier = b[0]
	return n.parse(b[1:], callingFields)
}

// Code is PSubsequentNumber.
func (SubsequentNumber) Code() ParameterCode { return PSubsequentNumber }

// AppendBinary appends the value.
func (n SubsequentNumber) AppendBinary(b []byte) ([]byte, error) {
	return n.Digits.put(append(b, byte(n.Digits.n&1)<<7)), nil
}

// UnmarshalBinary reads the value. Digits alias it.
func (n *SubsequentNumber) UnmarshalBinary(b []byte) error {
	if len(b) < 1 {
		return ErrLength
	}
	n.Digits = parseDigits(b[1:], b[0]&0x80 != 0)
	return nil
}

// name is the name of v, or its type and number.
func name[T ~uint8](names []string, v T, typ string) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", typ, uint8(v))
}
