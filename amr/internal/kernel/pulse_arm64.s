//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

#define ZERO(v) VEOR v.B16, v.B16, v.B16

// STEP moves the eight doublewords in lo and hi one place down; the lowest of top comes in.
#define STEP(lo, hi, top) \
	EXT4(lo, lo, hi) \
	EXT4(hi, hi, top)

// ROUNDED sets the words of d to the upper halves of twice those in lo and hi, rounded.
#define ROUNDED(d, lo, hi) \
	SQRSHRN15(d, lo) \
	SQRSHRN15_2(d, hi)

// PRODUCTS sets R9 to the products of signs: those at R5 for a sign above 0 at R3, or at R6.
#define PRODUCTS \
	MOVH (R3), R9 \
	CMP $0, R9 \
	CSEL LT, R6, R5, R9

// ROW makes the row of a position from that of the next: its vectors for tracks 0..4 come to a0 and b0 .. a4 and b4, where
// a4 and b4 have that of track 0 yet. R1 points to h; the row is in the track given. Words at 39-position are in V10..V14.
#define ROW(a0, b0, a1, b1, a2, b2, a3, b3, a4, b4, track) \
	STEP(a4, b4, 31) \
	VLD1R.P 2(R1), [V15.H8] \
	SMLAL(a0, 10, 15) \
	SMLAL2(b0, 10, 15) \
	SMLAL(a1, 11, 15) \
	SMLAL2(b1, 11, 15) \
	SMLAL(a2, 12, 15) \
	SMLAL2(b2, 12, 15) \
	SMLAL(a3, 13, 15) \
	SMLAL2(b3, 13, 15) \
	SMLAL(a4, 14, 15) \
	SMLAL2(b4, 14, 15) \
	ADD $(16*track), R2, R3 \
	PRODUCTS \
	VLD1.P 64(R9), [V21.H8, V22.H8, V23.H8, V24.H8] \
	VLD1 (R9), [V25.H8] \
	ROUNDED(16, a0, b0) \
	ROUNDED(17, a1, b1) \
	ROUNDED(18, a2, b2) \
	ROUNDED(19, a3, b3) \
	ROUNDED(20, a4, b4) \
	SQDMULH_8H(16, 16, 21) \
	SQDMULH_8H(17, 17, 22) \
	SQDMULH_8H(18, 18, 23) \
	SQDMULH_8H(19, 19, 24) \
	SQDMULH_8H(20, 20, 25) \
	ADD $(768*track), R0, R10 \
	VST1.P [V16.H8, V17.H8, V18.H8, V19.H8], 64(R10) \
	VST1 [V20.H8], (R10)

// func correlate5SIMD(m *Matrix, a *correlateArgs)
// The rows go from position 39 down; R0 points to its row in track 0, R2 to the sign there.
TEXT ·correlate5SIMD(SB), NOSPLIT, $0-16
	MOVD m+0(FP), R0
	MOVD a+8(FP), R1
	ADD $256, R1, R5
	ADD $352, R1, R6
	ADD $(160 + 2*7), R1, R2
	ADD $80, R1, R3
	VLD1.P 64(R3), [V10.H8, V11.H8, V12.H8, V13.H8]
	VLD1 (R3), [V14.H8]
	ZERO(V0)
	ZERO(V1)
	ZERO(V2)
	ZERO(V3)
	ZERO(V4)
	ZERO(V5)
	ZERO(V6)
	ZERO(V7)
	ZERO(V8)
	ZERO(V9)
	ZERO(V31)
	ADD $(7*96), R0
	MOVD $8, R4
rows:
	ROW(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 4)
	ROW(2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 3)
	ROW(4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 2)
	ROW(6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 1)
	ROW(8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 0)
	SUB $96, R0
	SUB $2, R2
	SUBS $1, R4
	BNE rows
	RET

// SHORTTRACK takes the three vectors of a track of ten, rounded and with their signs, to R10, and steps on with R9.
#define SHORTTRACK(a, b, c) \
	VLD1 (R9), [V24.H8] \
	FMOVS 16(R9), F25 \
	ADD $20, R9 \
	ROUNDED(22, a, b) \
	SQRSHRN15(23, c) \
	SQDMULH_8H(22, 22, 24) \
	SQDMULH_8H(23, 23, 25) \
	VST1 [V22.H8], (R10) \
	FMOVS F23, 16(R10) \
	ADD $20, R10

#define SHORTADD(a, b, c, back, rest) \
	SMLAL(a, back, 20) \
	SMLAL2(b, back, 20) \
	SMLAL(c, rest, 20)

// SHORTROW is ROW for four tracks of ten: eight slots in the vectors a and b, two in c. Words at 39-position are in V12..V19.
#define SHORTROW(a0, b0, c0, a1, b1, c1, a2, b2, c2, a3, b3, c3, track) \
	STEP(a3, b3, c3) \
	EXT4(c3, c3, 31) \
	VLD1R.P 2(R1), [V20.H8] \
	SHORTADD(a0, b0, c0, 12, 13) \
	SHORTADD(a1, b1, c1, 14, 15) \
	SHORTADD(a2, b2, c2, 16, 17) \
	SHORTADD(a3, b3, c3, 18, 19) \
	ADD $(20*track), R2, R3 \
	PRODUCTS \
	ADD $(960*track), R0, R10 \
	SHORTTRACK(a0, b0, c0) \
	SHORTTRACK(a1, b1, c1) \
	SHORTTRACK(a2, b2, c2) \
	SHORTTRACK(a3, b3, c3)

// SHORTBACK sets v and w to the lower words of the next 16 doublewords at R1.
#define SHORTBACK(v, w) \
	VLD1.P 64(R1), [V24.S4, V25.S4, V26.S4, V27.S4] \
	UZP1_8H(v, 24, 25) \
	UZP1_8H(w, 26, 27)

// func correlate4SIMD(m *Matrix, a *correlate4Args)
TEXT ·correlate4SIMD(SB), NOSPLIT, $0-16
	MOVD m+0(FP), R0
	MOVD a+8(FP), R1
	ADD $432, R1, R5
	ADD $528, R1, R6
	ADD $(336 + 2*9), R1, R2
	SHORTBACK(12, 13)
	SHORTBACK(14, 15)
	SHORTBACK(16, 17)
	SHORTBACK(18, 19)
	ZERO(V0)
	ZERO(V1)
	ZERO(V2)
	ZERO(V3)
	ZERO(V4)
	ZERO(V5)
	ZERO(V6)
	ZERO(V7)
	ZERO(V8)
	ZERO(V9)
	ZERO(V10)
	ZERO(V11)
	ZERO(V31)
	ADD $(9*96), R0
	MOVD $10, R4
shortrows:
	SHORTROW(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 3)
	SHORTROW(3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 2)
	SHORTROW(6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 1)
	SHORTROW(9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0)
	SUB $96, R0
	SUB $2, R2
	SUBS $1, R4
	BNE shortrows
	RET
