package rtp

import (
	"net/netip"
	"time"
)

// latch decides where packets go and whose packets are taken: symmetric RTP (RFC 4961), for peers
// behind an address translator and for those whose description names another address.
//
//	State      Event                               Action                         Next state
//	open       packet from the signalled address   take it, that is the source    latched
//	open       packet from anyone else             take it, on probation          open
//	open       second in order from there          take it, that is the source    latched
//	open       packet from the source before       take it, keep open for 1 s     open
//	           the last SetRemote
//	latched    packet from the source              take it                        latched
//	latched    third in order from the signalled   take it, that is the source    latched
//	           address, not the source             (who latched was a stranger)
//	latched    third in order from another         take it, that is the source    latched
//	           address, which continues SSRC and   (the translator's binding has
//	           sequence, source silent for 1 s     changed)
//	latched    packet from another address         refuse and count it            latched
//	any        SetRemote, other than before        send to it                     open
//	any        SetRemote, the same or none         (none: stop sending)           unchanged
//	any        Relatch                             send to the signalled one      open
//
// So who has neither the signalled address nor the SSRC and sequence of a stream that has ended just now cannot take it over
// without signalling. With SRTP, packets come here only after they were authenticated.
type latch struct {
	signalled netip.AddrPort // by the last SetRemote; zero while held
	last      netip.AddrPort // by the last SetRemote that had one
	source    netip.AddrPort // latched
	before    netip.AddrPort // the source before the last SetRemote
	opened    time.Time
	heardAt   time.Time // of the last packet from the source
	strict    bool

	// Who is on probation.
	stranger netip.AddrPort
	ssrc     uint32
	seq      uint16 // of the next packet
	order    int    // packets in order
}

const (
	// grace is how long packets under way from the old source cannot latch after SetRemote.
	grace = time.Second
	// silence is after how long a source has gone quiet, so that its SSRC may come from elsewhere. A source that pauses
	// gets it back the same way.
	silence = time.Second

	probationOpen    = 2 // packets in order
	probationLatched = 3
)

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
	l.order = 0
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

// allows says whether a packet may be taken without more ado.
func (l *latch) allows(from netip.AddrPort) bool {
	if l.strict {
		return from == l.last
	}
	return !l.source.IsValid() || from == l.source
}

// probation counts packets in order from an address that is not the source.
func (l *latch) probation(from netip.AddrPort, ssrc uint32, seq uint16) int {
	if from != l.stranger || ssrc != l.ssrc || seq != l.seq || l.order == 0 {
		l.stranger, l.ssrc, l.order = from, ssrc, 0
	}
	l.seq = seq + 1
	l.order++
	return l.order
}

// yields says whether a packet from another address than the source takes the stream over; it continues the stream
// if its SSRC and sequence do.
func (l *latch) yields(now time.Time, from netip.AddrPort, ssrc uint32, seq uint16, continues bool) bool {
	if l.strict || from != l.last && (!continues || now.Sub(l.heardAt) < silence) {
		return false
	}
	if l.probation(from, ssrc, seq) < probationLatched {
		return false
	}
	l.source, l.heardAt, l.order = from, now, 0
	return true
}

// heard is called for each valid RTP packet that was allowed. It says whether that latched.
func (l *latch) heard(now time.Time, from netip.AddrPort, ssrc uint32, seq uint16) bool {
	if l.source.IsValid() {
		l.heardAt = now
		return false
	}
	switch {
	case from == l.last:
	case l.strict, from == l.before && now.Sub(l.opened) < grace:
		return false
	case l.probation(from, ssrc, seq) < probationOpen:
		return false
	}
	l.source, l.heardAt, l.order = from, now, 0
	return true
}
