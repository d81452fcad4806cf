//go:build !purego

#include "textflag.h"

DATA low<>+0(SB)/8, $0x00000000ffffffff
GLOBL low<>(SB), RODATA|NOPTR, $8

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

// func nearestAVX2(r, w *[4]int16, book *[4]int16, n int) int64
// Distances are unsigned; with the sign bit flipped they compare as signed ones.
TEXT ·nearestAVX2(SB), NOSPLIT, $0-40
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

// STEP adds the products with h, shifted right, to the words of y, and those to the sums. x0 has x, X1 the shift. ly, uy and
// ty are l, u and t in full.
#define STEP(off, x0, h, l, u, ly, uy, ty) \
	VMOVDQU (off)(BX), h \
	VPMULLW x0, h, l \
	VPMULHW x0, h, h \
	VPUNPCKHWD h, l, u \
	VPUNPCKLWD h, l, l \
	VPSRAD X1, l, l \
	VPSRAD X1, u, u \
	VPACKSSDW u, l, l \
	VPADDSW (off)(SI), l, l \
	VMOVDQU l, (off)(SI) \
	VPMADDWD (off)(DI), l, u \
	VPADDD uy, Y8, Y8 \
	VPMADDWD l, l, l \
	VPAND Y15, ly, ty \
	VPADDQ ty, Y9, Y9 \
	VPSRLQ $32, ly, ly \
	VPADDQ ly, Y9, Y9

// func slideAVX2(y *int16, h, xn *[40]int16, x int64, down int64) (xy int32, yy int64)
TEXT ·slideAVX2(SB), NOSPLIT, $0-56
	MOVQ y+0(FP), SI
	MOVQ h+8(FP), BX
	MOVQ xn+16(FP), DI
	MOVQ x+24(FP), AX
	VMOVQ AX, X0
	VPBROADCASTW X0, Y0
	MOVQ down+32(FP), AX
	VMOVQ AX, X1
	VPBROADCASTQ low<>(SB), Y15
	VPXOR Y8, Y8, Y8
	VPXOR Y9, Y9, Y9
	STEP(0, Y0, Y2, Y3, Y4, Y3, Y4, Y5)
	STEP(32, Y0, Y6, Y7, Y10, Y7, Y10, Y11)
	STEP(64, X0, X2, X3, X4, Y3, Y4, Y5)
	VEXTRACTI128 $1, Y8, X2
	VPADDD X2, X8, X8
	VPSHUFD $0x4e, X8, X2
	VPADDD X2, X8, X8
	VPSHUFD $0xb1, X8, X2
	VPADDD X2, X8, X8
	VEXTRACTI128 $1, Y9, X2
	VPADDQ X2, X9, X9
	VPSHUFD $0x4e, X9, X2
	VPADDQ X2, X9, X9
	VMOVD X8, AX
	VMOVQ X9, CX
	VZEROUPPER
	MOVL AX, xy+40(FP)
	MOVQ CX, yy+48(FP)
	RET
