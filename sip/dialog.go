package sip

import (
	"context"
	"sync"
	"time"
)

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
