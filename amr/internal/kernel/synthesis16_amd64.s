//go:build !purego

#include "textflag.h"

// Recursive filters, four outputs a round. What outputs five or more samples back contribute comes from vectors: H holds
// the 16 outputs before the last four. The last four and those of the round are multiplied one by one, so that only one
// product, difference and shift lie between an output and the next.
//
// taps: 3 zeros, a[20] down to a[5] as words, then a[1] to a[7] as 64-bit numbers from byte 40 on.
#define TAP(i) (32+8*i)(R8)

// LESS subtracts tap i times y from s, by t.
#define LESS(i, y, s, t) \
	MOVL TAP(i), t \
	IMULL y, t \
	SUBL t, s

// CHECK leaves the loop if y is beyond the limit.
#define CHECK(y, t, out) \
	LEAL (y)(R13*1), t \
	CMPL t, lim2-4(SP) \
	JHI out

// func synthesis16SIMD(y, x *int16, taps *recursiveTaps, n int, a0, half int32, down uint64, limit int32) int
// n is a multiple of 4; 20 outputs precede y. Returns how many outputs are within the limit: the one after isn't, or all.
TEXT ·synthesis16SIMD(SB), NOSPLIT, $8-64
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ taps+16(FP), R8
	MOVQ down+40(FP), CX
	MOVL limit+48(FP), R13
	LEAL (R13)(R13*1), AX
	MOVL AX, lim2-4(SP)
	MOVL a0+32(FP), AX
	VMOVD AX, X14
	VPBROADCASTD X14, X14
	MOVL half+36(FP), AX
	VMOVD AX, X13
	VPBROADCASTD X13, X13
	VMOVDQU -40(DI), Y15
	MOVWLSX -8(DI), R9
	MOVWLSX -6(DI), R10
	MOVWLSX -4(DI), R11
	MOVWLSX -2(DI), R12
synRound:
	VPMADDWD 6(R8), Y15, Y0
	VPMADDWD 4(R8), Y15, Y1
	VPMADDWD 2(R8), Y15, Y2
	VPMADDWD 0(R8), Y15, Y3
	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VPMOVSXWD (SI), X1
	VPMULLD X14, X1, X1
	VPADDD X13, X1, X1
	VPSUBD X0, X1, X1
	VMOVQ X1, AX
	VPEXTRQ $1, X1, BX
	VPBROADCASTQ -8(DI), Y2
	VPERMQ $0x39, Y15, Y15
	VPBLENDD $0xc0, Y2, Y15, Y15

	MOVL AX, DX
	LESS(4, R9, DX, R15)
	LESS(3, R10, DX, R15)
	LESS(2, R11, DX, R15)
	LESS(1, R12, DX, R15)
	SARXL CX, DX, DX
	CHECK(DX, R15, synOut0)
	MOVW DX, (DI)

	SHRQ $32, AX
	LESS(5, R9, AX, R15)
	LESS(4, R10, AX, R15)
	LESS(3, R11, AX, R15)
	LESS(2, R12, AX, R15)
	LESS(1, DX, AX, R15)
	SARXL CX, AX, AX
	CHECK(AX, R15, synOut1)
	MOVW AX, 2(DI)

	MOVQ BX, R14
	LESS(6, R9, BX, R15)
	LESS(5, R10, BX, R15)
	LESS(4, R11, BX, R15)
	LESS(3, R12, BX, R15)
	LESS(2, DX, BX, R15)
	LESS(1, AX, BX, R15)
	SARXL CX, BX, BX
	CHECK(BX, R15, synOut2)
	MOVW BX, 4(DI)

	SHRQ $32, R14
	LESS(7, R9, R14, R15)
	LESS(6, R10, R14, R15)
	LESS(5, R11, R14, R15)
	LESS(4, R12, R14, R15)
	LESS(3, DX, R14, R15)
	LESS(2, AX, R14, R15)
	LESS(1, BX, R14, R15)
	SARXL CX, R14, R14
	CHECK(R14, R15, synOut3)
	MOVW R14, 6(DI)

	MOVL DX, R9
	MOVL AX, R10
	MOVL BX, R11
	MOVL R14, R12
	ADDQ $8, DI
	ADDQ $8, SI
	SUBQ $4, n+24(FP)
	JNZ synRound
	JMP synOut0
synOut3:
	ADDQ $2, DI
synOut2:
	ADDQ $2, DI
synOut1:
	ADDQ $2, DI
synOut0:
	VZEROUPPER
	SUBQ y+0(FP), DI
	SHRQ $1, DI
	MOVQ DI, ret+56(FP)
	RET

#define LESSQ(i, y, s, t) \
	MOVQ TAP(i), t \
	IMULQ y, t \
	SUBQ t, s

// KEEP checks the output v and stores its upper 16 and lower 12 bits at off.
#define KEEP(v, t, off, out) \
	LEAQ (v)(R13*1), t \
	CMPQ t, lim2-8(SP) \
	JHI out \
	MOVQ v, t \
	SARQ $12, t \
	MOVW t, off(DI) \
	MOVL v, t \
	ANDL $0xfff, t \
	MOVW t, off(SI)

// JOIN makes the 64-bit number of the upper and lower halves before hi and lo by off.
#define JOIN(off, v, t) \
	MOVWQSX off(DI), v \
	SHLQ $12, v \
	MOVWQZX off(SI), t \
	ADDQ t, v

// func synthesisWideSIMD(hi, lo, x *int16, taps *recursiveTaps, n int, a0 int32, down uint64, limit int64) int
// As synthesis16SIMD, for outputs of 28 bits: hi*2^12 + lo. The sums of the halves are formed apart and joined in 64 bits.
TEXT ·synthesisWideSIMD(SB), NOSPLIT, $8-72
	MOVQ hi+0(FP), DI
	MOVQ lo+8(FP), SI
	MOVQ taps+24(FP), R8
	MOVQ down+48(FP), CX
	MOVQ limit+56(FP), R13
	LEAQ (R13)(R13*1), AX
	MOVQ AX, lim2-8(SP)
	MOVLQSX a0+40(FP), AX
	VMOVQ AX, X14
	VPBROADCASTQ X14, Y14
	VMOVDQU -40(DI), Y15
	VMOVDQU -40(SI), Y13
	JOIN(-8, R9, AX)
	JOIN(-6, R10, AX)
	JOIN(-4, R11, AX)
	JOIN(-2, R12, AX)
syn32Round:
	VPMADDWD 6(R8), Y15, Y0
	VPMADDWD 4(R8), Y15, Y1
	VPMADDWD 2(R8), Y15, Y2
	VPMADDWD 0(R8), Y15, Y3
	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VPMADDWD 6(R8), Y13, Y4
	VPMADDWD 4(R8), Y13, Y5
	VPMADDWD 2(R8), Y13, Y6
	VPMADDWD 0(R8), Y13, Y7
	VPHADDD Y5, Y4, Y4
	VPHADDD Y7, Y6, Y6
	VPHADDD Y6, Y4, Y4
	VEXTRACTI128 $1, Y4, X5
	VPADDD X5, X4, X4
	MOVQ x+16(FP), AX
	VPMOVSXWQ (AX), Y1
	ADDQ $8, AX
	MOVQ AX, x+16(FP)
	VPMULDQ Y14, Y1, Y1
	VPMOVSXDQ X0, Y0
	VPSUBQ Y0, Y1, Y1
	VPSLLQ $12, Y1, Y1
	VPMOVSXDQ X4, Y4
	VPSUBQ Y4, Y1, Y1
	VEXTRACTI128 $1, Y1, X2
	VMOVQ X1, DX
	VPEXTRQ $1, X1, AX
	VMOVQ X2, BX
	VPEXTRQ $1, X2, R14
	VPBROADCASTQ -8(DI), Y2
	VPERMQ $0x39, Y15, Y15
	VPBLENDD $0xc0, Y2, Y15, Y15
	VPBROADCASTQ -8(SI), Y3
	VPERMQ $0x39, Y13, Y13
	VPBLENDD $0xc0, Y3, Y13, Y13

	LESSQ(4, R9, DX, R15)
	LESSQ(3, R10, DX, R15)
	LESSQ(2, R11, DX, R15)
	LESSQ(1, R12, DX, R15)
	SARXQ CX, DX, DX
	KEEP(DX, R15, 0, syn32Out0)

	LESSQ(5, R9, AX, R15)
	LESSQ(4, R10, AX, R15)
	LESSQ(3, R11, AX, R15)
	LESSQ(2, R12, AX, R15)
	LESSQ(1, DX, AX, R15)
	SARXQ CX, AX, AX
	KEEP(AX, R15, 2, syn32Out1)

	LESSQ(6, R9, BX, R15)
	LESSQ(5, R10, BX, R15)
	LESSQ(4, R11, BX, R15)
	LESSQ(3, R12, BX, R15)
	LESSQ(2, DX, BX, R15)
	LESSQ(1, AX, BX, R15)
	SARXQ CX, BX, BX
	KEEP(BX, R15, 4, syn32Out2)

	LESSQ(7, R9, R14, R15)
	LESSQ(6, R10, R14, R15)
	LESSQ(5, R11, R14, R15)
	LESSQ(4, R12, R14, R15)
	LESSQ(3, DX, R14, R15)
	LESSQ(2, AX, R14, R15)
	LESSQ(1, BX, R14, R15)
	SARXQ CX, R14, R14
	KEEP(R14, R15, 6, syn32Out3)

	MOVQ DX, R9
	MOVQ AX, R10
	MOVQ BX, R11
	MOVQ R14, R12
	ADDQ $8, DI
	ADDQ $8, SI
	SUBQ $4, n+32(FP)
	JNZ syn32Round
	JMP syn32Out0
syn32Out3:
	ADDQ $2, DI
syn32Out2:
	ADDQ $2, DI
syn32Out1:
	ADDQ $2, DI
syn32Out0:
	VZEROUPPER
	SUBQ hi+0(FP), DI
	SHRQ $1, DI
	MOVQ DI, ret+64(FP)
	RET
