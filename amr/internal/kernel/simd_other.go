//go:build purego || (!amd64 && !arm64)

package kernel

// These are constant here, so that the calls of what follows are left out.
const haveSIMD, haveSearch, haveRecursive = false, false, false

func sumSquaresSIMD(x *int16, n int) int64                                       { panic(noSIMD) }
func dotSIMD(x, y *int16, n int) int32                                           { panic(noSIMD) }
func maxAbsSIMD(x *int16, n int) int32                                           { panic(noSIMD) }
func sumAbsSIMD(x *int16, n int) int32                                           { panic(noSIMD) }
func dotSquares40SIMD(x, y *[40]int16) (xy int32, xx, yy int64)                  { panic(noSIMD) }
func fir16SIMD(y, x, c *int16, n, pairs int, half int32, down uint64)            { panic(noSIMD) }
func fir32SIMD(y *int32, x, c *int16, n, pairs int)                              { panic(noSIMD) }
func polyphaseSIMD(y, x, c *int16, table *Phase, n int)                          { panic(noSIMD) }
func slide40SIMD(y *int16, h, xn *[40]int16, x, down int64) (xy int32, yy int64) { panic(noSIMD) }
func slide64SIMD(y *[65]int16, h, xn *[64]int16, x int64) (xy int32, yy int64)   { panic(noSIMD) }
func nearest4SIMD(r, w, book *[4]int16, n int) int64                             { panic(noSIMD) }
func distancesSIMD(dist *int32, x, book *int16, groups, pairs int)               { panic(noSIMD) }
func correlate5SIMD(m *Matrix, a *correlateArgs)                                 { panic(noSIMD) }
func correlate4SIMD(m *Matrix, a *correlate4Args)                                { panic(noSIMD) }
func searchPairSIMD(p *PairSearch)                                               { panic(noSIMD) }
func searchChainSIMD(p *ChainSearch)                                             { panic(noSIMD) }
func crossTracksSIMD(cross *[4]TrackPair, h, h4 *int16)                          { panic(noSIMD) }
func signCrossSIMD(cross, signX, signY *int16)                                   { panic(noSIMD) }
func trackCorrSIMD(cor, c, sign, auto *int16)                                    { panic(noSIMD) }
func addPulsesSIMD(vec, a, b *int16)                                             { panic(noSIMD) }
func bestOfTwoSIMD(dnX, autoX, dnY, autoY, cross *int16, best *[4]int32)         { panic(noSIMD) }
func bestPairSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32) {
	panic(noSIMD)
}
