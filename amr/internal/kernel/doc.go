// Package kernel holds the inner loops of the AMR codecs, in plain Go and in assembly: all of them for amd64 with AVX2
// (found out at run time); all but the recursive filters and the vectors for arm64; none with the build tag purego. Both give the same
// results: why stands with each kernel, and each has a fuzz target that holds it.
//
// The codecs are defined by chains of L_mac, which saturates at every step. The kernels add in wrapping arithmetic and in
// any order. That is the same as long as no partial sum of a chain leaves 32 bits, and it is for the caller to know this,
// by one of two bounds on the terms x[i]*y[i] of a sum:
//
//   - Cauchy and Schwarz: |sum x*y| <= sqrt(sum(x*x) * sum(y*y)), for any part of the terms. WithinCauchy tells whether that
//     is below 2^30, so that 2*sum is below 2^31.
//   - |sum x*y| <= max|x| * sum|y|, for any part of the terms. WithinSum tells whether that, doubled, is below 2^31 with room
//     for rounding.
package kernel
