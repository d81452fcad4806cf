package sip

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// sourceCounts counts the requests of each address that wait for their final response.
type sourceCounts struct {
	mu sync.Mutex
	n  map[netip.Addr]int
}

// add changes the count of a by delta; it refuses to exceed limit.
func (c *sourceCounts) add(a netip.Addr, delta, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n[a] + delta
	switch {
	case delta > 0 && n > limit:
		return false
	case n <= 0:
		delete(c.n, a)
	default:
		if c.n == nil {
			c.n = make(map[netip.Addr]int)
		}
		c.n[a] = n
	}
	return true
}

// rateLimit lets so many events pass in each second.
type rateLimit struct {
	perSecond int

	mu    sync.Mutex
	since time.Time
	n     int
}

func (r *rateLimit) allow(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.since) >= time.Second {
		r.since, r.n = now, 0
	}
	r.n++
	return r.n <= r.perSecond
}

// room counts one more transaction, if there may be one. At the limit a transaction of this shard
// that only waits for retransmissions goes; the heap's first entries are those nearest to their
// end.
func (s *shard) room(n *atomic.Int64) bool {
	limit := int64(s.ep.cfg.Limits.Transactions)
	if n.Add(1) <= limit {
		return true
	}
	for _, entry := range s.heap.entries[:min(64, len(s.heap.entries))] {
		switch t := entry.node.owner.(type) {
		case *serverTx:
			if n != &s.ep.servers || !t.guard.IsZero() {
				continue
			}
			t.forget(t.err)
		case *clientTx:
			if n != &s.ep.clients || t.m.State() != txCompleted {
				continue
			}
			t.forget()
		default:
			continue
		}
		s.ep.stats.evicted.Add(1)
		return true
	}
	n.Add(-1)
	return false
}
