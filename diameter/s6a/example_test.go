package s6a_test

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/s6a"
)

// An HSS reads an Authentication-Information-Request and finds an AVP missing.
func ExampleParseAIR() {
	m, err := diameter.NewMessage(&s6a.AIR{SessionID: "mme;1;1", UserName: "001010000000001", VisitedPLMNID: []byte{0x00, 0xf1, 0x10}})
	if err != nil {
		panic(err)
	}
	req, err := s6a.ParseAIR(m)
	fmt.Println(req.UserName, err)

	m.AVPs = diameter.AppendText(nil, diameter.AVPSessionID, diameter.Mandatory, 0, "mme;1;1")
	_, err = s6a.ParseAIR(m)
	fmt.Println(err)
	// Output:
	// 001010000000001 <nil>
	// diameter: DIAMETER_MISSING_AVP: Auth-Session-State
}
