package sip

import (
	"context"
	"errors"
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
