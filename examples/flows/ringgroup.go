package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gotelco/telco/call/control"
)

// RingGroup lets several phones ring at once; whoever answers first has the caller.
type RingGroup struct {
	Phones []string      // endpoints of a dial string, such as sofia/lan/alice@192.0.2.7
	Ring   time.Duration // for so long
	Tone   string        // what the caller hears meanwhile; if empty, what his own phone makes of 180
	// Else is where the caller goes if nobody answers; if empty, he is told why and hung up.
	Else string
}

// App is the flow.
func (g RingGroup) App(ctx context.Context, c *control.Channel, _ string) error {
	dial, err := control.ParseDialString(strings.Join(g.Phones, ","))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"call_timeout":          fmt.Sprint(g.Ring.Seconds()),
		"ignore_early_media":    "true", // of several phones, one that plays something has not answered
		"ringback":              g.Tone,
		"transfer_ringback":     g.Tone,
		"hangup_after_bridge":   "true",
		"continue_on_fail":      fmt.Sprint(g.Else != ""),
		"fail_on_single_reject": "CALL_REJECTED,DECLINE", // one who declines declines for all
	} {
		if err := c.SetVar(name, value); err != nil {
			return err
		}
	}
	phone, err := c.BridgeTo(ctx, dial)
	if phone == nil && g.Else != "" && ctx.Err() == nil {
		return c.Transfer(control.Extension{Number: g.Else})
	}
	return err
}
