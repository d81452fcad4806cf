package tcap_test

import (
	"fmt"

	"github.com/gotelco/telco/mtp3/tcap"
	"github.com/gotelco/telco/mtp3/tcap/inap"
)

// An exchange asks what to do with 0800 1234; the answer is another number.
func Example() {
	arg, err := inap.InitialDPArg{ServiceKey: 800, CalledPartyNumber: []byte{0x03, 0x10, 0x08, 0x00, 0x21, 0x43}}.AppendBinary(nil)
	if err != nil {
		fmt.Println(err)
	}
	begin := tcap.Message{Kind: tcap.Begin, OTID: tcap.NewID(1),
		Dialogue:   &tcap.Dialogue{Kind: tcap.DialogueRequest, Context: inap.SSPToSCP},
		Components: []tcap.Component{{Kind: tcap.Invoke, InvokeID: 1, Code: inap.InitialDP, Parameter: arg}}}
	b, err := begin.AppendBinary(nil)
	if err != nil {
		fmt.Println(err)
	}
	m, err := tcap.Parse(b)
	if err != nil {
		fmt.Println(err)
	}
	dp, err := inap.ParseInitialDP(m.Components[0].Parameter)
	fmt.Println(m.Kind, m.OTID, m.Components[0].Kind, dp.ServiceKey, err)
	fmt.Printf("% x\n", dp.CalledPartyNumber)
	// Output:
	// Begin 00000001 Invoke 800 <nil>
	// 03 10 08 00 21 43
}
