package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// A vad2 is voice activity detection option 2 (TS 26.094 section 4): the energies of 16 channels of a spectrum every 10
// ms, against an estimate of the noise in each. Energies have 9 fraction bits, or 4 while the input is loud.
type vad2 struct {
	preemph           int16
	lastShift         int16
	frames            int32
	loud              int // 0 or 1: which scaling
	energy            [16]int32
	noise             [16]int32
	longTerm          [16]int16 // dB
	snr               int16     // smoothed peak, dB
	hangover          int16
	burst             int16
	updates           int16 // frames that speak for a forced update of the noise
	lastUpdates       int16
	still             int16 // frames without a change of updates
	forced            bool  // the noise was updated by force
	negativeVar       int16 // of the SNR
	negativeBias      int16
	periodic          bool // by the pitch search of the last frame
	corr, pitchEnergy int32
}

// startPitch forgets the pitch of the last frame.
func (v *vad2) startPitch() { v.corr, v.pitchEnergy = 0, 0 }

// addPitch takes the correlation at the best lag, and its energy.
func (v *vad2) addPitch(corr, energy int32) {
	v.corr = LAdd(v.corr, corr)
	v.pitchEnergy = LAdd(v.pitchEnergy, energy)
}

// decidePeriodic ends a frame of pitch search.
func (v *vad2) decidePeriodic(mode Mode) {
	threshold := int16(21299) // 0.65
	switch mode {
	case MR475, MR515:
		threshold = 18022 // 0.55
	case MR102:
		threshold = 19660 // 0.60
	}
	v.periodic = v.corr > MpyL16(v.pitchEnergy, threshold)
}

// decibel returns 10*log10(x) in Q8; x has fraction bits below the point.
func decibel(x int32, fraction int16) int16 {
	e, f := log2(x)
	return ExtractL(LShrR(Mpy32x16(Sub(e, fraction), f, 24660), 6))
}

// decide tells whether there is voice in 80 samples.
func (v *vad2) decide(in []int16) bool {
	v.frames = LAdd(v.frames, 1)
	var spectrum [128]int16
	shift := v.prepare(in, &spectrum)
	realFFT(&spectrum)
	v.rescale(shift)
	v.measure(&spectrum, shift)

	total, peak := int32(0), int32(0)
	for i, e := range v.energy {
		total = LAdd(total, e)
		if i >= 2 {
			peak = max(peak, e)
		}
	}
	peaked := peak > MpyL16(total, 20480) // 10 dB over the mean: a tone
	if v.frames <= 4 {
		v.initNoise(peaked)
	}
	var level, snr [16]int16
	metric := int16(0)
	for i := range level {
		level[i] = decibel(v.energy[i], vad2Fbits[v.loud])
		snr[i] = Sub(level[i], decibel(v.noise[i], vad2Fbits[0]))
		q := ShrR(Mult(21845, snr[i]), 6) // steps of 3/8 dB
		metric = Add(metric, vad2VmTbl[min(max(q, 0), 89)])
	}
	now := v.measureSNR(&snr)
	step := min(max(Mult(v.snr, 10923)>>8, 0), 19) // of 3 dB
	v.trackNegative(now)
	voice := v.addHangover(metric > Add(vad2VmThresholdTable[step], v.negativeBias), step)
	deviation := v.updateLongTerm(&level, now)
	v.updateNoise(metric, total, deviation, peaked)
	return voice
}

// prepare normalises and pre-emphasises the input into the middle of the FFT's, and returns the left shift.
func (v *vad2) prepare(in []int16, out *[128]int16) int16 {
	const headroom, delay, n = 2, 24, 80
	top := int16(0)
	for _, s := range in[:n] {
		top = max(top, Abs(s))
	}
	var x [n]int16
	shift := int16(16 - headroom)
	if top != 0 {
		shift = NormS(top) - headroom
		for i, s := range in[:n] {
			x[i] = Shl(s, shift)
		}
	}
	last := ShrR(v.preemph, Sub(v.lastShift, shift))
	v.lastShift = shift
	for i, s := range x {
		out[delay+i] = Add(s, Mult(-26214, last))
		last = s
	}
	v.preemph = last
	return shift
}

// rescale changes between the scalings of the energies when the input becomes loud or quiet.
func (v *vad2) rescale(shift int16) {
	switch {
	case v.loud == 0 && shift <= 0:
		v.loud = 1
	case v.loud == 1 && shift >= 3:
		v.loud = 0
	default:
		return
	}
	for i, e := range v.energy {
		v.energy[i] = LShr(e, vad2StateChangeShiftR[v.loud])
	}
}

// measure updates the energies of the channels.
func (v *vad2) measure(x *[128]int16, shift int16) {
	alpha, rest := int16(18022), int16(14746) // 0.55, 0.45
	if v.frames == 1 {
		alpha, rest = 32767, 0
	}
	for i, bins := range vad2ChTbl {
		s := int32(0)
		for _, b := range x[2*bins[0] : 2*bins[1]+2] {
			s = LMac(s, b, b)
		}
		s = LShrR(s, Sub(Shl(shift, 1), vad2EnrgNormShift[v.loud]))
		s = MpyL16(s, Mult(alpha, vad2ChTblSh[i]))
		v.energy[i] = max(LAdd(s, MpyL16(v.energy[i], rest)), int32(vad2MinChanEnrg[v.loud]))
	}
}

// initNoise starts the noise estimate from the first frames.
func (v *vad2) initNoise(peaked bool) {
	for i, e := range v.energy {
		switch {
		case peaked || e < int32(vad2IneNoise[v.loud]):
			v.noise[i] = int32(vad2IneNoise[0])
		case v.loud == 1:
			v.noise[i] = LShr(e, vad2StateChangeShiftR[0])
		default:
			v.noise[i] = e
		}
	}
}

// measureSNR returns the SNR of this frame and updates the smoothed peak.
func (v *vad2) measureSNR(snr *[16]int16) (now int16) {
	if v.frames <= 4 || v.forced {
		v.negativeVar, v.negativeBias = 0, 0
		s := int32(0)
		for _, n := range v.noise {
			s = LAdd(s, n)
		}
		now = Sub(14320, decibel(s, vad2Fbits[0]))
		v.snr = now
		return now
	}
	s := int32(0)
	for _, r := range snr {
		e, f := Extract(LMult(r, 10885) >> 8)
		s = LAdd(s, pow2(Add(e, 3), f))
	}
	now = decibel(s, 4+3)
	if now > v.snr {
		v.snr = Round(LAdd(LMult(29491, v.snr), LMult(3277, now)))
	} else if now > Mult(20480, v.snr) {
		v.snr = Round(LAdd(LMult(32702, v.snr), LMult(66, now)))
	}
	return now
}

// trackNegative raises the threshold when the SNR is negative often.
func (v *vad2) trackNegative(now int16) {
	if now >= 0 {
		return
	}
	sq := Round(LShl(LMult(now, now), 7))
	v.negativeVar = min(Round(LAdd(LMult(32440, v.negativeVar), LMult(328, sq))), 1024)
	v.negativeBias = max(MultR(Shl(Sub(v.negativeVar, 166), 4), 24576), 0) >> 8
}

func (v *vad2) addHangover(voice bool, step int16) bool {
	if voice {
		v.burst = Add(v.burst, 1)
		if v.burst > vad2BurstcountTable[step] {
			v.hangover = vad2HangoverTable[step]
		}
		return true
	}
	v.burst = 0
	v.hangover = max(v.hangover-1, 0)
	return v.hangover > 0
}

// updateLongTerm returns how far the levels are from their long-term means, and updates those.
func (v *vad2) updateLongTerm(level *[16]int16, now int16) (deviation int16) {
	if v.frames == 1 {
		v.longTerm = *level
	} else {
		for i, l := range level {
			deviation = Add(deviation, Abs(Sub(v.longTerm[i], l)))
		}
	}
	const high, low = 29491, 22938
	alpha, rest := int16(high), int16(32768-high)
	switch d := Sub(v.snr, now); {
	case d <= 0 || v.snr <= 0:
	case d > v.snr:
		alpha, rest = low, 32768-low
	default:
		alpha = Sub(high, Mult(high-low, DivS(d, v.snr)))
		rest = Sub(32767, alpha)
	}
	for i, l := range level {
		v.longTerm[i] = Round(LAdd(LMult(rest, l), LMult(alpha, v.longTerm[i])))
	}
	return deviation
}

// updateNoise follows the noise where there is no voice, or where the spectrum has not changed for half a second.
func (v *vad2) updateNoise(metric int16, total int32, deviation int16, peaked bool) {
	update := false
	v.forced = false
	if metric <= 35 {
		if v.burst == 0 {
			update = true
			v.updates = 0
		}
	} else if total > int32(vad2NoiseFloorChan[v.loud]) && deviation < 7168 && !peaked && !v.periodic {
		v.updates = Add(v.updates, 1)
		if v.updates >= 50 {
			update = true
			v.forced = true
		}
	}
	if v.updates == v.lastUpdates {
		v.still = Add(v.still, 1)
	} else {
		v.still = 0
	}
	v.lastUpdates = v.updates
	if v.still > 6 {
		v.updates = 0
	}
	if !update {
		return
	}
	shift := int16(0)
	if v.loud == 1 {
		shift = vad2StateChangeShiftR[0]
	}
	for i, e := range v.energy {
		n := LAdd(MpyL16(LShr(e, shift), 3277), MpyL16(v.noise[i], 29491))
		v.noise[i] = max(n, int32(vad2MinChanEnrg[0]))
	}
}
