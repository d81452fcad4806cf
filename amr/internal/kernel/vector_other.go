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

const noVector = "kernel: no such assembly"
