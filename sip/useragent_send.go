package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

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
