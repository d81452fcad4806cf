package diameter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/gotelco/telco/sctp"
)

// Serve accepts peers' connections on l until the node or l is closed, and returns why: an error that
// is net.ErrClosed after Close. For TLS from the start l is a TLS listener.
func (n *Node) Serve(l net.Listener) error {
	if !n.addListener(l) {
		l.Close()
		return ErrClosed
	}
	defer n.removeListener(l)
	for wait := time.Duration(0); ; {
		nc, err := l.Accept()
		if err != nil {
			if n.closing.Load() {
				return ErrClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Such as too many open files: it passes.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			n.logf(slog.LevelWarn, "diameter accept", "err", err.Error())
			select {
			case <-time.After(wait):
			case <-n.ctx.Done():
			}
			continue
		}
		wait = 0
		if !n.admit() {
			nc.Close()
			continue
		}
		t, ok := nc.(*tls.Conn)
		if !ok {
			n.accepted(newStreamLink(nc, n.cfg.Limits.MaxMessage))
			continue
		}
		if !n.spawn(func() {
			ctx, cancel := context.WithTimeout(n.ctx, n.cfg.Timers.Connect)
			defer cancel()
			if err := t.HandshakeContext(ctx); err != nil {
				n.unknown.Add(-1)
				n.logf(slog.LevelWarn, "diameter TLS handshake", "remote", nc.RemoteAddr().String(), "err", err.Error())
				nc.Close()
				return
			}
			n.accepted(newStreamLink(nc, n.cfg.Limits.MaxMessage))
		}) {
			nc.Close()
		}
	}
}

// ServeSCTP is Serve for associations.
func (n *Node) ServeSCTP(l sctp.Listener) error {
	if !n.addListener(l) {
		l.Close()
		return ErrClosed
	}
	defer n.removeListener(l)
	for {
		assoc, err := l.Accept(n.ctx)
		if err != nil {
			if n.closing.Load() {
				return ErrClosed
			}
			return err
		}
		if !n.admit() {
			assoc.Abort("too many connections")
			continue
		}
		n.accepted(newSCTPLink(assoc, n.cfg.Limits.MaxMessage))
	}
}

// admit counts a connection that has not said who it is.
func (n *Node) admit() bool {
	if n.unknown.Add(1) > int64(n.cfg.Limits.MaxUnknown) || n.closing.Load() {
		n.unknown.Add(-1)
		n.stats.Refused.Add(1)
		return false
	}
	return true
}

// accepted runs a connection that a peer made.
func (n *Node) accepted(l link) {
	c := n.newConn(l, false)
	if t := n.cfg.Timers.CER; t > 0 {
		l.readDeadline(time.Now().Add(t))
	}
	if !n.begin() {
		l.close(true)
		return
	}
	defer n.wg.Done()
	c.start()
}

// firstMessage handles what an accepted connection sends before its peer is known: a CER, or the
// connection ends (RFC 6733 section 5.6.1).
func (n *Node) firstMessage(c *conn, h Header, msg []byte) error {
	if h.Code != CommandCapabilitiesExchange || !h.IsRequest() {
		return fmt.Errorf("diameter: %v where a CER was to come", h)
	}
	m, err := ParseMessage(msg)
	if err != nil {
		return n.refuseCER(c, m, err)
	}
	caps, err := parseCapabilities(m, n.cfg.Strict)
	var bad *ProtocolError
	if errors.As(err, &bad) && !n.cfg.Strict && bad.ResultCode == MissingAVP && bad.FailedAVP[0].Code == AVPHostIPAddress {
		n.logf(slog.LevelWarn, "diameter CER", "peer", caps.OriginHost, "reason", bad.Text)
		err = nil
	}
	if err != nil {
		return n.refuseCER(c, m, err)
	}
	p, err := n.peerFor(c, &caps)
	if err != nil {
		return n.refuseCER(c, m, err)
	}
	local := n.capabilities(c)
	inband, err := local.agree(&caps)
	if err == nil && inband && p.tlsConfig() == nil {
		err = &ProtocolError{ResultCode: NoCommonSecurity, Text: "no certificate here"}
	}
	if err != nil {
		p.stats.Refused.Add(1)
		if p.dynamic {
			n.dropUnused(p)
		}
		return n.refuseCER(c, m, err)
	}
	c.link.readDeadline(time.Time{})
	p.do(func(now time.Time) {
		if p.gone {
			c.close(errors.New("diameter: the peer was removed"), true)
			return
		}
		if p.parted && p.m.state == PeerClosing {
			// It comes again before it is seen to have closed the connection that it has parted on.
			p.because("the peer is back")
			p.event(now, evFail)
		}
		before, reason := p.newTLS, p.reason
		p.newConn, p.newCaps, p.newTLS, p.request = c, &caps, inband, h
		p.because("CER from " + remoteOf(c))
		if !p.event(now, evRConnCER) {
			p.newConn = nil
			c.close(errors.New("diameter: not in state "+p.m.state.String()), false)
		}
		if c.peer == nil { // rejected: the connection that there is goes on
			p.newTLS, p.reason = before, reason
		}
	})
	if c.peer != nil {
		n.unknown.Add(-1)
	}
	return nil
}

// refuseCER answers a CER with an error and ends the connection.
func (n *Node) refuseCER(c *conn, m Message, err error) error {
	p := asProtocolError(err)
	n.stats.Refused.Add(1)
	host := m.Text(AVPOriginHost, 0)
	n.logf(slog.LevelWarn, "diameter CER refused", "peer", host, "remote", remoteOf(c), "result", p.ResultCode.String(), "reason", p.Text)
	b := n.errorAnswer(m, p)
	if p.ResultCode == NoCommonApplication { // what we have, as a hint (RFC 6733 section 5.3)
		local := n.capabilities(c)
		b = local.appendTo(n.baseAnswer(m.Header, p.ResultCode)[:HeaderLen+12])
		if p.Text != "" {
			b = AppendText(b, AVPErrorMessage, 0, 0, p.Text)
		}
		FinishMessage(b, 0)
	}
	c.send(b, nil)
	c.finish(p)
	return p
}

// peerFor finds who the CER is from, and makes an entry for a peer that Config.Accept admits.
func (n *Node) peerFor(c *conn, caps *Capabilities) (*peer, error) {
	_, remote := c.link.addrs()
	refuse := func(why string) (*peer, error) {
		return nil, &ProtocolError{ResultCode: UnknownPeer, Text: fmt.Sprintf("%s: %s", caps.OriginHost, why)}
	}
	if fold(caps.OriginHost) == fold(n.cfg.OriginHost) {
		return refuse("that is this node's own name")
	}
	if err := n.checkCertificate(c, caps.OriginHost); err != nil {
		return refuse(err.Error())
	}
	if p := n.peer(caps.OriginHost); p != nil && !p.dynamic {
		switch {
		case p.cfg.DialOnly:
			return refuse("this peer is connected to from here only")
		case !matchAddress(p.cfg.From, remote.Addr()):
			return refuse("not from address " + remote.Addr().String())
		}
		return p, nil
	}
	switch {
	case !matchIdentity(n.cfg.Accept.Hosts, caps.OriginHost):
		return refuse("not among the peers admitted here")
	case !matchAddress(n.cfg.Accept.From, remote.Addr()):
		return refuse("not from address " + remote.Addr().String())
	}
	p, ok := n.addPeer(Peer{Host: caps.OriginHost}, true)
	if !ok {
		return nil, &ProtocolError{ResultCode: TooBusy, Text: "too many peers"}
	}
	return p, nil
}

// checkCertificate compares the identity that a peer claims with its certificate.
func (n *Node) checkCertificate(c *conn, host string) error {
	l, ok := c.link.(*streamLink)
	if !ok || n.cfg.AnyCertificateName {
		return nil
	}
	return l.checkName(host)
}

func remoteOf(c *conn) string {
	if _, r := c.link.addrs(); r.IsValid() {
		return r.String()
	}
	return "pipe"
}

func (n *Node) addListener(l interface{ Close() error }) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing.Load() {
		return false
	}
	n.listeners = append(n.listeners, l)
	return true
}

func (n *Node) removeListener(l interface{ Close() error }) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners = slices.DeleteFunc(n.listeners, func(x interface{ Close() error }) bool { return x == l })
}
