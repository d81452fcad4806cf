//go:build !purego

#include "textflag.h"

// SCALED sets l to (v*g + half) >> down, limited; g is in Y0, half in Y1, down in X2. h and u are overwritten.
#define SCALED(g, half, v, l, h, u) \
	VPMULHW g, v, h \
	VPMULLW g, v, l \
	VPUNPCKHWD h, l, u \
	VPUNPCKLWD h, l, l \
	VPADDD half, u, u \
	VPADDD half, l, l \
	VPSRAD X2, u, u \
	VPSRAD X2, l, l \
	VPACKSSDW u, l, l

// func scale40SIMD(y, x *[40]int16, gain, half int64, down uint64)
TEXT ·scale40SIMD(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ gain+16(FP), AX
	VMOVD AX, X0
	VPBROADCASTW X0, Y0
	VPBROADCASTD half+24(FP), Y1
	VMOVQ down+32(FP), X2
	VMOVDQU (SI), Y3
	VMOVDQU 32(SI), Y7
	VMOVDQU 64(SI), X11
	SCALED(Y0, Y1, Y3, Y4, Y5, Y6)
	SCALED(Y0, Y1, Y7, Y8, Y9, Y10)
	SCALED(X0, X1, X11, X12, X13, X14)
	VMOVDQU Y4, (DI)
	VMOVDQU Y8, 32(DI)
	VMOVDQU X12, 64(DI)
	VZEROUPPER
	RET

// func subScaled40SIMD(z, x, y *[40]int16, gain int64, down uint64)
TEXT ·subScaled40SIMD(SB), NOSPLIT, $0-40
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ y+16(FP), SI
	MOVQ gain+24(FP), AX
	VMOVD AX, X0
	VPBROADCASTW X0, Y0
	VPXOR Y1, Y1, Y1
	VMOVQ down+32(FP), X2
	VMOVDQU (SI), Y3
	VMOVDQU 32(SI), Y7
	VMOVDQU 64(SI), X11
	SCALED(Y0, Y1, Y3, Y4, Y5, Y6)
	SCALED(Y0, Y1, Y7, Y8, Y9, Y10)
	SCALED(X0, X1, X11, X12, X13, X14)
	VMOVDQU (BX), Y3
	VMOVDQU 32(BX), Y7
	VMOVDQU 64(BX), X11
	VPSUBSW Y4, Y3, Y3
	VPSUBSW Y8, Y7, Y7
	VPSUBSW X12, X11, X11
	VMOVDQU Y3, (DI)
	VMOVDQU Y7, 32(DI)
	VMOVDQU X11, 64(DI)
	VZEROUPPER
	RET

// MIXED sets l to (a*p + b*g + half) >> down, limited; p and g are in pg.
#define MIXED(pg, half, a, b, l, u) \
	VPUNPCKHWD b, a, u \
	VPUNPCKLWD b, a, l \
	VPMADDWD pg, u, u \
	VPMADDWD pg, l, l \
	VPADDD half, u, u \
	VPADDD half, l, l \
	VPSRAD X2, u, u \
	VPSRAD X2, l, l \
	VPACKSSDW u, l, l

// func mix40SIMD(y, x *[40]int16, pg uint64, half int64, down uint64)
TEXT ·mix40SIMD(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	VPBROADCASTD pg+16(FP), Y0
	VPBROADCASTD half+24(FP), Y1
	VMOVQ down+32(FP), X2
	VMOVDQU (DI), Y3
	VMOVDQU (SI), Y4
	VMOVDQU 32(DI), Y7
	VMOVDQU 32(SI), Y8
	VMOVDQU 64(DI), X11
	VMOVDQU 64(SI), X12
	MIXED(Y0, Y1, Y3, Y4, Y5, Y6)
	MIXED(Y0, Y1, Y7, Y8, Y9, Y10)
	MIXED(X0, X1, X11, X12, X13, X14)
	VMOVDQU Y5, (DI)
	VMOVDQU Y9, 32(DI)
	VMOVDQU X13, 64(DI)
	VZEROUPPER
	RET

// PULSEPAIR adds the responses at the two pulses that R9 and R10 point to, times the weights in w.
#define PULSEPAIR(w, off, a, b, lo, hi, sumLo, sumHi) \
	VMOVDQU (off)(R9), a \
	VMOVDQU (off)(R10), b \
	VPUNPCKLWD b, a, lo \
	VPUNPCKHWD b, a, hi \
	VPMADDWD w, lo, lo \
	VPMADDWD w, hi, hi \
	VPADDD lo, sumLo, sumLo \
	VPADDD hi, sumHi, sumHi

// func pulsesSIMD(y *[40]int16, d *Delayed, p *[10]Pulse, pairs int)
TEXT ·pulsesSIMD(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ d+8(FP), SI
	MOVQ p+16(FP), BX
	MOVQ pairs+24(FP), CX
	ADDQ $80, SI
	MOVL $0x4000, AX
	VMOVD AX, X0
	VPBROADCASTD X0, Y0
	VMOVDQA Y0, Y1
	VMOVDQA Y0, Y2
	VMOVDQA Y0, Y3
	VMOVDQA Y0, Y4
	VMOVDQA Y0, Y5
	TESTQ CX, CX
	JEQ pulsesDone
pulses:
	MOVWLZX (BX), AX
	MOVWLZX 2(BX), DX
	ADDQ AX, AX
	MOVQ SI, R9
	SUBQ AX, R9
	MOVWLZX 4(BX), AX
	MOVWLZX 6(BX), R8
	ADDQ AX, AX
	MOVQ SI, R10
	SUBQ AX, R10
	SHLL $16, R8
	ORL R8, DX
	VMOVD DX, X15
	VPBROADCASTD X15, Y15
	PULSEPAIR(Y15, 0, Y6, Y7, Y8, Y9, Y0, Y1)
	PULSEPAIR(Y15, 32, Y10, Y11, Y12, Y13, Y2, Y3)
	PULSEPAIR(X15, 64, X6, X7, X8, X9, X4, X5)
	ADDQ $8, BX
	SUBQ $1, CX
	JNZ pulses
pulsesDone:
	VPSRAD $15, Y0, Y0
	VPSRAD $15, Y1, Y1
	VPSRAD $15, Y2, Y2
	VPSRAD $15, Y3, Y3
	VPSRAD $15, X4, X4
	VPSRAD $15, X5, X5
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKSSDW X5, X4, X4
	VMOVDQU Y0, (DI)
	VMOVDQU Y2, 32(DI)
	VMOVDQU X4, 64(DI)
	VZEROUPPER
	RET

// SIGNS does two tracks, or with x registers one: see Signs40. Y1 has 16, Y15 32767.
#define SIGNS(off, k, half, limit, a, b, u, m) \
	VMOVDQU (off)(R11), a \
	VMOVDQU (off)(R8), b \
	MIXED(k, half, a, b, m, u) \
	VMOVDQA m, a \
	VPSRAW $15, m, m \
	VPXOR m, a, a \
	VPSUBSW m, a, a \
	VMOVDQU a, (off)(R10) \
	VPXOR m, limit, u \
	VPSUBW m, u, u \
	VMOVDQU u, (off)(R9) \
	VPXOR m, b, b \
	VPSUBSW m, b, b \
	VMOVDQU b, (off)(R8) \
	VPXOR limit, a, a

// TOP sets the element at off of top to the largest sum and its slot: x has 32767 less the sums.
#define TOP(x, t, off) \
	VPHMINPOSUW x, t \
	VMOVD t, AX \
	XORL $0x7fff, AX \
	MOVL AX, off(DI)

// func signs40SIMD(d, sign, sum, r *[48]int16, k uint64, top *[5]SlotSum)
TEXT ·signs40SIMD(SB), NOSPLIT, $0-48
	MOVQ d+0(FP), R8
	MOVQ sign+8(FP), R9
	MOVQ sum+16(FP), R10
	MOVQ r+24(FP), R11
	VPBROADCASTD k+32(FP), Y0
	MOVQ top+40(FP), DI
	MOVL $16, AX
	VMOVD AX, X1
	VPBROADCASTD X1, Y1
	MOVL $5, AX
	VMOVD AX, X2
	VPCMPEQW Y15, Y15, Y15
	VPSRLW $1, Y15, Y15
	SIGNS(0, Y0, Y1, Y15, Y3, Y4, Y5, Y6)
	SIGNS(32, Y0, Y1, Y15, Y7, Y8, Y9, Y10)
	SIGNS(64, Y0, Y1, Y15, Y11, Y12, Y13, Y14)
	TOP(X3, X4, 0)
	VEXTRACTI128 $1, Y3, X3
	TOP(X3, X4, 4)
	TOP(X7, X8, 8)
	VEXTRACTI128 $1, Y7, X7
	TOP(X7, X8, 12)
	TOP(X11, X12, 16)
	VZEROUPPER
	RET
