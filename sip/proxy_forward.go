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
