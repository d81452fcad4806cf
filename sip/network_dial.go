package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
)

// dialKey is what makes two wishes for a connection the same.
type dialKey struct {
	peerKey
	serverName string
	local      netip.AddrPort
}

// dial is a connection being opened, and who waits for it.
type dial struct {
	key     dialKey
	waiting []func(Flow, error)
}

// dial is connect for streams.
func (n *network) dial(t Transport, remote netip.AddrPort, serverName string, from Flow, done func(Flow, error)) {
	key := dialKey{peerKey: peerKey{t, remote}, serverName: serverName}
	if from.conn == 0 {
		key.local = from.Local
	}
	n.mu.Lock()
	if t.Secure() {
		if _, err := netip.ParseAddr(serverName); serverName == "" || err == nil {
			if known := n.names[key.peerKey]; known != "" {
				key.serverName = known
			}
		}
	}
	if c := n.existing(key, from); c != nil {
		n.mu.Unlock()
		done(c.flow, nil)
		return
	}
	if d := n.dials[key]; d != nil {
		d.waiting = append(d.waiting, done)
		n.mu.Unlock()
		return
	}
	err := error(nil)
	switch {
	case n.closing:
		err = net.ErrClosed
	case t < TCP || t > WSS:
		err = errors.New("not a transport of streams")
	case (t == WS || t == WSS) && n.cfg.DialWebSocket == nil:
		err = errNoWebSocket
	}
	if err != nil {
		n.mu.Unlock()
		done(Flow{}, &TransportError{"connect", t, remote, err})
		return
	}
	d := &dial{key: key, waiting: []func(Flow, error){done}}
	n.dials[key] = d
	n.wg.Add(1)
	n.mu.Unlock()
	go n.runDial(d)
}

// existing finds a connection that serves a wish. The caller holds n.mu.
//
// A sip: URI with transport=ws may mean a WSS connection that is there already: RFC 7118 has one
// parameter value for both, and a server that wrote itself into the route has no other way.
func (n *network) existing(key dialKey, from Flow) *conn {
	if key.transport == WS {
		secure := key
		secure.transport, secure.serverName = WSS, ""
		if c := n.existing(secure, from); c != nil {
			return c
		}
	}
	fits := func(c *conn) bool {
		return c.flow.Transport == key.transport && c.flow.Remote == key.remote && c.usable() && c.isFor(key.serverName)
	}
	if c := n.conns[from.conn]; c != nil && fits(c) {
		return c
	}
	for _, c := range n.byPeer[key.peerKey] {
		if fits(c) && (!key.local.IsValid() || key.local.Port() == 0 || key.local == c.flow.Local) {
			return c
		}
	}
	return nil
}

func (c *conn) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.dead && !c.draining
}

// isFor tells whether the peer was verified to be name (RFC 5922 section 7.3: a connection must
// not be used again for another domain than those of its certificate).
func (c *conn) isFor(name string) bool {
	if !c.flow.Transport.Secure() || name == "" || name == c.serverName {
		return true
	}
	if c.tls == nil || len(c.tls.VerifiedChains) == 0 && c.listener != nil || len(c.tls.PeerCertificates) == 0 {
		return false
	}
	return verifyPeerName(c.tls.PeerCertificates[0], name, c.network.cfg.AllowWildcardNames) == nil
}

// runDial opens the connection and tells those who wait.
func (n *network) runDial(d *dial) {
	defer n.wg.Done()
	c, err := n.open(d.key)
	n.mu.Lock()
	delete(n.dials, d.key)
	waiting := d.waiting
	if err == nil && d.key.transport.Secure() && c.serverName != "" {
		if len(n.names) >= maxNames {
			clear(n.names)
		}
		n.names[d.key.peerKey] = c.serverName
	}
	n.mu.Unlock()
	f := Flow{}
	if err != nil {
		n.stats.dialErrors.Add(1)
		n.log.Info("connect", "transport", d.key.transport, "peer", d.key.remote, "err", err)
		err = &TransportError{"connect", d.key.transport, d.key.remote, err}
	} else {
		n.stats.dialled.Add(1)
		n.log.Info("connected", "transport", d.key.transport, "peer", d.key.remote)
		f = c.flow
		if n.cfg.KeepAlive > 0 {
			c.setKeepAlive(n.cfg.KeepAlive)
		}
	}
	for _, done := range waiting {
		done(f, err)
	}
}

// maxNames bounds the memory of verified names.
const maxNames = 4096

// open connects, shakes hands, and registers the connection.
func (n *network) open(key dialKey) (*conn, error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.cfg.DialTimeout)
	defer cancel()
	c := &conn{network: n, serverName: key.serverName, flow: Flow{Transport: key.transport, Remote: key.remote}}
	if err := n.admit(c); err != nil {
		n.stats.refused.Add(1)
		return nil, err
	}
	defer n.wg.Done()
	err := n.openStream(ctx, c, key)
	if err == nil {
		err = n.newConn(c)
		if err != nil {
			c.nc.Close()
		}
	}
	n.settle(c, err != nil)
	return c, err
}

func (n *network) openStream(ctx context.Context, c *conn, key dialKey) error {
	to := DialTarget{Transport: key.transport, Local: key.local, Remote: key.remote, ServerName: key.serverName}
	if key.transport == WSS {
		to.TLS = n.clientTLS(key.serverName, key.remote)
	}
	open := n.cfg.Dial
	switch {
	case key.transport == WS || key.transport == WSS:
		open = n.cfg.DialWebSocket
	case open == nil:
		open = dialTCP
	}
	nc, err := open(ctx, to)
	if err != nil {
		return err
	}
	n.tuneStream(nc, 0)
	if key.transport == TLS {
		tc := tls.Client(nc, n.clientTLS(key.serverName, key.remote))
		if err := tc.HandshakeContext(ctx); err != nil {
			n.stats.handshakeErrors.Add(1)
			nc.Close()
			return err
		}
		nc = tc
	}
	c.nc, c.tls = nc, stateOf(nc)
	c.flow.Local = addrPortOf(nc.LocalAddr())
	return nil
}

// dialTCP is the default of NetworkConfig.Dial.
func dialTCP(ctx context.Context, to DialTarget) (net.Conn, error) {
	var d net.Dialer
	if to.Local.IsValid() && (to.Local.Port() != 0 || !to.Local.Addr().IsUnspecified()) {
		d.LocalAddr = net.TCPAddrFromAddrPort(to.Local)
		d.Control = reuseAddr
	}
	return d.DialContext(ctx, "tcp", to.Remote.String())
}
