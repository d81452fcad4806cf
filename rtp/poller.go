package rtp

import (
	"net"
	"sync"
	"time"
)

// Poller reads the sockets of many Sessions with one goroutine and one thread, where the system can (Linux). Elsewhere, and
// for connections that are no *net.UDPConn, each Session reads by itself as without one. Give it to
// [Config.Poller]; a program needs one for each core at most.
type Poller struct {
	mu      sync.Mutex
	sockets map[int32]*polled
	next    int32
	closed  bool
	done    chan struct{}
	sys     pollerSys
}

// polled is a socket of a Session.
type polled struct {
	session *Session
	rtcp    bool
	sys     polledSys
}

// sweep is how often a Poller looks whether reports are due, and whether it has been closed.
const sweep = 50 * time.Millisecond

// NewPoller starts a Poller.
func NewPoller() (*Poller, error) {
	p := &Poller{sockets: map[int32]*polled{}, done: make(chan struct{})}
	if err := p.sys.open(); err != nil {
		return nil, err
	}
	go p.run()
	return p, nil
}

// add starts to read the sockets of a Session. It is false if the Session has to do so itself.
func (p *Poller) add(s *Session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	for i, c := range []*socket{&s.rtp, s.rtcp} {
		if c == nil {
			continue
		}
		udp, ok := c.conn.(*net.UDPConn)
		if !ok {
			p.drop(s)
			return false
		}
		p.next = (p.next + 1) & (1<<31 - 1)
		for p.sockets[p.next] != nil {
			p.next = (p.next + 1) & (1<<31 - 1)
		}
		q := &polled{session: s, rtcp: i == 1}
		if p.sys.add(udp, p.next, q) != nil {
			p.drop(s)
			return false
		}
		p.sockets[p.next] = q
		s.polled = append(s.polled, p.next)
	}
	return true
}

// remove forgets a Session, whose sockets are about to be closed.
func (p *Poller) remove(s *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(s)
}

func (p *Poller) drop(s *Session) {
	for _, id := range s.polled {
		if q := p.sockets[id]; q != nil { // else the Poller is closed
			p.sys.remove(q)
			delete(p.sockets, id)
		}
	}
	s.polled = nil
}

func (p *Poller) socket(id int32) *polled {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sockets[id]
}

// reports sends the reports that are due.
func (p *Poller) reports(now time.Time, scratch []*Session) []*Session {
	scratch = scratch[:0]
	p.mu.Lock()
	for _, q := range p.sockets {
		if !q.rtcp {
			scratch = append(scratch, q.session)
		}
	}
	p.mu.Unlock()
	for _, s := range scratch {
		s.mu.Lock()
		if due := s.stream.Deadline(); !s.closed && !due.IsZero() && !now.Before(due) {
			s.sendReport(now)
		}
		s.mu.Unlock()
	}
	clear(scratch)
	return scratch
}

// Len is how many sockets are read.
func (p *Poller) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sockets)
}

// Close ends the goroutine. Sessions that are still open receive nothing any more.
func (p *Poller) Close() error {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	<-p.done
	if closed {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.sockets)
	return p.sys.close()
}

func (p *Poller) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
