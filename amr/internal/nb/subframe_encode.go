package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// A frameCoder codes the four subframes of a frame of speech.
type frameCoder struct {
	e        *Encoder
	mode     Mode
	openLag  [2]int16
	resonant bool
	a, aq    *[4]lpc
	speech   []int16 // with order samples of history
}

// A coding is the state of a subframe between its steps.
type coding struct {
	index     int
	xn, xn2   [subLen]int16 // target, and target of the fixed codebook
	h         response
	res       [subLen]int16 // LP residual
	y1, y2    [subLen]int16 // filtered adaptive and fixed codebook vectors
	code      codeword
	lag, frac int16
	pitchGain int16 // Q14
	codeGain  int16 // Q1
	limit     int16
	coeffs    pitchGainCoeffs

	firstPitch, firstCode int16 // of 4.75: the quantised gains of the subframe before
}

// memories are the filter states that coding a subframe changes.
type memories struct {
	syn, w0, err vec10
	sharp        int16
}

func (f *frameCoder) run(p []int16) {
	e := f.e
	m := memories{e.memSyn, e.memW0, e.memErr, e.sharp}
	if f.mode == MR475 {
		for pair := 0; pair < 4; pair += 2 {
			p = f.codePair(pair, &m, p)
		}
	} else {
		for i := range 4 {
			var c coding
			p = f.code(&c, i, &m, p)
			f.update(&c, &m)
		}
	}
	e.memSyn, e.memW0, e.memErr, e.sharp = m.syn, m.w0, m.err, m.sharp
}

// codePair codes two subframes of 4.75. Both gains are known only after the second, so the memories of the first are
// made anew then.
func (f *frameCoder) codePair(first int, m *memories, p []int16) []int16 {
	var c0, c1 coding
	trial := *m
	p = f.code(&c0, first, &trial, p)
	f.update(&c0, &trial)
	trial.sharp = m.sharp
	p = f.code(&c1, first+1, &trial, p)

	c0.pitchGain, c0.codeGain = c1.firstPitch, c1.firstCode
	f.renew(&c0)
	f.update(&c0, m)
	f.prepare(&c1, m)
	f.renew(&c1)
	f.update(&c1, m)
	return p
}

func (f *frameCoder) exc(i int) *[subLen]int16 { return (*[subLen]int16)(f.e.exc[excHist+i*subLen:]) }

// prepare makes the impulse response, the residual (which goes to the excitation, too) and the target of a subframe
// (TS 26.090 sections 5.5 and 5.6).
func (f *frameCoder) prepare(c *coding, m *memories) {
	a, aq := &f.a[c.index], &f.aq[c.index]
	gamma := &gamma1
	if f.mode >= MR102 {
		gamma = &gamma1x12k2
	}
	var ap1, ap2 lpc
	weightLPC(a, gamma, &ap1)
	weightLPC(a, &gamma2, &ap2)
	var h [subLen]int16
	copy(h[:], ap1[:])
	synthesis(aq, h[:], h[:], &vec10{})
	synthesis(&ap2, h[:], h[:], &vec10{})
	c.h.set(&h)

	residual(aq, f.speech[c.index*subLen:(c.index+1)*subLen+order], c.res[:])
	*f.exc(c.index) = c.res
	var err [order + subLen]int16
	copy(err[:], m.err[:])
	synthesis(aq, c.res[:], err[order:], &m.err)
	residual(&ap1, err[:], c.xn[:])
	synthesis(&ap2, c.xn[:], c.xn[:], &m.w0)
}

// code chooses the parameters of a subframe and appends them.
func (f *frameCoder) code(c *coding, index int, m *memories, p []int16) []int16 {
	e := f.e
	c.index = index
	f.prepare(c, m)

	exc := f.exc(index)
	var lagIndex int16
	c.lag, c.frac, lagIndex = closedLoop(f.mode, f.openLag, e.lastLag, e.exc[:], excHist+index*subLen, &c.xn, &c.h, index)
	e.lastLag = c.lag
	p = append(p, lagIndex)
	predictLTP(e.exc[:], excHist+index*subLen, c.lag, c.frac, f.mode != MR122)
	c.h.convolve(exc, &c.y1)
	p = f.limitPitchGain(c, p)

	var ltpRes [subLen]int16
	kernel.SubScaled40(&c.xn2, &c.xn, &c.y1, c.pitchGain, 14)
	kernel.SubScaled40(&ltpRes, &c.res, exc, c.pitchGain, 14)
	if e.openLoop.voiced[0] && index == 0 {
		e.openLoop.lags[1] = c.lag
	}
	if e.openLoop.voiced[1] && index == 3 {
		e.openLoop.lags[0] = c.lag
	}
	sharp := m.sharp
	if f.mode == MR122 {
		sharp = c.pitchGain
	}
	p = e.search.searchCode(f.mode, index, &c.xn2, &c.h, &ltpRes, c.lag, Shl(sharp, 1), &c.code, &c.y2, p)

	s := subframeSignals{&c.res, exc, &c.code, &c.xn, &c.xn2, &c.y1, &c.y2, c.coeffs, c.limit}
	c.pitchGain, c.codeGain, c.firstPitch, c.firstCode, p = e.gain.quantise(f.mode, &s, index&1 == 0, c.pitchGain, p)
	e.guard.update(c.pitchGain)
	return p
}

// limitPitchGain estimates the pitch gain and its limit; in 12.2 it quantises it, too.
func (f *frameCoder) limitPitchGain(c *coding, p []int16) []int16 {
	c.pitchGain = c.coeffs.estimate(f.mode, &c.xn, &c.y1)
	c.limit = MaxInt16
	clip := f.resonant && c.pitchGain > gainClip && f.e.guard.clip(c.pitchGain)
	if clip {
		c.limit = gainClip
	}
	if f.mode <= MR515 {
		c.pitchGain = min(c.pitchGain, 13926) // 0.85
		return p
	}
	if clip {
		c.pitchGain = gainClip
	}
	if f.mode == MR122 {
		index := quantisePitchGain(c.pitchGain, c.limit)
		c.pitchGain = pitchGain(MR122, index)
		p = append(p, index)
	}
	return p
}

// renew makes the adaptive codebook vector again, after the excitation before it has changed.
func (f *frameCoder) renew(c *coding) {
	predictLTP(f.e.exc[:], excHist+c.index*subLen, c.lag, c.frac, true)
	c.h.convolve(f.exc(c.index), &c.y1)
}

// update makes the excitation and the memories for the next subframe.
func (f *frameCoder) update(c *coding, m *memories) {
	factor, shift, codeShift := c.pitchGain, int16(1), int16(2)
	if f.mode == MR122 {
		factor, shift, codeShift = c.pitchGain>>1, 2, 4
	}
	m.sharp = min(c.pitchGain, sharpMax)
	exc := f.exc(c.index)
	mixExcitation(exc, &c.code, factor, c.codeGain, shift)
	var synth [subLen]int16
	synthesis(&f.aq[c.index], exc[:], synth[:], &m.syn)
	copy(m.syn[:], synth[subLen-order:])
	speech := f.speech[order+c.index*subLen:]
	for j := range order {
		i := subLen - order + j
		m.err[j] = Sub(speech[i], synth[i])
		y1 := ExtractH(LShl(LMult(c.y1[i], c.pitchGain), 1))
		y2 := ExtractH(LShl(LMult(c.y2[i], c.codeGain), codeShift))
		m.w0[j] = Sub(c.xn[i], Add(y1, y2))
	}
}
