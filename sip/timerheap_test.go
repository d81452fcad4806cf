package sip

import (
	"math/rand/v2"
	"testing"
)

func TestTimerHeap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var h timerHeap
	want := map[*timerNode]int64{}
	nodes := make([]timerNode, 3000)
	check := func() {
		t.Helper()
		if len(h.entries) != len(want) {
			t.Fatalf("%d entries, want %d", len(h.entries), len(want))
		}
		for i, e := range h.entries {
			if e.node.slot != i+1 || want[e.node] != e.at {
				t.Fatalf("entry %d: slot %d, at %d, want %d", i, e.node.slot, e.at, want[e.node])
			}
			if i > 0 && h.entries[(i-1)/4].at > e.at {
				t.Fatalf("entry %d is earlier than its parent", i)
			}
		}
	}
	for round := range 20000 {
		n := &nodes[rnd.IntN(len(nodes))]
		switch rnd.IntN(3) {
		case 0:
			h.stop(n)
			delete(want, n)
		default:
			at := rnd.Int64N(500)
			h.set(n, at)
			want[n] = at
		}
		if round%500 == 0 {
			check()
		}
	}
	check()
	for last := int64(0); ; {
		at, ok := h.next()
		if !ok {
			break
		}
		if at < last {
			t.Fatalf("%d after %d", at, last)
		}
		last = at
		h.stop(h.entries[0].node)
	}
}
