package cx_test

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/cx"
)

// An HSS answers a Multimedia-Auth-Request.
func ExampleMAR_Answer() {
	m, err := diameter.NewMessage(&cx.MAR{
		SessionID:                   "scscf.ims.example;1;1",
		VendorSpecificApplicationID: diameter.VendorSpecificApplicationID{VendorID: diameter.Vendor3GPP, AuthApplicationID: diameter.Some(cx.Application)},
		AuthSessionState:            diameter.AuthSessionStateNoStateMaintained,
		OriginHost:                  "scscf.ims.example", OriginRealm: "ims.example", DestinationRealm: "ims.example",
		UserName: "alice@ims.example", PublicIdentity: "sip:alice@ims.example", ServerName: "sip:scscf.ims.example",
		SIPNumberAuthItems: 1,
		SIPAuthDataItem:    cx.SIPAuthDataItem{SIPAuthenticationScheme: diameter.Some(cx.SchemeDigestAKAv1)},
	})
	if err != nil {
		panic(err)
	}

	req, err := cx.ParseMAR(m)
	if err != nil {
		panic(err) // a *diameter.ProtocolError says how to answer
	}
	ans := req.Answer("hss.ims.example", "ims.example")
	ans.UserName = diameter.Some(req.UserName)
	ans.SetResult(cx.UserUnknown)
	m, err = diameter.NewMessage(&ans)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s%s", cx.Dictionary().AppendText(nil, m), cx.ResultName(ans.Result()))
	// Output:
	// MAA app Cx P hbh 00000000 e2e 00000000
	//   Session-Id M "scscf.ims.example;1;1"
	//   Vendor-Specific-Application-Id M
	//     Vendor-Id M 10415
	//     Auth-Application-Id M 16777216
	//   Experimental-Result M
	//     Vendor-Id M 10415
	//     Experimental-Result-Code M 5001
	//   Auth-Session-State M NO_STATE_MAINTAINED
	//   Origin-Host M "hss.ims.example"
	//   Origin-Realm M "ims.example"
	//   User-Name M "alice@ims.example"
	// DIAMETER_ERROR_USER_UNKNOWN
}

func ExampleFilters_Explain() {
	profile, err := cx.ParseIMSSubscription([]byte(`<IMSSubscription><PrivateID>alice@ims.example</PrivateID><ServiceProfile>
		<PublicIdentity><Identity>sip:alice@ims.example</Identity></PublicIdentity>
		<InitialFilterCriteria><Priority>10</Priority>
			<TriggerPoint><ConditionTypeCNF>1</ConditionTypeCNF>
				<SPT><Group>0</Group><Method>INVITE</Method></SPT>
				<SPT><Group>0</Group><Method>MESSAGE</Method></SPT>
				<SPT><Group>1</Group><SessionCase>0</SessionCase></SPT>
			</TriggerPoint>
			<ApplicationServer><ServerName>sip:as.ims.example</ServerName></ApplicationServer>
		</InitialFilterCriteria></ServiceProfile></IMSSubscription>`))
	if err != nil {
		panic(err)
	}
	filters, err := cx.NewFilters(profile.ServiceProfiles[0].InitialFilterCriteria)
	if err != nil {
		panic(err)
	}
	request := cx.Request{Method: "INVITE", RequestURI: "sip:bob@ims.example", SessionCase: cx.OriginatingRegistered}
	for _, e := range filters.Explain(&request) {
		fmt.Print(e)
	}
	// Output:
	// priority 10 -> sip:as.ims.example matches: in every group a trigger holds (CNF)
	//   group 0 holds
	//     yes: Method "INVITE"; the request has "INVITE"
	//     no: Method "MESSAGE"; the request has "INVITE"
	//   group 1 holds
	//     yes: SessionCase ORIGINATING_SESSION; the request has "ORIGINATING_SESSION"
}
