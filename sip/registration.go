package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// RegisterOptions say what to register. Registrar must be set.
type RegisterOptions struct {
	// Registrar is the Request-URI, without a user part: "sip:example.org".
	Registrar string
	// Address is the address of record. If empty, the agent's Address.
	Address string
	// Contact is the value of Contact, without expires. If empty, the agent's, see
	// [UserAgentConfig.Contact].
	Contact string
	// Auth answers challenges instead of the agent's Auth.
	Auth Answerer
	// Expires is how long a registration is to last. If zero, 1 hour. The registrar decides.
	Expires time.Duration
	// Edit, if not nil, is called with each REGISTER before it is sent.
	Edit func(*Request)
	// Send is how to send it.
	Send SendOptions
	// OnChange, if not nil, is called when a refresh fails (with its error), and when one succeeds
	// after that (with nil). It must not block.
	OnChange func(error)
}

// Registration is a binding that is kept alive (RFC 3261 section 10.2). Its methods may be called by
// any goroutine.
type Registration struct {
	ua     *UserAgent
	opts   RegisterOptions
	digest *DigestClient // may be nil

	turn chan struct{} // held by who sends a REGISTER: none is sent before the last was answered
	done chan struct{} // closed when the refreshing goroutine has returned
	quit context.CancelCauseFunc
	ctx  context.Context

	mu      sync.Mutex
	req     *Request  // the last one
	resp    *Response // the last 2xx
	contact string    // as sent
	wish    time.Duration
	expires time.Time
	err     error
}

// Register registers the agent's address and keeps the binding alive until the Registration is
// closed. It returns when the registrar has answered the first time; a refusal is a
// [*ResponseError]. Too short a time (423) is raised to what the registrar wants.
func (ua *UserAgent) Register(ctx context.Context, opts RegisterOptions) (*Registration, error) {
	if opts.Expires <= 0 {
		opts.Expires = time.Hour
	}
	if u, err := ParseURI(opts.Registrar); err != nil {
		return nil, err
	} else if !u.IsSIP() || u.User != "" {
		return nil, fmt.Errorf("sip: %q is no registrar", opts.Registrar)
	}
	r := &Registration{ua: ua, opts: opts, wish: opts.Expires, turn: make(chan struct{}, 1), done: make(chan struct{})}
	if r.digest = ua.digest; opts.Auth != nil {
		r.digest = NewDigestClient(DigestClientConfig{Answerer: opts.Auth})
	}
	r.ctx, r.quit = context.WithCancelCause(context.Background())
	r.req = ua.NewRequest(REGISTER, opts.Registrar)
	address := ua.from
	if opts.Address != "" {
		var err error
		if address, err = ParseAddress(opts.Address); err != nil {
			return nil, err
		}
		address.Params.Del("tag")
	}
	r.req.Set("To", address.String())
	r.req.Set("From", tagged(address.String(), ua.ep.NewTag()))
	if opts.Contact != "" {
		r.req.Set("Contact", opts.Contact)
	}
	ua.mu.Lock()
	if ua.closed {
		ua.mu.Unlock()
		return nil, errClosed
	}
	ua.regs[r] = struct{}{}
	ua.mu.Unlock()
	if err := r.send(ctx, r.wish); err != nil {
		r.stop(err)
		close(r.done)
		r.forget()
		return nil, err
	}
	go r.run()
	return r, nil
}

func (r *Registration) stop(cause error) { r.quit(cause) }

func (r *Registration) forget() {
	r.ua.mu.Lock()
	delete(r.ua.regs, r)
	r.ua.mu.Unlock()
}

// Response returns the registrar's last 2xx: its Service-Route, P-Associated-URI and the Contacts of
// all other bindings are there.
func (r *Registration) Response() *Response {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resp
}

// Expires returns when the binding ends if it is not refreshed, and the error of the last refresh.
func (r *Registration) Expires() (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.expires, r.err
}

// Refresh sends a REGISTER now.
func (r *Registration) Refresh(ctx context.Context) error {
	r.mu.Lock()
	wish := r.wish
	r.mu.Unlock()
	return r.send(ctx, wish)
}

// Close stops the refreshing and removes the binding: it registers for no time. It returns the error
// of that.
func (r *Registration) Close(ctx context.Context) error {
	if r.ctx.Err() != nil {
		return nil
	}
	r.stop(ErrEnded)
	<-r.done
	defer r.forget()
	return r.send(ctx, 0)
}

// drop stops the refreshing and leaves the binding to whoever comes after.
func (r *Registration) drop() {
	r.stop(ErrEnded)
	<-r.done
	r.forget()
}

// send sends one REGISTER and takes its answer.
func (r *Registration) send(ctx context.Context, wish time.Duration) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	again := r.ua.again()
	again.digest = r.digest
	raised := false
	r.mu.Lock()
	req := r.req.Clone()
	first := r.resp == nil && r.err == nil
	r.mu.Unlock()
	if !first {
		if err := nextCSeq(req); err != nil {
			return err
		}
	}
	req.Set("Expires", seconds(wish))
	if r.opts.Edit != nil {
		r.opts.Edit(req)
	}
	prepareAgain(r.digest, req)
	for {
		resp, err := r.once(ctx, req)
		r.mu.Lock()
		r.req = req
		r.err = err
		r.mu.Unlock()
		switch {
		case err != nil:
			return err
		case resp.IsSuccess():
			return r.took(req, resp, wish)
		case resp.StatusCode == 423 && !raised && wish > 0:
			s, ok := deltaSeconds(resp.Value("Min-Expires"))
			if !ok {
				return r.failed(&ResponseError{REGISTER, resp})
			}
			raised = true
			wish = max(wish, time.Duration(s)*time.Second)
			r.mu.Lock()
			r.wish = wish
			r.mu.Unlock()
			req = req.Clone()
			req.Set("Expires", seconds(wish))
			prepareAgain(r.digest, req)
			if err := nextCSeq(req); err != nil {
				return r.failed(err)
			}
		default:
			if req, err = again.next(ctx, req, resp); err != nil {
				return r.failed(err)
			}
		}
	}
}

func (r *Registration) failed(err error) error {
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	return err
}

func (r *Registration) once(ctx context.Context, req *Request) (*Response, error) {
	send := r.ua.send(r.opts.Send)
	send.Prepare = r.ua.withContact(send.Prepare, func(contact string) {
		r.mu.Lock()
		r.contact = strings.Clone(contact)
		r.mu.Unlock()
	})
	return r.ua.ep.Do(ctx, req, send)
}

var errNoBinding = errors.New("sip: the registrar granted no time")

// took takes a 2xx: how long our binding lasts stands at our Contact, or in Expires (RFC 3261 section
// 10.2.4).
func (r *Registration) took(req *Request, resp *Response, wish time.Duration) error {
	if r.digest != nil {
		if err := r.digest.Learn(req, resp); err != nil {
			return r.failed(err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	granted := wish
	if s, ok := deltaSeconds(resp.Value("Expires")); ok {
		granted = time.Duration(s) * time.Second
	}
	ours, err := ParseAddress(r.contact)
	if err != nil {
		return err
	}
	for c, err := range resp.Contacts() {
		if err != nil || !c.URI.Equal(ours.URI) {
			continue
		}
		if s, ok := c.Expires(); ok {
			granted = time.Duration(s) * time.Second
		}
	}
	if granted <= 0 && wish > 0 { // refreshing that would be a storm
		r.err = errNoBinding
		return r.err
	}
	r.resp, r.expires, r.err = resp, time.Now().Add(granted), nil
	return nil
}

// refreshAfter is when a binding of that length is refreshed at the latest: at half of it, but not earlier
// than ten minutes before its end (3GPP TS 24.229 section 5.1.1.4.1).
func refreshAfter(granted time.Duration) time.Duration {
	if granted > 20*time.Minute {
		return granted - 10*time.Minute
	}
	return max(granted/2, time.Second)
}

// retryAfterFailure is how long to wait after n refreshes failed in a row: 30 s, doubling up to half an
// hour, of which a random half is left out (RFC 5626 section 4.5).
func retryAfterFailure(n int) time.Duration {
	d := 30 * time.Second << min(n-1, 6)
	d = min(d, 30*time.Minute)
	return d/2 + rand.N(d/2)
}

// run refreshes.
func (r *Registration) run() {
	defer close(r.done)
	failures := 0
	for {
		r.mu.Lock()
		wait := refreshAfter(time.Until(r.expires))
		r.mu.Unlock()
		wait -= rand.N(wait/20 + 1) // so that a thousand that began together don't stay together
		if failures > 0 {
			wait = retryAfterFailure(failures)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-r.ctx.Done():
			t.Stop()
			return
		}
		err := r.Refresh(r.ctx)
		switch {
		case r.ctx.Err() != nil:
			return
		case err != nil:
			failures++
			r.ua.ep.cfg.Logger.Warn("registration was not refreshed", "registrar", r.opts.Registrar, "err", err)
			if r.opts.OnChange != nil {
				r.opts.OnChange(err)
			}
			if errors.Is(err, ErrAuthRejected) { // trying again might lock the account
				return
			}
		case failures > 0:
			failures = 0
			if r.opts.OnChange != nil {
				r.opts.OnChange(nil)
			}
		}
	}
}
