//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// TAKE follows the scan in order: of the lanes not yet passed (four bits each in R14), it takes the first one in which
// alpBest*sq > sqBest*a for sq in V2 and V3 and a in V4 and V5 as the new best, and starts over, until there is none; then
// it goes to none. R10 is sqBest, R11 alpBest, R13 the lane, and R12, which tells the row, goes to R15. R20 and R21 point
// to room for 16 words each.
#define TAKE(again, none) \
	MOVD $-1, R14 \
again: \
	VDUP R10, V16.H8 \
	VDUP R11, V17.H8 \
	SMULL(18, 2, 17) \
	SMULL2(19, 2, 17) \
	SMULL(20, 3, 17) \
	SMULL2(21, 3, 17) \
	SMLSL(18, 4, 16) \
	SMLSL2(19, 4, 16) \
	SMLSL(20, 5, 16) \
	SMLSL2(21, 5, 16) \
	CMGT0_4S(18, 18) \
	CMGT0_4S(19, 19) \
	CMGT0_4S(20, 20) \
	CMGT0_4S(21, 21) \
	UZP1_8H(18, 18, 19) \
	UZP1_8H(20, 20, 21) \
	UZP1_16B(18, 18, 20) \
	SHRN4(18, 18) \
	VMOV V18.D[0], R1 \
	ANDS R14, R1, R1 \
	BEQ none \
	VST1 [V2.H8, V3.H8], (R20) \
	VST1 [V4.H8, V5.H8], (R21) \
	RBIT R1, R1 \
	CLZ R1, R1 \
	LSR $2, R1, R13 \
	ADD R13<<1, R20, R2 \
	MOVH (R2), R10 \
	ADD R13<<1, R21, R2 \
	MOVH (R2), R11 \
	MOVD R12, R15 \
	MOVD $-16, R14 \
	AND $60, R1 \
	LSL R1, R14, R14 \
	B again

// func bestPairSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32)
// best is the square, the energy, and the positions on both tracks, -1 if none is found.
TEXT ·bestPairSIMD(SB), NOSPLIT, $64-72
	MOVD dnX+0(FP), R3
	MOVD rank+8(FP), R4
	MOVD corX+16(FP), R5
	MOVD dnY+24(FP), R6
	VLD1 (R6), [V0.H8, V1.H8]
	MOVD corY+32(FP), R6
	VLD1 (R6), [V6.H8, V7.H8]
	MOVD cross+40(FP), R6
	MOVW limit+48(FP), R7
	MOVW ps+52(FP), R8
	VDUP R8, V22.H8
	MOVW alp0+56(FP), R8
	MOVD $0x2000, R9
	VDUP R9, V23.H8
	SMULL(24, 6, 23)
	SMULL2(25, 6, 23)
	SMULL(26, 7, 23)
	SMULL2(27, 7, 23)
	MOVD $0x4000, R9
	VDUP R9, V23.H8
	MOVD $sq-64(SP), R20
	MOVD $alp-32(SP), R21
	MOVD $-1, R10
	MOVD $1, R11
	MOVD $-1, R13
	MOVD $-1, R15
	MOVD $0, R12
pairRow:
	VLD1.P 32(R6), [V6.H8, V7.H8]
	VLD1R.P 2(R3), [V16.H8]
	MOVH.P 2(R5), R2
	MOVH.P 2(R4), R1
	CMP R7, R1
	BGE pairNext
	SQADD_8H(16, 16, 22)
	SQADD_8H(2, 16, 0)
	SQADD_8H(3, 16, 1)
	SQDMULH_8H(2, 2, 2)
	SQDMULH_8H(3, 3, 3)
	ADD R2<<13, R8, R2
	VDUP R2, V16.S4
	ADD_4S(17, 16, 24)
	ADD_4S(18, 16, 25)
	ADD_4S(19, 16, 26)
	ADD_4S(20, 16, 27)
	SMLAL(17, 6, 23)
	SMLAL2(18, 6, 23)
	SMLAL(19, 7, 23)
	SMLAL2(20, 7, 23)
	UZP2_8H(4, 17, 18) // the upper halves
	UZP2_8H(5, 19, 20)
	TAKE(pairAgain, pairNext)
pairNext:
	ADD $1, R12
	CMP $16, R12
	BLT pairRow
	MOVD best+64(FP), R0
	STPW (R10, R11), (R0)
	STPW (R15, R13), 8(R0)
	RET

// func bestOfTwoSIMD(dnX, autoX, dnY, autoY, cross *int16, best *[4]int32)
// As bestPairSIMD, for two tracks of 32 positions, all tried. The first position has 32 added where the second one,
// from 0 to 15, lies in the upper half.
TEXT ·bestOfTwoSIMD(SB), NOSPLIT, $64-48
	MOVD dnX+0(FP), R3
	MOVD autoX+8(FP), R4
	MOVD dnY+16(FP), R5
	VLD1 (R5), [V24.H8, V25.H8, V26.H8, V27.H8]
	MOVD autoY+24(FP), R5
	VLD1 (R5), [V28.H8, V29.H8, V30.H8, V31.H8]
	MOVD cross+32(FP), R6
	MOVD $sq-64(SP), R20
	MOVD $alp-32(SP), R21
	MOVD $-1, R10
	MOVD $1, R11
	MOVD $-1, R13
	MOVD $-1, R15
	MOVD $0, R7
twoRow:
	VLD1R.P 2(R3), [V0.H8]
	VLD1R.P 2(R4), [V1.H8]
	VLD1.P 32(R6), [V4.H8, V5.H8]
	SQADD_8H(2, 0, 24)
	SQADD_8H(3, 0, 25)
	SQDMULH_8H(2, 2, 2)
	SQDMULH_8H(3, 3, 3)
	SQADD_8H(4, 4, 28)
	SQADD_8H(5, 5, 29)
	SQADD_8H(4, 4, 1)
	SQADD_8H(5, 5, 1)
	MOVD R7, R12
	TAKE(twoAgain, twoHalf)
twoHalf:
	VLD1.P 32(R6), [V4.H8, V5.H8]
	SQADD_8H(2, 0, 26)
	SQADD_8H(3, 0, 27)
	SQDMULH_8H(2, 2, 2)
	SQDMULH_8H(3, 3, 3)
	SQADD_8H(4, 4, 30)
	SQADD_8H(5, 5, 31)
	SQADD_8H(4, 4, 1)
	SQADD_8H(5, 5, 1)
	ADD $32, R7, R12
	TAKE(twoAgain2, twoNext)
twoNext:
	ADD $1, R7
	CMP $32, R7
	BLT twoRow
	MOVD best+40(FP), R0
	STPW (R10, R11), (R0)
	STPW (R15, R13), 8(R0)
	RET

// SIGN sets d to mult(v, 32767) where mask is 0 and to the negative of v, saturated, where it is -1, by way of t. V30 is
// 32767, V31 is 0.
#define SIGN(d, v, mask, t) \
	SQDMULH_8H(d, v, 30) \
	SQSUB_8H(t, 31, v) \
	BIT_16B(d, t, mask)

#define SIGNS \
	MOVD $32767, R4 \
	VDUP R4, V30.H8 \
	VEOR V31.B16, V31.B16, V31.B16

// func trackCorrSIMD(cor, c, sign, auto *int16)
// Every fourth of the 64 words of c, with sign, plus auto.
TEXT ·trackCorrSIMD(SB), NOSPLIT, $0-32
	MOVD cor+0(FP), R0
	MOVD c+8(FP), R1
	MOVD sign+16(FP), R2
	MOVD auto+24(FP), R3
	SIGNS
	VLD4.P 64(R1), [V0.H8, V1.H8, V2.H8, V3.H8]
	VLD4 (R1), [V4.H8, V5.H8, V6.H8, V7.H8]
	VLD1 (R2), [V16.H8, V17.H8]
	VLD1 (R3), [V18.H8, V19.H8]
	SIGN(20, 0, 16, 22)
	SIGN(21, 4, 17, 22)
	SQADD_8H(20, 20, 18)
	SQADD_8H(21, 21, 19)
	VST1 [V20.H8, V21.H8], (R0)
	RET

// func signCrossSIMD(cross, signX, signY *int16)
// 16 rows of 16 words.
TEXT ·signCrossSIMD(SB), NOSPLIT, $0-24
	MOVD cross+0(FP), R0
	MOVD signX+8(FP), R1
	MOVD signY+16(FP), R2
	SIGNS
	VLD1 (R2), [V16.H8, V17.H8]
	MOVD $16, R3
signRow:
	VLD1 (R0), [V0.H8, V1.H8]
	VLD1R.P 2(R1), [V2.H8]
	VEOR V2.B16, V16.B16, V3.B16
	VEOR V2.B16, V17.B16, V4.B16
	SIGN(20, 0, 3, 22)
	SIGN(21, 1, 4, 23)
	VST1.P [V20.H8, V21.H8], 32(R0)
	SUBS $1, R3
	BNE signRow
	RET

// func addPulsesSIMD(vec, a, b *int16)
// vec[i] = add(vec[i], add(a[i], b[i])) for 64 words.
TEXT ·addPulsesSIMD(SB), NOSPLIT, $0-24
	MOVD vec+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD $2, R3
addHalf:
	VLD1.P 64(R1), [V0.H8, V1.H8, V2.H8, V3.H8]
	VLD1.P 64(R2), [V4.H8, V5.H8, V6.H8, V7.H8]
	VLD1 (R0), [V16.H8, V17.H8, V18.H8, V19.H8]
	SQADD_8H(0, 0, 4)
	SQADD_8H(1, 1, 5)
	SQADD_8H(2, 2, 6)
	SQADD_8H(3, 3, 7)
	SQADD_8H(0, 0, 16)
	SQADD_8H(1, 1, 17)
	SQADD_8H(2, 2, 18)
	SQADD_8H(3, 3, 19)
	VST1.P [V0.H8, V1.H8, V2.H8, V3.H8], 64(R0)
	SUBS $1, R3
	BNE addHalf
	RET

// LAGS adds h[k] * h[k+d] for 16 distances d from first up, four apart, to V0..V3 and leaves the upper halves, as if
// doubled, in V4 and V5. R1 points to h[k], which it passes; R4 is k. h4, in R2, has h[k+d] among every fourth word.
#define LAGS(first) \
	ADD $first, R4, R5 \
	AND $3, R5, R6 \
	LSR $2, R5, R5 \
	LSL $6, R6, R6 \
	ADD R5<<1, R6, R5 \
	ADD R2, R5, R5 \
	VLD1 (R5), [V4.H8, V5.H8] \
	VLD1R.P 2(R1), [V6.H8] \
	SMLAL(0, 4, 6) \
	SMLAL2(1, 4, 6) \
	SMLAL(2, 5, 6) \
	SMLAL2(3, 5, 6) \
	SHRN15(4, 0) \
	SHRN15_2(4, 1) \
	SHRN15(5, 2) \
	SHRN15_2(5, 3)

// func crossTracksSIMD(cross *[4]TrackPair, h, h4 *int16)
// h4 holds every fourth word of h from 0, 1, 2 and 3, 32 words each.
TEXT ·crossTracksSIMD(SB), NOSPLIT, $0-24
	MOVD cross+0(FP), R0
	ADD $512, R0 // the first matrix
	MOVD h+8(FP), R1
	MOVD h4+16(FP), R2
	MOVD $0x4000, R5
	VDUP R5, V7.S4

	// Distances 3, 7, ...: row y/4 of matrix y%4, up to element (y-3)/4, in falling order.
	VMOV V7.B16, V0.B16
	VMOV V7.B16, V1.B16
	VMOV V7.B16, V2.B16
	VMOV V7.B16, V3.B16
	MOVD $0, R4
	MOVD $63, R3 // y
crossLow:
	LAGS(3)
	REV64_8H(4, 4)
	REV64_8H(5, 5)
	EXT8(17, 4, 4)
	EXT8(16, 5, 5)
	AND $3, R3, R5
	LSR $2, R3, R6
	LSL $5, R6, R6
	ADD R5<<10, R6, R5 // the row
	SUB $3, R3, R6
	ASR $2, R6, R6
	SUB $15, R6, R6 // so many words before the row
	ADD R6<<1, R5, R5
	ADD R0, R5, R5
	VST1 [V16.H8, V17.H8], (R5)
	ADD $1, R4
	SUBS $1, R3
	BGE crossLow

	// Distances 1, 5, ...: column y/4 of matrix (y-1)%4, from row (y-1)/4 up.
	MOVD h+8(FP), R1
	VMOV V7.B16, V0.B16
	VMOV V7.B16, V1.B16
	VMOV V7.B16, V2.B16
	VMOV V7.B16, V3.B16
	MOVD $-32, R7
	MOVD $0, R4
	MOVD $63, R3
crossHigh:
	LAGS(1)
	SUB $1, R3, R5
	AND $3, R5, R6
	LSR $2, R5, R5
	LSL $5, R5, R5
	ADD R6<<10, R5, R5 // the row
	LSR $2, R3, R6
	ADD R6<<1, R5, R5 // the column
	ADD R0, R5, R5
	VST1.P V4.H[0], (R5)(R7)
	VST1.P V4.H[1], (R5)(R7)
	VST1.P V4.H[2], (R5)(R7)
	VST1.P V4.H[3], (R5)(R7)
	VST1.P V4.H[4], (R5)(R7)
	VST1.P V4.H[5], (R5)(R7)
	VST1.P V4.H[6], (R5)(R7)
	VST1.P V4.H[7], (R5)(R7)
	CMP $32, R3
	BLE crossNext // the rest lies before row 0
	VST1.P V5.H[0], (R5)(R7)
	VST1.P V5.H[1], (R5)(R7)
	VST1.P V5.H[2], (R5)(R7)
	VST1.P V5.H[3], (R5)(R7)
	VST1.P V5.H[4], (R5)(R7)
	VST1.P V5.H[5], (R5)(R7)
	VST1.P V5.H[6], (R5)(R7)
	VST1.P V5.H[7], (R5)(R7)
crossNext:
	ADD $1, R4
	SUBS $1, R3
	BGT crossHigh
	RET
