//go:build !purego

#include "textflag.h"

// byTrack puts words 0, 4, 1, 5, ... of a lane side by side, and lanePairs the pairs of both lanes in turn.
DATA byTrack<>+0(SB)/8, $0x0b0a030209080100
DATA byTrack<>+8(SB)/8, $0x0f0e07060d0c0504
GLOBL byTrack<>(SB), RODATA|NOPTR, $16

DATA lanePairs<>+0(SB)/8, $0x0000000400000000
DATA lanePairs<>+8(SB)/8, $0x0000000500000001
DATA lanePairs<>+16(SB)/8, $0x0000000600000002
DATA lanePairs<>+24(SB)/8, $0x0000000700000003
GLOBL lanePairs<>(SB), RODATA|NOPTR, $32

// later<>+32*j has -1 in the words behind number j.
DATA later<>+0(SB)/8, $0xffffffffffff0000
DATA later<>+8(SB)/8, $0xffffffffffffffff
DATA later<>+16(SB)/8, $0xffffffffffffffff
DATA later<>+24(SB)/8, $0xffffffffffffffff
DATA later<>+32(SB)/8, $0xffffffff00000000
DATA later<>+40(SB)/8, $0xffffffffffffffff
DATA later<>+48(SB)/8, $0xffffffffffffffff
DATA later<>+56(SB)/8, $0xffffffffffffffff
DATA later<>+64(SB)/8, $0xffff000000000000
DATA later<>+72(SB)/8, $0xffffffffffffffff
DATA later<>+80(SB)/8, $0xffffffffffffffff
DATA later<>+88(SB)/8, $0xffffffffffffffff
DATA later<>+96(SB)/8, $0x0000000000000000
DATA later<>+104(SB)/8, $0xffffffffffffffff
DATA later<>+112(SB)/8, $0xffffffffffffffff
DATA later<>+120(SB)/8, $0xffffffffffffffff
DATA later<>+128(SB)/8, $0x0000000000000000
DATA later<>+136(SB)/8, $0xffffffffffff0000
DATA later<>+144(SB)/8, $0xffffffffffffffff
DATA later<>+152(SB)/8, $0xffffffffffffffff
DATA later<>+160(SB)/8, $0x0000000000000000
DATA later<>+168(SB)/8, $0xffffffff00000000
DATA later<>+176(SB)/8, $0xffffffffffffffff
DATA later<>+184(SB)/8, $0xffffffffffffffff
DATA later<>+192(SB)/8, $0x0000000000000000
DATA later<>+200(SB)/8, $0xffff000000000000
DATA later<>+208(SB)/8, $0xffffffffffffffff
DATA later<>+216(SB)/8, $0xffffffffffffffff
DATA later<>+224(SB)/8, $0x0000000000000000
DATA later<>+232(SB)/8, $0x0000000000000000
DATA later<>+240(SB)/8, $0xffffffffffffffff
DATA later<>+248(SB)/8, $0xffffffffffffffff
DATA later<>+256(SB)/8, $0x0000000000000000
DATA later<>+264(SB)/8, $0x0000000000000000
DATA later<>+272(SB)/8, $0xffffffffffff0000
DATA later<>+280(SB)/8, $0xffffffffffffffff
DATA later<>+288(SB)/8, $0x0000000000000000
DATA later<>+296(SB)/8, $0x0000000000000000
DATA later<>+304(SB)/8, $0xffffffff00000000
DATA later<>+312(SB)/8, $0xffffffffffffffff
DATA later<>+320(SB)/8, $0x0000000000000000
DATA later<>+328(SB)/8, $0x0000000000000000
DATA later<>+336(SB)/8, $0xffff000000000000
DATA later<>+344(SB)/8, $0xffffffffffffffff
DATA later<>+352(SB)/8, $0x0000000000000000
DATA later<>+360(SB)/8, $0x0000000000000000
DATA later<>+368(SB)/8, $0x0000000000000000
DATA later<>+376(SB)/8, $0xffffffffffffffff
DATA later<>+384(SB)/8, $0x0000000000000000
DATA later<>+392(SB)/8, $0x0000000000000000
DATA later<>+400(SB)/8, $0x0000000000000000
DATA later<>+408(SB)/8, $0xffffffffffff0000
DATA later<>+416(SB)/8, $0x0000000000000000
DATA later<>+424(SB)/8, $0x0000000000000000
DATA later<>+432(SB)/8, $0x0000000000000000
DATA later<>+440(SB)/8, $0xffffffff00000000
DATA later<>+448(SB)/8, $0x0000000000000000
DATA later<>+456(SB)/8, $0x0000000000000000
DATA later<>+464(SB)/8, $0x0000000000000000
DATA later<>+472(SB)/8, $0xffff000000000000
DATA later<>+480(SB)/8, $0x0000000000000000
DATA later<>+488(SB)/8, $0x0000000000000000
DATA later<>+496(SB)/8, $0x0000000000000000
DATA later<>+504(SB)/8, $0x0000000000000000
GLOBL later<>(SB), RODATA|NOPTR, $512

DATA counting<>+0(SB)/8, $0x0000000100000000
DATA counting<>+8(SB)/8, $0x0000000300000002
DATA counting<>+16(SB)/8, $0x0000000500000004
DATA counting<>+24(SB)/8, $0x0000000700000006
GLOBL counting<>(SB), RODATA|NOPTR, $32

DATA columnsLow<>+0(SB)/8, $0x0000000100000000
DATA columnsLow<>+8(SB)/8, $0x0000000300000002
DATA columnsLow<>+16(SB)/8, $0x0000000900000008
DATA columnsLow<>+24(SB)/8, $0x0000000b0000000a
GLOBL columnsLow<>(SB), RODATA|NOPTR, $32

DATA columnsHigh<>+0(SB)/8, $0x0000000500000004
DATA columnsHigh<>+8(SB)/8, $0x0000000700000006
DATA columnsHigh<>+16(SB)/8, $0x0000000d0000000c
DATA columnsHigh<>+24(SB)/8, $0x0000000f0000000e
GLOBL columnsHigh<>(SB), RODATA|NOPTR, $32

DATA pairScale<>+0(SB)/4, $0x40002000 // 2^13 for the correlation of a track, 2^14 for that of both pulses
GLOBL pairScale<>(SB), RODATA|NOPTR, $4

// TRACKS sorts the 64 words at p by track. m is byTrack, order lanePairs; t is scratch.
#define TRACKS(p, a, b, c, d, m, order, t) \
	VMOVDQU (p), a \
	VMOVDQU 32(p), b \
	VMOVDQU 64(p), c \
	VMOVDQU 96(p), d \
	VPSHUFB m, a, a \
	VPSHUFB m, b, b \
	VPSHUFB m, c, c \
	VPSHUFB m, d, d \
	VPUNPCKHDQ b, a, t \
	VPUNPCKLDQ b, a, a \
	VPUNPCKHDQ d, c, b \
	VPUNPCKLDQ d, c, c \
	VPUNPCKHQDQ b, t, d \
	VPUNPCKLQDQ b, t, t \
	VPUNPCKHQDQ c, a, b \
	VPUNPCKLQDQ c, a, a \
	VPERMD a, order, a \
	VPERMD b, order, b \
	VPERMD t, order, c \
	VPERMD d, order, d

// MIX makes of d and c in a track the signs, to off(DI), d with them, to off(SI), and the mix without, to off(BX).
// Y15 is 0, Y14 has the weights.
#define MIX(off, d, c) \
	VPUNPCKLWD c, d, Y9 \
	VPUNPCKHWD c, d, Y10 \
	VPMADDWD Y14, Y9, Y9 \
	VPMADDWD Y14, Y10, Y10 \
	VPSRAD $7, Y9, Y9 \
	VPSRAD $7, Y10, Y10 \
	VPACKSSDW Y10, Y9, Y9 \
	VPSRAW $15, Y9, Y10 \
	VMOVDQU Y10, off(DI) \
	VPSUBSW d, Y15, Y11 \
	VPBLENDVB Y10, Y11, d, Y11 \
	VMOVDQU Y11, off(SI) \
	VPSUBSW Y9, Y15, Y10 \
	VPMAXSW Y10, Y9, Y9 \
	VMOVDQU Y9, off(BX)

// RANKED adds one to the ranks in r of those words of v that number j, at off(BX), goes before.
#define RANKED(off, j, v, r, t, u) \
	VPBROADCASTW (off+2*j)(BX), t \
	VPADDW later<>+32*j(SB), v, u \
	VPCMPGTW u, t, t \
	VPSUBW t, r, r

// RANK turns the mix at off(BX) into ranks, with the best position of track t to 2*t(R8). Y13 is -8.
#define RANK(off, track) \
	VMOVDQU off(BX), Y0 \
	VMOVDQA Y13, Y1 \
	VPXOR Y2, Y2, Y2 \
	RANKED(off, 0, Y0, Y1, Y3, Y4) \
	RANKED(off, 1, Y0, Y2, Y5, Y6) \
	RANKED(off, 2, Y0, Y1, Y3, Y4) \
	RANKED(off, 3, Y0, Y2, Y5, Y6) \
	RANKED(off, 4, Y0, Y1, Y3, Y4) \
	RANKED(off, 5, Y0, Y2, Y5, Y6) \
	RANKED(off, 6, Y0, Y1, Y3, Y4) \
	RANKED(off, 7, Y0, Y2, Y5, Y6) \
	RANKED(off, 8, Y0, Y1, Y3, Y4) \
	RANKED(off, 9, Y0, Y2, Y5, Y6) \
	RANKED(off, 10, Y0, Y1, Y3, Y4) \
	RANKED(off, 11, Y0, Y2, Y5, Y6) \
	RANKED(off, 12, Y0, Y1, Y3, Y4) \
	RANKED(off, 13, Y0, Y2, Y5, Y6) \
	RANKED(off, 14, Y0, Y1, Y3, Y4) \
	RANKED(off, 15, Y0, Y2, Y5, Y6) \
	VPADDW Y2, Y1, Y1 \
	VPCMPEQW Y13, Y1, Y2 \
	VPMOVMSKB Y2, AX \
	BSFL AX, AX \
	LEAL track(AX*2), AX \
	MOVW AX, (2*track)(R8) \
	VMOVDQU Y1, off(R9)

// func rankTracksSIMD(neg, dn, rank *[4]Track, best *[4]int16, d, c *[64]int16, k int32)
// The stack holds the mixes.
TEXT ·rankTracksSIMD(SB), NOSPLIT, $128-52
	VBROADCASTI128 byTrack<>(SB), Y12
	VMOVDQU lanePairs<>(SB), Y13
	MOVQ d+32(FP), AX
	TRACKS(AX, Y0, Y1, Y2, Y3, Y12, Y13, Y8)
	MOVQ c+40(FP), AX
	TRACKS(AX, Y4, Y5, Y6, Y7, Y12, Y13, Y8)
	MOVL k+48(FP), AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
	VPXOR Y15, Y15, Y15
	MOVQ neg+0(FP), DI
	MOVQ dn+8(FP), SI
	LEAQ 0(SP), BX
	MIX(0, Y0, Y4)
	MIX(32, Y1, Y5)
	MIX(64, Y2, Y6)
	MIX(96, Y3, Y7)
	MOVQ rank+16(FP), R9
	MOVQ best+24(FP), R8
	VPCMPEQW Y13, Y13, Y13
	VPSLLW $3, Y13, Y13
	RANK(0, 0)
	RANK(32, 1)
	RANK(64, 2)
	RANK(96, 3)
	VZEROUPPER
	RET

// func leastSIMD(x *int32, n int) (index int64, least int32)
// n is a multiple of 8.
TEXT ·leastSIMD(SB), NOSPLIT, $0-28
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	VMOVDQU (SI), Y0              // the least of each lane
	VMOVDQU counting<>(SB), Y1    // and its index
	VMOVDQA Y1, Y2
	MOVL $8, AX
	VMOVD AX, X3
	VPBROADCASTD X3, Y3
	JMP leastCheck
leastNext:
	ADDQ $32, SI
	VPADDD Y3, Y2, Y2
	VMOVDQU (SI), Y4
	VPCMPGTD Y4, Y0, Y5
	VPMINSD Y4, Y0, Y0
	VPBLENDVB Y5, Y2, Y1, Y1
leastCheck:
	SUBQ $8, CX
	JNZ leastNext
	VEXTRACTI128 $1, Y0, X4
	VPMINSD X4, X0, X4
	VPSHUFD $0x4e, X4, X5
	VPMINSD X5, X4, X4
	VPSHUFD $0xb1, X4, X5
	VPMINSD X5, X4, X4
	VMOVD X4, DX
	VPBROADCASTD X4, Y4
	VPCMPEQD Y4, Y0, Y5
	VPCMPEQD Y6, Y6, Y6
	VPSRLD $1, Y6, Y6
	VPBLENDVB Y5, Y1, Y6, Y1      // others have the largest index
	VEXTRACTI128 $1, Y1, X4
	VPMINSD X4, X1, X4
	VPSHUFD $0x4e, X4, X5
	VPMINSD X5, X4, X4
	VPSHUFD $0xb1, X4, X5
	VPMINSD X5, X4, X4
	VMOVD X4, AX
	VZEROUPPER
	MOVQ AX, index+16(FP)
	MOVL DX, least+24(FP)
	RET

// func gainsSIMD(err *int32, book *[2]int16, n int, k *[7]int32)
// A pair of words is gp and gc, then gp2 and gpc.
TEXT ·gainsSIMD(SB), NOSPLIT, $0-32
	MOVQ err+0(FP), DI
	MOVQ book+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ k+24(FP), BX
	VPBROADCASTD 0(BX), Y8
	VPBROADCASTD 4(BX), Y9
	VPBROADCASTD 8(BX), Y10
	VPBROADCASTD 12(BX), Y11
	VPBROADCASTD 16(BX), Y12
	VPBROADCASTD 20(BX), Y13
	VPBROADCASTD 24(BX), Y14
	VPCMPEQD Y15, Y15, Y15
	VPSRLD $17, Y15, Y15
gainsNext:
	VMOVDQU (SI), Y0
	VPMULHRSW Y8, Y0, Y1          // 0, gc
	VPBLENDW $0xaa, Y1, Y0, Y0    // gp, gc
	VPSHUFLW $0xa0, Y0, Y2
	VPSHUFHW $0xa0, Y2, Y2        // gp, gp
	VPMULHRSW Y0, Y2, Y2          // gp2, gpc
	VPMADDWD Y1, Y1, Y1
	VPAND Y15, Y1, Y3             // the lower half of gc2
	VPSRLD $15, Y1, Y1            // the upper
	VPMADDWD Y11, Y3, Y3
	VPSRAD $2, Y3, Y3
	VPMADDWD Y12, Y2, Y4
	VPMADDWD Y13, Y0, Y5
	VPMADDWD Y14, Y1, Y6
	VPADDD Y5, Y4, Y4
	VPADDD Y6, Y4, Y4
	VPADDD Y4, Y4, Y4
	VPADDD Y3, Y4, Y4
	VPSRAD $12, Y4, Y4
	VPMADDWD Y9, Y2, Y2
	VPMADDWD Y10, Y0, Y0
	VPMADDWD Y11, Y1, Y1
	VPADDD Y2, Y0, Y0
	VPADDD Y1, Y0, Y0
	VPADDD Y0, Y0, Y0
	VPADDD Y4, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ gainsNext
	VZEROUPPER
	RET

// MPY sets t to the product of b and x as Mpy_32_16 has it. Y10 is x in the upper words, Y11 in the lower ones, Y12 has 15 bits.
#define MPY(b, t, u) \
	VPMADDWD Y10, b, t \
	VPSRLD $1, b, u \
	VPAND Y12, u, u \
	VPMADDWD Y11, u, u \
	VPSRAD $15, u, u \
	VPADDD u, t, t \
	VPADDD t, t, t

// func chebyshev104SIMD(y, x *[104]int16, f *int16, n int)
TEXT ·chebyshev104SIMD(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ f+16(FP), BX
	MOVQ n+24(FP), CX
	VPCMPEQD Y12, Y12, Y12
	VPSRLD $17, Y12, Y12
	MOVWLSX (BX), AX
	SHLL $13, AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14         // f[0]
	MOVL $-32767, AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	MOVQ $13, R8
chebNext:
	VPMOVSXWD (SI), Y10
	VPSLLD $16, Y10, Y10
	VPSRLD $16, Y10, Y11
	VMOVDQA Y14, Y2               // b2
	MPY(Y2, Y1, Y3)
	VPADDD Y1, Y1, Y1
	MOVWLSX 2(BX), AX
	SHLL $13, AX
	VMOVD AX, X4
	VPBROADCASTD X4, Y4
	VPADDD Y4, Y1, Y1             // b1: all of them are even
	MOVQ $2, DX
chebTerm:
	MOVWLSX (BX)(DX*2), AX
	SHLL $13, AX
	VMOVD AX, X4
	VPBROADCASTD X4, Y4
	VPSUBD Y2, Y4, Y4
	MPY(Y1, Y0, Y3)
	VPADDD Y0, Y0, Y0
	VPADDD Y4, Y0, Y0
	VMOVDQA Y1, Y2
	VMOVDQA Y0, Y1
	INCQ DX
	CMPQ DX, CX
	JLT chebTerm
	MPY(Y1, Y0, Y3)
	MOVWLSX (BX)(CX*2), AX
	SHLL $12, AX
	VMOVD AX, X4
	VPBROADCASTD X4, Y4
	VPADDD Y4, Y0, Y0
	VPSUBD Y2, Y0, Y0
	VPSRAD $10, Y0, Y0
	VPMAXSD Y15, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPACKSSDW X1, X0, X0
	VMOVDQU X0, (DI)
	ADDQ $16, SI
	ADDQ $16, DI
	DECQ R8
	JNZ chebNext
	VZEROUPPER
	RET

// WINNER takes the better of v, j and b, i (energies and negative squares, and their places), or of equals the first one. q, t and u
// are scratch; sign is 1 in the words with energies and -1 in the others.
#define WINNER(b, i, v, j, q, t, u, sign, zero) \
	VPSIGNW sign, v, q \
	VPSRLD $16, q, t \
	VPSLLD $16, q, q \
	VPOR t, q, q \
	VPMADDWD b, q, t \
	VPCMPEQD zero, t, u \
	VPCMPGTD zero, t, t \
	VPCMPGTD j, i, q \
	VPAND q, u, u \
	VPOR u, t, t \
	VPBLENDVB t, v, b, b \
	VPBLENDVB t, j, i, i

// func bestPairPositiveSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32) bool
// As bestPairSIMD, unless an energy is not positive: then it is false.
//
// Y0 dnY, Y1 corY, Y2 to Y5 scratch, Y6 and Y7 the best energies and negative squares of columns 0 to 3 and 8 to 11, and of the
// others, Y8 and Y9 their places, Y10 the least energies, Y12 0, Y13 the places of this row less columns, Y14 and Y15 scratch.
TEXT ·bestPairPositiveSIMD(SB), NOSPLIT, $0-73
	MOVQ dnX+0(FP), R8
	MOVQ rank+8(FP), R9
	MOVQ corX+16(FP), SI
	MOVQ dnY+24(FP), AX
	VMOVDQU (AX), Y0
	MOVQ corY+32(FP), AX
	VMOVDQU (AX), Y1
	MOVQ cross+40(FP), DI
	MOVL limit+48(FP), R10
	MOVL ps+52(FP), AX
	VMOVD AX, X11
	VPBROADCASTW X11, Y11
	VPXOR Y12, Y12, Y12
	VPCMPEQW Y6, Y6, Y6
	VPSRLW $15, Y6, Y6            // 1 and -(-1)
	VMOVDQA Y6, Y7
	VPCMPEQD Y8, Y8, Y8
	VPCMPEQD Y9, Y9, Y9
	VPCMPEQW Y10, Y10, Y10
	VPSRLW $1, Y10, Y10
	XORQ CX, CX
positiveRow:
	MOVWLSX (R9)(CX*2), AX
	CMPL AX, R10
	JGE positiveNext
	VMOVDQU (DI), Y4
	VPUNPCKLWD Y4, Y1, Y5
	VPUNPCKHWD Y4, Y1, Y4
	VPBROADCASTD pairScale<>(SB), Y13
	VPMADDWD Y13, Y5, Y5
	VPMADDWD Y13, Y4, Y4
	MOVWLSX (SI)(CX*2), AX
	SHLL $13, AX
	ADDL alp0+56(FP), AX
	VMOVD AX, X3
	VPBROADCASTD X3, Y3
	VPADDD Y3, Y5, Y5
	VPADDD Y3, Y4, Y4
	VPSRAD $16, Y5, Y5
	VPSRAD $16, Y4, Y4
	VPACKSSDW Y4, Y5, Y5          // energies
	VPMINSW Y5, Y10, Y10
	VPBROADCASTW (R8)(CX*2), Y2
	VPADDSW Y11, Y2, Y2
	VPADDSW Y0, Y2, Y2
	VPMULHW Y2, Y2, Y3
	VPMULLW Y2, Y2, Y4
	VPADDSW Y3, Y3, Y3
	VPSRLW $15, Y4, Y4
	VPOR Y4, Y3, Y3               // squares
	VPSUBW Y3, Y12, Y4
	MOVQ CX, AX
	SHLQ $4, AX
	VMOVD AX, X13
	VPBROADCASTD X13, Y13
	VPUNPCKLWD Y5, Y3, Y14        // squares and energies
	VPUNPCKLWD Y4, Y5, Y15        // energies and negative squares
	VPMADDWD Y6, Y14, Y2
	VPCMPGTD Y12, Y2, Y2
	VPBLENDVB Y2, Y15, Y6, Y6
	VPADDD columnsLow<>(SB), Y13, Y15
	VPBLENDVB Y2, Y15, Y8, Y8
	VPUNPCKHWD Y5, Y3, Y14
	VPUNPCKHWD Y4, Y5, Y15
	VPMADDWD Y7, Y14, Y2
	VPCMPGTD Y12, Y2, Y2
	VPBLENDVB Y2, Y15, Y7, Y7
	VPADDD columnsHigh<>(SB), Y13, Y15
	VPBLENDVB Y2, Y15, Y9, Y9
positiveNext:
	ADDQ $32, DI
	INCQ CX
	CMPQ CX, $16
	JLT positiveRow
	VPCMPGTW Y12, Y10, Y10
	VPMOVMSKB Y10, AX
	CMPL AX, $-1
	JNE positiveNot
	VPCMPEQD Y11, Y11, Y11
	VPSLLD $16, Y11, Y11
	VPCMPEQD Y2, Y2, Y2
	VPSRLD $31, Y2, Y2
	VPOR Y2, Y11, Y11             // 1 and -1
	WINNER(Y6, Y8, Y7, Y9, Y2, Y3, Y4, Y11, Y12)
	VEXTRACTI128 $1, Y6, X7
	VEXTRACTI128 $1, Y8, X9
	WINNER(X6, X8, X7, X9, X2, X3, X4, X11, X12)
	VPSHUFD $0x4e, X6, X7
	VPSHUFD $0x4e, X8, X9
	WINNER(X6, X8, X7, X9, X2, X3, X4, X11, X12)
	VPSHUFD $0xb1, X6, X7
	VPSHUFD $0xb1, X8, X9
	WINNER(X6, X8, X7, X9, X2, X3, X4, X11, X12)
	MOVQ best+64(FP), DI
	VMOVD X6, AX
	MOVWLSX AX, DX
	SARL $16, AX
	NEGL AX
	MOVL AX, (DI)
	MOVL DX, 4(DI)
	VMOVD X8, AX
	MOVL AX, DX
	ANDL $15, DX
	SARL $4, AX
	MOVL AX, 8(DI)
	SARL $31, AX
	ORL AX, DX                    // both are -1 where there was no row
	MOVL DX, 12(DI)
	VZEROUPPER
	MOVB $1, ret+72(FP)
	RET
positiveNot:
	VZEROUPPER
	MOVB $0, ret+72(FP)
	RET
