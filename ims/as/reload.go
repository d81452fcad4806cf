package as

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// Reload puts another configuration in force for the calls that come from now on; those that run keep theirs. Where it
// is wrong, or changes what cannot change while the server runs, nothing is changed: the error is a [*ConfigError],
// or joins several, and is [ErrFixed] in the latter case.
func (s *Server) Reload(cfg Config) error {
	s.reload.Lock()
	defer s.reload.Unlock()
	if s.ctx.Err() != nil {
		return errClosed
	}
	old := s.settings.Load()
	if err := fixed(&old.Config, &cfg); err != nil {
		return err
	}
	set, err := newSettings(cfg, old)
	if err != nil {
		return err
	}
	s.settings.Store(set)
	s.begin(old, set)
	s.log.Info("as: configuration is in force", "trunks", len(set.trunks), "users", len(set.Phones.Users))
	return nil
}

var errClosed = errors.New("as: the server is closed")

// begin starts what works for settings beside the calls: registrations with trunks, and pings.
func (s *Server) begin(old, set *settings) {
	if s.pings != nil {
		s.pings()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	s.pings = cancel
	for _, t := range set.trunks {
		if t.Ping > 0 {
			s.spawn(func() {
				t.ping(ctx, s.agent.UserAgent(), func(srv *trunkServer, up bool, err error) {
					s.log.Warn("as: server of a trunk", "trunk", t.Name, "server", srv.URI, "up", up, "err", err)
				})
			})
		} else {
			for _, srv := range t.servers { // nobody would ever see that it answers again
				srv.mu.Lock()
				srv.silent = false
				srv.mu.Unlock()
			}
		}
	}
	if old != nil {
		for _, t := range old.trunks {
			if n := set.trunk(t.Name); t.Register.Registrar != "" && (n == nil || n.Register.Registrar == "") {
				s.spawn(func() {
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					defer cancel()
					if err := s.accounts.Remove(ctx, t.Name); err != nil {
						s.log.Warn("as: registration was not taken back", "trunk", t.Name, "err", err)
					}
				})
			}
		}
	}
	for _, t := range set.trunks {
		if t.Register.Registrar == "" {
			continue
		}
		if old != nil {
			if o := old.trunk(t.Name); o != nil && o.Register == t.Register && o.Username == t.Username && o.Password == t.Password {
				continue
			}
		}
		if err := s.accounts.Set(t.Name, t.registration(s.Endpoint())); err != nil {
			s.log.Error("as: no registration with a trunk", "trunk", t.Name, "err", err)
		}
	}
}

// registration is how we register with the trunk.
func (t *trunk) registration(ep *sip.Endpoint) sip.RegisterOptions {
	o := sip.RegisterOptions{Registrar: t.Register.Registrar, Address: t.Register.Address, Expires: t.Register.Expires}
	if u, err := sip.ParseURI(t.Register.Registrar); err == nil && o.Address == "" {
		o.Address = "<sip:" + sip.EscapeUser(t.Username) + "@" + u.Host + ">"
	}
	if t.Username != "" {
		o.Auth = sip.Password("", t.Username, t.Password)
	}
	if t.Username != "" { // so that calls tell which account they are for
		o.Send.Prepare = func(r *sip.Request, f sip.Flow) {
			u := sip.URI{Scheme: "sip", User: sip.EscapeUser(t.Username)}
			u.Host, u.Port = ep.SentBy(f)
			if strings.Contains(u.Host, ":") && u.Host[0] != '[' {
				u.Host = "[" + u.Host + "]"
			}
			if f.Transport != sip.UDP {
				u.Params.Set("transport", f.Transport.Param())
			}
			r.Set("Contact", sip.Address{URI: u}.String())
		}
	}
	if t.Register.Proxy != "" {
		o.Send.NextHop, _ = sip.ParseURI(t.Register.Proxy)
	}
	return o
}
