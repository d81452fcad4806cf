//go:build !purego

package wb

import "golang.org/x/sys/cpu"

// haveSIMD tells whether the AVX2 kernels can be used; they shift by BMI2 instructions.
var haveSIMD = cpu.X86.HasAVX2 && cpu.X86.HasBMI2

//go:noescape
func sumSquaresAVX2(x *int16, n int) int64

//go:noescape
func dotAVX2(x, y *int16, n int) int32

//go:noescape
func maxAbsAVX2(x *int16, n int) int32

//go:noescape
func sumAbsAVX2(x *int16, n int) int32

//go:noescape
func fir16AVX2(y, x, c *int16, n, pairs int, half int32, down uint64)

//go:noescape
func fir32AVX2(y *int32, x, c *int16, n, pairs int)

//go:noescape
func polyphaseAVX2(y, x, c *int16, table *tapOffsets, n int)

//go:noescape
func searchPairAVX2(dnX, dn2X, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32)

//go:noescape
func searchTwoAVX2(dnX, autoX, dnY, autoY, cross *int16, best *[4]int32)

//go:noescape
func trackCorrAVX2(cor, c, sign, auto *int16)

//go:noescape
func signCrossAVX2(cross, signX, signY *int16)

//go:noescape
func addPulsesAVX2(vec, a, b *int16)

//go:noescape
func crossAVX2(cross *[numTracks]crossMatrix, h, h4 *int16)

//go:noescape
func normStepAVX2(xn, y, h *int16, e int32, energy *int64) int32

//go:noescape
func vqDistancesAVX2(dist *int32, x, book *int16, groups, pairs int)

//go:noescape
func synFiltAVX2(y, x *int16, taps *synTaps, n int, a0, half int32, down uint64, limit int32) int

//go:noescape
func synFilt32AVX2(hi, lo, x *int16, taps *synTaps, n int, a0 int32, down uint64, limit int64) int
