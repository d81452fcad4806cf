// Package pcapng writes the events of package trace as a capture that Wireshark, tshark and
// sngrep open: a file, or a stream that a viewer reads while the stack runs.
//
//	w, err := pcapng.Create("call.pcapng", pcapng.Config{})
//	...
//	defer w.Close()
//	endpoint := sip.NewEndpoint(sip.Config{Trace: w.Trace})
//
// Live, over HTTP:
//
//	live := pcapng.NewLive(pcapng.Config{})
//	mux.HandleFunc("GET /trace.pcapng", func(rw http.ResponseWriter, r *http.Request) {
//		live.Stream(r.Context(), rw)
//	})
//	// curl -sN http://127.0.0.1:8080/trace.pcapng | wireshark -k -i -
//
// # What a capture shows
//
// Each value of Event.Interface becomes an interface of the capture, so that "frame.interface_name
// == pcscf" filters by role. Event.Comment becomes a packet comment, and so does Event.Correlation
// where the message doesn't say it itself.
//
// The stack sees messages, not packets; the headers below them are made here:
//
//   - UDP: one packet per message.
//   - TCP: a flow with sequence and acknowledgement numbers, so that streams reassemble. There is
//     no handshake; a message over 60 000 octets takes several segments. TLS and WebSocket messages
//     are shown in clear on TCP, and a comment says what carried them. SIP over WebSocket on a port
//     that Wireshark holds for HTTP is shown on that port plus 20 000, Diameter over TLS on port
//     3868 instead of 5658.
//   - SCTP: DATA chunks with stream, SSN, TSN, payload protocol identifier and CRC32c (RFC 9260).
//   - ESP over IP and whole SCTP packets: directly in IP.
//   - MTP3: link type 141 (MTP3 without MTP2).
//   - A message within a process: as if by UDP, TCP or SCTP, as is usual for its protocol, if the
//     event has addresses, else as an exported PDU (link type 252) named by its dissector.
//   - A change of state: a line of syslog (UDP port 514).
//
// IP packets stand on link type 0, BSD loopback. Programs on libpcap (tcpdump, sngrep) refuse a
// capture that mixes link types; give every event addresses, and they read it.
//
// Where both ends of a connection trace to one Writer, each message stands there twice, once per
// interface, and both are numbered as parts of one flow.
//
// # Secrets
//
// Octets that an event marks as secret are overwritten with 'x' unless Config.IncludeSecrets is
// set. Only then does [Writer.KeyLog] return a writer: TLS keys written to it go into the capture
// as Decryption Secrets Blocks, with which Wireshark decrypts packets that were captured elsewhere
// and merged in.
//
// # Cost and bounds
//
// A Writer allocates nothing per event in steady state. The number of flows and interfaces that it
// remembers is bounded by Config. A [Live] drops events for a reader that is too slow, and says in
// the stream how many.
//
// The format is draft-ietf-opsawg-pcapng; the blocks written are the Section Header, Interface
// Description, Name Resolution, Enhanced Packet and Decryption Secrets Block. Reading captures is
// not part of this package.
package pcapng
