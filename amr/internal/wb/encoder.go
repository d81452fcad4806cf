package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// TxType is what the encoder made of a frame (TS 26.173 section 5, table 1).
type TxType uint8

// The transmit types, numbered as in TS 26.173.
const (
	TxSpeech    TxType = iota
	TxSIDFirst         // start of comfort noise: no parameters
	TxSIDUpdate        // comfort noise parameters
	TxNoData           // nothing to send
)

const (
	speechLen = 384                       // samples of speech under analysis: past, frame, lookahead
	speechOld = speechLen - frameLen      // of them from the frame before
	filtDelay = 12                        // samples at the end that the next frame filters again
	newAt     = speechOld - filtDelay     // start of new samples
	frameAt   = speechLen - frameLen - 64 // start of the frame coded
	wspOld    = pitMax / 2
)

// Encoder encodes one stream. The zero value isn't ready: make one with [NewEncoder] or call Reset.
type Encoder struct {
	// DTX switches discontinuous transmission on: frames without speech become comfort noise. It can change between
	// frames.
	DTX bool

	decim    [2 * downHalf]int16
	hp50     iir2
	preemph  int16
	speech   [speechOld]int16
	wsp      [wspOld]int16
	exc      [excHist + frameLen + 1]int16
	levinson [order]int16 // LP coefficients of the last stable frame
	ispOld   [order]int16
	ispOldQ  [order]int16
	isfPast  [order]int16 // quantised ISF residual of the last frame
	memWsp   int16
	decim2   [3]int16
	memW0    int16
	synth    [order]int16
	tilt     int16
	wspMax   int16
	wspShift int16
	qOld     int16
	qMax     [2]int16
	clip     gainClip
	gains    gainPredictor
	ol       openLoop
	vad      vad
	dtx      dtxEncoder
	first    bool

	// The decoder's synthesis, for the high-band gain of mode 23.85.
	isfOld  [order]int16
	gcThres int32
	synHi   [order]int16
	synLo   [order]int16
	deemph  int16
	hpOut   iir2
	synHF   [order]int16
	high    highBand
	band    highFIR // of the original
	vadHist int16
	alpha   int16 // Q15, how much the measured gain counts

	sidCount int16 // frames to the next update
	prevType TxType
}

// NewEncoder returns an encoder in its home state.
func NewEncoder() *Encoder {
	e := new(Encoder)
	e.Reset()
	return e
}

// Reset puts the encoder into its home state, as if it were new; DTX stays.
func (e *Encoder) Reset() {
	*e = Encoder{DTX: e.DTX}
	e.home()
	e.sidCount = 3
	e.prevType = TxSpeech
}

// home resets the speech encoder, not the sequence of frame types.
func (e *Encoder) home() {
	e.resetSpeech()
	e.speech = [speechOld]int16{}
	e.wsp = [wspOld]int16{}
	e.decim2 = [3]int16{}
	e.decim = [2 * downHalf]int16{}
	e.hp50 = iir2{}
	e.levinson = [order]int16{}
	e.gains.reset()
	e.ol.reset()
	e.ispOld = ispInit
	e.ispOldQ = ispInit
	e.preemph = 0
	e.memWsp = 0
	e.qOld = 15
	e.qMax = [2]int16{15, 15}
	e.wspMax = 0
	e.wspShift = 0
	e.synHF = [order]int16{}
	e.synHi = [order]int16{}
	e.synLo = [order]int16{}
	e.hpOut = iir2{}
	e.high = highBand{seed: seedInit}
	e.isfOld = isfInit
	e.deemph = 0
	e.band = highFIR{}
	e.alpha = op.MaxInt16
	e.vadHist = 0
	e.vad.reset()
	e.dtx.reset()
}

// resetSpeech resets what comfort noise leaves behind for the next speech.
func (e *Encoder) resetSpeech() {
	clear(e.exc[:excHist])
	e.synth = [order]int16{}
	e.isfPast = [order]int16{}
	e.memW0 = 0
	e.tilt = 0
	e.first = true
	e.clip.reset()
	e.gcThres = 0
}

// Encode encodes 320 samples, of which the lower two bits are ignored, in a mode up to [Mode2385]. It appends the
// frame's bits to dst, in the order of TS 26.201: those of the mode for [TxSpeech], [SIDBytes] octets including the type
// and mode bits for [TxSIDFirst] and [TxSIDUpdate], nothing for [TxNoData]; others than TxSpeech appear with DTX only.
func (e *Encoder) Encode(pcm *[FrameSamples]int16, mode Mode, dst []byte) ([]byte, TxType) {
	home := isEncoderHoming(pcm)
	in := *pcm
	for i := range in {
		in[i] &^= 3
	}
	var bits codecBits
	coded := e.encode(&in, mode, &bits)
	tx := e.frameType(coded)
	if home {
		e.home()
	}
	switch tx {
	case TxSpeech:
		dst = bits.sort(mode, dst)
	case TxSIDFirst, TxSIDUpdate:
		if tx == TxSIDFirst {
			bits = codecBits{}
		}
		at := len(dst)
		dst = bits.sort(ModeSID, dst)
		// Behind the 35 bits come the type, 1 for an update, and the mode.
		if tx == TxSIDUpdate {
			dst[at+4] |= 0x10
		}
		dst[at+4] |= byte(mode)
	}
	return dst, tx
}

// frameType returns the type of a frame coded as speech or comfort noise (TS 26.193 section 5.1.2).
func (e *Encoder) frameType(coded Mode) TxType {
	tx := TxSpeech
	if coded == ModeSID {
		e.sidCount--
		switch {
		case e.prevType == TxSpeech:
			tx = TxSIDFirst
			e.sidCount = 3
		case e.sidCount == 0:
			tx = TxSIDUpdate
			e.sidCount = 8
		default:
			tx = TxNoData
		}
	} else {
		e.sidCount = 8
	}
	e.prevType = tx
	return tx
}

// analysis is what the encoder computes once a frame.
type analysis struct {
	speech [speechLen]int16       // past, frame and lookahead, preemphasised and scaled by 2^q
	q      int16                  // scaling of the speech
	shift  int16                  // scaling of the weighted speech against it
	az     [4 * (order + 1)]int16 // LP coefficients
	azq    [4 * (order + 1)]int16 // quantised
	lag    [2]int16               // open-loop lags of the halves
	stab   int16
	wide   *[FrameSamples]int16 // the input at 16 kHz
}

// encode codes a frame into bits and returns mode, or ModeSID for a frame of comfort noise.
func (e *Encoder) encode(in *[FrameSamples]int16, mode Mode, bits *codecBits) Mode {
	a := analysis{wide: in}
	exp := e.preprocess(in, &a)

	var frame [frameLen]int16
	copy(frame[:], a.speech[newAt:])
	kernel.Scale(frame[:], 1-a.q)
	active := e.vad.active(&frame)
	if active {
		e.vadHist = 0
	} else {
		e.vadHist = op.Add(e.vadHist, 1)
	}
	coded := mode
	if e.DTX && e.dtx.noise(active) {
		coded = ModeSID
	}
	w := bitWriter{bits: bits}
	if coded != ModeSID {
		w.write(int16(b2i(active)), 1)
	}

	var isf, isp [order]int16
	e.analyseLP(&a, &isp, &isf, coded)
	e.openLoop(&a, coded, exp)
	if coded == ModeSID {
		e.encodeNoise(&a, &isf, mode, &w)
	} else {
		e.encodeSpeech(&a, &isf, mode, active, &w)
	}
	copy(e.speech[:], a.speech[frameLen:])
	return coded
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// preprocess takes the input down to 12.8 kHz, removes DC, preemphasises and scales it (TS 26.190 section 5.1). It
// rescales the encoder's memory to that and returns the exponent of the change.
func (e *Encoder) preprocess(in *[FrameSamples]int16, a *analysis) (exp int16) {
	var x [2*downHalf + FrameSamples + downHalf + 2]int16 // zeros stand for what isn't there yet
	copy(x[:], e.decim[:])
	copy(x[2*downHalf:], in[:])
	copy(a.speech[:], e.speech[:newAt])
	now := a.speech[newAt:]
	downSample(now, x[1:])
	copy(e.decim[:], x[FrameSamples:])
	e.hp50.highPass50(now[:frameLen])
	ahead := e.hp50
	ahead.highPass50(now[frameLen:])

	// Preemphasis at half level: neither term nor their difference leaves 32 bits.
	const mu = preemphFac >> 1
	var pre [frameLen + filtDelay]int32
	last := int32(e.preemph)
	var peak int32
	for i, v := range now {
		p := int32(v)<<15 - last*(2*mu)
		last = int32(v)
		pre[i] = p
		peak = max(peak, p, -p)
	}
	e.preemph = now[frameLen-1]
	room := int16(maxQ)
	if t := int16(peak >> 16); t != 0 {
		room = min(max(op.NormS(t)-1, 0), maxQ)
	}
	a.q = min(room, e.qMax[0], e.qMax[1])
	exp = a.q - e.qOld
	e.qOld = a.q
	e.qMax = [2]int16{room, e.qMax[0]}
	for i, p := range pre { // there is room
		now[i] = int16((p<<uint(a.q) + 0x8000) >> 16)
	}
	kernel.Scale(a.speech[:newAt], exp)
	kernel.Scale(e.exc[:excHist], exp)
	kernel.Scale(e.synth[:], exp)
	kernel.Scale(e.decim2[:], exp)
	w := [2]int16{e.memWsp, e.memW0}
	kernel.Scale(w[:], exp)
	e.memWsp, e.memW0 = w[0], w[1]
	return exp
}

// analyseLP computes the LP coefficients of the frame (TS 26.190 section 5.2).
func (e *Encoder) analyseLP(a *analysis, isp, isf *[order]int16, coded Mode) {
	var r [order + 1]dpf
	var az [order + 1]int16
	autocorrelation(&a.speech, &r)
	levinson(&r, &az, &e.levinson)
	azToISP(&az, isp, &e.ispOld)
	interpolateAz(&e.ispOld, isp, &a.az)
	e.ispOld = *isp
	ispToISF(isp, isf)
	e.clip.noteISF(coded, isf)
}

// subframeAz returns the coefficients of subframe k.
func subframeAz(az *[4 * (order + 1)]int16, k int) []int16 {
	return az[k*(order+1):][:order+1]
}

// tiltFac is the deemphasis of the perceptual weighting; weightGamma its bandwidth expansion.
const (
	tiltFac     = preemphFac
	weightGamma = 30147 // Q15 0.92
)

// openLoop computes the weighted speech and its lags (TS 26.190 sections 5.3 and 5.4).
func (e *Encoder) openLoop(a *analysis, coded Mode, exp int16) {
	var buf [wspOld + frameLen]int16
	wsp := buf[wspOld:]
	for k := 0; k < 4; k++ {
		var ap [order + 1]int16
		weight(subframeAz(&a.az, k), ap[:], weightGamma)
		residu(ap[:], a.speech[frameAt+k*subLen-order:], wsp[k*subLen:][:subLen])
	}
	e.memWsp = deemph2(wsp, tiltFac, e.memWsp)
	peak := int16(min(kernel.MaxAbs(wsp), op.MaxInt16))
	a.shift = min(op.NormS(max(peak, e.wspMax))-3, 0)
	e.wspMax = peak
	decimate2(wsp, &e.decim2)
	wsp = wsp[:frameLen/2]
	kernel.Scale(wsp, a.shift)
	exp += a.shift - e.wspShift
	e.wspShift = a.shift
	copy(buf[:], e.wsp[:])
	kernel.Scale(buf[:wspOld], exp)
	e.ol.rescale(exp)

	if coded == Mode660 {
		a.lag[0] = e.searchLag(buf[:], wspOld, frameLen/2)
		a.lag[1] = a.lag[0]
	} else {
		a.lag[0] = e.searchLag(buf[:], wspOld, frameLen/4)
		a.lag[1] = e.searchLag(buf[:], wspOld+frameLen/4, frameLen/4)
	}
	copy(e.wsp[:], buf[frameLen/2:])
}

func (e *Encoder) searchLag(buf []int16, at, n int) int16 {
	lag := e.ol.search(buf, at, n)
	e.ol.follow(lag)
	e.vad.pitchGain(e.ol.gain)
	return 2 * lag
}

// encodeNoise codes a frame of comfort noise.
func (e *Encoder) encodeNoise(a *analysis, isf *[order]int16, mode Mode, w *bitWriter) {
	exc := (*[frameLen]int16)(e.exc[excHist:])
	residu(subframeAz(&a.az, 3), a.speech[frameAt-order:], exc[:])
	var exc2 [frameLen]int16
	for i, v := range exc {
		exc2[i] = op.Shr(v, a.q)
	}
	e.dtx.note(isf, exc2[:], mode)
	e.dtx.encode(isf, &exc2, w)
	var isp [order]int16
	var az [order + 1]int16
	isfToISP(isf[:], isp[:])
	ispToAz(isp[:], az[:], false)
	for k := 0; k < 4; k++ {
		e.highGain(az[:], exc2[k*subLen:][:subLen], 0, a.wide[k*subLen16k:][:subLen16k])
	}
	e.isfOld = *isf
	e.resetSpeech()
}

// encodeSpeech codes a frame of speech.
func (e *Encoder) encodeSpeech(a *analysis, isf *[order]int16, mode Mode, active bool, w *bitWriter) {
	idx := quantISF(isf, &e.isfPast, mode == Mode660)
	if mode == Mode660 {
		for i, n := range [5]int{8, 8, 7, 7, 6} {
			w.write(idx[i], n)
		}
	} else {
		for i, n := range [7]int{8, 8, 6, 7, 7, 5, 5} {
			w.write(idx[i], n)
		}
	}
	a.stab = stability(isf, &e.isfOld)
	e.isfOld = *isf
	var isp [order]int16
	isfToISP(isf[:], isp[:])
	if e.first {
		e.first = false
		e.ispOldQ = isp
	}
	interpolateAz(&e.ispOldQ, &isp, &a.azq)
	e.ispOldQ = isp

	exc := e.exc[excHist:]
	for k := 0; k < 4; k++ {
		residu(subframeAz(&a.azq, k), a.speech[frameAt+k*subLen-order:], exc[k*subLen:][:subLen])
	}
	if !active {
		var exc2 [frameLen]int16
		for i, v := range exc[:frameLen] {
			exc2[i] = op.Shr(v, a.q)
		}
		e.dtx.note(isf, exc2[:], mode)
	}

	var t0Min, t0Max int16
	for k := 0; k < 4; k++ {
		whole := k == 0 || k == 2 && mode != Mode660
		if whole {
			t0Min, t0Max = lagRange(a.lag[k/2])
		}
		t0 := e.encodeSubframe(a, k, mode, whole, t0Min, t0Max, w)
		if whole {
			t0Min, t0Max = lagRange(t0)
		}
	}
	copy(e.exc[:excHist], e.exc[frameLen:])
}
