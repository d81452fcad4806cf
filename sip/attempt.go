package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SendOptions say how a request is sent. The zero value has the next hop found from the request
// (RFC 3261 section 8.1.2) and located (RFC 3263).
type SendOptions struct {
	// Flow, if its Remote is set, is the way to send: nothing is located, and there is no other
	// target. Over UDP, a Flow with a Local alone chooses the socket.
	Flow Flow

	// Targets, if not nil, are tried in this order and nothing is located. It must not be empty.
	Targets []Target

	// NextHop, if not zero, is located instead of the topmost Route or the Request-URI.
	NextHop URI

	// TargetTimeout overrides the Config's. It applies to the last target too if it is set
	// here.
	TargetTimeout time.Duration

	// Timeout limits the time until the final response; an INVITE that has had a provisional
	// response is cancelled then. If zero, there is no limit but the transaction's: 64*T1, and
	// for an INVITE with a provisional response none.
	Timeout time.Duration

	// Prepare, if not nil, is called for each target before the request is sent to it, with a
	// copy that has its Via already: to name our address in Contact or Record-Route. It must
	// not block.
	Prepare func(req *Request, f Flow)
}

// ClientEvent is what became of a request that was started with [Endpoint.Start].
type ClientEvent struct {
	// Response is a provisional or final response. An INVITE may have several 2xx: from
	// branches of a fork, and retransmissions; the user acknowledges each.
	Response *Response

	Flow   Flow   // where Response came from, or where the ACK went
	Target Target // whom the request was sent to

	// Err says why there will be no final response: ErrTimeout, ErrCanceled, ErrLimit, a
	// *TransportError, or one that is net.ErrClosed, within an *AttemptError.
	Err error

	// Done says that no further event follows. After a 2xx of an INVITE that is 64*T1 later,
	// in an event without Response and Err.
	Done bool
}

// TargetResult is how one target failed.
type TargetResult struct {
	Target Target
	Status int // 503, if that was its answer
	Err    error
}

// AttemptError says that a request has had no final response, and lists the targets that were
// tried.
type AttemptError struct {
	Method Method
	Tried  []TargetResult
	Err    error // the last one's
}

// Error names the targets.
func (e *AttemptError) Error() string {
	var b strings.Builder
	for i, t := range e.Tried {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%v %v: ", t.Target.Transport, t.Target.Addr)
		if t.Status != 0 {
			fmt.Fprintf(&b, "%d", t.Status)
		} else {
			b.WriteString(strings.TrimPrefix(t.Err.Error(), "sip: "))
		}
	}
	if b.Len() == 0 {
		b.WriteString(strings.TrimPrefix(e.Err.Error(), "sip: "))
	}
	return "sip: " + string(e.Method) + ": " + b.String()
}

// Unwrap returns the cause.
func (e *AttemptError) Unwrap() error { return e.Err }

// ClientAttempt is a request on its way: to one target after the other, each time in a new
// transaction (RFC 3263 section 4.3), until one gives a final response other than 503. Its
// methods may be called by any goroutine.
type ClientAttempt struct {
	ep     *Endpoint
	sh     *shard
	req    *Request
	events func(ClientEvent)
	stop   context.CancelFunc // of locating; nil if nothing is

	flow          Flow // SendOptions
	targetTimeout time.Duration
	prepare       func(*Request, Flow)

	// Guarded by the shard.
	node      timerNode
	targets   []Target
	next      int
	round     int // of the target being tried
	current   *clientTx
	target    Target
	txs       []*clientTx
	tried     []TargetResult
	deadline  time.Time // Timeout
	patience  time.Time // TargetTimeout
	cancelled bool
	reasons   []string
	final     bool // the user has its final response or error
	over      bool // and has been told Done

	ackFlow Flow
	ackData []byte
}

// Start sends req and calls events, one at a time and without blocking, with everything that
// comes of it; they come after Start has returned or while it runs, and may be nil. The endpoint
// puts a Via on top and adds Max-Forwards if it lacks; it does not change req itself, which must
// not be edited before the attempt is done. From with a tag, To, Call-ID and CSeq must be there.
//
// An ACK is for a 2xx response (the others are acknowledged by the endpoint): it is sent once,
// without a transaction, and events hears Done.
func (e *Endpoint) Start(req *Request, opts SendOptions, events func(ClientEvent)) (*ClientAttempt, error) {
	if err := sendable(req); err != nil {
		return nil, err
	}
	if e.closed.Load() {
		return nil, errClosed
	}
	a := &ClientAttempt{ep: e, sh: e.shard(req.CallID()), req: req, events: events,
		flow: opts.Flow, targetTimeout: opts.TargetTimeout, prepare: opts.Prepare}
	a.node.owner = a
	if opts.Timeout > 0 {
		a.deadline = time.Now().Add(opts.Timeout)
	}
	switch {
	case opts.Flow.Remote.IsValid():
		a.targets = []Target{{Transport: opts.Flow.Transport, Addr: opts.Flow.Remote}}
	case opts.Targets != nil:
		if len(opts.Targets) == 0 {
			return nil, errNoTarget
		}
		a.targets = opts.Targets
	default:
		uri := opts.NextHop
		if uri.IsZero() {
			var err error
			if uri, err = nextHop(req); err != nil {
				return nil, err
			}
		}
		if isLiteral(uri) { // asks nobody
			var err error
			if a.targets, err = e.locate.Targets(context.Background(), uri); err != nil {
				return nil, err
			}
			break
		}
		ctx, stop := context.WithCancel(context.Background())
		a.stop = stop
		a.sh.mu.Lock()
		a.sh.setTimer(&a.node, a.deadline)
		a.sh.unlock()
		go a.locate(ctx, uri)
		return a, nil
	}
	a.tryNext()
	return a, nil
}

// Do sends req and waits for its final response. When ctx ends first, it cancels an INVITE and
// returns the context's error. Do is for requests outside of calls; the 2xx of an INVITE needs an
// ACK and a dialog, and there may be more than one: see Start.
func (e *Endpoint) Do(ctx context.Context, req *Request, opts SendOptions) (*Response, error) {
	result := make(chan ClientEvent, 1)
	a, err := e.Start(req, opts, func(ev ClientEvent) {
		if ev.Err != nil || ev.Response != nil && ev.Response.StatusCode >= 200 {
			select {
			case result <- ev:
			default: // a further 2xx
			}
		}
	})
	if err != nil {
		return nil, err
	}
	select {
	case ev := <-result:
		return ev.Response, ev.Err
	case <-ctx.Done():
	}
	select {
	case ev := <-result:
		return ev.Response, ev.Err
	default:
		a.Cancel()
		return nil, context.Cause(ctx)
	}
}

var errNoTarget = errors.New("sip: no target")

// sendable checks what matching and routing stand on.
func sendable(req *Request) error {
	c, err := req.CSeq()
	if err != nil {
		return err
	}
	if c.Method != req.Method {
		return fmt.Errorf("sip: %s request with CSeq %v", req.Method, c)
	}
	from, err := req.From()
	if err != nil {
		return err
	}
	if from.Tag() == "" {
		return errors.New("sip: From without a tag")
	}
	if _, err := req.To(); err != nil {
		return err
	}
	if req.CallID() == "" {
		return missing(idCallID)
	}
	return nil
}

// nextHop returns the URI that says where a request goes: the topmost Route if it is a loose
// router, else the Request-URI (RFC 3261 section 8.1.2).
func nextHop(req *Request) (URI, error) {
	for route, err := range req.Routes() {
		if err != nil {
			return URI{}, err
		}
		if route.URI.LR() {
			return route.URI, nil
		}
		break
	}
	return req.URI()
}

// Cancel gives up. An INVITE is cancelled as soon as a provisional response allows it (RFC 3261
// section 9.1), with the given values of Reason (RFC 3326); its final response, usually 487, still
// comes, and a 2xx may. Of another request only the result is dropped. Cancel does nothing after
// the final response.
func (a *ClientAttempt) Cancel(reason ...string) {
	s := a.sh
	s.mu.Lock()
	defer s.unlock()
	a.giveUp(time.Now(), ErrCanceled, reason)
}

// giveUp is Cancel, and the end of Timeout. The caller holds the shard.
func (a *ClientAttempt) giveUp(now time.Time, err error, reasons []string) {
	if a.final || a.cancelled {
		return
	}
	a.cancelled, a.reasons = true, reasons
	a.patience, a.deadline = time.Time{}, time.Time{}
	a.sh.setTimer(&a.node, time.Time{})
	switch {
	case a.current != nil && a.req.Method == INVITE:
		a.current.cancel(now, reasons)
	case a.current != nil:
		a.current.forget()
		fallthrough
	default:
		a.finish(ClientEvent{Err: a.failure(err)})
	}
}

// Request returns the request without its Via, as it was given to Start.
func (a *ClientAttempt) Request() *Request { return a.req }

// Resend sends an ACK again, as it was, to where it went: for a 2xx that came again. It does
// nothing for other requests, or before the ACK was sent.
func (a *ClientAttempt) Resend() error {
	a.sh.mu.Lock()
	f, data := a.ackFlow, a.ackData
	a.sh.mu.Unlock()
	if data == nil {
		return nil
	}
	return a.ep.transmit(time.Now(), f, data, "", "again")
}

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
