//go:build !purego

package kernel

// haveSIMD tells whether the NEON kernels can be used: every arm64 has them. It is a variable for the tests.
var haveSIMD = true

// haveSearch and haveRecursive tell whether there are kernels for the pulse search and for recursive filters.
const haveSearch, haveRecursive = true, false
