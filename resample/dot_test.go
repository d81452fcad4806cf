package resample

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The lanes of dotsSIMD hold any sum of the filters' taps.
func TestLanes(t *testing.T) {
	for _, f := range []*filter{double, triple} {
		for _, c := range append(slices.Clone(f.phases), f.whole) {
			var lanes [8]int
			for i, v := range c {
				lanes[i%16/2] += max(int(v), -int(v))
			}
			if m := slices.Max(lanes[:]); m >= 1<<16 || len(c)%8 != 0 || len(c) < 16 {
				t.Errorf("%d taps, up to %d in a lane", len(c), m)
			}
		}
	}
}

// checkDots compares sums of a filter, or of one of its phases, with their definition.
func checkDots(t *testing.T, c, x []int16, step int) {
	got := make([]int64, (len(x)-len(c))/step+1)
	dots(got, x, c, step)
	for i, v := range got {
		var want int64
		for k, w := range c {
			want += int64(w) * int64(x[i*step+k])
		}
		if v != want {
			t.Fatalf("%d taps, step %d: sum %d of %d is %d, want %d", len(c), step, i, len(got), v, want)
		}
	}
}

// dots gives the exact sums of the filters, whatever the samples.
func TestDots(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range []*filter{double, triple} {
		for _, c := range append(slices.Clone(f.phases), f.whole) {
			for n := range 100 {
				x := make([]int16, len(c)+n)
				for i := range x {
					x[i] = int16(r.Uint32())
				}
				if n%2 == 0 { // the largest sum there is
					for i, v := range c {
						x[i] = math.MaxInt16
						if v < 0 {
							x[i] = math.MinInt16
						}
					}
				}
				checkDots(t, c, x, 1+n%3)
			}
		}
	}
}

func FuzzDots(f *testing.F) {
	f.Add([]byte{0x80, 0x00, 0x7f, 0xff}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		filters := [][]int16{double.phases[0], double.whole, triple.phases[0], triple.phases[1], triple.whole}
		c := filters[int(n)%len(filters)]
		x := make([]int16, len(c)+int(n))
		for i := range x {
			if k := 2 * i; k+1 < len(data) {
				x[i] = int16(data[k])<<8 | int16(data[k+1])
			}
		}
		checkDots(t, c, x, 1+int(n)%3)
	})
}
