package sip

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// UserAgent makes and takes calls over an [Endpoint]: the transaction user of RFC 3261 sections 8 and
// 12 to 15. Its methods may be called by any goroutine.
type UserAgent struct {
	cfg    UserAgentConfig
	ep     *Endpoint
	digest *DigestClient // nil without Auth
	proxy  *Proxy        // nil without Proxy
	from   Address
	timers Timers
	stats  userAgentStats

	allow, supported string // as values of their fields
	reliable, timer  bool   // 100rel and timer are supported

	mu      sync.Mutex
	routes  []string
	dialogs map[dialogKey]*Dialog
	closed  bool
	regs    map[*Registration]struct{}
	// by Call-ID and local tag: where the first NOTIFY looks
	subscriptions map[dialogKey]*Subscription
}

// NewUserAgent returns an agent that listens nowhere yet: call [Endpoint.Listen] on its Endpoint.
// It fails where Address, Contact or Routes cannot be parsed. Close it after use.
func NewUserAgent(cfg UserAgentConfig) (*UserAgent, error) {
	if cfg.Address == "" {
		cfg.Address = `"Anonymous" <sip:anonymous@anonymous.invalid>`
	}
	ua := &UserAgent{dialogs: map[dialogKey]*Dialog{}, regs: map[*Registration]struct{}{}, subscriptions: map[dialogKey]*Subscription{}}
	var err error
	if ua.from, err = ParseAddress(cfg.Address); err != nil {
		return nil, err
	}
	ua.from.Params.Del("tag")
	if cfg.Contact != "" {
		if _, err := ParseAddress(cfg.Contact); err != nil {
			return nil, err
		}
	}
	if err := checkRoutes(cfg.Routes); err != nil {
		return nil, err
	}
	num := func(d *int, v int) {
		if *d <= 0 {
			*d = v
		}
	}
	num(&cfg.MaxDialogs, 100_000)
	num(&cfg.MaxForks, 32)
	num(&cfg.MaxPending, 32)
	if err := cfg.Session.fill(); err != nil {
		return nil, err
	}
	if cfg.Session.Expires > 0 && !hasFold(cfg.Supported, "timer") {
		cfg.Supported = append(slices.Clip(cfg.Supported), "timer")
	}
	cfg.Events.fill()
	if cfg.Allow == nil {
		cfg.Allow = []Method{INVITE, ACK, CANCEL, BYE, OPTIONS}
		if hasFold(cfg.Supported, "100rel") {
			cfg.Allow = append(cfg.Allow, PRACK)
		}
		if cfg.OnRequest != nil {
			cfg.Allow = append(cfg.Allow, UPDATE, INFO)
		} else if hasFold(cfg.Supported, "timer") {
			cfg.Allow = append(cfg.Allow, UPDATE)
		}
		if cfg.OnSubscribe != nil {
			cfg.Allow = append(cfg.Allow, SUBSCRIBE)
		}
	}
	if cfg.Auth != nil {
		ua.digest = NewDigestClient(DigestClientConfig{Answerer: cfg.Auth})
	}
	if cfg.Proxy.OnRequest != nil {
		cfg.Proxy.Endpoint = cfg.Endpoint
		if ua.proxy, err = newProxy(cfg.Proxy); err != nil {
			return nil, err
		}
	}
	cfg.Endpoint.Handler, cfg.Endpoint.Inline, cfg.Endpoint.Proxy = HandlerFunc(ua.serve), true, ua.proxy != nil
	names := make([]string, len(cfg.Allow))
	for i, m := range cfg.Allow {
		names[i] = string(m)
	}
	ua.allow, ua.supported = strings.Join(names, ", "), strings.Join(cfg.Supported, ", ")
	ua.reliable, ua.timer = hasFold(cfg.Supported, "100rel"), hasFold(cfg.Supported, "timer")
	ua.cfg, ua.routes = cfg, slices.Clone(cfg.Routes)
	ua.timers = cfg.Endpoint.Timers.filled()
	ua.ep = NewEndpoint(cfg.Endpoint)
	if ua.proxy != nil {
		ua.proxy.ep, ua.proxy.ua = ua.ep, ua
	}
	return ua, nil
}

// SetRoutes replaces the Routes of the configuration for the requests from now on, such as by the
// Service-Route of a registration (RFC 3608). Registrations and dialogs that exist keep theirs.
func (ua *UserAgent) SetRoutes(routes []string) error {
	if err := checkRoutes(routes); err != nil {
		return err
	}
	ua.mu.Lock()
	ua.routes = slices.Clone(routes)
	ua.mu.Unlock()
	return nil
}

// Endpoint returns the endpoint below, to listen and for its Stats.
func (ua *UserAgent) Endpoint() *Endpoint { return ua.ep }

// Close ends every dialog and registration here, without telling the peers, and closes the endpoint.
// Blocked calls return an error that is net.ErrClosed. To leave in good order, end the calls with
// [Dialog.Bye] and registrations with [Registration.Close] before.
func (ua *UserAgent) Close() error {
	ua.mu.Lock()
	ua.closed = true
	dialogs := make([]*Dialog, 0, len(ua.dialogs))
	for _, d := range ua.dialogs {
		dialogs = append(dialogs, d)
	}
	for r := range ua.regs {
		r.stop(errClosed)
	}
	subscriptions := slices.Collect(maps.Values(ua.subscriptions))
	ua.mu.Unlock()
	for _, s := range subscriptions {
		s.end(errClosed)
	}
	for _, d := range dialogs {
		d.end(errClosed)
	}
	return ua.ep.Close()
}

// add puts a dialog into the table.
func (ua *UserAgent) add(d *Dialog) error {
	ua.mu.Lock()
	defer ua.mu.Unlock()
	switch {
	case ua.closed:
		return errClosed
	case len(ua.dialogs) >= ua.cfg.MaxDialogs:
		return ErrLimit
	}
	ua.dialogs[d.state.key()] = d
	if !d.state.Confirmed {
		ua.tell(d.id, "early", nil)
	}
	return nil
}

func (ua *UserAgent) remove(d *Dialog) {
	ua.mu.Lock()
	if k := d.id; ua.dialogs[k] == d {
		delete(ua.dialogs, k)
	}
	ua.mu.Unlock()
}

// tell reports a change of a dialog's state to the log and the trace. cause may be nil.
func (ua *UserAgent) tell(id dialogKey, state string, cause error) {
	if log := ua.ep.cfg.Logger; log.Enabled(context.Background(), slog.LevelInfo) {
		log.Info("dialog", "state", state, "call_id", id.callID, "local_tag", id.localTag, "remote_tag", id.remoteTag, "cause", cause)
	}
	if ua.ep.cfg.Trace == nil {
		return
	}
	comment := "dialog " + state
	if cause != nil {
		comment += ": " + strings.TrimPrefix(cause.Error(), "sip: ")
	}
	ua.ep.traceState(time.Now(), Flow{}, id.callID, comment)
}

// Restore goes on with a dialog from its state: one that this or another agent had. Its Context is
// new, and OnRequest of the configuration receives its requests. A confirmed dialog is needed. It
// fails with [ErrLimit], or where the state cannot be a dialog's.
func (ua *UserAgent) Restore(state DialogState) (*Dialog, error) {
	if err := state.check(); err != nil {
		return nil, err
	}
	if !state.Confirmed {
		return nil, errors.New("sip: only a confirmed dialog can be restored")
	}
	d := newDialog(ua, state.Clone())
	if err := ua.add(d); err != nil {
		return nil, err
	}
	return d, nil
}

// isClosed tells errors of our own closing.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// sleep waits for d, or for the end of ctx or of the dialog.
func sleep(ctx, dialog context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-dialog.Done():
		return context.Cause(dialog)
	}
}
