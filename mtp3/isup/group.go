package isup

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/gotelco/telco/internal/loop"
	"github.com/gotelco/telco/mtp3"
)

// Selection is how circuits are chosen so that both ends seldom take the same one (Q.764 section 2.9.1.3).
type Selection uint8

// The methods.
const (
	// Method2 prefers circuits that this exchange controls, the one idle for the longest time first; then of
	// the others the one that became idle last.
	Method2 Selection = iota
	// Method1 takes the lowest free circuit at the exchange with the lower point code, the highest at the other.
	Method1
)

// Config is what a Group is about.
type Config struct {
	// OPC is this exchange, DPC the one at the other end of the circuits. The exchange with the higher point code controls
	// the circuits with even codes: where both take the same one, its call goes on (Q.764 section 2.9.1.4).
	OPC, DPC mtp3.PointCode

	// Circuits are the codes of the circuits between the two.
	Circuits []CIC

	// Selection is how circuits are chosen. If zero, Method2.
	Selection Selection

	// Location goes into the causes that the Group makes by itself. If zero (which means User), PublicLocal.
	Location Location

	// UnequippedCircuits tells to answer messages about circuits that are not here with UCIC (national use, Q.764
	// section 2.12). If false, they are discarded.
	UnequippedCircuits bool

	// LoopBackAck tells to answer a CCR with LPA (national use, Q.764 section 2.1.8).
	LoopBackAck bool

	// Transit tells that this is not the exchange at which a call ends: messages and parameters that are not known, and that say they
	// may be passed on, go to the call control (Q.764 section 2.9.5.3.2).
	Transit bool

	// International tells that this is an incoming international exchange, which runs T38.
	International bool

	// Timers differ from those of Q.764 where they are not zero.
	Timers Timers
}

// Group is the circuits between two exchanges, and the calls on them (Q.764): a state machine without clock, goroutine or
// transport. Its methods append what is to be done to a slice of the caller's. It must not be used by two goroutines at once.
type Group struct {
	cfg      Config
	circuits map[CIC]*circuit
	order    []*circuit // by code

	ops   map[opKey]*groupOp
	own   owner // of the timers that belong to the exchange: T4, T29, T30
	peers peerState

	timers  loop.Heap
	due     *timer // what Expire has before it
	idleSeq uint64
	stats   Stats
}

// peerState is what is known of the exchange at the other end.
type peerState struct {
	paused      bool // MTP-PAUSE
	unavailable bool // MTP-STATUS: no user part there
	level       uint8
	share       uint8 // counts set-ups, to let some through
}

// Stats counts what a Group did.
type Stats struct {
	Received, Sent [256]uint64 // by MessageType
	Setups         uint64      // calls sent
	Incoming       uint64      // calls received
	Answered       uint64
	DualSeizures   uint64
	Unreasonable   uint64             // messages that did not fit the state of their circuit
	Malformed      uint64             // messages that could not be read
	NoCircuit      uint64             // messages about circuits that are not here
	Expired        [timerCount]uint64 // by Timer
}

// Errors of requests.
var (
	ErrNoCircuit   = errors.New("isup: no idle circuit")
	ErrUnavailable = errors.New("isup: the exchange cannot be reached")
	ErrCongested   = errors.New("isup: congestion, the call is not tried")
	ErrUnknownCIC  = errors.New("isup: no such circuit")
	ErrRange       = errors.New("isup: range of circuits")
)

// StateError says that a request does not fit what the circuit is doing.
type StateError struct {
	CIC     CIC
	Request string
	State   string
}

func (e *StateError) Error() string {
	return fmt.Sprintf("isup: %s on circuit %d: it is %s", e.Request, e.CIC, e.State)
}

// NewGroup returns a Group whose circuits are all idle and not blocked. An exchange that has just started does not know that:
// it begins with ResetGroup (Q.764 section 2.9.3).
func NewGroup(cfg Config) (*Group, error) {
	if cfg.Location == 0 {
		cfg.Location = PublicLocal
	}
	g := &Group{cfg: cfg, circuits: make(map[CIC]*circuit, len(cfg.Circuits)), ops: map[opKey]*groupOp{}}
	for _, cic := range cfg.Circuits {
		if cic > MaxCIC {
			return nil, fmt.Errorf("isup: circuit %d: the highest is %d", cic, MaxCIC)
		}
		if g.circuits[cic] != nil {
			return nil, fmt.Errorf("isup: circuit %d twice", cic)
		}
		c := &circuit{cic: cic, control: (cfg.OPC > cfg.DPC) == (cic&1 == 0)}
		c.circuit = c
		g.circuits[cic] = c
		g.order = append(g.order, c)
	}
	sort.Slice(g.order, func(i, j int) bool { return g.order[i].cic < g.order[j].cic })
	return g, nil
}

// Stats returns the counters.
func (g *Group) Stats() Stats { return g.stats }

// CircuitStatus is what a circuit is doing.
type CircuitStatus struct {
	CIC      CIC
	State    string
	Outgoing bool
	// Who blocks it, for which reason.
	LocalMaintenance, RemoteMaintenance, LocalHardware, RemoteHardware bool
}

// Circuits returns the state of all circuits, by code.
func (g *Group) Circuits() []CircuitStatus {
	all := make([]CircuitStatus, 0, len(g.order))
	for _, c := range g.order {
		all = append(all, CircuitStatus{c.cic, c.state.String(), c.outgoing && c.state.busy(),
			c.block[MaintenanceOriented].local, c.block[MaintenanceOriented].remote, c.block[HardwareFailure].local, c.block[HardwareFailure].remote})
	}
	return all
}

// Idle is how many circuits could take a call now.
func (g *Group) Idle() int {
	n := 0
	for _, c := range g.order {
		if c.selectable() {
			n++
		}
	}
	return n
}

// choose selects a circuit for an outgoing call.
func (g *Group) choose() *circuit {
	if g.cfg.Selection == Method1 {
		for i := range g.order {
			c := g.order[i]
			if g.cfg.OPC > g.cfg.DPC {
				c = g.order[len(g.order)-1-i]
			}
			if c.selectable() {
				return c
			}
		}
		return nil
	}
	var first, last *circuit
	for _, c := range g.order {
		switch {
		case !c.selectable():
		case c.control && (first == nil || c.idleSince < first.idleSince):
			first = c
		case !c.control && (last == nil || c.idleSince > last.idleSince):
			last = c
		}
	}
	if first != nil {
		return first
	}
	return last
}

func (g *Group) send(out []Output, m Message) []Output {
	g.stats.Sent[m.Type]++
	return append(out, Send{m})
}

// simple sends a message without parameters.
func (g *Group) simple(out []Output, t MessageType, cic CIC) []Output {
	return g.send(out, Message{Type: t, CIC: cic})
}

func (g *Group) cause(v CauseValue, diagnostics ...byte) Cause {
	return Cause{Value: v, Location: g.cfg.Location, Diagnostics: diagnostics}
}

func indicate(out []Output, kind Primitive, cic CIC) []Output {
	return append(out, Indication{Kind: kind, CIC: cic})
}

// Receive takes a message from the exchange at the other end: what followed the routing label. Messages in the output alias b.
func (g *Group) Receive(now time.Time, b []byte, out []Output) []Output {
	m, err := Parse(b)
	if err != nil {
		// Q.764 section 2.9.5.2: a message with a format error is discarded.
		g.stats.Malformed++
		return append(out, Alert{CIC: m.CIC, Reason: err.Error()})
	}
	return g.Handle(now, m, out)
}

// Handle is Receive with a message that was read already.
func (g *Group) Handle(now time.Time, m Message, out []Output) []Output {
	g.stats.Received[m.Type]++
	if g.peers.unavailable { // whatever it says, it is there (Q.764 section 2.13.2)
		g.peers.unavailable = false
		g.stop(&g.own, T4)
		out = indicate(out, AvailableInd, m.CIC)
	}
	switch m.Type {
	case UPT:
		return g.simple(out, UPA, m.CIC)
	case UPA:
		return out
	case GRS, GRA, CGB, CGBA, CGU, CGUA, CQM, CQR:
		return g.handleGroup(now, m, out)
	}
	c := g.circuits[m.CIC]
	if c == nil {
		g.stats.NoCircuit++
		if g.cfg.UnequippedCircuits && m.Type != UCIC && m.Type != CFN {
			out = g.simple(out, UCIC, m.CIC)
		}
		return out
	}
	if c.unequipped { // it has a circuit after all
		c.unequipped = false
	}
	return g.handleCircuit(now, c, m, out)
}

func (g *Group) expireGroup(now time.Time, t Timer, out []Output) []Output {
	g.stats.Expired[t]++
	switch t {
	case T4:
		g.start(now, &g.own, T4)
		if len(g.order) > 0 {
			out = g.simple(out, UPT, g.order[0].cic)
		}
	case T30:
		if g.peers.level--; g.peers.level > 0 {
			g.start(now, &g.own, T30)
		}
		out = indicate(out, CongestionInd, 0)
	}
	return out
}

// MTP takes MTP-PAUSE, MTP-RESUME and MTP-STATUS about the other exchange (Q.764 sections 2.10, 2.13). Primitives about
// others have no effect.
func (g *Group) MTP(now time.Time, p mtp3.Primitive, out []Output) []Output {
	if !p.Affected.Contains(g.cfg.DPC) {
		return out
	}
	switch p.Kind {
	case mtp3.PausePrimitive:
		if !g.peers.paused {
			g.peers.paused = true
			out = indicate(out, UnavailableInd, 0)
		}
	case mtp3.ResumePrimitive:
		if g.peers.paused {
			g.peers.paused = false
			out = g.again(now, indicate(out, AvailableInd, 0))
		}
	case mtp3.StatusPrimitive:
		if p.Status.Cause == mtp3.Congested {
			return g.congested(now, out)
		}
		if p.Status.SI != mtp3.ISUP {
			return out
		}
		if !g.peers.unavailable {
			g.peers.unavailable = true
			out = indicate(out, UnavailableInd, 0)
			if p.Status.Cause != mtp3.UserUnequipped {
				g.start(now, &g.own, T4)
				if len(g.order) > 0 {
					out = g.simple(out, UPT, g.order[0].cic)
				}
			}
		}
	}
	return out
}

// again sends what waits for an answer once more, rather than wait for the timers that would do so: the other end can be reached again,
// and what was said meanwhile is lost.
func (g *Group) again(now time.Time, out []Output) []Output {
	var ops []*groupOp
	for _, op := range g.ops {
		ops = append(ops, op)
	}
	sort.Slice(ops, func(i, j int) bool {
		a, b := ops[i].key, ops[j].key
		return a.cic < b.cic || a.cic == b.cic && (a.request < b.request || a.request == b.request && a.supervision < b.supervision)
	})
	for _, op := range ops {
		if t, _ := opTimers(op.key.request); op.runs(t) {
			g.start(now, &op.owner, t)
		}
		out = g.send(out, op.msg)
	}
	for _, c := range g.order {
		for _, t := range []Timer{T1, T12, T14, T16} {
			if c.runs(t) {
				g.start(now, &c.owner, t)
				out = g.repeat(c, t, out)
			}
		}
	}
	return out
}

// repeat sends the message that a timer repeats.
func (g *Group) repeat(c *circuit, t Timer, out []Output) []Output {
	switch t {
	case T1:
		return g.send(out, c.rel)
	case T12, T13:
		return g.simple(out, BLO, c.cic)
	case T14, T15:
		return g.simple(out, UBL, c.cic)
	}
	return g.simple(out, RSC, c.cic) // T16, T17
}

// maxCongestion is how many steps of Q.764 section 2.10 there are; at step n, n of maxCongestion calls are refused.
const maxCongestion = 4

// congested takes one step (Q.764 section 2.10): not within T29 of the one before, and back after T30.
func (g *Group) congested(now time.Time, out []Output) []Output {
	if g.own.runs(T29) {
		return out
	}
	g.start(now, &g.own, T29)
	g.start(now, &g.own, T30)
	if g.peers.level == maxCongestion {
		return out
	}
	g.peers.level++
	return indicate(out, CongestionInd, 0)
}

// Congestion is the step of congestion, 0 (none) to 4 (no calls).
func (g *Group) Congestion() int { return int(g.peers.level) }
