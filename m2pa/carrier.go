package m2pa

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/sctp"
)

// carry sets up associations for a link, one after the other, and reads them (RFC 4165 figure 7).
func (c *carrier) carry(ctx context.Context, p *Loop) {
	pause := c.path.RetryMin
	for ctx.Err() == nil {
		conn, err := c.associate(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			p.cfg.Logger.Info("m2pa: no association", "link", c.l.cfg.Name, "peer", c.path.Remote.String(), "error", err.Error(), "retry", pause)
			// RFC 4165 section 4.1.3: level 3 learns that its Start came to nothing.
			c.give(ctx, p, nil, []sctp.Received{{Event: &sctp.Event{Kind: sctp.Down, Reason: err}}})
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, c.path.RetryMax)
			continue
		}
		began := time.Now()
		for conn != nil && ctx.Err() == nil {
			conn = c.read(ctx, p, conn)
		}
		if conn != nil {
			_ = conn.Close()
		}
		if time.Since(began) > c.path.RetryMax {
			pause = c.path.RetryMin
		}
		if !c.path.Server && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, c.path.RetryMax)
		}
	}
}

// associate waits for the next association.
func (c *carrier) associate(ctx context.Context) (sctp.Conn, error) {
	if !c.path.Server {
		return c.path.Network.Dial(ctx, c.path.Local, c.path.Remote, c.path.SCTP)
	}
	select {
	case conn := <-c.accepted:
		return conn, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read gives the loop what the association delivers until it ends, or another one comes from the
// same peer, which it returns.
func (c *carrier) read(ctx context.Context, p *Loop, conn sctp.Conn) sctp.Conn {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var next atomic.Pointer[sctp.Conn]
	watched := make(chan struct{})
	go func() { // a server may get a second association while the first is not known to be lost
		defer close(watched)
		select {
		case other := <-c.accepted:
			next.Store(&other)
			stop()
		case <-reading.Done():
		}
	}()
	in := make([]sctp.Received, 0, 64)
	down := false
	for !down {
		var err error
		in, err = conn.Receive(reading, in[:0])
		if err != nil {
			break
		}
		last := in[len(in)-1]
		down = last.Event != nil && last.Event.Kind == sctp.Down
		if !c.give(reading, p, conn, in) {
			break
		}
	}
	stop()
	<-watched
	other := next.Load()
	if !down {
		if other != nil {
			_ = conn.Abort("replaced by a new association")
		} else {
			_ = conn.Close()
		}
		c.give(ctx, p, conn, []sctp.Received{{Event: &sctp.Event{Kind: sctp.Down}}})
	}
	if other == nil {
		return nil
	}
	return *other
}

// give hands something to the loop and waits until it is used.
func (c *carrier) give(ctx context.Context, p *Loop, conn sctp.Conn, in []sctp.Received) bool {
	ack := make(chan struct{}, 1)
	select {
	case p.in <- arrival{c, conn, in, ack}:
		<-ack
		return true
	case <-ctx.Done():
		return false
	}
}

// acceptor listens for the servers among the links that share a local address.
type acceptor struct {
	ln      sctp.Listener
	servers []*carrier
}

// listen has the association of a server accepted.
func (p *Loop) listen(c *carrier) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := c.path.Local.String()
	if a := p.listeners[key]; a != nil {
		a.servers = append(a.servers, c)
		return nil
	}
	ln, err := c.path.Network.Listen(p.ctx, c.path.Local, c.path.SCTP)
	if err != nil {
		return err
	}
	a := &acceptor{ln: ln, servers: []*carrier{c}}
	p.listeners[key] = a
	p.wait.Go(func() { p.accept(a) })
	return nil
}

// unlisten ends that; the last server of a listener closes it.
func (p *Loop) unlisten(c *carrier) {
	if !c.path.Server {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := c.path.Local.String()
	if a := p.listeners[key]; a != nil {
		a.servers = slices.DeleteFunc(a.servers, func(x *carrier) bool { return x == c })
		if len(a.servers) == 0 {
			a.ln.Close()
			delete(p.listeners, key)
		}
	}
}

// accept gives each new association to the link whose peer it is. Others are refused (RFC 4165
// section 4.1.2: each end knows the other's addresses and port).
func (p *Loop) accept(a *acceptor) {
	for {
		conn, err := a.ln.Accept(p.ctx)
		if err != nil {
			return
		}
		p.mu.Lock()
		var server *carrier
		for _, c := range a.servers {
			if c.expects(conn.RemoteAddr()) {
				server = c
				break
			}
		}
		p.mu.Unlock()
		if server == nil {
			p.unknown.Add(1)
			p.cfg.Logger.Warn("m2pa: association refused: no link has this peer", "peer", conn.RemoteAddr().String(), "local", conn.LocalAddr().String())
			_ = conn.Abort("no link is configured for this peer")
			continue
		}
		select {
		case server.accepted <- conn:
		case <-server.removed:
			_ = conn.Close()
		}
	}
}

// expects says whether an association of this peer is for the link.
func (c *carrier) expects(peer sctp.Addr) bool {
	if !c.path.AnyPort && peer.Port != c.path.Remote.Port {
		return false
	}
	return slices.ContainsFunc(peer.IPs, func(ip netip.Addr) bool { return slices.Contains(c.path.Remote.IPs, ip.Unmap()) })
}

// Refused counts the associations that no link was configured for.
func (p *Loop) Refused() uint64 { return p.unknown.Load() }

var errNoPath = errors.New("m2pa: the link is not in this loop")

// Abort ends the association of a link at once; its carrier sets up another one.
func (p *Loop) Abort(ctx context.Context, l *Link, why string) error {
	err := errNoPath
	if e := p.Do(ctx, func(time.Time) {
		for _, c := range p.carriers {
			if c.l == l {
				if err = nil; c.conn != nil {
					err = c.conn.Abort(why)
				}
			}
		}
	}); e != nil {
		return e
	}
	return err
}
