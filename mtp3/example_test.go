package mtp3_test

import (
	"fmt"
	"time"

	"github.com/gotelco/telco/mtp3"
)

func ExampleFormat_ParseDestination() {
	f := mtp3.Format{} // ITU, 3-8-3
	d, err := f.ParseDestination("4.5.0/11")
	fmt.Println(d.PC, d.Size(), d.Contains(8238), f.DestinationString(d), err)
	// Output: 8232 8 true 4.5.0/11 <nil>
}

func ExampleFormat_ParseMSU() {
	f := mtp3.Format{}
	m, err := f.ParseMSU([]byte{0x85, 0x2e, 0xe0, 0x04, 0x92, 1, 2})
	fmt.Println(m.SI, m.NI, f.PointCodeString(m.Label.OPC), "->", f.PointCodeString(m.Label.DPC), "SLS", m.Label.SLS, m.Data, err)
	// Output: ISUP national 1.2.3 -> 4.5.6 SLS 9 [1 2] <nil>
}

// A transfer point between two owners of destinations, without links.
func ExampleNode() {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n, err := mtp3.NewNode(mtp3.Config{PointCode: 2065, NI: mtp3.National, Transfer: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, _ := n.AddOwner(mtp3.OwnerConfig{Name: "A"})
	b, _ := n.AddOwner(mtp3.OwnerConfig{Name: "B"})
	out, _ := n.AddRoute(now, mtp3.Route{Destination: mtp3.Destination{PC: 2067}, Owner: a}, nil)
	out, _ = n.AddRoute(now, mtp3.Route{Destination: mtp3.Destination{PC: 2068}, Owner: b}, out)
	m := mtp3.MSU{NI: mtp3.National, SI: mtp3.SCCP, Label: mtp3.Label{OPC: 2067, DPC: 2068, SLS: 1}}
	out = n.TransferFrom(now, a, m, out[:0])
	fmt.Println(len(out), n.Router().Route(2068, 1).Reason)
	out = n.SetOwner(now, b, mtp3.Available, out[:0])
	for _, o := range out {
		if o.Kind == mtp3.Changed {
			fmt.Println(o.Change.Text)
		} else {
			fmt.Println(o.Kind, o.Primitive.Kind)
		}
	}
	out = n.TransferFrom(now, a, m, out[:0])
	fmt.Println(out[0].Kind, out[0].Owner == b)
	// Output:
	// 0 destination unavailable
	// 1.2.4: destination changed (available)
	// deliver MTP-RESUME
	// to owner true
}
