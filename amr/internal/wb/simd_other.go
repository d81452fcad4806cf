//go:build !amd64 || purego

package wb

// haveSIMD is constant here, so that the calls of what follows are left out.
const haveSIMD = false

func sumSquaresAVX2(x *int16, n int) int64                            { panic("no SIMD") }
func dotAVX2(x, y *int16, n int) int32                                { panic("no SIMD") }
func maxAbsAVX2(x *int16, n int) int32                                { panic("no SIMD") }
func sumAbsAVX2(x *int16, n int) int32                                { panic("no SIMD") }
func fir16AVX2(y, x, c *int16, n, pairs int, half int32, down uint64) { panic("no SIMD") }
func fir32AVX2(y *int32, x, c *int16, n, pairs int)                   { panic("no SIMD") }
func polyphaseAVX2(y, x, c *int16, table *tapOffsets, n int)          { panic("no SIMD") }

func searchPairAVX2(dnX, dn2X, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32) {
	panic("no SIMD")
}
func searchTwoAVX2(dnX, autoX, dnY, autoY, cross *int16, best *[4]int32) { panic("no SIMD") }
func trackCorrAVX2(cor, c, sign, auto *int16)                            { panic("no SIMD") }
func signCrossAVX2(cross, signX, signY *int16)                           { panic("no SIMD") }
func addPulsesAVX2(vec, a, b *int16)                                     { panic("no SIMD") }
func crossAVX2(cross *[numTracks]crossMatrix, h, h4 *int16)              { panic("no SIMD") }
func normStepAVX2(xn, y, h *int16, e int32, energy *int64) int32         { panic("no SIMD") }
func vqDistancesAVX2(dist *int32, x, book *int16, groups, pairs int)     { panic("no SIMD") }
func synFiltAVX2(y, x *int16, taps *synTaps, n int, a0, half int32, down uint64, limit int32) int {
	panic("no SIMD")
}
func synFilt32AVX2(hi, lo, x *int16, taps *synTaps, n int, a0 int32, down uint64, limit int64) int {
	panic("no SIMD")
}
