package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// A vad1 is voice activity detection option 1 (TS 26.094 section 3): levels in nine bands against an estimate of the
// background noise. Its registers hold the decisions of the last 15 frames, the newest in bit 14.
type vad1 struct {
	noise, average, last, partial [9]int16 // levels by band: background, smoothed, of the last frame, of its end

	data5 [3][2]int16 // of the filter bank
	data3 [5]int16

	burst, hang, stationary int16
	decisions, pitch, tone  int16 // registers

	complexHigh, complexLow   int16 // registers
	complexHang, complexTimer int16
	bestCorr, smoothedCorr    int16 // of the high-passed signal, for complex signals like music
	complexWarning            bool
	lag                       int16
	steadyLags                int16
}

func (v *vad1) reset() {
	*v = vad1{bestCorr: 13106, smoothedCorr: 13106}
	for i := range 9 {
		v.noise[i], v.last[i], v.average[i] = 150, 150, 150
	}
}

const newest = 0x4000

// shiftTone makes room in the tone register for a search of half a frame, or for that of a whole frame.
func (v *vad1) shiftTone(whole bool) {
	v.tone >>= 1
	if whole {
		v.tone = v.tone>>1 | 0x2000
	}
}

// detectTone marks a tone where the pitch correlation comes near the energy.
func (v *vad1) detectTone(corr, energy int32) {
	if e := Round(energy); e > 0 && LMsu(corr, e, 21298) > 0 {
		v.tone |= newest
	}
}

// detectPitch marks voice where the lags are steady.
func (v *vad1) detectPitch(lags [2]int16) {
	n := int16(0)
	for _, l := range lags {
		if Abs(v.lag-l) < 4 {
			n++
		}
		v.lag = l
	}
	v.pitch >>= 1
	if v.steadyLags+n >= 4 {
		v.pitch |= newest
	}
	v.steadyLags = n
}

// decide tells whether there is voice. in is the frame, after 40 samples of the last one.
func (v *vad1) decide(in []int16) bool {
	pow := energy(in[:FrameLen])
	if pow < 343040 {
		v.pitch &= 0x3fff
	}
	if pow < 15000 {
		v.complexLow &= 0x3fff
	}
	level := v.levels((*[FrameLen]int16)(in[40:]))

	sum := int32(0) // of the squared ratios of level to background
	background := int32(0)
	for i, n := range v.noise {
		exp := NormS(n)
		r := Shl(DivS(level[i]>>1, Shl(n, exp)), exp-5)
		sum = LMac(sum, r, r)
		background += int32(n)
	}
	snr := Mult(ExtractH(LShl(sum, 6)), 3641) // a ninth
	noise := ExtractH(LShl(background, 13))
	threshold := max(Add(Mult(-2808, noise), 1260), 720)
	v.decisions >>= 1
	if snr > threshold {
		v.decisions |= newest
	}
	quiet := pow < 15000
	v.adaptComplex(quiet)
	v.complexWarning = v.detectComplex(quiet)
	v.updateNoise(&level)
	return v.addHangover(noise, quiet)
}

// levels splits the frame into nine bands, from 0..250 Hz up to 3..4 kHz, and returns the level of each.
func (v *vad1) levels(in *[FrameLen]int16) (level [9]int16) {
	const c1, c2 = 21955, 6390
	var b [FrameLen]int16
	x0, x1 := v.data5[0][0], v.data5[0][1]
	for i := 0; i < FrameLen; i += 2 {
		t0 := Sub(in[i]>>2, Mult(c1, x0))
		a0 := Add(x0, Mult(c1, t0))
		t1 := Sub(in[i+1]>>2, Mult(c2, x1))
		a1 := Add(x1, Mult(c2, t1))
		x0, x1 = t0, t1
		b[i], b[i+1] = Add(a0, a1), Sub(a0, a1)
	}
	v.data5[0] = [2]int16{x0, x1}
	for i := 0; i < FrameLen; i += 4 {
		split5(&b[i], &b[i+2], &v.data5[1])
		split5(&b[i+1], &b[i+3], &v.data5[2])
	}
	for i := 0; i < FrameLen; i += 8 {
		split3(&b[i], &b[i+4], &v.data3[0])
		split3(&b[i+2], &b[i+6], &v.data3[1])
		split3(&b[i+3], &b[i+7], &v.data3[4])
	}
	for i := 0; i < FrameLen; i += 16 {
		split3(&b[i], &b[i+8], &v.data3[2])
		split3(&b[i+4], &b[i+12], &v.data3[3])
	}
	for i, band := range [9]struct{ step, first, scale int }{
		{16, 0, 16}, {16, 8, 16}, {16, 12, 16}, {16, 4, 16}, {8, 6, 16}, {8, 2, 16}, {8, 3, 16}, {8, 7, 16}, {4, 1, 15},
	} {
		level[i] = bandLevel(&b, &v.partial[i], band.step, band.first, int16(band.scale))
	}
	return level
}

// split5 is a fifth-order quadrature filter: in0 gets the lower, in1 the upper half band.
func split5(in0, in1 *int16, data *[2]int16) {
	t := Sub(*in0, Mult(21955, data[0]))
	a0 := Add(data[0], Mult(21955, t))
	data[0] = t
	t = Sub(*in1, Mult(6390, data[1]))
	a1 := Add(data[1], Mult(6390, t))
	data[1] = t
	*in0 = Add(a0, a1) >> 1
	*in1 = Sub(a0, a1) >> 1
}

// split3 is a third-order quadrature filter.
func split3(in0, in1 *int16, data *int16) {
	t := Sub(*in1, Mult(13363, *data))
	a := Add(*data, Mult(13363, t))
	*data = t
	*in1 = Sub(*in0, a) >> 1
	*in0 = Add(*in0, a) >> 1
}

// bandLevel sums the magnitudes of every step-th sample of b from first, over a frame that lags behind by an eighth to a
// fifth: partial carries the sum over the end of this one.
func bandLevel(b *[FrameLen]int16, partial *int16, step, first int, scale int16) int16 {
	n := FrameLen / step
	split := n - 32/step
	end := int32(0)
	for i := split; i < n; i++ {
		end = LAdd(end, int32(Abs(b[step*i+first]))<<1)
	}
	s := LAdd(end, LShl(int32(*partial), 16-scale))
	*partial = ExtractH(LShl(end, scale))
	for i := range split {
		s = LAdd(s, int32(Abs(b[step*i+first]))<<1)
	}
	return ExtractH(LShl(s, scale))
}

// adaptComplex smooths the correlation.
func (v *vad1) adaptComplex(quiet bool) {
	alpha := int16(2621)
	if v.smoothedCorr >= 19660 {
		alpha = 655
		if v.bestCorr < v.smoothedCorr {
			alpha = 6553
		}
	}
	s := LMsu(DepositH(v.smoothedCorr), alpha, v.smoothedCorr)
	v.smoothedCorr = max(Round(LMac(s, alpha, v.bestCorr)), 13106)
	if quiet {
		v.smoothedCorr = 13106
	}
}

// detectComplex tells whether the signal has been correlated for long.
func (v *vad1) detectComplex(quiet bool) bool {
	v.complexHigh >>= 1
	v.complexLow >>= 1
	if !quiet {
		if v.smoothedCorr > 19660 {
			v.complexHigh |= newest
		}
		if v.smoothedCorr > 16383 {
			v.complexLow |= newest
		}
	}
	if v.smoothedCorr > 22936 {
		v.complexTimer = Add(v.complexTimer, 1)
	} else {
		v.complexTimer = 0
	}
	return v.complexHigh&0x7f80 == 0x7f80 || v.complexLow&0x7fff == 0x7fff
}

// measureStationarity counts down while the levels are like their average, and updates that.
func (v *vad1) measureStationarity(level *[9]int16) {
	const full = 20
	if v.complexWarning {
		v.stationary = max(v.stationary, 5)
	}
	if v.pitch&0x6000 == 0x6000 || v.tone&0x7c00 == 0x7c00 || v.decisions&0x7f80 == 0 {
		v.stationary = full
	} else {
		ratio := int16(0)
		for i, l := range level {
			num, den := max(l, v.average[i], 184), max(min(l, v.average[i]), 184)
			exp := NormS(den)
			ratio = Add(ratio, Shr(DivS(num>>1, Shl(den, exp)), 8-exp))
		}
		if ratio > 1000 {
			v.stationary = full
		} else if v.decisions&newest != 0 && v.stationary != 0 {
			v.stationary--
		}
	}
	alpha := int16(3276)
	if v.stationary == full {
		alpha = 32767
	} else if v.decisions&newest == 0 {
		alpha = 16383
	}
	for i, l := range level {
		v.average[i] = Add(v.average[i], MultR(alpha, Sub(l, v.average[i])))
	}
}

// updateNoise moves the background estimate towards the levels of the last frame.
func (v *vad1) updateNoise(level *[9]int16) {
	v.measureStationarity(level)
	up, down, step := int16(0), int16(1638), int16(0)
	switch {
	case v.decisions&0x7800 == 0 && v.pitch&0x7800 == 0 && v.complexHang == 0:
		up, down, step = 1638, 2097, 2
	case v.stationary == 0 && v.complexHang == 0:
		up, down, step = 491, 1867, 2
	}
	for i, n := range v.noise {
		if d := Sub(v.last[i], n); d < 0 {
			n = max(Add(-2, Add(n, MultR(down, d))), 40)
		} else {
			n = min(Add(step, Add(n, MultR(up, d))), 16000)
		}
		v.noise[i] = n
	}
	v.last = *level
}

// addHangover stretches the decision.
func (v *vad1) addHangover(noise int16, quiet bool) bool {
	burst, hang := int16(5), int16(4)
	if noise > 100 {
		burst, hang = 4, 7
	}
	if quiet {
		v.burst, v.hang, v.complexHang, v.complexTimer = 0, 0, 0, 0
		return false
	}
	if v.complexTimer > 100 {
		v.complexHang = max(v.complexHang, 250)
	}
	if v.complexHang != 0 {
		v.burst = 4
		v.complexHang--
		return true
	}
	if v.decisions&0x3ff0 == 0 && v.smoothedCorr > 21298 {
		return true
	}
	if v.decisions&newest != 0 {
		v.burst = Add(v.burst, 1)
		if v.burst >= burst {
			v.hang = hang
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
