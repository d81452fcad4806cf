package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// Resampling between 16 and 12.8 kHz (TS 26.190 section 5.1 and 6.4): the fractional positions of a 1/4 or 1/5 grid
// are interpolated by a windowed sinc. downPhases and upPhases hold its taps by phase.
const (
	downHalf = 15 // half the taps of a phase, down to 12.8 kHz
	upHalf   = 12 // half the taps of a phase, up to 16 kHz
)

var (
	downPhases [4][2 * downHalf]int16
	upPhases   [5][2 * upHalf]int16
	ltpPhases  [4][32]int16 // of the adaptive codebook's interpolation
)

func init() {
	for p := range downPhases {
		for i := range downPhases[p] {
			downPhases[p][i] = firDown[3-p+4*i]
		}
	}
	for p := range upPhases {
		for i := range upPhases[p] {
			upPhases[p][i] = firUp[4-p+5*i]
		}
	}
	for p := range ltpPhases {
		for i := range ltpPhases[p] {
			ltpPhases[p][i] = inter4x2[3-p+4*i]
		}
	}
}

// downSample takes y from x, which starts with downHalf-1 samples before the first position and reaches downHalf
// beyond the last: 5 samples of x make 4 of y. No phase has sum|c| above 30851, so that nothing saturates before the
// final shift: 2 * 30851 * 2^15 < 2^31.
func downSample(y, x []int16) {
	for j := range y {
		pos := 5 * j
		s := dotWrap(downPhases[pos&3][:], x[pos>>2:])
		y[j] = op.Sat((s + 0x2000) >> 14)
	}
}

// upSample takes y from x, which starts with upHalf-1 samples before the first position: 4 samples of x make 5 of y.
// Two phases have sum|c| = 37140, so that samples beyond 28900 need the saturating chain.
func upSample(y, x []int16) {
	if !firBound(x, 37140) {
		for j := range y {
			pos := 4 * j
			i := pos / 5
			var s int32
			for k, c := range &upPhases[pos-5*i] {
				s = op.LMac(s, x[i+k], c)
			}
			y[j] = op.Round(op.LShl(s, 1))
		}
		return
	}
	for j := range y {
		pos := 4 * j
		i := pos / 5
		s := dotWrap(upPhases[pos-5*i][:], x[i:])
		y[j] = op.Sat((s + 0x2000) >> 14)
	}
}

// overSample turns a subframe of 64 samples into 80.
func overSample(sig []int16, out []int16, mem *[2 * upHalf]int16) {
	var x [2*upHalf + subLen]int16
	copy(x[:], mem[:])
	copy(x[2*upHalf:], sig)
	upSample(out, x[1:])
	copy(mem[:], x[len(sig):])
}
