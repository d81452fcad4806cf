package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

const windowLen = 240 // samples that LP analysis looks at

// autocorr is an autocorrelation in the double-precision format, normalised to r[0].
type autocorr struct{ hi, lo [np1]int16 }

// analyse windows x and computes its autocorrelation (TS 26.090 section 5.2.1), times the lag window (section 5.2.2).
func (r *autocorr) analyse(x *[windowLen]int16, window *[windowLen]int16) {
	const lags = 16 // a few more than are needed
	var padded [windowLen + lags]int16
	y := padded[:windowLen]
	kernel.MulRound(y, x[:], window[:])
	sum := energy(y)
	for sum == MaxInt32 {
		for i := range y {
			y[i] >>= 2
		}
		sum = energy(y)
	}
	// The energy did not saturate, and no sum over products at a lag is larger (Cauchy-Schwarz), whichever part of it is
	// taken. So the sums below are exact in 32 bits in any order.
	sum = LAdd(sum, 1)
	norm := uint(NormL(sum))
	r.hi[0], r.lo[0] = Extract(sum << norm)
	var c [lags]int32
	kernel.FIR32(c[:], padded[:windowLen+lags-1], y)
	for lag := 1; lag <= order; lag++ {
		hi, lo := Extract(c[lag] << 1 << norm)
		r.hi[lag], r.lo[lag] = Extract(Mpy32(hi, lo, lagH[lag-1], lagL[lag-1]))
	}
}

// A levinson solves for the LP filter and remembers the last one, which stands in for an unstable one.
type levinson struct {
	last lpc
}

func (l *levinson) reset() { l.last = lpc{4096} }

// solve is the Levinson-Durbin recursion (TS 26.090 section 5.2.2) in double precision. Filter coefficients are Q27
// there, Q12 in the result.
func (l *levinson) solve(r *autocorr, out *lpc) {
	var a, next [np1]int32
	t := Comp(r.hi[1], r.lo[1])
	k := Div32(LAbs(t), r.hi[0], r.lo[0])
	if t > 0 {
		k = -k
	}
	kh, kl := Extract(k)
	a[1] = k >> 4
	h, lo := Extract(LSub(MaxInt32, LAbs(Mpy32(kh, kl, kh, kl))))
	alpha := Mpy32(r.hi[0], r.lo[0], h, lo)
	alphaExp := NormL(alpha)
	alphaH, alphaL := Extract(LShl(alpha, alphaExp))
	for i := 2; i <= order; i++ {
		t = 0
		for j := 1; j < i; j++ {
			ah, al := Extract(a[i-j])
			t = LAdd(t, Mpy32(r.hi[j], r.lo[j], ah, al))
		}
		t = LAdd(LShl(t, 4), Comp(r.hi[i], r.lo[i]))
		k = Div32(LAbs(t), alphaH, alphaL)
		if t > 0 {
			k = LNeg(k)
		}
		k = LShl(k, alphaExp)
		kh, kl = Extract(k)
		if Abs(kh) > 32750 {
			*out = l.last
			return
		}
		for j := 1; j < i; j++ {
			ah, al := Extract(a[i-j])
			next[j] = LAdd(Mpy32(kh, kl, ah, al), a[j]&^1)
		}
		next[i] = k >> 4
		h, lo = Extract(LSub(MaxInt32, LAbs(Mpy32(kh, kl, kh, kl))))
		alpha = Mpy32(alphaH, alphaL, h, lo)
		n := NormL(alpha)
		alphaH, alphaL = Extract(LShl(alpha, n))
		alphaExp = Add(alphaExp, n)
		a = next
	}
	out[0] = 4096
	for i := 1; i < np1; i++ {
		out[i] = Round(LShl(a[i]&^1, 1))
	}
	l.last = *out
}
