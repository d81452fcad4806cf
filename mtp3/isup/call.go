package isup

import "time"

// Setup sends an IAM on a circuit that it chooses (Q.764 section 2.1). iam has the mandatory parameters; its CIC is set. With
// a nature of connection that requires a continuity check, the tone is to be connected (ToneOnInd).
func (g *Group) Setup(now time.Time, iam Message, out []Output) (CIC, []Output, error) {
	iam.Type = IAM
	if _, err := iam.AppendBinary(nil); err != nil {
		return 0, out, err
	}
	switch {
	case g.peers.paused || g.peers.unavailable:
		return 0, out, ErrUnavailable
	case g.peers.level > 0:
		if g.peers.share = (g.peers.share + 1) % maxCongestion; g.peers.share < g.peers.level {
			return 0, out, ErrCongested
		}
	}
	c := g.choose()
	if c == nil {
		return 0, out, ErrNoCircuit
	}
	var nature NatureOfConnection
	var called CalledPartyNumber
	iam.Decode(&nature)
	iam.Decode(&called)
	iam.CIC = c.cic
	c.state, c.outgoing, c.check, c.complete = outgoing, true, nature.Check, called.Digits.Complete()
	g.stats.Setups++
	out = g.send(out, iam)
	switch nature.Check {
	case CheckRequired:
		c.checking = true
		g.start(now, &c.owner, T24)
		out = indicate(out, ToneOnInd, c.cic)
	case CheckOnPrevious:
		c.checking = true
	}
	g.start(now, &c.owner, T7)
	return c.cic, out, nil
}

// handleIAM: Q.764 sections 2.1.2, 2.8.2 and 2.9.1.
//
//	idle                           Setup indication; if the other end had blocked the circuit, it has unblocked it
//	idle, blocked from here        the blocking again, no call (test calls pass)
//	outgoing, controlled           discarded: dual seizure, our call goes on
//	outgoing, not controlled       Reattempt indication, and then as idle
//	any other                      discarded
func (g *Group) handleIAM(now time.Time, c *circuit, m Message, out []Output) []Output {
	var nature NatureOfConnection
	var called CalledPartyNumber
	var category CallingPartyCategory
	for _, p := range []ParameterDecoder{&nature, &called, &category} {
		if _, err := m.Decode(p); err != nil {
			return g.refuse(now, c, g.cause(InvalidContents, byte(p.Code())), out)
		}
	}
	switch {
	case c.state == outgoing && c.control:
		g.stats.DualSeizures++
		return out
	case c.state == outgoing:
		g.stats.DualSeizures++
		out = g.drop(c, m, g.cause(CircuitNotAvailable), out)
		g.idle(c)
	case c.state == checkIn && c.owner.runs(T27): // a new call instead of the check
		return out
	case c.state != idle:
		g.stats.Unreasonable++
		return out
	}
	if category != TestCall {
		if c.block[MaintenanceOriented].local && g.unblocks(c, MaintenanceOriented) {
			// The other end knows already: the acknowledgement is on its way.
		} else if c.block[MaintenanceOriented].local {
			return g.blockCircuit(now, c, out)
		}
		if c.block[HardwareFailure].local && !g.unblocks(c, HardwareFailure) {
			return g.blockHardwareAgain(now, c, out)
		}
		for s := range c.block {
			if c.block[s].remote {
				c.block[s].remote = false
				out = indicate(out, UnblockedInd, c.cic)
			}
		}
	}
	c.state, c.outgoing, c.check, c.complete = incoming, false, nature.Check, called.Digits.Complete()
	g.stats.Incoming++
	out = append(out, Indication{Kind: SetupInd, CIC: c.cic, Message: m})
	if nature.Check == CheckRequired || nature.Check == CheckOnPrevious {
		c.checking = true
		g.start(now, &c.owner, T8)
		if nature.Check == CheckRequired {
			out = indicate(out, LoopOnInd, c.cic)
		}
	}
	return out
}

// refuse releases a call that was never told to the user.
func (g *Group) refuse(now time.Time, c *circuit, cause Cause, out []Output) []Output {
	if c.state != idle {
		g.stats.Unreasonable++
		return out
	}
	return g.release(now, c, New(REL, c.cic, cause), out)
}

// handleCall takes the messages of a call between IAM and REL.
//
//	              outgoing        outAlerting     incoming        inAlerting      answered
//	SAM           -               -               Digits          -               -
//	ACM           AddressComplete discarded       -               -               discarded
//	CPG           -               Progress        -               Progress        Progress
//	CON           Answer          discarded       -               -               discarded
//	ANM           -               Answer          -               -               discarded
//	SUS, RES      -               discarded       -               discarded       Suspend, Resume
//	INR           Transfer        Transfer        -               discarded       discarded
//	others        Transfer in all of them
//
// "-" is unreasonable, as everything is in other states.
func (g *Group) handleCall(now time.Time, c *circuit, m Message, out []Output) []Output {
	if !c.state.call() {
		return g.unreasonable(now, c, m, out)
	}
	tell := func(p Primitive) []Output { return append(out, Indication{Kind: p, CIC: c.cic, Message: m}) }
	switch m.Type {
	case SAM:
		if c.state != incoming || c.complete {
			return g.unreasonable(now, c, m, out)
		}
		var more SubsequentNumber
		if _, err := m.Decode(&more); err != nil {
			return g.clear(now, c, g.cause(InvalidContents, byte(PSubsequentNumber)), out)
		}
		c.complete = more.Digits.Complete()
		for _, t := range []Timer{T10, T35} {
			if c.runs(t) {
				g.start(now, &c.owner, t)
			}
		}
		if c.complete {
			g.stop(&c.owner, T35)
		}
		return tell(DigitsInd)
	case ACM:
		if c.state != outgoing {
			return g.unreasonable(now, c, m, out)
		}
		g.stop(&c.owner, T7)
		c.state = outAlerting
		g.start(now, &c.owner, T9)
		return tell(AddressCompleteInd)
	case CPG:
		if c.state == outgoing || c.state == incoming {
			return g.unreasonable(now, c, m, out)
		}
		return tell(ProgressInd)
	case CON, ANM:
		if want := outgoing; m.Type == ANM && c.state != outAlerting || m.Type == CON && c.state != want {
			return g.unreasonable(now, c, m, out)
		}
		g.stop(&c.owner, T7, T9)
		c.state = answered
		g.stats.Answered++
		return tell(AnswerInd)
	case SUS, RES:
		if c.state != answered {
			return g.unreasonable(now, c, m, out)
		}
		return g.handleSuspend(now, c, m, tell)
	case INR:
		if c.state != outgoing && c.state != outAlerting {
			return g.unreasonable(now, c, m, out)
		}
	case INF:
		g.stop(&c.owner, T33)
	}
	return tell(TransferInd)
}

// handleSuspend: Q.764 section 2.4. The exchange that controls the call, here that of the caller, waits for the RES.
func (g *Group) handleSuspend(now time.Time, c *circuit, m Message, tell func(Primitive) []Output) []Output {
	var who SuspendResumeIndicators
	m.Decode(&who)
	t := T2
	if who.Network {
		t = T6
	}
	if m.Type == RES {
		g.stop(&c.owner, t)
		return tell(ResumeInd)
	}
	if c.outgoing {
		g.start(now, &c.owner, t)
	}
	return tell(SuspendInd)
}

// Request sends a message of a call, with its parameters: SAM, ACM, CPG, CON, ANM, REL, SUS, RES, INR, INF, FOT, USR, and
// others that belong to no procedure of the Group. Its CIC says which call.
func (g *Group) Request(now time.Time, m Message, out []Output) ([]Output, error) {
	c := g.circuits[m.CIC]
	if c == nil {
		return out, ErrUnknownCIC
	}
	if _, err := m.AppendBinary(nil); err != nil {
		return out, err
	}
	if !c.state.call() {
		return out, &StateError{m.CIC, m.Type.String(), c.state.String()}
	}
	ok := true
	switch m.Type {
	case REL:
		return g.release(now, c, m.Clone(), out), nil
	case SAM:
		if ok = c.state == outgoing && !c.complete; ok {
			var more SubsequentNumber
			m.Decode(&more)
			c.complete = more.Digits.Complete()
			g.start(now, &c.owner, T7)
		}
	case ACM:
		if ok = c.state == incoming; ok {
			g.stop(&c.owner, T10, T11, T35)
			c.state, c.complete = inAlerting, true
		}
	case CON, ANM:
		// An answer may not overtake the result of the continuity check.
		if ok = (m.Type == CON && c.state == incoming || m.Type == ANM && c.state == inAlerting) && !c.checking; ok {
			g.stop(&c.owner, T10, T11, T35)
			c.state = answered
			g.stats.Answered++
		}
	case CPG:
		ok = c.state == inAlerting || c.state == answered
	case SUS, RES:
		if ok = c.state == answered; ok {
			var who SuspendResumeIndicators
			m.Decode(&who)
			if m.Type == RES {
				g.stop(&c.owner, T38)
			} else if who.Network && g.cfg.International && !c.outgoing {
				g.start(now, &c.owner, T38)
			}
		}
	case INR:
		if ok = c.state == incoming || c.state == inAlerting; ok {
			g.start(now, &c.owner, T33)
		}
	case FOT:
		ok = c.outgoing && c.state != outgoing
	case COT:
		// The result of a check on the circuit before this one.
		if ok = c.state == outgoing && c.checking && c.check == CheckOnPrevious; ok {
			c.checking = false
		}
	case IAM, RLC, RSC, CCR, LPA, BLO, BLA, UBL, UBA, UCIC, OLM, GRS, GRA, CGB, CGBA, CGU, CGUA, CQM, CQR, UPT, UPA:
		ok = false
	}
	if !ok {
		return out, &StateError{m.CIC, m.Type.String(), c.state.String()}
	}
	return g.send(out, m), nil
}

// AwaitDigits starts a timer of an incoming call that needs more digits: T35, after which it is released, or at an
// exchange that interworks with another system T10 or T11, after which an ACM is sent (Q.764 sections 2.1.2.1 and 2.1.5). SAM starts it again, ACM, CON and REL stop it.
func (g *Group) AwaitDigits(now time.Time, cic CIC, t Timer) error {
	c, err := g.circuit(cic, "AwaitDigits", incoming)
	if err != nil {
		return err
	}
	if t != T10 && t != T11 && t != T35 || c.complete && t == T35 {
		return &StateError{cic, "AwaitDigits " + t.String(), "complete"}
	}
	g.start(now, &c.owner, t)
	return nil
}

// interworkingACM tells the exchange before that all digits are here (Q.764 section 2.1.5).
func (g *Group) interworkingACM(c *circuit, out []Output) []Output {
	g.stop(&c.owner, T10, T11)
	c.state, c.complete = inAlerting, true
	return g.send(out, New(ACM, c.cic, BackwardCallIndicators{Interworking: true}))
}
