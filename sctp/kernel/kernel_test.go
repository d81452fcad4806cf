package kernel_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"testing"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/sctptest"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

func TestKernelConformance(t *testing.T) {
	lab.NeedKernel(t)
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		return sctptest.Lab{Client: kernel.Network{}, Server: kernel.Network{}, ServerAddr: sctp.Addr{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, AbortWithoutText: true}
	})
}

func Example() {
	if kernel.Available() != nil {
		return // or package sctp/user
	}
	ctx := context.Background()
	l, err := kernel.Network{}.Listen(ctx, sctp.AddrOf(netip.MustParseAddrPort("127.0.0.1:0")), sctp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	c, err := kernel.Network{}.Dial(ctx, sctp.Addr{}, l.Addr(), sctp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(c.Send(ctx, sctp.Message{Stream: 1, PPID: 3, Data: []byte("hello")}))
}
