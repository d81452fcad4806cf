package call

import (
	"context"
	"errors"
	"strings"

	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

// onRequest answers the peer's requests within the dialog.
func (c *Call) onRequest(in *sip.Incoming) {
	switch in.Request.Method {
	case sip.INVITE, sip.UPDATE, sip.PRACK: // a PRACK that comes here has an offer
		c.reinvite(in)
	case sip.OPTIONS:
		in.Reply(200, nil, "")
	case sip.REFER:
		c.referred(in)
	case sip.INFO:
		c.informed(in)
	default:
		c.other(in)
	}
}

// other hands a request to the application.
func (c *Call) other(in *sip.Incoming) {
	c.mu.Lock()
	h := c.handler
	c.mu.Unlock()
	if h == nil {
		refuseRequest(in)
		return
	}
	h(in)
}

// reinvite answers a change of the session (RFC 3261 section 14.2, RFC 3311).
func (c *Call) reinvite(in *sip.Incoming) {
	offer, err := description(in.Request)
	if err != nil {
		respondTo(in, err, nil)
		return
	}
	if offer == nil {
		if in.Request.Method == sip.UPDATE { // refreshes the target and nothing else
			in.Reply(200, nil, "")
			return
		}
		c.reinviteLate(in)
		return
	}
	c.mu.Lock()
	old := c.of(in.Dialog)
	if old == nil { // a branch that is ending
		c.mu.Unlock()
		in.Reply(481, nil, "")
		return
	}
	n, d, err := c.take(old, in.Request.Head(), offer, false)
	if err == nil {
		err = c.start(n)
	}
	if err == nil {
		c.commit(n)
	}
	c.mu.Unlock()
	if err != nil {
		c.warn("an offer is refused", err)
		respondTo(in, err, offer)
		return
	}
	body, err := d.MarshalText()
	if err != nil {
		in.Reply(500, nil, "")
		return
	}
	if err := in.Reply(200, body, ""); errors.Is(err, sip.ErrEnded) {
		c.revert(n, old) // it was cancelled: nothing has changed (RFC 6141 section 3.4)
		return
	}
	c.checkPreconditions()
}

// revert goes back to an earlier state of the session, where n is that of now.
func (c *Call) revert(n, old *negotiation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.neg != n || old.Local == nil {
		return
	}
	old = old.clone()
	old.Version, old.ID, old.Sent = n.Version, n.ID, n.Sent
	if err := c.start(old); err == nil {
		c.commit(old)
	}
}

// reinviteLate answers a re-INVITE without an offer: with ours, of all that we have.
func (c *Call) reinviteLate(in *sip.Incoming) {
	c.mu.Lock()
	body, err := c.propose(c.neg, c.direction, c.codecs, sdp.AgreedFirst)
	c.mu.Unlock()
	if err != nil {
		in.Reply(statusOf(err), nil, "")
		return
	}
	if err := in.Reply(200, body, ""); err != nil {
		c.withdraw(in.Dialog)
		return
	}
	ack, err := in.ACK(c.ctx)
	if err != nil {
		c.withdraw(in.Dialog)
		return
	}
	if err := c.answered(in.Dialog, ack); err != nil {
		c.warn("the peer's answer is of no use", err)
	}
}

// Hold stops the peer's audio (a=sendonly): it hears us, such as music, and we don't hear it. Resume lets it come again.
// Both send a re-INVITE, in a call that is not answered yet an UPDATE, and wait for its answer.
func (c *Call) Hold(ctx context.Context) error { return c.SetDirection(ctx, sdp.SendOnly) }

// Resume ends Hold.
func (c *Call) Resume(ctx context.Context) error { return c.SetDirection(ctx, sdp.SendRecv) }

// SetDirection is Hold and Resume for any direction, as we see it: sdp.Inactive holds without music, sdp.RecvOnly only
// listens. It is what we offer and accept from then on; what the peer wants narrows it.
func (c *Call) SetDirection(ctx context.Context, dir sdp.Direction) error {
	return c.renegotiate(ctx, dir, nil, sdp.AgreedFirst)
}

// Renegotiate offers other codecs to the peer, the preferred one first, by a re-INVITE or, in a call that is not answered
// yet, an UPDATE. Without codecs it offers those that the call has again. What the peer chooses is used from its answer
// on; a bridge, sinks and sources stay. When it is refused, nothing has changed. The codecs are those of the call from
// then on.
func (c *Call) Renegotiate(ctx context.Context, codecs ...Codec) error {
	c.mu.Lock()
	dir := c.direction
	c.mu.Unlock()
	return c.renegotiate(ctx, dir, codecs, sdp.AsListed)
}

// RequestOffer has the peer say anew all that it can, by a re-INVITE without an offer, and answers that (RFC 3261
// section 14.1): for a new start after the peer's media has moved.
func (c *Call) RequestOffer(ctx context.Context) error {
	d, err := c.changing(ctx)
	if err != nil {
		return err
	}
	defer c.changed()
	var failed error
	_, err = d.Invite(ctx, sip.RequestOptions{Answer: func(resp *sip.Response) ([]byte, string) {
		var body []byte
		body, failed = c.answerLate(d, resp)
		return body, ""
	}})
	if err == nil && failed != nil {
		go c.HangUp(context.Background()) // an offer in a 2xx cannot be refused
	}
	return errors.Join(err, failed)
}

// answerLate answers the offer in a response. The error says that there is nothing in common, or that there was no offer;
// what it answers then refuses all streams.
func (c *Call) answerLate(d *sip.Dialog, resp *sip.Response) ([]byte, error) {
	offer, err := description(resp)
	if err == nil && offer == nil {
		err = errNoOffer
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.listen(c.at); err != nil {
		return nil, err
	}
	old := c.of(d)
	if old == nil {
		return nil, sip.ErrForked
	}
	n, answer, err := c.take(old, resp.Head(), offer, true)
	if err != nil {
		return nil, err
	}
	if err = c.start(n); err == nil {
		c.commit(n)
	}
	body, text := answer.MarshalText()
	return body, errors.Join(err, text)
}

var errNoOffer = errors.New("call: the peer made no offer")

// changing takes the turn to change the session; changed gives it back.
func (c *Call) changing(ctx context.Context) (*sip.Dialog, error) {
	c.mu.Lock()
	d := c.neg.dialog
	c.mu.Unlock()
	if d == nil {
		return nil, errNotAnswered
	}
	select {
	case c.turn <- struct{}{}:
		return d, nil
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *Call) changed() { <-c.turn }

func (c *Call) renegotiate(ctx context.Context, dir sdp.Direction, codecs []Codec, policy sdp.Reoffer) error {
	c.mu.Lock()
	d := c.neg.dialog
	c.mu.Unlock()
	if d == nil {
		return errNotAnswered
	}
	m := sip.INVITE
	if !d.State().Confirmed {
		m = sip.UPDATE
	}
	return c.exchange(ctx, d, m, dir, codecs, policy)
}

// exchange makes an offer in a request of its own and takes the answer. Codecs that are nil are those of the call.
func (c *Call) exchange(ctx context.Context, d *sip.Dialog, m sip.Method, dir sdp.Direction, codecs []Codec, policy sdp.Reoffer) error {
	if _, err := c.changing(ctx); err != nil {
		return err
	}
	defer c.changed()
	required := false
	opts := sip.RequestOptions{
		Offer: func() ([]byte, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if codecs == nil {
				codecs = c.codecs
			}
			n := c.of(d)
			if n == nil {
				return nil, sip.ErrForked
			}
			required = len(n.pre.Rows) > 0 && !c.confirmed()
			return c.propose(n, dir, codecs, policy)
		},
		Withdraw: func() { c.withdraw(d) },
		Edit: func(req *sip.Request) {
			if required {
				req.Add("Require", preconditionTag)
			}
		},
	}
	send := func() (*sip.Response, error) { return d.Do(ctx, m, opts) }
	if m == sip.INVITE {
		send = func() (*sip.Response, error) { return d.Invite(ctx, opts) }
	}
	resp, err := send()
	if err != nil {
		c.withdraw(d)
		return err
	}
	if err := c.answered(d, resp); err != nil {
		return err
	}
	c.mu.Lock()
	c.direction, c.codecs = dir, codecs
	c.mu.Unlock()
	return nil
}

// Held reports whether the peer holds the call: it does not want to hear us.
func (c *Call) Held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peerHolds
}

// OnHold calls f whenever the peer begins or ends to hold the call, on a goroutine of its own, one change at a time. While f
// is busy only the last change counts.
func (c *Call) OnHold(f func(held bool)) {
	c.mu.Lock()
	c.onHold = f
	c.mu.Unlock()
}

// tellHold tells of the last change that was not told, and of those that come meanwhile: what is over before it could be
// told is not.
func (c *Call) tellHold() {
	for {
		c.mu.Lock()
		held, f := c.peerHolds, c.onHold
		if held == c.toldHeld || f == nil {
			c.telling = false
			c.mu.Unlock()
			return
		}
		c.toldHeld = held
		c.mu.Unlock()
		f(held)
	}
}

// SetCodecs has the call offer and accept these codecs, the preferred first, from its next offer or answer on. It is for
// a call that came in, before its first response; afterwards Renegotiate says so to the peer.
func (c *Call) SetCodecs(codecs ...Codec) {
	if len(codecs) == 0 {
		return
	}
	c.mu.Lock()
	c.codecs = codecs
	c.mu.Unlock()
}

// withoutPreconditions leaves the option tag out of a list.
func withoutPreconditions(list string) string {
	var out []string
	for v := range strings.SplitSeq(list, ",") {
		if v = strings.TrimSpace(v); v != "" && !strings.EqualFold(v, preconditionTag) {
			out = append(out, v)
		}
	}
	return strings.Join(out, ", ")
}
