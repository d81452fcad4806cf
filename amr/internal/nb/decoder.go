package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// A Decoder decodes one stream. Call Reset before the first frame.
type Decoder struct {
	lsf      lsfDecoder
	gain     gainPredictor
	pitch    pitchGainGuard
	code     codeGainGuard
	smoother codeGainSmoother
	phase    phaseDisperser
	noiseDet noiseDetector
	cng      noiseDecoder
	post     postFilter
	highPass highPass

	exc    [excHist + FrameLen]int16
	lspOld vec10
	memSyn vec10

	sharp        int16 // pitch sharpening, Q14
	lastLag      int16
	receivedLag  int16 // the last one sent, of a bad frame too
	nodataSeed   int16
	badState     int16 // 0..6
	prevBad      bool
	prevDegraded bool

	noise          bool // background noise only
	voicedHangover int16
	excEnergies    [9]int16
	ltpGains       [9]int16
	lsfMean        vec10

	prevMode Mode
	homed    bool // the last frame was a homing frame, or there was none
}

// Reset makes the decoder as new (the home state).
func (d *Decoder) Reset() {
	d.resetAll()
	d.homed = true
}

func (d *Decoder) resetAll() {
	*d = Decoder{homed: d.homed}
	d.resetSpeech()
	d.lspOld = lspInitData
	d.lsfMean = meanLsf5
	d.gain.reset()
	d.cng.reset()
	d.post.reset()
}

// resetSpeech resets what comfort noise does not need, so that speech after it starts afresh.
func (d *Decoder) resetSpeech() {
	clear(d.exc[:excHist])
	d.sharp = 0
	d.lastLag, d.receivedLag = 40, 40
	d.prevBad, d.prevDegraded = false, false
	d.badState = 0
	d.noise = false
	d.voicedHangover = 0
	d.ltpGains = [9]int16{}
	d.smoother = codeGainSmoother{}
	d.lsf.reset()
	d.pitch.reset()
	d.code.reset()
	d.noiseDet = noiseDetector{}
	d.nodataSeed = 21845
	d.phase = phaseDisperser{}
}

// Decode makes 160 samples, 13 bits and three zeros each, of a received frame. data is the packed frame of the mode, or
// with SIDFirst, SIDUpdate and SIDBad, a packed SID frame; mode is that of the SID frame then. Bits that data lacks are
// taken as 0. With NoData, data matters only to the test for a homing frame of the last mode, and may be nil.
func (d *Decoder) Decode(pcm *[FrameLen]int16, mode Mode, rx RxType, data []byte) {
	if rx == NoData {
		mode = d.prevMode
	} else {
		d.prevMode = mode
	}
	var prm [maxParams]int16
	sid := rx == SIDFirst || rx == SIDUpdate || rx == SIDBad
	if sid {
		unpack(MRDTX, data, &prm)
	} else if len(data) > 0 {
		unpack(mode, data, &prm)
	}
	if d.homed {
		if !sid && isHomingFrame(mode, &prm, true) {
			for i := range pcm {
				pcm[i] = homingSample
			}
			d.resetAll()
			return
		}
		d.homed = false
	}
	home := !sid && isHomingFrame(mode, &prm, false) // decoding may replace the parameters
	d.decodeFrame(pcm, mode, rx, &prm)
	if home {
		d.Reset()
	}
}

// decodeFrame decodes without regard to homing frames.
func (d *Decoder) decodeFrame(pcm *[FrameLen]int16, mode Mode, rx RxType, prm *[maxParams]int16) {
	var a [4]lpc
	state := d.cng.next(rx)
	if state == speech {
		d.decodeSpeech(pcm, mode, rx, prm, &a)
	} else {
		d.resetSpeech()
		d.cng.run(d, state, mode, prm, pcm, &a)
		d.lspOld = lsfToLSP(&d.lsf.pastLSF)
	}
	smoothLSF(&d.lsfMean, &d.lsf.pastLSF)
	d.cng.state = state

	d.post.run(mode, pcm, &a)
	d.highPass.run60(pcm)
	for i := range pcm {
		pcm[i] &^= 7
	}
}

func (d *Decoder) decodeSpeech(synth *[FrameLen]int16, mode Mode, rx RxType, prm *[maxParams]int16, a *[4]lpc) {
	bad := rx == SpeechBad || rx == NoData || rx == Onset
	degraded := rx == SpeechDegraded
	if rx == NoData || rx == Onset {
		noiseParams(&d.nodataSeed, paramBits[mode], prm)
	}
	switch {
	case bad:
		d.badState = min(d.badState+1, 6)
	case d.badState == 6:
		d.badState = 5
	default:
		d.badState = 0
	}
	if d.cng.state != speech { // the first frame of speech after noise
		d.badState = 5
		d.prevBad = d.cng.state == dtxMute
	}

	oldLSF := d.lsf.pastLSF
	var p []int16
	if mode != MR122 {
		lsp := d.lsf.split3(mode, bad, prm[:3])
		interpolateLPC(&d.lspOld, &lsp, a)
		d.lspOld = lsp
		p = prm[3:]
	} else {
		mid, lsp := d.lsf.split5(bad, prm[:5])
		interpolateLPC2(&d.lspOld, &mid, &lsp, a)
		d.lspOld = lsp
		p = prm[5:]
	}

	s := subframe{mode: mode, bad: bad, degraded: degraded}
	for s.index = range 4 {
		s.lsf = subframeLSF(&oldLSF, &d.lsf.pastLSF, s.index)
		p = d.decodeSubframe(&s, p, &a[s.index], (*[subLen]int16)(synth[s.index*subLen:]))
	}
	copy(d.exc[:excHist], d.exc[FrameLen:])

	d.noise = d.noiseDet.update(synth, &d.ltpGains, &d.voicedHangover)
	d.cng.observe(&d.lsf.pastLSF, synth)
	d.prevBad = bad
	d.prevDegraded = degraded
}

// A subframe carries what the steps of decoding one share.
type subframe struct {
	mode          Mode
	index         int
	bad, degraded bool
	lsf           vec10
	code          codeword
	lag           int16
	pitchGain     int16 // Q14
	codeGain      int16 // Q1
	gainIndex     int16 // of 4.75, for two subframes
}

// decodeSubframe decodes the parameters at p into out and returns those that follow.
func (d *Decoder) decodeSubframe(s *subframe, p []int16, a *lpc, out *[subLen]int16) []int16 {
	at := excHist + s.index*subLen
	exc := (*[subLen]int16)(d.exc[at:])
	d.adaptiveCodebook(s, p[0], at)
	p, sharp := d.fixedCodebook(s, p[1:])
	if s.mode != MR475 || s.index&1 != 0 {
		d.sharp = min(s.pitchGain, sharpMax)
	}
	sharp = Shl(sharp, 1)
	emphasise := sharp > 16384
	var periodic [subLen]int16 // what strong periodicity adds to the excitation
	if emphasise {
		kernel.Scale40(&periodic, exc, sharp, 0, 15)
		down := uint(15)
		if s.mode == MR122 {
			down = 16
		}
		kernel.Scale40(&periodic, &periodic, s.pitchGain, 1<<(down-1), down)
	}
	if !s.bad {
		copy(d.ltpGains[:], d.ltpGains[1:])
		d.ltpGains[8] = s.pitchGain
	}

	lossy := d.prevBad || s.bad
	low := s.mode.lowRate()
	gain := s.pitchGain
	if lossy && d.noise && low {
		if gain > 12288 { // 0.75
			gain = (gain-12288)>>1 + 12288
		}
		gain = min(gain, 14745) // 0.9
	}
	mixed := d.smoother.mix(d, s.mode, s.codeGain, &s.lsf, s.bad, s.degraded)
	if s.mode > MR67 && s.mode != MR102 {
		mixed = s.codeGain
	}
	factor, shift := gain, int16(1)
	if s.mode > MR102 {
		factor, shift = gain>>1, 2
	}
	enhanced := *exc
	mixExcitation(exc, &s.code, factor, s.codeGain, shift)

	d.phase.locked = low && d.voicedHangover > 3 && d.noise && s.bad
	d.phase.disperse(s.mode, &enhanced, &s.code, mixed, gain, factor, shift)

	root, exp := sqrtExp(energy(enhanced[:]) >> 1)
	excEnergy := ExtractL(root >> uint(exp>>1+15) >> 2)
	if low && d.voicedHangover > 5 && d.noise && d.badState < 4 && (s.degraded && d.prevDegraded || lossy) {
		liftExcitation(&enhanced, excEnergy, &d.excEnergies, d.voicedHangover, d.prevBad, s.degraded && !s.bad)
	}
	if !(d.noise && lossy && d.badState < 4) {
		copy(d.excEnergies[:], d.excEnergies[1:])
		d.excEnergies[8] = excEnergy
	}

	in := &enhanced
	if emphasise {
		for i, v := range enhanced {
			periodic[i] = Add(periodic[i], v)
		}
		restoreEnergy(&enhanced, &periodic)
		in = &periodic
	}
	if synthesis(a, in[:], out[:], &d.memSyn) {
		// Try again 12 dB lower, and keep the excitation there.
		past := d.exc[at-excHist : at+subLen]
		for i := range past {
			past[i] >>= 2
		}
		for i := range enhanced {
			enhanced[i] >>= 2
		}
		synthesis(a, enhanced[:], out[:], &d.memSyn)
	}
	copy(d.memSyn[:], out[subLen-order:])
	d.lastLag = s.lag
	return p
}

// adaptiveCodebook decodes the lag and writes the adaptive codebook vector to the excitation.
func (d *Decoder) adaptiveCodebook(s *subframe, index int16, at int) {
	absolute := s.index == 0 || s.index == 2 && s.mode != MR475 && s.mode != MR515
	var lag, frac int16
	if s.mode == MR122 {
		lag, frac = decodeLag6(index, absolute, d.lastLag)
		if s.bad || !absolute && index >= 61 {
			d.receivedLag = lag
			lag, frac = d.lastLag, 0
		}
	} else {
		low, width := int16(5), int16(9)
		if s.mode == MR795 {
			low, width = 10, 19
		}
		t0Min, t0Max := lagRange(d.lastLag, low, width, pitMin)
		lag, frac = decodeLag3(index, absolute, s.mode <= MR67, t0Min, t0Max, d.lastLag)
		d.receivedLag = lag
		if s.bad {
			if d.lastLag < pitMax {
				d.lastLag++
			}
			lag, frac = d.lastLag, 0
			if d.noise && d.voicedHangover > 4 && s.mode.lowRate() {
				lag = d.receivedLag
			}
		}
	}
	s.lag = lag
	predictLTP(d.exc[:], at, lag, frac, s.mode != MR122)
}

// fixedCodebook decodes the codeword and both gains. It returns the remaining parameters, and the gain that decides on the
// emphasis of periodicity.
func (d *Decoder) fixedCodebook(s *subframe, p []int16) (rest []int16, sharp int16) {
	s.code = codeword{}
	sharp = Shl(d.sharp, 1)
	switch s.mode {
	case MR475, MR515:
		decodeCode2x9(s.index, p[1], p[0], &s.code)
		p = p[2:]
	case MR59:
		decodeCode2x11(p[1], p[0], &s.code)
		p = p[2:]
	case MR67:
		decodeCode3x14(p[1], p[0], &s.code)
		p = p[2:]
	case MR74, MR795:
		decodeCode4x17(p[1], p[0], &s.code)
		p = p[2:]
	case MR102:
		decodeCode8x31(p, &s.code)
		p = p[7:]
	default:
		d.decodePitchGain(s, p[0])
		decodeCode10x35(p[1:], &s.code)
		p = p[11:]
		sharp = Shl(s.pitchGain, 1)
	}
	sharpen(&s.code, s.lag, sharp)

	switch s.mode {
	case MR795:
		d.decodePitchGain(s, p[0])
		d.decodeCodeGain(s, p[1])
		return p[2:], min(s.pitchGain, sharpMax)
	case MR122:
		d.decodeCodeGain(s, p[0])
		return p[1:], s.pitchGain
	case MR475:
		if s.index&1 == 0 {
			s.gainIndex = p[0]
			p = p[1:]
		}
	default:
		s.gainIndex = p[0]
		p = p[1:]
	}
	if s.bad {
		s.pitchGain = d.pitch.substitute(d.badState)
		s.codeGain = d.code.substitute(d.badState, &d.gain)
	} else {
		s.pitchGain, s.codeGain = d.gain.jointGains(s.mode, s.gainIndex, s.index&1 == 0, &s.code)
	}
	s.pitchGain = d.pitch.update(s.bad, d.prevBad, s.pitchGain)
	s.codeGain = d.code.update(s.bad, d.prevBad, s.codeGain)
	sharp = min(s.pitchGain, sharpMax)
	if s.mode == MR102 && d.lastLag > subLen+5 {
		sharp >>= 2
	}
	return p, sharp
}

func (d *Decoder) decodePitchGain(s *subframe, index int16) {
	if s.bad {
		s.pitchGain = d.pitch.substitute(d.badState)
	} else {
		s.pitchGain = pitchGain(s.mode, index)
	}
	s.pitchGain = d.pitch.update(s.bad, d.prevBad, s.pitchGain)
}

func (d *Decoder) decodeCodeGain(s *subframe, index int16) {
	if s.bad {
		s.codeGain = d.code.substitute(d.badState, &d.gain)
	} else {
		s.codeGain = d.gain.codeGain(s.mode, index, &s.code)
	}
	s.codeGain = d.code.update(s.bad, d.prevBad, s.codeGain)
}

// Mode returns the mode of the last frame that had one.
func (d *Decoder) Mode() Mode { return d.prevMode }
