package nb

import (
	. "github.com/gotelco/telco/amr/internal/basicop"
)

// lsfToLSP returns cos(2*pi*lsf) of each LSF by interpolation in a table of 64 steps (TS 26.090 section 5.2.4). An LSF
// beyond half the sampling rate, which only a damaged frame can ask for, counts as half the sampling rate.
func lsfToLSP(lsf *vec10) (lsp vec10) {
	for i, f := range lsf {
		k := int(f >> 8)
		if uint(k) > 63 {
			lsp[i] = cosLsf[64]
			continue
		}
		lsp[i] = cosLsf[k] + int16(int32(cosLsf[k+1]-cosLsf[k])*int32(f&0xff)>>8)
	}
	return lsp
}

// lspToLSF is the inverse of lsfToLSP; the LSPs fall.
func lspToLSF(lsp *vec10) (lsf vec10) {
	k := 63
	for i := order - 1; i >= 0; i-- {
		for k > 0 && cosLsf[k] < lsp[i] {
			k--
		}
		d := LMult(Sub(lsp[i], cosLsf[k]), acosSlope[k])
		lsf[i] = Add(Round(LShl(d, 3)), int16(k<<8))
	}
	return lsf
}

// reorder raises LSFs so that neighbours are at least lsfGap apart, which keeps the synthesis filter stable.
func reorder(lsf *vec10) {
	least := int16(lsfGap)
	for i := range lsf {
		lsf[i] = max(lsf[i], least)
		least = Add(lsf[i], lsfGap)
	}
}

// lspPolynomial multiplies out the factors 1 - 2*q*z + z^2 for every second LSP q from the first one, in Q24; only the
// first half of the symmetric result is kept (TS 26.090 section 5.2.4).
func lspPolynomial(lsp *vec10, first int) (f [6]int32) {
	f[0] = 1 << 24
	f[1] = -int32(lsp[first]) << 10
	for i := 2; i <= 5; i++ {
		q := lsp[first+2*(i-1)]
		f[i] = f[i-2]
		for j := i; j > 1; j-- {
			hi, lo := Extract(f[j-1])
			f[j] = LSub(LAdd(f[j], f[j-2]), LShl(Mpy32x16(hi, lo, q), 1))
		}
		f[1] = LMsu(f[1], q, 512)
	}
	return f
}

// lspToLPC returns the prediction filter of a set of LSPs.
func lspToLPC(lsp *vec10, a *lpc) {
	f1 := lspPolynomial(lsp, 0)
	f2 := lspPolynomial(lsp, 1)
	for i := 5; i > 0; i-- {
		f1[i] = LAdd(f1[i], f1[i-1]) // times 1 + z
		f2[i] = LSub(f2[i], f2[i-1]) // times 1 - z
	}
	a[0] = 4096
	for i := 1; i <= 5; i++ {
		a[i] = ExtractL(LShrR(LAdd(f1[i], f2[i]), 13))
		a[np1-i] = ExtractL(LShrR(LSub(f1[i], f2[i]), 13))
	}
}

// mixLSP returns a*(1-1/4) + b/4.
func mixLSP(a, b *vec10) (m vec10) {
	for i := range m {
		m[i] = Add(b[i]>>2, Sub(a[i], a[i]>>2))
	}
	return m
}

// meanLSP returns a/2 + b/2.
func meanLSP(a, b *vec10) (m vec10) {
	for i := range m {
		m[i] = a[i]>>1 + b[i]>>1
	}
	return m
}

// interpolateLPC returns the filters of the four subframes between the LSPs of the last frame and of this one, where
// one set a frame is sent (all modes but 12.2; TS 26.090 section 5.2.6). The last one is lspNew's.
func interpolateLPC(lspOld, lspNew *vec10, a *[4]lpc) {
	interpolateLPCOpen(lspOld, lspNew, a)
	lspToLPC(lspNew, &a[3])
}

// interpolateLPCOpen is interpolateLPC without the last subframe.
func interpolateLPCOpen(lspOld, lspNew *vec10, a *[4]lpc) {
	lsp := mixLSP(lspOld, lspNew)
	lspToLPC(&lsp, &a[0])
	lsp = meanLSP(lspOld, lspNew)
	lspToLPC(&lsp, &a[1])
	lsp = mixLSP(lspNew, lspOld)
	lspToLPC(&lsp, &a[2])
}

// interpolateLPC2 is interpolateLPC for 12.2, which sends two sets a frame: those of subframes 2 and 4.
func interpolateLPC2(lspOld, lspMid, lspNew *vec10, a *[4]lpc) {
	interpolateLPC2Open(lspOld, lspMid, lspNew, a)
	lspToLPC(lspMid, &a[1])
	lspToLPC(lspNew, &a[3])
}

// interpolateLPC2Open is interpolateLPC2 without subframes 2 and 4.
func interpolateLPC2Open(lspOld, lspMid, lspNew *vec10, a *[4]lpc) {
	lsp := meanLSP(lspMid, lspOld)
	lspToLPC(&lsp, &a[0])
	lsp = meanLSP(lspMid, lspNew)
	lspToLPC(&lsp, &a[2])
}
