package wb

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gotelco/telco/amr/internal/kernel"
)

// TestFIRWithinBound compares the kernel with the chain of operators, up to the bound.
func TestFIRWithinBound(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	within, saturated := 0, 0
	for range 4000 {
		x, c := make([]int16, 40+r.IntN(60)), make([]int16, 2*(1+r.IntN(16)))
		scale := r.IntN(15)
		for i := range x {
			x[i] = int16(r.Uint32()) >> scale
		}
		for i := range c {
			c[i] = int16(r.Uint32()) >> r.IntN(15)
		}
		if !kernel.WithinSum(x, kernel.SumAbs(c)) {
			continue
		}
		within++
		n := len(x) - len(c) + 1
		fast, slow := make([]int16, n), make([]int16, n)
		shift := uint(r.IntN(5))
		fir16(fast, x, c, shift)
		firSat16(slow, x, c, shift)
		if !slices.Equal(fast, slow) {
			t.Fatalf("x %v, c %v, shift %d:\n%v, want\n%v", x, c, shift, fast, slow)
		}
		if slices.Contains(slow, 32767) {
			saturated++
		}
	}
	if within < 500 || saturated < 50 {
		t.Errorf("%d of 4000 within the bound, %d saturated", within, saturated)
	}
}
