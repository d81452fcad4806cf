// Package cx is the Cx and Dx interfaces between the CSCFs, the HSS and the SLF of an IMS core: typed commands, the user profile
// in XML, and the initial filter criteria in it.
//
// # Quick start
//
// Commands are structs made from cx.dia. A server parses, validates, and begins its answer from the request:
//
//	req, err := cx.ParseMAR(m)
//	if err != nil {
//		// a *diameter.ProtocolError says how to answer
//	}
//	ans := req.Answer("hss.ims.example", "ims.example")
//	ans.SetResult(cx.UserUnknown)
//	b, err := ans.AppendBinary(nil)
//
// AVPs that the grammar doesn't name stay in the field AVPs, in order, and are sent again. [Dictionary] names AVPs and values for
// people to read.
//
// The profile of a Server-Assignment-Answer is an [IMSSubscription]; its criteria become [Filters], which say where a request
// goes and explain why:
//
//	profile, err := cx.ParseIMSSubscription(saa.UserData)
//	filters, err := cx.NewFilters(profile.ServiceProfiles[0].InitialFilterCriteria)
//	i, ok := filters.Next(&request, 0)
//
// # Conformance
//
//   - TS 29.229 section 6.1: UAR, UAA, SAR, SAA, LIR, LIA, MAR, MAA, RTR, RTA, PPR, PPA, with the AVPs of sections 6.3 and 6.4
//     up to release 15
//   - TS 29.229 section 6.2: experimental results 2001 to 2004, 5001 to 5009, 5011, 5012 ([ResultName])
//   - RFC 7683 (OC-Supported-Features, OC-OLR), RFC 8583 (Load) and RFC 7944 (DRMP) in the commands
//   - TS 29.228 Annexes B and E: IMSSubscription with all elements of the XML Schema of release 8, and ServicePriorityLevel,
//     ExtendedPriority and MaxNumOfAllowedSimultRegistrations of later ones
//   - TS 29.228 Annexes C and F: conjunctive and disjunctive normal form, regular expressions
//   - TS 23.003 sections 13.4A and 13.5: wildcarded identities ([MatchWildcard])
//
// # Limitations
//
// Regular expressions are those of package regexp: the extended ones of POSIX without back references. An expression in another
// syntax is reported, and its criterion never matches. The rules of who may do what when (TS 29.228 section 6) are the
// HSS's and CSCF's, not this package's.
package cx

//go:generate go run github.com/gotelco/telco/diameter/diagen -import diameter=../base.dia cx.dia
