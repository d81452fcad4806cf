//go:build purego || !amd64

package kernel

const haveVector = false

func scaleSIMD(x *int16, n int, lift, down uint64, half int32)           { panic(noVector) }
func mixSIMD(out, x, y *int16, n int, ab, half int32, lift, down uint64) { panic(noVector) }
func echoSIMD(x *[64]int16, lag int64, gain int32)                       { panic(noVector) }
func sidesSIMD(y, x *[64]int16, gain int32)                              { panic(noVector) }
func amplifySIMD(x *int16, n int, gain int32)                            { panic(noVector) }
func addSIMD(x, y *int16, n int)                                         { panic(noVector) }
func windowSIMD(y, x, w *int16, n int) int64                             { panic(noVector) }
func rankTracksSIMD(neg, dn, rank *[4]Track, best *[4]int16, d, c *[64]int16, k int32) {
	panic(noVector)
}
func leastSIMD(x *int32, n int) (index int64, least int32)     { panic(noVector) }
func gainsSIMD(err *int32, book *[2]int16, n int, k *[7]int32) { panic(noVector) }
func chebyshev104SIMD(y, x *[104]int16, f *int16, n int)       { panic(noVector) }
func bestPairPositiveSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32) bool {
	panic(noVector)
}

const noVector = "kernel: no such assembly"
