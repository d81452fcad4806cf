//go:build !purego

#include "textflag.h"

// later moves each doubleword one place down; the one at the top becomes 0 by notTop.
DATA later<>+0(SB)/8, $0x0000000200000001
DATA later<>+8(SB)/8, $0x0000000400000003
DATA later<>+16(SB)/8, $0x0000000600000005
DATA later<>+24(SB)/8, $0x0000000700000007
GLOBL later<>(SB), RODATA|NOPTR, $32

DATA notTop<>+0(SB)/8, $0xffffffffffffffff
DATA notTop<>+8(SB)/8, $0xffffffffffffffff
DATA notTop<>+16(SB)/8, $0xffffffffffffffff
DATA notTop<>+24(SB)/8, $0x00000000ffffffff
GLOBL notTop<>(SB), RODATA|NOPTR, $32

// LATER moves the sums in Y7 on by a sample and adds the products of the taps a3..a10 with the output in Y0.
#define LATER \
	VPERMD Y7, Y14, Y7 \
	VPAND Y13, Y7, Y7 \
	VPMADDWD Y6, Y0, Y0 \
	VPADDD Y0, Y7, Y7

// func synthesis10SIMD(a *[11]int16, x, y *int16, mem *[10]int16, n int) int32
// The last two outputs, in R12 and R13, are weighted by themselves, so that nothing waits for the vectors: those hold what
// the outputs before add to the next eight.
TEXT ·synthesis10SIMD(SB), NOSPLIT, $0-44
	MOVQ a+0(FP), AX
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DI
	MOVQ mem+24(FP), R9
	MOVQ n+32(FP), CX
	VPMOVZXWD 6(AX), Y6
	MOVWLSX 2(AX), R10
	MOVWLSX 4(AX), R11
	VMOVDQU later<>(SB), Y14
	VMOVDQU notTop<>(SB), Y13
	VPXOR Y7, Y7, Y7
	XORQ DX, DX
past:
	VPBROADCASTW (R9)(DX*2), Y0
	LATER
	INCQ DX
	CMPQ DX, $8
	JLT past
	MOVWLSX 16(R9), R13
	MOVWLSX 18(R9), R12
	XORL BX, BX
samples:
	MOVWLSX (SI), AX
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
	LATER
	MOVL AX, DX
	ADDL $0x800, AX
	SARL $12, AX
	MOVWLSX AX, R12
	CMPL R12, AX
	JNE saturate
	CMPL R12, $-32768
	JEQ lowest
store:
	MOVW R12, (DI)
	ADDQ $2, SI
	ADDQ $2, DI
	SUBQ $1, CX
	JNZ samples
	VZEROUPPER
	MOVL BX, ret+40(FP)
	RET
saturate:
	MOVL $1, BX
	SARL $31, AX
	XORL $0x7fff, AX
	MOVWLSX AX, R12
	JMP store
lowest:
	CMPL DX, $-0x8000000
	JGE store
	MOVL $1, BX
	JMP store
