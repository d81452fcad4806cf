package isup

import "time"

// state is what a circuit is doing.
type state uint8

// State          A call ...                                             Timers
// idle           none
// outgoing       IAM sent, no ACM or CON yet                            T7, T24, T3, T33
// outAlerting    ACM received                                           T9
// incoming       IAM received, no ACM or CON sent yet                   T8, T10, T11, T35
// inAlerting     ACM sent
// answered       CON or ANM sent or received                            T2, T6, T38
// releasing      REL sent, waits for RLC                                T1, T5
// released       REL received, the user has not said Released yet
// resetting      RSC or GRS sent, waits for RLC or GRA                  T16, T17 (T22, T23)
// checkOut       CCR is to be sent, or was; the tone is on              T24, T25, T26
// checkIn        CCR received, or a check has failed: the loop is on    T27, T36
const (
	idle state = iota
	outgoing
	outAlerting
	incoming
	inAlerting
	answered
	releasing
	released
	resetting
	checkOut
	checkIn
)

var stateNames = [...]string{"idle", "outgoing, waiting for ACM", "outgoing, waiting for ANM", "incoming, before ACM", "incoming, waiting for ANM", "answered",
	"waiting for RLC", "released by the other end", "being reset", "continuity check outgoing", "continuity check incoming"}

func (s state) String() string { return name(stateNames[:], s, "state") }

// busy tells whether there is a call, or the rest of one.
func (s state) busy() bool { return s >= outgoing && s <= released }

// call tells whether there is a call that can be released.
func (s state) call() bool { return s >= outgoing && s <= answered }

// pending says which answer of the other end a blocking or unblocking waits for.
type pending uint8

const (
	nothing pending = iota
	blocking
	unblocking
)

// circuit is one of a Group's circuits.
type circuit struct {
	owner
	cic        CIC
	control    bool // by this exchange
	state      state
	outgoing   bool
	idleSince  uint64
	unequipped bool // the other end says so
	block      [2]struct {
		local, remote bool
	} // by Supervision
	pending pending // of BLO and UBL
	then    pending // what is to follow once that is acknowledged

	check    ContinuityCheck // of the call's IAM
	checking bool            // the tone or the loop is on, or a COT is awaited
	complete bool            // no more digits
	rel      Message         // that was sent, to be sent again
	rlcAfter bool            // REL received and not possible: RLC after BLA
	failures int             // of the check
}

func (c *circuit) selectable() bool {
	return c.state == idle && !c.unequipped && !c.block[0].local && !c.block[0].remote && !c.block[1].local && !c.block[1].remote && c.pending != unblocking
}

// idle puts a circuit back. Blocking goes on.
func (g *Group) idle(c *circuit) {
	g.stop(&c.owner, T1, T2, T3, T5, T6, T7, T8, T9, T10, T11, T16, T17, T24, T25, T26, T27, T33, T35, T36, T38)
	g.idleSeq++
	c.state, c.outgoing, c.idleSince = idle, false, g.idleSeq
	c.check, c.checking, c.complete, c.rel, c.failures = CheckNotRequired, false, false, Message{}, 0
}

// endCheck disconnects what a continuity check has connected.
func (c *circuit) endCheck(out []Output) []Output {
	if !c.checking {
		return out
	}
	c.checking = false
	switch {
	case c.state == checkOut, c.outgoing && c.check == CheckRequired:
		return indicate(out, ToneOffInd, c.cic)
	case c.state == checkIn, !c.outgoing && c.check == CheckRequired:
		return indicate(out, LoopOffInd, c.cic)
	}
	return out
}

// release sends a REL and waits for the RLC (Q.764 section 2.3.1).
func (g *Group) release(now time.Time, c *circuit, rel Message, out []Output) []Output {
	out = c.endCheck(out)
	g.stopAllButBlocking(c)
	rel.CIC = c.cic
	c.state, c.rel = releasing, rel
	g.start(now, &c.owner, T1)
	g.start(now, &c.owner, T5)
	return g.send(out, rel)
}

func (g *Group) stopAllButBlocking(c *circuit) {
	g.stop(&c.owner, T1, T2, T3, T5, T6, T7, T8, T9, T10, T11, T16, T17, T24, T25, T26, T27, T33, T35, T36, T38)
}

// clear releases a call because of something that happened here, and tells the user.
func (g *Group) clear(now time.Time, c *circuit, cause Cause, out []Output) []Output {
	out = append(out, Indication{Kind: ReleaseInd, CIC: c.cic, Cause: cause})
	return g.release(now, c, New(REL, c.cic, cause), out)
}

// drop ends a call without a message for the other end: something has already ended it there.
func (g *Group) drop(c *circuit, m Message, cause Cause, out []Output) []Output {
	out = c.endCheck(out)
	switch {
	case c.state == outgoing:
		out = append(out, Indication{Kind: ReattemptInd, CIC: c.cic, Message: m, Cause: cause})
	case c.state.call():
		out = append(out, Indication{Kind: ReleaseInd, CIC: c.cic, Message: Message{Type: m.Type, CIC: c.cic}, Cause: cause})
	case c.state == releasing:
		out = append(out, Indication{Kind: ReleaseConf, CIC: c.cic, Message: Message{Type: m.Type, CIC: c.cic}})
	}
	return out
}

// reset sends an RSC and waits for the RLC (Q.764 section 2.9.3.1).
func (g *Group) reset(now time.Time, c *circuit, out []Output) []Output {
	out = c.endCheck(out)
	g.stopAllButBlocking(c)
	c.state, c.rel = resetting, Message{}
	g.start(now, &c.owner, T16)
	g.start(now, &c.owner, T17)
	return g.simple(out, RSC, c.cic)
}

func (g *Group) handleCircuit(now time.Time, c *circuit, m Message, out []Output) []Output {
	if !m.Type.Known() {
		return g.unknownMessage(now, c, m, out)
	}
	m, discard, out := g.unknownParameters(now, c, m, out)
	if discard {
		return out
	}
	switch m.Type {
	case IAM:
		return g.handleIAM(now, c, m, out)
	case REL:
		return g.handleREL(now, c, m, out)
	case RLC:
		return g.handleRLC(now, c, m, out)
	case RSC:
		return g.handleRSC(now, c, m, out)
	case BLO, UBL, BLA, UBA:
		return g.handleBlocking(now, c, m, out)
	case CCR, LPA, COT:
		return g.handleContinuity(now, c, m, out)
	case UCIC:
		return g.handleUCIC(now, c, m, out)
	case OLM:
		return g.handleOLM(now, c, m, out)
	case CFN, PAM, CRG, NRM:
		if c.state.call() {
			return append(out, Indication{Kind: TransferInd, CIC: c.cic, Message: m})
		}
		return out // no message whose absence matters: nothing to be done
	}
	return g.handleCall(now, c, m, out)
}

// handleREL: Q.764 sections 2.3.1 and 2.9.5.1.
//
//	idle                    RLC
//	call                    Release indication, RLC when the user says so
//	releasing               RLC, and wait on: both ends have released at the same time
//	released                nothing: sent again, the user has not answered yet
//	resetting               RLC, and wait on
//	checkOut, checkIn       RLC, idle: the check is over
func (g *Group) handleREL(now time.Time, c *circuit, m Message, out []Output) []Output {
	var level CongestionLevel
	if ok, err := m.Decode(&level); ok && err == nil && level > 0 {
		out = g.congested(now, out) // Q.764 section 2.11
	}
	switch {
	case c.state.call():
		out = c.endCheck(out)
		g.stopAllButBlocking(c)
		var cause Cause
		m.Decode(&cause)
		c.state = released
		return append(out, Indication{Kind: ReleaseInd, CIC: c.cic, Message: m, Cause: cause})
	case c.state == released:
		return out
	case c.state == checkIn, c.state == checkOut:
		out = c.endCheck(out)
		g.idle(c)
	}
	return g.simple(out, RLC, c.cic)
}

// Released answers a Release indication that came with a REL: the circuit can be used again (Q.764 section 2.3.1).
func (g *Group) Released(now time.Time, cic CIC, out []Output) ([]Output, error) {
	c, err := g.circuit(cic, "Released", released)
	if err != nil {
		return out, err
	}
	g.idle(c)
	return g.simple(out, RLC, cic), nil
}

// NotReleased answers it when the circuit cannot be put back: the circuit is blocked, and released once the other end knows
// that (Q.764 section 2.9.8.1).
func (g *Group) NotReleased(now time.Time, cic CIC, out []Output) ([]Output, error) {
	c, err := g.circuit(cic, "NotReleased", released)
	if err != nil {
		return out, err
	}
	c.rlcAfter = true
	out = append(out, Alert{CIC: cic, Reason: "the circuit cannot be released"})
	if c.pending == unblocking && c.runs(T14) {
		c.then = blocking
		return out, nil
	}
	g.forget(c, MaintenanceOriented)
	return g.blockCircuit(now, c, out), nil
}

// circuit finds one in a given state.
func (g *Group) circuit(cic CIC, request string, want state) (*circuit, error) {
	c := g.circuits[cic]
	if c == nil {
		return nil, ErrUnknownCIC
	}
	if c.state != want {
		return nil, &StateError{cic, request, c.state.String()}
	}
	return c, nil
}

// handleRLC: Q.764 sections 2.3.1, 2.9.3.1 and 2.9.5.1.
func (g *Group) handleRLC(now time.Time, c *circuit, m Message, out []Output) []Output {
	switch {
	case c.state == releasing, c.state == resetting:
		wasReset := c.state == resetting
		g.idle(c)
		out = append(out, Indication{Kind: ReleaseConf, CIC: c.cic, Message: m})
		if wasReset && c.block[MaintenanceOriented].local && !g.unblocks(c, MaintenanceOriented) { // the other end has forgotten it
			out = g.blockCircuit(now, c, out)
		}
	case c.state.call():
		// An RLC that nobody asked for: the circuit is released, and a REL sent.
		g.stats.Unreasonable++
		return g.clear(now, c, g.cause(ProtocolError), out)
	}
	return out
}

// handleRSC: Q.764 section 2.9.3.1.
func (g *Group) handleRSC(now time.Time, c *circuit, m Message, out []Output) []Output {
	if c.block[MaintenanceOriented].remote { // the other end does not know that it has blocked the circuit
		c.block[MaintenanceOriented].remote = false
		out = indicate(out, UnblockedInd, c.cic)
	}
	if c.state != resetting {
		out = g.drop(c, m, g.cause(TemporaryFailure), out)
		g.idle(c)
	}
	if c.block[MaintenanceOriented].local && !g.unblocks(c, MaintenanceOriented) {
		out = g.blockCircuit(now, c, out)
	}
	return g.simple(out, RLC, c.cic)
}

// Reset puts a circuit into the idle state at both ends (Q.764 section 2.9.3.1). A call on it is over without a further word.
func (g *Group) Reset(now time.Time, cic CIC, out []Output) ([]Output, error) {
	c := g.circuits[cic]
	if c == nil {
		return out, ErrUnknownCIC
	}
	return g.reset(now, c, out), nil
}

// unreasonable is a message that does not fit (Q.764 section 2.9.5.1 d).
//
//	idle                                           RSC
//	a call, before a backward message was seen     RSC; an outgoing call is tried again, an incoming one released
//	a call, after it                               discarded
//	any other state                                discarded
func (g *Group) unreasonable(now time.Time, c *circuit, m Message, out []Output) []Output {
	g.stats.Unreasonable++
	switch c.state {
	case idle:
		return g.reset(now, c, out)
	case outgoing, incoming:
		out = g.drop(c, m, g.cause(WrongState), out)
		return g.reset(now, c, out)
	}
	return out
}

// handleUCIC: the other end has no such circuit (Q.764 section 2.12).
func (g *Group) handleUCIC(now time.Time, c *circuit, m Message, out []Output) []Output {
	out = g.drop(c, m, g.cause(CircuitNotAvailable), out)
	g.idle(c)
	c.unequipped = true
	return append(out, Alert{CIC: c.cic, Reason: "the circuit is not equipped at the other end"})
}

func (g *Group) handleOLM(now time.Time, c *circuit, m Message, out []Output) []Output {
	if c.state != outgoing {
		return g.unreasonable(now, c, m, out)
	}
	out = append(out, Indication{Kind: ReattemptInd, CIC: c.cic, Message: m, Cause: g.cause(Congestion)})
	out = c.endCheck(out)
	g.stopAllButBlocking(c)
	c.state, c.rel = releasing, Message{}
	g.start(now, &c.owner, T3)
	return out
}

func (g *Group) expireCircuit(now time.Time, c *circuit, t Timer, out []Output) []Output {
	g.stats.Expired[t]++
	switch t {
	case T1, T16:
		g.start(now, &c.owner, t)
		return g.repeat(c, t, out)
	case T5:
		out = g.reset(now, c, out)
		g.stop(&c.owner, T16) // T17 alone
		return append(out, Alert{c.cic, T5, "no RLC"})
	case T17:
		g.stop(&c.owner, T16)
		g.start(now, &c.owner, T17)
		return append(g.simple(out, RSC, c.cic), Alert{c.cic, T17, "no RLC to RSC"})
	case T12, T13, T14, T15:
		return g.expireBlocking(now, c, t, out)
	case T24, T25, T26, T27, T36:
		return g.expireContinuity(now, c, t, out)
	case T3:
		return g.release(now, c, New(REL, c.cic, g.cause(Congestion)), out)
	case T8:
		return g.clear(now, c, g.cause(TemporaryFailure), out)
	case T9:
		return g.clear(now, c, g.cause(NoAnswer), out)
	case T10, T11:
		return g.interworkingACM(c, out)
	case T33:
		out = append(out, Alert{c.cic, T33, "no INF"})
		return g.clear(now, c, g.cause(TimerExpiry), out)
	case T35:
		return g.clear(now, c, g.cause(AddressIncomplete), out)
	}
	return g.clear(now, c, g.cause(TimerExpiry), out) // T2, T6, T7, T38
}
