package as

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// try is a place where a call is tried.
type try struct {
	target Target
	called Party
	own    bool        // we have decided that somebody else is called
	cause  int         // of RFC 4458, if the call was diverted here
	steps  []Diversion // the latest first
	run    *Decision   // instead of a target: what the router has said of a Contact
}

// connecting is a call that looks for an answer.
type connecting struct {
	s     *Server
	ch    *control.Channel
	x     *session // nil where the server calls of its own
	set   *settings
	d     Decision
	ask   *Request
	tries []try
	seen  map[string]bool // who and what was tried
}

// maxTries bounds how many places a call is tried at, redirections included.
const maxTries = 2 * maxTargets

// connect tries the targets of a decision, and those that they redirect to, until one answers.
func (s *Server) connect(ctx context.Context, ch *control.Channel, x *session, set *settings, d Decision) error {
	c := &connecting{s: s, ch: ch, x: x, set: set, d: d, seen: map[string]bool{}}
	if x != nil {
		c.ask = x.ask
		c.seen[x.ask.Called.String()] = true
	}
	for _, t := range arrange(d.Targets, rand.IntN) {
		c.tries = append(c.tries, c.first(t, d))
	}
	status, cause := 480, control.NoRouteDestination
	for n := 0; len(c.tries) > 0 && n < maxTries; n++ {
		t := c.tries[0]
		c.tries = c.tries[1:]
		if t.run != nil {
			return c.run(ctx, t)
		}
		if n > 0 && t.steps == nil && t.own && !sameParty(t.called, d.Called) { // it is for another than the ones before
			t.steps, t.cause = c.divert(nil, d.Called, reasonOfFailure(status, cause))
		}
		c.begin(t)
		ch.SetVar("hangup_after_bridge", "true")
		ch.SetVar("continue_on_fail", "true")
		leg, err := ch.BridgeTo(ctx, dial(t.target, t.called, ring(t.target, set)))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		disposition := ch.Var("originate_disposition")
		if leg != nil && disposition == "SUCCESS" {
			return err
		}
		if got, perr := control.ParseCause(disposition); perr == nil && got != control.CauseNone {
			cause = got
		}
		status = cause.SIPStatus()
		failure, redirect := c.failed()
		switch {
		case redirect != nil:
			c.tries = append(c.follow(ctx, t, redirect), c.tries...)
			status, cause = 480, control.NormalUnspecified // the caller is not told where others wanted the call to go
			continue
		case failure == 401 || failure == 407: // our credentials, not the caller's
			status = 502
		case failure >= 400:
			status = failure
		}
		if holdsForAll(status) {
			break
		}
	}
	return s.refuse(ctx, ch, x, set, d, status, cause)
}

// holdsForAll says whether no other target can do better.
func holdsForAll(status int) bool { return status >= 600 || status == 486 || status == 487 }

// arrange orders targets: those next to one another that have a weight are drawn by it.
func arrange(list []Target, draw func(int) int) []Target {
	out := slices.Clone(list)
	for i := 0; i < len(out); {
		n := i
		sum := 0
		for n < len(out) && out[n].Weight > 0 {
			sum += out[n].Weight
			n++
		}
		for rest := out[i:n]; len(rest) > 1; rest = rest[1:] {
			at := draw(sum)
			for j, t := range rest {
				if at -= t.Weight; at < 0 {
					copy(rest[1:j+1], rest[:j])
					rest[0] = t
					sum -= t.Weight
					break
				}
			}
		}
		i = max(n, i+1)
	}
	return out
}

// sameParty says whether both are the same number or user.
func sameParty(a, b Party) bool { return a.String() == b.String() }

// first is a target of a decision.
func (c *connecting) first(t Target, d Decision) try {
	out := try{target: t, called: d.Called}
	if p, err := partyOfText(t.Called); err == nil && !p.IsZero() {
		out.called = p
	} else if t.URI != "" {
		if p, err := partyOfText(t.URI); err == nil {
			out.called = p
		}
	} else if _, ok := c.set.Phones.Users[t.Trunk]; ok && c.set.trunk(t.Trunk) == nil && userOf(d.Called) != t.Trunk {
		out.called = c.set.phone(t.Trunk, Party{})
	}
	if c.ask == nil {
		return out
	}
	if t.URI == "" || t.Called != "" { // a URI may be where the user of the Request is at the moment
		out.own = !sameParty(out.called, c.ask.Called)
	}
	if out.own && d.Diversion != "" {
		out.steps, out.cause = c.divert(nil, c.ask.Called, d.Diversion)
	}
	return out
}

// userOf is the user part of a party that is no number.
func userOf(p Party) string {
	u, err := sip.ParseURI(p.URI)
	if err != nil {
		return p.Number.String()
	}
	return sip.Unescape(u.User)
}

// divert adds a step to those of a try.
func (c *connecting) divert(steps []Diversion, by Party, reason string) ([]Diversion, int) {
	return append([]Diversion{{By: by, Reason: reason, Count: 1}}, steps...), diversionReasons[reason]
}

// begin notes which way the call goes now.
func (c *connecting) begin(t try) {
	if c.x == nil {
		return
	}
	c.seen[t.called.String()], c.seen[t.target.URI] = true, true
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	c.x.failure, c.x.redirect = 0, nil
	c.x.way.now, c.x.way.steps = hop{called: t.called, cause: t.cause, own: t.own}, t.steps
}

// failed notes how a try has ended.
func (c *connecting) failed() (status int, r *redirect) {
	if c.x == nil {
		return 0, nil
	}
	c.x.mu.Lock()
	defer c.x.mu.Unlock()
	w := &c.x.way
	w.now.status = c.x.failure
	c.seen[w.now.uri] = true
	if w.now.uri != "" && len(w.hops) < maxHistory {
		w.hops = append(slices.Clip(w.hops), w.now)
	}
	return c.x.failure, c.x.redirect
}
