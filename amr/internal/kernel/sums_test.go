package kernel

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// words makes n samples of data, repeated, scaled down by shift bits.
func words(data []byte, n int, shift uint) []int16 {
	x := make([]int16, n)
	if len(data) < 2 {
		data = []byte{0x80, 0x00}
	}
	for i := range x {
		k := 2 * i % (len(data) &^ 1)
		x[i] = int16(binary.BigEndian.Uint16(data[k:])) >> shift
	}
	return x
}

// TestDefinitions compares kernels with what they are said to compute.
func TestDefinitions(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		a, b := make([]byte, 2+r.IntN(400)), make([]byte, 2+r.IntN(200))
		for i := range a {
			a[i] = byte(r.Uint32())
		}
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		checkSums(t, a, b, uint8(r.Uint32()))
	}
}

func checkSums(t *testing.T, a, b []byte, size uint8) {
	n := 1 + int(size)
	x, y := words(a, n, 0), words(b, n, uint(size&3))
	var xy int32
	var xx int64
	var top int32
	var total int64
	for i, v := range x {
		xy += int32(v) * int32(y[i])
		xx += int64(v) * int64(v)
		top = max(top, int32(v), -int32(v))
		total += max(int64(v), -int64(v))
	}
	if got := Dot(x, y); got != xy {
		t.Errorf("Dot = %d, want %d", got, xy)
	}
	if got := SumSquares(x); got != xx {
		t.Errorf("SumSquares = %d, want %d", got, xx)
	}
	if got := SumAbs(x); got != total {
		t.Errorf("SumAbs = %d, want %d", got, total)
	}
	if got := MaxAbs(x); got != top {
		t.Errorf("MaxAbs = %d, want %d", got, top)
	}
	if WithinCauchy(xx, SumSquares(y)) {
		s := int64(0)
		for i, v := range x {
			if s += 2 * int64(v) * int64(y[i]); s != int64(int32(s)) {
				t.Fatalf("a sum within the bound saturates after %d products", i+1)
			}
		}
	}
	checkFIR(t, words(a, 400, 0), words(b, 2+int(size)&62, uint(size>>6)), 1+int(size)&127)
	checkSubframe(t, [40]int16(words(a, 40, uint(size&7))), [40]int16(words(b, 40, uint(size>>5))))
}

func checkFIR(t *testing.T, x, c []int16, n int) {
	y32, y16 := make([]int32, n), make([]int16, n)
	FIR32(y32, x, c)
	FIR16(y16, x, c, 0x800, 12)
	for i := range n {
		var s int32
		for k, v := range c {
			s += int32(v) * int32(x[i+k])
		}
		if y32[i] != s {
			t.Fatalf("FIR32: y[%d] = %d, want %d", i, y32[i], s)
		}
		if want := max(min((s+0x800)>>12, 32767), -32768); y16[i] != int16(want) {
			t.Fatalf("FIR16: y[%d] = %d, want %d", i, y16[i], want)
		}
	}
}

func checkSubframe(t *testing.T, x, y [40]int16) {
	xy, xx, yy := DotSquares40(&x, &y)
	if xy != dotPlain(x[:], y[:]) || xx != SumSquares(x[:]) || yy != SumSquares(y[:]) {
		t.Errorf("DotSquares40 = %d, %d, %d", xy, xx, yy)
	}
}
