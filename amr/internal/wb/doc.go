// Package wb is the AMR-WB speech codec of 3GPP TS 26.190, bit-exact with the fixed-point arithmetic of TS 26.173: nine
// modes, voice activity detection (TS 26.194), discontinuous transmission with comfort noise (TS 26.192), concealment of
// lost and damaged frames (TS 26.191) and the homing frames of both directions.
//
// An [Encoder] turns 320 samples at 16 kHz into one frame, a [Decoder] one frame into 320 samples. The package works on
// the speech bits alone, in the order of TS 26.201 (sorted by importance) as RTP and files carry them; package amr adds
// the frame types and formats around them.
//
// One file holds one block of the specification. Samples and coefficients are 16-bit integers; a comment Qn tells the
// number of fraction bits. Sums of products are formed in plain machine arithmetic where a bound, checked or proven
// beside it, excludes that any partial sum saturates; otherwise by the saturating operators in the standard's order.
//
// The inner loops are those of package kernel, in assembly where it has some. A kernel is
// only called within the bound that makes it exact, and tests hold it equal to the plain form beside it.
package wb

//go:generate go run github.com/gotelco/telco/amr/internal/gentables -in ../gentables/tables-wb.json -package wb
