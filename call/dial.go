package call

import (
	"context"
	"errors"
	"time"

	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// DialOptions say what an outgoing call is to be. The zero value is an ordinary call.
type DialOptions struct {
	// From and To replace the agent's address and the URI that is called, as name-addr.
	From, To string
	// Digest answers challenges instead of the agent's Auth, see [sip.InviteOptions].
	Digest *sip.DigestClient
	// Edit, if not nil, is called with the INVITE before it is sent, to add header fields.
	Edit func(*sip.Request)
	// Send says how to send the INVITE; the zero value locates the URI.
	Send sip.SendOptions
	// Codecs are offered and accepted, the preferred first, instead of the agent's.
	Codecs []Codec
	// SRTP says whether the media is encrypted. If SRTPDefault, as the agent's Config says.
	SRTP SRTP
	// DTMF says how keys travel. If DTMFDefault, as the agent's Config says.
	DTMF DTMF
	// LateOffer calls without an offer: the peer makes it, and is answered (RFC 3261 section 13.2.1).
	LateOffer bool
	// Preconditions says whether the callee is to ring only when resources are reserved.
	Preconditions Preconditions
	// Reserve, if not nil, replaces that of the agent's Config for this call.
	Reserve func(context.Context, *Call) error
	// RingTimeout is how long the call may ring; then it is cancelled, and Dial returns ErrNoAnswer. If zero, as long as
	// the peer lets it.
	RingTimeout time.Duration
	// OnProgress, if not nil, is called with each provisional response but 100. Where it has a
	// description, c has early media.
	OnProgress func(c *Call, resp *sip.Response)
}

// ErrNoAnswer says that nobody answered within RingTimeout.
var ErrNoAnswer = errors.New("call: nobody answered")

// noAnswer is ErrNoAnswer, with what the peer is told: 19 is "no answer from user" (ITU-T Q.850).
var noAnswer = hungUp(ErrNoAnswer, []sip.Reason{sip.NewReason("Q.850", 19, "")})

// Dial calls uri and waits for the answer. A refusal is a [*sip.ResponseError]. When ctx ends first,
// the call is cancelled, and Dial returns the cause; reasons that the cause has are told to the peer (see [ReasonsOf]).
func (a *Agent) Dial(ctx context.Context, uri string, opts DialOptions) (*Call, error) {
	c := a.newCall(nil)
	c.keying.policy, c.pad.form = opts.SRTP, opts.DTMF
	if len(opts.Codecs) > 0 {
		c.codecs = opts.Codecs
	}
	if opts.Reserve != nil {
		c.reserver, c.reserved = opts.Reserve, false
	}
	if err := a.add(c); err != nil {
		return nil, err
	}
	// HangUp before the answer ends ctx.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(c.ctx, func() { stop(context.Cause(c.ctx)) })()
	if opts.RingTimeout > 0 {
		defer time.AfterFunc(opts.RingTimeout, func() { stop(noAnswer) }).Stop()
	}
	out := &dialing{c: c, opts: &opts}
	c.mu.Lock()
	c.at = a.addressTo(uri, opts.Send)
	var err error
	if !opts.LateOffer {
		if wants := opts.Preconditions; wants >= PreconditionsOffer && a.preconditions {
			strength := sdp.Optional
			if wants == PreconditionsRequire {
				strength = sdp.Mandatory
			}
			c.neg.pre = sdp.SegmentedQoS(sdp.Mandatory, strength)
			c.neg.pre.Set(c.reserved)
		}
		out.body, err = c.propose(c.neg, sdp.SendRecv, c.codecs, sdp.AgreedFirst)
	}
	out.offered = c.neg
	c.branches, c.pracks = map[*sip.Dialog]*negotiation{}, map[*sip.Dialog]int{}
	c.mu.Unlock()
	if err != nil {
		c.finish(err)
		return nil, err
	}
	d, resp, err := a.ua.Invite(ctx, uri, out.options())
	if err != nil {
		c.finish(err)
		return nil, err
	}
	d.Handle(c.onRequest)
	err = out.confirmed(d, resp)
	context.AfterFunc(d.Context(), func() { c.finish(context.Cause(d.Context())) })
	if err == nil && c.ctx.Err() != nil { // HangUp crossed the answer
		err = context.Cause(c.ctx)
	}
	if err != nil {
		go c.bye(context.Background(), d, ReasonsOf(err))
		return nil, err
	}
	return c, nil
}

// dialing is the INVITE of a call on its way. But for what the call guards, it belongs to the goroutine of Dial.
type dialing struct {
	c       *Call
	opts    *DialOptions
	body    []byte
	offered *negotiation // our offer, for each branch of a fork anew
	late    error        // what came of our answer to a late offer
}

func (o *dialing) options() sip.InviteOptions {
	opts := sip.InviteOptions{
		RequestOptions: sip.RequestOptions{Body: o.body, Edit: o.edit, Send: o.opts.Send},
		From:           o.opts.From, To: o.opts.To, Digest: o.opts.Digest,
		OnProvisional: o.provisional,
		OnPRACK: func(d *sip.Dialog, _ *sip.Response, _ error) {
			o.c.mu.Lock()
			o.c.pracks[d]--
			o.c.mu.Unlock()
			o.c.checkPreconditions()
		},
	}
	if o.opts.LateOffer {
		opts.PRACK = o.prack
		opts.Answer = func(resp *sip.Response) ([]byte, string) { return o.answerLate(o.branchOf(resp), resp), "" }
	}
	return opts
}

func (o *dialing) edit(req *sip.Request) {
	a := o.c.agent
	if a.preconditions {
		switch wants := o.opts.Preconditions; {
		case wants == PreconditionsRequire:
			req.Add("Require", preconditionTag)
		case wants == PreconditionsOffer:
		default: // an INVITE that supports them has them
			if left := withoutPreconditions(req.Value("Supported")); left != "" {
				req.Set("Supported", left)
			} else {
				req.Del("Supported")
			}
		}
	}
	if o.opts.Edit != nil {
		o.opts.Edit(req)
	}
	if a.preconditions && o.opts.Preconditions >= PreconditionsOffer && !req.Has(earlyMedia) {
		req.Add(earlyMedia, earlySupported)
	}
}

// branchOf returns the dialog of a 2xx among those that are early, nil if there was none.
func (o *dialing) branchOf(resp *sip.Response) *sip.Dialog {
	to, err := resp.To()
	if err != nil {
		return nil
	}
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	for d := range o.c.branches {
		if d.State().RemoteTag == to.Tag() {
			return d
		}
	}
	return nil
}

// branch returns what was negotiated in a dialog; at first that is our offer. The caller holds the call.
func (o *dialing) branch(d *sip.Dialog) *negotiation {
	n := o.c.branches[d]
	if n == nil {
		n = o.offered.clone()
		n.dialog, n.before = d, nil
		n.pre.Set(o.c.reserved)
		if d != nil {
			o.c.branches[d] = n
		}
	}
	return n
}

// provisional takes a provisional response. Where the call was forked, each branch negotiates for itself, and the one that
// described media last is heard.
func (o *dialing) provisional(d *sip.Dialog, resp *sip.Response) {
	c := o.c
	reliable := d != nil && c.agent.reliable && resp.HasToken("Require", "100rel")
	c.mu.Lock()
	if d != nil && c.branches[d] == nil {
		d.Handle(c.onRequest) // UPDATE, before the answer
	}
	n := o.branch(d)
	if reliable {
		c.pracks[d]++
	}
	if answer, err := description(resp); (answer != nil || err != nil) && !n.settled && !o.opts.LateOffer {
		if err := o.early(n, answer, err); err != nil {
			c.agent.warn(resp.CallID(), "no early media", err)
		} else if reliable {
			c.neg.settled = true
		}
	}
	c.mu.Unlock()
	if !reliable {
		c.checkPreconditions()
	}
	if o.opts.OnProgress != nil {
		o.opts.OnProgress(c, resp)
	}
}

// early takes an answer to our offer. As long as it did not come reliably, another may follow. The caller holds the call.
func (o *dialing) early(n *negotiation, d *sdp.Description, err error) error {
	if n.State != sdp.LocalOffer {
		dialog := n.dialog
		n = o.offered.clone()
		n.dialog, n.before = dialog, nil
		n.pre.Set(o.c.reserved)
	}
	return o.c.receive(n, d, err, true)
}

// prack makes the answer to an offer in a reliable response.
func (o *dialing) prack(d *sip.Dialog, resp *sip.Response) (opts sip.RequestOptions) {
	if len(resp.Body) == 0 {
		return opts
	}
	o.c.mu.Lock()
	settled := o.branch(d).settled
	o.c.mu.Unlock()
	if !settled {
		opts.Body = o.answerLate(d, resp)
	}
	return opts
}

// answerLate answers the peer's offer.
func (o *dialing) answerLate(d *sip.Dialog, resp *sip.Response) []byte {
	c := o.c
	c.mu.Lock()
	o.branch(d)
	c.mu.Unlock()
	body, err := c.answerLate(d, resp)
	if o.late = err; err == nil {
		c.mu.Lock()
		c.neg.settled = true
		c.mu.Unlock()
	}
	return body
}

// confirmed takes the 2xx.
func (o *dialing) confirmed(d *sip.Dialog, resp *sip.Response) error {
	c := o.c
	c.mu.Lock()
	defer c.mu.Unlock()
	n := o.branch(d)
	delete(c.branches, d)
	c.dialog, c.branches, c.response = d, nil, resp
	if o.opts.LateOffer {
		if n = c.neg; o.late == nil && !n.settled {
			o.late = errNoOffer
		}
		n = n.clone()
		n.dialog = d
		c.neg = n
		return o.late
	}
	if answer, err := description(resp); !n.settled && (answer != nil || err != nil || n.Remote == nil) {
		// The answer that counts is this one, whatever was heard before.
		if err := o.early(n, answer, err); err != nil {
			return err
		}
		n = c.neg
	}
	n = n.clone()
	for i := range n.pre.Rows { // who answers has what it wanted
		if r := &n.pre.Rows[i]; !r.Own() {
			r.Current = true
		}
	}
	c.neg = n
	return c.start(n)
}
