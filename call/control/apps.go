package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// applications are those that every switch has.
var applications map[string]App

func init() {
	applications = map[string]App{
		"answer": func(ctx context.Context, c *Channel, _ string) error { return c.Answer(ctx) },
		"pre_answer": func(_ context.Context, c *Channel, _ string) error {
			return c.PreAnswer()
		},
		"ring_ready":          func(_ context.Context, c *Channel, _ string) error { return c.RingReady() },
		"hangup":              appHangup,
		"respond":             appRespond,
		"redirect":            appRedirect,
		"deflect":             appDeflect,
		"park":                appPark,
		"sleep":               appSleep,
		"set":                 appSet,
		"unset":               appUnset,
		"export":              appExport,
		"bridge_export":       appExport,
		"multiset":            appMultiset,
		"multiunset":          appMultiunset,
		"set_global":          appSetGlobal,
		"log":                 appLog,
		"info":                appInfo,
		"event":               appEvent,
		"transfer":            appTransfer,
		"execute_extension":   appExecuteExtension,
		"bridge":              appBridge,
		"playback":            appPlayback,
		"endless_playback":    appEndlessPlayback,
		"loop_playback":       appLoopPlayback,
		"gentones":            appTones,
		"tone":                appTones,
		"play_and_get_digits": appPlayAndGetDigits,
		"read":                appRead,
		"say":                 appSay,
		"send_dtmf":           appSendDTMF,
		"flush_dtmf":          func(_ context.Context, c *Channel, _ string) error { c.FlushKeys(); return nil },
		"record":              appRecord,
		"record_session":      appRecordSession,
		"stop_record_session": func(_ context.Context, c *Channel, args string) error {
			return c.StopRecord(strings.TrimSpace(args))
		},
		"record_session_mask":   recordMode(RecordMasked),
		"record_session_unmask": recordMode(RecordAll),
		"record_session_pause":  recordMode(RecordPaused),
		"record_session_resume": recordMode(RecordAll),
		"displace_session":      appDisplace,
		"stop_displace_session": func(_ context.Context, c *Channel, args string) error { return c.StopDisplace(unquoteWhole(args)) },
		"echo":                  appEcho,
		"conference":            appConference,
		"three_way":             appThreeWay,
		"eavesdrop":             appEavesdrop,
		"intercept":             appIntercept,
		"break":                 appBreak,
		"sched_hangup":          appSchedHangup,
		"hold":                  func(ctx context.Context, c *Channel, _ string) error { return c.hold(ctx, true) },
		"unhold":                func(ctx context.Context, c *Channel, _ string) error { return c.hold(ctx, false) },
	}
}

func appHangup(_ context.Context, c *Channel, args string) error {
	cause := NormalClearing
	if args = strings.TrimSpace(args); args != "" {
		var err error
		if cause, err = ParseCause(args); err != nil {
			return err
		}
	}
	c.Hangup(cause)
	return nil
}

// appRespond refuses a call with a status code: "CODE [REASON]".
func appRespond(_ context.Context, c *Channel, args string) error {
	text, reason, _ := strings.Cut(strings.TrimSpace(args), " ")
	code, err := strconv.Atoi(text)
	if err != nil || code < 300 || code > 699 {
		return parseError("status code", args, errors.New("want 300 to 699"))
	}
	if !c.incoming || c.IsAnswered() {
		return errors.New("control: only a call that is not answered can be refused")
	}
	if err := c.Call().Refuse(code, clean(reason)); err != nil {
		return err
	}
	c.set("sip_term_status", text)
	c.hangup(CauseOfStatus(code), "send_refuse")
	return nil
}

func appPark(ctx context.Context, c *Channel, _ string) error {
	c.firm()
	c.setState(StatePark)
	c.emit("CHANNEL_PARK")
	defer c.emit("CHANNEL_UNPARK")
	return c.wait(ctx, nil)
}

func appSleep(ctx context.Context, c *Channel, args string) error {
	d, err := parseMillis(args)
	if err != nil {
		return parseError("sleep", args, err)
	}
	done := make(chan struct{})
	t := time.AfterFunc(d, func() { close(done) })
	defer t.Stop()
	return c.wait(ctx, done)
}

func appLog(_ context.Context, c *Channel, args string) error {
	level, text, ok := strings.Cut(args, " ")
	at := slog.LevelInfo
	switch strings.ToUpper(level) {
	case "0", "1", "2", "3", "CONSOLE", "ALERT", "CRIT", "ERR", "ERROR":
		at = slog.LevelError
	case "4", "WARNING", "WARN":
		at = slog.LevelWarn
	case "5", "6", "NOTICE", "INFO":
	case "7", "DEBUG":
		at = slog.LevelDebug
	default:
		text, ok = args, true
	}
	if ok {
		c.sw.log.Log(c.ctx, at, text, "uuid", c.uuid)
	}
	return nil
}

func appInfo(_ context.Context, c *Channel, _ string) error {
	vars := c.Vars()
	attrs := []any{"uuid", c.uuid}
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		attrs = append(attrs, k, vars[k])
	}
	c.sw.log.Info("control: channel", attrs...)
	return nil
}

// appEvent tells of an event of the application's own: "Event-Name=CUSTOM,Event-Subclass=my::event,a=b".
func appEvent(_ context.Context, c *Channel, args string) error {
	name, subclass := "CHANNEL_APPLICATION", ""
	var pairs []string
	for _, text := range splitQuoted(args, ',') {
		k, v, err := assignment(text)
		if err != nil {
			return err
		}
		switch {
		case strings.EqualFold(k, "Event-Name"):
			name = strings.ToUpper(v)
		case strings.EqualFold(k, "Event-Subclass"):
			name, subclass = "CUSTOM", v
		default:
			pairs = append(pairs, k, v)
		}
	}
	if subclass != "" {
		name += " " + subclass
	}
	c.emit(name, pairs...)
	return nil
}

// parseTransfer reads EXTENSION [DIALPLAN [CONTEXT]].
func parseTransfer(args, sep string) Extension {
	var ext Extension
	words, err := splitWords(args)
	if sep != " " || err != nil {
		words = strings.Split(args, sep)
	}
	for i, w := range words {
		switch w = unquoteWhole(w); i {
		case 0:
			ext.Number = w
		case 1:
			ext.Dialplan = w
		case 2:
			ext.Context = w
		}
	}
	return ext
}

// ParseTransfer reads the arguments of transfer and uuid_transfer: [-bleg|-both] EXTENSION [DIALPLAN [CONTEXT]]. leg is
// empty, "-bleg" or "-both".
func ParseTransfer(args string) (leg string, ext Extension) {
	args = strings.TrimSpace(args)
	if first, rest, _ := strings.Cut(args, " "); first == "-bleg" || first == "-both" {
		leg, args = first, strings.TrimSpace(rest)
	}
	return leg, parseTransfer(args, " ")
}

// TransferLeg is what uuid_transfer does: it transfers the channel, the one that it is bridged to (-bleg), or both.
func (c *Channel) TransferLeg(leg string, ext Extension) error {
	switch leg {
	case "-both":
		return c.TransferBoth(ext)
	case "-bleg":
		other := c.Bridged()
		if other == nil {
			return errNotBridged
		}
		return other.Transfer(ext)
	}
	return c.Transfer(ext)
}

func appTransfer(_ context.Context, c *Channel, args string) error {
	leg, ext := ParseTransfer(args)
	return c.TransferLeg(leg, ext)
}

// appExecuteExtension executes the applications of an extension and comes back.
func appExecuteExtension(ctx context.Context, c *Channel, args string) error {
	ext := parseTransfer(args, " ")
	if ext.Context == "" {
		ext.Context = c.sw.cfg.Context
	}
	actions, err := c.actions(ext)
	if err != nil {
		return err
	}
	for _, a := range actions {
		if err := c.execute(ctx, a); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func appBreak(_ context.Context, c *Channel, args string) error {
	c.Break(strings.TrimSpace(args) == "all")
	return nil
}

// appSchedHangup ends the channel after a time: "+SECONDS [CAUSE]".
func appSchedHangup(_ context.Context, c *Channel, args string) error {
	text, name, _ := strings.Cut(strings.TrimSpace(args), " ")
	rest, relative := strings.CutPrefix(text, "+")
	d, err := parseSeconds(rest)
	if !relative && err == nil {
		n, _ := strconv.ParseInt(rest, 10, 64)
		d = max(time.Until(time.Unix(n, 0)), 0)
	}
	if err != nil && !relative {
		var n int64
		if n, err = strconv.ParseInt(rest, 10, 64); err == nil {
			d = max(time.Until(time.Unix(n, 0)), 0)
		}
	}
	if err != nil {
		return parseError("sched_hangup", args, err)
	}
	cause := AllottedTimeout
	if name = strings.TrimSpace(name); name != "" {
		if cause, err = ParseCause(strings.Fields(name)[0]); err != nil {
			return err
		}
	}
	t := time.AfterFunc(d, func() { c.Hangup(cause) })
	context.AfterFunc(c.ctx, func() { t.Stop() })
	return nil
}

// hold stops the peer's audio, or lets it come again.
func (c *Channel) hold(ctx context.Context, on bool) error {
	in := c.Call()
	if in == nil {
		return errNoMedia
	}
	f := in.Hold
	if !on {
		f = in.Resume
	}
	if err := f(ctx); err != nil {
		return err
	}
	c.isHeld(on)
	return nil
}

// SetHeld stops the peer's audio by a re-INVITE, or lets it come again.
func (c *Channel) SetHeld(ctx context.Context, held bool) error { return c.hold(ctx, held) }

// appRedirect has the caller call somebody else (302): SIP URIs, separated by commas.
func appRedirect(_ context.Context, c *Channel, args string) error {
	if !c.incoming || c.IsAnswered() {
		return errors.New("control: only a call that is not answered can be redirected")
	}
	resp, err := c.redirection(args)
	if err != nil {
		return err
	}
	if err := c.Call().Respond(resp); err != nil {
		return err
	}
	c.set("sip_term_status", "302")
	c.hangup(RedirectionToNewDestination, "send_refuse")
	return nil
}

// appDeflect has the peer call somebody else instead of us (REFER).
func appDeflect(ctx context.Context, c *Channel, args string) error {
	uri := uriOf(strings.TrimSpace(args))
	in := c.Call()
	if in == nil || !c.IsAnswered() {
		return errors.New("control: only an answered call can be deflected")
	}
	c.leave(BlindTransfer)
	if err := in.Transfer(ctx, uri.String()); err != nil && !errors.Is(context.Cause(in.Context()), sip.ErrHungUp) {
		c.leave(CauseNone)
		return fmt.Errorf("control: deflect: %w", err)
	}
	c.Hangup(BlindTransfer)
	return nil
}

// leave says what the cause is when the call hangs up by itself.
func (c *Channel) leave(cause Cause) {
	c.mu.Lock()
	c.leaving = cause
	c.mu.Unlock()
}
