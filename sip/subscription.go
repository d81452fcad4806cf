package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// ErrUnsubscribed is the cause of a subscription's end by our own [Subscription.Close], or for a
// [Notifier] by the subscriber.
var ErrUnsubscribed = errors.New("sip: unsubscribed")

// SubscriptionError is a subscription that the notifier has ended (RFC 6665 section 4.1.3).
type SubscriptionError struct {
	// Reason is "deactivated" (subscribe again at once), "probation" (again after RetryAfter),
	// "timeout" (again at any time), "giveup" (after RetryAfter), "rejected", "noresource" or
	// "invariant" (not again); it may be empty.
	Reason     string
	RetryAfter time.Duration
}

func (e *SubscriptionError) Error() string {
	if e.Reason == "" {
		return "sip: the subscription was terminated"
	}
	return "sip: the subscription was terminated: " + e.Reason
}

// Notification is a NOTIFY that was received and answered.
type Notification struct {
	Request *Request
	State   SubscriptionState
}

// SubscribeOptions say what to subscribe to. Event must be set.
type SubscribeOptions struct {
	Event   string        // the value of Event: "reg", "dialog;sla", "message-summary"
	Accept  []string      // media types of bodies; if empty, those that the event package implies
	Expires time.Duration // if zero, 1 hour; the notifier may shorten it
	// Once asks for the state as it is now, and no more: the subscription ends with the first NOTIFY.
	Once        bool
	Body        []byte // a filter
	ContentType string // of Body
	From, To    string // replace the agent's Address, and the URI, as name-addr without a tag
	Edit        func(*Request)
	Send        SendOptions
	// OnNotify receives each NOTIFY after it was answered with 200, one after the other.
	OnNotify func(*Notification)
}

// Subscription is what we want to be told about: the subscriber of RFC 6665. It is refreshed before it
// expires. Its methods may be called by any goroutine.
type Subscription struct {
	ua    *UserAgent
	opts  SubscribeOptions
	event Event
	key   dialogKey // without the remote tag, as long as there is no NOTIFY
	sent  *Request

	ctx    context.Context
	cancel context.CancelCauseFunc
	first  chan struct{} // closed by the first NOTIFY

	mu      sync.Mutex
	contact string
	dialog  *Dialog
	wish    time.Duration
	expires time.Time
	closing bool
	timer   *time.Timer
}

// Subscribe subscribes to the state of uri and returns after the first NOTIFY, which makes the dialog
// (RFC 6665 section 4.1.2.4); those of other branches of a fork get 481. A refusal is a
// [*ResponseError]. A time that is too short for the notifier (423) is raised.
func (ua *UserAgent) Subscribe(ctx context.Context, uri string, opts SubscribeOptions) (*Subscription, error) {
	event, err := ParseEvent(opts.Event)
	if err != nil {
		return nil, err
	}
	if _, err := ParseURI(uri); err != nil {
		return nil, err
	}
	if opts.Expires <= 0 {
		opts.Expires = time.Hour
	}
	if opts.Once {
		opts.Expires = 0
	}
	req := ua.NewRequest(SUBSCRIBE, uri)
	if err := ua.address(req, opts.From, opts.To); err != nil {
		return nil, err
	}
	s := &Subscription{ua: ua, opts: opts, event: event, wish: opts.Expires, first: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.fill(req, s.wish)
	from, err := req.From()
	if err != nil {
		return nil, err
	}
	s.key = dialogKey{callID: strings.Clone(req.CallID()), localTag: strings.Clone(from.Tag())}
	if err := s.wait(); err != nil {
		return nil, err
	}
	if err := s.subscribe(ctx, req); err != nil {
		s.end(err)
		return nil, err
	}
	timer := time.NewTimer(64 * ua.timers.T1) // timer N
	defer timer.Stop()
	select {
	case <-s.first:
		return s, nil
	case <-s.ctx.Done():
		err = context.Cause(s.ctx)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		err = fmt.Errorf("sip: no NOTIFY came: %w", ErrTimeout)
	}
	s.end(err)
	return nil, err
}

// fill adds what a SUBSCRIBE needs.
func (s *Subscription) fill(req *Request, expires time.Duration) {
	req.Set("Event", s.event.String())
	req.Set("Expires", seconds(expires))
	if len(s.opts.Accept) > 0 {
		req.Set("Accept", strings.Join(s.opts.Accept, ", "))
	}
	s.ua.describe(req)
	if len(s.opts.Body) > 0 {
		req.Set("Content-Type", s.opts.ContentType)
		req.Body = s.opts.Body
	}
	if s.opts.Edit != nil {
		s.opts.Edit(req)
	}
}

// wait takes the place in the agent's table where the first NOTIFY looks.
func (s *Subscription) wait() error {
	s.ua.mu.Lock()
	defer s.ua.mu.Unlock()
	switch {
	case s.ua.closed:
		return errClosed
	case len(s.ua.dialogs)+len(s.ua.subscriptions) >= s.ua.cfg.MaxDialogs:
		return ErrLimit
	}
	s.ua.subscriptions[s.key] = s
	return nil
}

// subscribe sends the first SUBSCRIBE.
func (s *Subscription) subscribe(ctx context.Context, req *Request) error {
	ua := s.ua
	if ua.digest != nil {
		ua.digest.Prepare(req)
	}
	send := ua.send(s.opts.Send)
	send.Prepare = ua.withContact(send.Prepare, func(contact string) {
		s.mu.Lock()
		s.contact = strings.Clone(contact)
		s.mu.Unlock()
	})
	raised := false
	for again := ua.again(); ; {
		s.mu.Lock()
		s.sent = req
		s.mu.Unlock()
		resp, err := ua.ep.Do(ctx, req, send)
		if err != nil {
			return err
		}
		if resp.IsSuccess() {
			if ua.digest != nil {
				if err := ua.digest.Learn(req, resp); err != nil {
					return err
				}
			}
			s.granted(resp)
			return nil
		}
		if least, ok := minExpires(resp); ok && !raised && s.wish > 0 {
			raised = true
			req = req.Clone()
			s.raise(least)
			req.Set("Expires", seconds(s.wish))
			prepareAgain(ua.digest, req)
			if err := nextCSeq(req); err != nil {
				return err
			}
			continue
		}
		if req, err = again.next(ctx, req, resp); err != nil {
			return err
		}
	}
}

// minExpires returns the Min-Expires of a 423.
func minExpires(resp *Response) (time.Duration, bool) {
	if resp.StatusCode != 423 {
		return 0, false
	}
	n, ok := deltaSeconds(resp.Value("Min-Expires"))
	return time.Duration(n) * time.Second, ok
}

func (s *Subscription) raise(least time.Duration) {
	s.mu.Lock()
	s.wish = max(s.wish, least)
	s.mu.Unlock()
}

// granted takes the time that a 2xx grants.
func (s *Subscription) granted(resp *Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	granted := s.wish
	if n, ok := deltaSeconds(resp.Value("Expires")); ok {
		granted = time.Duration(n) * time.Second
	}
	s.arm(granted)
}

// arm sets the timer for a subscription that lasts so long. The caller holds mu.
func (s *Subscription) arm(left time.Duration) {
	s.expires = time.Now().Add(left)
	if s.ctx.Err() != nil || s.closing || s.opts.Once || left <= 0 {
		return
	}
	s.after(left - min(left/2, 32*time.Second))
}

func (s *Subscription) after(wait time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.tick)
	} else {
		s.timer.Reset(wait)
	}
}

// tick refreshes the subscription, or ends it where that failed for too long.
func (s *Subscription) tick() {
	s.mu.Lock()
	left := time.Until(s.expires)
	d := s.dialog
	if s.closing || s.ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if left <= 0 {
		s.end(&SubscriptionError{Reason: "timeout"})
		return
	}
	if d == nil {
		return // Subscribe waits for the first NOTIFY
	}
	if err := s.Refresh(s.ctx); err != nil && s.ctx.Err() == nil {
		s.ua.ep.cfg.Logger.Warn("subscription was not refreshed", "call_id", s.key.callID, "err", err)
		s.mu.Lock()
		if left = time.Until(s.expires); left > 0 {
			s.after(max(left/2, time.Second))
		} else {
			s.after(0)
		}
		s.mu.Unlock()
	}
}

// Refresh sends a SUBSCRIBE now; the notifier answers it with a NOTIFY of the whole state.
func (s *Subscription) Refresh(ctx context.Context) error {
	for raised := false; ; raised = true {
		s.mu.Lock()
		d, wish := s.dialog, s.wish
		s.mu.Unlock()
		resp, err := d.Do(ctx, SUBSCRIBE, RequestOptions{Edit: func(req *Request) { s.fill(req, wish) }})
		var refused *ResponseError
		if errors.As(err, &refused) && !raised {
			if least, ok := minExpires(refused.Response); ok {
				s.raise(least)
				continue
			}
		}
		if err == nil {
			s.granted(resp)
		}
		return err
	}
}

// Close unsubscribes, and waits for the last NOTIFY until ctx is done.
func (s *Subscription) Close(ctx context.Context) error {
	s.mu.Lock()
	d := s.dialog
	if s.closing || s.ctx.Err() != nil || d == nil {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	defer s.end(ErrUnsubscribed)
	if _, err := d.Do(ctx, SUBSCRIBE, RequestOptions{Edit: func(req *Request) { s.fill(req, 0) }}); err != nil {
		if s.ctx.Err() != nil || StatusCode(err) == 481 {
			return nil
		}
		return err
	}
	timer := time.NewTimer(64 * s.ua.timers.T1)
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return nil
	case <-timer.C:
		return fmt.Errorf("sip: no last NOTIFY came: %w", ErrTimeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Context is done when the subscription has ended. Its cause is a [*SubscriptionError] where the
// notifier ended it, [ErrUnsubscribed], the [*ResponseError] or timeout of a refresh, or an error
// that is net.ErrClosed.
func (s *Subscription) Context() context.Context { return s.ctx }

// Dialog returns the dialog of the subscription, for requests of an application's own.
func (s *Subscription) Dialog() *Dialog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialog
}

// Expires returns when the subscription ends if it is not refreshed.
func (s *Subscription) Expires() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expires
}

// end lets go of everything.
func (s *Subscription) end(cause error) {
	s.ua.mu.Lock()
	if s.ua.subscriptions[s.key] == s {
		delete(s.ua.subscriptions, s.key)
	}
	s.ua.mu.Unlock()
	s.mu.Lock()
	d := s.dialog
	if s.timer != nil {
		s.timer.Stop()
	}
	s.cancel(cause)
	s.mu.Unlock()
	if d != nil {
		d.end(cause)
	}
}

// serveFirst takes a NOTIFY outside of any dialog that is for a subscription of ours. It does not
// block.
func (s *Subscription) serveFirst(tx *ServerTransaction, req *Request) {
	status := s.begin(tx, req)
	if status != 0 {
		tx.Respond(NewResponse(req, status, ""))
		return
	}
	s.dialog.serve(tx, req)
}

// begin makes the dialog of the first NOTIFY, or says with which status code to refuse it.
func (s *Subscription) begin(tx *ServerTransaction, req *Request) int {
	event, err := req.Event()
	if err != nil || !event.Equal(s.event) {
		return 481
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialog != nil { // another branch
		return 481
	}
	cseq, err := s.sent.CSeq()
	if err != nil {
		return 500
	}
	state, err := NewServerDialog(req, s.key.localTag, s.contact)
	if err != nil {
		return statusOf(err)
	}
	state.LocalCSeq, state.Caller, state.Confirmed, state.RemoteSeen = cseq.Seq, true, true, false
	state.Secure = isSIPS(s.sent.RequestURI)
	d := newDialog(s.ua, *state)
	d.events, d.handler = true, s.serve
	if via, err := req.Via(); err == nil && state.staysOn(tx.Flow(), via) {
		d.flow = tx.Flow()
	}
	if s.ua.add(d) != nil {
		return 503
	}
	s.dialog = d
	close(s.first)
	context.AfterFunc(d.ctx, func() { s.end(context.Cause(d.ctx)) })
	return 0
}

// serve takes the requests of the notifier, one after the other.
func (s *Subscription) serve(in *Incoming) {
	if in.Request.Method != NOTIFY {
		in.Reply(405, nil, "")
		return
	}
	event, err := in.Request.Event()
	if err != nil || !event.Equal(s.event) {
		in.Reply(481, nil, "")
		return
	}
	state, err := in.Request.SubscriptionState()
	if err != nil {
		in.Reply(400, nil, "")
		return
	}
	in.Reply(200, nil, "")
	if n, ok := state.Expires(); ok && !state.Terminated() {
		s.mu.Lock()
		if left := time.Duration(n) * time.Second; left < time.Until(s.expires) { // it only ever shortens
			s.arm(left)
		}
		s.mu.Unlock()
	}
	if s.opts.OnNotify != nil {
		s.opts.OnNotify(&Notification{in.Request, state})
	}
	if state.Terminated() {
		s.mu.Lock()
		closing := s.closing
		s.mu.Unlock()
		if closing || s.opts.Once {
			s.end(ErrUnsubscribed)
			return
		}
		after, _ := state.RetryAfter()
		s.end(&SubscriptionError{strings.Clone(state.Reason()), time.Duration(after) * time.Second})
	}
}
