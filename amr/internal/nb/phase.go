package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// A phaseDisperser spreads the few pulses of the fixed codebook in time, where little periodicity covers their
// sparseness (anti-sparseness processing, TS 26.090 section 6.1).
type phaseDisperser struct {
	gains    [5]int16 // last pitch gains, Q14, newest first
	strength int16    // 0: strong, 1: medium, 2: none
	codeGain int16
	locked   bool // strongest whatever the gains
	onset    int16
}

const (
	dispThr1 = 9830  // 0.6 in Q14
	dispThr2 = 14746 // 0.9
)

// disperse adds the fixed codebook contribution, dispersed as the gains ask for, to the adaptive one in exc, scaled by
// factor*2^shift. code is overwritten.
func (p *phaseDisperser) disperse(mode Mode, exc, code *[subLen]int16, codeGain, pitchGain, factor, shift int16) {
	copy(p.gains[1:], p.gains[:4])
	p.gains[0] = pitchGain
	strength := int16(2)
	if pitchGain < dispThr2 {
		strength = 0
		if pitchGain > dispThr1 {
			strength = 1
		}
	}
	if codeGain > Round(LShl(LMult(p.codeGain, 16384), 2)) {
		p.onset = 2
	} else if p.onset > 0 {
		p.onset--
	}
	if p.onset == 0 {
		low := 0
		for _, g := range p.gains {
			if g < dispThr1 {
				low++
			}
		}
		if low > 2 {
			strength = 0
		}
	}
	if strength > p.strength+1 && p.onset == 0 {
		strength--
	}
	if strength < 2 && p.onset > 0 {
		strength++
	}
	if codeGain < 10 {
		strength = 2
	}
	if p.locked {
		strength = 0
	}
	p.strength, p.codeGain = strength, codeGain

	if mode != MR122 && mode != MR102 && mode != MR74 && strength < 2 {
		impulse := &phImpMid
		switch {
		case mode == MR795 && strength == 0:
			impulse = &phImpLowMR795
		case mode == MR795:
			impulse = &phImpMidMR795
		case strength == 0:
			impulse = &phImpLow
		}
		var out codeword
		for at, pulse := range code {
			if pulse == 0 {
				continue
			}
			for i, v := range impulse[:subLen-at] {
				out[at+i] = Add(out[at+i], Mult(pulse, v))
			}
			for i, v := range impulse[subLen-at:] {
				out[i] = Add(out[i], Mult(pulse, v))
			}
		}
		*code = out
	}
	mixExcitation(exc, code, factor, codeGain, shift)
}

// mixExcitation replaces the adaptive codebook vector in exc by the total excitation, (exc*pitch + code*gain) << shift, 1 or 2.
// The gains are not negative.
func mixExcitation(exc, code *[subLen]int16, pitch, gain, shift int16) {
	kernel.Mix40(exc, code, pitch, gain, 0x4000>>shift, uint(15-shift))
}
