//go:build !purego

#include "textflag.h"

// next moves each doubleword one place down; the one at the top becomes 0 by top.
DATA next<>+0(SB)/8, $0x0000000200000001
DATA next<>+8(SB)/8, $0x0000000400000003
DATA next<>+16(SB)/8, $0x0000000600000005
DATA next<>+24(SB)/8, $0x0000000700000007
GLOBL next<>(SB), RODATA|NOPTR, $32

DATA top<>+0(SB)/8, $0xffffffffffffffff
DATA top<>+8(SB)/8, $0xffffffffffffffff
DATA top<>+16(SB)/8, $0xffffffffffffffff
DATA top<>+24(SB)/8, $0x00000000ffffffff
GLOBL top<>(SB), RODATA|NOPTR, $32

// SIGN sets v to mult(v, w) for the words at w, by way of t.
#define SIGN(w, v, t) \
	VPMULLW w, v, t \
	VPMULHW w, v, v \
	VPADDW v, v, v \
	VPSRLW $15, t, t \
	VPOR t, v, v

// ROUNDED sets t to the upper half of 2*acc, rounded.
#define ROUNDED(acc, t) \
	VPADDD Y15, acc, t \
	VPSRAD $15, t, t

// ROW makes the row of a position from that of the next: its vectors for tracks 0..4 come to a0..a4, where a4 has that of
// track 0 yet. SI points to h, off is that of the row from DI. The products with h are in Y5..Y9.
#define ROW(a0, a1, a2, a3, a4, off) \
	VPERMD a4, Y14, a4 \
	VPAND Y13, a4, a4 \
	VPBROADCASTW (SI), Y10 \
	ADDQ $2, SI \
	VPMADDWD Y10, Y5, Y11 \
	VPADDD Y11, a0, a0 \
	VPMADDWD Y10, Y6, Y11 \
	VPADDD Y11, a1, a1 \
	VPMADDWD Y10, Y7, Y11 \
	VPADDD Y11, a2, a2 \
	VPMADDWD Y10, Y8, Y11 \
	VPADDD Y11, a3, a3 \
	VPMADDWD Y10, Y9, Y11 \
	VPADDD Y11, a4, a4 \
	LEAQ 256(BX), R9 \
	LEAQ 352(BX), R10 \
	CMPW (160 + off/48)(BX)(DX*2), $0 \
	CMOVQLT R10, R9 \
	ROUNDED(a0, Y10) \
	ROUNDED(a1, Y11) \
	VPACKSSDW Y11, Y10, Y10 \
	VPERMQ $0xd8, Y10, Y10 \
	SIGN((R9), Y10, Y11) \
	VMOVDQU Y10, (off)(DI) \
	ROUNDED(a2, Y10) \
	ROUNDED(a3, Y11) \
	VPACKSSDW Y11, Y10, Y10 \
	VPERMQ $0xd8, Y10, Y10 \
	SIGN(32(R9), Y10, Y11) \
	VMOVDQU Y10, (off+32)(DI) \
	ROUNDED(a4, Y10) \
	VPACKSSDW Y10, Y10, Y10 \
	VPERMQ $0xd8, Y10, Y10 \
	SIGN(64(R9), X10, X11) \
	VMOVDQU X10, (off+64)(DI)

// func correlate5SIMD(m *Matrix, a *correlateArgs)
// The rows go from position 39 down; DX is the slot in the track, DI points to its row in track 0.
TEXT ·correlate5SIMD(SB), NOSPLIT, $0-16
	MOVQ m+0(FP), DI
	MOVQ a+8(FP), BX
	MOVQ BX, SI
	VPMOVZXWD 80(BX), Y5
	VPMOVZXWD 96(BX), Y6
	VPMOVZXWD 112(BX), Y7
	VPMOVZXWD 128(BX), Y8
	VPMOVZXWD 144(BX), Y9
	VMOVDQU top<>(SB), Y13
	VMOVDQU next<>(SB), Y14
	MOVL $0x4000, AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	MOVQ $7, DX
	ADDQ $(7*96), DI
rows:
	ROW(Y0, Y1, Y2, Y3, Y4, 3072)
	ROW(Y1, Y2, Y3, Y4, Y0, 2304)
	ROW(Y2, Y3, Y4, Y0, Y1, 1536)
	ROW(Y3, Y4, Y0, Y1, Y2, 768)
	ROW(Y4, Y0, Y1, Y2, Y3, 0)
	SUBQ $96, DI
	SUBQ $1, DX
	JGE rows
	VZEROUPPER
	RET

DATA largest<>+0(SB)/8, $0x00007fff00007fff
DATA largest<>+8(SB)/8, $0x00007fff00007fff
DATA largest<>+16(SB)/8, $0x00007fff00007fff
DATA largest<>+24(SB)/8, $0x00007fff00007fff
GLOBL largest<>(SB), RODATA|NOPTR, $32

// HMAX sets r to the largest doubleword of y, whose lower half is x.
#define HMAX(y, x, t, r) \
	VEXTRACTI128 $1, y, t \
	VPMAXSD t, x, x \
	VPSHUFD $0x4e, x, t \
	VPMAXSD t, x, x \
	VPSHUFD $0xb1, x, t \
	VPMAXSD t, x, x \
	VMOVD x, r

// TERM adds twice the words at w to sum, and their magnitudes to abs.
#define TERM(w, sum, abs, t) \
	VPMOVSXWD w, t \
	VPADDD t, t, t \
	VPADDD t, sum, sum \
	VPABSD t, t \
	VPADDD t, abs, abs

// FIRST keeps, of the squares, energies and slots in X13, X14 and X15 and those in X1, X2 and X3, the better ones, or those with
// the lesser slots.
#define FIRST \
	VPMADDWD X14, X1, X4 \
	VPMADDWD X13, X2, X5 \
	VPCMPGTD X5, X4, X6 \
	VPCMPEQD X5, X4, X4 \
	VPCMPGTD X3, X15, X5 \
	VPAND X5, X4, X4 \
	VPOR X6, X4, X4 \
	VPBLENDVB X4, X1, X13, X13 \
	VPBLENDVB X4, X2, X14, X14 \
	VPBLENDVB X4, X3, X15, X15

// func searchPairSIMD(p *PairSearch)
TEXT ·searchPairSIMD(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), R8
	MOVQ 0(R8), SI
	MOVQ 8(R8), R13
	MOVQ 16(R8), DI
	MOVQ 24(R8), CX
	MOVQ 32(R8), AX
	MOVQ 40(R8), BX

	// The sums of the elements of all pulses there are: Y0 and Y1 for the slots from A, Y2 for those from B; Y3..Y5 of their
	// magnitudes.
	VPMOVSXWD (DI)(AX*1), Y0
	VPMOVSXWD 16(DI)(AX*1), Y1
	VPMOVSXWD (DI)(BX*1), Y2
	VPABSD Y0, Y3
	VPABSD Y1, Y4
	VPABSD Y2, Y5
	XORQ DX, DX
terms:
	MOVQ 104(R8)(DX*8), R9
	ADDQ SI, R9
	TERM((R9)(AX*1), Y0, Y3, Y6)
	TERM(16(R9)(AX*1), Y1, Y4, Y7)
	TERM((R9)(BX*1), Y2, Y5, Y8)
	INCQ DX
	CMPQ DX, CX
	JLT terms

	MOVL $0x8000, R9
	VMOVD R9, X11
	VPBROADCASTD X11, Y11
	VMOVQ 56(R8), X9
	VPSLLD X9, Y2, Y2
	VPADDD Y11, Y2, Y2
	VPSRAD $16, Y2, Y2
	VPABSD Y2, Y8
	VMOVQ 72(R8), X9
	VPSLLD X9, Y2, Y2
	VMOVQ 64(R8), X9
	VPSLLD X9, Y0, Y0
	VPSLLD X9, Y1, Y1
	VPBROADCASTD 88(R8), Y9
	VPADDD Y9, Y0, Y0
	VPADDD Y9, Y1, Y1
	VMOVDQU Y0, 288(R8)
	VMOVDQU Y1, 320(R8)
	VPBROADCASTW 96(R8), Y9
	VPADDSW (R13)(AX*1), Y9, Y9
	VMOVDQU Y9, 352(R8)

	// Could any partial sum leave 32 bits?
	CMPQ 48(R8), $8
	JLE eight
	VPMAXSD Y4, Y3, Y3
eight:
	HMAX(Y3, X3, X6, R10)
	HMAX(Y5, X5, X6, R11)
	HMAX(Y8, X8, X6, R12)
	MOVQ 56(R8), CX
	SHLQ CX, R11
	MOVQ 64(R8), CX
	SHLQ CX, R10
	MOVQ 72(R8), CX
	SHLQ CX, R12
	ADDQ R12, R10
	MOVQ 80(R8), CX
	MOVQ $32767, R12
	SHLQ CX, R12
	ADDQ R12, R10
	ADDQ 88(R8), R10
	XORQ R12, R12
	CMPQ R10, $0x7fff7fff
	JGT done
	CMPQ R11, $0x7fff7fff
	JGT done

	// Y13, Y14 and Y15 hold the best square, energy and slot, Y9 the least energy.
	VMOVDQU (R13)(BX*1), X10
	VMOVQ 80(R8), X12
	VPCMPEQD Y13, Y13, Y13
	VPSRLD $31, Y13, Y14
	VMOVDQA Y14, Y7
	VPSRLD $1, Y13, Y9
	VPSRLD $16, Y13, Y13
	VPXOR Y15, Y15, Y15
	VPXOR Y8, Y8, Y8
	IMUL3Q $48, AX, R9
	ADDQ SI, R9
	ADDQ BX, R9
	MOVQ 48(R8), CX
	XORQ DX, DX
pairs:
	VPMOVSXWD (R9), Y0
	VPSLLD X12, Y0, Y0
	VPBROADCASTD 288(R8)(DX*4), Y1
	VPADDD Y2, Y0, Y0
	VPADDD Y11, Y1, Y1
	VPADDD Y1, Y0, Y0
	VPSRAD $16, Y0, Y0
	VPMINSD Y0, Y9, Y9
	VPBROADCASTW 352(R8)(DX*2), X3
	VPADDSW X10, X3, X3
	VPMOVZXWD X3, Y3
	VPMADDWD Y3, Y3, Y3
	VPSRLD $15, Y3, Y3
	VPMINSD largest<>(SB), Y3, Y3
	VPMADDWD Y14, Y3, Y4
	VPMADDWD Y13, Y0, Y5
	VPCMPGTD Y5, Y4, Y6
	VPBLENDVB Y6, Y3, Y13, Y13
	VPBLENDVB Y6, Y0, Y14, Y14
	VPBLENDVB Y6, Y8, Y15, Y15
	VPADDD Y7, Y8, Y8
	ADDQ $96, R9
	INCQ DX
	CMPQ DX, CX
	JLT pairs
	VMOVDQU Y13, 184(R8)
	VMOVDQU Y14, 216(R8)
	VMOVDQU Y15, 248(R8)
	// Slots that do not count become -1/1, which is less than any.
	VPBROADCASTD 384(R8), Y0
	VMOVDQU lanes<>(SB), Y1
	VPCMPGTD Y1, Y0, Y0
	VPCMPEQD Y2, Y2, Y2
	VPSRLD $16, Y2, Y2
	VPBLENDVB Y0, Y13, Y2, Y13
	VPBLENDVB Y0, Y14, Y7, Y14
	VPSLLD $4, Y15, Y15
	VPADDD Y1, Y15, Y15
	VEXTRACTI128 $1, Y13, X1
	VEXTRACTI128 $1, Y14, X2
	VEXTRACTI128 $1, Y15, X3
	FIRST
	VPSHUFD $0x4e, X13, X1
	VPSHUFD $0x4e, X14, X2
	VPSHUFD $0x4e, X15, X3
	FIRST
	VPSHUFD $0xb1, X13, X1
	VPSHUFD $0xb1, X14, X2
	VPSHUFD $0xb1, X15, X3
	FIRST
	VPMOVSXWQ X13, X13
	VPMOVSXDQ X14, X14
	VPMOVSXDQ X15, X15
	VMOVQ X13, 392(R8)
	VMOVQ X14, 400(R8)
	VMOVQ X15, 408(R8)
	VPXOR Y0, Y0, Y0
	VPCMPGTD Y0, Y9, Y9
	VPMOVMSKB Y9, AX
	CMPL AX, $-1
	JNE done
	MOVQ $1, R12
done:
	MOVQ R12, 280(R8)
	VZEROUPPER
	RET

// SHORTTRACK rounds the two vectors of a track of ten, takes their signs and stores them.
#define SHORTTRACK(lo, hi, n, off) \
	ROUNDED(lo, Y9) \
	ROUNDED(hi, Y10) \
	VPACKSSDW Y10, Y9, Y9 \
	VPERMQ $0xd8, Y9, Y9 \
	SIGN(n(R9), Y9, Y10) \
	VMOVDQU Y9, (off+n)(DI)

#define SHORTADD(acc, n) \
	VPMADDWD n(BX), Y8, Y9 \
	VPADDD Y9, acc, acc

// SHORTROW is ROW for four tracks of ten: eight slots in the vectors a, two in b. Y12 is 0. A store spoils the first slots
// of the next track, which then are stored.
#define SHORTROW(a0, b0, a1, b1, a2, b2, a3, b3, off) \
	VPERMD a3, Y14, a3 \
	VPERMD b3, Y12, Y9 \
	VPBLENDD $0x80, Y9, a3, a3 \
	VPERMD b3, Y14, b3 \
	VPBROADCASTW (SI), Y8 \
	ADDQ $2, SI \
	SHORTADD(a0, 0) \
	SHORTADD(b0, 32) \
	SHORTADD(a1, 64) \
	SHORTADD(b1, 96) \
	SHORTADD(a2, 128) \
	SHORTADD(b2, 160) \
	SHORTADD(a3, 192) \
	SHORTADD(b3, 224) \
	LEAQ 432(BX), R9 \
	LEAQ 528(BX), R10 \
	CMPW (336 + off/48)(BX)(DX*2), $0 \
	CMOVQLT R10, R9 \
	SHORTTRACK(a0, b0, 0, off) \
	SHORTTRACK(a1, b1, 20, off) \
	SHORTTRACK(a2, b2, 40, off) \
	SHORTTRACK(a3, b3, 60, off)

// func correlate4SIMD(m *Matrix, a *correlate4Args)
TEXT ·correlate4SIMD(SB), NOSPLIT, $0-16
	MOVQ m+0(FP), DI
	MOVQ a+8(FP), BX
	LEAQ 256(BX), SI
	VPXOR Y12, Y12, Y12
	VMOVDQU next<>(SB), Y14
	MOVL $0x4000, AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7
	MOVQ $9, DX
	ADDQ $(9*96), DI
shortrows:
	SHORTROW(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, 2880)
	SHORTROW(Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1, 1920)
	SHORTROW(Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3, 960)
	SHORTROW(Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5, 0)
	SUBQ $96, DI
	SUBQ $1, DX
	JGE shortrows
	VZEROUPPER
	RET

DATA lanes<>+0(SB)/8, $0x0000000100000000
DATA lanes<>+8(SB)/8, $0x0000000300000002
DATA lanes<>+16(SB)/8, $0x0000000500000004
DATA lanes<>+24(SB)/8, $0x0000000700000006
GLOBL lanes<>(SB), RODATA|NOPTR, $32

// BEST keeps of the candidates in energies e, squares s and keys k those of e1, s1 and k1 where they are better.
#define BEST(e, s, k, e1, s1, k1, t, u) \
	VPMADDWD e, s1, t \
	VPMADDWD e1, s, u \
	VPCMPGTD u, t, t \
	VPBLENDVB t, e1, e, e \
	VPBLENDVB t, s1, s, s \
	VPBLENDVB t, k1, k, k

// SHARE adds twice the words at w to Y0.
#define SHARE(w) \
	VPMOVSXWD w, Y1 \
	VPADDD Y1, Y1, Y1 \
	VPADDD Y1, Y0, Y0

// PICK finds the best slot of the track at AX. Y0 has the sums of the elements, R12 the energy so far, DX the sum of d. It
// leaves the energy in R12, the square in R14, d in DX and the slot in CX. Y12 has the least energy of all.
#define PICK(self) \
	VMOVQ self(R8), X2 \
	VPSLLD X2, Y0, Y0 \
	ADDL $0x8000, R12 \
	VMOVD R12, X2 \
	VPBROADCASTD X2, Y2 \
	VPADDD Y2, Y0, Y0 \
	VPSRAD $16, Y0, Y0 \
	VPMINSD Y0, Y12, Y12 \
	VMOVD DX, X3 \
	VPBROADCASTW X3, X3 \
	VPADDSW (R13)(AX*1), X3, X3 \
	VPMOVZXWD X3, Y3 \
	VPMADDWD Y3, Y3, Y4 \
	VPSRLD $15, Y4, Y4 \
	VPSLLD $3, Y3, Y3 \
	VPOR Y13, Y3, Y3 \
	VPSHUFD $0xb1, Y0, Y5 \
	VPSHUFD $0xb1, Y4, Y6 \
	VPSHUFD $0xb1, Y3, Y7 \
	BEST(Y0, Y4, Y3, Y5, Y6, Y7, Y8, Y9) \
	VPSHUFD $0x4e, Y0, Y5 \
	VPSHUFD $0x4e, Y4, Y6 \
	VPSHUFD $0x4e, Y3, Y7 \
	BEST(Y0, Y4, Y3, Y5, Y6, Y7, Y8, Y9) \
	VEXTRACTI128 $1, Y0, X5 \
	VEXTRACTI128 $1, Y4, X6 \
	VEXTRACTI128 $1, Y3, X7 \
	BEST(X0, X4, X3, X5, X6, X7, X8, X9) \
	VMOVD X0, R12 \
	VMOVD X4, R14 \
	VMOVD X3, DX \
	MOVL DX, CX \
	ANDL $7, CX \
	SHRL $3, DX \
	SHRQ $1, AX \
	ADDQ AX, CX

// func searchChainSIMD(p *ChainSearch)
TEXT ·searchChainSIMD(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), R8
	MOVQ 0(R8), SI
	MOVQ 8(R8), R13
	MOVQ 16(R8), DI
	MOVQ 104(R8), BX
	VMOVDQU lanes<>(SB), Y13
	VPCMPEQD Y12, Y12, Y12
	VPSRLD $1, Y12, Y12
	MOVWLSX (DI)(BX*1), R12
	SHLL $14, R12
	MOVWLZX (R13)(BX*1), DX
	IMUL3Q $48, BX, R9
	ADDQ SI, R9

	MOVQ 32(R8), AX
	VPMOVSXWD (DI)(AX*1), Y0
	SHARE((R9)(AX*1))
	PICK(56)
	MOVQ CX, 136(R8)
	CMPQ 24(R8), $1
	JEQ chained

	IMUL3Q $96, CX, R10
	ADDQ SI, R10
	SHLL $14, R12
	MOVQ 40(R8), AX
	VPMOVSXWD (DI)(AX*1), Y0
	SHARE((R9)(AX*1))
	SHARE((R10)(AX*1))
	PICK(64)
	MOVQ CX, 144(R8)
	CMPQ 24(R8), $2
	JEQ chained

	IMUL3Q $96, CX, R11
	ADDQ SI, R11
	SHLL $16, R12
	MOVQ 48(R8), AX
	VPMOVSXWD (DI)(AX*1), Y0
	SHARE((R9)(AX*1))
	SHARE((R10)(AX*1))
	SHARE((R11)(AX*1))
	PICK(72)
	MOVQ CX, 152(R8)
chained:
	MOVQ DX, 112(R8)
	MOVQ R14, 120(R8)
	MOVQ R12, 128(R8)
	VPXOR Y0, Y0, Y0
	VPCMPGTD Y0, Y12, Y12
	VPMOVMSKB Y12, AX
	XORQ CX, CX
	CMPL AX, $-1
	JNE unsure
	MOVQ $1, CX
unsure:
	MOVQ CX, 160(R8)
	VZEROUPPER
	RET

#define PRODUCTS(off, t, u) \
	VMOVDQU (off)(SI), t \
	VPSRAW $15, t, t \
	VPXOR Y0, t, t \
	VPXOR Y1, t, u \
	VMOVDQU t, (off)(DI) \
	VMOVDQU u, (off)(BX)

// func productsSIMD(same, other, signs *[48]int16)
TEXT ·productsSIMD(SB), NOSPLIT, $0-24
	MOVQ same+0(FP), DI
	MOVQ other+8(FP), BX
	MOVQ signs+16(FP), SI
	MOVL $32766, AX
	VMOVD AX, X0
	VPBROADCASTW X0, Y0
	VPCMPEQD Y1, Y1, Y1
	PRODUCTS(0, Y2, Y3)
	PRODUCTS(32, Y4, Y5)
	PRODUCTS(64, Y6, Y7)
	VZEROUPPER
	RET
