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
// # Conformance
//
//   - Q.763 section 1 and tables 21 to 56: all message types but circuit group carrier ones, which were never assigned;
//     PAM and CRG, whose contents are another message or a national matter, are kept as octets
//   - Q.763 section 3: the values of numbers, indicators, cause, event, range and status, circuit state, hop counter,
//     propagation delay, redirection, compatibility, user service information; other parameters are kept as octets
//   - Q.850: cause values and locations
package isup
