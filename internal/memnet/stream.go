package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is one end of a stream. Unlike net.Pipe it buffers: a Write returns once its octets fit
// into the window, whether or not they have been read.
type Conn struct {
	network       *Network
	local, remote netip.AddrPort
	in, out       *half // in is what we read; out is what the peer reads
	once          sync.Once
}

// half is one direction of a stream.
type half struct {
	window int

	mu        sync.Mutex
	cond      sync.Cond
	data      []byte
	underWay  int       // written, not yet arrived
	last      time.Time // arrival of the newest piece: pieces stay in order
	eof       bool      // the writer closed, after everything under way arrived
	finished  bool      // the writer closed
	reset     bool      // the reader closed
	readEnd   time.Time
	writeEnd  time.Time
	readTimer *time.Timer
	wrTimer   *time.Timer
}

func newConnPair(n *Network, local, remote netip.AddrPort) (here, there *Conn) {
	a, b := &half{window: n.cfg.Window}, &half{window: n.cfg.Window}
	a.cond.L, b.cond.L = &a.mu, &b.mu
	here = &Conn{network: n, local: local, remote: remote, in: a, out: b}
	there = &Conn{network: n, local: remote, remote: local, in: b, out: a}
	return here, there
}

var _ net.Conn = (*Conn)(nil)

// Read reads what has arrived.
func (c *Conn) Read(b []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reset:
			return 0, c.error("read", net.ErrClosed)
		case !h.readEnd.IsZero() && !time.Now().Before(h.readEnd):
			return 0, c.error("read", os.ErrDeadlineExceeded)
		case len(h.data) > 0:
			n := copy(b, h.data)
			h.data = h.data[n:]
			h.cond.Broadcast()
			return n, nil
		case h.eof:
			return 0, io.EOF
		case len(b) == 0:
			return 0, nil
		}
		h.cond.Wait()
	}
}

// Write sends all of b, waiting for room in the window.
func (c *Conn) Write(b []byte) (int, error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	sent := 0
	for {
		switch {
		case h.finished:
			return sent, c.error("write", net.ErrClosed)
		case h.reset:
			return sent, c.error("write", os.NewSyscallError("write", syscall.EPIPE))
		case !h.writeEnd.IsZero() && !time.Now().Before(h.writeEnd):
			return sent, c.error("write", os.ErrDeadlineExceeded)
		}
		room := h.window - len(h.data) - h.underWay
		if n := min(room, len(b)-sent); n > 0 {
			h.send(b[sent:sent+n], c.network.cfg.Latency)
			sent += n
		}
		if sent == len(b) {
			return sent, nil
		}
		h.cond.Wait()
	}
}

// send puts a piece on its way. The caller holds h.mu.
func (h *half) send(piece []byte, latency time.Duration) {
	if latency == 0 {
		h.data = append(h.data, piece...)
		h.cond.Broadcast()
		return
	}
	p := append([]byte(nil), piece...)
	h.underWay += len(p)
	h.after(latency, func() {
		h.underWay -= len(p)
		h.data = append(h.data, p...)
	})
}

// after runs f, with h.mu held, when everything sent before has arrived and latency has passed.
func (h *half) after(latency time.Duration, f func()) {
	at := time.Now().Add(latency)
	if !at.After(h.last) {
		at = h.last.Add(1) // timers of one instant fire in no order
	}
	h.last = at
	time.AfterFunc(time.Until(at), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		f()
		h.cond.Broadcast()
	})
}

// Close ends both directions. The peer reads what is under way, then io.EOF.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.network.mu.Lock()
		delete(c.network.streams, c)
		c.network.mu.Unlock()

		c.out.mu.Lock()
		c.out.finished = true
		if c.network.cfg.Latency == 0 {
			c.out.eof = true
		} else {
			c.out.after(c.network.cfg.Latency, func() { c.out.eof = true })
		}
		if c.out.wrTimer != nil {
			c.out.wrTimer.Stop()
		}
		c.out.cond.Broadcast()
		c.out.mu.Unlock()

		c.in.mu.Lock()
		c.in.reset = true
		c.in.data = nil
		if c.in.readTimer != nil {
			c.in.readTimer.Stop()
		}
		c.in.cond.Broadcast()
		c.in.mu.Unlock()
	})
	return nil
}

// LocalAddr returns the local address, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr returns the peer's address, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline unblocks reads at t; zero means never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readEnd = t
	h.readTimer = resetWake(h.readTimer, t, &h.mu, &h.cond)
	return nil
}

// SetWriteDeadline unblocks writes at t; zero means never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writeEnd = t
	h.wrTimer = resetWake(h.wrTimer, t, &h.mu, &h.cond)
	return nil
}

func (c *Conn) error(op string, err error) error {
	return &net.OpError{Op: op, Net: "mem", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
