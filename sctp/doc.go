// Package sctp is the seam between protocols that ride on SCTP (RFC 9260) and what provides it:
// messages on streams, events, addresses with several paths.
//
// [Conn] is an association. Protocol packages such as m3ua, m2pa and diameter take one and never
// ask where it comes from. Programs choose a [Network]: package sctp/kernel is the SCTP of the
// Linux kernel, package sctp/user a stack of our own that carries it over UDP on any system, or
// over raw IP, and [Memory] one within the process.
//
// # In tests
//
// [Pipe] returns both ends of an association in memory, established. Each end delivers an [Up]
// first and a [Down] last; what is sent at one end is there at the other when Send returns. Within
// testing/synctest its time is virtual.
//
//	synctest.Test(t, func(t *testing.T) {
//		local, peer := sctp.Pipe()
//		...
//		peer.Cut()     // nothing arrives at either end; PathDown after 63 s, PeerLost after 363 s
//		peer.Restore() // what was sent arrives
//		peer = peer.Restart() // the local end sees Restart
//		peer.Lose()    // both ends: Down with PeerLost, at once
//		peer.Crash()   // the local end finds out after its time-outs
//		peer.Abort("no more")
//	})
//
// A peer that stops reading fills first its ReceiveBuffer, then the SendBuffer of the other end,
// whose TrySend then returns [ErrFull]; small buffers in the [Config] get there quickly. A
// [Memory] of one's own has addresses to listen on and to dial, several paths that are cut one by
// one ([Memory.Cut]), delay, bandwidth, and streams that overtake one another (MemoryConfig.Jitter).
package sctp
