//go:build purego || !amd64

package kernel

// There is no assembly for these, and no calls of them are left.

const noSIMD = "no SIMD"

func synthesis10SIMD(a *[11]int16, x, y *int16, mem *[10]int16, n int, limit int32) int {
	panic(noSIMD)
}
func synthesis16SIMD(y, x *int16, taps *recursiveTaps, n int, a0, half int32, down uint64, limit int32) int {
	panic(noSIMD)
}
func synthesisWideSIMD(hi, lo, x *int16, taps *recursiveTaps, n int, a0 int32, down uint64, limit int64) int {
	panic(noSIMD)
}
