package sccp

import (
	"bytes"
	"testing"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// FuzzNode plays what a network and users could do to a node: any messages, news and requests in any order.
// Whatever comes, each message has an outcome, what the node sends can be read, and what it keeps has bounds.
func FuzzNode(f *testing.F) {
	step := func(op, arg byte, data []byte) []byte {
		return append([]byte{op, arg, byte(len(data)), byte(len(data) >> 8)}, data...)
	}
	var all []byte
	for _, m := range samples(f) {
		b, err := itu.Append(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(step(0, 1, b), uint8(0))
		all = append(all, step(0, 3, b)...)
	}
	for i, m := range []SCMGMessage{{Type: SSP, SSN: HLR, PC: pcSCP}, {Type: SSA, SSN: HLR, PC: pcSCP}, {Type: SST, SSN: MSC, PC: pcSTP}, {Type: SOR, SSN: MSC, PC: pcA}, {Type: SOG, SSN: MSC, PC: pcSTP}, {Type: SSC, SSN: SCMG, PC: pcA, Congestion: 4}} {
		b := scmgFrom(pcA, pcSTP, m).MSU.Data
		all = append(all, step(0, byte(i), b)...)
	}
	f.Add(all, uint8(1))
	f.Add(append(append(step(1, 0, nil), step(2, 3, nil)...), all...), uint8(2))
	f.Add(append(step(5, 0, pattern8(600)), step(4, 200, nil)...), uint8(3))
	f.Add(append(step(5, 1, append([]byte{12, 0x12, 6, 0, 0x12, 4, 0x94, 3}, pattern8(300)...)), step(7, 2, nil)...), uint8(4))
	table, err := NewTable(mtp3.Format{}, []Rule{
		{Match: Match{Plan: Is(E164), Digits: "49"}, To: []Entity{{PC: pcSCP, SSN: HLR}, {PC: pcC, RouteOnGT: true}}, Share: Spread},
		{Match: Match{Digits: "1"}, To: []Entity{{PC: pcSTP, RouteOnGT: true, GT: Change{Strip: 1}}}},
		{Match: Match{Digits: "2"}, To: []Entity{{PC: pcSTP, RouteOnGT: true, GT: Change{Prefix: "22", Nature: Is(NationalNumber)}}}},
		{Match: Match{Digits: "3"}, To: []Entity{{PC: pcSTP, SSN: MSC, GT: Change{Remove: true}}}},
		{Match: Match{Digits: "4"}, To: []Entity{{PC: pcA, RouteOnGT: true, GT: Change{Format: GTNature, Replace: "12345"}}, {PC: pcC}}, Share: BySLS},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte, variant uint8) {
		tr := &Translator{}
		tr.Use(table)
		cfg := Config{PointCode: pcSTP, Translator: tr, Extended: variant&1 != 0, Long: variant&2 != 0, NoReturn: variant&4 != 0, MaxLearnt: 5, MaxReassemblies: 4, MaxReassembly: 6000}
		if variant&8 != 0 {
			cfg.Format.Variant = mtp3.ANSI
		}
		n, err := NewNode(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n.AddSubsystem(MSC, SubsystemConfig{HasReplica: true, Replica: pcA, Concerned: []mtp3.PointCode{pcC}})
		n.AddSubsystem(VLR, SubsystemConfig{})
		n.SetSubsystem(start, MSC, InService, nil)
		n.AddRemote(pcSCP, RemoteConfig{Subsystems: []RemoteSubsystem{{SSN: HLR, Concerned: []mtp3.PointCode{pcC}}}, NoLong: true})
		now := start
		var out []Output
		total := func() (sum uint64) {
			for _, v := range n.Stats().Reasons {
				sum += v
			}
			return sum
		}
		points := []mtp3.PointCode{pcA, pcC, pcSCP, pcSTPB, 5, pcSTP}
		for len(in) >= 4 {
			op, arg, size := in[0]%10, in[1], int(in[2])|int(in[3])<<8
			in = in[4:]
			size = min(size, len(in))
			data := in[:size]
			in = in[size:]
			pc := points[int(arg)%len(points)]
			out = out[:0]
			before, waiting := total(), len(n.parts)
			switch op {
			case 0, 1:
				from := origin{opc: pc}
				out = n.HandleMTP(now, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: mtp3.MSU{SI: mtp3.SCCP, Label: mtp3.Label{OPC: from.opc, DPC: pcSTP, SLS: mtp3.SLS(arg & 15)}, Data: data}}, out)
				if m, err := n.codec.Parse(data); len(out) == 0 && total() == before && len(n.parts) == waiting && err == nil && !m.HasSegmentation && m.Called.SSN != SCMG {
					t.Fatalf("no outcome of %+v", m)
				}
			case 2:
				kind := mtp3.PausePrimitive + mtp3.PrimitiveKind(arg>>3&1)
				out = n.HandleMTP(now, mtp3.Primitive{Kind: kind, Affected: mtp3.Destination{PC: pc, Wild: arg >> 4}.Canonical()}, out)
			case 3:
				out = n.HandleMTP(now, mtp3.Primitive{Kind: mtp3.StatusPrimitive, Affected: mtp3.Destination{PC: pc}, Status: mtp3.Status{Cause: mtp3.Congested + mtp3.StatusCause(arg>>4&3), SI: mtp3.SCCP}}, out)
			case 4:
				now = now.Add(time.Duration(arg) * time.Second)
				for i := 0; ; i++ {
					at := n.Deadline()
					if at.IsZero() || at.After(now) {
						break
					}
					if i > 100_000 {
						t.Fatal("timers without end")
					}
					out = n.Expire(at, out[:0])
				}
			case 5:
				u := Unitdata{Called: at(pc, SSN(arg)), Calling: ssn(MSC), Class: arg & 1, Sequence: uint32(arg), ReturnOnError: arg&2 != 0, Data: data, HasImportance: arg&4 != 0, Importance: arg >> 5}
				if len(data) > 0 && int(data[0]) < len(data) {
					if a, err := n.codec.ParseAddress(data[1 : 1+int(data[0])]); err == nil {
						u.Called, u.Data = a, data[1+int(data[0]):]
					}
				}
				var err error
				if out, err = n.Unitdata(now, u, out); err == nil && len(out) == 0 && total() == before && len(n.parts) == waiting {
					t.Fatalf("no outcome of %+v", u)
				}
			case 6:
				out, _ = n.SetSubsystem(now, []SSN{MSC, VLR, HLR}[arg%3], UserState(arg>>2%3), out)
			case 7:
				n.SetCongestion(arg & 15)
			case 8:
				out, _ = n.Coord(now, MSC, out)
				out, _ = n.GrantCoord(now, MSC, out)
			case 9:
				n.RemoveRemote(pc)
				n.AddRemote(pc, RemoteConfig{Subsystems: []RemoteSubsystem{{SSN: SSN(arg)}}})
			}
			check(t, n, out)
		}
	})
}

// check tells whether a node is in order after it was called.
func check(t *testing.T, n *Node, out []Output) {
	t.Helper()
	for _, o := range out {
		if o.Kind != Send {
			continue
		}
		if len(o.MSU.Data)+n.cfg.Format.LabelLen() > n.cfg.MaxSIF || o.MSU.Label.OPC != pcSTP || o.MSU.Label.DPC == pcSTP || n.cfg.Format.CheckMSU(o.MSU) != nil {
			t.Fatalf("sends %+v", o.MSU)
		}
		if _, err := n.codec.Parse(o.MSU.Data); err != nil {
			if m, ok := err.(*ParseError); !ok || m.Field != "called party address" { // whose sender could not be read goes back like that
				t.Fatalf("sends what it could not read: % x: %v", o.MSU.Data, err)
			}
		}
	}
	bytes, learnt := 0, 0
	for _, r := range n.parts {
		bytes += cap(r.data)
		if !r.timer.Running() {
			t.Fatal("segments without a timer")
		}
	}
	for _, r := range n.remotes {
		if !r.configured {
			learnt++
		}
		for _, s := range r.subs {
			if !s.configured || !r.configured {
				learnt++
			}
		}
	}
	if bytes != n.partBytes || bytes > n.cfg.MaxReassembly || len(n.parts) > n.cfg.MaxReassemblies || learnt != n.learnt || learnt > n.cfg.MaxLearnt+2 || len(n.paused.said) > n.cfg.MaxLearnt {
		t.Fatalf("keeps %d octets (%d), %d messages, %d learnt (%d), %d pauses", bytes, n.partBytes, len(n.parts), learnt, n.learnt, len(n.paused.said))
	}
}

// FuzzTranslate asks whether any address is translated as a plain reading of the rules has it, and stays readable.
func FuzzTranslate(f *testing.F) {
	for _, m := range samples(f) {
		f.Add(itu.AppendAddress(nil, m.Called), "49", "4930", "12?", uint8(3), uint8(1))
	}
	f.Add(unhex(f, "12 06 00 12 04 4439"), "4", "", "?9", uint8(0), uint8(2))
	f.Add(unhex(f, "08 07 2143f5"), "12", "2", "345", uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, d1, d2, d3 string, strip, mode uint8) {
		a, err := itu.ParseAddress(b)
		if err != nil {
			return
		}
		e := []Entity{{PC: 1, RouteOnGT: mode&1 != 0, SSN: SSN(mode & 2), GT: Change{Strip: int(strip), Prefix: "0B", Format: GTFormat(mode >> 5)}}, {PC: 2, GT: Change{Replace: "77"}}}
		rules := []Rule{{Match: Match{Digits: d1}, To: e, Share: Share(mode % 3)}, {Match: Match{Digits: d2, Whole: true}, To: e}, {Match: Match{Digits: d3, Plan: Is(E164)}, To: e},
			{Match: Match{Digits: d1, Through: d2, TT: Is(uint8(3))}, To: e}}
		for len(rules) > 0 {
			table, err := NewTable(mtp3.Format{}, rules)
			if err != nil {
				rules = rules[1:]
				continue
			}
			best := -1
			for i := range rules {
				m := &rules[i].Match
				if m.covers(a.GT.Digits) && m.takes(&a) && (!m.Whole || len(m.Digits) == a.GT.Digits.Len()) {
					best = max(best, len(m.Digits))
				}
			}
			r := table.Translate(Query{Called: a, SLS: mtp3.SLS(strip & 15)}, nil)
			if a.GT.Format == NoGT {
				best = -1
			}
			if r.OK != (best >= 0) || r.OK && len(rules[r.Rule].Match.Digits) != best {
				t.Fatalf("%v: %+v, want %d digits", a, r, best)
			}
			if x := table.Explain(Query{Called: a, SLS: mtp3.SLS(strip & 15)}, nil); x.Result.Rule != r.Rule || x.String() == "" {
				t.Fatalf("explained as %v", x)
			}
			next, _ := r.Address(a, nil)
			if g := next.GT; g.Format == GTTranslation && g.Digits.Len() > 0 && g.Digits.Len()&1 == 0 && g.Digits.At(g.Digits.Len()-1) == 15 {
				return // nothing tells a last digit F from a filler in this format
			}
			if wire := itu.AppendAddress(nil, next); len(wire) < 255 {
				back, err := itu.ParseAddress(wire)
				if err != nil || !back.same(next) || !bytes.Equal(itu.AppendAddress(nil, back), wire) {
					t.Fatalf("%v became % x, then %v: %v", next, wire, back, err)
				}
			}
			return
		}
	})
}

func FuzzSCMG(f *testing.F) {
	f.Add(unhex(f, "01 06 1308 00"), false)
	f.Add(unhex(f, "06 01 2e2000 0005"), true)
	f.Fuzz(func(t *testing.T, b []byte, american bool) {
		c := itu
		if american {
			c = ansi
		}
		m, err := c.ParseSCMG(b)
		if err != nil {
			return
		}
		if n, err := c.ParseSCMG(c.AppendSCMG(nil, m)); err != nil || n != m {
			t.Errorf("%+v became %+v: %v", m, n, err)
		}
	})
}
