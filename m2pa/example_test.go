package m2pa_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

func ExampleParse() {
	m, err := m2pa.Parse([]byte{1, 0, 11, 2, 0, 0, 0, 20, 0, 255, 255, 255, 0, 255, 255, 255, 0, 0, 0, 1})
	fmt.Println(m, err)
	// Output: Alignment FSN=16777215 BSN=16777215 <nil>
}

func ExampleMessage_AppendBinary() {
	m := m2pa.Message{Type: m2pa.UserData, BSN: 7, FSN: 8, Data: []byte{0x83, 0x2e, 0xe0, 0x04, 0x52}}
	b, err := m.AppendBinary(nil)
	fmt.Printf("% x %v\n", b, err)
	// Output: 01 00 0b 01 00 00 00 16 00 00 00 07 00 00 00 08 00 83 2e e0 04 52 <nil>
}

// Two links talk to each other without a network, a goroutine or a wait.
func ExampleLink() {
	now := time.Unix(0, 0)
	cfg := m2pa.Config{T4n: -1} // no proving
	ends := []*m2pa.Link{m2pa.New(cfg), m2pa.New(cfg)}
	names := []string{"A", "B"}
	say := func(i int, in []mtp3.Indication) {
		for _, x := range in {
			fmt.Printf("%s: %v %q\n", names[i], x.Kind, x.MSU)
		}
	}
	for i, l := range ends {
		say(i, l.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 2, Out: 2}}, nil))
		say(i, l.Start(now, nil))
	}
	exchange := func() {
		for ends[0].Pending() || ends[1].Pending() {
			for i, l := range ends {
				ms := l.Output(now, nil)
				l.Sent(now, ms)
				for _, m := range ms {
					say(1-i, ends[1-i].HandleSCTP(now, sctp.Received{Message: m}, nil))
				}
			}
		}
	}
	exchange()
	say(0, ends[0].Send(now, 0, []byte("a message"), nil))
	exchange()
	// Output:
	// B: in service ""
	// A: in service ""
	// B: received "a message"
}

// A loop runs a link over an association; here both ends are in one process.
func ExampleLoop() {
	network := sctp.NewMemory(sctp.MemoryConfig{})
	a := sctp.AddrOf(netip.MustParseAddrPort("192.0.2.1:3565"))
	b := sctp.AddrOf(netip.MustParseAddrPort("192.0.2.2:3565"))
	ready, got := make(chan bool, 2), make(chan string, 1)

	end := func(path m2pa.Path) (*m2pa.Loop, *m2pa.Link) {
		loop := m2pa.NewLoop(m2pa.LoopConfig{Handle: func(now time.Time, l *m2pa.Link, in []mtp3.Indication) {
			for _, x := range in {
				switch x.Kind {
				case mtp3.InService:
					ready <- true
				case mtp3.Received:
					got <- string(x.MSU)
				}
			}
		}})
		link := m2pa.New(m2pa.Config{T4n: 50 * time.Millisecond})
		if err := loop.Add(link, path); err != nil {
			fmt.Println(err)
		}
		_ = loop.Do(context.Background(), func(now time.Time) { link.Start(now, nil) })
		return loop, link
	}
	server, _ := end(m2pa.Path{Network: network, Local: b, Remote: a, Server: true})
	client, link := end(m2pa.Path{Network: network, Local: a, Remote: b})
	defer server.Close()
	defer client.Close()

	<-ready
	<-ready
	_ = client.Do(context.Background(), func(now time.Time) { link.Send(now, 0, []byte("hello"), nil) })
	fmt.Println(<-got)
	// Output: hello
}
