package call

import (
	"context"
	"errors"
	"sync"

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
	// SRTP says whether the media is encrypted. If SRTPDefault, as the agent's Config says.
	SRTP SRTP
	// DTMF says how keys travel. If DTMFDefault, as the agent's Config says.
	DTMF DTMF
	// OnProgress, if not nil, is called with each provisional response but 100. Where it has a
	// description, c has early media.
	OnProgress func(c *Call, resp *sip.Response)
}

// Dial calls uri and waits for the answer. A refusal is a [*sip.ResponseError]. When ctx ends first,
// the call is cancelled, and Dial returns the cause.
func (a *Agent) Dial(ctx context.Context, uri string, opts DialOptions) (*Call, error) {
	c := a.newCall(nil)
	c.keying.policy, c.pad.form = opts.SRTP, opts.DTMF
	if err := a.add(c); err != nil {
		return nil, err
	}
	body, err := c.offer(a.addressTo(uri), sdp.SendRecv)
	if err != nil {
		c.finish(err)
		return nil, err
	}
	// HangUp before the answer ends ctx.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(c.ctx, func() { stop(context.Cause(c.ctx)) })()

	before := c.session.Clone() // our offer, for each branch of a fork anew
	d, resp, err := a.ua.Invite(ctx, uri, sip.InviteOptions{
		RequestOptions: sip.RequestOptions{Body: body, Edit: opts.Edit, Send: opts.Send},
		From:           opts.From, To: opts.To, Digest: opts.Digest,
		OnProvisional: func(d *sip.Dialog, resp *sip.Response) {
			if d != nil {
				d.Handle(c.onRequest) // UPDATE, before the answer
			}
			if len(resp.Body) > 0 {
				c.early(before, resp)
			}
			if opts.OnProgress != nil {
				opts.OnProgress(c, resp)
			}
		},
	})
	if err != nil {
		c.finish(err)
		return nil, err
	}
	c.mu.Lock()
	c.dialog = d
	early := c.session.Remote != nil
	final := len(resp.Body) > 0 && !(early && c.settled) // after a reliable answer there is no other
	if early && final {
		c.session = *before.Clone() // the answer that counts is this one
	}
	c.mu.Unlock()
	d.Handle(c.onRequest)
	context.AfterFunc(d.Context(), func() { c.finish(context.Cause(d.Context())) })
	if !early || final {
		err = c.answered(resp.Head(), resp.Body)
	}
	if err != nil {
		go d.Bye(context.Background(), sip.RequestOptions{})
		return nil, err
	}
	return c, nil
}

// early opens early media as a provisional response describes it. Each branch of a fork may do so:
// the last is heard.
func (c *Call) early(before *sdp.Session, resp *sip.Response) {
	c.mu.Lock()
	c.session = *before.Clone()
	c.mu.Unlock()
	err := c.answered(resp.Head(), resp.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.session = *before.Clone()
		c.agent.warn(resp.CallID(), "no early media", err)
	}
	c.settled = err == nil && resp.HasToken("Require", "100rel")
}

// ConnectOptions say how [Connect] makes the second leg.
type ConnectOptions struct {
	DialOptions
	// OnConnect, if not nil, is called when both legs are answered and bridged.
	OnConnect func(in, out *Call)
}

// Connect is a back-to-back user agent for one call: it calls uri, lets the caller hear what comes
// of it, answers when the second leg does, and bridges the two, transcoding if need be. It returns
// when both legs have ended: nil if the call was answered, else why it was not. A refusal of the
// second leg is passed on to the first; when one leg ends, so does the other.
func (a *Agent) Connect(ctx context.Context, in *Call, uri string, opts ConnectOptions) error {
	dialCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(in.ctx, func() { stop(context.Cause(in.ctx)) })()

	progress := opts.OnProgress
	opts.OnProgress = func(out *Call, resp *sip.Response) {
		a.progress(in, out, resp)
		if progress != nil {
			progress(out, resp)
		}
	}
	out, err := a.Dial(dialCtx, uri, opts.DialOptions)
	if err != nil {
		if in.ctx.Err() == nil {
			in.Refuse(refusalOf(err), "")
		}
		return err
	}
	pair := newCouple(in, out)
	defer pair.hangUp(context.WithoutCancel(ctx))
	if err := in.Answer(dialCtx); err != nil {
		return err
	}
	if err := Bridge(in.Media(), out.Media()); err != nil {
		return err
	}
	if opts.OnConnect != nil {
		opts.OnConnect(in, out)
	}
	pair.wait(ctx)
	return nil
}

// couple is the two legs that [Agent.Connect] holds together. A transfer replaces one of them.
type couple struct {
	mu      sync.Mutex
	legs    [2]*Call
	changed chan struct{} // closed, and made anew, when a leg is replaced
}

func newCouple(a, b *Call) *couple {
	p := &couple{legs: [2]*Call{a, b}, changed: make(chan struct{})}
	for _, c := range p.legs {
		c.mu.Lock()
		c.pair = p
		c.mu.Unlock()
	}
	return p
}

// replace has n stand in for old.
func (p *couple) replace(old, n *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range p.legs {
		if c == old {
			p.legs[i] = n
			close(p.changed)
			p.changed = make(chan struct{})
		}
	}
	n.mu.Lock()
	n.pair = p
	n.mu.Unlock()
}

// wait returns when one of the legs has ended, or ctx has.
func (p *couple) wait(ctx context.Context) {
	for {
		p.mu.Lock()
		a, b, changed := p.legs[0], p.legs[1], p.changed
		p.mu.Unlock()
		select {
		case <-changed:
			continue
		case <-a.ctx.Done():
		case <-b.ctx.Done():
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		same := changed == p.changed
		p.mu.Unlock()
		if same {
			return
		}
	}
}

func (p *couple) hangUp(ctx context.Context) {
	p.mu.Lock()
	legs := p.legs
	p.mu.Unlock()
	for _, c := range legs {
		c.HangUp(ctx)
	}
}

// progress passes a provisional response of the second leg on to the first.
func (a *Agent) progress(in, out *Call, resp *sip.Response) {
	media := out.Media()
	if media == nil || len(resp.Body) == 0 {
		if resp.StatusCode == 180 {
			in.Ring()
		}
		return
	}
	if err := in.Progress(); err != nil {
		in.warn("no early media for the caller", err)
		return
	}
	if err := Bridge(in.Media(), media); err != nil {
		in.warn("no early media for the caller", err)
	}
}

// refusalOf is the status code that tells a caller why the second leg failed.
func refusalOf(err error) int {
	var refused *sip.ResponseError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode >= 400:
		switch code := refused.Response.StatusCode; code {
		case 401, 407: // our credentials, not the caller's
			return 502
		default:
			return code
		}
	case errors.Is(err, sip.ErrTimeout):
		return 408
	case errors.Is(err, context.DeadlineExceeded):
		return 480
	}
	return 503
}
