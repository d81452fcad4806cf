package rtp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"
)

// shared is what a Port knows of a session.
type shared struct {
	signalled, latched netip.AddrPort
	ssrc               uint32
	active             bool
}

// Share returns a connection that [NewSession] makes a Session of, which shares the port; see [Port.NewSession]. For anything
// else it is of no use.
func (p *Port) Share() net.PacketConn { return &portConn{UDPConn: p.conn, port: p} }

// NewSession returns a Session that shares the port. Its Config should name Remote. Mux is taken for set. Closing the Session leaves
// the port to the others.
func (p *Port) NewSession(cfg Config) (*Session, error) {
	return p.session(cfg, true)
}

func (p *Port) session(cfg Config, mux bool) (*Session, error) {
	if !mux && !cfg.Mux {
		cfg.NoRTCP = true
	}
	cfg.Mux = true
	if !cfg.Local.IsValid() {
		cfg.Local = addrPort(p.conn.LocalAddr())
	}
	s := &Session{stream: NewStream(time.Now(), cfg), port: p, polls: p.raw != nil, now: time.Now()}
	s.rtp = newSocket(&portConn{UDPConn: p.conn, port: p, session: s})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, net.ErrClosed
	}
	p.sessions[s] = &shared{}
	p.signal(s, cfg.Remote)
	return s, nil
}

// portConn is what a Session takes for its socket.
type portConn struct {
	*net.UDPConn
	port    *Port
	session *Session // nil of a Share
}

// WriteToUDPAddrPort sends at once, or with others.
func (c *portConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if c.port.raw == nil {
		return c.UDPConn.WriteToUDPAddrPort(b, to)
	}
	return len(b), c.port.send(b, to)
}

func (c *portConn) Close() error {
	p, s := c.port, c.session
	if s == nil {
		return nil
	}
	p.Flush() // it has said goodbye
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.sessions[s]; k != nil {
		p.forget(s, k.signalled)
		p.forget(s, k.latched)
		if p.bySSRC[k.ssrc] == s {
			delete(p.bySSRC, k.ssrc)
		}
		delete(p.sessions, s)
	}
	return nil
}

// signal takes the address that signalling tells. It is called with the lock held.
func (p *Port) signal(s *Session, a netip.AddrPort) {
	if k := p.sessions[s]; k != nil && a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified() {
		p.move(s, &k.signalled, canonical(a), k.latched)
	}
}

// move has a session be found under another address. other is one that it keeps.
func (p *Port) move(s *Session, at *netip.AddrPort, to, other netip.AddrPort) {
	if *at == to {
		return
	}
	if *at != other {
		p.forget(s, *at)
	}
	if *at = to; to != other {
		p.byAddr[to] = append(p.byAddr[to], s)
	}
}

func (p *Port) forget(s *Session, a netip.AddrPort) {
	list := p.byAddr[a]
	for i := range list {
		if list[i] == s {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(p.byAddr, a)
	} else {
		p.byAddr[a] = list
	}
}

// find returns the session that a datagram is for, nil if there is none.
func (p *Port) find(from netip.AddrPort, data []byte) *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Packets++
	var ssrc uint32
	switch {
	case len(data) >= 8 && data[1] >= 192 && data[1] <= 223:
		ssrc = binary.BigEndian.Uint32(data[4:])
	case len(data) >= headerSize:
		ssrc = binary.BigEndian.Uint32(data[8:])
	default:
		p.stats.Unknown++
		return nil
	}
	list := p.byAddr[from]
	if len(list) == 1 {
		return list[0]
	}
	var fresh *Session
	for _, s := range list {
		k := p.sessions[s]
		if k.active && k.ssrc == ssrc {
			return s
		}
		if fresh == nil && !k.active {
			fresh = s
		}
	}
	if fresh == nil && len(list) == 0 {
		fresh = p.bySSRC[ssrc]
	}
	if fresh == nil {
		p.stats.Unknown++
	}
	return fresh
}

// deliver hands a datagram to its session, and learns from what became of it.
func (p *Port) deliver(now time.Time, from netip.AddrPort, data []byte) {
	from = canonical(from)
	s := p.find(from, data)
	if s == nil {
		return
	}
	s.deliver(now, false, from, data)
	s.mu.Lock()
	source, ssrc, active := s.stream.latch.source, s.stream.source.ssrc, s.stream.active
	s.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.sessions[s]
	if k == nil {
		return // closed meanwhile
	}
	if source.IsValid() {
		p.move(s, &k.latched, source, k.signalled)
	}
	if active && (!k.active || k.ssrc != ssrc) {
		if k.active && p.bySSRC[k.ssrc] == s {
			delete(p.bySSRC, k.ssrc)
		}
		k.active, k.ssrc = true, ssrc
		p.bySSRC[ssrc] = s
	}
}
