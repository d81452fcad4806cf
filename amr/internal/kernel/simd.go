//go:build (amd64 || arm64) && !purego

package kernel

// What assembly has. The Go functions that call these say what they compute and why that is exact; n is a multiple of 16
// where nothing else is said.

//go:noescape
func sumSquaresSIMD(x *int16, n int) int64

//go:noescape
func dotSIMD(x, y *int16, n int) int32

//go:noescape
func maxAbsSIMD(x *int16, n int) int32

//go:noescape
func sumAbsSIMD(x *int16, n int) int32

//go:noescape
func dotSquares40SIMD(x, y *[40]int16) (xy int32, xx, yy int64)

//go:noescape
func fir16SIMD(y, x, c *int16, n, pairs int, half int32, down uint64)

//go:noescape
func fir32SIMD(y *int32, x, c *int16, n, pairs int)

//go:noescape
func polyphaseSIMD(y, x, c *int16, table *Phase, n int) // n is a multiple of 4

//go:noescape
func slide40SIMD(y *int16, h, xn *[40]int16, x, down int64) (xy int32, yy int64)

//go:noescape
func slide64SIMD(y *[65]int16, h, xn *[64]int16, x int64) (xy int32, yy int64)

//go:noescape
func nearest4SIMD(r, w, book *[4]int16, n int) int64 // n is a multiple of 8

//go:noescape
func distancesSIMD(dist *int32, x, book *int16, groups, pairs int)

//go:noescape
func correlate5SIMD(m *Matrix, a *correlateArgs)

//go:noescape
func correlate4SIMD(m *Matrix, a *correlate4Args)

//go:noescape
func searchPairSIMD(p *PairSearch)

//go:noescape
func searchChainSIMD(p *ChainSearch)

//go:noescape
func crossTracksSIMD(cross *[4]TrackPair, h, h4 *int16)

//go:noescape
func signCrossSIMD(cross, signX, signY *int16)

//go:noescape
func trackCorrSIMD(cor, c, sign, auto *int16)

//go:noescape
func addPulsesSIMD(vec, a, b *int16)

//go:noescape
func bestPairSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32)

//go:noescape
func bestOfTwoSIMD(dnX, autoX, dnY, autoY, cross *int16, best *[4]int32)
