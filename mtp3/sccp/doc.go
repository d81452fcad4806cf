// Package sccp is the signalling connection control part of Signalling System No. 7 for connectionless
// service (ITU-T Q.711 to Q.714): it brings messages to subsystems, by point code or by global title.
//
// [Codec] reads and writes messages. [Table] translates global titles, [Translator] holds the table in force
// and lets it be replaced as a whole. [Node] is the SCCP of one signalling point, be it a transfer point that
// translates titles or an end point with subsystems: a state machine without clock, goroutine, lock or socket,
// which takes the primitives of MTP (package mtp3 or m3ua) and requests of its subsystems, and says what to send and to deliver.
//
// # Quick start
//
//	tr, err := sccp.NewTranslator(mtp3.Format{}, []sccp.Rule{
//		{Match: sccp.Match{Plan: sccp.Is(sccp.E164), Digits: "49800"}, To: []sccp.Entity{{PC: 2070, SSN: sccp.INAP}}},
//	})
//	n, err := sccp.NewNode(sccp.Config{PointCode: 2065, NI: mtp3.National, Translator: tr})
//	err = n.AddSubsystem(sccp.INAP, sccp.SubsystemConfig{})
//	out, err = n.SetSubsystem(now, sccp.INAP, sccp.InService, out)
//	for { // the runner's loop
//		out = n.HandleMTP(now, primitive, out[:0])    // from MTP
//		out, err = n.Unitdata(now, request, out[:0])  // from a subsystem
//		out = n.Expire(now, out[:0])                  // when n.Deadline() has passed
//		// … do what out says: give MSU of Send to MTP, Unit of UnitdataIndication to its subsystem, …
//	}
//
// # Conformance
//
//   - Q.711 section 6.2: N-UNITDATA, N-NOTICE. Section 6.3: N-STATE, N-PCSTATE, N-COORD.
//   - Q.713 sections 2 and 3.4 to 3.19, 4.10 to 4.21: UDT, UDTS, XUDT, XUDTS, LUDT, LUDTS, addresses with
//     global titles of all four formats, segmentation, importance; other optional parameters are kept and passed on.
//   - Q.713 section 5: SSA, SSP, SST, SOR, SOG, SSC.
//   - Q.714 section 2.2 and 2.3: routing control on subsystem number and global title; class 1 keeps its SLS at each node; the hop counter
//     of XUDT, XUDTS, LUDT and LUDTS falls by one with each translation of a message from MTP.
//   - Section 2.4: translation to one of several entities, by order or sharing, among those that can be reached.
//   - Section 2.6: the importance of messages, traffic limitation by restriction level and sublevel with Ta and Td. The
//     standard leaves their figures to the network: Timers.Attack, Timers.Decay, 8 levels of 4 sublevels.
//   - Section 2.7.5: a relayed calling address with a subsystem number alone gets the OPC.
//   - Section 4.1: choice of UDT, XUDT, LUDT; segmentation into up to 16 XUDT, also of an LUDT on its way; reassembly with its timer; frozen references.
//   - Section 4.2: return of messages with the return cause that fits; each is also counted as a [Reason].
//   - Section 5.2: points prohibited, allowed and congested, remote SCCP unavailable.
//   - Section 5.3: subsystems prohibited and allowed, status test with a growing interval, coordinated state change, broadcast to local subsystems
//     and concerned points; SCCP congested (SSC).
//   - T1.112.3 section 3.4: addresses of ANSI.
//
// The return cause of a failed reassembly is "error in message transport" when a segment is lost, late or out of order, and "error in local
// processing" when there is no room; other stacks have been seen to say "destination cannot perform reassembly", which this one never does.
//
// # Loops
//
// UDT has no hop counter. What is noticed of it is a title that is translated to the node that the message
// came from, or to this node again, and is still the same title: it comes back as "hop counter violation". Wider circles of UDT are
// noticed only with Config.Extended, which passes UDT on as XUDT.
//
// # Limitations
//
// There is no connection-oriented service (classes 2 and 3): its messages are counted as NotConnectionless, and a
// connection request gets no refusal. XUDT is not turned into UDT for nodes that don't know it. Of ANSI T1.112 the layouts of addresses
// and of the management messages that both have are here; not the ANSI ways of traffic mix, subsystem backup routing and
// INS, and an XUDT has the layout of Q.713. The tests follow the sections of Q.714, not the list of Q.786.
package sccp
