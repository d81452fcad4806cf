package rtp

import (
	"net/netip"
	"time"
)

// latch decides where packets go and whose packets are taken: symmetric RTP (RFC 4961), for peers
// behind an address translator and for those whose description names another address.
//
//	State      Event                               Action                         Next state
//	open       packet from anyone                  take it, that is the source    latched
//	open       packet from the source before       take it, keep open for 1 s     open
//	           the last SetRemote
//	latched    packet from the source              take it                        latched
//	latched    packet from another address         refuse and count it            latched
//	any        SetRemote, other than before        send to it                     open
//	any        SetRemote, the same or none         (none: stop sending)           unchanged
//	any        Relatch                             send to the signalled one      open
//
// So the first to send wins and nobody can take the stream over later without signalling.
type latch struct {
	signalled netip.AddrPort // by the last SetRemote; zero while held
	last      netip.AddrPort // by the last SetRemote that had one
	source    netip.AddrPort // latched
	before    netip.AddrPort // the source before the last SetRemote
	opened    time.Time
	strict    bool
}

// grace is how long packets under way from the old source cannot latch after SetRemote.
const grace = time.Second

// canonical makes ::ffff:192.0.2.1 and 192.0.2.1 equal.
func canonical(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (l *latch) setRemote(now time.Time, a netip.AddrPort) {
	if a = canonical(a); !a.IsValid() || a.Addr().IsUnspecified() || a.Port() == 0 {
		l.signalled = netip.AddrPort{}
		return
	}
	l.signalled = a
	if a != l.last {
		l.last = a
		l.open(now)
	}
}

func (l *latch) open(now time.Time) {
	if l.source.IsValid() {
		l.before = l.source
	}
	l.source, l.opened = netip.AddrPort{}, now
}

// target is where to send; not valid if there is no such place.
func (l *latch) target() netip.AddrPort {
	if !l.signalled.IsValid() && l.last.IsValid() {
		return netip.AddrPort{} // held by c=0.0.0.0
	}
	if l.source.IsValid() && !l.strict {
		return l.source
	}
	return l.signalled
}

// allows says whether a packet may be taken.
func (l *latch) allows(from netip.AddrPort) bool {
	if l.strict {
		return from == l.last
	}
	return !l.source.IsValid() || from == l.source
}

// heard is called for each valid RTP packet that was allowed. It says whether that latched.
func (l *latch) heard(now time.Time, from netip.AddrPort) bool {
	if l.source.IsValid() || l.strict && from != l.last {
		return false
	}
	if from == l.before && from != l.last && now.Sub(l.opened) < grace {
		return false
	}
	l.source = from
	return true
}
