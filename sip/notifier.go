package sip

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// Events says which subscriptions an agent takes (RFC 6665).
type Events struct {
	// Packages are the event packages, such as "reg"; others get 489.
	Packages []string
	// Min and Max bound how long a subscription lasts without a refresh: what is below Min gets 423,
	// what is above is cut. If zero, 60 s and 1 day. Default is for subscribers that don't say; if zero,
	// 1 hour.
	Min, Max, Default time.Duration
}

func (e *Events) fill() {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&e.Min, time.Minute)
	set(&e.Max, 24*time.Hour)
	set(&e.Default, time.Hour)
	e.Default = min(max(e.Default, e.Min), e.Max)
}

// Notifier is a subscription that a peer has with us. Accept or Refuse it; after Accept, tell the state
// with Notify at once, and again whenever it changes. Its methods may be called by any goroutine.
type Notifier struct {
	// Request is the first SUBSCRIBE. It must not be edited.
	Request *Request
	// Event is what it is about.
	Event Event

	tx     *ServerTransaction
	dialog *Dialog
	asked  time.Duration

	mu          sync.Mutex
	state       string // "", then "pending" or "active"
	expires     time.Time
	timer       *time.Timer
	body        []byte
	contentType string
	onRefresh   func()

	turn chan struct{} // held by who sends a NOTIFY
}

var errNotAccepted = errors.New("sip: the subscription was not accepted")

// serveSubscribe takes a SUBSCRIBE outside of dialogs. It does not block.
func (ua *UserAgent) serveSubscribe(tx *ServerTransaction, req *Request) {
	event, err := req.Event()
	if err != nil || !hasFold(ua.cfg.Events.Packages, event.Package) {
		resp := NewResponse(req, 489, "")
		resp.Set("Allow-Events", strings.Join(ua.cfg.Events.Packages, ", "))
		tx.Respond(resp)
		return
	}
	if resp := ua.badExtension(req); resp != nil {
		tx.Respond(resp)
		return
	}
	asked, resp := ua.subscriptionTime(req)
	if resp != nil {
		tx.Respond(resp)
		return
	}
	state, err := NewServerDialog(req, tx.Tag(), ua.contact(tx.Flow(), isSIPS(req.RequestURI)))
	if err != nil {
		tx.Respond(NewResponse(req, statusOf(err), ""))
		return
	}
	state.Confirmed = true
	d := newDialog(ua, *state)
	d.events = true
	if via, err := req.Via(); err == nil && state.staysOn(tx.Flow(), via) {
		d.flow = tx.Flow()
	}
	n := &Notifier{Request: req, Event: event, tx: tx, dialog: d, asked: asked, turn: make(chan struct{}, 1)}
	d.handler = n.serve
	go ua.cfg.OnSubscribe(n)
}

// subscriptionTime returns how long a SUBSCRIBE is to last, or the response that refuses it.
func (ua *UserAgent) subscriptionTime(req *Request) (time.Duration, *Response) {
	e := &ua.cfg.Events
	if !req.Has("Expires") {
		return e.Default, nil
	}
	n, ok := req.Expires()
	asked := time.Duration(n) * time.Second
	switch {
	case !ok:
		return 0, NewResponse(req, 400, "")
	case asked > 0 && asked < e.Min && asked < time.Hour: // RFC 6665 section 4.2.1.1
		resp := NewResponse(req, 423, "")
		resp.Set("Min-Expires", seconds(e.Min))
		return 0, resp
	}
	return min(asked, e.Max), nil
}

// Context is done when the subscription has ended. Its cause is [ErrUnsubscribed], a
// [*SubscriptionError] where it expired or we ended it, the [*ResponseError] or timeout of a NOTIFY, or
// an error that is net.ErrClosed.
func (n *Notifier) Context() context.Context { return n.dialog.ctx }

// Flow returns where the SUBSCRIBE came from.
func (n *Notifier) Flow() Flow { return n.tx.Flow() }

// Respond refuses the subscription with a response of the application's own making, such as a challenge.
func (n *Notifier) Respond(resp *Response) error {
	if resp.IsSuccess() {
		return errors.New("sip: Accept accepts a subscription")
	}
	return n.tx.Respond(resp)
}

// Refuse refuses the subscription with a status code from 300 on.
func (n *Notifier) Refuse(status int) error { return n.Respond(NewResponse(n.Request, status, "")) }

// Accept accepts the subscription (200); pending says that somebody has still to allow it, until the
// first Notify. It fails with [ErrLimit], and refuses the subscription with 503, beyond MaxDialogs.
func (n *Notifier) Accept(pending bool) error {
	ua := n.dialog.ua
	if err := ua.add(n.dialog); err != nil {
		resp := NewResponse(n.Request, 503, "")
		resp.Add("Retry-After", "10")
		n.tx.Respond(resp)
		return err
	}
	n.mu.Lock()
	n.state = "active"
	if pending {
		n.state = "pending"
	}
	n.arm(n.asked)
	n.mu.Unlock()
	return n.accept(n.Request, n.tx.Respond)
}

func (n *Notifier) accept(req *Request, respond func(*Response) error) error {
	resp := NewResponse(req, 200, "")
	resp.Set("Contact", n.dialog.State().Contact)
	n.mu.Lock()
	resp.Set("Expires", seconds(max(0, time.Until(n.expires))))
	n.mu.Unlock()
	return respond(resp)
}

// arm starts the subscription's time. The caller holds mu.
func (n *Notifier) arm(lasts time.Duration) {
	n.expires = time.Now().Add(lasts)
	if lasts == 0 {
		return // the NOTIFY that is due ends it
	}
	if n.timer == nil {
		n.timer = time.AfterFunc(lasts, func() {
			n.mu.Lock()
			left := time.Until(n.expires)
			if left > 0 {
				n.timer.Reset(left)
			}
			n.mu.Unlock()
			if left <= 0 {
				n.Terminate(context.Background(), "timeout", 0)
			}
		})
	} else {
		n.timer.Reset(lasts)
	}
}

// OnRefresh sets what is called after the subscriber has refreshed its subscription, to Notify the
// whole state. Without it the last one is told again.
func (n *Notifier) OnRefresh(f func()) {
	n.mu.Lock()
	n.onRefresh = f
	n.mu.Unlock()
}

// Notify tells the state, which makes a pending subscription active, and waits for the 200. A subscription
// that was for one look only ends with it. contentType may be empty where body is.
func (n *Notifier) Notify(ctx context.Context, body []byte, contentType string) error {
	n.mu.Lock()
	if n.state == "" {
		n.mu.Unlock()
		return errNotAccepted
	}
	n.state = "active"
	n.body, n.contentType = body, contentType
	once := !time.Now().Before(n.expires)
	n.mu.Unlock()
	if once {
		return n.last(ctx, "timeout", 0, ErrUnsubscribed)
	}
	return n.notify(ctx)
}

// notify sends the present state.
func (n *Notifier) notify(ctx context.Context) error {
	return n.send(ctx, func() string {
		return n.state + ";expires=" + seconds(max(0, time.Until(n.expires)))
	})
}

// send sends a NOTIFY after those before it were answered.
func (n *Notifier) send(ctx context.Context, state func() string) error {
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-n.dialog.ctx.Done():
		return context.Cause(n.dialog.ctx)
	}
	n.mu.Lock()
	value, body, contentType := state(), n.body, n.contentType
	if n.state == "pending" {
		body = nil // nothing is told before it is allowed
	}
	n.mu.Unlock()
	_, err := n.dialog.Do(ctx, NOTIFY, RequestOptions{Body: body, ContentType: contentType, Edit: func(req *Request) {
		req.Set("Event", n.Event.String())
		req.Set("Subscription-State", value)
	}})
	return err
}

// Terminate ends the subscription with a last NOTIFY; reason is one of RFC 6665 section 4.1.3, see
// [SubscriptionError], and retryAfter may be zero.
func (n *Notifier) Terminate(ctx context.Context, reason string, retryAfter time.Duration) error {
	return n.last(ctx, reason, retryAfter, &SubscriptionError{reason, retryAfter})
}

func (n *Notifier) last(ctx context.Context, reason string, retryAfter time.Duration, cause error) error {
	n.mu.Lock()
	if n.state == "" {
		n.mu.Unlock()
		return errNotAccepted
	}
	if n.timer != nil {
		n.timer.Stop()
	}
	n.mu.Unlock()
	err := n.send(ctx, func() string {
		v := "terminated"
		if reason != "" {
			v += ";reason=" + reason
		}
		if retryAfter > 0 {
			v += ";retry-after=" + seconds(retryAfter)
		}
		return v
	})
	n.dialog.end(cause)
	return err
}

// serve takes the requests of the subscriber, one after the other.
func (n *Notifier) serve(in *Incoming) {
	req := in.Request
	if req.Method != SUBSCRIBE {
		in.Reply(405, nil, "")
		return
	}
	if event, err := req.Event(); err != nil || !event.Equal(n.Event) {
		resp := in.NewResponse(489, "")
		resp.Set("Allow-Events", strings.Join(n.dialog.ua.cfg.Events.Packages, ", "))
		in.Respond(resp)
		return
	}
	asked, resp := n.dialog.ua.subscriptionTime(req)
	if resp != nil {
		in.Respond(resp)
		return
	}
	n.mu.Lock()
	n.arm(asked)
	refresh := n.onRefresh
	n.mu.Unlock()
	n.accept(req, in.Respond)
	switch {
	case asked == 0:
		n.last(context.Background(), "timeout", 0, ErrUnsubscribed)
	case refresh != nil:
		refresh()
	default:
		n.notify(context.Background())
	}
}
