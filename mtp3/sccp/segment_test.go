package sccp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/trace"
)

func pattern8(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// Messages of all sizes arrive whole, in a UDT, an XUDT, in segments or in an LUDT (Q.714 section 4.1.1).
func TestSizes(t *testing.T) {
	sizes := []int{1, 200, 229, 230, 231, 232, 233, 234, 235, 240, 255, 256, 460, 461, 500, 1000, 2560, 3500}
	judged := capture(t)
	for _, c := range []struct {
		name   string
		cfg    Config
		remote RemoteConfig
		want   string // types of the sizes 1, 255 and 3500
	}{
		{"segments", Config{}, RemoteConfig{}, "UDT XUDT*2 XUDT*16"},
		{"extended", Config{Extended: true}, RemoteConfig{}, "XUDT XUDT*2 XUDT*16"},
		{"long", Config{Long: true}, RemoteConfig{}, "UDT XUDT LUDT"},
		{"long, but not there", Config{Long: true}, RemoteConfig{NoLong: true}, "UDT XUDT XUDT*16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.PointCode = pcA
			w := captured(t, judged, c.cfg, Config{PointCode: pcSCP, MaxSIF: 4091})
			w.user(pcA, MSC, SubsystemConfig{})
			w.user(pcSCP, HLR, SubsystemConfig{})
			if err := w.nodes[pcA].AddRemote(pcSCP, c.remote); err != nil {
				t.Fatal(err)
			}
			called, calling := title(t, "4930123456"), title(t, "4930654321")
			called.HasPC, called.PC, called.RouteOnSSN, called.SSN = true, pcSCP, true, HLR
			got := ""
			for _, n := range sizes {
				w.units, w.sent = nil, nil
				data := pattern8(n)
				w.unitdata(pcA, Unitdata{Called: called, Calling: calling, Class: 1, Sequence: 9, ReturnOnError: true, HasImportance: n == 500, Importance: 3, Data: data})
				if len(w.units) != 1 || !bytes.Equal(w.units[0].Unit.Data, data) {
					t.Fatalf("%d octets: %d indications of %d messages", n, len(w.units), len(w.sent))
				}
				u := w.units[0].Unit
				if u.Class != 1 || u.Sequence != 9 || !u.Calling.same(calling) || !u.Called.same(called) || !u.ReturnOnError || u.HasImportance != (n == 500) {
					t.Errorf("%d octets: %+v", n, u)
				}
				for _, m := range w.sent {
					if len(m.Data)+4 > 272 && !c.cfg.Long || m.Label.SLS != 9 {
						t.Errorf("%d octets: %d octets with SLS %d", n, len(m.Data), m.Label.SLS)
					}
				}
				if n == 1 || n == 255 || n == 3500 {
					m, _ := itu.Parse(w.sent[0].Data)
					if got != "" {
						got += " "
					}
					got += m.Type.String()
					if len(w.sent) > 1 {
						got += "*" + string([]byte{'0' + byte(len(w.sent)/10), '0' + byte(len(w.sent)%10)}[flagInt(len(w.sent) < 10):])
					}
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			for _, n := range w.nodes {
				if s := n.Stats(); s.Reasons != (Reasons{}) || s.Waiting != 0 || n.partBytes != 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// A transfer point between networks makes segments of LUDT.
func TestSegmentingRelay(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA, Long: true}, Config{PointCode: pcSTP, Translator: table(t, Rule{To: []Entity{{PC: pcSCP, SSN: HLR}}})}, Config{PointCode: pcSCP})
	w.user(pcA, MSC, SubsystemConfig{})
	w.user(pcSCP, HLR, SubsystemConfig{})
	called := title(t, "49301234")
	called.HasPC, called.PC = true, pcSTP
	data := pattern8(2000)
	w.unitdata(pcA, Unitdata{Called: called, Calling: at(pcA, MSC), Data: data})
	if len(w.units) != 1 || !bytes.Equal(w.units[0].Unit.Data, data) || w.units[0].Unit.Class != 0 {
		t.Errorf("%d indications", len(w.units))
	}
	if n := len(w.sent); n != 10 { // one LUDT, nine segments
		t.Errorf("%d messages", n)
	}
}

// A relay that adds a point code to the calling address finds room for it, whatever the size.
func TestRelayAddsPointCode(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA}, Config{PointCode: pcSTP, Translator: table(t, Rule{To: []Entity{{PC: pcSCP, SSN: HLR}}})}, Config{PointCode: pcSCP})
	w.user(pcA, MSC, SubsystemConfig{})
	w.user(pcSCP, HLR, SubsystemConfig{})
	called := title(t, "49301234")
	called.HasPC, called.PC = true, pcSTP
	for n := 215; n < 265; n++ {
		w.units = nil
		w.unitdata(pcA, Unitdata{Called: called, Calling: ssn(MSC), ReturnOnError: true, HasImportance: n%3 == 0, Data: pattern8(n)})
		if len(w.units) != 1 || w.units[0].Kind != UnitdataIndication || len(w.units[0].Unit.Data) != n {
			t.Errorf("%d octets: %+v", n, w.units)
		}
	}
}

// segments are the segments of a message, as they came from the SCCP of A.
func segments(t *testing.T, judged trace.Func, n int) (*network, []mtp3.Primitive) {
	w := captured(t, judged, Config{PointCode: pcA}, Config{PointCode: pcSCP, MaxReassembly: 8000, MaxReassemblies: 3})
	w.user(pcA, MSC, SubsystemConfig{})
	w.user(pcSCP, HLR, SubsystemConfig{})
	out, err := w.nodes[pcA].Unitdata(w.now, Unitdata{Called: at(pcSCP, HLR), Calling: at(pcA, MSC), ReturnOnError: true, Data: pattern8(240 * n)}, nil)
	if err != nil || len(out) != n {
		t.Fatalf("%d segments, %v", len(out), err)
	}
	var s []mtp3.Primitive
	for _, o := range out {
		o.MSU.Data = bytes.Clone(o.MSU.Data)
		s = append(s, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: o.MSU})
	}
	return w, s
}

// What goes wrong between segments (section 4.1.1.3): lost, late, doubled, in wrong order, too many.
func TestReassemblyFails(t *testing.T) {
	judged := capture(t)
	for _, c := range []struct {
		name   string
		order  []int // of segments; -1 lets the timer run out
		reason Reason
		more   Reasons // besides
	}{
		{"the second is lost", []int{0, 2, 3}, ReassemblyOrder, Reasons{SegmentUnexpected: 1}},
		{"the last is lost", []int{0, 1, 2, -1}, ReassemblyTimeout, Reasons{}},
		{"late", []int{0, -1, 1, 2, 3}, ReassemblyTimeout, Reasons{SegmentUnexpected: 3}},
		{"doubled", []int{0, 1, 1, 2, 3}, ReassemblyOrder, Reasons{SegmentUnexpected: 2}},
		{"out of order", []int{0, 2, 1, 3}, ReassemblyOrder, Reasons{SegmentUnexpected: 2}},
		{"first doubled", []int{0, 0, -1}, ReassemblyOrder, Reasons{ReassemblyTimeout: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, s := segments(t, judged, 4)
			for _, i := range c.order {
				if i < 0 {
					w.wait(11 * time.Second)
				} else {
					w.mtp(pcSCP, s[i])
				}
			}
			c.more[c.reason]++
			st := w.nodes[pcSCP].Stats()
			if d := cmp.Diff(c.more, st.Reasons); d != "" {
				t.Error(d)
			}
			if st.Waiting != 0 || w.nodes[pcSCP].partBytes != 0 || !w.nodes[pcSCP].Deadline().IsZero() {
				t.Errorf("left over: %+v", st)
			}
			// The first comes back as the notice of all.
			if len(w.units) == 0 || w.units[0].Kind != NoticeIndication || w.units[0].Unit.Cause != ErrorInTransport || !bytes.Equal(w.units[0].Unit.Data, pattern8(240)) {
				t.Errorf("%+v", w.units)
			}
		})
	}
	t.Run("limits", func(t *testing.T) {
		w, s := segments(t, judged, 10)
		n := w.nodes[pcSCP]
		first := func(opc mtp3.PointCode, i int) {
			p := s[i]
			p.MSU.Label.OPC = opc
			w.mtp(pcSCP, p)
		}
		for opc := range mtp3.PointCode(5) { // 2400 octets each: three fit
			first(100+opc, 0)
		}
		if st := n.Stats(); st.Waiting != 3 || st.Reasons[ReassemblyFull] != 2 || n.partBytes != 7200 {
			t.Errorf("%+v", st)
		}
		if u := w.units[0].Unit; u.Cause != ErrorInLocalProcessing {
			t.Errorf("%+v", u)
		}
		// A segment longer than the first announced.
		m, _ := itu.Parse(s[1].MSU.Data)
		w2, _ := segments(t, judged, 2)
		long := func(first bool, remaining uint8, size int) {
			m.Segmentation.First, m.Segmentation.Remaining, m.Data = first, remaining, pattern8(size)
			w2.mtp(pcSCP, transfer(t, pcA, pcSCP, m))
		}
		long(true, 1, 10)
		long(false, 0, 11)
		if st := w2.nodes[pcSCP].Stats(); st.Reasons[ReassemblyFull] != 1 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		long(true, 0, 99) // one segment alone is a message
		if len(w2.units) != 1 || len(w2.units[0].Unit.Data) != 99 {
			t.Errorf("%+v", w2.units)
		}
	})
}

// Segments of many messages between each other come together (the same reference from different senders included).
func TestReassemblyInterleaved(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA}, Config{PointCode: pcC}, Config{PointCode: pcSCP})
	w.user(pcSCP, HLR, SubsystemConfig{})
	var queues [][]mtp3.Primitive
	for i := range 20 {
		from := w.nodes[[]mtp3.PointCode{pcA, pcC}[i%2]]
		data := pattern8(500 + 100*i)
		data[0] = byte(i)
		out, err := from.Unitdata(w.now, Unitdata{Called: at(pcSCP, HLR), Calling: ssn(MSC), Data: data}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var q []mtp3.Primitive
		for _, o := range out {
			o.MSU.Data = bytes.Clone(o.MSU.Data)
			q = append(q, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: o.MSU})
		}
		queues = append(queues, q)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for len(queues) > 0 {
		i := rnd.IntN(len(queues))
		w.mtp(pcSCP, queues[i][0])
		if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
			queues = slices.Delete(queues, i, i+1)
		}
	}
	if len(w.units) != 20 {
		t.Fatalf("%d messages", len(w.units))
	}
	for _, o := range w.units {
		i := int(o.Unit.Data[0])
		want := pattern8(500 + 100*i)
		want[0] = byte(i)
		if !bytes.Equal(o.Unit.Data, want) || o.Unit.OPC != []mtp3.PointCode{pcA, pcC}[i%2] {
			t.Errorf("message %d of %d octets from %d", i, len(o.Unit.Data), o.Unit.OPC)
		}
	}
}

// A reference is not used again before it was frozen for long enough.
func TestReferences(t *testing.T) {
	n, err := NewNode(Config{PointCode: pcA})
	if err != nil {
		t.Fatal(err)
	}
	u := Unitdata{Called: at(pcSCP, HLR), Calling: ssn(MSC), Class: 1, ReturnOnError: true, Data: pattern8(500)}
	out, err := n.Unitdata(start, u, nil)
	if err != nil || len(out) != 3 {
		t.Fatalf("%d, %v", len(out), err)
	}
	n.ref = 1 << 24
	if out, _ = n.Unitdata(start.Add(29*time.Second), u, nil); len(out) != 1 || out[0].Unit.Cause != SegmentationFailure {
		t.Errorf("%+v", out)
	}
	n.cfg.Long = true
	if _, err = n.Unitdata(start.Add(29*time.Second), u, nil); !errors.Is(err, ErrReferences) {
		t.Error(err)
	}
	n.cfg.Long = false
	if out, err = n.Unitdata(start.Add(30*time.Second), u, nil); err != nil || len(out) != 3 {
		t.Errorf("%d, %v", len(out), err)
	}
}

// All segments of a message are translated to one entity, even where messages are spread.
func TestSegmentsStayTogether(t *testing.T) {
	w := newNetwork(t, Config{PointCode: pcA}, Config{PointCode: pcSTP, Translator: table(t, Rule{To: []Entity{{PC: pcSCP, SSN: HLR}, {PC: pcC, SSN: HLR}}, Share: Spread})},
		Config{PointCode: pcSCP}, Config{PointCode: pcC})
	w.user(pcSCP, HLR, SubsystemConfig{})
	w.user(pcC, HLR, SubsystemConfig{})
	called := title(t, "49301234")
	called.HasPC, called.PC = true, pcSTP
	for range 10 {
		w.unitdata(pcA, Unitdata{Called: called, Calling: at(pcA, MSC), Data: pattern8(700)})
	}
	if len(w.units) != 10 {
		t.Errorf("%d messages", len(w.units))
	}
}
