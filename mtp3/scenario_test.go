package mtp3

import (
	"testing"
	"time"
)

// TestClusterException: STP-A reaches 4.5.0/11 over STP-B. When 4.5.6 alone is lost behind STP-B, users
// and neighbours of STP-A lose that point alone, and get it back.
func TestClusterException(t *testing.T) {
	w := newNetwork(t)
	stpA := w.node(Config{Name: "STP-A", PointCode: 2065, Transfer: true})
	stpB := w.node(Config{Name: "STP-B", PointCode: 8233, Transfer: true})
	ab, _, ends := w.linksets(stpA, stpB, 4)
	w.route(stpA, "4.5.0/11", ab, 1)
	var owners []OwnerID
	for _, x := range []struct {
		n    *testNode
		name string
		pc   PointCode
	}{{stpA, "A", 2067}, {stpB, "E", 8235}, {stpB, "B", 8238}} {
		o, err := x.n.AddOwner(OwnerConfig{Name: x.name})
		if err != nil {
			t.Fatal(err)
		}
		out, err := x.n.AddRoute(w.now, Route{Destination: Destination{PC: x.pc}, Owner: o}, nil)
		if err != nil {
			t.Fatal(err)
		}
		x.n.take(x.n.SetOwner(w.now, o, Available, out))
		owners = append(owners, o)
	}
	w.start()
	w.run(90 * time.Second)
	status := func(pc PointCode, want Availability) {
		t.Helper()
		if s, _ := stpA.Status(pc); s != want {
			t.Errorf("%s is %v from STP-A, want %v", stpA.f.PointCodeString(pc), s, want)
		}
	}
	status(8238, Available)
	m := MSU{NI: National, SI: ISUP, Label: Label{OPC: 2067, DPC: 8238, SLS: 5}, Data: []byte{1}}
	stpA.take(stpA.TransferFrom(w.now, owners[0], m, nil))
	w.run(time.Second)
	if len(stpB.toOwner) != 1 || stpB.toOwner[0].Owner != owners[2] {
		t.Errorf("B got %+v", stpB.toOwner)
	}

	stpA.forget()
	stpB.take(stpB.SetOwner(w.now, owners[2], Unavailable, nil))
	w.run(time.Second)
	status(8238, Unavailable)
	status(8235, Available)
	if len(stpA.prims) != 1 || stpA.prims[0].Kind != PausePrimitive || stpA.prims[0].Affected != (Destination{PC: 8238}) || stpA.Stats().Exceptions != 1 {
		t.Errorf("%+v", stpA.prims)
	}
	stpA.take(stpA.TransferFrom(w.now, owners[0], m, nil))
	if stpA.Stats().Reasons[DestinationUnavailable] != 1 {
		t.Errorf("%v", nonZero(stpA.Stats().Reasons))
	}

	stpA.forget()
	stpB.take(stpB.SetOwner(w.now, owners[2], Available, nil))
	w.run(3 * time.Second)
	status(8238, Available)
	if len(stpA.prims) != 1 || stpA.prims[0].Kind != ResumePrimitive || stpA.Stats().Exceptions != 0 {
		t.Errorf("%+v, %d exceptions", stpA.prims, stpA.Stats().Exceptions)
	}

	stpA.forget()
	for _, l := range ends {
		l.cut(0, 0)
	}
	w.run(3 * time.Second)
	status(8235, Unavailable)
	if len(stpA.prims) != 2 { // 4.5.0/11 and 4.5.1
		t.Errorf("%+v", stpA.prims)
	}
}

func TestScreen(t *testing.T) {
	s := Screen{Deny: true, Rules: []Rule{
		{OPC: []Destination{{PC: 8}}, Deny: true},
		{OPC: []Destination{{PC: 8, Wild: 3}}, SI: []ServiceIndicator{SCCP}},
	}}
	for _, c := range []struct {
		opc  PointCode
		si   ServiceIndicator
		want bool
	}{{8, SCCP, false}, {9, SCCP, true}, {9, ISUP, false}, {16, SCCP, false}} {
		if got := s.Allows(&MSU{SI: c.si, Label: Label{OPC: c.opc}}); got != c.want {
			t.Errorf("%d %v: %v", c.opc, c.si, got)
		}
	}
}
