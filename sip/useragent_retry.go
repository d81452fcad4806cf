package sip

import (
	"context"
	"errors"
)

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
