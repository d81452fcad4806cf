// Package nb is the AMR narrowband speech codec, bit-exact with the fixed-point definition 3GPP TS 26.073: the encoder and
// decoder of TS 26.090 in the eight modes 4.75..12.2 kbit/s, voice activity detection options 1 and 2 (TS 26.094),
// discontinuous transmission and comfort noise (TS 26.093, TS 26.092) and the substitution of lost frames (TS 26.091).
package nb

//go:generate go run github.com/gotelco/telco/amr/internal/gentables -in ../gentables/tables-nb.json -package nb
