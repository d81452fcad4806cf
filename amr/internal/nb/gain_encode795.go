package nb

import (
	"slices"

	. "github.com/gotelco/telco/amr/internal/basicop"
)

// In 7.95 the pitch gain is taken from three candidates, and the code gain may be chosen to keep the energy of the
// excitation rather than to match the waveform (TS 26.090 section 5.8.3).

// A gainAdapter decides how much energy counts.
type gainAdapter struct {
	onset     int16
	lastAlpha int16
	lastGain  int16
	ltpGains  [5]int16 // log2 of the prediction gain, Q13, newest first
}

// alpha returns the weight of the energy, Q15, from the prediction gain of the pitch and the code gain.
func (g *gainAdapter) alpha(ltpGain, codeGain int16) int16 {
	const thr1, thr2 = 2721, 5443 // 1 dB, 2 dB
	adapt := 2
	if ltpGain <= thr1 {
		adapt = 0
	} else if ltpGain <= thr2 {
		adapt = 1
	}
	if ShrR(codeGain, 1) > g.lastGain && codeGain > 200 {
		g.onset = 8
	} else if g.onset != 0 {
		g.onset--
	}
	if g.onset != 0 && adapt < 2 {
		adapt++
	}
	g.ltpGains[0] = ltpGain
	alpha := int16(0)
	if adapt == 0 {
		switch f := median(g.ltpGains[:]); {
		case f > thr2:
		case f < 0:
			alpha = 16384
		default:
			alpha = Sub(16384, Mult(24660, Shl(f, 2)))
		}
	}
	if g.lastAlpha == 0 {
		alpha >>= 1
	}
	g.lastAlpha = alpha
	g.lastGain = codeGain
	copy(g.ltpGains[1:], g.ltpGains[:4])
	return alpha
}

func (g *gainEncoder) quantise795(s *subframeSignals, pitch int16, p []int16) (pitchQ, codeQ int16, rest []int16) {
	exp, frac, codeExp, codeEn := g.pred.predict(MR795, s.code)
	var f filteredEnergies
	f.compute(MR795, s)

	index := quantisePitchGain(pitch, s.limit)
	from := index - 1
	switch {
	case index == 0:
		from = 0
	case index == 15 || quaGainPitch[index+1] > s.limit:
		from = index - 2
	}
	gcode0 := ExtractL(pow2(14, frac))
	c := f.align(exp - 10)
	pitchIndex, codeIndex := searchGains795(&c, from, gcode0)
	pitch = quaGainPitch[pitchIndex]
	code := ExtractH(LShr(LMult(quaGainCode[codeIndex][0], gcode0), Sub(9, exp)))

	var u unfilteredEnergies
	ltpGain := u.compute(s, pitch)
	alpha := g.adapt.alpha(ltpGain, code)
	if u.frac[0] != 0 && alpha > 0 {
		u.frac[3], u.exp[3] = codeEn, codeExp
		unq := Shl(f.gainFrac, Add(Sub(f.gainExp, exp), 10))
		codeIndex = u.searchGain(pitch, exp, gcode0, alpha, unq, code)
		code = ExtractH(LShr(LMult(quaGainCode[codeIndex][0], gcode0), Sub(9, exp)))
	}
	g.pred.update(quaGainCode[codeIndex][1], quaGainCode[codeIndex][2])
	return pitch, code, append(p, pitchIndex, codeIndex)
}

// searchGains795 tries three pitch gains with all code gains.
func searchGains795(c *[5]int32, from, gcode0 int16) (pitchIndex, codeIndex int16) {
	var codes [len(quaGainCode)]int16
	for i := range quaGainCode {
		codes[i] = Mult(quaGainCode[i][0], gcode0)
	}
	// Products of gains have 31 bits here, which the bound has rounded down to 15: that makes up to 2^16 for each of two terms.
	exact := largestError(c, maxGains795, gcode0) <= MaxInt32-1<<18
	var own [len(codes)]int32 // if exact, the part of the error that does not depend on the pitch gain
	if exact {
		for i, code := range codes {
			own[i] = mpy32(c[2], LMult(code, code)) + MpyL16(c[3], code)
		}
	}
	least := int32(MaxInt32)
	pitchIndex = from
	for k := from; k < from+3; k++ {
		pitch := quaGainPitch[k]
		d0 := mac32x16(MpyL16(c[0], Mult(pitch, pitch)), c[1], pitch)
		for i, code := range codes {
			var d int32
			if exact {
				d = d0 + own[i] + mpy32(c[4], LMult(code, pitch))
			} else {
				d = mac32(d0, c[2], LMult(code, code))
				d = mac32x16(d, c[3], code)
				d = mac32(d, c[4], LMult(code, pitch))
			}
			if d < least {
				least, pitchIndex, codeIndex = d, k, int16(i)
			}
		}
	}
	return pitchIndex, codeIndex
}

// maxGains795 are the largest pitch gain and code gain factor of the two tables.
var maxGains795 = func() (m [2]int16) {
	m[0] = slices.Max(quaGainPitch[:])
	for _, q := range quaGainCode {
		m[1] = max(m[1], q[0])
	}
	return m
}()

// mpy32 is Mpy_32 of numbers that are not split.
func mpy32(a, b int32) int32 {
	ah, al := Extract(a)
	bh, bl := Extract(b)
	return Mpy32(ah, al, bh, bl)
}

// mac32 is Mac_32: the three products of two numbers in double precision are added one by one, each with saturation.
func mac32(acc, a, b int32) int32 {
	ah, al := Extract(a)
	bh, bl := Extract(b)
	acc = LMac(acc, ah, bh)
	acc = LAdd(acc, int32(Mult(ah, bl))<<1)
	return LAdd(acc, int32(Mult(al, bh))<<1)
}

// An unfilteredEnergies are the energies of the LP residual, of the adaptive codebook vector, of both codebook vectors
// together, and of the prediction error, later of the codeword.
type unfilteredEnergies struct{ frac, exp [4]int16 }

// compute also returns log2 of the prediction gain of the pitch, Q13.
func (u *unfilteredEnergies) compute(s *subframeSignals, pitch int16) (ltpGain int16) {
	normal := func(i int, sum int32, exp int16) {
		n := NormL(sum)
		u.frac[i], u.exp[i] = ExtractH(LShl(sum, n)), exp-n
	}
	u.frac[0], u.exp[0] = 0, -15
	if e := energy(s.res[:]); e >= 400 {
		normal(0, e, 15)
	}
	normal(1, energy(s.exc[:]), 15)
	normal(2, correlate(s.exc, s.code), 2)
	var d [subLen]int16
	for i, v := range s.exc {
		d[i] = Sub(s.res[i], Round(LShl(LMult(v, pitch), 1)))
	}
	normal(3, energy(d[:]), 15)
	if u.frac[3] <= 0 || u.frac[0] == 0 {
		return 0
	}
	gain := DepositH(DivS(u.frac[0]>>1, u.frac[3]))
	e, f := log2(LShr(gain, u.exp[3]-u.exp[0]+3))
	return Round(LShl(Comp(e-27, f), 13))
}

// searchGain chooses the code gain by the mean of two errors: that of the energy of the excitation, weighted by alpha, and
// that against the gain which matches the waveform, unq. Gains from code on are not tried.
func (u *unfilteredEnergies) searchGain(pitch, exp, gcode0, alpha, unq, code int16) (index int16) {
	limit := Shl(code, Sub(10, exp))
	pitch2 := Mult(pitch, pitch)
	weight := func(i int) int16 { return ExtractH(LShl(LMult(alpha, u.frac[i]), 1)) }

	ltp := LMult(weight(1), pitch2) // <exc,exc>*pitch^2
	var c, e [5]int16
	e[1] = u.exp[1] - 15
	c[2] = Mult(weight(2), pitch)
	e[2] = Add(u.exp[2], exp-10)
	c[3] = weight(3)
	e[3] = Add(u.exp[3], exp<<1-7)
	c[4] = Mult(Add(Sub(MaxInt16, alpha), 1), u.frac[3])
	e[4] = e[3] + 1
	res, resExp := sqrtExp(LMult(alpha, u.frac[0]))
	e[0] = u.exp[0] - (resExp + 47)

	top := max(e[0]+31, e[1], e[2], e[3], e[4])
	ltp = LShr(ltp, top-e[1])
	var c32 [5]int32
	for i := 2; i <= 4; i++ {
		c32[i] = LShr(DepositH(c[i]), top-e[i])
	}
	d := top - 31 - e[0]
	res = LShr(res, d>>1)
	if d&1 != 0 {
		res = MpyL16(res, 23170) // 1/sqrt(2)
	}
	least := int32(MaxInt32)
	for i := range quaGainCode {
		g := Mult(quaGainCode[i][0], gcode0)
		if g >= limit {
			break
		}
		diff := Sub(g, unq)
		s := mac32x16(ltp, c32[2], g)
		s = mac32(s, c32[3], LMult(g, g))
		root, n := sqrtExp(s)
		t := Round(LSub(LShr(root, n>>1), res))
		if dist := mac32(LMult(t, t), c32[4], LMult(diff, diff)); dist < least {
			least, index = dist, int16(i)
		}
	}
	return index
}
