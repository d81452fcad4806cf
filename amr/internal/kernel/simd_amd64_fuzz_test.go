//go:build amd64 && !purego

package kernel

import (
	"reflect"
	"testing"
)

// FuzzBothPaths holds the assembly equal to plain Go, wherever the bounds are kept that the callers have to keep.
func FuzzBothPaths(f *testing.F) {
	f.Add([]byte{0x80, 0x00}, []byte{0x80, 0x00}, []byte{0x7f, 0xff}, uint8(0))
	f.Add([]byte{0x7f, 0xff, 0x80, 0x00}, []byte{0x12, 0x34, 0xed, 0xcc, 0x00, 0x01}, []byte{1, 2, 3, 4, 5}, uint8(0x35))
	f.Add([]byte{0x00, 0x10, 0xff, 0xf0, 0x01}, []byte{0x10, 0x00, 0xf8, 0x00}, []byte{0xff, 0xff, 0x00, 0x00}, uint8(0xff))
	f.Fuzz(func(t *testing.T, a, b, c []byte, size uint8) {
		if !haveSIMD {
			t.Skip("no AVX2")
		}
		both := func(name string, run func() any) {
			t.Helper()
			fast := run()
			haveSIMD = false
			slow := run()
			haveSIMD = true
			if !reflect.DeepEqual(fast, slow) {
				t.Errorf("%s: AVX2 %v, Go %v", name, fast, slow)
			}
		}
		x, y := [40]int16(words(a, 40, uint(size&7))), [40]int16(words(b, 40, uint(size>>5)))
		both("DotSquares40", func() any {
			xy, xx, yy := DotSquares40(&x, &y)
			return []int64{int64(xy), xx, yy}
		})
		long, taps := words(a, 200, 0), words(b, 2+int(size)&62, uint(size>>6))
		both("FIR", func() any {
			out, out16 := make([]int32, 16*(1+int(size)&3)), make([]int16, 16*(1+int(size)&3))
			FIR32(out, long, taps)
			FIR16(out16, long, taps, int32(size)<<4, uint(size&15))
			return []any{out, out16}
		})
		both("Slide40", func() any {
			out := x
			xy, yy := Slide40(&out, &y, (*[40]int16)(long), int16(size)<<8|int16(size), 12+2*uint(size&1))
			return []any{out, xy, yy}
		})
		book := make([][4]int16, 8*(1+int(size)&7))
		for i, v := range words(c, 4*len(book), uint(size>>6)) {
			book[i/4][i%4] = v
		}
		w := [4]int16(y[:4])
		for i := range w {
			w[i] = max(w[i], -32767)
		}
		both("Nearest4", func() any { return Nearest4((*[4]int16)(x[:]), &w, book) })

		if SumSquares(x[:]) < 1<<30 {
			var signs [48]int16
			for i, v := range words(c, 48, 0) {
				signs[i] = 32767
				if v&1 != 0 {
					signs[i] = -32767
				}
			}
			both("Correlate", func() any {
				var m4, m5 Matrix
				m4.Correlate4(&x, &signs)
				m5.Correlate5(&x, &signs)
				for i := range m4 { // what is behind 40 does not count
					clear(m4[i][40:])
					clear(m5[i][40:])
				}
				return []any{m4, m5}
			})
		}
		lp := [11]int16{4096}
		left := int32(32767 - 4096)
		for i, v := range y[:10] {
			v >>= 2
			if m := max(int32(v), -int32(v)); m <= left {
				lp[1+i] = v
				left -= m
			}
		}
		both("Synthesis10", func() any {
			var out [40]int16
			over := Synthesis10(&lp, x[:], out[:], (*[10]int16)(long))
			return []any{out, over}
		})
	})
}
