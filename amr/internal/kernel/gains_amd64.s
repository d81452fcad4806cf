//go:build !purego

#include "textflag.h"

// SPREAD sets hi to the upper words of the coefficient at off, with zeros above, and lo to the next 15 bits.
#define SPREAD(off, hi, lo) \
	MOVL (off)(BX), AX \
	MOVL AX, DX \
	SHRL $16, AX \
	SHRL $1, DX \
	ANDL $0x7fff, DX \
	VMOVD AX, hi \
	VMOVD DX, lo

// TERM15 adds n times the coefficient in hi and lo to Y0.
#define TERM15(n, hi, lo) \
	VPMADDWD hi, n, Y5 \
	VPMADDWD lo, n, Y6 \
	VPSRAD $15, Y6, Y6 \
	VPADDD Y5, Y0, Y0 \
	VPADDD Y6, Y0, Y0

// PRODUCT15 sets z to x*y >> 15.
#define PRODUCT15(x, y, z) \
	VPMADDWD x, y, z \
	VPSRLD $15, z, z

// func addErrorsSIMD(d *int32, c *[5]int32, pitch, factor *uint32, n int, code int64)
// n is a multiple of 8.
TEXT ·addErrorsSIMD(SB), NOSPLIT, $0-48
	MOVQ d+0(FP), DI
	MOVQ c+8(FP), BX
	MOVQ pitch+16(FP), SI
	MOVQ factor+24(FP), R8
	MOVQ n+32(FP), CX
	MOVQ code+40(FP), AX
	MOVWLZX AX, AX
	VMOVD AX, X4
	VPBROADCASTD X4, Y4
	SPREAD(0, X7, X8)
	VPBROADCASTD X7, Y7
	VPBROADCASTD X8, Y8
	SPREAD(4, X9, X10)
	VPBROADCASTD X9, Y9
	VPBROADCASTD X10, Y10
	SPREAD(8, X11, X12)
	VPBROADCASTD X11, Y11
	VPBROADCASTD X12, Y12
	SPREAD(12, X13, X14)
	VPBROADCASTD X13, Y13
	VPBROADCASTD X14, Y14
	SPREAD(16, X15, X3)
	VPBROADCASTD X15, Y15
	VPBROADCASTD X3, Y3
	XORQ R9, R9
pairs:
	VPXOR Y0, Y0, Y0
	VMOVDQU (SI)(R9*4), Y1
	VPMADDWD (R8)(R9*4), Y4, Y2
	VPSRLD $15, Y2, Y2
	TERM15(Y1, Y9, Y10)
	TERM15(Y2, Y13, Y14)
	VPMADDWD Y1, Y2, Y5
	VPSRLD $15, Y5, Y5
	PRODUCT15(Y1, Y1, Y1)
	PRODUCT15(Y2, Y2, Y2)
	VPMADDWD Y3, Y5, Y6
	VPMADDWD Y15, Y5, Y5
	VPSRAD $15, Y6, Y6
	VPADDD Y5, Y0, Y0
	VPADDD Y6, Y0, Y0
	TERM15(Y1, Y7, Y8)
	TERM15(Y2, Y11, Y12)
	VPADDD Y0, Y0, Y0
	VPADDD (DI)(R9*4), Y0, Y0
	VMOVDQU Y0, (DI)(R9*4)
	ADDQ $8, R9
	CMPQ R9, CX
	JLT pairs
	VZEROUPPER
	RET
