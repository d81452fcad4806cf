package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

const gainClip = 15565 // Q14 0.95

// A resonanceGuard keeps the pitch gain down where the LSPs show a resonance for long, so that errors in the channel
// cannot build up in the adaptive codebook (TS 26.090 section 5.6.2).
type resonanceGuard struct {
	count int16
	gains [7]int16 // of the last subframes, Q11
}

// resonant tells whether some LSPs have been close to one another for 12 frames.
func (r *resonanceGuard) resonant(lsp *vec10) bool {
	high, low := int16(MaxInt16), int16(MaxInt16)
	for i := 3; i < order-2; i++ {
		high = min(high, Sub(lsp[i], lsp[i+1]))
	}
	for i := 1; i < 3; i++ {
		low = min(low, Sub(lsp[i], lsp[i+1]))
	}
	threshold := int16(1100)
	switch {
	case lsp[1] > 32000:
		threshold = 600
	case lsp[1] > 30500:
		threshold = 800
	}
	if high < 1500 || low < threshold {
		r.count = min(r.count+1, 12)
	} else {
		r.count = 0
	}
	return r.count == 12
}

// clip tells whether gain, with those of the last subframes, is too much.
func (r *resonanceGuard) clip(gain int16) bool {
	sum := gain >> 3
	for _, g := range r.gains {
		sum = Add(sum, g)
	}
	return sum > gainClip
}

func (r *resonanceGuard) update(gain int16) {
	copy(r.gains[:], r.gains[1:])
	r.gains[6] = gain >> 3
}
