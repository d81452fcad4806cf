package sccp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gotelco/telco/mtp3"
)

func digits(t testing.TB, s string) Digits {
	t.Helper()
	d, err := ParseDigits(s)
	if err != nil || d.String() != s {
		t.Fatalf("%q became %q: %v", s, d, err)
	}
	return d
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	itu  = Codec{}
	ansi = Codec{Format: mtp3.Format{Variant: mtp3.ANSI}}
)

// Addresses as Q.713 section 3.4 and T1.112.3 section 3.4 lay them out, octet by octet.
func TestAddress(t *testing.T) {
	international := func(s string) GlobalTitle {
		return GlobalTitle{Format: GTAll, Plan: E164, Nature: InternationalNumber, Digits: digits(t, s)}
	}
	for _, c := range []struct {
		name  string
		codec Codec
		hex   string
		a     Address
		text  string
	}{
		{"point code and subsystem", itu, "43 1308 06", Address{RouteOnSSN: true, HasPC: true, PC: 2067, HasSSN: true, SSN: HLR}, "PC 2067 SSN HLR"},
		{"subsystem alone", itu, "42 08", Address{RouteOnSSN: true, HasSSN: true, SSN: MSC}, "SSN MSC"},
		{"nothing", itu, "00", Address{}, "no address"},
		{"all, even", itu, "12 06 00 12 04 4439", Address{HasSSN: true, SSN: HLR, GT: international("4493")}, "GT E.164 international 4493 SSN HLR"},
		{"all, odd", itu, "12 06 00 11 04 943503", Address{HasSSN: true, SSN: HLR, GT: international("49533")}, "GT E.164 international 49533 SSN HLR"},
		{"nature, odd", itu, "04 83 2103", Address{GT: GlobalTitle{Format: GTNature, Nature: NationalNumber, Digits: digits(t, "123")}}, "GT national 123"},
		{"translation type, filler", itu, "08 07 2143f5", Address{GT: GlobalTitle{Format: GTTranslation, TT: 7, Digits: digits(t, "12345")}}, "GT TT 7 12345"},
		{"number plan", itu, "0c 00 62 b1", Address{GT: GlobalTitle{Format: GTNumberPlan, Plan: E212, Digits: digits(t, "1B")}}, "GT E.212 1B"},
		{"ANSI", ansi, "c3 06 214365", Address{RouteOnSSN: true, HasSSN: true, SSN: HLR, HasPC: true, PC: 0x654321}, "PC 6636321 SSN HLR"},
		{"ANSI title", ansi, "89 06 0a 2143", Address{HasSSN: true, SSN: HLR, GT: GlobalTitle{Format: GTTranslation, TT: 10, Digits: digits(t, "1234")}}, "GT TT 10 1234 SSN HLR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.hex)
			if got := c.codec.AppendAddress(nil, c.a); !bytes.Equal(got, want) {
				t.Errorf("appended % x, want % x", got, want)
			}
			a, err := c.codec.ParseAddress(want)
			if err != nil || !a.same(c.a) || a.String() != c.text {
				t.Errorf("parsed %+v (%v): %v", a, a, err)
			}
			// What was read and changed is written anew.
			a.HasSSN, a.SSN = true, VLR
			if b, err := c.codec.ParseAddress(c.codec.AppendAddress(nil, a)); err != nil || !b.same(a) {
				t.Errorf("changed: %+v %v", b, err)
			}
		})
	}
	for hex, want := range map[string]error{"14": ErrGTFormat, "0c0065 21": ErrDigits} {
		b := unhex(t, hex)
		a, err := itu.ParseAddress(b)
		if !errors.Is(err, want) || !bytes.Equal(itu.AppendAddress(nil, a), b) {
			t.Errorf("%s: %v, then % x", hex, err, itu.AppendAddress(nil, a))
		}
	}
	for _, s := range []string{"12x", "\x10", "1 2", "G", "@", "/", ":"} {
		if _, err := ParseDigits(s); err == nil {
			t.Errorf("%q is read as digits", s)
		}
	}
	if d, err := ParseDigits("0aF"); err != nil || d.String() != "0AF" {
		t.Error(d, err)
	}
}

// samples are messages of every type.
func samples(t testing.TB) []Message {
	called := Address{HasSSN: true, SSN: HLR, GT: GlobalTitle{Format: GTAll, Plan: E164, Nature: InternationalNumber, Digits: digits(t, "493012345")}}
	calling := Address{RouteOnSSN: true, HasPC: true, PC: 2067, HasSSN: true, SSN: MSC}
	data := unhex(t, "62 10 48 04 00000001 6c 08 a106 020101 020100")
	return []Message{
		{Type: UDT, Class: 1, ReturnOnError: true, Called: called, Calling: calling, Data: data},
		{Type: UDTS, Cause: NoTranslation, Called: calling, Calling: called, Data: data},
		{Type: XUDT, Class: 0, HopCounter: 15, Called: called, Calling: calling, Data: data},
		{Type: XUDT, Class: 1, HopCounter: 3, Called: called, Calling: calling, Data: data, HasSegmentation: true,
			Segmentation: Segmentation{First: true, InOrder: true, Remaining: 2, Reference: 0x123456}, HasImportance: true, Importance: 5},
		{Type: XUDTS, Cause: HopCounterViolation, HopCounter: 9, Called: calling, Calling: called, Data: data, HasImportance: true, Importance: 1},
		{Type: LUDT, Class: 1, ReturnOnError: true, HopCounter: 7, Called: called, Calling: calling, Data: bytes.Repeat(data, 20), HasImportance: true},
		{Type: LUDTS, Cause: SegmentationFailure, HopCounter: 7, Called: calling, Calling: called, Data: bytes.Repeat(data, 20)},
	}
}

// equal compares what messages say.
func equal(a, b Message) bool {
	ac, bc, ag, bg := a.Called, b.Called, a.Calling, b.Calling
	a.Called, b.Called, a.Calling, b.Calling = Address{}, Address{}, Address{}, Address{}
	return ac.same(bc) && ag.same(bg) && fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b)
}

func TestMessage(t *testing.T) {
	for _, m := range samples(t) {
		b, err := itu.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := itu.Parse(b)
		if err != nil || !equal(got, m) {
			t.Errorf("%v: %v\n got %+v\nwant %+v", m.Type, err, got, m)
		}
		for n := range b[:len(b)-1] {
			if _, err := itu.Parse(b[:n]); err == nil && n < len(b)-8 { // the optional part may end early
				t.Errorf("%v cut to %d of %d octets parses", m.Type, n, len(b))
			}
		}
	}
	// Octet by octet, Q.713 table 10 (UDT).
	b, err := itu.Append(nil, Message{Type: UDT, ReturnOnError: true, Called: Address{RouteOnSSN: true, HasSSN: true, SSN: HLR}, Calling: Address{RouteOnSSN: true, HasSSN: true, SSN: MSC}, Data: []byte{0xaa}})
	if want := unhex(t, "09 80 03 05 07 02 42 06 02 42 08 01 aa"); err != nil || !bytes.Equal(b, want) {
		t.Errorf("% x, want % x", b, want)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		m    Message
		want error
	}{
		{Message{Type: 1, Data: []byte{1}}, ErrType},
		{Message{Type: UDT}, ErrData},
		{Message{Type: UDT, Data: make([]byte, 256)}, ErrTooLong},
		{Message{Type: LUDT, Data: make([]byte, 3953)}, ErrTooLong},
	} {
		b, err := itu.Append([]byte{7}, c.m)
		var pe *ParseError
		if !errors.Is(err, c.want) || !errors.As(err, &pe) || len(b) != 1 {
			t.Errorf("%v of %d octets: %v", c.m.Type, len(c.m.Data), err)
		}
	}
	for hex, want := range map[string]error{
		"06":                               ErrType,
		"0900 03 05 ff 024206 024208 01aa": ErrPointer,
		"0900 00 05 07 0242060242":         ErrPointer,
		"0900 03 05 07 024206 024208 00":   ErrData,
		"1100 0f 04 06 08 0a 024206 024208 01aa 10 05 112233": ErrOptional,
	} {
		if _, err := itu.Parse(unhex(t, hex)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", hex, err, want)
		}
	}
	// An address that nobody understands does not keep a message from coming back.
	b := unhex(t, "0980 03 05 07 027c00 024208 01aa")
	m, err := itu.Parse(b)
	if back, ok := m.Return(NoTranslationForNature); err == nil || !ok || back.Called.SSN != MSC {
		t.Errorf("%+v %v", m, err)
	} else if b, err := itu.Append(nil, back); err != nil || !bytes.Equal(b, unhex(t, "0a00 03 05 07 024208 027c00 01aa")) {
		t.Errorf("% x %v", b, err)
	}
}

func TestReturn(t *testing.T) {
	for _, m := range samples(t) {
		back, ok := m.Return(NoTranslation)
		if ok != m.ReturnOnError {
			t.Errorf("%v: returned %v", m.Type, ok)
		}
		if ok && (back.Type != m.Type+1 || back.Cause != NoTranslation || !back.Called.same(m.Calling)) {
			t.Errorf("%+v", back)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range samples(f) {
		b, _ := itu.Append(nil, m)
		f.Add(b, false)
	}
	f.Add(unhex(f, "1100 0f 04 06 08 0a 024206 024208 01aa 77 01 22 1004c0123456 78 00 00"), false)
	f.Fuzz(func(t *testing.T, b []byte, american bool) {
		c := itu
		if american {
			c = ansi
		}
		m, err := c.Parse(b)
		if err != nil {
			return
		}
		again, err := c.Append(nil, m)
		if err != nil {
			if errors.Is(err, ErrTooLong) {
				return // parts may overlap where they came from
			}
			t.Fatal(err)
		}
		n, err := c.Parse(again)
		if err != nil || !equal(n, m) {
			t.Errorf("%v\n% x: %+v\n% x: %+v", err, b, m, again, n)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	wire, _ := itu.Append(nil, samples(b)[0])
	b.ReportAllocs()
	for b.Loop() {
		itu.Parse(wire)
	}
}

func BenchmarkAppend(b *testing.B) {
	m := samples(b)[0]
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = itu.Append(buf[:0], m)
	}
}

func ExampleCodec_Parse() {
	var c Codec
	m, err := c.Parse([]byte{0x09, 0x80, 3, 5, 7, 2, 0x42, 6, 2, 0x42, 8, 1, 0xaa})
	fmt.Println(m.Type, m.Called, "from", m.Calling, err)
	// Output: UDT SSN HLR from SSN MSC <nil>
}
