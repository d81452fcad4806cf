package sip

import (
	"bytes"
	"context"
	"net/netip"
	"time"

	"github.com/gotelco/telco/trace"
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

// serverTx is what stays in memory of a server transaction while its machine runs; the request
// and the user's part go with the final response.
type serverTx struct {
	sh     *shard
	node   timerNode
	old    absorbing
	m      machine
	timers *Timers
	flow   Flow // the way of responses
	key    txKey
	merged uint64
	tag    string // To tag of our responses
	source netip.Addr
	guard  time.Time // when the handler counts as forgetful; zero after the final response
	back   *wayBack  // if the request's connection has gone; nil over UDP
	user   *ServerTransaction
	onEnd  func(error)
	err    error  // what went wrong, for onEnd
	last   []byte // the last response, while it may have to be sent again
	held   int64  // octets of the request, later of last
	method Method
	rang   bool // a provisional response other than 100 was sent
}

// newServerTx makes the transaction of a request. The caller holds the shard.
func newServerTx(s *shard, in *inbound) *serverTx {
	limit := s.ep.cfg.Limits.HandlerTimeout
	timers := &s.ep.cfg.Timers
	reliable := in.flow.Transport.Reliable()
	var t *serverTx
	if in.req.Method == INVITE {
		x := &struct {
			serverTx
			m inviteServer
		}{m: inviteServer{timers: timers, reliable: reliable}}
		t = &x.serverTx
		t.m = &x.m
	} else {
		x := &struct {
			serverTx
			m nonInviteServer
		}{m: nonInviteServer{timers: timers, reliable: reliable}}
		t = &x.serverTx
		t.m = &x.m
		limit = min(limit, 60*timers.T1)
	}
	t.sh, t.timers, t.key, t.method = s, timers, in.key, in.req.Method
	t.node.owner = t
	t.flow = replyFlow(in.flow, in.via)
	if reliable {
		t.back = &wayBack{via: in.via}
	}
	if to, err := in.req.To(); err == nil {
		t.tag = to.Tag()
	}
	t.guard = in.now.Add(limit)
	t.user = &ServerTransaction{sh: s, core: t, req: in.req, flow: in.flow}
	return t
}

// handle tells the machine what happened and does what it says.
func (t *serverTx) handle(now time.Time, in txInput) {
	t.perform(now, t.m.Handle(now, in, t.sh.out[:0]))
}

func (t *serverTx) perform(now time.Time, out []txAction) {
	s := t.sh
	ended := false
	var scratch [8]txAction
	for _, a := range append(scratch[:0], out...) { // what is done may need the shard's scratch
		switch a {
		case doSend:
			t.send(now)
		case doTrying:
			t.trying(now)
		case doDeliver:
			if t.method != INVITE || t.m.State() == txProceeding { // ACKs are delivered by shard.ack
				s.todo = append(s.todo, call{tx: t.user})
			}
		case doTimeout:
			t.err = ErrTimeout
			if t.method == INVITE {
				t.err = ErrNoACK
			}
		case doEnd:
			ended = true
		}
	}
	if ended {
		t.forget(t.err)
		return
	}
	s.setTimer(&t.node, earliest(t.m.Deadline(), t.guard))
}

// expire runs when the machine's timer or the guard is due.
func (t *serverTx) expire(now time.Time) {
	t.perform(now, t.m.Expire(now, t.sh.out[:0]))
	if due(t.guard, now) && t.m.State() != txTerminated {
		t.forgotten(now)
	}
}

// send sends the last response. It returns the error and, on a connection that has gone, opens
// another one.
func (t *serverTx) send(now time.Time) error {
	if t.last == nil {
		return nil
	}
	if t.back != nil && t.back.connecting {
		t.back.add(t.last)
		return nil
	}
	err := t.sh.ep.transmit(now, t.flow, t.last, "", "")
	if err != nil && t.back != nil && !t.back.tried {
		t.back.tried, t.back.connecting = true, true
		t.back.add(t.last)
		go t.sendElsewhere(t.flow)
		return nil
	}
	if err != nil {
		t.err = err
		t.m.Handle(now, txInput{event: inError}, nil)
	}
	return err
}

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

// trying sends 100 Trying by itself.
func (t *serverTx) trying(now time.Time) {
	if t.user == nil {
		return
	}
	t.sh.ep.stats.trying.Add(1)
	resp := NewResponse(t.user.req, 100, "")
	t.sh.ep.finishResponse(resp)
	if b, err := resp.AppendText(nil); err == nil {
		t.last = b
		t.send(now)
	}
}

// respond sends a response of the user. The caller holds the shard.
func (t *serverTx) respond(now time.Time, resp *Response) error {
	s := t.sh
	state := t.m.State()
	if state == txTerminated || state.final() && !(state == txAccepted && resp.StatusCode/100 == 2) {
		return ErrEnded
	}
	if resp.StatusCode > 100 {
		if t.tag == "" {
			if to, err := resp.To(); err == nil {
				t.tag = to.Tag()
			}
			if t.tag == "" {
				t.tag = s.ep.ids.tag()
			}
		}
		resp.SetToTag(t.tag)
	}
	s.ep.finishResponse(resp)
	b, err := resp.AppendText(s.buf[:0])
	if err != nil {
		return err
	}
	s.buf = b[:0]
	keep := resp.StatusCode/100 != 2 || t.method != INVITE
	if t.flow.Transport.Reliable() && resp.StatusCode >= 200 && t.method != INVITE {
		keep = false
	}
	t.last = b // for perform
	if resp.StatusCode < 200 {
		t.rang = t.rang || resp.StatusCode > 100
		if t.method == INVITE {
			t.guard = now.Add(s.ep.cfg.Limits.HandlerTimeout)
		}
	} else if !t.guard.IsZero() {
		t.answered()
	}
	t.err = nil
	t.perform(now, t.m.Handle(now, txInput{event: inResponse, status: resp.StatusCode}, s.out[:0]))
	if s.servers[t.key] != t { // over at once
		t.last = nil
		return t.err
	}
	if keep {
		t.last = append(make([]byte, 0, len(b)), b...)
	} else {
		t.last = nil
	}
	if t.user == nil { // a final response
		t.hold(len(t.last))
	}
	return t.err
}

// answered takes note of the final response: the user's part is done.
func (t *serverTx) answered() {
	t.guard = time.Time{}
	t.unsource()
	t.sh.oldServers.push(&t.old, t)
	if t.user != nil {
		t.user.done(ErrEnded)
		t.user = nil
	}
}

func (t *serverTx) unsource() {
	t.sh.ep.sources.add(t.source, -1, 0)
}

// cancelled tells the user of a CANCEL, and answers 487 where nobody else will.
func (t *serverTx) cancelled(now time.Time) {
	u := t.user
	if u == nil || t.m.State() != txProceeding {
		return // has its final response: no effect (RFC 3261 section 9.2)
	}
	t.sh.ep.stats.cancelled.Add(1)
	u.done(ErrCanceled)
	if u.onCancel != nil {
		t.sh.todo = append(t.sh.todo, call{fn: u.onCancel})
		u.onCancel = nil
		return
	}
	if u.returned && !t.sh.ep.cfg.Proxy {
		t.respond(now, NewResponse(u.req, 487, ""))
	}
}

// giveWay ends the transaction early.
func (t *serverTx) giveWay(time.Time) { t.forget(t.err) }

// forget takes the transaction out of memory.
func (t *serverTx) forget(err error) {
	s := t.sh
	if s.servers[t.key] != t {
		return
	}
	delete(s.servers, t.key)
	if t.merged != 0 && s.merged[t.merged] == t {
		delete(s.merged, t.merged)
	}
	s.heap.stop(&t.node)
	s.oldServers.remove(&t.old)
	s.ep.servers.Add(-1)
	t.hold(0)
	if !t.guard.IsZero() {
		t.unsource()
		t.guard = time.Time{}
	}
	if t.user != nil {
		cause := err
		if cause == nil {
			cause = ErrEnded
		}
		t.user.done(cause)
		t.user = nil
	}
	if t.onEnd != nil {
		f := t.onEnd
		t.onEnd = nil
		s.todo = append(s.todo, call{fn: func() { f(err) }})
	}
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

// finishResponse adds what the Config says.
func (e *Endpoint) finishResponse(resp *Response) {
	if e.cfg.UserAgent != "" && !resp.Has("Server") {
		resp.Add("Server", e.cfg.UserAgent)
	}
}

// transmit sends one message.
func (e *Endpoint) transmit(now time.Time, f Flow, data []byte, callID, comment string) error {
	if e.cfg.Trace != nil {
		e.traceMessage(now, trace.Sent, f, data, comment)
	}
	return e.net.send(f, data)
}
