package diameter

import (
	"errors"
	"slices"
)

// pass handles a request that is for another node: as a relay, a proxy or a redirect agent. The error
// is for the answer.
func (n *Node) pass(p *peer, c *conn, h Header, msg []byte, r *routing) *ProtocolError {
	undeliverable := func(why string) *ProtocolError {
		n.stats.Undeliverable.Add(1)
		return &ProtocolError{ResultCode: UnableToDeliver, Text: why}
	}
	if !n.agent {
		if len(r.destHost) == 0 || !n.localRealm(r.destRealm) && len(r.destRealm) > 0 {
			return &ProtocolError{ResultCode: RealmNotServed, Text: "realm " + quoted(r.destRealm)}
		}
		return undeliverable("host " + quoted(r.destHost) + " is not here")
	}
	if h.Flags&Proxiable == 0 { // RFC 6733 section 3: has to be served here
		return undeliverable("the P flag is clear")
	}
	route := n.routes.find(r.destRealm, h.ApplicationID)
	if route != nil && route.Action == RelayRequests && !route.Foreign && !n.cfg.Relay {
		route = nil
	}
	if route == nil && !n.cfg.Relay {
		if n.localRealm(r.destRealm) {
			if len(r.destHost) > 0 {
				return undeliverable("host " + quoted(r.destHost) + " is not here")
			}
			return &ProtocolError{ResultCode: ApplicationUnsupported}
		}
		return &ProtocolError{ResultCode: RealmNotServed, Text: "realm " + quoted(r.destRealm)}
	}
	if route != nil && route.Action == RedirectRequests {
		n.stats.Redirected.Add(1)
		n.reply(p, c, n.redirectAnswer(h, msg, route), c)
		return nil
	}
	tx := &transaction{n: n, app: h.ApplicationID, code: h.Code, src: c, header: h, route: route}
	// The AVPs go as they came, with who we have them from behind them (RFC 6733 section 6.1.9).
	b := append(make([]byte, 0, len(msg)+12+len(p.cfg.Host)), msg...)
	b = AppendText(b, AVPRouteRecord, Mandatory, 0, p.cfg.Host)
	if route != nil && route.Action == ProxyRequests {
		own := append([]byte(nil), msg...)
		tx.in = &Incoming{Message: Message{h, AVPs(own[HeaderLen:])}, Peer: p.cfg.Host, n: n, p: p, c: c}
		if route.OnRequest != nil {
			avps, err := route.OnRequest(tx.in)
			if err != nil {
				return asProtocolError(err)
			}
			for _, a := range avps {
				b = AppendAVP(b, a)
			}
		}
	}
	if FinishMessage(b, 0) != nil {
		return undeliverable("the request is too long")
	}
	tx.msg = b
	c.serving.Add(1)
	if err := tx.dispatch(r, nil, false, c); err != nil {
		c.serving.Add(-1)
		tx.finished.Store(true)
		n.stats.Undeliverable.Add(1)
		return relayError(err)
	}
	return nil
}

func quoted(b []byte) string { return string(b[:min(len(b), 255)]) }

// relayError is what an agent answers when a request could not be passed on.
func relayError(err error) *ProtocolError {
	var (
		route *RouteError
		late  *TimeoutError
	)
	switch {
	case errors.As(err, &route) && route.ResultCode == RealmNotServed:
		return &ProtocolError{ResultCode: RealmNotServed, Text: "realm " + route.Realm}
	case errors.As(err, &route):
		return &ProtocolError{ResultCode: route.ResultCode, Text: "no way to the realm " + route.Realm}
	case errors.As(err, &late):
		return &ProtocolError{ResultCode: UnableToDeliver, Text: late.Peer + " did not answer"}
	}
	return &ProtocolError{ResultCode: UnableToDeliver}
}

// refuseRelayed answers a request that was passed on and got no answer.
func (n *Node) refuseRelayed(tx *transaction, err error) {
	tx.src.serving.Add(-1)
	tx.mu.Lock()
	m := Message{tx.header, slices.Clone(AVPs(tx.msg[HeaderLen:]))}
	tx.mu.Unlock()
	n.reply(tx.src.peer, tx.src, n.errorAnswer(m, relayError(err)), nil)
}

// relayAnswer passes an answer on to where the request came from (RFC 6733 section 6.2.2).
func (n *Node) relayAnswer(tx *transaction, c *conn, msg []byte) {
	tx.src.serving.Add(-1)
	putUint32(msg[12:], tx.header.HopByHopID)
	if tx.in != nil && tx.route.OnAnswer != nil {
		if m, err := ParseMessage(slices.Clone(msg)); err == nil {
			b := slices.Clone(msg)
			for _, a := range tx.route.OnAnswer(m) {
				b = AppendAVP(b, a)
			}
			if FinishMessage(b, 0) == nil {
				msg = b
			}
		}
	}
	p := tx.src.peer
	switch err := tx.src.send(msg, c); {
	case err == nil:
		p.stats.AnswersSent.Add(1)
	case err == errQueueFull:
		p.fail(tx.src, "it does not read its answers")
		tx.src.close(err, true)
	}
}
