//go:build !purego

#include "textflag.h"

DATA pairWeights<>+0(SB)/4, $0x40002000 // 2^13 for the correlation of a track, 2^14 for that of both pulses
GLOBL pairWeights<>(SB), RODATA|NOPTR, $4

DATA leastProduct<>+0(SB)/2, $0x8001
GLOBL leastProduct<>(SB), RODATA|NOPTR, $2

DATA lowWord<>+0(SB)/8, $0x000000000000ffff
GLOBL lowWord<>(SB), RODATA|NOPTR, $8

DATA gather<>+0(SB)/8, $0x0000000400000000
DATA gather<>+8(SB)/8, $0x0000000500000001
DATA gather<>+16(SB)/8, $0x0000000600000002
DATA gather<>+24(SB)/8, $0x0000000700000003
GLOBL gather<>(SB), RODATA|NOPTR, $32

DATA reverse<>+0(SB)/8, $0x09080b0a0d0c0f0e
DATA reverse<>+8(SB)/8, $0x0100030205040706
GLOBL reverse<>(SB), RODATA|NOPTR, $16

// SQUARE sets sq to mult(v, v): hi and lo are scratch.
#define SQUARE(v, sq, lo) \
	VPMULHW v, v, sq \
	VPMULLW v, v, lo \
	VPADDSW sq, sq, sq \
	VPSRLW $15, lo, lo \
	VPOR lo, sq, sq

// TAKE follows the scan in order: of the lanes not yet passed (R14), it takes the first one in which alpBest*sq > sqBest*a
// for sq in Y3 and a in Y5 as the new best, and starts over, until there is none; then it goes to none. R10 is
// sqBest, R11 alpBest, R13 the lane's byte offset, and R12, which tells the row, goes to BX.
#define TAKE(again, none) \
	VPUNPCKLWD Y5, Y3, Y8 \
	VPUNPCKHWD Y5, Y3, Y9 \
	MOVQ $-1, R14 \
again: \
	MOVL R10, AX \
	NEGL AX \
	SHLL $16, AX \
	MOVWLZX R11, DX \
	ORL DX, AX \
	VMOVD AX, X10 \
	VPBROADCASTD X10, Y10 \
	VPMADDWD Y10, Y8, Y14 \
	VPMADDWD Y10, Y9, Y15 \
	VPCMPGTD Y12, Y14, Y14 \
	VPCMPGTD Y12, Y15, Y15 \
	VPACKSSDW Y15, Y14, Y14 \
	VPMOVMSKB Y14, AX \
	ANDL R14, AX \
	JZ none \
	VMOVDQU Y3, 0(SP) \
	VMOVDQU Y5, 32(SP) \
	BSFL AX, AX \
	MOVWLSX 0(SP)(AX*1), R10 \
	MOVWLSX 32(SP)(AX*1), R11 \
	MOVQ R12, BX \
	MOVQ AX, R13 \
	LEAQ 2(AX), DX \
	MOVQ $-1, R14 \
	SHLXQ DX, R14, R14 \
	JMP again

// func bestPairSIMD(dnX, rank, corX, dnY, corY, cross *int16, limit, ps, alp0 int32, best *[4]int32)
// best is the square, the energy, and the positions on both tracks, negative if none is found.
TEXT ·bestPairSIMD(SB), NOSPLIT, $64-72
	MOVQ dnX+0(FP), R8
	MOVQ rank+8(FP), R9
	MOVQ corX+16(FP), SI
	MOVQ dnY+24(FP), AX
	VMOVDQU (AX), Y0
	MOVQ corY+32(FP), AX
	VMOVDQU (AX), Y1
	MOVQ cross+40(FP), DI
	MOVL ps+52(FP), AX
	VMOVD AX, X11
	VPBROADCASTW X11, Y11
	VPXOR Y12, Y12, Y12
	VPBROADCASTD pairWeights<>(SB), Y13
	MOVL $-1, R10
	MOVL $1, R11
	MOVQ $-1, R13
	MOVQ $-1, BX
	XORQ CX, CX
pairRow:
	MOVWLSX (R9)(CX*2), AX
	CMPL AX, limit+48(FP)
	JGE pairNext
	VPBROADCASTW (R8)(CX*2), Y2
	VPADDSW Y11, Y2, Y2
	VPADDSW Y0, Y2, Y2
	SQUARE(Y2, Y3, Y4)
	VMOVDQU (DI), Y4
	VPUNPCKLWD Y4, Y1, Y5
	VPUNPCKHWD Y4, Y1, Y6
	VPMADDWD Y13, Y5, Y5
	VPMADDWD Y13, Y6, Y6
	MOVWLSX (SI)(CX*2), AX
	SHLL $13, AX
	ADDL alp0+56(FP), AX
	VMOVD AX, X7
	VPBROADCASTD X7, Y7
	VPADDD Y7, Y5, Y5
	VPADDD Y7, Y6, Y6
	VPSRAD $16, Y5, Y5
	VPSRAD $16, Y6, Y6
	VPACKSSDW Y6, Y5, Y5
	MOVQ CX, R12
	TAKE(pairAgain, pairNext)
pairNext:
	ADDQ $32, DI
	INCQ CX
	CMPQ CX, $16
	JLT pairRow
	VZEROUPPER
	MOVQ best+64(FP), DI
	SARQ $1, R13
	MOVL R10, (DI)
	MOVL R11, 4(DI)
	MOVL BX, 8(DI)
	MOVL R13, 12(DI)
	RET

// func bestOfTwoSIMD(dnX, autoX, dnY, autoY, cross *int16, best *[4]int32)
// As bestPairSIMD, for two tracks of 32 positions, all tried. The first position has 32 added where the second one,
// from 0 to 15, lies in the upper half.
TEXT ·bestOfTwoSIMD(SB), NOSPLIT, $64-48
	MOVQ dnX+0(FP), R8
	MOVQ autoX+8(FP), R9
	MOVQ dnY+16(FP), SI
	MOVQ cross+32(FP), DI
	VPXOR Y12, Y12, Y12
	MOVL $-1, R10
	MOVL $1, R11
	MOVQ $-1, R13
	MOVQ $-1, BX
	XORQ CX, CX
twoRow:
	VPBROADCASTW (R8)(CX*2), Y0
	VPBROADCASTW (R9)(CX*2), Y1
	VPADDSW (SI), Y0, Y2
	SQUARE(Y2, Y3, Y4)
	VMOVDQU (DI), Y5
	MOVQ autoY+24(FP), AX
	VPADDSW (AX), Y5, Y5
	VPADDSW Y1, Y5, Y5
	MOVQ CX, R12
	TAKE(twoAgain, twoHalf)
twoHalf:
	VPADDSW 32(SI), Y0, Y2
	SQUARE(Y2, Y3, Y4)
	VMOVDQU 32(DI), Y5
	MOVQ autoY+24(FP), AX
	VPADDSW 32(AX), Y5, Y5
	VPADDSW Y1, Y5, Y5
	LEAQ 32(CX), R12
	TAKE(twoAgain2, twoNext)
twoNext:
	ADDQ $64, DI
	INCQ CX
	CMPQ CX, $32
	JLT twoRow
	VZEROUPPER
	MOVQ best+40(FP), DI
	SARQ $1, R13
	MOVL R10, (DI)
	MOVL R11, 4(DI)
	MOVL BX, 8(DI)
	MOVL R13, 12(DI)
	RET

// SIGN multiplies v by 32767 (mult) where mask is 0 and negates it where mask is -1. The former takes 1 off positive v
// and makes -32767 of -32768. Y12 is 0, Y13 -32767.
#define SIGN(v, mask, t, u) \
	VPCMPGTW Y12, v, t \
	VPADDW v, t, t \
	VPMAXSW Y13, t, t \
	VPSUBSW v, Y12, u \
	VPBLENDVB mask, u, t, v

// func trackCorrSIMD(cor, c, sign, auto *int16)
// Every fourth of the 64 words of c, with sign, plus auto.
TEXT ·trackCorrSIMD(SB), NOSPLIT, $0-32
	MOVQ cor+0(FP), DI
	MOVQ c+8(FP), SI
	MOVQ sign+16(FP), AX
	MOVQ auto+24(FP), BX
	VPBROADCASTQ lowWord<>(SB), Y5
	VPXOR Y12, Y12, Y12
	VPBROADCASTW leastProduct<>(SB), Y13
	VPAND (SI), Y5, Y0
	VPAND 32(SI), Y5, Y1
	VPAND 64(SI), Y5, Y2
	VPAND 96(SI), Y5, Y3
	VPACKUSDW Y1, Y0, Y0
	VPACKUSDW Y3, Y2, Y2
	VPACKUSDW Y2, Y0, Y0
	VMOVDQU gather<>(SB), Y4
	VPERMD Y0, Y4, Y0
	VMOVDQU (AX), Y6
	SIGN(Y0, Y6, Y1, Y2)
	VPADDSW (BX), Y0, Y0
	VMOVDQU Y0, (DI)
	VZEROUPPER
	RET

// func signCrossSIMD(cross, signX, signY *int16)
// 16 rows of 16 words.
TEXT ·signCrossSIMD(SB), NOSPLIT, $0-24
	MOVQ cross+0(FP), DI
	MOVQ signX+8(FP), SI
	MOVQ signY+16(FP), BX
	VMOVDQU (BX), Y5
	VPXOR Y12, Y12, Y12
	VPBROADCASTW leastProduct<>(SB), Y13
	MOVQ $16, CX
signRow:
	VMOVDQU (DI), Y0
	VPBROADCASTW (SI), Y6
	VPXOR Y5, Y6, Y6
	SIGN(Y0, Y6, Y1, Y2)
	VMOVDQU Y0, (DI)
	ADDQ $32, DI
	ADDQ $2, SI
	DECQ CX
	JNZ signRow
	VZEROUPPER
	RET

// func addPulsesSIMD(vec, a, b *int16)
// vec[i] = add(vec[i], add(a[i], b[i])) for 64 words.
TEXT ·addPulsesSIMD(SB), NOSPLIT, $0-24
	MOVQ vec+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), BX
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VPADDSW (BX), Y0, Y0
	VPADDSW 32(BX), Y1, Y1
	VPADDSW 64(BX), Y2, Y2
	VPADDSW 96(BX), Y3, Y3
	VPADDSW (DI), Y0, Y0
	VPADDSW 32(DI), Y1, Y1
	VPADDSW 64(DI), Y2, Y2
	VPADDSW 96(DI), Y3, Y3
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	VZEROUPPER
	RET

// LAGS adds h[k] * h[k+d] for 16 distances d four apart to Y0 and Y1 and leaves the upper halves in Y2; SI points to
// h[k+d] among every fourth word, Y4 is h[k].
#define LAGS \
	VPMOVSXWD (SI), Y2 \
	VPMOVSXWD 16(SI), Y3 \
	VPMADDWD Y4, Y2, Y2 \
	VPMADDWD Y4, Y3, Y3 \
	VPADDD Y2, Y0, Y0 \
	VPADDD Y3, Y1, Y1 \
	VPSRAD $15, Y0, Y2 \
	VPSRAD $15, Y1, Y3 \
	VPACKSSDW Y3, Y2, Y2 \
	VPERMQ $0xd8, Y2, Y2

// func crossTracksSIMD(cross *[4]crossMatrix, h, h4 *int16)
// h4 holds every fourth word of h from 0, 1, 2 and 3, 32 words each. See codeSearch.correlate.
TEXT ·crossTracksSIMD(SB), NOSPLIT, $0-24
	MOVQ h+8(FP), R8
	MOVQ h4+16(FP), R9
	MOVL $0x4000, AX
	VMOVD AX, X6
	VPBROADCASTD X6, Y6
	VBROADCASTI128 reverse<>(SB), Y7

	// Distances 3, 7, ...: row y/4 of matrix y%4, up to element (y-3)/4, in falling order.
	VMOVDQA Y6, Y0
	VMOVDQA Y6, Y1
	MOVQ $63, CX             // y
crossLow:
	MOVQ $63, AX
	SUBQ CX, AX              // k
	MOVWLZX (R8)(AX*2), DX
	VMOVD DX, X4
	VPBROADCASTD X4, Y4
	ADDQ $3, AX
	MOVQ AX, DX
	ANDQ $3, DX
	SHLQ $6, DX
	SHRQ $2, AX
	LEAQ (DX)(AX*2), SI
	ADDQ R9, SI
	LAGS
	VPSHUFB Y7, Y2, Y2
	VPERMQ $0x4e, Y2, Y2
	MOVQ CX, AX
	ANDQ $3, AX
	SHLQ $10, AX             // matrix
	MOVQ CX, DX
	SHRQ $2, DX
	SHLQ $5, DX              // row
	ADDQ DX, AX
	LEAQ -3(CX), DX
	SARQ $2, DX
	SUBQ $15, DX             // so many words before the row
	LEAQ 512(AX)(DX*2), AX
	ADDQ cross+0(FP), AX
	VMOVDQU Y2, (AX)
	DECQ CX
	JGE crossLow

	// Distances 1, 5, ...: column y/4 of matrix (y-1)%4, from row (y-1)/4 up.
	VMOVDQA Y6, Y0
	VMOVDQA Y6, Y1
	MOVQ $63, CX
crossHigh:
	MOVQ $63, AX
	SUBQ CX, AX
	MOVWLZX (R8)(AX*2), DX
	VMOVD DX, X4
	VPBROADCASTD X4, Y4
	INCQ AX
	MOVQ AX, DX
	ANDQ $3, DX
	SHLQ $6, DX
	SHRQ $2, AX
	LEAQ (DX)(AX*2), SI
	ADDQ R9, SI
	LAGS
	LEAQ -1(CX), AX
	MOVQ AX, DX
	ANDQ $3, AX
	SHLQ $10, AX             // matrix
	SHRQ $2, DX
	SHLQ $5, DX              // row
	ADDQ DX, AX
	MOVQ CX, DX
	SHRQ $2, DX
	LEAQ 512(AX)(DX*2), AX   // column
	ADDQ cross+0(FP), AX
	VPEXTRW $0, X2, (AX)
	VPEXTRW $1, X2, -32(AX)
	VPEXTRW $2, X2, -64(AX)
	VPEXTRW $3, X2, -96(AX)
	VPEXTRW $4, X2, -128(AX)
	VPEXTRW $5, X2, -160(AX)
	VPEXTRW $6, X2, -192(AX)
	VPEXTRW $7, X2, -224(AX)
	CMPQ CX, $32
	JLE crossNext            // the rest lies before row 0
	VEXTRACTI128 $1, Y2, X2
	VPEXTRW $0, X2, -256(AX)
	VPEXTRW $1, X2, -288(AX)
	VPEXTRW $2, X2, -320(AX)
	VPEXTRW $3, X2, -352(AX)
	VPEXTRW $4, X2, -384(AX)
	VPEXTRW $5, X2, -416(AX)
	VPEXTRW $6, X2, -448(AX)
	VPEXTRW $7, X2, -480(AX)
crossNext:
	DECQ CX
	JG crossHigh
	VZEROUPPER
	RET
