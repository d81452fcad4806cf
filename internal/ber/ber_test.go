package ber

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		hex   string
		tag   Tag
		value string
		rest  int
		err   error
	}{
		{"02 01 05 aa", Integer, "05", 1, nil},
		{"9f1c 01 03", 0x9f1c, "03", 0, nil},
		{"bf8401 00", 0xbf8401, "", 0, nil},
		{"30 80 02 01 05 0000 aa", Sequence, "020105", 1, nil},
		{"30 80 30 80 0000 0000", Sequence, "30800000", 0, nil},
		{"04 8101 07", OctetString, "07", 0, nil},
		{"04 84 00000001 07", OctetString, "07", 0, nil},
		{"", 0, "", 0, ErrTruncated},
		{"04", 0, "", 0, ErrTruncated},
		{"9f", 0, "", 0, ErrTruncated},
		{"9f 80 01 00", 0, "", 0, ErrTag},
		{"9f 81818101 00", 0, "", 0, ErrTag},
		{"04 02 01", 0, "", 0, ErrTruncated},
		{"04 82 01", 0, "", 0, ErrTruncated},
		{"04 84 ffffffff", 0, "", 0, ErrTruncated},
		{"04 85 0000000001 07", 0, "", 0, ErrLength},
		{"04 80 0000", 0, "", 0, ErrLength},
		{"30 80 02 01 05", 0, "", 0, ErrTruncated},
		{strings.Repeat("3080", 20) + strings.Repeat("0000", 20), 0, "", 0, ErrDepth},
	} {
		tag, value, rest, err := Next(unhex(c.hex))
		if tag != c.tag || !bytes.Equal(value, unhex(c.value)) || len(rest) != c.rest || !errors.Is(err, c.err) {
			t.Errorf("%s: %v % x % x %v", c.hex, tag, value, rest, err)
		}
	}
	if !Tag(0xbf1c).Constructed() || Tag(0x9f3c).Constructed() || Tag(0xbf1c).String() != "bf1c" {
		t.Error("constructed")
	}
}

func TestAppend(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536} {
		for _, tag := range []Tag{0x30, 0x9f1c, 0xbf8401} {
			b := Append([]byte{9}, tag, make([]byte, n))
			got, value, whole, rest, err := Element(b[1:])
			if got != tag || len(value) != n || len(whole) != len(b)-1 || len(rest) != 0 || err != nil {
				t.Errorf("%v of %d octets: %v %d %d %v", tag, n, got, len(value), len(rest), err)
			}
		}
	}
	for v, want := range map[int64]string{0: "020100", 127: "02017f", 128: "02020080", -1: "0201ff", -128: "020180", -129: "0202ff7f", math.MinInt64: "0208" + "8000000000000000"} {
		b := AppendInt(nil, Integer, v)
		got, err := Int(b[2:])
		if hex.EncodeToString(b) != want || got != v || err != nil {
			t.Errorf("%d: %x, %d %v", v, b, got, err)
		}
	}
	for _, b := range [][]byte{nil, make([]byte, 9)} {
		if _, err := Int(b); err == nil {
			t.Errorf("%x is an integer", b)
		}
	}
}

func TestOID(t *testing.T) {
	for oid, want := range map[string]string{"0.0.17.773.1.1.1": "00118605010101", "0.4.0.1.1.1.0.0": "04000101010000", "2.999": "8837", "1.39": "4f", "2.47": "7f"} {
		b, err := AppendOID(nil, oid)
		got, err2 := ParseOID(b)
		if hex.EncodeToString(b) != want || got != oid || err != nil || err2 != nil {
			t.Errorf("%s: %x %v, %s %v", oid, b, err, got, err2)
		}
	}
	for _, s := range []string{"", "1", "3.1", "1.40", "1.x", "1.1.268435456", "2.268435455"} {
		if b, err := AppendOID(nil, s); err == nil {
			t.Errorf("%q became %x", s, b)
		}
	}
	for _, s := range []string{"", "81", "8001", "8181818181", strings.Repeat("01", 65)} {
		if oid, err := ParseOID(unhex(s)); err == nil {
			t.Errorf("%s is %s", s, oid)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add(unhex("30 80 02 01 05 0000 aa"))
	f.Add(unhex("9f1c 01 03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tag, value, whole, _, err := Element(b)
		if err != nil {
			return
		}
		tag2, value2, rest, err := Next(Append(nil, tag, value))
		if tag2 != tag || !bytes.Equal(value, value2) || len(rest) != 0 || err != nil || len(whole) < 2 {
			t.Fatalf("%v % x: %v % x % x %v", tag, value, tag2, value2, rest, err)
		}
		if oid, err := ParseOID(value); err == nil {
			if again, err := AppendOID(nil, oid); err != nil || !bytes.Equal(again, value) {
				t.Fatalf("% x is %s is % x %v", value, oid, again, err)
			}
		}
	})
}
