package user

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// Config sets up a [Network]; the zero value works.
type Config struct {
	// Carrier takes the packets. If nil, UDP.
	Carrier Carrier

	// MTU is how long IP packets may be, in octets. If zero, 1500. There is no discovery; where
	// a path takes less, IP fragments.
	MTU int

	// MaxAssociations is how many there may be at a time; what comes beyond that is refused
	// with an ABORT (out of resource). If zero, 65536.
	MaxAssociations int
}

// Network is SCTP in this process: the associations and listeners that share local addresses.
type Network struct {
	cfg  Config
	sign *signer

	mu        sync.RWMutex // taken after the lock of a Conn, never before
	socks     map[netip.AddrPort]*socket
	listeners map[endpoint]*listener
	conns     map[key]*Conn
	live      int

	outboxes sync.Pool
}

// endpoint is a local address with a port of SCTP.
type endpoint struct {
	addr netip.Addr
	port uint16
}

// key finds the association of a packet (RFC 9260 section 1.3).
type key struct {
	local, remote         netip.Addr
	localPort, remotePort uint16
}

// New makes a Network. It opens sockets as Listen and Dial need them, and closes them with the last
// association or listener that uses them.
func New(cfg Config) *Network {
	if cfg.Carrier == nil {
		cfg.Carrier = UDP{}
	}
	or(&cfg.MTU, 1500)
	cfg.MTU = min(max(cfg.MTU, 576), 65535)
	or(&cfg.MaxAssociations, 65536)
	n := &Network{
		cfg: cfg, sign: newSigner(time.Now()),
		socks: map[netip.AddrPort]*socket{}, listeners: map[endpoint]*listener{}, conns: map[key]*Conn{},
	}
	n.outboxes.New = func() any { return newOutbox(32, n.packetSize(false)) }
	return n
}

// packetSize is how long an SCTP packet may be.
func (n *Network) packetSize(v6 bool) int {
	ip := 20
	if v6 {
		ip = 40
	}
	return (n.cfg.MTU - ip - n.cfg.Carrier.Overhead()) &^ 3
}

// Capabilities says what this network can do: all of it.
func (n *Network) Capabilities() sctp.Capabilities {
	return sctp.Capabilities{Name: n.cfg.Carrier.Name(), Multihomed: true, RTO: true, SACK: true, MaxMessage: 1 << 24}
}

// check refuses what cannot be.
func (n *Network) check(cfg sctp.Config) error {
	if cfg.MaxMessage > 1<<24 {
		return &sctp.UnsupportedError{Network: n.cfg.Carrier.Name(), Field: "MaxMessage"}
	}
	return nil
}

// socket is a local address that packets come to.
type socket struct {
	PacketConn
	refs int
}

// open takes the sockets of the local addresses, on one port of UDP if the carrier has ports; zero
// asks for DefaultPort, or any if that is taken and may is set.
func (n *Network) open(addrs []netip.Addr, port uint16, may bool) (socks []*socket, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() {
		if err != nil {
			n.closeLocked(socks)
			socks = nil
		}
	}()
	udp := n.cfg.Carrier.Overhead() > 0
	if !udp {
		port = 0
	} else if port == 0 {
		port = DefaultPort
	} else {
		may = false
	}
	for _, a := range addrs {
		s := n.socks[netip.AddrPortFrom(a, port)]
		if s == nil {
			c, err := n.cfg.Carrier.Open(netip.AddrPortFrom(a, port))
			if err != nil && may && port == DefaultPort && len(socks) == 0 {
				c, err = n.cfg.Carrier.Open(netip.AddrPortFrom(a, 0))
				if err == nil {
					port = c.LocalAddr().Port()
				}
			}
			if err != nil {
				return socks, err
			}
			s = &socket{PacketConn: c}
			n.socks[c.LocalAddr()] = s
			go n.read(s)
		}
		s.refs++
		socks = append(socks, s)
	}
	return socks, nil
}

func (n *Network) close(socks []*socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closeLocked(socks)
}

func (n *Network) closeLocked(socks []*socket) {
	for _, s := range socks {
		if s.refs--; s.refs == 0 {
			delete(n.socks, s.LocalAddr())
			s.Close()
		}
	}
}

func locals(socks []*socket) (a []netip.AddrPort) {
	for _, s := range socks {
		a = append(a, s.LocalAddr())
	}
	return a
}

// localAddrs are the addresses that local names, or those to be used to reach remote if it names none.
func (n *Network) localAddrs(local sctp.Addr, remote []netip.Addr) (addrs []netip.Addr, err error) {
	for _, a := range local.IPs {
		if a = a.Unmap(); !a.IsUnspecified() {
			addrs = appendNew(addrs, a)
			continue
		}
		all, err := n.cfg.Carrier.Local(netip.Addr{})
		if err != nil {
			return nil, err
		}
		for _, x := range all {
			if a.Is6() || x.Is4() {
				addrs = appendNew(addrs, x)
			}
		}
	}
	if len(local.IPs) > 0 {
		return addrs, nil
	}
	if len(remote) == 0 {
		return n.cfg.Carrier.Local(netip.Addr{})
	}
	var why error
	for _, r := range remote {
		got, err := n.cfg.Carrier.Local(r)
		if err != nil {
			why = err
			continue
		}
		for _, x := range got {
			addrs = appendNew(addrs, x)
		}
	}
	if len(addrs) == 0 {
		return nil, why
	}
	return addrs, nil
}

func appendNew(addrs []netip.Addr, a netip.Addr) []netip.Addr {
	for _, x := range addrs {
		if x == a {
			return addrs
		}
	}
	return append(addrs, a)
}

// read takes packets from a socket until it is closed.
func (n *Network) read(s *socket) {
	ps := make([]Packet, 32)
	for {
		k, err := s.ReadPackets(ps)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(time.Millisecond) // what the system says about one packet must not spin
			continue
		}
		now := time.Now()
		var c *Conn // locked
		var at key
		for _, p := range ps[:k] {
			h, chunks, err := parseHeader(p.Data)
			if err != nil {
				continue
			}
			k := key{p.Local.Addr(), p.Remote.Addr(), h.dst, h.src}
			if c == nil || k != at {
				if c != nil {
					c.handled()
					c = nil
				}
				if found := n.lookup(k); found != nil {
					c, at = found, k
					c.mu.Lock()
				}
			}
			if c == nil {
				n.unknown(now, s, k, &p, h, chunks)
				continue
			}
			c.traceIn(now, &p, h)
			c.a.handle(now, p.Local, p.Remote, h, chunks)
		}
		if c != nil {
			c.handled()
		}
	}
}

func (n *Network) lookup(k key) *Conn {
	n.mu.RLock()
	c := n.conns[k]
	n.mu.RUnlock()
	return c
}

// unknown takes a packet whose addresses and ports belong to no association.
func (n *Network) unknown(now time.Time, s *socket, k key, p *Packet, h header, chunks []byte) {
	if !usable(p.Remote.Addr()) || !usable(p.Local.Addr()) {
		return
	}
	first, rest, ok := nextChunk(chunks)
	if !ok {
		return
	}
	switch first.typ {
	case ctInit, ctInitAck:
		in, err := parseInit(first.value)
		for _, x := range in.addrs { // section 5.1.2 D
			k.remote = x
			if c := n.lookup(k); c != nil {
				c.mu.Lock()
				c.traceIn(now, p, h)
				c.a.handle(now, p.Local, p.Remote, h, chunks)
				c.handled()
				return
			}
		}
		if first.typ == ctInitAck {
			break
		}
		if h.tag != 0 || len(rest) >= chunkHead || in.tag == 0 {
			return
		}
		n.answer(s, h, n.greet(now, p, h, &in, err))
		return
	case ctCookieEcho:
		n.admit(now, s, p, h, chunks, first)
		return
	}
	if r, ok := outOfTheBlue(p.Local, p.Remote, h, chunks); ok {
		n.answer(s, h, r)
	}
}

// answer sends a reply to a packet that no association takes.
func (n *Network) answer(s *socket, h header, r reply) {
	if r.chunks == nil {
		return
	}
	b := append(beginPacket(nil, header{h.dst, h.src, r.tag}), r.chunks...)
	finishPacket(b)
	if l := n.listening(r.local.Addr(), h.dst); l != nil && l.cfg.Trace != nil {
		l.cfg.Trace(event(time.Now(), trace.Sent, &Packet{r.local, r.remote, b}, h.dst, h.src))
	}
	s.WritePackets([]Packet{{r.local, r.remote, b}})
}

func (n *Network) listening(a netip.Addr, port uint16) *listener {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.listeners[endpoint{a, port}]
}

// greet answers an INIT that no association claims (section 5.1 B).
func (n *Network) greet(now time.Time, p *Packet, h header, in *initChunk, err error) reply {
	l := n.listening(p.Local.Addr(), h.dst)
	if l == nil {
		return refuse(p.Local, p.Remote, in.tag, nil)
	}
	if l.cfg.Trace != nil {
		l.cfg.Trace(event(now, trace.Received, p, h.dst, h.src))
	}
	if err != nil {
		return refuse(p.Local, p.Remote, in.tag, appendCause(nil, causeProtocolViolation, []byte(err.Error())))
	}
	if cause := in.refusal(false); cause != nil {
		return refuse(p.Local, p.Remote, in.tag, cause)
	}
	if !l.hasRoom() || n.full() {
		return refuse(p.Local, p.Remote, in.tag, appendCause(nil, causeOutOfResource, nil))
	}
	return respond(n.sign, now, &l.cfg, l.locals, p.Local, p.Remote, h.dst, h.src, in, cookie{localTag: randomTag(), localTSN: random32()})
}

func (n *Network) full() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.live >= n.cfg.MaxAssociations
}

// admit makes the association of a COOKIE ECHO that no association claims (section 5.1.5).
func (n *Network) admit(now time.Time, s *socket, p *Packet, h header, chunks []byte, echo chunk) {
	c, err := n.sign.open(now, echo.value)
	if err != nil || h.tag != c.localTag || h.dst != c.localPort || h.src != c.remotePort {
		return
	}
	l := n.listening(p.Local.Addr(), h.dst)
	if l == nil {
		n.answer(s, h, refuse(p.Local, p.Remote, c.peerTag, nil))
		return
	}
	if late := n.sign.staleness(now, &c); late > 0 {
		n.answer(s, h, stale(p.Local, p.Remote, c.peerTag, late))
		return
	}
	conn := n.newConn(l.cfg, l.locals, h.dst, h.src)
	conn.mu.Lock()
	if !conn.a.accept(now, p.Local, p.Remote, &c) || !n.enter(conn) {
		conn.mu.Unlock()
		n.answer(s, h, refuse(p.Local, p.Remote, c.peerTag, appendCause(nil, causeOutOfResource, nil)))
		return
	}
	conn.socks = n.hold(conn.a.locals)
	conn.traceIn(now, p, h)
	conn.a.handle(now, p.Local, p.Remote, h, chunks)
	if !l.offer(conn) {
		conn.a.giveUp(appendCause(nil, causeOutOfResource, nil), &sctp.DownError{Reason: sctp.LocalClosed})
	}
	go conn.run()
	conn.handled()
}

// hold takes a reference on sockets that are open.
func (n *Network) hold(locals []netip.AddrPort) (socks []*socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range locals {
		if s := n.socks[l]; s != nil {
			s.refs++
			socks = append(socks, s)
		}
	}
	return socks
}

// enter has packets for all addresses of the association find it. It is false if another one has
// one of them, or there are too many.
func (n *Network) enter(c *Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	first := len(c.keys) == 0
	if first && n.live >= n.cfg.MaxAssociations {
		return false
	}
	var keys []key
	for _, p := range c.a.paths {
		for _, l := range c.a.locals {
			k := key{l.Addr(), p.remote.Addr(), c.a.localPort, c.a.remotePort}
			if other := n.conns[k]; other == c {
				continue
			} else if other != nil {
				return false
			}
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		n.conns[k] = c
	}
	c.keys = append(c.keys, keys...)
	c.entered = len(c.a.paths)
	if first {
		n.live++
	}
	return true
}

func (n *Network) leave(c *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range c.keys {
		delete(n.conns, k)
	}
	n.live--
	n.closeLocked(c.socks)
}

// freePort finds a port of SCTP that nothing uses yet with these addresses.
func (n *Network) freePort(addrs []netip.Addr, remote sctp.Addr) (uint16, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	first := random32()
next:
	for i := range uint32(16384) {
		port := uint16(49152 + (first+i)%16384)
		for _, a := range addrs {
			if n.listeners[endpoint{a, port}] != nil {
				continue next
			}
			for _, r := range remote.IPs {
				if n.conns[key{a, r.Unmap(), port, remote.Port}] != nil {
					continue next
				}
			}
		}
		return port, nil
	}
	return 0, errors.New("sctp/user: no port is free")
}

// Dial sets up an association. A zero port of local is chosen; without addresses, those are taken
// that the system's routes use. Packets leave from the port of UDP that local names, or from 9899
// or any other if it names none. The error is a *sctp.DownError if nobody answered or the peer
// refused.
func (n *Network) Dial(ctx context.Context, local, remote sctp.Addr, cfg sctp.Config) (sctp.Conn, error) {
	if err := n.check(cfg); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(remote.IPs) == 0 || remote.Port == 0 {
		return nil, fmt.Errorf("sctp/user: no address to dial in %q", remote)
	}
	addrs, err := n.localAddrs(local, remote.IPs)
	if err != nil {
		return nil, err
	}
	if local.Port == 0 {
		if local.Port, err = n.freePort(addrs, remote); err != nil {
			return nil, err
		}
	}
	socks, err := n.open(addrs, local.UDP, true)
	if err != nil {
		return nil, err
	}
	udp := remote.UDP
	if n.cfg.Carrier.Overhead() == 0 {
		udp = 0
	} else if udp == 0 {
		udp = DefaultPort
	}
	var remotes []netip.AddrPort
	for _, a := range remote.IPs {
		remotes = append(remotes, netip.AddrPortFrom(a.Unmap(), udp))
	}
	c := n.newConn(filled(cfg), locals(socks), local.Port, remote.Port)
	c.socks = socks
	c.mu.Lock()
	if !c.a.associate(time.Now(), remotes) {
		c.mu.Unlock()
		n.close(socks)
		return nil, fmt.Errorf("sctp/user: no local address can reach %v", remote)
	}
	if !n.enter(c) {
		c.mu.Unlock()
		n.close(socks)
		return nil, fmt.Errorf("sctp/user: port %d has an association with %v already, or there are too many", local.Port, remote)
	}
	go c.run()
	c.mu.Unlock()
	if err := c.established(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Listen accepts associations on the addresses of local, all those of the system if it names none.
// A zero port of SCTP is chosen; a zero port of UDP is 9899.
func (n *Network) Listen(ctx context.Context, local sctp.Addr, cfg sctp.Config) (sctp.Listener, error) {
	if err := n.check(cfg); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	addrs, err := n.localAddrs(local, nil)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("sctp/user: no address to listen on in %q", local)
	}
	if local.Port == 0 {
		if local.Port, err = n.freePort(addrs, sctp.Addr{}); err != nil {
			return nil, err
		}
	}
	socks, err := n.open(addrs, local.UDP, false)
	if err != nil {
		return nil, err
	}
	l := &listener{n: n, cfg: filled(cfg), socks: socks, locals: locals(socks), done: make(chan struct{})}
	l.addr = sctp.Addr{IPs: addrs, Port: local.Port, UDP: l.locals[0].Port()}
	l.queue = make(chan *Conn, l.cfg.Backlog)
	n.mu.Lock()
	for _, a := range addrs {
		if n.listeners[endpoint{a, local.Port}] != nil {
			n.closeLocked(socks)
			n.mu.Unlock()
			return nil, fmt.Errorf("sctp/user: %v port %d is listened on already", a, local.Port)
		}
	}
	for _, a := range addrs {
		n.listeners[endpoint{a, local.Port}] = l
	}
	n.mu.Unlock()
	return l, nil
}
