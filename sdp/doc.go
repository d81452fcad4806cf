// Package sdp describes sessions (SDP, RFC 8866) and negotiates them by offer and answer
// (RFC 3264).
//
// # Text
//
// [Parse] reads a [Description] and [Description.AppendText] writes it. Both keep what they do not
// know: attributes in their order, unknown lines, values as text. Errors say which line. Parse is
// lenient in what is harmless (line ends, order, blank lines, the last line without an end), and
// everything it takes is written in the order of the RFC.
//
// This package has its own reader because a telephone network speaks more than
// github.com/pion/sdp takes: T.38 over udptl, bandwidth types, lines of unknown type.
// [Description.Pion] and [FromPion] convert where a program uses that module.
//
// # Offer and answer
//
// A [Session] is one side of a negotiation, as plain data. What we have is a [Local], passed to
// each step:
//
//	var s sdp.Session
//	offer, err := s.CreateOffer(local)      // for INVITE
//	err = s.ReceiveAnswer(answer, local)    // from 200
//
//	answer, err := s.Answer(offer, local)   // for INVITE with an offer
//
//	for _, st := range s.Streams { … }      // what was agreed, with addresses and payload types
//
// An INVITE without an offer is the same with the roles changed: CreateOffer for the 200,
// ReceiveAnswer from the ACK. To hold, set LocalMedia.Direction to SendOnly and offer again. Errors
// tell apart bytes that do not parse ([ParseError]: SIP 400), offers that crossed or wait
// ([StateError]: 491, 500), offers in which nothing is acceptable ([RefusedError]: 488) and wrong
// answers ([AnswerError]: end the call).
//
// The parameters of a codec (fmtp) are text here. A [Format] brings a [Matcher], which knows
// whether two texts mean the same payload, such as octet-align of AMR, and what to answer.
//
// # Conformance
//
//   - RFC 8866 and RFC 4566: the whole grammar, values as text but for o=, c=, b= and m=
//   - RFC 3264: initial and changed offers, answers, rejected, added, removed and reused streams
//     (6, 8.1, 8.2), stable payload types (8.3.2), hold also by 0.0.0.0 (8.4), o= versions (8).
//     Not done: multicast (6.2; refused), capabilities (9)
//   - RFC 3605: a=rtcp. RFC 5761: a=rtcp-mux. RFC 3556: b=RS, b=RR
//   - RFC 4733 section 2.5.1.2: telephone-event of the clock rate of the codec; if a peer has only
//     that of 8000 Hz, it is taken with any codec
//   - RFC 6337: all-refusing answers (5.2.4), offers within a session (5.2.5), hold (5.3), 0.0.0.0
//     (5.4)
//   - RFC 3312, RFC 4032: the lines of preconditions (Media.Statuses) and the status tables of both kinds
//     (Preconditions); LocalMedia.Adjust is where they meet offers and answers
//
// Transports other than RTP/AVP and RTP/AVPF are accepted only where LocalMedia.Protos names them;
// keys (RFC 4568, DTLS) are for LocalMedia.Accept and Adjust to look at; ICE (RFC 8839) and BUNDLE (RFC 8843) are not negotiated here. An
// answer never has a format, codec or stream that the offer lacks.
package sdp
