package user

import (
	"time"

	"github.com/gotelco/telco/sctp"
)

// missLimit is how many miss indications make a fast retransmit (RFC 9260 section 7.2.4).
const missLimit = 3

// handleSack takes a SACK (section 6.2.1).
func (a *assoc) handleSack(now time.Time, c chunk) {
	switch a.state {
	case established, shutdownPending, shutdownReceived:
	default:
		return
	}
	s, err := parseSack(c)
	if err != nil || tsnLess(s.cum, a.q.base-1) { // rule D i
		return
	}
	if !tsnLess(s.cum, a.q.next) {
		a.violated("it acknowledged data that was not sent")
		return
	}
	a.sacks++
	a.heard, a.tailAnswer = true, false
	for _, p := range a.paths {
		p.acked, p.restart, p.holding = 0, false, false
	}
	advanced := a.acknowledged(now, s.cum)
	var high uint32
	var top [missLimit]uint64 // the last packets newly acknowledged
	if len(s.gaps) > 0 || a.gapped {
		high = a.handleGaps(now, &s, &top)
	}
	for _, p := range a.paths {
		if p.acked > 0 {
			p.grow(a)
		}
	}
	if a.tailAnswer || a.gapped && (top[0] != 0 || a.recovering && advanced) {
		a.strike(high, &top, advanced, s.dups > 0)
	}
	if a.recovering && !tsnLess(s.cum, a.exit) {
		a.recovering = false
	}
	a.rwnd = max(0, int(min(s.rwnd, 1<<30))-a.outstanding)
	if a.rwnd > 0 && a.probing {
		a.probing, a.errors = false, 0
	}
	a.settle(now)
}

// settle does what follows from the acknowledgements at hand: windows, timers, errors.
func (a *assoc) settle(now time.Time) {
	for _, p := range a.paths {
		if p.acked > 0 {
			p.answered(a)
			a.errors, a.tails = 0, 0
		}
		switch {
		case p.flight == 0:
			if a.q.next == a.q.end || a.rwnd > 0 || p != a.data || p.acked > 0 {
				p.t3 = time.Time{} // else it is the timer of a closed window
			}
			p.partial = 0
		case p.restart || p.t3.IsZero():
			p.t3 = now.Add(p.rto)
		}
	}
	if a.marked == 0 {
		a.rtxPath = nil
	}
	a.armTail(now)
	a.drained(now)
}

// acknowledged drops the chunks up to cum, and returns whether there were any.
func (a *assoc) acknowledged(now time.Time, cum uint32) bool {
	if tsnLess(cum, a.q.base) {
		return false
	}
	for !tsnLess(cum, a.q.base) {
		a.ackOne(now, a.q.base, a.q.at(a.q.base))
		a.q.drop()
	}
	if tsnLess(a.hint, a.q.base) {
		a.hint = a.q.base
	}
	for _, p := range a.paths {
		if p.acked > 0 {
			p.restart = true
		}
	}
	return true
}

// ackOne notes that a chunk has arrived. It stays in the queue.
func (a *assoc) ackOne(now time.Time, tsn uint32, c *outChunk) {
	p := a.paths[c.path]
	switch c.state {
	case flying:
		p.flight -= int(c.n)
		a.outstanding -= int(c.n) - dataHead
		p.acked += int(c.n)
		a.tailAnswer = a.tailAnswer || c.seq == a.tailSeq
		if p.timing && p.timedTSN == tsn {
			p.timing = false
			p.measured(a, now.Sub(p.timedAt))
		}
	case lost:
		a.marked--
		a.rwnd -= int(c.n) - dataHead
		p.acked += int(c.n)
	}
	c.state = gapAcked
}

// handleGaps goes through the gap blocks: what they acknowledge, and what is missing between them
// (section 6.2.1). It returns the highest TSN they acknowledge.
func (a *assoc) handleGaps(now time.Time, s *sack, top *[missLimit]uint64) (high uint32) {
	a.gapped = false
	t := a.q.base
	for g := s.gaps; len(g) > 0; g = g[4:] {
		start, end := s.cum+uint32(be.Uint16(g)), s.cum+uint32(be.Uint16(g[2:]))
		if tsnLess(start, t) || tsnLess(end, start) || !tsnLess(end, a.q.next) {
			break // not in order, or never sent
		}
		for ; t != start; t++ {
			a.missing(t)
		}
		for ; !tsnLess(end, t); t++ {
			c := a.q.at(t)
			if c.state == gapAcked {
				continue
			}
			a.ackOne(now, t, c)
			newest(top, c.seq)
			if p := a.paths[c.path]; !p.holding {
				p.restart = true
			}
		}
		high, a.gapped = end, true
	}
	for ; t != a.q.next; t++ { // beyond the last block: perhaps reneged on
		if a.q.at(t).state == gapAcked {
			a.missing(t)
		}
	}
	return high
}

// newest keeps the highest packet numbers, the highest first, each once.
func newest(top *[missLimit]uint64, seq uint64) {
	for i, v := range top {
		if v == seq {
			return
		}
		if seq > v {
			copy(top[i+1:], top[i:])
			top[i] = seq
			return
		}
	}
}

// missing notes that a SACK did not acknowledge a chunk. One that an earlier SACK did is on its way
// again as far as we know (section 6.2.1 D iii).
func (a *assoc) missing(tsn uint32) {
	c := a.q.at(tsn)
	p := a.paths[c.path]
	if c.state == gapAcked {
		c.state = flying
		c.miss++
		p.flight += int(c.n)
		a.outstanding += int(c.n) - dataHead
	}
	p.holding = p.holding || c.state == flying
}

// strike counts miss indications up to the highest TSN that gap blocks acknowledge, and marks what
// has enough of them for fast retransmit (section 7.2.4). They follow the HTNA rule in the order of
// sending: a chunk has one for each packet, sent after it, that the SACK newly acknowledges. So a
// chunk that was sent again and lost again is found as well, and one SACK for several packets
// counts as much as one for each.
//
// The answer to a tail loss probe says more: what was sent before it and has not arrived by now is
// lost. If the probe itself was what was missing (not a duplicate), that was a loss, too.
func (a *assoc) strike(high uint32, top *[missLimit]uint64, advanced, duplicate bool) {
	found := false
	halved := [maxAddrs]bool{}
	if a.tailAnswer {
		high = a.q.next
		if !duplicate && !a.recovering && a.q.base != a.q.next {
			a.data.lost(a)
			halved[a.data.index] = true
		}
	}
	for t := a.q.base; tsnLess(t, high); t++ {
		c := a.q.at(t)
		if c.state != flying {
			continue
		}
		n := uint8(0)
		for n < missLimit && top[n] > c.seq {
			n++
		}
		switch {
		case a.tailAnswer && c.seq < a.tailSeq:
			n = missLimit
		case n == 0 && a.gapped && a.recovering && advanced && !c.again && !a.tailAnswer:
			n = 1
		}
		if c.miss += n; c.miss < missLimit {
			continue
		}
		a.mark(t, c)
		c.miss = 0
		found = true
		if p := a.paths[c.path]; !a.recovering && !halved[c.path] {
			halved[c.path] = true
			p.lost(a)
		}
	}
	if found && !a.recovering {
		a.recovering, a.fast, a.exit = true, true, a.q.next-1
	}
}

// drained goes on with a shutdown once everything is acknowledged (section 9.2).
func (a *assoc) drained(now time.Time) {
	if a.q.base != a.q.end {
		return
	}
	switch a.state {
	case shutdownPending:
		a.sendShutdown(now)
	case shutdownReceived:
		a.sendShutdownAck(now)
	}
}

// shutdown ends the association in good order (section 9.2): what was sent is delivered first.
func (a *assoc) shutdown(now time.Time) {
	a.ending = true
	switch a.state {
	case cookieWait, cookieEchoed:
		a.abort("")
	case established:
		a.state = shutdownPending
		a.drained(now)
	}
}

func (a *assoc) sendShutdown(now time.Time) {
	if a.state != shutdownSent {
		a.state = shutdownSent
		a.t2Path, a.tries2 = a.data, 0
		a.guard = now.Add(5 * a.cfg.RTOMax)
	}
	a.to(a.t2Path, be.AppendUint32(append(beginChunk(nil, ctShutdown, 0)[:2], 0, 8), a.tsns.cum))
	a.t2 = now.Add(a.t2Path.rto)
}

func (a *assoc) sendShutdownAck(now time.Time) {
	if a.state != shutdownAckSent {
		a.state = shutdownAckSent
		a.t2Path, a.tries2 = a.data, 0
		a.sackNow, a.sackAt = false, time.Time{}
	}
	a.to(a.t2Path, appendChunk(nil, ctShutdownAck, 0, nil))
	a.t2 = now.Add(a.t2Path.rto)
}

func (a *assoc) expireT2(now time.Time) {
	a.t2 = time.Time{}
	if a.tries2++; a.tries2 > a.cfg.AssocMaxRetrans {
		a.giveUp(nil, &sctp.DownError{Reason: sctp.PeerLost, Err: errGuard})
		return
	}
	p := a.t2Path
	p.backOff(a)
	p.failed(a)
	a.t2Path = a.another(p)
	switch a.state {
	case shutdownSent:
		a.sendShutdown(now)
	case shutdownAckSent:
		a.sendShutdownAck(now)
	}
}

func (a *assoc) handleShutdown(now time.Time, c chunk) {
	if len(c.value) < 4 {
		return
	}
	switch a.state {
	case shutdownSent:
		a.sendShutdownAck(now)
		return
	case established, shutdownPending, shutdownReceived:
	default:
		return
	}
	cum := be.Uint32(c.value)
	if !tsnLess(cum, a.q.next) {
		a.violated("its SHUTDOWN acknowledged data that was not sent")
		return
	}
	if a.state != shutdownReceived {
		if a.state == established {
			a.tell(&sctp.Event{Kind: sctp.PeerClosing})
		}
		a.state = shutdownReceived
	}
	for _, p := range a.paths {
		p.acked, p.restart, p.holding = 0, false, false
	}
	a.acknowledged(now, cum)
	a.settle(now)
}

func (a *assoc) handleShutdownAck() {
	if a.state != shutdownSent && a.state != shutdownAckSent {
		return
	}
	a.reply(reply{local: a.t2Path.local, remote: a.t2Path.remote, tag: a.peerTag, chunks: appendChunk(nil, ctShutdownComplete, 0, nil), alone: true})
	a.over(&sctp.DownError{Reason: sctp.ShutdownComplete})
}
