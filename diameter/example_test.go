package diameter_test

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
)

func ExampleParseMessage() {
	m := diameter.Message{Header: diameter.Header{Flags: diameter.Request, Code: diameter.CommandDeviceWatchdog}}
	m.AVPs = diameter.AppendText(m.AVPs, diameter.AVPOriginHost, diameter.Mandatory, 0, "hss.ims.example")
	m.AVPs = diameter.AppendText(m.AVPs, diameter.AVPOriginRealm, diameter.Mandatory, 0, "ims.example")
	b, err := m.AppendBinary(nil)
	if err != nil {
		panic(err)
	}

	m, err = diameter.ParseMessage(b)
	fmt.Println(m.Header, err)
	for a := range m.AVPs.All() {
		fmt.Println(a.Code, a.Flags, a.Text())
	}
	// Output:
	// 280 R app 0 hbh 00000000 e2e 00000000 <nil>
	// 264 M hss.ims.example
	// 296 M ims.example
}
