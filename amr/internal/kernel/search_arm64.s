//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// TERM adds twice four words to sum and their magnitudes to abs; V31 is 0. LONG takes the words from the lower half of w
// (SSHLL1) or the upper half (SSHLL1_2).
#define TERM(long, w, sum, abs, t) \
	long(t, w) \
	ADD_4S(sum, sum, t) \
	SABA_4S(abs, t, 31)

// BETTER sets the words of t to -1 where alp*s1 > sq*e1 for words at alp, s1, sq and e1: products of words that are not negative,
// or of -1, so that their difference is within 32 bits.
#define BETTER(t, alp, s1, sq, e1, u) \
	SMULL(t, alp, s1) \
	SMULL2(u, alp, s1) \
	SMLSL(t, sq, e1) \
	SMLSL2(u, sq, e1) \
	CMGT0_4S(t, t) \
	CMGT0_4S(u, u) \
	UZP1_8H(t, t, u)

// func searchPairSIMD(p *PairSearch)
TEXT ·searchPairSIMD(SB), NOSPLIT, $0-8
	MOVD p+0(FP), R0
	LDP 0(R0), (R1, R2)  // M, D
	LDP 16(R0), (R3, R4) // Diag, N
	LDP 32(R0), (R5, R6) // A, B
	VEOR V31.B16, V31.B16, V31.B16

	// The sums of the elements of all pulses there are: V0, V1 and V2 for the slots from A, V3 and V4 for those from B; V5..V9
	// of their magnitudes.
	ADD R5, R3, R9
	VLD1 (R9), [V16.H8]
	FMOVD 16(R9), F17
	ADD R6, R3, R9
	VLD1 (R9), [V18.H8]
	SXTL(0, 16)
	SXTL2(1, 16)
	SXTL(2, 17)
	SXTL(3, 18)
	SXTL2(4, 18)
	ABS_4S(5, 0)
	ABS_4S(6, 1)
	ABS_4S(7, 2)
	ABS_4S(8, 3)
	ABS_4S(9, 4)
	ADD $104, R0, R7
terms:
	MOVD.P 8(R7), R8
	ADD R1, R8, R8
	ADD R5, R8, R9
	VLD1 (R9), [V16.H8]
	FMOVD 16(R9), F17
	ADD R6, R8, R9
	VLD1 (R9), [V18.H8]
	TERM(SSHLL1, 16, 0, 5, 20)
	TERM(SSHLL1_2, 16, 1, 6, 21)
	TERM(SSHLL1, 17, 2, 7, 22)
	TERM(SSHLL1, 18, 3, 8, 23)
	TERM(SSHLL1_2, 18, 4, 9, 24)
	SUBS $1, R4
	BNE terms

	// V3 and V4 become the terms of B, V10 their largest magnitudes.
	MOVD $0x8000, R9
	VDUP R9, V30.S4
	LDP 48(R0), (R4, R7)  // Count, Pre
	LDP 64(R0), (R8, R10) // Self, Add
	LDP 80(R0), (R11, R12) // Cross, Alp0
	VDUP R7, V20.S4
	SSHL_4S(3, 3, 20)
	SSHL_4S(4, 4, 20)
	ADD_4S(3, 3, 30)
	ADD_4S(4, 4, 30)
	SSHR16_4S(3, 3)
	SSHR16_4S(4, 4)
	ABS_4S(10, 3)
	ABS_4S(11, 4)
	SMAX_4S(10, 10, 11)
	VDUP R10, V20.S4
	SSHL_4S(3, 3, 20)
	SSHL_4S(4, 4, 20)

	// Those of A, with what rounds, and the correlations go to memory.
	VDUP R8, V20.S4
	SSHL_4S(0, 0, 20)
	SSHL_4S(1, 1, 20)
	SSHL_4S(2, 2, 20)
	VDUP R12, V21.S4
	ADD_4S(21, 21, 30)
	ADD_4S(0, 0, 21)
	ADD_4S(1, 1, 21)
	ADD_4S(2, 2, 21)
	ADD $288, R0, R13
	VST1 [V0.S4, V1.S4, V2.S4], (R13)
	MOVD 96(R0), R9
	VDUP R9, V20.H8
	ADD R5, R2, R9
	VLD1 (R9), [V16.H8]
	FMOVD 16(R9), F17
	SQADD_8H(16, 16, 20)
	SQADD_8H(17, 17, 20)
	ADD $352, R0, R14
	VST1 [V16.H8, V17.H8], (R14)

	// Could any partial sum leave 32 bits?
	SMAX_4S(5, 5, 6)
	CMP $8, R4
	BLE eight
	SMAX_4S(5, 5, 7)
eight:
	SMAXV_4S(5, 5)
	SMAX_4S(8, 8, 9)
	SMAXV_4S(8, 8)
	SMAXV_4S(10, 10)
	FMOVS F5, R15
	FMOVS F8, R19
	FMOVS F10, R20
	LSL R8, R15, R15
	LSL R7, R19, R19
	LSL R10, R20, R20
	ADD R20, R15, R15
	MOVD $32767, R20
	LSL R11, R20, R20
	ADD R20, R15, R15
	ADD R12, R15, R15
	MOVD $0, R21
	MOVD $0x7fff7fff, R20
	CMP R20, R15
	BGT done
	CMP R20, R19
	BGT done

	// V16, V17 and V18 hold the best square, energy and slot, V19 the least energy.
	ADD R6, R2, R9
	VLD1 (R9), [V25.H8]
	VDUP R11, V26.S4
	MOVD $-1, R9
	VDUP R9, V16.H8
	MOVD $1, R9
	VDUP R9, V17.H8
	VDUP R9, V28.H8
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V27.B16, V27.B16, V27.B16
	MOVD $32767, R9
	VDUP R9, V19.H8
	ADD R5<<4, R1, R9
	ADD R5<<5, R9, R9
	ADD R6, R9, R9
	MOVD $96, R10
pairs:
	VLD1.P (R9)(R10), [V0.H8]
	VLD1R.P 4(R13), [V1.S4]
	VLD1R.P 2(R14), [V2.H8]
	SXTL(5, 0)
	SXTL2(6, 0)
	SSHL_4S(5, 5, 26)
	SSHL_4S(6, 6, 26)
	ADD_4S(7, 1, 3)
	ADD_4S(8, 1, 4)
	ADD_4S(5, 5, 7)
	ADD_4S(6, 6, 8)
	UZP2_8H(5, 5, 6) // the upper halves
	SMIN_8H(19, 19, 5)
	SQADD_8H(2, 2, 25)
	SQDMULH_8H(2, 2, 2)
	BETTER(20, 17, 2, 16, 5, 21)
	BIT_16B(16, 2, 20)
	BIT_16B(17, 5, 20)
	BIT_16B(18, 27, 20)
	VADD V28.H8, V27.H8, V27.H8
	SUBS $1, R4
	BNE pairs
	SXTL(0, 16)
	SXTL2(1, 16)
	SXTL(2, 17)
	SXTL2(3, 17)
	SXTL(4, 18)
	SXTL2(5, 18)
	ADD $184, R0, R9
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R9)
	VST1 [V4.S4, V5.S4], (R9)
	SMINV_8H(19, 19)
	VMOV V19.H[0], R9
	SXTH R9, R9
	CMP $0, R9
	CSET GT, R21
done:
	MOVD R21, 280(R0)
	RET

DATA lanes<>+0(SB)/8, $0x0003000200010000
DATA lanes<>+8(SB)/8, $0x0007000600050004
GLOBL lanes<>(SB), RODATA|NOPTR, $16

// SHARE adds twice the words at row, from the track at R5 on, to V0 and V1.
#define SHARE(row) \
	ADD R5, row, R9 \
	VLD1 (R9), [V2.H8] \
	SSHLL1(3, 2) \
	SSHLL1_2(4, 2) \
	ADD_4S(0, 0, 3) \
	ADD_4S(1, 1, 4)

// BEST keeps of the candidates with energies V0, squares V4 and lanes V5 those of V6, V7 and V8 where they are better.
#define BEST \
	BETTER(16, 0, 7, 4, 6, 17) \
	BIT_16B(0, 6, 16) \
	BIT_16B(4, 7, 16) \
	BIT_16B(5, 8, 16)

// DIAGONAL begins the sums of the track at offset track of the search, whose offset in bytes comes to R5.
#define DIAGONAL(track) \
	MOVD track(R0), R5 \
	ADD R5, R3, R9 \
	VLD1 (R9), [V2.H8] \
	SXTL(0, 2) \
	SXTL2(1, 2)

// PICK finds the best slot of the track at R5. V0 and V1 have the sums of the elements, R12 the energy so far, R13 the sum of
// d. It leaves the energy in R12, the square in R14, d in R13 and twice the slot in R15. V19 has the least energy of all. Of
// equal ones the first is kept: partners stand side by side before halves are compared.
#define PICK(self) \
	MOVD self(R0), R9 \
	VDUP R9, V2.S4 \
	SSHL_4S(0, 0, 2) \
	SSHL_4S(1, 1, 2) \
	MOVD $0x8000, R9 \
	ADD R9, R12, R12 \
	VDUP R12, V2.S4 \
	ADD_4S(0, 0, 2) \
	ADD_4S(1, 1, 2) \
	UZP2_8H(0, 0, 1) \
	SMIN_8H(19, 19, 0) \
	VDUP R13, V3.H8 \
	ADD R5, R2, R9 \
	VLD1 (R9), [V4.H8] \
	SQADD_8H(3, 3, 4) \
	SQDMULH_8H(4, 3, 3) \
	VMOV V18.B16, V5.B16 \
	REV32_8H(6, 0) \
	REV32_8H(7, 4) \
	REV32_8H(8, 5) \
	BEST \
	REV64_4S(6, 0) \
	REV64_4S(7, 4) \
	REV64_4S(8, 5) \
	BEST \
	EXT8(6, 0, 0) \
	EXT8(7, 4, 4) \
	EXT8(8, 5, 5) \
	BEST \
	VMOV V0.H[0], R12 \
	SXTH R12, R12 \
	VMOV V4.H[0], R14 \
	VMOV V5.H[0], R15 \
	ADD R15<<1, R5, R15 \
	ADD R15, R2, R9 \
	MOVH (R9), R9 \
	ADD R9, R13, R13 \
	CMP R6, R13 \
	CSEL LT, R13, R6, R13

// ROWAT sets row to that of the slot in R15, which it halves and stores at the offset at of the search.
#define ROWAT(row, at) \
	ADD R15<<4, R1, row \
	ADD R15<<5, row, row \
	LSR $1, R15, R15 \
	MOVD R15, at(R0)

// func searchChainSIMD(p *ChainSearch)
TEXT ·searchChainSIMD(SB), NOSPLIT, $0-8
	MOVD p+0(FP), R0
	LDP 0(R0), (R1, R2)  // M, D
	LDP 16(R0), (R3, R4) // Diag, N
	MOVD 104(R0), R15
	MOVD $lanes<>(SB), R9
	VLD1 (R9), [V18.H8]
	MOVD $32767, R6
	VDUP R6, V19.H8
	ADD R15, R3, R9
	MOVH (R9), R12
	LSL $14, R12, R12
	ADD R15, R2, R9
	MOVH (R9), R13
	ADD R15<<4, R1, R7
	ADD R15<<5, R7, R7

	DIAGONAL(32)
	SHARE(R7)
	PICK(56)
	ROWAT(R8, 136)
	CMP $1, R4
	BEQ chained

	LSL $14, R12, R12
	DIAGONAL(40)
	SHARE(R7)
	SHARE(R8)
	PICK(64)
	ROWAT(R10, 144)
	CMP $2, R4
	BEQ chained

	LSL $16, R12, R12
	DIAGONAL(48)
	SHARE(R7)
	SHARE(R8)
	SHARE(R10)
	PICK(72)
	ROWAT(R11, 152)
chained:
	MOVD R13, 112(R0)
	MOVD R14, 120(R0)
	MOVD R12, 128(R0)
	SMINV_8H(19, 19)
	VMOV V19.H[0], R9
	SXTH R9, R9
	CMP $0, R9
	CSET GT, R9
	MOVD R9, 160(R0)
	RET
