package memnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// PacketConn is a datagram socket. It is a net.PacketConn whose addresses are *net.UDPAddr, and
// has the allocation-free pair of methods that *net.UDPConn has.
type PacketConn struct {
	network *Network
	local   netip.AddrPort

	mu       sync.Mutex
	cond     sync.Cond
	queue    []datagram
	closed   bool
	deadline time.Time
	timer    *time.Timer
}

type datagram struct {
	from netip.AddrPort
	data []byte
}

var _ net.PacketConn = (*PacketConn)(nil)

// ReadFromUDPAddrPort waits for a datagram. What does not fit into b is cut off.
func (p *PacketConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.closed {
			return 0, netip.AddrPort{}, p.error("read", net.ErrClosed)
		}
		if !p.deadline.IsZero() && !time.Now().Before(p.deadline) {
			return 0, netip.AddrPort{}, p.error("read", os.ErrDeadlineExceeded)
		}
		if len(p.queue) > 0 {
			d := p.queue[0]
			p.queue[0] = datagram{}
			p.queue = p.queue[1:]
			return copy(b, d.data), d.from, nil
		}
		p.cond.Wait()
	}
}

// ReadFrom waits for a datagram, as ReadFromUDPAddrPort.
func (p *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToUDPAddrPort sends a datagram. Like UDP it does not tell whether anybody received it.
func (p *PacketConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return 0, p.error("write", net.ErrClosed)
	}
	p.network.transmit(p.local, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), b)
	return len(b), nil
}

// WriteTo sends a datagram to a *net.UDPAddr.
func (p *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, p.error("write", net.InvalidAddrError("not a UDP address"))
	}
	return p.WriteToUDPAddrPort(b, u.AddrPort())
}

// transmit rolls the dice for one datagram and delivers it.
func (n *Network) transmit(from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.Sent++
	if n.blocked[from.Addr()] || n.blocked[to.Addr()] {
		n.stats.NoReceiver++
		return
	}
	copies := 1
	if n.cfg.Loss > 0 && n.rand.Float64() < n.cfg.Loss {
		n.stats.Lost++
		return
	}
	if n.cfg.Duplicate > 0 && n.rand.Float64() < n.cfg.Duplicate {
		n.stats.Duplicated++
		copies = 2
	}
	for range copies {
		d := datagram{from, append([]byte(nil), b...)}
		delay := n.cfg.Latency
		if n.cfg.Jitter > 0 {
			delay += time.Duration(n.rand.Int64N(int64(n.cfg.Jitter)))
		}
		if n.cfg.Reorder > 0 && n.rand.Float64() < n.cfg.Reorder {
			n.stats.Reordered++
			delay += n.cfg.Latency + n.cfg.Jitter + time.Millisecond
		}
		if delay == 0 {
			n.deliver(to, d)
			continue
		}
		if delay == n.cfg.Latency { // timers of one instant fire in no order: keep them apart
			now := time.Now()
			at := now.Add(delay)
			if !at.After(n.last) {
				at = n.last.Add(1)
			}
			n.last, delay = at, at.Sub(now)
		}
		time.AfterFunc(delay, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.deliver(to, d)
		})
	}
}

// deliver puts a datagram into the queue of its receiver. The caller holds n.mu.
func (n *Network) deliver(to netip.AddrPort, d datagram) {
	p := n.packets[to]
	if p == nil || n.blocked[to.Addr()] {
		n.stats.NoReceiver++
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.queue) >= n.cfg.QueueLimit {
		n.stats.Overflowed++
		return
	}
	n.stats.Delivered++
	p.queue = append(p.queue, d)
	p.cond.Signal()
}

// Close closes the socket and unblocks its readers.
func (p *PacketConn) Close() error {
	p.network.mu.Lock()
	if p.network.packets[p.local] == p {
		delete(p.network.packets, p.local)
	}
	p.network.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.queue = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	p.cond.Broadcast()
	return nil
}

// LocalAddr returns the local address, a *net.UDPAddr.
func (p *PacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.local) }

// SetDeadline is SetReadDeadline: writes never block.
func (p *PacketConn) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline unblocks reads at t; zero means never.
func (p *PacketConn) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	p.timer = resetWake(p.timer, t, &p.mu, &p.cond)
	return nil
}

// SetWriteDeadline does nothing: writes never block.
func (p *PacketConn) SetWriteDeadline(time.Time) error { return nil }

func (p *PacketConn) error(op string, err error) error {
	return &net.OpError{Op: op, Net: "mem", Source: p.LocalAddr(), Err: err}
}

// resetWake arranges that everything waiting on cond looks again now and at t.
func resetWake(timer *time.Timer, t time.Time, mu *sync.Mutex, cond *sync.Cond) *time.Timer {
	if timer != nil {
		timer.Stop()
	}
	cond.Broadcast()
	if t.IsZero() {
		return nil
	}
	return time.AfterFunc(max(time.Until(t), 0), func() {
		mu.Lock()
		defer mu.Unlock()
		cond.Broadcast()
	})
}
