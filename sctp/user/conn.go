package user

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/internal/watch"
	"github.com/gotelco/telco/trace"
)

// Conn is an association of a [Network]. It is what Dial and Accept return as a sctp.Conn.
type Conn struct {
	n     *Network
	socks []*socket

	mu      sync.Mutex
	a       *assoc
	keys    []key         // kept by Network.enter
	entered int           // paths that packets find the association by
	room    chan struct{} // closed when the send buffer has room; nil if nobody waits
	closed  bool          // by Close: what comes is thrown away
	told    bool          // Down was delivered

	wake     chan struct{} // there may be something to send
	readable chan struct{}
	shut     chan struct{} // closed by Close
	up       chan struct{} // closed when the association is established, or over
	isUp     bool
	gone     chan struct{} // closed when it is over and nothing runs any more
}

func (n *Network) newConn(cfg sctp.Config, locals []netip.AddrPort, localPort, remotePort uint16) *Conn {
	v6 := false
	for _, l := range locals {
		v6 = v6 || !l.Addr().Is4()
	}
	c := &Conn{
		n: n, a: newAssoc(cfg, n.packetSize(v6), n.sign, locals, localPort, remotePort),
		wake: make(chan struct{}, 1), readable: make(chan struct{}, 1),
		shut: make(chan struct{}), up: make(chan struct{}), gone: make(chan struct{}),
	}
	return c
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// handled ends the work on the machine after packets came; it gives up the lock.
func (c *Conn) handled() {
	if len(c.a.paths) > c.entered && c.entered > 0 {
		if !c.n.enter(c) {
			c.a.giveUp(appendCause(nil, causeProtocolViolation, []byte("an address belongs to another association")),
				&sctp.DownError{Reason: sctp.CannotStart, Err: &PeerError{"it named an address of another association"}})
		}
	}
	if c.closed {
		c.discard()
	}
	data := c.a.inbox.n > 0
	c.changed()
	c.mu.Unlock()
	if data {
		signal(c.readable)
	}
	signal(c.wake)
}

// changed lets those go on who wait for the state or for room.
func (c *Conn) changed() {
	if !c.isUp && (c.a.state >= established || c.a.state == closed) {
		c.isUp = true
		close(c.up)
	}
	if c.room != nil && (c.a.state == closed || c.a.ending || c.a.q.live <= c.a.cfg.SendBuffer*3/4) {
		close(c.room)
		c.room = nil
	}
}

// discard throws away what nobody will ask for.
func (c *Conn) discard() {
	var room [16]sctp.Received
	for c.a.inbox.n > 0 {
		c.a.inbox.pop(room[:0])
	}
	c.a.taken()
}

// run sends what there is to send and lets timers run off, until the association is over.
func (c *Conn) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var armed time.Time
	for {
		o := c.n.outboxes.Get().(*outbox)
		more := true
		var deadline time.Time
		over := false
		for more {
			o.reset()
			c.mu.Lock()
			now := time.Now()
			if due(c.a.deadline(), now) {
				c.a.expire(now)
			}
			o.size = headerLen + c.a.pmdcs
			more = c.a.output(now, o)
			deadline = c.a.deadline()
			over = c.a.state == closed && !more
			c.changed()
			data, told := c.a.inbox.n > 0, c.a.told
			c.a.told = nil
			if c.closed {
				c.discard()
			}
			c.mu.Unlock()
			if data {
				signal(c.readable)
			}
			c.traceEvents(told)
			c.write(o.pkts)
		}
		c.n.outboxes.Put(o)
		if over {
			break
		}
		if !deadline.IsZero() && (armed.IsZero() || deadline.Before(armed)) {
			timer.Reset(time.Until(deadline))
			armed = deadline
		}
		select {
		case <-c.wake:
		case <-timer.C:
			armed = time.Time{}
		}
	}
	c.n.leave(c)
	close(c.gone)
}

// write sends packets through the sockets of their local addresses. One that cannot be sent is
// lost, as on the way.
func (c *Conn) write(ps []Packet) {
	for len(ps) > 0 {
		n := 1
		for n < len(ps) && ps[n].Local == ps[0].Local {
			n++
		}
		if t := c.a.cfg.Trace; t != nil {
			now := time.Now()
			for i := range ps[:n] {
				t(event(now, trace.Sent, &ps[i], c.a.localPort, c.a.remotePort))
			}
		}
		if s := c.socket(ps[0].Local); s != nil {
			for batch := ps[:n]; len(batch) > 0; {
				k, err := s.WritePackets(batch)
				if err != nil {
					k++
				}
				batch = batch[min(k, len(batch)):]
			}
		}
		ps = ps[n:]
	}
}

func (c *Conn) socket(local netip.AddrPort) *socket {
	for _, s := range c.socks {
		if s.LocalAddr() == local {
			return s
		}
	}
	return nil
}

// established waits for the outcome of Dial.
func (c *Conn) established(ctx context.Context) error {
	select {
	case <-c.up:
	case <-ctx.Done():
		c.mu.Lock()
		c.a.abort("")
		c.changed()
		c.mu.Unlock()
		signal(c.wake)
		<-c.gone
		return ctx.Err()
	}
	c.mu.Lock()
	down := c.a.down
	c.mu.Unlock()
	if down != nil {
		signal(c.wake)
		<-c.gone
		return down
	}
	return nil
}

// Send hands over messages; see sctp.Conn.
func (c *Conn) Send(ctx context.Context, ms ...sctp.Message) (n int, err error) {
	for {
		k, room, err := c.send(ms[n:])
		n += k
		if room == nil {
			return n, err
		}
		select {
		case <-room:
		case <-c.shut:
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}

// TrySend is Send that does not wait; see sctp.Conn.
func (c *Conn) TrySend(ms ...sctp.Message) (n int, err error) {
	c.mu.Lock()
	n, err = c.put(ms)
	c.mu.Unlock()
	if n > 0 {
		signal(c.wake)
	}
	return n, err
}

func (c *Conn) send(ms []sctp.Message) (n int, room chan struct{}, err error) {
	c.mu.Lock()
	n, err = c.put(ms)
	if errors.Is(err, sctp.ErrFull) {
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room = c.room
	}
	c.mu.Unlock()
	if n > 0 {
		signal(c.wake)
	}
	return n, room, err
}

func (c *Conn) put(ms []sctp.Message) (n int, err error) {
	for i := range ms {
		if err := c.a.send(&ms[i]); err != nil {
			return i, err
		}
	}
	if len(ms) == 0 {
		return 0, c.a.closing()
	}
	return len(ms), nil
}

// Receive waits for messages and events; see sctp.Conn.
func (c *Conn) Receive(ctx context.Context, in []sctp.Received) ([]sctp.Received, error) {
	for {
		c.mu.Lock()
		switch {
		case c.closed && c.told:
			c.mu.Unlock()
			return in, &sctp.DownError{Reason: sctp.LocalClosed}
		case c.closed:
			c.told = true
			c.mu.Unlock()
			return append(in, sctp.Received{Event: &sctp.Event{Kind: sctp.Down, Reason: &sctp.DownError{Reason: sctp.LocalClosed}}}), nil
		case c.a.inbox.n > 0:
			in = c.a.inbox.pop(in)
			if e := in[len(in)-1].Event; e != nil && e.Kind == sctp.Down {
				c.told = true
			}
			update := c.a.taken()
			c.mu.Unlock()
			if update {
				signal(c.wake)
			}
			return in, nil
		case c.a.down != nil:
			down := c.a.down
			c.mu.Unlock()
			return in, down
		}
		c.mu.Unlock()
		select {
		case <-c.readable:
		case <-c.shut:
		case <-ctx.Done():
			return in, ctx.Err()
		}
	}
}

// Status is a snapshot of the association and its paths.
func (c *Conn) Status() sctp.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.a
	s := sctp.Status{
		State: a.state.String(), In: a.in, Out: a.out, Unsent: a.q.waiting, Unacked: a.outstanding, PeerWindow: uint32(a.rwnd),
		Sent: a.sent, Received: a.received, Retransmitted: a.retransmitted,
	}
	for _, p := range a.paths {
		s.Paths = append(s.Paths, sctp.PathStatus{
			Addr: a.addrOf(p), Active: p.active && p.confirmed, Primary: p == a.data, CWND: uint32(p.cwnd),
			SRTT: p.srtt, RTO: p.rto, MTU: uint32(c.n.cfg.MTU),
		})
	}
	return s
}

// Shutdown ends the association in good order; see sctp.Conn.
func (c *Conn) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	c.a.shutdown(time.Now())
	c.changed()
	c.mu.Unlock()
	signal(c.wake)
	var late error
	select {
	case <-c.gone:
	case <-ctx.Done():
		late = ctx.Err()
		c.abort("the shutdown took too long")
		<-c.gone
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch down := c.a.down; {
	case down.Reason == sctp.ShutdownComplete:
		return nil
	case late != nil:
		return late
	default:
		return down
	}
}

// Abort ends the association at once; see sctp.Conn.
func (c *Conn) Abort(cause string) error {
	c.abort(cause)
	return nil
}

func (c *Conn) abort(cause string) {
	c.mu.Lock()
	c.a.abort(cause)
	c.changed()
	c.mu.Unlock()
	signal(c.readable)
	signal(c.wake)
}

// Close ends the association in the background; see sctp.Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	over := c.a.state == closed
	c.a.shutdown(time.Now())
	c.discard()
	c.changed()
	close(c.shut)
	c.mu.Unlock()
	signal(c.wake)
	if over {
		return nil
	}
	go func() {
		t := time.NewTimer(c.a.cfg.CloseTimeout)
		defer t.Stop()
		select {
		case <-c.gone:
		case <-t.C:
			c.abort("the shutdown took too long")
		}
	}()
	return nil
}

// LocalAddr is our end: its addresses and ports.
func (c *Conn) LocalAddr() sctp.Addr {
	a := sctp.Addr{Port: c.a.localPort, UDP: c.a.locals[0].Port()}
	for _, l := range c.a.locals {
		a.IPs = append(a.IPs, l.Addr())
	}
	return a
}

// RemoteAddr is the peer's end, the address that data goes to first.
func (c *Conn) RemoteAddr() sctp.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := sctp.Addr{Port: c.a.remotePort, UDP: c.a.data.remote.Port(), IPs: []netip.Addr{c.a.data.remote.Addr()}}
	for _, p := range c.a.paths {
		r.IPs = appendNew(r.IPs, p.remote.Addr())
	}
	return r
}

func (c *Conn) traceIn(now time.Time, p *Packet, h header) {
	if t := c.a.cfg.Trace; t != nil {
		t(event(now, trace.Received, p, h.dst, h.src))
	}
}

// traceEvents shows what the upper layer has been told.
func (c *Conn) traceEvents(told []*sctp.Event) {
	for _, e := range told {
		what := e.Kind.String()
		switch {
		case e.Reason != nil:
			what += ": " + e.Reason.Error()
		case e.Kind == sctp.PathUp || e.Kind == sctp.PathDown:
			what += ": " + e.Path.String()
		}
		watch.State(c.a.cfg.Trace, c.LocalAddr().AddrPort(), c.RemoteAddr().AddrPort(), what)
	}
}

// event shows a packet, with the ports of SCTP.
func event(now time.Time, dir trace.Dir, p *Packet, local, remote uint16) trace.Event {
	return trace.Event{
		Time: now, Dir: dir, Proto: trace.SCTP, Transport: trace.OverSCTP, Data: p.Data,
		Local: netip.AddrPortFrom(p.Local.Addr(), local), Remote: netip.AddrPortFrom(p.Remote.Addr(), remote),
	}
}
