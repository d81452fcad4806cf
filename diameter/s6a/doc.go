// Package s6a is the S6a and S6d interfaces between an MME or SGSN and the HSS: typed commands.
//
// # Quick start
//
//	req, err := s6a.ParseAIR(m)
//	ans := req.Answer("hss.epc.example", "epc.example")
//	ans.AuthenticationInfo = &s6a.AuthenticationInfo{EUTRANVector: []s6a.EUTRANVector{{RAND: rand, XRES: xres, AUTN: autn, KASME: kasme}}}
//	ans.SetResult(diameter.Result{Code: diameter.Success})
//
// # Conformance
//
//   - TS 29.272 section 7.2: ULR, ULA, CLR, CLA, AIR, AIA, IDR, IDA, DSR, DSA, PUR, PUA, RSR, RSA, NOR, NOA, with the AVPs of
//     section 7.3 that packet access, voice and positioning use
//   - TS 29.272 section 7.4: experimental results
//
// # Limitations
//
// Groups for machine-type communication (monitoring events, communication patterns), proximity and V2X services, minimisation
// of drive tests and closed subscriber groups of a visited network are not here: such AVPs stay raw in the field AVPs, and are an
// AVPUnsupported only where their M flag is set. S13 and S7a are not here.
package s6a

//go:generate go run github.com/gotelco/telco/diameter/diagen -import diameter=../base.dia -import cx=../cx/cx.dia -import sh=../sh/sh.dia s6a.dia
