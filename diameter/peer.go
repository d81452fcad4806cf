package diameter

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/trace"
)

// peer is an entry of the peer table: the machines of RFC 6733 section 5.6 and RFC 3539, and what
// their actions act upon. Whoever has an event runs the machines, under mu.
type peer struct {
	n       *Node
	cfg     Peer
	key     string    // fold(cfg.Host)
	dynamic bool      // admitted by Config.Accept: gone when its connection is
	expires time.Time // made by a redirect indication; zero: stays

	stats peerCounters

	// usable is the connection that requests may go to now: OKAY in RFC 3539's words.
	usable atomic.Pointer[conn]
	remote atomic.Pointer[Capabilities] // what the peer announced last

	timer   *time.Timer
	timerAt atomic.Int64 // when the timer will run, in Unix nanoseconds; 0: it will not

	mu         sync.Mutex
	m          peerMachine
	w          watchdog
	iconn      *conn // the initiator's connection: ours
	rconn      *conn // the responder's: the peer's
	conn       *conn // the one in use, from the open states on
	newConn    *conn // of the R-Conn-CER being handled
	newCaps    *Capabilities
	newTLS     bool   // TLS in band has been agreed on for rconn
	request    Header // of the CER, DWR or DPR being handled
	dialCancel context.CancelFunc
	dialed     int  // attempts, so that late results are known
	inOrder    bool // DPR has been sent or received
	parted     bool // DPR has been received
	cause      DisconnectCause
	stay       bool // do not connect by ourselves
	gone       bool // removed from the table
	reason     string
	since      time.Time
	after      []func()
}

func (n *Node) newPeer(cfg Peer) *peer {
	t := n.cfg.Timers
	p := &peer{n: n, cfg: cfg, key: fold(cfg.Host), since: time.Now()}
	p.m = peerMachine{local: n.cfg.OriginHost, remote: cfg.Host, connect: t.Connect + time.Second, wait: t.CER, closing: t.Closing}
	p.w = watchdog{tw: t.Tw, jitter: max(t.TwJitter, 0), reopen: t.ReopenWatchdogs, tcMax: t.TcMax}
	p.setTc()
	p.timer = time.AfterFunc(time.Hour, p.tick)
	p.timer.Stop()
	return p
}

func (p *peer) host() string { return p.cfg.Host }

func (p *peer) tlsConfig() *tls.Config {
	cfg := p.cfg.TLS
	if cfg == nil {
		cfg = p.n.cfg.TLS
	}
	if cfg != nil && cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName = p.cfg.Host
	}
	return cfg
}

// setTc makes the watchdog try to connect, or not.
func (p *peer) setTc() {
	p.w.tc = 0
	if len(p.cfg.Addresses) > 0 && !p.stay && !p.gone {
		p.w.tc = p.n.cfg.Timers.Tc
	}
}

// do runs f under the lock, then what the actions left to do without it.
func (p *peer) do(f func(now time.Time)) {
	now := time.Now()
	p.mu.Lock()
	f(now)
	after := p.after
	p.after = nil
	p.schedule()
	p.mu.Unlock()
	for _, g := range after {
		g()
	}
}

func (p *peer) later(f func()) { p.after = append(p.after, f) }

// schedule sets the timer to the next deadline of the machines.
func (p *peer) schedule() {
	next := p.m.deadline
	for _, d := range []time.Time{p.w.deadline, p.expires} {
		if !d.IsZero() && (next.IsZero() || d.Before(next)) {
			next = d
		}
	}
	if !next.IsZero() && !p.gone {
		p.arm(next)
	}
}

// arm makes the timer run at t at the latest.
func (p *peer) arm(t time.Time) {
	at := t.UnixNano()
	for {
		old := p.timerAt.Load()
		if old != 0 && old <= at {
			return
		}
		if p.timerAt.CompareAndSwap(old, at) {
			p.timer.Reset(max(time.Until(t), 0))
			return
		}
	}
}

// tick runs what is due: the machines' timers, and requests that have waited too long.
func (p *peer) tick() {
	p.timerAt.Store(0)
	var late []*leg
	p.do(func(now time.Time) {
		if p.gone {
			return
		}
		if !p.m.deadline.IsZero() && !now.Before(p.m.deadline) {
			p.because("no answer in time (" + p.m.state.String() + ")")
			p.event(now, evTimeout)
		}
		p.watch(now, p.w.expire(now, nil))
		for _, c := range []*conn{p.iconn, p.rconn} {
			if c != nil {
				ls, next := c.pend.expired(now)
				late = append(late, ls...)
				if !next.IsZero() {
					p.arm(next)
				}
			}
		}
		if !p.expires.IsZero() && !now.Before(p.expires) {
			p.expires = time.Time{}
			p.later(func() { p.n.dropPeer(p, "the redirect indication is over") })
		}
	})
	for _, l := range late {
		p.n.timedOut(p, l.tx)
	}
}

func (p *peer) because(reason string) { p.reason = reason }

// event runs the peer state machine.
func (p *peer) event(now time.Time, ev peerEvent) bool {
	var buf [8]peerAction
	before := p.m.state
	actions, ok := p.m.handle(now, ev, buf[:0])
	for _, a := range actions {
		p.act(a)
	}
	if p.m.state != before {
		p.changed(now, before)
	}
	return ok
}

// on is the event that has a form for either connection, as it is for c.
func (p *peer) on(c *conn, initiator, responder peerEvent) peerEvent {
	if c == p.iconn {
		return initiator
	}
	return responder
}

// act carries out an action of RFC 6733 section 5.6.3. Those about single messages are carried out by
// who handles the message.
func (p *peer) act(a peerAction) {
	switch a {
	case acISndConnReq:
		p.dialed++
		ctx, cancel := context.WithTimeout(p.n.ctx, p.n.cfg.Timers.Connect)
		p.dialCancel = cancel
		attempt := p.dialed
		if !p.n.spawn(func() { defer cancel(); p.dial(ctx, attempt) }) {
			cancel()
		}
	case acISndCER:
		p.n.sendCER(p.iconn)
	case acRAccept:
		p.rconn, p.newConn = p.newConn, nil
		p.rconn.peer = p
	case acRReject:
		p.newConn.close(errors.New("diameter: the peer is connected already"), false)
		p.newConn = nil
	case acProcessCER:
		p.remote.Store(p.newCaps)
	case acRSndCEA:
		p.n.sendCEA(p.rconn, p.request)
		if p.newTLS {
			p.rconn.awaitTLS()
		}
	case acProcessCEA:
		p.remote.Store(p.newCaps)
	case acCleanup:
		p.stopDialling()
	case acError:
		p.stopDialling()
		p.disc(&p.iconn, true)
		p.disc(&p.rconn, true)
	case acIDisc:
		p.disc(&p.iconn, false)
	case acRDisc:
		p.disc(&p.rconn, false)
	case acISndDPR, acRSndDPR:
		p.inOrder = true
		p.conn.send(p.n.disconnectRequest(p.conn, p.cause), nil)
	case acISndDPA, acRSndDPA:
		p.inOrder = true
		p.conn.send(p.n.baseAnswer(p.request, Success), nil)
	case acISndDWA, acRSndDWA:
		p.conn.send(p.n.baseAnswer(p.request, Success), p.conn)
	}
}

func (p *peer) stopDialling() {
	if p.dialCancel != nil {
		p.dialCancel()
		p.dialCancel = nil
	}
	p.dialed++
}

// disc ends a connection. What the peer still has to be told is written first.
func (p *peer) disc(c **conn, abort bool) {
	if *c == nil {
		return
	}
	if abort {
		(*c).close(errors.New("diameter: "+p.reason), true)
	} else {
		(*c).finish(nil)
	}
	*c = nil
}

// changed follows a change of state with what it means for the watchdog and for requests.
func (p *peer) changed(now time.Time, before PeerState) {
	state := p.m.state
	switch {
	case state.Open() && !before.Open():
		p.stopDialling()
		if p.conn = p.iconn; state == PeerROpen {
			p.conn = p.rconn
		}
		p.inOrder, p.parted, p.stay = false, false, false
		p.setTc()
		p.watch(now, p.w.connectionUp(now, nil))
		if p.w.status == WatchdogOkay {
			p.usable.Store(p.conn)
		}
		p.reason = "capabilities exchanged"
	case !state.Open() && before.Open():
		p.usable.Store(nil)
	}
	if state == PeerClosed {
		p.closed(now)
	}
	p.tell(before.String(), state.String())
	p.since = now
	p.n.peersChanged()
}

func (p *peer) closed(now time.Time) {
	c := p.conn
	p.conn, p.newTLS = nil, false
	p.setTc()
	switch {
	case c == nil: // never got that far
		if p.w.deadline.IsZero() {
			p.w.setWatchdog(now)
		}
	case p.inOrder:
		p.w.parted(now)
	default:
		p.watch(now, p.w.connectionDown(now, nil))
	}
	if c != nil {
		p.n.redirect.forget(p.key)
		p.later(func() { p.n.failover(p, c, false) })
	}
	if p.dynamic {
		p.later(func() { p.n.dropPeer(p, "") })
	}
}

// watch carries out the actions of the watchdog.
func (p *peer) watch(now time.Time, actions []watchdogAction) {
	for _, a := range actions {
		switch a {
		case wdSendWatchdog:
			p.stats.WatchdogsSent.Add(1)
			p.conn.send(p.n.watchdogRequest(p.conn), nil)
		case wdFailover:
			p.usable.Store(nil)
			if c := p.conn; c != nil {
				p.because("no answer to the watchdog")
				p.tell(WatchdogOkay.String(), WatchdogSuspect.String())
				p.later(func() { p.n.failover(p, c, true) })
				p.n.peersChanged()
			}
		case wdFailback:
			if p.m.state.Open() {
				p.usable.Store(p.conn)
			}
			p.because("the peer answers")
			p.tell("", WatchdogOkay.String())
			p.n.peersChanged()
		case wdCloseConnection:
			if p.conn != nil && p.m.state != PeerClosed {
				p.because("no sign of life since the watchdog")
				p.event(now, evFail)
			}
		case wdAttemptOpen:
			if p.m.state == PeerClosed && !p.n.closing.Load() {
				p.because("Tc")
				p.event(now, evStart)
			}
		}
	}
}

// tell lets the operator know of a change, when the lock is free.
func (p *peer) tell(from, to string) {
	reason, status, watchdog := p.reason, p.status(), p.w.status
	p.later(func() {
		n := p.n
		if l := n.log; l != nil {
			level := slog.LevelInfo
			if watchdog == WatchdogSuspect {
				level = slog.LevelWarn
			}
			l.Log(n.ctx, level, "diameter peer", "peer", p.cfg.Host, "from", from, "to", to, "watchdog", watchdog.String(), "reason", reason)
		}
		if n.cfg.Trace != nil {
			n.cfg.Trace(trace.Event{Time: time.Now(), Interface: n.cfg.OriginHost, Proto: trace.Diameter,
				Correlation: p.cfg.Host, Comment: p.cfg.Host + ": " + from + " -> " + to + ": " + reason})
		}
		if f := n.cfg.PeerChanged; f != nil {
			f(status)
		}
	})
}

// stop parts from the peer (Stop of RFC 6733).
func (p *peer) stop(cause DisconnectCause, reason string) {
	p.do(func(now time.Time) {
		p.cause, p.stay = cause, true
		p.because(reason)
		p.setTc()
		p.w.setWatchdog(now)
		p.event(now, evStop)
	})
}

// connect makes the peer be connected to again, at once.
func (p *peer) connect() {
	p.do(func(now time.Time) {
		p.stay = false
		p.setTc()
		if p.m.state == PeerClosed && p.w.tc > 0 {
			p.w.deadline = now
			p.watch(now, p.w.expire(now, nil))
		}
	})
}

// fail ends the connection because of something that this side saw.
func (p *peer) fail(c *conn, reason string) {
	p.do(func(now time.Time) {
		if c == p.conn {
			p.because(reason)
			p.event(now, evFail)
		}
	})
}

// connEnded is told when the goroutine that reads has ended.
func (n *Node) connEnded(c *conn, err error) {
	p := c.peer
	if p == nil {
		n.unknown.Add(-1)
		n.logf(slog.LevelInfo, "diameter connection closed before its CER", "remote", remoteOf(c), "reason", errText(err))
		return
	}
	p.do(func(now time.Time) {
		if c != p.iconn && c != p.rconn {
			return
		}
		if !(p.m.state == PeerClosing && p.inOrder) {
			p.because(errText(err))
		}
		if !p.event(now, p.on(c, evIPeerDisc, evRPeerDisc)) {
			p.forget(c)
		}
	})
	n.failover(p, c, false)
}

// forget lets go of a connection that ended in a state that has no row for it.
func (p *peer) forget(c *conn) {
	if p.iconn == c {
		p.iconn = nil
	}
	if p.rconn == c {
		p.rconn = nil
	}
}
