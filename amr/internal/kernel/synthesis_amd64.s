//go:build !purego

#include "textflag.h"

// later moves each doubleword one place down.
DATA later<>+0(SB)/8, $0x0000000200000001
DATA later<>+8(SB)/8, $0x0000000400000003
DATA later<>+16(SB)/8, $0x0000000600000005
DATA later<>+24(SB)/8, $0x0000000700000007
GLOBL later<>(SB), RODATA|NOPTR, $32

// LATER moves the sums in Y7 on by a sample, with a new one from Y13 at the top, and adds the products of the taps a3..a10 with the
// output in Y0.
#define LATER \
	VPERMD Y7, Y14, Y7 \
	VPBLENDD $0x80, Y13, Y7, Y7 \
	VPMADDWD Y6, Y0, Y0 \
	VPADDD Y0, Y7, Y7

// func synthesis10SIMD(a *[11]int16, x, y *int16, mem *[10]int16, n int, limit int32) int
// It returns how many outputs are missing. The last two outputs, in R12 and R13, are weighted by themselves, so that nothing waits
// for the vectors: those hold what the outputs before add to the next eight, less the half that rounds. CX counts up to 0.
TEXT ·synthesis10SIMD(SB), NOSPLIT, $0-56
	MOVQ a+0(FP), AX
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DI
	MOVQ mem+24(FP), R9
	MOVQ n+32(FP), CX
	MOVL limit+40(FP), R8
	VPMOVZXWD 6(AX), Y6
	MOVWLSX 2(AX), R10
	MOVWLSX 4(AX), R11
	VMOVDQU later<>(SB), Y14
	MOVL $-0x800, AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	VMOVDQA Y13, Y7
	XORQ DX, DX
past:
	VPBROADCASTW (R9)(DX*2), Y0
	LATER
	INCQ DX
	CMPQ DX, $8
	JLT past
	MOVWLSX 16(R9), R13
	MOVWLSX 18(R9), R12
	LEAL (R8)(R8*1), R9
	LEAQ (SI)(CX*2), SI
	LEAQ (DI)(CX*2), DI
	NEGQ CX
samples:
	MOVWLSX (SI)(CX*2), AX
	SHLL $12, AX
	VMOVD X7, DX
	SUBL DX, AX
	VMOVD R13, X0
	VPBROADCASTW X0, Y0
	IMULL R11, R13
	SUBL R13, AX
	MOVL R12, R13
	IMULL R10, R12
	SUBL R12, AX
	SARL $12, AX
	MOVL AX, R12
	ADDL R8, AX
	CMPL AX, R9
	JHI beyond
	LATER
	MOVW R12, (DI)(CX*2)
	ADDQ $1, CX
	JNZ samples
beyond:
	VZEROUPPER
	NEGQ CX
	MOVQ CX, ret+48(FP)
	RET
