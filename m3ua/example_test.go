package m3ua_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

func ExampleParse() {
	m, err := m3ua.Parse([]byte{1, 0, 3, 1, 0, 0, 0, 16, 0, 0x11, 0, 8, 0, 0, 0, 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Type().Class(), m.Type(), m.(*m3ua.ASPUp).ASPIdentifier)

	_, err = m3ua.Parse([]byte{1, 0, 5, 1, 0, 0, 0, 8})
	fmt.Println(err)
	// Output:
	// ASPSM ASPUP 3
	// m3ua: parse Class(5)/1: Unsupported Message Class
}

func ExampleDATA() {
	d := m3ua.DATA{RoutingContext: m3ua.Some(1), MSU: mtp3.MSU{NI: mtp3.National, SI: mtp3.ISUP,
		Label: mtp3.Label{OPC: 2067, DPC: 8238, SLS: 5}, Data: []byte{1, 0, 16, 0}}}
	b, err := d.AppendBinary(nil)
	fmt.Printf("%x %v\n", b, err)
	// Output: 0100010100000024000600080000000102100014000008130000202e0502000501001000 <nil>
}

// A gateway between two applications, with associations in memory.
func Example() {
	key := func(pc mtp3.PointCode) m3ua.RoutingKey { return m3ua.RoutingKey{Groups: []m3ua.KeyGroup{{DPC: pc}}} }
	sg, err := m3ua.NewSG(m3ua.SGConfig{
		ASP: []m3ua.ASPConfig{{Name: "a"}, {Name: "b"}},
		AS: []m3ua.ASConfig{
			{Name: "A", RoutingContext: 1, Key: key(2067), ASPs: []string{"a"}},
			{Name: "B", RoutingContext: 2, Key: key(2068), ASPs: []string{"b"}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sg.Close()

	got := make(chan string)
	a := m3ua.NewASP(m3ua.ClientConfig{Name: "a"})
	defer a.Close()
	b := m3ua.NewASP(m3ua.ClientConfig{Name: "b", Transfer: func(in *m3ua.Indication) {
		got <- fmt.Sprintf("from %d: %s", in.MSU.Label.OPC, in.MSU.Data)
	}})
	defer b.Close()
	for name, asp := range map[string]*m3ua.ASP{"a": a, "b": b} {
		here, there := sctp.Pipe()
		sg.Attach(name, here)
		asp.Attach(there)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(b.Active(ctx), a.Active(ctx))
	fmt.Println(a.Transfer(&mtp3.MSU{SI: mtp3.SCCP, Label: mtp3.Label{OPC: 2067, DPC: 2068}, Data: []byte("hello")}))
	fmt.Println(<-got)
	// Output:
	// <nil> <nil>
	// <nil>
	// from 2067: hello
}
