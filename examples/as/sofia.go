package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/gotelco/telco/call/esl"
	"github.com/gotelco/telco/sip"
)

// profiles is what clients of the event socket see as "sofia status": the program as one profile, its trunks as gateways.
func (p *program) profiles() []esl.Profile {
	p.mu.Lock()
	cfg := p.cfg
	p.mu.Unlock()
	st := p.server.Stats()
	profile := esl.Profile{
		Name: "external", Context: "default", Codecs: strings.Join(cfg.Codecs, ","), Calls: st.Calls,
		CallsIn: st.Received, FailedIn: st.Failed + st.Refused,
	}
	if len(cfg.Listen) > 0 {
		profile.URL = "sip:" + cfg.Listen[0].Addr
	}
	for _, t := range st.Trunks {
		g := esl.Gateway{Name: t.Name, State: "NOREG", Down: true}
		for _, s := range t.Servers {
			if g.To == "" {
				g.To = s.URI
			}
			g.Proxy = g.To
			if s.Usable {
				g.Down = false
			} else {
				g.Retry = s.Until
			}
		}
		if i := slices.IndexFunc(cfg.Trunks, func(c Trunk) bool { return c.Name == t.Name }); i >= 0 {
			g.Username, g.Realm = cfg.Trunks[i].Username, cfg.Trunks[i].Domain
		}
		if r := t.Registration; r.Name != "" {
			g.Since = r.Since
			switch r.State {
			case sip.Registered:
				g.State = "REGED"
			case sip.RegistrationFailed:
				g.State, g.Retry = "FAIL_WAIT", r.Next
			case sip.RegistrationRejected:
				g.State = "FAILED"
			default:
				g.State = "TRYING"
			}
		}
		profile.Gateways = append(profile.Gateways, g)
	}
	return []esl.Profile{profile}
}

// phones is what they see as "show registrations".
func (p *program) phones() (out []esl.Registration) {
	p.mu.Lock()
	cfg := p.cfg
	p.mu.Unlock()
	registrar := p.server.Registrar()
	if registrar == nil {
		return nil
	}
	for _, user := range slices.Sorted(maps.Keys(cfg.Phones.Users)) {
		for _, b := range registrar.Lookup(sip.URI{Scheme: "sip", User: user, Host: cfg.Domain}) {
			out = append(out, esl.Registration{
				User: user, Realm: cfg.Domain, CallID: b.CallID, Contact: b.Contact, Expires: b.Expires, Profile: "external",
				Network: b.Flow.Remote.String(), Transport: strings.ToLower(b.Flow.Transport.String()),
			})
		}
	}
	return out
}
