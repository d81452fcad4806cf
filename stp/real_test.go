package stp_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
	"github.com/gotelco/telco/stp"
	"github.com/gotelco/telco/trace"
)

// cutter is a network whose associations tests break, by the local address that they were dialled from.
type cutter struct {
	sctp.Network
	mu      sync.Mutex
	dialled map[string]sctp.Conn
}

func (c *cutter) Dial(ctx context.Context, local, remote sctp.Addr, cfg sctp.Config) (sctp.Conn, error) {
	conn, err := c.Network.Dial(ctx, local, remote, cfg)
	if err == nil {
		c.mu.Lock()
		c.dialled[local.AddrPort().String()] = conn
		c.mu.Unlock()
	}
	return conn, err
}

// cut breaks an association: what it has not delivered is lost with it.
func (c *cutter) cut(local string) {
	c.mu.Lock()
	conn := c.dialled[local]
	c.mu.Unlock()
	if conn != nil {
		conn.Abort("cut by the test")
	}
}

// run runs a node of a configuration in YAML until the test ends.
func run(t *testing.T, yaml string, network sctp.Network, tr trace.Func) *stp.Node {
	t.Helper()
	c, err := stp.ParseConfig("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	n, err := stp.New(c, stp.Options{Network: network, Trace: tr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	return n
}

// end is an exchange: an ASP that numbers what it sends and checks what it gets.
type end struct {
	*m3ua.ASP
	pc mtp3.PointCode

	mu     sync.Mutex
	cond   sync.Cond
	got    int
	units  int // of SCCP
	last   [16]int
	wrong  []string
	primed map[string]bool
	block  chan struct{} // if set, take waits for it
}

func newEnd(t *testing.T, network sctp.Network, name string, pc mtp3.PointCode, rc uint32, local, remote sctp.Addr, tr trace.Func) *end {
	t.Helper()
	e := &end{pc: pc, primed: map[string]bool{}}
	e.cond.L = &e.mu
	for i := range e.last {
		e.last[i] = -1
	}
	e.ASP = m3ua.NewASP(m3ua.ClientConfig{
		Name: name, RoutingContexts: []uint32{rc}, MaxBackoff: 200 * time.Millisecond, Trace: tr, TAudit: -1,
		Dial:     func(ctx context.Context) (sctp.Conn, error) { return network.Dial(ctx, local, remote, sctp.Config{}) },
		Transfer: func(in *m3ua.Indication) { e.take(&in.MSU) },
		Event: func(ev m3ua.Event) {
			if ev.Kind == m3ua.PrimitiveEvent {
				e.mu.Lock()
				e.primed[fmt.Sprintf("%v %d", ev.Primitive.Kind, ev.Primitive.Affected.PC)] = true
				e.mu.Unlock()
			}
		},
	})
	t.Cleanup(func() { e.Close() })
	return e
}

func (e *end) take(m *mtp3.MSU) {
	e.mu.Lock()
	block := e.block
	e.mu.Unlock()
	if block != nil {
		<-block
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got++
	if m.SI == mtp3.SCCP {
		e.units++
	}
	if len(m.Data) >= 4 && m.SI == mtp3.MTPTest {
		i := int(m.Data[0])<<16 | int(m.Data[1])<<8 | int(m.Data[2])
		sls := i % 16
		// Of an SLS each is 16 more than the one before: neither lost, nor doubled, nor out of order.
		if want := e.last[sls] + 16; e.last[sls] >= 0 && i != want || e.last[sls] < 0 && i != sls || mtp3.SLS(sls) != m.Label.SLS {
			if len(e.wrong) < 10 {
				e.wrong = append(e.wrong, fmt.Sprintf("SLS %d: %d after %d", m.Label.SLS, i, e.last[sls]))
			}
		}
		e.last[sls] = i
	}
	e.cond.Broadcast()
}

// renumber expects numbers from 0 again.
func (e *end) renumber() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.last {
		e.last[i] = -1
	}
}

func (e *end) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.got
}

// flood sends n numbered messages, at most window ahead of what has arrived at to, and gives up after a minute of silence.
func (e *end) flood(t *testing.T, to *end, n, window int, each func(sent int)) {
	t.Helper()
	var progress int
	deadline := time.Now().Add(time.Minute)
	silent := func() bool {
		if got := to.count(); got > progress {
			progress, deadline = got, time.Now().Add(time.Minute)
		}
		return time.Now().After(deadline)
	}
	base := to.count()
	for i := 0; i < n; {
		if i-(to.count()-base) >= window {
			if silent() {
				t.Errorf("nothing arrives after %d of %d", to.count()-base, n)
				return
			}
			time.Sleep(time.Millisecond)
			continue
		}
		m := mtp3.MSU{SI: mtp3.MTPTest, NI: mtp3.National, Label: mtp3.Label{DPC: to.pc, OPC: e.pc, SLS: mtp3.SLS(i % 16)},
			Data: []byte{byte(i >> 16), byte(i >> 8), byte(i), 0}}
		if e.Transfer(&m) != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		i++
		if each != nil {
			each(i)
		}
	}
	for to.count()-base < n && !silent() {
		time.Sleep(time.Millisecond)
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	if got := to.got - base; got != n || len(to.wrong) > 0 {
		t.Errorf("%d of %d arrived; %q", got, n, to.wrong)
	}
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 6000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

const realA = `
node:   { name: STP-A, point-code: 1.2.1, network-indicator: national, timers: { t17: 200ms, t18: 1s } }
listen: [ { m3ua: "127.1.0.1:2905" } ]
m2pa:   { t4n: 300ms, t4e: 200ms, t7: 2s }
as:
  - { name: A, point-code: 1.2.3, routing-context: 1, asps: [ { name: a1, peer: "127.1.0.3" } ] }
  - { name: C, point-code: 1.2.4, routing-context: 2, asps: [ { name: c1, peer: "127.1.0.4" } ] }
linkset:
  - name: to-B
    adjacent: 4.5.1
    links:
      - { slc: 0, m2pa: { connect: "127.2.0.1:3565", local: "127.1.0.1:3570", retry-min: 100ms, retry-max: 500ms } }
      - { slc: 1, m2pa: { connect: "127.2.0.1:3565", local: "127.1.0.1:3571", retry-min: 100ms, retry-max: 500ms } }
      - { slc: 2, m2pa: { connect: "127.2.0.1:3565", local: "127.1.0.1:3572", retry-min: 100ms, retry-max: 500ms } }
      - { slc: 3, m2pa: { connect: "127.2.0.1:3565", local: "127.1.0.1:3573", retry-min: 100ms, retry-max: 500ms } }
route: [ { to: 4.5.0/11, via: to-B, priority: 1 } ]
`

const realB = `
node:   { name: STP-B, point-code: 4.5.1, network-indicator: national, timers: { t17: 200ms, t18: 1s } }
listen: [ { m3ua: "127.2.0.1:2905" }, { m2pa: "127.2.0.1:3565" } ]
m2pa:   { t4n: 300ms, t4e: 200ms, t7: 2s }
as:     [ { name: B, point-code: 4.5.6, routing-context: 2, asps: [ { name: b1, peer: "127.2.0.6" } ] } ]
linkset:
  - name: to-A
    adjacent: 1.2.1
    links:
      - { slc: 0, m2pa: { accept: "127.1.0.1:3570" } }
      - { slc: 1, m2pa: { accept: "127.1.0.1:3571" } }
      - { slc: 2, m2pa: { accept: "127.1.0.1:3572" } }
      - { slc: 3, m2pa: { accept: "127.1.0.1:3573" } }
route: [ { to: 1.2.0/11, via: to-A, priority: 1 } ]
`

// noLoss sends messages both ways through two nodes over real associations, while links are cut.
func noLoss(t *testing.T, network sctp.Network, more string, udp uint16, n int) {
	net := &cutter{Network: network, dialled: map[string]sctp.Conn{}}
	stpB := run(t, realB+more, net, nil)
	stpA := run(t, realA+more, net, nil)
	at := func(s string) sctp.Addr {
		a := sctp.AddrOf(netip.MustParseAddrPort(s))
		a.UDP = udp
		return a
	}
	a := newEnd(t, net, "a1", 2067, 1, at("127.1.0.3:2905"), at("127.1.0.1:2905"), nil)
	b := newEnd(t, net, "b1", 8238, 2, at("127.2.0.6:2905"), at("127.2.0.1:2905"), nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, e := range []*end{a, b} {
		if err := e.Active(ctx); err != nil {
			t.Fatal(err)
		}
	}
	links := func() (up []string) {
		st, err := stpA.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range st.Links {
			if l.State == mtp3.LinkInService.String() {
				up = append(up, l.Name)
			}
		}
		return up
	}
	until(t, "four links in service", func() bool { return len(links()) == 4 })
	until(t, "A and B can reach one another", func() bool {
		there, err := stpA.Explain(ctx, stp.Query{Label: mtp3.Label{OPC: a.pc, DPC: b.pc}})
		if err != nil {
			t.Fatal(err)
		}
		back, err := stpB.Explain(ctx, stp.Query{Label: mtp3.Label{OPC: b.pc, DPC: a.pc}})
		if err != nil {
			t.Fatal(err)
		}
		return there.Forwarded && back.Forwarded
	})
	var wg sync.WaitGroup
	wg.Go(func() { b.flood(t, a, n, 1000, nil) })
	cuts := 0
	a.flood(t, b, n, 1000, func(sent int) {
		if sent%(n/20) != 0 {
			return
		}
		var up []string
		until(t, "three links in service", func() bool { up = links(); return len(up) >= 3 })
		name := up[cuts%len(up)]
		cuts++
		net.cut("127.1.0.1:357" + strings.TrimPrefix(name, "to-B/"))
		until(t, "the link is lost", func() bool { return !slices.Contains(links(), name) })
	})
	wg.Wait()
	st, err := stpA.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages each way, %d links cut, %d changeovers, %d changebacks, %d messages retrieved; dropped by STP-A: %v",
		n, cuts, st.Traffic.Changeovers, st.Traffic.Changebacks, st.Traffic.Retrieved, st.Traffic.Dropped)
	if cuts != 20 || st.Traffic.Changeovers < 20 {
		t.Errorf("%d cuts, %d changeovers", cuts, st.Traffic.Changeovers)
	}
}

// TestNoLossUDP: 100 000 messages over our own SCTP, over UDP, with links cut: none is lost, doubled or out of order.
func TestNoLossUDP(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5000
	}
	port := uint16(lab.FreePort(t))
	noLoss(t, user.New(user.Config{}), fmt.Sprintf("sctp: { udp-port: %d }\n", port), port, n)
}

// TestNoLossKernel is the same over the kernel's SCTP.
func TestNoLossKernel(t *testing.T) {
	lab.NeedKernel(t)
	noLoss(t, kernel.Network{}, "", 0, 100_000)
}
