package as

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

var errNoTrunk = errors.New("as: there is no such trunk")

// Endpoints of dial strings that the server knows beside those of call control:
//
//	sofia/gateway/TRUNK/NUMBER
//	user/NAME                    a phone
//	ims/NUMBER, ims/sip:…        the IMS core: back to the S-CSCF where the call came from it
//	sofia/PROFILE/USER@HOST      anywhere; the name of the profile does not matter
const kindIMS = "ims"

// dial is a target for call control.
func dial(t Target, called Party, ring time.Duration) control.DialString {
	dest := called.Number.String()
	if called.Number.IsZero() {
		dest = called.URI
	}
	if t.Called != "" {
		dest = t.Called
	}
	if t.Timeout > 0 {
		ring = t.Timeout
	}
	ep := control.Endpoint{Kind: control.KindProfile, Name: "external", Dest: t.URI}
	switch {
	case t.IMS:
		ep = control.Endpoint{Kind: kindIMS, Dest: dest}
	case t.Trunk != "":
		ep = control.Endpoint{Kind: control.KindGateway, Name: t.Trunk, Dest: dest}
	}
	seconds := strconv.FormatFloat(ring.Seconds(), 'f', -1, 64)
	return control.DialString{Vars: []control.Var{{Name: "originate_timeout", Value: seconds}}, Groups: [][]control.Endpoint{{ep}}}
}

// resolve turns an endpoint of a dial string into targets.
func (s *Server) resolve(ctx context.Context, ep control.Endpoint) ([]control.Target, error) {
	var x *session
	leg := control.Leg(ctx)
	if leg != nil {
		x = s.session(leg)
	}
	set := s.settings.Load()
	if x != nil {
		set = x.set
	}
	o := &outgoing{s: s, set: set, x: x, caller: set.callerOf(x, leg)}
	targets, err := o.targets(ep)
	if x == nil || leg == nil {
		return targets, err
	}
	for i := range targets {
		t := &targets[i]
		begin, done := t.Begin, t.Done
		t.Begin = func(ch *control.Channel) error {
			x.calls(ch, t.URI)
			if begin == nil {
				return nil
			}
			return begin(ch)
		}
		t.Done = func(c *call.Call, err error) bool {
			x.failed(leg, err)
			return done(c, err)
		}
	}
	return targets, err
}

func (o *outgoing) targets(ep control.Endpoint) ([]control.Target, error) {
	set := o.set
	switch ep.Kind {
	case control.KindGateway:
		t := set.trunk(ep.Name)
		if t == nil {
			if _, ok := set.Phones.Users[ep.Name]; ok {
				return o.phone(ep.Name)
			}
			return nil, control.InvalidGateway
		}
		called, err := partyOfText(ep.Dest)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", control.InvalidNumberFormat, err)
		}
		return o.trunk(t, called)
	case control.KindUser:
		name, _, _ := strings.Cut(ep.Dest, "@")
		return o.phone(name)
	case kindIMS:
		return o.core(ep.Dest)
	case control.KindProfile:
		return o.uri(ep.Dest)
	}
	return nil, control.DestinationOutOfOrder
}

// callerOf is who calls, as the next network is told: whom the router has said, or whom an application has set.
func (s *settings) callerOf(x *session, leg *control.Channel) Party {
	number, name := "", ""
	if leg != nil {
		number, name = leg.Var("caller_id_number"), leg.Var("caller_id_name")
	}
	if x != nil {
		x.mu.Lock()
		d := x.decision
		x.mu.Unlock()
		if number == "" || number == x.ask.Calling.String() {
			return d.Calling
		}
	}
	p, err := partyOfText(number)
	if err != nil {
		p = Party{URI: "sip:" + sip.EscapeUser(number) + "@" + s.Domain}
	}
	p.Name = name
	p.Private = number == "" || leg.Var("origination_privacy") != ""
	return p
}

// outgoing makes the targets of one leg.
type outgoing struct {
	s      *Server
	set    *settings
	x      *session // the call that it is part of; nil where the server calls of its own
	caller Party
}

// urgent reports whether the leg is part of an emergency call, for which there always is room.
func (o *outgoing) urgent() bool { return o.x != nil && o.x.ask != nil && o.x.ask.Emergency != "" }

// trust is that of the network where the call came from; what the server begins is its own.
func (o *outgoing) trust() Trust {
	if o.x == nil {
		return Home
	}
	return o.x.peer.trust
}

// base edits what all INVITEs have in common.
func (o *outgoing) base(r *sip.Request, to Trust, f DiversionFields, b *Border, host string) {
	left := 70
	if o.x != nil {
		src := o.x.req
		if n, ok := hops(src); ok {
			left = n
		}
		// Call control hands on what begins with "P-"; what may go on is decided here.
		for _, name := range trustHeaders {
			if r.Value(name) == src.Value(name) {
				r.Del(name)
			}
		}
		carry(&r.Header, &src.Header, o.trust(), to)
	}
	r.Set("Max-Forwards", strconv.Itoa(left))
	history, diversion := slices.Collect(r.Values("History-Info")), slices.Collect(r.Values("Diversion"))
	if to < Trusted {
		strip(&r.Header)
	}
	if o.x == nil {
		return
	}
	if h, d := f.fields(to); to < Trusted && (h || d) { // strip took what an application has set
		for _, v := range history {
			r.Add("History-Info", v)
		}
		for _, v := range diversion {
			r.Add("Diversion", v)
		}
	}
	o.tell(r, to, f, b, host)
}

// asserts is the field that tells who calls, empty where nobody can tell.
func (o *outgoing) asserts(field string) string {
	if o.x != nil && o.x.unverified {
		return ""
	}
	return field
}

// identify writes who calls: into P-Asserted-Identity or P-Preferred-Identity, with Privacy where it is wanted (RFC 3323,
// RFC 3325). A network that is not trusted does not learn a private identity at all.
func identify(r *sip.Request, field string, id sip.Address, private bool, to Trust) {
	r.Del("P-Asserted-Identity")
	if private && to < Trusted {
		return
	}
	if field != "" {
		r.Set(field, id.String())
	}
	if private {
		r.Set("Privacy", "id")
	}
}

// from is the From of a leg.
func (o *outgoing) from(b *Border, host string) (from, asserted sip.Address, shown Party) {
	shown = b.CallingOut(o.caller)
	u, err := b.URI(shown, host)
	if err != nil || shown.IsZero() {
		u, _ = sip.ParseURI("sip:anonymous@anonymous.invalid")
	}
	asserted = sip.Address{Display: shown.Name, URI: u}
	if from = asserted; shown.Private || shown.IsZero() {
		u, _ := sip.ParseURI("sip:anonymous@anonymous.invalid")
		from = sip.Address{Display: "Anonymous", URI: u}
	}
	return from, asserted, shown
}

// attempt has the outcome of a target noted.
func (o *outgoing) attempt(target, uri string, next func(err error) bool) func(c *call.Call, err error) bool {
	return func(c *call.Call, err error) bool {
		again := err != nil && next(err)
		x := o.x
		if x == nil {
			return again
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.target = target
		x.way.now.uri = uri
		if len(x.attempts) < maxAttempts {
			x.attempts = append(x.attempts, Attempt{Target: target, URI: uri, Err: err})
		}
		if err == nil {
			x.out = c
		} else {
			x.failure = sip.StatusCode(err)
			x.redirect = redirected(err, target)
		}
		return again
	}
}

// maxAttempts bounds what is remembered of a call.
const maxAttempts = 50

// host is that of URIs for a server of a trunk.
func (t *trunk) host(s *trunkServer) string {
	if t.Domain != "" {
		return t.Domain
	}
	return s.uri.HostPort()
}

// trunk calls over a trunk: the servers that do well, in the order of their priorities.
func (o *outgoing) trunk(t *trunk, called Party) ([]control.Target, error) {
	if n := t.calls.Load(); t.MaxCalls > 0 && n >= int64(t.MaxCalls) && !o.urgent() {
		return nil, control.SwitchCongestion
	}
	if len(t.servers) == 0 {
		return nil, control.GatewayDown
	}
	from, asserted, shown := o.from(t.border, o.set.Domain)
	if t.From != "" {
		if a, err := sip.ParseAddress(t.From); err == nil {
			from = a
		}
	}
	field := ""
	switch {
	case t.Trust >= Trusted || t.Identity == IdentityAsserted:
		field = "P-Asserted-Identity"
	case t.Identity == IdentityPreferred:
		field = "P-Preferred-Identity"
	}
	counted := false // the leg, whichever of the servers it tries
	begin := func(ch *control.Channel) error {
		if counted {
			return nil
		}
		if !t.take(o.urgent()) {
			return control.SwitchCongestion
		}
		counted = true
		context.AfterFunc(ch.Context(), t.release)
		return nil
	}
	var out []control.Target
	for _, srv := range t.order(time.Now(), rand.IntN) {
		uri, err := t.border.CalledOut(called, t.host(srv))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", control.InvalidNumberFormat, err)
		}
		target := control.Target{
			URI: uri.String(), From: from.String(), Digest: t.digest, Codecs: t.codecs, Preconditions: preconditions(t.Preconditions),
			Send: sip.SendOptions{NextHop: srv.uri, TargetTimeout: t.TargetTimeout},
			Edit: func(r *sip.Request) {
				o.base(r, t.Trust, t.Diversion, t.border, o.set.Domain)
				identify(r, o.asserts(field), asserted, shown.Private, max(t.Trust, trustOfIdentity(t.Identity)))
				for _, rule := range t.Headers {
					rule.apply(&r.Header)
				}
			},
			Begin: begin,
			Vars:  []control.Var{{Name: "sip_gateway_name", Value: t.Name}, {Name: "as_server", Value: srv.URI}},
		}
		noted := o.attempt("trunk/"+t.Name, target.URI, func(err error) bool {
			next := t.next(srv, time.Now(), err)
			o.s.log.Warn("as: trunk", "trunk", t.Name, "server", srv.URI, "err", err, "next", next)
			return next
		})
		target.Done = func(c *call.Call, err error) bool {
			if err == nil {
				srv.succeeded()
			}
			return noted(c, err)
		}
		out = append(out, target)
	}
	return out, nil
}

// preconditions says what becomes of a handset's preconditions where the other side knows of them, and where not.
func preconditions(known bool) call.Preconditions {
	if known {
		return call.PreconditionsAuto
	}
	return call.PreconditionsOff
}

// trustOfIdentity is that of a carrier that is to be told identities although it is not of the trust domain: it is
// asked by Privacy not to show a private one.
func trustOfIdentity(i Identity) Trust {
	if i == IdentityFrom {
		return Untrusted
	}
	return Trusted
}

// phone calls a phone that has registered with us, at each of its addresses in turn.
func (o *outgoing) phone(name string) ([]control.Target, error) {
	user, _, _ := strings.Cut(name, "@")
	bindings := o.s.registrar.Lookup(sip.URI{Scheme: "sip", User: user, Host: o.set.Phones.Domain})
	if len(bindings) == 0 {
		return nil, control.UserNotRegistered
	}
	from, _, _ := o.from(o.set.phones, o.set.Phones.Domain)
	var out []control.Target
	for _, b := range bindings {
		out = append(out, control.Target{
			URI: b.Contact, From: from.String(), To: "<sip:" + user + "@" + o.set.Phones.Domain + ">", Preconditions: call.PreconditionsOff,
			Send: sip.SendOptions{Flow: b.Flow, TargetTimeout: 4 * time.Second}, // over what it registered: the way through its NAT
			Edit: func(r *sip.Request) {
				for _, p := range b.Path {
					r.Add("Route", p)
				}
				o.base(r, Untrusted, DiversionByTrust, o.set.phones, o.set.Phones.Domain)
			},
			Done: o.attempt("phone/"+user, b.Contact, unreachable),
		})
	}
	return out, nil
}

// unreachable says whether another address may do better.
func unreachable(err error) bool {
	code := sip.StatusCode(err)
	return code == 0 && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) || code == 408 || code == 503 || code == 430
}

// core calls by way of the IMS core: back to the S-CSCF where the call came from there, with its original dialog
// identifier, else as an originating AS (TS 24.229 sections 5.7.3 and 5.7.5).
func (o *outgoing) core(dest string) ([]control.Target, error) {
	ims := &o.set.IMS
	routes := ims.Routes
	if o.x == nil && len(ims.OrigRoutes) > 0 {
		routes = ims.OrigRoutes
	}
	uri := ""
	if o.x != nil && len(o.x.isc.Routes) > 0 {
		routes = o.x.isc.Routes
		if dest == "" || dest == o.x.ask.Called.Number.String() || dest == o.x.ask.Called.URI {
			uri = o.x.req.RequestURI // as it came, whatever it is
		}
	}
	if len(routes) == 0 {
		return nil, control.NoRouteDestination
	}
	if uri == "" {
		called, err := partyOfText(dest)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", control.InvalidNumberFormat, err)
		}
		u, err := o.set.ims.CalledOut(called, ims.domain(o.set))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", control.InvalidNumberFormat, err)
		}
		uri = u.String()
	}
	from, asserted, shown := o.from(o.set.ims, ims.domain(o.set))
	target := control.Target{
		URI: uri, From: from.String(),
		Send: sip.SendOptions{TargetTimeout: 4 * time.Second},
		Edit: func(r *sip.Request) {
			r.Del("Route")
			for _, v := range routes {
				r.Add("Route", v)
			}
			o.base(r, Home, DiversionByTrust, o.set.ims, ims.domain(o.set))
			field := "P-Asserted-Identity"
			if shown.IsZero() {
				field = ""
			}
			identify(r, o.asserts(field), asserted, shown.Private, Home)
			o.set.charge(r)
		},
		Done: o.attempt("ims", uri, unreachable),
	}
	return []control.Target{target}, nil
}

// charge gives a request of our own a charging identity (RFC 7315 section 4.6).
func (s *settings) charge(r *sip.Request) {
	if r.Has("P-Charging-Vector") {
		return
	}
	v := sip.NewChargingVector(control.NewUUID(), s.Domain)
	if ioi := s.IMS.OrigIOI; ioi != "" {
		v.Params.SetQuoted("orig-ioi", ioi)
	}
	r.Set("P-Charging-Vector", v.String())
}

// uri calls a URI wherever it leads.
func (o *outgoing) uri(dest string) ([]control.Target, error) {
	if !strings.HasPrefix(dest, "sip:") && !strings.HasPrefix(dest, "sips:") {
		dest = "sip:" + dest
	}
	u, err := sip.ParseURI(dest)
	if err != nil || !u.IsSIP() || u.Host == "" {
		return nil, control.InvalidURL
	}
	to := Untrusted
	if o.set.home(u) {
		to = Home
	}
	b := o.set.phones
	from, asserted, shown := o.from(b, o.set.Domain)
	field := ""
	if to == Home {
		field = "P-Asserted-Identity"
	}
	return []control.Target{{
		URI: dest, From: from.String(), Preconditions: preconditions(to == Home), Vars: []control.Var{{Name: "as_target", Value: "uri"}}, Send: sip.SendOptions{TargetTimeout: 4 * time.Second},
		Edit: func(r *sip.Request) {
			o.base(r, to, DiversionByTrust, b, o.set.Domain)
			identify(r, o.asserts(field), asserted, shown.Private, to)
		},
		Done: o.attempt("uri", dest, unreachable),
	}}, nil
}
