package diameter

import (
	"context"
	"encoding"
	"fmt"
	"time"
)

// Answer is the answer to a request made with [Node.Do]. It owns its memory.
type Answer struct {
	Message
	Peer string // the peer that sent it, not always its Origin-Host
}

// TimeoutError says that a request was sent and not answered in Timers.Request. Its Timeout method
// makes it one in the sense of net.Error.
type TimeoutError struct {
	Peer string // where it was sent last
	Wait time.Duration
}

// Error says who did not answer.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("diameter: no answer from %s in %v", e.Peer, e.Wait)
}

// Timeout is true.
func (e *TimeoutError) Timeout() bool { return true }

// Do sends a request and waits for its answer: a [Message] or a typed command. The header's R flag
// and identifiers are set here, as are Origin-Host and Origin-Realm where they are missing. It goes
// by Destination-Host, Config.Routes and Destination-Realm; when its peer fails it goes to another
// one with the T flag, and so it does, without, when the peer answers DIAMETER_TOO_BUSY or
// DIAMETER_UNABLE_TO_DELIVER. Redirect indications are followed.
//
// An answer is returned whatever its result code. Errors are a [*RouteError] if there is no peer to
// send to, a [*ThrottledError], a [*TimeoutError], ctx's, ErrClosed, or a [*ProtocolError] with the
// answer if that cannot be parsed.
func (n *Node) Do(ctx context.Context, req encoding.BinaryAppender) (Answer, error) {
	type result struct {
		a   Answer
		err error
	}
	ch := make(chan result, 1)
	tx, err := n.send(req, func(a Answer, err error) { ch <- result{a, err} })
	if err != nil {
		return Answer{}, err
	}
	select {
	case r := <-ch:
		return r.a, r.err
	case <-ctx.Done():
		if tx.finish() {
			return Answer{}, context.Cause(ctx)
		}
		r := <-ch // it came at the same moment
		return r.a, r.err
	}
}

// Send is Do that does not wait: done is called once with the answer or the error, on the goroutine
// that reads the connection, so it must not wait. If Send returns an error, done is not called.
func (n *Node) Send(req encoding.BinaryAppender, done func(Answer, error)) error {
	_, err := n.send(req, done)
	return err
}

func (n *Node) send(req encoding.BinaryAppender, done func(Answer, error)) (*transaction, error) {
	b, err := req.AppendBinary(make([]byte, 0, 512))
	if err != nil {
		return nil, err
	}
	if len(b) < HeaderLen {
		return nil, fmt.Errorf("diameter: a request of %d octets", len(b))
	}
	if n.closing.Load() {
		return nil, ErrClosed
	}
	b[4] = b[4]&^byte(ErrorFlag) | byte(Request)
	putUint32(b[16:], n.endToEndID())
	b = dropEmpty(b)
	var r routing
	if err := r.scan(AVPs(b[HeaderLen:]), n.cfg.OriginHost); err != nil {
		return nil, err
	}
	if len(r.originHost) == 0 {
		b = AppendText(b, AVPOriginHost, Mandatory, 0, n.cfg.OriginHost)
	}
	if !AVPs(b[HeaderLen:]).Has(AVPOriginRealm, 0) {
		b = AppendText(b, AVPOriginRealm, Mandatory, 0, n.cfg.OriginRealm)
	}
	if n.cfg.Overload && !r.overload {
		b = appendSupportedFeatures(b)
	}
	if err := FinishMessage(b, 0); err != nil {
		return nil, err
	}
	r.scan(AVPs(b[HeaderLen:]), n.cfg.OriginHost) // b may have moved
	h, _, err := ParseHeader(b)
	if err != nil {
		return nil, err
	}
	if n.cfg.Overload {
		if err := n.throttle(&r, h.ApplicationID); err != nil {
			n.stats.Throttled.Add(1)
			return nil, err
		}
	}
	tx := &transaction{n: n, app: h.ApplicationID, code: h.Code, msg: b}
	tx.done = func(from *peer, msg []byte, err error) {
		var a Answer
		if msg != nil {
			a.Peer = from.cfg.Host
			a.Message, err = ParseMessage(append([]byte(nil), msg...))
			if n.cfg.Overload && err == nil {
				n.overload.learn(a.Message, time.Now())
			}
		}
		done(a, err)
	}
	if err := tx.dispatch(&r, nil, false, nil); err != nil {
		n.stats.Undeliverable.Add(1)
		tx.finished.Store(true)
		return nil, err
	}
	return tx, nil
}

// answered handles an answer.
func (n *Node) answered(p *peer, c *conn, h Header, msg []byte) error {
	l := c.pend.take(h.HopByHopID, h.Code)
	if l == nil {
		// To a request that another peer has answered, or that was given up, or to nothing.
		p.stats.Unmatched.Add(1)
		return c.countRefused(p, "answers to nothing")
	}
	c.refused = 0
	p.stats.AnswersReceived.Add(1)
	tx := l.tx
	if h.Flags&ErrorFlag != 0 && n.elsewhere(tx, p, c, msg) {
		return nil
	}
	if !tx.finish() {
		p.stats.Unmatched.Add(1)
		return nil
	}
	if tx.src != nil {
		n.relayAnswer(tx, c, msg)
	} else {
		tx.done(p, msg, nil)
	}
	return nil
}

// elsewhere handles an answer that asks for another peer: DIAMETER_TOO_BUSY and
// DIAMETER_UNABLE_TO_DELIVER (RFC 6733 section 7.1.3), and redirect indications.
func (n *Node) elsewhere(tx *transaction, p *peer, c *conn, msg []byte) bool {
	avps := AVPs(msg[HeaderLen:])
	a, _ := avps.Find(AVPResultCode, 0)
	rc, err := a.Uint32()
	if err != nil || tx.finished.Load() {
		return false
	}
	switch ResultCode(rc) {
	case TooBusy, UnableToDeliver:
		if tx.redispatch(p, false, c) == nil {
			p.stats.Rerouted.Add(1)
			return true
		}
	case RedirectIndication:
		return n.follow(tx, p, c, avps)
	}
	return false
}

// redispatch sends the transaction to another peer.
func (tx *transaction) redispatch(avoid *peer, again bool, from *conn) error {
	tx.mu.Lock()
	avps := AVPs(tx.msg[HeaderLen:])
	tx.mu.Unlock()
	var r routing
	if err := r.scan(avps, tx.n.cfg.OriginHost); err != nil {
		return err
	}
	return tx.dispatch(&r, avoid, again, from)
}

// failover sends what waits for answers on c to other peers, with the T flag (RFC 6733 section 5.5.4).
// With keep set the peer is suspect only: what has no other way stays, and an answer may yet come.
func (n *Node) failover(p *peer, c *conn, keep bool) {
	for _, l := range c.pend.all(!keep) {
		tx := l.tx
		if tx.finished.Load() {
			continue
		}
		tx.retransmitted()
		err := tx.redispatch(p, true, nil)
		switch {
		case err == nil:
			p.stats.Retransmitted.Add(1)
		case keep:
		default:
			tx.fail(p, err)
		}
	}
}

// timedOut gives up a request that has not been answered.
func (n *Node) timedOut(p *peer, tx *transaction) {
	p.stats.TimedOut.Add(1)
	tx.fail(p, &TimeoutError{Peer: p.cfg.Host, Wait: n.cfg.Timers.Request})
}

// fail ends the transaction with an error.
func (tx *transaction) fail(p *peer, err error) {
	if !tx.finish() {
		return
	}
	n := tx.n
	n.stats.Undeliverable.Add(1)
	if n.ctx.Err() != nil {
		err = ErrClosed
	}
	if tx.src != nil {
		n.refuseRelayed(tx, err)
		return
	}
	tx.done(p, nil, err)
}
