package as

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// CallInfo is a call from outside that is over.
type CallInfo struct {
	ID       string // the UUID of its channel
	Request  *Request
	Decision Decision
	CallID   string // of the caller's leg
	ODI      string // original dialog identifier of a leg of the IMS side
	ICID     string // IMS charging identity, where there is one

	OrigIOI string // operators of both sides, where they are told
	TermIOI string

	// Diversions are the steps by which the call came to be for whom it was sent to last, the latest first: those before
	// it came here, and the server's own.
	Diversions []Diversion

	Began, Rang, Answered, Ended time.Time // Rang and Answered are zero where nobody has
	Status                       int       // of the final response to the caller; 487 where the caller gave up
	Cause                        control.Cause
	HungUp                       cdr.HungUp
	Target                       string            // that answered, or was tried last: "trunk/NAME", "ims", …
	Attempts                     []Attempt         // at targets, in order
	Legs                         []cdr.Leg         // the caller's first, that of who answered last
	Recordings                   []string          // names of what the caller's channel was recorded to
	Vars                         map[string]string // of the channel; nil where the call never had one
}

// Attempt is how one server of a target has done.
type Attempt struct {
	Target string // "trunk/NAME", "phone/NAME", "ims" or "uri"
	URI    string // that was called
	Err    error  // nil where it answered
}

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

// onRespond adds the header fields of the caller's network to what it is answered, and notes the answer. It must not
// block.
func (x *session) onRespond(resp *sip.Response) {
	x.mu.Lock()
	out, proxied, told := x.out, x.proxied, x.told
	if x.rang.IsZero() && (resp.StatusCode == 180 || resp.StatusCode == 183) {
		x.rang = time.Now()
	}
	if resp.StatusCode >= 200 && x.status == 0 {
		x.status = resp.StatusCode
		if resp.IsSuccess() {
			x.answered = time.Now()
		}
	}
	answered := !x.answered.IsZero() && resp.IsSuccess()
	x.mu.Unlock()
	if answered && !proxied {
		x.underWay()
	}
	// A refusal ends a call that has no channel, whoever refuses it: the agent does so for want of room, too.
	if proxied && !resp.IsProvisional() || resp.StatusCode >= 300 {
		x.s.spawn(func() { x.finish(nil) })
	}
	if proxied {
		return
	}
	if resp.StatusCode == 100 || resp.StatusCode >= 300 || x.peer.trust < Trusted {
		return
	}
	if out != nil {
		if answer := out.Response(); answer != nil {
			x.connected(&resp.Header, &answer.Header, x.trustOf())
		}
	}
	if !resp.Has("History-Info") && (len(x.past.history) > 0 || x.req.HasToken("Supported", "histinfo")) {
		for _, e := range told { // RFC 7044 section 9.4
			resp.Add("History-Info", e.Address.String())
		}
	}
	if v, err := x.req.ChargingVector(); err == nil && !resp.Has("P-Charging-Vector") {
		if x.set.IMS.TermIOI != "" && x.peer.side == SideIMS && v.TermIOI() == "" {
			v.Params.SetQuoted("term-ioi", x.set.IMS.TermIOI)
		}
		resp.Set("P-Charging-Vector", v.String())
	}
}

// carriedBack are the header fields of an answer that the other leg gets too.
var carriedBack = map[string]Trust{
	"P-Asserted-Identity": Trusted, "P-Charging-Vector": Trusted, "P-Charging-Function-Addresses": Home, "P-Access-Network-Info": Trusted,
	"Feature-Caps": Home, "History-Info": Trusted, "Session-ID": Untrusted, "Privacy": Trusted,
}

// connected carries the answer's header fields over from a network of the trust from.
func (x *session) connected(dst, src *sip.Header, from Trust) {
	for name, need := range carriedBack {
		if from < need || x.peer.trust < need || dst.Has(name) {
			continue
		}
		for v := range src.Values(name) {
			dst.Add(name, v)
		}
	}
}

// trustOf is the trust of the network that has answered.
func (x *session) trustOf() Trust {
	x.mu.Lock()
	defer x.mu.Unlock()
	if name, ok := strings.CutPrefix(x.target, "trunk/"); ok {
		if t := x.set.trunk(name); t != nil {
			return t.Trust
		}
	}
	if x.target == "ims" {
		return Home
	}
	return Untrusted
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

// finish tells of the end of the call, once.
func (x *session) finish(ch *control.Channel) {
	s := x.s
	x.mu.Lock()
	if x.over || ch == nil && x.adopted {
		x.mu.Unlock()
		return
	}
	x.over = true
	info := x.infoLocked()
	info.Ended = time.Now()
	proxied := x.proxied
	x.mu.Unlock()
	info.OrigIOI, info.TermIOI = x.ioi()
	info.Cause = control.CauseOfStatus(info.Status)
	if ch != nil {
		info.Cause, info.Vars, info.Recordings = ch.Cause(), ch.Vars(), ch.Recorded()
	}
	info.HungUp = hungUp(ch, info.Status)
	info.Legs = x.legs(ch)
	switch {
	case proxied:
		s.counts.proxied.Add(1)
	case info.Answered.IsZero():
		s.counts.failed.Add(1)
	default:
		s.counts.answered.Add(1)
	}
	s.forget(x)
	if x.peer.trunk != nil {
		x.peer.trunk.release()
	}
	s.log.Info("as: call over", "id", x.id, "status", info.Status, "cause", info.Cause.String(), "target", info.Target, "seconds", seconds(info))
	x.telling <- struct{}{} // OnCall has returned
	x.ended = true
	<-x.telling
	if x.set.OnEnd != nil {
		x.set.OnEnd(info)
	}
	s.leave()
}

// infoLocked is what can be said of the call so far, with mu held.
func (x *session) infoLocked() *CallInfo {
	info := &CallInfo{
		ID: x.id, Request: x.ask, Decision: x.decision, CallID: x.req.CallID(), ODI: x.isc.ODI(), Began: x.began, Rang: x.rang, Answered: x.answered,
		Status: x.status, Target: x.target, Attempts: x.attempts, Diversions: x.way.steps,
	}
	if info.Request != nil {
		info.Diversions = slices.Concat(info.Diversions, info.Request.Diversions)
	} else {
		info.Request = &Request{ID: x.id, Time: x.began, Method: x.req.Method, Side: x.peer.side, SIP: x.req}
	}
	if v, err := x.req.ChargingVector(); err == nil {
		info.ICID, info.OrigIOI, info.TermIOI = v.ICID(), v.OrigIOI(), v.TermIOI()
	}
	return info
}

// underWay tells that the call goes on.
func (x *session) underWay() {
	if x.set.OnCall == nil {
		return
	}
	x.s.spawn(func() {
		x.telling <- struct{}{}
		defer func() { <-x.telling }()
		if x.ended {
			return
		}
		x.mu.Lock()
		info := x.infoLocked()
		x.mu.Unlock()
		x.set.OnCall(info)
	})
}

func seconds(i *CallInfo) string {
	if i.Answered.IsZero() {
		return "0"
	}
	return strconv.FormatFloat(i.Ended.Sub(i.Answered).Seconds(), 'f', 3, 64)
}
