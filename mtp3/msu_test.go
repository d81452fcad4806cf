package mtp3

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPointCodes(t *testing.T) {
	for _, c := range []struct {
		f    Format
		text string
		pc   PointCode
	}{
		{Format{}, "1.2.3", 2067},
		{Format{}, "4.5.6", 8238},
		{Format{}, "7.255.7", 16383},
		{Format{Split: [4]uint8{14}}, "8238", 8238},
		{Format{Split: [4]uint8{4, 3, 4, 3}}, "8.0.5.6", 8238},
		{Format{Variant: ANSI}, "5.2.8", 0x050208},
		{Format{Variant: China, Separator: '-'}, "22-1-3", 0x160103},
		{Format{Variant: Japan}, "1.2.3", 1<<11 | 2<<7 | 3},
	} {
		if err := c.f.Validate(); err != nil {
			t.Error(err)
		}
		pc, err := c.f.ParsePointCode(c.text)
		if err != nil || pc != c.pc {
			t.Errorf("%s: %d, %v, want %d", c.text, pc, err, c.pc)
		}
		if s := c.f.PointCodeString(c.pc); s != c.text {
			t.Errorf("%d is written %q, want %q", c.pc, s, c.text)
		}
	}
	for _, bad := range []string{"", ".", "1.2", "1.2.8", "8.0.0", "1.2.3.4", "1..3", "16384", "-1", "1.a.3", "1.2.3/"} {
		if pc, err := (Format{}).ParsePointCode(bad); err == nil {
			t.Errorf("%q read as %d", bad, pc)
		}
	}
	for _, bad := range []Format{{Variant: 9}, {Split: [4]uint8{3, 8, 4}}, {Split: [4]uint8{3, 0, 11}}, {SLSBits: 5}, {Variant: ANSI, SLSBits: 6}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is called valid", bad)
		}
	}
}

func TestDestinations(t *testing.T) {
	for _, c := range []struct {
		text, out string
		want      Destination
	}{
		{"4.5.6", "4.5.6", Destination{PC: 8238}},
		{"4.5.0/11", "4.5.0/11", Destination{PC: 8232, Wild: 3}},
		{"4.5.6/11", "4.5.0/11", Destination{PC: 8232, Wild: 3}},
		{"4.5.0/7.255.0", "4.5.0/11", Destination{PC: 8232, Wild: 3}},
		{"4.5.6/7.255.7", "4.5.6", Destination{PC: 8238}},
		{"0/0", "0.0.0/0", Destination{Wild: 14}},
		{"0.0.0/0.0.0", "0.0.0/0", Destination{Wild: 14}},
	} {
		d, err := Format{}.ParseDestination(c.text)
		if err != nil || d != c.want {
			t.Errorf("%s: %+v, %v", c.text, d, err)
		}
		if s := (Format{}).DestinationString(d); s != c.out {
			t.Errorf("%s is written %s, want %s", c.text, s, c.out)
		}
	}
	for _, bad := range []string{"4.5.0/15", "4.5.0/-1", "4.5.0/7.255.5", "4.5.0/3.255.0", "4.5.0/x", "x/11"} {
		if d, err := (Format{}).ParseDestination(bad); err == nil {
			t.Errorf("%s read as %+v", bad, d)
		}
	}
	cluster := Destination{PC: 8232, Wild: 3}
	if !cluster.Contains(8238) || cluster.Contains(8240) || !cluster.Covers(Destination{PC: 8238}) || (Destination{PC: 8238}).Covers(cluster) || cluster.Size() != 8 {
		t.Error("the cluster does not know its points")
	}
}

func TestMSU(t *testing.T) {
	for _, c := range []struct {
		f    Format
		wire []byte
		want MSU
	}{
		// ISUP, national, 1.2.3 to 4.5.6, SLS 9.
		{Format{}, []byte{0x85, 0x2e, 0xe0, 0x04, 0x92, 1, 2}, MSU{NI: National, SI: ISUP, Label: Label{DPC: 8238, OPC: 2067, SLS: 9}, Data: []byte{1, 2}}},
		{Format{Variant: ANSI}, []byte{0xb3, 3, 2, 1, 6, 5, 4, 0xff, 9}, MSU{NI: National, Priority: 3, SI: SCCP, Label: Label{DPC: 0x010203, OPC: 0x040506, SLS: 255}, Data: []byte{9}}},
		{Format{Variant: China}, []byte{0x83, 3, 2, 1, 6, 5, 4, 0x0f}, MSU{NI: National, SI: SCCP, Label: Label{DPC: 0x010203, OPC: 0x040506, SLS: 15}, Data: []byte{}}},
		{Format{Variant: Japan}, []byte{0xc3, 2, 1, 4, 3, 7, 0}, MSU{NI: NationalSpare, SI: SCCP, Label: Label{DPC: 0x0102, OPC: 0x0304, SLS: 7}, Data: []byte{0}}},
	} {
		m, err := c.f.ParseMSU(c.wire)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, m); d != "" {
			t.Errorf("%v: %s", c.f.Variant, d)
		}
		if b := c.f.AppendMSU(nil, m); !bytes.Equal(b, c.wire) {
			t.Errorf("%v: %x, want %x", c.f.Variant, b, c.wire)
		}
		if err := c.f.CheckMSU(m); err != nil {
			t.Error(err)
		}
		for n := range c.f.LabelLen() {
			if _, err := c.f.ParseMSU(c.wire[:n]); err == nil {
				t.Errorf("%v: %d octets are a message", c.f.Variant, n)
			}
		}
	}
}

func TestCheckMSU(t *testing.T) {
	for _, m := range []MSU{
		{Label: Label{DPC: 1 << 14}}, {Label: Label{OPC: 1 << 14}}, {Label: Label{SLS: 16}}, {SI: 16}, {NI: 4}, {Priority: 4}, {Data: make([]byte, MaxLongSIF)},
	} {
		if (Format{}).CheckMSU(m) == nil {
			t.Errorf("%+v can be sent", m.Label)
		}
	}
}

func FuzzParseMSU(f *testing.F) {
	f.Add(uint8(0), []byte{0x85, 0x2e, 0xe0, 0x04, 0x92, 1, 2})
	f.Add(uint8(1), []byte{0xb3, 3, 2, 1, 6, 5, 4, 0xff, 9})
	f.Fuzz(func(t *testing.T, v uint8, b []byte) {
		format := Format{Variant: Variant(v & 3)}
		m, err := format.ParseMSU(b)
		if err != nil {
			return
		}
		again, err := format.ParseMSU(format.AppendMSU(nil, m))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Error(d)
		}
	})
}

func BenchmarkParseAppendMSU(b *testing.B) {
	wire := Format{}.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: 8238, OPC: 2067, SLS: 9}, Data: make([]byte, 80)})
	out := make([]byte, 0, 300)
	b.ReportAllocs()
	for b.Loop() {
		m, err := Format{}.ParseMSU(wire)
		if err != nil {
			b.Fatal(err)
		}
		out = Format{}.AppendMSU(out[:0], m)
	}
}
