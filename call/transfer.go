package call

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

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
	c.mu.Lock()
	full := c.transfers >= maxTransfers
	if !full {
		c.transfers++
	}
	c.mu.Unlock()
	if full {
		resp := in.NewResponse(500, "")
		resp.Add("Retry-After", "10")
		in.Respond(resp)
		return
	}
	done := func() {
		c.mu.Lock()
		c.transfers--
		c.mu.Unlock()
	}
	r, err := in.AcceptRefer()
	if err != nil {
		done()
		c.warn("a transfer is refused", err)
		return
	}
	go func() {
		defer done()
		f(c, r)
	}()
}

// maxTransfers bounds the transfers that a peer may ask for at a time.
const maxTransfers = 8

// Follow does what the peer of c has asked for by REFER, as a back-to-back user agent: it calls the target and, when it
// answers, bridges it to whoever c was bridged to; c itself is for its peer to end. The peer is told
// how it went. Options' From, To and Send hold for the new leg. Where c is not bridged, the new leg is only returned.
//
// The peer may hang up at once, as phones do that don't wait to be told: whom [Agent.Connect] or [Agent.Join] has connected
// with it waits for the target all the same, and is hung up on if that does not answer. When it hangs up itself, so does
// Follow.
func (c *Call) Follow(ctx context.Context, r *sip.Referred, opts DialOptions) (*Call, error) {
	var peer *Media
	if m := c.Media(); m != nil {
		peer = m.Peer()
	}
	c.mu.Lock()
	pair := c.pair
	c.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if pair != nil {
		pair.leaving(c, true)
		defer pair.leaving(c, false)
		if other := c.Peer(); other != nil {
			defer context.AfterFunc(other.ctx, func() { cause := context.Cause(other.ctx); cancel(hungUp(cause, ReasonsOf(cause))) })()
		}
	}
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
	var telling atomic.Bool // one at a time: who is slow is told less
	opts.OnProgress = func(n *Call, resp *sip.Response) {
		if telling.CompareAndSwap(false, true) {
			go func() {
				defer telling.Store(false)
				r.Notify(ctx, resp.StatusCode, resp.Reason)
			}()
		}
		if progress != nil {
			progress(n, resp)
		}
	}
	n, err := c.agent.Dial(ctx, r.Target.String(), opts)
	if err != nil {
		r.Notify(context.WithoutCancel(ctx), refusalOf(err), "")
		return nil, err
	}
	if peer != nil {
		err = Bridge(peer, n.Media())
	}
	if err != nil {
		r.Notify(context.WithoutCancel(ctx), 488, "")
		n.HangUp(context.WithoutCancel(ctx))
		return nil, err
	}
	if pair != nil {
		c.mu.Lock()
		c.pair = nil
		c.mu.Unlock()
		if !pair.replace(c, n) {
			r.Notify(context.WithoutCancel(ctx), 487, "")
			n.HangUp(context.WithoutCancel(ctx))
			return nil, errAlone
		}
	}
	r.Notify(context.WithoutCancel(ctx), 200, "")
	return n, nil
}

var errAlone = errors.New("call: whoever was to be connected has hung up")

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
	calls := slices.Collect(maps.Keys(c.agent.calls)) // a call holds its own lock when it takes the agent's
	c.agent.mu.Unlock()
	for _, other := range calls {
		if other != c && other.has(d) {
			return other, nil
		}
	}
	return nil, nil
}

// has reports whether a dialog is the call's, or one of its early ones.
func (c *Call) has(d *sip.Dialog) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, early := c.branches[d]
	return early || c.dialog == d
}

// ReplacedError is what [Agent.Dial] fails with where another call was answered in the place of the one that it made,
// which still rang: see [Call.TakeOver]. It matches [sip.ErrCanceled].
type ReplacedError struct{ By *Call }

func (e *ReplacedError) Error() string { return "call: another call has taken the place of this one" }

// Is matches sip.ErrCanceled.
func (e *ReplacedError) Is(target error) bool { return target == sip.ErrCanceled }

// TakeOver answers c in the place of old: whoever old was bridged to is bridged to c, and old ends. Where old is a call
// of ours that still rings, such as one that is picked up at another phone, it is cancelled, and its Dial fails with a
// [*ReplacedError]; [Agent.Connect] goes on with c then.
func (c *Call) TakeOver(ctx context.Context, old *Call) error {
	if err := c.Answer(ctx); err != nil {
		return err
	}
	if old.in == nil && old.Dialog() == nil {
		elsewhere := []sip.Reason{sip.NewReason("SIP", 200, "Call completed elsewhere")} // no call is missed (RFC 3326 section 2)
		old.finish(hungUp(&ReplacedError{c}, elsewhere))
		return nil
	}
	if old.ctx.Err() != nil {
		c.HangUp(context.WithoutCancel(ctx))
		return fmt.Errorf("call: the other call has ended: %w", context.Cause(old.ctx))
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
	if p != nil && !p.replace(c, n) {
		go n.HangUp(context.Background())
	}
}
