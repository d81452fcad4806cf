package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestNearest4(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		limit := 1 << (1 + r.IntN(15))
		book := make([][4]int16, 8*(1+r.IntN(20)))
		random := func() (v [4]int16) {
			for i := range v {
				v[i] = int16(r.IntN(2*limit) - limit)
			}
			return v
		}
		for i := range book {
			book[i] = random()
			if r.IntN(3) == 0 {
				book[i] = book[0] // ties
			}
		}
		x, w := random(), random()
		for i := range w {
			w[i] = max(w[i], -32767)
		}
		least, want := int64(1<<31-1), 0
		for i, e := range book {
			s := int64(0)
			for k := range e {
				d := int64(mult(w[k], sat(int32(x[k])-int32(e[k]))))
				s = min(s+2*d*d, 1<<31-1)
			}
			if s < least {
				least, want = s, i
			}
		}
		if got := Nearest4(&x, &w, book); got != want {
			t.Fatalf("Nearest4(%v, %v, %v) = %d, want %d", x, w, book, got, want)
		}
	}
}

func TestSlide40(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 500 {
		limit := 1 << (1 + r.IntN(15))
		var y, h, xn, want [40]int16
		x := int16(r.IntN(2*limit) - limit)
		down := uint(12 + 2*r.IntN(2))
		var wantXY int32
		var wantYY int64
		for i := range y {
			y[i], h[i], xn[i] = int16(r.IntN(2*limit)-limit), int16(r.IntN(65536)-32768), int16(r.IntN(65536)-32768)
			want[i] = sat(int32(y[i]) + int32(sat(int32(x)*int32(h[i])>>down)))
			wantXY += int32(want[i]) * int32(xn[i])
			wantYY += int64(want[i]) * int64(want[i])
		}
		xy, yy := Slide40(&y, &h, &xn, x, down)
		if y != want || xy != wantXY || yy != wantYY {
			t.Fatalf("Slide40 = %d, %d, %v, want %d, %d, %v", xy, yy, y, wantXY, wantYY, want)
		}
	}
}
