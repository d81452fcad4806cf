package m3ua

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// clientCore is the state of an ASP, or of an IPSP, towards one peer. Like sgCore it has no clock,
// goroutine or association. It has a goal, and takes one step after the other towards it.
type clientCore struct {
	cfg  ClientConfig
	goal State // Down, Inactive or Active

	ready  bool // there is an association
	single bool // without streams
	up     bool
	as     []*clientAS
	keys   []clientKey

	ack     [requests]request
	stopped bool // the peer of a single exchange said ASP Down: wait for its ASP Up

	peerUp     bool            // double exchange: the peer's direction
	peerActive map[uint32]bool // by Routing Context; 0: without

	nextBeat time.Time
	heard    atomic.Bool
	silent   int

	audits map[mtp3.Destination]*auditState

	errs    int
	errsAt  time.Time
	refusal error // the last ERR or REG RSP that refused something
	refused int   // how many there were
}

// clientAS is an Application Server the ASP is in.
type clientAS struct {
	rc         Optional
	state      State
	idle       bool // stays inactive: overridden, on standby, or the peer's wish
	registered bool
	asked      bool // ASP Active is on its way
}

type clientKey struct {
	req  RoutingKeyRequest
	done bool // answered
	as   *clientAS
}

// auditState is what the gateway last said about a destination.
type auditState struct {
	state MessageType
	level Optional
	at    time.Time // of the DAUD; zero: none
}

// maxAudits bounds what is remembered of destinations.
const maxAudits = 4096

// request is a message that waits for its acknowledgement.
type request struct {
	at   time.Time // when to ask again; zero: nothing is asked
	send Message
}

// The requests of an ASP.
const (
	askUp = iota
	askDown
	askActive
	askInactive
	askRegister
	askDeregister
	requests
)

func newClientCore(cfg ClientConfig) *clientCore {
	cfg.setDefaults()
	c := &clientCore{cfg: cfg, peerActive: map[uint32]bool{}, audits: map[mtp3.Destination]*auditState{}}
	for _, rc := range cfg.RoutingContexts {
		c.as = append(c.as, &clientAS{rc: Some(rc)})
	}
	for i, k := range cfg.Keys {
		k.LocalID = uint32(i + 1)
		c.keys = append(c.keys, clientKey{req: k})
	}
	if len(c.as) == 0 && len(c.keys) == 0 {
		c.as = append(c.as, &clientAS{})
	}
	if cfg.Standby {
		for _, s := range c.as {
			s.idle = true
		}
	}
	return c
}

func (c *clientCore) associated(now time.Time, single bool, out []output) []output {
	c.ready, c.single = true, single
	out = append(out, output{ev: Event{Kind: AssociationUp, ASP: c.cfg.Name}})
	return c.step(now, out)
}

// lost tells that the association is gone, or that the peer began anew: ASP-DOWN (RFC 4666 section
// 4.3.3).
func (c *clientCore) lost(now time.Time, restart bool, why error, out []output) []output {
	c.ready = restart
	out = append(out, output{ev: Event{Kind: AssociationDown, ASP: c.cfg.Name, Err: why}})
	out = c.toDown(out)
	c.peerUp, c.stopped = false, false
	clear(c.peerActive)
	if restart {
		out = append(out, output{ev: Event{Kind: AssociationUp, ASP: c.cfg.Name}})
	}
	return c.step(now, append(out, output{routes: true}))
}

// toDown makes everything ASP-DOWN and forgets what was registered.
func (c *clientCore) toDown(out []output) []output {
	was := c.state()
	c.up, c.nextBeat = false, time.Time{}
	clear(c.ack[:])
	clear(c.audits)
	for _, s := range c.as {
		s.state, s.asked = Down, false
		s.idle = c.cfg.Standby
	}
	c.as = slices.DeleteFunc(c.as, func(s *clientAS) bool { return s.registered })
	for i := range c.keys {
		c.keys[i].done, c.keys[i].as = false, nil
	}
	return c.changed(was, nil, out)
}

// state is the best state in any AS.
func (c *clientCore) state() State {
	st := Down
	if c.up {
		st = Inactive
	}
	for _, s := range c.as {
		st = max(st, s.state)
	}
	return st
}

// changed tells of a change of state; the destinations come and go with the first and last AS.
func (c *clientCore) changed(was State, rcs []uint32, out []output) []output {
	now := c.state()
	out = append(out, output{routes: true})
	if now == was {
		return out
	}
	out = append(out, output{ev: Event{Kind: ASPStateEvent, ASP: c.cfg.Name, Was: was, State: now, RoutingContexts: rcs}})
	switch {
	case now == Active:
		out = append(out, c.primitive(mtp3.ResumePrimitive, everything))
	case was == Active:
		clear(c.audits)
		out = append(out, c.primitive(mtp3.PausePrimitive, everything))
	}
	return out
}

func (c *clientCore) primitive(k mtp3.PrimitiveKind, d mtp3.Destination) output {
	return output{ev: Event{Kind: PrimitiveEvent, ASP: c.cfg.Name, Primitive: mtp3.Primitive{Kind: k, Affected: d}}}
}

// step does what comes next on the way to the goal, unless an answer is awaited:
//
//	State         Goal          Request              Next
//	ASP-DOWN      any other     ASP Up               ASP-INACTIVE
//	ASP-INACTIVE  any but DOWN  REG REQ for keys     ASP-INACTIVE
//	ASP-INACTIVE  ASP-ACTIVE    ASP Active           ASP-ACTIVE
//	ASP-ACTIVE    any other     ASP Inactive         ASP-INACTIVE
//	ASP-INACTIVE  ASP-DOWN      DEREG REQ for keys   ASP-INACTIVE
//	ASP-INACTIVE  ASP-DOWN      ASP Down             ASP-DOWN
func (c *clientCore) step(now time.Time, out []output) []output {
	if !c.ready || c.stopped {
		return out
	}
	for i := range c.ack {
		if !c.ack[i].at.IsZero() {
			return out
		}
	}
	if !c.up {
		if c.goal == Down || c.cfg.Passive {
			return out
		}
		return c.ask(now, askUp, &ASPUp{ASPIdentifier: c.cfg.Identifier}, out)
	}
	if c.goal != Active {
		if rcs, any := c.list(Active); any {
			return c.ask(now, askInactive, &ASPInactive{RoutingContexts: rcs}, out)
		}
	}
	if c.goal == Down {
		var rcs []uint32
		for _, s := range c.as {
			if s.registered {
				rcs = append(rcs, s.rc.Value)
			}
		}
		if rcs != nil {
			return c.ask(now, askDeregister, &DEREGREQ{RoutingContexts: rcs}, out)
		}
		return c.ask(now, askDown, &ASPDown{}, out)
	}
	var keys []RoutingKeyRequest
	for _, k := range c.keys {
		if !k.done {
			keys = append(keys, k.req)
		}
	}
	if keys != nil {
		return c.ask(now, askRegister, &REGREQ{Keys: keys}, out)
	}
	if c.goal == Active && !(c.cfg.Passive && c.cfg.Exchange == SingleExchange) {
		if rcs, any := c.list(Inactive); any {
			out = c.ask(now, askActive, &ASPActive{TrafficMode: c.cfg.TrafficMode, RoutingContexts: rcs}, out)
			return append(out, output{routes: true}) // DATA may come before the acknowledgement
		}
	}
	return out
}

// list are the Routing Contexts of the AS in a state that are to leave it; any says whether there
// are any, even without a Routing Context.
func (c *clientCore) list(st State) (rcs []uint32, any bool) {
	for _, s := range c.as {
		if s.state != st || st == Inactive && s.idle {
			continue
		}
		any = true
		s.asked = st == Inactive
		if s.rc.Set {
			rcs = append(rcs, s.rc.Value)
		}
	}
	return rcs, any
}

// ask sends a request and starts T(ack).
func (c *clientCore) ask(now time.Time, which int, m Message, out []output) []output {
	c.ack[which] = request{at: now.Add(c.cfg.TAck), send: m}
	return append(out, output{send: m})
}

// answered stops T(ack). It is false if nothing was asked.
func (c *clientCore) answered(which int) bool {
	asked := !c.ack[which].at.IsZero()
	c.ack[which] = request{}
	return asked
}

func (c *clientCore) deadline() time.Time {
	at := c.nextBeat
	for i := range c.ack {
		at = earlier(at, c.ack[i].at)
	}
	for _, a := range c.audits {
		at = earlier(at, a.at)
	}
	return at
}

// expire sends again what was not answered within T(ack), audits, and beats.
func (c *clientCore) expire(now time.Time, out []output) []output {
	for i := range c.ack {
		if r := &c.ack[i]; !r.at.IsZero() && !now.Before(r.at) {
			m := r.send
			*r = request{}
			if i == askActive || i == askInactive {
				out = c.step(now, out) // the set of AS may have changed
				continue
			}
			out = c.ask(now, i, m, out)
		}
	}
	if !c.nextBeat.IsZero() && !now.Before(c.nextBeat) {
		if c.heard.Swap(false) {
			c.silent = 0
		} else if c.silent++; c.silent >= 2 {
			c.nextBeat = time.Time{}
			return append(out, output{drop: errSilent})
		}
		c.nextBeat = now.Add(c.cfg.TBeat)
		out = append(out, output{send: &BEAT{Data: beatData(now)}})
	}
	var due []mtp3.Destination
	for d, a := range c.audits {
		if !a.at.IsZero() && !now.Before(a.at) {
			due = append(due, d)
			a.at = now.Add(c.cfg.TAudit)
		}
	}
	return c.audit(due, out)
}

// audit asks for destinations.
func (c *clientCore) audit(ds []mtp3.Destination, out []output) []output {
	slices.SortFunc(ds, func(a, b mtp3.Destination) int { return int(a.PC) - int(b.PC) })
	rcs := c.activeContexts()
	for part := range slices.Chunk(ds, maxAffected) {
		out = append(out, output{send: &DAUD{NetworkAppearance: c.cfg.NetworkAppearance, RoutingContexts: rcs, Affected: part}})
	}
	return out
}

func (c *clientCore) activeContexts() (rcs []uint32) {
	for _, s := range c.as {
		if s.state == Active && s.rc.Set {
			rcs = append(rcs, s.rc.Value)
		}
	}
	return rcs
}

// errorTo answers with ERR, as a gateway does.
func (c *clientCore) errorTo(now time.Time, e *ERR, raw []byte, why error, out []output) []output {
	if !now.Before(c.errsAt) {
		c.errs, c.errsAt = maxErrs, now.Add(time.Second)
	}
	if c.errs--; c.errs < 0 {
		return out
	}
	e.Diagnostic = diagnostic(e.Code, raw)
	return append(out, output{send: e}, output{ev: Event{Kind: ErrorSentEvent, ASP: c.cfg.Name, Message: e, Err: why}})
}

// bad answers a message that did not parse.
func (c *clientCore) bad(now time.Time, err error, raw []byte, out []output) []output {
	var pe *ParseError
	if !errors.As(err, &pe) || pe.Type == TypeERR && len(raw) >= 4 {
		return out
	}
	return c.errorTo(now, &ERR{Code: pe.Code}, raw, err, out)
}

func (c *clientCore) unexpected(now time.Time, m Message, raw []byte, out []output) []output {
	return c.errorTo(now, &ERR{Code: UnexpectedMessage, RoutingContexts: contextsOf(m)}, raw,
		fmt.Errorf("m3ua: %v is not expected while this ASP is ASP-%v", m.Type(), c.state()), out)
}

// find is the AS of a Routing Context.
func (c *clientCore) find(rc uint32) *clientAS {
	for _, s := range c.as {
		if s.rc == Some(rc) {
			return s
		}
	}
	return nil
}

// about are the AS that a message names; all of them if it names none.
func (c *clientCore) about(rcs []uint32) []*clientAS {
	if len(rcs) == 0 {
		return c.as
	}
	var list []*clientAS
	for _, rc := range rcs {
		if s := c.find(rc); s != nil {
			list = append(list, s)
		}
	}
	if list == nil && len(c.as) == 1 && !c.as[0].rc.Set {
		return c.as // the peer says a Routing Context where this side has none
	}
	return list
}
