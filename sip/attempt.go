package sip

import (
	"context"
	"errors"
	"fmt"
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
