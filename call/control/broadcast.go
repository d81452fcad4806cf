package control

import (
	"context"
	"strings"
)

// Broadcast is what uuid_broadcast does: the channel, whom it is bridged to (bleg), or both hear a file, or execute an
// application, and then go on with what they did. what is a name for playback, or APP::ARGS, or APP!CAUSE::ARGS, which
// hangs up with that cause afterwards. legs is "aleg", "bleg", "both" or "holdb"; empty is aleg.
func (c *Channel) Broadcast(what, legs string) error {
	if what = strings.TrimSpace(what); what == "" {
		return parseError("broadcast", what, errEmpty)
	}
	a := Action{App: "playback", Args: what}
	cause, hangup := CauseNone, false
	if app, args, ok := strings.Cut(what, "::"); ok {
		var name string
		if app, name, hangup = strings.Cut(app, "!"); hangup {
			cause = NormalClearing
			if c, err := ParseCause(name); err == nil && c != CauseNone {
				cause = c
			}
		}
		a = Action{App: app, Args: args}
	}
	var to []*Channel
	other := c.Bridged()
	if legs != "bleg" {
		to = append(to, c)
	}
	if legs == "bleg" || legs == "both" {
		if other == nil && legs == "bleg" {
			return errNotBridged
		}
		if other != nil {
			to = append(to, other)
		}
	}
	for _, leg := range to {
		job := &job{Action: a}
		if hangup {
			job.do = func(ctx context.Context) error {
				err := leg.execute(ctx, a)
				leg.Hangup(cause)
				return err
			}
		}
		if err := leg.enqueue(false, job); err != nil {
			return err
		}
	}
	return nil
}
