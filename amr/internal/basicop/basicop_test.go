package basicop

import (
	"math/rand/v2"
	"testing"
)

// The twins compute in 64 bits and clamp with comparisons, as the definitions of G.191 read.

func clamp(x, lo, hi int64) int64 {
	if x < lo {
		return lo
	}
	if x > hi {
		return hi
	}
	return x
}

func c16(x int64) int16 { return int16(clamp(x, -32768, 32767)) }
func c32(x int64) int32 { return int32(clamp(x, -1<<31, 1<<31-1)) }

func floorShift(x int64, n int) int64 {
	for ; n > 0; n-- {
		if x < 0 {
			x = -((-x + 1) / 2)
		} else {
			x /= 2
		}
	}
	return x
}

// shiftLeft doubles step by step and stops once x is out of 32 bits, so that it cannot wrap.
func shiftLeft(x int64, n int) int64 {
	for ; n > 0 && x > -1<<33 && x < 1<<33; n-- {
		x *= 2
	}
	return x
}

func shift(x int64, n int) int64 {
	if n < 0 {
		return floorShift(x, -n)
	}
	return shiftLeft(x, n)
}

func shiftRightRounded(x int64, n, width int) int64 {
	if n > width-1 {
		return 0
	}
	if n <= 0 {
		return shiftLeft(x, -n)
	}
	y := floorShift(x, n)
	if floorShift(x, n-1)&1 != 0 {
		y++
	}
	return y
}

func norm(x int64, width int) int16 {
	if x == 0 {
		return 0
	}
	if x < 0 {
		x = -x - 1
	}
	if x == 0 {
		return int16(width - 1)
	}
	n := int16(0)
	for x < 1<<(width-2) {
		x *= 2
		n++
	}
	return n
}

// divBySubtraction is div_s as G.191 defines it: 15 steps of shift, compare and subtract.
func divBySubtraction(num, den int16) int16 {
	if num == den {
		return 32767
	}
	out, n, d := int16(0), int32(num), int32(den)
	for range 15 {
		out <<= 1
		n <<= 1
		if n >= d {
			n -= d
			out++
		}
	}
	return out
}

func lmult(a, b int16) int32 { return c32(2 * int64(a) * int64(b)) }

var edges16 = []int16{-32768, -32767, -32766, -16385, -16384, -16383, -257, -256, -2, -1, 0, 1, 2, 3, 255, 256, 16383, 16384, 16385, 32766, 32767}

func all16(f func(a int16)) {
	for a := -32768; a <= 32767; a++ {
		f(int16(a))
	}
}

func TestOneOperand16(t *testing.T) {
	all16(func(a int16) {
		want := c16(int64(a))
		if a < 0 {
			want = c16(-int64(a))
		}
		if got := Abs(a); got != want {
			t.Errorf("Abs(%d) = %d, want %d", a, got, want)
		}
		if got, want := Neg(a), c16(-int64(a)); got != want {
			t.Errorf("Neg(%d) = %d, want %d", a, got, want)
		}
		if got, want := NormS(a), norm(int64(a), 16); got != want {
			t.Errorf("NormS(%d) = %d, want %d", a, got, want)
		}
		for n := int16(-40); n <= 40; n++ {
			if got, want := Shl(a, n), c16(shift(int64(a), int(n))); got != want {
				t.Fatalf("Shl(%d, %d) = %d, want %d", a, n, got, want)
			}
			if got, want := Shr(a, n), c16(shift(int64(a), -int(n))); got != want {
				t.Fatalf("Shr(%d, %d) = %d, want %d", a, n, got, want)
			}
			if got, want := ShrR(a, n), c16(shiftRightRounded(int64(a), int(n), 16)); got != want {
				t.Fatalf("ShrR(%d, %d) = %d, want %d", a, n, got, want)
			}
		}
	})
}

func TestPairs16(t *testing.T) {
	check := func(a, b int16) {
		x, y := int64(a), int64(b)
		if Add(a, b) != c16(x+y) || Sub(a, b) != c16(x-y) {
			t.Fatalf("Add, Sub(%d, %d) = %d, %d", a, b, Add(a, b), Sub(a, b))
		}
		if Mult(a, b) != c16(floorShift(x*y, 15)) || MultR(a, b) != c16(floorShift(x*y+0x4000, 15)) {
			t.Fatalf("Mult, MultR(%d, %d) = %d, %d", a, b, Mult(a, b), MultR(a, b))
		}
		if LMult(a, b) != lmult(a, b) {
			t.Fatalf("LMult(%d, %d) = %d", a, b, LMult(a, b))
		}
		if p, ov := LMultOv(a, b); p != lmult(a, b) || ov != (a == -32768 && b == -32768) {
			t.Fatalf("LMultOv(%d, %d) = %d, %v", a, b, p, ov)
		}
		if b > 0 && a >= 0 && a <= b && DivS(a, b) != divBySubtraction(a, b) {
			t.Fatalf("DivS(%d, %d) = %d, want %d", a, b, DivS(a, b), divBySubtraction(a, b))
		}
	}
	if !testing.Short() {
		// All 2^32 pairs would take minutes; every a against a dense comb of b and the edges covers each branch.
		for b := -32768; b <= 32767; b += 61 {
			all16(func(a int16) { check(a, int16(b)) })
		}
	}
	for _, b := range edges16 {
		all16(func(a int16) { check(a, b); check(b, a) })
	}
}

func edges32() []int32 {
	var e []int32
	for _, h := range edges16 {
		for _, l := range edges16 {
			e = append(e, int32(h)<<16|int32(uint16(l)))
		}
	}
	return e
}

func random32(r *rand.Rand) int32 { return int32(r.Uint32()) >> r.IntN(32) }

func check32(t *testing.T, a, b int32) {
	t.Helper()
	x, y := int64(a), int64(b)
	if LAdd(a, b) != c32(x+y) || LSub(a, b) != c32(x-y) {
		t.Fatalf("LAdd, LSub(%d, %d) = %d, %d", a, b, LAdd(a, b), LSub(a, b))
	}
	if s, ov := LAddOv(a, b); s != c32(x+y) || ov != (int64(s) != x+y) {
		t.Fatalf("LAddOv(%d, %d) = %d, %v", a, b, s, ov)
	}
	h, l := int16(b>>16), int16(b)
	if got, want := LMac(a, h, l), c32(x+int64(lmult(h, l))); got != want {
		t.Fatalf("LMac(%d, %d, %d) = %d, want %d", a, h, l, got, want)
	}
	if got, want := LMsu(a, h, l), c32(x-int64(lmult(h, l))); got != want {
		t.Fatalf("LMsu(%d, %d, %d) = %d, want %d", a, h, l, got, want)
	}
	if LNeg(a) != c32(-x) || LAbs(a) != c32(max(x, -x)) {
		t.Fatalf("LNeg, LAbs(%d) = %d, %d", a, LNeg(a), LAbs(a))
	}
	if NormL(a) != norm(x, 32) {
		t.Fatalf("NormL(%d) = %d", a, NormL(a))
	}
	if LSat(x+y) != c32(x+y) || LSat(x*y) != c32(x*y) || Sat(a) != c16(x) {
		t.Fatalf("Sat(%d, %d)", a, b)
	}
	if Round(a) != int16(c32(x+0x8000)>>16) {
		t.Fatalf("Round(%d) = %d", a, Round(a))
	}
	for n := int16(-40); n <= 40; n++ {
		if got, want := LShl(a, n), c32(shift(x, int(n))); got != want {
			t.Fatalf("LShl(%d, %d) = %d, want %d", a, n, got, want)
		}
		if got, want := LShr(a, n), c32(shift(x, -int(n))); got != want {
			t.Fatalf("LShr(%d, %d) = %d, want %d", a, n, got, want)
		}
		if got, want := LShrR(a, n), c32(shiftRightRounded(x, int(n), 32)); got != want {
			t.Fatalf("LShrR(%d, %d) = %d, want %d", a, n, got, want)
		}
		if n >= 0 {
			want := shift(x, int(n))
			if got, ov := LShlOv(a, n); got != c32(want) || ov != (int64(got) != want) {
				t.Fatalf("LShlOv(%d, %d) = %d, %v, want %d", a, n, got, ov, want)
			}
		}
	}
	// Double precision.
	ah, al := Extract(a)
	bh, bl := Extract(b)
	if Comp(ah, al) != a&^1 || DepositH(ExtractH(a))|DepositL(ExtractL(a))&0xffff != a {
		t.Fatalf("Extract(%d) = %d, %d", a, ah, al)
	}
	mult := func(p, q int16) int16 { return c16(floorShift(int64(p)*int64(q), 15)) }
	mac := func(acc int32, p, q int16) int32 { return c32(int64(acc) + int64(lmult(p, q))) }
	if got, want := Mpy32(ah, al, bh, bl), mac(mac(lmult(ah, bh), mult(ah, bl), 1), mult(al, bh), 1); got != want {
		t.Fatalf("Mpy32(%d, %d) = %d, want %d", a, b, got, want)
	}
	if got, want := Mpy32x16(ah, al, h), mac(lmult(ah, h), mult(al, h), 1); got != want {
		t.Fatalf("Mpy32x16(%d, %d) = %d, want %d", a, h, got, want)
	}
	if MpyL16(a, h) != Mpy32x16(ah, al, h) && !(ah == MinInt16 && h == MinInt16) {
		t.Fatalf("MpyL16(%d, %d) = %d, want %d", a, h, MpyL16(a, h), Mpy32x16(ah, al, h))
	}
	if den := int64(b)&0x3ffffffe | 0x40000000; x >= 0 {
		num := x % den
		got := int64(Div32(int32(num), int16(den>>16), int16(den>>1&0x7fff)))
		if want := num << 31 / den; got < want-600 || got > want+600 {
			t.Fatalf("Div32(%d, %d) = %d, want about %d", num, den, got, want)
		}
	}
}

func TestEdges32(t *testing.T) {
	e := edges32()
	for i, a := range e {
		step := 1
		if testing.Short() {
			step = 7
		}
		for j := i % step; j < len(e); j += step {
			check32(t, a, e[j])
		}
	}
}

func FuzzOperators32(f *testing.F) {
	f.Add(int32(-1<<31), int32(-1<<31))
	f.Add(int32(1<<31-1), int32(1))
	f.Fuzz(func(t *testing.T, a, b int32) {
		check32(t, a, b)
		r := rand.New(rand.NewPCG(uint64(uint32(a)), uint64(uint32(b))))
		for range 4 {
			check32(t, random32(r), random32(r))
		}
	})
}
