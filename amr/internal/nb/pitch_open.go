package nb

import (
	"slices"

	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// An openLoop finds rough pitch lags in the weighted speech (TS 26.090 section 5.4).
type openLoop struct {
	medianLag int16    // of 10.2: the lag that others are compared to
	weight    int16    // Q15, how sure it is
	weighted  bool     // whether lags around medianLag are preferred
	lags      [5]int16 // the last ones, of voiced half frames
	voiced    [2]bool  // of the half frames of 10.2
}

func (o *openLoop) reset() { *o = openLoop{medianLag: 40, lags: [5]int16{40, 40, 40, 40, 40}} }

// A pitchSearch is the weighted speech of one search, scaled, with pitMax samples of history in front, and its
// correlations by lag.
type pitchSearch struct {
	signal [pitMax + FrameLen]int16
	corr   [pitMax + 1]int32
	n      int   // samples that the search is over
	scale  int16 // right shift of the signal
	exact  bool  // no sum of products of the signal can leave 32 bits
}

// prepare scales wsp, n samples after pitMax of history, and correlates it at the lags from shortest to pitMax.
func (p *pitchSearch) prepare(wsp []int16, n int, shortest int) {
	p.n = n
	signal := p.signal[:pitMax+n]
	p.scale, p.exact = 0, true
	switch e := energy(wsp[:len(signal)]); {
	case e == MaxInt32:
		p.scale = 3
		for i, v := range wsp[:len(signal)] {
			signal[i] = v >> 3
		}
		p.exact = energy(signal) != MaxInt32
	case e < 1<<20: // no sample is beyond 724
		p.scale = -3
		for i, v := range wsp[:len(signal)] {
			signal[i] = v << 3
		}
	default:
		copy(signal, wsp)
	}
	if !p.exact {
		for lag := pitMax; lag >= shortest; lag-- {
			p.corr[lag] = p.correlate(lag)
		}
		return
	}
	const lags = 128 // from pitMax down to 16
	var c [lags]int32
	kernel.FIR32(c[:], signal[:lags+n-1], signal[pitMax:])
	for i, v := range c {
		p.corr[pitMax-i] = v << 1
	}
}

// correlate returns the L_mac chain of the signal with itself lag samples ago. Where the energy of all samples does not
// saturate, neither does any part of the sum (Cauchy-Schwarz).
func (p *pitchSearch) correlate(lag int) int32 {
	a, b := p.signal[pitMax:pitMax+p.n], p.signal[pitMax-lag:pitMax-lag+p.n]
	if p.exact {
		return kernel.Dot(a, b) << 1
	}
	s := int32(0)
	for i, v := range a {
		s = LMac(s, v, b[i])
	}
	return s
}

// delayedEnergy returns the energy of the signal lag samples ago.
func (p *pitchSearch) delayedEnergy(lag int) int32 {
	return energy(p.signal[pitMax-lag : pitMax-lag+p.n])
}

// search returns the lag with the best normalised correlation, with some preference for short ones (all modes but 10.2).
func (o *openLoop) search(e *Encoder, mode Mode, wsp []int16, n int, shortest int, last bool) int16 {
	var p pitchSearch
	p.prepare(wsp, n, shortest)
	if e.dtx && e.vad != 2 {
		e.vad1.shiftTone(mode <= MR515)
	}
	var lag [3]int16
	var gain [3]int16
	var corrMax, energyMax [3]int32
	from := pitMax
	for i := range 3 {
		to := shortest << 2 >> i
		lag[i], gain[i], corrMax[i], energyMax[i] = p.best(from, to, mode == MR122)
		from = to - 1
		if e.dtx && e.vad != 2 {
			e.vad1.detectTone(corrMax[i], energyMax[i])
		}
	}
	if last && e.dtx && e.vad != 2 {
		e.vad1.bestCorr = p.highPassed(shortest)
	}
	k := 0
	if Mult(gain[0], 27853) < gain[1] {
		k = 1
	}
	if Mult(gain[k], 27853) < gain[2] {
		k = 2
	}
	if e.dtx && e.vad == 2 {
		e.vad2.addPitch(corrMax[k], energyMax[k])
	}
	return lag[k]
}

// best returns the lag in to..from with the largest correlation, its normalised correlation, and what that is of.
func (p *pitchSearch) best(from, to int, mr122 bool) (lag, normalised int16, corr, en int32) {
	corr = slices.Max(p.corr[to : from+1])
	lag = int16(to + slices.Index(p.corr[to:from+1], corr))
	en = p.delayedEnergy(int(lag))
	inv := invSqrt(en)
	if mr122 {
		inv = LShl(inv, 1)
	}
	ch, cl := Extract(corr)
	eh, el := Extract(inv)
	g := Mpy32(ch, cl, eh, el)
	if mr122 {
		return lag, ExtractH(LShl(LShr(g, p.scale), 15)), corr, en
	}
	return lag, ExtractL(g), corr, en
}

// searchWeighted is search for 10.2, where lags near the last ones are preferred (TS 26.090 section 5.4.3).
func (o *openLoop) searchWeighted(e *Encoder, wsp []int16, half int) int16 {
	const n = FrameLen / 2
	var p pitchSearch
	p.prepare(wsp, n, pitMin)
	best, lag := int32(MinInt32), pitMax
	near := 123 + pitMax - int(o.medianLag)
	for i := pitMax; i >= pitMin; i-- {
		c := MpyL16(p.corr[i], corrweight[250-pitMax+i])
		if o.weighted {
			// A median of 144, which fractional lags can make, would want a weight before the first one for lag 20.
			c = MpyL16(c, corrweight[max(near-pitMax+i, 0)])
		}
		if c >= best {
			best, lag = c, i
		}
	}
	corr, en := p.correlate(lag), p.delayedEnergy(lag)
	if e.dtx {
		if e.vad == 2 {
			e.vad2.addPitch(corr, en)
		} else {
			e.vad1.shiftTone(false)
			e.vad1.detectTone(corr, en)
		}
	}
	o.voiced[half] = Round(LMsu(corr, Round(en), 13107)) > 0 // gain above 0.4
	if o.voiced[half] {
		copy(o.lags[1:], o.lags[:4])
		o.lags[0] = int16(lag)
		o.medianLag = median(o.lags[:])
		o.weight = MaxInt16
	} else {
		o.medianLag = int16(lag)
		o.weight = Mult(o.weight, 29491)
	}
	o.weighted = o.weight >= 9830
	if half == 1 && e.dtx && e.vad != 2 {
		e.vad1.bestCorr = p.highPassed(pitMin)
	}
	return int16(lag)
}

// highPassed returns the largest correlation of the high-passed signal, normalised (for VAD option 1).
func (p *pitchSearch) highPassed(shortest int) int16 {
	top := int32(MinInt32)
	for i := pitMax - 1; i > shortest; i-- {
		c := LSub(LSub(LShl(p.corr[i], 1), p.corr[i+1]), p.corr[i-1])
		top = max(top, LAbs(c))
	}
	e := LAbs(LSub(LShl(p.correlate(0), 1), LShl(p.correlate(1), 1)))
	s1 := NormL(top) - 1
	s2 := NormL(e)
	t, d := ExtractH(LShl(top, s1)), ExtractH(LShl(e, s2))
	if d == 0 {
		return 0
	}
	return Shr(DivS(t, d), s1-s2)
}
