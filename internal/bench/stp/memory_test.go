package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gotelco/telco/m2pa"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/stp"
)

// What a message costs in the signalling transfer point itself: its associations are fakes that have
// messages ready in batches of 64 and count what they get.
//
//	go test ./stp -run '^$' -bench Memory -cpu 1

// fake is a network of such associations, by the address of the peer.
type fake struct{ conns map[netip.Addr]*conn }

func (f *fake) Capabilities() sctp.Capabilities {
	return sctp.Capabilities{Name: "fake", MaxMessage: 1 << 16, RTO: true, SACK: true, Multihomed: true}
}

func (f *fake) Dial(_ context.Context, _, remote sctp.Addr, _ sctp.Config) (sctp.Conn, error) {
	c := f.conns[remote.IPs[0]]
	if c == nil || c.taken.Swap(true) {
		return nil, errors.New("nobody there")
	}
	return c, nil
}

func (f *fake) Listen(_ context.Context, local sctp.Addr, _ sctp.Config) (sctp.Listener, error) {
	return &listener{f: f, local: local, closed: make(chan struct{})}, nil
}

type listener struct {
	f      *fake
	local  sctp.Addr
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Addr() sctp.Addr { return l.local }
func (l *listener) Close() error    { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Accept(ctx context.Context) (sctp.Conn, error) {
	for _, c := range l.f.conns {
		if !c.taken.Swap(true) {
			return c, nil
		}
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// conn is one of them.
type conn struct {
	remote netip.AddrPort
	taken  atomic.Bool
	wake   chan struct{}

	mu     sync.Mutex
	queue  []sctp.Received // for the node
	peer   func(m *sctp.Message)
	source func(in []sctp.Received) []sctp.Received // what more there is
}

func newConn(addr string) *conn {
	return &conn{remote: netip.MustParseAddrPort(addr), wake: make(chan struct{}, 1),
		queue: []sctp.Received{{Event: &sctp.Event{Kind: sctp.Up, In: 17, Out: 17}}}}
}

// say queues a message for the node, with mu held.
func (c *conn) say(stream uint16, ppid uint32, b []byte) {
	c.queue = append(c.queue, sctp.Received{Message: sctp.Message{Stream: stream, PPID: ppid, Data: b}})
	c.kick()
}

func (c *conn) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) TrySend(ms ...sctp.Message) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range ms {
		c.peer(&ms[i])
	}
	return len(ms), nil
}

func (c *conn) Send(_ context.Context, ms ...sctp.Message) (int, error) { return c.TrySend(ms...) }

func (c *conn) Receive(ctx context.Context, in []sctp.Received) ([]sctp.Received, error) {
	for {
		c.mu.Lock()
		n := min(len(c.queue), cap(in)-len(in))
		in = append(in, c.queue[:n]...)
		c.queue = c.queue[n:]
		if len(in) == 0 && c.source != nil {
			in = c.source(in)
		}
		c.mu.Unlock()
		if len(in) > 0 {
			return in, nil
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return in, ctx.Err()
		}
	}
}

func (c *conn) Status() sctp.Status            { return sctp.Status{State: "ESTABLISHED", In: 17, Out: 17} }
func (c *conn) Shutdown(context.Context) error { return nil }
func (c *conn) Abort(string) error             { return nil }
func (c *conn) Close() error                   { return nil }
func (c *conn) LocalAddr() sctp.Addr           { return sctp.AddrOf(netip.MustParseAddrPort("127.0.0.1:2905")) }
func (c *conn) RemoteAddr() sctp.Addr          { return sctp.AddrOf(c.remote) }

// traffic is what goes from one association to the other: at most so many at a time.
type traffic struct {
	left   int
	sent   atomic.Int64
	got    atomic.Int64
	want   int64
	source *conn
	done   chan struct{}
}

const underWay = 2048

// room is how many more messages may be sent now.
func (t *traffic) room(most int) int {
	n := min(t.left, most, underWay-int(t.sent.Load()-t.got.Load()))
	n = max(n, 0)
	t.left -= n
	t.sent.Add(int64(n))
	return n
}

// arrived counts a message.
func (t *traffic) arrived() {
	if n := t.got.Add(1); n == t.want {
		close(t.done)
	} else if n%64 == 0 {
		t.source.kick()
	}
}

// application is an ASP: it gets active, and sends, or counts, DATA.
func application(c *conn, rc uint32, t *traffic, ready *sync.WaitGroup) {
	ready.Add(1)
	c.queue = append(c.queue, sctp.Received{Message: sctp.Message{PPID: ppid, Data: message(3, 1, nil)}})
	var once sync.Once
	c.peer = func(m *sctp.Message) {
		switch class, kind := m.Data[2], m.Data[3]; {
		case class == 1 && kind == 1:
			t.arrived()
		case class == 3 && kind == 4:
			c.say(0, ppid, message(4, 1, param(6, binary.BigEndian.AppendUint32(nil, rc))))
		case class == 4 && kind == 3:
			once.Do(ready.Done)
		}
	}
}

func node(b *testing.B, yaml string, f *fake) {
	cfg, err := stp.ParseConfig("bench.yaml", []byte(yaml))
	if err != nil {
		b.Fatal(err)
	}
	n, err := stp.New(cfg, stp.Options{Network: f})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- n.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	<-n.Ready()
}

// measure lets the messages through.
func (t *traffic) measure(b *testing.B, source func(in []sctp.Received) []sctp.Received) {
	b.ReportAllocs()
	b.ResetTimer()
	before := used()
	t.source.mu.Lock()
	t.left, t.want, t.done = b.N, t.got.Load()+int64(b.N), make(chan struct{})
	t.source.source = source
	t.source.mu.Unlock()
	t.source.kick()
	select {
	case <-t.done:
	case <-time.After(time.Minute):
		b.Fatalf("%d of %d arrived", t.got.Load(), b.N)
	}
	b.StopTimer()
	cpu := used() - before
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/cpu.Seconds()/1e6, "M/cpu-s")
}

// used is the processor time of this process, which a busy machine disturbs less than the clock.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMemoryM3UA passes messages from one Application Server to another.
func BenchmarkMemoryM3UA(b *testing.B) {
	f := &fake{conns: map[netip.Addr]*conn{}}
	x, y := newConn("127.0.0.2:3000"), newConn("127.0.0.3:3001")
	f.conns[x.remote.Addr()], f.conns[y.remote.Addr()] = x, y
	t := &traffic{source: x}
	var ready sync.WaitGroup
	application(x, 1, t, &ready)
	application(y, 2, t, &ready)
	node(b, string(ours), f)
	ready.Wait()
	var bySLS [16][]byte
	for i := range bySLS {
		bySLS[i] = data()
		bySLS[i][len(bySLS[i])-size-1] = byte(i)
	}
	t.measure(b, func(in []sctp.Received) []sctp.Received {
		for i := range t.room(cap(in)) {
			in = append(in, sctp.Received{Message: sctp.Message{Stream: uint16(1 + i&15), PPID: ppid, Data: bySLS[i&15]}})
		}
		return in
	})
}

// far is the other end of a link. Until the link carries traffic it is a whole level 2 and 3; then it
// only numbers messages and acknowledges them.
type far struct {
	c       *conn
	t       *traffic
	l       *m2pa.Link
	n       *mtp3.Node
	id      mtp3.LinkID
	plain   bool
	ready   *sync.WaitGroup
	fsn     uint32 // the last one sent
	bsn     uint32 // the last one received
	unacked int
	ind     []mtp3.Indication
	ms      []sctp.Message
}

func newFar(b *testing.B, c *conn, pc mtp3.PointCode, t *traffic, ready *sync.WaitGroup) *far {
	x := &far{c: c, t: t, ready: ready, fsn: 0xffffff, bsn: 0xffffff, ms: make([]sctp.Message, 0, 16)}
	ready.Add(1)
	x.l = m2pa.New(m2pa.Config{T4n: 10 * time.Millisecond, T4e: 10 * time.Millisecond, ProvingInterval: 5 * time.Millisecond, RepeatInterval: 10 * time.Millisecond})
	var err error
	if x.n, err = mtp3.NewNode(mtp3.Config{PointCode: pc, NI: mtp3.National, NoRestart: true}); err != nil {
		b.Fatal(err)
	}
	ls, err := x.n.AddLinkset(mtp3.LinksetConfig{Adjacent: 1})
	if err == nil {
		x.id, err = x.n.AddLink(ls, mtp3.LinkConfig{Link: x.l})
	}
	if err != nil {
		b.Fatal(err)
	}
	x.c.peer = x.take
	now := time.Now()
	x.l.HandleSCTP(now, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 17, Out: 17}}, nil)
	x.n.Start(now, nil)
	x.flush(now)
	go func() {
		for {
			time.Sleep(2 * time.Millisecond)
			x.c.mu.Lock()
			if x.plain {
				x.c.mu.Unlock()
				return
			}
			now := time.Now()
			x.did(x.n.Expire(now, nil))
			x.flush(now)
			x.c.mu.Unlock()
		}
	}()
	return x
}

// did looks out for the link's getting available.
func (x *far) did(out []mtp3.Output) {
	for i := range out {
		if out[i].Kind == mtp3.Deliver && out[i].Primitive.Kind == mtp3.ResumePrimitive {
			time.AfterFunc(100*time.Millisecond, func() { // the other end's test of the link is over by then
				x.c.mu.Lock()
				x.plain = true
				x.c.mu.Unlock()
				x.ready.Done()
			})
		}
	}
}

// take is a message from the node.
func (x *far) take(m *sctp.Message) {
	isData := m.Data[3] == 1 && len(m.Data) > m2pa.HeaderLen
	if isData {
		x.bsn = be.Uint32(m.Data[12:])
	}
	if x.plain {
		if isData {
			x.t.arrived()
			if x.unacked++; x.unacked%64 == 0 {
				x.c.say(1, m2pa.PPID, x.number(make([]byte, m2pa.HeaderLen)))
			}
		}
		return
	}
	now := time.Now()
	x.ind = x.l.HandleSCTP(now, sctp.Received{Message: sctp.Message{Stream: m.Stream, PPID: m.PPID, Data: append([]byte(nil), m.Data...)}}, x.ind[:0])
	if len(x.ind) > 0 {
		x.did(x.n.HandleLink(now, x.id, x.ind, nil))
	}
	x.flush(now)
}

func (x *far) flush(now time.Time) {
	for x.l.Pending() {
		x.ms = x.l.Output(now, x.ms[:0])
		for _, m := range x.ms {
			if m.Data[3] == 1 && len(m.Data) > m2pa.HeaderLen {
				x.fsn = be.Uint32(m.Data[12:])
			}
			x.c.say(m.Stream, m.PPID, append([]byte(nil), m.Data...))
		}
		x.l.Sent(now, x.ms)
	}
}

// number writes the header of User Data.
func (x *far) number(b []byte) []byte {
	copy(b, []byte{1, 0, 11, 1})
	be.PutUint32(b[4:], uint32(len(b)))
	be.PutUint32(b[8:], x.bsn)
	be.PutUint32(b[12:], x.fsn)
	return b
}

// BenchmarkMemoryM2PA passes messages from one link to another.
func BenchmarkMemoryM2PA(b *testing.B) {
	f := &fake{conns: map[netip.Addr]*conn{}}
	x, y := newConn("127.0.0.2:3565"), newConn("127.0.0.3:3565")
	f.conns[x.remote.Addr()], f.conns[y.remote.Addr()] = x, y
	t := &traffic{source: x}
	var ready sync.WaitGroup
	from, _ := newFar(b, x, 2, t, &ready), newFar(b, y, 3, t, &ready)
	node(b, `
node: { name: bench, point-code: 0.0.1, network-indicator: national, restart: off }
m2pa: { t4n: 10ms, t4e: 10ms, proving-interval: 5ms, repeat-interval: 10ms }
linkset:
  - { name: X, adjacent: 0.0.2, links: [ { slc: 0, m2pa: { connect: "127.0.0.2" } } ] }
  - { name: Y, adjacent: 0.0.3, links: [ { slc: 0, m2pa: { connect: "127.0.0.3" } } ] }
`, f)
	ready.Wait()
	var bufs [64][]byte
	for i := range bufs {
		msu := mtp3.Format{}.AppendMSU([]byte{0}, mtp3.MSU{SI: mtp3.SCCP, NI: mtp3.National, Label: mtp3.Label{OPC: 2, DPC: 3, SLS: mtp3.SLS(i & 15)}, Data: make([]byte, size)})
		bufs[i] = append(make([]byte, m2pa.HeaderLen), msu...)
	}
	t.measure(b, func(in []sctp.Received) []sctp.Received {
		for i := range t.room(min(cap(in), len(bufs))) {
			from.fsn = (from.fsn + 1) & 0xffffff
			in = append(in, sctp.Received{Message: sctp.Message{Stream: 1, PPID: m2pa.PPID, Data: from.number(bufs[i])}})
		}
		return in
	})
}
