// Package basicop holds the fixed-point operators that the AMR speech codecs are defined in: the ETSI/ITU-T basic
// operators (ITU-T G.191, used by TS 26.073 and TS 26.173) and the double-precision format of hi and lo halves.
//
// A 16-bit number is int16, a 32-bit number is int32; where a comment says Qn, n bits are the fraction. Names are those
// of the operators in Go's spelling: LMac is L_mac, MultR is mult_r, Mpy32x16 is Mpy_32_16. Every operator saturates as
// the standard says; none has a side effect, so the standard's Overflow flag is a second result (LMacOv, …) for the few
// blocks that read it.
//
// Each operator is small enough to be inlined. The tests hold each equal to a twin that follows the definition
// step by step, for all pairs of 16-bit operands where that is possible.
package basicop
