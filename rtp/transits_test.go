package rtp

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestQuantile compares the quantile with that of all transit times in order.
func TestQuantile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := 1; n <= 2*ringSize; n = n*3/2 + 1 {
		for _, share := range []float64{0.0001, 0.005, 0.01, 0.02, 0.2, 0.5} {
			x := transits{base: time.Second}
			for range n {
				x.ring[x.n%ringSize] = int32(r.IntN(50)) - 20
				x.n++
			}
			all := slices.Sorted(slices.Values(x.ring[:min(n, ringSize)]))
			want := time.Second + time.Duration(all[len(all)-1-int(share*float64(len(all)))])*time.Microsecond
			if got := x.quantile(share); got != want {
				t.Errorf("%d packets, share %v: %v, want %v", n, share, got, want)
			}
		}
	}
}
