package sctp

import (
	"time"

	"github.com/gotelco/telco/sctp/internal/watch"
	"github.com/gotelco/telco/trace"
)

// chunk is a control chunk on its way.
type chunk uint8

const (
	abortChunk chunk = iota + 1
	shutdownChunk
	shutdownAckChunk
	shutdownCompleteChunk
)

// memoryItem is a message, event or control chunk on its way.
type memoryItem struct {
	Received
	due     time.Time // when it arrives; zero: at once
	control chunk     // Data is the cause of an ABORT
}

// cost is what a message counts against the buffers: it and the header of its DATA chunk.
func cost(data []byte) int { return len(data) + 16 }

func (it *memoryItem) cost() int {
	if it.Event != nil || it.control != 0 {
		return 0
	}
	return cost(it.Data)
}

// memoryQueue is a queue by the time of arrival.
type memoryQueue struct {
	items []memoryItem
	head  int
	size  int // what its messages cost
}

func (q *memoryQueue) len() int { return len(q.items) - q.head }

func (q *memoryQueue) push(it memoryItem) {
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.size += it.cost()
	q.items = append(q.items, it)
	for i := len(q.items) - 1; i > q.head && it.due.Before(q.items[i-1].due); i-- {
		q.items[i], q.items[i-1] = q.items[i-1], it
	}
}

func (q *memoryQueue) pop() memoryItem {
	it := q.items[q.head]
	q.items[q.head] = memoryItem{}
	q.head++
	q.size -= it.cost()
	return it
}

// drop removes what f returns true for.
func (q *memoryQueue) drop(f func(*memoryItem) bool) {
	keep := q.items[:0]
	q.size = 0
	for i := q.head; i < len(q.items); i++ {
		if it := q.items[i]; !f(&it) {
			keep = append(keep, it)
			q.size += it.cost()
		}
	}
	clear(q.items[len(keep):])
	q.items, q.head = keep, 0
}

// Buffers go from Send to Receive and back.
const (
	maxFree = 1024
	maxKept = 8192 // octets of a buffer that is worth keeping
)

// buffer is an empty one with room for n octets.
func (c *MemoryConn) buffer(n int) []byte {
	if k := len(c.free) - 1; k >= 0 {
		b := c.free[k]
		c.free = c.free[:k]
		if cap(b) >= n {
			return b[:0]
		}
	}
	return make([]byte, 0, (n+255)&^255)
}

func (c *MemoryConn) recycle() {
	for i, b := range c.lent {
		if cap(b) <= maxKept && len(c.free) < maxFree {
			c.free = append(c.free, b)
		}
		c.lent[i] = nil
	}
	c.lent = c.lent[:0]
}

// keep takes back the buffer of a message that nobody gets.
func (c *MemoryConn) keep(it memoryItem) {
	if it.Event == nil && len(c.free) < maxFree && cap(it.Data) <= maxKept {
		c.free = append(c.free, it.Data)
	}
}

// due is when a message that is sent now arrives here.
func (c *MemoryConn) due(now time.Time, m *Message) time.Time {
	cfg := &c.n.cfg
	if cfg.Delay == 0 && cfg.Jitter == 0 && cfg.Bandwidth == 0 {
		return time.Time{}
	}
	at := now
	if cfg.Bandwidth > 0 {
		if c.lineFree.After(at) {
			at = c.lineFree
		}
		at = at.Add(time.Duration(int64(cost(m.Data)) * 8 * int64(time.Second) / int64(cfg.Bandwidth)))
		c.lineFree = at
	}
	at = at.Add(cfg.Delay)
	if cfg.Jitter > 0 {
		at = at.Add(time.Duration(c.n.rand.Int64N(int64(cfg.Jitter) + 1)))
		if c.last == nil {
			c.last = make([]time.Time, c.in)
		}
		if !m.Unordered {
			if l := c.last[m.Stream]; at.Before(l) {
				at = l
			}
			c.last[m.Stream] = at
		}
	}
	if at.After(c.lastAny) {
		c.lastAny = at
	}
	return at
}

// control sends a control chunk here, behind everything that is under way.
func (c *MemoryConn) control(now time.Time, k chunk, cause []byte) {
	it := memoryItem{control: k}
	it.Data = cause
	if c.n.cfg.Delay > 0 || !c.lastAny.IsZero() {
		if it.due = now.Add(c.n.cfg.Delay); it.due.Before(c.lastAny) && k != abortChunk {
			it.due = c.lastAny
		}
	}
	c.wire.push(it)
	c.arrive(now)
}

// arrive takes what is due off the wire, and sets the timer for the next.
func (c *MemoryConn) arrive(now time.Time) {
	if c.wire.len() == 0 || c.state == closed {
		return
	}
	if !c.reached() {
		return // until a line is restored
	}
	before := c.wire.size
	for c.wire.len() > 0 && c.state != closed {
		it := &c.wire.items[c.wire.head]
		at := it.due
		if c.stalled.After(at) {
			at = c.stalled
		}
		if at.After(now) {
			c.arm(now, at)
			break
		}
		if it.control != 0 {
			it := c.wire.pop()
			c.handle(now, it)
			continue
		}
		if !c.hung && c.inbox.size > 0 && c.inbox.size+it.cost() > c.cfg.ReceiveBuffer {
			break // until Receive
		}
		m := c.wire.pop()
		if len(m.Data) > c.cfg.MaxMessage {
			c.abort(ErrTooLong, nil)
			return
		}
		c.received++
		if c.cfg.Trace != nil {
			watch.Message(c.cfg.Trace, trace.Received, c.local.AddrPort(), c.remote.AddrPort(), m.Stream, m.PPID, m.Data)
		}
		if c.hung {
			c.keep(m)
			continue
		}
		m.due = time.Time{}
		c.inbox.push(m)
		signal(c.wake)
	}
	if c.wire.size < before {
		signal(c.peer.room)
	}
}

// handle does what a control chunk asks for (RFC 9260 section 9).
func (c *MemoryConn) handle(now time.Time, it memoryItem) {
	switch it.control {
	case abortChunk:
		c.finish(&DownError{Reason: PeerAborted, Code: 12, Cause: it.Data}) // user-initiated abort
	case shutdownChunk:
		if c.state == established {
			c.state = shutdownReceived
			signal(c.room)
			if !c.hung {
				c.event(Event{Kind: PeerClosing})
			}
		}
		c.peer.control(now, shutdownAckChunk, nil)
	case shutdownAckChunk:
		if c.peer.state != closed {
			c.peer.control(now, shutdownCompleteChunk, nil)
		}
		c.finish(&DownError{Reason: ShutdownComplete})
	case shutdownCompleteChunk:
		c.finish(&DownError{Reason: ShutdownComplete})
	}
}
