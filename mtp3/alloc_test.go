package mtp3

import (
	"testing"
	"time"
)

// sink is a level 2 that takes everything.
type sink struct{ Link }

func (sink) Send(_ time.Time, _ uint8, _ []byte, out []Indication) []Indication { return out }

// TestForwardingAllocatesNothing has messages from a link and from a user pass the node to a link and to an owner.
func TestForwardingAllocatesNothing(t *testing.T) {
	owned := 0
	w := newNetwork(t)
	a := w.node(Config{PointCode: 1, Transfer: true, NoRestart: true, NoLinkTest: true, ToOwner: func(OwnerID, *MSU, []byte) { owned++ }})
	b, c := w.node(Config{PointCode: 2, NoRestart: true, NoLinkTest: true}), w.node(Config{PointCode: 3, NoRestart: true, NoLinkTest: true})
	w.linksets(a, b, 2)
	w.linksets(a, c, 2)
	o, err := a.AddOwner(OwnerConfig{Name: "AS"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.AddRoute(w.now, Route{Destination: Destination{PC: 9}, Owner: o}, nil); err != nil {
		t.Fatal(err)
	}
	a.SetOwner(w.now, o, Available, nil)
	w.start()
	w.run(5 * time.Second)
	for _, l := range a.links {
		l.l2 = sink{l.l2}
	}
	data := make([]byte, 80)
	toLink := a.f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: 3, OPC: 2, SLS: 5}, Data: data})
	toOwner := a.f.AppendMSU(nil, MSU{NI: National, SI: ISUP, Label: Label{DPC: 9, OPC: 2, SLS: 5}, Data: data})
	ind := []Indication{{Kind: Received, MSU: toLink}, {Kind: Received, MSU: toOwner}}
	out := make([]Output, 0, 8)
	n := testing.AllocsPerRun(1000, func() {
		out = a.HandleLink(w.now, 1, ind, out[:0])
		out = a.Transfer(w.now, MSU{SI: ISUP, Label: Label{DPC: 3, SLS: 1}, Data: data}, out[:0])
		out = a.TransferFrom(w.now, o, MSU{NI: National, SI: ISUP, Label: Label{DPC: 3, OPC: 9, SLS: 1}, Data: data}, out[:0])
	})
	if s := a.Stats(); n != 0 || owned < 1000 || s.Transferred < 2000 || s.FromUsers < 1000 {
		t.Errorf("%v allocations; %d to the owner, %+v", n, owned, s)
	}
}
