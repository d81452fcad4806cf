package call

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/gotelco/telco/rtp"
	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// Call is one leg: a dialog with a peer, and its media. Its methods may be called by any
// goroutine. [Call.Context] tells when it has ended.
type Call struct {
	agent *Agent
	in    *sip.Incoming // of a call that came in

	ctx    context.Context
	cancel context.CancelCauseFunc

	reserver func(context.Context, *Call) error // nil: nothing needs to be reserved
	turn     chan struct{}                      // held by who changes the session

	mu         sync.Mutex
	dialog     *sip.Dialog   // nil until the peer of an outgoing call has answered
	response   *sip.Response // the 2xx to ours
	neg        *negotiation
	branches   map[*sip.Dialog]*negotiation // of a call of ours that is not answered; nil afterwards
	codecs     []Codec                      // that the call offers and accepts
	direction  sdp.Direction                // that we want
	at         netip.Addr
	socks      sockets
	open       bool // socks are, and belong to the call rather than to media
	media      *Media
	final      bool          // an incoming call was answered or refused
	ringing    bool          // it rings as soon as its preconditions are met
	authorized bool          // the caller was told that there is early media
	late       chan struct{} // closed when the answer to our offer in a 183 is there
	met        chan struct{} // closed when the preconditions are met; nil while they are
	reserved   bool          // what is ours
	reserving  bool
	updating   bool                // the peer is being told of what is reserved
	pracks     map[*sip.Dialog]int // under way, in calls of ours
	peerHolds  bool
	onHold     func(bool)
	toldHeld   bool
	telling    bool    // somebody calls onHold
	pair       *couple // of Connect
	keying     keying  // of SRTP
	pad        keypad  // of DTMF
	transfers  int     // that the peer has asked for and are under way
	silent     bool    // nothing has come from the peer for a while
	handler    func(*sip.Incoming)
}

func (a *Agent) newCall(d *sip.Dialog) *Call {
	c := &Call{agent: a, dialog: d, neg: &negotiation{dialog: d}, codecs: a.cfg.Codecs, reserver: a.cfg.Reserve, turn: make(chan struct{}, 1)}
	c.reserved = c.reserver == nil
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c
}

// Context is done when the call has ended. Its cause is that of the dialog's end, see
// [sip.Dialog.Context]; where the call never had a dialog, what Dial returned.
func (c *Call) Context() context.Context { return c.ctx }

// Incoming reports whether the peer called.
func (c *Call) Incoming() bool { return c.in != nil }

// Request returns the INVITE of a call that came in; nil for others. It must not be edited.
func (c *Call) Request() *sip.Request {
	if c.in == nil {
		return nil
	}
	return c.in.Request
}

// Response returns the answer to a call that we made, nil before it. It must not be edited.
func (c *Call) Response() *sip.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.response
}

// Flow returns where a call that came in came from.
func (c *Call) Flow() sip.Flow {
	if c.in == nil {
		return sip.Flow{}
	}
	return c.in.Flow()
}

// Respond answers a call that came in with a response of the application's own making, such as a
// challenge (407). A final one ends the call; a 2xx is for Answer.
func (c *Call) Respond(resp *sip.Response) error {
	if c.in == nil {
		return errOutgoing
	}
	if resp.IsSuccess() {
		return errors.New("call: Answer accepts a call")
	}
	if !resp.IsProvisional() {
		c.mu.Lock()
		c.final = true
		c.mu.Unlock()
	}
	return c.in.Respond(resp)
}

// Dialog returns the dialog, nil before the peer of an outgoing call has answered.
func (c *Call) Dialog() *sip.Dialog {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialog
}

// Media returns the audio of the call; nil before there is any, in calls that are not answered yet.
func (c *Call) Media() *Media {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.media
}

// Codec returns the codec that is sent; its Name is empty before there is any.
func (c *Call) Codec() Codec {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.media == nil {
		return Codec{}
	}
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	return c.media.cfg.Send.Codec
}

// OnRequest lets f answer the requests within the call that the Call does not answer itself: all
// but re-INVITE, UPDATE, PRACK, REFER, BYE and OPTIONS, and INFO with keys. Without it they get 405.
func (c *Call) OnRequest(f func(*sip.Incoming)) {
	c.mu.Lock()
	c.handler = f
	c.mu.Unlock()
}

// errOutgoing is of methods that are for calls that came in.
var errOutgoing = errors.New("call: the call did not come in")

// errNoMedia says that there is nothing to hear yet.
var errNoMedia = errors.New("call: no media yet")

// Play sends src to the peer until it ends: see [Media.Play].
func (c *Call) Play(ctx context.Context, src Source) error {
	m := c.Media()
	if m == nil {
		return errNoMedia
	}
	return m.Play(ctx, src)
}

// decided reports whether an incoming call has its final response.
func (c *Call) decided() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.final || c.ctx.Err() != nil
}

// Ring tells the caller that somebody is being alerted (180). Where its preconditions are not met yet, it gets the answer
// to its offer (183), and the 180 once they are: see [Call.AwaitPreconditions].
func (c *Call) Ring() error {
	if c.in == nil {
		return errOutgoing
	}
	c.mu.Lock()
	has := c.hasPreconditions()
	c.mu.Unlock()
	if !has {
		return c.in.Reply(180, nil, "")
	}
	return c.progress(180, false)
}

// Progress opens the audio before the call is answered (183), for announcements, and waits for it: for the caller's
// preconditions to be met, or, where the caller made no offer, for its answer to ours. A caller that made no offer and
// does not know of reliable responses (RFC 3262) hears nothing before the answer, which is an error.
func (c *Call) Progress() error {
	if c.in == nil {
		return errOutgoing
	}
	if err := c.progress(183, true); err != nil {
		return err
	}
	if err := c.awaitLate(c.ctx); err != nil {
		return err
	}
	return c.AwaitPreconditions(c.ctx)
}

// progress sends a provisional response with our description, unless the caller has it for certain. It does not wait.
// early says that there is something to hear.
func (c *Call) progress(status int, early bool) error {
	body, err := c.answer()
	if err != nil {
		return err
	}
	if body == nil {
		return c.progressLate(early)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.suspended() {
		c.ringing = c.ringing || status == 180
		status = 183
	}
	authorize := early && c.authorize()
	if c.neg.settled && status != 180 && !authorize {
		return nil
	}
	resp := c.in.NewResponse(status, "")
	if authorize {
		resp.Add(earlyMedia, "sendrecv")
	}
	if c.neg.settled {
		return c.in.Respond(resp)
	}
	resp.Add("Content-Type", "application/sdp")
	resp.Body = body
	if len(c.neg.pre.Rows) > 0 {
		resp.Add("Require", "100rel, "+preconditionTag)
	}
	if err := c.in.Respond(resp); err != nil {
		return err
	}
	n := c.neg.clone()
	n.settled = resp.HasToken("Require", "100rel") // Respond has said so
	c.commit(n)
	return nil
}

// progressLate makes the offer that an INVITE lacks in a reliable response (RFC 3262 section 5).
func (c *Call) progressLate(early bool) error {
	if !c.agent.reliable || !reliable(c.in.Request) {
		return errors.New("call: the caller made no offer, and hears nothing before the answer")
	}
	at := c.addressIn()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late != nil {
		return nil
	}
	c.at = at
	if c.agent.preconditions && c.in.Request.HasToken("Require", preconditionTag) {
		c.neg.pre = sdp.SegmentedQoS(sdp.Mandatory, sdp.Mandatory)
		c.neg.pre.Callee = true
		c.neg.pre.Set(c.reserved)
	}
	body, err := c.propose(c.neg, c.direction, c.codecs, sdp.AgreedFirst)
	if err != nil {
		return err
	}
	resp := c.in.NewResponse(183, "")
	resp.Add("Content-Type", "application/sdp")
	resp.Body = body
	tags := "100rel"
	if len(c.neg.pre.Rows) > 0 {
		tags += ", " + preconditionTag
	}
	resp.Add("Require", tags)
	if early && c.authorize() {
		resp.Add(earlyMedia, "sendrecv")
	}
	if err := c.in.Respond(resp); err != nil {
		c.undo(c.neg)
		return err
	}
	c.late = make(chan struct{})
	go func() {
		defer close(c.late)
		prack, err := c.in.PRACK(c.ctx)
		if err == nil && prack == nil {
			err = errNoOffer
		}
		if err == nil {
			err = c.answered(c.in.Dialog, prack)
		}
		if err != nil {
			c.warn("no audio before the answer", err)
			return
		}
		c.mu.Lock()
		n := c.neg.clone()
		n.settled = true
		c.commit(n)
		c.mu.Unlock()
		c.checkPreconditions()
	}()
	return nil
}

// awaitLate waits for the caller's answer to our offer in a 183, if there is one.
func (c *Call) awaitLate(ctx context.Context) error {
	c.mu.Lock()
	late := c.late
	c.mu.Unlock()
	if late == nil {
		return nil
	}
	select {
	case <-late:
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.Media() == nil {
		return errNoMedia
	}
	return nil
}

// Answer accepts the call (200), once its preconditions are met, and waits for the caller's acknowledgement. Where no
// codec is common, the call gets 488 and the error is a [*sdp.RefusedError]; 580 and a [*sdp.PreconditionError] where it
// asks for what cannot be reserved.
func (c *Call) Answer(ctx context.Context) error {
	if c.in == nil {
		return errOutgoing
	}
	if err := c.awaitLate(ctx); err != nil {
		return err
	}
	body, err := c.answer()
	if err != nil {
		return err
	}
	if err := c.AwaitPreconditions(ctx); err != nil {
		return err
	}
	at := c.addressIn()
	c.mu.Lock()
	late := body == nil
	if late { // the caller wants our offer
		c.at = at
		body, err = c.propose(c.neg, c.direction, c.codecs, sdp.AgreedFirst)
	} else if c.neg.settled {
		body = nil
	}
	c.final = true
	c.mu.Unlock()
	if err != nil {
		c.Refuse(500, "")
		return err
	}
	if err := c.in.Reply(200, body, ""); err != nil {
		return err
	}
	ack, err := c.in.ACK(ctx)
	if err != nil {
		return err
	}
	if !late {
		return nil
	}
	if err := c.answered(c.in.Dialog, ack); err != nil {
		go c.HangUp(context.Background())
		return err
	}
	return nil
}

// Refuse refuses the call with a status code from 300 on. An empty reason stands for the usual one; causes go into
// Reason fields (RFC 6432).
func (c *Call) Refuse(status int, reason string, causes ...sip.Reason) error {
	if c.in == nil {
		return errOutgoing
	}
	if status < 300 || status > 699 {
		return fmt.Errorf("call: %d refuses no call", status)
	}
	c.mu.Lock()
	c.final = true
	c.mu.Unlock()
	resp := c.in.NewResponse(status, reason)
	addReasons(resp.Head(), causes)
	return c.in.Respond(resp)
}

// addressIn is where media of an incoming call is received.
func (c *Call) addressIn() netip.Addr {
	if c.agent.cfg.Address.IsValid() {
		return c.agent.cfg.Address
	}
	f := c.in.Flow()
	if a := f.Local.Addr(); a.IsValid() && !a.IsUnspecified() {
		return a.Unmap()
	}
	return c.agent.addressTo("", sip.SendOptions{Flow: f})
}

// answer makes the answer to the offer of the INVITE and opens the media; it returns nil if there
// is no offer. Where it fails, the call has been refused. A second call returns the same answer.
func (c *Call) answer() ([]byte, error) {
	defer c.checkPreconditions()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.neg.Local != nil {
		return c.neg.Local.MarshalText()
	}
	offer, err := description(c.in.Request)
	if err == nil && offer == nil {
		return nil, nil
	}
	if err != nil {
		c.refuseOffer(err, nil)
		return nil, err
	}
	if err = c.listen(c.addressIn()); err != nil {
		c.refuse(500)
		return nil, err
	}
	n, d, err := c.take(c.neg, c.in.Request.Head(), offer, false)
	if err == nil {
		err = c.start(n)
	}
	if err != nil {
		c.refuseOffer(err, offer)
		return nil, err
	}
	c.commit(n)
	return d.MarshalText()
}

// refuse is Refuse with mu held.
func (c *Call) refuse(status int) {
	c.final = true
	go c.in.Reply(status, nil, "")
}

func (c *Call) warn(what string, err error) {
	c.mu.Lock()
	id := c.callID()
	c.mu.Unlock()
	c.agent.warn(id, what, err)
}

func (a *Agent) warn(callID, what string, err error) {
	if l := a.cfg.Logger; l != nil {
		l.Warn("call: "+what, "call_id", callID, "err", err)
	}
}

// OnDTMF calls f with each key that the peer presses, on a goroutine that must not block: 0 to 9,
// '*', '#', A to D.
func (c *Call) OnDTMF(f func(key byte)) {
	c.pad.mu.Lock()
	defer c.pad.mu.Unlock()
	c.pad.heard = func(e rtp.EventReport) {
		if key := e.Code.Key(); key != 0 && !e.End {
			f(key)
		}
	}
}

func (c *Call) onEvent(e rtp.EventReport) {
	c.pad.mu.Lock()
	f, keys := c.pad.heard, c.pad.handlers
	c.pad.mu.Unlock()
	if f != nil {
		f(e)
	}
	if key := e.Code.Key(); key != 0 && !e.End {
		for _, h := range keys {
			h.f(key)
		}
	}
}

// HangUp ends the call: with BYE, with a refusal (603) if it came in and was not answered, with
// CANCEL if it goes out and was not answered. It waits for the peer's word until ctx is done. The peer is told the
// reasons, if there are any (RFC 3326).
func (c *Call) HangUp(ctx context.Context, reasons ...sip.Reason) error {
	c.mu.Lock()
	d, final := c.dialog, c.final
	c.mu.Unlock()
	switch {
	case d == nil:
		c.finish(hungUp(sip.ErrCanceled, reasons))
		if d = c.Dialog(); d == nil {
			return nil
		}
		// It was answered just now, and Dial may have returned the call.
	case c.in != nil && !final:
		return c.Refuse(603, "", reasons...)
	}
	return c.bye(ctx, d, reasons)
}

func (c *Call) bye(ctx context.Context, d *sip.Dialog, reasons []sip.Reason) error {
	return d.Bye(ctx, sip.RequestOptions{Edit: func(req *sip.Request) { addReasons(req.Head(), reasons) }})
}

// fail ends the call because of an error of ours.
func (c *Call) fail(err error) {
	c.mu.Lock()
	d := c.dialog
	c.mu.Unlock()
	why := sip.NewReason("SIP", statusOf(err), "")
	if d == nil {
		c.finish(hungUp(err, []sip.Reason{why}))
	}
	c.HangUp(context.WithoutCancel(c.ctx), why)
}

// finish lets go of everything when the call has ended.
func (c *Call) finish(cause error) {
	c.cancel(cause)
	c.mu.Lock()
	m, open := c.media, c.open
	c.open = false
	c.mu.Unlock()
	if open {
		c.socks.close()
	}
	if m != nil {
		m.Close()
	}
	c.agent.remove(c)
}
