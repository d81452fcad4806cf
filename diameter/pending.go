package diameter

import (
	"sync"
	"sync/atomic"
	"time"
)

// transaction is a request that waits for its answer: one made here, or one relayed. It may have gone to
// several peers, one after the other; the first answer ends it.
type transaction struct {
	n    *Node
	app  ApplicationID
	code CommandCode

	// done takes the answer of a request made here, or the error. msg is the answer as read, valid
	// during the call only.
	done func(from *peer, msg []byte, err error)

	// A relayed request instead:
	src    *conn
	header Header    // as it came
	in     *Incoming // for a proxy, else nil
	route  *routeEntry

	finished atomic.Bool

	way       sync.Mutex // of choosing and taking a way
	tried     []*peer
	redirects int

	mu    sync.Mutex
	msg   []byte // the request
	legs  []*leg
	first leg
}

// leg is a transaction's way through one connection.
type leg struct {
	tx         *transaction
	c          *conn
	hbh        uint32
	deadline   time.Time
	prev, next *leg
	listed     bool
}

// pendingTable holds the requests sent on a connection that have not been answered, by Hop-by-Hop
// Identifier and in the order of their deadlines.
type pendingTable struct {
	mu         sync.Mutex
	m          map[uint32]*leg
	head, tail *leg
	next       uint32
	closed     bool
}

func (t *pendingTable) init() {
	t.m = make(map[uint32]*leg)
	t.next = randomUint32()
}

// id is a Hop-by-Hop Identifier for a message that the table does not hold.
func (t *pendingTable) id() uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	return t.next
}

// add enters l. It fails if the table is full or its connection is over. first tells that nothing else waits.
func (t *pendingTable) add(l *leg, limit int) (first, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.m) >= limit {
		return false, false
	}
	for {
		t.next++
		if _, taken := t.m[t.next]; !taken {
			break
		}
	}
	l.hbh = t.next
	t.m[l.hbh] = l
	l.prev, l.next, l.listed = t.tail, nil, true
	if t.tail != nil {
		t.tail.next = l
	} else {
		t.head = l
	}
	t.tail = l
	return t.head == l, true
}

// take removes and returns the request of the command with the identifier, or nil.
func (t *pendingTable) take(hbh uint32, code CommandCode) *leg {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.m[hbh]
	if l == nil || l.tx.code != code {
		return nil
	}
	t.unlink(l)
	return l
}

func (t *pendingTable) remove(l *leg) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.listed {
		t.unlink(l)
	}
}

func (t *pendingTable) unlink(l *leg) {
	delete(t.m, l.hbh)
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		t.head = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		t.tail = l.prev
	}
	l.prev, l.next, l.listed = nil, nil, false
}

// all returns what waits, in order; with take it is removed, and nothing can be added any more.
func (t *pendingTable) all(take bool) []*leg {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ls []*leg
	for l := t.head; l != nil; l = l.next {
		ls = append(ls, l)
	}
	if take {
		for _, l := range ls {
			t.unlink(l)
		}
		t.closed = true
	}
	return ls
}

// expired removes and returns those whose time is over, and says when the next one's is.
func (t *pendingTable) expired(now time.Time) (ls []*leg, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.head != nil && !t.head.deadline.After(now) {
		ls = append(ls, t.head)
		t.unlink(t.head)
	}
	if t.head != nil {
		next = t.head.deadline
	}
	return ls, next
}

func (t *pendingTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m)
}

// finish ends the transaction, once: the caller that gets true has the answer to give.
func (tx *transaction) finish() bool {
	if !tx.finished.CompareAndSwap(false, true) {
		return false
	}
	tx.mu.Lock()
	legs := tx.legs
	tx.legs = nil
	tx.mu.Unlock()
	for _, l := range legs {
		l.c.pend.remove(l)
	}
	return true
}

// sendOn sends the request on a connection. The caller holds tx.way.
func (tx *transaction) sendOn(p *peer, c *conn, from *conn) error {
	n := tx.n
	tx.mu.Lock()
	l := &tx.first
	if l.c != nil {
		l = new(leg)
	}
	l.tx, l.c, l.deadline = tx, c, time.Now().Add(n.cfg.Timers.Request)
	first, ok := c.pend.add(l, n.cfg.Limits.MaxPending)
	if !ok {
		if l == &tx.first {
			*l = leg{}
		}
		tx.mu.Unlock()
		return errQueueFull
	}
	tx.legs = append(tx.legs, l)
	putUint32(tx.msg[12:], l.hbh)
	err := c.send(tx.msg, from)
	tx.mu.Unlock()
	if err != nil {
		c.pend.remove(l)
		return err
	}
	p.stats.RequestsSent.Add(1)
	if first {
		p.arm(l.deadline)
	}
	if tx.finished.Load() { // answered or given up meanwhile
		c.pend.remove(l)
	}
	return nil
}

// retransmitted sets the T flag.
func (tx *transaction) retransmitted() {
	tx.mu.Lock()
	tx.msg[4] |= byte(Retransmitted)
	tx.mu.Unlock()
}
