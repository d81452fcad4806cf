// Package call is telephone calls as values: signalling, session description, RTP and codecs put
// together.
//
// A [Media] is the audio of one leg: it plays from a [Source], hands what it receives to a [Sink],
// and can be bridged to another leg, with transcoding in between. All Media of a process turn on
// one [Wheel].
//
// An [Agent] makes and takes calls. [Agent.Connect] is a back-to-back user agent for one call:
//
//	agent, err := call.NewAgent(call.Config{OnCall: func(c *call.Call) {
//		agent.Connect(ctx, c, "sip:bob@192.0.2.7", call.ConnectOptions{})
//	}})
//	_, err = agent.UserAgent().Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: ":5060"})
//
// # Conformance
//
//   - RFC 3550, 3551, 4961 by way of package rtp; RFC 3611 section 5: VoIP metrics asked for and sent (Config.XR), and
//     an estimate of the MOS in any case ([MediaStats])
//   - RFC 3711, RFC 4568, RFC 7714: SRTP, offered, wanted or required ([SRTP]), with new keys by re-INVITE ([Call.Rekey]). Keys are offered within
//     RTP/AVP where encryption is optional, as phones do, which RFC 4568 does not know; two lines are understood
//   - RFC 4733, ITU-T Q.23 and INFO with application/dtmf-relay and application/dtmf: keys ([DTMF]), from each form to each other across
//     a bridge
//   - RFC 3389: comfort noise beside G.711, sent where Config.DTX says so; the pauses of AMR become it across a bridge
//   - RFC 4867 and TS 26.114: AMR and AMR-WB in both forms of the payload, DTX, redundancy received, codec mode requests
//     obeyed, and made while packets are lost, by way of package amr; frames go as they are between two legs of one codec
//     with the same modes, as does what each asks for (AMRConfig.Transcode); bridges between 8 and 16 kHz by way of package resample
//   - ITU-T G.711 with concealment of Appendix I, by way of package g711
//   - RFC 3264 by way of package sdp; RFC 3261 sections 12 to 14, and reliable provisional responses (RFC 3262), UPDATE
//     (RFC 3311) and session timers (RFC 4028) by way of package sip
//   - RFC 3264, RFC 6337: offers in re-INVITE and UPDATE of either side ([Call.Hold], [Call.Renegotiate]), INVITE and
//     re-INVITE without an offer, offers that cross; each branch of a forked call negotiates for itself
//   - RFC 3312, RFC 4032, TS 24.229 sections 5.1.3.1 and 5.1.4.1: preconditions of both kinds ([Preconditions],
//     Config.Reserve), across [Agent.Connect] and others' bridges too ([Agent.PassPreconditions]). What is reserved is not given up again before the end, and the answer
//     to a change in a call does not wait
//   - RFC 5009, TS 24.628 section 4.7: P-Early-Media obeyed and sent to callers that know of it ([Call.Early])
//   - RFC 3326, RFC 6432: reasons ([Call.Reasons]), passed on to the other leg
//   - RFC 5589: blind and attended transfer ([Call.Transfer], [Call.TransferTo]), and following one as a back-to-back user
//     agent ([Call.Follow]), also where who asked for it hangs up at once; RFC 3891 ([Call.Replaces], [Call.TakeOver]),
//     of calls that still ring too (pick-up, RFC 5359 section 2.12)
//   - RFC 5621: descriptions in multipart bodies, and 415 for what is none
//
// A [Conference] mixes legs of any codecs. A [ParkingLot] keeps calls until somebody fetches them. [Call.Collect] plays a prompt and waits for keys. [Admission] refuses calls
// that would make those that there are choppy.
//
// # Limitations
//
// Codecs are AMR, AMR-WB and those of G.711, and what an application adds; of those that a peer may switch between
// without a new offer, only the ones of the sample rate that is sent are received. AMR is sent without redundancy.
// Of the keys of SRTP, DTLS (RFC 5764) and MKI are not known. A call has one audio
// stream.
package call
