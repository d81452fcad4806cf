package m3ua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// SG is a signalling gateway process: the side of M3UA that has the network. ASPs connect to it (or
// it to them), take part in Application Servers, and get the messages for them.
type SG struct {
	cfg    SGConfig
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	kick   chan struct{}

	routes atomic.Pointer[routes]

	mu     sync.Mutex
	core   *sgCore
	out    []output
	timer  *time.Timer
	closed bool
	events events

	noRoute, unknownPeers, errsSent, errsReceived, lost atomic.Uint64
}

// sgPeer is an ASP with its association.
type sgPeer struct {
	g    *SG
	core *aspCore
	link *link // nil: none; with the gateway locked
	view atomic.Pointer[peerView]
	gone chan struct{} // closed when the ASP is removed
}

// peerView is what the reader of an association needs to know of the states; it never changes.
type peerView struct {
	active  []viewEntry
	only    *AS // the AS of messages without Routing Context
	checkNA bool
	nas     []uint32
}

type viewEntry struct {
	rc uint32
	as *AS
}

// Indication is an MTP-TRANSFER indication: a DATA message from an active ASP, or from a gateway.
type Indication struct {
	ASP               string // who sent it; at an ASP, its own name
	AS                *AS    // at a gateway: the AS it was sent for
	RoutingContext    Optional
	NetworkAppearance Optional
	CorrelationID     Optional
	MSU               mtp3.MSU

	reader *reader
}

// NewSG makes a gateway. It starts to dial those ASPs that have Dial; for the others call Serve,
// Accept or Attach. Close ends it.
func NewSG(cfg SGConfig) (*SG, error) {
	g := &SG{kick: make(chan struct{}, 1)}
	g.core = newSGCore(cfg)
	g.cfg = g.core.cfg
	g.core.cfg.AS, g.core.cfg.ASP = nil, nil
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.events.deliver = g.event
	g.timer = time.AfterFunc(time.Hour, g.expire)
	g.routes.Store(buildRoutes(nil))
	for _, a := range cfg.ASP {
		if err := g.AddASP(a); err != nil {
			g.Close()
			return nil, err
		}
	}
	for _, s := range cfg.AS {
		if err := g.AddAS(s); err != nil {
			g.Close()
			return nil, err
		}
	}
	g.wg.Go(g.watch)
	return g, nil
}

// event gives an event to log and user; one at a time, without the lock.
func (g *SG) event(e Event) {
	if l := g.cfg.Logger; l != nil {
		level := slog.LevelInfo
		if e.Kind == ErrorSentEvent || e.Kind == ErrorEvent || e.Kind == NonDeliveryEvent {
			level = slog.LevelWarn
		}
		l.Log(g.ctx, level, "m3ua: "+e.String(), "asp", e.ASP, "as", e.AS, "routing_context", e.RoutingContexts)
	}
	switch e.Kind {
	case ErrorSentEvent:
		g.errsSent.Add(1)
	case ErrorEvent:
		g.errsReceived.Add(1)
	}
	if g.cfg.Event != nil {
		g.cfg.Event(e)
	}
}

// do runs f with the gateway locked and does what it wants done.
func (g *SG) do(f func(now time.Time, out []output) []output) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return
	}
	g.perform(f(time.Now(), g.out[:0]))
	g.mu.Unlock()
	g.events.drain()
}

// perform does what a core wants done, in order, with the gateway locked.
func (g *SG) perform(out []output) {
	rebuild, halted := false, false
	for i := range out {
		o := &out[i]
		switch {
		case o.send != nil:
			switch o.send.(type) {
			case *ASPInactiveAck, *ASPDownAck:
				// Section 4.3.4.4: all traffic is halted before it is acknowledged.
				for j := range out {
					if !halted && out[j].as != nil {
						g.publish(out[j].as)
					}
				}
				halted = true
			}
			if l := o.asp.peer.link; l != nil {
				l.send(o.send, o.on)
			}
		case o.as != nil && !halted:
			g.publish(o.as)
		case o.drop != nil:
			if p := o.asp.peer; p.link != nil {
				l, why := p.link, o.drop.Error()
				if g.cfg.Logger != nil {
					g.cfg.Logger.Warn("m3ua: association given up", "asp", o.asp.cfg.Name, "err", o.drop)
				}
				g.wg.Go(func() { l.conn.Abort(why) })
			}
		case o.routes:
			rebuild = true
		}
		if o.ev.Kind != 0 {
			g.events.add(o.ev)
		}
	}
	if rebuild {
		g.rebuild()
	}
	clear(out)
	g.out = out[:0]
	if at := g.core.deadline(); !at.IsZero() {
		g.timer.Reset(time.Until(at))
	}
}

// publish puts the distribution of an AS in force, and what its ASPs may send.
func (g *SG) publish(s *asCore) {
	if s.handle == nil {
		g.adopt(s)
	}
	s.handle.publish(s.distribute(s.handle.dist.Load()))
	for _, m := range s.members {
		m.asp.peer.look()
	}
}

// adopt gives an AS its handle.
func (g *SG) adopt(s *asCore) {
	s.handle = &AS{name: s.cfg.Name, max: linkFill{g.cfg.PendingMessages, g.cfg.PendingOctets}}
	if s.cfg.RoutingContext != 0 {
		s.handle.rc = Some(s.cfg.RoutingContext)
	}
	s.handle.dist.Store(closed)
}

// rebuild makes the routes and views anew after AS or memberships changed.
func (g *SG) rebuild() {
	for _, s := range g.core.as {
		if s.handle == nil {
			g.adopt(s)
		}
	}
	g.routes.Store(buildRoutes(g.core.as))
	for _, a := range g.core.asps {
		a.peer.look()
	}
}

// look makes the view of a peer anew.
func (p *sgPeer) look() {
	v := &peerView{checkNA: p.g.core.configuredNA() || p.g.cfg.Strict}
	for _, m := range p.core.members {
		if m.state == Active {
			v.active = append(v.active, viewEntry{m.as.cfg.RoutingContext, m.as.handle})
			if len(p.core.members) == 1 {
				v.only = m.as.handle
			}
		}
	}
	if v.checkNA {
		v.nas = slices.Clone(p.g.cfg.NetworkAppearances)
		for _, s := range p.g.core.as {
			if na := s.cfg.Key.NetworkAppearance; na.Set {
				v.nas = append(v.nas, na.Value)
			}
		}
	}
	p.view.Store(v)
}

func (g *SG) expire() { g.do(g.core.expire) }

// watch follows the congestion of queues.
func (g *SG) watch() {
	for {
		select {
		case <-g.kick:
			g.do(g.levels)
		case <-g.ctx.Done():
			return
		}
	}
}

// levels tells the AS whose congestion has changed.
func (g *SG) levels(_ time.Time, out []output) []output {
	for _, s := range g.core.as {
		var level uint8
		if s.handle == nil {
			continue
		}
		for _, l := range s.handle.dist.Load().links {
			level = max(level, uint8(l.level.Load()))
		}
		if level != s.handle.level {
			s.handle.level = level
			out = g.core.congested(s, level, out)
		}
	}
	return out
}

// ErrClosed is a net.ErrClosed: the gateway, or the ASP, was closed by its owner.
var ErrClosed error = &closedError{}

type closedError struct{}

func (*closedError) Error() string        { return "m3ua: closed" }
func (*closedError) Is(target error) bool { return target == net.ErrClosed }

// Serve accepts associations of a listener until ctx is done, the listener or the gateway is closed. It does not close the listener.
func (g *SG) Serve(ctx context.Context, l sctp.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	for {
		c, err := l.Accept(ctx)
		if err != nil {
			if g.ctx.Err() != nil {
				return ErrClosed
			}
			return err
		}
		g.Accept(c) // tells and counts whom it refuses
	}
}

// UnknownPeerError says that nobody is configured for where an association comes from.
type UnknownPeerError struct{ Remote sctp.Addr }

// Error says which line the configuration lacks.
func (e *UnknownPeerError) Error() string {
	return fmt.Sprintf("m3ua: association from %v: no ASP is configured with this remote address", e.Remote)
}

// Accept takes an association from one of the ASPs that are configured with its address. From
// anybody else it is aborted, with a *UnknownPeerError. An ASP that has an association already has
// begun anew: the old one is dropped, unless another ASP of that address has none.
func (g *SG) Accept(c sctp.Conn) error {
	remote := c.RemoteAddr()
	g.mu.Lock()
	var found *aspCore
	for _, name := range sortedKeys(g.core.asps) {
		if a := g.core.asps[name]; a.matches(remote) && (found == nil || found.ready && !a.ready) {
			found = a
		}
	}
	g.mu.Unlock()
	if found == nil {
		err := &UnknownPeerError{remote}
		g.unknownPeers.Add(1)
		if g.cfg.Logger != nil {
			g.cfg.Logger.Warn(err.Error(), "peer", remote.String())
		}
		c.Abort(err.Error())
		return err
	}
	return g.Attach(found.cfg.Name, c)
}

func (a *aspCore) matches(remote sctp.Addr) bool {
	for _, r := range a.cfg.Remote {
		if r.Port() != 0 && r.Port() != remote.Port {
			continue
		}
		for _, ip := range remote.IPs {
			if ip.Unmap() == r.Addr().Unmap() {
				return true
			}
		}
	}
	return false
}

// Attach takes an association of an ASP, whoever set it up. If the ASP has one, that is aborted.
func (g *SG) Attach(asp string, c sctp.Conn) error {
	run, err := g.attach(asp, c)
	if err == nil {
		go run()
	}
	return err
}

// attach returns what serves the association; it must be called.
func (g *SG) attach(asp string, c sctp.Conn) (func(), error) {
	g.mu.Lock()
	a := g.core.asps[asp]
	if a == nil || g.closed {
		closed := g.closed
		g.mu.Unlock()
		c.Abort("not configured")
		if closed {
			return nil, ErrClosed
		}
		return nil, &ConfigError{asp, "no such ASP"}
	}
	p := a.peer
	l := newLink(c, asp, g.cfg.SendMessages, g.cfg.SendOctets, g.cfg.Trace, g.cfg.Logger)
	l.heard = &a.heard
	l.onLevel = func() {
		select {
		case g.kick <- struct{}{}:
		default:
		}
	}
	out := g.out[:0]
	if old := p.link; old != nil {
		p.link = nil
		out = g.core.lost(time.Now(), a, false, errReplaced, out)
		old.close()
		g.wg.Go(func() { old.conn.Abort(errReplaced.Error()) })
	}
	p.link = l
	out = g.core.associated(a, l.single, out)
	ctx, cancel := context.WithCancel(g.ctx)
	g.perform(out)
	g.wg.Add(2)
	g.mu.Unlock()
	g.events.drain()
	go func() {
		defer g.wg.Done()
		l.write(ctx)
	}()
	return func() {
		defer g.wg.Done()
		g.serve(ctx, cancel, p, l)
	}, nil
}

var errReplaced = errors.New("m3ua: another association of the same ASP took its place")

// serve runs an association until it is over.
func (g *SG) serve(ctx context.Context, cancel context.CancelFunc, p *sgPeer, l *link) {
	defer cancel()
	r := &reader{g: g, p: p, l: l}
	r.in.ASP, r.in.reader = l.name, r
	err := l.read(ctx, r)
	g.lost.Add(uint64(l.close()))
	g.do(func(now time.Time, out []output) []output {
		if p.link != l {
			return out
		}
		p.link = nil
		return g.core.lost(now, p.core, false, err, out)
	})
	l.conn.Close()
}

// reader is the goroutine that reads one association.
type reader struct {
	g        *SG
	p        *sgPeer
	l        *link
	d        DATA
	in       Indication
	answered map[answerKey]time.Time
}

func (r *reader) event(e *sctp.Event) {
	if e.Kind == sctp.Restart {
		r.g.do(func(now time.Time, out []output) []output {
			if r.p.link != r.l {
				return out
			}
			return r.g.core.lost(now, r.p.core, true, errors.New("m3ua: the peer began anew"), out)
		})
	}
}

// message takes what came: DATA of active ASPs goes to the user, everything else to the core.
func (r *reader) message(stream uint16, b []byte) {
	if len(b) >= 4 && b[2] == byte(Transfer) && (stream != 0 || r.l.single) {
		if err := r.d.Parse(b); err != nil {
			r.slow(stream, nil, err, b)
		} else if s := r.p.view.Load().find(&r.d, r.g.cfg.Strict); s != nil {
			r.indicate(s)
		} else {
			r.slow(stream, &r.d, nil, b)
		}
		return
	}
	m, err := Parse(b)
	r.slow(stream, m, err, b)
}

// slow gives the core a message, or what is wrong with it.
func (r *reader) slow(stream uint16, m Message, err error, b []byte) {
	r.g.do(func(now time.Time, out []output) []output {
		if r.p.link != r.l {
			return out
		}
		if err != nil {
			return r.g.core.bad(now, r.p.core, err, b, out)
		}
		return r.g.core.handle(now, r.p.core, stream, m, b, out)
	})
}

// find is the AS that DATA is for, if the ASP may send it.
func (v *peerView) find(d *DATA, strict bool) *AS {
	if v == nil || d.MSU.SI == mtp3.SNM || strict && d.Unknown != nil ||
		v.checkNA && d.NetworkAppearance.Set && !slices.Contains(v.nas, d.NetworkAppearance.Value) {
		return nil
	}
	if !d.RoutingContext.Set {
		return v.only
	}
	for i := range v.active {
		if v.active[i].rc == d.RoutingContext.Value {
			return v.active[i].as
		}
	}
	return nil
}

func (r *reader) indicate(s *AS) {
	in := &r.in
	in.AS, in.RoutingContext, in.NetworkAppearance, in.CorrelationID, in.MSU = s, r.d.RoutingContext, r.d.NetworkAppearance, r.d.CorrelationID, r.d.MSU
	if na := s.dist.Load().na; !in.NetworkAppearance.Set && na.Set {
		in.NetworkAppearance = na
	}
	if r.g.cfg.Transfer != nil {
		r.g.cfg.Transfer(in)
		return
	}
	if err := r.g.Transfer(in.NetworkAppearance, &in.MSU); err != nil && !errors.Is(err, ErrCongested) {
		in.Unavailable()
	} else if err != nil {
		in.Congested(3)
	}
}

// answerKey is a destination that an ASP was told about.
type answerKey struct {
	pc   mtp3.PointCode
	scon bool
}

// Unavailable answers a message whose destination cannot be reached with DUNA (RFC 4666 section
// 3.4.1), at most once a second for each destination. It is for use within [SGConfig.Transfer], and
// does nothing at an ASP.
func (in *Indication) Unavailable() { in.answer(TypeDUNA, Optional{}, false) }

// Congested answers a message whose destination is congested with SCON, like [Indication.Unavailable].
func (in *Indication) Congested(level uint8) {
	if in.reader != nil {
		in.answer(TypeSCON, in.reader.g.core.level(level), true)
	}
}

func (in *Indication) answer(t MessageType, level Optional, scon bool) {
	r, now := in.reader, time.Now()
	if r == nil {
		return
	}
	key := answerKey{in.MSU.Label.DPC, scon}
	if at, ok := r.answered[key]; ok && now.Sub(at) < time.Second {
		return
	}
	if len(r.answered) >= 1024 || r.answered == nil {
		r.answered = map[answerKey]time.Time{}
	}
	r.answered[key] = now
	if !scon {
		r.g.events.add(Event{Kind: NonDeliveryEvent, ASP: in.ASP, AS: in.AS.name,
			Err: fmt.Errorf("m3ua: no way to DPC %d for SI %v from OPC %d", key.pc, in.MSU.SI, in.MSU.Label.OPC)})
		r.g.events.drain()
	}
	var rcs []uint32
	if in.AS.rc.Set {
		rcs = []uint32{in.AS.rc.Value}
	}
	r.l.send(ssnm(t, in.NetworkAppearance, rcs, []mtp3.Destination{{PC: key.pc}}, level), 0)
}

// ErrNoRoute says that no routing key matches a message.
var ErrNoRoute = errors.New("m3ua: no routing key matches")

// Route is the AS that a message of a network belongs to by routing keys, or nil (RFC 4666 section
// 1.4.2.4).
func (g *SG) Route(na Optional, m *mtp3.MSU) *AS { return g.routes.Load().find(na, m) }

// Transfer sends a message to the AS it belongs to: [SG.Route], then [AS.Transfer]; ErrNoRoute if
// there is none.
func (g *SG) Transfer(na Optional, m *mtp3.MSU) error {
	s := g.routes.Load().find(na, m)
	if s == nil {
		g.noRoute.Add(1)
		return ErrNoRoute
	}
	return s.Transfer(m)
}
