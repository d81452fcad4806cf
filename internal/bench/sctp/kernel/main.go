// Command kernel sends messages of 100 octets one way over the kernel's SCTP on the loopback, with this module's
// sctp/kernel, one by one and in batches, and with ishidawataru/sctp by turns, both ends in one process: messages a
// second, and processor time for each message (both ends). Run it where the kernel has SCTP:
//
//	go build -o /tmp/kernelbench ./sctp/kernel
//	../lab/uml --timeout 280 -c '/tmp/kernelbench -n 20000'
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/netip"
	"time"

	theirs "github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

const size = 100

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 20000, "messages in a round")
	rounds := flag.Int("rounds", 3, "turns of each")
	flag.Parse()
	fmt.Println("| | messages/s | us of processor time each |")
	fmt.Println("|---|---|---|")
	for range *rounds {
		for _, c := range []struct {
			name string
			run  func(n int, begin func())
		}{
			{"sctp/kernel", func(n int, begin func()) { ours(n, 1, begin) }},
			{"sctp/kernel, 16 at once", func(n int, begin func()) { ours(n, 16, begin) }},
			{"ishidawataru/sctp", ishidawataru},
		} {
			var start time.Time
			var before time.Duration
			c.run(*n, func() { start, before = time.Now(), used() })
			took, cpu := time.Since(start), used()-before
			fmt.Printf("| %s | %.0f | %.1f |\n", c.name, float64(*n)/took.Seconds(), cpu.Seconds()*1e6/float64(*n))
		}
	}
}

func used() time.Duration {
	var u unix.Rusage
	check(unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func ours(n, batch int, begin func()) {
	ctx := context.Background()
	cfg := sctp.Config{SendBuffer: 1 << 20, ReceiveBuffer: 1 << 20}
	l, err := kernel.Network{}.Listen(ctx, sctp.AddrOf(netip.MustParseAddrPort("127.0.0.1:2905")), cfg)
	check(err)
	defer l.Close()
	c, err := kernel.Network{}.Dial(ctx, sctp.Addr{}, l.Addr(), cfg)
	check(err)
	s, err := l.Accept(ctx)
	check(err)
	begin()
	go func() {
		ms := make([]sctp.Message, batch)
		for i := range ms {
			ms[i] = sctp.Message{Stream: 1, PPID: 3, Data: make([]byte, size)}
		}
		for left := n; left > 0; {
			k, err := c.Send(ctx, ms[:min(left, batch)]...)
			check(err)
			left -= k
		}
	}()
	in := make([]sctp.Received, 0, 64)
	for got := 0; got < n; {
		in, err = s.Receive(ctx, in[:0])
		check(err)
		for _, r := range in {
			if r.Event == nil {
				got++
			}
		}
	}
	check(c.Abort(""))
	_ = s.Abort("")
}

func ishidawataru(n int, begin func()) {
	addr := func(port int) *theirs.SCTPAddr {
		return &theirs.SCTPAddr{IPAddrs: []net.IPAddr{{IP: net.IPv4(127, 0, 0, 1)}}, Port: port}
	}
	init := theirs.InitMsg{NumOstreams: 17, MaxInstreams: 17}
	l, err := theirs.ListenSCTPExt("sctp", addr(2906), init)
	check(err)
	defer l.Close()
	accepted := make(chan *theirs.SCTPConn)
	go func() {
		s, err := l.AcceptSCTP()
		check(err)
		accepted <- s
	}()
	c, err := theirs.DialSCTPExt("sctp", nil, addr(2906), init)
	check(err)
	s := <-accepted
	for _, x := range []*theirs.SCTPConn{c, s} {
		check(x.SetReadBuffer(1 << 20))
		check(x.SetWriteBuffer(1 << 20))
		check(x.SubscribeEvents(theirs.SCTP_EVENT_DATA_IO))
	}
	begin()
	go func() {
		b := make([]byte, size)
		for range n {
			_, err := c.SCTPWrite(b, &theirs.SndRcvInfo{Stream: 1, PPID: 3})
			check(err)
		}
	}()
	b := make([]byte, 2048)
	for range n {
		_, _, err := s.SCTPRead(b)
		check(err)
	}
	_ = c.Close()
	_ = s.Close()
}
