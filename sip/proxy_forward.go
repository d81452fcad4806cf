package sip

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Forwarding is a request on its way through a [Proxy], with the responses of its branches: the response
// context of RFC 3261 section 16.7. Its methods may be called by any goroutine.
type Forwarding struct {
	// Original is the request as it came. It must not be edited.
	Original *Request
	// Request is a copy for the branches: Max-Forwards is lowered and the Routes that led here are gone.
	// It may be edited before Forward.
	Request *Request

	// OnReply, if not nil, is called with each response of a branch but 100, before it is passed on or
	// counted; it may edit it. It must not block.
	OnReply func(b *Branch, resp *Response)
	// OnFailure, if not nil, is called when all branches have failed, with the response that would be
	// passed on. It may edit it, or call Forward with further branches, which puts it off. It must not
	// block.
	OnFailure func(resp *Response)

	proxy   *Proxy
	tx      *ServerTransaction
	hash    string
	breadth int
	status  int // why it cannot be forwarded, 0 where it can
	route   URI
	routed  bool
	stay    bool   // RecordRoute was asked for
	user    string // of our Record-Route
	params  Params

	mu       sync.Mutex
	branches []*Branch
	pending  int // branches without a final response
	best     *Response
	auth     []string // challenges of all branches: name, value, name, value
	final    bool     // a final response was passed on
	canceled bool
	reasons  []string
}

// Branch is one target of a forwarded request.
type Branch struct {
	// URI becomes the Request-URI; if empty, that of the request stays.
	URI string
	// Routes are put before those that the request has.
	Routes []string
	// Send says how it is sent; the zero value follows Route and Request-URI. Its Prepare is called last.
	Send SendOptions
	// Edit, if not nil, edits the request of this branch. It must not block.
	Edit func(*Request)

	// Response is the final response, nil as long as there is none; for OnFailure to look at. A silent
	// target is a 408, or a 504 where the request is no INVITE; one that cannot be reached is a 503.
	Response *Response

	attempt *ClientAttempt
	breadth int // its share of Max-Breadth
	timerC  *time.Timer
	rang    bool
}

// ErrDecided says that a request was answered, cancelled or forwarded already.
var ErrDecided = errors.New("sip: the request was decided about")

// Flow returns where the request came from.
func (f *Forwarding) Flow() Flow { return f.tx.Flow() }

// Transaction returns the transaction of the request, to have it answered by somebody else, such as a
// [Registrar].
func (f *Forwarding) Transaction() *ServerTransaction { return f.tx }

// Route returns the URI of ours that was taken from the top of Route, as RecordRoute or a Path wrote it:
// its user part and parameters are state of the call. ok is false where no Route led here.
func (f *Forwarding) Route() (u URI, ok bool) { return f.route, f.routed }

// InDialog says whether the request belongs to a dialog: To has a tag.
func (f *Forwarding) InDialog() bool {
	to, err := f.Original.To()
	return err == nil && to.Tag() != ""
}

// RecordRoute has us stay on the path of the dialog that the request makes: with a Record-Route of the
// given user part, which may be empty, and parameters. Where the request goes out on another side than
// it came in, both are recorded (RFC 5658).
func (f *Forwarding) RecordRoute(user string, params Params) {
	f.stay, f.user, f.params = true, user, params
	f.params.Del("lr")
	f.params.Del("transport")
}

// Respond answers the request here. After a final response has been passed on it fails with [ErrDecided].
func (f *Forwarding) Respond(resp *Response) error {
	f.mu.Lock()
	if f.final {
		f.mu.Unlock()
		return ErrDecided
	}
	f.final = !resp.IsProvisional()
	f.mu.Unlock()
	return f.tx.Respond(resp)
}

// Forward sends the request to all branches at once (RFC 3261 section 16.6); for one after the other call
// it again from OnFailure. Without any branch it goes where Route and Request-URI lead. More branches
// than Max-Breadth allows are refused with 440 (RFC 5393), and fail with [ErrDecided] while others that have
// it are pending. What cannot be sent at all counts as 503.
func (f *Forwarding) Forward(branches ...*Branch) error {
	if len(branches) == 0 {
		branches = []*Branch{{}}
	}
	f.mu.Lock()
	if f.final || f.canceled {
		f.mu.Unlock()
		return ErrDecided
	}
	if f.status != 0 {
		f.mu.Unlock()
		return f.Respond(NewResponse(f.Original, f.status, ""))
	}
	left := f.breadth // what pending branches have is not there for others (RFC 5393 section 5.3.3.1)
	for _, b := range f.branches {
		if b.Response == nil {
			left -= b.breadth
		}
	}
	if len(branches) > left {
		pending := f.pending > 0
		f.mu.Unlock()
		if pending {
			return ErrDecided
		}
		return f.Respond(NewResponse(f.Original, 440, ""))
	}
	for _, b := range branches {
		b.breadth = left / len(branches)
	}
	first := len(f.branches) == 0
	f.branches = append(f.branches, branches...)
	f.pending += len(branches)
	f.mu.Unlock()
	if first {
		f.tx.OnCancel(f.cancel)
	}
	for _, b := range branches {
		f.start(b)
	}
	return nil
}

// start sends the request of one branch.
func (f *Forwarding) start(b *Branch) {
	req := f.Request.Clone()
	if b.URI != "" {
		req.RequestURI = b.URI
	}
	for i, r := range b.Routes {
		req.Insert("Route", i, r)
	}
	req.Set("Max-Breadth", strconv.Itoa(b.breadth))
	if b.Edit != nil {
		b.Edit(req)
	}
	opts := b.Send
	f.strict(req, &opts)
	if req.Method != INVITE && opts.Timeout == 0 {
		opts.Timeout = 56 * f.proxy.timers.T1 // an answer after that helps nobody
	}
	prepare := opts.Prepare
	opts.Prepare = func(req *Request, out Flow) {
		f.mark(req, out)
		f.recordRoute(req, out)
		if prepare != nil {
			prepare(req, out)
		}
	}
	attempt, err := f.proxy.ep.Start(req, opts, func(ev ClientEvent) { f.event(b, ev) })
	if err != nil {
		f.proxy.ep.cfg.Logger.Warn("branch is not sent", "uri", req.RequestURI, "call_id", req.CallID(), "err", err)
		status := 503
		if pe := (*ParseError)(nil); errors.As(err, &pe) {
			status = 400
		}
		f.ended(b, NewResponse(f.Original, status, ""))
		return
	}
	f.mu.Lock()
	b.attempt = attempt
	canceled := f.canceled || f.final
	if req.Method == INVITE && b.Response == nil {
		b.timerC = time.AfterFunc(f.proxy.cfg.TimerC, func() { f.timeout(b) })
	}
	reasons := f.reasons
	f.mu.Unlock()
	if canceled { // meanwhile
		attempt.Cancel(reasons...)
	}
}

// recordRoute writes our Record-Route, for the side that the request goes out on first.
func (f *Forwarding) recordRoute(req *Request, out Flow) {
	if !f.stay {
		return
	}
	scheme := "sip"
	if hop, err := nextHop(req); err == nil && hop.Scheme == "sips" || isSIPS(req.RequestURI) {
		scheme = "sips" // RFC 3261 section 16.6 item 4
	}
	// reached tells whether somebody listens there: over a connection that we opened, and a transport that
	// we do not listen on, nobody does.
	value := func(fl Flow) (value string, reached bool) {
		host, port := f.proxy.ep.SentBy(fl)
		u := URI{Scheme: scheme, User: f.user, Host: host, Port: port, Params: f.params}
		if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
			u.Host = "[" + host + "]"
		}
		if fl.Transport != UDP && fl.Transport != NoTransport && !(scheme == "sips" && fl.Transport == TLS) {
			u.Params.Set("transport", fl.Transport.Param())
		}
		u.Params.Set("lr", "")
		return Address{URI: u}.String(), f.proxy.IsSelf(u)
	}
	in, inReached := value(f.tx.Flow())
	o, outReached := value(out)
	if inReached || !outReached {
		req.Insert("Record-Route", 0, in)
	}
	if outReached && o != in {
		req.Insert("Record-Route", 0, o)
	}
}

// cancel passes a CANCEL on to all branches (RFC 3261 section 16.10).
func (f *Forwarding) cancel() {
	f.mu.Lock()
	f.canceled = true
	if c := f.tx.Cancel(); c != nil {
		for v := range c.Values("Reason") {
			f.reasons = append(f.reasons, strings.Clone(v))
		}
	}
	idle := f.pending == 0 && !f.final
	f.mu.Unlock()
	if idle { // between the branches: nobody else will answer
		f.Respond(NewResponse(f.Original, 487, ""))
		return
	}
	f.cancelAll()
}

// cancelAll cancels the branches that have no final response.
func (f *Forwarding) cancelAll() {
	f.mu.Lock()
	var attempts []*ClientAttempt
	for _, b := range f.branches {
		if b.Response == nil && b.attempt != nil {
			attempts = append(attempts, b.attempt)
		}
	}
	reasons := f.reasons
	f.mu.Unlock()
	for _, a := range attempts {
		a.Cancel(reasons...)
	}
}

// timeout is timer C of a branch (RFC 3261 section 16.8).
func (f *Forwarding) timeout(b *Branch) {
	f.mu.Lock()
	attempt, rang, done := b.attempt, b.rang, b.Response != nil
	f.mu.Unlock()
	if done || attempt == nil {
		return
	}
	attempt.Cancel()
	if !rang {
		f.ended(b, NewResponse(f.Original, 408, ""))
	}
}

// event takes what comes of a branch (RFC 3261 section 16.7).
func (f *Forwarding) event(b *Branch, ev ClientEvent) {
	resp := ev.Response
	switch {
	case resp == nil && ev.Err == nil: // the time for further 2xx is over
		return
	case resp == nil:
		status := 503
		if errors.Is(ev.Err, ErrTimeout) {
			status = 408
			if f.Original.Method != INVITE {
				status = 504 // 408 is not for these (RFC 4320 section 4.2)
			}
		} else if errors.Is(ev.Err, ErrCanceled) {
			status = 487
		}
		f.ended(b, NewResponse(f.Original, status, ""))
		return
	case resp.StatusCode == 100:
		return
	}
	resp.RemoveNth("Via", 0)
	if !resp.Has("Via") { // the way back is not in it
		f.proxy.ep.cfg.Logger.Warn("response without our client's Via", "peer", ev.Flow.Remote, "status", resp.StatusCode, "call_id", resp.CallID())
		if !resp.IsProvisional() {
			f.ended(b, NewResponse(f.Original, 502, ""))
		}
		return
	}
	if f.OnReply != nil {
		f.OnReply(b, resp)
	}
	if resp.IsProvisional() {
		f.mu.Lock()
		b.rang = true
		if b.timerC != nil {
			b.timerC.Reset(f.proxy.cfg.TimerC)
		}
		final := f.final
		f.mu.Unlock()
		if !final && f.Original.Method == INVITE { // others have no provisional response but 100 (RFC 4320 section 4.1)
			f.tx.Respond(resp)
		}
		return
	}
	if resp.StatusCode == 408 && f.Original.Method != INVITE {
		resp = NewResponse(f.Original, 504, "")
	}
	f.ended(b, resp)
}

// ended takes the final response of a branch.
func (f *Forwarding) ended(b *Branch, resp *Response) {
	f.mu.Lock()
	again := b.Response != nil
	if !again {
		b.Response = resp
		f.pending--
		if b.timerC != nil {
			b.timerC.Stop()
		}
	}
	invite := f.Original.Method == INVITE
	switch {
	case resp.IsSuccess() && (invite || !f.final):
		first := !f.final
		f.final = true
		f.mu.Unlock()
		f.tx.Respond(resp) // every 2xx to an INVITE is passed on
		if first {
			f.cancelAll()
		}
		return
	case again, f.final:
		f.mu.Unlock()
		return
	}
	f.collect(resp)
	global := resp.StatusCode >= 600
	done := f.pending == 0
	f.mu.Unlock()
	switch {
	case done:
		f.failed()
	case global:
		f.cancelAll()
	}
}

// collect keeps the best of the final responses that refuse, and all challenges. The caller holds mu.
func (f *Forwarding) collect(resp *Response) {
	if resp.StatusCode == 401 || resp.StatusCode == 407 {
		for _, name := range [...]string{"WWW-Authenticate", "Proxy-Authenticate"} {
			for v := range resp.Values(name) {
				f.auth = append(f.auth, name, v)
			}
		}
	}
	if f.best == nil || rank(resp.StatusCode) < rank(f.best.StatusCode) {
		f.best = resp
	}
}

// rank orders the responses to choose from (RFC 3261 section 16.7 item 6), the best first: 6xx, then the
// lowest class, and within 4xx those that tell how to try again. 408 and 503 say least.
func rank(status int) int {
	switch {
	case status >= 600:
		return 0
	case status < 400:
		return 1
	case status < 500:
		switch status {
		case 401, 407, 415, 420, 484:
			return 2
		case 408, 487:
			return 4
		}
		return 3
	case status == 503:
		return 6
	}
	return 5
}

// failed passes the best response on, unless OnFailure has found further branches.
func (f *Forwarding) failed() {
	f.mu.Lock()
	resp := f.best
	if resp == nil || f.final || f.pending > 0 {
		f.mu.Unlock()
		return
	}
	if resp.StatusCode == 503 { // only we could not go on (item 6)
		resp = NewResponse(f.Original, 500, "")
	}
	if resp.StatusCode == 401 || resp.StatusCode == 407 { // item 7
		resp.Del("WWW-Authenticate")
		resp.Del("Proxy-Authenticate")
		for i := 0; i+1 < len(f.auth); i += 2 {
			resp.Add(f.auth[i], f.auth[i+1])
		}
	}
	hook, canceled := f.OnFailure, f.canceled
	f.mu.Unlock()
	if hook != nil && !canceled {
		hook(resp)
	}
	f.mu.Lock()
	if f.final || f.pending > 0 {
		f.mu.Unlock()
		return
	}
	f.final = true
	f.mu.Unlock()
	f.tx.Respond(resp)
}
