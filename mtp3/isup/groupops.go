package isup

import (
	"bytes"
	mathbits "math/bits"
	"time"
)

// Group operations: reset, blocking, unblocking and query of a range of circuits (Q.764 sections 2.8.2, 2.8.3, 2.9.3.2).

// opKey is a procedure that waits for an answer: there is one of each kind per range.
type opKey struct {
	request     MessageType
	cic         CIC
	supervision Supervision
	rng         uint8
}

type groupOp struct {
	owner
	key opKey
	rs  RangeAndStatus
	msg Message
}

// opTimers are the timers of a request: the first sends it again, the second alerts.
func opTimers(t MessageType) (again, alert Timer) {
	switch t {
	case CGB:
		return T18, T19
	case CGU:
		return T20, T21
	case GRS:
		return T22, T23
	}
	return T28, T28
}

// maxStatusBits is how many circuits a CGB or CGU may change (Q.763 section 3.43).
const maxStatusBits = 32

// rangeOK checks a range of our own.
func (g *Group) rangeOK(first CIC, rs RangeAndStatus, status bool) error {
	if rs.Range == 0 || !status && rs.Range > 31 || int(first)+int(rs.Range) > int(MaxCIC) {
		return ErrRange
	}
	n := 0
	for i := range rs.Circuits() {
		if status && !rs.At(i) {
			continue
		}
		if g.circuits[first+CIC(i)] == nil && (status || i == 0) {
			return ErrUnknownCIC
		}
		n++
	}
	if n == 0 || status && n > maxStatusBits {
		return ErrRange
	}
	return nil
}

func (g *Group) startOp(now time.Time, m Message, s Supervision, rs RangeAndStatus, out []Output) []Output {
	key := opKey{m.Type, m.CIC, s, rs.Range}
	if old := g.ops[key]; old != nil {
		g.stopAll(&old.owner)
		for i := range old.rs.Circuits() { // what it waits for, too
			if len(rs.Status) > 0 && old.rs.At(i) {
				rs.Set(i)
			}
		}
		if len(rs.Status) > 0 {
			m = New(m.Type, m.CIC, s, rs)
		}
	}
	op := &groupOp{key: key, rs: rs, msg: m}
	op.op = op
	g.ops[key] = op
	again, alert := opTimers(m.Type)
	g.start(now, &op.owner, again)
	if alert != again {
		g.start(now, &op.owner, alert)
	}
	return g.send(out, m)
}

// covers tells whether the procedure changes a circuit.
func (op *groupOp) covers(c *circuit) bool {
	return c.cic >= op.key.cic && int(c.cic-op.key.cic) <= int(op.rs.Range) && op.rs.At(int(c.cic-op.key.cic))
}

// changing tells whether a circuit is part of a group whose blocking or unblocking waits for its answer, and has not waited for
// so long that the maintenance was alerted.
func (g *Group) changing(c *circuit, s Supervision) bool {
	for key, op := range g.ops {
		if again, _ := opTimers(key.request); key.supervision == s && op.covers(c) && op.runs(again) {
			return true
		}
	}
	return false
}

// unblocks tells whether an unblocking of the circuit waits for its answer.
func (g *Group) unblocks(c *circuit, s Supervision) bool {
	if s == MaintenanceOriented && c.pending == unblocking {
		return true
	}
	for key, op := range g.ops {
		if key.request == CGU && key.supervision == s && op.covers(c) {
			return true
		}
	}
	return false
}

// forget takes a circuit out of the procedures that change it.
func (g *Group) forget(c *circuit, s Supervision) {
	if s == MaintenanceOriented {
		g.stop(&c.owner, T12, T13, T14, T15)
		c.pending, c.then = nothing, nothing
	}
	for key, op := range g.ops {
		if key.supervision != s || !op.covers(c) {
			continue
		}
		op.rs.Status[(c.cic-key.cic)/8] &^= 1 << ((c.cic - key.cic) & 7)
		if op.msg = New(key.request, key.cic, s, op.rs); bytes.Count(op.rs.Status, []byte{0}) == len(op.rs.Status) {
			g.endOp(op)
		}
	}
}

func (g *Group) endOp(op *groupOp) {
	g.stopAll(&op.owner)
	delete(g.ops, op.key)
}

func (g *Group) expireOp(now time.Time, op *groupOp, t Timer, out []Output) []Output {
	g.stats.Expired[t]++
	again, alert := opTimers(op.key.request)
	if t == T28 {
		g.endOp(op)
		return append(out, Alert{op.key.cic, t, "no CQR"})
	}
	g.start(now, &op.owner, t)
	out = g.send(out, op.msg)
	if t == alert {
		g.stop(&op.owner, again)
		out = append(out, Alert{op.key.cic, t, "no answer to " + op.key.request.String()})
	}
	return out
}

// BlockGroup blocks the circuits whose bits are set, from first on, at most 32 (Q.764 section 2.8.2.2). For maintenance, calls go on; because of a hardware
// failure they are over at once at both ends. BlockConf follows for each. While a change of one of them waits for its acknowledgement the
// request is refused, until the maintenance was alerted about that.
func (g *Group) BlockGroup(now time.Time, first CIC, rs RangeAndStatus, s Supervision, out []Output) ([]Output, error) {
	return g.changeGroup(now, CGB, first, rs, s, out)
}

// UnblockGroup is the opposite. UnblockConf follows for each.
func (g *Group) UnblockGroup(now time.Time, first CIC, rs RangeAndStatus, s Supervision, out []Output) ([]Output, error) {
	return g.changeGroup(now, CGU, first, rs, s, out)
}

func (g *Group) changeGroup(now time.Time, t MessageType, first CIC, rs RangeAndStatus, s Supervision, out []Output) ([]Output, error) {
	if s > HardwareFailure {
		return out, ErrValue
	}
	if err := g.rangeOK(first, rs, true); err != nil {
		return out, err
	}
	for i := range rs.Circuits() {
		c := g.circuits[first+CIC(i)]
		if rs.At(i) && (g.changing(c, s) || s == MaintenanceOriented && c.pending != nothing && (c.runs(T12) || c.runs(T14))) {
			return out, &StateError{c.cic, t.String(), "changing already"}
		}
	}
	rs.Status = bytes.Clone(rs.Status)
	for i := range rs.Circuits() {
		if !rs.At(i) {
			continue
		}
		c := g.circuits[first+CIC(i)]
		g.forget(c, s)
		if t == CGU {
			continue
		}
		c.block[s].local = true
		if s == HardwareFailure {
			out = g.dropNow(c, Message{Type: CGB}, out)
		}
	}
	return g.startOp(now, New(t, first, s, rs), s, rs, out), nil
}

// dropNow makes a circuit idle at once: the other end does the same. A reset that waits for its answer goes on.
func (g *Group) dropNow(c *circuit, m Message, out []Output) []Output {
	if c.state == idle || c.state == resetting {
		return out
	}
	out = g.drop(c, m, g.cause(TemporaryFailure), out)
	g.idle(c)
	return out
}

// ResetGroup puts n circuits (2 to 32), from first on, into the idle state at both ends (Q.764 section 2.9.3.2). ResetConf follows.
func (g *Group) ResetGroup(now time.Time, first CIC, n int, out []Output) ([]Output, error) {
	if n < 2 || n > 32 {
		return out, ErrRange
	}
	rs := RangeAndStatus{Range: uint8(n - 1)}
	if err := g.rangeOK(first, rs, false); err != nil {
		return out, err
	}
	for i := range n {
		if c := g.circuits[first+CIC(i)]; c != nil {
			out = g.drop(c, Message{Type: GRS}, g.cause(TemporaryFailure), out)
			g.stopAllButBlocking(c)
			c.state = resetting
		}
	}
	return g.startOp(now, New(GRS, first, rs), 0, rs, out), nil
}

// QueryGroup asks for the states of n circuits (2 to 32) (Q.764 section 2.8.3; national use). QueryConf follows.
func (g *Group) QueryGroup(now time.Time, first CIC, n int, out []Output) ([]Output, error) {
	if n < 2 || n > 32 {
		return out, ErrRange
	}
	rs := RangeAndStatus{Range: uint8(n - 1)}
	if err := g.rangeOK(first, rs, false); err != nil {
		return out, err
	}
	return g.startOp(now, New(CQM, first, rs), 0, rs, out), nil
}

// blockHardwareAgain tells the other end, which has sent an IAM, that the circuit is blocked because of a failure. A CGB
// has a range of at least two circuits; the status says that one of them is meant.
func (g *Group) blockHardwareAgain(now time.Time, c *circuit, out []Output) []Output {
	first, rs := c.cic, NewRange(2)
	if c.cic == MaxCIC {
		first = c.cic - 1
	}
	rs.Set(int(c.cic - first))
	return g.startOp(now, New(CGB, first, HardwareFailure, rs), HardwareFailure, rs, out)
}

// handleGroup takes the messages about ranges.
//
//	GRS     all circuits idle and not remotely blocked; CGB for those with a hardware failure here; GRA with those blocked here
//	CGB     remotely blocked; with a hardware failure idle at once; CGBA
//	CGU     not remotely blocked; CGUA
//	CQM     CQR
//	GRA, CGBA, CGUA, CQR    the end of a procedure of this exchange, else see handleUnasked
func (g *Group) handleGroup(now time.Time, m Message, out []Output) []Output {
	var rs RangeAndStatus
	var s Supervision
	if _, err := m.Decode(&rs); err != nil {
		g.stats.Malformed++
		return append(out, Alert{CIC: m.CIC, Reason: err.Error()})
	}
	m.Decode(&s)
	bits := m.Type != GRS && m.Type != CQM && m.Type != CQR
	if rs.Range == 0 || bits == (len(rs.Status) == 0) || !(m.Type == CGB || m.Type == CGBA || m.Type == CGU || m.Type == CGUA) && rs.Range > 31 || s > HardwareFailure {
		g.stats.Malformed++
		return append(out, Alert{CIC: m.CIC, Reason: "isup: " + m.Type.String() + ": range or type not allowed"})
	}
	set := 0
	for _, o := range rs.Status {
		set += mathbits.OnesCount8(o)
	}
	if (m.Type == CGB || m.Type == CGU) && set > maxStatusBits {
		g.stats.Malformed++
		return append(out, Alert{CIC: m.CIC, Reason: "isup: " + m.Type.String() + ": more than 32 circuits"})
	}
	here := false
	for i := range rs.Circuits() {
		here = here || g.circuits[m.CIC+CIC(i)] != nil
	}
	if !here {
		g.stats.NoCircuit++
		if g.cfg.UnequippedCircuits {
			out = g.simple(out, UCIC, m.CIC)
		}
		return out
	}
	switch m.Type {
	case GRS:
		return g.handleGRS(now, m, rs, out)
	case CGB, CGU:
		return g.handleCGB(m, rs, s, out)
	case CQM:
		return g.handleCQM(m, rs, out)
	}
	return g.handleAnswer(now, m, rs, s, out)
}

func (g *Group) handleGRS(now time.Time, m Message, rs RangeAndStatus, out []Output) []Output {
	ack := NewRange(rs.Circuits())
	failed, any := NewRange(rs.Circuits()), false
	for i := range rs.Circuits() {
		c := g.circuits[m.CIC+CIC(i)]
		if c == nil {
			continue
		}
		if c.state != resetting {
			out = g.drop(c, m, g.cause(TemporaryFailure), out)
			g.idle(c)
		}
		for k := range c.block {
			if c.block[k].remote {
				c.block[k].remote = false
				out = indicate(out, UnblockedInd, c.cic)
			}
		}
		if c.block[MaintenanceOriented].local && !g.unblocks(c, MaintenanceOriented) {
			ack.Set(i)
			if c.pending == blocking { // the GRA says it
				c.pending = nothing
				g.stop(&c.owner, T12, T13)
				out = indicate(out, BlockConf, c.cic)
			}
		}
		if c.block[HardwareFailure].local && !g.unblocks(c, HardwareFailure) {
			failed.Set(i)
			any = true
		}
	}
	if any {
		out = g.startOp(now, New(CGB, m.CIC, HardwareFailure, failed), HardwareFailure, failed, out)
	}
	return g.send(out, New(GRA, m.CIC, ack))
}

func (g *Group) handleCGB(m Message, rs RangeAndStatus, s Supervision, out []Output) []Output {
	ack, answer := NewRange(rs.Circuits()), CGBA
	if m.Type == CGU {
		answer = CGUA
	}
	for i := range rs.Circuits() {
		c := g.circuits[m.CIC+CIC(i)]
		if c == nil || !rs.At(i) {
			continue
		}
		ack.Set(i)
		if block := m.Type == CGB; c.block[s].remote != block {
			c.block[s].remote = block
			kind := UnblockedInd
			if block {
				kind = BlockedInd
			}
			out = append(out, Indication{Kind: kind, CIC: c.cic, Message: m})
		}
		if m.Type == CGB && s == HardwareFailure {
			out = g.dropNow(c, m, out)
		}
	}
	return g.send(out, New(answer, m.CIC, s, ack))
}

func (g *Group) handleCQM(m Message, rs RangeAndStatus, out []Output) []Output {
	states := make(CircuitState, 0, rs.Circuits())
	for i := range rs.Circuits() {
		states = append(states, g.circuits[m.CIC+CIC(i)].status())
	}
	return g.send(out, New(CQR, m.CIC, rs, states))
}

// status is the state of a circuit in a CQR (Q.763 section 3.14). A circuit that is not here is unequipped.
func (c *circuit) status() State {
	if c == nil {
		return UnequippedState
	}
	p := Idle
	switch {
	case c.state == resetting || c.state == releasing || c.state == released || c.pending != nothing:
		return TransientState
	case c.block[HardwareFailure].local || c.block[HardwareFailure].remote: // such a circuit is idle
	case c.state != idle && c.outgoing:
		p = OutgoingBusy
	case c.state != idle:
		p = IncomingBusy
	}
	return NewState(p, c.block[0].local, c.block[0].remote, c.block[1].local, c.block[1].remote)
}

// handleAnswer ends a procedure of this exchange.
func (g *Group) handleAnswer(now time.Time, m Message, rs RangeAndStatus, s Supervision, out []Output) []Output {
	request := map[MessageType]MessageType{GRA: GRS, CGBA: CGB, CGUA: CGU, CQR: CQM}[m.Type]
	op := g.ops[opKey{request, m.CIC, s, rs.Range}]
	if op == nil {
		return g.handleUnasked(now, m, rs, s, out)
	}
	g.endOp(op)
	switch m.Type {
	case CQR:
		return append(out, Indication{Kind: QueryConf, CIC: m.CIC, Message: m})
	case GRA:
		for i := range rs.Circuits() {
			c := g.circuits[m.CIC+CIC(i)]
			if c == nil {
				continue
			}
			if c.state == resetting { // and not idle already, because an RSC was answered meanwhile
				g.idle(c)
			}
			if c.block[MaintenanceOriented].remote != rs.At(i) {
				c.block[MaintenanceOriented].remote = rs.At(i)
				kind := UnblockedInd
				if rs.At(i) {
					kind = BlockedInd
				}
				out = indicate(out, kind, c.cic)
			}
		}
		out = g.blockAgain(now, m, rs, out)
		return append(out, Indication{Kind: ResetConf, CIC: m.CIC, Message: m})
	}
	for i := range rs.Circuits() {
		c := g.circuits[m.CIC+CIC(i)]
		if c == nil || !op.rs.At(i) {
			continue
		}
		switch {
		case !rs.At(i):
			out = append(out, Alert{CIC: c.cic, Reason: m.Type.String() + " without this circuit"})
		case m.Type == CGBA:
			out = indicate(out, BlockConf, c.cic)
		default:
			c.block[s].local = false
			out = indicate(out, UnblockConf, c.cic)
		}
	}
	return out
}

// blockAgain tells the other end, which has reset circuits and forgotten that they are blocked from here.
func (g *Group) blockAgain(now time.Time, m Message, rs RangeAndStatus, out []Output) []Output {
	failed, any := NewRange(rs.Circuits()), false
	for i := range rs.Circuits() {
		c := g.circuits[m.CIC+CIC(i)]
		if c == nil {
			continue
		}
		if c.block[MaintenanceOriented].local && !g.unblocks(c, MaintenanceOriented) {
			out = g.blockCircuit(now, c, out)
		}
		if c.block[HardwareFailure].local && !g.unblocks(c, HardwareFailure) {
			failed.Set(i)
			any = true
		}
	}
	if any {
		out = g.startOp(now, New(CGB, m.CIC, HardwareFailure, failed), HardwareFailure, failed, out)
	}
	return out
}

// handleUnasked: Q.764 section 2.8.2.3. An acknowledgement of a blocking that is not there is answered with the unblocking, and the
// other way round. A GRA may be the answer to a GRS that was sent twice.
func (g *Group) handleUnasked(now time.Time, m Message, rs RangeAndStatus, s Supervision, out []Output) []Output {
	g.stats.Unreasonable++
	if m.Type == GRA {
		return g.blockAgain(now, m, rs, out)
	}
	if m.Type == CQR {
		return out
	}
	wrong, n := NewRange(rs.Circuits()), 0
	for i := range rs.Circuits() {
		c := g.circuits[m.CIC+CIC(i)]
		if c != nil && rs.At(i) && n < maxStatusBits && c.block[s].local == (m.Type == CGUA) && !g.changing(c, s) && (s == HardwareFailure || c.pending == nothing) {
			wrong.Set(i)
			n++
		}
	}
	if n == 0 {
		return out
	}
	t := CGU
	if m.Type == CGUA {
		t = CGB
	}
	return g.startOp(now, New(t, m.CIC, s, wrong), s, wrong, out)
}
