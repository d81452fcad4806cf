package m3ua

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// AddASP adds an ASP to the configuration, and dials it if it has Dial.
func (g *SG) AddASP(cfg ASPConfig) error {
	if cfg.Name == "" {
		return &ConfigError{cfg.Name, "an ASP without a name"}
	}
	var err error
	g.do(func(_ time.Time, out []output) []output {
		if g.core.asps[cfg.Name] != nil {
			err = &ConfigError{cfg.Name, "there is an ASP of this name"}
			return out
		}
		p := &sgPeer{g: g, gone: make(chan struct{})}
		p.core = &aspCore{cfg: cfg, peer: p}
		p.look()
		g.core.asps[cfg.Name] = p.core
		if cfg.Dial != nil {
			g.wg.Go(func() { g.dial(p) })
		}
		return out
	})
	return err
}

// dial keeps an association with an ASP.
func (g *SG) dial(p *sgPeer) {
	ctx, cancel := context.WithCancel(g.ctx)
	defer cancel()
	go func() {
		select {
		case <-p.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	redial(ctx, p.core.cfg.Dial, p.core.cfg.MaxBackoff, func(c sctp.Conn) {
		if run, err := g.attach(p.core.cfg.Name, c); err == nil {
			run()
		}
	}, func(err error) {
		if g.cfg.Logger != nil {
			g.cfg.Logger.Warn("m3ua: cannot reach the ASP", "asp", p.core.cfg.Name, "err", err)
		}
	})
}

// redial dials and uses associations until ctx is done, with pauses from 1 s that double up to
// limit; an association that lasted a minute begins with 1 s again.
func redial(ctx context.Context, dial func(context.Context) (sctp.Conn, error), limit time.Duration, use func(sctp.Conn), failed func(error)) {
	if limit == 0 {
		limit = 30 * time.Second
	}
	pause := min(time.Second, limit)
	for ctx.Err() == nil {
		start := time.Now()
		c, err := dial(ctx)
		if err == nil {
			use(c)
			if time.Since(start) >= time.Minute {
				pause = min(time.Second, limit)
			}
		} else if ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, limit)
	}
}

// RemoveASP takes an ASP out of the configuration and all AS, and ends its association.
func (g *SG) RemoveASP(name string) error {
	var c sctp.Conn
	err := g.withASP(name, func(now time.Time, a *aspCore, out []output) []output {
		if a.up {
			out = append(out, output{asp: a, send: &ASPDownAck{Info: "removed"}})
		}
		out = g.core.toDown(now, a, false, out)
		for _, m := range slices.Clone(a.members) {
			out = g.core.leave(now, m, out)
			m.as.cfg.ASPs = slices.DeleteFunc(m.as.cfg.ASPs, func(s string) bool { return s == name })
		}
		delete(g.core.asps, name)
		close(a.peer.gone)
		if l := a.peer.link; l != nil {
			c = l.conn
		}
		return out
	})
	if c != nil {
		c.Close()
	}
	return err
}

// AddAS adds an AS to the configuration. Its ASPs must be there already.
func (g *SG) AddAS(cfg ASConfig) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	var err error
	g.do(func(now time.Time, out []output) []output {
		if err = g.checkAS(&cfg); err != nil {
			return out
		}
		cfg.Key = cfg.Key.clone()
		s := &asCore{cfg: cfg, mode: cfg.TrafficMode}
		g.core.as, g.core.index = append(g.core.as, s), nil
		out = append(out, output{routes: true})
		g.adopt(s)
		for _, name := range cfg.ASPs {
			g.core.join(s, g.core.asps[name], false)
		}
		out = g.core.update(now, s, out)
		return out
	})
	return err
}

// checkAS says why an AS cannot be added.
func (g *SG) checkAS(cfg *ASConfig) error {
	bad := func(format string, a ...any) error { return &ConfigError{cfg.Name, fmt.Sprintf(format, a...)} }
	for _, s := range g.core.as {
		switch {
		case s.cfg.Name == cfg.Name:
			return bad("there is an AS of this name")
		case s.cfg.RoutingContext == cfg.RoutingContext && cfg.RoutingContext != 0:
			return bad("AS %q has Routing Context %d", s.cfg.Name, cfg.RoutingContext)
		case len(cfg.Key.Groups) > 0 && s.cfg.Key.Equal(cfg.Key):
			return bad("AS %q has the same routing key: %v", s.cfg.Name, cfg.Key)
		}
	}
	for i, name := range cfg.ASPs {
		a := g.core.asps[name]
		switch {
		case a == nil:
			return bad("its ASP %q is not configured", name)
		case slices.Contains(cfg.ASPs[:i], name):
			return bad("its ASP %q is named twice", name)
		case len(a.members) > 0 && (cfg.RoutingContext == 0 || a.members[0].as.cfg.RoutingContext == 0):
			return bad("its ASP %q is in several AS, so that each needs a Routing Context", name)
		}
	}
	return nil
}

// RemoveAS takes an AS out of the configuration.
func (g *SG) RemoveAS(name string) error {
	return g.withAS(name, func(now time.Time, s *asCore, out []output) []output {
		for _, m := range s.members {
			if m.state == Active {
				out = append(out, output{asp: m.asp, send: &ASPInactiveAck{RoutingContexts: s.contexts(), Info: "removed"}})
			}
		}
		s.cfg.Blocked = true // nothing waits for T(r)
		if s.dynamic {
			g.core.dynamic--
		}
		return g.core.removeAS(now, s, out)
	})
}

// JoinAS adds an ASP to those of an AS. It has to become active in it.
func (g *SG) JoinAS(as, asp string) error {
	return g.member(as, asp, func(now time.Time, s *asCore, a *aspCore, m *member, out []output) ([]output, error) {
		switch {
		case m != nil:
			return out, &ConfigError{as, fmt.Sprintf("ASP %q is in it already", asp)}
		case len(a.members) > 0 && (s.cfg.RoutingContext == 0 || a.members[0].as.cfg.RoutingContext == 0):
			return out, &ConfigError{as, fmt.Sprintf("its ASP %q is in several AS, so that each needs a Routing Context", asp)}
		}
		s.cfg.ASPs = append(slices.Clone(s.cfg.ASPs), asp)
		g.core.join(s, a, false)
		return g.core.update(now, s, append(out, output{routes: true})), nil
	})
}

// LeaveAS takes an ASP out of those of an AS. If it is active in it, it is told with an ASP Inactive Ack.
func (g *SG) LeaveAS(as, asp string) error {
	return g.member(as, asp, func(now time.Time, s *asCore, a *aspCore, m *member, out []output) ([]output, error) {
		if m == nil {
			return out, &ConfigError{as, fmt.Sprintf("ASP %q is not in it", asp)}
		}
		if m.state == Active {
			out = append(out, output{asp: a, send: &ASPInactiveAck{RoutingContexts: s.contexts(), Info: "removed"}})
		}
		s.cfg.ASPs = slices.DeleteFunc(slices.Clone(s.cfg.ASPs), func(name string) bool { return name == asp })
		return g.core.leave(now, m, out), nil
	})
}

func (g *SG) member(as, asp string, f func(time.Time, *asCore, *aspCore, *member, []output) ([]output, error)) error {
	var err error
	if e := g.withAS(as, func(now time.Time, s *asCore, out []output) []output {
		a := g.core.asps[asp]
		if a == nil {
			err = &ConfigError{asp, "no such ASP"}
			return out
		}
		var m *member
		for _, x := range s.members {
			if x.asp == a {
				m = x
			}
		}
		out, err = f(now, s, a, m, out)
		return out
	}); e != nil {
		return e
	}
	return err
}

func (g *SG) withASP(name string, f func(time.Time, *aspCore, []output) []output) error {
	var err error = ErrClosed
	g.do(func(now time.Time, out []output) []output {
		a := g.core.asps[name]
		if a == nil {
			err = &ConfigError{name, "no such ASP"}
			return out
		}
		err = nil
		return f(now, a, out)
	})
	return err
}

func (g *SG) withAS(name string, f func(time.Time, *asCore, []output) []output) error {
	var err error = ErrClosed
	g.do(func(now time.Time, out []output) []output {
		for _, s := range g.core.as {
			if s.cfg.Name == name {
				err = nil
				return f(now, s, out)
			}
		}
		err = &ConfigError{name, "no such AS"}
		return out
	})
	return err
}

// BlockASP puts an ASP down and keeps it so: its ASP Up is answered with ERR (Refused - Management
// Blocking). UnblockASP lets it come up again.
func (g *SG) BlockASP(name string) error {
	return g.withASP(name, func(now time.Time, a *aspCore, out []output) []output {
		return g.core.blockASP(now, a, true, out)
	})
}

// UnblockASP ends BlockASP.
func (g *SG) UnblockASP(name string) error {
	return g.withASP(name, func(now time.Time, a *aspCore, out []output) []output {
		return g.core.blockASP(now, a, false, out)
	})
}

// BlockAS makes the ASPs of an AS inactive in it and keeps them so: ASP Active is answered with ERR
// (Refused - Management Blocking). UnblockAS ends that.
func (g *SG) BlockAS(name string) error {
	return g.withAS(name, func(now time.Time, s *asCore, out []output) []output {
		return g.core.blockAS(now, s, true, out)
	})
}

// UnblockAS ends BlockAS.
func (g *SG) UnblockAS(name string) error {
	return g.withAS(name, func(now time.Time, s *asCore, out []output) []output {
		return g.core.blockAS(now, s, false, out)
	})
}

// Isolate says that the gateway has lost its network altogether (RFC 4666 section 4.7): all ASPs
// are put down and cannot come up, until it is called with false.
func (g *SG) Isolate(on bool) {
	g.do(func(now time.Time, out []output) []output { return g.core.isolate(now, on, out) })
}

// Pause is MTP-PAUSE: the destinations cannot be reached. The concerned ASPs get DUNA, and so do
// those that become active later.
func (g *SG) Pause(na Optional, d mtp3.Destination) { g.available(na, d, mtp3.Unavailable) }

// Resume is MTP-RESUME: the destinations can be reached. The concerned ASPs get DAVA.
func (g *SG) Resume(na Optional, d mtp3.Destination) { g.available(na, d, mtp3.Available) }

// Restrict says that the destinations are better reached another way. The concerned ASPs get DRST.
func (g *SG) Restrict(na Optional, d mtp3.Destination) { g.available(na, d, mtp3.Restricted) }

func (g *SG) available(na Optional, d mtp3.Destination, av mtp3.Availability) {
	g.do(func(_ time.Time, out []output) []output { return g.core.setAvailability(na, d, av, out) })
}

// Congested is MTP-STATUS: the destinations are congested, at a level of 1 to 3, or no longer (0).
// The concerned ASPs get SCON.
func (g *SG) Congested(na Optional, d mtp3.Destination, level uint8) {
	g.do(func(_ time.Time, out []output) []output { return g.core.setCongestion(na, d, min(level, 3), out) })
}

// TellCongested is Congested for networks where nothing says when congestion ends (Q.704 section
// 11.2.3): the concerned ASPs get SCON once, and it is not remembered.
func (g *SG) TellCongested(na Optional, d mtp3.Destination, level uint8) {
	g.do(func(_ time.Time, out []output) []output {
		return g.core.distribute(TypeSCON, na, []mtp3.Destination{d.Canonical()}, g.core.level(min(level, 3)), nil, nil, out)
	})
}

// UserUnavailable is MTP-STATUS: a user part of a destination does not answer. The concerned ASPs
// get DUPU.
func (g *SG) UserUnavailable(na Optional, pc mtp3.PointCode, user mtp3.ServiceIndicator, cause UnavailabilityCause) {
	g.do(func(_ time.Time, out []output) []output { return g.core.userUnavailable(na, pc, user, cause, out) })
}

// AS is the AS of a name, or nil.
func (g *SG) AS(name string) *AS {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.core.as {
		if s.cfg.Name == name {
			return s.handle
		}
	}
	return nil
}

// ASPStats says how an ASP stands and what its association carried.
type ASPStats struct {
	Name       string
	Associated bool
	State      State // Active: in at least one AS
	Blocked    bool
	Identifier Optional
	Remote     string
	LinkStats
}

// SGStats is a snapshot of a gateway.
type SGStats struct {
	AS  []ASStats
	ASP []ASPStats

	NoRoute      uint64 // messages that no routing key matched
	UnknownPeers uint64 // associations of nobody that is configured
	ErrorsSent   uint64
	ErrorsHeard  uint64
	Lost         uint64 // messages that waited for an ASP when its association ended; of those being sent some may have arrived
}

// Stats is a snapshot.
func (g *SG) Stats() SGStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	st := SGStats{NoRoute: g.noRoute.Load(), UnknownPeers: g.unknownPeers.Load(), ErrorsSent: g.errsSent.Load(), ErrorsHeard: g.errsReceived.Load(), Lost: g.lost.Load()}
	for _, s := range g.core.as {
		x := ASStats{Name: s.cfg.Name, RoutingContext: s.cfg.RoutingContext, State: s.state, TrafficMode: s.mode, Key: s.cfg.Key.clone(),
			Registered: s.dynamic, Blocked: s.cfg.Blocked, ASPs: map[string]State{}}
		for _, m := range s.members {
			x.ASPs[m.asp.cfg.Name] = m.state
		}
		if h := s.handle; h != nil {
			x.Congestion = h.level
			x.Transferred, x.Refused = h.transferred.Load(), h.refused.Load()
			x.Queued, x.Overflowed, x.Expired = h.queued.Load(), h.overflowed.Load(), h.expired.Load()
			h.mu.Lock()
			x.Waiting = len(h.waiting)
			h.mu.Unlock()
		}
		st.AS = append(st.AS, x)
	}
	for _, name := range sortedKeys(g.core.asps) {
		a := g.core.asps[name]
		x := ASPStats{Name: name, Associated: a.ready, Blocked: a.cfg.Blocked, Identifier: a.id, LinkStats: a.peer.link.stats()}
		if a.up {
			if x.State = Inactive; a.active() {
				x.State = Active
			}
		}
		if l := a.peer.link; l != nil {
			x.Remote = l.conn.RemoteAddr().String()
		}
		st.ASP = append(st.ASP, x)
	}
	return st
}

// Close shuts all associations down (RFC 4666 section 4.9 b) and waits for the gateway's goroutines.
// It must not be called from the functions of SGConfig.
func (g *SG) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		g.wg.Wait()
		return nil
	}
	g.closed = true
	g.timer.Stop()
	var conns []sctp.Conn
	for _, a := range g.core.asps {
		if l := a.peer.link; l != nil {
			conns = append(conns, l.conn)
		}
		a.peer.link = nil
	}
	for _, s := range g.core.as {
		if s.handle != nil {
			s.handle.publish(closed)
		}
	}
	g.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	g.cancel()
	g.wg.Wait()
	return nil
}
