package sip

import (
	"context"
	"errors"
	"strings"
	"time"
)

// ErrSessionExpired is the end of a dialog whose session nobody refreshed in time (RFC 4028 section 10).
var ErrSessionExpired = errors.New("sip: the session was not refreshed in time")

// minSE is the least interval that a session may have (RFC 4028 section 4).
const minSE = 90 * time.Second

// SessionTimer has calls refreshed while they last, and ended when the peer is gone (RFC 4028). The zero
// value uses none.
type SessionTimer struct {
	// Expires is how long a session may go without a refresh, at least 90 s; 30 min is usual. Zero asks
	// for none; with "timer" in Supported, what peers ask for is obeyed all the same.
	Expires time.Duration
	// MinSE is the shortest interval that is accepted; what is below gets 422. If zero, 90 s, which is
	// the least.
	MinSE time.Duration
	// Refresher says who is to refresh: "uac" for who sends the INVITE, "uas" for who answers. If empty
	// the peer chooses, or else the sender of the INVITE.
	Refresher string
	// OnRefresh, if not nil, receives the 2xx to each of our refreshes, on a goroutine of its own. That
	// of a re-INVITE, which is used with peers that don't allow UPDATE and repeats our last
	// description, has the peer's answer.
	OnRefresh func(*Dialog, *Response)
}

func (s *SessionTimer) fill() error {
	switch s.Refresher {
	case "", "uac", "uas":
	default:
		return errors.New("sip: the refresher of sessions is uac or uas")
	}
	if s.Expires != 0 && s.Expires < minSE {
		return errors.New("sip: sessions last for 90 s at least")
	}
	s.MinSE = max(s.MinSE, minSE)
	if s.Expires != 0 && s.Expires < s.MinSE {
		return errors.New("sip: sessions that are asked for are shorter than those that are accepted")
	}
	return nil
}

// sessionTimer is the timer of one dialog, guarded by it.
type sessionTimer struct {
	interval time.Duration // zero: the session does not expire
	least    time.Duration // the peers' Min-SE
	ours     bool          // we refresh
	expires  time.Time     // when BYE is due
	timer    *time.Timer

	update bool   // the peer allows UPDATE
	local  []byte // our last description
}

// tooShort makes the 422 that a request gets, nil if it gets none (RFC 4028 section 9). A peer that
// does not know of timers could do nothing about it: a proxy has set its.
func (ua *UserAgent) tooShort(req *Request) *Response {
	if !ua.timer || req.Method != INVITE && req.Method != UPDATE || !req.HasToken("Supported", "timer") {
		return nil
	}
	se, err := req.SessionExpires()
	if err != nil || time.Duration(se.Seconds)*time.Second >= ua.cfg.Session.MinSE {
		return nil
	}
	resp := NewResponse(req, 422, "")
	resp.Set("Min-SE", seconds(ua.cfg.Session.MinSE))
	return resp
}

// ask puts the wish for a timer into a request of ours (RFC 4028 section 7.1).
func (s *sessionTimer) ask(req *Request, cfg *SessionTimer) {
	interval, refresher := cfg.Expires, cfg.Refresher
	if s.interval != 0 {
		interval, refresher = s.interval, "uas"
		if s.ours {
			refresher = "uac"
		}
	}
	if interval == 0 || req.Has("Session-Expires") {
		return
	}
	interval = max(interval, s.least)
	value := seconds(interval)
	if refresher != "" {
		value += ";refresher=" + refresher
	}
	req.Set("Session-Expires", value)
	if least := max(s.least, cfg.MinSE); least > minSE {
		req.Set("Min-SE", seconds(least))
	}
	if !req.HasToken("Supported", "timer") {
		req.Add("Supported", "timer")
	}
}

// again takes the Min-SE of a 422 into account, and reports whether asking again makes sense (RFC 4028
// section 7.3).
func (s *sessionTimer) again(req *Request, resp *Response) bool {
	least, ok := resp.MinSE()
	se, err := req.SessionExpires()
	if !ok || err != nil || least <= se.Seconds || time.Duration(least)*time.Second > 24*time.Hour {
		return false
	}
	s.least = max(s.least, time.Duration(least)*time.Second)
	return true
}

// sessionAnswered takes a 2xx to a request of ours (RFC 4028 section 7.2): where the peer knows nothing of
// timers, we refresh for our own sake. The caller holds the dialog.
func (d *Dialog) sessionAnswered(req *Request, resp *Response) {
	d.sessionPeer(&resp.Header)
	if !d.ua.timer {
		return
	}
	ours := true
	se, err := resp.SessionExpires()
	if err == nil {
		ours = se.Refresher() != "uas"
	} else if d.ua.cfg.Session.Expires != 0 {
		se, err = req.SessionExpires()
	}
	if err != nil || se.Seconds == 0 {
		d.session.start(d, 0, false)
		return
	}
	d.session.start(d, time.Duration(se.Seconds)*time.Second, ours)
}

// sessionAnswer puts what we agree to into a 2xx to a request of the peer (RFC 4028 section 9). The
// caller holds the dialog.
func (d *Dialog) sessionAnswer(req *Request, resp *Response) {
	d.sessionPeer(&req.Header)
	if !d.ua.timer {
		return
	}
	cfg := &d.ua.cfg.Session
	knows := req.HasToken("Supported", "timer")
	se, err := req.SessionExpires()
	interval, refresher := cfg.Expires, ""
	if err == nil && se.Seconds != 0 {
		asked := time.Duration(se.Seconds) * time.Second
		refresher = se.Refresher()
		if interval == 0 || interval > asked {
			interval = asked
		}
	}
	if least, ok := req.MinSE(); ok {
		interval = max(interval, min(time.Duration(least)*time.Second, 24*time.Hour))
	}
	interval = max(interval, minSE)
	if cfg.Expires == 0 && (err != nil || se.Seconds == 0) {
		d.session.start(d, 0, false)
		return
	}
	switch {
	case !knows:
		refresher = "uas"
	case refresher == "uac" || refresher == "uas":
	case cfg.Refresher != "":
		refresher = cfg.Refresher
	default:
		refresher = "uac"
	}
	resp.Set("Session-Expires", seconds(interval)+";refresher="+refresher)
	if knows && refresher == "uac" && !resp.HasToken("Require", "timer") {
		resp.Add("Require", "timer")
	}
	d.session.start(d, interval, refresher == "uas")
}

// sessionPeer learns whether the peer takes UPDATE.
func (d *Dialog) sessionPeer(h *Header) {
	if h.Has("Allow") {
		d.session.update = h.Allows(UPDATE)
	}
}

// keep remembers our last description, which a re-INVITE that only refreshes repeats.
func (s *sessionTimer) keep(h *Header, body []byte) {
	if isOffer(h, body) && strings.HasPrefix(strings.ToLower(h.ContentType()), "application/sdp") {
		s.local = body
	}
}

// start begins an interval. The caller holds the dialog.
func (s *sessionTimer) start(d *Dialog, interval time.Duration, ours bool) {
	s.interval, s.ours = interval, ours
	if s.timer != nil {
		s.timer.Stop()
	}
	if interval == 0 || d.ended {
		s.interval = 0
		return
	}
	s.expires = time.Now().Add(interval - min(32*time.Second, interval/3))
	wait := interval / 2
	if !ours {
		wait = time.Until(s.expires)
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, d.sessionTick)
	} else {
		s.timer.Reset(wait)
	}
}

func (s *sessionTimer) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// sessionTick refreshes the session, or ends it.
func (d *Dialog) sessionTick() {
	d.mu.Lock()
	s := &d.session
	left := time.Until(s.expires)
	if d.ended || s.interval == 0 {
		d.mu.Unlock()
		return
	}
	if left <= 0 {
		d.mu.Unlock()
		if d.finish(ErrSessionExpired) {
			go d.bye(context.Background(), RequestOptions{Edit: func(r *Request) {
				r.Add("Reason", NewReason("SIP", 408, "session timer expired").String())
			}})
		}
		return
	}
	if !s.ours { // it was prolonged meanwhile
		s.timer.Reset(left)
		d.mu.Unlock()
		return
	}
	update, body := s.update, s.local
	s.timer.Reset(left) // should the refresh fail
	d.mu.Unlock()
	go d.refresh(update, body)
}

// refresh sends an UPDATE, or a re-INVITE with what was described before. A failure that leaves the
// dialog standing is tried again.
func (d *Dialog) refresh(update bool, body []byte) {
	var resp *Response
	var err error
	if update || body == nil {
		resp, err = d.Do(d.ctx, UPDATE, RequestOptions{})
	} else {
		resp, err = d.Invite(d.ctx, RequestOptions{Body: body})
	}
	if err == nil {
		if f := d.ua.cfg.Session.OnRefresh; f != nil {
			f(d, resp)
		}
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := &d.session; !d.ended && s.interval != 0 {
		if status := StatusCode(err); update && body != nil && (status == 405 || status == 501) {
			s.update = false
		}
		if left := time.Until(s.expires); left > 0 {
			s.timer.Reset(max(left/2, min(left, time.Second)))
		}
	}
}
