// Package rtp carries the media of telephone calls: RTP with its playout buffer, telephone-events
// and RTCP. Packet headers are those of github.com/pion/rtp.
//
// # Layers
//
// A [Stream] is one RTP stream in both directions, as a value without clock, goroutine or socket:
// it takes datagrams and the time, and appends datagrams to buffers of the caller. It is made of a
// [Sender] and a [Buffer], which can be used alone. A [Session] runs a Stream on a
// net.PacketConn; a media server may as well run thousands of Streams from one loop with batched
// sockets.
//
//	s := rtp.NewSession(conn, rtcpConn, rtp.Config{
//		Remote:  remote, // from the peer's SDP
//		Send:    rtp.Format{PayloadType: 8},
//		Receive: []rtp.Format{{PayloadType: 8}, {PayloadType: 101, Event: true}},
//	})
//	for range ticker.C { // the caller's clock, 20 ms
//		s.Send(payload, 160)
//		for {
//			f, ok := s.Pop(buf)
//			if !ok {
//				break
//			}
//			play(f) // or conceal, if f.Lost
//		}
//	}
//
// Nothing is allocated per packet once buffers have grown. A [Poller] reads the sockets of many Sessions with one
// goroutine. Where a clock looks at all Sessions anyhow, [Session.Poll] reads them in its turns and nobody waits for a packet, which
// takes half the processor time (Config.Polled). A [Port] is a socket that many Sessions share, told apart by address and SSRC, and read many datagrams at a time on Linux.
// [SetDSCP] marks what a socket sends.
//
// # Whose packets are taken
//
// Streams are symmetric (RFC 4961): media goes to the address that the peer's SDP names until
// packets arrive, and from then on to where those came from: at once if that is the signalled address, after two
// packets in order if it is another. After that packets from elsewhere are refused and
// counted, until signalling names a new address (SetRemote) or the application says so (Relatch), but for two: the signalled
// address itself, and an address that goes on with the SSRC and sequence of a source that has been silent
// for a second (a translator's new binding); both after three packets in order. For one second after
// SetRemote the old source is still heard but cannot latch. Config.Strict turns latching off. RTCP
// is taken from the same host as RTP, 10 packets a second at most. A new SSRC or sequence from the right address is believed
// when two packets came in order.
//
// # Playout
//
// The delay of the playout buffer follows the network: see [Buffer]. A gap in the sequence is loss, a jump of the
// timestamp without one is silence. BufferConfig.Fixed keeps the delay as it is.
//
// # Conformance
//
//   - RFC 3550: packets (5.1), SR, RR, SDES CNAME, BYE (6.4 to 6.6), report interval for two
//     members (6.2, 6.3), sequence and loss (A.1, A.3; but the first packet of all is not on
//     probation), jitter (A.8), collisions and loops (8.2; a packet that we sent ourselves is told by its sequence and
//     timestamp, and is taken, because echo services return our packets, unless Config.DropLoops is set)
//
//   - RFC 3611: the VoIP metrics block both ways (4.7, appendix A.2), other blocks are skipped
//
//   - ITU-T G.107: estimate of R and MOS, with the delay impairment simplified
//
//   - RFC 3551 section 4.1: marker at the start of a talkspurt
//
//   - RFC 3389: comfort noise (package rtp/cn makes and describes it); DTMF within audio is in rtp/dtmf
//
//   - RFC 4733: sending and receiving events, with segments of long events (2.5.1.3; the last
//     packet of a segment that is not the final one is sent once), several events in a packet
//     (2.5.1.5). Not done: combination with RFC 2198, tones, events that are states
//
//   - RFC 4961: symmetric RTP and RTCP. RFC 5761: RTP and RTCP on one port. RFC 3605: RTCP address
//
//   - RFC 7022: random CNAME. RFC 7160: clock rates that change within a stream
//
//   - RFC 3711, RFC 7714: SRTP and SRTCP by package rtp/srtp, with keys of RFC 4568 (Config.Encrypt and Decrypt)
//
// Not done yet: redundancy (RFC 2198), DTLS-SRTP (RFC 5764).
package rtp
