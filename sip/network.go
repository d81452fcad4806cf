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

// backoff waits after repeated errors of accept or receive: 5 ms doubling to a second.
func (n *network) backoff(failures int) {
	t := time.NewTimer(min(5*time.Millisecond<<min(failures, 10), time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-n.ctx.Done():
	}
}
