package m3ua

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/mtp3"
)

// sgCore is the state of a signalling gateway process: its Application Servers and their ASPs. It
// has no clock, no goroutine and no association: it takes inputs with the time and appends outputs.
type sgCore struct {
	cfg      SGConfig
	as       []*asCore
	asps     map[string]*aspCore
	isolated bool // the nodal interworking function is not available (section 4.7)

	status      map[statusKey]*destState // what the network said about destinations
	nextContext uint32
	dynamic     int // how many AS were made by registration
	index       *keyIndex
}

// asCore is an Application Server.
type asCore struct {
	cfg      ASConfig
	mode     TrafficMode // in force; 0: the first ASP Active decides
	state    State
	members  []*member
	recovery time.Time // T(r)
	dynamic  bool      // made by registration
	changed  bool      // its distribution is to be published

	handle *AS // of the runner
}

// member is an ASP in an AS.
type member struct {
	as         *asCore
	asp        *aspCore
	state      State
	registered bool // by REG REQ, not by configuration
}

// aspCore is an ASP.
type aspCore struct {
	cfg     ASPConfig
	members []*member
	ready   bool // there is an association
	up      bool // ASP Up was received: not ASP-DOWN
	single  bool // the association has no streams
	id      Optional

	nextBeat time.Time // 0: none is due
	heard    atomic.Bool
	silent   int // how many beats in a row nothing was heard

	errs   int // how many ERR may be sent before errsAt
	errsAt time.Time

	peer *sgPeer // of the runner
}

// output is what a core wants done; the runner does it in order.
type output struct {
	asp  *aspCore
	send Message
	on   uint16  // the stream of send
	as   *asCore // publish: the distribution of as has changed
	drop error   // abort the association of asp: why
	ev   Event   // if its Kind is set

	routes bool // the routing keys have changed
}

// newSGCore makes a core without AS and ASPs.
func newSGCore(cfg SGConfig) *sgCore {
	cfg.setDefaults()
	return &sgCore{cfg: cfg, asps: map[string]*aspCore{}, status: map[statusKey]*destState{}, nextContext: cfg.Registration.FirstContext}
}

// maxErrs is how many ERR an association gets in a second: a peer that sends nonsense does not get
// as much back.
const maxErrs = 20

// errorTo answers a message with ERR. raw is what was received.
func (g *sgCore) errorTo(now time.Time, a *aspCore, e *ERR, raw []byte, why error, out []output) []output {
	if !now.Before(a.errsAt) {
		a.errs, a.errsAt = maxErrs, now.Add(time.Second)
	}
	if a.errs--; a.errs < 0 {
		return out
	}
	if e.Diagnostic == nil {
		e.Diagnostic = diagnostic(e.Code, raw)
	}
	out = append(out, output{asp: a, send: e})
	return append(out, output{ev: Event{Kind: ErrorSentEvent, ASP: a.cfg.Name, Message: e, Err: why}})
}

// diagnostic is what an ERR shows of the offending message: 40 octets for classes and types that
// are not supported, otherwise as much as is of use.
func diagnostic(code ErrorCode, raw []byte) []byte {
	n := 512
	if code == UnsupportedMessageClass || code == UnsupportedMessageType {
		n = 40
	}
	if len(raw) == 0 {
		return nil
	}
	return slices.Clone(raw[:min(n, len(raw))])
}

// bad answers a message that did not parse. ERR is never answered with ERR.
func (g *sgCore) bad(now time.Time, a *aspCore, err error, raw []byte, out []output) []output {
	var pe *ParseError
	if !errors.As(err, &pe) || pe.Type == TypeERR && len(raw) >= 4 {
		return out
	}
	a.heard.Store(true)
	return g.errorTo(now, a, &ERR{Code: pe.Code}, raw, err, out)
}

// unexpected answers a message that the state does not allow.
func (g *sgCore) unexpected(now time.Time, a *aspCore, m Message, raw []byte, out []output) []output {
	return g.errorTo(now, a, &ERR{Code: UnexpectedMessage, RoutingContexts: contextsOf(m)}, raw,
		fmt.Errorf("m3ua: %v is not expected while the ASP is %v", m.Type(), a.stateName()), out)
}

func (a *aspCore) stateName() string {
	switch {
	case !a.up:
		return "ASP-DOWN"
	case a.active():
		return "ASP-ACTIVE"
	}
	return "ASP-INACTIVE"
}

func (a *aspCore) active() bool {
	return slices.ContainsFunc(a.members, func(m *member) bool { return m.state == Active })
}

// contextsOf are the Routing Contexts of a message.
func contextsOf(m Message) []uint32 {
	switch m := m.(type) {
	case *ASPActive:
		return m.RoutingContexts
	case *ASPInactive:
		return m.RoutingContexts
	case *DEREGREQ:
		return m.RoutingContexts
	case *DATA:
		if m.RoutingContext.Set {
			return []uint32{m.RoutingContext.Value}
		}
	case *DUNA:
		return m.RoutingContexts
	case *DAVA:
		return m.RoutingContexts
	case *DAUD:
		return m.RoutingContexts
	case *DRST:
		return m.RoutingContexts
	case *SCON:
		return m.RoutingContexts
	case *DUPU:
		return m.RoutingContexts
	}
	return nil
}

// wrongStream says whether a message must not come on this stream (section 1.4.7): ASPSM, MGMT and
// RKM belong on stream 0, but for BEAT, BEAT ACK and NTFY; DATA does not.
func wrongStream(t MessageType, stream uint16) bool {
	switch t {
	case TypeDATA:
		return stream == 0
	case TypeBEAT, TypeBEATAck, TypeNTFY, TypeERR:
		return false
	}
	switch t.Class() {
	case ASPSM, RKM:
		return stream != 0
	}
	return false
}

// handle takes a message other than DATA of an active ASP.
func (g *sgCore) handle(now time.Time, a *aspCore, stream uint16, m Message, raw []byte, out []output) []output {
	a.heard.Store(true)
	if !a.single && wrongStream(m.Type(), stream) {
		return g.errorTo(now, a, &ERR{Code: InvalidStreamIdentifier}, raw, fmt.Errorf("m3ua: %v on stream %d", m.Type(), stream), out)
	}
	if g.cfg.Strict && m.Type() != TypeERR {
		if tag, ok := Unexpected(m); ok {
			return g.errorTo(now, a, &ERR{Code: UnexpectedParameter}, raw, fmt.Errorf("m3ua: %v with %v", m.Type(), tag), out)
		}
	}
	switch m := m.(type) {
	case *ASPUp:
		return g.aspUp(now, a, m, raw, out)
	case *ASPDown:
		return g.aspDown(now, a, out)
	case *BEAT:
		return append(out, output{asp: a, send: &BEATAck{Data: m.Data, Unknown: m.Unknown}, on: stream})
	case *BEATAck:
		return out
	case *ERR:
		return append(out, output{ev: Event{Kind: ErrorEvent, ASP: a.cfg.Name, Message: cloneMessage(m), RoutingContexts: m.RoutingContexts}})
	}
	if !a.up {
		return g.unexpected(now, a, m, raw, out)
	}
	switch m := m.(type) {
	case *ASPActive:
		return g.aspActive(now, a, m, raw, out)
	case *ASPInactive:
		return g.aspInactive(now, a, m, raw, out)
	case *REGREQ:
		return g.register(now, a, m, raw, out)
	case *DEREGREQ:
		return g.deregister(now, a, m, raw, out)
	case *DAUD:
		return g.audit(now, a, m, raw, out)
	case *SCON:
		return g.peerCongested(now, a, m, raw, out)
	case *DATA:
		return g.refuseDATA(now, a, m, raw, out)
	}
	return g.unexpected(now, a, m, raw, out)
}

// refuseDATA answers a DATA message that did not go to the user, with the reason.
func (g *sgCore) refuseDATA(now time.Time, a *aspCore, d *DATA, raw []byte, out []output) []output {
	refuse := func(e *ERR, format string, args ...any) []output {
		return g.errorTo(now, a, e, raw, fmt.Errorf("m3ua: DATA "+format, args...), out)
	}
	if d.RoutingContext.Set {
		m := a.member(d.RoutingContext.Value)
		if m == nil {
			return refuse(&ERR{Code: InvalidRoutingContext, RoutingContexts: []uint32{d.RoutingContext.Value}}, "for Routing Context %v, which ASP %q does not have", d.RoutingContext, a.cfg.Name)
		}
		if m.state != Active {
			return g.unexpected(now, a, d, raw, out)
		}
	} else if len(a.members) > 1 {
		return refuse(&ERR{Code: MissingParameter}, "without Routing Context from ASP %q, which has %d", a.cfg.Name, len(a.members))
	} else if len(a.members) == 0 {
		return refuse(&ERR{Code: NoConfiguredAS}, "from ASP %q, which has no AS", a.cfg.Name)
	} else if a.members[0].state != Active {
		return g.unexpected(now, a, d, raw, out)
	}
	if d.NetworkAppearance.Set && !g.knownNA(d.NetworkAppearance.Value) {
		return refuse(&ERR{Code: InvalidNetworkAppearance, NetworkAppearance: d.NetworkAppearance}, "of Network Appearance %v, which is not configured", d.NetworkAppearance)
	}
	if d.MSU.SI == mtp3.SNM {
		// Section 1.4.3.2: MTP3 management messages are not carried.
		return refuse(&ERR{Code: ProtocolError}, "with network management of MTP3")
	}
	return out
}

// member is the ASP's membership for a Routing Context, or nil.
func (a *aspCore) member(rc uint32) *member {
	for _, m := range a.members {
		if m.as.cfg.RoutingContext == rc {
			return m
		}
	}
	return nil
}

// configuredNA says whether anything has a Network Appearance.
func (g *sgCore) configuredNA() bool {
	return len(g.cfg.NetworkAppearances) > 0 || slices.ContainsFunc(g.as, func(s *asCore) bool { return s.cfg.Key.NetworkAppearance.Set })
}

// knownNA says whether a Network Appearance is configured. Where none is, and the gateway is not
// strict, all are taken for the one network.
func (g *sgCore) knownNA(na uint32) bool {
	if !g.configuredNA() {
		return !g.cfg.Strict
	}
	return g.hasNA(na)
}

func (g *sgCore) hasNA(na uint32) bool {
	return slices.Contains(g.cfg.NetworkAppearances, na) ||
		slices.ContainsFunc(g.as, func(s *asCore) bool { return s.cfg.Key.NetworkAppearance == Some(na) })
}

// deadline is when expire has something to do; zero: never.
func (g *sgCore) deadline() time.Time {
	var at time.Time
	for _, s := range g.as {
		at = earlier(at, s.recovery)
	}
	for _, a := range g.asps {
		at = earlier(at, a.nextBeat)
	}
	return at
}

// earlier is the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// expire does what is due.
func (g *sgCore) expire(now time.Time, out []output) []output {
	for _, s := range slices.Clone(g.as) {
		if !s.recovery.IsZero() && !now.Before(s.recovery) {
			s.recovery = time.Time{}
			out = g.setState(now, s, s.idleState(), out)
		}
	}
	for _, name := range sortedKeys(g.asps) {
		a := g.asps[name]
		if !a.nextBeat.IsZero() && !now.Before(a.nextBeat) {
			out = g.beat(now, a, out)
		}
	}
	return out
}

// tBeat is T(beat) of an ASP: an association without streams is one of TCP, which notices nothing by itself.
func (g *sgCore) tBeat(a *aspCore) time.Duration {
	if g.cfg.TBeat == 0 && a.single {
		return 30 * time.Second
	}
	return g.cfg.TBeat
}

// beat sends a BEAT, or gives an ASP up that said nothing since the last two.
func (g *sgCore) beat(now time.Time, a *aspCore, out []output) []output {
	if a.heard.Swap(false) {
		a.silent = 0
	} else if a.silent++; a.silent >= 2 {
		a.nextBeat = time.Time{}
		return append(out, output{asp: a, drop: errSilent})
	}
	a.nextBeat = now.Add(g.tBeat(a))
	return append(out, output{asp: a, send: &BEAT{Data: beatData(now)}})
}

var errSilent = errors.New("m3ua: nothing heard for 2*T(beat)")

func beatData(now time.Time) []byte { return fmt.Appendf(nil, "%016x", now.UnixNano()) }
