//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// SUMS adds the words in V2 times those in V4 to V16 and V17, and their squares to V18 and V19.
#define SUMS \
	SMLAL(16, 2, 4) \
	SMLAL2(17, 2, 4) \
	SMULL(6, 2, 2) \
	SMULL2(7, 2, 2) \
	UADALP_2D(18, 6) \
	UADALP_2D(19, 7)

#define CLEARSUMS \
	VEOR V16.B16, V16.B16, V16.B16 \
	VEOR V17.B16, V17.B16, V17.B16 \
	VEOR V18.B16, V18.B16, V18.B16 \
	VEOR V19.B16, V19.B16, V19.B16

// RESULTS brings the sums to R0 and R1.
#define RESULTS \
	ADD_4S(16, 16, 17) \
	ADDV_4S(16, 16) \
	ADD_2D(18, 18, 19) \
	ADDP_D(18, 18) \
	VMOV V16.S[0], R0 \
	VMOV V18.D[0], R1

// func slide40SIMD(y *int16, h, xn *[40]int16, x, down int64) (xy int32, yy int64)
TEXT ·slide40SIMD(SB), NOSPLIT, $0-56
	MOVD y+0(FP), R0
	MOVD h+8(FP), R1
	MOVD xn+16(FP), R2
	MOVD x+24(FP), R3
	VDUP R3, V20.H8
	MOVD down+32(FP), R3
	NEG R3, R3
	VDUP R3, V21.S4
	CLEARSUMS
	MOVD $5, R4
slide40:
	VLD1.P 16(R1), [V0.H8]
	VLD1.P 16(R2), [V4.H8]
	VLD1 (R0), [V1.H8]
	SMULL(2, 0, 20)
	SMULL2(3, 0, 20)
	SSHL_4S(2, 2, 21)
	SSHL_4S(3, 3, 21)
	SQXTN(2, 2)
	SQXTN_2(2, 3)
	SQADD_8H(2, 2, 1)
	VST1.P [V2.H8], 16(R0)
	SUMS
	SUBS $1, R4
	BNE slide40
	RESULTS
	MOVW R0, xy+40(FP)
	MOVD R1, yy+48(FP)
	RET

// func slide64SIMD(y *[65]int16, h, xn *[64]int16, x int64) (xy int32, yy int64)
// From the end on, so that what is read has not been written. A doubling multiply, the upper half of it, is mult.
TEXT ·slide64SIMD(SB), NOSPLIT, $0-48
	MOVD y+0(FP), R0
	MOVD h+8(FP), R1
	MOVD xn+16(FP), R2
	MOVD x+24(FP), R3
	VDUP R3, V20.H8
	CLEARSUMS
	MOVD $112, R4
slide64:
	ADD R4, R1, R5
	VLD1 (R5), [V0.H8]
	ADD R4, R2, R5
	VLD1 (R5), [V4.H8]
	ADD R4, R0, R5
	VLD1 (R5), [V1.H8]
	SQDMULH_8H(2, 0, 20)
	SQADD_8H(2, 2, 1)
	ADD $2, R5
	VST1 [V2.H8], (R5)
	SUMS
	SUBS $16, R4
	BGE slide64
	RESULTS
	MOVW R0, xy+32(FP)
	MOVD R1, yy+40(FP)
	RET
