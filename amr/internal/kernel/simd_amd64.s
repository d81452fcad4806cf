//go:build !purego

#include "textflag.h"

// The doc comment of the package and those of the Go functions say why these are exact.

DATA low32<>+0(SB)/8, $0x00000000ffffffff
GLOBL low32<>(SB), RODATA|NOPTR, $8

// interleave puts the words E0 E1 E2 E3 O0 O1 O2 O3 of a lane into the order E0 O0 E1 O1 E2 O2 E3 O3.
DATA interleave<>+0(SB)/8, $0x0b0a030209080100
DATA interleave<>+8(SB)/8, $0x0f0e07060d0c0504
GLOBL interleave<>(SB), RODATA|NOPTR, $16

// func sumSquaresAVX2(x *int16, n int) int64
// n is a multiple of 16. A pair sums up to at most 2^31, unsigned; pairs are added in 64 bits.
TEXT ·sumSquaresAVX2(SB), NOSPLIT, $0-24
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

// func dotAVX2(x, y *int16, n int) int32
// n is a multiple of 16.
TEXT ·dotAVX2(SB), NOSPLIT, $0-28
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

// func maxAbsAVX2(x *int16, n int) int32
// n is a multiple of 16. The magnitude of -32768 is 32768, unsigned.
TEXT ·maxAbsAVX2(SB), NOSPLIT, $0-20
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


// FIRSTEP adds a pair of taps to the even outputs in e and the odd ones in o, from off bytes behind SI. The pair is in Y8.
#define FIRSTEP(off, e, o, t, u) \
	VPMADDWD (off)(SI)(DX*4), Y8, t \
	VPMADDWD (off+2)(SI)(DX*4), Y8, u \
	VPADDD t, e, e \
	VPADDD u, o, o

// func fir16AVX2(y, x, c *int16, n, pairs int, half int32, down uint64)
// n is a multiple of 16. y[i] = sat((sum(x[i+k]*c[k], k < 2*pairs) + half) >> down)
TEXT ·fir16AVX2(SB), NOSPLIT, $0-56
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ c+16(FP), BX
	MOVQ n+24(FP), CX
	MOVQ pairs+32(FP), R8
	MOVL half+40(FP), AX
	VMOVD AX, X9
	VPBROADCASTD X9, Y9
	VMOVQ down+48(FP), X10
	VBROADCASTI128 interleave<>(SB), Y11
	SUBQ $32, CX
	JLT fir16tail
fir16x32:
	VMOVDQA Y9, Y0
	VMOVDQA Y9, Y1
	VMOVDQA Y9, Y2
	VMOVDQA Y9, Y3
	XORQ DX, DX
fir16taps32:
	VPBROADCASTD (BX)(DX*4), Y8
	FIRSTEP(0, Y0, Y1, Y4, Y5)
	FIRSTEP(32, Y2, Y3, Y6, Y7)
	INCQ DX
	CMPQ DX, R8
	JLT fir16taps32
	VPSRAD X10, Y0, Y0
	VPSRAD X10, Y1, Y1
	VPSRAD X10, Y2, Y2
	VPSRAD X10, Y3, Y3
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPSHUFB Y11, Y0, Y0
	VPSHUFB Y11, Y2, Y2
	VMOVDQU Y0, (DI)
	VMOVDQU Y2, 32(DI)
	ADDQ $64, DI
	ADDQ $64, SI
	SUBQ $32, CX
	JGE fir16x32
fir16tail:
	ADDQ $32, CX
	JZ fir16done
	VMOVDQA Y9, Y0
	VMOVDQA Y9, Y1
	XORQ DX, DX
fir16taps16:
	VPBROADCASTD (BX)(DX*4), Y8
	FIRSTEP(0, Y0, Y1, Y4, Y5)
	INCQ DX
	CMPQ DX, R8
	JLT fir16taps16
	VPSRAD X10, Y0, Y0
	VPSRAD X10, Y1, Y1
	VPACKSSDW Y1, Y0, Y0
	VPSHUFB Y11, Y0, Y0
	VMOVDQU Y0, (DI)
fir16done:
	VZEROUPPER
	RET

// func fir32AVX2(y *int32, x, c *int16, n, pairs int)
// n is a multiple of 16. y[i] = sum(x[i+k]*c[k], k < 2*pairs)
TEXT ·fir32AVX2(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ c+16(FP), BX
	MOVQ n+24(FP), CX
	MOVQ pairs+32(FP), R8
	SUBQ $32, CX
	JLT fir32tail
fir32x32:
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	XORQ DX, DX
fir32taps32:
	VPBROADCASTD (BX)(DX*4), Y8
	FIRSTEP(0, Y0, Y1, Y4, Y5)
	FIRSTEP(32, Y2, Y3, Y6, Y7)
	INCQ DX
	CMPQ DX, R8
	JLT fir32taps32
	VPUNPCKLDQ Y1, Y0, Y4
	VPUNPCKHDQ Y1, Y0, Y5
	VPERM2I128 $0x20, Y5, Y4, Y6
	VPERM2I128 $0x31, Y5, Y4, Y7
	VMOVDQU Y6, (DI)
	VMOVDQU Y7, 32(DI)
	VPUNPCKLDQ Y3, Y2, Y4
	VPUNPCKHDQ Y3, Y2, Y5
	VPERM2I128 $0x20, Y5, Y4, Y6
	VPERM2I128 $0x31, Y5, Y4, Y7
	VMOVDQU Y6, 64(DI)
	VMOVDQU Y7, 96(DI)
	ADDQ $128, DI
	ADDQ $64, SI
	SUBQ $32, CX
	JGE fir32x32
fir32tail:
	ADDQ $32, CX
	JZ fir32done
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	XORQ DX, DX
fir32taps16:
	VPBROADCASTD (BX)(DX*4), Y8
	FIRSTEP(0, Y0, Y1, Y4, Y5)
	INCQ DX
	CMPQ DX, R8
	JLT fir32taps16
	VPUNPCKLDQ Y1, Y0, Y4
	VPUNPCKHDQ Y1, Y0, Y5
	VPERM2I128 $0x20, Y5, Y4, Y6
	VPERM2I128 $0x31, Y5, Y4, Y7
	VMOVDQU Y6, (DI)
	VMOVDQU Y7, 32(DI)
fir32done:
	VZEROUPPER
	RET


// WIDE adds the unsigned doublewords of v to the four quadwords of acc. Y15 masks the lower ones; t is overwritten.
#define WIDE(v, t, acc) \
	VPAND Y15, v, t \
	VPADDQ t, acc, acc \
	VPSRLQ $32, v, t \
	VPADDQ t, acc, acc

// func dotSquares40AVX2(x, y *[40]int16) (xy int32, xx, yy int64)
TEXT ·dotSquares40AVX2(SB), NOSPLIT, $0-40
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
