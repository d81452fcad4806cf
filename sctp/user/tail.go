package user

import "time"

// Tail loss probes. A loss shows when something sent later is acknowledged. With the last packets
// of all, or the SACK for them, lost, nothing comes later, and RFC 9260 waits for T3-rtx: a second
// or more, and the window starts anew. As RFC 8985 section 7 has it for TCP, the earliest chunk
// outstanding is sent again after two round trips without an answer, at most maxTails times before
// T3-rtx has its turn. What a probe's answer says of other chunks, strike follows.
const (
	maxTails = 3
	minTail  = 10 * time.Millisecond
)

// armTail sets the timer of the next probe, after DATA or a SACK.
func (a *assoc) armTail(now time.Time) {
	a.tail = time.Time{}
	if a.outstanding == 0 || a.tails >= maxTails || a.probing {
		return
	}
	p := a.data
	if p.srtt == 0 {
		return
	}
	wait := max(2*p.srtt, minTail) << a.tails
	if !a.asked {
		wait += a.cfg.SACKDelay // the peer's is taken to be as long as ours
	}
	if at := now.Add(wait); !p.t3.IsZero() && at.Before(p.t3) {
		a.tail = at
	}
}

// expireTail has the earliest chunk, and those of its packet, sent again.
func (a *assoc) expireTail() {
	a.tail = time.Time{}
	if a.outstanding == 0 {
		return
	}
	a.tails++
	a.tailing, a.fast = true, true
	c := a.q.at(a.q.base)
	for t, seq := a.q.base, c.seq; t != a.q.next; t++ {
		if c = a.q.at(t); c.seq != seq {
			break
		}
		if c.state == flying {
			a.mark(t, c)
		}
	}
}
