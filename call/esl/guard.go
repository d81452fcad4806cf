package esl

import (
	"net/netip"
	"sync"
	"time"
)

// loopback is who may connect unless the Config says otherwise.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// A guard counts wrong passwords by address.
type guard struct {
	allow  []netip.Prefix
	tries  int
	window time.Duration

	mu   sync.Mutex
	seen map[netip.Prefix]*suspect
}

type suspect struct {
	tries int
	since time.Time
}

// maxSuspects bounds what a guard remembers.
const maxSuspects = 4096

func newGuard(allow []netip.Prefix, tries int, window time.Duration) *guard {
	return &guard{allow: allow, tries: tries, window: window, seen: make(map[netip.Prefix]*suspect)}
}

// allowed reports whether the ACL has the address.
func (g *guard) allowed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// who is what tries are counted by: an IPv4 address, or the network of an IPv6 one.
func who(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// blocked reports whether the address has no try left for now.
func (g *guard) blocked(a netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.seen[who(a)]
	return s != nil && s.tries >= g.tries && time.Since(s.since) < g.window
}

// try takes one of the tries of an address; it reports false when none is left. Tries count when they begin, so
// that many connections at once have no more of them.
func (g *guard) try(a netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	p := who(a)
	s := g.seen[p]
	if s == nil || now.Sub(s.since) >= g.window {
		if s == nil && len(g.seen) >= maxSuspects {
			g.forget(now)
		}
		s = &suspect{since: now}
		g.seen[p] = s
	}
	if s.tries >= g.tries {
		return false
	}
	s.tries++
	return true
}

// pass gives a try back: the password was right.
func (g *guard) pass(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.seen[who(a)]; s != nil {
		if s.tries--; s.tries <= 0 {
			delete(g.seen, who(a))
		}
	}
}

// forget makes room: those whose window is over, else anybody.
func (g *guard) forget(now time.Time) {
	for p, s := range g.seen {
		if now.Sub(s.since) >= g.window {
			delete(g.seen, p)
		}
	}
	for p := range g.seen {
		if len(g.seen) < maxSuspects {
			break
		}
		delete(g.seen, p)
	}
}
