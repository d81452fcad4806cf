//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// WEIGHTED sets s and t to the squares of mult(w, r - e) of the two entries in e: r is in V20, w in V21.
#define WEIGHTED(e, s, t) \
	SQSUB_8H(e, 20, e) \
	SQDMULH_8H(e, e, 21) \
	SMULL(s, e, e) \
	SMULL2(t, e, e)

// func nearest4SIMD(r, w, book *[4]int16, n int) int64
// n is a multiple of 4. V16 holds the best distances, unsigned, of every fourth entry, V17 which they are.
TEXT ·nearest4SIMD(SB), NOSPLIT, $0-40
	MOVD r+0(FP), R0
	MOVD w+8(FP), R1
	MOVD book+16(FP), R2
	MOVD n+24(FP), R3
	VLD1R (R0), [V20.D2]
	VLD1R (R1), [V21.D2]
	MOVD $0x40000000, R4
	VDUP R4, V16.S4
	VEOR V17.B16, V17.B16, V17.B16
	MOVD $4, R4
	VDUP R4, V19.S4
	MOVD $0x100000000, R4
	VMOV R4, V18.D[0]
	MOVD $0x300000002, R4
	VMOV R4, V18.D[1]
entries:
	VLD1.P 32(R2), [V0.H8, V1.H8]
	WEIGHTED(0, 2, 3)
	WEIGHTED(1, 4, 5)
	ADDP_4S(2, 2, 3)
	ADDP_4S(4, 4, 5)
	ADDP_4S(2, 2, 4)
	CMHI_4S(3, 16, 2)
	BIT_16B(17, 18, 3)
	UMIN_4S(16, 16, 2)
	ADD_4S(18, 18, 19)
	SUBS $4, R3
	BNE entries
	UMINV_4S(0, 16)
	VDUP V0.S[0], V0.S4
	CMEQ_4S(0, 0, 16)
	MOVD $0x7fffffff, R4
	VDUP R4, V1.S4
	BIT_16B(1, 17, 0)
	UMINV_4S(1, 1)
	VMOV V1.S[0], R0
	MOVD R0, ret+32(FP)
	RET

// func distancesSIMD(dist *int32, x, book *int16, groups, pairs int)
// book holds groups of eight entries, pair of values by pair. dist = 2 * sum((x - entry)^2)
TEXT ·distancesSIMD(SB), NOSPLIT, $0-40
	MOVD dist+0(FP), R0
	MOVD book+16(FP), R2
	MOVD groups+24(FP), R3
groups:
	MOVD x+8(FP), R1
	MOVD pairs+32(FP), R4
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
pairs:
	VLD2.P 32(R2), [V0.H8, V1.H8]
	VLD2R.P 4(R1), [V2.H8, V3.H8]
	SUB_8H(0, 2, 0)
	SUB_8H(1, 3, 1)
	SMLAL(16, 0, 0)
	SMLAL2(17, 0, 0)
	SMLAL(16, 1, 1)
	SMLAL2(17, 1, 1)
	SUBS $1, R4
	BNE pairs
	SHL1_4S(16, 16)
	SHL1_4S(17, 17)
	VST1.P [V16.S4, V17.S4], 32(R0)
	SUBS $1, R3
	BNE groups
	RET
