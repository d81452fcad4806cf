package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// UserAgentConfig configures [NewUserAgent]. The zero value makes an agent that can call and refuses
// calls.
type UserAgentConfig struct {
	// Endpoint configures the endpoint below. Its Handler, Inline and Proxy are the agent's own.
	Endpoint Config

	// Address is our address as it goes into From, such as `"Alice" <sip:alice@example.org>`. If
	// empty, sip:anonymous@anonymous.invalid (RFC 3261 section 8.1.1.3).
	Address string
	// Contact is the value of our Contact. If empty, it is made for each request and response: the
	// user part of Address at the host and port of the flow in use.
	Contact string
	// Routes are put into requests outside of dialogs, the first hop first: an outbound proxy such
	// as "<sip:proxy.example.org;lr>". [UserAgent.SetRoutes] changes them.
	Routes []string
	// Send is how requests are sent whose own options name no way: a NextHop that is an outbound
	// proxy, a Flow with the socket to use. Its Prepare and timeouts are not used.
	Send SendOptions
	// Auth answers challenges. If nil, 401 and 407 are final.
	Auth Answerer
	// Redirects is how many targets of 3xx responses a request may go on to, in all. If zero, none:
	// a 3xx is final, and the application decides.
	Redirects int

	// OnInvite receives each INVITE that begins a call, on a goroutine of its own. If nil, they get
	// 480.
	OnInvite func(*Incoming)
	// OnRequest receives the requests within dialogs that the agent does not handle itself, unless
	// [Dialog.Handle] set another receiver: one after the other for each dialog, but re-INVITE on a
	// goroutine of its own. If nil, re-INVITE gets 488, OPTIONS 200 and others 405.
	OnRequest func(*Incoming)
	// OnSubscribe receives each SUBSCRIBE outside of dialogs for one of the Packages of Events, on a
	// goroutine of its own. If nil, Handler gets them.
	OnSubscribe func(*Notifier)
	Events      Events
	// Handler receives requests outside of dialogs but INVITE, each on a goroutine of its own, and
	// the SUBSCRIBE and NOTIFY of dialogs that belong to no call (RFC 6665). If nil, OPTIONS gets 200
	// and others 405 or 481.
	Handler Handler
	// Proxy, where its OnRequest is set, makes the agent a proxy as well, as an application server is:
	// OnRequest decides about each request outside of the agent's own dialogs, and hands those that are
	// for the agent to it by [Forwarding.Serve]. Its Endpoint is not used. See [UserAgent.Proxy].
	Proxy ProxyConfig

	// Allow and Supported go into INVITE, its responses, OPTIONS and 405. If Allow is nil, what the
	// agent handles itself: INVITE, ACK, CANCEL, BYE, OPTIONS; PRACK where 100rel is supported; and
	// UPDATE, INFO where OnRequest is set. UPDATE without a body is answered by the agent itself where
	// "timer" is supported and nobody else answers. SUBSCRIBE where OnSubscribe is set.
	//
	// With "100rel" in Supported, reliable provisional responses are acknowledged and, where the peer
	// wants them, sent (RFC 3262): see [Incoming.Respond] and InviteOptions.
	Allow     []Method
	Supported []string
	// Session has calls refreshed, and ended when the peer is gone.
	Session SessionTimer

	// MaxDialogs bounds the dialogs. At the limit INVITEs get 503 with Retry-After, and Invite fails
	// with ErrLimit. If zero, 100,000.
	MaxDialogs int
	// MaxForks bounds the early dialogs of one INVITE; further branches are ignored until they
	// answer, and then ended with BYE. If zero, 32.
	MaxForks int
	// MaxPending bounds the requests of one dialog that wait for OnRequest. If zero, 32; further
	// ones get 500 with Retry-After.
	MaxPending int
}

// UserAgent makes and takes calls over an [Endpoint]: the transaction user of RFC 3261 sections 8 and
// 12 to 15. Its methods may be called by any goroutine.
type UserAgent struct {
	cfg    UserAgentConfig
	ep     *Endpoint
	digest *DigestClient // nil without Auth
	proxy  *Proxy        // nil without Proxy
	from   Address
	timers Timers
	stats  userAgentStats

	allow, supported string // as values of their fields
	reliable, timer  bool   // 100rel and timer are supported

	mu      sync.Mutex
	routes  []string
	dialogs map[dialogKey]*Dialog
	closed  bool
	regs    map[*Registration]struct{}
	// by Call-ID and local tag: where the first NOTIFY looks
	subscriptions map[dialogKey]*Subscription
}

// NewUserAgent returns an agent that listens nowhere yet: call [Endpoint.Listen] on its Endpoint.
// It fails where Address, Contact or Routes cannot be parsed. Close it after use.
func NewUserAgent(cfg UserAgentConfig) (*UserAgent, error) {
	if cfg.Address == "" {
		cfg.Address = `"Anonymous" <sip:anonymous@anonymous.invalid>`
	}
	ua := &UserAgent{dialogs: map[dialogKey]*Dialog{}, regs: map[*Registration]struct{}{}, subscriptions: map[dialogKey]*Subscription{}}
	var err error
	if ua.from, err = ParseAddress(cfg.Address); err != nil {
		return nil, err
	}
	ua.from.Params.Del("tag")
	if cfg.Contact != "" {
		if _, err := ParseAddress(cfg.Contact); err != nil {
			return nil, err
		}
	}
	if err := checkRoutes(cfg.Routes); err != nil {
		return nil, err
	}
	num := func(d *int, v int) {
		if *d <= 0 {
			*d = v
		}
	}
	num(&cfg.MaxDialogs, 100_000)
	num(&cfg.MaxForks, 32)
	num(&cfg.MaxPending, 32)
	if err := cfg.Session.fill(); err != nil {
		return nil, err
	}
	if cfg.Session.Expires > 0 && !hasFold(cfg.Supported, "timer") {
		cfg.Supported = append(slices.Clip(cfg.Supported), "timer")
	}
	cfg.Events.fill()
	if cfg.Allow == nil {
		cfg.Allow = []Method{INVITE, ACK, CANCEL, BYE, OPTIONS}
		if hasFold(cfg.Supported, "100rel") {
			cfg.Allow = append(cfg.Allow, PRACK)
		}
		if cfg.OnRequest != nil {
			cfg.Allow = append(cfg.Allow, UPDATE, INFO)
		} else if hasFold(cfg.Supported, "timer") {
			cfg.Allow = append(cfg.Allow, UPDATE)
		}
		if cfg.OnSubscribe != nil {
			cfg.Allow = append(cfg.Allow, SUBSCRIBE)
		}
	}
	if cfg.Auth != nil {
		ua.digest = NewDigestClient(DigestClientConfig{Answerer: cfg.Auth})
	}
	if cfg.Proxy.OnRequest != nil {
		cfg.Proxy.Endpoint = cfg.Endpoint
		if ua.proxy, err = newProxy(cfg.Proxy); err != nil {
			return nil, err
		}
	}
	cfg.Endpoint.Handler, cfg.Endpoint.Inline, cfg.Endpoint.Proxy = HandlerFunc(ua.serve), true, ua.proxy != nil
	names := make([]string, len(cfg.Allow))
	for i, m := range cfg.Allow {
		names[i] = string(m)
	}
	ua.allow, ua.supported = strings.Join(names, ", "), strings.Join(cfg.Supported, ", ")
	ua.reliable, ua.timer = hasFold(cfg.Supported, "100rel"), hasFold(cfg.Supported, "timer")
	ua.cfg, ua.routes = cfg, slices.Clone(cfg.Routes)
	ua.timers = cfg.Endpoint.Timers.filled()
	ua.ep = NewEndpoint(cfg.Endpoint)
	if ua.proxy != nil {
		ua.proxy.ep, ua.proxy.ua = ua.ep, ua
	}
	return ua, nil
}

func checkRoutes(routes []string) error {
	for _, text := range routes {
		if _, err := ParseAddress(text); err != nil {
			return err
		}
	}
	return nil
}

// SetRoutes replaces the Routes of the configuration for the requests from now on, such as by the
// Service-Route of a registration (RFC 3608). Registrations and dialogs that exist keep theirs.
func (ua *UserAgent) SetRoutes(routes []string) error {
	if err := checkRoutes(routes); err != nil {
		return err
	}
	ua.mu.Lock()
	ua.routes = slices.Clone(routes)
	ua.mu.Unlock()
	return nil
}

// Endpoint returns the endpoint below, to listen and for its Stats.
func (ua *UserAgent) Endpoint() *Endpoint { return ua.ep }

// Close ends every dialog and registration here, without telling the peers, and closes the endpoint.
// Blocked calls return an error that is net.ErrClosed. To leave in good order, end the calls with
// [Dialog.Bye] and registrations with [Registration.Close] before.
func (ua *UserAgent) Close() error {
	ua.mu.Lock()
	ua.closed = true
	dialogs := make([]*Dialog, 0, len(ua.dialogs))
	for _, d := range ua.dialogs {
		dialogs = append(dialogs, d)
	}
	for r := range ua.regs {
		r.stop(errClosed)
	}
	subscriptions := slices.Collect(maps.Values(ua.subscriptions))
	ua.mu.Unlock()
	for _, s := range subscriptions {
		s.end(errClosed)
	}
	for _, d := range dialogs {
		d.end(errClosed)
	}
	return ua.ep.Close()
}

// ResponseError is a final response that refuses a request: 300 to 699.
type ResponseError struct {
	Method   Method
	Response *Response
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("sip: %s refused: %d %s", e.Method, e.Response.StatusCode, e.Response.Reason)
}

// StatusCode returns the status code of the [ResponseError] that err is or wraps, 408 for a timeout,
// and 0 for other errors (RFC 3261 section 8.1.3.1).
func StatusCode(err error) int {
	var re *ResponseError
	switch {
	case errors.As(err, &re):
		return re.Response.StatusCode
	case errors.Is(err, ErrTimeout):
		return 408
	}
	return 0
}

// Do sends a request outside of dialogs and returns its 2xx response. It answers challenges and
// follows redirections as the configuration says, each time as a new request with the next CSeq; req
// itself is not changed. Other final responses are a [*ResponseError]. [UserAgent.NewRequest] makes
// requests for it. INVITE is for [UserAgent.Invite].
func (ua *UserAgent) Do(ctx context.Context, req *Request, opts SendOptions) (*Response, error) {
	if req.Method == INVITE || req.Method == ACK || req.Method == CANCEL {
		return nil, fmt.Errorf("sip: %s cannot be sent by Do", req.Method)
	}
	req = req.Clone()
	if ua.digest != nil {
		ua.digest.Prepare(req)
	}
	opts = ua.send(opts)
	opts.Prepare = ua.withContact(opts.Prepare, nil)
	for again := ua.again(); ; {
		resp, err := ua.ep.Do(ctx, req, opts)
		if err != nil {
			return nil, err
		}
		if resp.IsSuccess() {
			if ua.digest != nil {
				err = ua.digest.Learn(req, resp)
			}
			return resp, err
		}
		if req, err = again.next(ctx, req, resp); err != nil {
			return nil, err
		}
	}
}

// NewRequest returns a request outside of dialogs from our address to a URI, with a fresh Call-ID and
// From tag, our Routes and a CSeq. To may be edited.
func (ua *UserAgent) NewRequest(m Method, uri string) *Request {
	r := NewRequest(m, uri)
	ua.mu.Lock()
	for _, v := range ua.routes {
		r.Add("Route", v)
	}
	ua.mu.Unlock()
	r.Add("Max-Forwards", "70")
	r.Add("From", tagged(ua.from.String(), ua.ep.NewTag()))
	r.Add("To", "<"+uri+">")
	r.Add("Call-ID", ua.ep.NewCallID())
	r.Add("CSeq", CSeq{newCSeq(), m}.String())
	return r
}

// directed says whether the options name a way.
func directed(o SendOptions) bool {
	return !o.Flow.IsZero() || o.Targets != nil || !o.NextHop.IsZero()
}

// send completes the options of a request.
func (ua *UserAgent) send(o SendOptions) SendOptions {
	if !directed(o) {
		o.Flow, o.Targets, o.NextHop = ua.cfg.Send.Flow, ua.cfg.Send.Targets, ua.cfg.Send.NextHop
	}
	return o
}

// withContact completes Prepare: it puts our Contact into a request that needs one and lacks it, and
// tells sent of it.
func (ua *UserAgent) withContact(prepare func(*Request, Flow), sent func(contact string)) func(*Request, Flow) {
	return func(req *Request, f Flow) {
		if prepare != nil {
			prepare(req, f)
		}
		if !req.Has("Contact") && (refreshesTarget(req.Method) || req.Method == REGISTER) {
			req.Add("Contact", ua.contact(f, isSIPS(req.RequestURI)))
		}
		if sent != nil {
			sent(req.Value("Contact"))
		}
	}
}

// contact returns our Contact for messages over f (RFC 3261 section 8.1.1.8).
func (ua *UserAgent) contact(f Flow, secure bool) string {
	if ua.cfg.Contact != "" {
		return ua.cfg.Contact
	}
	host, port := ua.ep.SentBy(f)
	if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
		host = "[" + host + "]"
	}
	u := URI{Scheme: "sip", Host: host, Port: port}
	if ua.from.URI.IsSIP() && ua.cfg.Address != "" {
		u.User = ua.from.URI.User
	}
	if secure {
		u.Scheme = "sips"
	}
	if f.Transport != UDP && f.Transport != NoTransport && !(secure && f.Transport == TLS) {
		u.Params.Set("transport", f.Transport.Param())
	}
	return Address{URI: u}.String()
}

// retries decides whether a refused request is sent again in another form.
type retries struct {
	ua        *UserAgent
	digest    *DigestClient // nil: challenges are final
	auths     int
	redirects []URI           // not tried yet, the preferred first
	seen      map[string]bool // targets that were tried
	session   sessionTimer
}

// maxAuths bounds the challenges that one request answers: a proxy, a server, a stale nonce each,
// and a re-synchronisation of AKA.
const maxAuths = 6

func (ua *UserAgent) again() *retries { return &retries{ua: ua, digest: ua.digest} }

// next returns the request that follows on resp, or why there is none (RFC 3261 sections 8.1.3.4 and
// 8.1.3.5): it keeps Call-ID, From and To and has the next CSeq.
func (r *retries) next(ctx context.Context, req *Request, resp *Response) (*Request, error) {
	refused := &ResponseError{Method: req.Method, Response: resp}
	status := resp.StatusCode
	next := req.Clone()
	switch {
	case (status == 401 || status == 407) && r.digest != nil && r.auths < maxAuths:
		r.auths++
		if err := r.digest.Retry(ctx, next, resp); err != nil {
			return nil, errors.Join(refused, err)
		}
	case status == 422 && r.auths < maxAuths && r.session.again(next, resp):
		r.auths++
		next.Del("Session-Expires")
		next.Del("Min-SE")
		r.session.ask(next, &r.ua.cfg.Session)
		prepareAgain(r.digest, next)
	case status >= 300 && r.ua.cfg.Redirects > 0:
		if status < 400 {
			r.add(req, resp)
		}
		if len(r.redirects) == 0 || status >= 600 {
			return nil, refused
		}
		next.RequestURI = r.redirects[0].String()
		r.redirects = r.redirects[1:]
		prepareAgain(r.digest, next) // the credentials were for another Request-URI
	default:
		return nil, refused
	}
	return next, nextCSeq(next)
}

// prepareAgain replaces credentials: each is good for one request.
func prepareAgain(digest *DigestClient, req *Request) {
	req.Del("Authorization")
	req.Del("Proxy-Authorization")
	if digest != nil {
		digest.Prepare(req)
	}
}

// nextCSeq raises the CSeq by one.
func nextCSeq(req *Request) error {
	c, err := req.CSeq()
	if err != nil {
		return err
	}
	if c.Seq >= 1<<31-1 {
		return ErrCSeq
	}
	c.Seq++
	req.Set("CSeq", c.String())
	return nil
}

// add takes the targets of a 3xx that were not tried yet (RFC 3261 section 8.1.3.4). What one request
// may go on to is bounded in all, so that no loop lasts.
func (r *retries) add(req *Request, resp *Response) {
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[req.RequestURI] = true
	for _, u := range RedirectTargets(resp) {
		s := u.String()
		if len(r.seen) > r.ua.cfg.Redirects || r.seen[s] || isSIPS(req.RequestURI) && u.Scheme != "sips" {
			continue
		}
		r.seen[s] = true
		r.redirects = append(r.redirects, u)
	}
}

// RedirectTargets returns the SIP URIs of the Contacts of a 3xx, the preferred first (RFC 3261
// section 8.1.3.4). Their headers, which could write into the next request, are left out.
func RedirectTargets(resp *Response) []URI {
	type target struct {
		uri URI
		q   int
	}
	var ts []target
	for c, err := range resp.Contacts() {
		if err != nil || !c.URI.IsSIP() {
			continue
		}
		c.URI.Headers = ""
		c.URI.Params.Del("method")
		i := len(ts) // insertion keeps the order among equals
		for i > 0 && ts[i-1].q < c.Q() {
			i--
		}
		ts = append(ts, target{})
		copy(ts[i+1:], ts[i:])
		ts[i] = target{c.URI, c.Q()}
	}
	out := make([]URI, len(ts))
	for i := range ts {
		out[i] = ts[i].uri
	}
	return out
}

// serve takes what the endpoint received, in order for each Call-ID. It must not block.
func (ua *UserAgent) serve(tx *ServerTransaction, req *Request) {
	to, err1 := req.To()
	from, err2 := req.From()
	if err1 != nil || err2 != nil {
		tx.Respond(NewResponse(req, 400, ""))
		return
	}
	if ua.proxy != nil && ua.forwards(tx, req, to) {
		return
	}
	if tag := to.Tag(); tag != "" {
		ua.mu.Lock()
		d := ua.dialogs[dialogKey{req.CallID(), tag, from.Tag()}]
		s := ua.subscriptions[dialogKey{callID: req.CallID(), localTag: tag}]
		ua.mu.Unlock()
		switch {
		case d != nil:
			d.serve(tx, req)
		case s != nil && req.Method == NOTIFY:
			s.serveFirst(tx, req)
		case ua.cfg.Handler != nil && (req.Method == SUBSCRIBE || req.Method == NOTIFY):
			go ua.cfg.Handler.ServeSIP(tx, req)
		case req.Method != ACK:
			tx.Respond(NewResponse(req, 481, ""))
		}
		return
	}
	ua.serveNew(tx, req)
}

// serveNew takes a request outside of dialogs.
func (ua *UserAgent) serveNew(tx *ServerTransaction, req *Request) {
	switch req.Method {
	case ACK:
	case INVITE:
		ua.serveInvite(tx, req)
	default:
		if req.Method == SUBSCRIBE && ua.cfg.OnSubscribe != nil {
			ua.serveSubscribe(tx, req)
			return
		}
		if h := ua.cfg.Handler; h != nil {
			go h.ServeSIP(tx, req)
			return
		}
		ua.refuse(tx, req)
	}
}

// refuse answers what nobody handles.
func (ua *UserAgent) refuse(tx *ServerTransaction, req *Request) {
	status := 405
	switch req.Method {
	case OPTIONS:
		status = 200
	case BYE, PRACK, UPDATE, INFO, NOTIFY:
		if to, err := req.To(); err == nil && to.Tag() == "" {
			status = 481 // belongs into a dialog
		}
	}
	resp := NewResponse(req, status, "")
	ua.describe(resp)
	tx.Respond(resp)
}

// describe adds Allow and Supported.
func (ua *UserAgent) describe(m Message) {
	h := m.Head()
	if !h.Has("Allow") {
		h.Add("Allow", ua.allow)
	}
	if ua.supported != "" && !h.Has("Supported") {
		h.Add("Supported", ua.supported)
	}
}

// badExtension makes the 420 for a request that requires what the agent does not support, nil if there is nothing
// (RFC 3261 section 8.2.2.3).
func (ua *UserAgent) badExtension(req *Request) *Response {
	tags := req.Unsupported("Require", ua.cfg.Supported)
	if len(tags) == 0 {
		return nil
	}
	resp := NewResponse(req, 420, "")
	resp.Add("Unsupported", strings.Join(tags, ", "))
	return resp
}

// address puts other addresses into a request outside of dialogs, where they are not empty.
func (ua *UserAgent) address(req *Request, from, to string) error {
	if from != "" {
		a, err := ParseAddress(from)
		if err != nil {
			return err
		}
		a.Params.Set("tag", ua.ep.NewTag())
		req.Set("From", a.String())
	}
	if to != "" {
		a, err := ParseAddress(to)
		if err != nil {
			return err
		}
		a.Params.Del("tag")
		req.Set("To", a.String())
	}
	return nil
}

func hasFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return strings.EqualFold(s, t) })
}

// add puts a dialog into the table.
func (ua *UserAgent) add(d *Dialog) error {
	ua.mu.Lock()
	defer ua.mu.Unlock()
	switch {
	case ua.closed:
		return errClosed
	case len(ua.dialogs) >= ua.cfg.MaxDialogs:
		return ErrLimit
	}
	ua.dialogs[d.state.key()] = d
	if !d.state.Confirmed {
		ua.tell(d.id, "early", nil)
	}
	return nil
}

func (ua *UserAgent) remove(d *Dialog) {
	ua.mu.Lock()
	if k := d.id; ua.dialogs[k] == d {
		delete(ua.dialogs, k)
	}
	ua.mu.Unlock()
}

// tell reports a change of a dialog's state to the log and the trace. cause may be nil.
func (ua *UserAgent) tell(id dialogKey, state string, cause error) {
	if log := ua.ep.cfg.Logger; log.Enabled(context.Background(), slog.LevelInfo) {
		log.Info("dialog", "state", state, "call_id", id.callID, "local_tag", id.localTag, "remote_tag", id.remoteTag, "cause", cause)
	}
	if ua.ep.cfg.Trace == nil {
		return
	}
	comment := "dialog " + state
	if cause != nil {
		comment += ": " + strings.TrimPrefix(cause.Error(), "sip: ")
	}
	ua.ep.traceState(time.Now(), Flow{}, id.callID, comment)
}

// userAgentStats are the counters of an agent.
type userAgentStats struct {
	sent, answered, forks, received, accepted, overLimit atomic.Uint64
	acksAgain, answersAgain, noACK, glares               atomic.Uint64
	provisionalsAgain, noPRACK                           atomic.Uint64
}

// UserAgentStats is a snapshot of what a [UserAgent] holds and has counted since it was made. The
// endpoint below has its own.
type UserAgentStats struct {
	Dialogs int // now, early and ending ones included

	CallsSent     uint64 // by Invite
	CallsAnswered uint64 // of these, with a 2xx
	Forks         uint64 // further 2xx from other branches, and 2xx after we gave up
	CallsReceived uint64 // INVITEs handed to OnInvite
	CallsAccepted uint64 // of these, answered with a 2xx by us
	OverLimit     uint64 // INVITEs beyond MaxDialogs

	ACKsAgain    uint64 // ACKs sent again because a 2xx came again
	AnswersAgain uint64 // 2xx sent again because no ACK had come
	NoACK        uint64 // calls that ended because none came at all
	Glares       uint64 // 491 sent or received

	ProvisionalsAgain uint64 // reliable provisional responses sent again because no PRACK had come
	NoPRACK           uint64 // INVITEs refused because none came at all
}

// Stats returns a snapshot.
func (ua *UserAgent) Stats() UserAgentStats {
	s := &ua.stats
	return UserAgentStats{
		Dialogs:   ua.Dialogs(),
		CallsSent: s.sent.Load(), CallsAnswered: s.answered.Load(), Forks: s.forks.Load(),
		CallsReceived: s.received.Load(), CallsAccepted: s.accepted.Load(), OverLimit: s.overLimit.Load(),
		ACKsAgain: s.acksAgain.Load(), AnswersAgain: s.answersAgain.Load(), NoACK: s.noACK.Load(), Glares: s.glares.Load(),
		ProvisionalsAgain: s.provisionalsAgain.Load(), NoPRACK: s.noPRACK.Load(),
	}
}

// Dialogs returns the number of dialogs, early and ending ones included.
func (ua *UserAgent) Dialogs() int {
	ua.mu.Lock()
	defer ua.mu.Unlock()
	return len(ua.dialogs)
}

// Restore goes on with a dialog from its state: one that this or another agent had. Its Context is
// new, and OnRequest of the configuration receives its requests. A confirmed dialog is needed. It
// fails with [ErrLimit], or where the state cannot be a dialog's.
func (ua *UserAgent) Restore(state DialogState) (*Dialog, error) {
	if err := state.check(); err != nil {
		return nil, err
	}
	if !state.Confirmed {
		return nil, errors.New("sip: only a confirmed dialog can be restored")
	}
	d := newDialog(ua, state.Clone())
	if err := ua.add(d); err != nil {
		return nil, err
	}
	return d, nil
}

// isClosed tells errors of our own closing.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// sleep waits for d, or for the end of ctx or of the dialog.
func sleep(ctx, dialog context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-dialog.Done():
		return context.Cause(dialog)
	}
}
