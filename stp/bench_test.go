package stp

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// benchNet hands a node the associations of a benchmark.
type benchNet struct {
	conns map[string]*benchConn // by remote address
}

func (n *benchNet) Capabilities() sctp.Capabilities { return sctp.Capabilities{Name: "bench"} }

func (n *benchNet) Dial(_ context.Context, _, remote sctp.Addr, _ sctp.Config) (sctp.Conn, error) {
	if c := n.conns[remote.String()]; c != nil {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (n *benchNet) Listen(context.Context, sctp.Addr, sctp.Config) (sctp.Listener, error) {
	return nil, net.ErrClosed
}

// benchConn is an association whose other end costs next to nothing. What talk gives is received; what is
// sent goes to hear, on the goroutine that sends.
type benchConn struct {
	remote sctp.Addr
	mu     sync.Mutex
	cond   sync.Cond
	first  []sctp.Received // what is to be received first
	closed bool

	hear func(c *benchConn, ms []sctp.Message) // with mu held; it may append to first

	// After that: messages of talk, at most window ahead of what the other end has got.
	left   int
	credit *credit
	talk   func(i int) []byte // the next message, valid until the call after the next 64
	stream uint16
	ppid   uint32
	i      int
}

// credit is how many messages are under way: what windows of SCTP do.
type credit struct {
	mu   sync.Mutex
	cond sync.Cond
	used int
	got  int
	want int
	done chan struct{}
}

const creditWindow = 1024

func newCredit(want int) *credit {
	c := &credit{want: want, done: make(chan struct{})}
	c.cond.L = &c.mu
	return c
}

func (c *credit) take(n int) {
	c.mu.Lock()
	for c.used+n > creditWindow {
		c.cond.Wait()
	}
	c.used += n
	c.mu.Unlock()
}

func (c *credit) give(n int) {
	c.mu.Lock()
	c.used -= n
	c.got += n
	if c.got >= c.want && c.want > 0 {
		close(c.done)
		c.want = 0
	}
	c.mu.Unlock()
	c.cond.Signal()
}

func newBenchConn(remote string) *benchConn {
	c := &benchConn{remote: at(remote)}
	c.cond.L = &c.mu
	c.first = []sctp.Received{{Event: &sctp.Event{Kind: sctp.Up, In: 17, Out: 17}}}
	return c
}

func (c *benchConn) start(n int, cr *credit) {
	c.mu.Lock()
	c.left, c.credit = n, cr
	c.mu.Unlock()
	c.cond.Broadcast()
}

func (c *benchConn) Receive(ctx context.Context, in []sctp.Received) ([]sctp.Received, error) {
	stop := context.AfterFunc(ctx, func() { c.mu.Lock(); c.closed = true; c.mu.Unlock(); c.cond.Broadcast() })
	defer stop()
	c.mu.Lock()
	for len(c.first) == 0 && c.left == 0 && !c.closed {
		c.cond.Wait()
	}
	if c.closed {
		c.mu.Unlock()
		return in, &sctp.DownError{Reason: sctp.LocalClosed}
	}
	if len(c.first) > 0 {
		in = append(in, c.first...)
		c.first = nil
		c.mu.Unlock()
		return in, nil
	}
	n := min(cap(in)-len(in), c.left, 64)
	c.left -= n
	cr := c.credit
	c.mu.Unlock()
	cr.take(n)
	for range n {
		in = append(in, sctp.Received{Message: sctp.Message{Stream: c.stream, PPID: c.ppid, Data: c.talk(c.i)}})
		c.i++
	}
	return in, nil
}

func (c *benchConn) Send(_ context.Context, ms ...sctp.Message) (int, error) { return c.TrySend(ms...) }

func (c *benchConn) TrySend(ms ...sctp.Message) (int, error) {
	c.mu.Lock()
	before := len(c.first)
	c.hear(c, ms)
	wake := len(c.first) > before
	c.mu.Unlock()
	if wake {
		c.cond.Broadcast()
	}
	return len(ms), nil
}

func (c *benchConn) Status() sctp.Status            { return sctp.Status{} }
func (c *benchConn) Shutdown(context.Context) error { return c.Close() }
func (c *benchConn) Abort(string) error             { return c.Close() }
func (c *benchConn) LocalAddr() sctp.Addr           { return at("127.0.0.1:2905") }
func (c *benchConn) RemoteAddr() sctp.Addr          { return c.remote }
func (c *benchConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cond.Broadcast()
	return nil
}

// tell adds what the node is to receive next.
func (c *benchConn) tell(m sctp.Message) { c.first = append(c.first, sctp.Received{Message: m}) }

// benchASP is an ASP that is up and active as soon as it can be. It sends DATA to dpc, and counts what it gets.
func benchASP(t testing.TB, remote string, rc uint32, opc, dpc mtp3.PointCode, cr **credit) *benchConn {
	c := newBenchConn(remote)
	c.ppid, c.stream = m3ua.PPID, 1
	encode := func(m m3ua.Message) []byte {
		b, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c.tell(sctp.Message{PPID: m3ua.PPID, Data: encode(&m3ua.ASPUp{})})
	var ring [16][]byte
	for sls := range ring {
		ring[sls] = encode(&m3ua.DATA{RoutingContext: m3ua.Some(rc), MSU: mtp3.MSU{SI: mtp3.SCCP, NI: mtp3.National,
			Label: mtp3.Label{DPC: dpc, OPC: opc, SLS: mtp3.SLS(sls)}, Data: make([]byte, 80)}})
	}
	c.talk = func(i int) []byte { return ring[i%16] }
	c.hear = func(c *benchConn, ms []sctp.Message) {
		data := 0
		for _, m := range ms {
			if m.Data[2] == byte(m3ua.Transfer) {
				data++
				continue
			}
			if x, err := m3ua.Parse(m.Data); err == nil && x.Type() == m3ua.TypeASPUpAck {
				c.tell(sctp.Message{PPID: m3ua.PPID, Data: encode(&m3ua.ASPActive{RoutingContexts: []uint32{rc}})})
			}
		}
		if data > 0 {
			(*cr).give(data)
		}
	}
	return c
}

// benchLink is the other end of a link: it aligns without proving, sends messages to dpc, and counts and acknowledges
// what it gets.
func benchLink(t testing.TB, remote string, opc, dpc mtp3.PointCode, cr **credit) *benchConn {
	c := newBenchConn(remote)
	c.ppid, c.stream = m2pa.PPID, 1
	peer := m2pa.New(m2pa.Config{T4n: -1, T4e: -1})
	now := time.Now()
	peer.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 2, Out: 2}}, nil)
	peer.Start(now, nil)
	flush := func(c *benchConn) {
		for _, m := range peer.Output(now, nil) {
			m.Data = append([]byte(nil), m.Data...)
			c.tell(m)
			peer.Sent(now, []sctp.Message{m})
		}
	}
	flush(c)
	const none = 0xffffff
	var bsn atomic.Uint32 // the last one that came
	bsn.Store(none)
	var ring [256][]byte
	for i := range ring {
		msu := mtp3.Format{}.AppendMSU(nil, mtp3.MSU{SI: mtp3.SCCP, NI: mtp3.National, Label: mtp3.Label{DPC: dpc, OPC: opc, SLS: mtp3.SLS(i % 16)}, Data: make([]byte, 80)})
		b, err := m2pa.Message{Type: m2pa.UserData, Data: msu}.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		ring[i] = b
	}
	c.talk = func(i int) []byte {
		b := ring[i%256]
		binary.BigEndian.PutUint32(b[8:], bsn.Load())
		binary.BigEndian.PutUint32(b[12:], uint32(i)&0xffffff)
		return b
	}
	ack := make([]byte, 16)
	c.hear = func(c *benchConn, ms []sctp.Message) {
		data := 0
		for _, m := range ms {
			switch {
			case m.Stream == 1 && len(m.Data) > 16:
				data++
				bsn.Store(binary.BigEndian.Uint32(m.Data[12:]))
			case m.Stream == 0:
				peer.HandleSCTP(now, sctp.Received{Message: m}, nil)
				flush(c)
			}
		}
		if data > 0 {
			copy(ack, ring[0][:8])
			binary.BigEndian.PutUint32(ack[4:], 16)
			binary.BigEndian.PutUint32(ack[8:], bsn.Load())
			binary.BigEndian.PutUint32(ack[12:], (uint32(c.i)-1)&0xffffff) // c.i stands still on the side that gets messages
			c.tell(sctp.Message{Stream: 1, PPID: m2pa.PPID, Data: append([]byte(nil), ack...)})
			(*cr).give(data)
		}
	}
	return c
}

const benchConfig = `
node: { name: bench, point-code: 1.2.1, network-indicator: national, restart: off, link-test: off }
m2pa: { t4n: -1ns, t4e: -1ns }
as:
  - { name: A, point-code: 1.2.3, routing-context: 1, asps: [ { name: a1, connect: "10.0.0.3:2905" } ] }
  - { name: B, point-code: 1.2.4, routing-context: 2, asps: [ { name: b1, connect: "10.0.0.4:2905" } ] }
linkset:
  - { name: C, adjacent: 4.5.1, links: [ { slc: 0, m2pa: { connect: "10.0.0.5:3565" } } ] }
  - { name: D, adjacent: 5.5.1, links: [ { slc: 0, m2pa: { connect: "10.0.0.6:3565" } } ] }
`

// benchTransit sends b.N messages of one of A, B, C and D to another.
func benchTransit(b *testing.B, from, to byte) {
	cr := newCredit(0) // of what is sent before
	pcs := map[byte]mtp3.PointCode{'A': 2067, 'B': 2068, 'C': 8233, 'D': 4<<11 | 1}
	pcs['D'] = mtp3.PointCode(5<<11 | 5<<3 | 1)
	dpc := pcs[to]
	conns := map[byte]*benchConn{
		'A': benchASP(b, "10.0.0.3:2905", 1, pcs['A'], dpc, &cr), 'B': benchASP(b, "10.0.0.4:2905", 2, pcs['B'], dpc, &cr),
		'C': benchLink(b, "10.0.0.5:3565", pcs['C'], dpc, &cr), 'D': benchLink(b, "10.0.0.6:3565", pcs['D'], dpc, &cr),
	}
	net := &benchNet{map[string]*benchConn{}}
	for _, c := range conns {
		net.conns[c.remote.String()] = c
	}
	n, err := New(parseTest(b, benchConfig), Options{Network: net})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = n.Run(ctx) }()
	<-n.Ready()
	for up := 0; up < 4; {
		time.Sleep(10 * time.Millisecond)
		up = 0
		st, err := n.Status(ctx)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range st.Routes {
			if r.State == "available" {
				up++
			}
		}
	}
	cr = newCredit(b.N)
	done := cr.done
	b.ReportAllocs()
	b.ResetTimer()
	conns[from].start(b.N, cr)
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "M_MSU/s")
	cancel()
	<-ended
}

// BenchmarkTransit is what a message costs from Receive of one association to Send of another, 80 octets of user data,
// the goroutines between included.
func BenchmarkTransit(b *testing.B) {
	for _, x := range []struct {
		name     string
		from, to byte
	}{{"M3UA-M3UA", 'A', 'B'}, {"M3UA-M2PA", 'A', 'C'}, {"M2PA-M3UA", 'C', 'B'}, {"M2PA-M2PA", 'C', 'D'}} {
		b.Run(x.name, func(b *testing.B) { benchTransit(b, x.from, x.to) })
	}
}
