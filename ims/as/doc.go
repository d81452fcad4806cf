// Package as is an IMS Application Server (TS 23.228 section 4.2.4, TS 24.229 section 5.7) that is
// also the border of a SIP network: it finds out where a call should go, and brings it there.
//
//	rules, err := as.NewRules(as.RulesConfig{Rules: []as.Rule{
//		{Match: as.Match{Called: []string{"+49*"}}, Then: &as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: "carrier"}}}},
//	}, Default: as.Decision{Action: as.Proxy}})
//	scscf, err := as.ParseSource("192.0.2.1")
//	server, err := as.New(as.Config{
//		Call:   call.Config{Codecs: append(call.AMRNB(), call.PCMA)},
//		IMS:    as.IMS{Peers: []as.Source{scscf}, Domain: "ims.example.org"},
//		Trunks: []as.Trunk{{Name: "carrier", Servers: []as.TrunkServer{{URI: "sip:192.0.2.7"}}}},
//		Router: rules,
//	})
//	_, err = server.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: ":5060"})
//
// # A call
//
// A [Server] tells by the address who sends a request: a CSCF ([IMS]), a [Trunk], or else a phone, which has to know its
// password ([Phones]). It reads who calls whom for whom ([Request]): P-Served-User or the Route that named us, the asserted
// identity, numbers as the border of that side has them ([Border]). A [Router] makes a [Decision] of it: [Rules] try
// rules in order, look up ENUM, or ask a web server. The decision is carried out:
//
//   - Proxy: the call goes on along its Route, which is the S-CSCF with the original dialog identifier. The server is a
//     proxy, and stays on the way where [IMS].RecordRoute says so.
//   - Bridge: it becomes a channel of call control ([Server.Switch]), and a second leg is called: over a trunk, to a phone,
//     to any URI, or back into the core by the original dialog identifier. Legs are transcoded. Targets are tried in turn,
//     and the servers of a trunk by priority and weight; who is silent is left alone for a while.
//   - Run, Socket, Webhook: applications, or another program, decide step by step.
//   - Refuse: a status code with the cause of Q.850, a redirection; an announcement before, where there is one. That also
//     follows on targets of which none can be reached.
//
// When the call is over [Config].OnEnd hears of it; [CallInfo.Record] is its call record. What a caller's network says about
// charging goes to the next leg and back. Each leg of a call that is not proxied is a channel with variables (as_side,
// as_trunk, as_session_case, as_served_user, as_odi, as_icid, as_rule beside those of call control), which programs see
// and steer. Dial strings of the server are sofia/gateway/TRUNK/NUMBER, user/NAME, ims/NUMBER and sofia/PROFILE/URI; the
// application "route" carries out the decision about a channel once more.
//
// [Server.Reload] puts another configuration in force for new calls, [Server.Drain] takes no more of them.
//
// # Numbers and rules
//
// Inside, numbers are global ("+4930123"). A [Border] makes them so of what one side writes, and back: by a [PlanConfig] (country
// code, prefixes, area, short numbers, phone-context), and by [Rewrite] lists for called and calling numbers in each direction.
// What a plan writes it reads as the same number again, or it writes a longer form.
//
// A [Rule] matches by numbers (exact, by prefix, by expression), side, trunk, session case, registration, time of the week, and
// variables; it rewrites, decides, draws by weight, looks up ENUM ([ENUMConfig]) or asks a web server ([AskConfig], whose JSON
// [AskSchema] describes, and which signs by [Sign]). No web server holds up a call for longer than its timeout, nor an emergency
// call at all. [Rules.Explain] and [Server.ExplainHTTP] tell which rules were tried and why they did not match.
//
// # Messages, alerts, jobs
//
// [Messages] turns HTTP requests into MESSAGE requests and back ([MessageSchema]), SMS over IP included as it is; its rules are those
// of calls. [Emergency] knows emergency calls by URN or number before anything is rewritten, and sends an alert with caller, time and
// place to those who should know, again until they have it. [Jobs] originate calls, send messages or make HTTP requests at the
// times of a [Cron], at intervals, or once; jobs that were added and acknowledged survive the end of the process.
//
// # Conformance
//
//   - TS 24.229 section 5.7.1.1 and 5.4.1.7: third-party REGISTER, with service information and the REGISTER and its 200 in
//     the body; section 5.7.1.1 with RFC 3680: the reg event package, where asked for
//   - TS 24.229 sections 5.7.1.3A, 5.4.3.2, 5.4.3.3: served user, session case and registration state; RFC 5502, RFC 8498
//   - TS 24.229 section 5.7.2 (terminating UA), 5.7.3 (originating UA, with orig in Route), 5.7.4 (SIP proxy), 5.7.5
//     (routing and terminating back-to-back user agent), redirect server; the original dialog identifier is kept in all of them
//   - RFC 7315 sections 4.5, 4.6: P-Charging-Vector (icid-value, orig-ioi, term-ioi), P-Charging-Function-Addresses
//   - RFC 3323, 3325 and TS 24.229 section 4.4: identities, privacy, the border of the trust domain; header fields of the
//     domain are neither believed of nor told to those who do not belong to it
//   - RFC 3326, RFC 3398 section 8.2.6.1: Reason, status codes and causes
//   - RFC 3261 section 16 and RFC 5393 as a proxy, by way of package sip; section 10 for phones and for trunks that want a
//     registration; section 22 and RFC 8760: credentials of both
//   - RFC 3263 and RFC 2782: the servers of a trunk by priority and weight, the next one after a timeout (3 s), a transport
//     error or a status code that allows it; Retry-After
//   - RFC 3966 and RFC 3261 section 19.1.6: tel URIs and sip URIs with user=phone, phone-context; TS 24.229 section 5.1.2A.1.5: local
//     numbers of the home network; RFC 6116, 3764, 4415, 4769: ENUM, of the lowest order that has a URI
//   - RFC 3428: MESSAGE, at most 1,300 octets (section 8); TS 24.341 in outline: application/vnd.3gpp.sms with g.3gpp.smsip
//   - RFC 5031: emergency services; RFC 6442, 4119, 5491, 7315: the place in alerts
//   - RFC 3261 section 8.1.3.4: redirections, refused, followed, or given to the router ([Redirect])
//   - RFC 7044, RFC 5806, RFC 4458, RFC 7544: History-Info and Diversion, read ([Request].Diversions) and written
//     ([DiversionFields], [Decision].Diversion); TS 24.604 section 4.5.2.6 of the limit on diversions
//   - RFC 5589: blind and attended transfer of legs in a call
//   - RFC 4028: session timers of 30 minutes unless Config says otherwise
//
// # Limitations
//
// A redirection is followed where a decision of the router is carried out, not within dial strings of applications, and
// History-Info tells of calls to others than were called there. There is no Sh or Ut interface, no charging over Rf or Ro, and no
// topology hiding beyond that of a back-to-back user agent. A call that was let go on is counted until it is answered, and not
// afterwards. A proxied call is not forked here.
package as
