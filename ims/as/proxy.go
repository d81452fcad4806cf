package as

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// proxyUser is the user part of our Record-Route, by which requests within calls that were let go on are known from
// those of the server's own legs.
const proxyUser = "fwd"

// recordRoute keeps us on the way of a call that is let go on, and marks it.
func (s *Server) recordRoute(f *sip.Forwarding) {
	var p sip.Params
	p.Set("k", s.mark(f.Original))
	f.RecordRoute(proxyUser, p)
}

// mark is what our Record-Route says about a call, which nobody else can make.
func (s *Server) mark(req *sip.Request) string {
	h := hmac.New(sha256.New, s.key[:])
	h.Write([]byte(req.CallID()))
	return hex.EncodeToString(h.Sum(nil)[:10])
}

// letGoOn says whether a request belongs to a call that was let go on. From the core and from trunks that is so where it
// comes over our Record-Route, which may be that of the server before it was started again; from others it needs our mark.
func (s *Server) letGoOn(f *sip.Forwarding, p peer) bool {
	u, ok := f.Route()
	if !ok || u.User != proxyUser {
		return false
	}
	if p.side == SideIMS || p.side == SideTrunk {
		return true
	}
	k, _ := u.Params.Value("k")
	return hmac.Equal([]byte(k), []byte(s.mark(f.Original)))
}

// proxy lets the call go on, to where its Route leads: back to the S-CSCF, which knows it by the original dialog
// identifier (TS 24.229 section 5.7.4).
func (x *session) proxy(f *sip.Forwarding) {
	x.mu.Lock()
	x.proxied, x.decided = true, false
	d := x.decision
	x.target = "proxy"
	x.mu.Unlock()
	if status := x.s.prepare(f, x.set, x.ask, d); status != 0 {
		f.Respond(refusal(x.req, status, 0, ""))
		return
	}
	x.retargeted(f, d)
	if x.set.IMS.RecordRoute {
		x.s.recordRoute(f)
	}
	if err := f.Forward(); err != nil {
		f.Respond(refusal(x.req, 500, 41, ""))
	}
}

// retargeted has the core told that the call goes on to somebody else than was called.
func (x *session) retargeted(f *sip.Forwarding, d Decision) {
	top, _ := f.Request.Nth("Route", 0)
	a, err := sip.ParseAddress(top)
	if err != nil || !x.set.home(a.URI) || sameParty(d.Called, x.ask.Called) {
		return
	}
	w := way{now: hop{called: d.Called, own: true}}
	if d.Diversion != "" {
		w.steps, w.now.cause = []Diversion{{By: x.ask.Called, Reason: d.Diversion, Count: 1}}, diversionReasons[d.Diversion]
	}
	x.mu.Lock()
	x.way = w
	x.mu.Unlock()
	f.Request.Del("History-Info")
	f.Request.Del("Diversion")
	o := outgoing{s: x.s, set: x.set, x: x}
	o.tell(f.Request, Home, DiversionByTrust, x.set.ims, x.set.IMS.domain(x.set))
}

// prepare makes the request as it goes on: with whoever the decision has called, and with the trust domain's header
// fields only where it stays there. It returns the status code to refuse with, 0 if there is none.
func (s *Server) prepare(f *sip.Forwarding, set *settings, r *Request, d Decision) int {
	top, routed := f.Request.Nth("Route", 0)
	if r.Side == SideIMS && d.Called != r.Called {
		u, err := set.ims.CalledOut(d.Called, set.IMS.domain(set))
		if err != nil {
			return 404
		}
		f.Request.RequestURI = u.String()
	}
	proxy := s.agent.UserAgent().Proxy()
	if !routed {
		u, err := f.Request.URI()
		switch {
		case err != nil || !u.IsSIP() && len(set.IMS.Routes) == 0:
			return 404
		case proxy.IsSelf(u): // there is nowhere to go
			return 404
		case len(set.IMS.Routes) > 0 && r.Side == SideIMS:
			for i, v := range set.IMS.Routes {
				f.Request.Insert("Route", i, v)
			}
			top, routed = set.IMS.Routes[0], true
		}
	}
	if a, err := sip.ParseAddress(top); !routed || err != nil || !set.home(a.URI) {
		if r.Side != SideIMS || !routed {
			strip(&f.Request.Header)
		}
	}
	return 0
}

// home says whether a URI leads to the IMS core.
func (s *settings) home(u sip.URI) bool {
	if a, ok := u.Addr(); ok {
		for _, p := range s.IMS.Peers {
			if p.Prefix.Contains(a.Unmap()) && (p.Port == 0 || u.Port == 0 || int(p.Port) == u.Port) {
				return true
			}
		}
	}
	for _, r := range slices.Concat(s.IMS.Routes, s.IMS.OrigRoutes) {
		if a, err := sip.ParseAddress(r); err == nil && strings.EqualFold(a.URI.HostPort(), u.HostPort()) {
			return true
		}
	}
	return false
}

// domain is the host of numbers in the core.
func (i *IMS) domain(s *settings) string {
	if i.Domain != "" {
		return i.Domain
	}
	return s.Domain
}

// onOther is for requests that are neither calls nor registrations: MESSAGE, SUBSCRIBE, PUBLISH, OPTIONS to somebody
// else, … It must not block.
func (s *Server) onOther(f *sip.Forwarding, set *settings, p peer) {
	s.counts.requests.Add(1)
	req := f.Original
	if p.side == 0 {
		s.stranger(f)
		f.Respond(refusal(req, 403, 0, ""))
		return
	}
	x := &session{s: s, set: set, peer: p, req: req, began: time.Now()}
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(f.Transaction().Context(), 30*time.Second)
		defer cancel()
		if p.side == SidePhone && req.Method != sip.OPTIONS {
			user, resp, _ := sip.Authenticate(ctx, set.digest, req, true)
			if resp != nil {
				f.Respond(resp)
				return
			}
			if from, err := req.From(); err != nil || from.URI.User != user.Username {
				f.Respond(refusal(req, 403, 0, ""))
				return
			}
		}
		if status := x.describe(f); status != 0 {
			f.Respond(refusal(req, status, 0, ""))
			return
		}
		if set.OnRequest != nil && set.OnRequest(ctx, x.ask, f) {
			return
		}
		if _, routed := f.Request.Nth("Route", 0); routed && p.side == SideIMS {
			if status := s.prepare(f, set, x.ask, Decision{Called: x.ask.Called}); status != 0 {
				f.Respond(refusal(req, status, 0, ""))
				return
			}
			if req.Method == sip.SUBSCRIBE && set.IMS.RecordRoute {
				s.recordRoute(f)
			}
			f.Forward()
			return
		}
		if f.Serve() != nil { // what the agent's own handlers answer
			f.Respond(refusal(req, 405, 0, ""))
		}
	})
}
