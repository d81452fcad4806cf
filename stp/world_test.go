package stp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// world is nodes and exchanges on a network in memory, on virtual time.
type world struct {
	t     testing.TB
	net   sctp.Network
	trace trace.Func
	assoc sctp.Config // of exchanges
	stops []func()
}

func newWorld(t testing.TB) *world {
	return &world{t: t, net: &memory{Memory: sctp.NewMemory(sctp.MemoryConfig{Delay: time.Millisecond})}}
}

// node runs a node of a configuration in YAML.
func (w *world) node(yaml string) *Node {
	w.t.Helper()
	return w.nodeOf(parse(w.t, yaml), Options{})
}

func parseTest(t testing.TB, yaml string) *Config {
	t.Helper()
	c, err := ParseConfig("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) nodeOf(c *Config, opt Options) *Node {
	w.t.Helper()
	opt.Network, opt.Trace = w.net, w.trace
	n, err := New(c, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.run(n)
	return n
}

// run runs a node until the world or what it returns ends it.
func (w *world) run(n *Node) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	select {
	case <-n.Ready():
	case err := <-done:
		cancel()
		w.t.Fatalf("%s: %v", n.name, err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("%s: %v", n.name, err)
		}
	})
	w.stops = append(w.stops, stop)
	return stop
}

// end ends everything, the last first.
func (w *world) end() {
	for i := len(w.stops) - 1; i >= 0; i-- {
		w.stops[i]()
	}
}

// exchange is an ASP with what it got.
type exchange struct {
	t    testing.TB
	name string
	pc   mtp3.PointCode
	asp  *m3ua.ASP

	mu   sync.Mutex
	got  []mtp3.MSU
	said []string // primitives
	take func(*mtp3.MSU)
}

// exchange is an ASP of a local address that goes active at the gateway.
func (w *world) exchange(name string, pc mtp3.PointCode, local, remote string, rc ...uint32) *exchange {
	w.t.Helper()
	x := &exchange{t: w.t, name: name, pc: pc}
	from, to := at(local), at(remote)
	x.asp = m3ua.NewASP(m3ua.ClientConfig{
		Name: name, RoutingContexts: rc, Trace: w.trace, TAudit: -1,
		Dial:     func(ctx context.Context) (sctp.Conn, error) { return w.net.Dial(ctx, from, to, w.assoc) },
		Transfer: func(in *m3ua.Indication) { x.transferred(&in.MSU) },
		Event:    x.event,
	})
	w.stops = append(w.stops, func() { x.asp.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := x.asp.Active(ctx); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return x
}

func (x *exchange) transferred(m *mtp3.MSU) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.take != nil {
		x.take(m)
		return
	}
	c := *m
	c.Data = append([]byte(nil), m.Data...)
	x.got = append(x.got, c)
}

func (x *exchange) event(e m3ua.Event) {
	if e.Kind != m3ua.PrimitiveEvent || e.Primitive.Affected.Wild >= 24 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	p := e.Primitive
	s := fmt.Sprintf("%v %s", p.Kind, mtp3.Format{}.DestinationString(p.Affected))
	if p.Kind == mtp3.StatusPrimitive {
		s += fmt.Sprintf(" %v %d", p.Status.Cause, p.Status.Level)
	}
	x.said = append(x.said, s)
}

// send sends an MSU of the exchange.
func (x *exchange) send(dpc mtp3.PointCode, sls mtp3.SLS, si mtp3.ServiceIndicator, data ...byte) {
	x.t.Helper()
	m := mtp3.MSU{SI: si, NI: mtp3.National, Label: mtp3.Label{DPC: dpc, OPC: x.pc, SLS: sls}, Data: data}
	if err := x.asp.Transfer(&m); err != nil {
		x.t.Errorf("%s sends to %d: %v", x.name, dpc, err)
	}
}

// taken are the messages that arrived since the last call.
func (x *exchange) taken() []mtp3.MSU {
	x.mu.Lock()
	defer x.mu.Unlock()
	got := x.got
	x.got = nil
	return got
}

// heard are the primitives that arrived since the last call.
func (x *exchange) heard() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	said := x.said
	x.said = nil
	return said
}

func at(s string) sctp.Addr { return sctp.AddrOf(netip.MustParseAddrPort(s)) }

// settle lets everything that is under way arrive.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// memory is a network that remembers the associations that were dialled, so that tests break them.
type memory struct {
	*sctp.Memory
	mu      sync.Mutex
	dialled map[string]*sctp.MemoryConn // by local address
}

func (m *memory) Dial(ctx context.Context, local, remote sctp.Addr, cfg sctp.Config) (sctp.Conn, error) {
	c, err := m.Memory.Dial(ctx, local, remote, cfg)
	if err == nil {
		m.mu.Lock()
		if m.dialled == nil {
			m.dialled = map[string]*sctp.MemoryConn{}
		}
		m.dialled[local.String()] = c.(*sctp.MemoryConn)
		m.mu.Unlock()
	}
	return c, err
}

func (m *memory) find(t testing.TB, local string) *sctp.MemoryConn {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.dialled[local]
	if c == nil {
		t.Fatalf("nobody dialled from %s", local)
	}
	return c
}

func (w *world) memory() *memory { return w.net.(*memory) }

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
