package sip

import (
	"bytes"
	"context"
	"net/netip"
	"time"
)

// wayBack is where the responses to a request go whose connection has gone (RFC 3261 section
// 18.2.2). It is guarded by the shard.
type wayBack struct {
	via        Via // of the request
	tried      bool
	connecting bool
	waiting    [][]byte // responses, for the connection
}

// maxWaiting bounds the responses that wait for a connection; of more the newest matters.
const maxWaiting = 8

// add keeps a response until there is a connection for it. One that comes again is kept once.
func (w *wayBack) add(data []byte) {
	n := len(w.waiting)
	switch {
	case n > 0 && bytes.Equal(w.waiting[n-1], data):
	case n == maxWaiting:
		w.waiting[n-1] = bytes.Clone(data)
	default:
		w.waiting = append(w.waiting, bytes.Clone(data))
	}
}

// sendElsewhere sends responses whose connection has gone: over a new one to where the request
// came from, else to where the sent-by of its Via leads (RFC 3263 section 5). Further responses
// take the same way.
func (t *serverTx) sendElsewhere(gone Flow) {
	e, back := t.sh.ep, t.back
	ctx, cancel := context.WithTimeout(e.net.ctx, 32*time.Second)
	defer cancel()
	targets := []Target{{Transport: gone.Transport, Addr: netip.AddrPortFrom(gone.Remote.Addr(), uint16(back.via.port()))}}
	found, err := e.locate.ResponseTargets(ctx, back.via)
	for _, target := range found {
		if target.Addr != targets[0].Addr {
			targets = append(targets, target)
		}
	}
	for _, target := range targets {
		type result struct {
			flow Flow
			err  error
		}
		done := make(chan result, 1)
		e.net.connect(target.Transport, target.Addr, target.ServerName, Flow{}, func(f Flow, err error) { done <- result{f, err} })
		r := <-done
		if err = r.err; err == nil {
			if err = t.move(back, r.flow); err == nil {
				return
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	now := time.Now()
	t.sh.mu.Lock()
	defer t.sh.unlock()
	back.connecting, back.waiting = false, nil
	if t.sh.closed || t.m.State() == txTerminated {
		return
	}
	t.err = err
	t.perform(now, t.m.Handle(now, txInput{event: inError}, t.sh.out[:0]))
}

// move sends what waits over a new connection, which is the way of all further responses then.
func (t *serverTx) move(back *wayBack, f Flow) error {
	t.sh.mu.Lock()
	defer t.sh.unlock()
	for _, data := range back.waiting {
		if err := t.sh.ep.transmit(time.Now(), f, data, "", "over a new connection"); err != nil {
			return err
		}
	}
	back.connecting, back.waiting = false, nil
	if t.back == back { // else SetFlow has named another
		t.flow = f
	}
	return nil
}
