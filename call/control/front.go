package control

import (
	"context"
	"strings"
)

// What front ends ask of a switch besides.

// Hostname returns the name of the machine, as events have it.
func (s *Switch) Hostname() string { return s.cfg.Hostname }

// MaxChannels returns how many channels there may be.
func (s *Switch) MaxChannels() int { return s.cfg.MaxChannels }

// Paused reports whether [Switch.Pause] is on.
func (s *Switch) Paused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

// Expand replaces ${name} and $${name} by global variables.
func (s *Switch) Expand(text string) string { return expand(text, s.Global) }

// RunAction executes an application at once, on the goroutine that calls it, beside what the channel does: for
// applications that take no time, such as set. See [Channel.ExecuteAction] for others.
func (c *Channel) RunAction(ctx context.Context, a Action) error { return c.execute(ctx, a) }

// Press has the channel take keys as if its peer had pressed them: 0 to 9, *, # and A to D; others are left out.
func (c *Channel) Press(keys string) {
	for _, k := range strings.ToUpper(keys) {
		if strings.ContainsRune("0123456789*#ABCD", k) {
			c.key(byte(k))
		}
	}
}
