package sip

import (
	"os"
	"testing"
)

// imsInvite is an INVITE of 3.2 kB as an S-CSCF hands it to an application server; its data are
// invented.
func imsInvite(t testing.TB) []byte {
	b, err := os.ReadFile("testdata/ims_invite.sip")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readCore reads what every element reads: top Via, CSeq, tags, Call-ID.
func readCore(t testing.TB, r *Request) int {
	v, err := r.Via()
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.CSeq()
	if err != nil {
		t.Fatal(err)
	}
	from, err := r.From()
	if err != nil {
		t.Fatal(err)
	}
	to, err := r.To()
	if err != nil {
		t.Fatal(err)
	}
	return len(v.Branch()) + int(c.Seq) + len(from.Tag()) + len(to.Tag()) + len(r.CallID())
}

func parseBench(t testing.TB, b []byte) *Request {
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*Request)
}

// hop does what a record-routing proxy does to a request.
func hop(t testing.TB, r *Request, out []byte) []byte {
	readCore(t, r)
	r.RemoveNth("Route", 0)
	r.Insert("Via", 0, "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK2c1d0e9f8a7b")
	r.Insert("Record-Route", 0, "<sip:127.0.0.1:5060;lr>")
	out, err := r.AppendText(out)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAllocations holds the parts of a hop to their allocations: the bar is 20 for a parse.
func TestAllocations(t *testing.T) {
	b := imsInvite(t)
	if n := testing.AllocsPerRun(100, func() { readCore(t, parseBench(t, b)) }); n > 6 {
		t.Errorf("parse and core fields: %v allocations", n)
	}
	r := parseBench(t, b)
	buf := make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { buf, _ = r.AppendText(buf[:0]) }); n > 0 {
		t.Errorf("append to a large enough buffer: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { Check(r, false) }); n > 0 {
		t.Errorf("check: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { buf = hop(t, parseBench(t, b), buf[:0]) }); n > 12 {
		t.Errorf("hop: %v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	msg := imsInvite(b)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		parseBench(b, msg)
	}
}

func BenchmarkParseCore(b *testing.B) {
	msg := imsInvite(b)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		readCore(b, parseBench(b, msg))
	}
}

func BenchmarkCheck(b *testing.B) {
	r := parseBench(b, imsInvite(b))
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(r, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSerialize(b *testing.B) {
	msg := imsInvite(b)
	r := parseBench(b, msg)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.AppendText(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProxyHop(b *testing.B) {
	msg := imsInvite(b)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		hop(b, parseBench(b, msg), nil)
	}
}

func BenchmarkResponse(b *testing.B) {
	r := parseBench(b, imsInvite(b))
	b.ReportAllocs()
	for b.Loop() {
		resp := NewResponse(r, 180, "")
		resp.SetToTag("8f3a2b1c")
		if _, err := resp.AppendText(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFramer(b *testing.B) {
	msg := imsInvite(b)
	var f Framer
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		f.Write(msg)
		if kind, _, err := f.Next(); kind != MessageFrame || err != nil {
			b.Fatal(kind, err)
		}
	}
}
