package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// encodeSubframe codes subframe k and returns its integer lag (TS 26.190 sections 5.5 to 5.10). whole tells that the lag
// is sent whole, otherwise relative to t0Min.
func (e *Encoder) encodeSubframe(a *analysis, k int, mode Mode, whole bool, t0Min, t0Max int16, w *bitWriter) int16 {
	at := excHist + k*subLen
	exc := (*[subLen]int16)(e.exc[at:])
	azq := subframeAz(&a.azq, k)
	speech := a.speech[frameAt+k*subLen-order:]
	var ap [order + 1]int16
	weight(subframeAz(&a.az, k), ap[:], weightGamma)

	// Target: the weighted error that a zero excitation leaves, in two domains.
	var xn, cn [subLen]int16
	var err [synHist + subLen + 1]int16
	for i := range e.synth {
		err[synHist-order+i] = op.Sub(speech[i], e.synth[i])
	}
	residu(azq, speech, exc[:])
	synFilt(azq, exc[:], err[:])
	residu(ap[:], err[synHist-order:], xn[:])
	e.memW0 = deemph2(xn[:], tiltFac, e.memW0)
	residualTarget(ap[:], azq, &xn, exc, &cn)

	var h1, h2 [subLen]int16
	impulseResponse(ap[:], azq, &h1)
	h2 = h1
	kernel.Scale(h2[:], -2)
	kernel.Scale(xn[:], a.shift)
	kernel.Scale(h1[:], 1+a.shift)

	fr2, fr1 := int16(pitFr2), int16(pitFr1Long)
	if mode <= Mode885 {
		fr2, fr1 = pitMin, pitFr1
	}
	t0, frac := searchPitch(e.exc[:], at, &xn, &h1, t0Min, t0Max, whole, fr2, fr1)
	writeLag(w, mode, whole, t0, frac, t0Min)
	lag := t0
	clip := e.clip.active(mode)

	// Adaptive codebook, as it is and low-pass filtered (TS 26.190 section 5.7).
	predictLTP(e.exc[:], at, t0, frac, subLen+1)
	var y1, y2, dn, xn2, code [subLen]int16
	var gain1 int16
	var c gainCoeffs
	if mode > Mode885 {
		convolve(exc, &h1, &y1)
		gain1, c = pitchGain(&xn, &y1)
		gain1 = clipGain(gain1, clip)
		subtract(dn[:], xn[:], y1[:], gain1)
	}
	smoothLTP(code[:], e.exc[at-2:at+subLen+1])
	convolve(&code, &h1, &y2)
	gain2, c2 := pitchGain(&xn, &y2)
	gain2 = clipGain(gain2, clip)
	subtract(xn2[:], xn[:], y2[:], gain2)
	plain := false
	if mode > Mode885 {
		plain = lessEnergy(&dn, &xn2)
		w.write(int16(b2i(plain)), 1)
	}
	gainPit := gain2
	if plain {
		gainPit = gain1
		xn2 = dn
	} else {
		*exc = code
		y1 = y2
		c = c2
	}

	// Algebraic codebook.
	subtract(cn[:], cn[:], exc[:], gainPit)
	kernel.Scale(cn[:], a.shift)
	preemph(&h2, e.tilt)
	if frac > 2 {
		t0++
	}
	sharpen(&h2, t0)
	correlateTarget(&h2, &xn2, &dn)
	if mode == Mode660 {
		searchCode2(&dn, &cn, &h2, &code, &y2, w)
	} else {
		searchCode(mode, &dn, &cn, &h2, &code, &y2, w)
	}
	preemph(&code, e.tilt)
	sharpen(&code, t0)

	// Gains.
	short := mode <= Mode885
	idx, gainPit, gain := e.gains.quantise(&xn, &y1, &y2, &code, a.q+a.shift, c, short, gainPit, clip)
	if short {
		w.write(idx, 6)
	} else {
		w.write(idx, 7)
	}
	e.clip.noteGain(mode, gainPit)
	gainCode := op.Round(op.LShl(gain, a.q))

	exc2 := *exc
	kernel.Scale(exc2[:], a.shift)
	voice := voicing(exc2[:], a.shift, gainPit, code[:], gainCode)
	e.tilt = voice>>2 + 8192

	// Memory of the weighting filter.
	const last = subLen - 1
	s := op.LNeg(op.LShl(op.LMult(gainCode, y2[last]), 5+a.shift))
	s = op.LMac(s, xn[last], 16384)
	s = op.LMsu(s, y1[last], gainPit)
	e.memW0 = op.Round(op.LShl(s, 1-a.shift))

	exc2 = *exc
	totalExc(exc[:], code[:], gainPit, gainCode)
	var syn [synHist + subLen]int16
	copy(syn[synHist-order:], e.synth[:])
	synFilt(azq, exc[:], syn[:])
	copy(e.synth[:], syn[synHist-order+subLen:])

	if mode == Mode2385 {
		gain = noiseEnhance(gain, &e.gcThres, a.stab, voice)
		var code2 [subLen]int16
		pitchEnhance(&code2, &code, voice)
		totalExc(exc2[:], code2[:], gainPit, op.Round(op.LShl(gain, a.q)))
		w.write(e.highGain(azq, exc2[:], a.q, a.wide[k*subLen16k:][:subLen16k]), 4)
	}
	return lag
}

func clipGain(gain int16, clip bool) int16 {
	if clip {
		return min(gain, 15565) // Q14 0.95
	}
	return gain
}

// residualTarget sets the first half of cn to the target xn, taken back to the domain of the residual, and the second
// half to the residual itself.
func residualTarget(ap, azq []int16, xn, exc, cn *[subLen]int16) {
	const half = subLen / 2
	var x [half]int16
	copy(x[:], xn[:])
	preemph2(x[:], tiltFac)
	var buf [synHist + half + 1]int16
	synFilt(ap, x[:], buf[:])
	residu(azq, buf[synHist-order:], cn[:half])
	copy(cn[half:], exc[half:])
}

// impulseResponse sets h to that of the weighted synthesis filter, Q14.
func impulseResponse(ap, azq []int16, h *[subLen]int16) {
	var x [subLen]int16
	copy(x[:], ap)
	var buf [synHist + subLen]int16
	synFiltGain(azq, x[:], buf[:], 16384, 3)
	copy(h[:], buf[synHist:])
	deemph2(h[:], tiltFac, 0)
}

// lessEnergy tells whether the energy of x is not above that of y, in one saturating chain.
func lessEnergy(x, y *[subLen]int16) bool {
	ex, ey := 2*kernel.SumSquares(x[:]), 2*kernel.SumSquares(y[:])
	if ex <= op.MaxInt32 {
		return ex <= ey // the difference can't saturate before its sign is decided
	}
	s := int32(op.MaxInt32)
	for _, v := range y {
		s = op.LMsu(s, v, v)
	}
	return s <= 0
}

// writeLag writes a lag: readLag takes it back.
func writeLag(w *bitWriter, mode Mode, whole bool, t0, frac, t0Min int16) {
	short := mode <= Mode885
	switch {
	case short && !whole:
		w.write((t0-t0Min)<<1+frac>>1, 5)
	case short && t0 < pitFr1:
		w.write(t0<<1+frac>>1-pitMin*2, 8)
	case short:
		w.write(t0-pitFr1+(pitFr1-pitMin)*2, 8)
	case !whole:
		w.write((t0-t0Min)<<2+frac, 6)
	case t0 < pitFr2:
		w.write(t0<<2+frac-pitMin*4, 9)
	case t0 < pitFr1Long:
		w.write(t0<<1+frac>>1-pitFr2*2+(pitFr2-pitMin)*4, 9)
	default:
		w.write(t0-pitFr1Long+(pitFr2-pitMin)*4+(pitFr1Long-pitFr2)*2, 9)
	}
}

// correlateTarget sets dn to the correlation of the target x and the impulse response h, scaled by its largest values
// on each track.
func correlateTarget(h, x, dn *[subLen]int16) {
	var y [subLen]int32
	if kernel.WithinSum(x[:], kernel.SumAbs(h[:])) {
		kernel.Correlate64(x, h, &y)
		for i, v := range y {
			y[i] = 1 + 2*v
		}
	} else {
		for i := range y {
			s := int32(1)
			for j, v := range x[i:] {
				s = op.LMac(s, v, h[j])
			}
			y[i] = s
		}
	}
	var peaks [numTracks]int32
	for i := 0; i < len(y); i += numTracks {
		for t, v := range y[i : i+numTracks] {
			peaks[t] = max(peaks[t], v, -max(v, -op.MaxInt32))
		}
	}
	total := int32(1)
	for _, peak := range peaks {
		peak >>= 2
		total = op.LAdd(op.LAdd(total, peak), peak>>1)
	}
	// Each value is below 4*total+4, so that there is room for a shift of four less than that of total.
	if shift := op.NormL(total) - 4; shift >= 0 {
		for i, v := range y {
			dn[i] = int16((v<<uint(shift) + 0x8000) >> 16)
		}
	} else {
		for i, v := range y {
			dn[i] = int16((v>>uint(-shift) + 0x8000) >> 16)
		}
	}
}

// highGain returns the index of the gain that makes the decoder's high band as loud as that of the original at 16 kHz
// (TS 26.190 section 5.10). It runs the decoder's synthesis on exc, scaled by 2^q.
func (e *Encoder) highGain(az, exc []int16, q int16, original []int16) int16 {
	var hi, lo [synHist + subLen]int16
	copy(hi[synHist-order:], e.synHi[:])
	copy(lo[synHist-order:], e.synLo[:])
	synFilt32(az, exc, q, hi[:], lo[:])
	copy(e.synHi[:], hi[synHist-order+subLen:])
	copy(e.synLo[:], lo[synHist-order+subLen:])
	var synth [subLen]int16
	e.deemph = deemph32(hi[synHist:], lo[synHist:], synth[:], preemphFac, e.deemph)
	e.hpOut.highPass50(synth[:])

	var hf [subLen16k]int16
	e.high.noise(&hf, exc, q)
	estimate := e.high.tiltGain(synth[:], e.vadHist > 0) >> 1
	var ap [order + 1]int16
	weight(az, ap[:], 19661) // Q15 0.6
	var buf [synHist + subLen16k]int16
	copy(buf[synHist-order:], e.synHF[:])
	synFilt(ap[:], hf[:], buf[:])
	copy(e.synHF[:], buf[synHist-order+subLen16k:])
	copy(hf[:], buf[synHist:])
	e.high.band.bandPass6k7k(hf[:])

	var orig [subLen16k]int16
	copy(orig[:], original)
	e.band.bandPass6k7k(orig[:])
	kernel.Scale(orig[:], -1)
	ener, expE := normEnergy(orig[:])
	gain := int16(op.LShl(gainRatio(hf[:], ener, expE, 0)) >> 16)

	fade := op.LShl(op.LMult(e.dtx.hangover, 4681), 15) // 1/7 a frame of hangover
	e.alpha = op.Mult(e.alpha, int16(fade>>16))
	if e.dtx.hangover > 6 {
		e.alpha = op.MaxInt16
	}
	gain = op.Add(op.Mult(gain, e.alpha), op.Mult(op.MaxInt16-e.alpha, estimate))
	best, least := 0, int16(op.MaxInt16)
	for i, g := range hpGain {
		d := op.Sub(gain, g)
		if d = op.Mult(d, d); d < least {
			best, least = i, d
		}
	}
	return int16(best)
}
