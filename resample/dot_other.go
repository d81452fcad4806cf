//go:build purego || !amd64

package resample

const haveSIMD = false

func dotsSIMD(y *int64, x, c *int16, n, taps, step int) { panic("resample: no SIMD") }
