//go:build !purego

#include "textflag.h"

// interleave puts the words E0 E1 E2 E3 O0 O1 O2 O3 of a lane into the order E0 O0 E1 O1 E2 O2 E3 O3.
DATA interleave<>+0(SB)/8, $0x0b0a030209080100
DATA interleave<>+8(SB)/8, $0x0f0e07060d0c0504
GLOBL interleave<>(SB), RODATA|NOPTR, $16

// FIRSTEP adds a pair of taps to the even outputs in e and the odd ones in o, from off bytes behind SI. The pair is in Y8.
#define FIRSTEP(off, e, o, t, u) \
	VPMADDWD (off)(SI)(DX*4), Y8, t \
	VPMADDWD (off+2)(SI)(DX*4), Y8, u \
	VPADDD t, e, e \
	VPADDD u, o, o

// func fir16SIMD(y, x, c *int16, n, pairs int, half int32, down uint64)
// n is a multiple of 16. y[i] = sat((sum(x[i+k]*c[k], k < 2*pairs) + half) >> down)
TEXT ·fir16SIMD(SB), NOSPLIT, $0-56
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

// func fir32SIMD(y *int32, x, c *int16, n, pairs int)
// n is a multiple of 16. y[i] = sum(x[i+k]*c[k], k < 2*pairs)
TEXT ·fir32SIMD(SB), NOSPLIT, $0-40
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

// DOT32 sets acc to the products of 32 taps, in eight partial sums. R9 counts in the table at R8.
#define DOT32(i, acc, t) \
	MOVL (8*i)(R8), AX \
	MOVL (8*i+4)(R8), DX \
	VMOVDQU (SI)(AX*1), acc \
	VPMADDWD (BX)(DX*1), acc, acc \
	VMOVDQU 32(SI)(AX*1), t \
	VPMADDWD 32(BX)(DX*1), t, t \
	VPADDD t, acc, acc

// func polyphaseSIMD(y, x, c *int16, table *tapOffsets, n int)
// n is a multiple of 4. y[i] = sat((sum(x'[k]*c'[k], k < 32) + 2^13) >> 14) for x' and c' at the byte offsets table[i].
TEXT ·polyphaseSIMD(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ c+16(FP), BX
	MOVQ table+24(FP), R8
	MOVQ n+32(FP), CX
	MOVL $0x2000, AX
	VMOVD AX, X9
	VPBROADCASTD X9, X9
poly:
	DOT32(0, Y0, Y4)
	DOT32(1, Y1, Y5)
	DOT32(2, Y2, Y6)
	DOT32(3, Y3, Y7)
	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VPADDD X9, X0, X0
	VPSRAD $14, X0, X0
	VPACKSSDW X0, X0, X0
	VMOVQ X0, (DI)
	ADDQ $8, DI
	ADDQ $32, R8
	SUBQ $4, CX
	JNZ poly
	VZEROUPPER
	RET
