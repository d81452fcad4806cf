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

// absorber is a transaction that has had its final response and waits for retransmissions.
type absorber interface{ giveWay(now time.Time) }

// absorbers lists such transactions, the first to come first; they make room at the limit.
type absorbers struct{ first, last *absorbing }

// absorbing is a place in that list; a transaction has one.
type absorbing struct {
	owner      absorber // nil: not in the list
	prev, next *absorbing
}

func (l *absorbers) push(a *absorbing, owner absorber) {
	if a.owner != nil {
		return
	}
	a.owner, a.prev = owner, l.last
	if l.last == nil {
		l.first = a
	} else {
		l.last.next = a
	}
	l.last = a
}

func (l *absorbers) remove(a *absorbing) {
	if a.owner == nil {
		return
	}
	if a.prev == nil {
		l.first = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		l.last = a.prev
	} else {
		a.next.prev = a.prev
	}
	*a = absorbing{}
}

// fits says whether a request of that size may be taken under Limits.Octets. Responses of this shard
// that are only kept for retransmissions make room, those that have waited longest first.
func (s *shard) fits(now time.Time, size int64) bool {
	e := s.ep
	for e.octets.Load()+size > e.cfg.Limits.Octets {
		if s.oldServers.first == nil {
			return false
		}
		s.oldServers.first.owner.giveWay(now)
		e.stats.evicted.Add(1)
	}
	return true
}

// hold notes how much text the transaction keeps from now on.
func (t *serverTx) hold(octets int) {
	t.sh.ep.octets.Add(int64(octets) - t.held)
	t.held = int64(octets)
}

// room counts one more transaction, if there may be one. At the limit one of this shard that only
// waits for retransmissions goes, the one that has waited longest.
func (s *shard) room(now time.Time, n *atomic.Int64, old *absorbers) bool {
	if n.Add(1) <= int64(s.ep.cfg.Limits.Transactions) {
		return true
	}
	if old.first != nil {
		old.first.owner.giveWay(now)
		s.ep.stats.evicted.Add(1)
		return true
	}
	n.Add(-1)
	return false
}
