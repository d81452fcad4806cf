package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// A lagGrid says where a mode looks for the pitch lag (TS 26.090 section 5.6.1).
type lagGrid struct {
	maxFrac          int16 // longest lag with a fraction, where it is sent absolutely
	last             int16 // the fractions tried are -last..last
	intLow, intWidth int16 // around the open-loop lag
	low, width       int16 // around the lag of the last subframe
	shortest         int16
}

var lagGrids = [8]lagGrid{
	MR475: {84, 2, 5, 10, 5, 9, pitMin},
	MR515: {84, 2, 5, 10, 5, 9, pitMin},
	MR59:  {84, 2, 3, 6, 5, 9, pitMin},
	MR67:  {84, 2, 3, 6, 5, 9, pitMin},
	MR74:  {84, 2, 3, 6, 5, 9, pitMin},
	MR795: {84, 2, 3, 6, 10, 19, pitMin},
	MR102: {84, 2, 3, 6, 5, 9, pitMin},
	MR122: {94, 3, 3, 6, 5, 9, pitMinMR122},
}

const interSearch = 4 // reach of the filter that interpolates the correlation

// A lagCorrelation is the normalised correlation of the target with the filtered past excitation, by lag from min on.
type lagCorrelation struct {
	min int16
	val [40]int16
}

func (c *lagCorrelation) at(lag int16) int16 { return c.val[lag-c.min] }

// closedLoop finds lag and fraction of a subframe and their index. exc[at:] is the subframe, with the LP residual in it.
func closedLoop(mode Mode, openLag [2]int16, lastLag int16, exc []int16, at int, xn *[subLen]int16, h *response, subframe int) (lag, frac, index int16) {
	g := &lagGrids[mode]
	absolute := subframe == 0 || subframe == 2 && mode != MR475 && mode != MR515
	var t0Min, t0Max int16
	if absolute {
		t0Min, t0Max = lagRange(openLag[subframe>>1], g.intLow, g.intWidth, g.shortest)
	} else {
		t0Min, t0Max = lagRange(lastLag, g.low, g.width, g.shortest)
	}
	c := lagCorrelation{min: t0Min - interSearch}
	c.compute(exc, at, xn, h, t0Max+interSearch)
	lag = t0Min
	best := c.at(lag)
	for i := t0Min + 1; i <= t0Max; i++ {
		if c.at(i) >= best {
			best, lag = c.at(i), i
		}
	}

	first, last := -g.last, g.last
	near := max(min(lastLag, t0Min+5), t0Max-4) // the centre of the 4-bit form
	switch {
	case absolute && lag > g.maxFrac:
		first, last = 0, 0
	case !absolute && mode <= MR67:
		switch lag {
		case near, near - 1:
		case near - 2:
			first = 0
		case near + 1:
			last = 0
		default:
			first, last = 0, 0
		}
	}
	if first < last {
		lag, frac = c.refine(lag, first, last, mode != MR122)
	}
	if mode == MR122 {
		return lag, frac, encodeLag6(lag, frac, t0Min, absolute)
	}
	return lag, frac, encodeLag3(lag, frac, absolute, mode <= MR67, t0Min, near)
}

// compute filters the excitation at each lag by h and correlates it with the target xn.
func (c *lagCorrelation) compute(exc []int16, at int, xn *[subLen]int16, r *response, last int16) {
	n := int(last - c.min)
	k := at - int(c.min)
	var y [subLen]int16
	r.convolve((*[subLen]int16)(exc[k:]), &y)
	down := uint(12)
	if energy(y[:]) > 1<<26 {
		down = 14
		for i, v := range y {
			y[i] = v >> 2
		}
	}
	h := r.h
	h[0] = 0
	// The filtered excitation one sample earlier follows from the last one: y[j] = x*h[j] + y[j-1].
	var corr [41]int32
	var power [41]int64
	x := exc[k-n : k]
	slid := y
	kernel.Slides40(&slid, &h, xn, x, down, &corr, &power)
	target := kernel.SumSquares(xn[:])
	for i, yy := range power[:n+1] {
		corr[i] <<= 1
		if !kernel.WithinCauchy(target, yy) {
			corr[i] = correlateSlid(y, &h, xn, x[n-i:], down)
		}
		nh, nl := Extract(invSqrt(int32(min(yy<<1, MaxInt32))))
		ch, cl := Extract(corr[i])
		c.val[i] = ExtractH(LShl(Mpy32(ch, cl, nh, nl), 16))
	}
}

// correlateSlid correlates the target with a filtered excitation that the samples x come in front of, as it saturates.
func correlateSlid(y [subLen]int16, h, xn *[subLen]int16, x []int16, down uint) int32 {
	var xy [41]int32
	var yy [41]int64
	kernel.Slides40(&y, h, xn, x, down, &xy, &yy)
	return correlate(xn, &y)
}

// refine looks for the fraction where the interpolated correlation is largest.
func (c *lagCorrelation) refine(lag, first, last int16, thirds bool) (int16, int16) {
	frac := first
	best := c.interpolate(lag, frac, thirds)
	for f := first + 1; f <= last; f++ {
		if v := c.interpolate(lag, f, thirds); v > best {
			best, frac = v, f
		}
	}
	switch {
	case !thirds && frac == -3:
		return lag - 1, 3
	case thirds && frac == -2:
		return lag - 1, 1
	case thirds && frac == 2:
		return lag + 1, -1
	}
	return lag, frac
}

func (c *lagCorrelation) interpolate(lag, frac int16, thirds bool) int16 {
	if thirds {
		frac <<= 1
	}
	if frac < 0 {
		frac += 6
		lag--
	}
	x := (*[2 * interSearch]int16)(c.val[lag-c.min-3:])
	taps := &interTaps[frac]
	s, most := int32(0), int32(0)
	for i, v := range x {
		s += int32(v) * int32(taps[i])
		most = max(most, int32(v), -int32(v))
	}
	if most <= interBound {
		return Round(s << 1)
	}
	s = 0
	for i := range interSearch {
		s = LMac(s, x[3-i], taps[3-i])
		s = LMac(s, x[4+i], taps[4+i])
	}
	return Round(s)
}

// interTaps are the taps that interpolate the correlation at each sixth of a sample, up to half a sample behind.
var interTaps = func() (taps [6][2 * interSearch]int16) {
	for frac := range taps {
		for i := range interSearch {
			taps[frac][3-i] = inter6[frac+6*i]
			taps[frac][4+i] = inter6[6-frac+6*i]
		}
	}
	return taps
}()

// interBound is a magnitude that no sum with the taps can saturate at: the sum of the magnitudes of the taps is at most 50486 (half a
// sample), and 2*50486*21200 < 2^31 - 2^15.
const interBound = 21200

// encodeLag3 is the inverse of decodeLag3; near is the centre of the 4-bit form.
func encodeLag3(lag, frac int16, absolute, four bool, t0Min, near int16) int16 {
	switch {
	case absolute && lag <= 85:
		return 3*lag - 58 + frac
	case absolute:
		return lag + 112
	case !four:
		return 3*(lag-t0Min) + 2 + frac
	}
	thirds := 3*lag + frac
	switch {
	case thirds <= 3*(near-2):
		return lag - near + 5
	case thirds < 3*(near+1):
		return thirds - 3*(near-2) + 3
	}
	return lag - near + 11
}

// encodeLag6 is the inverse of decodeLag6.
func encodeLag6(lag, frac, t0Min int16, absolute bool) int16 {
	switch {
	case absolute && lag <= 94:
		return 6*lag - 105 + frac
	case absolute:
		return lag + 368
	}
	return 6*(lag-t0Min) + 3 + frac
}

// A pitchGainCoeffs holds <y1,y1> and <xn,y1> as fraction and exponent.
type pitchGainCoeffs struct{ yy, expYY, xy, expXY int16 }

// estimate returns the pitch gain <xn,y1>/<y1,y1>, Q14, at most 1.2.
func (g *pitchGainCoeffs) estimate(mode Mode, xn, y1 *[subLen]int16) int16 {
	var scaled [subLen]int16
	for i, v := range y1 {
		scaled[i] = v >> 2
	}
	s, overflow := sumProductsOv(y1, y1)
	back := int16(0)
	if overflow {
		s, back = correlateFrom(1, &scaled, &scaled), 4
	}
	g.expYY = NormL(s)
	g.yy = Round(LShl(s, g.expYY))
	g.expYY -= back

	s, overflow = sumProductsOv(xn, y1)
	back = 0
	if overflow {
		s, back = correlateFrom(1, xn, &scaled), 2
	}
	exp := NormL(s)
	xy := Round(LShl(s, exp))
	exp -= back

	expYY := g.expYY
	g.xy, g.expXY, g.expYY = xy, 15-exp, 15-expYY
	if xy < 4 {
		return 0
	}
	gain := min(Shr(DivS(xy>>1, g.yy), exp-expYY), 19661)
	if mode == MR122 {
		gain &^= 3
	}
	return gain
}

// sumProductsOv returns the L_mac chain of a and b from 1, and whether any step of it overflowed.
func sumProductsOv(a, b *[subLen]int16) (int32, bool) {
	s := int32(1)
	if sum, aa, bb := kernel.DotSquares40(a, b); kernel.WithinCauchy(aa, bb) {
		return s + sum<<1, false
	}
	overflow := false
	for i, v := range a {
		p, ov1 := LMultOv(v, b[i])
		var ov2 bool
		s, ov2 = LAddOv(s, p)
		overflow = overflow || ov1 || ov2
	}
	return s, overflow
}

// quantisePitchGain returns the index of the pitch gain that is nearest to gain and not above limit.
func quantisePitchGain(gain, limit int16) (index int16) {
	least := Abs(Sub(gain, quaGainPitch[0]))
	for i, q := range quaGainPitch[1:] {
		if q > limit {
			continue
		}
		if e := Abs(Sub(gain, q)); e < least {
			least, index = e, int16(i+1)
		}
	}
	return index
}
