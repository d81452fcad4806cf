package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// network owns the sockets, listeners and connections of an endpoint.
//
// Received messages are handed to receive on the goroutine that read them, one call a message,
// in the order of their arrival on that socket or connection; data is valid during the call
// only. closed reports each connection that ended, once, after its last message.
type network struct {
	cfg     NetworkConfig
	log     *slog.Logger
	receive func(f Flow, data []byte)
	closed  func(f Flow, err error)

	stats networkStats
	wg    sync.WaitGroup
	ctx   context.Context // done when closing
	stop  context.CancelFunc

	sockets atomic.Pointer[[]*socket] // replaced under mu, read without

	mu        sync.RWMutex
	lastID    uint64
	listeners []*listener
	conns     map[uint64]*conn
	greeting  map[uint64]*conn // accepted, and not ready for messages yet
	byPeer    map[peerKey][]*conn
	perHost   map[netip.Addr]int // accepted connections
	dials     map[dialKey]*dial
	pending   int                       // connections being set up
	pings     map[Flow]*time.Timer      // keep-alives over UDP
	names     map[peerKey]string        // the names under which peers were verified, kept for reconnects
	routes    map[netip.Addr]netip.Addr // remote -> local address of unbound sockets
	closing   bool
}

type peerKey struct {
	transport Transport
	remote    netip.AddrPort
}

var (
	errFlowClosed     = errors.New("connection is closed")
	errNoSocket       = errors.New("no UDP socket of that address family")
	errTooManyConns   = errors.New("too many connections")
	errSlowReader     = errors.New("peer reads too slowly")
	errSlowSender     = errors.New("peer sends too slowly")
	errIdle           = errors.New("connection was idle")
	errNoPong         = errors.New("peer does not answer keep-alives")
	errMadeRoom       = errors.New("closed to make room for another connection")
	errNoWebSocket    = errors.New("no WebSocket dialer: set DialWebSocket")
	errMessageTooLong = errors.New("message is too long for a datagram")
)

func newNetwork(cfg NetworkConfig, receive func(Flow, []byte), closed func(Flow, error)) *network {
	cfg = cfg.withDefaults()
	n := &network{
		cfg:      cfg,
		log:      cfg.Logger,
		receive:  receive,
		closed:   closed,
		conns:    make(map[uint64]*conn),
		greeting: make(map[uint64]*conn),
		byPeer:   make(map[peerKey][]*conn),
		perHost:  make(map[netip.Addr]int),
		dials:    make(map[dialKey]*dial),
		pings:    make(map[Flow]*time.Timer),
		names:    make(map[peerKey]string),
		routes:   make(map[netip.Addr]netip.Addr),
	}
	n.ctx, n.stop = context.WithCancel(context.Background())
	n.sockets.Store(new([]*socket))
	return n
}

// listen opens what lc describes and serves it. The Flow has the bound address.
func (n *network) listen(lc ListenConfig) (Flow, error) {
	addr := lc.Addr
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(strings.Trim(addr, "[]"), strconv.Itoa(int(lc.Transport.DefaultPort())))
	}
	switch lc.Transport {
	case UDP:
		ua, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			return Flow{}, fmt.Errorf("sip: listen: %w", err)
		}
		pc, err := net.ListenUDP(familyOf("udp", ua.AddrPort().Addr()), ua)
		if err != nil {
			return Flow{}, fmt.Errorf("sip: listen: %w", err)
		}
		return n.servePacketConn(pc, lc)
	case TCP, TLS:
		ta, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			return Flow{}, fmt.Errorf("sip: listen: %w", err)
		}
		nl, err := net.ListenTCP(familyOf("tcp", ta.AddrPort().Addr()), ta)
		if err != nil {
			return Flow{}, fmt.Errorf("sip: listen: %w", err)
		}
		return n.serveListener(nl, lc)
	}
	return Flow{}, fmt.Errorf("sip: listen: transport %q needs a listener of its own", lc.Transport)
}

// familyOf keeps 0.0.0.0 to IPv4: package net would open a socket of both families.
func familyOf(network string, a netip.Addr) string {
	if a.Is4() {
		return network + "4"
	}
	return network
}

// send sends one message over a flow. It does not wait for the peer: datagrams go to the
// system's buffer, connections queue what the peer doesn't read, up to MaxQueue octets.
func (n *network) send(f Flow, data []byte) error {
	if f.Transport == UDP {
		s := n.socket(f)
		if s == nil {
			return &TransportError{"send", UDP, f.Remote, errNoSocket}
		}
		return s.send(f, data)
	}
	c := n.conn(f)
	if c == nil {
		return &TransportError{"send", f.Transport, f.Remote, errFlowClosed}
	}
	return c.send(data)
}

// alive tells whether a message could be sent over f now.
func (n *network) alive(f Flow) bool {
	if f.Transport == UDP {
		return n.socket(f) != nil
	}
	return n.conn(f) != nil
}

// conn finds the connection of a flow, nil if it has gone.
func (n *network) conn(f Flow) *conn {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if f.conn != 0 {
		return n.conns[f.conn]
	}
	for _, c := range n.byPeer[peerKey{f.Transport, f.Remote}] {
		if !f.Local.IsValid() || c.flow.Local == f.Local {
			return c
		}
	}
	return nil
}

// connect finds a flow to remote over t: an existing connection, or a new one. serverName is the
// name that the peer's certificate must have; empty means that of an earlier connection to the
// same address, else the address itself. from, if not zero, is the flow to use if it leads there
// already; else its Local is the address to connect from.
//
// done is called once: before connect returns where no new connection is needed, else later on
// another goroutine.
func (n *network) connect(t Transport, remote netip.AddrPort, serverName string, from Flow, done func(Flow, error)) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if t == UDP {
		f, err := n.datagramFlow(remote, from)
		if err != nil {
			err = &TransportError{"connect", t, remote, err}
		}
		done(f, err)
		return
	}
	n.dial(t, remote, serverName, from, done)
}

// sentBy returns the host and port that Via and Contact name for messages over f: what the
// listener advertises, else its bound address, else the connection's own.
func (n *network) sentBy(f Flow) (host string, port int) {
	if f.Transport == UDP {
		if s := n.socket(f); s != nil {
			return s.advertised.of(f.Local)
		}
		return f.Local.Addr().String(), int(f.Local.Port())
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if c := n.conns[f.conn]; c != nil && c.listener != nil {
		return c.listener.advertised.of(netip.AddrPortFrom(f.Local.Addr(), c.listener.local.Port()))
	}
	// RFC 3261 section 18.1.1: where a new connection of the same transport reaches us.
	for _, l := range n.listeners {
		if l.cfg.Transport == f.Transport && reaches(l.local.Addr(), f.Local.Addr()) {
			return l.advertised.of(netip.AddrPortFrom(f.Local.Addr(), l.local.Port()))
		}
	}
	return f.Local.Addr().String(), int(f.Local.Port())
}

// ours says whether host and port name one of our sockets or listeners.
func (n *network) ours(host string, port int) bool {
	ip, _ := netip.ParseAddr(strings.Trim(host, "[]"))
	is := func(a advertised, local netip.AddrPort) bool {
		if h, p := a.of(local); port == p && hostEqual(host, h) {
			return true
		}
		return ip.IsValid() && port == int(local.Port()) && local.Addr().Unmap() == ip.Unmap()
	}
	if list := n.sockets.Load(); list != nil {
		for _, s := range *list {
			if is(s.advertised, s.local) {
				return true
			}
		}
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, l := range n.listeners {
		if is(l.advertised, l.local) {
			return true
		}
	}
	return false
}

// reaches tells whether a socket bound to bound serves the address local.
func reaches(bound, local netip.Addr) bool {
	if bound.IsUnspecified() {
		return bound.Is6() || local.Is4()
	}
	return bound == local
}

// advertised is ListenConfig.Advertise, taken apart.
type advertised struct {
	host string
	port int
}

func parseAdvertised(s string) (advertised, error) {
	if s == "" {
		return advertised{}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil { // no port
		host = strings.Trim(s, "[]")
		if a, err := netip.ParseAddr(host); err == nil {
			host = a.String()
		} else if strings.ContainsAny(host, ":/ ") {
			return advertised{}, fmt.Errorf("sip: advertised address %q is not host or host:port", s)
		}
		return advertised{host: host}, nil
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return advertised{}, fmt.Errorf("sip: advertised address %q: bad port", s)
	}
	return advertised{host, int(p)}, nil
}

// of returns what to show for a bound address.
func (a advertised) of(bound netip.AddrPort) (string, int) {
	host, port := a.host, a.port
	if host == "" {
		host = bound.Addr().WithZone("").String()
	}
	if port == 0 {
		port = int(bound.Port())
	}
	return host, port
}

// close closes everything. What is queued on connections has a second to leave. When close
// returns no callback runs any more.
func (n *network) close() {
	n.mu.Lock()
	if n.closing {
		n.mu.Unlock()
		n.wg.Wait()
		return
	}
	n.closing = true
	n.stop()
	listeners := n.listeners
	conns := make([]*conn, 0, len(n.conns))
	for _, c := range n.conns {
		conns = append(conns, c)
	}
	for _, t := range n.pings {
		t.Stop()
	}
	clear(n.pings)
	n.mu.Unlock()
	for _, s := range *n.sockets.Load() {
		s.pc.Close()
	}
	for _, l := range listeners {
		l.nl.Close()
	}
	for _, c := range conns {
		c.drain(net.ErrClosed)
	}
	n.wg.Wait()
}

// closeFlow ends the connection of a flow once what is queued has left. It does nothing to UDP.
func (n *network) closeFlow(f Flow) {
	if c := n.conn(f); c != nil && f.Transport != UDP {
		c.drain(net.ErrClosed)
	}
}

// nextID returns an id for a socket or connection. The caller holds n.mu.
func (n *network) nextID() uint64 {
	n.lastID++
	return n.lastID
}

// networkStats are the counters of a network; fields are read and written atomically.
type networkStats struct {
	received, sent                 [WSS + 1]atomic.Uint64 // messages, by transport
	keepAlives                     atomic.Uint64          // pings and pongs received
	sendErrors                     atomic.Uint64
	accepted, dialled, dialErrors  atomic.Uint64
	refused, evicted               atomic.Uint64 // at MaxConns or MaxConnsPerHost
	slowReaders, slowSenders, idle atomic.Uint64
	handshakeErrors, framingErrors atomic.Uint64
	receiveErrors, truncated       atomic.Uint64
}

// NetworkStats counts what the sockets of an endpoint did.
type NetworkStats struct {
	Received, Sent map[Transport]uint64 // messages

	Conns           int    // connections now
	Accepted        uint64 // connections accepted
	Dialled         uint64 // connections opened by us
	DialErrors      uint64
	Refused         uint64 // not accepted or dialled because of MaxConns or MaxConnsPerHost
	Evicted         uint64 // closed to make room
	SlowReaders     uint64 // cut because they did not read
	SlowSenders     uint64 // cut because a message took too long
	Idle            uint64 // closed because nothing was received
	HandshakeErrors uint64 // TLS
	FramingErrors   uint64 // cut because the stream holds no SIP messages, or too long ones
	KeepAlives      uint64 // CRLF keep-alives received
	SendErrors      uint64
	ReceiveErrors   uint64
	Truncated       uint64 // datagrams larger than the buffer
}

func (n *network) snapshot() NetworkStats {
	s := &n.stats
	out := NetworkStats{
		Received: make(map[Transport]uint64), Sent: make(map[Transport]uint64),
		Accepted: s.accepted.Load(), Dialled: s.dialled.Load(), DialErrors: s.dialErrors.Load(),
		Refused: s.refused.Load(), Evicted: s.evicted.Load(),
		SlowReaders: s.slowReaders.Load(), SlowSenders: s.slowSenders.Load(), Idle: s.idle.Load(),
		HandshakeErrors: s.handshakeErrors.Load(), FramingErrors: s.framingErrors.Load(),
		KeepAlives: s.keepAlives.Load(), SendErrors: s.sendErrors.Load(),
		ReceiveErrors: s.receiveErrors.Load(), Truncated: s.truncated.Load(),
	}
	for t := UDP; t <= WSS; t++ {
		if v := s.received[t].Load(); v > 0 {
			out.Received[t] = v
		}
		if v := s.sent[t].Load(); v > 0 {
			out.Sent[t] = v
		}
	}
	n.mu.RLock()
	out.Conns = len(n.conns)
	n.mu.RUnlock()
	return out
}

// isKeepAlive tells whether data holds only CR, LF and NUL, as keep-alives over UDP do.
func isKeepAlive(data []byte) bool {
	for _, b := range data {
		if b != '\r' && b != '\n' && b != 0 {
			return false
		}
	}
	return true
}

// backoff waits after repeated errors of accept or receive: 5 ms doubling to a second.
func (n *network) backoff(failures int) {
	t := time.NewTimer(min(5*time.Millisecond<<min(failures, 10), time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-n.ctx.Done():
	}
}
