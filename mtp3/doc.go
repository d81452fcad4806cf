// Package mtp3 is level 3 of the message transfer part of Signalling System No. 7 (ITU-T Q.701,
// Q.704 and Q.707): it routes messages between signalling points and keeps them flowing, in order and
// without loss, while links and routes come and go.
//
// [Node] is one signalling point: a state machine without clock, goroutine, lock or socket. It commands
// the level 2 of its links through [Link] (package m2pa has one for SCTP), in the same loop, so
// that retrieval at changeover is exact. It talks to users in the primitives of Q.701 section 8
// ([Primitive]), which package m3ua has too, and to owners of destinations ([OwnerConfig]), such as
// Application Servers. [Router] answers other goroutines from a snapshot of the routing table.
//
// # Quick start
//
//	n, err := mtp3.NewNode(mtp3.Config{PointCode: 2065, NI: mtp3.National, Transfer: true})
//	ls, err := n.AddLinkset(mtp3.LinksetConfig{Name: "to-B", Adjacent: 8233})
//	id, err := n.AddLink(ls, mtp3.LinkConfig{SLC: 0, Link: level2})
//	out, err = n.AddRoute(now, mtp3.Route{Destination: d, Linkset: ls, Priority: 1}, out)
//	n.SetUser(mtp3.ISUP, true)
//	out = n.Start(now, out)
//	for { // the runner's loop
//		out = n.HandleLink(now, id, indications, out[:0]) // from level 2
//		out = n.Transfer(now, msu, out)                   // from a user
//		out = n.Expire(now, out)                          // when n.Deadline() has passed
//		// … do what out says: Deliver, ToOwner, Changed
//	}
//
// # Conformance
//
//   - Q.701 section 8: MTP-TRANSFER, MTP-PAUSE, MTP-RESUME, MTP-STATUS.
//   - Q.704 section 2: discrimination, distribution, routing by longest match, load sharing over links and combined linksets; user part unavailable.
//   - Sections 3 and 12: states, activation, restoration and deactivation of links; processor outage; emergency alignment of the first link. Not: automatic allocation of terminals and data links (12.3 to 12.6; T7).
//   - Section 5: changeover with COO/COA, XCO/XCA (Q.2210), ECO/ECA and time-controlled; over another route too.
//   - Section 6: changeback with CBD/CBA within a linkset; time-controlled (T3) between linksets.
//   - Sections 7 and 8: forced and controlled rerouting.
//   - Section 9: MTP restart of the node and of neighbours, TRA, T18 to T21. Phase 2 takes no time here.
//   - Section 10: management inhibiting, by management and by routing, with its tests.
//   - Sections 11 and 13.6 to 13.9: congestion in the international and both national ways; TFC, RCT.
//   - Section 13: TFP, TFR, TFA, RST, RSR; broadcast, response and preventive; T8, T10, T11.
//   - Q.707: SLTM and SLTA on activation and periodically.
//   - ANSI T1.111.4, China, Japan: point codes, labels, SLS and the layouts of messages; TCP, TCR and TCA about clusters that the table has, or points in them. Of the ANSI restart only that TRW is read.
//
// The tests have 62 cases in the 12 groups of Q.782 (TestQ782Groups counts them). They follow its groups, not its list case by
// case: not covered are the compatibility tests against other equipment, and what depends on level 2 alone. Package m2pa has this
// package and its own level 2 under load while links break (see its documentation).
//
// # Limitations
//
// A point within a masked route gets a state of its own when a neighbour says something of it, up to Config.MaxExceptions. MTP has no hop counter: a message is not
// sent back to where it came from, but wider circles are only prevented by the transfer-prohibited procedure. Without a
// usable sequence number from the other end what was sent and not acknowledged is lost with its link.
package mtp3
