package m2pa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/mtp3"
	"github.com/gotelco/telco/sctp"
)

// LoopConfig sets up a [Loop]. Only Handle is needed.
type LoopConfig struct {
	// Handle is level 3: it gets what a link says, in the order in which it says it. With an
	// mtp3.Node it is a call of HandleLink.
	Handle func(now time.Time, l *Link, in []mtp3.Indication)

	// Deadline and Expire are the timers of level 3, if it has any: those of an mtp3.Node.
	Deadline func() time.Time
	Expire   func(now time.Time)

	// Wake makes the loop call Poll: it is how level 3 hears of what others have left for it. A
	// channel with room for one value never holds them up. If nil, nobody does.
	Wake <-chan struct{}
	Poll func(now time.Time)

	Logger *slog.Logger // if nil, nothing is logged
}

// Loop runs links, over their associations, together with the level 3 above them: one goroutine
// calls every link and level 3, so that neither needs a lock. Each link has a second one that sets
// up its association and reads it. A peer that does not read stops its own link alone.
type Loop struct {
	cfg    LoopConfig
	ctx    context.Context
	cancel context.CancelFunc
	in     chan arrival
	do     chan task
	done   chan struct{} // closed when the loop has ended

	mu        sync.Mutex // of what follows
	listeners map[string]*acceptor
	wait      sync.WaitGroup

	carriers []*carrier    // of the loop's goroutine
	unknown  atomic.Uint64 // associations refused
}

// Path says how a link gets its association (RFC 4165 sections 3.1 and 4.1.2).
type Path struct {
	Network sctp.Network

	// Local and Remote are the ends. Where a port is 0, it is that registered for M2PA, but for
	// the local port of a client, which the network chooses.
	Local, Remote sctp.Addr

	// Server waits for the peer to set up the association; otherwise this side does. A server
	// accepts associations only of Remote: of one of its addresses and, unless AnyPort is set,
	// its port. Of the two sides of a link one is the server.
	Server  bool
	AnyPort bool

	// SCTP sets up the association. If OutStreams or MaxInStreams is zero, 2.
	SCTP sctp.Config

	// RetryMin and RetryMax are the pauses between attempts of a client, each twice as long as
	// the one before. If zero, 500 ms and 15 s.
	RetryMin, RetryMax time.Duration
}

// arrival is something that a carrier gives to the loop.
type arrival struct {
	c    *carrier
	conn sctp.Conn // whose
	in   []sctp.Received
	ack  chan<- struct{} // in may be used again
}

type task struct {
	f    func(now time.Time)
	done chan<- struct{}
}

// carrier is the association of one link.
type carrier struct {
	l        *Link
	path     Path
	cancel   context.CancelFunc
	accepted chan sctp.Conn  // of a server, from its acceptor
	removed  <-chan struct{} // closed when the link left the loop

	conn sctp.Conn // in the loop's goroutine: the association in use
	full bool      // it has no room
}

// NewLoop starts a loop without links.
func NewLoop(cfg LoopConfig) *Loop {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Loop{cfg: cfg, ctx: ctx, cancel: cancel, in: make(chan arrival), do: make(chan task),
		done: make(chan struct{}), listeners: make(map[string]*acceptor)}
	if p.cfg.Logger == nil {
		p.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	go p.run()
	return p
}

// Add gives a link an association. The link belongs to the loop from then on: others call it
// within [Loop.Do]. Add errs if a server cannot listen.
func (p *Loop) Add(l *Link, path Path) error {
	if path.Network == nil {
		return errors.New("m2pa: a path without a network")
	}
	if path.SCTP.OutStreams == 0 {
		path.SCTP.OutStreams = 2
	}
	if path.SCTP.MaxInStreams == 0 {
		path.SCTP.MaxInStreams = 2
	}
	if path.RetryMin <= 0 {
		path.RetryMin = 500 * time.Millisecond
	}
	if path.RetryMax <= 0 {
		path.RetryMax = 15 * time.Second
	}
	if path.Remote.Port == 0 && !path.AnyPort {
		path.Remote.Port = Port
	}
	if path.Server && path.Local.Port == 0 {
		path.Local.Port = Port
	}
	ctx, cancel := context.WithCancel(p.ctx)
	c := &carrier{l: l, path: path, cancel: cancel, accepted: make(chan sctp.Conn), removed: ctx.Done()}
	if path.Server {
		if err := p.listen(c); err != nil {
			cancel()
			return err
		}
	}
	if err := p.Do(ctx, func(time.Time) { p.carriers = append(p.carriers, c) }); err != nil {
		p.unlisten(c)
		cancel()
		return err
	}
	p.wait.Go(func() { c.carry(ctx, p) })
	return nil
}

// Remove takes a link out of the loop and ends its association. Level 3 has stopped it before.
func (p *Loop) Remove(l *Link) {
	_ = p.Do(p.ctx, func(time.Time) {
		for i, c := range p.carriers {
			if c.l == l {
				c.cancel()
				p.unlisten(c)
				p.carriers = append(p.carriers[:i], p.carriers[i+1:]...)
				return
			}
		}
	})
}

// Do calls f in the loop and waits for it; then what links have to send is sent. f must not call
// Do. After Close the error is net.ErrClosed.
func (p *Loop) Do(ctx context.Context, f func(now time.Time)) error {
	done := make(chan struct{})
	select {
	case p.do <- task{f, done}:
		<-done
		return nil
	case <-ctx.Done():
		if p.ctx.Err() != nil {
			break
		}
		return ctx.Err()
	case <-p.ctx.Done():
	}
	return fmt.Errorf("m2pa: loop: %w", net.ErrClosed)
}

// Close ends the associations and everything that the loop started.
func (p *Loop) Close() error {
	p.cancel()
	p.mu.Lock()
	for _, a := range p.listeners {
		a.ln.Close()
	}
	p.mu.Unlock()
	p.wait.Wait()
	<-p.done
	return nil
}

// retryFull is how long an association without room is left alone.
const retryFull = 2 * time.Millisecond

// run is the loop's goroutine.
func (p *Loop) run() {
	defer close(p.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var ind []mtp3.Indication
	buf := make([]sctp.Message, 0, 64)
	for {
		now := time.Now()
		var wake time.Time
		earliest := func(t time.Time) {
			if !t.IsZero() && (wake.IsZero() || t.Before(wake)) {
				wake = t
			}
		}
		if p.cfg.Deadline != nil {
			if t := p.cfg.Deadline(); !t.IsZero() && !now.Before(t) {
				p.cfg.Expire(now)
			}
		}
		for _, c := range p.carriers {
			if t := c.l.Deadline(); !t.IsZero() && !now.Before(t) {
				ind = c.l.Expire(now, ind[:0])
				p.handle(now, c.l, ind)
			}
		}
		for _, c := range p.carriers { // after all calls: level 3 may have used any link
			if c.conn != nil && c.l.Pending() {
				var err error
				if buf, c.full, err = c.l.Flush(now, c.conn, buf); err != nil {
					c.full = false // the reader learns why
				}
				if c.full {
					earliest(now.Add(retryFull))
				}
			}
			earliest(c.l.Deadline())
		}
		if p.cfg.Deadline != nil {
			earliest(p.cfg.Deadline())
		}
		if wake.IsZero() {
			timer.Reset(time.Hour)
		} else {
			timer.Reset(max(wake.Sub(now), 0))
		}
		select {
		case <-p.ctx.Done():
			for _, c := range p.carriers {
				if c.conn != nil {
					c.conn.Close()
				}
			}
			return
		case t := <-p.do:
			t.f(time.Now())
			close(t.done)
		case <-p.cfg.Wake:
			p.cfg.Poll(time.Now())
		case a := <-p.in:
			ind = p.arrived(time.Now(), a, ind)
		case <-timer.C:
		}
	}
}

func (p *Loop) handle(now time.Time, l *Link, ind []mtp3.Indication) {
	if len(ind) > 0 && p.cfg.Handle != nil {
		p.cfg.Handle(now, l, ind)
	}
}

// arrived gives the link what its association delivered. Level 3 sees each message before the link
// gets the next one.
func (p *Loop) arrived(now time.Time, a arrival, ind []mtp3.Indication) []mtp3.Indication {
	c := a.c
	defer func() { a.ack <- struct{}{} }()
	select {
	case <-c.removed:
		return ind
	default:
	}
	for i := range a.in {
		r := &a.in[i]
		switch {
		case r.Event != nil && r.Event.Kind == sctp.Up:
			c.conn = a.conn
			c.l.SetAddrs(a.conn.LocalAddr().AddrPort(), a.conn.RemoteAddr().AddrPort())
		case c.conn != nil && c.conn != a.conn:
			continue // of an association that another one has replaced
		case r.Event != nil && r.Event.Kind == sctp.Down:
			c.conn = nil
		}
		ind = c.l.HandleSCTP(now, *r, ind[:0])
		p.handle(now, c.l, ind)
	}
	return ind
}
