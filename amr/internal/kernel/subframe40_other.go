//go:build purego || !amd64

package kernel

const haveSubframe = false

func scale40SIMD(y, x *[40]int16, gain, half int64, down uint64)        { panic(noSIMD) }
func subScaled40SIMD(z, x, y *[40]int16, gain int64, down uint64)       { panic(noSIMD) }
func mix40SIMD(y, x *[40]int16, pg uint64, half int64, down uint64)     { panic(noSIMD) }
func pulsesSIMD(y *[40]int16, d *Delayed, p *[10]Pulse, pairs int)      { panic(noSIMD) }
func signs40SIMD(d, sign, sum, r *[48]int16, k uint64, top *[5]SlotSum) { panic(noSIMD) }
func chebyshevSIMD(grid *Grid, f *[6]int16, y *[64]int16) uint32        { panic(noSIMD) }
func mulRoundSIMD(y, x, w *int16, n int)                                { panic(noSIMD) }
func productsSIMD(same, other, signs *[48]int16)                        { panic(noSIMD) }
func slides40SIMD(y, h, xn *[40]int16, x *int16, n int, down uint64, xy *[41]int32, yy *[41]int64) {
	panic(noSIMD)
}
func addErrorsSIMD(d *int32, c *[5]int32, pitch, factor *uint32, n int, code int64) { panic(noSIMD) }
