// Package isup is the ISDN user part of Signalling System No. 7: messages that set up, watch and clear telephone
// calls, and the circuits between two exchanges that carry them.
//
//	m, err := isup.Parse(msu.Data)
//	var called isup.CalledPartyNumber
//	if ok, err := m.Decode(&called); ok && err == nil {
//		fmt.Println(m.Type, m.CIC, called.Digits)
//	}
//
//	iam := isup.New(isup.IAM, 5,
//		isup.NatureOfConnection{}, isup.ForwardCallIndicators{ISUPAllTheWay: true, ISDNAccess: true},
//		isup.OrdinaryCaller, isup.Speech,
//		isup.CalledPartyNumber{isup.Number{Nature: isup.NationalNumber, Plan: isup.E164, Digits: isup.MustDigits("301234F")}})
//	b, err := iam.AppendBinary(nil)
//
// # Messages
//
// A [Message] is a list of parameters. [Message.Param] finds one as it came, [Message.Decode] as a typed value,
// [Message.Set] and [Message.Add] put typed values in. Parameters and message types that are not known are kept and
// written as they came. Parsing copies nothing, and allocates nothing where a Message is used again.
//
// # Calls
//
// A [Group] is the circuits between two exchanges, a state machine without clock, goroutine or transport. It chooses circuits,
// keeps the order of messages, runs the timers, and finds its way out of what goes wrong.
//
//	g, err := isup.NewGroup(isup.Config{OPC: 2067, DPC: 8238, Circuits: []isup.CIC{1, 2, 3, 4}})
//	cic, out, err := g.Setup(now, iam, nil)      // a call from here
//	out = g.Receive(now, msu.Data, out)          // a message from the other end
//	out = g.Expire(now, out)                     // when g.Deadline() has come
//	for _, o := range out {
//		switch o := o.(type) {
//		case isup.Send:       // o.Message goes to the other end
//		case isup.Indication: // o.Kind tells the call control: SetupInd, AnswerInd, ReleaseInd …
//		case isup.Alert:      // for the maintenance
//		}
//	}
//
// # Conformance
//
//   - Q.763 section 1 and tables 21 to 56: all message types but circuit group carrier ones, which were never assigned;
//     PAM and CRG, whose contents are another message or a national matter, are kept as octets
//   - Q.763 section 3: the values of numbers, indicators, cause, event, range and status, circuit state, hop counter,
//     propagation delay, redirection, compatibility, user service information; other parameters are kept as octets
//   - Q.850: cause values and locations
//   - Q.764 sections 2.1 to 2.4: set-up en bloc and overlap, address complete, progress, answer, release, suspend and resume; 2.1.8:
//     continuity check; 2.8.1: reattempt; 2.8.2: blocking of circuits and groups; 2.8.3: query; 2.9.1: dual seizure, circuit selection
//     methods 1 and 2; 2.9.3: reset; 2.9.4 to 2.9.6, 2.9.8: what goes wrong; 2.9.5.3: messages and parameters that are not
//     known; 2.10 and 2.11: congestion; 2.12: unequipped circuits; 2.13: availability of the user part; the timers of Annex A
//     that belong to these (see [Timer])
//   - Q.784.1: the test cases about these, under their numbers, are tests of this package: 90 of 127; the others are about what the call
//     control does with parameters, speech paths and other signalling systems
//
// # Limitations
//
// The ITU's ISUP alone: not ANSI's. Not here: simple segmentation (an SGM goes to the call control, T34 does not run), echo control,
// multirate and N x 64 kbit/s connections, end-to-end signalling, supplementary services. Instructions for parameters apply to
// parameters that this package does not know by name.
package isup
