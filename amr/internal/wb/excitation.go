package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// predictLTP writes the adaptive codebook vector of n samples to exc[at:]: the past excitation t0 + frac/4 samples ago,
// interpolated by 32 taps (TS 26.190 section 5.7). With t0 below n it reads samples that it has just written.
//
// The taps of a phase sum up to at most 35692 in magnitude, so that samples within 30083 can't saturate.
func predictLTP(exc []int16, at int, t0, frac int16, n int) {
	from := at - int(t0) - 15
	phase := -frac
	if phase < 0 {
		phase += 4
		from--
	}
	c := ltpPhases[phase][:]
	y := exc[at : at+n]
	// Outputs below run that many behind what they read; a block of that size doesn't depend on itself.
	run := at - (from + len(c) - 1)
	for len(y) > 0 {
		k := min(run, len(y))
		if k > 16 && k < len(y) {
			k &^= 15 // whole vectors
		}
		x := exc[from : from+k+len(c)-1]
		if kernel.WithinSum(x, 35692) {
			fir16(y[:k], x, c, 1)
		} else {
			firSat16(y[:k], x, c, 1)
		}
		y = y[k:]
		from += k
	}
}

// smoothLTP sets out to the adaptive codebook vector, low-pass filtered over three samples; x starts two before it.
// The coefficients sum up to 2^15, so that nothing saturates before the rounding.
func smoothLTP(out, x []int16) {
	taps := [4]int16{0, 5898, 20972, 5898}
	kernel.FIR16(out, x, taps[:], 0x4000, 15)
}

// sharpen adds the pulses of one lag ago, scaled by 0.85, to x (TS 26.190 section 5.8.1).
func sharpen(x *[subLen]int16, lag int16) {
	if lag >= subLen/2 { // what is added is itself unchanged
		kernel.Echo(x, int(lag), pitSharp)
		return
	}
	for i := int(lag); i < len(x); i++ {
		x[i] = op.Add(x[i], op.MultR(x[i-int(lag)], pitSharp))
	}
}

// totalExc sets exc to gainPit (Q14) * exc + gainCode * code.
//
// Within the bound neither the products nor their sum leave 32 bits, halved as they are here; gainPit is at most 2^15. That
// leaves 25 bits for |code| and |gainCode|, so that the 5 that the code gain is short of can be shared out.
func totalExc(exc, code []int16, gainPit, gainCode int16) {
	peak := kernel.MaxAbs(code)
	if int64(peak)*max(int64(gainCode), -int64(gainCode)) < 1<<25 {
		lift := 0
		for lift < 5 && peak<<(lift+1) <= op.MaxInt16 {
			lift++
		}
		if g := int32(gainCode) << (5 - lift); g == int32(int16(g)) {
			kernel.Mix(exc, exc, code, gainPit, int16(g), uint(lift), 1<<13, 14)
			return
		}
	}
	code = code[:len(exc)]
	gc, gp := int64(gainCode)<<6, int32(gainPit)<<1 // a pitch gain isn't negative: its product never saturates
	for i, v := range exc {
		s := op.LAdd(op.LSat(int64(code[i])*gc), int32(v)*gp)
		exc[i] = op.Sat((s>>14 + 1) >> 1)
	}
}

// voicing returns (Ev - Ec) / (Ev + Ec) in Q15, from the energies of the two contributions (TS 26.190 section 6.1).
func voicing(exc []int16, q, gainPit int16, code []int16, gainCode int16) int16 {
	ev, expV := normEnergy(exc)
	expV -= 2 * q
	g := op.LMult(gainPit, gainPit)
	n := op.NormL(g)
	ev = op.Mult(ev, int16(g<<uint(n)>>16))
	expV -= n + 10

	ec, expC := normEnergy(code)
	n = op.NormS(gainCode)
	gc := gainCode << uint(n)
	gc = op.Mult(gc, gc)
	ec = op.Mult(ec, gc)
	expC -= 2 * n

	if d := expV - expC; d >= 0 {
		ev >>= 1
		ec = op.Shr(ec, d+1)
	} else {
		ev = op.Shr(ev, 1-d)
		ec >>= 1
	}
	diff := op.Sub(ev, ec)
	sum := op.Add(op.Add(ev, ec), 1)
	if diff >= 0 {
		return op.DivS(diff, sum)
	}
	return -op.DivS(-diff, sum)
}

// noiseEnhance smooths the code gain in stationary unvoiced sound: it returns the gain for the output, between gain and
// the slowly following threshold thres (TS 26.190 section 6.5).
func noiseEnhance(gain int32, thres *int32, stab, voice int16) int32 {
	fac := op.Mult(stab, op.Sub(16384, voice>>1))
	g := gain
	if g < *thres {
		g = min(op.LAdd(g, mpy(gain, 6226)), *thres)
	} else {
		g = max(mpy(gain, 27536), *thres)
	}
	*thres = g
	return op.LAdd(mpy(gain, op.MaxInt16-fac), mpy(g, fac))
}

// pitchEnhance sets out to code, high-pass filtered by how voiced the sound is (TS 26.190 section 6.5).
func pitchEnhance(out, code *[subLen]int16, voice int16) {
	tilt := voice>>3 + 4096
	if kernel.MaxAbs(code[:]) < 1<<14 {
		kernel.Sides(out, code, tilt)
		return
	}
	last := len(code) - 1
	out[0] = op.Round(op.LMsu(int32(code[0])<<16, code[1], tilt))
	for i := 1; i < last; i++ {
		s := op.LMsu(int32(code[i])<<16, code[i+1], tilt)
		out[i] = op.Round(op.LMsu(s, code[i-1], tilt))
	}
	out[last] = op.Round(op.LMsu(int32(code[last])<<16, code[last-1], tilt))
}

// agc scales out to the energy of in.
func agc(in, out []int16) {
	quarter := func(x []int16) int32 {
		var s int64
		for _, v := range x {
			w := int64(v >> 2)
			s += w * w
		}
		return satPositive(2 * s)
	}
	s := quarter(out)
	if s == 0 {
		return
	}
	exp := op.NormL(s) - 1
	gainOut := op.Round(op.LShl(s, exp))
	var g int16
	if s = quarter(in); s != 0 {
		n := op.NormL(s)
		gainIn := op.Round(s << uint(n))
		exp -= n
		s = int32(op.DivS(gainOut, gainIn)) << 7
		g = op.Round(op.LShl(isqrt(op.LShr(s, exp)), 9))
	}
	for i, v := range out {
		out[i] = int16(op.LShl(op.LMult(v, g), 2) >> 16)
	}
}

// dispersion is the memory of the phase dispersion (TS 26.190 section 6.1).
type dispersion struct {
	state    int16
	gainCode int16
	gainPit  [6]int16
}

// apply spreads the pulses of code where the sound is little voiced. level is 0 in mode 6.60, 1 in 8.85, 2 above.
func (d *dispersion) apply(code *[subLen]int16, gainCode, gainPit, level int16) {
	const low, high = 9830, 14746 // Q14 0.6, 0.9
	var state int16
	switch {
	case gainPit >= high:
		state = 2
	case gainPit >= low:
		state = 1
	}
	copy(d.gainPit[1:], d.gainPit[:5])
	d.gainPit[0] = gainPit
	if op.Sub(op.Sub(gainCode, d.gainCode), op.Shl(d.gainCode, 1)) > 0 { // onset
		if state < 2 {
			state++
		}
	} else {
		n := 0
		for _, g := range d.gainPit {
			if g < low {
				n++
			}
		}
		if n > 2 {
			state = 0
		}
		if state-d.state > 1 {
			state--
		}
	}
	d.gainCode = gainCode
	d.state = state

	var imp *[subLen]int16
	switch state + level {
	case 0:
		imp = &phImpLow
	case 1:
		imp = &phImpMid
	default:
		return
	}
	var spread [2 * subLen]int16
	for i, c := range code {
		if c == 0 {
			continue
		}
		for j, v := range imp {
			spread[i+j] = op.Add(spread[i+j], op.MultR(c, v))
		}
	}
	for i := range code {
		code[i] = op.Add(spread[i], spread[i+subLen])
	}
}
