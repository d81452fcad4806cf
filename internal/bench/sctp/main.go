// Command sctp sends messages of 100 octets one way over UDP on the loopback, with this module's
// sctp/user and with pion/sctp by turns, both ends in one process: messages a second, processor
// time for each message (both ends), and the longest time without one arriving.
//
//	go run ./sctp -n 1000000 -loss 0,0.01,0.05
//
// Losses fall on both directions, from the same seed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/user"
	"github.com/pion/logging"
	pion "github.com/pion/sctp"
	"golang.org/x/sys/unix"
)

const (
	size    = 100
	window  = 256 << 10 // octets a sender keeps waiting
	receive = 256 << 10
)

// result is what a run found.
type result struct {
	rate  float64
	cpu   time.Duration // for each message
	stall time.Duration
}

func main() {
	n := flag.Int("n", 1_000_000, "messages without loss; a tenth with")
	losses := flag.String("loss", "0,0.01,0.05", "rates of loss")
	rounds := flag.Int("rounds", 3, "turns of each")
	flag.Parse()
	for _, l := range strings.Split(*losses, ",") {
		loss, err := strconv.ParseFloat(l, 64)
		if err != nil {
			log.Fatal(err)
		}
		count := *n
		if loss > 0 {
			count /= 10
		}
		for range *rounds {
			ours, theirs := run(ours, loss, count), run(theirs, loss, count)
			fmt.Printf("loss %4.1f %%  telco %9.0f msg/s %6v/msg stall %-8v  pion %9.0f msg/s %6v/msg stall %-8v  cpu %.2f rate %.1f\n", 100*loss,
				ours.rate, ours.cpu, ours.stall.Round(time.Millisecond), theirs.rate, theirs.cpu, theirs.stall.Round(time.Millisecond),
				float64(ours.cpu)/float64(theirs.cpu), ours.rate/theirs.rate)
		}
	}
}

func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// meter notes arrivals.
type meter struct {
	start, last time.Time
	used        time.Duration
	stall       time.Duration
}

func (m *meter) arrived() {
	now := time.Now()
	m.stall = max(m.stall, now.Sub(m.last))
	m.last = now
}

func run(f func(loss float64, n int, m *meter), loss float64, n int) result {
	runtime.GC()
	m := &meter{}
	f(loss, n, m)
	used := cpu() - m.used
	return result{float64(n) / m.last.Sub(m.start).Seconds(), used / time.Duration(n), m.stall}
}

func (m *meter) begin() {
	m.used = cpu()
	m.start = time.Now()
	m.last = m.start
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		panic(err)
	}
}

// dice says which packets are lost.
type dice struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	loss float64
}

func newDice(loss float64) *dice { return &dice{rnd: rand.New(rand.NewPCG(1, 1)), loss: loss} }

func (d *dice) lost() bool {
	if d.loss == 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.Float64() < d.loss
}

// lossy is UDP on the sending side of which packets are lost.
type lossy struct {
	user.UDP
	d *dice
}

type lossyConn struct {
	user.PacketConn
	d *dice
}

func (l lossy) Open(local netip.AddrPort) (user.PacketConn, error) {
	c, err := l.UDP.Open(local)
	if l.d.loss == 0 {
		return c, err
	}
	return lossyConn{c, l.d}, err
}

func (c lossyConn) WritePackets(ps []user.Packet) (int, error) {
	kept := make([]user.Packet, 0, len(ps))
	for _, p := range ps {
		if !c.d.lost() {
			kept = append(kept, p)
		}
	}
	_, err := c.PacketConn.WritePackets(kept)
	return len(ps), err
}

func ours(loss float64, n int, m *meter) {
	ctx := context.Background()
	network := user.New(user.Config{Carrier: lossy{d: newDice(loss)}})
	lo := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	cfg := sctp.Config{ReceiveBuffer: receive, SendBuffer: window}
	l, err := network.Listen(ctx, sctp.Addr{IPs: lo, Port: 2905}, cfg)
	check(err)
	defer l.Close()
	c, err := network.Dial(ctx, sctp.Addr{IPs: lo}, l.Addr(), cfg)
	check(err)
	s, err := l.Accept(ctx)
	check(err)
	m.begin()
	go func() {
		msg := sctp.Message{PPID: 4000, Data: make([]byte, size)}
		for i := range n {
			msg.Stream = uint16(i % 16)
			_, err := c.Send(ctx, msg)
			check(err)
		}
	}()
	in := make([]sctp.Received, 0, 256)
	for got := 0; got < n; {
		in, err = s.Receive(ctx, in[:0])
		check(err)
		for _, r := range in {
			if r.Event == nil {
				got++
			}
		}
		m.arrived()
	}
	c.Abort("")
	s.Abort("")
}

// pionConn is a connected socket of UDP that loses what is written.
type pionConn struct {
	net.Conn
	d *dice
}

func (c pionConn) Write(b []byte) (int, error) {
	if c.d.lost() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func theirs(loss float64, n int, m *meter) {
	d := newDice(loss)
	a, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	b, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	from, to := a.LocalAddr().(*net.UDPAddr), b.LocalAddr().(*net.UDPAddr)
	a.Close()
	b.Close()
	dial := func(l, r *net.UDPAddr) pion.Config {
		c, err := net.DialUDP("udp4", l, r)
		check(err)
		c.SetReadBuffer(4 << 20)
		return pion.Config{NetConn: pionConn{c, d}, LoggerFactory: logging.NewDefaultLoggerFactory(), MTU: 1472, MaxReceiveBufferSize: receive}
	}
	ca, cb := dial(from, to), dial(to, from)
	up := make(chan *pion.Association)
	go func() {
		s, err := pion.Server(cb)
		check(err)
		up <- s
	}()
	c, err := pion.Client(ca)
	check(err)
	s := <-up
	st, err := c.OpenStream(1, 51)
	check(err)
	low := make(chan struct{}, 1)
	st.SetBufferedAmountLowThreshold(window / 2)
	st.OnBufferedAmountLow(func() {
		select {
		case low <- struct{}{}:
		default:
		}
	})
	m.begin()
	go func() {
		msg := make([]byte, size)
		for range n {
			for st.BufferedAmount() > window {
				<-low
			}
			_, err := st.WriteSCTP(msg, 51)
			check(err)
		}
	}()
	r, err := s.AcceptStream()
	check(err)
	buf := make([]byte, 2000)
	for range n {
		_, _, err := r.ReadSCTP(buf)
		check(err)
		m.arrived()
	}
	c.Close()
	s.Close()
}
