//go:build !purego

#include "textflag.h"

// func dotsSIMD(y *int64, x, c *int16, n, taps, step int)
// taps is a multiple of 8, and at least 16.
TEXT ·dotsSIMD(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ c+16(FP), BX
	MOVQ n+24(FP), CX
	MOVQ taps+32(FP), R8
	MOVQ step+40(FP), R9
	ADDQ R9, R9
	MOVQ R8, R10
	ANDQ $15, R10  // 8 taps behind the sixteens
	SUBQ R10, R8
output:
	VMOVDQU (BX), Y0
	VPMADDWD (SI), Y0, Y0
	MOVQ $16, DX
	CMPQ DX, R8
	JGE rest
sixteen:
	VMOVDQU (BX)(DX*2), Y1
	VPMADDWD (SI)(DX*2), Y1, Y1
	VPADDD Y1, Y0, Y0
	ADDQ $16, DX
	CMPQ DX, R8
	JLT sixteen
rest:
	TESTQ R10, R10
	JZ sum
	VMOVDQU (BX)(DX*2), X1
	VPMADDWD (SI)(DX*2), X1, X1
	VPADDD Y1, Y0, Y0
sum:
	VEXTRACTI128 $1, Y0, X1
	VPMOVSXDQ X0, Y0
	VPMOVSXDQ X1, Y1
	VPADDQ Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPADDQ X1, X0, X0
	VMOVQ X0, (DI)
	ADDQ R9, SI
	ADDQ $8, DI
	DECQ CX
	JNZ output
	VZEROUPPER
	RET
