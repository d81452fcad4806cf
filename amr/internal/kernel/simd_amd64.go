//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// haveSIMD tells whether the AVX2 kernels can be used; some shift by BMI2 instructions.
var haveSIMD = cpu.X86.HasAVX2 && cpu.X86.HasBMI2

// haveSearch and haveRecursive tell whether there are kernels for the pulse search and for recursive filters.
const haveSearch, haveRecursive = true, true

//go:noescape
func synthesis10SIMD(a *[11]int16, x, y *int16, mem *[10]int16, n int) int32

//go:noescape
func synthesis16SIMD(y, x *int16, taps *recursiveTaps, n int, a0, half int32, down uint64, limit int32) int // n is a multiple of 4

//go:noescape
func synthesisWideSIMD(hi, lo, x *int16, taps *recursiveTaps, n int, a0 int32, down uint64, limit int64) int // n is a multiple of 4

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
