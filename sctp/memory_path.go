package sctp

import "time"

// memoryPath is one remote address.
type memoryPath struct {
	cut    bool
	since  time.Time // of cut
	active bool      // nobody has been told that it is down
}

// current is the path that data takes: the first active one.
func (c *MemoryConn) current() int {
	for i, p := range c.paths {
		if p.active {
			return i
		}
	}
	return 0
}

// reached says whether anything can arrive at this end.
func (c *MemoryConn) reached() bool {
	return len(c.n.cuts) == 0 || c.n.reachable(c.local, c.remote)
}

// run looks at lines and time: what arrives, which paths are down, whether the peer is lost.
func (c *MemoryConn) run(now time.Time) {
	if c.state == closed {
		return
	}
	pathTimeout, peerTimeout := c.n.cfg.PathTimeout, c.n.cfg.PeerTimeout
	if pathTimeout == 0 {
		pathTimeout = c.cfg.timeouts(c.cfg.RTOMin, c.cfg.PathMaxRetrans)
	}
	if peerTimeout == 0 {
		peerTimeout = c.cfg.timeouts(c.cfg.RTOMin, c.cfg.AssocMaxRetrans)
	}
	using := c.current()
	var next, lastCut time.Time
	alive := false
	for i := range c.paths {
		p := &c.paths[i]
		switch cut := c.peer.crashed || !c.n.reaches(c.local, c.remote, i); {
		case cut && !p.cut:
			p.cut, p.since = true, now
			if i == using && len(c.paths) > 1 {
				c.stalled = now.Add(c.cfg.RTOMin) // what is lost goes another way after a time-out
			}
		case !cut && p.cut:
			p.cut = false
			if !p.active {
				p.active = true
				c.event(Event{Kind: PathUp, Path: c.pathAddr(i)})
			}
		}
		if !p.cut {
			alive = true
			continue
		}
		if p.since.After(lastCut) {
			lastCut = p.since
		}
		if p.active {
			if at := p.since.Add(pathTimeout); !now.Before(at) {
				p.active = false
				c.event(Event{Kind: PathDown, Path: c.pathAddr(i)})
			} else {
				next = earlier(next, at)
			}
		}
	}
	if !alive {
		at := lastCut.Add(peerTimeout)
		if !now.Before(at) {
			peer := c.peer
			c.finish(&DownError{Reason: PeerLost})
			if peer.peer == c {
				peer.orphan = true
			}
			return
		}
		next = earlier(next, at)
	} else if c.orphan {
		c.finish(&DownError{Reason: PeerAborted}) // the answer to a heartbeat that is out of the blue
		return
	}
	if !next.IsZero() {
		c.arm(now, next)
	}
	c.arrive(now)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// arm has run called at a time, or earlier.
func (c *MemoryConn) arm(now, at time.Time) {
	if !c.alarm.IsZero() && !at.Before(c.alarm) {
		return
	}
	c.alarm = at
	if c.timer == nil {
		c.timer = time.AfterFunc(at.Sub(now), c.ring)
	} else {
		c.timer.Reset(at.Sub(now))
	}
}

func (c *MemoryConn) ring() {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.alarm = time.Time{}
	c.run(time.Now())
}
