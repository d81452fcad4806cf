package call

import (
	"context"
	"errors"
	"time"

	"github.com/gotelco/telco/sip"
)

// ErrMediaTimeout is the cause of a call's end whose peer sent nothing for too long: see Config.MediaTimeout.
var ErrMediaTimeout = errors.New("call: no media from the peer")

// watch is what looks after a peer that has vanished.
type watch struct {
	timeout time.Duration
	f       func(since time.Time)
	from    time.Time // when it began, or was last on hold, or f was called
}

// Watch calls f when neither RTP nor RTCP has come for a time although the peer is not on hold, and again after every further such time.
// Heard is when something came for the last time; zero if never. f has a goroutine of its own; nil ends the watch. It is looked after once a
// second.
func (m *Media) Watch(timeout time.Duration, f func(heard time.Time)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watch = watch{timeout, f, time.Now()}
	if m.closed {
		m.watch.f = nil
	}
}

// look is called once a second.
func (m *Media) look() {
	w, now := &m.watch, time.Now()
	if m.cfg.Mute || !m.cfg.Remote.IsValid() { // on hold, also that of RFC 2543
		w.from = now
		return
	}
	heard := m.session.LastHeard()
	since := w.from
	if heard.After(since) {
		since = heard
	}
	if now.Sub(since) < w.timeout {
		return
	}
	w.from = now
	go w.f(heard)
}

// unheard is called when nothing has come from the peer for too long.
func (c *Call) unheard(heard time.Time) {
	c.mu.Lock()
	d := c.dialog
	established := d != nil && (c.in == nil || c.final)
	again := c.silent
	c.silent = established
	c.mu.Unlock()
	// A peer of which nothing was ever heard gets the time once more: it may have answered just now.
	if !established || heard.IsZero() && !again {
		return
	}
	if f := c.agent.cfg.OnMediaTimeout; f != nil {
		f(c)
		return
	}
	c.warn("the call ends", ErrMediaTimeout)
	c.cancel(ErrMediaTimeout)
	d.Bye(context.Background(), sip.RequestOptions{Edit: func(r *sip.Request) {
		r.Add("Reason", `Q.850;cause=102;text="no media"`) // recovery on timer expiry
	}})
}
