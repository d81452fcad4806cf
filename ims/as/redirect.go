package as

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gotelco/telco/sip"
)

// Redirect says what becomes of a 3xx of a target (RFC 3261 section 8.1.3.4). Whatever it says, no address is called twice in a
// call, and Config.MaxDiversions bounds how often it is diverted.
type Redirect uint8

// What becomes of a 3xx.
const (
	RedirectRefuse Redirect = iota // it is a refusal, and the next target is tried
	RedirectFollow                 // its Contacts are called: those at the trunk that has sent it over that trunk, others where they lead
	RedirectRoute                  // the router decides about each of its Contacts, as if the caller had called it
)

var redirectNames = names[Redirect]{"redirect", []string{"refuse", "follow", "route"}}

// String returns "refuse", "follow" or "route".
func (r Redirect) String() string { return redirectNames.text(r) }

// MarshalText returns what String does.
func (r Redirect) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String returns.
func (r *Redirect) UnmarshalText(b []byte) error { return redirectNames.parse(r, b) }

// redirect is a 3xx of a target.
type redirect struct {
	target string // "trunk/NAME", "phone/NAME", "ims" or "uri"
	resp   *sip.Response
}

// redirected is the redirection in an error, nil if it is none.
func redirected(err error, target string) *redirect {
	var refused *sip.ResponseError
	if errors.As(err, &refused) && refused.Response.StatusCode/100 == 3 {
		return &redirect{target, refused.Response}
	}
	return nil
}

// contacts are the targets of a redirection, the preferred first.
func (r *redirect) contacts() (out []sip.URI) {
	var q []int
	for c, err := range r.resp.Contacts() {
		if err != nil || !c.URI.IsSIP() && c.URI.Scheme != "tel" || len(out) >= maxTargets {
			continue
		}
		c.URI.Headers = "" // they would write into the next request
		c.URI.Params.Del("method")
		i := len(out) // equals keep their order
		for i > 0 && q[i-1] < c.Q() {
			i--
		}
		out, q = slices.Insert(out, i, c.URI), slices.Insert(q, i, c.Q())
	}
	return out
}

// follow are the places that a redirection leads to.
func (c *connecting) follow(ctx context.Context, from try, r *redirect) (out []try) {
	mode, border, reason := c.set.Redirect, c.set.ims, "unconditional"
	kind, name, _ := strings.Cut(r.target, "/")
	var t *trunk
	switch kind {
	case "trunk":
		if t = c.set.trunk(name); t != nil {
			mode, border = t.Redirect, t.border
		}
	case "phone":
		mode, border, reason = c.set.Phones.Redirect, c.set.phones, "deflection"
	}
	if mode == RedirectRefuse {
		return nil
	}
	for _, u := range r.contacts() {
		party, err := border.CalledIn(u)
		if err != nil {
			continue
		}
		next := try{called: party, steps: from.steps}
		if !sameParty(party, from.called) {
			next.steps, next.cause = c.divert(from.steps, from.called, reason)
		}
		if n := timesDiverted(next.steps) + timesDiverted(c.ask.Diversions); n > c.set.MaxDiversions {
			c.s.log.Warn("as: diverted too often", "uuid", c.ch.UUID(), "contact", u.String(), "times", n)
			continue
		}
		if mode == RedirectRoute || c.s.agent.UserAgent().Proxy().IsSelf(u) {
			if key := party.String(); !c.seen[key] {
				c.seen[key] = true
				out = append(out, c.route(ctx, next)...)
			}
			continue
		}
		if c.seen[u.String()] || strings.HasPrefix(c.x.req.RequestURI, "sips:") && u.Scheme != "sips" {
			continue
		}
		c.seen[u.String()] = true
		switch {
		case t != nil && (u.Scheme == "tel" || t.at(u)):
			next.target = Target{Trunk: t.Name}
		case u.Scheme == "tel", c.set.home(u) && (t == nil || t.Trust < Trusted): // nobody outside says where calls enter the core
			continue
		default:
			next.target = Target{URI: u.String()}
		}
		out = append(out, next)
	}
	return out[:min(len(out), maxTargets)]
}

// at says whether a URI names the trunk.
func (t *trunk) at(u sip.URI) bool {
	return t.Domain != "" && strings.EqualFold(u.Host, t.Domain) || slices.ContainsFunc(t.servers, func(s *trunkServer) bool {
		return strings.EqualFold(s.uri.Host, u.Host) && cmpPort(s.uri) == cmpPort(u)
	})
}

func cmpPort(u sip.URI) int {
	switch {
	case u.Port != 0:
		return u.Port
	case u.Scheme == "sips" || strings.EqualFold(u.Transport(), "tls"):
		return 5061
	}
	return 5060
}

// route asks the router about whom a redirection names.
func (c *connecting) route(ctx context.Context, next try) []try {
	ask := *c.ask
	ask.Called = next.called
	ask.Diversions = slices.Concat(next.steps, ask.Diversions)
	ctx, cancel := context.WithTimeout(ctx, c.set.RouteTimeout)
	defer cancel()
	d, err := c.s.decision(ctx, c.set, &ask)
	if err != nil {
		c.s.log.Error("as: no decision about a redirection", "uuid", c.ch.UUID(), "called", ask.Called.String(), "err", err)
		return nil
	}
	c.s.log.Info("as: redirected", "uuid", c.ch.UUID(), "called", d.Called.String(), "rule", d.Rule, "action", d.Action.String())
	switch d.Action {
	case Refuse:
		return nil
	case Proxy:
		d.Action, d.Targets = Bridge, []Target{{IMS: true}}
	case Bridge:
	default:
		next.run = &d
		return []try{next}
	}
	var out []try
	for _, t := range arrange(d.Targets, rand.IntN) {
		n := c.first(t, d)
		n.own, n.steps, n.cause = false, next.steps, next.cause
		out = append(out, n)
	}
	return out
}

// run carries out what the router has said of whom a redirection names, and is no call to somebody else.
func (c *connecting) run(ctx context.Context, t try) error {
	c.x.mu.Lock()
	c.x.decision = *t.run
	c.x.mu.Unlock()
	for _, a := range c.set.actions(*t.run) {
		if err := c.ch.Run(ctx, a.App, a.Args); err != nil {
			return err
		}
	}
	return nil
}
