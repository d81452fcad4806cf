package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// lagRange returns the lags around that of the last subframe which a difference can express: from low below it, over width.
func lagRange(last, low, width, shortest int16) (t0Min, t0Max int16) {
	t0Min = max(last-low, shortest)
	t0Max = t0Min + width
	if t0Max > pitMax {
		t0Max = pitMax
		t0Min = t0Max - width
	}
	return t0Min, t0Max
}

// decodeLag3 decodes a lag with thirds of a sample (all modes but 12.2; TS 26.090 section 5.6.1): absolute, or within
// t0Min..t0Max, in the 4-bit form of 4.75..6.70 around last.
func decodeLag3(index int16, absolute, four bool, t0Min, t0Max, last int16) (lag, frac int16) {
	switch {
	case absolute && index < 197:
		lag = Mult(index+2, 10923) + 19
		return lag, index - 3*lag + 58
	case absolute:
		return index - 112, 0
	case !four:
		n := Mult(index+2, 10923) - 1
		return t0Min + n, index - 2 - 3*n
	}
	last = min(last, t0Min+5)
	last = max(last, t0Max-4)
	switch {
	case index < 4:
		return last - 5 + index, 0
	case index < 12:
		n := Mult(index-5, 10923) - 1
		return last + n, index - 9 - 3*n
	default:
		return last + index - 11, 0
	}
}

// decodeLag6 decodes a lag of 12.2 with sixths of a sample: absolute, or around last.
func decodeLag6(index int16, absolute bool, last int16) (lag, frac int16) {
	switch {
	case absolute && index < 463:
		lag = Mult(index+5, 5462) + 17
		return lag, index - 6*lag + 105
	case absolute:
		return index - 368, 0
	}
	t0Min, _ := lagRange(last, 5, 9, pitMinMR122)
	n := Mult(index+5, 5462) - 1
	return t0Min + n, index - 3 - 6*n
}
