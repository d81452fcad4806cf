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
	if resp.StatusCode < 300 { // a refusal may describe why
		d.session.keep(&resp.Header, resp.Body)
	}
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
