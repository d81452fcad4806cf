package as

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

// dialplan says what a channel does at an extension: the first time, for a call from outside, what was decided when it
// came; for channels that are transferred, or called by the server itself, what the router says of the extension.
func (s *Server) dialplan(ctx context.Context, ch *control.Channel, ext control.Extension) ([]control.Action, error) {
	s.mu.Lock()
	x := s.sessions[ch.UUID()]
	s.mu.Unlock()
	if x != nil {
		x.mu.Lock()
		d, fresh := x.decision, x.decided
		x.decided = false
		x.mu.Unlock()
		if fresh {
			return x.set.actions(d), nil
		}
	}
	set := s.settings.Load()
	r := &Request{ID: ch.UUID(), Vars: map[string]string{"context": ext.Context}}
	if x != nil {
		set = x.set
		again := *x.ask
		r = &again
	} else {
		r.Calling, _ = partyOfText(ch.Var("caller_id_number"))
		r.Calling.Name = ch.Var("caller_id_name")
	}
	called, err := partyOfText(ext.Number)
	if err != nil {
		called = Party{URI: "sip:" + ext.Number + "@" + set.Domain}
	}
	r.Called = called
	ctx, cancel := context.WithTimeout(ctx, set.RouteTimeout)
	defer cancel()
	d, err := s.decision(ctx, set, r)
	if err != nil {
		return nil, err
	}
	if x != nil {
		x.mu.Lock()
		x.decision = d
		x.mu.Unlock()
	} else {
		s.adoptOwn(ch, set, r, d)
	}
	return set.actions(d), nil
}

// adoptOwn keeps the decision about a channel that the server has called itself, for the application route.
func (s *Server) adoptOwn(ch *control.Channel, set *settings, r *Request, d Decision) {
	s.mu.Lock()
	if s.own == nil {
		s.own = map[string]ownCall{}
	}
	s.own[ch.UUID()] = ownCall{set, r, d}
	s.mu.Unlock()
	context.AfterFunc(ch.Context(), func() {
		s.mu.Lock()
		delete(s.own, ch.UUID())
		s.mu.Unlock()
	})
}

// ownCall is a decision about a channel without a call from outside.
type ownCall struct {
	set *settings
	ask *Request
	d   Decision
}

// actions are the applications that carry a decision out.
func (s *settings) actions(d Decision) []control.Action {
	var out []control.Action
	if d.Record && s.Recording != "" {
		out = append(out, control.Action{App: "record_session", Args: s.Recording})
	}
	switch d.Action {
	case Run:
		for _, a := range d.Apps {
			out = append(out, control.Action{App: a.Name, Args: a.Args})
		}
	case Socket:
		out = append(out, control.Action{App: "socket", Args: d.Address})
	case Webhook:
		out = append(out, control.Action{App: "webhook", Args: d.Address})
	default: // Bridge, Refuse, and Proxy, which is too late: the call goes on as a second one
		out = append(out, control.Action{App: "route"})
	}
	return out
}

// appRoute is the application "route": it carries out what the router has decided.
func (s *Server) appRoute(ctx context.Context, ch *control.Channel, _ string) error {
	s.mu.Lock()
	x := s.sessions[ch.UUID()]
	own, isOwn := s.own[ch.UUID()]
	s.mu.Unlock()
	var d Decision
	var set *settings
	switch {
	case x != nil:
		x.mu.Lock()
		d, set = x.decision, x.set
		x.mu.Unlock()
	case isOwn:
		d, set = own.d, own.set
	default:
		return errors.New("as: nothing was decided about this channel")
	}
	if d.Action == Proxy {
		d.Action, d.Targets = Bridge, []Target{{IMS: true}}
	}
	if d.Action != Bridge {
		return s.refuse(ctx, ch, x, set, d, statusOf(d), control.Cause(causeOf(d)))
	}
	return s.connect(ctx, ch, x, set, d)
}

// ring is how long a target may ring.
func ring(t Target, set *settings) time.Duration {
	if tr := set.trunk(t.Trunk); tr != nil {
		return tr.RingTimeout
	}
	return set.RingTimeout
}

// refuse tells the caller that nobody can be reached: by an announcement, and then by the status code and the cause of
// Q.850.
func (s *Server) refuse(ctx context.Context, ch *control.Channel, x *session, set *settings, d Decision, status int, cause control.Cause) error {
	a := &set.Announcements
	if name := a.name(cause.Q850(), d.Announcement); name != "" && ch.Context().Err() == nil {
		if err := s.announce(ctx, ch, a, name); err != nil {
			s.log.Warn("as: no announcement", "uuid", ch.UUID(), "name", name, "err", err)
		}
	}
	if ctx.Err() != nil || ch.Context().Err() != nil {
		return nil
	}
	if c := ch.Call(); c != nil && ch.Incoming() && !ch.IsAnswered() {
		resp := refusal(c.Request(), status, cause.Q850(), strings.ReplaceAll(cause.String(), "_", " "))
		if status < 400 && x != nil {
			x.contacts(resp, d)
		}
		if err := c.Respond(resp); err != nil {
			s.log.Debug("as: refusal was not heard", "uuid", ch.UUID(), "err", err)
		}
	}
	ch.Hangup(cause)
	return nil
}

// announce plays an announcement: early, unless the settings have the call answered for it or the caller hears nothing
// before.
func (s *Server) announce(ctx context.Context, ch *control.Channel, a *Announcements, name string) error {
	ctx, cancel := context.WithTimeout(ctx, a.Max)
	defer cancel()
	app := "pre_answer"
	if a.Answer {
		app = "answer"
	}
	if err := ch.Run(ctx, app, ""); err != nil {
		return err
	}
	err := ch.Run(ctx, "playback", name)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil // long enough
	}
	return err
}
