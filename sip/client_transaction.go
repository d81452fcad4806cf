package sip

import (
	"time"
)

// clientTx is one request on its way to one target: a machine, and what it may have to send again.
type clientTx struct {
	sh        *shard
	node      timerNode
	old       absorbing
	m         machine
	method    Method
	branch    string
	flow      Flow
	req       *Request       // as sent; nil after the final response
	data      []byte         // req's text, while it may have to be sent again
	ack       []byte         // the ACK of a refusal
	attempt   *ClientAttempt // nil for a CANCEL
	abandoned bool           // another target is being tried
	cancelled bool           // a CANCEL was sent
	err       error          // of the transport
	resp      *Response      // being handled
	from      Flow           // where resp came from
}

// newClientTx makes the transaction of a request with its Via on top. The caller holds the shard.
func newClientTx(s *shard, req *Request, branch string, f Flow) *clientTx {
	timers := &s.ep.cfg.Timers
	var t *clientTx
	if req.Method == INVITE {
		x := &struct {
			clientTx
			m inviteClient
		}{m: inviteClient{timers: timers, reliable: f.Transport.Reliable()}}
		t = &x.clientTx
		t.m = &x.m
	} else {
		x := &struct {
			clientTx
			m nonInviteClient
		}{m: nonInviteClient{timers: timers, reliable: f.Transport.Reliable()}}
		t = &x.clientTx
		t.m = &x.m
	}
	t.node.owner = t
	t.sh, t.method, t.branch, t.flow, t.req = s, req.Method, branch, f, req
	return t
}

func (t *clientTx) table() map[string]*clientTx {
	if t.method == CANCEL {
		return t.sh.cancels
	}
	return t.sh.clients
}

// start sends the request.
func (t *clientTx) start(now time.Time) error {
	if t.data == nil {
		b, err := t.req.AppendText(nil)
		if err != nil {
			return err
		}
		t.data = b
	}
	t.table()[t.branch] = t
	if t.flow.Transport.Reliable() {
		t.sh.pending(t, true)
	}
	t.sh.ep.stats.requestsSent.Add(1)
	t.handle(now, txInput{event: inRequest})
	return nil
}

func (t *clientTx) handle(now time.Time, in txInput) {
	t.perform(now, t.m.Handle(now, in, t.sh.out[:0]))
}

func (t *clientTx) expire(now time.Time) {
	t.perform(now, t.m.Expire(now, t.sh.out[:0]))
}

// receive takes a response.
func (t *clientTx) receive(now time.Time, resp *Response, from Flow) {
	t.resp, t.from = resp, from
	t.handle(now, txInput{event: inResponse, status: resp.StatusCode})
	t.resp = nil
}

func (t *clientTx) perform(now time.Time, out []txAction) {
	e := t.sh.ep
	var a [8]txAction
	out = append(a[:0], out...) // what is done may need the shard's scratch
	for i := 0; i < len(out); i++ {
		var err error
		switch out[i] {
		case doSend:
			err = e.transmit(now, t.flow, t.data, "", "")
		case doSendACK:
			if t.ack == nil && t.req != nil && t.resp != nil {
				t.ack, _ = NewACK(t.req, t.resp).AppendText(nil)
			}
			err = e.transmit(now, t.flow, t.ack, "", "")
		case doDeliver:
			if t.resp.StatusCode >= 200 {
				t.data = nil
			}
			if t.attempt != nil {
				t.attempt.response(now, t, t.resp)
			}
			if t.resp.StatusCode >= 200 {
				t.sh.oldClients.push(&t.old, t)
				t.req = nil
				if t.m.State() != txAccepted {
					t.attempt = nil // has heard the last of us
				}
			}
		case doTimeout:
			e.stats.timeouts.Add(1)
			t.err = ErrTimeout
		case doFail:
			if t.err == nil {
				t.err = errFlowClosed
			}
		case doEnd:
			t.forget()
			if t.attempt != nil {
				t.attempt.ended(now, t, t.err)
			}
			return
		}
		if err != nil {
			t.err = err
			out = append(out, t.m.Handle(now, txInput{event: inError}, nil)...)
		}
	}
	t.sh.setTimer(&t.node, t.m.Deadline())
}

// cancel sends a CANCEL for an INVITE that has had a provisional response and no final one (RFC
// 3261 section 9.1), to where the INVITE went.
func (t *clientTx) cancel(now time.Time, reasons []string) {
	if t.cancelled || t.method != INVITE || t.m.State() != txProceeding {
		return
	}
	t.cancelled = true
	req := NewCANCEL(t.req)
	for _, r := range reasons {
		req.Add("Reason", r)
	}
	if ua := t.sh.ep.cfg.UserAgent; ua != "" {
		req.Add("User-Agent", ua)
	}
	t.handle(now, txInput{event: inCancel})
	c := newClientTx(t.sh, req, t.branch, t.flow)
	t.sh.ep.clients.Add(1)
	if c.start(now) != nil {
		t.sh.ep.clients.Add(-1)
	}
}

// abandon stops sending, since another target is being tried. An INVITE listens on: whoever
// answers it late is cancelled, and a 2xx still counts.
func (t *clientTx) abandon(now time.Time) {
	t.abandoned = true
	if t.method != INVITE {
		t.forget()
		return
	}
	t.handle(now, txInput{event: inAbandon})
}

// giveWay ends the transaction early.
func (t *clientTx) giveWay(now time.Time) {
	t.forget()
	if t.attempt != nil {
		t.attempt.ended(now, t, nil)
	}
}

// forget takes the transaction out of memory.
func (t *clientTx) forget() {
	m := t.table()
	if m[t.branch] != t {
		return
	}
	delete(m, t.branch)
	if t.flow.Transport.Reliable() {
		t.sh.pending(t, false)
	}
	t.sh.heap.stop(&t.node)
	t.sh.oldClients.remove(&t.old)
	t.sh.ep.clients.Add(-1)
	t.req, t.data, t.ack = nil, nil, nil
}

// listening tells whether a response may still be handed to the user.
func (t *clientTx) listening() bool {
	switch t.m.State() {
	case txCalling, txTrying, txProceeding, txAccepted:
		return t.table()[t.branch] == t
	}
	return false
}

// pending keeps the client transactions of each connection.
func (s *shard) pending(t *clientTx, on bool) {
	c := s.conns[t.flow.conn]
	switch {
	case on && c == nil:
		s.conns[t.flow.conn] = map[*clientTx]struct{}{t: {}}
	case on:
		c[t] = struct{}{}
	case len(c) == 1:
		delete(s.conns, t.flow.conn)
	default:
		delete(c, t)
	}
}

// flowClosed fails the client transactions that wait for a response over a connection that has
// ended. Server transactions go on: their responses may take another connection.
func (s *shard) flowClosed(f Flow, err error) {
	now := time.Now()
	s.mu.Lock()
	var lost []*clientTx
	for t := range s.conns[f.conn] {
		if !t.m.State().final() {
			lost = append(lost, t)
		}
	}
	for _, t := range lost {
		t.err = &TransportError{Op: "receive", Transport: f.Transport, Remote: f.Remote, Err: err}
		t.handle(now, txInput{event: inError})
	}
	s.unlock()
}
