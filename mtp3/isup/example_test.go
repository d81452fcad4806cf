package isup_test

import (
	"fmt"

	"github.com/gotelco/telco/mtp3/isup"
)

func ExampleParse() {
	m, err := isup.Parse([]byte{0x05, 0x00, 0x0c, 0x02, 0x00, 0x02, 0x82, 0x91})
	if err != nil {
		fmt.Println(err)
		return
	}
	var cause isup.Cause
	ok, err := m.Decode(&cause)
	fmt.Println(m.Type, m.CIC, ok, err)
	fmt.Println(cause.Value, "at the", cause.Location)
	// Output:
	// REL 5 true <nil>
	// 17 (user busy) at the public network serving the local user
}

func ExampleMessage_AppendBinary() {
	iam := isup.New(isup.IAM, 5,
		isup.NatureOfConnection{},
		isup.ForwardCallIndicators{ISUPAllTheWay: true, ISDNAccess: true},
		isup.OrdinaryCaller, isup.Speech,
		isup.CalledPartyNumber{Number: isup.Number{Nature: isup.NationalNumber, Plan: isup.E164, Digits: isup.MustDigits("301234F")}})
	b, err := iam.AppendBinary(nil)
	fmt.Printf("% x %v\n", b, err)
	fmt.Println(iam)
	// Output:
	// 05 00 01 00 20 01 0a 00 02 00 06 83 10 03 21 43 0f <nil>
	// IAM CIC 5 to 301234F
}
