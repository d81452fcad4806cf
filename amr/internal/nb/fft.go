package nb

import (
	"math/bits"

	. "github.com/gotelco/telco/amr/internal/basicop"
)

// realFFT transforms 128 real samples in place into 64 complex bins, of which the real part of bin 64 stands in place of the
// imaginary one of bin 0; the result is scaled by 1/64 (for VAD option 2).
func realFFT(x *[128]int16) {
	complexFFT(x)
	re, im := x[0], x[1]
	x[0], x[1] = Add(re, im), Sub(re, im)
	phase := &vad2FftPhsTbl
	for i := 2; i <= 64; i += 2 {
		j := 128 - i
		evenRe, evenIm := Add(x[i], x[j]), Sub(x[i+1], x[j+1])
		oddRe, oddIm := Add(x[i+1], x[j+1]), Sub(x[j], x[i])
		half := func(s int32) int16 { return Round(s >> 1) }
		re, im := DepositH(evenRe), DepositH(evenIm)
		s := LMsu(LMac(re, oddRe, phase[i]), oddIm, phase[i+1])
		t := LMac(LMac(im, oddIm, phase[i]), oddRe, phase[i+1])
		u := LMac(LMac(re, oddRe, phase[j]), oddIm, phase[j+1])
		w := LMac(LMsu(LNeg(im), oddIm, phase[j]), oddRe, phase[j+1])
		x[i], x[i+1] = half(s), half(t)
		x[j], x[j+1] = half(u), half(w)
	}
}

// complexFFT transforms 64 complex numbers in place, halving at each of the six stages.
func complexFFT(x *[128]int16) {
	for i := range 64 {
		if j := int(bits.Reverse8(uint8(i)) >> 2); j > i {
			x[2*i], x[2*j] = x[2*j], x[2*i]
			x[2*i+1], x[2*j+1] = x[2*j+1], x[2*i+1]
		}
	}
	for stage := range 6 {
		span := 2 << stage
		for j := 0; j < span; j += 2 {
			c, s := vad2FftPhsTbl[j*(64>>stage)], vad2FftPhsTbl[j*(64>>stage)+1]
			for k := j; k < 128; k += 2 * span {
				a, b := x[k:k+2:k+2], x[k+span:k+span+2:k+span+2]
				re := Round(LMsu(LMult(b[0], c), b[1], s))
				im := Round(LMac(LMult(b[1], c), b[0], s))
				b[0], b[1] = Sub(a[0], re)>>1, Sub(a[1], im)>>1
				a[0], a[1] = Add(a[0], re)>>1, Add(a[1], im)>>1
			}
		}
	}
}
