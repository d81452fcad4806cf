package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// Resampling between 16 and 12.8 kHz (TS 26.190 section 5.1 and 6.4): positions on a grid of 1/4 or 1/5 sample are
// interpolated by a windowed sinc.
const (
	downHalf = 15 // half the taps of a position, down to 12.8 kHz
	upHalf   = 12 // half the taps of a position, up to 16 kHz
)

// The taps by phase, filled up with zeros, and which samples and taps make which output.
var (
	downPhases [4][32]int16
	upPhases   [5][32]int16
	ltpPhases  [4][32]int16 // of the adaptive codebook's interpolation

	downTable [frameLen + filtDelay]kernel.Phase
	upTable   [subLen16k]kernel.Phase
)

func init() {
	for p := range downPhases {
		for i := range 2 * downHalf {
			downPhases[p][i] = firDown[3-p+4*i]
		}
	}
	for p := range upPhases {
		for i := range 2 * upHalf {
			upPhases[p][i] = firUp[4-p+5*i]
		}
	}
	for p := range ltpPhases {
		for i := range ltpPhases[p] {
			ltpPhases[p][i] = inter4x2[3-p+4*i]
		}
	}
	for j := range downTable { // five samples make four
		pos := uint32(5 * j)
		downTable[j] = kernel.Phase{X: pos / 4 * 2, C: pos % 4 * 64}
	}
	for j := range upTable { // four samples make five
		pos := uint32(4 * j)
		upTable[j] = kernel.Phase{X: pos / 5 * 2, C: pos % 5 * 64}
	}
}

// downSample takes y from x, which starts with downHalf-1 samples before the first position and should reach two beyond
// the last taps. No phase has sum|c| above 30851, so that nothing saturates before the final shift: 2 * 30851 * 2^15 is
// below 2^31 - 2^15.
func downSample(y, x []int16) {
	kernel.Polyphase(y, x, downPhases[:], downTable[:])
}

// overSample turns a subframe of 64 samples into 80. Two phases have sum|c| = 37140, so that samples beyond 28900 need
// the saturating chain.
func overSample(sig []int16, out []int16, mem *[2 * upHalf]int16) {
	var x [2*upHalf + subLen + 8]int16
	copy(x[:], mem[:])
	copy(x[2*upHalf:], sig)
	copy(mem[:], x[len(sig):])
	if kernel.WithinSum(x[:], 37140) {
		kernel.Polyphase(out, x[1:], upPhases[:], upTable[:])
		return
	}
	for j := range out {
		t := upTable[j]
		var s int32
		for k, c := range upPhases[t.C/64][:2*upHalf] {
			s = op.LMac(s, x[1+int(t.X/2)+k], c)
		}
		out[j] = op.Round(op.LShl(s, 1))
	}
}
