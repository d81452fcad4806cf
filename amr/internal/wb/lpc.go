package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// LP analysis (TS 26.190 section 5.2): windowed autocorrelation, lag window, Levinson-Durbin.

// dpf is a number in double precision: Q31, the halves apart.
type dpf struct{ hi, lo int16 }

func toDPF(x int32) dpf {
	hi, lo := op.Extract(x)
	return dpf{hi, lo}
}

func (a dpf) value() int32      { return op.Comp(a.hi, a.lo) }
func (a dpf) times(b dpf) int32 { return op.Mpy32(a.hi, a.lo, b.hi, b.lo) }

// autocorrelation sets r to the normalised autocorrelations of the 384 samples x, lag windowed.
//
// The scaling leaves room for the energy, so that it rarely saturates. Where it doesn't, no partial sum of any lag can:
// they are bounded by the energy (Cauchy and Schwarz).
func autocorrelation(x *[384]int16, r *[order + 1]dpf) {
	var y [384 + order]int16
	sum := 16<<16 + kernel.Window(y[:384], x[:], window[:])
	if shift := 4 - op.NormL(satPositive(sum))>>1; shift > 0 {
		kernel.Scale(y[:384], -shift)
	}
	e := 2*kernel.SumSquares(y[:384]) + 1
	norm := op.NormL(satPositive(e))
	r[0] = toDPF(satPositive(e) << uint(norm))
	if e <= op.MaxInt32 {
		var s [order]int32
		kernel.FIR32(s[:], y[1:], y[:384]) // zeros follow the samples
		for i, v := range s {
			r[i+1] = toDPF(v << 1 << uint(norm))
		}
	} else {
		for i := 1; i <= order; i++ {
			var s int32
			for j := 0; j < 384-i; j++ {
				s = op.LMac(s, y[j], y[j+i])
			}
			r[i] = toDPF(op.LShl(s, norm))
		}
	}
	for i := range lagH {
		r[i+1] = toDPF(r[i+1].times(dpf{lagH[i], lagL[i]}))
	}
}

// levinson sets a to the LP coefficients in Q12 of autocorrelations r. Where they aren't stable it repeats the last ones,
// which old keeps.
func levinson(r *[order + 1]dpf, a *[order + 1]int16, old *[order]int16) {
	var c, next [order + 1]dpf
	t1 := r[1].value()
	k32 := op.Div32(op.LAbs(t1), r[0].hi, r[0].lo)
	if t1 > 0 {
		k32 = op.LNeg(k32)
	}
	k := toDPF(k32)
	c[1] = toDPF(k32 >> 4)
	rest := func(k dpf) dpf { return toDPF(op.LSub(op.MaxInt32, op.LAbs(k.times(k)))) }
	t := r[0].times(rest(k))
	exp := op.NormL(t)
	alpha := toDPF(t << uint(exp))

	for i := 2; i <= order; i++ {
		t = 0
		for j := 1; j < i; j++ {
			t = op.LAdd(t, r[j].times(c[i-j]))
		}
		t = op.LAdd(op.LShl(t, 4), r[i].value())
		k32 = op.Div32(op.LAbs(t), alpha.hi, alpha.lo)
		if t > 0 {
			k32 = op.LNeg(k32)
		}
		k32 = op.LShl(k32, exp)
		k = toDPF(k32)
		if op.Abs(k.hi) > 32750 {
			a[0] = 4096
			copy(a[1:], old[:])
			return
		}
		for j := 1; j < i; j++ {
			next[j] = toDPF(op.LAdd(k.times(c[i-j]), c[j].value()))
		}
		next[i] = toDPF(k32 >> 4)
		t = alpha.times(rest(k))
		n := op.NormL(t)
		alpha = toDPF(t << uint(n))
		exp += n
		copy(c[1:i+1], next[1:i+1])
	}
	a[0] = 4096
	for i := 1; i <= order; i++ {
		a[i] = op.Round(op.LShl(c[i].value(), 1))
		old[i-1] = a[i]
	}
}
