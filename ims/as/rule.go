package as

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// A Rule changes or decides what becomes of the calls that it matches. Rules are tried in order;
// one that decides ends the search.
type Rule struct {
	// Name is for logs, records and explanations. If empty, "rule 3" by its place.
	Name  string `yaml:"name"`
	Match Match  `yaml:"match"`

	// Called and Calling rewrite the parties, and Set sets variables, for the decision of this
	// rule and for the rules after it. ${name} and $1 in values of Set, in Targets' URI and Called
	// and in Address are captures of the expression that Called matched.
	Called  []Rewrite         `yaml:"rewrite_called"`
	Calling []Rewrite         `yaml:"rewrite_calling"`
	Set     map[string]string `yaml:"set"`

	// At most one of these four is set. With none, the next rule is tried.
	Then  *Decision `yaml:"then"`
	Split []Share   `yaml:"split"` // one of them is drawn
	ENUM  string    `yaml:"enum"`  // name of an ENUM: where it finds nothing, the next rule is tried
	Ask   string    `yaml:"ask"`   // name of an Ask
}

// Share is a part of the calls, by its weight among the other shares.
type Share struct {
	Weight int       `yaml:"weight"` // percent, where all weights together are 100
	Then   *Decision `yaml:"then"`   // if nil, the next rule is tried
}

// RulesConfig configures Rules.
type RulesConfig struct {
	Rules []Rule                `yaml:"rules"`
	ENUM  map[string]ENUMConfig `yaml:"enum"`
	Ask   map[string]AskConfig  `yaml:"ask"`

	// Default is the decision about calls that no rule decides. If zero, they are refused with 404.
	Default Decision `yaml:"default"`

	// Zone is the time zone of rules that name none. If empty, UTC.
	Zone string `yaml:"zone"`

	// Trunks, if not nil, are the names of trunks that exist: a target with another is an error.
	Trunks []string `yaml:"-"`

	// Rand returns a number from 0 to n-1. If nil, that of math/rand/v2.
	Rand func(n int) int `yaml:"-"`

	Logger *slog.Logger `yaml:"-"` // if nil, nothing is logged
}

// Rules is a [Router] that tries rules in order. It never changes: to change rules make new ones.
type Rules struct {
	rules    []rule
	fallback Decision
	enum     map[string]*ENUM
	ask      map[string]*Ask
	rand     func(n int) int
	log      *slog.Logger
}

type rule struct {
	Rule
	called, calling, served, by patterns
	vars                        map[string]patterns
	when                        []when
	rewriteCalled               rewriter
	rewriteCalling              rewriter
	weights                     int
}

// Tried is a rule that was looked at on the way to a decision.
type Tried struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	Why     string `json:"why"` // "called +4930… does not match [+1*]", "decided: bridge", …
}

// NewRules checks a configuration. Its errors name the rule.
func NewRules(cfg RulesConfig) (*Rules, error) {
	r := &Rules{enum: map[string]*ENUM{}, ask: map[string]*Ask{}, rand: cfg.Rand, log: cfg.Logger}
	if r.rand == nil {
		r.rand = rand.IntN
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	zone, err := time.LoadLocation(cmp.Or(cfg.Zone, "UTC"))
	if err != nil {
		return nil, fmt.Errorf("as: rules: time zone: %w", err)
	}
	for name, c := range cfg.ENUM {
		if r.enum[name], err = NewENUM(c); err != nil {
			return nil, fmt.Errorf("as: enum %q: %w", name, err)
		}
	}
	for name, c := range cfg.Ask {
		c.trunks = cfg.Trunks
		if c.Logger == nil {
			c.Logger = cfg.Logger
		}
		if r.ask[name], err = NewAsk(c); err != nil {
			return nil, fmt.Errorf("as: ask %q: %w", name, err)
		}
	}
	for i, c := range cfg.Rules {
		c.Name = cmp.Or(c.Name, fmt.Sprintf("rule %d", i+1))
		out, err := r.compile(c, zone, cfg.Trunks)
		if err != nil {
			return nil, fmt.Errorf("as: %s: %w", c.Name, err)
		}
		r.rules = append(r.rules, out)
	}
	r.fallback = cfg.Default
	if r.fallback.Action == 0 && len(r.fallback.Targets)+len(r.fallback.Apps) == 0 && r.fallback.Address == "" {
		r.fallback.Action = Refuse
	}
	if err := r.fallback.check(cfg.Trunks); err != nil {
		return nil, fmt.Errorf("as: default: %w", err)
	}
	return r, nil
}

// Close closes idle connections of HTTP. Routing goes on to work.
func (r *Rules) Close() error {
	for _, a := range r.ask {
		a.Close()
	}
	return nil
}

func (r *Rules) compile(c Rule, zone *time.Location, trunks []string) (out rule, err error) {
	out.Rule = c
	steps := 0
	if c.Then != nil {
		steps++
		then := *c.Then
		if err := then.check(trunks); err != nil {
			return out, err
		}
		out.Then = &then
	}
	if c.Split != nil {
		steps++
		out.Split = slices.Clone(c.Split)
		for i, s := range out.Split {
			if s.Weight < 0 || s.Weight > 1<<20 {
				return out, fmt.Errorf("split %d: weight %d", i+1, s.Weight)
			}
			out.weights += s.Weight
			if s.Then == nil {
				continue
			}
			then := *s.Then
			if err := then.check(trunks); err != nil {
				return out, fmt.Errorf("split %d: %w", i+1, err)
			}
			out.Split[i].Then = &then
		}
		if out.weights == 0 {
			return out, errors.New("split without any weight")
		}
	}
	if c.ENUM != "" {
		steps++
		if r.enum[c.ENUM] == nil {
			return out, fmt.Errorf("there is no enum %q", c.ENUM)
		}
	}
	if c.Ask != "" {
		steps++
		if r.ask[c.Ask] == nil {
			return out, fmt.Errorf("there is no ask %q", c.Ask)
		}
	}
	if steps > 1 {
		return out, errors.New("more than one of then, split, enum and ask")
	}
	for _, p := range []struct {
		name string
		list []string
		to   *patterns
	}{{"called", c.Match.Called, &out.called}, {"calling", c.Match.Calling, &out.calling}, {"served_user", c.Match.ServedUser, &out.served}, {"diverted_by", c.Match.DivertedBy, &out.by}} {
		if *p.to, err = compilePatterns(p.name, p.list); err != nil {
			return out, err
		}
	}
	out.vars = map[string]patterns{}
	for name, s := range c.Match.Vars {
		if out.vars[name], err = compilePatterns("variable "+name, []string{s}); err != nil {
			return out, err
		}
	}
	for _, w := range c.Match.When {
		t, err := compileWhen(w, zone)
		if err != nil {
			return out, fmt.Errorf("when: %w", err)
		}
		out.when = append(out.when, t)
	}
	if trunks != nil {
		for _, t := range c.Match.Trunk {
			if !slices.Contains(trunks, t) {
				return out, fmt.Errorf("there is no trunk %q", t)
			}
		}
	}
	if out.rewriteCalled, err = compileRewrites(c.Called); err != nil {
		return out, fmt.Errorf("rewrite_called: %w", err)
	}
	if out.rewriteCalling, err = compileRewrites(c.Calling); err != nil {
		return out, fmt.Errorf("rewrite_calling: %w", err)
	}
	return out, nil
}

// check completes a decision and says what is wrong with it.
func (d *Decision) check(trunks []string) error {
	if d.Action == 0 {
		switch {
		case len(d.Targets) > 0:
			d.Action = Bridge
		case len(d.Apps) > 0:
			d.Action = Run
		case strings.HasPrefix(d.Address, "http://"), strings.HasPrefix(d.Address, "https://"):
			d.Action = Webhook
		case d.Address != "":
			d.Action = Socket
		case d.Status != 0, d.Cause != 0, d.Announcement != "":
			d.Action = Refuse
		default:
			return errors.New("no action")
		}
	}
	if d.Status != 0 && (d.Status < 300 || d.Status > 699) {
		return fmt.Errorf("status %d does not refuse", d.Status)
	}
	if d.Cause < 0 || d.Cause > 127 {
		return fmt.Errorf("cause %d is not one of Q.850", d.Cause)
	}
	switch d.Action {
	case Refuse:
		if d.Status == 0 && d.Cause == 0 {
			d.Status = 404
		}
	case Bridge:
		if len(d.Targets) == 0 {
			return errors.New("bridge without targets")
		}
	case Run:
		if len(d.Apps) == 0 {
			return errors.New("run without apps")
		}
		for _, a := range d.Apps {
			if a.Name == "" || strings.ContainsAny(a.Name, " \r\n") {
				return fmt.Errorf("bad name of an application: %q", a.Name)
			}
		}
	case Socket:
		if i := strings.LastIndexByte(d.Address, ':'); i <= 0 || strings.ContainsAny(d.Address, " /") {
			return fmt.Errorf("address %q is not host:port", d.Address)
		}
	case Webhook:
		if u, err := url.Parse(d.Address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("address %q is no URL of HTTP", d.Address)
		}
	case Proxy:
	default:
		return fmt.Errorf("unknown action %v", d.Action)
	}
	if _, ok := diversionReasons[d.Diversion]; !ok && d.Diversion != "" {
		return fmt.Errorf("diversion %q is none of %s", d.Diversion, strings.Join(slices.Sorted(maps.Keys(diversionReasons)), ", "))
	}
	if len(d.Targets) > maxTargets {
		return fmt.Errorf("more than %d targets", maxTargets)
	}
	for i, t := range d.Targets {
		if err := t.check(trunks); err != nil {
			return fmt.Errorf("target %d: %w", i+1, err)
		}
	}
	return nil
}

// maxTargets bounds how many places a call is tried at.
const maxTargets = 32

func (t *Target) check(trunks []string) error {
	n := 0
	for _, set := range []bool{t.Trunk != "", t.URI != "", t.IMS} {
		if set {
			n++
		}
	}
	switch {
	case n != 1:
		return errors.New("exactly one of trunk, uri and ims is needed")
	case t.Trunk != "" && trunks != nil && !slices.Contains(trunks, t.Trunk):
		return fmt.Errorf("there is no trunk %q", t.Trunk)
	case t.Weight < 0 || t.Weight > 1<<16:
		return fmt.Errorf("weight %d", t.Weight)
	case t.Timeout < 0:
		return fmt.Errorf("timeout %v", t.Timeout)
	}
	if t.URI != "" && !strings.Contains(t.URI, "$") {
		if u, err := sip.ParseURI(t.URI); err != nil {
			return err
		} else if !u.IsSIP() && u.Scheme != "tel" {
			return fmt.Errorf("%q is neither a sip nor a tel URI", t.URI)
		}
	}
	if t.Called != "" && !strings.Contains(t.Called, "$") {
		if _, err := partyOfText(t.Called); err != nil {
			return err
		}
	}
	return nil
}

// Route returns the decision of the first rule that makes one. ENUM and Ask rules are left out
// for emergency calls, which wait for nobody, unless the rule's Match says emergency: true.
func (r *Rules) Route(ctx context.Context, req *Request) (Decision, error) {
	return r.route(ctx, req, nil)
}

// Explain is Route, and which rules were tried.
func (r *Rules) Explain(ctx context.Context, req *Request) (Decision, []Tried, error) {
	tried := []Tried{}
	d, err := r.route(ctx, req, func(rule string, matched bool, why string) {
		tried = append(tried, Tried{rule, matched, why})
	})
	return d, tried, err
}

func (r *Rules) route(ctx context.Context, in *Request, tell func(rule string, matched bool, why string)) (Decision, error) {
	req := *in
	if req.Time.IsZero() {
		req.Time = time.Now()
	}
	req.Method = cmp.Or(req.Method, "INVITE")
	req.Vars = maps.Clone(in.Vars)
	set := map[string]string{} // by rules: they go on with the call
	note := func(rule string, matched bool, format string, args ...any) {
		if tell != nil {
			tell(rule, matched, fmt.Sprintf(format, args...))
		}
	}
	for i := range r.rules {
		u := &r.rules[i]
		if err := ctx.Err(); err != nil {
			return Decision{}, err
		}
		found, failed := u.match(&req)
		if failed != "" {
			if tell != nil {
				tell(u.Name, false, u.why(&req, failed))
			}
			continue
		}
		if err := u.change(&req, set, found); err != nil {
			note(u.Name, true, "%v", err)
			r.log.Warn("a rule's rewriting leaves no number", "rule", u.Name, "call", req.ID, "err", err)
			continue
		}
		var d Decision
		decided := false
		switch {
		case u.Then != nil:
			d, decided = *u.Then, true
		case u.Split != nil:
			n := r.rand(u.weights)
			for j, s := range u.Split {
				if n -= s.Weight; n < 0 {
					if s.Then != nil {
						d, decided = *s.Then, true
					}
					note(u.Name, true, "share %d of %d drawn", j+1, len(u.Split))
					break
				}
			}
		case (u.ENUM != "" || u.Ask != "") && req.Emergency != "" && u.Match.Emergency == nil:
			note(u.Name, true, "not asked: an emergency call does not wait")
			continue
		case u.ENUM != "":
			targets, party, err := r.enum[u.ENUM].route(ctx, req.Called)
			switch {
			case err != nil:
				note(u.Name, true, "enum: %v", err)
				r.log.Warn("ENUM failed", "rule", u.Name, "called", req.Called.String(), "err", err)
			case len(targets) > 0:
				d, decided = Decision{Action: Bridge, Targets: targets}, true
			case !party.IsZero():
				note(u.Name, true, "enum: the number is %s", party)
				party.Name, party.Private = req.Called.Name, req.Called.Private
				req.Called = party
			default:
				note(u.Name, true, "enum: nothing found")
			}
		case u.Ask != "":
			var err error
			d, err = r.ask[u.Ask].ask(ctx, &req, set)
			if decided = d.Action != 0; err != nil {
				note(u.Name, true, "ask: %v", err)
				r.log.Warn("asking failed", "rule", u.Name, "call", req.ID, "err", err)
			}
			if !d.Calling.IsZero() {
				req.Calling = d.Calling
			}
			if !d.Called.IsZero() {
				req.Called = d.Called
			}
		}
		if !decided {
			if u.Then == nil && u.Split == nil && u.ENUM == "" && u.Ask == "" {
				note(u.Name, true, "goes on: called %s, calling %s", req.Called, req.Calling)
			}
			continue
		}
		d.Rule = u.Name
		d = r.complete(d, &req, set, found)
		note(u.Name, true, "decided: %s", d)
		return d, nil
	}
	d := r.complete(r.fallback, &req, set, captures{})
	note("", true, "default: %s", d)
	return d, nil
}

// complete fills in what a decision leaves to the request.
func (r *Rules) complete(d Decision, req *Request, set map[string]string, found captures) Decision {
	if d.Calling.IsZero() {
		d.Calling = req.Calling
	}
	if d.Called.IsZero() {
		d.Called = req.Called
	}
	vars := maps.Clone(set)
	for k, v := range d.Vars {
		vars[k] = found.expand(v, plain)
	}
	d.Vars = vars
	d.Address = found.expand(d.Address, url.QueryEscape)
	d.Apps = slices.Clone(d.Apps)
	d.Targets = r.draw(d.Targets)
	for i, t := range d.Targets {
		d.Targets[i].URI = found.expand(t.URI, sip.EscapeUser)
		d.Targets[i].Called = found.expand(t.Called, plain)
	}
	return d
}

func plain(s string) string { return s }

// draw orders targets: runs of those with a weight by chance.
func (r *Rules) draw(list []Target) []Target {
	list = slices.Clone(list)
	for i := 0; i < len(list); i++ {
		sum := 0
		for j := i; j < len(list) && list[j].Weight > 0; j++ {
			sum += list[j].Weight
		}
		if sum == 0 {
			continue
		}
		n := r.rand(sum)
		for j := i; ; j++ {
			if n -= list[j].Weight; n < 0 {
				t := list[j]
				copy(list[i+1:j+1], list[i:j]) // the others keep their order
				list[i] = t
				break
			}
		}
	}
	return list
}

// String returns the decision in short, as explanations show it: "bridge trunk/a, ims".
func (d Decision) String() string {
	s := d.Action.String()
	switch d.Action {
	case Refuse:
		if d.Status != 0 {
			s += fmt.Sprintf(" %d", d.Status)
		}
		if d.Cause != 0 {
			s += fmt.Sprintf(" Q.850 %d", d.Cause)
		}
	case Run:
		for i, a := range d.Apps {
			s += []string{" ", ", "}[min(i, 1)] + strings.TrimSpace(a.Name+" "+a.Args)
		}
	case Socket, Webhook:
		s += " " + d.Address
	case Bridge:
		for i, t := range d.Targets {
			s += []string{" ", ", "}[min(i, 1)] + t.String()
		}
	}
	if d.Diversion != "" {
		s += ", diverted " + d.Diversion
	}
	if d.Announcement != "" {
		s += ", announcement " + d.Announcement
	}
	return s
}

// change applies a rule's rewriting and variables to the request.
func (u *rule) change(req *Request, set map[string]string, found captures) error {
	called, err := u.rewriteCalled.party(req.Called)
	if err != nil {
		return err
	}
	if called.IsZero() && !req.Called.IsZero() {
		return badNumber(req.Called.String(), ErrEmpty)
	}
	calling, err := u.rewriteCalling.party(req.Calling)
	if err != nil {
		return err
	}
	req.Called, req.Calling = called, calling
	for k, v := range u.Set {
		if req.Vars == nil {
			req.Vars = map[string]string{}
		}
		v = found.expand(v, plain)
		req.Vars[k], set[k] = v, v
	}
	return nil
}
