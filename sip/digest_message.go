package sip

import (
	"context"
	"errors"
)

// authHeaders returns the names of the fields that credentials, challenges and confirmations of a
// server or of a proxy are in (RFC 3261 section 22).
func authHeaders(proxy bool) (credentials, challenge, info string) {
	if proxy {
		return "Proxy-Authorization", "Proxy-Authenticate", "Proxy-Authentication-Info"
	}
	return "Authorization", "WWW-Authenticate", "Authentication-Info"
}

// authRequest gathers what authentication needs of req. Other schemes than Digest are left out.
func authRequest(req *Request, proxy bool) (AuthRequest, error) {
	r := AuthRequest{Method: req.Method, RequestURI: req.RequestURI, Body: req.Body, Proxy: proxy, Request: req}
	name, _, _ := authHeaders(proxy)
	for v := range req.Values(name) {
		c, err := ParseCredentials(v)
		if errors.Is(err, ErrNotDigest) {
			continue
		}
		if err != nil {
			return r, err
		}
		r.Credentials = append(r.Credentials, c)
	}
	return r, nil
}

// Authenticate asks a for the user who sent req. It returns the user, or the response to refuse the
// request with: 401 (407 with proxy) with challenges, 400, 403, or 500 with the error where a
// itself failed. The error says in every case why a request was refused, for the log.
//
// ACK and CANCEL cannot be challenged (RFC 3261 section 22.1): for those it returns nothing at all.
func Authenticate(ctx context.Context, a Authenticator, req *Request, proxy bool) (*Authenticated, *Response, error) {
	if req.Method == ACK || req.Method == CANCEL {
		return nil, nil, nil
	}
	r, err := authRequest(req, proxy)
	if err != nil {
		return nil, NewResponse(req, 400, "Bad Credentials"), err
	}
	user, err := a.Verify(ctx, &r)
	if err == nil {
		return user, nil, nil
	}
	var ae *AuthError
	switch {
	case errors.Is(err, ErrAuthRequired):
	case !errors.As(err, &ae):
		return nil, NewResponse(req, 500, ""), err
	case ae.Reason == AuthForbidden:
		return nil, NewResponse(req, 403, ""), err
	default:
		return nil, NewResponse(req, 400, "Bad Credentials"), err
	}
	challenges, cerr := a.Challenge(ctx, &r, err)
	if cerr != nil {
		return nil, NewResponse(req, 500, ""), errors.Join(err, cerr)
	}
	status := 401
	if proxy {
		status = 407
	}
	resp := NewResponse(req, status, "")
	_, name, _ := authHeaders(proxy)
	for i := range challenges {
		text, cerr := challenges[i].AppendText(nil)
		if cerr != nil {
			return nil, NewResponse(req, 500, ""), errors.Join(err, cerr)
		}
		resp.Add(name, string(text))
	}
	return nil, resp, err
}

// AddInfo adds the Authentication-Info (or, with proxy, the Proxy-Authentication-Info) of an
// authenticated request to the response. The response's body must be final, since it may be part
// of the proof.
func (a *Authenticated) AddInfo(resp *Response, proxy bool) {
	_, _, name := authHeaders(proxy)
	if text := a.Info(resp.Body).String(); text != "" {
		resp.Set(name, text)
	}
}

// Prepare adds credentials from earlier challenges to req, which carries none yet (RFC 3261 sections
// 22.2 and 22.3). The body must be final.
func (d *DigestClient) Prepare(req *Request) {
	for _, proxy := range [...]bool{false, true} {
		name, _, _ := authHeaders(proxy)
		r := AuthRequest{Method: req.Method, RequestURI: req.RequestURI, Body: req.Body, Proxy: proxy, Request: req}
		for _, c := range d.Credentials(&r) {
			if text, err := c.AppendText(nil); err == nil {
				req.Add(name, string(text))
			}
		}
	}
}

// Retry puts answers to the challenges of resp, a 401 or 407, into req, which is the request that
// was refused. What req carried for other realms stays. The caller then raises the CSeq and sends
// it again with the same Call-ID, From and To (RFC 3261 section 8.1.3.5). Errors are those of
// [DigestClient.Answer], and [*ParseError] where no challenge could be read.
func (d *DigestClient) Retry(ctx context.Context, req *Request, resp *Response) error {
	proxy := resp.StatusCode == 407
	name, challengeName, _ := authHeaders(proxy)
	r, err := authRequest(req, proxy)
	if err != nil {
		return err
	}
	var challenges []Challenge
	var unread error
	for v := range resp.Values(challengeName) {
		ch, err := ParseChallenge(v)
		if err != nil { // ignored, as one that is not understood
			unread = err
			continue
		}
		challenges = append(challenges, ch)
	}
	if len(challenges) == 0 && unread != nil && !errors.Is(unread, ErrNotDigest) {
		return unread
	}
	answers, err := d.Answer(ctx, &r, challenges)
	if err != nil {
		return err
	}
	answered := map[string]bool{}
	for i := range answers {
		answered[answers[i].Realm] = true
	}
	req.Del(name)
	for i := range r.Credentials {
		if c := &r.Credentials[i]; !answered[c.Realm] {
			req.Add(name, c.String())
		}
	}
	for i := range answers {
		text, err := answers[i].AppendText(nil)
		if err != nil {
			return err
		}
		req.Add(name, string(text))
	}
	return nil
}

// Learn takes the Authentication-Info of a response to req, see [DigestClient.Confirm].
func (d *DigestClient) Learn(req *Request, resp *Response) error {
	for _, proxy := range [...]bool{false, true} {
		_, _, name := authHeaders(proxy)
		v := resp.Value(name)
		if v == "" {
			continue
		}
		info, err := ParseAuthenticationInfo(v)
		if err != nil { // proves nothing, as a missing one does
			continue
		}
		r, err := authRequest(req, proxy)
		if err != nil {
			return err
		}
		if err := d.Confirm(&r, info, resp.Body); err != nil {
			return err
		}
	}
	return nil
}
