// Package diameter is the Diameter base protocol (RFC 6733).
//
// [ParseMessage] reads a message without a copy; [AVPs] walks its attributes; [Message.AppendBinary] writes it
// as it came, unknown attributes included. What is wrong with a message is a [ProtocolError], which says how
// to answer ([AppendErrorAnswer]).
//
// # Commands
//
// Commands and grouped AVPs are structs, which command diagen makes from a dictionary in the grammar of RFC 6733
// (base.dia here; packages cx, sh and s6a have theirs). Parse functions read one from a [Message] and validate it: their error
// is a [*ProtocolError] with the result code and the Failed-AVP to answer with, and what could be read is returned
// with it, for those who are lenient. Requests begin their answers:
//
//	req, err := diameter.ParseDWR(m)
//	ans := req.Answer("hss.ims.example", "ims.example")
//	ans.ResultCode = diameter.Success
//	b, err := ans.AppendBinary(nil)
//
// AVPs that a grammar doesn't name, and those that come too often, stay in the field AVPs and are sent again. Optional
// values are [Opt]s, optional groups pointers, optional octets nil where absent. Text is a copy, octets alias the
// message. A [Dictionary] names AVPs and values for people.
//
// # Nodes
//
// A [Node] is a client, a server, an agent, or all of these. [New] connects to the peers of its [Config];
// [Node.Serve] and [Node.ServeSCTP] accept others; [Node.Do] sends a request and waits for the answer;
// a [Handler] per application and command answers those of peers.
//
//	n, err := diameter.New(diameter.Config{
//		OriginHost: "cscf.ims.example", OriginRealm: "ims.example",
//		Applications: []diameter.Application{{ID: 16777216, VendorID: diameter.Vendor3GPP}},
//		Peers:        []diameter.Peer{{Host: "hss.ims.example", Addresses: []string{"10.0.0.1:3868"}}},
//	})
//	...
//	answer, err := n.Do(ctx, &cx.MAR{...})
//
// # What is implemented, by section
//
//   - RFC 6733 sections 3, 4: header, AVPs, all data formats, grouped AVPs, times of both eras. Reserved flags and
//     padding that is not zero are read over, and sent again by relays.
//   - RFC 6733 sections 5.3 to 5.5, 8.3 to 8.5, 9.7: the commands CER, DWR, DPR, RAR, STR, ASR, ACR and their answers;
//     RFC 7683, 7944, 8583: OC-Supported-Features, OC-OLR, DRMP, Load
//   - RFC 6733 sections 6.11, 7.1, 7.2, 7.5: validation with 3001, 3007, 3008, 5001, 5004, 5005, 5008, 5009, 5011, 5014 and
//     5015 and the Failed-AVP, within the groups that it was in. M flags that differ from their definition (3009) are found
//     by [Dictionary.CheckFlags] only, since many peers' do. That Session-Id comes first is not asked for.
//   - RFC 6733 sections 2.1, 5.3 to 5.6: TCP, TLS from the start (port 5868) or in band, SCTP through package sctp;
//     the peer state machine with election, CER and CEA, DPR and DPA, reconnection after Tc, which doubles while it fails.
//     After DPR with REBOOTING a node connects again after Tc; after BUSY and DO_NOT_WANT_TO_TALK_TO_YOU it waits for
//     the peer or for [Node.Connect].
//   - RFC 3539 section 3.4: the watchdog, with SUSPECT, DOWN and REOPEN. One difference: requests that a peer sends in
//     REOPEN are served, not thrown away; ours do not go there yet.
//   - RFC 6733 sections 2.7, 6.1: the realm table with priorities and weights, request forwarding, loop detection and
//     avoidance by Route-Record, relays (the AVPs go as they came), proxies with a policy, redirect agents, and
//     redirect indications followed and remembered as they say.
//   - RFC 6733 sections 5.5.4, 7.1.3: requests that a failed peer holds go to another one with the T flag, those
//     refused with DIAMETER_TOO_BUSY or DIAMETER_UNABLE_TO_DELIVER without; the caller has one answer. A server
//     finds duplicates by Origin-Host and End-to-End Identifier and answers them again.
//   - RFC 7683: overload reports are obeyed ([Config].Overload) and made ([Node.ReportOverload]), loss algorithm.
//
// Not there: peer discovery by DNS (section 5.2), DTLS over SCTP, an agent's overload control on behalf of clients,
// and accounting records kept over restarts.
//
// # Peers that differ
//
// Erlang's diameter, of OTP 25 at least, reads nothing any more after TLS in band that we begin, when our ClientHello follows
// its CEA before it is ready for it. TLS from the start does not have that, nor a Config.Dial whose connections wait a moment
// before they write for the second time.
//
// # Limits
//
// What peers can make a node hold is bounded by [Limits], and how long it waits by [Timers]. A connection ends when
// its CER does not come in time, when framing is lost (after an answer with DIAMETER_UNSUPPORTED_VERSION or
// DIAMETER_INVALID_MESSAGE_LENGTH where that is possible), when the peer takes nothing off us, and when it goes on
// after MaxRefused requests were refused in a row. Everything else that is wrong with a request is answered, and the
// connection goes on.
//
// # Watching
//
// [Node.Stats] and [Node.Peer] say in which state each peer is and why, in words. Config.Trace has every message,
// keys marked as secret; Config.Logger changes of state.
package diameter

//go:generate go run github.com/gotelco/telco/diameter/diagen base.dia
