package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// Voice activity detection of TS 26.194.

const vadBands = 12

// Constants of the decision, named as in TS 26.194. Levels are in Q0, thresholds in Q7, factors in Q15.
const (
	vadNoiseInit    = 150
	vadNoiseMin     = 40
	vadNoiseMax     = 20000
	vadSpeechInit   = 2050
	vadPowLow       = 30000  // frames of less power are no speech
	vadPowTone      = 686080 // nor tones
	vadStatCount    = 20
	vadStatThr      = 1000
	vadStatThrLevel = 184
	vadToneThr      = 21298 // 0.65
)

// vad is the state of the detection.
type vad struct {
	background [vadBands]int16 // noise level
	average    [vadBands]int16
	last       [vadBands]int16
	sub        [vadBands]int16 // last part of the previous frame
	mem5       [5][2]int16
	mem3       [6]int16
	burst      int16
	hang       int16
	stat       int16
	reg        int16 // intermediate decisions of the last frames, the newest in bit 14
	tone       int16 // tones found in the last frames, alike
	estCount   int16
	speechMax  int16
	maxCount   int16
	speech     int16 // speech level
	lastPower  int32
}

// reset puts the detection into its home state; the stationarity counter stays, as in TS 26.173.
func (v *vad) reset() {
	stat := v.stat
	*v = vad{speech: vadSpeechInit, stat: stat}
	for i := range v.background {
		v.background[i] = vadNoiseInit
		v.average[i] = vadNoiseInit
		v.last[i] = vadNoiseInit
	}
}

// pitchGain takes note of an open-loop pitch gain: high ones tell tones.
func (v *vad) pitchGain(gain int16) {
	v.tone >>= 1
	if gain > vadToneThr {
		v.tone |= 0x4000
	}
}

// split5 splits the signal in a and b (even and odd samples) into halves of the band by two fifth-order filters.
func split5(a, b *int16, mem *[2]int16) {
	x := op.Sub(*a, op.Mult(21955, mem[0]))
	t1 := int32(op.Add(mem[0], op.Mult(21955, x)))
	mem[0] = x
	x = op.Sub(*b, op.Mult(6390, mem[1]))
	t2 := int32(op.Add(mem[1], op.Mult(6390, x)))
	mem[1] = x
	*a = int16((t1 + t2) >> 1)
	*b = int16((t1 - t2) >> 1)
}

// split3 does so by a third-order filter.
func split3(a, b *int16, mem *int16) {
	x := op.Sub(*b, op.Mult(13363, *mem))
	t := int32(op.Add(*mem, op.Mult(13363, x)))
	*mem = x
	s := int32(*a)
	*b = int16((s - t) >> 1)
	*a = int16((s + t) >> 1)
}

// level sums up the magnitudes of the samples at, at+step, ... of sig, over the frame and the end of the last one, which
// starts at sample number late.
func (v *vad) level(band int, sig *[frameLen]int16, at, step, late int, scale int16) int16 {
	var now, end int32
	n := frameLen / step
	for i := late; i < n; i++ {
		end += int32(op.Abs(sig[i*step+at])) << 1
	}
	for i := 0; i < late; i++ {
		now += int32(op.Abs(sig[i*step+at])) << 1
	}
	now += end + op.LShl(int32(v.sub[band]), 16-scale)
	v.sub[band] = int16(op.LShl(end, scale) >> 16)
	return int16(op.LShl(now, scale) >> 16)
}

// filterBank sets level to the levels of the twelve bands, the lowest first (TS 26.194 section 5.1).
func (v *vad) filterBank(in *[frameLen]int16, level *[vadBands]int16) {
	var b [frameLen]int16
	for i, s := range in {
		b[i] = s >> 1
	}
	for i := 0; i < frameLen; i += 2 {
		split5(&b[i], &b[i+1], &v.mem5[0])
	}
	for i := 0; i < frameLen; i += 4 {
		split5(&b[i], &b[i+2], &v.mem5[1])
		split5(&b[i+1], &b[i+3], &v.mem5[2])
	}
	for i := 0; i < frameLen; i += 8 {
		split5(&b[i], &b[i+4], &v.mem5[3])
		split5(&b[i+2], &b[i+6], &v.mem5[4])
		split3(&b[i+3], &b[i+7], &v.mem3[0])
	}
	for i := 0; i < frameLen; i += 16 {
		split3(&b[i], &b[i+8], &v.mem3[1])
		split3(&b[i+4], &b[i+12], &v.mem3[2])
		split3(&b[i+6], &b[i+14], &v.mem3[3])
	}
	for i := 0; i < frameLen; i += 32 {
		split3(&b[i], &b[i+16], &v.mem3[4])
		split3(&b[i+8], &b[i+24], &v.mem3[5])
	}
	level[11] = v.level(11, &b, 1, 4, 16, 14)
	level[10] = v.level(10, &b, 7, 8, 8, 15)
	level[9] = v.level(9, &b, 3, 8, 8, 15)
	level[8] = v.level(8, &b, 2, 8, 8, 15)
	level[7] = v.level(7, &b, 14, 16, 4, 16)
	level[6] = v.level(6, &b, 6, 16, 4, 16)
	level[5] = v.level(5, &b, 4, 16, 4, 16)
	level[4] = v.level(4, &b, 12, 16, 4, 16)
	level[3] = v.level(3, &b, 8, 32, 2, 17)
	level[2] = v.level(2, &b, 24, 32, 2, 17)
	level[1] = v.level(1, &b, 16, 32, 2, 17)
	level[0] = v.level(0, &b, 0, 32, 2, 17)
}

// updateStationarity steps the stationarity counter and the average levels.
func (v *vad) updateStationarity(level *[vadBands]int16) {
	switch {
	case v.tone&0x7c00 == 0x7c00, v.reg&0x7f80 == 0:
		v.stat = vadStatCount
	default:
		var rate int16
		for i, l := range level {
			num := max(l, v.average[i], vadStatThrLevel)
			den := max(min(l, v.average[i]), vadStatThrLevel)
			exp := op.NormS(den)
			q := op.DivS(num>>1, den<<uint(exp))
			rate = op.Add(rate, op.Shr(q, 8-exp))
		}
		if rate > vadStatThr {
			v.stat = vadStatCount
		} else if v.reg&0x4000 != 0 && v.stat != 0 {
			v.stat--
		}
	}
	alpha := int16(3276) // 0.1
	if v.stat == vadStatCount {
		alpha = op.MaxInt16
	} else if v.reg&0x4000 == 0 {
		alpha = 16383 // 0.5
	}
	for i, l := range level {
		v.average[i] = op.Add(v.average[i], op.MultR(alpha, op.Sub(l, v.average[i])))
	}
}

// updateNoise follows the background level (TS 26.194 section 5.3.2).
func (v *vad) updateNoise(level *[vadBands]int16) {
	v.updateStationarity(level)
	var up, down, bias int16
	switch {
	case v.reg&0x7800 == 0:
		up, down, bias = 1638, 2097, 2
	case v.stat == 0:
		up, down, bias = 491, 1867, 2
	default:
		up, down, bias = 0, 1638, 0
	}
	for i := range v.background {
		d := op.Sub(v.last[i], v.background[i])
		if d < 0 {
			n := op.Add(-2, op.Add(v.background[i], op.MultR(down, d)))
			v.background[i] = max(n, vadNoiseMin)
		} else {
			n := op.Add(bias, op.Add(v.background[i], op.MultR(up, d)))
			v.background[i] = min(n, vadNoiseMax)
		}
	}
	v.last = *level
}

// hangover returns the decision, prolonged after bursts of speech (TS 26.194 section 5.3.3).
func (v *vad) hangover(lowPower bool, hangLen, burstLen int16) bool {
	switch {
	case lowPower:
		v.burst, v.hang = 0, 0
		return false
	case v.reg&0x4000 != 0:
		v.burst = op.Add(v.burst, 1)
		if v.burst >= burstLen {
			v.hang = hangLen
		}
		return true
	}
	v.burst = 0
	if v.hang > 0 {
		v.hang--
		return true
	}
	return false
}

// ilog2 returns the logarithm of 2^30/x in Q10, coarsely.
func ilog2(x int16) int16 {
	x = max(x, 1)
	exp := op.NormS(x)
	x <<= uint(exp)
	for range 3 {
		x = op.Mult(x, x)
	}
	s := op.LMult(x, x)
	exp2 := op.NormL(s)
	x = int16(s << uint(exp2) >> 16)
	r := op.Add(op.Shl(exp+16, 10), op.Shl(exp2, 6))
	return op.Sub(op.Add(r, 127), x>>8)
}

// decide compares the bands with the background (TS 26.194 section 5.3.1).
func (v *vad) decide(level *[vadBands]int16, power int32) bool {
	const thrHigh, thrLow, thrMin = 768, 217, 204
	const spMin, spMax = -96, 96
	var snr, sum int32
	for i, l := range level {
		exp := op.NormS(v.background[i])
		q := op.DivS(l>>1, v.background[i]<<uint(exp))
		q = op.Shl(q, exp-6)
		snr = op.LMac(snr, q, q)
		if i > 0 {
			sum += int32(v.background[i])
		}
	}
	noise := int16(op.LShl(sum, 12) >> 16)
	t := op.Shl(op.Mult(noise, 4096), 3)
	v.speech = max(v.speech, t)
	logNoise := ilog2(noise)
	logSpeech := ilog2(op.Sub(v.speech, t))
	thr := op.Add(op.Mult(1509, op.Sub(logNoise, 31744)), thrHigh)
	adapt := op.Add(spMin, op.Mult(-1339, op.Sub(logSpeech, 22527)))
	thr = max(op.Add(thr, min(max(adapt, spMin), spMax)), thrMin)

	v.reg >>= 1
	if snr > op.LMult(thr, 512*vadBands) {
		v.reg |= 0x4000
	}
	v.updateNoise(level)
	hangLen := max(op.Add(op.Mult(-1110, op.Sub(thr, thrLow)), 12), 2)
	burstLen := op.Add(op.Mult(297, op.Sub(thr, thrHigh)), 8)
	return v.hangover(power < vadPowLow, hangLen, burstLen)
}

// followSpeech estimates the level of speech (TS 26.194 section 5.3.4).
func (v *vad) followSpeech(level int16) {
	if op.Sub(v.estCount, v.maxCount) > 80-25 {
		v.estCount, v.speechMax, v.maxCount = 0, 0, 0
	}
	v.estCount = op.Add(v.estCount, 1)
	if (v.reg&0x4000 == 0 && level <= v.speech) || level <= 129 {
		return
	}
	v.speechMax = max(v.speechMax, level)
	v.maxCount = op.Add(v.maxCount, 1)
	if v.maxCount < 25 {
		return
	}
	if half := v.speechMax >> 1; half > 410 {
		v.speech = op.Add(v.speech, op.MultR(4915, op.Sub(half, v.speech)))
	}
	v.estCount, v.speechMax, v.maxCount = 0, 0, 0
}

// active tells whether the frame holds speech.
func (v *vad) active(in *[frameLen]int16) bool {
	p := satPositive(2 * kernel.SumSquares(in[:]))
	power := op.LAdd(p, v.lastPower)
	v.lastPower = p
	if power < vadPowTone {
		v.tone &= 0x1fff
	}
	var level [vadBands]int16
	v.filterBank(in, &level)
	active := v.decide(&level, power)
	var sum int32
	for _, l := range level[1:] {
		sum += int32(l)
	}
	v.followSpeech(int16(op.LShl(sum, 12) >> 16))
	return active
}
