package user_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/user"
)

func ExampleNetwork() {
	ctx := context.Background()
	loopback := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	n := user.New(user.Config{})
	l, err := n.Listen(ctx, sctp.Addr{IPs: loopback, Port: 2905, UDP: 19899}, sctp.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() {
		c, err := n.Dial(ctx, sctp.Addr{IPs: loopback, UDP: 19899}, l.Addr(), sctp.Config{})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.Close()
		c.Send(ctx, sctp.Message{Stream: 1, PPID: 3, Data: []byte("hello")})
	}()
	c, err := l.Accept(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	in := make([]sctp.Received, 0, 16)
	for {
		if in, err = c.Receive(ctx, in[:0]); err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range in {
			if r.Event != nil {
				fmt.Println(r.Event.Kind)
				continue
			}
			fmt.Printf("stream %d: %s\n", r.Stream, r.Data)
		}
	}
	// Output:
	// up
	// stream 1: hello
	// peer closing
	// down
	// sctp: shut down
}
