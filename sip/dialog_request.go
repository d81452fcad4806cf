package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// RequestOptions say what a request within a dialog carries. The zero value is an empty one.
type RequestOptions struct {
	Body        []byte
	ContentType string         // of Body; if empty, application/sdp for INVITE, UPDATE and PRACK, else application/octet-stream
	Edit        func(*Request) // if not nil, called with each request before it is sent; it must not send another in the dialog
	Send        SendOptions    // how to send it; the zero value follows the dialog's route set
	// Answer, for an INVITE without Body, makes the answer to the offer in the 2xx; it goes into the
	// ACK. If nil, the ACK has no body.
	Answer func(*Response) (body []byte, contentType string)
	// Offer, for a re-INVITE or UPDATE, makes Body when the rules of offer and answer let the request go, and anew when it
	// is sent again after a 491; before that, Withdraw is called, which may be nil.
	Offer    func() ([]byte, error)
	Withdraw func()

	answers bool // the body is an answer
}

// offers says whether the request has a body that begins offer and answer, if it is one that can.
func (o *RequestOptions) offers() bool { return len(o.Body) > 0 || o.Offer != nil }

func (o *RequestOptions) fill(req *Request) {
	if len(o.Body) > 0 {
		ct := o.ContentType
		if ct == "" {
			ct = "application/octet-stream"
			if req.Method == INVITE || req.Method == UPDATE || req.Method == PRACK {
				ct = "application/sdp"
			}
		}
		req.Add("Content-Type", ct)
		req.Body = o.Body
	}
	if o.Edit != nil {
		o.Edit(req)
	}
}

// isOffer reports a body that takes part in offer and answer.
func isOffer(h *Header, body []byte) bool {
	if len(body) == 0 {
		return false
	}
	ct := strings.ToLower(h.ContentType())
	return strings.HasPrefix(ct, "application/sdp") || strings.HasPrefix(ct, "multipart/")
}

// maxGlare bounds how often a request that met a 491 is tried again.
const maxGlare = 5

// Do sends a request within the dialog, such as INFO, UPDATE, MESSAGE, REFER or NOTIFY, and returns
// its 2xx. It answers challenges, waits until the rules of offer and answer let an UPDATE with a body
// go, and tries it again after a 491 (RFC 3311 section 5.1). Other refusals are a [*ResponseError];
// those that end the usage or the dialog (RFC 5057, [FailureEffect]) end it, and so does silence.
// INVITE and BYE have methods of their own.
func (d *Dialog) Do(ctx context.Context, m Method, opts RequestOptions) (*Response, error) {
	switch m {
	case INVITE, ACK, BYE, CANCEL:
		return nil, fmt.Errorf("sip: %s cannot be sent by Do", m)
	}
	return d.exchange(ctx, m, opts)
}

// Invite sends a re-INVITE, once none is in progress, and acknowledges its 2xx (RFC 3261 section 14.1).
// A 491 has it sent again after the time that the RFC prescribes, a few times. When ctx ends, the
// re-INVITE is cancelled; Invite returns when it is known what became of it, and with a nil error
// when the CANCEL came too late.
func (d *Dialog) Invite(ctx context.Context, opts RequestOptions) (*Response, error) {
	return d.exchange(ctx, INVITE, opts)
}

func (d *Dialog) exchange(ctx context.Context, m Method, opts RequestOptions) (*Response, error) {
	offer := opts.offers()
	may := func() bool { return true }
	switch {
	case m == INVITE:
		may = d.offers.mayInvite
	case m == UPDATE && offer:
		may = d.offers.mayOffer
	}
	var credentials *Request // whose credentials to use
	for auths, glares := 0, 0; ; {
		if m == BYE { // the dialog has ended already
			d.mu.Lock()
		} else if err := d.await(ctx, may); err != nil {
			return nil, err
		}
		req, over, result, stop, err := d.start(ctx, m, &opts, credentials)
		if err != nil {
			return nil, err
		}
		ev := <-result
		stop()
		resp := ev.Response
		d.settle(m, req, resp, &opts)
		switch {
		case resp == nil:
			var te *TransportError
			if over && errors.As(ev.Err, &te) {
				d.mu.Lock()
				d.flow = Flow{} // the connection has gone: look for the peer
				d.mu.Unlock()
				continue
			}
			if errors.Is(ev.Err, ErrCanceled) && ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if errors.Is(ev.Err, ErrCanceled) && d.ctx.Err() != nil {
				return nil, context.Cause(d.ctx)
			}
			if m != BYE && errors.Is(ev.Err, ErrTimeout) && d.owns(m) {
				d.abort(ev.Err)
			}
			return nil, ev.Err
		case resp.IsSuccess():
			if d.digest != nil {
				err = d.digest.Learn(req, resp)
			}
			return resp, err
		case (resp.StatusCode == 401 || resp.StatusCode == 407) && d.digest != nil && auths < maxAuths:
			auths++
			credentials = req.Clone()
			if err := d.digest.Retry(ctx, credentials, resp); err != nil {
				return nil, errors.Join(&ResponseError{m, resp}, err)
			}
			continue
		case resp.StatusCode == 422 && auths < maxAuths && d.tooShort(req, resp):
			auths++
			continue
		case resp.StatusCode == 491 && (m == INVITE || m == UPDATE) && glares < maxGlare && ctx.Err() == nil:
			glares++
			d.ua.stats.glares.Add(1)
			if opts.Offer != nil {
				opts.Body = nil
				if opts.Withdraw != nil {
					opts.Withdraw()
				}
			}
			if err := sleep(ctx, d.ctx, glareDelay(d.state.Caller)); err != nil {
				return nil, err
			}
			continue
		}
		refused := &ResponseError{m, resp}
		if resp.StatusCode == 487 && ctx.Err() != nil {
			return nil, errors.Join(context.Cause(ctx), refused)
		}
		if resp.StatusCode == 487 && d.ctx.Err() != nil && m != BYE {
			return nil, errors.Join(context.Cause(d.ctx), refused)
		}
		if effect := FailureEffect(m, resp.StatusCode); m != BYE && (effect == EndsDialog || effect == EndsUsage && d.owns(m)) {
			if resp.StatusCode == 408 {
				d.abort(refused)
			} else {
				d.end(refused)
			}
		}
		return nil, refused
	}
}

// owns says whether the usage that a request belongs to is the one that made the dialog: a REFER of
// a call and what is told of it are another (RFC 5057).
func (d *Dialog) owns(m Method) bool {
	return d.events || m != REFER && m != NOTIFY && m != SUBSCRIBE
}

// tooShort takes the Min-SE of a 422, and reports whether to ask again.
func (d *Dialog) tooShort(req *Request, resp *Response) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session.again(req, resp)
}

// start sends one request. The caller holds mu, which start releases.
func (d *Dialog) start(ctx context.Context, m Method, opts *RequestOptions, credentials *Request) (req *Request, over bool, result chan ClientEvent, stop func(), err error) {
	switch { // taken before anything is sent, so that of two callers one waits
	case m == INVITE:
		d.offers.inviteOut, d.offers.offerOut = true, opts.offers()
	case m == UPDATE && opts.offers(), m == PRACK && len(opts.Body) > 0 && !opts.answers:
		d.offers.offerOut = true
	case m == PRACK && opts.answers:
		d.offers.offerIn = false
	}
	d.mu.Unlock()
	if opts.Offer != nil && opts.Body == nil {
		if opts.Body, err = opts.Offer(); err != nil {
			d.settle(m, nil, nil, opts)
			return nil, false, nil, nil, err
		}
	}
	d.order.Lock() // requests leave in the order of their CSeq
	defer d.order.Unlock()
	d.mu.Lock()
	req, err = d.state.NewRequest(m)
	var send SendOptions
	send, over = d.send(opts.Send)
	d.mu.Unlock()
	if err != nil {
		d.settle(m, nil, nil, opts)
		return nil, false, nil, nil, err
	}
	if m == INVITE {
		d.ua.describe(req)
	}
	opts.fill(req)
	if m == INVITE || m == UPDATE {
		d.mu.Lock()
		if d.state.Confirmed && d.ua.timer {
			d.session.ask(req, &d.ua.cfg.Session)
		}
		d.mu.Unlock()
	}
	if credentials == nil {
		if d.digest != nil {
			d.digest.Prepare(req)
		}
	} else {
		for _, proxy := range [...]bool{false, true} {
			name, _, _ := authHeaders(proxy)
			for v := range credentials.Values(name) {
				req.Add(name, v)
			}
		}
	}
	result = make(chan ClientEvent, 1)
	c, _ := req.CSeq()
	first := true
	attempt, err := d.ua.ep.Start(req, send, func(ev ClientEvent) {
		switch {
		case ev.Response != nil && ev.Response.IsProvisional():
			if m == INVITE && d.takeReliable(c.Seq, len(opts.Body) > 0, ev.Response) {
				go d.prack(c.Seq, ev.Response, opts.Answer, nil, nil)
			}
			return
		case ev.Response == nil && ev.Err == nil:
			return
		case first:
			first = false
			result <- ev
		case ev.Response != nil && ev.Response.IsSuccess():
			d.mu.Lock()
			d.repeatACK(c.Seq)
			d.mu.Unlock()
		}
	})
	if err != nil {
		d.settle(m, nil, nil, opts)
		return nil, false, nil, nil, err
	}
	giveUp := func() { attempt.Cancel() }
	stop1, stop2 := context.AfterFunc(ctx, giveUp), func() bool { return false }
	if m != BYE { // there is nothing to wait for after the end of the dialog
		stop2 = context.AfterFunc(d.ctx, giveUp)
	}
	return req, over, result, func() { stop1(); stop2() }, nil
}

// settle takes the final response to req; both are nil where nothing was sent.
func (d *Dialog) settle(m Method, req *Request, resp *Response, opts *RequestOptions) {
	success := resp != nil && resp.IsSuccess()
	var body []byte
	var contentType string
	if m == INVITE && success && opts.Answer != nil && len(req.Body) == 0 {
		c, _ := req.CSeq()
		d.mu.Lock()
		settled := d.relOut.described(c.Seq)
		d.offers.offerIn = !settled && isOffer(&resp.Header, resp.Body)
		d.mu.Unlock()
		if !settled {
			body, contentType = opts.Answer(resp)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if success && (m == INVITE || m == UPDATE || m == PRACK) { // what was refused is not what a refresh repeats
		d.session.keep(&req.Header, req.Body)
	}
	if success && refreshesTarget(m) {
		d.state.RefreshTarget(&resp.Header) // one that cannot be parsed is no reason to lose the call
	}
	if success && (m == INVITE || m == UPDATE && d.state.Confirmed) {
		d.sessionAnswered(req, resp)
	}
	if success && refreshesTarget(m) && req.Value("Contact") != "" {
		d.state.Contact = strings.Clone(req.Value("Contact"))
	}
	switch {
	case m == INVITE:
		d.offers.inviteOut, d.offers.offerOut, d.offers.offerIn = false, false, false
		if success {
			d.sendACK(req, body, contentType)
		}
	case m == UPDATE && opts.offers(), m == PRACK && len(opts.Body) > 0 && !opts.answers:
		d.offers.offerOut = false
	}
	d.update()
}
