// Package sh is the Sh interface between application servers and the HSS of an IMS core: typed commands, and the user data in
// XML.
//
// # Quick start
//
//	req, err := sh.ParseUDR(m)
//	ans := req.Answer("hss.ims.example", "ims.example")
//	data := sh.Data{IMSData: &sh.IMSData{IMSUserState: diameter.Some(sh.Registered)}}
//	ans.UserData = data.AppendXML(nil)
//	ans.SetResult(diameter.Result{Code: diameter.Success})
//
// # Conformance
//
//   - TS 29.329 section 6.1: UDR, UDA, PUR, PUA, SNR, SNA, PNR, PNA, with the AVPs of section 6.3 up to release 15
//   - TS 29.329 section 6.2: experimental results 4100, 4101, 5100 to 5108; those that Sh shares with Cx are in package cx
//   - TS 29.328 Annexes C and D: Sh-Data with public identifiers, repository data, IMS data (S-CSCF name, initial filter criteria,
//     user state, charging, PSI activation, DSAI), locations and states of the circuit- and packet-switched domains, registered,
//     implicit, alias and all identities, alias repository data
//   - TS 29.328 section 6.1.2.1: sequence numbers of repository data ([NextSequenceNumber])
//
// # Limitations
//
// Data of the evolved packet core (location, state), TADS, SMS registration and IP address bindings have no fields: their elements
// are kept in Data.Extension. Of their schemas' nesting of Extension only the first three levels are known here.
package sh

//go:generate go run github.com/gotelco/telco/diameter/diagen -import diameter=../base.dia -import cx=../cx/cx.dia sh.dia
