//go:build !amd64 || purego

package kernel

// haveSIMD is constant here, so that the calls of what follows are left out.
const haveSIMD = false

func sumSquaresAVX2(x *int16, n int) int64                            { panic("no SIMD") }
func dotAVX2(x, y *int16, n int) int32                                { panic("no SIMD") }
func maxAbsAVX2(x *int16, n int) int32                                { panic("no SIMD") }
func fir16AVX2(y, x, c *int16, n, pairs int, half int32, down uint64) { panic("no SIMD") }
func fir32AVX2(y *int32, x, c *int16, n, pairs int)                   { panic("no SIMD") }
func dotSquares40AVX2(x, y *[40]int16) (xy int32, xx, yy int64)       { panic("no SIMD") }
func correlate5AVX2(m *Matrix, a *correlateArgs)                      { panic("no SIMD") }
func searchPairAVX2(p *PairSearch)                                    { panic("no SIMD") }

func nearestAVX2(r, w, book *[4]int16, n int) int64 { panic("no SIMD") }
func slideAVX2(y *int16, h, xn *[40]int16, x, down int64) (xy int32, yy int64) {
	panic("no SIMD")
}

func correlate4AVX2(m *Matrix, a *correlate4Args) { panic("no SIMD") }
func searchChainAVX2(p *ChainSearch)              { panic("no SIMD") }

func synthesisAVX2(a *[11]int16, x, y *int16, mem *[10]int16, n int) int32 { panic("no SIMD") }
