package isup

import (
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// BenchmarkCall is a call between two groups of 31 circuits: IAM, ACM, ANM, REL and RLC, each written and read.
func BenchmarkCall(b *testing.B) {
	circuits := make([]CIC, 31)
	for i := range circuits {
		circuits[i] = CIC(i + 1)
	}
	var end [2]*Group
	for i := range end {
		var err error
		if end[i], err = NewGroup(Config{OPC: mtp3.PointCode(1 + i), DPC: mtp3.PointCode(2 - i), Circuits: circuits}); err != nil {
			b.Fatal(err)
		}
	}
	iam := everyMessage[0].m
	now := time.Unix(0, 0)
	var out, in []Output
	var buf []byte
	carry := func(to int) {
		in = in[:0]
		for _, o := range out {
			if s, ok := o.(Send); ok {
				var err error
				if buf, err = s.Message.AppendBinary(buf[:0]); err != nil {
					b.Fatal(err)
				}
				in = end[to].Receive(now, buf, in)
			}
		}
	}
	answered := New(ANM, 0)
	complete := New(ACM, 0, BackwardCallIndicators{})
	release := New(REL, 0, Cause{Value: NormalClearing})
	b.ReportAllocs()
	for b.Loop() {
		cic, o, err := end[0].Setup(now, iam, out[:0])
		if out = o; err != nil {
			b.Fatal(err)
		}
		carry(1)
		for _, m := range []Message{complete, answered} {
			m.CIC = cic
			if out, err = end[1].Request(now, m, out[:0]); err != nil {
				b.Fatal(err)
			}
			carry(0)
		}
		release.CIC = cic
		if out, err = end[0].Request(now, release, out[:0]); err != nil {
			b.Fatal(err)
		}
		carry(1)
		if out, err = end[1].Released(now, cic, out[:0]); err != nil {
			b.Fatal(err)
		}
		carry(0)
	}
	if end[0].Idle() != len(circuits) {
		b.Fatal("calls hang")
	}
}
