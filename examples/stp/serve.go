package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/gotelco/telco/examples/kit/admin"
	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
	"github.com/gotelco/telco/stp"
	"github.com/gotelco/telco/trace"
)

// serve runs a node from a file until it is told to end.
func (p *program) serve(file string) error {
	cfg, err := load(file)
	if err != nil {
		return err
	}
	found := cfg.Check()
	for _, f := range found {
		if f.Kind >= stp.FindingWarning {
			fmt.Fprintln(p.stderr, f)
		}
	}
	if len(stp.Errors(found)) > 0 {
		return exitStatus(1)
	}
	log := p.logs.Logger(p.stderr)
	network, err := carrier(p.carrier, cfg, log)
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	h, err := newHost(cfg, network, p.admin, log)
	if err != nil {
		return err
	}
	go func() {
		for range hup {
			h.reload(p.ctx, file)
		}
	}()
	defer close(hup)
	defer signal.Stop(hup)
	return h.run(p.ctx)
}

// carrier is what takes SCTP to the peers.
func carrier(asked string, cfg *stp.Config, log *slog.Logger) (sctp.Network, error) {
	if asked == "" {
		asked = cfg.WithDefaults().SCTP.Carrier
	}
	missing := kernel.Available()
	switch {
	case asked == "kernel" && missing != nil:
		return nil, missing
	case asked == "kernel", asked == "auto" && missing == nil:
		log.Info("SCTP of the kernel")
		return kernel.Network{}, nil
	case asked == "auto":
		log.Info("SCTP over UDP, as this system's kernel has none: peers need RFC 6951 too", "port", cfg.WithDefaults().SCTP.UDP)
	case asked == "udp":
		log.Info("SCTP over UDP, as asked: peers need RFC 6951 too", "port", cfg.WithDefaults().SCTP.UDP)
	default:
		return nil, &usageError{fmt.Sprintf("-sctp is kernel, udp or auto, not %q", asked)}
	}
	return user.New(user.Config{}), nil
}

// host is a node with what surrounds it: the management listener, captures, the page.
type host struct {
	node *stp.Node
	adm  *admin.Server // nil if there is none
	log  *slog.Logger
	cap  *capture
	hub  *hub
	more atomic.Pointer[trace.Func] // another sink, or nil
}

// also gives what is traced from now on to one more sink.
func (h *host) also(f trace.Func) { h.more.Store(&f) }

func newHost(cfg *stp.Config, network sctp.Network, addr string, log *slog.Logger) (*host, error) {
	full := cfg.WithDefaults()
	if addr == "" {
		addr = full.Management.Listen
	}
	h := &host{log: log, hub: newHub(cfg.Node.Format)}
	var err error
	if h.cap, err = newCapture(full.Capture, cfg.Name(), log); err != nil {
		return nil, err
	}
	sinks := []trace.Func{h.hub.trace, h.cap.trace, func(e trace.Event) {
		if f := h.more.Load(); f != nil {
			(*f)(e)
		}
	}}
	if addr != "off" {
		h.adm = admin.New(admin.Config{Addr: addr, Hosts: cfg.Management.Hosts, Token: cfg.Management.Token, Logger: log})
		sinks = append(sinks, h.adm.Trace)
	}
	if h.node, err = stp.New(cfg, stp.Options{Network: network, Logger: log, Trace: trace.Tee(sinks...)}); err != nil {
		return nil, err
	}
	if h.adm != nil {
		h.adm.Handle("/api/", stp.Handler(h.node))
		h.adm.Handle("GET /trace/{pc}", h.hub)
		h.adm.Handle("GET /{$}", page())
		h.adm.Metrics(func(m *metrics.Writer) {
			if s, err := h.node.Status(context.Background()); err == nil {
				m.Raw(s.AppendMetrics(nil))
			}
		})
		h.adm.Check("node", h.ready)
		a, err := h.adm.Listen()
		if err != nil {
			return nil, err
		}
		log.Info("management", "url", "http://"+a.String())
	}
	return h, nil
}

// ready tells why the node does not take work.
func (h *host) ready() error {
	s, err := h.node.Status(context.Background())
	if err != nil {
		return err
	}
	for _, a := range s.Alarms {
		if a.Severity == stp.Major {
			return errors.New(a.String())
		}
	}
	return nil
}

// run runs everything until ctx is done, or something of it fails.
func (h *host) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func(context.Context) error{h.node.Run, func(ctx context.Context) error { return h.cap.run(ctx, h.node) }}
	if h.adm != nil {
		parts = append(parts, h.adm.Run)
	}
	errs := make(chan error, len(parts))
	for _, run := range parts {
		go func() { errs <- run(ctx) }()
	}
	var all []error
	for range parts {
		all = append(all, <-errs)
		cancel() // the others end too
	}
	return errors.Join(all...)
}

// reload reads the file again and applies what changed. A file that is wrong changes nothing.
func (h *host) reload(ctx context.Context, file string) {
	cfg, err := load(file)
	if err != nil {
		h.log.Error("the configuration stays as it was", "err", err)
		return
	}
	for _, f := range cfg.Check() {
		if f.Kind >= stp.FindingWarning {
			h.log.Warn("configuration", "finding", f.String())
		}
	}
	steps, err := h.node.Apply(ctx, cfg)
	for _, s := range stp.Changes(steps) {
		h.log.Info("applied", "step", s.String())
	}
	if err != nil {
		h.log.Error("applying "+file, "err", err)
		return
	}
	h.log.Info("configuration read again", "file", file, "changes", len(stp.Changes(steps)))
}
