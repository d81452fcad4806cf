package sip

import (
	"bytes"
	"fmt"
	"runtime"
	"time"
)

// Leak reports a server transaction that the [Handler] forgot.
type Leak struct {
	Request *Request
	Flow    Flow
	Age     time.Duration // since the request, or the last provisional response
	Status  int           // what was answered: 500, 408, or 487 after a CANCEL

	// Stack is where the handler is, if it has a goroutine of its own and has not returned.
	// At most one a second is looked up.
	Stack string
}

// String describes the leak in one line.
func (l Leak) String() string {
	return fmt.Sprintf("%s without a final response for %v: answered with %d", l.Request.Method, l.Age, l.Status)
}

// forgotten answers by policy what the handler did not, and reports it. The caller holds the
// shard; the work is done in a callback, since it takes time to look for the handler's stack, which
// must be done before the response ends the handler's context.
func (t *serverTx) forgotten(now time.Time) {
	u := t.user
	if u == nil {
		return
	}
	status := 500
	switch {
	case u.cause == ErrCanceled:
		status = 487
	case t.method == INVITE && t.rang:
		status = 408
	}
	t.guard = now.Add(time.Hour) // once
	s := t.sh
	s.setTimer(&t.node, earliest(t.m.Deadline(), t.guard))
	s.todo = append(s.todo, call{fn: func() {
		l := s.ep.leaked(now, t, u, status)
		s.mu.Lock()
		if !s.closed && s.servers[t.key] == t && t.user == u {
			t.respond(time.Now(), NewResponse(u.req, status, ""))
		}
		s.unlock()
		if s.ep.cfg.OnLeak != nil {
			s.ep.cfg.OnLeak(l)
		}
	}})
}

// leaked counts and logs a leak.
func (e *Endpoint) leaked(now time.Time, t *serverTx, u *ServerTransaction, status int) Leak {
	e.stats.leaked.Add(1)
	l := Leak{Request: u.req, Flow: u.flow, Status: status, Age: e.cfg.Limits.HandlerTimeout}
	if t.method != INVITE {
		l.Age = min(l.Age, 60*t.timers.T1)
	}
	if !e.cfg.Inline && e.leaks.allow(now) {
		l.Stack = handlerStack(u)
	}
	e.cfg.Logger.Warn("a handler forgot a transaction", "method", l.Request.Method, "call_id", l.Request.CallID(),
		"peer", l.Flow.Remote, "age", l.Age, "status", l.Status, "stack", l.Stack)
	if e.cfg.Trace != nil {
		e.traceState(now, l.Flow, l.Request.CallID(), l.String())
	}
	return l
}

// handlerStack finds the goroutine that serves tx among all of them.
func handlerStack(tx *ServerTransaction) string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= 64<<20 {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 4*len(buf))
	}
	frame := fmt.Appendf(nil, "(*ServerTransaction).serveAlone(%p", tx)
	for _, g := range bytes.Split(buf, []byte("\n\n")) {
		if bytes.Contains(g, frame) {
			return string(g)
		}
	}
	return ""
}
