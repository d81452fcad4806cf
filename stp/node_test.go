package stp

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gotelco/telco/mtp3"
)

const twoAS = `
node:   { name: STP, point-code: 1.2.1, network-indicator: national }
listen: [ { m3ua: "10.0.0.1:2905" } ]
as:
  - { name: A, point-code: 1.2.3, routing-context: 1, asps: [ { name: a1, peer: "10.0.0.3" } ] }
  - { name: B, point-code: 1.2.4, routing-context: 2, asps: [ { name: b1, peer: "10.0.0.4" } ] }
`

// TestTwoAS: messages pass between two Application Servers in order, and each learns of the other.
func TestTwoAS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		n := w.node(twoAS)
		a := w.exchange("a1", 2067, "10.0.0.3:2905", "10.0.0.1:2905", 1)
		settle(time.Second)
		if diff := cmp.Diff([]string{"MTP-PAUSE 1.2.4"}, a.heard()); diff != "" {
			t.Errorf("A heard at first: %s", diff)
		}
		a.send(2068, 1, mtp3.ISUP, 0)
		a.send(9, 1, mtp3.ISUP, 0)
		settle(time.Second)
		b := w.exchange("b1", 2068, "10.0.0.4:2905", "10.0.0.1:2905", 2)
		settle(time.Second)
		if diff := cmp.Diff([]string{"MTP-PAUSE 0.1.1", "MTP-RESUME 1.2.4"}, a.heard()); diff != "" {
			t.Errorf("A heard: %s", diff)
		}
		if got := b.heard(); got != nil {
			t.Errorf("B heard %q", got)
		}
		for i := range 200 {
			a.send(2068, mtp3.SLS(i%16), mtp3.ISUP, byte(i))
		}
		settle(time.Second)
		got := b.taken()
		last := map[mtp3.SLS]int{}
		for _, m := range got {
			if int(m.Data[0]) <= last[m.Label.SLS] && last[m.Label.SLS] > 0 {
				t.Errorf("SLS %d: %d after %d", m.Label.SLS, m.Data[0], last[m.Label.SLS])
			}
			last[m.Label.SLS] = int(m.Data[0])
		}
		if len(got) != 200 || got[0].Label != (mtp3.Label{OPC: 2067, DPC: 2068}) || got[0].SI != mtp3.ISUP {
			t.Errorf("%d messages: %+v", len(got), got[0])
		}
		a.send(2067, 1, mtp3.ISUP, 0) // to itself
		a.send(2065, 1, mtp3.ISUP, 0) // to the node, which has no such user
		settle(time.Second)
		want := map[mtp3.Reason]uint64{mtp3.DestinationUnavailable: 1, mtp3.UnknownDestination: 1, mtp3.CircularRoute: 1, mtp3.UserUnavailable: 1}
		have := map[mtp3.Reason]uint64{}
		for r, c := range n.router.Reasons() {
			if c > 0 {
				have[mtp3.Reason(r)] = c
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"MTP-STATUS 1.2.1 user part unequipped 0"}, a.heard()); diff != "" {
			t.Errorf("A heard: %s", diff)
		}
		b.asp.Close()
		settle(3 * time.Second)
		if diff := cmp.Diff([]string{"MTP-PAUSE 1.2.4"}, a.heard()); diff != "" {
			t.Errorf("A heard: %s", diff)
		}
	})
}

func TestRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node(twoAS)
		if err := n.Run(t.Context()); err == nil {
			t.Error("a second Run")
		}
		second, err := New(parseTest(t, twoAS), Options{Network: w.net})
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Run(t.Context()); err == nil {
			t.Error("the address is taken")
		} else {
			t.Log(err)
		}
		w.end()
		m := mtp3.MSU{NI: mtp3.National, SI: mtp3.ISUP, Label: mtp3.Label{DPC: 2067}}
		if err := n.Transfer(&m); !errors.Is(err, ErrNotRunning) {
			t.Error(err)
		}
		if _, err := New(parseTest(t, twoAS), Options{}); !errors.Is(err, ErrNoNetwork) {
			t.Error(err)
		}
	})
}
