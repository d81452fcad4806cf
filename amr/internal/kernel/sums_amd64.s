//go:build !purego

#include "textflag.h"

DATA low32<>+0(SB)/8, $0x00000000ffffffff
GLOBL low32<>(SB), RODATA|NOPTR, $8

// func sumSquaresSIMD(x *int16, n int) int64
// n is a multiple of 16. A pair sums up to at most 2^31, unsigned; pairs are added in 64 bits.
TEXT ·sumSquaresSIMD(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPBROADCASTQ low32<>(SB), Y7
squares:
	VMOVDQU (SI), Y2
	VPMADDWD Y2, Y2, Y2
	VPAND Y7, Y2, Y3
	VPSRLQ $32, Y2, Y2
	VPADDQ Y3, Y0, Y0
	VPADDQ Y2, Y1, Y1
	ADDQ $32, SI
	SUBQ $16, CX
	JNZ squares
	VPADDQ Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPADDQ X1, X0, X0
	VMOVQ X0, AX
	VZEROUPPER
	MOVQ AX, ret+16(FP)
	RET

// func dotSIMD(x, y *int16, n int) int32
// n is a multiple of 16.
TEXT ·dotSIMD(SB), NOSPLIT, $0-28
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), DI
	MOVQ n+16(FP), CX
	VPXOR Y0, Y0, Y0
dot:
	VMOVDQU (SI), Y1
	VPMADDWD (DI), Y1, Y1
	VPADDD Y1, Y0, Y0
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $16, CX
	JNZ dot
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPADDD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPADDD X1, X0, X0
	VMOVD X0, AX
	VZEROUPPER
	MOVL AX, ret+24(FP)
	RET

// func maxAbsSIMD(x *int16, n int) int32
// n is a multiple of 16. The magnitude of -32768 is 32768, unsigned.
TEXT ·maxAbsSIMD(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VPXOR Y0, Y0, Y0
maxabs:
	VPABSW (SI), Y1
	VPMAXUW Y1, Y0, Y0
	ADDQ $32, SI
	SUBQ $16, CX
	JNZ maxabs
	VEXTRACTI128 $1, Y0, X1
	VPMAXUW X1, X0, X0
	VPCMPEQW X1, X1, X1
	VPXOR X1, X0, X0       // the largest becomes the smallest
	VPHMINPOSUW X0, X0
	VMOVD X0, AX
	XORL $0xffff, AX
	MOVWLZX AX, AX
	VZEROUPPER
	MOVL AX, ret+16(FP)
	RET

// func sumAbsSIMD(x *int16, n int) int32
// n is a multiple of 16, at most 2^15.
TEXT ·sumAbsSIMD(SB), NOSPLIT, $0-20
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VPXOR Y0, Y0, Y0
sumabs:
	VPABSW (SI), Y1
	VPSRLD $16, Y1, Y2
	VPSLLD $16, Y1, Y1
	VPSRLD $16, Y1, Y1
	VPADDD Y2, Y0, Y0
	VPADDD Y1, Y0, Y0
	ADDQ $32, SI
	SUBQ $16, CX
	JNZ sumabs
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPADDD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPADDD X1, X0, X0
	VMOVD X0, AX
	VZEROUPPER
	MOVL AX, ret+16(FP)
	RET

// WIDE adds the unsigned doublewords of v to the four quadwords of acc. Y15 masks the lower ones; t is overwritten.
#define WIDE(v, t, acc) \
	VPAND Y15, v, t \
	VPADDQ t, acc, acc \
	VPSRLQ $32, v, t \
	VPADDQ t, acc, acc

// func dotSquares40SIMD(x, y *[40]int16) (xy int32, xx, yy int64)
TEXT ·dotSquares40SIMD(SB), NOSPLIT, $0-40
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), DI
	VPBROADCASTQ low32<>(SB), Y15
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), X2
	VMOVDQU (DI), Y3
	VMOVDQU 32(DI), Y4
	VMOVDQU 64(DI), X5
	VPMADDWD Y0, Y3, Y6
	VPMADDWD Y1, Y4, Y7
	VPMADDWD X2, X5, X8
	VPADDD Y6, Y7, Y6
	VPADDD Y6, Y8, Y6
	VPMADDWD Y0, Y0, Y0
	VPMADDWD Y1, Y1, Y1
	VPMADDWD X2, X2, X2
	VPMADDWD Y3, Y3, Y3
	VPMADDWD Y4, Y4, Y4
	VPMADDWD X5, X5, X5
	VPXOR Y9, Y9, Y9
	VPXOR Y10, Y10, Y10
	WIDE(Y0, Y11, Y9)
	WIDE(Y1, Y12, Y9)
	WIDE(Y2, Y13, Y9)
	WIDE(Y3, Y11, Y10)
	WIDE(Y4, Y12, Y10)
	WIDE(Y5, Y13, Y10)
	VEXTRACTI128 $1, Y6, X7
	VPADDD X7, X6, X6
	VPSHUFD $0x4e, X6, X7
	VPADDD X7, X6, X6
	VPSHUFD $0xb1, X6, X7
	VPADDD X7, X6, X6
	VEXTRACTI128 $1, Y9, X7
	VPADDQ X7, X9, X9
	VPSHUFD $0x4e, X9, X7
	VPADDQ X7, X9, X9
	VEXTRACTI128 $1, Y10, X7
	VPADDQ X7, X10, X10
	VPSHUFD $0x4e, X10, X7
	VPADDQ X7, X10, X10
	VMOVD X6, AX
	VMOVQ X9, BX
	VMOVQ X10, CX
	VZEROUPPER
	MOVL AX, xy+16(FP)
	MOVQ BX, xx+24(FP)
	MOVQ CX, yy+32(FP)
	RET
