package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// RxType is what the receiver knows of a frame (TS 26.173 section 5, table 2; TS 26.191 section 5).
type RxType uint8

// The receive types, numbered as in TS 26.173.
const (
	SpeechGood     RxType = iota
	SpeechDegraded        // probably degraded: bits may be wrong
	SpeechLost            // nothing came, where speech was
	SpeechBad             // bits are wrong
	SIDFirst              // start of comfort noise
	SIDUpdate             // comfort noise parameters
	SIDBad                // comfort noise parameters, damaged
	NoData                // nothing sent or nothing came
)

type dtxState uint8

const (
	dtxSpeech dtxState = iota
	dtxNoise           // comfort noise
	dtxMute            // comfort noise, fading for want of updates
)

const (
	dtxHist     = 8 // frames that comfort noise parameters are averaged over
	dtxHangover = 7 // frames of speech sent after its end
	dtxElapsed  = 24 + dtxHangover - 1
	dtxMaxEmpty = 50 // frames without an update before the noise fades
	seedInit    = 21845
)

// dtxDecoder makes comfort noise (TS 26.192).
type dtxDecoder struct {
	sinceSID       int16
	sidPeriodInv   int16 // Q15 inverse of the frames between updates
	logEn          int16 // Q9 level, new and old
	oldLogEn       int16
	isf            [order]int16
	oldISF         [order]int16
	seed           int16
	isfHist        [dtxHist][order]int16
	logEnHist      [dtxHist]int16
	histPtr        int8
	hangoverCount  int16
	elapsed        int16
	sidFrame       bool
	validData      bool
	hangoverAdded  bool
	state          dtxState
	dataUpdated    bool
	ditherSeed     int16
	dither         bool
	inactiveFrames int16 // frames that the encoder's VAD held for noise
}

func (d *dtxDecoder) reset() {
	*d = dtxDecoder{
		sidPeriodInv:  1 << 13,
		logEn:         3500,
		oldLogEn:      3500,
		seed:          seedInit,
		isf:           isfInit,
		oldISF:        isfInit,
		hangoverCount: dtxHangover,
		elapsed:       op.MaxInt16,
		ditherSeed:    seedInit,
	}
	for i := range d.isfHist {
		d.isfHist[i] = isfInit
		d.logEnHist[i] = 3500 >> 3
	}
}

// receive takes note of a frame's type and returns the state in which the frame is to be decoded (TS 26.192 section
// 6, TS 26.193 section 5.2).
func (d *dtxDecoder) receive(rx RxType) dtxState {
	sid := rx == SIDFirst || rx == SIDUpdate || rx == SIDBad
	next := dtxSpeech
	if sid || d.state != dtxSpeech && (rx == NoData || rx == SpeechBad || rx == SpeechLost) {
		next = dtxNoise
		if d.state == dtxMute && (rx == SIDBad || rx == SIDFirst || rx == SpeechLost || rx == NoData) {
			next = dtxMute
		}
		d.sinceSID = op.Add(d.sinceSID, 1)
		if rx != SIDUpdate && d.sinceSID > dtxMaxEmpty {
			next = dtxMute
		}
	} else {
		d.sinceSID = 0
	}

	// Follow the hangover of the encoder, to know which frames it averaged.
	if !d.dataUpdated && rx == SIDUpdate {
		d.elapsed = 0
	}
	d.elapsed = op.Add(d.elapsed, 1)
	d.hangoverAdded = false
	encoderInNoise := sid || rx == NoData && (d.state != dtxSpeech || d.inactiveFrames >= dtxHangover)
	switch {
	case !encoderInNoise:
		d.hangoverCount = dtxHangover
	case d.elapsed > dtxElapsed:
		d.hangoverAdded = true
		d.elapsed = 0
		d.hangoverCount = 0
	case d.hangoverCount == 0:
		d.elapsed = 0
	default:
		d.hangoverCount--
	}

	if next != dtxSpeech {
		d.sidFrame = sid
		d.validData = rx == SIDUpdate
		if rx == SIDBad {
			d.hangoverAdded = false
		}
	}
	return next
}

// speech notes a speech frame's frequencies and excitation.
func (d *dtxDecoder) speech(isf *[order]int16, exc []int16) {
	d.histPtr = (d.histPtr + 1) % dtxHist
	d.isfHist[d.histPtr] = *isf
	d.logEnHist[d.histPtr] = op.Sub(logEnergy(exc), 1024)
}

// logEnergy returns log2 of half the energy of exc, Q7.
func logEnergy(exc []int16) int16 {
	exp, frac := log2(satPositive(2*kernel.SumSquares(exc)) >> 1)
	return op.Add(op.Shl(exp, 7), frac>>8)
}

// decode makes a frame of noise in exc and its frequencies in isf; bits hold the frame's parameters.
func (d *dtxDecoder) decode(exc *[frameLen]int16, isf *[order]int16, state dtxState, bits *codecBits) {
	if d.hangoverAdded && d.sidFrame {
		d.averageHistory()
	}
	if d.sidFrame {
		d.oldISF = d.isf
		d.oldLogEn = d.logEn
		if d.validData {
			d.update(bits)
			d.sinceSID = 0
		}
	}

	// Interpolate between the last two descriptors.
	fac := op.Mult(op.Shl(d.sinceSID, 10), d.sidPeriodInv)
	fac = min(fac, 1024) << 4 // Q14
	logEn := op.LMac(op.LMult(fac, d.logEn), 16384-fac, d.oldLogEn)
	for i := range isf {
		v := op.Add(op.Mult(fac, d.isf[i]), op.Mult(16384-fac, d.oldISF[i]))
		isf[i] = op.Shl(v, 1)
	}
	if d.dither {
		d.ditherNoise(isf, &logEn)
	}
	logEn >>= 9
	exp := int16(logEn >> 16)
	frac := int16((logEn - int32(exp)<<16) >> 1)
	comfortNoise(exc, &d.seed, op.Add(exp, 15), frac)

	if state == dtxMute { // fade by 1/8 of 3 dB a period
		period := min(d.sinceSID, 32)
		if period <= 0 {
			period = 8
		}
		d.sidPeriodInv = op.DivS(1<<10, op.Shl(period, 10))
		d.sinceSID = 0
		d.oldLogEn = d.logEn
		d.logEn = op.Sub(d.logEn, 64)
	}
	if d.sidFrame && (d.validData || d.hangoverAdded) {
		d.sinceSID = 0
		d.dataUpdated = true
	}
}

// update takes the parameters of a silence descriptor.
func (d *dtxDecoder) update(bits *codecBits) {
	period := min(d.sinceSID, 32)
	if period >= 2 {
		d.sidPeriodInv = op.DivS(1<<10, op.Shl(period, 10))
	} else {
		d.sidPeriodInv = 1 << 14
	}
	r := bitReader{bits: bits}
	idx := [5]int16{r.read(6), r.read(6), r.read(6), r.read(5), r.read(5)}
	sidISF(&idx, &d.isf)
	d.logEn = op.Mult(r.read(6)<<9, 12483) // Q9, 2.625 steps a unit
	d.dither = r.read(1) != 0
	if !d.dataUpdated || d.state == dtxSpeech {
		d.oldISF = d.isf
		d.oldLogEn = d.logEn
	}
}

// averageHistory takes the parameters from the frames of the hangover.
func (d *dtxDecoder) averageHistory() {
	next := (d.histPtr + 1) % dtxHist
	d.isfHist[next] = d.isfHist[d.histPtr]
	d.logEnHist[next] = d.logEnHist[d.histPtr]
	var en int16
	var sum [order]int32
	for i := range d.isfHist {
		en = op.Add(en, d.logEnHist[i])
		for j, v := range d.isfHist[i] {
			sum[j] += int32(v)
		}
	}
	d.logEn = max(op.Add(en>>1, 1024), 0)
	for j, v := range sum {
		d.isf[j] = int16(v >> 3)
	}
}

// ditherNoise varies level and frequencies at random, for noise that isn't stationary.
func (d *dtxDecoder) ditherNoise(isf *[order]int16, logEn *int32) {
	noise := func() int16 { // triangular
		a := random(&d.ditherSeed) >> 1
		return op.Add(a, random(&d.ditherSeed)>>1)
	}
	*logEn = max(op.LAdd(*logEn, op.LMult(noise(), 75)), 0)
	fac := int16(256)
	isf[0] = max(op.Add(isf[0], op.MultR(noise(), fac)), isfGap)
	for i := 1; i < order-1; i++ {
		fac += 2
		v := op.Add(isf[i], op.MultR(noise(), fac))
		if op.Sub(v, isf[i-1]) < 448 {
			v = op.Add(isf[i-1], 448)
		}
		isf[i] = v
	}
	isf[order-2] = min(isf[order-2], 16384)
}

// comfortNoise fills exc with white noise of the level 2^(exp+frac).
func comfortNoise(exc *[frameLen]int16, seed *int16, exp, frac int16) {
	level := pow2(exp, frac)
	n := op.NormL(level)
	level <<= uint(n)
	shift := 15 - n
	s := *seed
	for i := range exc {
		exc[i] = random(&s) >> 4
	}
	*seed = s
	e, expE := norm32(energy(exc[:]))
	e, expE = isqrtNorm(e, expE)
	gain := op.Mult(int16(level>>16), int16(e>>16))
	shift += expE + 4
	for i, v := range exc {
		exc[i] = op.Shl(op.Mult(v, gain), shift)
	}
}
