// Package m3ua is the SS7 MTP3-User Adaptation Layer (RFC 4666): user parts of SS7, such as ISUP
// and SCCP, reach a signalling gateway, or one another, over SCTP.
//
// An [SG] is a signalling gateway process: it serves Application Servers, each a routing key that
// one or more ASPs share. An [ASP] is the other side, for applications. Both take associations
// from package sctp, in whatever way they were set up, or from [TCP].
//
//	sg, err := m3ua.NewSG(m3ua.SGConfig{
//		ASP: []m3ua.ASPConfig{{Name: "msc-1", Remote: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.5:0")}}},
//		AS: []m3ua.ASConfig{{Name: "msc", RoutingContext: 1, TrafficMode: m3ua.Override, ASPs: []string{"msc-1"},
//			Key: m3ua.RoutingKey{Groups: []m3ua.KeyGroup{{DPC: 2067}}}}},
//		Transfer: func(in *m3ua.Indication) { … }, // messages of ASPs, for the network
//	})
//	go sg.Serve(ctx, listener)
//	err = sg.AS("msc").Transfer(&msu) // a message of the network, for ASPs
//
// and an application:
//
//	asp := m3ua.NewASP(m3ua.ClientConfig{
//		Dial:            func(ctx context.Context) (sctp.Conn, error) { … },
//		RoutingContexts: []uint32{1},
//		Transfer:        func(in *m3ua.Indication) { … },
//		Event:           func(e m3ua.Event) { … }, // MTP-PAUSE, MTP-RESUME, MTP-STATUS, and what layer management wants to know
//	})
//	err := asp.Active(ctx)
//	err = asp.Transfer(&msu)
//
// Without SGConfig.Transfer a gateway passes messages from ASP to ASP by its routing keys. As part
// of a node with routes of its own it is told about the network by [SG.Pause], [SG.Resume],
// [SG.Restrict], [SG.Congested] and [SG.UserUnavailable], tells of its AS by events of kind
// [ASStateEvent] and [CongestionEvent], and leaves who can be reached to the node
// (SGConfig.ExternalRouting, SGConfig.Audit).
//
// # How it works
//
// The states of ASPs and AS are machines without clock, goroutine or socket. Each association has
// a goroutine that reads and one that writes. DATA passes beside the machines: it is read in
// place, checked against a snapshot of the states, and appended to the bounded queue of an
// association, without an allocation; the writer hands over what has gathered, up to 64 messages
// a call. A peer that does not read fills its own queue only: from half of it on its congestion is
// told (SCON, levels 1 to 3), and what finds it full is refused with [ErrCongested] and counted.
//
// A message keeps its place within its SLS from the goroutine that hands it over to the peer, also
// where it waits for T(r). In mode loadshare each SLS belongs to one ASP, and as few as possible
// move when ASPs come and go.
//
// # Conformance to RFC 4666
//
//	3.1-3.2    header, parameters in any order, missing last padding, unknown ones kept
//	3.3-3.8    every message with every parameter
//	1.4.2      routing keys of DPC, SI, OPC ranges and Network Appearance; the most special counts; a default AS
//	1.4.4      n+k redundancy
//	1.4.6      congestion of associations and ASPs as SCON and MTP-STATUS
//	1.4.7      streams: ASPSM and RKM on stream 0, DATA on one its SLS chooses; others get ERR
//	1.4.8      either side may be the client
//	3.8.1      every error code: for messages that cannot be read, see ParseError; at most 20 ERR a
//	           second for each association, never for an ERR
//	4.3.1-4.3.2  ASP and AS states, T(r) with a bounded queue
//	4.3.4.1-4  ASP Up, Down, Active, Inactive with T(ack); override, loadshare, broadcast (with
//	           Correlation Id); ASP Identifier; blocking by the operator
//	4.3.4.5    NTFY of every kind
//	4.3.4.6    BEAT; T(beat)
//	4.4        registration with all results, change of a key, deregistration
//	4.5        SSNM to concerned ASPs, audits; ASPs audit what they were told is not available
//	4.7        isolation of the gateway ([SG.Isolate])
//	4.3, 5.6   IPSP, single and double exchange
//
// Where sections of RFC 4666 contradict one another about Routing Contexts that nobody configured,
// ERR is Invalid Routing Context, as 3.8.1, 4.3.4.4 and TS 102 381 have it. SSNM for an ASP that
// becomes active comes after its ASP Active Ack, though it may come before.
//
// Of ETSI TS 102 381, as the M3UA test tool of nplab numbers it, 65 cases for gateways and 33 for
// ASPs run as scripts, and 7 about DATA in tests of whole associations. Two are not as written:
// ASPSM-O-003 has NTFY(AS-INACTIVE) only without T(r), as RFC 4666 Figure 4 goes by AS-PENDING; and
// RKM-I-006 registers overlapping keys, because the same key twice is Already Registered since RFC
// 4666. The tool itself, over the kernel's SCTP, passes a gateway in 56 cases and leaves 3 to the
// reader (TestTesttool says which, and how to run it). The interplay with osmo-stp is tested in both roles.
//
// # Limitations
//
//   - An ASP value has one peer. An application with several gateways has several, and routes
//     between them itself (section 4.5.2.2).
//   - An IPSP is an ASP value at both ends; it sends no NTFY.
//   - The gateway keeps no congestion timer for ASPs that don't take back their SCON (section 3.4.4).
//   - Gateways don't share states with other gateway processes of the same SG (section 1.4.1).
package m3ua
