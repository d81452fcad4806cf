//go:build !purego

package resample

import "golang.org/x/sys/cpu"

var haveSIMD = cpu.X86.HasAVX2

// dotsSIMD sums up words 2j and 2j+1 of each 16 taps in lane j of 32 bits, and the lanes in 64.
//
//go:noescape
func dotsSIMD(y *int64, x, c *int16, n, taps, step int)
