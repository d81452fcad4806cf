package m2pa

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var messages = []struct {
	name, hex string
	m         Message
}{
	{"first message of a link", "01000b01 0000001b 00ffffff 00000000 00 83 0b 00 00 00 02 01 02 03 04",
		Message{Type: UserData, BSN: noSeq, Data: unhex("830b000000020102 0304")}},
	{"priority", "01000b01 00000013 00000007 00000008 80 03 ff", Message{Type: UserData, BSN: 7, FSN: 8, Priority: 2, Data: unhex("03ff")}},
	{"acknowledgement", "01000b01 00000010 00000010 00000020", Message{Type: UserData, BSN: 16, FSN: 32}},
	{"alignment", "01000b02 00000014 00ffffff 00ffffff 00000001", Message{Type: LinkStatus, BSN: noSeq, FSN: noSeq, Status: Alignment}},
	{"proving with filler", "01000b02 00000017 00ffffff 00ffffff 00000002 010203", Message{Type: LinkStatus, BSN: noSeq, FSN: noSeq, Status: ProvingNormal, Data: unhex("010203")}},
	{"processor recovered", "01000b02 00000014 0000000d 00000006 00000006", Message{Type: LinkStatus, BSN: 13, FSN: 6, Status: ProcessorRecovered}},
	{"out of service", "01000b02 00000014 00000000 00000000 00000009", Message{Type: LinkStatus, Status: OutOfService}},
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestMessages(t *testing.T) {
	for _, c := range messages {
		b := unhex(c.hex)
		m, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.m, m); d != "" {
			t.Errorf("%s: parsed (-want +got):\n%s", c.name, d)
		}
		got, err := c.m.AppendBinary([]byte("x"))
		if err != nil || !bytes.Equal(got[1:], b) {
			t.Errorf("%s: appended % x, %v", c.name, got, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      error
	}{
		{"empty", "", ErrTruncated},
		{"short header", "01000b01 00000010 00000010 000000", ErrTruncated},
		{"version 2", "02000b02 00000014 00ffffff 00ffffff 00000001", ErrVersion},
		{"class 12", "01000c02 00000014 00ffffff 00ffffff 00000001", ErrClass},
		{"type 3", "01000b03 00000014 00ffffff 00ffffff 00000001", ErrType},
		{"too long a length", "01000b02 00186a00 00ffffff 00ffffff 00000001", ErrLength},
		{"too short a length", "01000b02 00000010 00ffffff 00ffffff 00000001", ErrLength},
		{"priority without SIO", "01000b01 00000011 00000010 00000020 00", ErrTruncated},
		{"half a state", "01000b02 00000012 00ffffff 00ffffff 0000", ErrTruncated},
		{"state 0", "01000b02 00000014 00ffffff 00ffffff 00000000", ErrStatus},
		{"state 10", "01000b02 00000014 00ffffff 00ffffff 0000000a", ErrStatus},
		{"filler behind Ready", "01000b02 00000015 00ffffff 00ffffff 00000004 00", ErrPadding},
	} {
		_, err := Parse(unhex(c.hex))
		var p *ParseError
		if !errors.Is(err, c.want) || !errors.As(err, &p) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	long := append(unhex("01000b01 00001013 00000000 00000000"), make([]byte, 0x1003)...)
	if _, err := Parse(long); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long MSU: %v", err)
	}
}

func TestAppendErrors(t *testing.T) {
	for _, m := range []Message{
		{},
		{Type: UserData, FSN: 1 << 24},
		{Type: UserData, BSN: 1 << 24},
		{Type: UserData, Data: make([]byte, MaxMSU+1)},
		{Type: UserData, Priority: 4, Data: []byte{1}},
		{Type: LinkStatus},
		{Type: LinkStatus, Status: 10},
		{Type: LinkStatus, Status: Ready, Data: []byte{1}},
	} {
		if b, err := m.AppendBinary([]byte("ab")); err == nil || len(b) != 2 {
			t.Errorf("%+v appended as % x", m, b)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range messages {
		f.Add(unhex(c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if m.String() == "" {
			t.Error("no string")
		}
		c, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatalf("parsed %+v, not appended: %v", m, err)
		}
		again, err := Parse(c)
		if d := cmp.Diff(m, again); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	})
}

func TestCodecAllocatesNothing(t *testing.T) {
	b := unhex(messages[0].hex)
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		m, _ := Parse(b)
		buf, _ = m.AppendBinary(buf[:0])
		_, _ = Parse(b[:20])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
