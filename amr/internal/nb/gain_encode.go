package nb

import (
	"slices"

	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// A gainEncoder quantises the gains (TS 26.090 section 5.8).
type gainEncoder struct {
	pred   gainPredictor
	unq    gainPredictor // of 4.75, with the unquantised gain of the first subframe of a pair
	adapt  gainAdapter
	first  subframeGains // the first subframe of a pair
	gainAt int           // where its index goes among the parameters
}

// A subframeGains is what the joint search of 4.75 needs of a subframe.
type subframeGains struct {
	exp, frac             int16 // predicted code gain
	filtered              filteredEnergies
	targetExp, targetFrac int16
}

func (g *gainEncoder) reset() {
	*g = gainEncoder{}
	g.pred.reset()
	g.unq.reset()
}

// A subframeSignals are the signals that the gains are chosen by.
type subframeSignals struct {
	res, exc *[subLen]int16 // LP residual, adaptive codebook vector
	code     *codeword
	xn, xn2  *[subLen]int16 // target, and target of the fixed codebook
	y1, y2   *[subLen]int16 // filtered adaptive and fixed codebook vectors
	coeffs   pitchGainCoeffs
	limit    int16 // of the pitch gain
}

// A filteredEnergies are the coefficients of the error as a polynomial in the gains: <y1,y1>, -2<xn,y1>, <y2,y2>,
// -2<xn,y2>, 2<y1,y2>, as fractions and exponents; and the unquantised code gain.
type filteredEnergies struct {
	frac, exp         [5]int16
	gainFrac, gainExp int16
}

func (f *filteredEnergies) compute(mode Mode, s *subframeSignals) {
	start := int32(1)
	if mode == MR795 || mode == MR475 {
		start = 0
	}
	var y2 [subLen]int16
	for i, v := range s.y2 {
		y2[i] = v >> 3
	}
	f.frac[0], f.exp[0] = s.coeffs.yy, s.coeffs.expYY
	f.frac[1], f.exp[1] = Neg(s.coeffs.xy), s.coeffs.expXY+1
	fraction := func(a, b *[subLen]int16) (frac, exp int16) {
		sum := correlateFrom(start, a, b)
		exp = NormL(sum)
		return ExtractH(LShl(sum, exp)), exp
	}
	var e int16
	f.frac[2], e = fraction(&y2, &y2)
	f.exp[2] = 15 - 18 - e
	f.frac[3], e = fraction(s.xn, &y2)
	f.frac[3] = Neg(f.frac[3])
	f.exp[3] = 15 - 9 + 1 - e
	f.frac[4], e = fraction(s.y1, &y2)
	f.exp[4] = 15 - 9 + 1 - e
	if mode == MR475 || mode == MR795 {
		f.gainFrac, f.gainExp = 0, 0
		if num, e := fraction(s.xn2, &y2); num > 0 {
			f.gainFrac = DivS(num>>1, f.frac[2])
			f.gainExp = 15 - 9 - e - f.exp[2] - 14
		}
	}
}

// quantise chooses both gains, but in 4.75 those of a first subframe, and appends the indices. pitch is the unquantised
// pitch gain, in 12.2 the quantised one. In the second subframe of 4.75 it also returns the gains of the first.
func (g *gainEncoder) quantise(mode Mode, s *subframeSignals, even bool, pitch int16, p []int16) (pitchQ, codeQ, pitch0, code0 int16, rest []int16) {
	switch mode {
	case MR475:
		if even {
			g.gainAt = len(p)
			g.unq = g.pred
			f := &g.first
			f.exp, f.frac, _, _ = g.unq.predict(mode, s.code)
			f.filtered.compute(mode, s)
			f.target(s.xn)
			g.predictUnquantised()
			return pitch, Shl(f.filtered.gainFrac, Add(f.filtered.gainExp, 1)), 0, 0, append(p, 0)
		}
		var f subframeGains
		f.exp, f.frac, _, _ = g.unq.predict(mode, s.code)
		f.filtered.compute(mode, s)
		f.target(s.xn)
		index := searchGains475(&g.first, &f, s.limit)
		p[g.gainAt] = index
		q := &tableGainMR475[index]
		pitch0, code0 = g.store475(q[0], q[1], g.first.exp, g.first.frac)
		exp, frac, _, _ := g.pred.predict(mode, s.code)
		pitchQ, codeQ = g.store475(q[2], q[3], exp, frac)
		return pitchQ, codeQ, pitch0, code0, p
	case MR122:
		exp, frac, _, _ := g.pred.predict(mode, s.code)
		index, gain := quantiseCodeGain(unquantisedCodeGain(s.xn2, s.y2), exp, frac)
		g.pred.update(quaGainCode[index][1], quaGainCode[index][2])
		return pitch, gain, 0, 0, append(p, index)
	case MR795:
		pitchQ, codeQ, rest = g.quantise795(s, pitch, p)
		return pitchQ, codeQ, 0, 0, rest
	}
	exp, frac, _, _ := g.pred.predict(mode, s.code)
	var f filteredEnergies
	f.compute(mode, s)
	table, gains, most := tableGainLowrates[:], &gainsLow, maxGainsLow
	if mode >= MR67 {
		table, gains, most = tableGainHighrates[:], &gainsHigh, maxGainsHigh
	}
	gcode0 := ExtractL(pow2(14, frac))
	c := f.align(exp - 11)
	index := searchGains(&c, table, gains, most, gcode0, s.limit)
	q := &table[index]
	g.pred.update(q[2], q[3])
	return q[0], ExtractH(LShr(LMult(q[1], gcode0), Sub(10, exp))), 0, 0, append(p, index)
}

// exponents returns the exponents of the five terms, given that of the predicted code gain.
func (f *filteredEnergies) exponents(expCode int16) [5]int16 {
	return [5]int16{
		Sub(f.exp[0], 13),
		Sub(f.exp[1], 14),
		Add(f.exp[2], Add(15, Shl(expCode, 1))),
		Add(f.exp[3], expCode),
		Add(f.exp[4], Add(1, expCode)),
	}
}

// shiftTo returns the coefficients aligned to the exponent top.
func (f *filteredEnergies) shiftTo(exp *[5]int16, top int16) (c [5]int32) {
	for i, v := range f.frac {
		c[i] = LShr(DepositH(v), Sub(top, exp[i])) &^ 1
	}
	return c
}

// align returns the coefficients in a common exponent, which leaves a bit of headroom.
func (f *filteredEnergies) align(expCode int16) [5]int32 {
	exp := f.exponents(expCode)
	return f.shiftTo(&exp, Add(max(exp[0], exp[1], exp[2], exp[3], exp[4]), 1))
}

// searchGains finds the entry with the least error, of those whose pitch gain is within the limit. gains has the table, too.
func searchGains(c *[5]int32, table [][4]int16, gains *kernel.GainTable, most [2]int16, gcode0, limit int16) (index int16) {
	if largestError(c, most, gcode0) <= MaxInt32 {
		var room [128]int32
		d := room[:len(table)]
		gains.AddErrors(d, c, gcode0)
		return leastError(d, gains, limit)
	}
	least := int32(MaxInt32)
	for i := range table {
		pitch := table[i][0]
		if pitch > limit {
			continue
		}
		code := Mult(table[i][1], gcode0)
		d := MpyL16(c[0], Mult(pitch, pitch))
		d = LAdd(d, MpyL16(c[1], pitch))
		d = LAdd(d, MpyL16(c[2], Mult(code, code)))
		d = LAdd(d, MpyL16(c[3], code))
		d = LAdd(d, MpyL16(c[4], Mult(code, pitch)))
		if d < least {
			least, index = d, int16(i)
		}
	}
	return index
}

// leastError returns the index of the first one of the least errors, of those whose pitch gains are all within the limit; 0 if there
// is none below 2^31-1.
func leastError(d []int32, gains *kernel.GainTable, limit int16) int16 {
	if limit < MaxInt16 {
		gains.Above(d, limit, MaxInt32)
	}
	return int16(slices.Index(d, slices.Min(d)))
}

// unquantisedCodeGain returns <xn2,y2>/<y2,y2>, Q1.
func unquantisedCodeGain(xn2, y2 *[subLen]int16) int16 {
	var scaled [subLen]int16
	for i, v := range y2 {
		scaled[i] = v >> 1
	}
	s := correlateFrom(1, xn2, &scaled)
	expXY := NormL(s)
	xy := ExtractH(LShl(s, expXY))
	if xy <= 0 {
		return 0
	}
	s = correlateFrom(0, &scaled, &scaled)
	expYY := NormL(s)
	yy := ExtractH(LShl(s, expYY))
	return Shl(Shr(DivS(xy>>1, yy), expXY+5-expYY), 1)
}

// quantiseCodeGain returns the index of the code gain that is nearest to gain, and that, in 12.2.
func quantiseCodeGain(gain, exp, frac int16) (index, quantised int16) {
	gcode0 := Shl(ExtractL(pow2(exp, frac)), 4)
	want := gain >> 1
	least := Abs(Sub(want, Mult(gcode0, quaGainCode[0][0])))
	for i := 1; i < len(quaGainCode); i++ {
		if e := Abs(Sub(want, Mult(gcode0, quaGainCode[i][0]))); e < least {
			least, index = e, int16(i)
		}
	}
	return index, Shl(Mult(gcode0, quaGainCode[index][0]), 1)
}
