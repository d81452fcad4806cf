package rtp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Port is one socket that many Sessions share, RTP and RTCP alike (RFC 5761): for peers that are symmetric and whose address the
// signalling tells, such as media gateways. One goroutine reads it, on Linux many datagrams at a time. A peer
// behind an address translator needs a port of its own, because nothing tells which session its first packet is for.
//
// A datagram belongs to the session whose peer has its address: the signalled one or the one that is latched. If several sessions share
// it, the SSRC decides; a new SSRC goes to the first of them that has heard none. From an unknown address the SSRC decides alone, and the
// latch of that session says what becomes of it. Others are counted and dropped.
type Port struct {
	conn *net.UDPConn
	done chan struct{}

	mu       sync.Mutex
	closed   bool
	sessions map[*Session]*shared
	byAddr   map[netip.AddrPort][]*Session
	bySSRC   map[uint32]*Session
	stats    PortStats

	raw     *rawSocket // of a port that is polled
	reading sync.Mutex // of reader and polled
	reader  readerSys
	polled  time.Time
	writing sync.Mutex // of writer; taken with the lock of a session held
	writer  writerSys
	ended   bool // raw is closed
}

// PortStats counts what came to a [Port].
type PortStats struct {
	Sessions int    // that share it now
	Packets  uint64 // datagrams
	Reads    uint64 // calls that read one or more of them
	Unknown  uint64 // datagrams that were for no session
	Writes   uint64 // of a polled port: calls that sent one or more datagrams

	SendErrors uint64 // of a polled port: datagrams that the system refused
}

// NewPort takes conn over and starts to read it.
func NewPort(conn *net.UDPConn) *Port {
	p := &Port{
		conn: conn, done: make(chan struct{}), sessions: map[*Session]*shared{},
		byAddr: map[netip.AddrPort][]*Session{}, bySSRC: map[uint32]*Session{},
	}
	go p.run()
	return p
}

// NewPolledPort is NewPort for a program that looks at its sessions every 20 ms anyhow: the port is read by [Port.Poll] alone, and what its
// sessions send waits for [Port.Flush], so that the system is asked once for many datagrams. Where the system can't do so (other than Linux)
// it is NewPort.
func NewPolledPort(conn *net.UDPConn) *Port {
	raw, err := newRawSocket(conn)
	if err != nil {
		return NewPort(conn)
	}
	p := &Port{
		conn: conn, done: make(chan struct{}), sessions: map[*Session]*shared{},
		byAddr: map[netip.AddrPort][]*Session{}, bySSRC: map[uint32]*Session{}, raw: raw, polled: time.Now(),
	}
	p.reader.open()
	close(p.done)
	return p
}

// Poll reads what has arrived, without waiting, and hands it to the sessions. now is what the clock says. If another goroutine
// is doing so, or the port reads by itself, it does nothing.
func (p *Port) Poll(now time.Time) {
	if p.raw == nil || !p.reading.TryLock() {
		return
	}
	defer p.reading.Unlock()
	last, wall := p.polled, now.UnixNano()
	p.polled = now
	for range portRounds {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		n, err := p.reader.read(p.raw, batchSize)
		if err != nil || n == 0 {
			return
		}
		p.mu.Lock()
		p.stats.Reads++
		p.mu.Unlock()
		for i := range n {
			from, data, stamp := p.reader.datagram(i)
			p.deliver(cameAt(now, last, rtpWaits, wall, stamp), from, data)
		}
		if n < batchSize {
			return
		}
	}
}

// portRounds is how often one Poll asks the system: some 8,000 datagrams.
const portRounds = 256

// Flush sends what the sessions of a polled port have sent since the last time.
func (p *Port) Flush() {
	if p.raw == nil {
		return
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if !p.ended {
		p.flush()
	}
}

// flush is called with the lock of the writer held.
func (p *Port) flush() {
	if p.writer.n == 0 {
		return
	}
	refused := p.writer.flush(p.raw)
	p.mu.Lock()
	p.stats.Writes++
	p.stats.SendErrors += uint64(refused)
	p.mu.Unlock()
}

// send collects a datagram of a session.
func (p *Port) send(b []byte, to netip.AddrPort) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	if p.ended {
		return net.ErrClosed
	}
	full, err := p.writer.add(p.raw, b, to)
	if full {
		p.flush()
	}
	return err
}

func (p *Port) run() {
	defer close(p.done)
	r := newBatch(p.conn)
	var scratch []*Session
	swept := time.Now()
	p.conn.SetReadDeadline(swept.Add(sweep))
	for failed := 0; failed <= maxErrors; {
		n, err := r.read()
		now := time.Now()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			failed++
		case n > 0:
			failed = 0
			p.mu.Lock()
			p.stats.Reads++
			p.mu.Unlock()
		}
		for i := range n {
			from, data := r.datagram(i)
			p.deliver(now, from, data)
		}
		if now.Sub(swept) < sweep {
			continue
		}
		swept = now
		p.conn.SetReadDeadline(now.Add(sweep))
		scratch = scratch[:0]
		p.mu.Lock()
		for s := range p.sessions {
			scratch = append(scratch, s)
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
	}
}

// LocalAddr is the address of the socket.
func (p *Port) LocalAddr() net.Addr { return p.conn.LocalAddr() }

// Stats returns a snapshot.
func (p *Port) Stats() PortStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Sessions = len(p.sessions)
	return s
}

// Close closes the socket. Sessions that are still open can neither send nor receive any more.
func (p *Port) Close() error {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	var err error
	switch {
	case closed:
	case p.raw != nil:
		p.reading.Lock()
		p.writing.Lock()
		p.flush()
		p.ended = true
		err = p.raw.close()
		p.writing.Unlock()
		p.reading.Unlock()
	default:
		err = p.conn.Close()
	}
	<-p.done
	return err
}
