package isup

import "time"

// The continuity check (Q.764 section 2.1.8): the exchange that sends the IAM or CCR connects a tone, the other one a loop. Who has the
// tone tells what came of it with a COT. After a failure the call goes another way, and the circuit is checked again, until
// that succeeds: after T25, then each T26. A check that succeeds at last ends with a COT, one that does so at once with a REL.

// CheckResult says whether the tone came back. The circuit is one with a ToneOnInd.
func (g *Group) CheckResult(now time.Time, cic CIC, successful bool, out []Output) ([]Output, error) {
	c := g.circuits[cic]
	if c == nil {
		return out, ErrUnknownCIC
	}
	if !c.checking || c.state != checkOut && (c.state != outgoing || c.check != CheckRequired) {
		return out, &StateError{cic, "CheckResult", c.state.String()}
	}
	return g.checkDone(now, c, successful, out), nil
}

func (g *Group) checkDone(now time.Time, c *circuit, successful bool, out []Output) []Output {
	g.stop(&c.owner, T24)
	if successful {
		if c.state == checkOut && c.failures == 0 { // nobody waits for a COT
			return g.release(now, c, New(REL, c.cic, g.cause(NormalClearing)), out)
		}
		out = c.endCheck(out)
		if c.state == checkOut {
			g.idle(c)
		}
		return g.send(out, New(COT, c.cic, ContinuityIndicators{true}))
	}
	out = c.endCheck(out)
	out = g.send(out, New(COT, c.cic, ContinuityIndicators{false}))
	if c.state == outgoing {
		out = append(out, Indication{Kind: ReattemptInd, CIC: c.cic, Cause: g.cause(TemporaryFailure)})
	}
	again := T26
	if c.state == outgoing {
		again = T25
	} else {
		out = append(out, Alert{CIC: c.cic, Reason: "the continuity check has failed"})
	}
	g.stopAllButBlocking(c)
	c.state, c.outgoing = checkOut, true
	c.failures++
	g.start(now, &c.owner, again)
	return out
}

// Check tests an idle circuit (Q.764 section 2.1.8.3): CCR, tone on.
func (g *Group) Check(now time.Time, cic CIC, out []Output) ([]Output, error) {
	c, err := g.circuit(cic, "Check", idle)
	if err != nil {
		return out, err
	}
	return g.checkAgain(now, c, out), nil
}

func (g *Group) checkAgain(now time.Time, c *circuit, out []Output) []Output {
	c.state, c.outgoing, c.checking = checkOut, true, true
	g.start(now, &c.owner, T24)
	out = g.simple(out, CCR, c.cic)
	return indicate(out, ToneOnInd, c.cic)
}

// handleContinuity takes CCR, LPA and COT.
//
//	CCR, idle or after a failure           loop on, LPA (national use), T36
//	COT, awaited by a call: success        the call goes on
//	COT, awaited by a call: failure        Release indication, loop off, T27 until the next CCR
//	COT after a CCR: failure               the same, without a call
//	COT after a CCR: success               loop off, idle
//	LPA while the tone is on               nothing: the user knows from the tone
func (g *Group) handleContinuity(now time.Time, c *circuit, m Message, out []Output) []Output {
	switch m.Type {
	case CCR:
		if c.state != idle && c.state != checkIn {
			return g.unreasonable(now, c, m, out)
		}
		g.stop(&c.owner, T27)
		c.state, c.outgoing = checkIn, false
		if !c.checking {
			c.checking = true
			out = indicate(out, LoopOnInd, c.cic)
		}
		g.start(now, &c.owner, T36)
		if g.cfg.LoopBackAck {
			out = g.simple(out, LPA, c.cic)
		}
		return out
	case LPA:
		if c.checking && c.outgoing {
			return out
		}
		return g.unreasonable(now, c, m, out)
	}
	var result ContinuityIndicators
	m.Decode(&result)
	switch {
	case c.state == checkIn && c.checking:
		g.stop(&c.owner, T36)
		out = c.endCheck(out)
		if result.Successful {
			g.idle(c)
		} else {
			g.start(now, &c.owner, T27)
		}
		return out
	case !c.state.call() || c.outgoing || !c.checking:
		return g.unreasonable(now, c, m, out)
	}
	g.stop(&c.owner, T8)
	out = append(out, Indication{Kind: ContinuityInd, CIC: c.cic, Message: m})
	if result.Successful {
		return c.endCheck(out)
	}
	onThis := c.check == CheckRequired
	out = c.endCheck(out)
	if !onThis { // the failure was before the exchange that sent this: it releases the call
		return out
	}
	out = append(out, Indication{Kind: ReleaseInd, CIC: c.cic, Cause: g.cause(TemporaryFailure)})
	g.stopAllButBlocking(c)
	c.state = checkIn
	g.start(now, &c.owner, T27)
	return out
}

func (g *Group) expireContinuity(now time.Time, c *circuit, t Timer, out []Output) []Output {
	switch t {
	case T24:
		return g.checkDone(now, c, false, out)
	case T25, T26:
		return g.checkAgain(now, c, out)
	}
	return append(g.reset(now, c, out), Alert{c.cic, t, "no CCR, COT or REL after a continuity check"}) // T27, T36
}
