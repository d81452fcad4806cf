//go:build !purego

package kernel

// haveSubframe tells whether there are kernels for subframes of the narrowband codec and its LSPs.
const haveSubframe = true

//go:noescape
func scale40SIMD(y, x *[40]int16, gain, half int64, down uint64)

//go:noescape
func subScaled40SIMD(z, x, y *[40]int16, gain int64, down uint64)

//go:noescape
func mix40SIMD(y, x *[40]int16, pg uint64, half int64, down uint64)

//go:noescape
func pulsesSIMD(y *[40]int16, d *Delayed, p *[10]Pulse, pairs int)

//go:noescape
func signs40SIMD(d, sign, sum, r *[48]int16, k uint64, top *[5]SlotSum)

//go:noescape
func chebyshevSIMD(grid *Grid, f *[6]int16, y *[64]int16) uint32

//go:noescape
func mulRoundSIMD(y, x, w *int16, n int) // n is a multiple of 16

//go:noescape
func productsSIMD(same, other, signs *[48]int16)

//go:noescape
func slides40SIMD(y, h, xn *[40]int16, x *int16, n int, down uint64, xy *[41]int32, yy *[41]int64)

//go:noescape
func addErrorsSIMD(d *int32, c *[5]int32, pitch, factor *uint32, n int, code int64)
