// Package sip is a SIP stack in layers (RFC 3261 and its extensions), each usable without those
// above it.
//
// # Messages
//
// [Parse] reads a datagram, [Framer] cuts a stream into messages. A [Request] or [Response] keeps
// its [Header] as the lines that came: typed values ([Via], [Address], [CSeq], [URI], …) are read
// when they are asked for, and what nobody edits leaves byte for byte as it came. A typed value
// aliases the text of its message; clone what has to live longer.
//
//	m, err := sip.Parse(datagram)
//	if err != nil { … }
//	req := m.(*sip.Request)
//	via, err := req.Via()
//	req.RemoveNth("Route", 0)
//	req.Insert("Via", 0, "SIP/2.0/UDP proxy.example.com;branch=z9hG4bK1")
//	out, err := req.AppendText(nil)
//
// [Check] tells whether a message can be served; its [ParseError] names the layer, the offset and
// the status code to answer with. A [Policy] adds what a server supports.
//
// Fields have an accessor on Header that returns typed values; a field that is not there is an
// error that Is [ErrMissing]. A field without an accessor is read with [Header.Value],
// [Header.Elements] or [Header.Addresses], whichever its grammar is.
//
// # Conformance of messages
//
//   - RFC 3261 sections 7, 8.2.6, 9.1, 17.1.1.3, 18.3, 19.1, 20, 25: messages, responses, CANCEL and
//     ACK, framing, URIs and their comparison, fields, grammar
//   - RFC 4475, RFC 5118: every message is accepted or refused as the RFC asks (torture_test.go)
//   - RFC 3966: tel URIs and their comparison; RFC 5031: urn:service
//   - RFC 5626 section 3.5.1: keep-alives on streams
//   - RFC 2046 section 5.1, RFC 5621: multipart bodies
//   - Routes: RFC 3327 Path, RFC 3608 Service-Route
//   - Identity: RFC 3323 and 3325 Privacy, P-Asserted-Identity, P-Preferred-Identity; RFC 7315
//     P-Associated-URI, P-Called-Party-ID; RFC 5502 and 8498 P-Served-User; RFC 7044 History-Info;
//     RFC 5806 Diversion; RFC 3892 Referred-By
//   - Network: RFC 7315 P-Access-Network-Info, P-Visited-Network-ID, P-Charging-Vector,
//     P-Charging-Function-Addresses; RFC 5009 P-Early-Media; RFC 6050 P-Asserted-Service,
//     P-Preferred-Service; RFC 3329 Security-Client, -Server, -Verify (as elements)
//   - Session: RFC 3262 RSeq, RAck; RFC 4028 Session-Expires, Min-SE; RFC 3326 Reason; RFC 3891
//     Replaces; RFC 3911 Join; RFC 4538 Target-Dialog; RFC 3515 Refer-To; RFC 7989 Session-ID; RFC
//     4412 Resource-Priority; RFC 6665 Event, Subscription-State
//   - Capabilities: RFC 3840 feature tags of Contact; RFC 3841 Accept-Contact, Reject-Contact and
//     their matching (of tokens and strings); RFC 6809 Feature-Caps
//
// # Limitations of messages
//
// The start line is written from its parts, so that extra spaces in it are not kept, and a
// Content-Length is added to a message that lacks one. Numeric ranges of feature tags ("#>=5")
// are compared as text. Comments in Via, which RFC 2543 allowed, are refused.
//
// # Endpoints: transports, transactions, targets
//
// An [Endpoint] owns sockets and transactions. Requests reach a [Handler], which answers by its
// [ServerTransaction]; [Endpoint.Do] sends a request and waits, [Endpoint.Start] tells of every
// response. Behind both is a [ClientAttempt], which tries the targets of a request one after the
// other, each in a transaction of its own.
//
//	e := sip.NewEndpoint(sip.Config{Handler: sip.HandlerFunc(func(tx *sip.ServerTransaction, req *sip.Request) {
//		tx.Respond(sip.NewResponse(req, 200, ""))
//	})})
//	_, err := e.Listen(sip.ListenConfig{Transport: sip.UDP, Addr: ":5060"})
//	resp, err := e.Do(ctx, req, sip.SendOptions{})
//
// It does what these sections ask:
//
//   - RFC 3261 section 17 with RFC 6026 (2xx to INVITE) and RFC 4320 (no late answers to other
//     requests): the four transactions, their timers and their matching, that of RFC 2543 included
//   - RFC 3261 section 9: CANCEL, both sides; sections 8.2.2.2 and 8.2.6.1: merged requests, 100 Trying
//   - RFC 3261 section 18: large requests over TCP, received, the way of responses, reuse of
//     connections; RFC 3581: rport
//   - RFC 3263 section 4.3: the next target after a timeout, a transport error or 503
//   - RFC 3261 section 21.5.4: 503 with Retry-After where a limit is reached
//
// Everything that a peer can make grow is bounded by [Limits] and [NetworkConfig], which say what
// happens at each limit; [Endpoint.Stats] counts it. A transaction that a handler forgets is
// answered and reported ([Leak]). No goroutine waits for a transaction: a thousand calls under way
// are a thousand entries in a few maps and timer heaps.
//
// Of the maddr parameter of a Via only multicast addresses are used, so that nobody can have
// responses sent to a third party, and its ttl is ignored. There is no SCTP.
//
// # Network
//
// An Endpoint has sockets of UDP, TCP and TLS, and of WebSocket with package sip/websocket. A
// [Flow] names a way between us and a peer; connections serve requests in both directions, and are
// cut when a peer is slow, idle or too many: [NetworkConfig] says when. A [Locator] finds the
// targets of a URI and remembers which failed, a [DNS] asks name servers, an [ENUM] turns numbers
// into URIs.
//
//   - RFC 3263: NAPTR, SRV, A and AAAA, a new transaction per target, ways of responses (section 5);
//     RFC 2782: the draw by weight. Targets of NAPTR records of a higher order are not used unless
//     asked for ([LocateConfig.AllNAPTROrders])
//   - RFC 5922, RFC 5924: names in certificates, also of URIs; no wildcards unless asked for. A TLS
//     connection is used for the domains of its certificate only. The name under which a peer was
//     verified holds for reconnects to its address
//   - RFC 5626 sections 3.5.1 and 4.4.1: keep-alives of CRLF, both sides (STUN is not implemented)
//   - RFC 6116, RFC 3402: ENUM with non-terminal records, RFC 2916's service syntax read too
//   - RFC 1035, 2308, 6891, 8767: DNS over UDP and TCP, negative answers, EDNS0, stale answers while
//     no server can be reached. There is no DNSSEC: validate in the resolver you ask
//
// # Digest authentication
//
// A [DigestServer] makes challenges and verifies answers, a [DigestClient] answers; [Authenticate],
// [DigestClient.Retry] and [DigestClient.Prepare] do it on messages. Nonces validate themselves and
// cost no memory before the right password was used with them. Behind the two stand the interfaces
// [Authenticator] and [Answerer], through which Digest AKA plugs in: nonces made elsewhere, binary
// passwords, further parameters on both sides.
//
//   - RFC 3261 section 22, RFC 8760: digest in SIP, several challenges, 401 and 407
//   - RFC 7616: MD5, SHA-256, SHA-512-256 and their session variants, auth and auth-int, userhash,
//     username*, Authentication-Info with rspauth and nextnonce; RFC 2617: answers without qop
//   - RFC 3310, RFC 4169: the parameters of AKAv1 and AKAv2 (the algorithms are package ims/aka's)
//
// # User agents
//
// A [UserAgent] makes calls with [UserAgent.Invite] and takes them with OnInvite; a call is a
// [Dialog], whose Context says when and why it ended and whose [DialogState] is plain data.
//
//	ua, err := sip.NewUserAgent(sip.UserAgentConfig{
//		Address: "<sip:bob@example.org>",
//		OnInvite: func(in *sip.Incoming) {
//			in.Reply(180, nil, "")
//			in.Reply(200, answer, "application/sdp")
//			<-in.Dialog.Context().Done()
//		},
//	})
//	ua.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: ":5060"})
//	call, resp, err := ua.Invite(ctx, "sip:alice@example.org", sip.InviteOptions{…})
//	err = call.Bye(ctx, sip.RequestOptions{})
//
// [UserAgent.Register] keeps a registration alive, a [RegistrationTable] many; [Registrar] is a small one in memory. A [Proxy]
// forwards requests: its hooks say where to. An agent may be a proxy as well, over one endpoint, as application servers are
// (Proxy of [UserAgentConfig], [Forwarding.Serve]).
//
//   - RFC 3261 sections 8, 12 to 15: early and forked dialogs, loose and strict routes, target refresh,
//     CSeq order, repeated 2xx and ACK, CANCEL and BYE races, redirections (where asked for)
//   - RFC 3261 sections 10 and RFC 3327: registrar and registration, Path
//   - RFC 3262: reliable provisional responses of both sides, offers and answers in them and in PRACK
//   - RFC 3311, RFC 6141: UPDATE, in early dialogs too, re-INVITE, 491 and 500 where they cross
//   - RFC 4028: session timers, refreshed by UPDATE or re-INVITE
//   - RFC 3261 section 16 (a CANCEL that names no INVITE gets 481), RFC 4320, RFC 5393, RFC 5658: a stateful proxy, parallel and serial forks, loops,
//     Max-Breadth, Record-Route on both sides
//   - RFC 5057: which failures end the dialog
//   - RFC 3326: why a call is given up or ended, in CANCEL ([HangUpError], [CancelError]) and BYE ([ByeError])
//   - RFC 6665: subscriber ([UserAgent.Subscribe]) and notifier ([Notifier]), in dialogs of their own
//   - RFC 3515, RFC 3891, RFC 4488: REFER within a call ([Dialog.Refer], [Incoming.AcceptRefer]), Replaces
//
// A route set of more than 140 values or 16 KiB is refused (513). A dialog that is restored has no session timer until its next refresh. A REFER outside of a dialog, and
// a SUBSCRIBE within a call, are the application's.
package sip
