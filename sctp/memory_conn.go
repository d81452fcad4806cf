package sctp

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/gotelco/telco/sctp/internal/watch"
	"github.com/gotelco/telco/trace"
)

// MemoryConn is one end of an association of a [Memory]. Beyond what a [Conn] does, it breaks on
// demand: [MemoryConn.Cut], [MemoryConn.Lose], [MemoryConn.Crash], [MemoryConn.Restart].
type MemoryConn struct {
	n             *Memory
	cfg           Config
	local, remote Addr
	in, out       uint16
	peer          *MemoryConn

	state   memoryState
	down    *DownError // set once this end is over for its user
	hung    bool       // Close was called: the user gets nothing more
	crashed bool       // the host is gone: nothing is answered
	orphan  bool       // the peer has ended, and its ABORT was lost
	paths   []memoryPath

	wire  memoryQueue // what the peer sent that has not arrived: its send buffer
	inbox memoryQueue // what has arrived, for Receive
	lent  [][]byte    // what the last Receive delivered
	free  [][]byte    // buffers for what will be sent here

	stalled  time.Time   // nothing arrives before: a retransmission to another path
	lineFree time.Time   // when the line towards this end has sent all it has (Bandwidth)
	last     []time.Time // of each stream: when its last message arrives (Jitter)
	lastAny  time.Time

	wake  chan struct{} // capacity 1: something is in the inbox
	room  chan struct{} // capacity 1: Send should look again
	turn  chan struct{} // capacity 1: held by the Send that goes on
	over  chan struct{} // closed with down set
	ended chan struct{} // closed when the protocol is over, in the background too
	timer *time.Timer   // runs at alarm, unless that is zero
	alarm time.Time
	limit *time.Timer // of Close

	sent, received uint64
}

type memoryState uint8

const (
	established memoryState = iota
	shutdownSent
	shutdownReceived
	closed
)

var memoryStates = [...]string{"ESTABLISHED", "SHUTDOWN-SENT", "SHUTDOWN-RECEIVED", "CLOSED"}

func (n *Memory) newConn(local, remote Addr, cfg Config) *MemoryConn {
	c := &MemoryConn{n: n, cfg: cfg, local: local, remote: remote, wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
		turn: make(chan struct{}, 1), over: make(chan struct{}), ended: make(chan struct{})}
	c.paths = make([]memoryPath, len(remote.IPs))
	for i := range c.paths {
		c.paths[i].active = true
	}
	return c
}

// join ties two ends together.
func (c *MemoryConn) join(peer *MemoryConn) {
	c.peer, peer.peer = peer, c
	c.out, peer.out = min(c.cfg.OutStreams, peer.cfg.MaxInStreams), min(peer.cfg.OutStreams, c.cfg.MaxInStreams)
	c.in, peer.in = peer.out, c.out
}

// LocalAddr is this end's address.
func (c *MemoryConn) LocalAddr() Addr { return clone(c.local) }

// RemoteAddr is the peer's address.
func (c *MemoryConn) RemoteAddr() Addr { return clone(c.remote) }

// Send hands over messages; see [Conn].
func (c *MemoryConn) Send(ctx context.Context, ms ...Message) (int, error) {
	n, err := c.TrySend(ms...)
	if err != ErrFull {
		return n, err
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return n, ctx.Err()
	case <-c.over:
		return n, c.down
	}
	defer func() { <-c.turn }()
	for {
		k, err := c.TrySend(ms[n:]...)
		n += k
		if err != ErrFull {
			return n, err
		}
		select {
		case <-c.room:
		case <-ctx.Done():
			return n, ctx.Err()
		case <-c.over:
			return n, c.down
		}
	}
}

// TrySend hands over messages as long as there is room; see [Conn].
func (c *MemoryConn) TrySend(ms ...Message) (int, error) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	now := time.Now()
	for i := range ms {
		if err := c.send(now, &ms[i]); err != nil {
			return i, err
		}
	}
	return len(ms), nil
}

func (c *MemoryConn) send(now time.Time, m *Message) error {
	switch {
	case c.down != nil:
		return c.down
	case c.state != established:
		return ErrClosing
	case len(m.Data) == 0:
		return ErrEmpty
	case len(m.Data) > c.cfg.MaxMessage:
		return ErrTooLong
	case m.Stream >= c.out:
		return ErrStream
	}
	to := c.peer
	if to.wire.size > 0 && to.wire.size+cost(m.Data) > c.cfg.SendBuffer {
		return ErrFull
	}
	c.sent++
	if c.cfg.Trace != nil {
		watch.Message(c.cfg.Trace, trace.Sent, c.local.AddrPort(), c.remote.AddrPort(), m.Stream, m.PPID, m.Data)
	}
	it := memoryItem{Received: Received{Message: *m}, due: to.due(now, m)}
	it.Data = append(to.buffer(len(m.Data)), m.Data...)
	to.wire.push(it)
	to.arrive(now)
	return nil
}

// Receive delivers what has arrived; see [Conn].
func (c *MemoryConn) Receive(ctx context.Context, in []Received) ([]Received, error) {
	for {
		c.n.mu.Lock()
		c.recycle()
		if c.inbox.len() > 0 {
			for room := max(1, cap(in)-len(in)); room > 0 && c.inbox.len() > 0; room-- {
				it := c.inbox.pop()
				if it.Event == nil {
					c.lent = append(c.lent, it.Data)
				}
				in = append(in, it.Received)
			}
			c.arrive(time.Now()) // there is room again
			c.n.mu.Unlock()
			return in, nil
		}
		down := c.down
		c.n.mu.Unlock()
		if down != nil {
			return in, down
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return in, ctx.Err()
		}
	}
}

// Status is a snapshot; see [Conn].
func (c *MemoryConn) Status() Status {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	s := Status{State: memoryStates[c.state], In: c.in, Out: c.out, Sent: c.sent, Received: c.received}
	if c.state == closed {
		return s
	}
	s.Unacked = c.peer.wire.size
	s.PeerWindow = uint32(max(0, c.peer.cfg.ReceiveBuffer-c.peer.inbox.size))
	current := c.current()
	for i, p := range c.paths {
		s.Paths = append(s.Paths, PathStatus{Addr: c.pathAddr(i), Active: p.active, Primary: i == current,
			SRTT: 2 * c.n.cfg.Delay, RTO: max(c.cfg.RTOMin, 2*c.n.cfg.Delay)})
	}
	return s
}

func (c *MemoryConn) pathAddr(i int) Addr {
	return Addr{IPs: []netip.Addr{c.remote.IPs[i]}, Port: c.remote.Port, UDP: c.remote.UDP}
}

// Shutdown ends the association once everything has arrived; see [Conn].
func (c *MemoryConn) Shutdown(ctx context.Context) error {
	c.n.mu.Lock()
	c.shutdown()
	c.n.mu.Unlock()
	select {
	case <-c.ended:
	default:
		select {
		case <-c.ended:
		case <-ctx.Done():
			c.Abort("shutdown took too long")
			return ctx.Err()
		}
	}
	if c.down.Reason == ShutdownComplete {
		return nil
	}
	return c.down
}

// Abort ends the association at once; see [Conn].
func (c *MemoryConn) Abort(cause string) error {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.abort(nil, []byte(cause))
	return nil
}

// Close ends the association in the background; see [Conn].
func (c *MemoryConn) Close() error {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	if c.hung {
		return nil
	}
	c.hung = true
	if c.state == closed {
		if c.inbox.len() > 0 { // Down is the last of it
			c.inbox.drop(func(it *memoryItem) bool { return it.Event == nil || it.Event.Kind != Down })
		}
		return nil
	}
	c.clearInbox()
	c.setDown(&DownError{Reason: LocalClosed})
	c.limit = time.AfterFunc(c.cfg.CloseTimeout, func() { c.Abort("shutdown took too long") })
	c.shutdown()
	c.arrive(time.Now())
	return nil
}

func (c *MemoryConn) clearInbox() {
	for c.inbox.len() > 0 {
		c.keep(c.inbox.pop())
	}
}

// event puts an event behind what has arrived.
func (c *MemoryConn) event(e Event) {
	if c.cfg.Trace != nil {
		what := e.Kind.String()
		switch e.Kind {
		case PathUp, PathDown:
			what += " " + e.Path.String()
		case Down:
			what += ": " + e.Reason.Error()
		}
		watch.State(c.cfg.Trace, c.local.AddrPort(), c.remote.AddrPort(), what)
	}
	c.inbox.push(memoryItem{Received: Received{Event: &e}})
	signal(c.wake)
}

// setDown tells the user that this end is over.
func (c *MemoryConn) setDown(err *DownError) {
	if c.down != nil {
		return
	}
	c.down = err
	c.event(Event{Kind: Down, Reason: err})
	close(c.over)
}

// finish ends the protocol at this end.
func (c *MemoryConn) finish(err *DownError) {
	if c.state == closed {
		return
	}
	c.state = closed
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.limit != nil {
		c.limit.Stop()
	}
	if !c.hung && c.peer.peer == c {
		c.failed(c.peer)
	}
	k := endsOf(c.local, c.remote)
	if c.n.conns[k] == c {
		delete(c.n.conns, k)
	}
	c.setDown(err)
	close(c.ended)
}

// failed gives up what this end sent and the peer has not got.
func (c *MemoryConn) failed(peer *MemoryConn) {
	peer.wire.drop(func(it *memoryItem) bool {
		if it.control != 0 {
			return false
		}
		m := it.Message
		c.event(Event{Kind: SendFailed, Message: &m})
		return true
	})
}

func (c *MemoryConn) abort(why error, cause []byte) {
	if c.state == closed {
		return
	}
	peer := c.peer
	c.finish(&DownError{Reason: LocalClosed, Err: why})
	if c.crashed || peer.peer != c || peer.state == closed {
		return
	}
	peer.wire.drop(func(*memoryItem) bool { return true })
	if !peer.reached() {
		peer.orphan = true // an ABORT is not repeated
		return
	}
	now := time.Now()
	peer.control(now, abortChunk, slices.Clone(cause))
}

func (c *MemoryConn) shutdown() {
	if c.state != established {
		return
	}
	c.state = shutdownSent
	signal(c.room)
	c.peer.control(time.Now(), shutdownChunk, nil)
}

// Lose ends the association as if neither end had heard of the other for long: both get Down with
// PeerLost at once.
func (c *MemoryConn) Lose() {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	peer := c.peer
	c.finish(&DownError{Reason: PeerLost})
	if peer.peer == c {
		peer.finish(&DownError{Reason: PeerLost})
	}
}

// Cut cuts every line between the addresses of this association.
func (c *MemoryConn) Cut() { c.cutAll(true) }

// Restore undoes Cut.
func (c *MemoryConn) Restore() { c.cutAll(false) }

func (c *MemoryConn) cutAll(cut bool) {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	for _, l := range c.local.IPs {
		for _, r := range c.remote.IPs {
			c.n.setCut(l, r, cut)
		}
	}
	c.n.rerun()
}

// Crash ends this end without a word, as if its host had lost power: its Receive delivers Down with
// LocalClosed, the peer finds out when its time-outs have passed, or by a Dial from the same
// address, which is a restart to it.
func (c *MemoryConn) Crash() {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.crash()
}

func (c *MemoryConn) crash() {
	if c.state == closed {
		return
	}
	c.crashed, c.hung = true, true
	c.clearInbox()
	c.finish(&DownError{Reason: LocalClosed})
	if c.peer.peer == c {
		c.peer.wire.drop(func(*memoryItem) bool { return true })
		c.peer.run(time.Now())
	}
}

// Restart is Crash and a new association from the same address at once: the peer's Receive delivers
// what had arrived, SendFailed for what had not been acknowledged, and Restart; the new end
// begins with Up. If the peer is gone, the new end is Down with CannotStart.
func (c *MemoryConn) Restart() *MemoryConn {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.crash()
	if c.peer.peer == c && c.peer.state != closed {
		return c.peer.restarted(c.local, c.cfg)
	}
	dead := c.n.newConn(c.local, c.remote, c.cfg)
	dead.peer = dead
	dead.finish(&DownError{Reason: CannotStart, Err: errRefused})
	return dead
}

// restarted ties this end to a new peer with the addresses of the old one.
func (c *MemoryConn) restarted(local Addr, cfg Config) *MemoryConn {
	if old := c.peer; old.state != closed {
		old.crash()
	}
	c.failed(c.peer)
	c.wire.drop(func(*memoryItem) bool { return true })
	c.state, c.orphan, c.last = established, false, nil
	peer := c.n.newConn(local, c.local, cfg)
	c.remote = local
	c.join(peer)
	c.n.conns[endsOf(local, c.local)] = peer
	c.event(Event{Kind: Restart, In: c.in, Out: c.out})
	signal(c.room)
	peer.event(Event{Kind: Up, In: peer.in, Out: peer.out})
	now := time.Now()
	c.run(now)
	peer.run(now)
	return peer
}
