package sctp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// MemoryConfig says what the lines of a [Memory] are like. The zero value is a network that takes
// no time.
type MemoryConfig struct {
	// Delay is how long everything takes in one direction.
	Delay time.Duration

	// Jitter is how much longer than Delay a message may take, at random. Messages on different
	// streams then overtake one another, as they may; those on one stream do not.
	Jitter time.Duration
	Seed   uint64 // of the chance in Jitter

	// Bandwidth is in bits per second, for each direction of each association. If zero, unlimited.
	Bandwidth int

	// PathTimeout is after how long a path that is cut counts as down. If zero, as long as
	// Config.PathMaxRetrans time-outs take, each twice as long as the one before: 63 s by default.
	PathTimeout time.Duration

	// PeerTimeout is after how long without any path the peer counts as lost. If zero, as long as
	// Config.AssocMaxRetrans time-outs take: 363 s by default.
	PeerTimeout time.Duration
}

// Memory is a [Network] within the process, for tests and demonstrations. It loses nothing and
// breaks only where it is told to: [Memory.Cut], [MemoryConn.Lose], [MemoryConn.Crash],
// [MemoryConn.Restart].
//
// Between two ends with equally many addresses there are as many paths, the first address to the
// first, the second to the second; otherwise each address reaches each.
//
// Time is that of package time, and everything that waits waits on channels: within
// testing/synctest hours pass at once. Setting up takes one round trip.
type Memory struct {
	cfg MemoryConfig

	mu        sync.Mutex // of the network and everything in it
	listeners []*memoryListener
	dialing   []*memoryDial
	conns     map[ends]*MemoryConn
	cuts      map[[2]netip.Addr]bool
	port      uint16
	rand      *rand.Rand
}

// ends is what an association is known by at one of its ends.
type ends struct{ local, remote netip.AddrPort }

type memoryDial struct {
	local, remote Addr
	cfg           Config
	done          chan *MemoryConn // capacity 1: the association that a crossing INIT made
}

// NewMemory makes a network in memory.
func NewMemory(cfg MemoryConfig) *Memory {
	return &Memory{cfg: cfg, conns: make(map[ends]*MemoryConn), cuts: make(map[[2]netip.Addr]bool),
		port: 49151, rand: rand.New(rand.NewPCG(cfg.Seed, 1))}
}

// Pipe is an association in memory, both ends of it, between 192.0.2.1:5000 and 192.0.2.2:5000 on
// a [Memory] of its own that takes no time. cfg sets up both ends, or the first and the second one.
// It panics if there are more.
func Pipe(cfg ...Config) (a, b *MemoryConn) {
	var ca, cb Config
	switch len(cfg) {
	case 0:
	case 1:
		ca, cb = cfg[0], cfg[0]
	case 2:
		ca, cb = cfg[0], cfg[1]
	default:
		panic("sctp: Pipe has two ends")
	}
	return NewMemory(MemoryConfig{}).Pipe(
		AddrOf(netip.MustParseAddrPort("192.0.2.1:5000")), AddrOf(netip.MustParseAddrPort("192.0.2.2:5000")), ca, cb)
}

// Pipe is an association between two addresses of the network, both ends of it at once. It panics
// if there is one already.
func (n *Memory) Pipe(addrA, addrB Addr, cfgA, cfgB Config) (a, b *MemoryConn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns[endsOf(addrA, addrB)] != nil || n.conns[endsOf(addrB, addrA)] != nil {
		panic(fmt.Sprintf("sctp: an association between %v and %v exists", addrA, addrB))
	}
	return n.establish(addrA, addrB, cfgA.Defaults(), cfgB.Defaults())
}

// Capabilities says that everything a Config asks for is honoured as far as it means anything here.
func (n *Memory) Capabilities() Capabilities {
	return Capabilities{Name: "memory", Multihomed: true, RTO: true, SACK: true, MaxMessage: 1 << 30}
}

func endsOf(local, remote Addr) ends { return ends{local.AddrPort(), remote.AddrPort()} }

// establish makes both ends of an association.
func (n *Memory) establish(addrA, addrB Addr, cfgA, cfgB Config) (a, b *MemoryConn) {
	a = n.newConn(addrA, addrB, cfgA)
	b = n.newConn(addrB, addrA, cfgB)
	a.join(b)
	n.conns[endsOf(addrA, addrB)], n.conns[endsOf(addrB, addrA)] = a, b
	a.event(Event{Kind: Up, In: a.in, Out: a.out})
	b.event(Event{Kind: Up, In: b.in, Out: b.out})
	now := time.Now()
	a.run(now)
	b.run(now)
	return a, b
}

// Cut cuts the line between two addresses in both directions; a zero address stands for all.
// What is under way waits for another path, or until the line is restored.
func (n *Memory) Cut(a, b netip.Addr) { n.cut(a, b, true) }

// Restore undoes a Cut of the same addresses.
func (n *Memory) Restore(a, b netip.Addr) { n.cut(a, b, false) }

func (n *Memory) cut(a, b netip.Addr, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.setCut(a, b, cut)
	n.rerun()
}

func (n *Memory) setCut(a, b netip.Addr, cut bool) {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	if cut {
		n.cuts[[2]netip.Addr{a, b}] = true
	} else {
		delete(n.cuts, [2]netip.Addr{a, b})
	}
}

func (n *Memory) rerun() {
	now := time.Now()
	for _, c := range n.conns {
		c.run(now)
	}
}

// open says whether the line between two addresses is whole.
func (n *Memory) open(a, b netip.Addr) bool {
	if len(n.cuts) == 0 {
		return true
	}
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	var all netip.Addr
	return !n.cuts[[2]netip.Addr{a, b}] && !n.cuts[[2]netip.Addr{all, a}] && !n.cuts[[2]netip.Addr{all, b}] && !n.cuts[[2]netip.Addr{all, all}]
}

// reaches says whether the remote address number i can be reached from local.
func (n *Memory) reaches(local, remote Addr, i int) bool {
	if len(local.IPs) == len(remote.IPs) {
		return n.open(local.IPs[i], remote.IPs[i])
	}
	return slices.ContainsFunc(local.IPs, func(ip netip.Addr) bool { return n.open(ip, remote.IPs[i]) })
}

func (n *Memory) reachable(local, remote Addr) bool {
	for i := range remote.IPs {
		if n.reaches(local, remote, i) {
			return true
		}
	}
	return false
}

func (n *Memory) freePort() uint16 {
	for {
		if n.port++; n.port == 0 {
			n.port = 49152
		}
		used := slices.ContainsFunc(n.listeners, func(l *memoryListener) bool { return l.addr.Port == n.port })
		for k := range n.conns {
			used = used || k.local.Port() == n.port
		}
		if !used {
			return n.port
		}
	}
}

var (
	errInUse   = errors.New("address in use")
	errRefused = errors.New("refused")
	errTimeout = errors.New("no answer")
)

// Dial sets up an association; see [Network]. Two Dials to each other from given ports that cross
// under way (which takes a Delay) make one association of both.
func (n *Memory) Dial(ctx context.Context, local, remote Addr, cfg Config) (Conn, error) {
	cfg = cfg.Defaults()
	if len(remote.IPs) == 0 || remote.Port == 0 {
		return nil, fmt.Errorf("sctp: dial %v: no address", remote)
	}
	local, remote = clone(local), clone(remote)
	n.mu.Lock()
	if local.Port == 0 {
		local.Port = n.freePort()
	}
	if len(local.IPs) == 0 || local.IPs[0].IsUnspecified() {
		local.IPs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
		if remote.IPs[0].Is6() {
			local.IPs[0] = netip.IPv6Loopback()
		}
	}
	if n.conns[endsOf(local, remote)] != nil {
		n.mu.Unlock()
		return nil, fmt.Errorf("sctp: dial %v from %v: %w", remote, local, errInUse)
	}
	d := &memoryDial{local: local, remote: remote, cfg: cfg, done: make(chan *MemoryConn, 1)}
	n.dialing = append(n.dialing, d)
	n.mu.Unlock()

	c, err := n.dial(ctx, d)
	n.mu.Lock()
	n.dialing = slices.DeleteFunc(n.dialing, func(x *memoryDial) bool { return x == d })
	n.mu.Unlock()
	if err != nil {
		select {
		case c := <-d.done: // a crossing one came first
			return c, nil
		default:
		}
		return nil, err
	}
	return c, nil
}

func (n *Memory) dial(ctx context.Context, d *memoryDial) (*MemoryConn, error) {
	rto := d.cfg.RTOInitial
	for try := 0; ; try++ {
		n.mu.Lock()
		up := n.reachable(d.local, d.remote)
		n.mu.Unlock()
		wait := 2 * n.cfg.Delay
		if !up {
			if try > d.cfg.MaxInitRetrans {
				return nil, &DownError{Reason: CannotStart, Err: errTimeout}
			}
			wait, rto = rto, min(2*rto, d.cfg.RTOMax)
		}
		if wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case c := <-d.done:
				t.Stop()
				return c, nil
			case <-ctx.Done():
				t.Stop()
				return nil, ctx.Err()
			}
		}
		if up {
			return n.init(d)
		}
	}
}

// init is what becomes of an INIT that has arrived.
func (n *Memory) init(d *memoryDial) (*MemoryConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case c := <-d.done:
		return c, nil
	default:
	}
	if peer := n.conns[endsOf(d.remote, d.local)]; peer != nil {
		return peer.restarted(d.local, d.cfg), nil // RFC 9260 section 5.2.4.1
	}
	for _, other := range n.dialing {
		if other != d && other.remote.Port == d.local.Port && other.local.Port == d.remote.Port &&
			other.remote.IPs[0] == d.local.IPs[0] && other.local.IPs[0] == d.remote.IPs[0] && len(other.done) == 0 {
			c, peer := n.establish(d.local, d.remote, d.cfg, other.cfg)
			other.done <- peer
			return c, nil
		}
	}
	for _, l := range n.listeners {
		if l.addr.Port != d.remote.Port || !l.has(d.remote.IPs[0]) {
			continue
		}
		if len(l.queue) >= l.cfg.Backlog {
			break
		}
		at := l.addr
		if len(at.IPs) == 0 || at.IPs[0].IsUnspecified() {
			at = d.remote
		}
		d.remote = at // INIT ACK tells all addresses
		c, peer := n.establish(d.local, at, d.cfg, l.cfg)
		l.queue = append(l.queue, peer)
		signal(l.wake)
		return c, nil
	}
	return nil, &DownError{Reason: CannotStart, Err: errRefused}
}

func clone(a Addr) Addr {
	a.IPs = slices.Clone(a.IPs)
	return a
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

type memoryListener struct {
	n      *Memory
	addr   Addr
	cfg    Config
	queue  []*MemoryConn
	wake   chan struct{} // capacity 1
	closed chan struct{}
	once   sync.Once
}

// Listen accepts associations; see [Network]. Without addresses, or with an unspecified one, it
// accepts them on every address.
func (n *Memory) Listen(_ context.Context, local Addr, cfg Config) (Listener, error) {
	l := &memoryListener{n: n, addr: clone(local), cfg: cfg.Defaults(), wake: make(chan struct{}, 1), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.addr.Port == 0 {
		l.addr.Port = n.freePort()
	}
	for _, other := range n.listeners {
		if other.addr.Port == l.addr.Port && (len(l.addr.IPs) == 0 || slices.ContainsFunc(l.addr.IPs, other.has)) {
			return nil, fmt.Errorf("sctp: listen on %v: %w", l.addr, errInUse)
		}
	}
	n.listeners = append(n.listeners, l)
	return l, nil
}

func (l *memoryListener) has(ip netip.Addr) bool {
	return len(l.addr.IPs) == 0 || ip.IsUnspecified() || slices.Contains(l.addr.IPs, ip) || l.addr.IPs[0].IsUnspecified()
}

func (l *memoryListener) Addr() Addr { return clone(l.addr) }

func (l *memoryListener) Accept(ctx context.Context) (Conn, error) {
	for {
		l.n.mu.Lock()
		if len(l.queue) > 0 {
			c := l.queue[0]
			l.queue = slices.Delete(l.queue, 0, 1)
			if len(l.queue) > 0 {
				signal(l.wake) // for another Accept
			}
			l.n.mu.Unlock()
			return c, nil
		}
		l.n.mu.Unlock()
		select {
		case <-l.closed:
			signal(l.wake)
			return nil, net.ErrClosed
		default:
		}
		select {
		case <-l.wake:
		case <-l.closed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		l.n.mu.Lock()
		l.n.listeners = slices.DeleteFunc(l.n.listeners, func(x *memoryListener) bool { return x == l })
		waiting := l.queue
		l.queue = nil
		l.n.mu.Unlock()
		for _, c := range waiting {
			c.Abort("nobody took it")
		}
		close(l.closed)
	})
	return nil
}
