package stp

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/m3ua"
	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// gateway is another signalling gateway, or an IPSP, that this node is an ASP of: an owner of the destinations
// behind it, over one association or several, which share its traffic by SLS.
type gateway struct {
	n      *Node
	cfg    GatewayConfig
	asps   []*m3ua.ASP
	target atomic.Pointer[target]
	live   atomic.Pointer[[]*m3ua.ASP] // the active ones
	states []m3ua.State                // of asps, with the node's evMu
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// addGateway adds a gateway. It begins to dial at once.
func (n *Node) addGateway(c *Config, cfg *GatewayConfig) error {
	ctx, cancel := context.WithCancel(context.Background())
	g := &gateway{n: n, cfg: *cfg, cancel: cancel}
	g.live.Store(&[]*m3ua.ASP{})
	n.evMu.Lock() // events wait
	for i := range max(len(cfg.Connect), 1) {
		x := cfg.clientConfig()
		if len(cfg.Connect) > 0 {
			x.Dial = n.dial(c, cfg.TCP, cfg.Local, cfg.Connect[i])
		}
		x.Transfer = g.transferred
		x.Event = func(e m3ua.Event) { g.event(i, e) }
		x.Logger, x.Trace = n.opt.Logger, n.opt.Trace
		g.states = append(g.states, m3ua.Down)
		a := m3ua.NewASP(x)
		g.asps = append(g.asps, a)
		if cfg.Blocked != On {
			g.wait.Go(func() { _ = a.Active(ctx) }) // it stays told to be active
		}
	}
	n.evMu.Unlock()
	n.mu.Lock()
	n.gateways[cfg.Name] = g // complete: associations may come
	n.mu.Unlock()
	return nil
}

func (g *gateway) close() {
	g.cancel()
	for _, a := range g.asps {
		a.Close()
	}
	g.wait.Wait()
}

// expecting is the gateway entry that an association is for, or nil.
func (n *Node) expecting(remote sctp.Addr) *gateway {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, g := range n.gateways {
		a := g.cfg.Accept
		if len(a.IPs) > 0 && (a.Port == 0 || a.Port == remote.Port) && slices.ContainsFunc(remote.IPs, func(ip netip.Addr) bool { return slices.Contains(a.IPs, ip.Unmap()) }) {
			return g
		}
	}
	return nil
}

// block puts this node down at the gateway, or up again.
func (g *gateway) block(on bool) {
	done, cancel := context.WithCancel(context.Background())
	cancel() // it is told, and not waited for
	for _, a := range g.asps {
		if on {
			_ = a.Down(done)
		} else {
			_ = a.Active(done)
		}
	}
}

func (g *gateway) attach(conn sctp.Conn) { _ = g.asps[0].Attach(conn) }

// active tells whether messages can be given to the gateway.
func (g *gateway) active() bool { return len(*g.live.Load()) > 0 }

// transfer gives the gateway a message.
func (g *gateway) transfer(m *mtp3.MSU) error {
	live := *g.live.Load()
	if len(live) == 0 {
		return m3ua.ErrNotActive
	}
	return live[int(m.Label.SLS)%len(live)].Transfer(m)
}

// transferred takes a message of the gateway, on the goroutine that reads its association.
func (g *gateway) transferred(in *m3ua.Indication) {
	t := g.target.Load()
	if t == nil {
		g.n.drop(mtp3.OwnerInactive)
		return
	}
	g.n.transit(g.n.targets.Load(), t, nil, &in.MSU)
}

// event follows one association of the gateway.
func (g *gateway) event(i int, e m3ua.Event) {
	peers := strings.HasSuffix(e.ASP, "/peer") // of an IPSP: the other direction
	e.ASP = g.cfg.Name
	g.n.m3uaChanged(e)
	if peers {
		return
	}
	if e.Kind == m3ua.ASPStateEvent || e.Kind == m3ua.AssociationDown {
		g.n.evMu.Lock()
		g.states[i] = e.State
		if e.Kind == m3ua.AssociationDown {
			g.states[i] = m3ua.Down
		}
		live := []*m3ua.ASP{}
		for j, s := range g.states {
			if s == m3ua.Active && j < len(g.asps) {
				live = append(live, g.asps[j])
			}
		}
		g.live.Store(&live)
		g.n.evMu.Unlock()
		g.n.event(m3ua.Event{Kind: gatewayEvent, AS: g.cfg.Name})
	}
	if e.Kind == m3ua.PrimitiveEvent {
		e.Kind, e.AS = gatewayPrimitive, g.cfg.Name
		g.n.event(e)
	}
}

// Kinds of events of the node's own.
const (
	gatewayEvent     m3ua.EventKind = 200 + iota // a gateway came or went
	gatewayPrimitive                             // a gateway said something of a destination
)

// gatewaySaid acts on DUNA, DAVA, DRST, SCON and DUPU of a gateway, in the loop.
func (n *Node) gatewaySaid(now time.Time, e *m3ua.Event) {
	t := n.owners["gateway "+e.AS]
	p := &e.Primitive
	if t == nil || p.Affected.Wild >= 24 && p.Kind != mtp3.StatusPrimitive {
		return // the gateway as a whole: availability knows
	}
	switch p.Kind {
	case mtp3.PausePrimitive:
		n.out = n.mtp.SetOwnerRoute(now, t.id, p.Affected, mtp3.Unavailable, n.out[:0])
	case mtp3.ResumePrimitive:
		n.out = n.mtp.SetOwnerRoute(now, t.id, p.Affected, mtp3.Available, n.out[:0])
	case mtp3.StatusPrimitive:
		if p.Status.Cause != mtp3.Congested {
			n.sg.UserUnavailable(m3ua.Optional{}, p.Affected.PC, p.Status.SI, causeOf(p.Status.Cause))
			return
		}
		if p.Affected.Wild >= 24 { // the queue towards the gateway
			n.congested(now, t, p.Status.Level)
			return
		}
		n.out = n.mtp.SetOwnerCongestion(now, t.id, p.Affected.PC, p.Status.Level, n.out[:0])
	}
	n.handle(now)
}
