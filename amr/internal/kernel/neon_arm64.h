// Instructions that the Go assembler lacks or writes in another order. Above each stands what an assembler calls it; the
// numbers are of registers. TestNEON has an assembler check them.

// smull vd.4s, vn.4h, vm.4h
#define SMULL(d, n, m) WORD $(0x0e60c000 | (m)<<16 | (n)<<5 | (d))

// smull2 vd.4s, vn.8h, vm.8h
#define SMULL2(d, n, m) WORD $(0x4e60c000 | (m)<<16 | (n)<<5 | (d))

// smlal vd.4s, vn.4h, vm.4h
#define SMLAL(d, n, m) WORD $(0x0e608000 | (m)<<16 | (n)<<5 | (d))

// smlal2 vd.4s, vn.8h, vm.8h
#define SMLAL2(d, n, m) WORD $(0x4e608000 | (m)<<16 | (n)<<5 | (d))

// smlal vd.4s, vn.4h, vm.h[0]
#define SMLAL_H0(d, n, m) WORD $(0x0f402000 | (m)<<16 | (n)<<5 | (d))

// smlal2 vd.4s, vn.8h, vm.h[0]
#define SMLAL2_H0(d, n, m) WORD $(0x4f402000 | (m)<<16 | (n)<<5 | (d))

// smlal vd.4s, vn.4h, vm.h[1]
#define SMLAL_H1(d, n, m) WORD $(0x0f502000 | (m)<<16 | (n)<<5 | (d))

// smlal2 vd.4s, vn.8h, vm.h[1]
#define SMLAL2_H1(d, n, m) WORD $(0x4f502000 | (m)<<16 | (n)<<5 | (d))

// add vd.2d, vn.2d, vm.2d
#define ADD_2D(d, n, m) WORD $(0x4ee08400 | (m)<<16 | (n)<<5 | (d))

// add vd.4s, vn.4s, vm.4s
#define ADD_4S(d, n, m) WORD $(0x4ea08400 | (m)<<16 | (n)<<5 | (d))

// addp vd.4s, vn.4s, vm.4s
#define ADDP_4S(d, n, m) WORD $(0x4ea0bc00 | (m)<<16 | (n)<<5 | (d))

// addp dd, vn.2d
#define ADDP_D(d, n) WORD $(0x5ef1b800 | (n)<<5 | (d))

// addv sd, vn.4s
#define ADDV_4S(d, n) WORD $(0x4eb1b800 | (n)<<5 | (d))

// uadalp vd.2d, vn.4s
#define UADALP_2D(d, n) WORD $(0x6ea06800 | (n)<<5 | (d))

// uadalp vd.4s, vn.8h
#define UADALP_4S(d, n) WORD $(0x6e606800 | (n)<<5 | (d))

// sqadd vd.8h, vn.8h, vm.8h
#define SQADD_8H(d, n, m) WORD $(0x4e600c00 | (m)<<16 | (n)<<5 | (d))

// sqsub vd.8h, vn.8h, vm.8h
#define SQSUB_8H(d, n, m) WORD $(0x4e602c00 | (m)<<16 | (n)<<5 | (d))

// sub vd.8h, vn.8h, vm.8h
#define SUB_8H(d, n, m) WORD $(0x6e608400 | (m)<<16 | (n)<<5 | (d))

// sqdmulh vd.8h, vn.8h, vm.8h
#define SQDMULH_8H(d, n, m) WORD $(0x4e60b400 | (m)<<16 | (n)<<5 | (d))

// abs vd.8h, vn.8h
#define ABS_8H(d, n) WORD $(0x4e60b800 | (n)<<5 | (d))

// umax vd.8h, vn.8h, vm.8h
#define UMAX_8H(d, n, m) WORD $(0x6e606400 | (m)<<16 | (n)<<5 | (d))

// umaxv hd, vn.8h
#define UMAXV_8H(d, n) WORD $(0x6e70a800 | (n)<<5 | (d))

// umin vd.4s, vn.4s, vm.4s
#define UMIN_4S(d, n, m) WORD $(0x6ea06c00 | (m)<<16 | (n)<<5 | (d))

// uminv sd, vn.4s
#define UMINV_4S(d, n) WORD $(0x6eb1a800 | (n)<<5 | (d))

// cmeq vd.4s, vn.4s, vm.4s
#define CMEQ_4S(d, n, m) WORD $(0x6ea08c00 | (m)<<16 | (n)<<5 | (d))

// cmhi vd.4s, vn.4s, vm.4s
#define CMHI_4S(d, n, m) WORD $(0x6ea03400 | (m)<<16 | (n)<<5 | (d))

// bit vd.16b, vn.16b, vm.16b
#define BIT_16B(d, n, m) WORD $(0x6ea01c00 | (m)<<16 | (n)<<5 | (d))

// sshl vd.4s, vn.4s, vm.4s
#define SSHL_4S(d, n, m) WORD $(0x4ea04400 | (m)<<16 | (n)<<5 | (d))

// shl vd.4s, vn.4s, #1
#define SHL1_4S(d, n) WORD $(0x4f215400 | (n)<<5 | (d))

// sshr vd.4s, vn.4s, #14
#define SSHR14_4S(d, n) WORD $(0x4f320400 | (n)<<5 | (d))

// sqxtn vd.4h, vn.4s
#define SQXTN(d, n) WORD $(0x0e614800 | (n)<<5 | (d))

// sqxtn2 vd.8h, vn.4s
#define SQXTN_2(d, n) WORD $(0x4e614800 | (n)<<5 | (d))

// smlsl vd.4s, vn.4h, vm.4h
#define SMLSL(d, n, m) WORD $(0x0e60a000 | (m)<<16 | (n)<<5 | (d))

// smlsl2 vd.4s, vn.8h, vm.8h
#define SMLSL2(d, n, m) WORD $(0x4e60a000 | (m)<<16 | (n)<<5 | (d))

// cmgt vd.4s, vn.4s, #0
#define CMGT0_4S(d, n) WORD $(0x4ea08800 | (n)<<5 | (d))

// uzp1 vd.8h, vn.8h, vm.8h
#define UZP1_8H(d, n, m) WORD $(0x4e401800 | (m)<<16 | (n)<<5 | (d))

// uzp2 vd.8h, vn.8h, vm.8h
#define UZP2_8H(d, n, m) WORD $(0x4e405800 | (m)<<16 | (n)<<5 | (d))

// uzp1 vd.16b, vn.16b, vm.16b
#define UZP1_16B(d, n, m) WORD $(0x4e001800 | (m)<<16 | (n)<<5 | (d))

// shrn vd.8b, vn.8h, #4
#define SHRN4(d, n) WORD $(0x0f0c8400 | (n)<<5 | (d))

// shrn vd.4h, vn.4s, #15
#define SHRN15(d, n) WORD $(0x0f118400 | (n)<<5 | (d))

// shrn2 vd.8h, vn.4s, #15
#define SHRN15_2(d, n) WORD $(0x4f118400 | (n)<<5 | (d))

// sqrshrn vd.4h, vn.4s, #15
#define SQRSHRN15(d, n) WORD $(0x0f119c00 | (n)<<5 | (d))

// sqrshrn2 vd.8h, vn.4s, #15
#define SQRSHRN15_2(d, n) WORD $(0x4f119c00 | (n)<<5 | (d))

// ext vd.16b, vn.16b, vm.16b, #4
#define EXT4(d, n, m) WORD $(0x6e002000 | (m)<<16 | (n)<<5 | (d))

// ext vd.16b, vn.16b, vm.16b, #8
#define EXT8(d, n, m) WORD $(0x6e004000 | (m)<<16 | (n)<<5 | (d))

// sxtl vd.4s, vn.4h
#define SXTL(d, n) WORD $(0x0f10a400 | (n)<<5 | (d))

// sxtl2 vd.4s, vn.8h
#define SXTL2(d, n) WORD $(0x4f10a400 | (n)<<5 | (d))

// sshll vd.4s, vn.4h, #1
#define SSHLL1(d, n) WORD $(0x0f11a400 | (n)<<5 | (d))

// sshll2 vd.4s, vn.8h, #1
#define SSHLL1_2(d, n) WORD $(0x4f11a400 | (n)<<5 | (d))

// saba vd.4s, vn.4s, vm.4s
#define SABA_4S(d, n, m) WORD $(0x4ea07c00 | (m)<<16 | (n)<<5 | (d))

// sshr vd.4s, vn.4s, #16
#define SSHR16_4S(d, n) WORD $(0x4f300400 | (n)<<5 | (d))

// abs vd.4s, vn.4s
#define ABS_4S(d, n) WORD $(0x4ea0b800 | (n)<<5 | (d))

// smax vd.4s, vn.4s, vm.4s
#define SMAX_4S(d, n, m) WORD $(0x4ea06400 | (m)<<16 | (n)<<5 | (d))

// smaxv sd, vn.4s
#define SMAXV_4S(d, n) WORD $(0x4eb0a800 | (n)<<5 | (d))

// smin vd.8h, vn.8h, vm.8h
#define SMIN_8H(d, n, m) WORD $(0x4e606c00 | (m)<<16 | (n)<<5 | (d))

// sminv hd, vn.8h
#define SMINV_8H(d, n) WORD $(0x4e71a800 | (n)<<5 | (d))

// rev32 vd.8h, vn.8h
#define REV32_8H(d, n) WORD $(0x6e600800 | (n)<<5 | (d))

// rev64 vd.4s, vn.4s
#define REV64_4S(d, n) WORD $(0x4ea00800 | (n)<<5 | (d))

// rev64 vd.8h, vn.8h
#define REV64_8H(d, n) WORD $(0x4e600800 | (n)<<5 | (d))
