package sip

import (
	"strings"
	"time"
)

// response takes a response to one of the attempt's transactions. The caller holds the shard.
func (a *ClientAttempt) response(now time.Time, t *clientTx, resp *Response) {
	if t == a.current && resp.StatusCode != 100 {
		a.health(resp)
	}
	switch status := resp.StatusCode; {
	case status < 200:
		if t.abandoned || a.cancelled {
			t.cancel(now, a.reasons)
		}
		if t.abandoned {
			return
		}
		if !a.patience.IsZero() {
			a.patience = time.Time{}
			a.sh.setTimer(&a.node, a.deadline)
		}
		a.tell(ClientEvent{Response: resp, Flow: t.from, Target: a.target})
	case status < 300:
		if a.over {
			return
		}
		first := !a.final
		a.settle()
		if first && t != a.current && a.current != nil { // the abandoned one was only slow
			a.current.cancel(now, a.reasons)
			a.current.abandoned = true
		}
		a.over = !a.listening()
		a.tell(ClientEvent{Response: resp, Flow: t.from, Target: a.target, Done: a.over})
	case t.abandoned || a.final:
	case status == 503 && a.next < len(a.targets) && !a.cancelled:
		a.failed(now, status, nil)
	default:
		a.settle()
		a.over = !a.listening()
		a.tell(ClientEvent{Response: resp, Flow: t.from, Target: a.target, Done: a.over})
	}
}

// health tells the locator how the target does: 503 says that it wants to be left alone for a
// while (RFC 3261 section 21.5.4).
func (a *ClientAttempt) health(resp *Response) {
	if resp.StatusCode != 503 {
		a.ep.locate.Succeeded(a.target)
		return
	}
	seconds, _ := number(strings.TrimSpace(leadingDigits(resp.Value("Retry-After"))), 1<<31-1)
	a.ep.locate.Failed(a.target, time.Duration(seconds)*time.Second)
}

// ended hears of the end of one of the attempt's transactions. The caller holds the shard.
func (a *ClientAttempt) ended(now time.Time, t *clientTx, err error) {
	switch {
	case a.over:
	case a.final:
		if !a.listening() {
			a.over = true
			a.tell(ClientEvent{Done: true})
		}
	case t == a.current:
		if err == nil {
			err = ErrTimeout
		}
		a.failed(now, 0, err)
	}
}

// failed goes on to the next target, or gives up. The caller holds the shard.
func (a *ClientAttempt) failed(now time.Time, status int, err error) {
	a.tried = append(a.tried, TargetResult{a.target, status, err})
	if status == 0 && !a.cancelled && !a.flow.Remote.IsValid() {
		a.ep.locate.Failed(a.target, 0)
	}
	if a.next >= len(a.targets) || a.cancelled {
		if a.cancelled {
			err = ErrCanceled
		}
		a.finish(ClientEvent{Err: a.failure(err)})
		return
	}
	a.ep.stats.nextTarget.Add(1)
	if a.ep.cfg.Trace != nil {
		last := AttemptError{Method: a.req.Method, Tried: a.tried[len(a.tried)-1:]}
		a.ep.traceState(now, Flow{}, a.req.CallID(), strings.TrimPrefix(last.Error(), "sip: ")+": next target")
	}
	a.current = nil
	a.sh.todo = append(a.sh.todo, call{fn: a.tryNext})
}

// expire runs at the end of TargetTimeout or Timeout.
func (a *ClientAttempt) expire(now time.Time) {
	if due(a.deadline, now) {
		a.giveUp(now, ErrTimeout, nil)
		return
	}
	if due(a.patience, now) {
		a.patience = time.Time{}
		a.round++ // a connection that comes now comes too late
		if a.current != nil {
			a.current.abandon(now)
		}
		a.failed(now, 0, ErrTimeout)
	}
	if !a.final {
		a.sh.setTimer(&a.node, earliest(a.patience, a.deadline))
	}
}

// listening tells whether a response may still come that the user must hear of.
func (a *ClientAttempt) listening() bool {
	for _, t := range a.txs {
		if t.method == INVITE && t.listening() {
			return true
		}
	}
	return false
}

// settle notes that the user is about to have its final response.
func (a *ClientAttempt) settle() {
	a.final = true
	a.sh.heap.stop(&a.node)
	if a.stop != nil {
		a.stop()
	}
}

// finish ends the attempt with its last event. The caller holds the shard.
func (a *ClientAttempt) finish(ev ClientEvent) {
	if a.over {
		return
	}
	a.settle()
	a.over = !a.listening() || a.sh.closed
	ev.Done = a.over
	a.tell(ev)
}

func (a *ClientAttempt) failure(err error) error {
	return &AttemptError{Method: a.req.Method, Tried: a.tried, Err: err}
}

// tell has the user told of an event, in its turn.
func (a *ClientAttempt) tell(ev ClientEvent) {
	if a.events != nil {
		a.sh.todo = append(a.sh.todo, call{attempt: a, event: ev})
	}
}

func (a *ClientAttempt) notify(ev ClientEvent) { a.events(ev) }
