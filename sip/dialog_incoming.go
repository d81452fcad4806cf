package sip

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Incoming is a request of the peer that an application answers: the INVITE that begins a call, or a
// request within its dialog. Its methods may be called by any goroutine.
type Incoming struct {
	// Dialog is the call; an early one for the first INVITE.
	Dialog *Dialog
	// Request is what came. It must not be edited.
	Request *Request

	tx      *ServerTransaction
	initial bool

	// Guarded by the dialog.
	done   bool      // it has a final response, or needs none
	final  *Response // 2xx to an INVITE, to send again
	acked  chan struct{}
	ackReq *Request
	serve  func(*Incoming) // instead of the dialog's handler
	rel    reliableIn
}

// Initial reports the INVITE that begins a call.
func (in *Incoming) Initial() bool { return in.initial }

// Flow returns where the request came from.
func (in *Incoming) Flow() Flow { return in.tx.Flow() }

// SetFlow makes f the way of the responses, see [ServerTransaction.SetFlow].
func (in *Incoming) SetFlow(f Flow) { in.tx.SetFlow(f) }

// Context is done when the request needs no answer any more: it was cancelled, the dialog ended, it
// has its final response, or nobody gave one in time.
func (in *Incoming) Context() context.Context { return in.tx.Context() }

// NewResponse returns a response to the request with our Contact, Allow and Supported where they
// belong, for [Incoming.Respond]. An empty reason stands for [StatusText].
func (in *Incoming) NewResponse(status int, reason string) *Response {
	resp := NewResponse(in.Request, status, reason)
	if status > 100 && status < 300 && refreshesTarget(in.Request.Method) {
		resp.Set("Contact", in.Dialog.State().Contact)
	}
	if in.Request.Method == INVITE && (in.initial && status < 200 && status > 100 || status/100 == 2) || status == 405 {
		in.Dialog.ua.describe(resp)
	}
	return resp
}

// Reply responds with a status code and a body, which may be empty. contentType may be empty where the
// body is SDP.
func (in *Incoming) Reply(status int, body []byte, contentType string) error {
	resp := in.NewResponse(status, "")
	if len(body) > 0 {
		if contentType == "" {
			contentType = "application/sdp"
		}
		resp.Add("Content-Type", contentType)
		resp.Body = body
	}
	return in.Respond(resp)
}

// Respond sends a response. A 2xx to an INVITE confirms the dialog and is sent again until the ACK
// comes; if none comes within 64*T1 the call ends with BYE and [ErrNoACK] (RFC 3261 section 13.3.1.4). A
// refusal of the first INVITE ends the dialog with [ErrRefused]. After the final response, or when the
// call was cancelled meanwhile, it fails with ErrEnded.
//
// A provisional response to an INVITE, but 100, is sent reliably (RFC 3262) if it says so itself
// (Require: 100rel) or the request does, and if the request supports that and the response has a
// session description, provided that the agent supports it. It is sent again until its PRACK comes;
// if none comes within 64*T1 the INVITE gets 504, and an initial one ends the dialog with
// [ErrNoPRACK]. Further reliable responses wait for that PRACK, and so does a 2xx where one of those
// responses has a session description; Respond itself does not wait: see [Incoming.PRACK].
func (in *Incoming) Respond(resp *Response) error {
	d := in.Dialog
	d.mu.Lock()
	if in.done || in.rel.final != nil {
		d.mu.Unlock()
		return ErrEnded
	}
	if in.wantsPRACK(resp) {
		defer d.mu.Unlock()
		return in.respondReliably(resp)
	}
	if resp.IsSuccess() && in.rel.described() {
		in.rel.final = resp
		d.mu.Unlock()
		return nil
	}
	return in.respond(resp)
}

// respond sends a response now. The caller holds the dialog, which respond releases.
func (in *Incoming) respond(resp *Response) error {
	d := in.Dialog
	if m := in.Request.Method; resp.IsSuccess() && (m == INVITE || m == UPDATE && d.state.Confirmed) {
		d.sessionAnswer(in.Request, resp)
	}
	d.session.keep(&resp.Header, resp.Body)
	err := in.tx.Respond(resp)
	var te *TransportError
	if err != nil && !errors.As(err, &te) {
		d.mu.Unlock()
		return err
	}
	refused := false
	if resp.StatusCode >= 200 {
		in.finish()
		success := resp.IsSuccess()
		if success && !in.initial && refreshesTarget(in.Request.Method) {
			d.state.RefreshTarget(&in.Request.Header)
		}
		switch {
		case in.Request.Method == INVITE && success:
			if c := resp.Value("Contact"); c != "" {
				d.state.Contact = strings.Clone(c)
			}
			if !d.state.Confirmed {
				d.state.Confirmed = true
				d.ua.stats.accepted.Add(1)
				d.ua.tell(d.id, "confirmed", nil)
			}
			in.final, d.waitIn = resp, in
			d.offers.ackWait = true
			d.offers.offerOut = len(in.Request.Body) == 0 && !in.rel.agreed && isOffer(&resp.Header, resp.Body)
			d.wait.start(time.Now(), d.ua.timers)
			d.arm()
		case in.initial:
			refused = true
		}
		d.update()
	}
	d.mu.Unlock()
	switch {
	case refused:
		d.end(ErrRefused)
	case in.Request.Method == PRACK && resp.StatusCode >= 200:
		d.released()
	}
	return err
}

// finish takes note that the request needs no response any more. The caller holds the dialog.
func (in *Incoming) finish() {
	in.done = true
	d := in.Dialog
	delete(d.pending, in)
	in.rel.stop()
	switch in.Request.Method {
	case INVITE:
		d.offers.inviteIn, d.offers.offerIn, d.offers.prackWait = false, false, false
	case UPDATE, PRACK:
		if isOffer(&in.Request.Header, in.Request.Body) {
			d.offers.offerIn = false
		}
	}
}

// ACK waits for the ACK of our 2xx to this INVITE, which carries the answer where the 2xx had the
// offer. It fails with the cause of the dialog's end where none came.
func (in *Incoming) ACK(ctx context.Context) (*Request, error) {
	select {
	case <-in.acked:
		return in.ackReq, nil
	default:
	}
	select {
	case <-in.acked:
		return in.ackReq, nil
	case <-in.Dialog.ctx.Done():
		return nil, context.Cause(in.Dialog.ctx)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// arm sets the timer that repeats a 2xx. The caller holds mu.
func (d *Dialog) arm() {
	at := d.wait.deadline()
	if at.IsZero() {
		if d.timer != nil {
			d.timer.Stop()
		}
		return
	}
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(at), d.tick)
	} else {
		d.timer.Reset(time.Until(at))
	}
}

func (d *Dialog) tick() {
	d.mu.Lock()
	resend, giveUp := d.wait.expire(time.Now(), d.ua.timers)
	if resend && d.waitIn != nil {
		d.ua.stats.answersAgain.Add(1)
		d.waitIn.tx.Respond(d.waitIn.final)
	}
	d.arm()
	d.mu.Unlock()
	if giveUp {
		d.ua.stats.noACK.Add(1)
		d.abort(ErrNoACK)
	}
}

// serveInvite takes an INVITE that begins a call. It does not block.
func (ua *UserAgent) serveInvite(tx *ServerTransaction, req *Request) {
	if ua.cfg.OnInvite == nil {
		tx.Respond(NewResponse(req, 480, ""))
		return
	}
	if resp := ua.badExtension(req); resp != nil {
		tx.Respond(resp)
		return
	}
	if resp := ua.tooShort(req); resp != nil {
		tx.Respond(resp)
		return
	}
	state, err := NewServerDialog(req, tx.Tag(), ua.contact(tx.Flow(), isSIPS(req.RequestURI)))
	if err != nil {
		tx.Respond(NewResponse(req, statusOf(err), ""))
		return
	}
	d := newDialog(ua, *state)
	if via, err := req.Via(); err == nil && state.staysOn(tx.Flow(), via) {
		d.flow = tx.Flow()
	}
	if err := ua.add(d); err != nil {
		ua.stats.overLimit.Add(1)
		resp := NewResponse(req, 503, "")
		resp.Add("Retry-After", "10")
		tx.Respond(resp)
		return
	}
	ua.stats.received.Add(1)
	in := &Incoming{Dialog: d, Request: req, tx: tx, initial: true}
	d.mu.Lock()
	d.take(in)
	d.mu.Unlock()
	in.watch()
	go ua.cfg.OnInvite(in)
}

// take notes a request that waits for its answer. The caller holds mu.
func (d *Dialog) take(in *Incoming) {
	if d.pending == nil {
		d.pending = map[*Incoming]struct{}{}
	}
	d.pending[in] = struct{}{}
	switch in.Request.Method {
	case INVITE:
		in.acked = make(chan struct{})
		d.offers.inviteIn = true
		d.offers.offerIn = isOffer(&in.Request.Header, in.Request.Body)
	case UPDATE, PRACK:
		if isOffer(&in.Request.Header, in.Request.Body) {
			d.offers.offerIn = true
		}
	}
}

// watch has CANCEL answered, and hears of the end of a request that nobody answered. The caller does
// not hold the dialog.
func (in *Incoming) watch() {
	d := in.Dialog
	if in.Request.Method == INVITE {
		in.tx.OnCancel(func() {
			d.mu.Lock()
			if in.done {
				d.mu.Unlock()
				return
			}
			in.tx.Respond(NewResponse(in.Request, 487, ""))
			in.finish()
			d.update()
			d.mu.Unlock()
			if in.initial {
				d.end(&CancelError{in.tx.Cancel()})
			}
		})
	}
	in.tx.OnEnd(func(err error) {
		d.mu.Lock()
		late := !in.done
		if late {
			in.finish()
			d.update()
		}
		d.mu.Unlock()
		if late && in.initial {
			if err == nil {
				err = ErrTimeout
			}
			d.end(err)
		}
	})
}

// serve takes a request within the dialog. It does not block.
func (d *Dialog) serve(tx *ServerTransaction, req *Request) {
	d.mu.Lock()
	switch {
	case req.Method == ACK:
		d.takeACK(req)
		d.mu.Unlock()
		return
	case d.ended:
		d.mu.Unlock()
		status := 481
		if req.Method == BYE { // crossed ours
			status = 200
		}
		tx.Respond(NewResponse(req, status, ""))
		return
	}
	status := d.state.TakeRequest(req)
	if status == 0 && d.events && (req.Method == BYE || req.Method == INVITE) {
		status = 481 // of a usage that there is not
	}
	if status == 0 && req.Method == BYE {
		d.mu.Unlock()
		tx.Respond(NewResponse(req, 200, ""))
		d.end(&ByeError{req})
		return
	}
	resp := NewResponse(req, 500, "")
	handler := d.handler
	referral := d.referralOf(req)
	if referral != nil {
		handler = referral.serve
	}
	unknown := d.ua.badExtension(req)
	short := d.ua.tooShort(req)
	glare := 0
	if status == 0 && unknown == nil && req.Method == PRACK && d.ua.reliable {
		if d.servePRACK(tx, req) {
			return
		}
	}
	if status == 0 {
		glare = d.offers.refuse(req.Method, isOffer(&req.Header, req.Body))
	}
	switch {
	case status != 0:
		resp.StatusCode, resp.Reason = status, StatusText(status)
	case unknown != nil:
		resp = unknown
	case short != nil:
		resp = short
	case handler == nil && req.Method == UPDATE && d.ua.timer && len(req.Body) == 0:
		in := &Incoming{Dialog: d, Request: req, tx: tx}
		d.take(in)
		d.mu.Unlock()
		in.Reply(200, nil, "")
		return
	case glare == 500:
		resp.Add("Retry-After", retryAfter())
	case glare != 0:
		d.ua.stats.glares.Add(1)
		resp.StatusCode, resp.Reason = glare, StatusText(glare)
	case handler == nil && (req.Method == INVITE || req.Method == PRACK):
		resp.StatusCode, resp.Reason = 488, StatusText(488)
	case handler == nil:
		d.mu.Unlock()
		d.ua.refuse(tx, req)
		return
	case req.Method != INVITE && len(d.queue) >= d.ua.cfg.MaxPending:
		resp.Add("Retry-After", retryAfter())
	default:
		in := &Incoming{Dialog: d, Request: req, tx: tx}
		if referral != nil {
			in.serve = referral.serve
		}
		d.take(in)
		switch {
		case req.Method == INVITE: // may take as long as its user
			go handler(in)
		default:
			d.queue = append(d.queue, in)
			if !d.serving {
				d.serving = true
				go d.work()
			}
		}
		d.mu.Unlock()
		in.watch()
		return
	}
	d.mu.Unlock()
	tx.Respond(resp)
	if req.Method == PRACK {
		d.released()
	}
}

// work hands the queue to the handler, one request after the other.
func (d *Dialog) work() {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 {
			d.serving, d.queue = false, nil
			d.mu.Unlock()
			return
		}
		in, handler := d.queue[0], d.handler
		if in.serve != nil {
			handler = in.serve
		}
		d.queue = d.queue[1:]
		d.mu.Unlock()
		if handler == nil {
			in.Respond(in.NewResponse(405, ""))
			continue
		}
		handler(in)
	}
}

// takeACK ends the wait for it. The caller holds mu.
func (d *Dialog) takeACK(req *Request) {
	in := d.waitIn
	if in == nil {
		return
	}
	c, err := req.CSeq()
	want, _ := in.Request.CSeq()
	if err != nil || c.Seq != want.Seq {
		return
	}
	d.waitIn = nil
	d.wait.stop()
	d.arm()
	in.ackReq, in.final = req, nil
	d.offers.ackWait, d.offers.offerOut = false, false
	close(in.acked)
	d.update()
}
