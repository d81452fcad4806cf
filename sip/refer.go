package sip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ReferOptions say how to refer a peer. The zero value waits for what comes of it.
type ReferOptions struct {
	// Replaces is the dialog that the new call is to take the place of, as the party at Target knows it
	// (RFC 3891): for an attended transfer, [DialogState.Replaces] of our call with that party.
	Replaces DialogID
	// NoSubscription does without being told what comes of it (RFC 4488); the peer may tell all the same.
	NoSubscription bool
	Edit           func(*Request)
	// OnProgress, if not nil, receives the status code of each provisional response that the peer tells of.
	OnProgress func(status int)
}

// Refer asks the peer to send an INVITE to target (RFC 3515), a SIP or tel URI, and waits until the peer
// says that it was answered. A refusal of the REFER itself, and of what the peer sent to target, is a
// [*ResponseError]; of the latter the Response is only what the peer has told, its status line. Where
// the peer says nothing for 64*T1, or longer than it has announced, the error is a [*SubscriptionError]. The
// dialog stays: whoever has transferred a call hangs up then.
func (d *Dialog) Refer(ctx context.Context, target string, opts ReferOptions) error {
	u, err := ParseURI(target)
	if err != nil {
		return err
	}
	if opts.Replaces.CallID != "" {
		header := "Replaces=" + EscapeHeader(opts.Replaces.String())
		if u.Headers != "" {
			header = u.Headers + "&" + header
		}
		u.Headers = header
	}
	r := &referral{progress: opts.OnProgress, done: make(chan struct{})}
	resp, err := d.Do(ctx, REFER, RequestOptions{Edit: func(req *Request) {
		req.Set("Refer-To", Address{URI: u}.String())
		req.Set("Referred-By", d.localAddress())
		if opts.NoSubscription {
			req.Set("Refer-Sub", "false")
			req.Add("Supported", "norefersub")
		}
		if opts.Edit != nil {
			opts.Edit(req)
		}
		c, _ := req.CSeq()
		d.refer(r, c.Seq)
	}})
	defer d.refer(r, 0)
	if err != nil {
		return err
	}
	if opts.NoSubscription && strings.EqualFold(resp.Value("Refer-Sub"), "false") {
		return nil
	}
	defer r.expect(64 * d.ua.timers.T1)() // timer N of RFC 6665
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ctx.Done():
		select { // the peer may hang up together with its last word
		case <-r.done:
			return r.err
		default:
		}
		return context.Cause(d.ctx)
	}
}

func (d *Dialog) localAddress() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state.Local
}

// Replaces returns the dialog as the peer of the dialog, or who acts for it, names it in a Replaces
// field (RFC 3891 section 3): its tags are those of the peer's view.
func (d *DialogState) Replaces() DialogID {
	return DialogID{CallID: d.CallID, ToTag: d.RemoteTag, FromTag: d.LocalTag}
}

// Replaced returns the dialog that an INVITE is to take the place of, nil where it has no Replaces field
// (RFC 3891 section 3). Answer the INVITE and then end that dialog with [Dialog.Bye]. Where there is no such dialog the error is
// a [*ReplacesError], whose Status the INVITE gets. That the sender may do so is for the caller to check.
func (in *Incoming) Replaced() (*Dialog, error) {
	if !in.Request.Has("Replaces") {
		return nil, nil
	}
	if in.Request.Count("Replaces") > 1 || in.Request.Has("Join") {
		return nil, &ReplacesError{400}
	}
	id, err := in.Request.Replaces()
	if err != nil {
		return nil, &ReplacesError{400}
	}
	ua := in.Dialog.ua
	ua.mu.Lock()
	d := ua.dialogs[dialogKey{id.CallID, id.ToTag, id.FromTag}]
	ua.mu.Unlock()
	if d == nil || d == in.Dialog || d.events {
		return nil, &ReplacesError{481}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.ended:
		return nil, &ReplacesError{603}
	case !d.state.Confirmed && !d.state.Caller: // an early dialog of an INVITE that came in
		return nil, &ReplacesError{481}
	case d.state.Confirmed && id.EarlyOnly:
		return nil, &ReplacesError{486}
	}
	return d, nil
}

// ReplacesError is an INVITE whose Replaces field names no dialog that it can take the place of.
type ReplacesError struct{ Status int }

func (e *ReplacesError) Error() string {
	return fmt.Sprintf("sip: Replaces names no dialog that can be replaced: %d %s", e.Status, StatusText(e.Status))
}

// referral is a REFER of ours whose end is awaited.
type referral struct {
	cseq     uint32
	progress func(int)
	once     sync.Once
	done     chan struct{}
	err      error

	mu    sync.Mutex
	until time.Time   // the next NOTIFY is due; zero before the first
	timer *time.Timer // nil before the 2xx
}

// expect has the referral end when no NOTIFY comes for so long, or for longer if one has said so.
func (r *referral) expect(first time.Duration) (stop func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.until.IsZero() {
		first = time.Until(r.until)
	}
	r.timer = time.AfterFunc(first, func() { r.end(&SubscriptionError{Reason: "timeout"}) })
	return r.timer.Stop
}

// prolong takes note of a NOTIFY, and of when the subscription ends by what it says.
func (r *referral) prolong(expires time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = time.Now().Add(expires)
	if r.timer != nil {
		r.timer.Reset(expires)
	}
}

// maxReferral bounds how long a peer may say nothing more of a REFER, and is how long it may where it does not say.
const maxReferral = 10 * time.Minute

// refer notes under which CSeq a REFER goes out; 0 forgets it.
func (d *Dialog) refer(r *referral, cseq uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, o := range d.referrals {
		if o == r {
			d.referrals = append(d.referrals[:i], d.referrals[i+1:]...)
			break
		}
	}
	if cseq != 0 {
		r.cseq = cseq
		d.referrals = append(d.referrals, r)
	}
}

// referralOf returns the REFER that a NOTIFY is about: by the id of its Event, or the oldest (RFC 3515
// section 2.4.6). The caller holds mu.
func (d *Dialog) referralOf(req *Request) *referral {
	if req.Method != NOTIFY || len(d.referrals) == 0 {
		return nil
	}
	event, err := req.Event()
	if err != nil || !strings.EqualFold(event.Package, "refer") {
		return nil
	}
	id, err := strconv.ParseUint(event.ID(), 10, 32)
	if err != nil {
		return d.referrals[0]
	}
	for _, r := range d.referrals {
		if uint64(r.cseq) == id {
			return r
		}
	}
	return nil
}

// serve takes a NOTIFY. It does not block but for OnProgress.
func (r *referral) serve(in *Incoming) {
	state, err := in.Request.SubscriptionState()
	if err != nil {
		in.Reply(400, nil, "")
		return
	}
	status, reason, ok := sipfrag(in.Request.Body)
	if !ok && !state.Terminated() {
		in.Reply(400, nil, "")
		return
	}
	in.Reply(200, nil, "")
	lease := maxReferral
	if n, ok := state.Expires(); ok {
		lease = min(lease, time.Duration(n)*time.Second+64*in.Dialog.ua.timers.T1) // its last NOTIFY may be on its way
	}
	r.prolong(lease)
	switch {
	case ok && status < 200:
		if r.progress != nil {
			r.progress(status)
		}
		if state.Terminated() {
			r.end(&SubscriptionError{Reason: strings.Clone(state.Reason())})
		}
	case ok && status < 300:
		r.end(nil)
	case ok:
		r.end(&ResponseError{INVITE, &Response{StatusCode: status, Reason: reason}})
	default:
		r.end(&SubscriptionError{Reason: strings.Clone(state.Reason())})
	}
}

func (r *referral) end(err error) {
	r.once.Do(func() {
		r.err = err
		close(r.done)
	})
}

// sipfrag reads the status line of a body of message/sipfrag (RFC 3420).
func sipfrag(body []byte) (status int, reason string, ok bool) {
	line, _, _ := bytes.Cut(body, []byte("\n"))
	version, rest, _ := strings.Cut(strings.TrimRight(string(line), "\r"), " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, ok := number(code, 699)
	if !strings.EqualFold(version, "SIP/2.0") || !ok || n < 100 {
		return 0, "", false
	}
	return int(n), reason, true
}

// Referred is a REFER that we have accepted, and tell the peer about.
type Referred struct {
	// Target is what to send an INVITE to, without header fields.
	Target URI
	// Replaces is the dialog that the INVITE is to name in a Replaces field; its CallID is empty where
	// there is none.
	Replaces DialogID
	// By is the value of Referred-By, which goes into the INVITE (RFC 3892); it may be empty.
	By string

	dialog *Dialog
	event  string
	silent bool
	until  time.Time
	turn   chan struct{} // held by who sends a NOTIFY
	told   bool          // the last word; guarded by turn
}

// AcceptRefer accepts a REFER within a dialog (202) and says 100 to begin with. Where its Refer-To is
// no URI that an INVITE can go to, the REFER gets 400 and AcceptRefer fails.
func (in *Incoming) AcceptRefer() (*Referred, error) {
	req := in.Request
	if req.Method != REFER || in.Dialog == nil {
		return nil, errors.New("sip: no REFER within a dialog")
	}
	to, err := req.ReferTo()
	if err != nil || req.Count("Refer-To") != 1 {
		in.Reply(400, nil, "")
		return nil, errors.Join(err, errors.New("sip: a REFER needs one Refer-To"))
	}
	r := &Referred{Target: to.URI, By: strings.Clone(req.Value("Referred-By")), dialog: in.Dialog,
		until: time.Now().Add(3 * time.Minute), turn: make(chan struct{}, 1)}
	if method, ok := to.URI.Params.Value("method"); ok && !strings.EqualFold(method, string(INVITE)) || !to.URI.IsSIP() && to.URI.Scheme != "tel" {
		in.Reply(400, nil, "") // 416 would be about the Request-URI, and end the dialog
		return nil, fmt.Errorf("sip: REFER to %s cannot be followed", to.URI.Scheme)
	}
	r.Target, err = ParseURI(strings.Clone(to.URI.String()))
	if err != nil {
		in.Reply(400, nil, "")
		return nil, err
	}
	for field := range strings.SplitSeq(r.Target.Headers, "&") {
		if name, value, _ := strings.Cut(field, "="); strings.EqualFold(name, "Replaces") {
			if r.Replaces, err = ParseReplaces(Unescape(value)); err != nil {
				in.Reply(400, nil, "")
				return nil, err
			}
		}
	}
	r.Target.Headers = ""
	r.Target.Params.Del("method") // has no place in a Request-URI (RFC 3261 section 19.1.1)
	c, err := req.CSeq()
	if err != nil {
		return nil, err
	}
	r.event = "refer;id=" + strconv.FormatUint(uint64(c.Seq), 10)
	r.silent = strings.EqualFold(req.Value("Refer-Sub"), "false")
	resp := in.NewResponse(202, "")
	if r.silent {
		resp.Set("Refer-Sub", "false")
	}
	if err := in.Respond(resp); err != nil {
		return nil, err
	}
	go r.Notify(context.Background(), 100, "")
	return r, nil
}

// Notify tells the peer how the INVITE to Target was answered; a final status code is the last word, and what is told
// after it is dropped. An empty reason stands for [StatusText].
func (r *Referred) Notify(ctx context.Context, status int, reason string) error {
	if r.silent {
		return nil
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if r.told {
		return nil
	}
	r.told = status >= 200
	if reason == "" {
		reason = StatusText(status)
	}
	state := "terminated;reason=noresource"
	if status < 200 {
		state = "active;expires=" + seconds(max(0, time.Until(r.until)))
	}
	body := fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", status, reason)
	_, err := r.dialog.Do(ctx, NOTIFY, RequestOptions{Body: body, ContentType: "message/sipfrag;version=2.0", Edit: func(req *Request) {
		req.Set("Event", r.event)
		req.Set("Subscription-State", state)
	}})
	return err
}
