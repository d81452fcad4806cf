package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call/cdr"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/call/esl"
	"github.com/gotelco/telco/call/httpapi"
	"github.com/gotelco/telco/call/record"
	"github.com/gotelco/telco/call/webhook"
	"github.com/gotelco/telco/examples/kit/admin"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/ims/as"
	"github.com/gotelco/telco/sip"
)

// program is a server with everything around it.
type program struct {
	file  string // of the configuration; empty if there is none
	log   *slog.Logger
	tap   *esl.Log // what the event socket's clients hear of the log
	admin *admin.Server

	server *as.Server
	spool  *record.Spool // nil: none
	cdr    []*cdr.Log
	hooks  *webhook.Hooks

	messages *as.Messages
	jobs     *as.Jobs
	events   *esl.Server // nil: none
	lost     atomic.Uint64

	mu    sync.Mutex
	cfg   Config
	rules *as.Rules
	sos   *as.Emergency
}

// start brings everything up, and listens.
func start(cfg Config, file string, log *slog.Logger) (p *program, err error) {
	if err := cfg.files(); err != nil {
		return nil, err
	}
	tap := esl.NewLog(log.Handler())
	log = slog.New(tap)
	p = &program{file: file, log: log, tap: tap, cfg: cfg, admin: admin.New(admin.Config{Addr: cfg.Admin, Logger: log})}
	begun := p
	defer func() {
		if err != nil {
			begun.close()
		}
	}()
	if r := cfg.Recordings; r.Spool != "" {
		header := http.Header{}
		for k, v := range r.Header {
			header.Set(k, v)
		}
		if p.spool, err = record.Open(record.Config{Dir: r.Spool, URL: r.URL, Method: r.Method, FileField: r.Field, Header: header, Logger: log}); err != nil {
			return nil, fmt.Errorf("recordings.spool: %w", err)
		}
	}
	for i, c := range cfg.CDR {
		c.Logger = log
		l, report, err := cdr.Open(c)
		if err != nil {
			return nil, fmt.Errorf("cdr[%d]: %w", i, err)
		}
		p.cdr = append(p.cdr, l)
		log.Debug("call records", "dir", c.Dir, "report", fmt.Sprintf("%+v", report))
	}
	if p.rules, err = cfg.rules(cfg.names(), log); err != nil {
		return nil, err
	}
	if p.sos, err = cfg.emergency(p); err != nil {
		return nil, err
	}
	if p.server, err = as.New(cfg.server(p, p.rules, p.sos)); err != nil {
		return nil, err
	}
	if p.messages, err = cfg.messages(p, p.server); err != nil {
		return nil, err
	}
	if p.hooks, err = webhook.New(webhook.Config{Client: cfg.Webhook, Logger: log}); err != nil {
		return nil, err
	}
	p.server.Switch().Handle("webhook", p.hooks.App)
	if err := p.listenEvents(); err != nil {
		return nil, err
	}
	for _, l := range cfg.Listen {
		lc, err := l.sip(cfg.TLS)
		if err != nil {
			return nil, err
		}
		if _, err := p.server.Endpoint().Listen(lc); err != nil {
			return nil, err
		}
	}
	p.admin.Handle("POST /v1/messages", httpapi.Guard(cfg.API.Token, p.messages))
	if p.jobs, err = cfg.jobs(p); err != nil {
		return nil, err
	}
	p.admin.Handle("/v1/route", httpapi.Guard(cfg.API.Token, http.HandlerFunc(p.server.ExplainHTTP)))
	p.admin.Handle("/v1/jobs", httpapi.Guard(cfg.API.Token, p.jobs))
	p.admin.Handle("/v1/", httpapi.New(httpapi.Config{Switch: p.server.Switch(), Token: cfg.API.Token, Logger: log}))
	p.admin.Metrics(func(m *metrics.Writer) { p.report(m) })
	p.admin.Check("calls", func() error {
		if p.server.Draining() {
			return errors.New("draining")
		}
		return nil
	})
	return p, nil
}

// listenEvents opens the event socket.
func (p *program) listenEvents() error {
	c := p.cfg.EventSocket
	if c.Listen == "" {
		return nil
	}
	var err error
	p.events, err = esl.New(esl.Config{
		Switch: p.server.Switch(), Password: c.Password, Allow: c.Allow, Logger: p.log, Log: p.tap, Trace: p.admin.Trace,
		Codecs: p.cfg.Codecs, Profiles: p.profiles, Registrations: p.phones,
		Reload:  func(context.Context) error { return p.reload() },
		OnEvent: p.sendMessage,
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	p.log.Info("event socket", "addr", l.Addr().String())
	go func() {
		if err := p.events.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
			p.log.Error("the event socket has ended", "err", err)
		}
	}()
	return nil
}

// sendMessage sends what a client of the event socket asks for (sendevent SEND_MESSAGE), the way that the rules say.
func (p *program) sendMessage(ctx context.Context, e *control.Event) error {
	m, ok := esl.TextMessageOf(e)
	if !ok {
		return nil
	}
	party := func(s string) as.Party {
		if n, err := as.ParseNumber(s); err == nil {
			return as.Party{Number: n}
		}
		if !strings.Contains(s, ":") {
			s = "sip:" + s
		}
		u, err := sip.ParseURI(s)
		if err != nil {
			return as.Party{}
		}
		return as.PartyOf(u, false)
	}
	msg := &as.Message{Calling: party(m.From), Called: party(m.To), ContentType: m.ContentType, Body: []byte(m.Body)}
	if msg.Called.IsZero() {
		return fmt.Errorf("%q is nobody", m.To)
	}
	if m.Subject != "" {
		msg.Header.Add("Subject", strings.Join(strings.Fields(m.Subject), " "))
	}
	go func() { // it may take half a minute, and the client has other things to say
		if _, err := p.messages.Send(context.WithoutCancel(ctx), msg); err != nil {
			p.log.Warn("a message that was asked for has not arrived", "to", m.To, "err", err)
		}
	}()
	return nil
}

// reload reads the file again. Where it is wrong, nothing changes.
func (p *program) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == "" {
		return errors.New("the program was started without a file")
	}
	cfg := defaults()
	if err := config.Load(p.file, &cfg); err != nil {
		return err
	}
	if err := p.cfg.fixed(&cfg); err != nil {
		return err
	}
	rules, err := cfg.rules(cfg.names(), p.log)
	if err != nil {
		return err
	}
	sos, err := cfg.emergency(p)
	if err != nil {
		return err
	}
	if err := p.server.Reload(cfg.server(p, rules, sos)); err != nil {
		rules.Close()
		return err
	}
	p.rules.Close() // calls that ask go on
	go closeAlerts(p.sos, time.Minute)
	p.cfg, p.rules, p.sos = cfg, rules, sos
	p.log.Info("configuration is in force", "file", p.file)
	return nil
}

// drain lets calls end: new ones are refused.
func (p *program) drain(ctx context.Context) {
	p.admin.Drain()
	if n := p.server.Stats().Calls; n > 0 {
		p.log.Info("draining", "calls", n, "for", p.cfg.Drain)
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Drain)
	defer cancel()
	if err := p.server.Drain(ctx); err != nil {
		p.log.Warn("calls are ended", "calls", p.server.Stats().Calls)
	}
}

// close ends what is left, and keeps what was recorded.
func (p *program) close() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if p.jobs != nil {
		now, end := context.WithCancel(ctx)
		end()
		errs = append(errs, p.jobs.Close(now))
	}
	if p.server != nil {
		errs = append(errs, p.server.Close(ctx))
	}
	if p.events != nil {
		errs = append(errs, p.events.Close())
	}
	if p.hooks != nil {
		errs = append(errs, p.hooks.Close())
	}
	if p.messages != nil {
		errs = append(errs, p.messages.Close())
	}
	if p.sos != nil {
		errs = append(errs, closeAlerts(p.sos, time.Second))
	}
	for _, l := range p.cdr {
		errs = append(errs, l.Close())
	}
	if p.spool != nil {
		errs = append(errs, p.spool.Close())
	}
	if p.rules != nil {
		errs = append(errs, p.rules.Close())
	}
	return errors.Join(errs...)
}

// originate makes a call for a job, and waits for its end.
func (p *program) originate(ctx context.Context, args string) error {
	c, err := p.server.Switch().OriginateString(ctx, args)
	if err != nil {
		return err
	}
	select {
	case <-c.Done():
		return nil
	case <-ctx.Done():
		c.Hangup(control.AllottedTimeout)
		return context.Cause(ctx)
	}
}

// send brings a message to one target.
func (p *program) send(ctx context.Context, t as.Target, m *as.Message) (*sip.Response, error) {
	return p.server.Send(ctx, t, m)
}

// closeAlerts gives alerts that are under way some time.
func closeAlerts(e *as.Emergency, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return e.Close(ctx)
}
