package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
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

// Expand replaces ${name} and $${name} by global variables, and ${name(args)} as [Channel.Expand] does.
func (s *Switch) Expand(text string) string {
	return expand(text, expansion{s.Global, func(name, args string) string { return s.function(s.ctx, name, args) }})
}

// functions are those of Config.Functions by default.
var functions = strings.Fields(`cond create_uuid echo global_getvar hostname md5 module_exists regex sofia_contact strftime switchname
tolower toupper uptime url_decode url_encode uuid_exists uuid_getvar version`)

// function is what an API command says in a text that is expanded.
func (s *Switch) function(ctx context.Context, name, args string) string {
	s.mu.Lock()
	api := s.api
	s.mu.Unlock()
	if api == nil || !slices.Contains(s.cfg.Functions, strings.ToLower(name)) {
		s.log.Warn("control: no such function", "name", name)
		return "-ERR no such function"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	text, err := api(ctx, name+" "+args)
	if err != nil {
		s.log.Warn("control: function failed", "name", name, "err", err)
		return "-ERR " + err.Error()
	}
	return strings.TrimRight(text, "\r\n")
}

// RunAction executes an application at once, on the goroutine that calls it, beside what the channel does: for
// applications that take no time, such as set. See [Channel.ExecuteAction] for others.
func (c *Channel) RunAction(ctx context.Context, a Action) error { return c.execute(ctx, a) }

// Send sends an INFO or a MESSAGE within the call, and waits for its answer.
func (c *Channel) Send(ctx context.Context, method sip.Method, contentType string, body []byte) error {
	in := c.Call()
	if in == nil || in.Dialog() == nil {
		return errors.New("control: the call is not answered")
	}
	if method != sip.INFO && method != sip.MESSAGE {
		return fmt.Errorf("control: %s is not sent within calls", method)
	}
	_, err := in.Dialog().Do(ctx, method, sip.RequestOptions{Body: body, ContentType: cmp.Or(clean(contentType), "text/plain")})
	return err
}

// Press has the channel take keys as if its peer had pressed them: 0 to 9, *, # and A to D; others are left out.
func (c *Channel) Press(keys string) {
	for _, k := range strings.ToUpper(keys) {
		if strings.ContainsRune("0123456789*#ABCD", k) {
			c.key(byte(k))
		}
	}
}
