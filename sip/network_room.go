package sip

import "time"

// makeRoom keeps the number of connections under MaxConns: one is closed for each that comes. It looks
// at samples, so that a flood costs little. The caller holds n.mu.
func (n *network) makeRoom() error {
	if len(n.conns)+n.pending < n.cfg.MaxConns {
		return nil
	}
	var found census
	found.sample(n.greeting)
	found.sample(n.conns)
	c := found.victim(time.Now(), n.cfg.MessageTimeout)
	if c == nil {
		return errTooManyConns
	}
	n.stats.evicted.Add(1)
	c.leaving = true
	ready := n.conns[c.flow.conn] == c
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		if ready {
			c.cut(errMadeRoom)
		} else {
			c.accepted.Close()
		}
	}()
	return nil
}

// census looks at connections for one that may make room.
type census struct {
	seen, silent             int   // silent: accepted, and has never said anything
	silentFor, idleFor       int64 // since when, of those below
	oldestSilent, oldestIdle *conn
}

func (s *census) sample(conns map[uint64]*conn) {
	seen := 0
	for _, c := range conns {
		if seen++; seen > 64 {
			break
		}
		if c.leaving {
			continue
		}
		s.seen++
		at := c.lastRead.Load()
		if !c.spoke.Load() {
			if s.silent++; s.oldestSilent == nil || at < s.silentFor {
				s.oldestSilent, s.silentFor = c, at
			}
		} else if s.oldestIdle == nil || at < s.idleFor {
			s.oldestIdle, s.idleFor = c, at
		}
	}
}

// newcomer is how long a connection may say nothing before it makes room for others, unless most
// of them say nothing: then it is a flood, which is not to drive out who has spoken.
const newcomer = time.Second

// victim chooses the connection to close, nil if there is none that may be.
func (s *census) victim(now time.Time, idle time.Duration) *conn {
	age := func(at int64) time.Duration { return time.Duration(now.UnixNano() - at) }
	switch {
	case s.oldestSilent != nil && (age(s.silentFor) >= newcomer || 2*s.silent > s.seen):
		return s.oldestSilent
	case s.oldestIdle != nil && age(s.idleFor) >= idle:
		return s.oldestIdle
	}
	return s.oldestSilent
}
