package sh_test

import (
	"fmt"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/diameter/sh"
)

func ExampleParseData() {
	d, err := sh.ParseData([]byte(`<Sh-Data><RepositoryData><ServiceIndication>mmtel</ServiceIndication>
		<SequenceNumber>7</SequenceNumber><ServiceData><x/></ServiceData></RepositoryData></Sh-Data>`))
	if err != nil {
		panic(err)
	}
	r := d.RepositoryData[0]
	fmt.Println(r.ServiceIndication, r.SequenceNumber, sh.NextSequenceNumber(r.SequenceNumber), string(r.ServiceData))
	// Output: mmtel 7 8 <x/>
}

func ExampleData_AppendXML() {
	d := sh.Data{IMSData: &sh.IMSData{SCSCFName: "sip:scscf.ims.example", IMSUserState: diameter.Some(sh.Registered)}}
	fmt.Printf("%s\n", d.AppendXML(nil))
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?><Sh-Data><Sh-IMS-Data><SCSCFName>sip:scscf.ims.example</SCSCFName><IMSUserState>1</IMSUserState></Sh-IMS-Data></Sh-Data>
}
