package m3ua

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// ASP is an Application Server Process: the side of M3UA that has the user parts, towards one
// signalling gateway process; or an IPSP towards another (RFC 4666 section 1.2). It keeps its
// association, and the state it was told to have, through every loss.
//
// An application that has several gateways has an ASP for each, and routes between them by the
// primitives that their Event functions get.
type ASP struct {
	cfg    ClientConfig
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	view atomic.Pointer[clientView]
	kick chan struct{}

	mu      sync.Mutex
	core    *clientCore
	link    *link
	out     []output
	timer   *time.Timer
	closed  bool
	news    chan struct{} // closed, and made anew, after every change
	events  events
	refused atomic.Uint64 // DATA that could not be sent
	ignored atomic.Uint64 // DATA that came while inactive
}

// clientView is what DATA in both directions needs to know of the states; it never changes.
type clientView struct {
	link *link
	out  []Optional // Routing Contexts that DATA may be sent for
	in   []Optional // and may come for
}

// NewASP makes an ASP, which is ASP-DOWN until Up or Active is called, and starts to dial.
func NewASP(cfg ClientConfig) *ASP {
	a := &ASP{core: newClientCore(cfg), news: make(chan struct{}), kick: make(chan struct{}, 1)}
	a.cfg = a.core.cfg
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.events.deliver = a.event
	a.timer = time.AfterFunc(time.Hour, func() { a.do(a.core.expire) })
	a.view.Store(&clientView{})
	a.wg.Go(a.watch)
	if cfg.Dial != nil {
		a.wg.Go(func() {
			redial(a.ctx, cfg.Dial, cfg.MaxBackoff, func(c sctp.Conn) {
				if run, err := a.attach(c); err == nil {
					run()
				}
			}, func(err error) {
				if a.cfg.Logger != nil {
					a.cfg.Logger.Warn("m3ua: cannot reach the gateway", "asp", a.cfg.Name, "err", err)
				}
			})
		})
	}
	return a
}

func (a *ASP) event(e Event) {
	if l := a.cfg.Logger; l != nil {
		level := slog.LevelInfo
		if e.Kind == ErrorSentEvent || e.Kind == ErrorEvent {
			level = slog.LevelWarn
		}
		l.Log(a.ctx, level, "m3ua: "+e.String(), "asp", e.ASP, "routing_context", e.RoutingContexts)
	}
	if a.cfg.Event != nil {
		a.cfg.Event(e)
	}
}

// watch follows the congestion of the queue towards the peer: the user is told as of congestion in
// the network (RFC 4666 section 1.4.6).
func (a *ASP) watch() {
	told := uint8(0)
	for {
		select {
		case <-a.kick:
			a.do(func(_ time.Time, out []output) []output {
				level := uint8(0)
				if a.link != nil {
					level = uint8(a.link.level.Load())
				}
				if level == told {
					return out
				}
				told = level
				p := a.core.primitive(mtp3.StatusPrimitive, everything)
				p.ev.Primitive.Status = mtp3.Status{Cause: mtp3.Congested, Level: level}
				return append(out, output{ev: Event{Kind: CongestionEvent, ASP: a.cfg.Name, Level: level}}, p)
			})
		case <-a.ctx.Done():
			return
		}
	}
}

func (a *ASP) do(f func(now time.Time, out []output) []output) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	a.perform(f(time.Now(), a.out[:0]))
	a.mu.Unlock()
	a.events.drain()
}

func (a *ASP) perform(out []output) {
	// Traffic stops before its end is acknowledged.
	if slices.ContainsFunc(out, func(o output) bool { return o.routes }) {
		a.look()
	}
	for i := range out {
		o := &out[i]
		if o.send != nil && a.link != nil {
			a.link.send(o.send, o.on)
		}
		if l := a.link; o.drop != nil && l != nil {
			why := o.drop.Error()
			a.wg.Go(func() { l.conn.Abort(why) })
		}
		if o.ev.Kind != 0 {
			a.events.add(o.ev)
		}
	}
	clear(out)
	a.out = out[:0]
	close(a.news)
	a.news = make(chan struct{})
	if at := a.core.deadline(); !at.IsZero() {
		a.timer.Reset(time.Until(at))
	}
}

// look makes the view anew.
func (a *ASP) look() {
	c := a.core
	v := &clientView{link: a.link}
	for _, s := range c.as {
		if s.state == Active || s.asked {
			v.in = append(v.in, s.rc)
		}
		if s.state == Active && c.cfg.Exchange != DoubleExchange {
			v.out = append(v.out, s.rc)
		}
	}
	if c.cfg.Exchange == DoubleExchange {
		for _, rc := range sortedKeys(c.peerActive) {
			v.out = append(v.out, Optional{rc, rc != 0})
		}
	}
	a.view.Store(v)
}

// Attach takes an association that somebody else set up. If the ASP has one, that is aborted.
func (a *ASP) Attach(c sctp.Conn) error {
	run, err := a.attach(c)
	if err == nil {
		go run()
	}
	return err
}

func (a *ASP) attach(c sctp.Conn) (func(), error) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		c.Abort("closed")
		return nil, ErrClosed
	}
	l := newLink(c, a.cfg.Name, a.cfg.SendMessages, a.cfg.SendOctets, a.cfg.Trace, a.cfg.Logger)
	l.heard = &a.core.heard
	l.onLevel = func() {
		select {
		case a.kick <- struct{}{}:
		default:
		}
	}
	out := a.out[:0]
	if old := a.link; old != nil {
		a.link = nil
		out = a.core.lost(time.Now(), false, errReplaced, out)
		old.close()
		a.wg.Go(func() { old.conn.Abort(errReplaced.Error()) })
	}
	a.link = l
	out = a.core.associated(time.Now(), l.single, out)
	ctx, cancel := context.WithCancel(a.ctx)
	a.perform(out)
	a.wg.Add(2)
	a.mu.Unlock()
	a.events.drain()
	go func() {
		defer a.wg.Done()
		l.write(ctx)
	}()
	return func() {
		defer a.wg.Done()
		defer cancel()
		r := &clientReader{a: a, l: l}
		r.in.ASP = a.cfg.Name
		err := l.read(ctx, r)
		l.close()
		a.do(func(now time.Time, out []output) []output {
			if a.link != l {
				return out
			}
			a.link = nil
			return a.core.lost(now, false, err, out)
		})
		l.conn.Close()
	}, nil
}

// clientReader is the goroutine that reads the association.
type clientReader struct {
	a  *ASP
	l  *link
	d  DATA
	in Indication
}

func (r *clientReader) event(e *sctp.Event) {
	if e.Kind == sctp.Restart {
		r.a.do(func(now time.Time, out []output) []output {
			if r.a.link != r.l {
				return out
			}
			return r.a.core.lost(now, true, errors.New("m3ua: the peer began anew"), out)
		})
	}
}

func (r *clientReader) message(stream uint16, b []byte) {
	var m Message
	var err error
	if len(b) >= 4 && b[2] == byte(Transfer) && (stream != 0 || r.l.single) {
		if err = r.d.Parse(b); err == nil {
			if v := r.a.view.Load(); v.takes(&r.d) {
				if r.a.cfg.Transfer != nil {
					r.in.NetworkAppearance, r.in.CorrelationID, r.in.RoutingContext, r.in.MSU = r.d.NetworkAppearance, r.d.CorrelationID, r.d.RoutingContext, r.d.MSU
					r.a.cfg.Transfer(&r.in)
				}
				return
			}
			r.a.ignored.Add(1)
			m = &r.d
		}
	} else {
		m, err = Parse(b)
	}
	r.a.do(func(now time.Time, out []output) []output {
		if r.a.link != r.l {
			return out
		}
		if err != nil {
			return r.a.core.bad(now, err, b, out)
		}
		return r.a.core.handle(now, stream, m, b, out)
	})
}

// takes says whether DATA is for an AS that is active, or about to be.
func (v *clientView) takes(d *DATA) bool {
	if !d.RoutingContext.Set {
		return len(v.in) == 1
	}
	for _, rc := range v.in {
		if rc == d.RoutingContext || !rc.Set {
			return true
		}
	}
	return false
}

// Transfer sends a message to the peer, for the one AS this ASP is active in, or the first of
// several. It neither waits nor keeps m. The errors are ErrNotActive, ErrCongested, ErrTooLong,
// ErrNoStream.
func (a *ASP) Transfer(m *mtp3.MSU) error {
	v := a.view.Load()
	if len(v.out) == 0 || v.link == nil {
		a.refused.Add(1)
		return ErrNotActive
	}
	return a.send(v, v.out[0], m)
}

// TransferFor is Transfer for the AS with a Routing Context.
func (a *ASP) TransferFor(rc uint32, m *mtp3.MSU) error {
	v := a.view.Load()
	if v.link == nil || !slices.Contains(v.out, Some(rc)) {
		a.refused.Add(1)
		return ErrNotActive
	}
	return a.send(v, Some(rc), m)
}

func (a *ASP) send(v *clientView, rc Optional, m *mtp3.MSU) error {
	d := DATA{NetworkAppearance: a.cfg.NetworkAppearance, RoutingContext: rc, MSU: *m}
	err := v.link.sendDATA(&d)
	if err != nil {
		a.refused.Add(1)
	}
	return err
}

// Up is M-ASP_UP: the ASP is to be ASP-INACTIVE. It waits until it is.
func (a *ASP) Up(ctx context.Context) error { return a.reach(ctx, Inactive) }

// Active is M-ASP_ACTIVE: the ASP is to be ASP-ACTIVE in all its AS, going up and registering its
// routing keys first. It waits until it is, or on standby where it is to be so. An ASP that was
// overridden takes its traffic back.
//
// A refusal ends the wait with a *[RefusedError] or *[RegistrationError]; the ASP keeps trying all
// the same, as it does after a loss of the association.
func (a *ASP) Active(ctx context.Context) error { return a.reach(ctx, Active) }

// Inactive is M-ASP_INACTIVE: the ASP is to take no more traffic. It waits until it does not.
func (a *ASP) Inactive(ctx context.Context) error { return a.reach(ctx, Inactive) }

// Down is M-ASP_DOWN: the ASP leaves all AS, gives back the routing keys it registered, and waits
// until it is ASP-DOWN.
func (a *ASP) Down(ctx context.Context) error { return a.reach(ctx, Down) }

func (a *ASP) reach(ctx context.Context, goal State) error {
	refused := 0
	a.do(func(now time.Time, out []output) []output {
		refused = a.core.refused
		if goal == Active && !a.cfg.Standby {
			for _, s := range a.core.as {
				s.idle = false
			}
		}
		a.core.goal, a.core.stopped = goal, false
		return a.core.step(now, out)
	})
	for {
		a.mu.Lock()
		done, news, closed := a.core.reached(), a.news, a.closed
		var err error
		if a.core.refused != refused {
			err = a.core.refusal
		}
		a.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case done:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reached says whether the goal is reached.
func (c *clientCore) reached() bool {
	switch c.goal {
	case Down:
		return !c.up
	case Inactive:
		return c.up && c.state() == Inactive
	}
	if !c.up {
		return false
	}
	for _, k := range c.keys {
		if k.as == nil {
			return false
		}
	}
	for _, s := range c.as {
		if s.state != Active && !s.idle {
			return false
		}
	}
	return c.cfg.Exchange != DoubleExchange || len(c.peerActive) > 0
}

// Audit asks the gateway for the state of destinations (DAUD); the answers come as primitives.
func (a *ASP) Audit(ds ...mtp3.Destination) error {
	err := error(ErrNotActive)
	a.do(func(_ time.Time, out []output) []output {
		if a.core.state() != Active {
			return out
		}
		err = nil
		return a.core.audit(slices.Clone(ds), out)
	})
	return err
}

// Congested tells the peer that this ASP is congested, or what is behind it (SCON, RFC 4666
// section 1.4.6).
func (a *ASP) Congested(d mtp3.Destination, level Optional) error {
	err := error(ErrNotActive)
	a.do(func(_ time.Time, out []output) []output {
		if a.core.state() != Active {
			return out
		}
		err = nil
		return append(out, output{send: &SCON{NetworkAppearance: a.cfg.NetworkAppearance, RoutingContexts: a.core.activeContexts(), Affected: []mtp3.Destination{d}, Level: level}})
	})
	return err
}

// ClientStats is a snapshot of an ASP.
type ClientStats struct {
	State           State
	RoutingContexts map[uint32]State // of AS that have one
	Refused         uint64           // messages that could not be sent
	Ignored         uint64           // messages that came while the ASP was inactive
	LinkStats
}

// Stats is a snapshot.
func (a *ASP) Stats() ClientStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	st := ClientStats{State: a.core.state(), RoutingContexts: map[uint32]State{}, Refused: a.refused.Load(), Ignored: a.ignored.Load(), LinkStats: a.link.stats()}
	for _, s := range a.core.as {
		if s.rc.Set {
			st.RoutingContexts[s.rc.Value] = s.state
		}
	}
	return st
}

// Close shuts the association down (RFC 4666 section 4.9 b; call Down before for a) and waits for
// the ASP's goroutines. It must not be called from the functions of ClientConfig.
func (a *ASP) Close() error {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		a.timer.Stop()
		close(a.news)
		a.view.Store(&clientView{})
		if a.link != nil {
			a.link.conn.Close()
			a.link = nil
		}
	}
	a.mu.Unlock()
	a.cancel()
	a.wg.Wait()
	return nil
}
