//go:build purego || !amd64

package kernel

// There is no assembly for these, and no calls of them are left.

const noSIMD = "no SIMD"

func correlate5SIMD(m *Matrix, a *correlateArgs)                             { panic(noSIMD) }
func correlate4SIMD(m *Matrix, a *correlate4Args)                            { panic(noSIMD) }
func searchPairSIMD(p *PairSearch)                                           { panic(noSIMD) }
func searchChainSIMD(p *ChainSearch)                                         { panic(noSIMD) }
func crossTracksSIMD(cross *[4]TrackPair, h, h4 *int16)                      { panic(noSIMD) }
func signCrossSIMD(cross, signX, signY *int16)                               { panic(noSIMD) }
func trackCorrSIMD(cor, c, sign, auto *int16)                                { panic(noSIMD) }
func addPulsesSIMD(vec, a, b *int16)                                         { panic(noSIMD) }
func bestOfTwoSIMD(dnX, autoX, dnY, autoY, cross *int16, best *[4]int32)     { panic(noSIMD) }
func synthesis10SIMD(a *[11]int16, x, y *int16, mem *[10]int16, n int) int32 { panic(noSIMD) }
func bestPairSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32) {
	panic(noSIMD)
}
func synthesis16SIMD(y, x *int16, taps *recursiveTaps, n int, a0, half int32, down uint64, limit int32) int {
	panic(noSIMD)
}
func synthesisWideSIMD(hi, lo, x *int16, taps *recursiveTaps, n int, a0 int32, down uint64, limit int64) int {
	panic(noSIMD)
}
