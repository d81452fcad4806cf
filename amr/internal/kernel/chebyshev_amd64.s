//go:build !purego

#include "textflag.h"

// NEXT sets b2 to 2*x*b1 - b2 + f, and most to the largest magnitude. Y12 masks 15 bits; t and u are overwritten.
#define NEXT(x, b1, b2, f, most, t, u) \
	VPSUBD b2, f, b2 \
	TIMES(x, b1, t, u) \
	VPADDD t, t, t \
	VPADDD t, b2, b2 \
	VPABSD b2, t \
	VPMAXUD t, most, most

// TIMES sets t to x*b >> 15: that of the upper part, which fits in a word where b is within 2^30, and that of the lower 15 bits.
#define TIMES(x, b, t, u) \
	VPSRAD $15, b, t \
	VPAND Y12, b, u \
	VPMADDWD x, t, t \
	VPMADDWD x, u, u \
	VPSRAD $15, u, u \
	VPADDD u, t, t

// func chebyshevSIMD(grid *Grid, f *[6]int16, y *[64]int16) uint32
// It returns the largest magnitude.
TEXT ·chebyshevSIMD(SB), NOSPLIT, $0-28
	MOVQ grid+0(FP), SI
	MOVQ f+8(FP), BX
	MOVQ y+16(FP), DI
	VPMOVSXWD 2(BX), Y0
	VPSLLD $13, Y0, Y0
	VPBROADCASTD X0, Y7
	VPSHUFD $0x55, X0, X1
	VPBROADCASTD X1, Y8
	VPSHUFD $0xaa, X0, X1
	VPBROADCASTD X1, Y9
	VPSHUFD $0xff, X0, X1
	VPBROADCASTD X1, Y10
	VEXTRACTI128 $1, Y0, X1
	VPSRAD $1, X1, X1
	VPBROADCASTD X1, Y11
	VPCMPEQD Y12, Y12, Y12
	VPSRLD $17, Y12, Y12
	MOVL $(1<<23), AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	MOVL $512, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
	VPXOR Y15, Y15, Y15
	MOVQ $4, CX
points:
	VMOVDQU (SI), Y0
	VPMADDWD Y14, Y0, Y1
	VPADDD Y7, Y1, Y1
	VPABSD Y1, Y5
	VPMAXUD Y5, Y15, Y15
	VMOVDQA Y13, Y2
	NEXT(Y0, Y1, Y2, Y8, Y15, Y5, Y6)
	NEXT(Y0, Y2, Y1, Y9, Y15, Y5, Y6)
	NEXT(Y0, Y1, Y2, Y10, Y15, Y5, Y6)
	TIMES(Y0, Y2, Y5, Y6)
	VPSUBD Y1, Y11, Y1
	VPADDD Y5, Y1, Y4
	VPSRAD $9, Y4, Y4
	VMOVDQU 32(SI), Y0
	VPMADDWD Y14, Y0, Y1
	VPADDD Y7, Y1, Y1
	VPABSD Y1, Y5
	VPMAXUD Y5, Y15, Y15
	VMOVDQA Y13, Y2
	NEXT(Y0, Y1, Y2, Y8, Y15, Y5, Y6)
	NEXT(Y0, Y2, Y1, Y9, Y15, Y5, Y6)
	NEXT(Y0, Y1, Y2, Y10, Y15, Y5, Y6)
	TIMES(Y0, Y2, Y5, Y6)
	VPSUBD Y1, Y11, Y1
	VPADDD Y5, Y1, Y1
	VPSRAD $9, Y1, Y1
	VPACKSSDW Y1, Y4, Y4
	VPERMQ $0xd8, Y4, Y4
	VMOVDQU Y4, (DI)
	ADDQ $64, SI
	ADDQ $32, DI
	SUBQ $1, CX
	JNZ points
	VEXTRACTI128 $1, Y15, X0
	VPMAXUD X0, X15, X15
	VPSHUFD $0x4e, X15, X0
	VPMAXUD X0, X15, X15
	VPSHUFD $0xb1, X15, X0
	VPMAXUD X0, X15, X15
	VMOVD X15, AX
	VZEROUPPER
	MOVL AX, ret+24(FP)
	RET

// func mulRoundSIMD(y, x, w *int16, n int)
TEXT ·mulRoundSIMD(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ w+16(FP), BX
	MOVQ n+24(FP), CX
	XORQ DX, DX
words:
	VMOVDQU (SI)(DX*2), Y0
	VPMULHRSW (BX)(DX*2), Y0, Y0
	VMOVDQU Y0, (DI)(DX*2)
	ADDQ $16, DX
	CMPQ DX, CX
	JLT words
	VZEROUPPER
	RET
