//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// haveSIMD tells whether the AVX2 kernels can be used.
var haveSIMD = cpu.X86.HasAVX2

//go:noescape
func sumSquaresAVX2(x *int16, n int) int64

//go:noescape
func dotAVX2(x, y *int16, n int) int32

//go:noescape
func maxAbsAVX2(x *int16, n int) int32

//go:noescape
func fir16AVX2(y, x, c *int16, n, pairs int, half int32, down uint64)

//go:noescape
func fir32AVX2(y *int32, x, c *int16, n, pairs int)

//go:noescape
func dotSquares40AVX2(x, y *[40]int16) (xy int32, xx, yy int64)

//go:noescape
func correlate5AVX2(m *Matrix, a *correlateArgs)

//go:noescape
func searchPairAVX2(p *PairSearch)

//go:noescape
func nearestAVX2(r, w, book *[4]int16, n int) int64

//go:noescape
func slideAVX2(y *int16, h, xn *[40]int16, x, down int64) (xy int32, yy int64)

//go:noescape
func correlate4AVX2(m *Matrix, a *correlate4Args)

//go:noescape
func searchChainAVX2(p *ChainSearch)

//go:noescape
func synthesisAVX2(a *[11]int16, x, y *int16, mem *[10]int16, n int) int32
