package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// The excitation of the past, pitMax+interpol samples, stands in front of that of the present.
const excHist = pitMax + interpol

// ltpTaps are the taps that interpolate at each sixth of a sample, over 20 samples.
var ltpTaps = func() (taps [6][20]int16) {
	for frac := range 6 {
		for i := range 10 {
			taps[frac][9-i] = inter6PredLt[frac+6*i]
			taps[frac][10+i] = inter6PredLt[6-frac+6*i]
		}
	}
	return taps
}()

// ltpBound is a magnitude of the excitation that no sum with the taps can saturate at: the sum of the magnitudes of the taps
// is at most 61708 (half a sample), and 2*61708*17390 < 2^31 - 2^15.
const ltpBound = 17390

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
	taps := &ltpTaps[frac]
	// Blocks of samples that do not reach into themselves are filtered at once, in room for more of them.
	const reach = 10
	if back := at - from - reach; back >= 8 && kernel.MaxAbs(exc[from-9:at]) <= ltpBound {
		var out [48]int16
		var in [48 + 19]int16
		step, width := min(back, 16), 16
		if back >= subLen {
			step, width = subLen, 48
		}
		for j := 0; j < subLen; j += step {
			n := copy(in[:width+19], exc[from-9+j:])
			clear(in[n:])
			kernel.FIR16(out[:width], in[:width+19], taps[:], 0x4000, 15)
			n = copy(exc[at+j:at+subLen], out[:step])
			if j+step < subLen && kernel.MaxAbs(out[:n]) > ltpBound {
				predictSat(exc, at, from, j+step, taps)
				return
			}
		}
		return
	}
	predictSat(exc, at, from, 0, taps)
}

// predictSat does the same with saturation at each step, from sample j on.
func predictSat(exc []int16, at, from, j int, taps *[20]int16) {
	for ; j < subLen; j++ {
		x := exc[from+j-9 : from+j+11 : from+j+11]
		s := int32(0)
		for i := range 10 {
			s = LMac(s, x[9-i], taps[9-i])
			s = LMac(s, x[10+i], taps[10+i])
		}
		exc[at+j] = Round(s)
	}
}
