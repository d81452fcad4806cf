package isup_test

import (
	"fmt"
	"time"

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

// Two exchanges, and a call between them.
func ExampleGroup() {
	a, _ := isup.NewGroup(isup.Config{OPC: 1, DPC: 2, Circuits: []isup.CIC{1, 2}})
	b, _ := isup.NewGroup(isup.Config{OPC: 2, DPC: 1, Circuits: []isup.CIC{1, 2}})
	now := time.Unix(0, 0)
	var deliver func(name string, to, from *isup.Group, out []isup.Output)
	deliver = func(name string, to, from *isup.Group, out []isup.Output) {
		for _, o := range out {
			if send, ok := o.(isup.Send); ok {
				data, err := send.Message.AppendBinary(nil)
				if err != nil {
					fmt.Println(err)
				}
				fmt.Println(name, "->", send.Message)
				deliver(map[string]string{"A": "B", "B": "A"}[name], from, to, to.Receive(now, data, nil))
			}
		}
	}
	iam := isup.New(isup.IAM, 0, isup.NatureOfConnection{}, isup.ForwardCallIndicators{ISUPAllTheWay: true}, isup.OrdinaryCaller, isup.Speech,
		isup.CalledPartyNumber{Number: isup.Number{Nature: isup.NationalNumber, Plan: isup.E164, Digits: isup.MustDigits("301234F")}})
	cic, out, err := a.Setup(now, iam, nil)
	if err != nil {
		fmt.Println(err)
	}
	deliver("A", b, a, out)
	for _, m := range []isup.Message{isup.New(isup.ACM, cic, isup.BackwardCallIndicators{Status: isup.SubscriberFree}), isup.New(isup.ANM, cic)} {
		out, err := b.Request(now, m, nil)
		if err != nil {
			fmt.Println(err)
		}
		deliver("B", a, b, out)
	}
	out, _ = a.Request(now, isup.New(isup.REL, cic, isup.Cause{Value: isup.NormalClearing, Location: isup.User}), nil)
	deliver("A", b, a, out)
	out, _ = b.Released(now, cic, nil)
	deliver("B", a, b, out)
	fmt.Println(a.Idle(), b.Idle())
	// Output:
	// A -> IAM CIC 1 to 301234F
	// B -> ACM CIC 1
	// B -> ANM CIC 1
	// A -> REL CIC 1 cause 16 (normal call clearing)
	// B -> RLC CIC 1
	// 2 2
}
