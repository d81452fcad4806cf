package call

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// Preconditions says whether an outgoing call asks for resources before the callee is alerted (RFC 3312).
type Preconditions uint8

// The choices.
const (
	// PreconditionsAuto offers none in Dial. Between two legs ([Agent.PassPreconditions], which Connect uses), it offers
	// them where the first leg has some, and tells the second leg when they are met. It is for peers that know of
	// preconditions, such as an IMS core: others ring at once, and somebody may lift the receiver before the caller's bearer
	// is there.
	PreconditionsAuto Preconditions = iota
	// PreconditionsOff offers none. Between two legs, the second is called once those of the first are met: for trunks
	// and phones, which know of none.
	PreconditionsOff
	// PreconditionsOffer offers them in an INVITE that supports them, as TS 24.229 section 5.1.3.1 has it: a callee that
	// knows of none rings at once.
	PreconditionsOffer
	// PreconditionsRequire refuses callees that do not know of them.
	PreconditionsRequire
)

const preconditionTag = "precondition"

// preconditioned says whether what an offer of the peer says of preconditions counts. The caller holds mu.
func (c *Call) preconditioned(n *negotiation, h *sip.Header) bool {
	if !c.agent.preconditions {
		return false
	}
	if len(n.pre.Rows) > 0 {
		return true
	}
	if !h.HasToken("Supported", preconditionTag) && !h.HasToken("Require", preconditionTag) {
		return false
	}
	// Without reliable responses they cannot be told of in time (RFC 3312 section 11).
	return c.in == nil || c.confirmed() || reliable(c.in.Request)
}

// reliable reports a request that knows of reliable provisional responses.
func reliable(req *sip.Request) bool {
	return req.HasToken("Supported", "100rel") || req.HasToken("Require", "100rel")
}

// hasPreconditions reports an INVITE that came whose offer has preconditions. The caller holds mu.
func (c *Call) hasPreconditions() bool {
	if c.neg.Local != nil {
		return len(c.neg.pre.Rows) > 0
	}
	req := c.in.Request
	if !c.preconditioned(c.neg, req.Head()) {
		return false
	}
	d, err := description(req)
	if err != nil || d == nil {
		return false
	}
	m := audio(d)
	if m == nil {
		return false
	}
	_, des := m.Attribute(sdp.Desired.String())
	return des
}

// suspended reports that preconditions are not met yet. The caller holds mu.
func (c *Call) suspended() bool { return c.met != nil && !c.neg.pre.Met() }

// AwaitPreconditions waits until the preconditions of the call are met, so that somebody may be alerted; it returns at
// once where there are none. A call that came in gets the answer to its offer before (183), without which its peer
// could not reserve anything. The error is the call's end, or that of ctx.
func (c *Call) AwaitPreconditions(ctx context.Context) error {
	if c.in != nil && !c.decided() {
		c.mu.Lock()
		has := c.hasPreconditions()
		c.mu.Unlock()
		if has {
			if err := c.progress(183, false); err != nil {
				return err
			}
		}
	}
	c.mu.Lock()
	suspended, met := c.suspended(), c.met
	c.mu.Unlock()
	if !suspended {
		return nil
	}
	select {
	case <-met:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// PassPreconditions readies opts for a call to somebody else on behalf of in, a call that came in and was not answered yet,
// as [Agent.Connect] does: who makes the second leg with [Agent.Dial] calls it before. Where in has preconditions it gets
// the answer to its offer (183), without which its peer reserves nothing. With [PreconditionsAuto] the second leg is then
// offered preconditions too, whose own side is met when those of in are; with [PreconditionsOff] PassPreconditions waits
// until they are met, so that nobody is alerted who could not be heard. Where in has none, nothing is changed. An error
// is of in, and not of whom opts calls: it has been refused, has ended, or ctx has. When in ends later, its caller ends
// the context of Dial.
func (a *Agent) PassPreconditions(ctx context.Context, in *Call, opts *DialOptions) error {
	if in.in == nil || in.decided() {
		return nil
	}
	in.mu.Lock()
	has := in.hasPreconditions()
	in.mu.Unlock()
	if !has {
		return nil
	}
	if err := in.progress(183, false); err != nil {
		return err
	}
	if opts.Preconditions == PreconditionsOff || !a.preconditions {
		return in.AwaitPreconditions(ctx)
	}
	if opts.Preconditions == PreconditionsAuto {
		opts.Preconditions = PreconditionsOffer
	}
	own := opts.Reserve
	if own == nil {
		own = a.cfg.Reserve
	}
	opts.Reserve = func(ctx context.Context, out *Call) error {
		err := in.AwaitPreconditions(ctx)
		if err != nil && ctx.Err() == nil { // in has ended: it is no failure of ours, and who called gives up
			<-ctx.Done()
			err = context.Cause(ctx)
		}
		if err != nil || own == nil {
			return err
		}
		return own(ctx, out)
	}
	return nil
}

// checkPreconditions does what has become possible: it opens the media and rings once the preconditions are met, reserves
// what is ours, and tells the peer. The caller does not hold mu.
func (c *Call) checkPreconditions() {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, all := c.neg, c.negotiations()
	if c.ctx.Err() != nil || c.met == nil && !slices.ContainsFunc(all, func(n *negotiation) bool { return len(n.pre.Rows) > 0 }) {
		return
	}
	if !c.reserved && !c.reserving && n.stream() >= 0 {
		c.reserving = true
		go c.reserve()
	}
	if c.met != nil && n.pre.Met() {
		if err := c.start(n); err != nil {
			c.agent.warn(c.callID(), "no media although the preconditions are met", err)
		}
		close(c.met)
		c.met = nil
		if c.ringing && !c.final {
			c.ringing = false
			c.in.Reply(180, nil, "")
		}
	}
	for _, n := range all { // each branch of a fork, one after the other
		if !c.updating && !n.untold && n.dialog != nil && n.pre.Due() && c.pracks[n.dialog] == 0 && n.State == sdp.Stable {
			c.updating = true
			go c.confirm(n.dialog)
		}
	}
}

// confirm tells the peer what is reserved (RFC 3312 section 7).
func (c *Call) confirm(d *sip.Dialog) {
	var err error
	for range maxConfirms {
		c.mu.Lock()
		dir := c.direction
		c.mu.Unlock()
		err = c.exchange(c.ctx, d, sip.UPDATE, dir, nil, sdp.AgreedFirst)
		after, busy := retryAfter(err)
		if !busy {
			break
		}
		select {
		case <-time.After(after):
		case <-d.Context().Done():
		}
	}
	c.mu.Lock()
	c.updating = false
	if n := c.of(d); err != nil && n != nil {
		n = n.clone()
		n.untold = true
		c.store(n)
	}
	c.mu.Unlock()
	if err != nil && c.ctx.Err() == nil && d.Context().Err() == nil {
		c.warn("the peer was not told of our resources", err)
	}
	c.checkPreconditions()
}

// maxConfirms bounds how often an UPDATE is sent that a peer has no time for.
const maxConfirms = 4

// retryAfter says whether a refusal asks to come again, and when (RFC 3311 section 5.2): in 10 s at most.
func retryAfter(err error) (after time.Duration, busy bool) {
	var refused *sip.ResponseError
	if !errors.As(err, &refused) || refused.Response.StatusCode != 500 && refused.Response.StatusCode != 503 {
		return 0, false
	}
	wait, e := refused.Response.RetryAfter()
	return max(min(time.Duration(wait.Seconds)*time.Second, 10*time.Second), 100*time.Millisecond), e == nil
}

// reserve reserves what is ours.
func (c *Call) reserve() {
	err := c.reserver(c.ctx, c)
	c.mu.Lock()
	c.reserved = err == nil
	if err == nil {
		for _, n := range c.negotiations() {
			n = n.clone()
			n.pre.Set(true)
			c.store(n)
		}
	}
	failed := err != nil && !c.neg.pre.OwnMet() && !c.neg.pre.Met()
	last := c.neg.Remote
	c.mu.Unlock()
	if err == nil {
		c.checkPreconditions()
		return
	}
	c.warn("resources are not reserved", err)
	if !failed || c.ctx.Err() != nil {
		return
	}
	why := &sdp.PreconditionError{Err: err, Status: sdp.Status{Kind: sdp.Desired, Type: sdp.QoS, Segment: sdp.LocalSegment, Way: sdp.WaySendRecv}}
	if c.in != nil && !c.decided() {
		c.mu.Lock()
		c.refuseOffer(why, last)
		c.mu.Unlock()
		return
	}
	c.fail(why)
}

// refuseOffer refuses the INVITE because of its offer. The caller holds mu.
func (c *Call) refuseOffer(err error, offer *sdp.Description) {
	c.final = true
	go respondTo(c.in, err, offer)
}

// respondTo refuses a request because of its offer, which may be nil.
func respondTo(in *sip.Incoming, err error, offer *sdp.Description) {
	var pre *sdp.PreconditionError
	if errors.As(err, &pre) && offer != nil {
		if body, err := pre.Description(offer).MarshalText(); err == nil {
			in.Reply(580, body, "")
			return
		}
	}
	resp := in.NewResponse(statusOf(err), "")
	if resp.StatusCode == 415 { // RFC 3261 section 21.4.13
		resp.Set("Accept", "application/sdp, multipart/mixed")
	}
	in.Respond(resp)
}

// statusOf is the status code for an offer that failed.
func statusOf(err error) int {
	var parse *sdp.ParseError
	var pre *sdp.PreconditionError
	var body *errBody
	switch {
	case errors.As(err, &parse):
		return 400
	case errors.As(err, &body):
		return 415
	case errors.As(err, &pre):
		return 580
	case errors.Is(err, sdp.ErrGlare):
		return 491
	case errors.Is(err, sdp.ErrPending):
		return 500
	}
	return 488
}
