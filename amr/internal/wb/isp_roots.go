package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// azToISP sets isp to the ISPs of a by searching the roots of the sum and difference polynomials on a grid of 100
// intervals (TS 26.190 section 5.2.3). If it doesn't find all, isp keeps its old value, which old holds.
func azToISP(a *[order + 1]int16, isp, old *[order]int16) {
	const nc = order / 2
	var f1 [nc + 1]int16
	var f2 [nc]int16
	for i := 0; i < nc; i++ {
		s, d := int32(a[i])<<15, int32(a[order-i])<<15
		f1[i] = op.Round(op.LAdd(s, d))
		f2[i] = op.Round(op.LSub(s, d))
	}
	f1[nc] = a[nc]
	for i := 2; i < nc; i++ {
		f2[i] = op.Add(f2[i], f2[i-2])
	}

	found := 0
	poly, other := f1[:], f2[:]
	xlow := grid[0]
	ylow := chebyshev(xlow, poly)
	for j := 1; j < len(grid) && found < order-1; j++ {
		xhigh, yhigh := xlow, ylow
		xlow = grid[j]
		ylow = chebyshev(xlow, poly)
		if int32(ylow)*int32(yhigh) > 0 {
			continue
		}
		for range 2 {
			xmid := op.Add(xlow>>1, xhigh>>1)
			ymid := chebyshev(xmid, poly)
			if int32(ylow)*int32(ymid) <= 0 {
				xhigh, yhigh = xmid, ymid
			} else {
				xlow, ylow = xmid, ymid
			}
		}
		if y := op.Sub(yhigh, ylow); y != 0 { // linear interpolation
			exp := op.NormS(op.Abs(y))
			inv := op.DivS(16383, op.Abs(y)<<uint(exp))
			t := op.LShr(op.LMult(op.Sub(xhigh, xlow), inv), 20-exp)
			slope := int16(t)
			if y < 0 {
				slope = op.Neg(slope)
			}
			xlow = op.Sub(xlow, int16(op.LMult(ylow, slope)>>11))
		}
		isp[found] = xlow
		found++
		poly, other = other, poly
		ylow = chebyshev(xlow, poly)
	}
	if found < order-1 {
		*isp = *old
	} else {
		isp[order-1] = op.Shl(a[order], 3)
	}
}

// chebyshev evaluates the polynomial f in cos(w) = x (Q15) as a Chebyshev series.
func chebyshev(x int16, f []int16) int16 {
	n := len(f) - 1
	b2 := toDPF(int32(f[0]) << 13)
	t := op.LShl(op.Mpy32x16(b2.hi, b2.lo, x), 1)
	b1 := toDPF(op.LMac(t, f[1], 4096))
	for _, c := range f[2:n] {
		t = op.Mpy32x16(b1.hi, b1.lo, x)
		t = op.LSub(t, int32(b2.hi)<<15)
		t = op.LAdd(t, int32(c)<<12)
		t = op.LSub(op.LShl(t, 1), int32(b2.lo)<<1)
		b2 = b1
		b1 = toDPF(t)
	}
	t = op.Mpy32x16(b1.hi, b1.lo, x)
	t = op.LMac(t, b2.hi, -32768)
	t = op.LSub(t, int32(b2.lo)<<1)
	t = op.LAdd(t, int32(f[n])<<12)
	y := int16(op.LShl(t, 6) >> 16)
	return max(y, -32767)
}
