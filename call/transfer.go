package call

import (
	"context"
	"errors"
	"fmt"

	"github.com/gotelco/telco/sip"
)

// Transfer asks the peer to call uri instead of us (RFC 3515, blind transfer of RFC 5589 section 6) and hangs
// up when it has. An error says that the peer refused, or that the target did: the call goes on then.
func (c *Call) Transfer(ctx context.Context, uri string) error {
	return c.refer(ctx, uri, sip.ReferOptions{})
}

// TransferTo asks the peer to take our place in another call (attended transfer of RFC 5589 section 7): the
// two peers talk to one another, and both of our calls end. An error says that it was refused: both calls
// go on then.
func (c *Call) TransferTo(ctx context.Context, other *Call) error {
	d := other.Dialog()
	if d == nil {
		return errNotAnswered
	}
	state := d.State()
	return c.refer(ctx, state.Target, sip.ReferOptions{Replaces: state.Replaces()})
}

var errNotAnswered = errors.New("call: not answered yet")

func (c *Call) refer(ctx context.Context, uri string, opts sip.ReferOptions) error {
	d := c.Dialog()
	if d == nil {
		return errNotAnswered
	}
	if err := d.Refer(ctx, uri, opts); err != nil {
		return fmt.Errorf("call: transfer: %w", err)
	}
	return c.HangUp(ctx)
}

// referred takes a REFER.
func (c *Call) referred(in *sip.Incoming) {
	f := c.agent.cfg.OnTransfer
	if f == nil {
		in.Reply(403, nil, "")
		return
	}
	r, err := in.AcceptRefer()
	if err != nil {
		c.warn("a transfer is refused", err)
		return
	}
	go f(c, r)
}

// Follow does what the peer of c has asked for by REFER, as a back-to-back user agent: it calls the target and, when it
// answers, bridges it to whoever c was bridged to; c itself is for its peer to end. The peer is told
// how it went. Options' From, To and Send hold for the new leg. Where c is not bridged, the new leg is only returned.
func (c *Call) Follow(ctx context.Context, r *sip.Referred, opts DialOptions) (*Call, error) {
	edit, progress := opts.Edit, opts.OnProgress
	opts.Edit = func(req *sip.Request) {
		if r.By != "" {
			req.Set("Referred-By", r.By)
		}
		if r.Replaces.CallID != "" {
			req.Set("Replaces", r.Replaces.String())
			req.Add("Require", "replaces")
		}
		if edit != nil {
			edit(req)
		}
	}
	opts.OnProgress = func(n *Call, resp *sip.Response) {
		go r.Notify(ctx, resp.StatusCode, resp.Reason)
		if progress != nil {
			progress(n, resp)
		}
	}
	n, err := c.agent.Dial(ctx, r.Target.String(), opts)
	if err != nil {
		r.Notify(context.WithoutCancel(ctx), refusalOf(err), "")
		return nil, err
	}
	if m := c.Media(); m != nil {
		if peer := m.Peer(); peer != nil {
			err = Bridge(peer, n.Media())
		}
	}
	if err != nil {
		r.Notify(context.WithoutCancel(ctx), 488, "")
		n.HangUp(context.WithoutCancel(ctx))
		return nil, err
	}
	c.replacedBy(n)
	r.Notify(context.WithoutCancel(ctx), 200, "")
	return n, nil
}

// Peer returns the Media that this one is bridged to, nil if there is none.
func (m *Media) Peer() *Media {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peer
}

// Replaces returns the call that an incoming one is to take the place of, nil if there is none (RFC 3891):
// [Call.TakeOver] does that. An INVITE that names what is no call has been refused, which the error says.
// That the caller may do so is for the application to check.
func (c *Call) Replaces() (*Call, error) {
	if c.in == nil {
		return nil, nil
	}
	d, err := c.in.Replaced()
	if err != nil {
		var bad *sip.ReplacesError
		if errors.As(err, &bad) {
			c.Refuse(bad.Status, "")
		}
		return nil, err
	}
	if d == nil {
		return nil, nil
	}
	c.agent.mu.Lock()
	defer c.agent.mu.Unlock()
	for other := range c.agent.calls {
		if other != c && other.Dialog() == d {
			return other, nil
		}
	}
	return nil, nil
}

// TakeOver answers c in the place of old: whoever old was bridged to is bridged to c, and old ends.
func (c *Call) TakeOver(ctx context.Context, old *Call) error {
	if err := c.Answer(ctx); err != nil {
		return err
	}
	if m := old.Media(); m != nil {
		if peer := m.Peer(); peer != nil {
			if err := Bridge(peer, c.Media()); err != nil {
				c.HangUp(ctx)
				return err
			}
		}
	}
	old.replacedBy(c)
	return old.HangUp(ctx)
}

// replacedBy has n stand in for c where c is a leg of Connect.
func (c *Call) replacedBy(n *Call) {
	c.mu.Lock()
	p := c.pair
	c.pair = nil
	c.mu.Unlock()
	if p != nil {
		p.replace(c, n)
	}
}
