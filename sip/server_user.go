package sip

import (
	"context"
	"time"
)

// ServerTransaction is a request that an [Endpoint] received, and the way to answer it. Its
// methods may be called by any goroutine.
type ServerTransaction struct {
	sh   *shard
	core *serverTx // nil for an ACK
	req  *Request
	flow Flow

	// Guarded by the shard.
	ctx       context.Context
	cancelCtx context.CancelCauseFunc
	cause     error // why ctx is done or would be
	onCancel  func()
	onRespond func(*Response)
	cancel    *Request
	returned  bool // the handler has
}

// Request returns the request. It must not be edited while the transaction runs, since the endpoint
// makes responses of its own from it (100, 487, 500): edit a Clone.
func (tx *ServerTransaction) Request() *Request { return tx.req }

// Flow returns where the request came from.
func (tx *ServerTransaction) Flow() Flow { return tx.flow }

// SetFlow makes f the way of all further responses, instead of that of RFC 3261 section 18.2.2.
// IMS needs it: a protected server port receives what a client port sent (3GPP TS 33.203).
func (tx *ServerTransaction) SetFlow(f Flow) {
	if tx.core == nil {
		return
	}
	tx.sh.mu.Lock()
	tx.core.flow = f
	tx.core.back = nil
	tx.sh.mu.Unlock()
}

// Tag returns the To tag that responses get: the request's if it has one, else that of the first
// response which brought one, else one that is made now. It is "" for an ACK without one.
func (tx *ServerTransaction) Tag() string {
	if tx.core == nil {
		to, _ := tx.req.To()
		return to.Tag()
	}
	tx.sh.mu.Lock()
	defer tx.sh.mu.Unlock()
	if tx.core.tag == "" {
		tx.core.tag = tx.sh.ep.ids.tag()
	}
	return tx.core.tag
}

// Respond sends a response. The endpoint adds a To tag if there is none (but not to a 100), and
// copies what it keeps. After the final response it fails with ErrEnded, except that the 2xx of
// an INVITE may be sent again and again for 64*T1: the user does so until the ACK comes (RFC 3261
// section 13.3.1.4). A *TransportError says that the response could not be sent; the
// transaction goes on all the same.
func (tx *ServerTransaction) Respond(resp *Response) error {
	if tx.core == nil {
		return ErrIsACK
	}
	s := tx.sh
	s.mu.Lock()
	defer s.unlock()
	if edit := tx.onRespond; edit != nil {
		if resp.StatusCode >= 200 {
			tx.onRespond = nil // what it holds need not last as long as the transaction
		}
		s.unlock()
		edit(resp)
		s.mu.Lock()
	}
	if s.closed {
		return errClosed
	}
	if s.servers[tx.core.key] != tx.core {
		return ErrEnded
	}
	return tx.core.respond(time.Now(), resp)
}

// OnRespond has f edit each response up to the first final one before it is sent, whoever makes it, but
// those of the endpoint itself: to add header fields of a network to what a user agent answers, which
// sends a 2xx again as f left it. f must not block, nor use the transaction or its dialog.
func (tx *ServerTransaction) OnRespond(f func(*Response)) {
	tx.sh.mu.Lock()
	tx.onRespond = f
	tx.sh.mu.Unlock()
}

// Context is done when a CANCEL came, the final response was sent, the transaction ended without
// one or the endpoint was closed; [context.Cause] tells which: ErrCanceled, ErrEnded, ErrTimeout
// or an error that is net.ErrClosed. The context of an ACK is done from the beginning.
func (tx *ServerTransaction) Context() context.Context {
	s := tx.sh
	s.mu.Lock()
	defer s.mu.Unlock()
	if tx.ctx == nil {
		tx.ctx, tx.cancelCtx = context.WithCancelCause(context.Background())
		if tx.core == nil {
			tx.cause = ErrIsACK
		}
		if tx.cause != nil {
			tx.cancelCtx(tx.cause)
		}
	}
	return tx.ctx
}

// OnCancel has f called once when a CANCEL comes, instead of the endpoint's answer of 487 when
// the handler returns: the user answers the INVITE. If the CANCEL was there first, f is called
// too. f must not block.
func (tx *ServerTransaction) OnCancel(f func()) {
	if tx.core == nil {
		return
	}
	s := tx.sh
	s.mu.Lock()
	defer s.unlock()
	if tx.core.user != tx {
		return
	}
	if tx.cause == ErrCanceled {
		s.todo = append(s.todo, call{fn: f})
		return
	}
	tx.onCancel = f
}

// Cancel returns the CANCEL that came for an INVITE, nil if there was none: its Reason says why.
func (tx *ServerTransaction) Cancel() *Request {
	if tx.core == nil {
		return nil
	}
	tx.sh.mu.Lock()
	defer tx.sh.unlock()
	return tx.cancel
}

// OnEnd has f called once when the transaction has left memory, a while after its final response:
// with nil, ErrNoACK for a refused INVITE without an ACK, ErrTimeout for a request that was never
// answered, a *TransportError if the last response could not be sent, or an error that is
// net.ErrClosed. f must not block.
func (tx *ServerTransaction) OnEnd(f func(error)) {
	if tx.core == nil {
		return
	}
	s := tx.sh
	s.mu.Lock()
	defer s.unlock()
	if s.servers[tx.core.key] == tx.core {
		tx.core.onEnd = f
		return
	}
	err := tx.core.err
	s.todo = append(s.todo, call{fn: func() { f(err) }})
}

// done ends the user's context. The caller holds the shard.
func (tx *ServerTransaction) done(cause error) {
	if tx.cause != nil {
		return
	}
	tx.cause = cause
	if tx.cancelCtx != nil {
		tx.cancelCtx(cause)
	}
}

// serve calls the handler.
func (tx *ServerTransaction) serve() {
	e := tx.sh.ep
	h := e.cfg.Handler
	switch {
	case h == nil:
		tx.Respond(NewResponse(tx.req, 501, ""))
	case e.cfg.Inline:
		h.ServeSIP(tx, tx.req)
		tx.handlerReturned()
	default:
		go tx.serveAlone(h)
	}
}

// serveAlone is the goroutine of one request. Its name and its receiver are what the leak guard
// looks for in the stacks of all goroutines, so it must not be inlined.
//
//go:noinline
func (tx *ServerTransaction) serveAlone(h Handler) {
	h.ServeSIP(tx, tx.req)
	tx.handlerReturned()
}

// handlerReturned answers a CANCEL that came while the handler was at work.
func (tx *ServerTransaction) handlerReturned() {
	if tx.core == nil {
		return
	}
	s := tx.sh
	s.mu.Lock()
	tx.returned = true
	if tx.cause == ErrCanceled && tx.core.user == tx && tx.onCancel == nil && !s.ep.cfg.Proxy && !s.closed {
		tx.core.respond(time.Now(), NewResponse(tx.req, 487, ""))
	}
	s.unlock()
}
