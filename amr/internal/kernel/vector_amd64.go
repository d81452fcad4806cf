//go:build !purego

package kernel

// haveVector tells whether there are kernels for the vectors and searches of the wideband codec.
const haveVector = true

// n is a multiple of 16.

//go:noescape
func scaleSIMD(x *int16, n int, lift, down uint64, half int32)

//go:noescape
func mixSIMD(out, x, y *int16, n int, ab, half int32, lift, down uint64)

//go:noescape
func echoSIMD(x *[64]int16, lag int64, gain int32)

//go:noescape
func sidesSIMD(y, x *[64]int16, gain int32)

//go:noescape
func amplifySIMD(x *int16, n int, gain int32)

//go:noescape
func addSIMD(x, y *int16, n int)

//go:noescape
func windowSIMD(y, x, w *int16, n int) int64

//go:noescape
func rankTracksSIMD(neg, dn, rank *[4]Track, best *[4]int16, d, c *[64]int16, k int32)

//go:noescape
func leastSIMD(x *int32, n int) (index int64, least int32)

//go:noescape
func gainsSIMD(err *int32, book *[2]int16, n int, k *[7]int32)

//go:noescape
func chebyshev104SIMD(y, x *[104]int16, f *int16, n int)

//go:noescape
func bestPairPositiveSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32) bool
