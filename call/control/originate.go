package control

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

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
	// afterEnd is how long legs that are cancelled have to tell of their end.
	maxRetries = 10
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

// leg makes the channel of one leg and begins to call.
func (h *hunt) leg(ctx context.Context, ep Endpoint, results chan outcome, progress chan provisional) (*Channel, error) {
	s := h.sw
	if ep.Kind == KindError {
		cause, err := ParseCause(ep.Dest)
		if err != nil || cause == CauseNone {
			cause = NormalTemporaryFailure
		}
		return nil, cause
	}
	vars := with(h.vars, ep.Vars...)
	c := s.newChannel(find(vars, "origination_uuid"), false)
	c.owned = true
	c.name = ep.String()
	c.setLocked("direction", "outbound", "channel_name", c.name, "destination_number", destination(ep.Dest), "is_outbound", "true")
	name, number := h.callerName, h.callerNumber
	if a := h.caller; a != nil {
		c.inherit(a)
		name, number = a.Var("caller_id_name"), a.Var("caller_id_number")
		if v := a.Var("effective_caller_id_name"); v != "" {
			name = v
		}
		if v := a.Var("effective_caller_id_number"); v != "" {
			number = v
		}
	}
	c.setVars(vars)
	if v := find(vars, "origination_caller_id_name"); v != "" {
		name = v
	}
	if v := find(vars, "origination_caller_id_number"); v != "" {
		number = v
	}
	c.setLocked("caller_id_name", name, "caller_id_number", number,
		"callee_id_name", find(vars, "origination_callee_id_name"), "callee_id_number", find(vars, "origination_callee_id_number"), "uuid", c.uuid)
	if err := s.add(c); err != nil {
		return nil, err
	}
	c.emit("CHANNEL_CREATE")
	c.emit("CHANNEL_OUTGOING")
	c.setState(StateInit)
	c.setCallState("DIALING")
	c.setState(StateConsumeMedia)
	go c.run()
	go func() {
		err := h.call(ctx, c, ep, vars, results, progress)
		if err != nil {
			c.mu.Lock()
			c.dialErr = err
			if refused := (*sip.ResponseError)(nil); errors.As(err, &refused) {
				code := strconv.Itoa(refused.Response.StatusCode)
				c.setLocked("sip_term_status", code, "proto_specific_hangup_cause", "sip:"+code, "sip_term_cause", strconv.Itoa(CauseOf(err).Q850()), "sip_invite_failure_status", code, "sip_invite_failure_phrase", refused.Response.Reason)
			}
			c.mu.Unlock()
			c.Hangup(CauseOf(err))
			results <- outcome{c: c, err: c.Cause()}
		}
	}()
	return c, nil
}

// destination is the number or user within the address of an endpoint.
func destination(dest string) string {
	dest = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(dest, "sips:"), "sip:"), "tel:")
	user, _, _ := strings.Cut(dest, "@")
	user, _, _ = strings.Cut(user, ";")
	return user
}

// inherit takes over what a called leg gets from its caller: the variables of export_vars, and sip_h_….
func (c *Channel) inherit(a *Channel) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range splitList(a.vars["export_vars"]) {
		if v, ok := a.vars[name]; ok {
			c.vars[strings.TrimPrefix(name, nolocal)] = v
		}
	}
	for k, v := range a.vars {
		if name, ok := strings.CutPrefix(k, nolocal); ok {
			c.vars[name] = v
		} else if strings.HasPrefix(k, "sip_h_") {
			c.vars[k] = v
		}
	}
	c.callUUID, c.other = a.uuid, a
	c.vars["call_uuid"], c.vars["originator"] = a.uuid, a.uuid
	for name, v := range map[string]string{"sip_from_user": "", "originator_codec": a.vars["read_codec"]} {
		if v != "" {
			c.vars[name] = v
		}
	}
}

// call tries the targets of an endpoint in turn. It returns nil when one has answered and the call is the channel's.
func (h *hunt) call(ctx context.Context, c *Channel, ep Endpoint, vars []Var, results chan outcome, progress chan provisional) error {
	if d, err := parseSeconds(find(vars, "leg_delay_start")); err == nil && d > 0 {
		select {
		case <-time.After(d):
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
	resolveCtx, done := context.WithCancel(context.WithValue(ctx, legKey{}, c))
	stop := context.AfterFunc(c.ctx, done)
	targets, err := h.sw.cfg.Resolve(resolveCtx, ep)
	stop()
	done()
	if err != nil {
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		if cause := Cause(0); errors.As(err, &cause) {
			return cause
		}
		h.sw.log.Warn("control: endpoint is not known", "uuid", c.uuid, "endpoint", ep.String(), "err", err)
		return DestinationOutOfOrder
	}
	err = UserNotRegistered
	// The leg goes on when the hunt is over, if it has won: its own context counts.
	legCtx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	if d, err := parseSeconds(find(vars, "leg_timeout")); err == nil && d > 0 {
		t := time.AfterFunc(d, func() { cancel(NoAnswer) })
		defer t.Stop()
	}
	var slow *time.Timer
	if d, err := parseSeconds(find(vars, "leg_progress_timeout")); err == nil && d > 0 {
		slow = time.AfterFunc(d, func() { cancel(ProgressTimeout) })
		defer slow.Stop()
	}
	for _, t := range targets {
		c.setVars(t.Vars)
		if t.Begin != nil {
			if err = t.Begin(c); err != nil {
				continue
			}
		}
		media := false
		opts := h.options(c, t, vars)
		opts.OnProgress = func(in *call.Call, resp *sip.Response) {
			if slow != nil {
				slow.Stop()
			}
			c.adoptEarly(in)
			early := in.Media() != nil && len(resp.Body) > 0
			select {
			case progress <- provisional{c, resp.StatusCode == 180 && !early}:
			default:
			}
			if early && !media {
				media = true
				c.earlyMedia()
				if !h.ignoreEarly {
					results <- outcome{c: c, won: true}
				}
				return
			}
			if resp.StatusCode == 180 {
				c.ringing()
			}
		}
		agent := t.Agent
		if agent == nil {
			agent = h.sw.cfg.Agent
		}
		var in *call.Call
		in, err = agent.Dial(legCtx, t.URI, opts)
		next := outOfService(err)
		if t.Done != nil {
			next = t.Done(in, err)
		}
		if err == nil {
			return h.won(c, in, results)
		}
		if legCtx.Err() != nil {
			return context.Cause(legCtx)
		}
		if media || !next {
			return err
		}
	}
	return err
}

// legKey is where the context of Config.Resolve has its leg.
type legKey struct{}

// Leg returns the channel for which [Config].Resolve is called, whose variable originator is the UUID of the caller's
// channel, if there is one; nil in other contexts.
func Leg(ctx context.Context) *Channel {
	c, _ := ctx.Value(legKey{}).(*Channel)
	return c
}

// outOfService tells whether the next target may do better.
func outOfService(err error) bool {
	var refused *sip.ResponseError
	if errors.As(err, &refused) {
		code := refused.Response.StatusCode
		return code == 408 || code >= 500 && code < 600
	}
	return true
}

// won gives an answered call to its channel.
func (h *hunt) won(c *Channel, in *call.Call, results chan outcome) error {
	c.adoptEarly(in)
	c.mu.Lock()
	if d := in.Dialog(); d != nil {
		c.setLocked("sip_call_id", d.State().CallID)
	}
	gone := c.cause != CauseNone
	c.mu.Unlock()
	if gone {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		in.HangUp(ctx)
		return context.Cause(c.ctx)
	}
	c.set("sip_term_status", "200")
	c.markAnswered()
	context.AfterFunc(in.Context(), func() { c.ended(context.Cause(in.Context())) })
	if err := h.confirm(c); err != nil {
		return err
	}
	results <- outcome{c: c, won: true}
	return nil
}

// confirm asks a leg that has answered to press a key, where group_confirm_key wants it: so that a mailbox does not win.
func (h *hunt) confirm(c *Channel) error {
	key, file := find(h.vars, "group_confirm_key"), find(h.vars, "group_confirm_file")
	if key == "" {
		return nil
	}
	if key == "exec" {
		app, args, _ := strings.Cut(file, " ")
		if err := c.execute(c.ctx, Action{App: app, Args: args}); err != nil {
			return NoAnswer
		}
		return nil
	}
	wait, err := parseMillis(find(h.vars, "group_confirm_read_timeout"))
	if err != nil || wait <= 0 {
		wait = 5 * time.Second
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	confirmed := make(chan struct{}, 1)
	defer c.watchKeys(func(k byte) bool {
		if k != key[0] {
			return true
		}
		select {
		case confirmed <- struct{}{}:
			cancel(errBreak) // no more of the file
		default:
		}
		return true
	})()
	if file != "" {
		if _, err := c.playFile(ctx, file, ""); err != nil && ctx.Err() == nil {
			h.sw.log.Warn("control: no question for a leg", "uuid", c.uuid, "file", file, "err", err)
		}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-confirmed:
		return nil
	case <-t.C:
		return NoAnswer
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// adoptEarly makes in the channel's call.
func (c *Channel) adoptEarly(in *call.Call) {
	c.mu.Lock()
	known := c.call == in
	c.call = in
	c.mu.Unlock()
	if !known {
		c.listenTo(in)
	}
}

// ringing notes that the called party is alerted.
func (c *Channel) ringing() {
	c.mu.Lock()
	known := !c.times.Progress.IsZero()
	if !known {
		c.times.Progress = time.Now()
	}
	c.mu.Unlock()
	if !known {
		c.setCallState("RINGING")
		c.emit("CHANNEL_PROGRESS")
		c.executeOn("ring")
		c.apiOn("ring")
	}
}

// earlyMedia notes that the called party is heard.
func (c *Channel) earlyMedia() {
	c.mu.Lock()
	c.times.ProgressMedia = time.Now()
	c.mu.Unlock()
	c.codecVars()
	c.setCallState("EARLY")
	c.emit("CHANNEL_PROGRESS_MEDIA")
	c.executeOn("media")
	c.apiOn("media")
}

// options says how to call a target.
func (h *hunt) options(c *Channel, t Target, vars []Var) call.DialOptions {
	info := c.Info()
	all := c.Vars()
	opts := call.DialOptions{From: t.From, To: t.To, Send: t.Send, Digest: t.Digest, Codecs: t.Codecs}
	number, name := info.CallerNumber, info.CallerName
	private := strings.Contains(all["origination_privacy"], "hide_number") || all["origination_privacy"] == "full"
	if opts.From == "" && (number != "" || name != "") {
		domain := t.FromDomain
		for _, d := range []string{all["sip_from_host"], all["sip_invite_domain"]} {
			if d != "" && h.caller == nil {
				domain = d
			}
		}
		opts.From = h.sw.from(name, number, domain, private)
	}
	if v := find(vars, "sip_from_uri"); v != "" {
		opts.From = (sip.Address{Display: find(vars, "sip_from_display"), URI: uriOf(v)}).String()
	}
	opts.Edit = func(r *sip.Request) {
		if private {
			r.Set("Privacy", "id")
		}
		if number != "" && (all["sip_cid_type"] == "pid" || private) {
			if asserted := (sip.Address{Display: name, URI: sip.URI{Scheme: "sip", User: escapeUser(number), Host: h.sw.domain(t.FromDomain)}}); t.FromDomain != "" || h.sw.cfg.Domain != "" {
				r.Set("P-Asserted-Identity", asserted.String())
			}
		}
		if isTrue(all["sip_auto_answer"]) {
			r.Set("Call-Info", "<sip:"+h.sw.domain(t.FromDomain)+">;answer-after=0")
		}
		for _, k := range slices.Sorted(maps.Keys(all)) {
			if field, ok := strings.CutPrefix(k, "sip_h_"); ok && allowedField(field) {
				r.Set(field, clean(all[k]))
			}
		}
		if t.Edit != nil {
			t.Edit(r)
		}
	}
	return opts
}

// allowedField keeps variables from overwriting what makes a request work.
func allowedField(name string) bool {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-.!%*_+`'~", r))
	}) {
		return false
	}
	switch strings.ToLower(name) {
	case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "content-length", "l", "content-type", "c", "route", "record-route":
		return false
	}
	return true
}

// clean takes line ends from a value that goes into a header field.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func uriOf(s string) sip.URI {
	if !strings.Contains(s, ":") || !strings.HasPrefix(s, "sip") && !strings.HasPrefix(s, "tel") {
		s = "sip:" + s
	}
	u, err := sip.ParseURI(s)
	if err != nil {
		return sip.URI{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}
	}
	return u
}

// escapeUser writes a number or name as the user part of a URI.
func escapeUser(s string) string { return strings.ReplaceAll(url.PathEscape(s), "%2B", "+") }

// domain is the host of our addresses.
func (s *Switch) domain(of string) string {
	if of != "" {
		return of
	}
	if s.cfg.Domain != "" {
		return s.cfg.Domain
	}
	if a, err := s.cfg.Agent.UserAgent().NewRequest(sip.OPTIONS, "sip:anonymous.invalid").From(); err == nil {
		return a.URI.Host
	}
	return "anonymous.invalid"
}

// from makes a From of a caller ID.
func (s *Switch) from(name, number, domain string, private bool) string {
	if private {
		return `"Anonymous" <sip:anonymous@anonymous.invalid>`
	}
	u := sip.URI{Scheme: "sip", User: escapeUser(number), Host: s.domain(domain)}
	if number == "" {
		u.User = "anonymous"
	}
	if name == number {
		name = ""
	}
	return (sip.Address{Display: clean(name), URI: u}).String()
}
