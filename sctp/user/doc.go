// Package user is SCTP (RFC 9260) in this process: a stack of our own for systems whose kernel has
// none. It carries packets over UDP (RFC 6951) without any privileges, or in IP itself.
//
//	n := user.New(user.Config{}) // over UDP
//	l, err := n.Listen(ctx, sctp.Addr{Port: 2905, UDP: 9899}, sctp.Config{})
//	c, err := n.Dial(ctx, sctp.Addr{}, sctp.Addr{IPs: peer, Port: 2905, UDP: 9899}, sctp.Config{})
//
// A peer that speaks SCTP in plain IP needs [Raw], and with it CAP_NET_RAW; where the kernel has
// SCTP, take package sctp/kernel: Raw is refused there. Two stacks over raw IP must not share an address:
// each sees what is the other's, and aborts it (RFC 9260 section 8.4).
//
// Each association is a state machine without clock, goroutine or socket. One goroutine per local
// address reads packets, many at a time; one per association keeps its timers.
//
// # Conformance
//
//   - RFC 9260 section 3: all chunks, parameters and causes; unknown ones by the rules of their type
//   - section 5: setting up with a signed cookie and no state before it comes back, restart,
//     collision, stale cookies
//   - section 6: transmission, acknowledgement, fragmentation, bundling, ordered and unordered delivery,
//     zero windows; section 7: congestion control (L = 2), fast retransmit; beyond it, probes for losses
//     at the tail as RFC 8985 section 7 has them, and miss indications in the order of sending, so that
//     a retransmission that is lost doesn't wait for T3-rtx either
//   - section 8: failure of paths and peers, heartbeats, packets out of the blue, verification tags
//   - section 9: shutdown and abort; section 10: errors
//   - RFC 6951: UDP, with the peer's port learnt from its packets
//
// # Limitations
//
// No discovery of the path's MTU: see Config.MTU. No authentication (RFC 4895), address
// reconfiguration (RFC 5061), stream reconfiguration (RFC 6525), partial reliability (RFC 3758) or
// ECN. Messages are delivered when they are whole.
package user
