// Package amr is the Adaptive Multi-Rate speech codec, narrowband (AMR) and wideband (AMR-WB), and
// the formats that carry it.
//
// The codecs are pure Go and exact to the bit: what the fixed-point definition of 3GPP makes of a stream, this package
// makes of it. A Decoder turns frames of 20 ms into PCM of 16 bits. It allocates nothing while it runs, and any number of
// them may run in a process; one of them serves one stream and one goroutine at a time.
//
//	dec, err := amr.NewDecoder(amr.DecoderConfig{Codec: amr.NB})
//	...
//	pcm := make([]int16, amr.NB.FrameSamples())
//	err = dec.Decode(pcm, amr.Frame{Type: amr.Mode122, Data: data})
//
// # Conformance
//
//   - TS 26.071, 26.073, 26.090: AMR in its eight modes, with the homing frames of TS 26.090 section 8
//   - TS 26.091: substitution and muting of lost frames
//   - TS 26.092, 26.093: comfort noise and discontinuous reception
//   - TS 26.101 annex B, TS 26.201: order of the bits in a frame, as in RFC 4867
//
// # Patents and licence
//
// The code is written from the specifications. The patents that were declared essential to AMR (1999) and AMR-WB (2001)
// are more than twenty years old; whether any still holds where you are is for you to find out.
package amr
