// Package ss7 is a signalling point at the edge of an SS7 network: it reaches transfer points by M3UA, has an SCCP, and on them an
// exchange with circuits to others, or a number translation service. One goroutine runs all its state machines.
package ss7

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/mtp3/sccp"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
	"github.com/gotelco/telco/trace"
)

// Gateway is a transfer point that this point is attached to.
type Gateway struct {
	Name           string
	Connect, Local sctp.Addr // Local may be zero
	TCP            bool
	RoutingContext uint32 // if zero, the gateway knows without being told
}

// PointConfig is what a Point is.
type PointConfig struct {
	Name      string
	PointCode mtp3.PointCode
	Format    mtp3.Format
	NI        mtp3.NetworkIndicator
	Gateways  []Gateway // the first that can reach a destination is taken
	Rules     []sccp.Rule

	Network sctp.Network // see Network; of gateways that are not TCP

	Logger *slog.Logger
	Trace  trace.Func
}

// Machine has timers: Expire is called when Deadline has passed.
type Machine interface {
	Deadline() time.Time
	Expire(now time.Time)
}

// Point is a signalling point. Its users are called in its loop, and may call Send and Unitdata there; others use Do.
type Point struct {
	cfg      PointConfig
	log      *slog.Logger
	gateways []*gateway
	sccp     *sccp.Node
	inbox    chan func(now time.Time)
	done     chan struct{}
	machines []Machine

	isup      func(now time.Time, m *mtp3.MSU)
	primitive func(now time.Time, p mtp3.Primitive)
	users     map[sccp.SSN]func(now time.Time, u sccp.Unitdata, notice bool)

	mu     sync.Mutex
	active chan struct{} // closed when the first gateway is active
}

type gateway struct {
	Gateway
	asp    *m3ua.ASP
	up     bool
	paused map[mtp3.Destination]bool
}

const inboxSize = 4096

// maxPaused bounds what is remembered of destinations that a gateway cannot reach.
const maxPaused = 4096

// Network is SCTP by name: "kernel", "udp" (in this process, over UDP), or "auto", the first of these that there is.
func Network(name string, log *slog.Logger) (sctp.Network, error) {
	switch name {
	case "kernel":
		return kernel.Network{}, kernel.Available()
	case "udp":
		return user.New(user.Config{}), nil
	case "auto", "":
		err := kernel.Available()
		if err == nil {
			return kernel.Network{}, nil
		}
		log.Info("SCTP over UDP, which an ordinary peer may not speak (RFC 6951)", "reason", err)
		return user.New(user.Config{}), nil
	}
	return nil, fmt.Errorf("%q is no SCTP: kernel, udp or auto", name)
}

// NewPoint returns a Point that does nothing before Run.
func NewPoint(cfg PointConfig) (*Point, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Point{cfg: cfg, log: cfg.Logger, inbox: make(chan func(time.Time), inboxSize), done: make(chan struct{}), active: make(chan struct{}),
		users: map[sccp.SSN]func(time.Time, sccp.Unitdata, bool){}}
	tr, err := sccp.NewTranslator(cfg.Format, cfg.Rules)
	if err != nil {
		return nil, err
	}
	p.sccp, err = sccp.NewNode(sccp.Config{Name: cfg.Name, PointCode: cfg.PointCode, Format: cfg.Format, NI: cfg.NI, Translator: tr, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	for _, g := range cfg.Gateways {
		x := &gateway{Gateway: g, paused: map[mtp3.Destination]bool{}}
		c := m3ua.ClientConfig{
			Name: cfg.Name, Logger: cfg.Logger, Trace: cfg.Trace,
			Dial: func(ctx context.Context) (sctp.Conn, error) {
				network := cfg.Network
				if x.TCP {
					network = m3ua.TCP{}
				}
				return network.Dial(ctx, x.Local, x.Connect, sctp.Config{})
			},
			Transfer: func(in *m3ua.Indication) { p.transferred(x, &in.MSU) },
			Event:    func(e m3ua.Event) { p.push(func(now time.Time) { p.event(now, x, e) }) },
		}
		if g.RoutingContext != 0 {
			c.RoutingContexts = []uint32{g.RoutingContext}
		}
		if g.TCP {
			c.TBeat = 30 * time.Second
		}
		x.asp = m3ua.NewASP(c)
		p.gateways = append(p.gateways, x)
	}
	return p, nil
}

// User takes SCCP messages of a subsystem; notice says that a message of its own comes back.
func (p *Point) User(ssn sccp.SSN, f func(now time.Time, u sccp.Unitdata, notice bool)) error {
	p.users[ssn] = f
	return p.sccp.AddSubsystem(ssn, sccp.SubsystemConfig{})
}

// Add lets the loop look after a Machine. It is for before Run.
func (p *Point) Add(m Machine) { p.machines = append(p.machines, m) }

// Run goes active at the gateways and runs until ctx is done.
func (p *Point) Run(ctx context.Context) error {
	defer close(p.done)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, g := range p.gateways {
		defer g.asp.Close()
		wg.Go(func() {
			if err := g.asp.Active(ctx); err != nil && ctx.Err() == nil {
				p.log.Warn("not active at the gateway", "gateway", g.Name, "error", err)
			}
		})
	}
	now := time.Now()
	for ssn := range p.users {
		out, err := p.sccp.SetSubsystem(now, ssn, sccp.InService, nil)
		if err != nil {
			return err
		}
		p.do(now, out)
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(p.deadline(now)))
		select {
		case f := <-p.inbox:
			now = time.Now()
			f(now)
		case <-timer.C:
			now = time.Now()
		case <-ctx.Done():
			return nil
		}
		for _, m := range p.machines {
			if d := m.Deadline(); !d.IsZero() && !d.After(now) {
				m.Expire(now)
			}
		}
		if d := p.sccp.Deadline(); !d.IsZero() && !d.After(now) {
			p.do(now, p.sccp.Expire(now, nil))
		}
	}
}

func (p *Point) deadline(now time.Time) time.Time {
	first := now.Add(time.Hour)
	for _, m := range p.machines {
		if d := m.Deadline(); !d.IsZero() && d.Before(first) {
			first = d
		}
	}
	if d := p.sccp.Deadline(); !d.IsZero() && d.Before(first) {
		first = d
	}
	return first
}

// push queues work for the loop. Who reads an association waits here while the loop is behind.
func (p *Point) push(f func(now time.Time)) bool {
	select {
	case p.inbox <- f:
		return true
	case <-p.done:
		return false
	}
}

// ErrClosed says that the point does not run any more.
var ErrClosed = errors.New("ss7: the point does not run")

// Do calls f in the loop, and returns when that is done.
func (p *Point) Do(f func(now time.Time)) error {
	done := make(chan struct{})
	if !p.push(func(now time.Time) { defer close(done); f(now) }) {
		return ErrClosed
	}
	select {
	case <-done:
		return nil
	case <-p.done:
		return ErrClosed
	}
}

// Ready waits until a gateway has let this point be active.
func (p *Point) Ready(ctx context.Context) error {
	select {
	case <-p.active:
		return nil
	case <-p.done:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("%s: no gateway is active: %w", p.cfg.Name, ctx.Err())
	}
}

// Reach waits until a gateway can reach a destination.
func (p *Point) Reach(ctx context.Context, pc mtp3.PointCode) error {
	for {
		ok := false
		err := p.Do(func(time.Time) {
			for _, g := range p.gateways {
				ok = ok || g.reaches(pc)
			}
		})
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: no gateway reaches %s: %w", p.cfg.Name, p.cfg.Format.PointCodeString(pc), ctx.Err())
		}
	}
}

func (p *Point) transferred(g *gateway, m *mtp3.MSU) {
	msu := *m
	msu.Data = append([]byte(nil), m.Data...)
	p.push(func(now time.Time) { p.received(now, g, &msu) })
}

func (p *Point) received(now time.Time, g *gateway, m *mtp3.MSU) {
	// Who speaks is there again. The gateway will say so, too, but may do it after the first message, which wants an answer.
	delete(g.paused, mtp3.Destination{PC: m.Label.OPC})
	switch m.SI {
	case mtp3.SCCP:
		p.do(now, p.sccp.HandleMTP(now, mtp3.Primitive{Kind: mtp3.TransferPrimitive, MSU: *m}, nil))
	case mtp3.ISUP:
		if p.isup != nil {
			p.isup(now, m)
		}
	}
}

// event takes what a gateway says.
func (p *Point) event(now time.Time, g *gateway, e m3ua.Event) {
	switch e.Kind {
	case m3ua.ASPStateEvent:
		g.up = e.State == m3ua.Active
		if g.up {
			p.mu.Lock()
			select {
			case <-p.active:
			default:
				close(p.active)
			}
			p.mu.Unlock()
		}
	case m3ua.PrimitiveEvent:
		pr := e.Primitive
		switch pr.Kind {
		case mtp3.PausePrimitive:
			if len(g.paused) < maxPaused {
				g.paused[pr.Affected] = true
			}
		case mtp3.ResumePrimitive:
			for d := range g.paused {
				if pr.Affected.Covers(d) {
					delete(g.paused, d)
				}
			}
		}
		for _, other := range p.gateways {
			if pr.Kind == mtp3.PausePrimitive && other != g && other.reaches(pr.Affected.PC) {
				return // nobody has to know: there is another way
			}
		}
		p.do(now, p.sccp.HandleMTP(now, pr, nil))
		if p.primitive != nil {
			p.primitive(now, pr)
		}
	}
}

func (g *gateway) reaches(pc mtp3.PointCode) bool {
	if !g.up {
		return false
	}
	for d := range g.paused {
		if d.Contains(pc) {
			return false
		}
	}
	return true
}

// Send gives a message to the first gateway that can reach its destination. It belongs into the loop.
func (p *Point) Send(m *mtp3.MSU) error {
	err := error(m3ua.ErrNotActive)
	for _, g := range p.gateways {
		if g.reaches(m.Label.DPC) {
			if err = g.asp.Transfer(m); err == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("%v to %s: %w", m.SI, p.cfg.Format.PointCodeString(m.Label.DPC), err)
}

// Unitdata sends an SCCP message. It belongs into the loop.
func (p *Point) Unitdata(now time.Time, u sccp.Unitdata) error {
	out, err := p.sccp.Unitdata(now, u, nil)
	p.do(now, out)
	return err
}

// Address is the SCCP address of a subsystem here.
func (p *Point) Address(ssn sccp.SSN) sccp.Address {
	return sccp.Address{RouteOnSSN: true, HasPC: true, PC: p.cfg.PointCode, HasSSN: true, SSN: ssn}
}

// do does what the SCCP wants done: first what is to be sent, for what is in out is valid until the next call of the SCCP only,
// and users make such calls.
func (p *Point) do(now time.Time, out []sccp.Output) {
	for i := range out {
		if out[i].Kind == sccp.Send {
			if err := p.Send(&out[i].MSU); err != nil {
				p.log.Warn("not sent", "error", err)
			}
		}
	}
	for i := range out {
		if k := out[i].Kind; k == sccp.UnitdataIndication || k == sccp.NoticeIndication {
			u := out[i].Unit
			u.Data = append([]byte(nil), u.Data...)
			if f := p.users[u.Called.SSN]; f != nil {
				f(now, u, k == sccp.NoticeIndication)
			}
		}
	}
}
