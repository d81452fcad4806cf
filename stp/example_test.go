package stp_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/stp"
)

// A node with two exchanges, over associations in memory: what one sends to the other arrives.
func ExampleNode() {
	cfg, err := stp.ParseConfig("stp.yaml", []byte(`
node:   { name: STP, point-code: 1.2.1, network-indicator: national }
listen: [ { m3ua: "10.0.0.1:2905" } ]
as:
  - { name: A, point-code: 1.2.3, routing-context: 1, asps: [ { name: a1, peer: "10.0.0.3" } ] }
  - { name: B, point-code: 1.2.4, routing-context: 2, asps: [ { name: b1, peer: "10.0.0.4" } ] }
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	network := sctp.NewMemory(sctp.MemoryConfig{})
	node, err := stp.New(cfg, stp.Options{Network: network})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- node.Run(ctx) }()
	<-node.Ready()

	got, reachable := make(chan string, 1), make(chan bool, 1)
	exchange := func(address string, rc uint32) *m3ua.ASP {
		local, gateway := sctp.AddrOf(netip.MustParseAddrPort(address)), sctp.AddrOf(netip.MustParseAddrPort("10.0.0.1:2905"))
		return m3ua.NewASP(m3ua.ClientConfig{
			RoutingContexts: []uint32{rc},
			Dial: func(ctx context.Context) (sctp.Conn, error) {
				return network.Dial(ctx, local, gateway, sctp.Config{})
			},
			Transfer: func(in *m3ua.Indication) { got <- string(in.MSU.Data) },
			Event: func(e m3ua.Event) {
				if e.Kind == m3ua.PrimitiveEvent && e.Primitive.Kind == mtp3.ResumePrimitive && e.Primitive.Affected.PC == 2068 {
					reachable <- true
				}
			},
		})
	}
	a := exchange("10.0.0.3:2905", 1)
	if err := a.Active(ctx); err != nil {
		fmt.Println(err)
	}
	b := exchange("10.0.0.4:2905", 2)
	if err := b.Active(ctx); err != nil {
		fmt.Println(err)
	}
	<-reachable // the node has told A of B: DAVA
	m := mtp3.MSU{SI: mtp3.MTPTest, NI: mtp3.National, Label: mtp3.Label{OPC: 2067, DPC: 2068, SLS: 5}, Data: []byte("hello")}
	if err := a.Transfer(&m); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-got)

	e, err := node.Explain(ctx, stp.Query{Label: m.Label})
	fmt.Println(e.Conclusion, err)
	a.Close()
	b.Close()
	stop()
	fmt.Println(<-ended)
	// Output:
	// hello
	// to as B for 1.2.4 <nil>
	// <nil>
}
