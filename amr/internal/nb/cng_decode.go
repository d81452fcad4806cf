package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// A dtxState is whether the decoder makes speech or comfort noise (TS 26.093 section 5.2).
type dtxState uint8

const (
	speech  dtxState = iota
	dtx              // comfort noise
	dtxMute          // comfort noise that fades away, because no SID frame came for a second
)

const dtxMaxEmpty = 50 // frames without SID_UPDATE before muting

// A noiseDecoder makes comfort noise (TS 26.092): it keeps the LSFs and the energy of the last eight frames and those
// of the last SID frame, and interpolates between SID frames.
type noiseDecoder struct {
	state dtxState

	sinceLastSID  int16 // frames
	invPeriod     int16 // 1/(frames between the last SID frames), Q14... 1<<14 is one frame
	logEn, logEn0 int16 // log2 energy of the newest and the older SID frame, Q11
	lsp, lsp0     vec10
	seed          int32
	lsfHist       [dtxHistLen]vec10
	lsfDeviation  [dtxHistLen]vec10 // of the LSFs of the hangover from their mean
	lsfAt         int
	logEnHist     [dtxHistLen]int16
	logEnAt       int
	logEnAdjust   int16 // Q11, makes up for the noise level that the last speech mode has
	logGainMean   int16 // average prediction gain
	hangover      int16
	elapsed       int16 // frames since the encoder's last analysis for a SID frame
	sidFrame      bool
	validData     bool
	hangoverAdded bool
	dataUpdated   bool
}

const pnSeed = 0x70816958 // TS 26.092 section 5.2

func (d *noiseDecoder) reset() {
	*d = noiseDecoder{
		state:     dtx,
		invPeriod: 1 << 13,
		logEn:     3500,
		logEn0:    3500,
		lsp:       lspInitData,
		lsp0:      lspInitData,
		seed:      pnSeed,
		hangover:  dtxHangover,
		elapsed:   MaxInt16,
	}
	for i := range dtxHistLen {
		d.lsfHist[i] = meanLsf5
		d.logEnHist[i] = d.logEn
	}
}

// next decides what is made of a received frame, and tracks the hangover of the encoder, which is not sent, from the
// frame types (TS 26.093 section 5.2).
func (d *noiseDecoder) next(rx RxType) dtxState {
	state := speech
	silent := d.state != speech
	switch rx {
	case SIDFirst, SIDUpdate, SIDBad:
		state = dtx
	case NoData, SpeechBad, Onset:
		if silent {
			state = dtx
		}
	}
	if state == dtx {
		if d.state == dtxMute && (rx == SIDBad || rx == SIDFirst || rx == Onset || rx == NoData) {
			state = dtxMute
		}
		d.sinceLastSID = Add(d.sinceLastSID, 1)
		if rx != SIDUpdate && d.sinceLastSID > dtxMaxEmpty {
			state = dtxMute
		}
	} else {
		d.sinceLastSID = 0
	}

	if !d.dataUpdated && rx == SIDUpdate {
		d.elapsed = 0
	}
	d.elapsed = Add(d.elapsed, 1)
	d.hangoverAdded = false
	encoderSilent := rx == SIDFirst || rx == SIDUpdate || rx == SIDBad || rx == Onset || rx == NoData && state != speech
	switch {
	case !encoderSilent:
		d.hangover = dtxHangover
	case d.elapsed > dtxElapsed:
		d.hangoverAdded = true
		d.elapsed = 0
		d.hangover = 0
	case d.hangover == 0:
		d.elapsed = 0
	default:
		d.hangover--
	}

	if state != speech {
		d.sidFrame = rx == SIDFirst || rx == SIDUpdate || rx == SIDBad
		d.validData = rx == SIDUpdate
		if rx == SIDBad {
			d.hangoverAdded = false
		}
	}
	return state
}

// observe takes a decoded frame of speech into the history.
func (d *noiseDecoder) observe(lsf *vec10, synth *[FrameLen]int16) {
	d.lsfAt = (d.lsfAt + 1) % dtxHistLen
	d.lsfHist[d.lsfAt] = *lsf
	e, m := log2(energy(synth[:]))
	d.logEnAt = (d.logEnAt + 1) % dtxHistLen
	d.logEnHist[d.logEnAt] = Sub(Add(Shl(e, 10), m>>5), 7497+1024)
}

// averageHistory takes the comfort noise parameters from the history: at the first SID frame after a hangover.
func (d *noiseDecoder) averageHistory(mode Mode) {
	d.logEnAdjust = dtxLogEnAdjust[mode]
	next := (d.lsfAt + 1) % dtxHistLen
	d.lsfHist[next] = d.lsfHist[d.lsfAt] // the newest frame counts twice, in place of the oldest
	next = (d.logEnAt + 1) % dtxHistLen
	d.logEnHist[next] = d.logEnHist[d.logEnAt]

	d.logEn = 0
	var sum [order]int32
	for i := range dtxHistLen {
		d.logEn = Add(d.logEn, d.logEnHist[i]>>3)
		for k, v := range d.lsfHist[i] {
			sum[k] += int32(v)
		}
	}
	var mean vec10
	for k := range mean {
		mean[k] = int16(sum[k] >> 3)
	}
	d.lsp = lsfToLSP(&mean)
	d.logEn = Sub(d.logEn, d.logEnAdjust)

	// The deviations, damped and limited, will vary the spectrum of the noise.
	for i := range dtxHistLen {
		for k := range mean {
			v := Mult(Sub(d.lsfHist[i][k], mean[k]), lsfHistMeanScale[k])
			m := Abs(v)
			if m > 655 {
				m = 655 + (m-655)>>2
			}
			m = min(m, 1310)
			if v < 0 {
				m = -m
			}
			d.lsfDeviation[i][k] = m
		}
	}
}

// takeSID makes the newest parameters the older ones and, with a SID_UPDATE, decodes new ones.
func (d *noiseDecoder) takeSID(dec *Decoder, prm *[maxParams]int16) {
	d.lsp0 = d.lsp
	d.logEn0 = d.logEn
	if d.validData {
		period := min(d.sinceLastSID, 32)
		d.sinceLastSID = 0
		d.invPeriod = 1 << 14
		if period >= 2 {
			d.invPeriod = DivS(1<<10, Shl(period, 10))
		}
		dec.lsf.pastResidual = pastRqInit[prm[0]]
		d.lsp = dec.lsf.split3(MRDTX, false, prm[1:])
		dec.lsf.pastResidual = vec10{}
		d.logEn = prm[4]<<9 - 2560*2 // Q11
		if prm[4] == 0 {
			d.logEn = MinInt16
		}
		if !d.dataUpdated || d.state == speech { // nothing older to interpolate from
			d.lsp0 = d.lsp
			d.logEn0 = d.logEn
		}
	}
	// The gain predictor wakes up at the level of the noise.
	e := max(min(Sub(d.logEn>>1, 9000), 0), -14436)
	e122 := Mult(5443, e)
	dec.gain.past = [4]int16{e, e, e, e}
	dec.gain.pastMR122 = [4]int16{e122, e122, e122, e122}
}

// run makes a frame of comfort noise and the filters that it was made with.
func (d *noiseDecoder) run(dec *Decoder, state dtxState, mode Mode, prm *[maxParams]int16, synth *[FrameLen]int16, a *[4]lpc) {
	if d.hangoverAdded && d.sidFrame {
		d.averageHistory(mode)
	}
	if d.sidFrame {
		d.takeSID(dec, prm)
	}
	d.logEnAdjust = Add(Mult(d.logEnAdjust, 29491), Mult(dtxLogEnAdjust[mode]<<5, 3277)>>5)

	// Interpolate between the older and the newest SID frame.
	fac := min(Mult(Shl(Add(1, d.sinceLastSID), 10), d.invPeriod), 1024) << 4 // Q14
	logEn := LMac(LMult(fac, d.logEn), 16384-fac, d.logEn0)
	var lsp vec10
	for i := range lsp {
		lsp[i] = Shl(Add(Mult(fac, d.lsp[i]), Mult(16384-fac, d.lsp0[i])), 1)
	}

	// The less the prediction gain, the more the spectrum varies from frame to frame.
	vary := max(min(Sub(4096, Mult(Sub(d.logGainMean, 2457), 9830)), 4096), 0)
	vary = Shl(vary, 3)
	deviation := &d.lsfDeviation[pseudoNoise(&d.seed, 3)]
	lsf := lspToLSF(&lsp)
	varied := lsf
	for i := range varied {
		varied[i] = Add(varied[i], Mult(vary, deviation[i]))
	}
	reorder(&lsf)
	reorder(&varied)
	dec.lsf.pastLSF = lsf
	lsp = lsfToLSP(&lsf)
	lspToLPC(&lsp, &a[0])
	a[1], a[2], a[3] = a[0], a[0], a[0]
	lsp = lsfToLSP(&varied)
	var variedLPC lpc
	lspToLPC(&lsp, &variedLPC)

	// The level of the excitation is that of the noise less the gain of the filter.
	predErr := int16(MaxInt16)
	for _, k := range reflections(&a[0]) {
		predErr = Mult(predErr, Sub(MaxInt16, Mult(k, k)))
	}
	e, m := log2(int32(predErr))
	logGain := Neg(Add(Shl(e-15, 12), m>>3)) >> 1 // Q11
	d.logGainMean = Add(Mult(29491, d.logGainMean), Mult(3277, logGain))
	logEn = LAdd(logEn>>10, 4<<16) // Q16
	logEn = LSub(logEn, int32(logGain)<<4)
	logEn = LAdd(logEn, int32(d.logEnAdjust)<<5)
	level := ExtractL(pow2(ExtractH(logEn), int16(logEn>>1&0x7fff)))

	for sub := range 4 {
		var exc codeword
		noisePulses(&d.seed, &exc)
		for i, v := range exc {
			exc[i] = Mult(level, v)
		}
		out := synth[sub*subLen : (sub+1)*subLen]
		synthesis(&variedLPC, exc[:], out, &dec.memSyn)
		copy(dec.memSyn[:], out[subLen-order:])
	}

	dec.smoother.hangVar = 20
	dec.smoother.hangCount = 0
	if state == dtxMute {
		period := min(d.sinceLastSID, 32)
		if period <= 0 {
			period = 8
		}
		d.invPeriod = DivS(1<<10, Shl(period, 10))
		d.sinceLastSID = 0
		d.lsp0 = d.lsp
		d.logEn0 = d.logEn
		d.logEn = Sub(d.logEn, 256)
	}
	if d.sidFrame && (d.validData || d.hangoverAdded) {
		d.sinceLastSID = 0
		d.dataUpdated = true
	}
}

// pseudoNoise returns n bits of the generator x^31 + x^3 + 1 (TS 26.092 section 5.2).
func pseudoNoise(reg *int32, n int) (bits int16) {
	for range n {
		in := (*reg ^ *reg>>28) & 1
		bits = bits<<1 | int16(*reg&1)
		*reg = *reg>>1 | in<<30
	}
	return bits
}

// noisePulses places ten pulses at random.
func noisePulses(seed *int32, code *codeword) {
	for k := range int16(10) {
		at := pseudoNoise(seed, 2)*10 + k
		code[at] = -4096
		if pseudoNoise(seed, 1) > 0 {
			code[at] = 4096
		}
	}
}

// noiseParams fills in the parameters of a lost frame at random: the low bits of a stretch of a table, moved by seed.
func noiseParams(seed *int16, sizes []int16, prm *[maxParams]int16) {
	*seed = ExtractL(LMult(*seed, 31821)>>1 + 13849)
	for i, v := range window200x40[*seed&0x7f:][:len(sizes)] {
		prm[i] = v &^ int16(-1<<uint(sizes[i]))
	}
}

// reflections returns the reflection coefficients of A(z) in Q15, all 0 if the filter is not stable.
func reflections(a *lpc) (refl vec10) {
	var s, b vec10
	copy(s[:], a[1:])
	for i := order - 1; i >= 0; i-- {
		if Abs(s[i]) >= 4096 {
			return vec10{}
		}
		refl[i] = s[i] << 3
		rest := LSub(MaxInt32, LMult(refl[i], refl[i]))
		norm := NormL(rest)
		inv := DivS(16384, Round(rest<<uint(norm)))
		for j := range i {
			t := Round(LMsu(DepositH(s[j]), refl[i], s[i-j-1]))
			v := LShrR(LMult(inv, t), 15-norm)
			if v > MaxInt16 || v < -MaxInt16 {
				return vec10{}
			}
			b[j] = int16(v)
		}
		copy(s[:i], b[:i])
	}
	return refl
}
