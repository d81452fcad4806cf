package sip

import (
	"sync"
	"time"
)

// shard holds the transactions of the calls whose Call-IDs fall to it.
//
// State is guarded by mu. Callbacks of the user (handlers, attempts) run without mu, but one
// after the other: whoever finds running unset sets it, becomes the runner, and leaves only when
// neither messages nor callbacks wait. So the goroutine that received a message usually does all
// of its work, without handing it on.
type shard struct {
	ep *Endpoint

	mu      sync.Mutex
	idle    sync.Cond // signalled when running becomes false
	running bool
	closed  bool
	queue   fifo[inbound]
	todo    []call

	servers map[txKey]*serverTx
	merged  map[uint64]*serverTx
	clients map[string]*clientTx              // by branch
	cancels map[string]*clientTx              // CANCELs have the branch of their INVITE
	conns   map[uint64]map[*clientTx]struct{} // by connection

	oldServers, oldClients absorbers

	heap  timerHeap
	timer *time.Timer
	armed int64 // when timer fires, 0 if it doesn't
	fired int64 // when it fired last

	out   []txAction // scratch
	buf   []byte     // scratch
	spare []call     // scratch of the runner
}

// txKey is what a request matches a server transaction by (RFC 3261 section 17.2.3): 128 bits of
// a keyed hash over it.
type txKey [2]uint64

// call is a callback that waits for its turn.
type call struct {
	tx      *ServerTransaction // serve it
	attempt *ClientAttempt     // tell it event
	event   ClientEvent
	fn      func()
}

// timerSlack is the shortest time between two wake-ups for timers, so that thousands of calls
// don't mean thousands of wake-ups.
const timerSlack = 5 * time.Millisecond

func newShard(e *Endpoint) *shard {
	s := &shard{
		ep:      e,
		servers: make(map[txKey]*serverTx),
		merged:  make(map[uint64]*serverTx),
		clients: make(map[string]*clientTx),
		cancels: make(map[string]*clientTx),
		conns:   make(map[uint64]map[*clientTx]struct{}),
		fired:   -int64(timerSlack),
		out:     make([]txAction, 0, 8),
	}
	s.idle.L = &s.mu
	return s
}

// take processes a message: at once if nobody is at work here, else in its turn.
func (s *shard) take(in inbound) {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
	case !s.running:
		s.running = true
		s.process(&in)
		s.drain()
	case s.queue.len() < s.ep.cfg.Limits.Queue:
		s.queue.push(in)
		s.mu.Unlock()
	default:
		s.ep.stats.queueFull.Add(1)
		s.mu.Unlock()
		if in.req != nil {
			s.ep.refuse(in.flow, in.req, in.via, 503)
		}
	}
}

// drain runs what waits. The caller is the runner and holds mu; drain lets go of both.
func (s *shard) drain() {
	for {
		if len(s.todo) > 0 {
			calls := s.todo
			s.todo = s.spare[:0]
			s.mu.Unlock()
			for i := range calls {
				s.run(&calls[i])
				calls[i] = call{}
			}
			s.mu.Lock()
			s.spare = calls
			continue
		}
		if s.queue.len() == 0 {
			break
		}
		in := s.queue.pop()
		if !s.closed {
			s.process(&in)
		}
	}
	s.running = false
	s.idle.Broadcast()
	s.arm()
	s.mu.Unlock()
}

// unlock ends a call by the user that changed the state. Callbacks that it gave rise to run
// elsewhere: the user may hold locks that they need.
func (s *shard) unlock() {
	if len(s.todo) > 0 && !s.running {
		s.running = true
		go func() {
			s.mu.Lock()
			s.drain()
		}()
	} else if !s.running {
		s.arm()
	}
	s.mu.Unlock()
}

func (s *shard) run(c *call) {
	switch {
	case c.tx != nil:
		c.tx.serve()
	case c.attempt != nil:
		c.attempt.notify(c.event)
	case c.fn != nil:
		c.fn()
	}
}

// arm sets the runtime's timer to the earliest of ours.
func (s *shard) arm() {
	at, ok := s.heap.next()
	if !ok || s.closed {
		return
	}
	at = max(at, s.fired+int64(timerSlack))
	if s.armed != 0 && s.armed <= at {
		return
	}
	s.armed = at
	d := time.Duration(at - s.ep.since(time.Now()))
	if s.timer == nil {
		s.timer = time.AfterFunc(d, s.tick)
	} else {
		s.timer.Reset(d)
	}
}

// tick runs when the timer fires.
func (s *shard) tick() {
	now := time.Now()
	s.mu.Lock()
	s.armed, s.fired = 0, s.ep.since(now)
	for !s.closed {
		at, ok := s.heap.next()
		if !ok || at > s.fired {
			break
		}
		n := s.heap.entries[0].node
		s.heap.stop(n)
		n.owner.expire(now)
	}
	if s.running { // the runner goes on with what came up
		s.mu.Unlock()
		return
	}
	s.running = true
	s.drain()
}

// setTimer starts, moves or (at the zero time) stops a timer.
func (s *shard) setTimer(n *timerNode, at time.Time) {
	if at.IsZero() {
		s.heap.stop(n)
	} else {
		s.heap.set(n, s.ep.since(at))
	}
}

// close ends all transactions and attempts.
func (s *shard) close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	attempts := make(map[*ClientAttempt]bool)
	for _, m := range []map[string]*clientTx{s.clients, s.cancels} {
		for _, c := range m {
			if c.attempt != nil {
				attempts[c.attempt] = true
			}
			c.forget()
		}
	}
	for a := range attempts {
		a.finish(ClientEvent{Err: errClosed})
	}
	for _, t := range s.servers {
		t.forget(errClosed)
	}
	s.unlock()
}

// wait waits for the runner to leave.
func (s *shard) wait() {
	s.mu.Lock()
	for s.running {
		s.idle.Wait()
	}
	s.mu.Unlock()
}

// fifo is a queue in a ring that grows and never shrinks below its largest use.
type fifo[T any] struct {
	ring       []T
	head, size int
}

func (q *fifo[T]) len() int { return q.size }

func (q *fifo[T]) push(v T) {
	if q.size == len(q.ring) {
		ring := make([]T, max(16, 2*len(q.ring)))
		n := copy(ring, q.ring[q.head:])
		copy(ring[n:], q.ring[:q.head])
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.size)%len(q.ring)] = v
	q.size++
}

func (q *fifo[T]) pop() T {
	var zero T
	v := q.ring[q.head]
	q.ring[q.head] = zero
	q.head = (q.head + 1) % len(q.ring)
	q.size--
	return v
}
