package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// In 4.75 one index carries the gains of two subframes. The first waits for the second; meanwhile the coder goes on with
// its unquantised gains.

// target takes the energy of the target signal.
func (f *subframeGains) target(xn *[subLen]int16) {
	s := energy(xn[:])
	exp := NormL(s)
	f.targetFrac = ExtractH(LShl(s, exp))
	f.targetExp = 16 - exp
}

// predictUnquantised updates the predictor for the second subframe by the unquantised gain of the first.
func (g *gainEncoder) predictUnquantised() {
	const least, least122, most, most122 = -5443, MinInt16, 3037, 18284
	f := &g.first
	gainFrac, gainExp := f.filtered.gainFrac, f.filtered.gainExp
	if gainFrac <= 0 {
		g.unq.update(least122, least)
		return
	}
	gcode0 := ExtractL(pow2(14, f.frac))
	if gainFrac >= gcode0 {
		gainFrac >>= 1
		gainExp = Add(gainExp, 1)
	}
	exp, frac := log2(int32(DivS(gainFrac, gcode0)))
	exp = Add(exp, Sub(Sub(gainExp, f.exp), 1))
	e122 := Add(ShrR(frac, 5), Shl(exp, 10))
	if e122 > most122 {
		g.unq.update(most122, most)
		return
	}
	g.unq.update(e122, Round(LShl(Mpy32x16(exp, frac, 24660), 13)))
}

// searchGains475 finds the index with the least error in both subframes, balanced by the energies of their targets.
func searchGains475(f0, f1 *subframeGains, limit int16) (index int16) {
	exp0, exp1 := f0.filtered.exponents(f0.exp-11), f1.filtered.exponents(f1.exp-11)
	en0, en1 := f0.targetFrac, f1.targetFrac
	if d := f0.targetExp - f1.targetExp; d > 0 {
		en1 = Shr(en1, d)
	} else {
		en0 = Shl(en0, d)
	}
	bias := int16(0)
	if ShrR(en1, 1) > en0 {
		bias = 1
	} else if Add(en0, 3)>>2 > en1 {
		bias = -1
	}
	for i := range exp0 {
		exp0[i] = Add(exp0[i], bias)
	}
	top := Add(max(exp0[0], exp0[1], exp0[2], exp0[3], exp0[4], exp1[0], exp1[1], exp1[2], exp1[3], exp1[4]), 1)
	c0, c1 := f0.filtered.shiftTo(&exp0, top), f1.filtered.shiftTo(&exp1, top)
	gcode0, gcode1 := ExtractL(pow2(14, f0.frac)), ExtractL(pow2(14, f1.frac))
	if largestError(&c0, maxGains475, gcode0)+largestError(&c1, maxGains475, gcode1) <= MaxInt32 {
		var d [len(tableGainMR475)]int32
		gains475[0].AddErrors(d[:], &c0, gcode0)
		gains475[1].AddErrors(d[:], &c1, gcode1)
		if limit < MaxInt16 {
			gains475[0].Above(d[:], limit, MaxInt32)
		}
		return leastError(d[:], &gains475[1], limit)
	}
	least := int32(MaxInt32)
	for i := range tableGainMR475 {
		q := &tableGainMR475[i]
		if q[0] > limit || q[2] > limit {
			continue
		}
		d := addError(0, &c0, q[0], Mult(q[1], gcode0))
		d = addError(d, &c1, q[2], Mult(q[3], gcode1))
		if d < least {
			least, index = d, int16(i)
		}
	}
	return index
}

// gainsLow, gainsHigh and gains475 are the joint tables, the last one those of the two subframes.
var (
	gainsLow  = kernel.NewGainTable(tableGainLowrates[:], 0)
	gainsHigh = kernel.NewGainTable(tableGainHighrates[:], 0)
	gains475  = [2]kernel.GainTable{kernel.NewGainTable(tableGainMR475[:], 0), kernel.NewGainTable(tableGainMR475[:], 2)}
)

// maxGains475, maxGainsHigh and maxGainsLow are the largest pitch gain and code gain factor of the joint tables.
var (
	maxGains475  = maxGains(tableGainMR475[:], true)
	maxGainsHigh = maxGains(tableGainHighrates[:], false)
	maxGainsLow  = maxGains(tableGainLowrates[:], false)
)

func maxGains(table [][4]int16, pairs bool) (m [2]int16) {
	for _, q := range table {
		m = [2]int16{max(m[0], q[0]), max(m[1], q[1])}
		if pairs {
			m = [2]int16{max(m[0], q[2]), max(m[1], q[3])}
		}
	}
	return m
}

// largestError bounds the magnitude of the error, and of each sum on the way to it, for gains up to those of a table. If it is
// below 2^31, no sum saturates.
func largestError(c *[5]int32, most [2]int16, gcode0 int16) int64 {
	p, g := int64(most[0]), int64(most[1])*int64(gcode0)>>15
	s := int64(64) // for rounding
	for i, n := range [5]int64{p * p >> 15, p, g * g >> 15, g, g * p >> 15} {
		s += max(int64(c[i]), -int64(c[i])) * n >> 15
	}
	return s
}

// addError adds the error of a pair of gains to d.
func addError(d int32, c *[5]int32, pitch, code int16) int32 {
	d = mac32x16(d, c[0], Mult(pitch, pitch))
	d = mac32x16(d, c[1], pitch)
	d = mac32x16(d, c[2], Mult(code, code))
	d = mac32x16(d, c[3], code)
	return mac32x16(d, c[4], Mult(code, pitch))
}

// mac32x16 is Mac_32_16: the high product is added first, then the low one, each with saturation.
func mac32x16(acc, a int32, n int16) int32 {
	hi, lo := Extract(a)
	return LAdd(LMac(acc, hi, n), int32(Mult(lo, n))<<1)
}

// store475 returns the gains of a table entry and updates the predictor.
func (g *gainEncoder) store475(pitch, factor, exp, frac int16) (int16, int16) {
	gcode0 := ExtractL(pow2(14, frac))
	code := ExtractH(LShr(LMult(factor, gcode0), Sub(10, exp)))
	g.pred.update(factorEnergy(factor))
	return pitch, code
}
