package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// appBridge calls a dial string and bridges whoever answers.
func appBridge(ctx context.Context, c *Channel, args string) error {
	dial, err := ParseDialString(args)
	if err != nil {
		c.noBridge(InvalidURL)
		return err
	}
	_, err = c.BridgeTo(ctx, dial)
	return err
}

// BridgeTo is the application bridge, for an App of the channel's own: it calls whom the dial string says, lets the
// caller hear early media, answers when the leg does, and returns when the bridge is over. The leg is the one that was
// bridged, nil if none was; then the error is a Cause. Where nobody answers the channel ends with that cause, but with
// continue_on_fail it goes on.
func (c *Channel) BridgeTo(ctx context.Context, dial DialString) (*Channel, error) {
	c.firm()
	h := hunt{sw: c.sw, dial: dial, caller: c, timeout: c.callTimeout()}
	for _, name := range []string{"originate_timeout", "ignore_early_media", "bridge_early_media", "originate_retries", "originate_retry_sleep_ms", "progress_timeout", "leg_timeout", "leg_progress_timeout"} {
		if v := c.Var(name); v != "" {
			h.vars = append(h.vars, Var{name, v})
		}
	}
	h.ringing = func(*Channel) { c.ringBack(ctx) }
	if isTrue(c.Var("instant_ringback")) {
		c.ringBack(ctx)
	}
	huntCtx, cancel := context.WithCancelCause(ctx)
	leg, err := c.huntServing(huntCtx, &h)
	cancel(nil)
	c.stopRingBack()
	if err != nil {
		return nil, c.bridgeFailed(ctx, CauseOf(err))
	}
	if leg.IsAnswered() {
		if err := c.Answer(ctx); err != nil {
			leg.Hangup(OriginatorCancel)
			return nil, err
		}
	} else if err := c.PreAnswer(); err != nil {
		leg.Hangup(IncompatibleDestination)
		return nil, c.bridgeFailed(ctx, CauseOf(err))
	}
	c.set("originate_disposition", "SUCCESS", "DIALSTATUS", "SUCCESS", "endpoint_disposition", "ANSWER")
	br, err := c.sw.connect(c, leg, true)
	if err != nil {
		leg.Hangup(IncompatibleDestination)
		return nil, c.bridgeFailed(ctx, CauseOf(err))
	}
	c.emit("CHANNEL_ORIGINATE")
	leg.disown()
	err = c.wait(ctx, br.done)
	br.end(c)
	c.mu.Lock()
	seized := c.owned
	c.mu.Unlock()
	switch {
	case c.ctx.Err() != nil:
		return leg, context.Cause(c.ctx)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case seized:
		err = errTransferred
	}
	cause := leg.Cause()
	if cause == CauseNone {
		cause = NormalClearing
	}
	c.set("last_bridge_hangup_cause", cause.String(), "bridge_hangup_cause", cause.String())
	switch {
	case errors.Is(err, errTransferred):
	case isTrue(c.Var("park_after_bridge")):
		c.mu.Lock()
		c.parked, c.program = true, nil
		c.mu.Unlock()
	case c.Var("transfer_after_bridge") != "":
		c.Transfer(parseTransfer(c.Var("transfer_after_bridge"), ":"))
	case isTrue(c.Var("hangup_after_bridge")) && err == nil:
		c.Hangup(cause)
	case !leg.IsAnswered() && err == nil: // it was heard early, and then refused the call
		return leg, c.bridgeFailed(ctx, cause)
	}
	return leg, err
}

// callTimeout is how long bridge waits for an answer.
func (c *Channel) callTimeout() time.Duration {
	if d, err := parseSeconds(c.Var("call_timeout")); err == nil && d > 0 {
		return d
	}
	return defaultTimeout
}

// huntServing calls while what is queued is done.
func (c *Channel) huntServing(ctx context.Context, h *hunt) (*Channel, error) {
	type result struct {
		leg *Channel
		err error
	}
	done := make(chan struct{})
	var r result
	go func() {
		defer close(done)
		r.leg, r.err = h.run(ctx)
	}()
	if err := c.wait(ctx, done); err != nil {
		<-done
		if r.leg != nil {
			r.leg.Hangup(OriginatorCancel)
		}
		return nil, err
	}
	return r.leg, r.err
}

func (c *Channel) noBridge(cause Cause) {
	c.set("originate_disposition", cause.String(), "DIALSTATUS", dialStatus(cause), "originate_failed_cause", cause.String(), "last_bridge_hangup_cause", cause.String(), "bridge_hangup_cause", cause.String())
}

// dialStatus is the variable DIALSTATUS.
func dialStatus(c Cause) string {
	switch c {
	case UserBusy, BusyEverywhere:
		return "BUSY"
	case NoAnswer, NoUserResponse, AllottedTimeout, ProgressTimeout:
		return "NOANSWER"
	case OriginatorCancel:
		return "CANCEL"
	case SwitchCongestion, RequestedChanUnavail, NormalTemporaryFailure:
		return "CONGESTION"
	case Success, NormalClearing:
		return "SUCCESS"
	case InvalidURL:
		return "INVALIDARGS"
	}
	return "CHANUNAVAIL"
}

// bridgeFailed decides what becomes of a caller that nobody answered.
func (c *Channel) bridgeFailed(ctx context.Context, cause Cause) error {
	c.noBridge(cause)
	if ctx.Err() != nil || c.ctx.Err() != nil {
		return context.Cause(ctx)
	}
	goOn := c.Var("continue_on_fail")
	transfer := c.Var("transfer_on_fail")
	switch {
	case goOn != "" && (isTrue(goOn) || listed(goOn, cause)):
	case transfer != "":
		c.Transfer(parseTransfer(transfer, " "))
	default:
		c.Hangup(cause)
	}
	return cause
}

// listed tells whether a list of names or numbers has the cause.
func listed(list string, cause Cause) bool {
	return slices.ContainsFunc(splitList(list), func(s string) bool {
		c, err := ParseCause(s)
		return err == nil && c == cause
	})
}

// ringBack tells the caller that somebody is alerted: by 180, or by the sound of the variable ringback (after the answer
// transfer_ringback).
func (c *Channel) ringBack(ctx context.Context) {
	name := c.Var("ringback")
	if c.IsAnswered() {
		name = c.Var("transfer_ringback")
	}
	if name == "" {
		c.RingReady()
		return
	}
	if after, ok := strings.CutPrefix(name, "%("); ok {
		name = "tone_stream://%(" + after + ";loops=-1"
	}
	if c.ready() != nil {
		c.RingReady()
		return
	}
	ringCtx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	c.ringback = cancel
	c.mu.Unlock()
	go func() {
		if err := c.Play(ringCtx, name); err != nil && ringCtx.Err() == nil {
			c.sw.log.Warn("control: no ringback", "uuid", c.uuid, "err", err)
		}
	}()
}

func (c *Channel) stopRingBack() {
	c.mu.Lock()
	cancel := c.ringback
	c.ringback = nil
	c.mu.Unlock()
	if cancel != nil {
		cancel(errBreak)
	}
}

// redirection is the response of redirect.
func (c *Channel) redirection(args string) (*sip.Response, error) {
	resp := sip.NewResponse(c.Call().Request(), 302, "")
	for _, uri := range splitList(args) {
		if !strings.Contains(uri, ":") {
			uri = "sip:" + uri
		}
		u, err := sip.ParseURI(strings.Trim(uri, "<>"))
		if err != nil {
			return nil, err
		}
		resp.Add("Contact", "<"+u.String()+">")
	}
	if !resp.Has("Contact") {
		return nil, parseError("redirect", args, errEmpty)
	}
	return resp, nil
}

// appIntercept bridges the channel to another one, instead of whom that was bridged to: "[-bleg] UUID".
func appIntercept(ctx context.Context, c *Channel, args string) error {
	words := strings.Fields(args)
	if len(words) == 0 {
		return parseError("intercept", args, errEmpty)
	}
	other := c.sw.Channel(words[len(words)-1])
	if other == nil {
		return errNoChannel
	}
	gone := other.Bridged()
	if words[0] == "-bleg" && gone != nil {
		other = gone
	}
	if err := c.Answer(ctx); err != nil {
		return err
	}
	if err := other.Answer(ctx); err != nil {
		return err
	}
	c.firm()
	free := other.seize(PickedOff)
	br, err := c.sw.connect(c, other, true)
	free()
	if err != nil {
		return err
	}
	err = c.wait(ctx, br.done)
	br.end(c)
	if c.ctx.Err() == nil && err == nil {
		c.Hangup(NormalClearing)
	}
	return err
}

var errNoChannel = errors.New("control: no such channel")
