package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// Decoder decodes one stream. The zero value isn't ready: make one with [NewDecoder] or call Reset.
type Decoder struct {
	exc      [excHist + frameLen + 1]int16 // excitation of the past and of this frame
	ispOld   [order]int16
	isf      isfMemory
	tilt     int16    // of the code vector, from the voicing of the last subframe
	qOld     int16    // scaling of exc
	qSub     [4]int16 // largest scalings of the last subframes
	gcThres  int32    // level of the noise enhancer
	synHi    [order]int16
	synLo    [order]int16
	deemph   int16
	hp50     iir2
	up       [2 * upHalf]int16
	synHF    [order16k]int16
	high     highBand
	high7k   highFIR
	seed     int16 // of lost code vectors
	oldT0    int16
	lags     [5]int16
	gains    gainDecoder
	lagSeed  int16
	disp     dispersion
	prevBad  bool
	badCount int16 // 0 to 6
	first    bool  // no frame since the reset
	dtx      dtxDecoder
	vadHist  int16 // frames since speech

	mode   Mode      // of the last frame that told it
	bits   codecBits // of the last frame that had any
	homing bool      // the last frame was the homing frame
}

// NewDecoder returns a decoder in its home state.
func NewDecoder() *Decoder {
	d := new(Decoder)
	d.Reset()
	return d
}

// Reset puts the decoder into its home state, as if it were new.
func (d *Decoder) Reset() {
	d.home()
	d.mode = Mode660
	d.bits = codecBits{}
	d.homing = true
}

// home resets the speech decoder, not the knowledge of the frames before.
func (d *Decoder) home() {
	d.resetSpeech()
	d.gains.reset()
	d.up = [2 * upHalf]int16{}
	d.hp50 = iir2{}
	d.high = highBand{seed: seedInit}
	d.high7k = highFIR{}
	d.lags = [5]int16{64, 64, 64, 64, 64}
	d.ispOld = ispInit
	d.isf.old = isfInit
	d.isf.buf = [3][order]int16{isfInit, isfInit, isfInit}
	d.deemph = 0
	d.seed = seedInit
	d.lagSeed = seedInit
	d.badCount = 0
	d.prevBad = false
	d.synHF = [order16k]int16{}
	d.synHi = [order]int16{}
	d.synLo = [order]int16{}
	d.dtx.reset()
	d.vadHist = 0
}

// resetSpeech resets what comfort noise leaves behind for the next speech.
func (d *Decoder) resetSpeech() {
	clear(d.exc[:excHist])
	d.isf.past = [order]int16{}
	d.oldT0 = 64
	d.first = true
	d.gcThres = 0
	d.tilt = 0
	d.disp = dispersion{}
	d.qOld = maxQ
	d.qSub = [4]int16{maxQ, maxQ, maxQ, maxQ}
}

// Decode decodes one frame into 320 samples, of which the lower two bits are 0.
//
// mode is the speech mode of the frame, or [ModeUnknown] where the frame doesn't tell it: for SID frames the standard
// takes the mode of the last speech frame then. With [NoData] and [SpeechLost] mode and data don't matter. data are the
// speech or comfort noise bits in the order of TS 26.201; missing ones count as 0.
func (d *Decoder) Decode(rx RxType, mode Mode, data []byte, pcm *[FrameSamples]int16) {
	home := false
	if rx != NoData && rx != SpeechLost {
		if mode >= Mode660 && mode <= Mode2385 {
			d.mode = mode
		}
		if rx == SIDFirst || rx == SIDUpdate || rx == SIDBad {
			d.bits.unsort(ModeSID, data)
		} else {
			d.bits.unsort(d.mode, data)
		}
		if d.homing {
			home = isDecoderHoming(&d.bits, d.mode, true)
		}
	}
	if home { // the second homing frame in a row, or one in the home state
		for i := range pcm {
			pcm[i] = homingSample
		}
	} else {
		d.decode(rx, pcm)
	}
	for i := range pcm {
		pcm[i] &^= 3
	}
	if !d.homing {
		home = isDecoderHoming(&d.bits, d.mode, false)
	}
	if home {
		d.home()
	}
	d.homing = home
}

func (d *Decoder) decode(rx RxType, pcm *[FrameSamples]int16) {
	state := d.dtx.receive(rx)
	if state != dtxSpeech {
		d.decodeNoise(rx, state, pcm)
		return
	}
	bad, unusable := isBad(rx)
	d.countBad(bad)
	d.decodeSpeech(bad, unusable, pcm)
	d.dtx.state = state
	d.prevBad = bad
}

// isBad tells whether a frame is to be concealed, and whether its bits are of no use for that.
func isBad(rx RxType) (bad, unusable bool) {
	switch rx {
	case SpeechBad, SpeechDegraded:
		return true, false
	case NoData, SpeechLost:
		return true, true
	}
	return false, false
}

// countBad steps the state of the concealment (TS 26.191 section 6.2.2).
func (d *Decoder) countBad(bad bool) {
	if bad {
		d.badCount = min(d.badCount+1, 6)
	} else {
		d.badCount >>= 1
	}
	switch d.dtx.state {
	case dtxNoise:
		d.badCount = 5
		d.prevBad = false
	case dtxMute:
		d.badCount = 5
		d.prevBad = true
	}
}

// decodeNoise makes a frame of comfort noise.
func (d *Decoder) decodeNoise(rx RxType, state dtxState, pcm *[FrameSamples]int16) {
	var exc [frameLen]int16
	var isf, isp [order]int16
	d.dtx.decode(&exc, &isf, state, &d.bits)
	bad, _ := isBad(rx)
	d.countBad(bad)
	isfToISP(isf[:], isp[:])
	var az [order + 1]int16
	ispToAz(isp[:], az[:], true)
	for k := 0; k < 4; k++ {
		d.synthesize(az[:], exc[k*subLen:][:subLen], 0, pcm[k*subLen16k:][:subLen16k], 1, nil, bad)
	}
	d.resetSpeech()
	d.isf.old = isf
	d.prevBad = bad
	d.dtx.state = state
}

func (d *Decoder) decodeSpeech(bad, unusable bool, pcm *[FrameSamples]int16) {
	mode := d.mode
	r := bitReader{bits: &d.bits}
	vad := r.read(1) != 0
	switch {
	case !bad && !vad:
		d.vadHist = op.Add(d.vadHist, 1)
		d.dtx.inactiveFrames = op.Add(d.dtx.inactiveFrames, 1)
	case !bad:
		d.vadHist = 0
		d.dtx.inactiveFrames = 0
	case d.dtx.inactiveFrames > 0:
		d.dtx.inactiveFrames = op.Add(d.dtx.inactiveFrames, 1)
	}

	var idx [7]int16
	if mode == Mode660 {
		idx = [7]int16{r.read(8), r.read(8), r.read(7), r.read(7), r.read(6)}
	} else {
		idx = [7]int16{r.read(8), r.read(8), r.read(6), r.read(7), r.read(7), r.read(5), r.read(5)}
	}
	var isf, isp [order]int16
	if bad {
		d.isf.conceal(&isf)
	} else {
		d.isf.decode(&idx, mode == Mode660, &isf)
	}
	isfToISP(isf[:], isp[:])
	if d.first {
		d.first = false
		d.ispOld = isp
	}
	var az [4 * (order + 1)]int16
	interpolateAz(&d.ispOld, &isp, &az)
	d.ispOld = isp
	stab := stability(&isf, &d.isf.old)
	isfOld := d.isf.old
	d.isf.old = isf

	var t0Min int16
	var hfISF [order16k]int16
	for k := 0; k < 4; k++ {
		at := excHist + k*subLen
		t0, frac := readLag(&r, mode, k, &t0Min)
		if bad {
			t0 = concealLag(&d.gains.goodPit, &d.lags, t0, d.oldT0, &d.lagSeed, unusable)
			frac = 0
		}
		predictLTP(d.exc[:], at, t0, frac, subLen+1)
		exc := (*[subLen]int16)(d.exc[at:])
		var code [subLen]int16
		if !unusable && (mode <= Mode885 || r.read(1) == 0) {
			smoothLTP(code[:], d.exc[at-2:at+subLen+1])
			*exc = code
		}
		if unusable {
			for i := range code {
				code[i] = random(&d.seed) >> 3
			}
		} else {
			readCode(&r, mode, &code)
		}
		preemph(&code, d.tilt)
		lag := t0
		if frac > 2 {
			lag++
		}
		sharpen(&code, lag)

		gainBits := 7
		if mode <= Mode885 {
			gainBits = 6
		}
		var gainPit int16
		var gain int32
		if bad {
			if !unusable {
				r.read(gainBits)
			}
			gainPit, gain = d.gains.conceal(code[:], d.badCount, unusable, d.vadHist > 2)
		} else {
			gainPit, gain = d.gains.decode(r.read(gainBits), gainBits == 6, code[:], d.prevBad)
			copy(d.lags[1:], d.lags[:4])
			d.lags[0] = t0
			d.oldT0 = t0
		}

		exc2, q := d.excite(at, &code, gainPit, gain, stab)

		var hf *[order16k]int16
		if mode == Mode660 {
			interpolateISF(hfISF[:order], &isfOld, &isf, k)
			hf = &hfISF
		} else {
			clear(d.synHF[:order16k-order])
		}
		var hfGain int16
		if mode == Mode2385 && !unusable {
			hfGain = r.read(4)
		}
		d.synthesize(az[k*(order+1):][:order+1], exc2[:], q, pcm[k*subLen16k:][:subLen16k], hfGain, hf, bad)
	}

	now := d.exc[excHist:][:frameLen]
	copy(d.exc[:excHist], d.exc[frameLen:])
	kernel.Scale(now, -d.qOld)
	d.dtx.speech(&isf, now)
}

// readLag reads the lag of subframe k; t0Min is the start of the range of relative lags (TS 26.190 section 5.7).
func readLag(r *bitReader, mode Mode, k int, t0Min *int16) (t0, frac int16) {
	short := mode <= Mode885
	if k == 1 || k == 3 || k == 2 && mode == Mode660 {
		if short {
			idx := r.read(5)
			return *t0Min + idx>>1, idx & 1 << 1
		}
		idx := r.read(6)
		return *t0Min + idx>>2, idx & 3
	}
	if short {
		const halves = (pitFr1 - pitMin) * 2
		idx := r.read(8)
		if idx < halves {
			t0, frac = pitMin+idx>>1, idx&1<<1
		} else {
			t0 = idx - halves + pitFr1
		}
	} else {
		const quarters, halves = (pitFr2 - pitMin) * 4, (pitFr1Long - pitFr2) * 2
		idx := r.read(9)
		switch {
		case idx < quarters:
			t0, frac = pitMin+idx>>2, idx&3
		case idx < quarters+halves:
			idx -= quarters
			t0, frac = pitFr2+idx>>1, idx&1<<1
		default:
			t0 = idx - quarters - halves + pitFr1Long
		}
	}
	*t0Min, _ = lagRange(t0)
	return t0, frac
}

// lagRange returns the 16 integer lags around t0 that the next subframe can use.
func lagRange(t0 int16) (lo, hi int16) {
	lo = max(t0-8, pitMin)
	if lo+15 > pitMax {
		lo = pitMax - 15
	}
	return lo, lo + 15
}

// excite forms the excitation of the subframe at d.exc[at:] from its adaptive codebook vector, code and gains. It
// returns the excitation for the output, enhanced and scaled by 2^q, and leaves the plain one in d.exc.
func (d *Decoder) excite(at int, code *[subLen]int16, gainPit int16, gain int32, stab int16) (exc2 [subLen]int16, q int16) {
	// The scaling that the last subframes' excitation has room for.
	room := min(d.qSub[0], d.qSub[1], d.qSub[2], d.qSub[3], maxQ)
	g := gain
	for g < 0x08000000 && q < room {
		g = op.LShl(g, 1)
		q++
	}
	gainCode := op.Round(g)
	kernel.Scale(d.exc[at-excHist:at+subLen], q-d.qOld)
	d.qOld = q

	exc := (*[subLen]int16)(d.exc[at:])
	exc2 = *exc
	kernel.Scale(exc2[:], -3)
	var sharp [subLen]int16
	strong := false
	if d.mode <= Mode885 {
		if s := op.Shl(gainPit, 1); s > 16384 {
			strong = true
			for i, v := range exc2 {
				t := op.LMult(op.Mult(v, s), gainPit)
				sharp[i] = op.Round(t >> 1)
			}
		}
	}
	voice := voicing(exc2[:], -3, gainPit, code[:], gainCode)
	d.tilt = voice>>2 + 8192

	exc2 = *exc
	totalExc(exc[:], code[:], gainPit, gainCode)
	peak := int16(max(1, min(kernel.MaxAbs(exc[:]), op.MaxInt16)))
	d.qSub = [4]int16{op.NormS(peak) + q - 1, d.qSub[0], d.qSub[1], d.qSub[2]}

	level := min(int16(d.mode), 2)
	d.disp.apply(code, int16(gain>>16), gainPit, level)
	gain = noiseEnhance(gain, &d.gcThres, stab, voice)
	var code2 [subLen]int16
	pitchEnhance(&code2, code, voice)
	totalExc(exc2[:], code2[:], gainPit, op.Round(op.LShl(gain, q)))

	if strong {
		for i, v := range exc2 {
			sharp[i] = op.Add(sharp[i], v)
		}
		agc(exc2[:], sharp[:])
		exc2 = sharp
	}
	return exc2, q
}

// synthesize makes 80 samples at 16 kHz from a subframe of excitation, scaled by 2^q. hfISF holds the ISFs of a frame of
// mode 6.60, which shape the high band; otherwise az does.
func (d *Decoder) synthesize(az, exc []int16, q int16, out []int16, hfGain int16, hfISF *[order16k]int16, bad bool) {
	var hi, lo [synHist + subLen]int16
	copy(hi[synHist-order:], d.synHi[:])
	copy(lo[synHist-order:], d.synLo[:])
	synFilt32(az, exc, q, hi[:], lo[:])
	copy(d.synHi[:], hi[synHist-order+subLen:])
	copy(d.synLo[:], lo[synHist-order+subLen:])
	var synth [subLen]int16
	d.deemph = deemph32(hi[synHist:], lo[synHist:], synth[:], preemphFac, d.deemph)
	d.hp50.highPass50(synth[:])
	overSample(synth[:], out, &d.up)

	var hf [subLen16k]int16
	d.high.noise(&hf, exc, q)
	gain := d.high.tiltGain(synth[:], d.vadHist > 0)
	if d.mode == Mode2385 && !bad {
		gain = hpGain[hfGain]
		for i, v := range hf {
			hf[i] = op.Shl(op.Mult(v, gain), 1)
		}
	} else {
		kernel.Amplify(hf[:], gain)
	}

	var buf [synHist + subLen16k]int16
	copy(buf[:], d.synHF[:])
	if hfISF != nil {
		var a, ap [order16k + 1]int16
		extrapolateISF(hfISF)
		ispToAz(hfISF[:], a[:], false)
		weight(a[:], ap[:], 29491) // Q15 0.9
		synFilt(ap[:], hf[:], buf[:])
		copy(d.synHF[:], buf[subLen16k:])
	} else {
		var ap [order + 1]int16
		weight(az, ap[:], 19661) // Q15 0.6
		synFilt(ap[:], hf[:], buf[:])
		copy(d.synHF[order16k-order:], buf[subLen16k+order16k-order:])
	}
	copy(hf[:], buf[synHist:])
	d.high.band.bandPass6k7k(hf[:])
	if d.mode == Mode2385 {
		d.high7k.lowPass7k(hf[:])
	}
	kernel.Add(out, hf[:])
}
