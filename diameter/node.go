package diameter

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Node is a Diameter node (RFC 6733 section 1.2): client, server, relay, proxy, redirect agent or
// several of these. Its methods may be called by several goroutines at once.
type Node struct {
	cfg      Config
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	services map[serviceKey]*Service
	served   map[ApplicationID]bool
	realms   map[string]bool // served here, folded
	routes   routeTable
	agent    bool // passes requests on
	redirect redirectCache
	dups     *duplicates
	overload overloadState
	stats    nodeCounters
	e2e      atomic.Uint32
	session  atomic.Uint64
	unknown  atomic.Int64 // accepted connections without a CER
	closing  atomic.Bool
	wg       sync.WaitGroup

	peers atomic.Pointer[map[string]*peer] // by fold(host); replaced under mu

	mu        sync.Mutex
	listeners []interface{ Close() error }
	ended     bool

	notify chan struct{} // closed at the next change of a peer
	nmu    sync.Mutex
}

// ErrClosed says that the node has been closed. It is a net.ErrClosed.
var ErrClosed = fmt.Errorf("diameter: node closed: %w", net.ErrClosed)

type serviceKey struct {
	app  ApplicationID
	code CommandCode
}

// New makes a node and lets it connect to the peers that have addresses.
func New(cfg Config) (*Node, error) {
	now := time.Now()
	cfg, err := cfg.withDefaults(now)
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, log: cfg.Logger, services: map[serviceKey]*Service{}, served: map[ApplicationID]bool{},
		realms: map[string]bool{fold(cfg.OriginRealm): true}, notify: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	for _, r := range cfg.Realms {
		n.realms[fold(r)] = true
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		n.services[serviceKey{s.Application, s.Command}] = s
		n.served[s.Application] = true
	}
	n.agent = cfg.Relay
	for _, r := range cfg.Routes {
		n.agent = n.agent || r.Foreign || r.Action != RelayRequests
	}
	n.routes = newRouteTable(cfg.Routes)
	n.redirect.init(cfg.Limits.MaxRedirects)
	n.overload.init(cfg.Limits.MaxOverload, now)
	if cfg.Limits.MaxDuplicates > 0 {
		n.dups = newDuplicates(cfg.Limits.MaxDuplicates, cfg.Limits.DuplicatesKept)
	}
	// RFC 6733 section 3: the low 12 bits of the time in seconds, then 20 bits at random. Unique
	// for over an hour, restarts included, at up to 2^20 requests a second.
	n.e2e.Store(uint32(now.Unix())<<20 | randomUint32()>>12)
	n.session.Store(uint64(now.Unix()) << 32)
	n.peers.Store(&map[string]*peer{})
	for _, p := range cfg.Peers {
		n.addPeer(p, false)
	}
	return n, nil
}

// Close ends the node at once: connections are closed without DPR, requests under way fail with
// ErrClosed. It returns when all goroutines of the node have ended, so a handler must not call it.
func (n *Node) Close() error {
	n.shut()
	n.cancel()
	n.mu.Lock()
	n.ended = true
	n.mu.Unlock()
	for _, p := range *n.peers.Load() {
		n.removePeer(p, "the node was closed")
	}
	n.wg.Wait()
	return nil
}

// Shutdown parts from all peers with DPR and the cause, waits for their answers, at most until ctx is
// done or Timers.Closing is over, and closes the node.
func (n *Node) Shutdown(ctx context.Context, cause DisconnectCause) error {
	n.shut()
	for _, p := range *n.peers.Load() {
		p.stop(cause, "this node shuts down")
	}
	var err error
	for _, p := range *n.peers.Load() {
		if err = n.waitFor(ctx, func() bool { return p.PeerState() == PeerClosed }); err != nil {
			break
		}
	}
	n.Close()
	return err
}

// shut takes no more requests and connections.
func (n *Node) shut() {
	n.mu.Lock()
	n.closing.Store(true)
	ls := n.listeners
	n.listeners = nil
	n.mu.Unlock()
	for _, l := range ls {
		l.Close()
	}
}

// begin counts a goroutine that Close waits for.
func (n *Node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		return false
	}
	n.wg.Add(1)
	return true
}

func (n *Node) spawn(f func()) bool {
	if !n.begin() {
		return false
	}
	go func() {
		defer n.wg.Done()
		f()
	}()
	return true
}

// peer is the entry of the peer table with the identity, or nil.
func (n *Node) peer(host string) *peer { return (*n.peers.Load())[fold(host)] }

// peerNamed is peer for what is in a message.
func (n *Node) peerNamed(host []byte) *peer {
	var buf [256]byte
	if len(host) > len(buf) {
		return nil
	}
	for i, c := range host {
		buf[i] = lowerASCII(c)
	}
	return (*n.peers.Load())[string(buf[:len(host)])]
}

// addPeer enters a peer, if the table has room, or returns the one that is there.
func (n *Node) addPeer(cfg Peer, dynamic bool) (*peer, bool) {
	n.mu.Lock()
	old := *n.peers.Load()
	if p := old[fold(cfg.Host)]; p != nil {
		n.mu.Unlock()
		return p, true
	}
	if dynamic && len(old) >= len(n.cfg.Peers)+n.cfg.Limits.MaxPeers {
		n.mu.Unlock()
		return nil, false
	}
	p := n.newPeer(cfg)
	p.dynamic = dynamic
	table := maps.Clone(old)
	table[p.key] = p
	n.peers.Store(&table)
	n.mu.Unlock()
	p.connect()
	return p, true
}

// dropPeer removes a peer that is not connected, or whose entry is over.
func (n *Node) dropPeer(p *peer, why string) {
	if why == "" && p.PeerState() != PeerClosed {
		return // connected again meanwhile
	}
	n.removePeer(p, why)
}

func (n *Node) dropUnused(p *peer) { n.dropPeer(p, "") }

func (n *Node) removePeer(p *peer, why string) {
	removed := false
	p.do(func(now time.Time) {
		if why == "" && p.m.state != PeerClosed {
			return
		}
		p.gone, removed = true, true
		p.timer.Stop()
		p.setTc()
		p.because(why)
		for _, ev := range []peerEvent{evFail, evStop} {
			if p.m.state != PeerClosed {
				p.event(now, ev)
			}
		}
		p.stopDialling()
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	table := *n.peers.Load()
	if removed && table[p.key] == p {
		table = maps.Clone(table)
		delete(table, p.key)
		n.peers.Store(&table)
	}
}

// Connect makes the node connect to a configured peer now, even if the peer has parted with a wish not
// to be connected to.
func (n *Node) Connect(host string) error {
	p := n.peer(host)
	if p == nil || len(p.cfg.Addresses) == 0 {
		return fmt.Errorf("diameter: no address of a peer %s", host)
	}
	p.connect()
	return nil
}

// Disconnect parts from a peer with DPR. The node does not connect to it again until [Node.Connect].
func (n *Node) Disconnect(host string, cause DisconnectCause) error {
	p := n.peer(host)
	if p == nil {
		return fmt.Errorf("diameter: no peer %s", host)
	}
	p.stop(cause, "disconnected by the operator")
	return nil
}

// Ready waits until requests can go to all the peers.
func (n *Node) Ready(ctx context.Context, hosts ...string) error {
	for _, h := range hosts {
		err := n.waitFor(ctx, func() bool { p := n.peer(h); return p != nil && p.usable.Load() != nil })
		if err != nil {
			if p := n.peer(h); p != nil {
				s := p.Status()
				err = fmt.Errorf("diameter: peer %s is in %v: %s: %w", h, s.State, s.Reason, err)
			}
			return err
		}
	}
	return nil
}

// waitFor waits for a change of peers that makes ok true.
func (n *Node) waitFor(ctx context.Context, ok func() bool) error {
	for {
		n.nmu.Lock()
		ch := n.notify
		n.nmu.Unlock()
		if ok() {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.ctx.Done():
			return ErrClosed
		}
	}
}

func (n *Node) peersChanged() {
	n.nmu.Lock()
	close(n.notify)
	n.notify = make(chan struct{})
	n.nmu.Unlock()
}

func (n *Node) endToEndID() uint32 { return n.e2e.Add(1) }

// NewSessionID makes a Session-Id that is unique for ever (RFC 6733 section 8.8). optional, if not
// empty, is its last part.
func (n *Node) NewSessionID(optional string) string {
	v := n.session.Add(1)
	b := append(make([]byte, 0, len(n.cfg.OriginHost)+24+len(optional)), n.cfg.OriginHost...)
	b = strconv.AppendUint(append(b, ';'), v>>32, 10)
	b = strconv.AppendUint(append(b, ';'), v&0xffffffff, 10)
	if optional != "" {
		b = append(append(b, ';'), optional...)
	}
	return string(b)
}

// OriginHost is the node's identity.
func (n *Node) OriginHost() string { return n.cfg.OriginHost }

// OriginRealm is the node's realm.
func (n *Node) OriginRealm() string { return n.cfg.OriginRealm }

func (n *Node) logf(level slog.Level, msg string, args ...any) {
	if n.log != nil {
		n.log.Log(n.ctx, level, msg, args...)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func randomUint32() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:])
}

func putUint32(b []byte, v uint32) { binary.BigEndian.PutUint32(b, v) }

// waitUntil is waitFor with a deadline.
func (n *Node) waitUntil(deadline time.Time, ok func() bool) error {
	ctx, cancel := context.WithDeadline(n.ctx, deadline)
	defer cancel()
	return n.waitFor(ctx, ok)
}
