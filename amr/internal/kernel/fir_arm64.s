//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// TAPS adds the products of two taps, in V4, with 16 windows from R1 + R6 to V16..V19. V0 and V1 hold the first samples of
// the windows, V2 and V3 the second ones.
#define TAPS \
	ADD R6, R1, R7 \
	ADD $2, R7, R8 \
	VLD1 (R7), [V0.H8, V1.H8] \
	VLD1 (R8), [V2.H8, V3.H8] \
	ADD R6, R2, R7 \
	VLD1R (R7), [V4.S4] \
	SMLAL_H0(16, 0, 4) \
	SMLAL2_H0(17, 0, 4) \
	SMLAL_H0(18, 1, 4) \
	SMLAL2_H0(19, 1, 4) \
	SMLAL_H1(16, 2, 4) \
	SMLAL2_H1(17, 2, 4) \
	SMLAL_H1(18, 3, 4) \
	SMLAL2_H1(19, 3, 4) \
	ADD $4, R6

// func fir16SIMD(y, x, c *int16, n, pairs int, half int32, down uint64)
// n is a multiple of 16. y[i] = sat((sum(x[i+k]*c[k], k < 2*pairs) + half) >> down)
TEXT ·fir16SIMD(SB), NOSPLIT, $0-56
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD c+16(FP), R2
	MOVD n+24(FP), R3
	MOVD pairs+32(FP), R4
	LSL $2, R4
	MOVW half+40(FP), R5
	VDUP R5, V20.S4
	MOVD down+48(FP), R5
	NEG R5, R5
	VDUP R5, V21.S4 // shifts left by -down
fir16:
	VMOV V20.B16, V16.B16
	VMOV V20.B16, V17.B16
	VMOV V20.B16, V18.B16
	VMOV V20.B16, V19.B16
	MOVD $0, R6
fir16taps:
	TAPS
	CMP R4, R6
	BLT fir16taps
	SSHL_4S(16, 16, 21)
	SSHL_4S(17, 17, 21)
	SSHL_4S(18, 18, 21)
	SSHL_4S(19, 19, 21)
	SQXTN(0, 16)
	SQXTN_2(0, 17)
	SQXTN(1, 18)
	SQXTN_2(1, 19)
	VST1.P [V0.H8, V1.H8], 32(R0)
	ADD $32, R1
	SUBS $16, R3
	BNE fir16
	RET

// func fir32SIMD(y *int32, x, c *int16, n, pairs int)
// n is a multiple of 16. y[i] = sum(x[i+k]*c[k], k < 2*pairs)
TEXT ·fir32SIMD(SB), NOSPLIT, $0-40
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD c+16(FP), R2
	MOVD n+24(FP), R3
	MOVD pairs+32(FP), R4
	LSL $2, R4
fir32:
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	MOVD $0, R6
fir32taps:
	TAPS
	CMP R4, R6
	BLT fir32taps
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R0)
	ADD $32, R1
	SUBS $16, R3
	BNE fir32
	RET

// DOT32 sets a to the products of the 32 taps that the table at R3 names, in four partial sums, and steps on.
#define DOT32(a) \
	MOVWU.P 4(R3), R5 \
	MOVWU.P 4(R3), R6 \
	ADD R5, R1, R5 \
	ADD R6, R2, R6 \
	VLD1 (R5), [V0.H8, V1.H8, V2.H8, V3.H8] \
	VLD1 (R6), [V4.H8, V5.H8, V6.H8, V7.H8] \
	SMULL(a, 0, 4) \
	SMULL2(8, 0, 4) \
	SMLAL(a, 1, 5) \
	SMLAL2(8, 1, 5) \
	SMLAL(a, 2, 6) \
	SMLAL2(8, 2, 6) \
	SMLAL(a, 3, 7) \
	SMLAL2(8, 3, 7) \
	ADD_4S(a, a, 8)

// func polyphaseSIMD(y, x, c *int16, table *Phase, n int)
// n is a multiple of 4. y[i] = sat((sum(x'[k]*c'[k], k < 32) + 2^13) >> 14) for x' and c' at the byte offsets table[i].
TEXT ·polyphaseSIMD(SB), NOSPLIT, $0-40
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD c+16(FP), R2
	MOVD table+24(FP), R3
	MOVD n+32(FP), R4
	MOVD $0x2000, R5
	VDUP R5, V20.S4
poly:
	DOT32(16)
	DOT32(17)
	DOT32(18)
	DOT32(19)
	ADDP_4S(16, 16, 17)
	ADDP_4S(18, 18, 19)
	ADDP_4S(16, 16, 18)
	ADD_4S(16, 16, 20)
	SSHR14_4S(16, 16)
	SQXTN(0, 16)
	VST1.P [V0.H4], 8(R0)
	SUBS $4, R4
	BNE poly
	RET
