package sccp_test

import (
	"fmt"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
)

// A transfer point translates the title of a message and sends it on.
func ExampleNode_HandleMTP() {
	var now time.Time
	tr, err := sccp.NewTranslator(mtp3.Format{}, []sccp.Rule{
		{Match: sccp.Match{Plan: sccp.Is(sccp.E164), Digits: "49800"}, To: []sccp.Entity{{PC: 2070, SSN: sccp.INAP}}},
	})
	if err != nil {
		panic(err)
	}
	stp, err := sccp.NewNode(sccp.Config{PointCode: 2065, NI: mtp3.National, Translator: tr})
	if err != nil {
		panic(err)
	}
	number, _ := sccp.ParseDigits("49800123456")
	data, err := sccp.Codec{}.Append(nil, sccp.Message{
		Type:    sccp.UDT,
		Called:  sccp.Address{HasSSN: true, SSN: sccp.INAP, GT: sccp.GlobalTitle{Format: sccp.GTAll, Plan: sccp.E164, Nature: sccp.InternationalNumber, Digits: number}},
		Calling: sccp.Address{RouteOnSSN: true, HasSSN: true, SSN: sccp.INAP},
		Data:    []byte("query"),
	})
	if err != nil {
		panic(err)
	}
	msu := mtp3.MSU{NI: mtp3.National, SI: mtp3.SCCP, Label: mtp3.Label{OPC: 2067, DPC: 2065, SLS: 3}, Data: data}
	for _, o := range stp.HandleMTP(now, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: msu}, nil) {
		m, err := sccp.Codec{}.Parse(o.MSU.Data)
		fmt.Println(o.Kind, "to", mtp3.Format{}.PointCodeString(o.MSU.Label.DPC), err)
		fmt.Println(m.Type, "for", m.Called)
		fmt.Println("from", m.Calling)
	}
	// Output:
	// send to 1.2.6 <nil>
	// UDT for GT E.164 international 49800123456 SSN INAP
	// from PC 2067 SSN INAP
}

// A service control point answers whoever asks its subsystem.
func ExampleNode_Unitdata() {
	var now time.Time
	scp, err := sccp.NewNode(sccp.Config{PointCode: 2070})
	if err != nil {
		panic(err)
	}
	if err := scp.AddSubsystem(sccp.INAP, sccp.SubsystemConfig{}); err != nil {
		panic(err)
	}
	out, err := scp.SetSubsystem(now, sccp.INAP, sccp.InService, nil)
	if err != nil {
		panic(err)
	}
	inap := sccp.Address{RouteOnSSN: true, HasSSN: true, SSN: sccp.INAP}
	query, err := sccp.Codec{}.Append(nil, sccp.Message{Type: sccp.UDT, Called: inap, Calling: inap, Data: []byte("0800 123456?")})
	if err != nil {
		panic(err)
	}
	out = scp.HandleMTP(now, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: mtp3.MSU{SI: mtp3.SCCP, Label: mtp3.Label{OPC: 2067, DPC: 2070}, Data: query}}, out[:0])
	for _, o := range out {
		if o.Kind != sccp.UnitdataIndication {
			continue
		}
		fmt.Printf("%v: %s\n", o.Unit.Called, o.Unit.Data)
		answers, err := scp.Unitdata(now, sccp.Unitdata{Called: o.Unit.Calling, Calling: inap, Data: []byte("030 654321")}, nil)
		if err != nil {
			panic(err)
		}
		fmt.Println(answers[0].Kind, "to", answers[0].MSU.Label.DPC)
	}
	// Output:
	// SSN INAP: 0800 123456?
	// send to 2067
}
