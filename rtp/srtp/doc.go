// Package srtp encrypts and authenticates RTP and RTCP (RFC 3711, RFC 7714), with keys that signalling carries in SDP
// (RFC 4568). It needs the standard library alone.
//
//	c, err := srtp.ParseCrypto("1 AES_CM_128_HMAC_SHA1_80 inline:...") // of a=crypto
//	in, err := srtp.NewContext(c.Suite, c.Key)
//	packet, err = in.DecryptRTP(buf[:0], datagram)
//
// A [Context] is one direction of a session. Package rtp takes a pair of them in its Config.
//
// # Conformance
//
//   - RFC 3711: AES-CM with HMAC-SHA1, tags of 80 and 32 bits (SRTCP has 80 in both), key derivation with rate zero, replay
//     lists of 64 packets, index estimation (3.3.1), end of a key's life (9.2). Not done: MKI, f8, key derivation rates
//   - RFC 7714: AEAD_AES_128_GCM and AEAD_AES_256_GCM
//   - RFC 4568: the attribute with its key parameters. Sessions with session parameters other than those that
//     may be ignored (a name that begins with "-"), with MKI or several keys are refused, as section 6.3 and 6.1 allow
//
// Keys are never part of errors or of what fmt and slog show.
package srtp
