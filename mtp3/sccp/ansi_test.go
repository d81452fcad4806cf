package sccp

import (
	"bytes"
	"testing"

	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/trace"
)

// The nodes of other networks: point codes of 24 and 16 bits, addresses of ANSI, 8 bits of SLS.
func TestVariants(t *testing.T) {
	for _, c := range []struct {
		variant mtp3.Variant
		gt      GlobalTitle
		sls     mtp3.SLS
		tshark  []string
	}{
		{mtp3.ANSI, GlobalTitle{Format: GTTranslation, TT: 10, Digits: digits(t, "8005551234")}, 0xab, []string{"-o", "mtp3.standard:ANSI"}},
		{mtp3.China, GlobalTitle{Format: GTAll, Plan: E164, Nature: InternationalNumber, Digits: digits(t, "8610123")}, 0xb, []string{"-o", "mtp3.standard:Chinese ITU"}},
		{mtp3.Japan, GlobalTitle{Format: GTAll, Plan: E164, Nature: InternationalNumber, Digits: digits(t, "81312")}, 0xb, nil}, // tshark reads JT-Q713 in another way
	} {
		t.Run(c.variant.String(), func(t *testing.T) {
			var judge trace.Func
			if c.tshark != nil {
				judge = tsharktest.Capture(t, append(c.tshark, "--disable-protocol", "tcap", "--disable-protocol", "bssap", "--disable-protocol", "ansi_tcap")...)
			}
			f := mtp3.Format{Variant: c.variant}
			a := f.MaxPointCode() >> 1
			stp, scp := a+1, a+2
			tr, err := NewTranslator(f, []Rule{{Match: Match{Digits: c.gt.Digits.String()[:2]}, To: []Entity{{PC: scp, SSN: HLR}}}})
			if err != nil {
				t.Fatal(err)
			}
			w := captured(t, judge, Config{PointCode: a, Format: f}, Config{PointCode: stp, Format: f, Translator: tr}, Config{PointCode: scp, Format: f})
			w.user(a, MSC, SubsystemConfig{})
			w.user(scp, HLR, SubsystemConfig{Concerned: []mtp3.PointCode{stp}})
			for _, n := range []int{10, 700} {
				w.units = nil
				w.unitdata(a, Unitdata{Called: Address{HasPC: true, PC: stp, HasSSN: true, SSN: HLR, GT: c.gt}, Calling: ssn(MSC), Class: 1, Sequence: 0xab, Data: pattern8(n)})
				if len(w.units) != 1 || !bytes.Equal(w.units[0].Unit.Data, pattern8(n)) || !w.units[0].Unit.Calling.same(at(a, MSC)) || w.sent[len(w.sent)-1].Label.SLS != c.sls {
					t.Fatalf("%d octets: %+v", n, w.units)
				}
			}
			w.set(scp, HLR, OutOfService)
			w.unitdata(a, Unitdata{Called: Address{HasPC: true, PC: stp, HasSSN: true, SSN: HLR, GT: c.gt}, Calling: ssn(MSC), ReturnOnError: true, Data: pattern8(10)})
			if u := w.units[len(w.units)-1]; u.Kind != NoticeIndication || u.Unit.Cause != SubsystemFailure {
				t.Errorf("%+v", u)
			}
			if s := w.nodes[stp].Stats(); s.Learnt != 2 || s.Reasons[SubsystemDown] != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}
