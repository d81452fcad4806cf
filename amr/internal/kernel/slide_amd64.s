//go:build !purego

#include "textflag.h"

DATA low<>+0(SB)/8, $0x00000000ffffffff
GLOBL low<>(SB), RODATA|NOPTR, $8

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

// func slide40SIMD(y *int16, h, xn *[40]int16, x int64, down int64) (xy int32, yy int64)
TEXT ·slide40SIMD(SB), NOSPLIT, $0-56
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

// PREPEND makes the 16 words at off of a convolution from those one place before, and adds to the sums in Y8 (with xn) and
// Y9 (squares). Y10 has x, Y15 masks doublewords.
#define PREPEND(off, h, l, t) \
	VMOVDQU (off)(BX), l \
	VPMULHW Y10, l, h \
	VPMULLW Y10, l, l \
	VPADDSW h, h, h \
	VPSRLW $15, l, l \
	VPOR l, h, h \
	VPADDSW (off)(SI), h, h \
	VMOVDQU h, (off+2)(SI) \
	VPMADDWD (off)(DI), h, l \
	VPADDD l, Y8, Y8 \
	VPMADDWD h, h, h \
	VPAND Y15, h, t \
	VPADDQ t, Y9, Y9 \
	VPSRLQ $32, h, h \
	VPADDQ h, Y9, Y9

// func slide64SIMD(y *[65]int16, h, xn *[64]int16, x int64) (xy int32, yy int64)
TEXT ·slide64SIMD(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), SI
	MOVQ h+8(FP), BX
	MOVQ xn+16(FP), DI
	MOVQ x+24(FP), AX
	VMOVQ AX, X10
	VPBROADCASTW X10, Y10
	VPBROADCASTQ low<>(SB), Y15
	VPXOR Y8, Y8, Y8
	VPXOR Y9, Y9, Y9
	PREPEND(96, Y0, Y1, Y2)
	PREPEND(64, Y3, Y4, Y5)
	PREPEND(32, Y6, Y7, Y11)
	PREPEND(0, Y12, Y13, Y14)
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
	MOVL AX, xy+32(FP)
	MOVQ CX, yy+40(FP)
	RET

// SLIDE adds the products of x, in x0, with the words of h at off, shifted right, to y.
#define SLIDE(off, x0, y, h, l, u) \
	VPMULLW (off)(BX), x0, l \
	VPMULHW (off)(BX), x0, h \
	VPUNPCKHWD h, l, u \
	VPUNPCKLWD h, l, l \
	VPSRAD X3, l, l \
	VPSRAD X3, u, u \
	VPACKSSDW u, l, l \
	VPADDSW l, y, y

// func slides40SIMD(y, h, xn *[40]int16, x *int16, n int, down uint64, xy *[41]int32, yy *[41]int64)
// Y0, Y1 and X2 have y.
TEXT ·slides40SIMD(SB), NOSPLIT, $0-64
	MOVQ y+0(FP), R12
	MOVQ h+8(FP), BX
	MOVQ xn+16(FP), DI
	MOVQ x+24(FP), SI
	MOVQ n+32(FP), CX
	MOVQ down+40(FP), R10
	MOVQ xy+48(FP), R8
	MOVQ yy+56(FP), R9
	LEAQ (SI)(CX*2), SI
	VMOVQ R10, X3
	SUBQ $12, R10
	VPBROADCASTQ low<>(SB), Y15
	VMOVDQU (R12), Y0
	VMOVDQU 32(R12), Y1
	VMOVDQU 64(R12), X2
slides:
	VPMADDWD (DI), Y0, Y4
	VPMADDWD 32(DI), Y1, Y5
	VPMADDWD 64(DI), X2, X6
	VPADDD Y5, Y4, Y4
	VPADDD Y6, Y4, Y4
	VPMADDWD Y0, Y0, Y7
	VPMADDWD Y1, Y1, Y8
	VPMADDWD X2, X2, X9
	VPAND Y15, Y7, Y10
	VPSRLQ $32, Y7, Y7
	VPAND Y15, Y8, Y11
	VPSRLQ $32, Y8, Y8
	VPAND Y15, Y9, Y12
	VPSRLQ $32, Y9, Y9
	VPADDQ Y10, Y7, Y7
	VPADDQ Y11, Y8, Y8
	VPADDQ Y12, Y9, Y9
	VPADDQ Y8, Y7, Y7
	VPADDQ Y9, Y7, Y7
	VEXTRACTI128 $1, Y4, X5
	VEXTRACTI128 $1, Y7, X8
	VPADDD X5, X4, X4
	VPADDQ X8, X7, X7
	VPSHUFD $0x4e, X4, X5
	VPSHUFD $0x4e, X7, X8
	VPADDD X5, X4, X4
	VPADDQ X8, X7, X7
	VPSHUFD $0xb1, X4, X5
	VMOVQ X7, (R9)
	VPADDD X5, X4, X4
	VMOVD X4, (R8)
	ADDQ $8, R9
	ADDQ $4, R8
	SUBQ $1, CX
	JLT slid
	SUBQ $2, SI
	MOVWLSX (SI), AX
	VPBROADCASTW (SI), Y4
	SARXL R10, AX, AX
	MOVWLZX AX, AX
	VMOVD AX, X5
	VEXTRACTI128 $1, Y1, X6
	VPALIGNR $14, X6, X2, X2
	VPERM2I128 $0x21, Y1, Y0, Y6
	VPALIGNR $14, Y6, Y1, Y1
	VPERM2I128 $0x08, Y0, Y0, Y6
	VPALIGNR $14, Y6, Y0, Y0
	VPOR Y5, Y0, Y0
	SLIDE(0, Y4, Y0, Y6, Y7, Y8)
	SLIDE(32, Y4, Y1, Y9, Y10, Y11)
	SLIDE(64, X4, X2, X12, X13, X14)
	JMP slides
slid:
	VMOVDQU Y0, (R12)
	VMOVDQU Y1, 32(R12)
	VMOVDQU X2, 64(R12)
	VZEROUPPER
	RET
