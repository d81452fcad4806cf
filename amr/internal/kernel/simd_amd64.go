//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// haveSIMD tells whether the AVX2 kernels can be used; some shift by BMI2 instructions.
var haveSIMD = cpu.X86.HasAVX2 && cpu.X86.HasBMI2

// haveSearch and haveRecursive tell whether there are kernels for the pulse search and for recursive filters.
const haveSearch, haveRecursive = true, true

//go:noescape
func synthesis10SIMD(a *[11]int16, x, y *int16, mem *[10]int16, n int, limit int32) int

//go:noescape
func synthesis16SIMD(y, x *int16, taps *recursiveTaps, n int, a0, half int32, down uint64, limit int32) int // n is a multiple of 4

//go:noescape
func synthesisWideSIMD(hi, lo, x *int16, taps *recursiveTaps, n int, a0 int32, down uint64, limit int64) int // n is a multiple of 4
