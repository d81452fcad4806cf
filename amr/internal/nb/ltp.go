package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// The excitation of the past, pitMax+interpol samples, stands in front of that of the present.
const excHist = pitMax + interpol

// ltpAbsSum is the largest sum of absolute values of the 20 taps that interpolate one sample; it belongs to half a sample.
const ltpAbsSum = 61708

// predictLTP builds the adaptive codebook vector: the excitation from lag - frac/6 samples ago (frac in -3..3, or -1..1 of
// thirds if thirds), by a FIR filter (TS 26.090 section 5.6.1). exc[at:at+subLen] is written; the history
// before it is read, and where the lag is shorter than a subframe, what was just written too.
func predictLTP(exc []int16, at int, lag, frac int16, thirds bool) {
	frac = -frac
	if thirds {
		frac <<= 1
	}
	from := at - int(lag)
	if frac < 0 {
		frac += 6
		from--
	}
	c1 := inter6PredLt[frac:]
	c2 := inter6PredLt[6-frac:]
	for j := range subLen {
		x := exc[from+j-9 : from+j+11 : from+j+11]
		s := int32(0)
		for i := range 10 {
			s = LMac(s, x[9-i], c1[6*i])
			s = LMac(s, x[10+i], c2[6*i])
		}
		exc[at+j] = Round(s)
	}
}
