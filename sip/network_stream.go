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

// makeRoom keeps the number of connections under MaxConns: one is closed for each that comes. It looks
// at samples, so that a flood costs little. The caller holds n.mu.
func (n *network) makeRoom() error {
	if len(n.conns)+n.pending < n.cfg.MaxConns {
		return nil
	}
	var found census
	found.sample(n.greeting)
	found.sample(n.conns)
	c := found.victim(time.Now(), n.cfg.MessageTimeout)
	if c == nil {
		return errTooManyConns
	}
	n.stats.evicted.Add(1)
	c.leaving = true
	ready := n.conns[c.flow.conn] == c
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		if ready {
			c.cut(errMadeRoom)
		} else {
			c.accepted.Close()
		}
	}()
	return nil
}

// census looks at connections for one that may make room.
type census struct {
	seen, silent             int   // silent: accepted, and has never said anything
	silentFor, idleFor       int64 // since when, of those below
	oldestSilent, oldestIdle *conn
}

func (s *census) sample(conns map[uint64]*conn) {
	seen := 0
	for _, c := range conns {
		if seen++; seen > 64 {
			break
		}
		if c.leaving {
			continue
		}
		s.seen++
		at := c.lastRead.Load()
		if !c.spoke.Load() {
			if s.silent++; s.oldestSilent == nil || at < s.silentFor {
				s.oldestSilent, s.silentFor = c, at
			}
		} else if s.oldestIdle == nil || at < s.idleFor {
			s.oldestIdle, s.idleFor = c, at
		}
	}
}

// newcomer is how long a connection may say nothing before it makes room for others, unless most
// of them say nothing: then it is a flood, which is not to drive out who has spoken.
const newcomer = time.Second

// victim chooses the connection to close, nil if there is none that may be.
func (s *census) victim(now time.Time, idle time.Duration) *conn {
	age := func(at int64) time.Duration { return time.Duration(now.UnixNano() - at) }
	switch {
	case s.oldestSilent != nil && (age(s.silentFor) >= newcomer || 2*s.silent > s.seen):
		return s.oldestSilent
	case s.oldestIdle != nil && age(s.idleFor) >= idle:
		return s.oldestIdle
	}
	return s.oldestSilent
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

// keepAlive sends keep-alives over a flow every period, with jitter; zero stops them. Over UDP
// they are CRLF without an answer, and last until stopped.
func (n *network) keepAlive(f Flow, period time.Duration) error {
	if f.Transport == UDP {
		return n.keepAliveUDP(f, period)
	}
	c := n.conn(f)
	if c == nil {
		return &TransportError{"send", f.Transport, f.Remote, errFlowClosed}
	}
	c.setKeepAlive(period)
	return nil
}
