package isup

import "time"

// Block takes a circuit out of service for maintenance (Q.764 section 2.8.2.1): no more calls from the other end, a call that is
// there goes on. BlockConf follows. While an unblocking waits for its acknowledgement, the blocking waits with it: answers don't say
// which of two requests they belong to.
func (g *Group) Block(now time.Time, cic CIC, out []Output) ([]Output, error) {
	c := g.circuits[cic]
	if c == nil {
		return out, ErrUnknownCIC
	}
	if g.changing(c, MaintenanceOriented) {
		return out, &StateError{cic, "Block", "part of a group that changes"}
	}
	if c.pending == unblocking && c.runs(T14) {
		c.then = blocking
		return out, nil
	}
	g.forget(c, MaintenanceOriented)
	return g.blockCircuit(now, c, out), nil
}

func (g *Group) blockCircuit(now time.Time, c *circuit, out []Output) []Output {
	g.stop(&c.owner, T14, T15)
	c.block[MaintenanceOriented].local, c.pending, c.then = true, blocking, nothing
	g.start(now, &c.owner, T12)
	if !c.runs(T13) {
		g.start(now, &c.owner, T13)
	}
	return g.simple(out, BLO, c.cic)
}

// Unblock puts it back. UnblockConf follows.
func (g *Group) Unblock(now time.Time, cic CIC, out []Output) ([]Output, error) {
	c := g.circuits[cic]
	if c == nil {
		return out, ErrUnknownCIC
	}
	if !c.block[MaintenanceOriented].local {
		return out, &StateError{cic, "Unblock", "not blocked"}
	}
	if g.changing(c, MaintenanceOriented) {
		return out, &StateError{cic, "Unblock", "part of a group that changes"}
	}
	if c.pending == blocking && c.runs(T12) {
		c.then = unblocking
		return out, nil
	}
	g.forget(c, MaintenanceOriented)
	return g.unblockCircuit(now, c, out), nil
}

func (g *Group) unblockCircuit(now time.Time, c *circuit, out []Output) []Output {
	g.stop(&c.owner, T12, T13)
	c.pending, c.then = unblocking, nothing
	g.start(now, &c.owner, T14)
	g.start(now, &c.owner, T15)
	return g.simple(out, UBL, c.cic)
}

// handleBlocking: Q.764 sections 2.8.2.1 and 2.8.2.3.
//
//	BLO                            remotely blocked, BLA; an outgoing call without backward message is tried on another circuit
//	UBL                            not remotely blocked, UBA
//	BLA that is awaited            confirm
//	BLA, not blocked from here     UBL
//	UBA that is awaited            confirm
//	UBA, blocked from here         BLO
//	any other BLA, UBA             discarded
func (g *Group) handleBlocking(now time.Time, c *circuit, m Message, out []Output) []Output {
	b := &c.block[MaintenanceOriented]
	switch m.Type {
	case BLO:
		if !b.remote {
			b.remote = true
			out = indicate(out, BlockedInd, c.cic)
		}
		out = g.simple(out, BLA, c.cic)
		if c.state == outgoing {
			cause := g.cause(CircuitNotAvailable)
			out = append(out, Indication{Kind: ReattemptInd, CIC: c.cic, Message: m, Cause: cause})
			out = g.release(now, c, New(REL, c.cic, cause), out)
		}
	case UBL:
		if b.remote {
			b.remote = false
			out = indicate(out, UnblockedInd, c.cic)
		}
		out = g.simple(out, UBA, c.cic)
	case BLA:
		switch {
		case c.pending == blocking:
			g.stop(&c.owner, T12, T13)
			c.pending = nothing
			out = indicate(out, BlockConf, c.cic)
			if c.rlcAfter && c.state == released {
				c.rlcAfter = false
				g.idle(c)
				out = g.simple(out, RLC, c.cic)
			}
			if c.then == unblocking {
				out = g.unblockCircuit(now, c, out)
			}
		case !b.local && c.pending == nothing && !g.changing(c, MaintenanceOriented):
			g.stats.Unreasonable++
			out = g.unblockCircuit(now, c, out)
		default:
			g.stats.Unreasonable++
		}
	case UBA:
		switch {
		case c.pending == unblocking:
			g.stop(&c.owner, T14, T15)
			c.pending, b.local = nothing, false
			out = indicate(out, UnblockConf, c.cic)
			if c.then == blocking {
				out = g.blockCircuit(now, c, out)
			}
		case b.local && c.pending == nothing && !g.changing(c, MaintenanceOriented):
			g.stats.Unreasonable++
			out = g.blockCircuit(now, c, out)
		default:
			g.stats.Unreasonable++
		}
	}
	return out
}

// expireBlocking: Q.764 section 2.9.4. The first timer repeats the message, the second one alerts, stops the first, and repeats
// it from then on.
func (g *Group) expireBlocking(now time.Time, c *circuit, t Timer, out []Output) []Output {
	g.start(now, &c.owner, t)
	out = g.repeat(c, t, out)
	switch t {
	case T13:
		g.stop(&c.owner, T12)
		out = append(out, Alert{c.cic, t, "no BLA"})
	case T15:
		g.stop(&c.owner, T14)
		out = append(out, Alert{c.cic, t, "no UBA"})
	}
	return out
}
