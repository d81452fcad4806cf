package wb

import (
	op "github.com/gotelco/telco/amr/internal/basicop"
	"github.com/gotelco/telco/amr/internal/kernel"
)

// Open-loop pitch analysis on the weighted speech at 6.4 kHz (TS 26.190 section 5.4).

const (
	olMin = pitMin / 2 // lags at 6.4 kHz
	olMax = pitMax / 2
)

// openLoop is the memory of the open-loop analysis.
type openLoop struct {
	median int16 // of the last lags in voiced sound
	gain   int16 // normalised correlation at the lag
	adapt  int16 // how much the last lags count
	weigh  bool  // favour lags close to the median
	lags   [5]int16
	hp     [olMax + frameLen/2]int16 // high-pass filtered weighted speech
	y3     dpf                       // memory of that filter
	y2, y1 dpf
	x0, x1 int16
	x2     int16
}

func (o *openLoop) reset() {
	*o = openLoop{median: 40, lags: [5]int16{40, 40, 40, 40, 40}}
}

// rescale multiplies the memory by 2^exp.
func (o *openLoop) rescale(exp int16) {
	kernel.Scale(o.hp[:olMax], exp)
	for _, y := range []*dpf{&o.y3, &o.y2, &o.y1} {
		*y = toDPF(op.LShl(y.value(), exp))
	}
	for _, x := range []*int16{&o.x0, &o.x1, &o.x2} {
		*x = op.Round(op.LShl(int32(*x)<<16, exp))
	}
}

// highPass filters wsp to hp.
func (o *openLoop) highPass(wsp, hp []int16) {
	const a1, a2, a3 = 21663, -19258, 5734
	const b0, b1, b2, b3 = -3432, 10280, -10280, 3432
	x0, x1, x2 := o.x0, o.x1, o.x2
	// With inputs up to 22500, those terms and that of y3 reach 1.61e9. So where a sum saturates before them, it ends above
	// 2^29, and the shift by 2 saturates with it as with the exact one.
	if max(kernel.MaxAbs(wsp), kernel.MaxAbs([]int16{x0, x1, x2})) < 22500 {
		whole := func(y dpf) int64 { return int64(y.hi)<<15 + int64(y.lo) }
		split := func(y int64) dpf { return dpf{int16(y >> 15), int16(y & 0x7fff)} }
		y3, y2, y1 := whole(o.y3), whole(o.y2), whole(o.y1)
		for i, v := range wsp {
			x3 := x2
			x2 = x1
			x1 = x0
			x0 = v
			s := (y3*(2*a3) + y2*(2*a2) + 0x4000 + y1*(2*a1)) >> 15
			s += int64(int32(x0)-int32(x3))*(2*b0) + int64(int32(x1)-int32(x2))*(2*b1)
			s = int64(op.LSat(s << 2))
			y3, y2 = y2, y1
			y1 = s >> 1
			hp[i] = op.Sat(int32((s + 1<<14) >> 15))
		}
		o.y3, o.y2, o.y1 = split(y3), split(y2), split(y1)
		o.x0, o.x1, o.x2 = x0, x1, x2
		return
	}
	y3, y2, y1 := o.y3, o.y2, o.y1
	for i, v := range wsp {
		x3 := x2
		x2 = x1
		x1 = x0
		x0 = v
		// The low halves are 0 to 32767: no partial sum is beyond 1.8e9.
		s := (0x4000 + int32(y1.lo)*(2*a1) + int32(y2.lo)*(2*a2) + int32(y3.lo)*(2*a3)) >> 15
		s += int32(y1.hi) * (2 * a1)
		s = op.LAdd(s, int32(y2.hi)*(2*a2))
		s = op.LAdd(s, int32(y3.hi)*(2*a3))
		s = op.LAdd(s, int32(x0)*(2*b0))
		s = op.LAdd(s, int32(x1)*(2*b1))
		s = op.LAdd(s, int32(x2)*(2*b2))
		s = op.LAdd(s, int32(x3)*(2*b3))
		s = op.LShl(s, 2)
		y3, y2 = y2, y1
		y1 = toDPF(s)
		hp[i] = op.Round(op.LShl(s, 1))
	}
	o.y3, o.y2, o.y1 = y3, y2, y1
	o.x0, o.x1, o.x2 = x0, x1, x2
}

// search returns the lag of the n samples buf[at:], by the weighted correlation with the past of buf.
func (o *openLoop) search(buf []int16, at, n int) int16 {
	wsp := buf[at : at+n]
	const lags = olMax - olMin
	var corr [lags + 2]int32 // from the largest lag down
	past := buf[at-olMax : at+n]
	if kernel.WithinSum(past, kernel.SumAbs(wsp)) {
		kernel.FIR32(corr[:lags], past, wsp)
		for i := range corr {
			corr[i] <<= 1
		}
	} else {
		for i := range corr[:lags] {
			for j, v := range wsp {
				corr[i] = op.LMac(corr[i], v, past[i+j])
			}
		}
	}
	best := int32(op.MinInt32)
	lag := int16(0)
	weigh := o.median > 0 && o.weigh
	for i, r := range corr[:lags] {
		r = mpy(r, corrweight[198-i])
		if weigh {
			r = mpy(r, corrweight[98+olMax-int(o.median)-i])
		}
		if r >= best {
			best, lag = r, int16(olMax-i)
		}
	}

	hp := o.hp[olMax:][:n]
	o.highPass(wsp, hp)
	old := o.hp[olMax-int(lag):][:n]
	r0, exp0 := normDot0(hp, old)
	r1, exp1 := normEnergyRound(old)
	r2, exp2 := normEnergyRound(hp)
	r := op.LMult(r1, r2)
	k := op.NormL(r)
	r = op.LShl(r, k)
	r, expR := isqrtNorm(r, 62-(exp1+exp2+k))
	o.gain = op.Round(op.LShl(op.LMult(r0, op.Round(r)), 31-exp0+expR))
	copy(o.hp[:olMax], o.hp[n:])
	return lag
}

// normDot0 returns 2 * sum(x*y), normalised and rounded, and the shift.
func normDot0(x, y []int16) (r, exp int16) {
	s := dotSat(0, x, y)
	exp = op.NormL(s)
	return op.Round(s << uint(exp)), exp
}

func normEnergyRound(x []int16) (r, exp int16) {
	s := energy(x)
	exp = op.NormL(s)
	return op.Round(s << uint(exp)), exp
}

// follow updates what the next search favours.
func (o *openLoop) follow(lag int16) {
	if o.gain > 19661 { // Q15 0.6
		copy(o.lags[1:], o.lags[:4])
		o.lags[0] = lag
		o.median = median5(&o.lags)
		o.adapt = op.MaxInt16
	} else {
		o.adapt = op.Mult(o.adapt, 29491)
	}
	o.weigh = o.adapt >= 26214
}

// decimate2 low-pass filters x and keeps every second sample, in its first half. mem holds the last three samples.
func decimate2(x []int16, mem *[3]int16) {
	var b [3 + frameLen]int16
	copy(b[:], mem[:])
	n := copy(b[3:], x)
	copy(mem[:], x[n-3:n])
	// The coefficients sum up to 2^15 - 1: nothing saturates.
	for j := range x[:n/2] {
		i := 2 * j
		s := (int32(b[i])+int32(b[i+4]))*4260 + (int32(b[i+1])+int32(b[i+3]))*7536 + int32(b[i+2])*9175
		x[j] = op.Sat((s + 0x4000) >> 15)
	}
}
