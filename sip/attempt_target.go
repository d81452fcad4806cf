package sip

import (
	"context"
	"errors"
	"time"
)

// locate finds the targets.
func (a *ClientAttempt) locate(ctx context.Context, uri URI) {
	targets, err := a.ep.locate.Targets(ctx, uri)
	s := a.sh
	s.mu.Lock()
	a.stop()
	if a.final {
		s.unlock()
		return
	}
	if err == nil && len(targets) == 0 {
		err = errors.New("sip: no target for " + uri.String())
	}
	if err != nil {
		a.finish(ClientEvent{Err: a.failure(err)})
		s.unlock()
		return
	}
	a.targets = targets
	s.unlock()
	a.tryNext()
}

// tryNext goes on to the next target. The caller does not hold the shard.
func (a *ClientAttempt) tryNext() {
	s := a.sh
	s.mu.Lock()
	if a.final || a.cancelled {
		s.unlock()
		return
	}
	t := a.targets[a.next]
	a.next++
	a.round++
	a.target, a.current = t, nil
	round := a.round
	switch {
	case a.targetTimeout > 0:
		a.patience = time.Now().Add(a.targetTimeout)
	case a.next < len(a.targets):
		a.patience = time.Now().Add(a.ep.cfg.TargetTimeout)
	default:
		a.patience = time.Time{}
	}
	s.setTimer(&a.node, earliest(a.patience, a.deadline))
	s.unlock()
	if a.ep.cfg.Trace != nil && t.Why != "" {
		a.ep.traceState(time.Now(), Flow{Transport: t.Transport, Remote: t.Addr}, a.req.CallID(), "target "+t.String())
	}
	if a.flow.Remote.IsValid() {
		a.launch(round, a.flow, nil)
		return
	}
	a.ep.net.connect(t.Transport, t.Addr, t.ServerName, a.flow, func(f Flow, err error) { a.launch(round, f, err) })
}

// launch sends the request to a target that can be reached. The caller does not hold the shard.
func (a *ClientAttempt) launch(round int, f Flow, err error) {
	e, s := a.ep, a.sh
	var req *Request
	branch := e.ids.branch()
	if err == nil {
		req = a.req.Clone()
		req.Insert("Via", 0, e.viaText(f, branch))
		if !req.Has("Max-Forwards") {
			req.Add("Max-Forwards", "70")
		}
		if e.cfg.UserAgent != "" && !req.Has("User-Agent") {
			req.Add("User-Agent", e.cfg.UserAgent)
		}
		if a.prepare != nil {
			a.prepare(req, f)
		}
	}
	now := time.Now()
	s.mu.Lock()
	defer s.unlock()
	if a.round != round || a.final {
		return
	}
	if s.closed {
		a.finish(ClientEvent{Err: a.failure(errClosed)})
		return
	}
	if err != nil {
		a.failed(now, 0, err)
		return
	}
	var data []byte
	if data, err = req.AppendText(nil); err != nil {
		a.finish(ClientEvent{Err: a.failure(err)})
		return
	}
	if f.Transport == UDP && len(data) > e.cfg.MaxDatagram && e.cfg.MaxDatagram > 0 && !a.target.datagramOnly && !a.flow.Remote.IsValid() {
		a.switchToTCP(now)
		return
	}
	if req.Method == ACK {
		e.stats.requestsSent.Add(1)
		if err = e.transmit(now, f, data, "", ""); err != nil {
			a.failed(now, 0, err)
			return
		}
		a.ackFlow, a.ackData = f, data
		a.finish(ClientEvent{Flow: f, Target: a.target})
		return
	}
	if !s.room(now, &e.clients, &s.oldClients) {
		e.stats.overLimit.Add(1)
		a.finish(ClientEvent{Err: a.failure(ErrLimit)})
		return
	}
	t := newClientTx(s, req, branch, f)
	t.data, t.attempt = data, a
	a.current = t
	a.txs = append(a.txs, t)
	t.start(now)
}

// switchToTCP has a request that is too large for a datagram tried over TCP, and over UDP if that
// fails (RFC 3261 section 18.1.1).
func (a *ClientAttempt) switchToTCP(now time.Time) {
	tcp, udp := a.target, a.target
	tcp.Transport, udp.datagramOnly = TCP, true
	rest := a.targets[a.next:]
	a.targets = append([]Target{tcp, udp}, rest...)
	a.next = 0
	a.patience = time.Time{}
	a.sh.todo = append(a.sh.todo, call{fn: a.tryNext})
}

// viaText is the Via of a request over f.
func (e *Endpoint) viaText(f Flow, branch string) string {
	host, port := e.net.sentBy(f)
	b := make([]byte, 0, 96)
	b = append(append(append(b, "SIP/2.0/"...), f.Transport.String()...), ' ')
	b = appendSentBy(b, host, port)
	if f.Transport == UDP {
		b = append(b, ";rport"...) // RFC 3581 section 3
	}
	return string(append(append(b, ";branch="...), branch...))
}
