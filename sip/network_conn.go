package sip

import (
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection of TCP, TLS, WS or WSS, opened by either side. A goroutine reads as
// long as it lives; another one writes while there is something queued.
type conn struct {
	network    *network
	accepted   net.Conn // what was accepted, before TLS
	nc         net.Conn
	flow       Flow
	listener   *listener // of an accepted connection
	serverName string    // the name that a dialled peer was verified under
	tls        *tls.ConnectionState
	lastRead   atomic.Int64 // unix nanoseconds of the last octets received
	spoke      atomic.Bool  // a whole message was received
	leaving    bool         // makes room for another one; guarded by network.mu

	mu       sync.Mutex
	queue    []byte // what waits to be written
	spare    []byte // the other buffer, while one is being written
	ends     []int  // of messages within queue: WebSocket keeps their boundaries
	spareEnd []int
	queued   int // octets in queue and in the buffer being written
	trimmer  *time.Timer
	writing  bool
	draining bool
	dead     bool
	reason   error // why it was closed

	period     time.Duration // of keep-alives
	pinger     *time.Timer
	asked      bool // the timer runs for the pong
	pongWanted bool // the last ping is unanswered
	pongs      int
}

// newConn registers a connection that is ready for messages and starts reading. The caller
// doesn't hold n.mu.
func (n *network) newConn(c *conn) error {
	c.lastRead.Store(time.Now().UnixNano())
	c.spoke.Store(c.listener == nil)
	n.mu.Lock()
	if n.closing {
		n.mu.Unlock()
		return net.ErrClosed
	}
	n.conns[c.flow.conn] = c
	delete(n.greeting, c.flow.conn)
	key := peerKey{c.flow.Transport, c.flow.Remote}
	n.byPeer[key] = append(n.byPeer[key], c)
	n.wg.Add(1)
	n.mu.Unlock()
	go c.read()
	return nil
}

// remove takes the connection out of the network; it returns false the second time.
func (c *conn) remove() bool {
	n := c.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns[c.flow.conn] != c {
		return false
	}
	delete(n.conns, c.flow.conn)
	key := peerKey{c.flow.Transport, c.flow.Remote}
	if rest := slices.DeleteFunc(n.byPeer[key], func(o *conn) bool { return o == c }); len(rest) > 0 {
		n.byPeer[key] = rest
	} else {
		delete(n.byPeer, key)
	}
	if c.listener != nil {
		n.leaveHost(c.flow.Remote.Addr())
	}
	return true
}

// leaveHost gives back a place under MaxConnsPerHost. The caller holds n.mu.
func (n *network) leaveHost(host netip.Addr) {
	if n.perHost[host]--; n.perHost[host] <= 0 {
		delete(n.perHost, host)
	}
}

// send queues one message.
func (c *conn) send(data []byte) error {
	c.mu.Lock()
	switch {
	case c.dead, c.draining:
		c.mu.Unlock()
		return &TransportError{"send", c.flow.Transport, c.flow.Remote, errFlowClosed}
	case c.queued+len(data) > c.network.cfg.MaxQueue:
		c.mu.Unlock()
		c.network.stats.slowReaders.Add(1)
		c.cut(errSlowReader)
		return &TransportError{"send", c.flow.Transport, c.flow.Remote, errSlowReader}
	}
	c.queue = append(c.queue, data...)
	c.ends = append(c.ends, len(c.queue))
	c.queued += len(data)
	if !c.writing {
		c.writing = true
		c.network.wg.Add(1)
		go c.write()
	}
	c.mu.Unlock()
	c.network.stats.sent[c.flow.Transport].Add(1)
	return nil
}

// write writes until the queue is empty.
func (c *conn) write() {
	defer c.network.wg.Done()
	c.mu.Lock()
	for len(c.queue) > 0 && !c.dead {
		out, ends := c.queue, c.ends
		c.queue, c.ends = c.spare[:0], c.spareEnd[:0]
		timeout := c.network.cfg.WriteTimeout
		if c.draining {
			timeout = min(timeout, drainTimeout)
		}
		c.mu.Unlock()

		c.nc.SetWriteDeadline(time.Now().Add(timeout))
		err := c.writeOut(out, ends)

		c.mu.Lock()
		c.queued -= len(out)
		c.spare, c.spareEnd = out, ends
		if err != nil && !c.dead {
			c.mu.Unlock()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.network.stats.slowReaders.Add(1)
				err = errSlowReader
			} else {
				c.network.stats.sendErrors.Add(1)
			}
			c.cut(err)
			c.mu.Lock()
		}
	}
	c.writing = false
	if cap(c.queue)+cap(c.spare) > 4*readBufferMin && !c.dead {
		if c.trimmer == nil {
			c.trimmer = time.AfterFunc(releaseAfter, c.trim)
		} else {
			c.trimmer.Reset(releaseAfter)
		}
	}
	drained := c.draining && !c.dead
	c.mu.Unlock()
	if drained {
		c.cut(net.ErrClosed)
	}
}

// trim gives the buffers of a burst back, a while after it.
func (c *conn) trim() {
	c.mu.Lock()
	if !c.writing {
		c.queue, c.spare = nil, nil
	}
	c.mu.Unlock()
}

// writeOut writes a batch: streams take it whole, WebSocket a message at a time.
func (c *conn) writeOut(out []byte, ends []int) error {
	if c.flow.Transport == TCP || c.flow.Transport == TLS {
		_, err := c.nc.Write(out)
		return err
	}
	start := 0
	for _, end := range ends {
		if _, err := c.nc.Write(out[start:end]); err != nil {
			return err
		}
		start = end
	}
	return nil
}

const drainTimeout = time.Second

// drain closes the connection once its queue is empty, or after a second.
func (c *conn) drain(reason error) {
	c.mu.Lock()
	c.draining = true
	busy := c.writing
	c.mu.Unlock()
	if busy {
		c.nc.SetWriteDeadline(time.Now().Add(drainTimeout))
		return
	}
	c.cut(reason)
}

// cut closes the connection at once. The reader then reports it.
func (c *conn) cut(reason error) {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return
	}
	c.dead, c.reason = true, reason
	c.queue, c.ends = nil, nil
	for _, t := range [...]*time.Timer{c.pinger, c.trimmer} {
		if t != nil {
			t.Stop()
		}
	}
	c.mu.Unlock()
	c.nc.Close()
}

// read receives until the connection ends, and reports its end.
func (c *conn) read() {
	defer c.network.wg.Done()
	err := c.readMessages()
	c.cut(err)
	c.mu.Lock()
	err = c.reason
	c.mu.Unlock()
	if c.remove() {
		c.network.log.Info("connection closed", "transport", c.flow.Transport, "peer", c.flow.Remote, "err", err)
		c.network.closed(c.flow, err)
	}
}

// messageConn is what connections of WS and WSS may have beyond net.Conn: a message is read when one
// has come, so that an idle connection holds no buffer. What is returned is valid until the next call.
type messageConn interface {
	ReadMessage(limit int) ([]byte, error)
}

// input reads from a connection, into a buffer that grows with what comes and goes when nothing does.
type input struct {
	nc       net.Conn
	stream   bool
	framer   Framer      // of a stream
	messages messageConn // of WebSocket, or nil
	limit    int         // of a message
	buf      []byte
	deadline time.Time
}

const (
	readBufferMin = 4 << 10
	readBufferMax = 64 << 10
	// releaseAfter is when an idle connection gives its larger buffers back.
	releaseAfter = time.Second
)

// read waits for octets, or for one message of WebSocket, until the deadline; zero means for ever.
func (in *input) read(now, until time.Time) ([]byte, error) {
	want, brief := until, false
	if in.stream && len(in.buf)+cap(in.framer.buf) > 3*readBufferMin {
		if release := now.Add(releaseAfter); until.IsZero() || release.Before(until) {
			want, brief = release, true
		}
	}
	for {
		// The deadline moves when it is due to be a fresh one by an eighth, not at each read.
		if d := in.deadline; want.IsZero() != d.IsZero() || want.Before(d) || want.Sub(d) > want.Sub(now)/8 {
			in.deadline = want
			in.nc.SetReadDeadline(want)
		}
		if in.messages != nil {
			return in.messages.ReadMessage(in.limit)
		}
		k, err := in.nc.Read(in.buf)
		if !brief || k > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return in.buf[:k], err
		}
		in.release()
		want, brief, now = until, false, time.Now()
	}
}

// release gives buffers back, but for what is in them.
func (in *input) release() {
	in.buf = make([]byte, readBufferMin)
	in.framer.buf = append([]byte(nil), in.framer.buf[in.framer.pos:]...)
	in.framer.scan -= in.framer.pos
	in.framer.pos = 0
}

// grow makes room for more at once, where the last read filled the buffer.
func (in *input) grow(k int) {
	if k == len(in.buf) && k < readBufferMax {
		in.buf = make([]byte, 4*len(in.buf))
	}
}

// readMessages hands on messages until an error.
func (c *conn) readMessages() error {
	n := c.network
	in := input{nc: c.nc, limit: n.cfg.MaxMessage, framer: Framer{MaxSize: n.cfg.MaxMessage}}
	if in.stream = c.flow.Transport == TCP || c.flow.Transport == TLS; in.stream {
		in.buf = make([]byte, readBufferMin)
	} else if in.messages, _ = c.nc.(messageConn); in.messages == nil {
		in.buf = make([]byte, n.cfg.MaxMessage+1)
	}
	now := time.Now()
	var partial time.Time // since when a message is incomplete
	if c.listener != nil {
		partial = now // who connects has something to say
	}
	for {
		data, err := in.read(now, c.readDeadline(now, partial))
		now = time.Now()
		if len(data) > 0 {
			c.lastRead.Store(now.UnixNano())
			var incomplete bool
			var ferr error
			if in.stream {
				in.framer.Write(data)
				var whole bool
				if whole, ferr = c.deliverFrames(&in.framer); whole {
					partial = time.Time{} // what is incomplete now is another message
				}
				incomplete = in.framer.Buffered() > 0
				in.grow(len(data))
			} else {
				ferr = c.deliver(data)
			}
			switch {
			case ferr != nil:
				n.stats.framingErrors.Add(1)
				return ferr
			case !incomplete && c.spoke.Load():
				partial = time.Time{}
			case partial.IsZero():
				partial = now
			}
		}
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF
			}
			return err
		case !partial.IsZero():
			n.stats.slowSenders.Add(1)
			return errSlowSender
		default:
			n.stats.idle.Add(1)
			return errIdle
		}
	}
}

// readDeadline is when a read must have ended.
func (c *conn) readDeadline(now, partial time.Time) time.Time {
	switch cfg := &c.network.cfg; {
	case !partial.IsZero():
		return partial.Add(cfg.MessageTimeout)
	case cfg.IdleTimeout < 0:
		return time.Time{}
	default:
		return now.Add(cfg.IdleTimeout)
	}
}

// deliverFrames hands on the messages that are complete, and reports whether there was one. Where a
// message ends nobody knows, its header still is handed on, and the connection stays for the answer
// that it may get.
func (c *conn) deliverFrames(in *Framer) (whole bool, err error) {
	for {
		kind, msg, err := in.Next()
		switch {
		case err != nil && len(msg) > 0:
			c.network.receive(c.flow, msg)
			t := time.NewTimer(drainTimeout)
			defer t.Stop()
			select {
			case <-t.C:
			case <-c.network.ctx.Done():
			}
			return whole, err
		case err != nil:
			return whole, err
		case kind == MessageFrame:
			whole = true
			if err := c.deliver(msg); err != nil {
				return whole, err
			}
		case kind == PingFrame, kind == PongFrame:
			if c.keepAlive(kind == PingFrame) {
				in.halfway = false // a pong that was awaited is not half a ping
			}
		default:
			return whole, nil
		}
	}
}

// deliver hands on one whole message, or answers a keep-alive within a WebSocket message.
func (c *conn) deliver(data []byte) error {
	n := c.network
	if len(data) > n.cfg.MaxMessage {
		return errMessageTooLong
	}
	if len(data) <= 4 && isKeepAlive(data) {
		c.keepAlive(len(data) == 4)
		return nil
	}
	c.spoke.Store(true)
	n.stats.received[c.flow.Transport].Add(1)
	n.receive(c.flow, data)
	return nil
}

// keepAlive handles a received ping (CRLF CRLF) or pong (CRLF), RFC 5626 section 4.4.1. It tells
// whether it was a pong that we waited for.
func (c *conn) keepAlive(ping bool) bool {
	c.network.stats.keepAlives.Add(1)
	c.spoke.Store(true)
	if ping {
		c.sendRaw("\r\n")
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := c.pongWanted
	if wanted {
		c.pongWanted = false
		c.pongs++
	}
	return wanted
}

// sendRaw queues octets that are not a message.
func (c *conn) sendRaw(s string) {
	if c.send([]byte(s)) == nil {
		c.network.stats.sent[c.flow.Transport].Add(^uint64(0))
	}
}

// setKeepAlive sends a ping every period, with the jitter of RFC 5626; zero stops.
func (c *conn) setKeepAlive(period time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.period = period
	if c.pinger != nil {
		c.pinger.Stop()
		c.pinger = nil
	}
	if period <= 0 || c.dead {
		return
	}
	c.pinger = time.AfterFunc(keepAliveJitter(period, rand.Float64()), c.ping)
}

// ping runs on the pinger's timer: alternately to ask, and to see whether the pong came.
func (c *conn) ping() {
	c.mu.Lock()
	if c.dead || c.period <= 0 {
		c.mu.Unlock()
		return
	}
	if c.asked {
		c.asked = false
		if c.pongWanted && c.pongs > 0 { // it answered before, so it knows how
			c.mu.Unlock()
			c.cut(errNoPong)
			return
		}
		// Else it does not know keep-alives; the octets alone keep a NAT open.
		c.pinger.Reset(max(keepAliveJitter(c.period, rand.Float64())-pongTimeout, 0))
		c.mu.Unlock()
		return
	}
	c.asked, c.pongWanted = true, true
	c.pinger.Reset(pongTimeout)
	c.mu.Unlock()
	c.sendRaw("\r\n\r\n")
}
