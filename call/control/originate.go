package control

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Originate says what [Switch.Originate] is to do.
type Originate struct {
	Dial DialString
	// Then is where the channel goes when it has an answer, or early media unless ignore_early_media is set: &app(args)
	// or an extension. If its Number is empty, the channel is parked.
	Then Extension
	// CallerName and CallerNumber are the caller ID; origination_caller_id_name and _number have precedence.
	CallerName, CallerNumber string
	// Timeout is for the answer. If zero, that of originate_timeout, else 60 s.
	Timeout time.Duration
}

// ParseOriginate reads the arguments of FreeSWITCH's originate:
//
//	DIALSTRING &app(args)
//	DIALSTRING EXTENSION [DIALPLAN [CONTEXT [CALLER_NAME [CALLER_NUMBER [TIMEOUT_SECONDS]]]]]
//
// "undef" stands for what is left out.
func ParseOriginate(s string) (Originate, error) {
	var o Originate
	const what = "originate"
	if len(s) > maxTextSize {
		return o, parseError(what, s, errTooMany)
	}
	words, err := splitWords(s)
	if err != nil {
		return o, parseError(what, s, err)
	}
	if len(words) < 2 || len(words) > 7 {
		return o, parseError(what, s, errors.New("want a dial string, an extension and at most five more"))
	}
	if o.Dial, err = ParseDialString(words[0]); err != nil {
		return o, err
	}
	for i, w := range words[1:] {
		if w = unquoteWhole(w); w == "undef" {
			continue
		}
		switch i {
		case 0:
			o.Then.Number = w
		case 1:
			o.Then.Dialplan = w
		case 2:
			o.Then.Context = w
		case 3:
			o.CallerName = w
		case 4:
			o.CallerNumber = w
		case 5:
			if o.Timeout, err = parseSeconds(w); err != nil {
				return o, parseError(what, w, err)
			}
		}
	}
	if _, _, err := o.Then.app(); err != nil {
		return o, err
	}
	return o, nil
}

// Originate calls whom o says, and returns the channel that has answered, or has early media where ignore_early_media
// is not set. The channel goes on to o.Then by itself. An error of why nobody answered is a Cause.
func (s *Switch) Originate(ctx context.Context, o Originate) (*Channel, error) {
	if o.Then.Number == "" {
		o.Then.Number = "&park"
	}
	if _, _, err := o.Then.app(); err != nil {
		return nil, err
	}
	h := hunt{sw: s, dial: o.Dial, timeout: o.Timeout, callerName: o.CallerName, callerNumber: o.CallerNumber}
	c, err := h.run(ctx)
	if err != nil {
		return nil, err
	}
	c.emit("CHANNEL_ORIGINATE")
	c.mu.Lock()
	c.next = &o.Then
	c.mu.Unlock()
	c.disown()
	return c, nil
}

// OriginateString is Originate for FreeSWITCH's arguments: see [ParseOriginate].
func (s *Switch) OriginateString(ctx context.Context, args string) (*Channel, error) {
	o, err := ParseOriginate(args)
	if err != nil {
		return nil, err
	}
	return s.Originate(ctx, o)
}

// disown lets the channel's goroutine go on.
func (c *Channel) disown() {
	c.mu.Lock()
	c.owned = false
	c.mu.Unlock()
	c.poke()
}

// hunt calls the legs of a dial string until one answers.
type hunt struct {
	sw                       *Switch
	dial                     DialString
	caller                   *Channel // who is bridged, nil if nobody
	vars                     []Var    // exported by the caller
	timeout                  time.Duration
	callerName, callerNumber string
	ringing                  func(*Channel) // told of the first leg that rings

	ignoreEarly bool
	rang        bool
}

const (
	defaultTimeout = 60 * time.Second
	maxRetries     = 10 // of originate_retries
)

func find(vars []Var, name string) string {
	for _, v := range slices.Backward(vars) {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// run returns the leg that won, which is owned by the caller of run.
func (h *hunt) run(ctx context.Context) (*Channel, error) {
	if len(h.dial.Enterprise) > 0 {
		return h.enterprise(ctx)
	}
	h.vars = append(h.vars, h.dial.Vars...)
	early := find(h.vars, "ignore_early_media")
	h.ignoreEarly = early != "" && !isFalse(early)
	if find(h.vars, "bridge_early_media") != "" && isFalse(find(h.vars, "bridge_early_media")) {
		h.ignoreEarly = true
	}
	if h.caller != nil && find(h.vars, "group_confirm_key") == "" {
		for _, name := range []string{"group_confirm_key", "group_confirm_file", "group_confirm_read_timeout"} {
			h.vars = append(h.vars, Var{name, h.caller.Var(name)})
		}
	}
	if find(h.vars, "group_confirm_key") != "" {
		h.ignoreEarly = true
	}
	timeout := h.timeout
	if d, err := parseSeconds(find(h.vars, "originate_timeout")); err == nil && d > 0 {
		timeout = d
	}
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, NoAnswer)
	defer cancel()
	retries, _ := strconv.Atoi(find(h.vars, "originate_retries"))
	pause, err := parseMillis(find(h.vars, "originate_retry_sleep_ms"))
	if err != nil {
		pause = time.Second
	}
	var last error = DestinationOutOfOrder
	for try := 0; ; try++ {
		for _, group := range h.dial.Groups {
			c, err := h.group(ctx, group)
			if err == nil {
				return c, nil
			}
			last = err
			if ctx.Err() != nil {
				return nil, last
			}
			if h.rejected(err) {
				return nil, last
			}
		}
		if try >= min(retries, maxRetries) {
			return nil, last
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, last
		}
	}
}

// rejected tells whether a failure of one leg is that of all: fail_on_single_reject is true, or lists its cause.
func (h *hunt) rejected(err error) bool {
	v := find(h.vars, "fail_on_single_reject")
	if v == "" && h.caller != nil {
		v = h.caller.Var("fail_on_single_reject")
	}
	return v != "" && (isTrue(v) || listed(v, CauseOf(err)))
}

// splitList splits a list at commas and spaces, or at the character that follows ^^ at its beginning.
func splitList(s string) []string {
	if len(s) > 2 && strings.HasPrefix(s, "^^") {
		return strings.FieldsFunc(s[3:], func(r rune) bool { return r == rune(s[2]) })
	}
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// outcome is what a leg has come to.
type outcome struct {
	c   *Channel
	won bool
	err error
}

// provisional is a sign of life of a leg.
type provisional struct {
	c       *Channel
	ringing bool
}

// group calls several legs at once. The first that answers wins; the others are cancelled.
func (h *hunt) group(ctx context.Context, eps []Endpoint) (*Channel, error) {
	results := make(chan outcome, 3*len(eps)) // each leg tells of media, of the answer or the end
	legs := make([]*Channel, 0, len(eps))
	progress := make(chan provisional, 2*len(eps))
	progressTimeout, _ := parseSeconds(find(h.vars, "progress_timeout"))
	var late <-chan time.Time
	if progressTimeout > 0 {
		t := time.NewTimer(progressTimeout)
		defer t.Stop()
		late = t.C
	}
	pending := 0
	var last error = DestinationOutOfOrder
	for _, ep := range eps {
		c, err := h.leg(ctx, ep, results, progress)
		if err != nil {
			last = err
			continue
		}
		legs = append(legs, c)
		pending++
	}
	lose := func(winner *Channel, cause Cause) {
		for _, c := range legs {
			if c != winner {
				c.Hangup(cause)
			}
		}
	}
	for pending > 0 {
		select {
		case r := <-results:
			if r.won {
				if r.c.ctx.Err() != nil {
					continue // its end comes too
				}
				lose(r.c, LoseRace)
				return r.c, nil
			}
			pending--
			last = r.err
			if h.rejected(r.err) {
				lose(nil, OriginatorCancel)
				return nil, r.err
			}
		case p := <-progress:
			late = nil
			if p.ringing && !h.rang && h.ringing != nil {
				h.rang = true
				h.ringing(p.c)
			}
		case <-late:
			lose(nil, ProgressTimeout)
			return nil, ProgressTimeout
		case <-ctx.Done():
			// An answer that has come meanwhile counts.
			for len(results) > 0 {
				if r := <-results; r.won && r.c.ctx.Err() == nil && r.c.IsAnswered() {
					lose(r.c, LoseRace)
					return r.c, nil
				}
			}
			cause := CauseOf(context.Cause(ctx))
			if cause == NormalClearing || cause == NormalTemporaryFailure {
				cause = OriginatorCancel
			}
			lose(nil, cause)
			return nil, cause
		}
	}
	return nil, last
}
