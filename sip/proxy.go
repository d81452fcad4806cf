package sip

import (
	"errors"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// ProxyConfig configures a [Proxy].
type ProxyConfig struct {
	// Endpoint configures the endpoint below. Its Handler, Inline and Proxy are the proxy's own. What
	// its Policy says of Proxy-Require holds (RFC 3261 section 16.3).
	Endpoint Config

	// OnRequest decides about each request but CANCEL and the ACK of a 2xx: it calls Forward or Respond
	// of the Forwarding, at once or later. It is called in the order in which the requests of a call
	// came, and must not block.
	OnRequest func(*Forwarding)
	// OnACK, if not nil, is called before the ACK of a 2xx is passed on: with the ACK, which it may edit.
	OnACK func(ack *Request, from Flow)

	// Names are hosts, or host:port, that Route fields may name us by, besides the addresses that we
	// listen at and advertise.
	Names []string
	// TimerC bounds how long an INVITE may ring without any further response (RFC 3261 section 16.8). It
	// is more than 3 min, which is the value if it is zero.
	TimerC time.Duration
	// MaxBreadth is how many branches a request may have in all, here and further on, that says
	// nothing itself (RFC 5393 section 5.3). If zero, 60.
	MaxBreadth int
}

// Proxy forwards requests: the stateful proxy of RFC 3261 section 16, with the loop detection and the
// bound on forks of RFC 5393.
type Proxy struct {
	cfg    ProxyConfig
	timers Timers
	ep     *Endpoint
	ua     *UserAgent // that shares ep, or nil
}

// NewProxy returns a proxy that listens nowhere yet: call [Endpoint.Listen] on its Endpoint. Close the
// endpoint after use.
func NewProxy(cfg ProxyConfig) (*Proxy, error) {
	p, err := newProxy(cfg)
	if err != nil {
		return nil, err
	}
	p.cfg.Endpoint.Handler, p.cfg.Endpoint.Inline, p.cfg.Endpoint.Proxy = HandlerFunc(p.serve), true, true
	p.ep = NewEndpoint(p.cfg.Endpoint)
	return p, nil
}

// newProxy returns a proxy without an endpoint.
func newProxy(cfg ProxyConfig) (*Proxy, error) {
	if cfg.OnRequest == nil {
		return nil, errors.New("sip: a proxy needs OnRequest")
	}
	if cfg.TimerC == 0 {
		cfg.TimerC = 3*time.Minute + time.Second
	}
	if cfg.TimerC <= 3*time.Minute {
		return nil, errors.New("sip: timer C is more than three minutes")
	}
	if cfg.MaxBreadth <= 0 {
		cfg.MaxBreadth = 60
	}
	return &Proxy{cfg: cfg, timers: cfg.Endpoint.Timers.filled()}, nil
}

// Endpoint returns the endpoint below.
func (p *Proxy) Endpoint() *Endpoint { return p.ep }

// IsSelf says whether a URI names this proxy. Nothing is looked up: of names, those that we advertise and Names count.
func (p *Proxy) IsSelf(u URI) bool {
	if !u.IsSIP() {
		return false
	}
	port := u.Port
	for _, name := range p.cfg.Names {
		if strings.EqualFold(name, u.Host) && port == 0 || strings.EqualFold(name, u.HostPort()) {
			return true
		}
	}
	if port == 0 {
		port = 5060
		if u.Scheme == "sips" || strings.EqualFold(u.Transport(), "tls") {
			port = 5061
		}
	}
	return p.ep.net.ours(u.Host, port)
}

// serve takes what the endpoint received. It does not block.
func (p *Proxy) serve(tx *ServerTransaction, req *Request) {
	out := req.Clone()
	f := &Forwarding{Original: req, Request: out, proxy: p, tx: tx}
	status := f.preprocess()
	if status != 0 && p.ua != nil && req.Method != ACK && status != 400 {
		f.status, status = status, 0 // it may be for the agent, which need not forward it
	}
	if status != 0 {
		if req.Method != ACK {
			resp := NewResponse(req, status, "")
			if status == 483 || status == 482 || status == 440 {
				p.ep.cfg.Logger.Warn("request is not forwarded", "status", status, "method", req.Method, "uri", req.RequestURI, "call_id", req.CallID())
			}
			tx.Respond(resp)
		}
		return
	}
	switch req.Method {
	case ACK:
		f.passACK()
	case CANCEL: // section 16.10 forwards what names no INVITE for proxies without state, which this is not
		tx.Respond(NewResponse(req, 481, ""))
	default:
		p.cfg.OnRequest(f)
	}
}

// preprocess is what RFC 3261 sections 16.3 and 16.4 demand. It returns the status code to refuse with,
// 0 if there is none.
func (f *Forwarding) preprocess() int {
	out := f.Request
	hops, present, err := out.MaxForwards()
	switch {
	case err != nil:
		return 400
	case present && hops == 0:
		return 483
	case !present:
		hops = 71
	}
	out.Set("Max-Forwards", strconv.Itoa(hops-1))
	f.breadth = f.proxy.cfg.MaxBreadth
	if v := out.Value("Max-Breadth"); v != "" {
		n, ok := number(v, 1<<31-1)
		if !ok {
			return 400
		}
		f.breadth = min(int(n), f.breadth)
	}
	if f.breadth < 1 {
		return 440
	}
	uri, err := out.URI()
	if err != nil {
		return 400
	}
	// A strict router has put our Record-Route where the target belongs.
	if n := out.Count("Route"); n > 0 && f.proxy.IsSelf(uri) && uri.LR() {
		last, _ := out.Nth("Route", n-1)
		a, err := ParseAddress(last)
		if err != nil {
			return 400
		}
		f.route, f.routed = uri, true
		out.RequestURI = a.URI.String()
		out.RemoveNth("Route", n-1)
	}
	for range 2 { // a proxy with two sides is there twice (RFC 5658)
		top, ok := out.Nth("Route", 0)
		if !ok {
			break
		}
		a, err := ParseAddress(top)
		if err != nil {
			return 400
		}
		if !f.proxy.IsSelf(a.URI) || f.routed && a.URI.User != f.route.User { // another is a spiral's
			break
		}
		if !f.routed {
			f.route, f.routed = a.URI, true
		}
		out.RemoveNth("Route", 0)
	}
	if f.loops() {
		return 482
	}
	return 0
}

// loopParam is the parameter of our Via that tells a loop from a spiral (RFC 5393 section 4.2): a hash
// of all that decides about the way of a request.
const loopParam = "loop"

func (f *Forwarding) loops() bool {
	f.hash = loopHash(f.Original)
	for via, err := range f.Original.Vias() {
		if err != nil {
			break
		}
		if v, ok := via.Params.Value(loopParam); ok && v == f.hash && f.proxy.ep.net.ours(via.Host, via.port()) {
			return true
		}
	}
	return false
}

// loopHash is over the Request-URI, the Routes, and what identifies the request.
func loopHash(req *Request) string {
	h := fnv.New64a()
	add := func(s string) {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	add(req.RequestURI)
	for v := range req.Values("Route") {
		add(v)
	}
	for _, name := range [...]string{"From", "To", "Call-ID", "CSeq", "Proxy-Require", "Proxy-Authorization"} {
		add(req.Value(name))
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// passACK forwards the ACK of a 2xx along its route set.
func (f *Forwarding) passACK() {
	if f.proxy.cfg.OnACK != nil {
		f.proxy.cfg.OnACK(f.Request, f.Flow())
	}
	opts := SendOptions{Prepare: f.mark}
	f.strict(f.Request, &opts)
	if _, err := f.proxy.ep.Start(f.Request, opts, nil); err != nil {
		f.proxy.ep.cfg.Logger.Warn("ACK is not forwarded", "uri", f.Request.RequestURI, "call_id", f.Request.CallID(), "err", err)
	}
}

// strict makes a request fit for a strict router that comes next (RFC 3261 section 16.6 items 6 and 7).
func (f *Forwarding) strict(req *Request, opts *SendOptions) {
	top, ok := req.Nth("Route", 0)
	if !ok {
		return
	}
	a, err := ParseAddress(top)
	if err != nil || a.URI.LR() {
		return
	}
	req.RemoveNth("Route", 0)
	req.Add("Route", "<"+req.RequestURI+">")
	req.RequestURI = a.URI.String()
	if !directed(*opts) {
		opts.NextHop = a.URI
	}
}

// mark puts the hash against loops into our Via.
func (f *Forwarding) mark(req *Request, _ Flow) {
	via, err := req.Via()
	if err != nil {
		return
	}
	via.Params.Set(loopParam, f.hash)
	req.Replace("Via", 0, via.String())
}
