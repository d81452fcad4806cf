package m3ua

import (
	"errors"
	"fmt"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// handle takes a message other than DATA that is delivered.
func (c *clientCore) handle(now time.Time, stream uint16, m Message, raw []byte, out []output) []output {
	c.heard.Store(true)
	if !c.single && wrongStream(m.Type(), stream) {
		return c.errorTo(now, &ERR{Code: InvalidStreamIdentifier}, raw, fmt.Errorf("m3ua: %v on stream %d", m.Type(), stream), out)
	}
	switch m := m.(type) {
	case *ASPUpAck:
		return c.upAck(now, m, raw, out)
	case *ASPDownAck:
		// Section 4.3.4.2: asked for or not, the ASP is down now.
		if c.ack[askDown].at.IsZero() && !c.ack[askUp].at.IsZero() {
			return out
		}
		c.answered(askDown)
		return c.step(now, c.toDown(out))
	case *ASPActiveAck:
		return c.activeAck(now, m, raw, out)
	case *ASPInactiveAck:
		return c.inactiveAck(now, m, raw, out)
	case *BEAT:
		return append(out, output{send: &BEATAck{Data: m.Data, Unknown: m.Unknown}, on: stream})
	case *BEATAck:
		return out
	case *ERR:
		return c.refusedBy(now, m, out)
	case *ASPUp, *ASPDown, *ASPActive, *ASPInactive:
		if c.cfg.Exchange != ToSGP {
			return c.request(now, m, raw, out)
		}
		return c.unexpected(now, m, raw, out)
	}
	if !c.up && !c.peerUp {
		return c.unexpected(now, m, raw, out)
	}
	switch m := m.(type) {
	case *NTFY:
		return c.notified(now, m, out)
	case *REGRSP:
		return c.registered(now, m, raw, out)
	case *DEREGRSP:
		return c.deregistered(now, m, raw, out)
	case *DUNA:
		return c.told(now, TypeDUNA, m.Affected, Optional{}, out)
	case *DAVA:
		return c.told(now, TypeDAVA, m.Affected, Optional{}, out)
	case *DRST:
		return c.told(now, TypeDRST, m.Affected, Optional{}, out)
	case *SCON:
		return c.told(now, TypeSCON, m.Affected, m.Level, out)
	case *DUPU:
		p := mtp3.Primitive{Kind: mtp3.StatusPrimitive, Affected: mtp3.Destination{PC: m.Affected},
			Status: mtp3.Status{Cause: mtp3.UserUnknown, SI: m.User}}
		switch m.Cause {
		case CauseUnequipped:
			p.Status.Cause = mtp3.UserUnequipped
		case CauseInaccessible:
			p.Status.Cause = mtp3.UserInaccessible
		}
		return append(out, output{ev: Event{Kind: PrimitiveEvent, ASP: c.cfg.Name, Primitive: p}})
	case *DATA:
		return c.refuseDATA(now, m, raw, out)
	}
	return c.unexpected(now, m, raw, out)
}

// upAck follows RFC 4666 section 4.3.4.1: the ASP is inactive now. One that nobody asked for, while
// it was not inactive, gets an ERR, and the ASP returns to where it was.
func (c *clientCore) upAck(now time.Time, _ *ASPUpAck, raw []byte, out []output) []output {
	was := c.state()
	if !c.answered(askUp) {
		if was != Inactive {
			out = c.errorTo(now, &ERR{Code: UnexpectedMessage}, raw, fmt.Errorf("m3ua: ASP Up Ack that was not asked for"), out)
		}
		c.ack[askActive] = request{}
	}
	return c.step(now, c.becomeUp(now, was, out))
}

// becomeUp makes every AS inactive.
func (c *clientCore) becomeUp(now time.Time, was State, out []output) []output {
	c.up, c.stopped = true, false
	if c.cfg.TBeat > 0 && c.nextBeat.IsZero() {
		c.nextBeat, c.silent = now.Add(c.cfg.TBeat), 0
	}
	for _, s := range c.as {
		s.state, s.asked = Inactive, false
	}
	return c.changed(was, nil, out)
}

// activeAck follows RFC 4666 section 4.3.4.3. There may be several for one ASP Active.
func (c *clientCore) activeAck(now time.Time, m *ASPActiveAck, raw []byte, out []output) []output {
	if !c.up || c.ack[askActive].at.IsZero() {
		for _, s := range c.about(m.RoutingContexts) {
			if s.state != Active {
				return c.unexpected(now, m, raw, out)
			}
		}
		return out
	}
	was := c.state()
	for _, s := range c.about(m.RoutingContexts) {
		if s.asked {
			s.state, s.asked = Active, false
		}
	}
	for _, s := range c.as {
		if s.asked {
			return c.changed(was, m.RoutingContexts, out) // T(ack) goes on for the others
		}
	}
	c.answered(askActive)
	return c.step(now, c.changed(was, m.RoutingContexts, out))
}

// inactiveAck follows RFC 4666 section 4.3.4.4: asked for or not, the ASP is inactive now; if not,
// it returns to where it was.
func (c *clientCore) inactiveAck(now time.Time, m *ASPInactiveAck, _ []byte, out []output) []output {
	if !c.up {
		return out
	}
	was := c.state()
	for _, s := range c.about(m.RoutingContexts) {
		s.state, s.asked = Inactive, false
	}
	c.answered(askInactive)
	return c.step(now, c.changed(was, m.RoutingContexts, out))
}

// refusedBy takes an ERR: what was asked is asked again after TRefused.
func (c *clientCore) refusedBy(now time.Time, m *ERR, out []output) []output {
	clone := cloneMessage(m).(*ERR)
	out = append(out, output{ev: Event{Kind: ErrorEvent, ASP: c.cfg.Name, Message: clone, RoutingContexts: m.RoutingContexts}})
	for i := range c.ack {
		if !c.ack[i].at.IsZero() {
			c.ack[i].at = now.Add(c.cfg.TRefused)
			c.refusal = &RefusedError{clone}
			c.refused++
		}
	}
	return out
}

// RefusedError says that the peer answered a request with ERR.
type RefusedError struct{ ERR *ERR }

// Error says which error.
func (e *RefusedError) Error() string {
	s := "m3ua: refused: " + e.ERR.Code.String()
	if len(e.ERR.RoutingContexts) > 0 {
		s += fmt.Sprintf(" (Routing Context %v)", e.ERR.RoutingContexts)
	}
	return s
}

// notified takes an NTFY; it may come at any time, between a request and its acknowledgement too.
//
//	NTFY                        AS                       Next
//	Alternate ASP Active        active                   inactive until AS-PENDING
//	AS-PENDING                  overridden or standby    ASP Active is sent
//	Insufficient ASP Resources  standby                  ASP Active is sent
func (c *clientCore) notified(now time.Time, m *NTFY, out []output) []output {
	out = append(out, output{ev: Event{Kind: NotifyEvent, ASP: c.cfg.Name, Message: cloneMessage(m), RoutingContexts: m.RoutingContexts}})
	was := c.state()
	for _, s := range c.about(m.RoutingContexts) {
		switch m.Status {
		case NotifyAlternateASPActive:
			if s.state == Active {
				s.state, s.idle = Inactive, true
			}
		case NotifyASPending:
			s.idle = false
		case NotifyInsufficientASPs:
			if c.cfg.Standby {
				s.idle = false
			}
		}
	}
	return c.step(now, c.changed(was, m.RoutingContexts, out))
}

// registered takes a REG RSP.
func (c *clientCore) registered(now time.Time, m *REGRSP, raw []byte, out []output) []output {
	if c.ack[askRegister].at.IsZero() {
		return c.unexpected(now, m, raw, out)
	}
	waiting := false
	for i := range c.keys {
		k := &c.keys[i]
		for _, r := range m.Results {
			if r.LocalID != k.req.LocalID || k.done {
				continue
			}
			k.done = true
			if r.Status == Registered || r.Status == RegAlreadyRegistered {
				if k.as = c.find(r.RoutingContext); k.as == nil {
					k.as = &clientAS{rc: Some(r.RoutingContext), state: Inactive, idle: c.cfg.Standby, registered: true}
					c.as = append(c.as, k.as)
				}
				out = append(out, output{ev: Event{Kind: RegisteredEvent, ASP: c.cfg.Name, RoutingContexts: []uint32{r.RoutingContext}}})
			} else {
				c.refusal = &RegistrationError{Key: k.req.Key, Status: r.Status}
				c.refused++
				out = append(out, output{ev: Event{Kind: ErrorEvent, ASP: c.cfg.Name, Err: c.refusal}})
			}
		}
		waiting = waiting || !k.done
	}
	if !waiting {
		c.answered(askRegister)
	}
	return c.step(now, append(out, output{routes: true}))
}

// RegistrationError says that the peer did not register a routing key.
type RegistrationError struct {
	Key    RoutingKey
	Status RegistrationStatus
}

// Error says which key and why.
func (e *RegistrationError) Error() string {
	return fmt.Sprintf("m3ua: routing key %v: %v", e.Key, e.Status)
}

// deregistered takes a DEREG RSP. Whatever it says, the ASP is on its way down.
func (c *clientCore) deregistered(now time.Time, m *DEREGRSP, raw []byte, out []output) []output {
	if !c.answered(askDeregister) {
		return c.unexpected(now, m, raw, out)
	}
	for _, s := range c.as {
		s.registered = false
	}
	for i := range c.keys {
		c.keys[i].done = true
	}
	out = append(out, output{ev: Event{Kind: DeregisteredEvent, ASP: c.cfg.Name}})
	if c.goal != Down {
		return out
	}
	out = c.ask(now, askDown, &ASPDown{}, out)
	for _, r := range m.Results {
		for i := range c.as {
			if c.as[i].rc == Some(r.RoutingContext) && !contextConfigured(c.cfg.RoutingContexts, r.RoutingContext) {
				c.as = append(c.as[:i], c.as[i+1:]...)
				break
			}
		}
	}
	return append(out, output{routes: true})
}

func contextConfigured(rcs []uint32, rc uint32) bool {
	for _, x := range rcs {
		if x == rc {
			return true
		}
	}
	return false
}

// told takes DUNA, DAVA, DRST or SCON (RFC 4666 section 4.5.2.1):
//
//	Message  Before       Primitive
//	DUNA     any other    MTP-PAUSE
//	DAVA     any other    MTP-RESUME
//	DRST     unavailable  MTP-RESUME
//	SCON     any          MTP-STATUS
func (c *clientCore) told(now time.Time, t MessageType, ds []mtp3.Destination, level Optional, out []output) []output {
	for _, d := range ds {
		if d.Wild > 24 {
			d.Wild = 24
		}
		d = d.Canonical()
		old := c.audits[d]
		if old != nil && old.state == t && old.level == level && t != TypeSCON {
			old.at = c.auditAt(now, t, level)
			continue
		}
		for k := range c.audits {
			if d.Covers(k) && t != TypeSCON {
				delete(c.audits, k)
			}
		}
		if len(c.audits) < maxAudits && (t != TypeSCON || old == nil) {
			c.audits[d] = &auditState{state: t, level: level, at: c.auditAt(now, t, level)}
		} else if old != nil {
			old.level, old.at = level, c.auditAt(now, t, level)
		}
		switch t {
		case TypeDUNA:
			out = append(out, c.primitive(mtp3.PausePrimitive, d))
		case TypeDAVA:
			out = append(out, c.primitive(mtp3.ResumePrimitive, d))
		case TypeDRST:
			if old == nil || old.state == TypeDUNA {
				out = append(out, c.primitive(mtp3.ResumePrimitive, d))
			}
		case TypeSCON:
			p := c.primitive(mtp3.StatusPrimitive, d)
			p.ev.Primitive.Status = mtp3.Status{Cause: mtp3.Congested, Level: 1}
			if level.Set {
				p.ev.Primitive.Status.Level = uint8(level.Value)
			}
			out = append(out, p)
		}
	}
	return out
}

// auditAt is when to ask for a destination again (section 4.5.3): not if all is well with it.
func (c *clientCore) auditAt(now time.Time, t MessageType, level Optional) time.Time {
	if c.cfg.TAudit < 0 || t == TypeDAVA || t == TypeSCON && level.Set && level.Value == 0 {
		return time.Time{}
	}
	return now.Add(c.cfg.TAudit)
}

// refuseDATA is about DATA that is not delivered: an inactive ASP drops it in silence (section
// 3.8.1).
func (c *clientCore) refuseDATA(now time.Time, d *DATA, raw []byte, out []output) []output {
	if rc := d.RoutingContext; rc.Set && len(c.about([]uint32{rc.Value})) == 0 {
		return c.errorTo(now, &ERR{Code: InvalidRoutingContext, RoutingContexts: []uint32{rc.Value}}, raw, fmt.Errorf("m3ua: DATA for Routing Context %v, which this ASP does not have", rc), out)
	} else if !rc.Set && len(c.as) > 1 {
		return c.errorTo(now, &ERR{Code: MissingParameter}, raw, fmt.Errorf("m3ua: DATA without Routing Context"), out)
	}
	return out
}

// request takes what another IPSP asks (RFC 4666 sections 4.3.4.1.2, 4.3.4.3.1, 4.3.4.4.1). In a
// single exchange it changes the state of both sides; in a double one that of the peer's direction.
// An IPSP that nobody told to be up, or active, refuses.
func (c *clientCore) request(now time.Time, m Message, raw []byte, out []output) []output {
	both := c.cfg.Exchange == SingleExchange
	switch m := m.(type) {
	case *ASPUp:
		if c.goal == Down {
			return c.errorTo(now, &ERR{Code: RefusedManagementBlocking}, raw, errNotWanted, out)
		}
		out = append(out, output{send: &ASPUpAck{ASPIdentifier: c.cfg.Identifier}})
		if c.peerUp = true; both {
			c.answered(askUp)
			out = c.becomeUp(now, c.state(), out)
		} else {
			clear(c.peerActive)
		}
	case *ASPDown:
		out = append(out, output{send: &ASPDownAck{}})
		c.peerUp = false
		clear(c.peerActive)
		if both {
			out = c.toDown(out)
			c.stopped = true
		}
	case *ASPActive:
		if !c.peerUp && !c.up {
			return c.unexpected(now, m, raw, out)
		}
		if m.TrafficMode != 0 && !m.TrafficMode.Valid() {
			return c.errorTo(now, &ERR{Code: UnsupportedTrafficMode, RoutingContexts: m.RoutingContexts}, raw, fmt.Errorf("m3ua: %v in ASP Active", m.TrafficMode), out)
		}
		if rc, ok := c.unknownContext(m.RoutingContexts, both); ok {
			return c.errorTo(now, &ERR{Code: InvalidRoutingContext, RoutingContexts: []uint32{rc}}, raw, fmt.Errorf("m3ua: ASP Active for Routing Context %d, which nobody configured", rc), out)
		}
		if c.goal != Active && both {
			return c.errorTo(now, &ERR{Code: RefusedManagementBlocking, RoutingContexts: m.RoutingContexts}, raw, errNotWanted, out)
		}
		out = append(out, output{send: &ASPActiveAck{TrafficMode: m.TrafficMode, RoutingContexts: m.RoutingContexts}})
		out = c.peerTraffic(m.RoutingContexts, Active, both, out)
	case *ASPInactive:
		if !c.peerUp && !c.up {
			return c.unexpected(now, m, raw, out)
		}
		if rc, ok := c.unknownContext(m.RoutingContexts, both); ok {
			return c.errorTo(now, &ERR{Code: InvalidRoutingContext, RoutingContexts: []uint32{rc}}, raw, fmt.Errorf("m3ua: ASP Inactive for Routing Context %d, which nobody configured", rc), out)
		}
		out = append(out, output{send: &ASPInactiveAck{RoutingContexts: m.RoutingContexts}})
		out = c.peerTraffic(m.RoutingContexts, Inactive, both, out)
	}
	return c.step(now, append(out, output{routes: true}))
}

var errNotWanted = errors.New("m3ua: this IPSP is not to be up, or active, yet")

// unknownContext is a Routing Context of the peer's that is not configured.
func (c *clientCore) unknownContext(rcs []uint32, both bool) (uint32, bool) {
	known := c.peerContexts()
	for _, rc := range rcs {
		if both && len(c.about([]uint32{rc})) == 0 || !both && len(known) > 0 && !contextConfigured(known, rc) {
			return rc, true
		}
	}
	return 0, false
}

// peerContexts are the Routing Contexts that the peer activates in a double exchange.
func (c *clientCore) peerContexts() []uint32 {
	if len(c.cfg.PeerContexts) > 0 {
		return c.cfg.PeerContexts
	}
	return c.cfg.RoutingContexts
}

// peerTraffic starts or stops traffic as the other IPSP wants it.
func (c *clientCore) peerTraffic(rcs []uint32, to State, both bool, out []output) []output {
	if both {
		was := c.state()
		for _, s := range c.about(rcs) {
			s.state, s.asked, s.idle = to, false, to == Inactive
		}
		c.ack[askActive], c.ack[askInactive] = request{}, request{}
		return c.changed(was, rcs, out)
	}
	if len(rcs) == 0 {
		if rcs = c.peerContexts(); len(rcs) == 0 {
			rcs = []uint32{0}
		}
	}
	for _, rc := range rcs {
		if to == Active {
			c.peerActive[rc] = true
		} else {
			delete(c.peerActive, rc)
		}
	}
	return append(out, output{ev: Event{Kind: ASPStateEvent, ASP: c.cfg.Name + "/peer", RoutingContexts: rcs, State: to}})
}
