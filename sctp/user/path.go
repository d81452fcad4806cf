package user

import (
	"net/netip"
	"time"
)

// path is a transport address of the peer, with the congestion and failure state that RFC 9260
// keeps for each (sections 6.3, 7.2 and 8.2).
type path struct {
	index     int
	local     netip.AddrPort // where packets to it leave; ports are those of UDP
	remote    netip.AddrPort
	given     bool // by the upper layer: its INIT goes here
	confirmed bool // section 5.4
	active    bool
	errors    int

	cwnd, ssthresh, partial int // octets of DATA chunks
	flight                  int // octets outstanding
	limited                 bool
	idleSince               time.Time // when DATA was last sent

	srtt, rttvar, rto time.Duration
	timing            bool // a DATA chunk is being timed
	timedTSN          uint32
	timedAt           time.Time

	t3       time.Time // when T3-rtx expires; zero: stopped
	hbNext   time.Time // when the next HEARTBEAT goes
	hbExpire time.Time // when the one under way counts as lost
	hbSent   time.Time
	hbNonce  uint64

	acked   int  // octets newly acknowledged by the SACK at hand
	restart bool // that SACK acknowledged the earliest outstanding chunk
	holding bool // while going through it: an earlier chunk is outstanding
}

// reset gives the path the values of a new association (sections 6.3.1 C1 and 7.2.1).
func (p *path) reset(a *assoc) {
	p.cwnd = a.initialWindow()
	p.ssthresh = 1 << 30
	p.partial, p.flight, p.limited = 0, 0, false
	p.srtt, p.rttvar, p.rto = 0, 0, a.cfg.RTOInitial
	p.errors, p.active, p.timing = 0, true, false
	p.t3, p.hbNext, p.hbExpire, p.idleSince = time.Time{}, time.Time{}, time.Time{}, time.Time{}
}

// measured takes a round-trip time (section 6.3.1).
func (p *path) measured(a *assoc, r time.Duration) {
	r = max(r, time.Microsecond)
	if p.srtt == 0 {
		p.srtt, p.rttvar = r, r/2
	} else {
		p.rttvar += ((p.srtt - r).Abs() - p.rttvar) / 4
		p.srtt += (r - p.srtt) / 8
	}
	p.rttvar = max(p.rttvar, time.Microsecond)
	p.rto = min(max(p.srtt+4*p.rttvar, a.cfg.RTOMin), a.cfg.RTOMax)
}

func (p *path) backOff(a *assoc) { p.rto = min(2*p.rto, a.cfg.RTOMax) }

// lost halves the window after a loss (section 7.2.3).
func (p *path) lost(a *assoc) {
	p.ssthresh = max(p.cwnd/2, 4*a.pmdcs)
	p.cwnd, p.partial = p.ssthresh, 0
}

// grow opens the window for what the SACK at hand acknowledged (sections 7.2.1 and 7.2.2).
func (p *path) grow(a *assoc) {
	if p.cwnd <= p.ssthresh {
		if p.limited && !a.recovering {
			p.cwnd += min(p.acked, 2*a.pmdcs) // L = 2
		}
		return
	}
	p.partial += p.acked
	switch {
	case p.partial >= p.cwnd && p.limited:
		p.partial -= p.cwnd
		p.cwnd += a.pmdcs
	case p.partial > p.cwnd:
		p.partial = p.cwnd
	}
}

// rested lets the window shrink for each RTO that passed without DATA (section 7.2.1).
func (p *path) rested(a *assoc, now time.Time) {
	if p.flight > 0 || p.idleSince.IsZero() {
		return
	}
	idle := now.Sub(p.idleSince)
	if idle < p.rto {
		return
	}
	floor := 4 * a.pmdcs
	if p.cwnd > floor {
		p.ssthresh = p.cwnd
	}
	for ; idle >= p.rto && p.cwnd > floor; idle -= p.rto {
		p.cwnd = max(p.cwnd/2, floor)
	}
}

// answered notes that the peer acknowledged something on the path (section 8.2).
func (p *path) answered(a *assoc) {
	p.errors = 0
	if !p.active || !p.confirmed {
		p.active, p.confirmed = true, true
		a.pathEvent(p, true)
		a.choosePath()
	}
}

// failed counts a time-out on the path (section 8.2).
func (p *path) failed(a *assoc) {
	if !p.active {
		return
	}
	p.errors++
	if p.errors > a.cfg.PathMaxRetrans {
		p.active = false
		a.pathEvent(p, false)
		a.choosePath()
	}
}

// choosePath makes the path for new data the primary one, or the first that works. With none
// working it stays where it is.
func (a *assoc) choosePath() {
	for _, p := range a.paths {
		if p.active && p.confirmed {
			a.data = p
			return
		}
	}
}

// another is the next working path after p, for retransmissions (section 6.4.1); p if there is none.
func (a *assoc) another(p *path) *path {
	for i := 1; i < len(a.paths); i++ {
		if q := a.paths[(p.index+i)%len(a.paths)]; q.active && q.confirmed {
			return q
		}
	}
	return p
}

func (a *assoc) pathTo(addr netip.Addr) *path {
	for _, p := range a.paths {
		if p.remote.Addr() == addr {
			return p
		}
	}
	return nil
}

// addPath adds an address of the peer, unless it is there or has no local address of its kind.
func (a *assoc) addPath(remote netip.AddrPort) *path {
	if p := a.pathTo(remote.Addr()); p != nil {
		return p
	}
	local, ok := source(a.locals, remote.Addr())
	if !ok || len(a.paths) >= maxAddrs {
		return nil
	}
	p := &path{index: len(a.paths), local: local, remote: remote}
	p.reset(a)
	a.paths = append(a.paths, p)
	return p
}

// source is the local address that has the most leading bits in common with an address.
func source(locals []netip.AddrPort, to netip.Addr) (best netip.AddrPort, ok bool) {
	most := -1
	for _, l := range locals {
		if l.Addr().Is4() != to.Is4() {
			continue
		}
		if n := common(l.Addr(), to); n > most {
			best, most = l, n
		}
	}
	return best, most >= 0
}

func common(a, b netip.Addr) int {
	for n := a.BitLen(); n > 0; n-- {
		p, _ := a.Prefix(n)
		if p.Contains(b) {
			return n
		}
	}
	return 0
}
