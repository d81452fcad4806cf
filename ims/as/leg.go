package as

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// session is a call from outside, from its INVITE until its end has been told.
type session struct {
	s      *Server
	set    *settings // that were in force when it came
	id     string
	peer   peer
	req    *sip.Request // as it came
	ask    *Request
	isc    ISC
	past   past   // its way here
	source string // address and port
	// unverified is a phone that has not shown its password
	unverified bool
	began      time.Time

	telling chan struct{} // has one in it while OnCall runs
	ended   bool          // OnEnd is next; by turns of telling

	mu       sync.Mutex
	decision Decision
	decided  bool // the decision has not been carried out yet
	adopted  bool // there is a channel
	proxied  bool
	over     bool
	status   int
	answered time.Time
	target   string
	attempts []Attempt
	rang     time.Time
	out      *call.Call // the leg that answered
	outs     []*out     // all legs that were called
	failure  int        // the status code of the last attempt that failed
	redirect *redirect  // of the last attempt; nil if it was none
	way      way        // the call goes now
	told     []sip.HistoryInfo
}

// onInvite takes a call from outside. It must not block.
func (s *Server) onInvite(f *sip.Forwarding, set *settings, p peer) {
	s.counts.received.Add(1)
	req := f.Original
	if p.side == 0 {
		s.stranger(f)
		f.Respond(refusal(req, 403, 0, ""))
		return
	}
	if _, ok := hops(req); !ok {
		f.Respond(refusal(req, 483, 25, ""))
		return
	}
	urgent := set.urgent(req)
	if p.trunk != nil && !p.trunk.take(urgent) {
		s.counts.refused.Add(1)
		f.Respond(refusal(req, 503, 34, ""))
		return
	}
	if !s.enter(set, urgent) {
		s.counts.refused.Add(1)
		if p.trunk != nil {
			p.trunk.release()
		}
		f.Respond(refusal(req, 503, 42, ""))
		return
	}
	x := &session{s: s, set: set, id: control.NewUUID(), peer: p, req: req, source: sourceOf(f.Flow()), began: time.Now(), telling: make(chan struct{}, 1)}
	f.Transaction().OnRespond(x.onRespond)
	s.spawn(func() { x.decide(f) })
}

// decide finds out what becomes of the call, and begins with it.
func (x *session) decide(f *sip.Forwarding) {
	tx := f.Transaction()
	if x.peer.side == SidePhone && !x.authentic(f) {
		return
	}
	if status := x.describe(f); status != 0 {
		x.refuse(f, status, 28)
		return
	}
	if x.ask.Emergency != "" && x.set.Emergency != nil {
		x.set.Emergency.Alert(x.ask)
	}
	ctx, cancel := context.WithTimeout(tx.Context(), x.set.RouteTimeout)
	d, err := x.s.decision(ctx, x.set, x.ask)
	late := ctx.Err()
	cancel()
	switch {
	case errors.Is(context.Cause(tx.Context()), sip.ErrCanceled):
		x.refuse(f, 487, 0)
		return
	case err != nil:
		x.s.log.Error("as: no decision", "call_id", x.req.CallID(), "called", x.ask.Called.String(), "err", err)
		if late != nil {
			x.refuse(f, 504, 102)
		} else {
			x.refuse(f, 500, 41)
		}
		return
	}
	x.mu.Lock()
	x.decision, x.decided = d, true
	x.mu.Unlock()
	x.s.log.Info("as: call", "id", x.id, "call_id", x.req.CallID(), "side", x.ask.Side.String(), "trunk", x.ask.Trunk, "case", x.ask.Case.String(),
		"calling", x.ask.Calling.String(), "called", x.ask.Called.String(), "rule", d.Rule, "action", d.Action.String())
	switch {
	case d.Action == Proxy:
		x.underWay()
		x.proxy(f)
	case d.Action == Refuse && x.set.Announcements.name(causeOf(d), d.Announcement) == "":
		x.refuseAsDecided(f, d)
	default:
		x.s.mu.Lock()
		x.s.pending[x.req] = x
		x.s.mu.Unlock()
		x.underWay()
		if err := f.Serve(); err != nil {
			x.finish(nil)
		}
	}
}

// decision asks the router.
func (s *Server) decision(ctx context.Context, set *settings, r *Request) (Decision, error) {
	var d Decision
	if set.Router == nil {
		d = Decision{Action: Refuse, Status: 404}
		if r.Side == SideIMS {
			d = Decision{Action: Proxy}
		}
	} else {
		var err error
		if d, err = set.Router.Route(ctx, r); err != nil {
			return d, err
		}
	}
	if d.Calling.IsZero() && !d.Calling.Private {
		d.Calling = r.Calling
	}
	if d.Called.IsZero() {
		d.Called = r.Called
	}
	return d, nil
}

// describe makes the request that the router sees. It returns the status code to refuse with, 0 if there is none.
func (x *session) describe(f *sip.Forwarding) int {
	req := x.req
	uri, err := req.URI()
	if err != nil {
		return 416
	}
	ask := &Request{ID: x.id, Time: x.began, Method: req.Method, Side: x.peer.side, Source: f.Flow().Remote, SIP: req, Vars: map[string]string{}}
	border, trusted := x.set.ims, x.peer.trust >= Trusted
	history, diversion := trusted, trusted
	switch x.peer.side {
	case SideIMS:
		own, _ := f.Route()
		var rest []string
		for v := range f.Request.Values("Route") {
			rest = append(rest, strings.Clone(v))
		}
		x.isc = ParseISC(req, own, rest, x.set.IMS)
		ask.Case, ask.RegState, ask.ServedUser = x.isc.Case, x.isc.RegState, x.isc.ServedUser
	case SideTrunk:
		border, ask.Trunk = x.peer.trunk.border, x.peer.trunk.Name
		history, diversion = x.peer.trunk.Diversion.fields(x.peer.trust)
		if to, err := req.To(); err == nil && x.peer.trunk.CalledInTo {
			uri = to.URI
		}
	case SidePhone:
		border = x.set.phones
	}
	var numberErr error
	ask.Emergency = x.set.emergency(uri)
	if ask.Emergency != "" {
		ask.Called = PartyOf(uri, true) // 112 is not +4930112
	} else {
		ask.Called, numberErr = border.CalledIn(uri)
	}
	ask.Calling = border.CallingIn(&req.Header, trusted)
	x.past = readPast(&req.Header, history, diversion)
	ask.Diversions = x.past.steps(border)
	ask.Unverified = x.unverified
	if from, err := req.From(); err == nil && x.peer.side == SidePhone && !x.unverified {
		ask.Trunk = strings.Clone(from.URI.User)
		ask.Calling = x.set.phone(ask.Trunk, ask.Calling)
	}
	x.ask = ask
	if numberErr == nil && ask.Called.Number.IsZero() && uri.Scheme == "tel" {
		numberErr = ErrNotNumber
	}
	if numberErr != nil && (ask.Called.Number.IsZero() || errors.Is(numberErr, ErrTooLong)) {
		x.s.log.Warn("as: nobody can be called so", "uri", req.RequestURI, "call_id", req.CallID(), "err", numberErr)
		return 484
	}
	return 0
}

// phone is a user of the phones as the caller.
func (s *settings) phone(user string, p Party) Party {
	out := Party{URI: "sip:" + user + "@" + s.Phones.Domain, Name: p.Name, Private: p.Private}
	if n, err := ParseNumber(s.Phones.Numbers[user]); err == nil {
		out.Number, out.URI = n, ""
	}
	return out
}

// authentic asks a phone for its password, unless it is right already.
func (x *session) authentic(f *sip.Forwarding) bool {
	user, resp, err := sip.Authenticate(f.Transaction().Context(), x.set.digest, x.req, true)
	if resp != nil && x.set.urgent(x.req) && !x.set.Phones.EmergencyPassword {
		x.s.log.Warn("as: emergency call of a phone without its password", "call_id", x.req.CallID(), "source", x.source, "err", err)
		x.unverified = true
		return true
	}
	if resp != nil {
		if err != nil {
			x.s.log.Debug("as: caller is challenged", "call_id", x.req.CallID(), "err", err)
		}
		x.mu.Lock()
		x.over = true // no call yet
		x.mu.Unlock()
		x.s.counts.received.Add(^uint64(0))
		f.Respond(resp)
		x.s.leave()
		return false
	}
	if from, err := x.req.From(); err != nil || from.URI.User != user.Username {
		if x.set.urgent(x.req) && !x.set.Phones.EmergencyPassword {
			x.unverified = true
			return true
		}
		x.s.log.Warn("as: caller uses another's name", "user", user.Username, "call_id", x.req.CallID())
		x.refuse(f, 403, 21)
		return false
	}
	return true
}

// refuse refuses a call that has no channel.
func (x *session) refuse(f *sip.Forwarding, status, cause int) {
	f.Respond(refusal(x.req, status, cause, ""))
	x.finish(nil)
}

// refuseAsDecided refuses or redirects (RFC 3261 section 21.3).
func (x *session) refuseAsDecided(f *sip.Forwarding, d Decision) {
	resp := refusal(x.req, statusOf(d), causeOf(d), "")
	x.contacts(resp, d)
	f.Respond(resp)
	x.finish(nil)
}

// contacts adds the targets to a redirection.
func (x *session) contacts(resp *sip.Response, d Decision) {
	if resp.StatusCode >= 400 {
		return
	}
	for _, t := range d.Targets {
		if u, err := x.redirectTo(t, d); err == nil {
			resp.Add("Contact", sip.Address{URI: u}.String())
		}
	}
}

func (x *session) redirectTo(t Target, d Decision) (sip.URI, error) {
	called := d.Called
	if t.Called != "" {
		var err error
		if called, err = partyOfText(t.Called); err != nil {
			return sip.URI{}, err
		}
	}
	switch {
	case t.URI != "":
		return sip.ParseURI(t.URI)
	case t.Trunk != "":
		if tr := x.set.trunk(t.Trunk); tr != nil && len(tr.servers) > 0 {
			return tr.border.CalledOut(called, tr.host(tr.servers[0]))
		}
		return sip.URI{}, errNoTrunk
	}
	return x.set.ims.CalledOut(called, x.set.IMS.domain(x.set))
}

// statusOf and causeOf are what a decision refuses with (RFC 3398 section 8.2.6.1).
func statusOf(d Decision) int {
	switch {
	case d.Status >= 300 && d.Status < 700:
		return d.Status
	case d.Cause > 0:
		return control.Cause(d.Cause).SIPStatus()
	}
	return 404
}

func causeOf(d Decision) int {
	if d.Cause > 0 {
		return d.Cause
	}
	return control.CauseOfStatus(statusOf(d)).Q850()
}

// onCall takes what the agent has made of a call.
func (s *Server) onCall(c *call.Call) {
	s.mu.Lock()
	x := s.pending[c.Request()]
	delete(s.pending, c.Request())
	if x != nil {
		s.sessions[x.id] = x
	}
	s.mu.Unlock()
	if x == nil {
		c.Refuse(500, "")
		return
	}
	x.mu.Lock()
	over := x.over
	x.adopted = true
	x.mu.Unlock()
	if over { // cancelled meanwhile
		s.forget(x)
		return
	}
	if x.peer.trunk != nil && len(x.peer.trunk.codecs) > 0 {
		c.SetCodecs(x.peer.trunk.codecs...)
	}
	ch, err := s.sw.Adopt(c, x.vars()...)
	if err != nil {
		x.mu.Lock()
		x.adopted = false
		x.mu.Unlock()
		s.log.Warn("as: call refused", "id", x.id, "call_id", x.req.CallID(), "err", err)
		x.finish(nil)
		return
	}
	if err := ch.Transfer(control.Extension{Number: x.extension()}); err != nil {
		ch.Hangup(control.NormalTemporaryFailure)
	}
	<-ch.Done()
}

// extension is who is called, for the dialplan.
func (x *session) extension() string {
	if s := x.ask.Called.String(); s != "" && s[0] != '&' {
		return s
	}
	return "s"
}

// vars are the variables of the caller's channel.
func (x *session) vars() []control.Var {
	a, d := x.ask, x.decision
	vars := []control.Var{
		{Name: "uuid", Value: x.id}, {Name: "caller_id_number", Value: a.Calling.String()}, {Name: "caller_id_name", Value: a.Calling.Name},
		{Name: "destination_number", Value: a.Called.String()}, {Name: "as_side", Value: a.Side.String()}, {Name: "as_trunk", Value: a.Trunk},
		{Name: "as_rule", Value: d.Rule},
	}
	if len(a.Diversions) > 0 {
		vars = append(vars, control.Var{Name: "as_diverted_by", Value: a.Diversions[0].By.String()}, control.Var{Name: "as_diversion_reason", Value: a.Diversions[0].Reason})
	}
	if a.Side == SideIMS {
		vars = append(vars, control.Var{Name: "as_session_case", Value: a.Case.String()}, control.Var{Name: "as_reg_state", Value: a.RegState.String()},
			control.Var{Name: "as_served_user", Value: a.ServedUser}, control.Var{Name: "as_odi", Value: x.isc.ODI()})
	}
	if v, err := x.req.ChargingVector(); err == nil && x.peer.trust >= Trusted {
		vars = append(vars, control.Var{Name: "as_icid", Value: v.ICID()})
	}
	for k, v := range d.Vars {
		vars = append(vars, control.Var{Name: k, Value: v})
	}
	return vars
}

// session returns the call from outside that a channel belongs to: its own, or that of its caller.
func (s *Server) session(ch *control.Channel) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.sessions[ch.UUID()]; x != nil {
		return x
	}
	return s.sessions[ch.Var("originator")]
}

// onDestroy is the end of a channel.
func (s *Server) onDestroy(ch *control.Channel) {
	s.mu.Lock()
	x := s.sessions[ch.UUID()]
	caller := s.sessions[ch.Var("originator")]
	s.mu.Unlock()
	if x != nil {
		x.finish(ch)
	} else if caller != nil {
		caller.legOver(ch)
	}
}

// forget takes a session out of memory.
func (s *Server) forget(x *session) {
	s.mu.Lock()
	delete(s.sessions, x.id)
	delete(s.pending, x.req)
	s.mu.Unlock()
}
