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
