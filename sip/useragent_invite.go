package sip

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// InviteOptions say what a call is to be. The zero value is an INVITE without a body.
type InviteOptions struct {
	RequestOptions
	// From and To replace the agent's Address and the URI that is called, as name-addr. Tags are
	// not wanted.
	From, To string
	// Digest answers challenges in this call instead of the agent's Auth. Calls of one account share it,
	// and are spared the challenge when they have the nonce.
	Digest *DigestClient
	// OnProvisional, if not nil, is called with each provisional response but 100, in order, on the
	// goroutine of Invite. d is its early dialog, nil where it makes none; a call that was forked has
	// several.
	OnProvisional func(d *Dialog, resp *Response)
	// PRACK, if not nil, makes what goes into the PRACK of a reliable provisional response (RFC 3262),
	// after OnProvisional had it, on the same goroutine: a body is the answer to an offer in the
	// response, else a new offer. If nil, Answer makes the answer to an offer.
	PRACK func(d *Dialog, resp *Response) RequestOptions
	// OnPRACK, if not nil, receives what came of a PRACK, on a goroutine of its own: its 2xx, which has
	// the answer where the PRACK had an offer, or why there is none.
	OnPRACK func(d *Dialog, resp *Response, err error)
	// OnFork, if not nil, receives the dialogs of further 2xx responses, from other branches of a
	// fork, on a goroutine of its own. They are acknowledged without a body. If nil, they are ended
	// with BYE.
	OnFork func(d *Dialog, resp *Response)
}

// Invite calls uri and waits for the answer (RFC 3261 section 13.2). It returns the confirmed dialog
// and the 2xx, which has been acknowledged. A refusal is a [*ResponseError]. Challenges are answered,
// and redirections followed as the configuration says.
//
// When ctx ends first, the call is cancelled and Invite returns the cause of ctx; should the peer have
// answered meanwhile, its call is ended with BYE. The Reasons of a [HangUpError] as the cause are told.
func (ua *UserAgent) Invite(ctx context.Context, uri string, opts InviteOptions) (*Dialog, *Response, error) {
	if ua.Dialogs() >= ua.cfg.MaxDialogs {
		return nil, nil, ErrLimit
	}
	digest := ua.digest
	if opts.Digest != nil {
		digest = opts.Digest
	}
	req, err := ua.newInvite(uri, &opts, digest)
	if err != nil {
		return nil, nil, err
	}
	ua.stats.sent.Add(1)
	again := ua.again()
	for again.digest = digest; ; {
		o := &outgoing{ua: ua, digest: digest, req: req, opts: &opts, wake: make(chan struct{}, 1), dialogs: map[string]*Dialog{}}
		d, resp, err := o.run(ctx)
		o.letGo()
		if err != nil {
			return nil, nil, err
		}
		if d != nil {
			if digest != nil {
				if err := digest.Learn(req, resp); err != nil {
					d.abort(err)
					return nil, nil, err
				}
			}
			return d, resp, nil
		}
		if req, err = again.next(ctx, req, resp); err != nil {
			return nil, nil, err
		}
	}
}

// newInvite makes the first INVITE.
func (ua *UserAgent) newInvite(uri string, opts *InviteOptions, digest *DigestClient) (*Request, error) {
	if _, err := ParseURI(uri); err != nil {
		return nil, err
	}
	req := ua.NewRequest(INVITE, uri)
	if err := ua.address(req, opts.From, opts.To); err != nil {
		return nil, err
	}
	ua.describe(req)
	opts.fill(req)
	new(sessionTimer).ask(req, &ua.cfg.Session)
	if digest != nil {
		digest.Prepare(req)
	}
	return req, nil
}

// letGo forgets what the application has given for the time until the answer: further answers may come for 64*T1.
func (o *outgoing) letGo() {
	o.mu.Lock()
	defer o.mu.Unlock()
	opts := &InviteOptions{OnFork: o.opts.OnFork}
	opts.Send = o.opts.Send
	opts.Send.Prepare = nil
	o.opts = opts
}

// outgoing is an INVITE on its way, with the dialogs that its responses make. Events come on the
// endpoint's goroutine; what may block is left to the goroutine of Invite.
type outgoing struct {
	ua     *UserAgent
	digest *DigestClient // may be nil
	req    *Request
	opts   *InviteOptions
	wake   chan struct{}

	mu       sync.Mutex
	contact  string             // as sent
	dialogs  map[string]*Dialog // by the peer's tag
	events   []outgoingEvent    // for run
	answered *Dialog            // the first 2xx
	settled  bool               // has its final response
	gaveUp   bool
}

type outgoingEvent struct {
	d        *Dialog
	resp     *Response
	reliable bool // wants a PRACK
	err      error
}

// maxProvisional bounds the provisional responses that wait for OnProvisional; more are dropped.
const maxProvisional = 64

// run sends the INVITE. It returns the dialog of a 2xx, or the final response that refuses, or why
// there is none.
func (o *outgoing) run(ctx context.Context) (*Dialog, *Response, error) {
	send := o.ua.send(o.opts.Send)
	send.Prepare = o.ua.withContact(send.Prepare, func(contact string) {
		o.mu.Lock()
		o.contact = strings.Clone(contact)
		o.mu.Unlock()
	})
	attempt, err := o.ua.ep.Start(o.req, send, o.event)
	if err != nil {
		return nil, nil, err
	}
	for {
		o.mu.Lock()
		events := o.events
		o.events = nil
		o.mu.Unlock()
		for _, ev := range events {
			switch {
			case ev.err != nil:
				return nil, nil, ev.err
			case ev.resp.IsProvisional():
				if o.opts.OnProvisional != nil {
					o.opts.OnProvisional(ev.d, ev.resp)
				}
				if ev.reliable {
					c, _ := o.req.CSeq()
					ev.d.prack(c.Seq, ev.resp, o.opts.Answer, o.opts.PRACK, o.opts.OnPRACK)
				}
			case ev.resp.IsSuccess():
				return ev.d, ev.resp, o.acknowledge(ev.d, ev.resp)
			default:
				return nil, ev.resp, nil
			}
		}
		select {
		case <-o.wake:
			continue
		default:
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			if o.giveUp(attempt, context.Cause(ctx)) {
				return nil, nil, context.Cause(ctx)
			}
		}
	}
}

// giveUp cancels the call, and reports false where the answer was there before.
func (o *outgoing) giveUp(attempt *ClientAttempt, cause error) bool {
	o.mu.Lock()
	if o.settled {
		o.mu.Unlock()
		return false
	}
	o.gaveUp = true
	o.mu.Unlock()
	var why *HangUpError
	var reasons []string
	if errors.As(cause, &why) {
		for _, r := range why.Reasons {
			reasons = append(reasons, r.String())
		}
	}
	attempt.Cancel(reasons...)
	return true
}

// post hands something to run.
func (o *outgoing) post(ev outgoingEvent) {
	if ev.err == nil && !ev.reliable && ev.resp.IsProvisional() && len(o.events) >= maxProvisional {
		return
	}
	o.events = append(o.events, ev)
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// event takes what the endpoint says. It does not block.
func (o *outgoing) event(ev ClientEvent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	resp := ev.Response
	switch {
	case resp == nil && ev.Err == nil: // 64*T1 after the first 2xx
		o.fail(ErrForked)
		if !o.settled {
			o.settled = true
			o.post(outgoingEvent{err: ErrTimeout})
		}
	case resp == nil:
		o.fail(ev.Err)
		if !o.settled {
			o.settled = true
			o.post(outgoingEvent{err: ev.Err})
		}
	case resp.StatusCode == 100:
	case resp.IsProvisional():
		if !o.settled && !o.gaveUp {
			o.provisional(resp)
		}
	case resp.IsSuccess():
		o.success(resp, ev.Flow)
	default:
		o.fail(&ResponseError{INVITE, resp})
		if !o.settled {
			o.settled = true
			o.post(outgoingEvent{resp: resp})
		}
	}
}

// provisional hands a provisional response to run. A reliable one that came before, or out of order,
// is dropped: it comes again (RFC 3262 section 4).
func (o *outgoing) provisional(resp *Response) {
	ev := outgoingEvent{d: o.early(resp), resp: resp}
	if ev.d != nil && o.ua.reliable && isReliable(resp) {
		c, _ := o.req.CSeq()
		if ev.reliable = ev.d.takeReliable(c.Seq, len(o.req.Body) > 0, resp); !ev.reliable {
			return
		}
	}
	o.post(ev)
}

// early returns the early dialog of a provisional response, nil where it makes none.
func (o *outgoing) early(resp *Response) *Dialog {
	to, err := resp.To()
	if err != nil || to.Tag() == "" {
		return nil
	}
	if d := o.dialogs[to.Tag()]; d != nil {
		return d
	}
	if len(o.dialogs) >= o.ua.cfg.MaxForks {
		return nil
	}
	d, err := o.dialog(resp)
	if err != nil || o.ua.add(d) != nil {
		return nil
	}
	o.dialogs[strings.Clone(to.Tag())] = d
	return d
}

func (o *outgoing) dialog(resp *Response) (*Dialog, error) {
	state, err := NewClientDialog(o.req, resp)
	if err != nil {
		return nil, err
	}
	state.Contact = o.contact
	d := newDialog(o.ua, *state)
	d.digest = o.digest
	d.session.keep(&o.req.Header, o.req.Body)
	d.offers.inviteOut = true
	d.offers.offerOut = isOffer(&o.req.Header, o.req.Body)
	return d, nil
}

// success takes a 2xx: the first is the answer, the same again has its ACK repeated, one from another
// branch is acknowledged and ended (RFC 3261 section 13.2.2.4).
func (o *outgoing) success(resp *Response, f Flow) {
	to, err := resp.To()
	if err != nil {
		return // without To it would not have come here
	}
	var full error
	d := o.dialogs[to.Tag()]
	if d != nil {
		d.mu.Lock()
		confirmed := d.state.Confirmed
		if confirmed {
			c, _ := o.req.CSeq()
			d.repeatACK(c.Seq) // none is there yet while the application makes an answer
		} else {
			err = d.state.Confirm(resp)
		}
		d.mu.Unlock()
		if confirmed {
			return
		}
	} else {
		if len(o.dialogs) >= 2*o.ua.cfg.MaxForks { // an endless fork: its BYE would not end either
			return
		}
		if d, err = o.dialog(resp); err == nil {
			o.dialogs[strings.Clone(to.Tag())] = d
			full = o.ua.add(d)
		}
	}
	if err == nil {
		o.confirmed(d, resp, f, full)
		err = full
	}
	if err != nil && !o.settled {
		o.settled = true
		o.post(outgoingEvent{err: err})
	}
}

// confirmed acknowledges the first 2xx of a branch. full says why the dialog has no place in the
// table, if it has none.
func (o *outgoing) confirmed(d *Dialog, resp *Response, f Flow, full error) {
	d.mu.Lock()
	c, _ := o.req.CSeq()
	settled := d.relOut.described(c.Seq)
	d.offers.inviteOut = false
	if !settled {
		d.offers.offerOut = false
		d.offers.offerIn = len(o.req.Body) == 0 && isOffer(&resp.Header, resp.Body)
	}
	if d.state.leadsThere(f) || f.Transport.Reliable() && len(d.state.Routes) == 0 && o.ua.send(o.opts.Send).Flow.Remote.IsValid() {
		d.flow = f // also where the application chose the connection
	}
	d.sessionAnswered(o.req, resp)
	d.update()
	first := o.answered == nil && !o.gaveUp && full == nil
	answerLater := first && len(o.req.Body) == 0 && o.opts.Answer != nil && !settled
	if !answerLater {
		if !settled {
			d.offers.offerIn = false
		}
		d.sendACK(o.req, nil, "")
	}
	d.mu.Unlock()
	switch {
	case first:
		o.ua.stats.answered.Add(1)
		o.ua.tell(d.id, "confirmed", nil)
		o.answered, o.settled = d, true
		o.post(outgoingEvent{d: d, resp: resp})
	case !o.gaveUp && o.opts.OnFork != nil && full == nil:
		o.ua.stats.forks.Add(1)
		go o.opts.OnFork(d, resp)
	default:
		o.ua.stats.forks.Add(1)
		go d.Bye(context.Background(), RequestOptions{})
	}
}

// fail ends the dialogs that are still early (RFC 3261 sections 12.3 and 13.2.2.4).
func (o *outgoing) fail(cause error) {
	for tag, d := range o.dialogs {
		d.mu.Lock()
		early := !d.state.Confirmed
		d.mu.Unlock()
		if early {
			delete(o.dialogs, tag)
			d.end(cause)
		}
	}
}

// acknowledge sends the ACK that waited for an answer.
func (o *outgoing) acknowledge(d *Dialog, resp *Response) error {
	c, _ := o.req.CSeq()
	d.mu.Lock()
	settled := d.relOut.described(c.Seq)
	d.mu.Unlock()
	if len(o.req.Body) > 0 || o.opts.Answer == nil || settled {
		return nil
	}
	body, contentType := o.opts.Answer(resp)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return context.Cause(d.ctx)
	}
	d.offers.offerIn = false
	d.sendACK(o.req, body, contentType)
	d.update()
	return nil
}
