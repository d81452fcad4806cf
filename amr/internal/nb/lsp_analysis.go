package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// chebyshev evaluates the sum polynomial f, Q10, at x = cos(w), Q15, in Chebyshev form (TS 26.090 section 5.2.3).
//
// It works on halves of the standard's numbers. While the last two are below 2^28 in magnitude, no sum on the way to the next
// one and none on that to the result reaches 2^30, where the standard would saturate.
func chebyshev(x int16, f *[6]int16) int16 {
	const limit = 1 << 28
	x64 := int64(x)
	b2 := int64(1 << 23)
	b1 := x64<<9 + int64(f[1])<<13
	b3 := (b1*x64>>15)<<1 - b2 + int64(f[2])<<13
	b4 := (b3*x64>>15)<<1 - b1 + int64(f[3])<<13
	b5 := (b4*x64>>15)<<1 - b3 + int64(f[4])<<13
	if uint64(b1+limit) > 2*limit || uint64(b3+limit) > 2*limit || uint64(b4+limit) > 2*limit || uint64(b5+limit) > 2*limit {
		return chebyshevSat(x, f)
	}
	return Sat(int32((b5*x64>>15 - b4 + int64(f[5])<<12) >> 9))
}

// chebyshevSat does the same with saturation at each step.
func chebyshevSat(x int16, f *[6]int16) int16 {
	b2 := int32(256 << 16)
	b1 := LMac(LMult(x, 512), f[1], 8192) &^ 1
	for i := 2; i < 5; i++ {
		t := LShl(MpyL16(b1, x), 1)
		t = LAdd(t, LNeg(b2&^0xffff))
		t = LSub(t, b2&0xfffe)
		t = LMac(t, f[i], 8192) &^ 1
		b2, b1 = b1, t
	}
	t := LAdd(MpyL16(b1, x), LNeg(b2&^0xffff))
	t = LSub(t, b2&0xfffe)
	t = LMac(t, f[5], 4096)
	return ExtractH(LShl(t, 6))
}

// lpcToLSP finds the LSPs of a filter: the roots of the sum and the difference polynomial by turns, between the points of
// a grid, bisected and interpolated (TS 26.090 section 5.2.3). If not all are found, old is returned.
func lpcToLSP(a *lpc, old *vec10) (lsp vec10) {
	var f1, f2 [6]int16
	f1[0], f2[0] = 1024, 1024
	for i := range 5 {
		s := LMult(a[i+1], 8192)
		f1[i+1] = Sub(ExtractH(LMac(s, a[order-i], 8192)), f1[i])
		f2[i+1] = Add(ExtractH(LMsu(s, a[order-i], 8192)), f2[i])
	}
	var at1, at2 [64]int16 // values at the points of the grid
	f, other, at, otherAt := &f1, &f2, &at1, &at2
	if !gridPoints.Chebyshev(f, at) || !gridPoints.Chebyshev(other, otherAt) {
		for i, x := range grid {
			at[i], otherAt[i] = chebyshev(x, f), chebyshev(x, other)
		}
	}
	xLow, yLow := grid[0], at[0]
	found := 0
	for j := 1; found < order && j < len(grid); j++ {
		xHigh, yHigh := xLow, yLow
		xLow, yLow = grid[j], at[j]
		if int32(yLow)*int32(yHigh) > 0 {
			continue
		}
		for range 4 {
			x := xLow>>1 + xHigh>>1
			y := chebyshev(x, f)
			if int32(yLow)*int32(y) <= 0 {
				xHigh, yHigh = x, y
			} else {
				xLow, yLow = x, y
			}
		}
		xLow = interpolateRoot(xLow, yLow, xHigh, yHigh)
		lsp[found] = xLow
		found++
		f, other, at, otherAt = other, f, otherAt, at
		yLow = chebyshev(xLow, f)
	}
	if found < order {
		return *old
	}
	return lsp
}

var gridPoints = kernel.NewGrid(grid[:])

// interpolateRoot returns xLow - yLow*(xHigh-xLow)/(yHigh-yLow).
func interpolateRoot(xLow, yLow, xHigh, yHigh int16) int16 {
	dx, dy := Sub(xHigh, xLow), Sub(yHigh, yLow)
	if dy == 0 {
		return xLow
	}
	m := Abs(dy)
	exp := NormS(m)
	slope := ExtractL(LShr(LMult(dx, DivS(16383, Shl(m, exp))), 20-exp))
	if dy < 0 {
		slope = Neg(slope)
	}
	return Sub(xLow, ExtractL(LMult(yLow, slope)>>11))
}
