package diameter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/trace"
)

// conn is one transport connection: a goroutine that reads and handles messages, and one that
// writes what has gathered since it wrote last.
type conn struct {
	n         *Node
	link      link
	initiator bool // we made the connection
	ctx       context.Context
	cancel    context.CancelFunc

	// peer is nil until the CER of an accepted connection has said who it is. Set by the reader.
	peer *peer

	pend     pendingTable
	serving  atomic.Int32 // requests that handlers have not answered
	window   time.Time    // of the rate limit; these belong to the reader
	inWindow int
	refused  int
	dirty    []*conn // connections to wake before the next read

	writing sync.Mutex // of link.write

	mu     sync.Mutex // of what follows
	out    []byte
	spare  []byte
	taken  bool // somebody writes, who has taken out
	held   int  // octets of out that may be written; negative: all
	closed bool
	last   bool // close when out has been written
	err    error
	wake   chan struct{}
}

// errQueueFull says that a peer takes less than we have for it.
var errQueueFull = errors.New("diameter: the peer does not take what is sent to it")

func (n *Node) newConn(l link, initiator bool) *conn {
	c := &conn{n: n, link: l, initiator: initiator, held: -1, wake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(n.ctx)
	c.pend.init()
	return c
}

// start runs the connection. The caller counts in the node's group, so that adding to it is safe.
func (c *conn) start() {
	stop := context.AfterFunc(c.n.ctx, func() { c.close(ErrClosed, true) }) // if the node closes first
	c.n.wg.Add(2)
	go func() {
		defer c.n.wg.Done()
		c.writeLoop()
	}()
	go func() {
		defer c.n.wg.Done()
		err := c.readLoop()
		c.mu.Lock()
		last := c.last // the writer closes when it has written
		c.mu.Unlock()
		if !last {
			c.close(err, false)
		}
		stop()
		c.cancel()
		c.n.connEnded(c, c.reason(err))
	}()
}

// reason is why the connection ended: what this side decided first, else what reading met.
func (c *conn) reason(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return err
}

// close ends the connection, once; abort resets it.
func (c *conn) close(err error, abort bool) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.signal()
	c.link.close(abort)
}

// finish closes the connection when everything queued has been written.
func (c *conn) finish(err error) {
	c.mu.Lock()
	c.last = true
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.signal()
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// send queues a whole message. from, if not nil, is the connection whose reader calls: it sends what
// has gathered when it has handled all that arrived with the message at hand.
func (c *conn) send(msg []byte, from *conn) error {
	if c.n.cfg.Trace != nil {
		c.trace(trace.Sent, msg)
	}
	c.mu.Lock()
	if c.closed || c.last {
		c.mu.Unlock()
		return net.ErrClosed
	}
	if len(c.out)+len(msg) > c.n.cfg.Limits.MaxQueue {
		c.mu.Unlock()
		return errQueueFull
	}
	idle := len(c.out) == 0
	c.out = append(c.out, msg...)
	c.mu.Unlock()
	switch {
	case from == nil:
		c.signal()
	case from != c && (idle || len(from.dirty) == 0 || from.dirty[len(from.dirty)-1] != c):
		from.dirty = append(from.dirty, c)
	}
	return nil
}

// hold keeps what is queued from now on until release.
func (c *conn) hold() {
	c.mu.Lock()
	c.held = len(c.out)
	c.mu.Unlock()
}

func (c *conn) release() {
	c.mu.Lock()
	c.held = -1
	c.mu.Unlock()
	c.signal()
}

func (c *conn) writeLoop() {
	for range c.wake {
		for {
			c.mu.Lock()
			if c.closed {
				c.mu.Unlock()
				return
			}
			if c.taken { // who has it wakes us again
				c.mu.Unlock()
				break
			}
			buf := c.take()
			if len(buf) == 0 {
				last := c.last
				c.mu.Unlock()
				if last {
					c.close(nil, false)
					return
				}
				break
			}
			c.mu.Unlock()

			var deadline time.Time
			if w := c.n.cfg.Timers.Write; w > 0 {
				deadline = time.Now().Add(w)
			}
			c.writing.Lock()
			err := c.link.write(buf, deadline)
			c.writing.Unlock()
			if err != nil {
				if isTimeout(err) {
					err = fmt.Errorf("diameter: the peer has not taken %d octets in %v: %w", len(buf), c.n.cfg.Timers.Write, err)
				}
				c.close(err, true)
				return
			}
			c.mu.Lock()
			c.give(buf)
			c.mu.Unlock()
		}
	}
}

// take takes what may be written; give ends the writing. Both under mu.
func (c *conn) take() []byte {
	buf := c.out
	if c.held >= 0 {
		buf = c.out[:c.held]
	}
	if len(buf) == 0 {
		return nil
	}
	c.out = append(c.spare[:0], c.out[len(buf):]...)
	if c.held > 0 {
		c.held = 0
	}
	c.spare, c.taken = nil, true
	return buf
}

func (c *conn) give(buf []byte) {
	c.taken = false
	if cap(buf) <= 1<<20 {
		c.spare = buf[:0]
	}
}

// flush sends what is queued without waiting, and leaves the rest to the writer.
func (c *conn) flush() {
	c.mu.Lock()
	if c.closed || c.taken || c.held >= 0 {
		wake := len(c.out) > 0
		c.mu.Unlock()
		if wake {
			c.signal()
		}
		return
	}
	buf := c.take()
	c.mu.Unlock()
	if buf == nil {
		return
	}
	c.writing.Lock()
	n := c.link.tryWrite(buf)
	c.writing.Unlock()
	c.mu.Lock()
	if n < len(buf) {
		rest := append(c.spare[:0:0], buf[n:]...)
		c.out = append(rest, c.out...)
	}
	c.give(buf)
	wake := len(c.out) > 0 || c.last
	c.mu.Unlock()
	if wake {
		c.signal()
	}
}

// batchTime is how long answers to messages that arrived together may wait for each other.
const batchTime = 200 * time.Microsecond

// batchOctets is how much of them.
const batchOctets = 16 << 10

func (c *conn) readLoop() error {
	var began time.Time
	batching := false
	for {
		msg, more, err := c.link.read()
		if err == errUpgrade {
			if err := c.upgrade(c.peer.tlsConfig(), false); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			var p *ProtocolError
			if errors.As(err, &p) {
				c.n.framingLost(c, msg, p)
			}
			return err
		}
		now := time.Now()
		if !batching {
			batching, began = true, now
		}
		err = c.n.receive(c, msg, now)
		switch {
		case !more || err != nil:
			batching = false
			c.flush()
			c.flushDirty()
		case now.Sub(began) > batchTime || c.queued() > batchOctets:
			began = now
			c.signal()
			for _, d := range c.dirty {
				d.signal()
			}
		}
		if err != nil {
			return err
		}
	}
}

func (c *conn) queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out)
}

// flushDirty sends what the messages handled have caused on other connections.
func (c *conn) flushDirty() {
	for i, d := range c.dirty {
		d.flush()
		c.dirty[i] = nil
	}
	c.dirty = c.dirty[:0]
}

// awaitTLS makes the reader expect a TLS handshake after the CEA that has been queued.
func (c *conn) awaitTLS() {
	c.hold()
	c.link.readDeadline(time.Now().Add(c.n.cfg.Timers.Connect))
	c.link.(*streamLink).stop.Store(true)
}

// upgrade begins TLS in band.
func (c *conn) upgrade(cfg *tls.Config, client bool) error {
	l := c.link.(*streamLink)
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := l.upgrade(cfg, client, time.Now().Add(c.n.cfg.Timers.Connect)); err != nil {
		return fmt.Errorf("diameter: TLS in band: %w", err)
	}
	if !c.peer.cfg.AnyHost { // whose name TLS has compared with its configuration's
		if err := c.n.checkCertificate(c, c.peer.host()); err != nil {
			return err
		}
	}
	c.release()
	return nil
}

func (c *conn) trace(dir trace.Dir, msg []byte) {
	local, remote := c.link.addrs()
	e := trace.Event{Time: time.Now(), Dir: dir, Interface: c.n.cfg.OriginHost, Proto: trace.Diameter, Transport: c.link.transport(),
		Local: local, Remote: remote, Data: msg, Secrets: secrets(msg)}
	if e.Transport == trace.OverSCTP {
		e.PPID = PPIDDiameter
	}
	if len(msg) > HeaderLen {
		if a, ok := AVPs(msg[HeaderLen:]).Find(AVPSessionID, 0); ok {
			e.Correlation = string(a.Data)
		}
	}
	c.n.cfg.Trace(e)
}
