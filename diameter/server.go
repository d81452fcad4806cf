package diameter

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Incoming is a request that a handler answers. It owns its memory and may be kept.
type Incoming struct {
	Message
	Peer string // the peer that it came from, not always its Origin-Host

	n        *Node
	p        *peer
	c        *conn
	dup      dupKey
	overload bool
	proxied  bool
	answered atomic.Bool
}

// ErrAnswered says that a request has been answered before.
var ErrAnswered = errors.New("diameter: the request has been answered")

// serve handles a request.
func (n *Node) serve(p *peer, c *conn, h Header, msg []byte, now time.Time) error {
	p.stats.RequestsReceived.Add(1)
	refuse := func(e *ProtocolError) error {
		m, _ := ParseMessage(msg)
		n.reply(p, c, n.errorAnswer(m, e), c)
		return nil
	}
	if n.overRate(c, now) {
		p.stats.TooBusy.Add(1)
		if err := refuse(&ProtocolError{ResultCode: TooBusy, Text: "more requests in a second than are admitted"}); err != nil {
			return err
		}
		return c.countRefused(p, "a flood of requests")
	}
	if int(c.serving.Load()) >= n.cfg.Limits.MaxRequests {
		p.stats.TooBusy.Add(1)
		if err := refuse(&ProtocolError{ResultCode: TooBusy, Text: "too many requests are being served"}); err != nil {
			return err
		}
		return c.countRefused(p, "a flood of requests")
	}
	if h.Flags&ErrorFlag != 0 {
		p.stats.Malformed.Add(1)
		return refuse(&ProtocolError{ResultCode: InvalidHdrBits, Text: "E flag in a request"})
	}
	var r routing
	if err := r.scan(AVPs(msg[HeaderLen:]), n.cfg.OriginHost); err != nil {
		p.stats.Malformed.Add(1)
		return refuse(asProtocolError(err))
	}
	c.refused = 0
	if n.agent && r.looped {
		n.stats.Loops.Add(1)
		return refuse(&ProtocolError{ResultCode: LoopDetected, Text: "the request has been at " + n.cfg.OriginHost})
	}
	if !n.isLocal(&r, h.ApplicationID) {
		if e := n.pass(p, c, h, msg, &r); e != nil {
			return refuse(e)
		}
		return nil
	}
	s := n.services[serviceKey{h.ApplicationID, h.Code}]
	if s == nil {
		s = n.services[serviceKey{h.ApplicationID, 0}]
	}
	if s == nil {
		if n.served[h.ApplicationID] {
			return refuse(&ProtocolError{ResultCode: CommandUnsupported, Text: fmt.Sprintf("command %d of application %d", h.Code, h.ApplicationID)})
		}
		return refuse(&ProtocolError{ResultCode: ApplicationUnsupported, Text: fmt.Sprintf("application %d", uint32(h.ApplicationID))})
	}
	in := &Incoming{Peer: p.cfg.Host, n: n, p: p, c: c, overload: r.overload, proxied: r.proxied}
	if n.dups != nil {
		in.dup = n.dups.key(r.originHost, h)
		switch answer, fresh := n.dups.begin(in.dup, c, h, now); {
		case answer != nil:
			p.stats.Duplicates.Add(1)
			n.reply(p, c, answer, c)
			return nil
		case !fresh: // the answer to the first one will go to both
			p.stats.Duplicates.Add(1)
			return nil
		}
	}
	own := append(make([]byte, 0, len(msg)), msg...)
	in.Message = Message{h, AVPs(own[HeaderLen:])}
	c.serving.Add(1)
	if s.Goroutine && n.spawn(func() { in.run(s.Handler, nil) }) {
		return nil
	}
	in.run(s.Handler, c)
	return nil
}

// isLocal tells whether the request is for this node (RFC 6733 section 6.1.4).
func (n *Node) isLocal(r *routing, app ApplicationID) bool {
	if len(r.destHost) > 0 {
		return equalIdentity(r.destHost, n.cfg.OriginHost)
	}
	if len(r.destRealm) == 0 {
		return true
	}
	if !n.localRealm(r.destRealm) {
		return false
	}
	return n.served[app] || !n.agent
}

func (n *Node) localRealm(realm []byte) bool {
	var buf [256]byte
	if len(realm) > len(buf) {
		return false
	}
	for i, c := range realm {
		buf[i] = lowerASCII(c)
	}
	return n.realms[string(buf[:len(realm)])]
}

// overRate counts requests in windows of a second.
func (n *Node) overRate(c *conn, now time.Time) bool {
	limit := n.cfg.Limits.MaxRate
	if limit <= 0 {
		return false
	}
	if now.Sub(c.window) >= time.Second {
		c.window, c.inWindow = now, 0
	}
	c.inWindow++
	return c.inWindow > limit
}

// countRefused ends the connection of a peer that goes on and on.
func (c *conn) countRefused(p *peer, what string) error {
	if c.refused++; c.refused <= c.n.cfg.Limits.MaxRefused {
		return nil
	}
	p.fail(c, what)
	return fmt.Errorf("diameter: %s", what)
}

// reply sends an answer. A peer that does not read its answers is cut off.
func (n *Node) reply(p *peer, c *conn, b []byte, from *conn) {
	switch err := c.send(b, from); {
	case err == nil:
		p.stats.AnswersSent.Add(1)
	case err == errQueueFull:
		p.fail(c, "it does not read its answers")
		c.close(err, true)
	}
}

// run calls the handler. from is the connection whose reader does so, if one does.
func (r *Incoming) run(h Handler, from *conn) {
	defer func() {
		if v := recover(); v != nil {
			r.n.logf(slog.LevelError, "diameter handler panics", "peer", r.Peer, "request", r.Header.String(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			r.Fail(&ProtocolError{ResultCode: UnableToComply})
		}
	}()
	a, err := h(r.c.ctx, r)
	switch {
	case err != nil:
		r.Fail(err)
	case a != nil:
		if err := r.answer(a, from); err != nil && !errors.Is(err, net.ErrClosed) {
			r.n.logf(slog.LevelError, "diameter answer", "peer", r.Peer, "request", r.Header.String(), "err", err.Error())
			r.Fail(&ProtocolError{ResultCode: UnableToComply})
		}
	}
}

// Context ends with the connection that the request came on.
func (r *Incoming) Context() context.Context { return r.c.ctx }

// Fail answers with an error, as a [Handler] does that returns it.
func (r *Incoming) Fail(err error) error {
	var p *ProtocolError
	if !errors.As(err, &p) {
		p = &ProtocolError{ResultCode: UnableToComply}
		r.n.logf(slog.LevelError, "diameter handler", "peer", r.Peer, "request", r.Header.String(), "err", err.Error())
	}
	return r.Answer(encoded(r.n.errorAnswer(r.Message, p)))
}

// encoded is a message that is encoded already.
type encoded []byte

func (e encoded) AppendBinary(b []byte) ([]byte, error) { return append(b, e...), nil }

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// Answer answers the request, once; see [Handler] for what is filled in. It may be called by any goroutine.
// If a cannot be encoded the request is not answered.
func (r *Incoming) Answer(a encoding.BinaryAppender) error { return r.answer(a, nil) }

func (r *Incoming) answer(a encoding.BinaryAppender, from *conn) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b, err := a.AppendBinary((*buf)[:0])
	if err != nil {
		return err
	}
	if len(b) < HeaderLen {
		return fmt.Errorf("diameter: an answer of %d octets", len(b))
	}
	b = r.complete(b)
	if cap(b) <= 64<<10 {
		*buf = b
	}
	if err := FinishMessage(b, 0); err != nil {
		return err
	}
	if !r.answered.CompareAndSwap(false, true) {
		return ErrAnswered
	}
	r.c.serving.Add(-1)
	if r.n.dups != nil {
		for _, w := range r.n.dups.finish(r.dup, b) {
			putUint32(b[12:], w.hbh)
			r.n.reply(w.c.peer, w.c, b, nil)
		}
		putUint32(b[12:], r.HopByHopID)
	}
	r.n.reply(r.p, r.c, b, from)
	return nil
}

// complete makes an answer fit the request (RFC 6733 section 6.2).
func (r *Incoming) complete(b []byte) []byte {
	h := r.Header.Answer()
	flags := CommandFlags(b[4])&^(Request|Proxiable|Retransmitted) | h.Flags
	h.Flags = flags
	b = dropEmpty(append(AppendHeader(b[:0], h), b[HeaderLen:]...))
	var session, host, realm, proxy bool
	at := HeaderLen // where Session-Id ends
	for s := AVPs(b[HeaderLen:]); len(s) > 0; {
		a, k, ok := s.first()
		if !ok {
			break
		}
		s = s[k:]
		if a.VendorID != 0 {
			continue
		}
		switch a.Code {
		case AVPSessionID:
			session = true
			if len(b)-len(s)-k == HeaderLen {
				at += k
			}
		case AVPOriginHost:
			host = true
		case AVPOriginRealm:
			realm = true
		case AVPProxyInfo:
			proxy = true
		}
	}
	if !session || !host || !realm {
		var extra [600]byte
		x := extra[:0]
		if !session {
			if a, ok := r.Find(AVPSessionID, 0); ok {
				x = AppendAVP(x, a)
			}
		}
		if !host {
			x = AppendText(x, AVPOriginHost, Mandatory, 0, r.n.cfg.OriginHost)
		}
		if !realm {
			x = AppendText(x, AVPOriginRealm, Mandatory, 0, r.n.cfg.OriginRealm)
		}
		b = append(b, x...)
		copy(b[at+len(x):], b[at:len(b)-len(x)])
		copy(b[at:], x)
	}
	if r.overload {
		b = r.n.overload.appendReport(b, r.ApplicationID, time.Now())
	}
	if r.proxied && !proxy {
		for a := range r.AVPs.All() {
			if a.Code == AVPProxyInfo && a.VendorID == 0 {
				b = AppendAVP(b, a)
			}
		}
	}
	return b
}

// dropEmpty removes Session-Id, Origin-Host and Origin-Realm where they say nothing, as those of a typed
// command do that nobody has filled in.
func dropEmpty(b []byte) []byte {
	for at := HeaderLen; at < len(b); {
		a, k, ok := AVPs(b[at:]).first()
		if !ok {
			break
		}
		if len(a.Data) == 0 && a.VendorID == 0 && (a.Code == AVPSessionID || a.Code == AVPOriginHost || a.Code == AVPOriginRealm) {
			b = append(b[:at], b[at+k:]...)
			continue
		}
		at += k
	}
	return b
}
