package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// codecs are those that a configuration may name. The two of AMR stand for both forms of its payload.
var codecs = map[string][]call.Codec{
	"PCMA": {call.PCMA}, "PCMU": {call.PCMU}, "AMR": call.AMRNB(), "AMR-WB": call.AMRWB(),
}

var srtp = map[string]call.SRTP{"": call.SRTPOff, "off": call.SRTPOff, "optional": call.SRTPOptional, "required": call.SRTPRequired}

// sip returns the listener's configuration.
func (l Listen) sip(t TLS) (sip.ListenConfig, error) {
	lc := sip.ListenConfig{Addr: l.Addr, Advertise: l.Advertise}
	switch strings.ToLower(l.Transport) {
	case "udp":
		lc.Transport = sip.UDP
	case "tcp":
		lc.Transport = sip.TCP
	case "tls":
		lc.Transport = sip.TLS
		files, err := sip.NewCertificateFiles(t.Cert, t.Key)
		if err != nil {
			return lc, err
		}
		lc.TLS = &tls.Config{GetCertificate: files.GetCertificate}
	}
	return lc, nil
}

// rules are the routing of a configuration.
func (c *Config) rules(names []string, log *slog.Logger) (*as.Rules, error) {
	return as.NewRules(as.RulesConfig{Rules: c.Rules, ENUM: c.ENUM, Ask: c.Ask, Default: c.Default, Zone: c.Zone, Trunks: names, Logger: log})
}

// names are what rules may name as trunks: trunks and phones.
func (c *Config) names() []string {
	names := []string{}
	for _, t := range c.Trunks {
		names = append(names, t.Name)
	}
	return append(names, slices.Sorted(maps.Keys(c.Phones.Users))...)
}

// emergency knows emergency calls. p may be nil, for a look at whether it fits.
func (c *Config) emergency(p *program) (*as.Emergency, error) {
	e := c.Emergency
	e.Send = p.send
	if p != nil {
		e.Logger = p.log
	}
	return as.NewEmergency(e)
}

// messages brings messages to phones and web servers.
func (c *Config) messages(p *program, r as.Router) (*as.Messages, error) {
	m := c.Messages
	m.Router, m.Send = r, p.send
	if p != nil {
		m.Logger = p.log
	}
	return as.NewMessages(m)
}

// jobs are done from when it returns.
func (c *Config) jobs(p *program) (*as.Jobs, error) {
	j := as.JobsConfig{Jobs: c.Jobs.List, Zone: c.Zone, Dir: c.Jobs.Dir, Originate: p.originate}
	j.Send = func(ctx context.Context, m *as.Message) (as.MessageResult, error) { return p.messages.Send(ctx, m) }
	if p != nil {
		j.Logger = p.log
	}
	return as.NewJobs(j)
}

// server is the part of a configuration that is the library's. p may be nil, for a look at whether it fits.
func (c *Config) server(p *program, rules *as.Rules, emergency *as.Emergency) as.Config {
	cfg := as.Config{
		Domain: c.Domain,
		IMS: as.IMS{
			Peers: c.IMS.Peers, Routes: c.IMS.Routes, OrigRoutes: c.IMS.OrigRoutes, Domain: c.IMS.Domain, Border: c.IMS.Border, Case: c.IMS.Case, RegState: c.IMS.RegState,
			RecordRoute: c.IMS.RecordRoute, RegEvent: c.IMS.RegEvent, OrigIOI: c.IMS.OrigIOI, TermIOI: c.IMS.TermIOI,
		},
		Router: &router{decided: c.Default.Action != 0, rules: rules, users: c.Phones.Users, byNumber: byNumber(c.Phones.Numbers)}, RouteTimeout: c.Limits.RouteTime, RingTimeout: c.Limits.RingTime,
		Announcements: as.Announcements{Causes: c.Announcements.Causes, Answer: c.Announcements.Answer, Max: c.Announcements.Max},
		Recording:     c.Recordings.Name, MaxCalls: c.Limits.Calls, MaxDuration: c.Limits.Duration,
		MediaTimeout: c.Media.Timeout, HoldTimeout: c.Media.HoldTimeout, Emergency: emergency, Redirect: c.Redirect, MaxDiversions: c.MaxDiversions,
	}
	if len(c.Phones.Users) > 0 {
		cfg.Phones = as.Phones{Domain: c.Domain, Users: c.Phones.Users, Border: c.Phones.Border, Numbers: c.Phones.Numbers, Redirect: c.Phones.Redirect, EmergencyPassword: c.Phones.EmergencyPassword}
		for _, name := range c.Phones.Digest {
			cfg.Phones.Algorithms = append(cfg.Phones.Algorithms, sip.DigestAlgorithm(name))
		}
	}
	for _, t := range c.Trunks {
		cfg.Trunks = append(cfg.Trunks, t.trunk())
	}
	for _, name := range c.Codecs {
		cfg.Call.Codecs = append(cfg.Call.Codecs, codecs[name]...)
	}
	cfg.Call.Address, cfg.Call.Advertise = c.Media.Address, c.Media.Advertise
	cfg.Call.Ports = [2]uint16{c.Media.FirstPort, c.Media.LastPort}
	cfg.Call.SRTP, cfg.Call.DSCP, cfg.Call.DTX = srtp[c.Media.SRTP], c.Media.DSCP, c.Media.DTX
	cfg.Call.Admission = call.Admission{MaxLate: c.Limits.Late, MaxBusy: c.Limits.Busy, MaxCPU: c.Limits.CPU}
	cfg.Call.SIP.Address = "<sip:" + c.Domain + ">"
	cfg.Call.SIP.Endpoint = sip.Config{UserAgent: "telco-as"}
	cfg.Control = control.Config{Globals: c.Variables}
	if p != nil {
		cfg.Control.Sounds, cfg.Control.Recordings = c.Sounds, c.Recordings.Dir
		cfg.Call.Interface, cfg.Call.Logger, cfg.Call.Trace = "as", p.log, p.admin.Trace
		cfg.Call.SIP.Endpoint.Logger, cfg.Call.SIP.Endpoint.Trace = p.log, p.admin.Trace
		cfg.Control.Logger, cfg.Control.Spool = p.log, p.spool
		cfg.OnCall, cfg.OnEnd, cfg.OnRequest = p.began, p.ended, func(ctx context.Context, r *as.Request, f *sip.Forwarding) bool {
			return p.messages.OnRequest(ctx, r, f)
		}
	}
	return cfg
}

func (t Trunk) trunk() as.Trunk {
	out := as.Trunk{
		Name: t.Name, Sources: t.Sources, Trust: t.Trust, Domain: t.Domain, Border: t.Border, CalledInTo: t.CalledInTo, Identity: t.Identity, From: t.From,
		Username: t.Username, Password: t.Password, TargetTimeout: t.TargetTimeout, RingTimeout: t.RingTime, NextOn: t.NextOn, CoolDown: t.CoolDown,
		Ping: t.Ping, MaxCalls: t.MaxCalls, Codecs: t.Codecs, Transfer: t.Transfer, Diversion: t.Diversion, Redirect: t.Redirect,
		Preconditions: t.Preconditions,
		Register:      as.TrunkRegister{Registrar: t.Register.Registrar, Address: t.Register.Address, Expires: t.Register.Expires, Proxy: t.Register.Proxy},
	}
	for _, s := range t.Servers {
		out.Servers = append(out.Servers, as.TrunkServer{URI: s.URI, Priority: s.Priority, Weight: s.Weight})
	}
	for _, h := range t.Headers {
		out.Headers = append(out.Headers, as.HeaderRule{Name: h.Name, Value: h.Value, Add: h.Add})
	}
	return out
}

func byNumber(numbers map[string]string) map[string]string {
	out := map[string]string{}
	for user, number := range numbers {
		out[number] = user
	}
	return out
}

// router tries the rules. What no rule decides goes on its way, if it is from the IMS core, else to the phone of that name
// or number, if there is one.
type router struct {
	decided  bool // the file has a default of its own
	rules    *as.Rules
	users    map[string]string
	byNumber map[string]string
}

// Route is as.Router's.
func (r *router) Route(ctx context.Context, req *as.Request) (as.Decision, error) {
	d, err := r.rules.Route(ctx, req)
	return r.rest(req, d), err
}

// Explain is as.Explainer's.
func (r *router) Explain(ctx context.Context, req *as.Request) (as.Decision, []as.Tried, error) {
	d, tried, err := r.rules.Explain(ctx, req)
	return r.rest(req, d), tried, err
}

// rest decides where no rule does.
func (r *router) rest(req *as.Request, d as.Decision) as.Decision {
	if d.Rule != "" {
		return d
	}
	if req.Side == as.SideIMS && !r.decided { // no business of ours
		return as.Decision{Action: as.Proxy, Calling: d.Calling, Called: d.Called, Rule: "ims"}
	}
	if user := r.phone(d.Called); user != "" {
		return as.Decision{Action: as.Bridge, Targets: []as.Target{{Trunk: user}}, Calling: d.Calling, Called: d.Called, Rule: "phones"}
	}
	return d
}

// phone is the user that is called, empty if it is none.
func (r *router) phone(called as.Party) string {
	if user := r.byNumber[called.Number.String()]; user != "" && !called.Number.IsZero() {
		return user
	}
	name := called.Number.String() // a user may be named by digits
	if called.Number.IsZero() {
		u, err := sip.ParseURI(called.URI)
		if err != nil {
			return ""
		}
		name = u.User
	}
	if _, ok := r.users[name]; ok {
		return name
	}
	return ""
}

// closeNow ends a server that has had no calls.
func closeNow(s *as.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.Close(ctx)
}
