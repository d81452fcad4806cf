// Package m2pa is the MTP2-User Peer-to-Peer Adaptation Layer (RFC 4165): SS7 signalling links over
// SCTP, one link per association, with what MTP level 2 does for level 3: alignment and proving,
// flow control, processor outage, congestion, and the retrieval of unacknowledged messages at
// changeover.
//
// # Parts
//
// [Parse] and [Message.AppendBinary] are the codec. [Link] is the state machine of one link, without
// clock, goroutine or socket: it implements [mtp3.Link], so that a node runs level 3 and its links
// in one loop and retrieval at changeover is exact. HandleSCTP takes what the association
// delivers; [Link.Flush] sends what the link has to send.
//
//	link := m2pa.New(m2pa.Config{Name: "to-B/0"})
//	in = link.Start(now, in[:0])                       // level 3 wants the link
//	in = link.HandleSCTP(now, received, in)            // the association delivered something
//	in = link.Expire(now, in)                          // at link.Deadline()
//	buf, more, err = link.Flush(now, association, buf) // after any of them
//
// # Sequence numbers
//
// They are 24 bit and begin anew with each alignment: the first message is 0, and 16777215 (0xFFFFFF)
// means "none yet", as first messages of other implementations have it.
//
// # Conformance
//
// RFC 4165 section:
//
//	2.1, 2.2   headers; spare and unused bits are sent as 0 and ignored
//	2.3        User Data with the PRI field, Link Status with its nine states, filler of Proving
//	3.1        association control: what owns the association reconnects it, the link follows
//	4.1.2      stream 0 and stream 1; Link Status on the wrong one of the two is counted and used,
//	           User Data not on stream 1, and anything on other streams, is counted and discarded
//	4.1.3      alignment, with Ready and Alignment repeated (Config.RepeatInterval), proving optional
//	4.1.4      processor outage with resynchronisation of sequence numbers, Flush and Continue
//	4.1.5      flow control in both directions, T6 and T7
//	4.1.6      Out of Service; the association stays
//	4.1.7      association lost, restarted, or unable to send: out of service
//	4.1.8      Link Status is sent before User Data
//	4.1.9      other versions, classes and types are discarded and counted
//	4.2.1      acknowledgements without delay: on the next message, or an empty one; an FSN out
//	           of order is discarded; T7 for the oldest message
//	4.2.2      three levels of transmit congestion by octets, with abatement
//	4.2.3      retrieval: after FSNC, then what was never sent
//
// Q.703 decides the rest: link state control (figure 8), initial alignment control (figure 9),
// processor outage control (figure 10), and that two abnormal BSN among three are a failure
// (section 5.3.1).
//
// Of the 97 cases of Q.781, the conformance tests of level 2, 62 are tables in this package's tests
// under their own numbers; 35 have no counterpart over SCTP (error rate monitors, indicator bits,
// flags, preventive cyclic retransmission) and are listed there with the reason. The M2PA test tool of
// nplab, which has the cases of ETSI TS 101 591, passes a link over the kernel's SCTP in its 42 cases
// (TestTesttool says how to run it, and what level 3 does for some of them).
//
// # No loss
//
// TestSoakNoLoss runs two mtp3 nodes over four links on virtual time, under load on every SLS, and
// breaks one to three of the links at a time in every way there is. Of 10,000,000 messages in 2,451
// changeovers (seed 1) none was lost, doubled or out of order within its SLS. TestSoakReasons breaks all
// four links at once, and nodes: as many messages are missing as the reasons count. TELCO_SOAK=1 runs
// both whole, TELCO_SEED gives another seed.
//
// # Bounds
//
// What a peer can make grow is limited: messages it sends while they cannot be taken
// (Config.ReceiveBuffer), messages it does not acknowledge (Config.TransmitBuffer, TransmitMessages,
// Window), statuses (each is queued once). A link that reaches a limit discards new messages of
// level 3 with an indication, or goes out of service; other links do not notice.
//
// # Limitations
//
// Version 1 of the protocol alone; the drafts before the RFC numbered their versions otherwise. No
// "Retrieval Request" of the Japanese MTP (section 4.2.3), which takes back what the peer may
// have. If a packet of the old alignment is delayed by the network for longer than a whole new
// alignment takes, on the same association, and begins with the expected FSN, nothing in the
// protocol tells it from a new one.
package m2pa
