//go:build (amd64 || arm64) && !purego

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The kernels of the wideband codec against plain Go; see both_test.go.

func FuzzScale(f *testing.F)   { fuzz(f, checkScale) }
func FuzzMix(f *testing.F)     { fuzz(f, checkMix) }
func FuzzEcho(f *testing.F)    { fuzz(f, checkEcho) }
func FuzzSides(f *testing.F)   { fuzz(f, checkSides) }
func FuzzAmplify(f *testing.F) { fuzz(f, checkAmplify) }
func FuzzAdd(f *testing.F)     { fuzz(f, checkAdd) }
func FuzzWindow(f *testing.F)  { fuzz(f, checkWindow) }

func TestBothVectors(t *testing.T) {
	if !haveSIMD {
		t.Skip("no AVX2")
	}
	for name, check := range map[string]func(*testing.T, source){
		"Scale": checkScale, "Mix": checkMix, "Echo": checkEcho, "Sides": checkSides, "Amplify": checkAmplify,
		"Add": checkAdd, "Window": checkWindow,
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(13, 14))
			random := func(n int) []byte {
				b := make([]byte, 2+r.IntN(n))
				shift := r.IntN(15)
				for i := 0; i+1 < len(b); i += 2 {
					v := int16(r.Uint32()) >> shift
					b[i], b[i+1] = byte(v>>8), byte(v)
				}
				return b
			}
			for range 500 {
				if check(t, source{random(600), random(400), random(300), uint8(r.Uint32())}); t.Failed() {
					return
				}
			}
		})
	}
}

func checkScale(t *testing.T, s source) {
	x := words(s.a, s.length(), 0)
	exp := int16(len(s.b)%41) - 20
	both(t, func() []int16 {
		y := slices.Clone(x)
		Scale(y, exp)
		return y
	})
}

func checkMix(t *testing.T, s source) {
	n := s.length()
	x, y, c := words(s.a, n, 1), words(s.b, n, 5), words(s.c, 2, 1)
	lift, down := uint(len(s.a)%5), uint(len(s.b)%16)
	both(t, func() []int16 {
		out := make([]int16, n)
		Mix(out, x, y, c[0], c[1], lift, int32(n)<<5, down)
		return out
	})
}

func checkEcho(t *testing.T, s source) {
	x, gain := [64]int16(words(s.a, 64, 0)), max(words(s.b, 1, 0)[0], -32767)
	both(t, func() [64]int16 {
		y := x
		Echo(&y, 1+int(s.n)%70, gain)
		return y
	})
}

func checkSides(t *testing.T, s source) {
	x, gain := [64]int16(words(s.a, 64, 1)), max(words(s.b, 1, 0)[0], -32767)
	for i := range x {
		x[i] = max(x[i], -16383)
	}
	both(t, func() (y [64]int16) {
		Sides(&y, &x, gain)
		return y
	})
}

func checkAmplify(t *testing.T, s source) {
	x, gain := words(s.a, s.length(), 0), words(s.b, 1, 0)[0]
	both(t, func() []int16 {
		y := slices.Clone(x)
		Amplify(y, gain)
		return y
	})
}

func checkAdd(t *testing.T, s source) {
	x, y := words(s.a, s.length(), 0), words(s.b, s.length(), 0)
	both(t, func() []int16 {
		z := slices.Clone(x)
		Add(z, y)
		return z
	})
}

func checkWindow(t *testing.T, s source) {
	x, w := words(s.a, s.length(), 0), words(s.b, s.length(), 0)
	for i := range w {
		w[i] &= 0x7fff
	}
	both(t, func() []any {
		y := make([]int16, len(x))
		sum := Window(y, x, w)
		return []any{y, sum}
	})
}
