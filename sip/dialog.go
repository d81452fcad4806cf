package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Why a dialog has ended: the cause of its Context.
var (
	ErrHungUp     = errors.New("sip: we hung up")       // BYE or CANCEL was sent by us
	ErrPeerHungUp = errors.New("sip: the peer hung up") // matches *ByeError
	ErrRefused    = errors.New("sip: we refused the call")
	ErrForked     = errors.New("sip: another branch answered the call")
	ErrNoPRACK    = errors.New("sip: a reliable provisional response was not acknowledged")
)

// ByeError is the end of a dialog by the peer's BYE. It matches [ErrPeerHungUp].
type ByeError struct{ Request *Request }

// Error names the Reason of the BYE, if it has one (RFC 3326).
func (e *ByeError) Error() string {
	if r := e.Request.Value("Reason"); r != "" {
		return ErrPeerHungUp.Error() + ": " + r
	}
	return ErrPeerHungUp.Error()
}

// Is matches ErrPeerHungUp.
func (e *ByeError) Is(target error) bool { return target == ErrPeerHungUp }

// CancelError is the end of a call by the peer's CANCEL before it was answered. It matches [ErrCanceled].
type CancelError struct{ Request *Request }

// Error names the Reason of the CANCEL, if it has one (RFC 3326).
func (e *CancelError) Error() string {
	if e.Request != nil && e.Request.Has("Reason") {
		return ErrCanceled.Error() + ": " + e.Request.Value("Reason")
	}
	return ErrCanceled.Error()
}

// Is matches ErrCanceled.
func (e *CancelError) Is(target error) bool { return target == ErrCanceled }

// HangUpError is our own end of a call, with what its peer is told of why (RFC 3326). As the cause of a context that
// [UserAgent.Invite] was given, its Reasons go into the CANCEL. It matches [ErrHungUp].
type HangUpError struct{ Reasons []Reason }

func (e *HangUpError) Error() string {
	text := ErrHungUp.Error()
	for _, r := range e.Reasons {
		text += ": " + r.String()
	}
	return text
}

// Is matches ErrHungUp.
func (e *HangUpError) Is(target error) bool { return target == ErrHungUp }

// Dialog is a call between us and one peer, from the first answer to BYE (RFC 3261 sections 12 to
// 15). Its methods may be called by any goroutine.
type Dialog struct {
	ua     *UserAgent
	digest *DigestClient // may be nil
	id     dialogKey
	ctx    context.Context
	cancel context.CancelCauseFunc

	order sync.Mutex // held while a request is made and sent; before mu

	// mu may be held when the endpoint is called, never the other way round, and never when the
	// application is.
	mu      sync.Mutex
	state   DialogState
	offers  offers
	changed chan struct{} // closed when offers change; nil while nobody waits
	flow    Flow          // the connection to the next hop, where only it leads there
	handler func(*Incoming)
	pending map[*Incoming]struct{} // without a final response
	queue   []*Incoming            // for the handler, in order
	serving bool                   // a goroutine works on queue
	ended   bool

	wait   ackWait // for the ACK of waitIn
	waitIn *Incoming
	timer  *time.Timer

	ack       *ClientAttempt // our last ACK
	ackSeq    uint32
	ackUnsent *Request // the same, if it could not be sent

	relIn  *Incoming // the peer's last INVITE that has reliable provisional responses
	relOut reliableOut

	session sessionTimer
	events  bool // made by SUBSCRIBE: there is no INVITE and no BYE

	referrals []*referral // REFERs whose end is awaited
}

func newDialog(ua *UserAgent, state DialogState) *Dialog {
	d := &Dialog{ua: ua, digest: ua.digest, id: state.key(), state: state, handler: ua.cfg.OnRequest}
	d.ctx, d.cancel = context.WithCancelCause(context.Background())
	return d
}

// State returns the dialog as plain data, to keep it elsewhere and [UserAgent.Restore] it.
func (d *Dialog) State() DialogState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.Clone()
}

// Context is done when the dialog has ended. Its cause is [ErrHungUp], [ErrPeerHungUp] (as a
// [*ByeError]), [ErrCanceled] (as a [*CancelError]), [ErrRefused], [ErrForked], [ErrNoACK], the [*ResponseError] or timeout that ended
// it, or an error that is net.ErrClosed.
func (d *Dialog) Context() context.Context { return d.ctx }

// Handle sets who receives the requests of the peer within this dialog from now on, instead of
// OnRequest of the configuration. Those it takes are answered by it.
func (d *Dialog) Handle(f func(*Incoming)) {
	d.mu.Lock()
	if !d.ended {
		d.handler = f
	}
	d.mu.Unlock()
}

// update wakes who waits for offers to change. The caller holds mu.
func (d *Dialog) update() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// await waits until ok, which is called with mu held, says true. It returns with mu held if and
// only if the error is nil.
func (d *Dialog) await(ctx context.Context, ok func() bool) error {
	for {
		d.mu.Lock()
		if d.ended {
			d.mu.Unlock()
			return context.Cause(d.ctx)
		}
		if ok() {
			return nil
		}
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-d.ctx.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// finish ends the dialog for the application; it stays in the table. What the peer waits for is
// answered with 487 (RFC 3261 section 15.1.2). It reports whether it was the first. The caller does
// not hold mu.
func (d *Dialog) finish(cause error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false
	}
	d.ended = true
	d.wait.stop()
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.relIn != nil {
		d.relIn.rel.stop()
	}
	d.session.stop()
	for in := range d.pending {
		in.done = true
		if !isClosed(cause) {
			in.tx.Respond(NewResponse(in.Request, 487, ""))
		}
	}
	d.pending, d.queue = nil, nil
	d.handler = nil // transactions know of the dialog for a while: the application's call need not last that long
	d.cancel(cause)
	d.update()
	d.ua.tell(d.id, "ended", cause)
	return true
}

// end is finish, and out of the table.
func (d *Dialog) end(cause error) {
	d.finish(cause)
	d.ua.remove(d)
}

// nextHop returns the URI that requests of the dialog are sent to: of the first Route, or the target.
func (d *DialogState) nextHop() (URI, bool) {
	text := "<" + d.Target + ">"
	if len(d.Routes) > 0 {
		text = d.Routes[0]
	}
	a, err := ParseAddress(text)
	return a.URI, err == nil
}

// staysOn says whether requests of the dialog that via's request began go back over the connection
// f that it came over: its sender is the next hop. So a client that accepts no connections, or sits
// behind a NAT, or has no address at all (RFC 7118 section 5.1), is reached.
func (d *DialogState) staysOn(f Flow, via Via) bool {
	hop, ok := d.nextHop()
	if !ok || !f.Transport.Reliable() {
		return false
	}
	port := hop.Port
	if port == 0 {
		port = int(f.Transport.DefaultPort())
	}
	return noAddress(hop) || hostEqual(hop.Host, via.Host) && port == via.port()
}

// leadsThere says whether the connection f, over which our INVITE was answered, leads to the next
// hop of the dialog, although its URI does not name the transport: some peers leave it out.
func (d *DialogState) leadsThere(f Flow) bool {
	hop, ok := d.nextHop()
	if !ok || !f.Transport.Reliable() {
		return false
	}
	if noAddress(hop) {
		return true
	}
	addr, ok := hop.Addr()
	return ok && hop.Transport() == "" && addr == f.Remote.Addr().Unmap() && hop.Port == int(f.Remote.Port())
}

// noAddress reports a host that is a placeholder.
func noAddress(u URI) bool { return strings.HasSuffix(strings.ToLower(u.Host), ".invalid") }

// send completes the options for a request of the dialog. The caller holds mu.
func (d *Dialog) send(opts SendOptions) (SendOptions, bool) {
	if directed(opts) || !d.flow.Remote.IsValid() {
		opts = d.ua.send(opts)
		if hop, ok := d.state.nextHop(); ok && len(d.state.Routes) > 0 && !hop.LR() && !directed(opts) {
			opts.NextHop = hop // a strict router, although loose ones may follow (RFC 3261 section 8.1.2)
		}
		return opts, false
	}
	opts.Flow = d.flow
	return opts, true
}

// sendACK acknowledges a 2xx to an INVITE of ours. The caller holds mu.
func (d *Dialog) sendACK(invite *Request, body []byte, contentType string) {
	ack := d.state.NewACK(invite)
	if len(body) > 0 {
		if contentType == "" {
			contentType = "application/sdp"
		}
		ack.Add("Content-Type", contentType)
		ack.Body = body
		d.session.keep(&ack.Header, body)
	}
	d.startACK(ack)
}

// startACK sends an ACK. The caller holds mu.
func (d *Dialog) startACK(ack *Request) {
	c, _ := ack.CSeq()
	opts, over := d.send(SendOptions{})
	d.ackSeq, d.ackUnsent = c.Seq, nil
	d.ack, _ = d.ua.ep.Start(ack, opts, func(ev ClientEvent) {
		if ev.Err == nil || isClosed(ev.Err) && d.ua.ep.closed.Load() {
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case d.ackSeq != c.Seq:
		case over: // the connection has gone: look for the peer
			d.flow = Flow{}
			d.startACK(ack)
		default: // the 2xx will come again
			d.ackUnsent = ack
		}
	})
}

// repeatACK sends our ACK of that CSeq again, and reports whether there is one: the 2xx came again.
// The caller holds mu.
func (d *Dialog) repeatACK(seq uint32) bool {
	if d.ackSeq != seq || d.ack == nil {
		return false
	}
	d.ua.stats.acksAgain.Add(1)
	if d.ackUnsent != nil {
		d.startACK(d.ackUnsent)
	} else {
		d.ack.Resend()
	}
	return true
}

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
		if d.session.keep(&req.Header, req.Body); d.state.Confirmed && d.ua.timer {
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

// abort ends the dialog because the peer is silent, and tells it so, should it be there after all
// (RFC 3261 section 12.2.1.2).
func (d *Dialog) abort(cause error) {
	if d.events {
		d.end(cause)
		return
	}
	if d.finish(cause) {
		go d.bye(context.Background(), RequestOptions{})
	}
}

// Bye ends the call (RFC 3261 section 15.1.1). The dialog has ended for us at once; Bye waits for the
// peer's answer. An error says that the peer refused or is silent (481, that it knows of no call, is
// none). A callee waits for the ACK before (section 15), and cannot end an early dialog: it refuses
// the INVITE instead.
// Ending what has ended is no error.
func (d *Dialog) Bye(ctx context.Context, opts RequestOptions) error {
	err := d.await(ctx, func() bool { return !d.offers.ackWait })
	if err != nil {
		if d.ctx.Err() != nil {
			return nil
		}
		return err
	}
	early := !d.state.Caller && !d.state.Confirmed
	d.mu.Unlock()
	if d.events {
		return errors.New("sip: a subscription has no BYE")
	}
	if early {
		return errors.New("sip: a callee cannot send BYE before it has accepted the call")
	}
	if !d.finish(ErrHungUp) {
		return nil
	}
	return d.bye(ctx, opts)
}

// bye sends BYE for a dialog that finish has ended.
func (d *Dialog) bye(ctx context.Context, opts RequestOptions) error {
	defer d.ua.remove(d)
	_, err := d.exchange(ctx, BYE, opts)
	if StatusCode(err) == 481 {
		return nil
	}
	return err
}
