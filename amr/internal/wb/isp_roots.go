package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// ispGrid is the grid, filled up with zeros as the kernel wants it.
var ispGrid [104]int16

func init() { copy(ispGrid[:], grid[:]) }

// A series is a polynomial in cos(w) as a Chebyshev series, with its values at the points of the grid where known holds.
type series struct {
	f       [order/2 + 1]int16
	degree  int
	bounded bool // no sum saturates: see kernel.Chebyshev104
	known   bool
	values  [104]int16
}

func (s *series) set(f []int16) {
	s.degree = copy(s.f[:], f) - 1
	sum := int32(0)
	for i, v := range f {
		sum += max(int32(v), -int32(v)) * int32(len(f)-1-i)
	}
	s.bounded = sum < 1<<17-2
	s.known = s.bounded && kernel.Chebyshev104(&s.values, &ispGrid, f)
}

// onGrid returns the value at point j.
func (s *series) onGrid(j int) int16 {
	if s.known {
		return s.values[j]
	}
	return s.at(grid[j])
}

// at returns the value at x.
func (s *series) at(x int16) int16 {
	if !s.bounded {
		return chebyshev(x, s.f[:s.degree+1])
	}
	c, w := s.f[:s.degree], int64(x)
	b2 := int32(c[0]) << 13 // as are those behind, it is even: the split into halves loses nothing
	b1 := int32(int64(b2)*w>>16)<<2 + int32(c[1])<<13
	for _, v := range c[2:] {
		b2, b1 = b1, int32(int64(b1)*w>>16)<<2+int32(v)<<13-b2
	}
	t := int32(int64(b1)*w>>16)<<1 + int32(s.f[s.degree])<<12 - b2
	return max(op.Sat(t>>10), -32767)
}

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
	var s1, s2 series
	s1.set(f1[:])
	s2.set(f2[:])
	poly, other := &s1, &s2
	xlow := grid[0]
	ylow := poly.onGrid(0)
	for j := 1; j < len(grid) && found < order-1; j++ {
		xhigh, yhigh := xlow, ylow
		xlow = grid[j]
		ylow = poly.onGrid(j)
		if int32(ylow)*int32(yhigh) > 0 {
			continue
		}
		for range 2 {
			xmid := op.Add(xlow>>1, xhigh>>1)
			ymid := poly.at(xmid)
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
		ylow = poly.at(xlow)
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
