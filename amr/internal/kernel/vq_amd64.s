//go:build !purego

#include "textflag.h"

// order has the entries whose distances VPHADDD puts into the doublewords.
DATA order<>+0(SB)/8, $0x0000000100000000
DATA order<>+8(SB)/8, $0x0000000500000004
DATA order<>+16(SB)/8, $0x0000000300000002
DATA order<>+24(SB)/8, $0x0000000700000006
GLOBL order<>(SB), RODATA|NOPTR, $32

// WEIGHTED sets e to the squares of mult(w, r - e), pairs of them added; r is in Y14, w in Y13.
#define WEIGHTED(e, t) \
	VPSUBSW e, Y14, e \
	VPMULLW Y13, e, t \
	VPMULHW Y13, e, e \
	VPADDW e, e, e \
	VPSRLW $15, t, t \
	VPOR t, e, e \
	VPMADDWD e, e, e

// func nearest4SIMD(r, w *[4]int16, book *[4]int16, n int) int64
// Distances are unsigned; with the sign bit flipped they compare as signed ones.
TEXT ·nearest4SIMD(SB), NOSPLIT, $0-40
	MOVQ r+0(FP), SI
	MOVQ w+8(FP), DI
	MOVQ book+16(FP), BX
	MOVQ n+24(FP), CX
	VPBROADCASTQ (SI), Y14
	VPBROADCASTQ (DI), Y13
	VPCMPEQD Y11, Y11, Y11
	VPSLLD $31, Y11, Y11
	VPSRAD $1, Y11, Y12     // 2^30, flipped
	VPXOR Y10, Y10, Y10     // best entries
	VMOVDQU order<>(SB), Y9
	MOVL $8, AX
	VMOVD AX, X8
	VPBROADCASTD X8, Y8
entries:
	VMOVDQU (BX), Y0
	VMOVDQU 32(BX), Y1
	WEIGHTED(Y0, Y2)
	WEIGHTED(Y1, Y3)
	VPHADDD Y1, Y0, Y0
	VPXOR Y11, Y0, Y0
	VPCMPGTD Y0, Y12, Y4
	VPMINSD Y0, Y12, Y12
	VPBLENDVB Y4, Y9, Y10, Y10
	VPADDD Y8, Y9, Y9
	ADDQ $64, BX
	SUBQ $8, CX
	JG entries
	VEXTRACTI128 $1, Y12, X0
	VPMINSD X0, X12, X0
	VPSHUFD $0x4e, X0, X1
	VPMINSD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMINSD X1, X0, X0
	VPBROADCASTD X0, Y0
	VPCMPEQD Y12, Y0, Y0
	VPCMPEQD Y1, Y1, Y1
	VPSRLD $1, Y1, Y1
	VPBLENDVB Y0, Y10, Y1, Y1
	VEXTRACTI128 $1, Y1, X0
	VPMINSD X0, X1, X0
	VPSHUFD $0x4e, X0, X1
	VPMINSD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMINSD X1, X0, X0
	VMOVD X0, AX
	VZEROUPPER
	MOVQ AX, ret+32(FP)
	RET

// func distancesSIMD(dist *int32, x, book *int16, groups, pairs int)
// book holds groups of eight entries, pair of values by pair. dist = 2 * sum(sub(x, entry)^2)
TEXT ·distancesSIMD(SB), NOSPLIT, $0-40
	MOVQ dist+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ book+16(FP), BX
	MOVQ groups+24(FP), CX
	MOVQ pairs+32(FP), R8
vqGroup:
	VPXOR Y0, Y0, Y0
	XORQ DX, DX
vqPair:
	VPBROADCASTD (SI)(DX*4), Y1
	VPSUBSW (BX), Y1, Y1
	VPMADDWD Y1, Y1, Y1
	VPADDD Y1, Y0, Y0
	ADDQ $32, BX
	INCQ DX
	CMPQ DX, R8
	JLT vqPair
	VPADDD Y0, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $32, DI
	DECQ CX
	JNZ vqGroup
	VZEROUPPER
	RET
