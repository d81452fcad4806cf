//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// The doc comments of the Go functions say why these are exact.

#define ZERO(v) VEOR v.B16, v.B16, v.B16

// func sumSquaresSIMD(x *int16, n int) int64
// n is a multiple of 16. Pairs of squares are added in 64 bits.
TEXT ·sumSquaresSIMD(SB), NOSPLIT, $0-24
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	ZERO(V16)
	ZERO(V17)
squares:
	VLD1.P 32(R0), [V0.H8, V1.H8]
	SMULL(2, 0, 0)
	SMULL2(3, 0, 0)
	SMULL(4, 1, 1)
	SMULL2(5, 1, 1)
	UADALP_2D(16, 2)
	UADALP_2D(17, 3)
	UADALP_2D(16, 4)
	UADALP_2D(17, 5)
	SUBS $16, R1
	BNE squares
	ADD_2D(16, 16, 17)
	ADDP_D(16, 16)
	VMOV V16.D[0], R0
	MOVD R0, ret+16(FP)
	RET

// func dotSIMD(x, y *int16, n int) int32
// n is a multiple of 16.
TEXT ·dotSIMD(SB), NOSPLIT, $0-28
	MOVD x+0(FP), R0
	MOVD y+8(FP), R1
	MOVD n+16(FP), R2
	ZERO(V16)
	ZERO(V17)
	ZERO(V18)
	ZERO(V19)
dot:
	VLD1.P 32(R0), [V0.H8, V1.H8]
	VLD1.P 32(R1), [V2.H8, V3.H8]
	SMLAL(16, 0, 2)
	SMLAL2(17, 0, 2)
	SMLAL(18, 1, 3)
	SMLAL2(19, 1, 3)
	SUBS $16, R2
	BNE dot
	ADD_4S(16, 16, 17)
	ADD_4S(18, 18, 19)
	ADD_4S(16, 16, 18)
	ADDV_4S(16, 16)
	VMOV V16.S[0], R0
	MOVW R0, ret+24(FP)
	RET

// func maxAbsSIMD(x *int16, n int) int32
// n is a multiple of 16. The magnitude of -32768 is 32768, unsigned.
TEXT ·maxAbsSIMD(SB), NOSPLIT, $0-20
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	ZERO(V16)
	ZERO(V17)
maxabs:
	VLD1.P 32(R0), [V0.H8, V1.H8]
	ABS_8H(0, 0)
	ABS_8H(1, 1)
	UMAX_8H(16, 16, 0)
	UMAX_8H(17, 17, 1)
	SUBS $16, R1
	BNE maxabs
	UMAX_8H(16, 16, 17)
	UMAXV_8H(16, 16)
	VMOV V16.H[0], R0
	MOVW R0, ret+16(FP)
	RET

// func sumAbsSIMD(x *int16, n int) int32
// n is a multiple of 16, at most 2^15.
TEXT ·sumAbsSIMD(SB), NOSPLIT, $0-20
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	ZERO(V16)
	ZERO(V17)
sumabs:
	VLD1.P 32(R0), [V0.H8, V1.H8]
	ABS_8H(0, 0)
	ABS_8H(1, 1)
	UADALP_4S(16, 0)
	UADALP_4S(17, 1)
	SUBS $16, R1
	BNE sumabs
	ADD_4S(16, 16, 17)
	ADDV_4S(16, 16)
	VMOV V16.S[0], R0
	MOVW R0, ret+16(FP)
	RET

// EIGHT adds the products of v and w to V16 and V17, and the squares of both to V18 and V19 and V20 and V21.
#define EIGHT(v, w) \
	SMLAL(16, v, w) \
	SMLAL2(17, v, w) \
	SMULL(10, v, v) \
	SMULL2(11, v, v) \
	SMULL(12, w, w) \
	SMULL2(13, w, w) \
	UADALP_2D(18, 10) \
	UADALP_2D(19, 11) \
	UADALP_2D(20, 12) \
	UADALP_2D(21, 13)

// func dotSquares40SIMD(x, y *[40]int16) (xy int32, xx, yy int64)
TEXT ·dotSquares40SIMD(SB), NOSPLIT, $0-40
	MOVD x+0(FP), R0
	MOVD y+8(FP), R1
	ZERO(V16)
	ZERO(V17)
	ZERO(V18)
	ZERO(V19)
	ZERO(V20)
	ZERO(V21)
	VLD1.P 64(R0), [V0.H8, V1.H8, V2.H8, V3.H8]
	VLD1.P 64(R1), [V4.H8, V5.H8, V6.H8, V7.H8]
	VLD1 (R0), [V8.H8]
	VLD1 (R1), [V9.H8]
	EIGHT(0, 4)
	EIGHT(1, 5)
	EIGHT(2, 6)
	EIGHT(3, 7)
	EIGHT(8, 9)
	ADD_4S(16, 16, 17)
	ADDV_4S(16, 16)
	ADD_2D(18, 18, 19)
	ADD_2D(20, 20, 21)
	ADDP_D(18, 18)
	ADDP_D(20, 20)
	VMOV V16.S[0], R0
	VMOV V18.D[0], R1
	VMOV V20.D[0], R2
	MOVW R0, xy+16(FP)
	MOVD R1, xx+24(FP)
	MOVD R2, yy+32(FP)
	RET
