package wb

import op "github.com/gotelco/telco/amr/internal/basicop"

// ispToAz sets a to the LP coefficients of the ISPs in Q15 (TS 26.190 section 5.2.4). Where scale is set, coefficients
// that don't fit Q12 lower the Q of all of them, a[0] tells which.
func ispToAz(isp, a []int16, scale bool) {
	m := len(isp)
	nc := m / 2
	var f1, f2 [order16k/2 + 1]int32
	if m == order16k {
		ispPoly(isp, f1[:nc+1], 64)
		ispPoly(isp[1:], f2[:nc], 64)
		for i := range f1 {
			f1[i] = op.LShl(f1[i], 2)
		}
		for i := range f2 {
			f2[i] = op.LShl(f2[i], 2)
		}
	} else {
		ispPoly(isp, f1[:nc+1], 256)
		ispPoly(isp[1:], f2[:nc], 256)
	}
	for i := nc - 1; i > 1; i-- {
		f2[i] = op.LSub(f2[i], f2[i-2])
	}
	last := isp[m-1]
	for i := 0; i < nc; i++ {
		f1[i] = op.LAdd(f1[i], mpy(f1[i], last))
		f2[i] = op.LSub(f2[i], mpy(f2[i], last))
	}
	a[0] = 4096
	tmax := int32(1)
	for i := 1; i < nc; i++ {
		s, d := op.LAdd(f1[i], f2[i]), op.LSub(f1[i], f2[i])
		tmax |= op.LAbs(s) | op.LAbs(d)
		a[i], a[m-i] = int16(op.LShrR(s, 12)), int16(op.LShrR(d, 12))
	}
	var q int16
	if scale {
		q = max(0, 4-op.NormL(tmax))
	}
	if q > 0 {
		for i := 1; i < nc; i++ {
			a[i] = int16(op.LShrR(op.LAdd(f1[i], f2[i]), 12+q))
			a[m-i] = int16(op.LShrR(op.LSub(f1[i], f2[i]), 12+q))
		}
		a[0] >>= uint(q)
	}
	t := op.LAdd(f1[nc], mpy(f1[nc], last))
	a[nc] = int16(op.LShrR(t, 12+q))
	a[m] = op.ShrR(last, 3+q)
}

// mpy returns x * n for n in Q15, as the standard does in double precision.
func mpy(x int32, n int16) int32 {
	hi, lo := op.Extract(x)
	return op.Mpy32x16(hi, lo, n)
}

// ispPoly expands the product of (1 - 2 isp[2i] z^-1 + z^-2) to its first len(f) coefficients; one is 2^15 * unit.
//
// All coefficients are even: of their product with n, Mpy_32_16 takes off what a shift of the whole does. As long as none of those
// before reaches 2^29, no sum of four of them leaves 32 bits; else all is done again with saturation.
func ispPoly(isp []int16, f []int32, unit int16) {
	f[0] = int32(unit) << 15
	f[1] = -2 * int32(isp[0]) * int32(unit)
	var high int32
	for i := 2; i < len(f); i++ {
		x := int64(isp[2*i-2])
		f[i] = f[i-2]
		for j := i; j > 1; j-- {
			v := f[j] - int32(int64(f[j-1])*x>>16)<<2 + f[j-2]
			high |= v ^ v>>31
			f[j] = v
		}
		f[1] -= 2 * int32(x) * int32(unit)
	}
	if high >= 1<<29 {
		ispPolySat(isp, f, unit)
	}
}

// ispPolySat is ispPoly, step by step.
func ispPolySat(isp []int16, f []int32, unit int16) {
	f[0] = int32(unit) << 15
	f[1] = -2 * int32(isp[0]) * int32(unit)
	for i := 2; i < len(f); i++ {
		x := isp[2*i-2]
		f[i] = f[i-2]
		for j := i; j > 1; j-- {
			f[j] = op.LAdd(op.LSub(f[j], op.LShl(mpy(f[j-1], x), 1)), f[j-2])
		}
		f[1] = op.LMsu(f[1], x, unit)
	}
}

// interpolateAz sets az to the LP coefficients of the four subframes.
func interpolateAz(old, now *[order]int16, az *[4 * (order + 1)]int16) {
	for k := 0; k < 3; k++ {
		fac := interpolFrac[k]
		var isp [order]int16
		for i := range isp {
			s := op.LMult(old[i], op.MaxInt16-fac+1)
			isp[i] = op.Round(op.LMac(s, now[i], fac))
		}
		ispToAz(isp[:], az[k*(order+1):][:order+1], false)
	}
	ispToAz(now[:], az[3*(order+1):], false)
}

// ispToISF turns ISPs (cosines) into ISFs (frequencies, Q15 of 12.8 kHz), the last of half size.
func ispToISF(isp, isf *[order]int16) {
	ind := int16(127)
	for i := order - 1; i >= 0; i-- {
		if i >= order-2 {
			ind = 127
		}
		for cosIsf[ind] < isp[i] {
			ind--
		}
		t := op.LMult(op.Sub(isp[i], cosIsf[ind]), acosSlope[ind])
		isf[i] = op.Add(op.Round(op.LShl(t, 4)), ind<<7)
	}
	isf[order-1] >>= 1
}

// isfToISP is the inverse. Frequencies beyond half the sampling rate, which only damaged frames give, are cut there.
func isfToISP(isf, isp []int16) {
	m := len(isf)
	for i := range isf {
		x := isf[i]
		if i == m-1 {
			x = op.Shl(x, 1)
		}
		x = min(max(x, 0), 128<<7)
		ind, offset := x>>7, x&0x7f
		if ind == 128 {
			isp[i] = cosIsf[128]
			continue
		}
		t := int32(cosIsf[ind+1]-cosIsf[ind]) * int32(offset) << 1
		isp[i] = op.Add(cosIsf[ind], int16(t>>8))
	}
}

// interpolateISF sets isf to the frequencies of subframe k between those of the last frame and of this one.
func interpolateISF(isf []int16, old, now *[order]int16, k int) {
	fac := interpolFrac[k]
	for i := range old {
		s := op.LMult(old[i], op.MaxInt16-fac)
		isf[i] = op.Round(op.LMac(s, now[i], fac))
	}
}

// isfGap is the least distance between two ISFs, 50 Hz.
const isfGap = 128

// reorderISF keeps the ISFs at least isfGap apart.
func reorderISF(isf *[order]int16) {
	least := int16(isfGap)
	for i := range isf[:order-1] {
		isf[i] = max(isf[i], least)
		least = op.Add(isf[i], isfGap)
	}
}

// stability returns how little the ISFs moved since the last frame, Q15 (TS 26.190 section 6.5).
func stability(isf, old *[order]int16) int16 {
	var s int32
	for i := range isf[:order-1] {
		d := op.Sub(isf[i], old[i])
		s = op.LMac(s, d, d)
	}
	t := op.Mult(int16(op.LShl(s, 8)>>16), 26214)
	return max(0, op.Shl(op.Sub(20480, t), 1))
}
