// Package g711 encodes and decodes G.711 speech: A-law (RTP name PCMA) and mu-law (PCMU), and
// converts one into the other. It also hides lost packets and makes comfort noise.
//
// Linear samples are 16 bits, so that a full-scale sine is 32767; the Recommendation's 13-bit
// A-law and 14-bit mu-law values are the upper bits of such a sample. Every function works on
// buffers of the caller and allocates only when a destination lacks room.
//
//	payload = g711.ALaw.AppendEncode(payload[:0], pcm) // 160 samples make 160 octets, 20 ms
//	pcm = g711.ALaw.AppendDecode(pcm[:0], payload)
//
// # Conformance
//
//   - ITU-T G.711 (11/88) table 1: A-law, with the even bits inverted (section 3.2)
//
//   - ITU-T G.711 table 2: mu-law; the all-zero character signal is a valid value, no suppression
//
//   - ITU-T G.711 tables 3 and 4: conversion between the laws. A mu-law octet that is converted
//     to A-law and back changes by one step at most; most do not change at all
//
//   - A sample that lies exactly on a decision value belongs to the interval above it (upwards on
//     the number line), as in the reference implementation of ITU-T G.191
//
//   - RFC 3551 section 4.5.14: the octets are RTP payload as they are, payload types 0 and 8
//
//   - ITU-T G.711 Appendix I: concealment of lost packets ([Concealer]); equal to the ITU-T's own
//     program (G.191, single precision) to the bit
//
//   - RFC 3389: comfort noise payload ([ParseNoise], [Noise.AppendBinary]), measured from samples
//     ([MeasureNoise]) and made ([Comfort]). When to send it (voice activity) is not decided here
//
// A package-level table holds every conversion; they are generated, see internal/gentables.
package g711

//go:generate go run ./internal/gentables -o tables.go
