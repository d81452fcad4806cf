package kernel

import (
	"math/rand/v2"
	"testing"
)

// The definitions of G.191, step by step in 64 bits.

func sat64(x int64) int64 { return min(max(x, -1<<31), 1<<31-1) }

func round32(x int64) int16 { return int16(sat64(x+0x8000) >> 16) }

func TestVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for range 2000 {
		random := func(limit int) int16 { return int16(r.IntN(2*limit) - limit) }
		limit := 1 << (1 + r.IntN(15))
		x, y := make([]int16, 1+r.IntN(100)), make([]int16, 100)
		for i := range x {
			x[i] = random(limit)
		}
		for i := range y {
			y[i] = random(limit)
		}
		same := func(what string, got []int16, want func(i int) int16) {
			t.Helper()
			for i, v := range got {
				if v != want(i) {
					t.Fatalf("%s: %d is %d, want %d", what, i, v, want(i))
				}
			}
		}
		clone := func(x []int16) []int16 { return append([]int16(nil), x...) }

		z, exp := clone(x), int16(r.IntN(40)-20)
		Scale(z, exp)
		same("Scale", z, func(i int) int16 {
			if exp < 0 {
				return int16((int64(x[i]) + 1<<(-max(exp, -17)-1)) >> -max(exp, -17))
			}
			return sat(int32(min(max(int64(x[i])<<exp, -1<<20), 1<<20)))
		})
		z = clone(x)
		g := random(32767)
		Amplify(z, g)
		same("Amplify", z, func(i int) int16 { return mult(x[i], g) })
		z = clone(x)
		Add(z, y)
		same("Add", z, func(i int) int16 { return sat(int32(x[i]) + int32(y[i])) })

		w := make([]int16, len(x))
		for i := range w {
			w[i] = int16(r.IntN(32768))
		}
		z = clone(x)
		got, want := Window(z, x, w), int64(0)
		same("Window", z, func(i int) int16 { return round32(int64(x[i]) * int64(w[i]) * 2) })
		for _, v := range z {
			want += int64(v) * int64(v) >> 7
		}
		if got != want {
			t.Fatalf("Window: sum %d, want %d", got, want)
		}

		a := [64]int16(y)
		lag := 1 + r.IntN(70)
		b := a
		Echo(&b, lag, g)
		same("Echo", b[:], func(i int) int16 {
			if i < lag {
				return a[i]
			}
			return round32(sat64(int64(a[i])<<16 + 2*int64(a[i-lag])*int64(g)))
		})
		for i := range a {
			a[i] >>= 1
		}
		Sides(&b, &a, g)
		same("Sides", b[:], func(i int) int16 {
			s := int64(a[i]) << 16
			if i < 63 {
				s = sat64(s - 2*int64(a[i+1])*int64(g))
			}
			if i > 0 {
				s = sat64(s - 2*int64(a[i-1])*int64(g))
			}
			return round32(s)
		})
		p, q := int16(r.IntN(16384)), random(16384)
		z = clone(x)
		lift, down := uint(r.IntN(5)), uint(1+r.IntN(16))
		for i := range y {
			y[i] >>= 5
		}
		Mix(z, z, y, p, q, lift, 0x2000, down)
		same("Mix", z, func(i int) int16 {
			return sat(int32((int64(x[i])*int64(p) + int64(y[i])<<lift*int64(q) + 0x2000) >> down))
		})
	}
}
