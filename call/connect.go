package call

import (
	"context"
	"errors"
	"sync"

	"github.com/gotelco/telco/sdp"
	"github.com/gotelco/telco/sip"
)

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
	defer context.AfterFunc(in.ctx, func() { cause := context.Cause(in.ctx); stop(hungUp(cause, ReasonsOf(cause))) })()

	if err := a.PassPreconditions(dialCtx, in, &opts.DialOptions); err != nil {
		return err
	}
	progress := opts.OnProgress
	opts.OnProgress = func(out *Call, resp *sip.Response) {
		a.progress(in, out, resp)
		if progress != nil {
			progress(out, resp)
		}
	}
	out, err := a.Dial(dialCtx, uri, opts.DialOptions)
	if by := (*ReplacedError)(nil); errors.As(err, &by) {
		out, err = by.By, nil
	}
	if err != nil {
		if in.ctx.Err() == nil {
			in.Refuse(refusalOf(err), "", ReasonsOf(err)...)
		}
		return err
	}
	pair := newCouple(in, out)
	defer func() { pair.hangUp(context.WithoutCancel(ctx)) }()
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

// Join bridges two calls that are answered, and holds them together: when one of them ends, so does the other, with the
// reasons that the first had. It returns when both have ended, or when ctx has, which ends both.
func (a *Agent) Join(ctx context.Context, x, y *Call) error {
	m, n := x.Media(), y.Media()
	if m == nil || n == nil {
		return errNoMedia
	}
	if err := Bridge(m, n); err != nil {
		return err
	}
	pair := newCouple(x, y)
	pair.wait(ctx)
	pair.hangUp(context.WithoutCancel(ctx))
	return nil
}

// couple is the two legs that [Agent.Connect] holds together. A transfer replaces one of them, and parking takes one
// away, which is nil then.
type couple struct {
	mu      sync.Mutex
	legs    [2]*Call
	over    bool          // nobody waits any more
	moving  [2]bool       // the leg is being replaced: its end is not that of the other
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

// replace has n stand in for old, and reports false where there is nobody left to talk to.
func (p *couple) replace(old, n *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return false
	}
	for i, c := range p.legs {
		if c == old {
			p.legs[i], p.moving[i] = n, false
			p.tell()
		}
	}
	n.mu.Lock()
	n.pair = p
	n.mu.Unlock()
	return true
}

// leaving says that a leg is about to be replaced, or that nothing came of it.
func (p *couple) leaving(c *Call, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.legs {
		if p.legs[i] == c {
			p.moving[i] = yes
			p.tell()
		}
	}
}

// tell wakes who waits. The caller holds mu.
func (p *couple) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// release takes a leg away: it goes on alone.
func (p *couple) release(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.legs {
		if p.legs[i] == c {
			p.legs[i] = nil
			p.tell()
		}
	}
}

// done is when a leg has ended that matters; never for one that was taken away, or is about to be replaced. The caller
// holds mu.
func (p *couple) done(i int) <-chan struct{} {
	if p.legs[i] == nil || p.moving[i] {
		return nil
	}
	return p.legs[i].ctx.Done()
}

// wait returns when one of the legs has ended, or ctx has.
func (p *couple) wait(ctx context.Context) {
	for {
		p.mu.Lock()
		a, b, changed := p.done(0), p.done(1), p.changed
		p.mu.Unlock()
		select {
		case <-changed:
			continue
		case <-a:
		case <-b:
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
	p.over = true
	p.mu.Unlock()
	var reasons []sip.Reason
	for _, c := range legs {
		if c != nil && c.ctx.Err() != nil {
			reasons = c.endReasons()
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, c := range legs {
		if c == nil {
			continue
		}
		c.mu.Lock()
		if c.pair == p {
			c.pair = nil
		}
		c.mu.Unlock()
		wg.Go(func() { c.HangUp(ctx, reasons...) }) // a peer that is silent does not keep the other waiting
	}
}

// progress passes a provisional response of the second leg on to the first.
func (a *Agent) progress(in, out *Call, resp *sip.Response) {
	media, early := out.Media(), out.Early(resp)
	if media == nil || len(resp.Body) == 0 && !early {
		if resp.StatusCode == 180 {
			in.Ring()
		}
		return
	}
	status := 183
	if resp.StatusCode == 180 {
		status = 180
	}
	err := in.progress(status, early)
	if err == nil && in.Media() == nil { // the caller's answer to our offer is to come
		go func() {
			if in.awaitLate(in.ctx) == nil && out.ctx.Err() == nil {
				Bridge(in.Media(), media)
			}
		}()
		return
	}
	if err == nil {
		err = Bridge(in.Media(), media)
	}
	if err != nil {
		in.warn("no early media for the caller", err)
		if status == 180 {
			in.Ring()
		}
	}
}

// refusalOf is the status code that tells a caller why the second leg failed.
func refusalOf(err error) int {
	var refused *sip.ResponseError
	var pre *sdp.PreconditionError
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
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrNoAnswer):
		return 480
	case errors.Is(err, ErrNoPorts):
		return 503
	case errors.As(err, &pre):
		return 580
	}
	return 503
}
