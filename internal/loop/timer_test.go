package loop

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Timers that are started, moved and stopped at random come due in the order of their times, those of one
// time in the order in which they were started.
func TestHeap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	epoch := time.Unix(0, 0)
	for range 200 {
		var h Heap
		timers := make([]Timer, 30)
		var want []int // by start
		at := make([]int, len(timers))
		for range 200 {
			i := rng.IntN(len(timers))
			if k := slices.Index(want, i); k >= 0 {
				want = slices.Delete(want, k, k+1)
			}
			if rng.IntN(3) == 0 {
				h.Stop(&timers[i])
			} else {
				at[i] = rng.IntN(10)
				h.Start(&timers[i], epoch.Add(time.Duration(at[i])))
				want = append(want, i)
			}
			if timers[i].Running() != slices.Contains(want, i) {
				t.Fatalf("timer %d runs: %v", i, timers[i].Running())
			}
		}
		slices.SortStableFunc(want, func(a, b int) int { return at[a] - at[b] })
		for _, i := range want {
			due := epoch.Add(time.Duration(at[i]))
			if !h.Deadline().Equal(due) || h.Due(due.Add(-1)) != nil {
				t.Fatalf("deadline %v, want %v", h.Deadline(), due)
			}
			if got := h.Due(due); got != &timers[i] || got.Running() {
				t.Fatalf("another timer than %d is due", i)
			}
		}
		if !h.Deadline().IsZero() || h.Due(epoch.Add(time.Hour)) != nil {
			t.Fatal("something is left")
		}
	}
	var none *Timer
	new(Heap).Stop(none)
}
