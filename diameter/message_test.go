package diameter

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testHeader = Header{Request | Proxiable, 303, 16777216, 0x01020304, 0xa0b0c0d0}

func testMessage(avps ...AVP) Message {
	m := Message{Header: testHeader}
	for _, a := range avps {
		m.AVPs = AppendAVP(m.AVPs, a)
	}
	return m
}

func TestMessageOctets(t *testing.T) {
	m := testMessage(AVP{263, Mandatory, 0, []byte("a;1;2")}, AVP{601, Mandatory | VendorFlag, 10415, []byte{1, 2}})
	want := []byte{
		1, 0, 0, 52, 0xc0, 0, 1, 47, 1, 0, 0, 0, 1, 2, 3, 4, 0xa0, 0xb0, 0xc0, 0xd0,
		0, 0, 1, 7, 0x40, 0, 0, 13, 'a', ';', '1', ';', '2', 0, 0, 0,
		0, 0, 2, 89, 0xc0, 0, 0, 14, 0, 0, 0x28, 0xaf, 1, 2, 0, 0,
	}
	got, err := m.AppendBinary(nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%x %v, want\n%x", got, err, want)
	}
	back, err := ParseMessage(got)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, back); d != "" {
		t.Error(d)
	}
	if a, ok := back.Find(601, 10415); !ok || a.Len() != 14 || !bytes.Equal(a.Data, []byte{1, 2}) {
		t.Errorf("found %v %v", a, ok)
	}
	if back.AVPs.Has(601, 0) || back.Text(263, 0) != "a;1;2" || back.Len() != len(want) {
		t.Errorf("%v", back)
	}
}

func TestUnknownFlagsAndPaddingStay(t *testing.T) {
	b, _ := testMessage(AVP{9999, 0x1f, 0, []byte("x")}, AVP{9998, VendorFlag, 0, nil}).AppendBinary(nil)
	b[4] |= 0x0f                    // reserved command flags
	copy(b[29:32], []byte{7, 8, 9}) // padding that is not zero
	m, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.AppendBinary(nil)
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("%x, want %x", got, b)
	}
}

func TestParseMessageErrors(t *testing.T) {
	good, _ := testMessage(AVP{263, Mandatory, 0, []byte("abc")}, AVP{601, Mandatory, 10415, []byte{1, 2, 3, 4}}).AppendBinary(nil)
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		want   *ProtocolError
		avps   int // that are left
	}{
		{"short header", func(b []byte) []byte { return b[:19] }, &ProtocolError{ResultCode: InvalidMessageLength}, 0},
		{"version", func(b []byte) []byte { b[0] = 2; return b }, &ProtocolError{ResultCode: UnsupportedVersion}, 0},
		{"length not a multiple of four", func(b []byte) []byte { b[3]--; return b }, &ProtocolError{ResultCode: InvalidMessageLength}, 0},
		{"length under the header's", func(b []byte) []byte { b[3] = 16; return b }, &ProtocolError{ResultCode: InvalidMessageLength}, 0},
		{"length over the message's", func(b []byte) []byte { return b[:len(b)-4] }, &ProtocolError{ResultCode: InvalidMessageLength}, 0},
		{"AVP over the message's end", func(b []byte) []byte { b[20+12+7] = 17; return b },
			&ProtocolError{ResultCode: InvalidAVPLength, FailedAVP: []AVP{{601, Mandatory | VendorFlag, 10415, nil}}}, 1},
		{"AVP shorter than its header", func(b []byte) []byte { b[20+7] = 7; return b },
			&ProtocolError{ResultCode: InvalidAVPLength, FailedAVP: []AVP{{263, Mandatory, 0, nil}}}, 0},
		{"rest of four octets", func(b []byte) []byte { b[3] = 20 + 12 + 4; return b[:20+12+4] },
			&ProtocolError{ResultCode: InvalidAVPLength, FailedAVP: []AVP{{601, 0, 0, nil}}}, 1},
	} {
		m, err := ParseMessage(c.change(bytes.Clone(good)))
		var got *ProtocolError
		if !errors.As(err, &got) || got.Text == "" {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got.Text = ""
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		n := 0
		for range m.AVPs.All() {
			n++
		}
		if n != c.avps {
			t.Errorf("%s: %d AVPs left, want %d", c.name, n, c.avps)
		}
		if got.FramingLost() != (got.ResultCode != InvalidAVPLength) {
			t.Errorf("%s: framing lost: %v", c.name, got.FramingLost())
		}
		if c.name != "short header" && m.HopByHopID != testHeader.HopByHopID {
			t.Errorf("%s: header %v", c.name, m.Header)
		}
	}
}

func TestTypes(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	before, after := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), time.Date(2036, 2, 7, 6, 28, 17, 0, time.UTC)
	var b []byte
	b = AppendUint32(b, 1, 0, 0, 0xfffffffe)
	b = AppendUint64(b, 2, 0, 0, 1<<63)
	b = AppendText(b, 3, 0, 0, "text")
	b = AppendOctets(b, 4, 0, 7, []byte{0})
	b = AppendAddress(b, 5, 0, 0, v4)
	b = AppendAddress(b, 6, 0, 0, v6)
	b = AppendTime(b, 7, 0, 0, before)
	b = AppendTime(b, 8, 0, 0, after)
	s := AVPs(b)
	get := func(code AVPCode, vendor VendorID) AVP { a, _ := s.Find(code, vendor); return a }
	u32, err1 := get(1, 0).Uint32()
	i32, err2 := get(1, 0).Int32()
	u64, err3 := get(2, 0).Uint64()
	i64, err4 := get(2, 0).Int64()
	a4, err5 := get(5, 0).Address()
	a6, err6 := get(6, 0).Address()
	t1, err7 := get(7, 0).Time()
	t2, err8 := get(8, 0).Time()
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, s.Check()); err != nil {
		t.Fatal(err)
	}
	if u32 != 0xfffffffe || i32 != -2 || u64 != 1<<63 || i64 != -1<<63 || a4 != v4 || a6 != v6 || !t1.Equal(before) || !t2.Equal(after) {
		t.Error(u32, i32, u64, i64, a4, a6, t1, t2)
	}
	if w := get(8, 0).Data; !bytes.Equal(w, []byte{0, 0, 0, 1}) {
		t.Errorf("one second into era 1 is %x", w)
	}
	for name, c := range map[string]struct {
		avp  AVP
		read func(AVP) error
		want ProtocolError
	}{
		"short": {AVP{Code: 9, Data: []byte{1}}, func(a AVP) error { _, err := a.Uint32(); return err },
			ProtocolError{ResultCode: InvalidAVPLength, FailedAVP: []AVP{{Code: 9, Data: []byte{1, 0, 0, 0}}}}},
		"IPv4 of 3": {AVP{Code: 9, Data: []byte{0, 1, 1, 1, 1}}, func(a AVP) error { _, err := a.Address(); return err },
			ProtocolError{ResultCode: InvalidAVPLength, FailedAVP: []AVP{{Code: 9, Data: []byte{0, 1, 1, 1, 1, 0}}}}},
		"E.164": {AVP{Code: 9, Data: []byte{0, 8, 1, 1, 1, 1}}, func(a AVP) error { _, err := a.Address(); return err },
			ProtocolError{ResultCode: InvalidAVPValue, FailedAVP: []AVP{{Code: 9, Data: []byte{0, 8, 1, 1, 1, 1}}}}},
	} {
		var got *ProtocolError
		if !errors.As(c.read(c.avp), &got) {
			t.Fatalf("%s: no error", name)
		}
		got.Text = ""
		if d := cmp.Diff(c.want, *got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestErrorAnswer(t *testing.T) {
	proxy := AppendText(nil, AVPProxyHost, Mandatory, 0, "p.example")
	req := testMessage(AVP{AVPSessionID, Mandatory, 0, []byte("s;1")}, AVP{AVPProxyInfo, Mandatory, 0, proxy})
	b, err := AppendErrorAnswer(nil, req, &ProtocolError{ResultCode: UnableToDeliver, FailedAVP: []AVP{{293, Mandatory, 0, []byte("x")}}, Text: "no route"}, "h.example", "example")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	want := testMessage(
		AVP{AVPSessionID, Mandatory, 0, []byte("s;1")},
		AVP{AVPResultCode, Mandatory, 0, []byte{0, 0, 0x0b, 0xba}},
		AVP{AVPOriginHost, Mandatory, 0, []byte("h.example")},
		AVP{AVPOriginRealm, Mandatory, 0, []byte("example")},
		AVP{AVPErrorMessage, 0, 0, []byte("no route")},
		AVP{AVPFailedAVP, Mandatory, 0, AppendText(nil, 293, Mandatory, 0, "x")},
		AVP{AVPProxyInfo, Mandatory, 0, proxy},
	)
	want.Flags = Proxiable | ErrorFlag
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if b, _ = AppendErrorAnswer(nil, req, &ProtocolError{ResultCode: MissingAVP}, "h", "r"); b[4] != byte(Proxiable) {
		t.Errorf("flags %x of an answer 5xxx", b[4])
	}
}

func TestTooLong(t *testing.T) {
	m := Message{AVPs: make(AVPs, 1<<24)}
	if b, err := m.AppendBinary([]byte("x")); !errors.Is(err, ErrTooLong) || string(b) != "x" {
		t.Error(err)
	}
	if _, err := (AVP{Data: m.AVPs}).AppendBinary(nil); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func FuzzParseMessage(f *testing.F) {
	b, _ := testMessage(AVP{263, Mandatory, 0, []byte("abc")}, AVP{601, Mandatory, 10415, []byte{1, 2, 3, 4}}).AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		var p *ProtocolError
		if err != nil && !errors.As(err, &p) {
			t.Fatalf("%T", err)
		}
		if err == nil {
			if got, err := m.AppendBinary(nil); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("%x %v, want %x", got, err, b)
			}
		}
		if m.AVPs.Check() != nil {
			t.Fatal("bad AVPs left")
		}
		var again []byte
		for a := range m.AVPs.All() {
			again = AppendAVP(again, a)
			a.Address()
			a.Time()
			for range a.Grouped().All() {
			}
		}
		if len(again) != len(m.AVPs) {
			t.Fatalf("AVPs of %d octets were %d", len(again), len(m.AVPs))
		}
		if p != nil {
			if _, err := AppendErrorAnswer(nil, m, p, "h", "r"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkParseMessage(b *testing.B) {
	raw, _ := testMessage(AVP{263, Mandatory, 0, []byte("abc")}, AVP{601, Mandatory, 10415, []byte{1, 2, 3, 4}}).AppendBinary(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMessage(raw); err != nil {
			b.Fatal(err)
		}
	}
}
