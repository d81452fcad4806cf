// Package amr is the Adaptive Multi-Rate speech codec, narrowband (AMR) and wideband (AMR-WB), and
// the formats that carry it.
//
// The codecs are pure Go and exact to the bit: what the fixed-point definition of 3GPP makes of a signal or a stream, this
// package makes of it. An Encoder turns 20 ms of PCM into a Frame, a Decoder turns a Frame into PCM. Neither allocates
// while it runs, and any number of them may run in a process; each serves one stream and one goroutine at a time.
//
//	enc, err := amr.NewEncoder(amr.EncoderConfig{Codec: amr.NB, Mode: amr.Mode122, DTX: true})
//	dec, err := amr.NewDecoder(amr.DecoderConfig{Codec: amr.NB})
//	...
//	frame, err := enc.Encode(buf[:0], pcm) // amr.NB.FrameSamples() samples
//	err = dec.Decode(pcm, frame)
//
// Frames travel in several forms. For RTP there are PayloadFormat and PayloadReader, which pack and unpack one payload,
// and above them Packetizer and FrameBuffer, which know several frames to a packet, repetitions and interleaving, put what
// was received into the order of time and tell loss from pause. Params answers offers of session descriptions, ModeControl
// chooses the mode of each frame by what the peer asks for and bears. Files are read by FileReader and written by
// FileWriter. AppendIF1, ParseIF1, AppendIF2 and ParseIF2 are the interface formats of 3GPP. All of them are values
// without clock, goroutine or socket.
//
// # Conformance
//
//   - TS 26.071, 26.073, 26.090: AMR in its eight modes, with the homing frames of TS 26.090 section 8
//   - TS 26.171, 26.173, 26.190: AMR-WB in its nine modes, with homing frames
//   - TS 26.091, 26.191: substitution and muting of lost frames
//   - TS 26.092, 26.093, 26.192, 26.193: comfort noise and discontinuous transmission
//   - TS 26.094 (both options), 26.194: voice activity detection
//   - TS 26.101 annex B, TS 26.201: order of the bits in a frame, as in RFC 4867
//   - TS 26.101 and 26.201, section 4 and annex A: interface formats 1, with codec CRC, and 2
//   - RFC 4867 section 3.6: classes of bits, by CRC; 3.7.1: redundancy; 3.8: several channels
//   - RFC 4867 section 4.1: marker and timestamp; 4.3: bandwidth-efficient mode, CMR, ToC, Q, reserved types refused,
//     nothing but NO_DATA not sent; 4.4: octet-aligned mode, interleaving (4.4.1), CRC (4.4.2.1), robust sorting (4.4.4)
//   - RFC 4867 section 5: files, of one and of several channels
//   - RFC 4867 section 8.1 to 8.3 and TS 26.114: parameters, payload identity, answers, mode-set, mode-change-period,
//     -neighbor and -capability, max-red
//
// Not done: unequal error protection by UDP-Lite (RFC 4867 section 3.6.1), AMR in 3GP files (TS 26.244), the comfort noise
// frames of other codecs (types 9 to 11 of AMR), which RFC 4867 forbids.
//
// # Speed
//
// On amd64 with AVX2, found out at run time, the loops that multiply and accumulate, the pulse search and the recursive filters run in
// assembly; on arm64 with NEON the first two. The build tag purego leaves it out. All paths give the same bits. An Encoder has a state of up to 8 KiB, a Decoder of up to 3.
//
// # Patents and licence
//
// The code is written from the specifications. The patents that were declared essential to AMR (1999) and AMR-WB (2001)
// are more than twenty years old; whether any still holds where you are is for you to find out.
package amr
