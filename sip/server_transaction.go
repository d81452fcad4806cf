package sip

import (
	"net/netip"
	"time"

	"github.com/gotelco/telco/trace"
)

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
