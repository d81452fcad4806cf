package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// listener accepts connections of one transport.
type listener struct {
	network    *network
	nl         net.Listener
	cfg        ListenConfig
	local      netip.AddrPort
	advertised advertised
}

// serveListener accepts from nl until it or the network is closed. A WS or WSS listener gives
// connections whose Read and Write carry one message each.
func (n *network) serveListener(nl net.Listener, lc ListenConfig) (Flow, error) {
	adv, err := parseAdvertised(lc.Advertise)
	if err == nil && (lc.Transport < TCP || lc.Transport > WSS) {
		err = fmt.Errorf("sip: listen: %q is not a transport of streams", lc.Transport)
	}
	if err == nil && lc.Transport == TLS && lc.TLS == nil {
		err = errors.New("sip: listen: TLS without a certificate: set ListenConfig.TLS")
	}
	if err != nil {
		nl.Close()
		return Flow{}, err
	}
	l := &listener{network: n, nl: nl, cfg: lc, local: addrPortOf(nl.Addr()), advertised: adv}
	n.mu.Lock()
	if n.closing {
		n.mu.Unlock()
		nl.Close()
		return Flow{}, net.ErrClosed
	}
	n.listeners = append(n.listeners, l)
	n.wg.Add(1)
	n.mu.Unlock()
	n.log.Info("listening", "transport", lc.Transport, "local", l.local)
	go l.accept()
	return Flow{Transport: lc.Transport, Local: l.local}, nil
}

func (l *listener) accept() {
	n := l.network
	defer n.wg.Done()
	defer l.nl.Close()
	for failures := 0; ; {
		nc, err := l.nl.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || n.ctx.Err() != nil {
				return
			}
			failures++
			n.log.Warn("accept", "transport", l.cfg.Transport, "local", l.local, "err", err)
			n.backoff(failures)
			continue
		}
		failures = 0
		c := &conn{network: n, accepted: nc, nc: nc, listener: l, flow: Flow{l.cfg.Transport, addrPortOf(nc.LocalAddr()), addrPortOf(nc.RemoteAddr()), 0}}
		if err := n.admit(c); err != nil {
			n.stats.refused.Add(1)
			n.log.Warn("connection refused", "transport", l.cfg.Transport, "peer", c.flow.Remote, "err", err)
			nc.Close()
			continue
		}
		n.stats.accepted.Add(1)
		go l.welcome(c)
	}
}

// admit gives a connection its id and its place under the limits.
func (n *network) admit(c *conn) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return net.ErrClosed
	}
	host := c.flow.Remote.Addr()
	if c.listener != nil && n.cfg.MaxConnsPerHost > 0 && n.perHost[host] >= n.cfg.MaxConnsPerHost {
		return errTooManyConns
	}
	if err := n.makeRoom(); err != nil {
		return err
	}
	c.flow.conn = n.nextID()
	n.pending++
	if c.listener != nil {
		n.perHost[host]++
		c.lastRead.Store(time.Now().UnixNano())
		n.greeting[c.flow.conn] = c
	}
	n.wg.Add(1)
	return nil
}

// settle ends what admit began: the connection is registered now, or has failed.
func (n *network) settle(c *conn, failed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pending--
	delete(n.greeting, c.flow.conn)
	if failed && c.listener != nil {
		n.leaveHost(c.flow.Remote.Addr())
	}
}

// welcome makes an accepted connection ready: the TLS handshake, and the options of the socket.
func (l *listener) welcome(c *conn) {
	n := l.network
	defer n.wg.Done()
	n.tuneStream(c.nc, l.cfg.DSCP)
	err := n.handshake(c)
	if err == nil {
		err = n.newConn(c)
	}
	n.settle(c, err != nil)
	if err != nil {
		c.nc.Close()
		return
	}
	n.log.Info("connection accepted", "transport", c.flow.Transport, "peer", c.flow.Remote)
}

// handshake runs the server side of TLS.
func (n *network) handshake(c *conn) error {
	if c.flow.Transport == TLS {
		ctx, cancel := context.WithTimeout(n.ctx, n.cfg.HandshakeTimeout)
		defer cancel()
		tc := tls.Server(c.nc, c.listener.cfg.TLS)
		if err := tc.HandshakeContext(ctx); err != nil {
			n.stats.handshakeErrors.Add(1)
			n.log.Warn("TLS handshake", "peer", c.flow.Remote, "err", err)
			return err
		}
		c.nc = tc
	}
	c.tls = stateOf(c.nc)
	return nil
}

// stateOf returns the TLS state of a connection that has one.
func stateOf(nc net.Conn) *tls.ConnectionState {
	if t, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		if s := t.ConnectionState(); s.HandshakeComplete {
			return &s
		}
	}
	return nil
}
