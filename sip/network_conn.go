package sip

import (
	"crypto/tls"
	"net"
	"net/netip"
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
