package memnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Config says how bad the network is. The zero value is a perfect one: nothing is lost and
// everything arrives at once, in order.
type Config struct {
	Seed uint64 // of the random draws

	// Loss, Duplicate and Reorder are probabilities per datagram, from 0 to 1. A reordered
	// datagram waits another Latency+Jitter+1ms, so that later ones overtake it. Streams lose
	// nothing.
	Loss, Duplicate, Reorder float64

	// Latency is the time that a datagram, or a piece of a stream, is under way. Jitter is the
	// largest random time on top of it for datagrams (which may so overtake each other).
	Latency, Jitter time.Duration

	// QueueLimit is how many datagrams wait for their reader before further ones are dropped.
	// If zero, 4096.
	QueueLimit int

	// Window is how many octets of a stream may be under way or unread before its writer
	// blocks. If zero, 65536.
	Window int
}

// Network is a set of sockets that reach each other.
type Network struct {
	cfg Config

	mu        sync.Mutex
	rand      *rand.Rand
	packets   map[netip.AddrPort]*PacketConn
	listeners map[netip.AddrPort]*Listener
	streams   map[*Conn]struct{}
	blocked   map[netip.Addr]bool
	port      uint16
	last      time.Time // arrival of the newest datagram
	stats     Stats
}

// Stats counts what happened to datagrams since the network was made.
type Stats struct {
	Sent, Lost, Duplicated, Reordered, Delivered uint64
	Overflowed                                   uint64 // dropped at a full queue
	NoReceiver                                   uint64 // sent to where nobody listens, or to a blocked address
}

// New returns a network without sockets.
func New(cfg Config) *Network {
	if cfg.QueueLimit == 0 {
		cfg.QueueLimit = 4096
	}
	if cfg.Window == 0 {
		cfg.Window = 65536
	}
	return &Network{
		cfg:       cfg,
		rand:      rand.New(rand.NewPCG(cfg.Seed, 0x9e3779b97f4a7c15)),
		packets:   make(map[netip.AddrPort]*PacketConn),
		listeners: make(map[netip.AddrPort]*Listener),
		streams:   make(map[*Conn]struct{}),
		blocked:   make(map[netip.Addr]bool),
		port:      49151,
	}
}

// Stats returns the counters.
func (n *Network) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

// Block makes the host with that address silent (true) or lets it speak again (false): its
// datagrams vanish, in both directions, and connections to it are not answered.
func (n *Network) Block(a netip.Addr, blocked bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if blocked {
		n.blocked[a] = true
	} else {
		delete(n.blocked, a)
	}
}

// pick completes an address: port 0 becomes a free one.
func (n *Network) pick(a netip.AddrPort, taken func(netip.AddrPort) bool) (netip.AddrPort, error) {
	if !a.Addr().IsValid() {
		return a, fmt.Errorf("memnet: listen on %v: no address", a)
	}
	if a.Port() != 0 {
		if taken(a) {
			return a, &net.OpError{Op: "listen", Net: "mem", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
		}
		return a, nil
	}
	for range 16384 {
		n.port++
		if n.port < 49152 {
			n.port = 49152
		}
		if p := netip.AddrPortFrom(a.Addr(), n.port); !taken(p) {
			return p, nil
		}
	}
	return a, errors.New("memnet: no free port")
}

// ListenPacket opens a datagram socket. Port 0 takes a free one.
func (n *Network) ListenPacket(local netip.AddrPort) (*PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	local, err := n.pick(local, func(a netip.AddrPort) bool { return n.packets[a] != nil })
	if err != nil {
		return nil, err
	}
	p := &PacketConn{network: n, local: local}
	p.cond.L = &p.mu
	n.packets[local] = p
	return p, nil
}

// Listen opens a listener for streams. Port 0 takes a free one.
func (n *Network) Listen(local netip.AddrPort) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	local, err := n.pick(local, func(a netip.AddrPort) bool { return n.listeners[a] != nil })
	if err != nil {
		return nil, err
	}
	l := &Listener{network: n, local: local, backlog: make(chan *Conn, 4096), done: make(chan struct{})}
	n.listeners[local] = l
	return l, nil
}

// Dial connects a stream from local (port 0: a free one) to remote. Where nobody listens it is
// refused; a blocked host does not answer, so that Dial waits for ctx.
func (n *Network) Dial(ctx context.Context, local, remote netip.AddrPort) (*Conn, error) {
	if n.cfg.Latency > 0 {
		if err := sleep(ctx, 2*n.cfg.Latency); err != nil {
			return nil, dialError(err)
		}
	}
	n.mu.Lock()
	if n.blocked[remote.Addr()] || n.blocked[local.Addr()] {
		n.mu.Unlock()
		<-ctx.Done()
		return nil, dialError(ctx.Err())
	}
	l := n.listeners[remote]
	if l == nil {
		n.mu.Unlock()
		return nil, dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	local, err := n.pick(local, func(a netip.AddrPort) bool {
		for c := range n.streams {
			if c.local == a {
				return true
			}
		}
		return false
	})
	if err != nil {
		n.mu.Unlock()
		return nil, dialError(err)
	}
	here, there := newConnPair(n, local, remote)
	n.streams[here], n.streams[there] = struct{}{}, struct{}{}
	n.mu.Unlock()
	select {
	case l.backlog <- there:
		return here, nil
	case <-l.done:
		here.Close()
		there.Close()
		return nil, dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case <-ctx.Done():
		here.Close()
		there.Close()
		return nil, dialError(ctx.Err())
	}
}

func dialError(err error) error { return &net.OpError{Op: "dial", Net: "mem", Err: err} }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Listener accepts streams.
type Listener struct {
	network *Network
	local   netip.AddrPort
	backlog chan *Conn
	once    sync.Once
	done    chan struct{}
}

// Accept waits for the next stream.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "mem", Err: net.ErrClosed}
	default:
	}
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "mem", Err: net.ErrClosed}
	}
}

// Close stops listening and resets the streams that nobody accepted.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, l.local)
		l.network.mu.Unlock()
		close(l.done)
		for {
			select {
			case c := <-l.backlog:
				c.Close()
			default:
				return
			}
		}
	})
	return nil
}

// Addr returns the local address, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }
