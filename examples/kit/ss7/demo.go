package ss7

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/isup"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/stp"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/ladder"
)

// Demo is a network within this process: the transfer point STP-A, the exchanges A and C and a service control point, each
// attached to it by M3UA.
type Demo struct {
	A, C *Exchange
	SCP  *Translator

	a, c  *Point
	stops []func()
}

// demoSTP is the transfer point: a part of the textbook's network that is there at once, as it has no links to wait for.
const demoSTP = `
node: { name: STP-A, point-code: 1.2.1, network-indicator: national, restart: off }
listen: [ { m3ua: "10.0.0.1:2905" } ]
as:
  - { name: A,   point-code: 1.2.3, routing-context: 1, mode: override, asps: [ { name: a1,   peer: 10.0.0.11 } ] }
  - { name: C,   point-code: 1.2.4, routing-context: 2, mode: override, asps: [ { name: c1,   peer: 10.0.0.12 } ] }
  - { name: SCP, point-code: 1.2.6, routing-context: 4, mode: override, asps: [ { name: scp1, peer: 10.0.0.14 } ] }
gtt:
  - { name: freephone, match: { np: e164, prefix: "0800" }, to: { pc: 1.2.6, ssn: 12 } }
`

// DemoLadder draws what passes STP-A.
func DemoLadder(w io.Writer, width int) *ladder.Ladder {
	names := map[netip.AddrPort]string{}
	for ip, name := range map[string]string{"10.0.0.1": "STP-A", "10.0.0.11": "A", "10.0.0.12": "C", "10.0.0.14": "SCP"} {
		names[netip.AddrPortFrom(netip.MustParseAddr(ip), 0)] = name
	}
	return ladder.New(w, ladder.Config{Names: names, Participants: []string{"A", "STP-A", "SCP", "C"}, Width: width, Summaries: Summaries(mtp3.Format{}), Show: UserParts})
}

// NewDemo starts the network and waits until everybody is there. t sees what everybody sends and receives.
func NewDemo(ctx context.Context, t trace.Func, log *slog.Logger) (*Demo, error) {
	d := &Demo{}
	network := sctp.NewMemory(sctp.MemoryConfig{})
	cfg, err := stp.ParseConfig("STP-A", []byte(demoSTP))
	if err != nil {
		return nil, err
	}
	node, err := stp.New(cfg, stp.Options{Network: network, Trace: t, Logger: log})
	if err != nil {
		return nil, err
	}
	if err := d.run(node.Run, node.Ready()); err != nil {
		return nil, err
	}
	point := func(name string, pc mtp3.PointCode, ip string, rc uint32) (*Point, error) {
		addr := func(s string) sctp.Addr { return sctp.AddrOf(netip.MustParseAddrPort(s)) }
		return NewPoint(PointConfig{Name: name, PointCode: pc, NI: mtp3.National, Network: network, Logger: log, Trace: t,
			Gateways: []Gateway{{Name: "STP-A", Connect: addr("10.0.0.1:2905"), Local: addr(ip + ":0"), RoutingContext: rc}},
			Rules:    []sccp.Rule{{Name: "all titles", To: []sccp.Entity{{PC: 2065, RouteOnGT: true}}}}})
	}
	const a, c, scp = 2067, 2068, 2070 // 1.2.3, 1.2.4, 1.2.6
	circuits := make([]isup.CIC, demoCircuits)
	for i := range circuits {
		circuits[i] = isup.CIC(i + 1)
	}
	s, err := point("SCP", scp, "10.0.0.14", 4)
	if err == nil {
		d.SCP, err = NewTranslator(s, sccp.INAP, []uint32{800}, log)
	}
	if err == nil {
		d.SCP.Set(Translations{{Number: "0800123456", To: "4030201"}, {Number: "0800999", Cause: isup.UserBusy}})
		d.c, err = point("C", c, "10.0.0.12", 2)
	}
	if err == nil {
		d.C, err = NewExchange(d.c, ExchangeConfig{Logger: log, Trunks: []Trunk{{Name: "to-A", To: a, Circuits: circuits, Prefixes: []string{"30"}}},
			Answers: []Answer{{Number: "40*", After: 20 * time.Millisecond}, {Number: "4017", Cause: isup.UserBusy}}})
	}
	if err == nil {
		d.a, err = point("A", a, "10.0.0.11", 1)
	}
	if err == nil {
		d.A, err = NewExchange(d.a, ExchangeConfig{Logger: log, Services: []Service{{Prefix: "0800", Key: 800}},
			Trunks: []Trunk{{Name: "to-C", To: c, Circuits: circuits, Prefixes: []string{"40"}}}})
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	for _, p := range []*Point{s, d.c, d.a} {
		ready := make(chan struct{})
		if err := d.run(p.Run, ready, func() error { defer close(ready); return p.Ready(ctx) }); err != nil {
			d.Close()
			return nil, err
		}
	}
	for pc, p := range map[mtp3.PointCode]*Point{scp: d.a, c: d.a, a: d.c} {
		if err := p.Reach(ctx, pc); err != nil {
			d.Close()
			return nil, err
		}
	}
	if err := s.Reach(ctx, a); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// run starts something that runs until Close, and waits until it is ready.
func (d *Demo) run(f func(context.Context) error, ready <-chan struct{}, wait ...func() error) error {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	d.stops = append(d.stops, sync.OnceFunc(func() { cancel(); <-done }))
	for _, w := range wait {
		if err := w(); err != nil {
			return err
		}
	}
	select {
	case <-ready:
		return nil
	case err := <-done:
		done <- err
		return fmt.Errorf("the demonstration ended before it began: %w", err)
	}
}

// Close ends everything.
func (d *Demo) Close() {
	for i := len(d.stops) - 1; i >= 0; i-- {
		d.stops[i]()
	}
}

// Call calls a number from A and waits until the call is over.
func (d *Demo) Call(ctx context.Context, number string) (Result, error) {
	return Call(ctx, d.a, d.A, number, "3012345", 20*time.Millisecond)
}

// Call sends a call and waits until it is over.
func Call(ctx context.Context, p *Point, x *Exchange, number, from string, talk time.Duration) (Result, error) {
	result := make(chan Result, 1)
	err := p.Do(func(now time.Time) {
		x.Call(now, number, from, talk, func(_ time.Time, r Result) { result <- r })
	})
	if err != nil {
		return Result{}, err
	}
	select {
	case r := <-result:
		return r, nil
	case <-p.done:
		return Result{}, ErrClosed
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// Text is a result as people read it.
func (r Result) Text() string {
	s := r.Number
	if r.Translated != "" && r.Translated != r.Number {
		s += " -> " + r.Translated
	}
	if r.Trunk != "" {
		s += fmt.Sprintf(", circuit %d %s", r.CIC, r.Trunk)
	}
	switch {
	case r.Err != nil:
		return s + ": " + r.Err.Error()
	case r.Answered:
		return fmt.Sprintf("%s: answered after %v, released with cause %v", s, r.Setup.Round(time.Millisecond/10), r.Cause.Value)
	}
	return fmt.Sprintf("%s: not answered, cause %v", s, r.Cause.Value)
}

// Settle waits until the last messages of calls have passed: all circuits are idle at both ends.
func (d *Demo) Settle(ctx context.Context) error {
	for {
		idle := 0
		for p, x := range map[*Point]*Exchange{d.a: d.A, d.c: d.C} {
			if err := p.Do(func(time.Time) {
				for _, g := range x.Groups() {
					idle += g.Idle()
				}
			}); err != nil {
				return err
			}
		}
		if idle == 2*demoCircuits {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const demoCircuits = 4
