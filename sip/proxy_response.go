package sip

import (
	"errors"
	"strings"
)

// event takes what comes of a branch (RFC 3261 section 16.7).
func (f *Forwarding) event(b *Branch, ev ClientEvent) {
	resp := ev.Response
	switch {
	case resp == nil && ev.Err == nil: // the time for further 2xx is over
		return
	case resp == nil:
		status := 503
		if errors.Is(ev.Err, ErrTimeout) {
			status = 408
			if f.Original.Method != INVITE {
				status = 504 // 408 is not for these (RFC 4320 section 4.2)
			}
		} else if errors.Is(ev.Err, ErrCanceled) {
			status = 487
		}
		f.ended(b, NewResponse(f.Original, status, ""))
		return
	case resp.StatusCode == 100:
		return
	}
	resp.RemoveNth("Via", 0)
	if !resp.Has("Via") { // the way back is not in it
		f.proxy.ep.cfg.Logger.Warn("response without our client's Via", "peer", ev.Flow.Remote, "status", resp.StatusCode, "call_id", resp.CallID())
		if !resp.IsProvisional() {
			f.ended(b, NewResponse(f.Original, 502, ""))
		}
		return
	}
	if f.OnReply != nil {
		f.OnReply(b, resp)
	}
	if resp.IsProvisional() {
		f.mu.Lock()
		b.rang = true
		if b.timerC != nil {
			b.timerC.Reset(f.proxy.cfg.TimerC)
		}
		final := f.final
		f.mu.Unlock()
		if !final && f.Original.Method == INVITE { // others have no provisional response but 100 (RFC 4320 section 4.1)
			f.tx.Respond(resp)
		}
		return
	}
	if resp.StatusCode == 408 && f.Original.Method != INVITE {
		resp = NewResponse(f.Original, 504, "")
	}
	f.ended(b, resp)
}

// ended takes the final response of a branch.
func (f *Forwarding) ended(b *Branch, resp *Response) {
	f.mu.Lock()
	again := b.Response != nil
	if !again {
		b.Response = resp
		f.pending--
		if b.timerC != nil {
			b.timerC.Stop()
		}
	}
	invite := f.Original.Method == INVITE
	switch {
	case resp.IsSuccess() && (invite || !f.final):
		first := !f.final
		f.final = true
		f.mu.Unlock()
		f.tx.Respond(resp) // every 2xx to an INVITE is passed on
		if first {
			f.cancelAll()
		}
		return
	case again, f.final:
		f.mu.Unlock()
		return
	}
	f.collect(resp)
	global := resp.StatusCode >= 600
	done := f.pending == 0
	f.mu.Unlock()
	switch {
	case done:
		f.failed()
	case global:
		f.cancelAll()
	}
}

// collect keeps the best of the final responses that refuse, and all challenges. The caller holds mu.
func (f *Forwarding) collect(resp *Response) {
	if resp.StatusCode == 401 || resp.StatusCode == 407 {
		for _, name := range [...]string{"WWW-Authenticate", "Proxy-Authenticate"} {
			for v := range resp.Values(name) {
				f.auth = append(f.auth, name, v)
			}
		}
	}
	if f.best == nil || rank(resp.StatusCode) < rank(f.best.StatusCode) {
		f.best = resp
	}
}

// rank orders the responses to choose from (RFC 3261 section 16.7 item 6), the best first: 6xx, then the
// lowest class, and within 4xx those that tell how to try again. 408 and 503 say least.
func rank(status int) int {
	switch {
	case status >= 600:
		return 0
	case status < 400:
		return 1
	case status < 500:
		switch status {
		case 401, 407, 415, 420, 484:
			return 2
		case 408, 487:
			return 4
		}
		return 3
	case status == 503:
		return 6
	}
	return 5
}

// failed passes the best response on, unless OnFailure has found further branches.
func (f *Forwarding) failed() {
	f.mu.Lock()
	resp := f.best
	if resp == nil || f.final || f.pending > 0 {
		f.mu.Unlock()
		return
	}
	if resp.StatusCode == 503 { // only we could not go on (item 6)
		resp = NewResponse(f.Original, 500, "")
	}
	if resp.StatusCode == 401 || resp.StatusCode == 407 { // item 7
		resp.Del("WWW-Authenticate")
		resp.Del("Proxy-Authenticate")
		for i := 0; i+1 < len(f.auth); i += 2 {
			resp.Add(f.auth[i], f.auth[i+1])
		}
	}
	hook, canceled := f.OnFailure, f.canceled
	f.mu.Unlock()
	if hook != nil && !canceled {
		hook(resp)
	}
	f.mu.Lock()
	if f.final || f.pending > 0 {
		f.mu.Unlock()
		return
	}
	f.final = true
	f.mu.Unlock()
	f.tx.Respond(resp)
}

// timeout is timer C of a branch (RFC 3261 section 16.8).
func (f *Forwarding) timeout(b *Branch) {
	f.mu.Lock()
	attempt, rang, done := b.attempt, b.rang, b.Response != nil
	f.mu.Unlock()
	if done || attempt == nil {
		return
	}
	attempt.Cancel()
	if !rang {
		f.ended(b, NewResponse(f.Original, 408, ""))
	}
}

// cancel passes a CANCEL on to all branches (RFC 3261 section 16.10).
func (f *Forwarding) cancel() {
	f.mu.Lock()
	f.canceled = true
	if c := f.tx.Cancel(); c != nil {
		for v := range c.Values("Reason") {
			f.reasons = append(f.reasons, strings.Clone(v))
		}
	}
	idle := f.pending == 0 && !f.final
	f.mu.Unlock()
	if idle { // between the branches: nobody else will answer
		f.Respond(NewResponse(f.Original, 487, ""))
		return
	}
	f.cancelAll()
}

// cancelAll cancels the branches that have no final response.
func (f *Forwarding) cancelAll() {
	f.mu.Lock()
	var attempts []*ClientAttempt
	for _, b := range f.branches {
		if b.Response == nil && b.attempt != nil {
			attempts = append(attempts, b.attempt)
		}
	}
	reasons := f.reasons
	f.mu.Unlock()
	for _, a := range attempts {
		a.Cancel(reasons...)
	}
}
