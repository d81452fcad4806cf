// Package call is telephone calls as values: signalling, session description, RTP and codecs put
// together.
//
// A [Media] is the audio of one leg: it plays from a [Source], hands what it receives to a [Sink],
// and can be bridged to another leg, with transcoding in between. All Media of a process turn on
// one [Wheel].
//
// # Conformance
//
//   - RFC 3550, 3551, 4733, 4961 by way of package rtp
//   - ITU-T G.711 by way of package g711
//
// # Limitations
//
// The legs of a bridge have one sample rate. Lost packets of G.711 become silence.
package call
