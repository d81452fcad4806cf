//go:build (amd64 || arm64) && !purego

package kernel

import (
	"slices"
	"testing"
)

func FuzzScale40(f *testing.F)     { fuzz(f, checkScale40) }
func FuzzSubScaled40(f *testing.F) { fuzz(f, checkSubScaled40) }
func FuzzMix40(f *testing.F)       { fuzz(f, checkMix40) }
func FuzzPulses(f *testing.F)      { fuzz(f, checkPulses) }
func FuzzSigns40(f *testing.F)     { fuzz(f, checkSigns40) }

func FuzzChebyshev(f *testing.F) { fuzz(f, checkChebyshev) }
func FuzzMulRound(f *testing.F)  { fuzz(f, checkMulRound) }

func FuzzSlides40(f *testing.F) { fuzz(f, checkSlides40) }

func FuzzAddErrors(f *testing.F) { fuzz(f, checkAddErrors) }

func TestSubframe40(t *testing.T) {
	if !haveSubframe {
		t.Skip("no SIMD")
	}
	bothPaths(t, map[string]func(*testing.T, source){
		"Scale40": checkScale40, "SubScaled40": checkSubScaled40, "Mix40": checkMix40, "Pulses": checkPulses, "Signs40": checkSigns40,
		"Chebyshev": checkChebyshev, "MulRound": checkMulRound, "Slides40": checkSlides40, "AddErrors": checkAddErrors,
	})
}

func checkScale40(t *testing.T, s source) {
	x := [40]int16(words(s.a, 40, 0))
	g := words(s.b, 1, 0)[0]
	both(t, func() [2][40]int16 {
		y := x
		Scale40(&y, &y, g, int32(s.n)<<7, uint(len(s.a)%16))
		var z [40]int16
		Scale40(&z, &x, g, -int32(s.n)<<7, uint(len(s.b)%16))
		return [2][40]int16{y, z}
	})
}

func checkSubScaled40(t *testing.T, s source) {
	x, y := [40]int16(words(s.a, 40, 0)), [40]int16(words(s.b, 40, 0))
	both(t, func() [2][40]int16 {
		a, b := x, y
		SubScaled40(&a, &a, &y, words(s.c, 1, 0)[0], uint(s.n%16))
		SubScaled40(&b, &x, &b, words(s.c, 2, 0)[1], 15)
		return [2][40]int16{a, b}
	})
}

func checkMix40(t *testing.T, s source) {
	x, y := [40]int16(words(s.a, 40, 0)), [40]int16(words(s.b, 40, 0))
	g := words(s.c, 2, 0)
	both(t, func() [40]int16 {
		out := y
		Mix40(&out, &x, g[0]&0x7fff, g[1]&0x7fff, int32(s.n)<<6, uint(len(s.a)%16))
		return out
	})
}

func checkPulses(t *testing.T, s source) {
	pulses := make([]Pulse, s.n%11)
	for i, v := range words(s.b, 2*len(pulses), 0) {
		if i&1 == 0 {
			pulses[i/2].At = uint16(v) % 40
		} else {
			pulses[i/2].Weight = v
		}
	}
	h := [40]int16(words(s.a, 40, uint(s.n>>4)))
	if int(MaxAbs(h[:]))*len(pulses) > 32767 {
		return
	}
	var d Delayed
	d.Set(&h)
	var want [40]int16
	for i := range want {
		sum := int64(0)
		for _, p := range pulses {
			if i >= int(p.At) {
				sum += int64(h[i-int(p.At)]) * int64(p.Weight)
			}
		}
		want[i] = int16(min((2*sum+0x8000)>>16, 32767))
	}
	both(t, func() (y [40]int16) {
		if d.Pulses(&y, pulses); y != want {
			t.Errorf("Pulses(%v of %v) = %v, want %v", pulses, h, y, want)
		}
		return y
	})
}

func checkSigns40(t *testing.T, s source) {
	var d, r [48]int16
	copy(d[:], words(s.a, 40, 0))
	copy(r[:], words(s.b, 40, 0))
	k := words(s.c, 2, 0)
	both(t, func() any {
		d := d
		var sign, sum [48]int16
		var top [5]SlotSum
		Signs40(&d, &sign, &sum, &r, k[0]&0x7fff, k[1]&0x7fff, &top)
		for i, m := range top {
			track := sum[8*i : 8*i+8]
			if m.Sum != slices.Max(track) || int(m.Slot) != slices.Index(track, m.Sum) {
				t.Errorf("the largest of %v is %v", track, m)
			}
		}
		return [...]any{d, sign, sum, top}
	})
}

func checkChebyshev(t *testing.T, s source) {
	g := NewGrid(words(s.a, 64, 0))
	f := [6]int16(words(s.b, 6, uint(s.n&7)))
	f[0] = 1024
	both(t, func() []any {
		var y [64]int16
		ok := g.Chebyshev(&f, &y)
		if !ok {
			y = [64]int16{}
		}
		return []any{ok, y}
	})
}

func checkMulRound(t *testing.T, s source) {
	x, w := words(s.a, 1+int(s.n), 0), words(s.b, 1+int(s.n), 0)
	for i := range w {
		w[i] = max(w[i], -32767)
	}
	both(t, func() []int16 {
		y := make([]int16, len(x))
		MulRound(y, x, w)
		return y
	})
}

func checkSlides40(t *testing.T, s source) {
	y, h, xn := [40]int16(words(s.a, 40, uint(s.n&7))), [40]int16(words(s.b, 40, 0)), [40]int16(words(s.c, 40, 0))
	h[0] = 0
	x := words(s.a[len(s.a)/2&^1:], 1+int(s.n)%40, 0)
	both(t, func() []any {
		out := y
		var xy [41]int32
		var yy [41]int64
		Slides40(&out, &h, &xn, x, 12+2*uint(s.n>>7), &xy, &yy)
		return []any{out, xy, yy}
	})
}

func checkAddErrors(t *testing.T, s source) {
	table := make([][4]int16, 8*(1+s.n&15))
	for i, v := range words(s.a, 4*len(table), 0) {
		table[i/4][i%4] = v & 0x7fff
	}
	gains := NewGainTable(table, int(s.n>>6&2))
	var c [5]int32
	for i, v := range words(s.b, 10, 0) { // up to 2^28, so that the sum stays below 2^31
		c[i/2] = c[i/2]<<16>>3 | int32(uint16(v))
	}
	code := words(s.c, 1, 0)[0] & 0x7fff
	both(t, func() []int32 {
		d := make([]int32, len(table))
		for i := range d {
			d[i] = int32(i) << 20
		}
		gains.AddErrors(d, &c, code)
		gains.Above(d, code, 1<<31-1)
		return d
	})
}
