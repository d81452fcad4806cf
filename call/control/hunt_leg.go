package control

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/sip"
)

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
	c.name, c.owned = ep.String(), true
	if ep.Kind == KindLoopback {
		c.name = "loopback/" + parseLoopback(ep.Dest).Number + "-a"
	}
	c.setLocked("direction", "outbound", "channel_name", c.name, "destination_number", destination(ep), "is_outbound", "true")
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
func destination(ep Endpoint) string {
	if ep.Kind == KindLoopback {
		return parseLoopback(ep.Dest).Number
	}
	dest := ep.Dest
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
	if codec := a.vars["read_codec"]; codec != "" {
		c.vars["originator_codec"] = codec
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
	resolve := h.sw.cfg.Resolve
	if ep.Kind == KindLoopback {
		resolve = func(context.Context, Endpoint) ([]Target, error) { return h.sw.loopTarget(c, ep) }
	}
	targets, err := resolve(resolveCtx, ep)
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
			early := in.Early(resp)
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
		if h.caller != nil {
			if err := agent.PassPreconditions(legCtx, h.caller.Call(), &opts); err != nil {
				if legCtx.Err() != nil {
					return context.Cause(legCtx)
				}
				return err
			}
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
