package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/examples/kit/admin"
	"github.com/gotelco/telco/examples/kit/config"
	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/ims/hss/httpapi"
	"github.com/gotelco/telco/ims/hss/provision"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
	"github.com/gotelco/telco/trace"
)

// server is the running program.
type server struct {
	cfg   Config
	log   *slog.Logger
	store *hss.JournalStore
	hss   *hss.HSS
	node  *diameter.Node
	adm   *admin.Server
	trail *httpapi.Trail

	auditFile *os.File
	auditLog  *hss.AuditLog
	listeners []io.Closer
	listening []string // for people
	wg        sync.WaitGroup
	failed    chan error
}

// newServer opens the store and everything behind it. more is traced to beside the admin listener, and may be nil.
func newServer(cfg Config, log *slog.Logger, more trace.Func) (_ *server, err error) {
	s := &server{cfg: cfg, log: log, failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	token, err := cfg.token()
	if err != nil {
		return nil, err
	}
	s.adm = admin.New(admin.Config{Addr: cfg.Admin.Addr, Hosts: cfg.Admin.Hosts, Token: token, Logger: log})
	if cfg.Data == "" {
		s.store = hss.NewMemoryStore()
	} else {
		start := time.Now()
		if s.store, err = hss.OpenStore(hss.StoreConfig{Dir: cfg.Data, Logger: log}); err != nil {
			return nil, err
		}
		log.Info("store opened", "dir", cfg.Data, "subscribers", s.store.Len(), "records", s.store.Report().Records, "took", time.Since(start).Round(time.Millisecond).String())
	}
	if err := s.openAudit(); err != nil {
		return nil, err
	}
	traces := s.adm.Trace
	if more != nil {
		traces = trace.Tee(s.adm.Trace, more)
	}
	hc := cfg.hss()
	hc.Store, hc.Audit, hc.Logger, hc.Trace = s.store, s.trail.Event, log, traces
	if s.hss, err = hss.New(hc); err != nil {
		return nil, err
	}
	if err := s.load(cfg.Subscribers); err != nil {
		return nil, err
	}
	certs, err := newCertificates(cfg.TLS)
	if err != nil {
		return nil, err
	}
	dc := cfg.node(certs)
	dc.Applications, dc.Services, dc.Logger, dc.Trace = s.hss.Applications(), s.hss.Services(), log, traces
	for _, p := range cfg.Peers {
		if strings.EqualFold(p.Transport, "sctp") && len(p.Connect) > 0 {
			dc.SCTP = s.sctpNetwork()
		}
	}
	if s.node, err = diameter.New(dc); err != nil {
		return nil, err
	}
	s.hss.Attach(s.node)
	for _, l := range cfg.Listen {
		if err := s.listen(l, dc.TLS); err != nil {
			return nil, err
		}
	}
	s.adm.Handle("/v1/", httpapi.New(httpapi.Config{HSS: s.hss, Store: s.store, Token: token, Audit: s.trail, Logger: log}))
	s.page()
	s.adm.Metrics(s.metrics)
	s.adm.Check("audit log", s.auditLogErr)
	at, err := s.adm.Listen()
	if err != nil {
		return nil, err
	}
	log.Info("listening", "transport", "http", "addr", at.String())
	return s, nil
}

// openAudit opens the audit log, and takes what a reader may still want of it.
func (s *server) openAudit() error {
	var next func(hss.AuditEvent)
	if s.cfg.Audit != "" {
		f, err := os.OpenFile(s.cfg.Audit, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		s.auditFile, s.auditLog = f, hss.NewAuditLog(f)
		next = s.auditLog.Event
	}
	s.trail = httpapi.NewTrail(0, next)
	if s.auditFile == nil {
		return nil
	}
	const most = 8 << 20
	size, err := s.auditFile.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	n, err := s.trail.Load(io.NewSectionReader(s.auditFile, max(size-most, 0), most))
	s.log.Info("audit log opened", "file", s.cfg.Audit, "events", n)
	if last := make([]byte, 1); err == nil && size > 0 { // a line that a crash tore must not take the next one with it
		if _, err = s.auditFile.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			_, err = s.auditFile.WriteString("\n")
		}
	}
	return err
}

func (s *server) auditLogErr() error {
	if s.auditLog == nil {
		return nil
	}
	return s.auditLog.Err()
}

// load reads files of subscribers and stores what has changed, or nothing if anything is wrong. Subscribers that are not in them stay.
func (s *server) load(files []string) error {
	if len(files) == 0 {
		return nil
	}
	batch, err := provision.Read(provision.Options{ReadFile: os.ReadFile}, files...)
	if err != nil {
		return err
	}
	for _, n := range batch.Notes {
		s.log.Warn("subscribers: " + n.String())
	}
	plan, err := applyBatch(s.hss.As("files"), batch, false)
	if err != nil {
		return err
	}
	s.log.Info("subscribers read", "files", len(files), "created", plan.Created, "updated", plan.Updated, "unchanged", plan.Unchanged)
	return nil
}

// applyBatch stores what a batch changes, unless it is a dry run. What is wrong is told with its place in the files.
func applyBatch(a hss.Admin, batch *provision.Batch, dry bool) (*httpapi.Plan, error) {
	b := &httpapi.Batch{SharedIFCSets: batch.SharedIFCSets, ServiceProfiles: batch.ServiceProfiles, Subscribers: batch.Subscribers}
	plan, err := httpapi.Check(a, b)
	if err != nil {
		return nil, located(batch, err)
	}
	if dry {
		return plan, nil
	}
	_, err = httpapi.Apply(a, b, plan)
	return plan, err
}

// located says of each error where in the files its cause stands.
func located(batch *provision.Batch, err error) error {
	var p *httpapi.Problem
	if !errors.As(err, &p) || len(p.Errors) == 0 {
		return err
	}
	var all []error
	for _, f := range p.Errors {
		file, line, column := batch.Locate(f.Field)
		all = append(all, &provision.Error{File: file, Line: line, Column: column, Path: f.Field, Message: f.Reason})
	}
	return errors.Join(all...)
}

// sctpNetwork is the kernel's SCTP, or our own over UDP.
func (s *server) sctpNetwork() sctp.Network {
	if err := kernel.Available(); err != nil {
		s.log.Warn("the kernel has no SCTP: it goes over UDP (RFC 6951), which peers have to know", "err", err)
		return user.New(user.Config{})
	}
	return kernel.Network{}
}

// listen opens a listener and serves it.
func (s *server) listen(l Listen, certs *tls.Config) error {
	transport := transports[strings.ToLower(l.Transport)]
	serve := func(c io.Closer, at string, f func() error) {
		s.listeners = append(s.listeners, c)
		s.listening = append(s.listening, strings.ToLower(l.Transport)+" "+at)
		s.log.Info("listening", "transport", strings.ToLower(l.Transport), "addr", at)
		s.wg.Go(func() {
			if err := f(); err != nil && !errors.Is(err, net.ErrClosed) {
				s.failed <- fmt.Errorf("%s: %w", at, err)
			}
		})
	}
	if transport == diameter.SCTP {
		addr, err := sctp.ParseAddr(l.Addr)
		if err != nil {
			return err
		}
		x, err := s.sctpNetwork().Listen(context.Background(), addr, sctp.Config{})
		if err != nil {
			return err
		}
		serve(x, x.Addr().String(), func() error { return s.node.ServeSCTP(x) })
		return nil
	}
	x, err := net.Listen("tcp", l.Addr)
	if err != nil {
		return err
	}
	at := x.Addr().String()
	if transport == diameter.TLS {
		x = tls.NewListener(x, certs)
	}
	serve(x, at, func() error { return s.node.Serve(x) })
	return nil
}

// run serves until ctx is done, reads subscribers again whenever reload says so, and then ends in good order.
func (s *server) run(ctx context.Context, reload <-chan os.Signal, read func() (Config, error)) error {
	defer s.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.adm.Run(ctx) }()
	for {
		select {
		case err := <-done:
			if err == nil {
				s.log.Info("ending")
			}
			return err
		case err := <-s.failed:
			cancel()
			<-done
			return err
		case <-reload:
			s.reload(read)
		}
	}
}

// reload reads the configuration and the files of subscribers again. If anything is wrong nothing changes.
func (s *server) reload(read func() (Config, error)) {
	cfg, err := read()
	if err == nil {
		err = s.load(cfg.Subscribers)
	}
	if err != nil {
		s.log.Error("nothing was reloaded", "err", err)
		return
	}
	s.cfg.Subscribers = cfg.Subscribers
	if !reflect.DeepEqual(cfg, s.cfg) {
		s.log.Warn("other changes of the configuration take effect at the next start")
	}
}

// close ends what newServer began, as far as it came.
func (s *server) close() {
	for _, l := range s.listeners {
		_ = l.Close() // nobody is told of more than that it has ended
	}
	s.listeners = nil
	if s.node != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if err := s.node.Shutdown(ctx, diameter.DisconnectCauseRebooting); err != nil {
			s.log.Debug("peers did not answer our DPR", "err", err)
		}
		cancel()
	}
	s.wg.Wait()
	if s.hss != nil {
		if err := s.hss.Close(); err != nil {
			s.log.Error("ending", "err", err)
		}
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("closing the store", "err", err)
		}
	}
	if s.auditFile != nil {
		if err := s.auditFile.Close(); err != nil {
			s.log.Error("closing the audit log", "err", err)
		}
	}
}

// serve runs the program with a configuration.
func serve(ctx context.Context, cfg Config, log *slog.Logger, reload <-chan os.Signal, read func() (Config, error)) error {
	s, err := newServer(cfg, log, nil)
	if err != nil {
		return err
	}
	return s.run(ctx, reload, read)
}

// loadConfig reads a configuration over the defaults.
func loadConfig(file string) (Config, error) {
	cfg := defaults()
	if file == "" {
		return cfg, nil
	}
	err := config.Load(file, &cfg)
	return cfg, err
}

// metrics writes the counters.
func (s *server) metrics(m *metrics.Writer) {
	h, n := s.hss.Stats(), s.node.Stats()
	m.Gauge("hss_subscribers", "Subscribers.", float64(h.Subscribers))
	for _, command := range sortedKeys(h.Answers) {
		for _, result := range sortedKeys(h.Answers[command]) {
			m.Counter("hss_answers_total", "Answers by command and result.", float64(h.Answers[command][result]), "command", command, "result", result)
		}
	}
	m.Counter("hss_vectors_total", "Authentication vectors given out.", float64(h.Vectors))
	m.Counter("hss_resynchronisations_total", "AUTS that came.", float64(h.Resynchronised), "result", "right")
	m.Counter("hss_resynchronisations_total", "AUTS that came.", float64(h.ResyncFailed), "result", "wrong")
	m.Gauge("hss_pushes_owed", "Requests to other nodes without an answer yet.", float64(h.PushesOwed))
	m.Counter("hss_pushes_total", "Requests to other nodes.", float64(h.PushesDone), "result", "answered")
	m.Counter("hss_pushes_total", "Requests to other nodes.", float64(h.PushesRetried), "result", "retried")
	m.Counter("hss_pushes_total", "Requests to other nodes.", float64(h.PushesGivenUp), "result", "given up")
	m.Gauge("hss_authentications_pending", "Users with an authentication under way.", float64(h.AuthPendingUsers))
	for _, p := range n.Peers {
		open := 0.0
		if p.Usable {
			open = 1
		}
		m.Gauge("diameter_peer_open", "1 while requests may go to the peer.", open, "peer", p.Host)
	}
	for _, p := range n.Peers {
		m.Counter("diameter_requests_received_total", "Requests by peer.", float64(p.RequestsReceived), "peer", p.Host)
	}
	for _, p := range n.Peers {
		m.Counter("diameter_malformed_total", "Messages with errors.", float64(p.Malformed), "peer", p.Host)
	}
	m.Counter("diameter_refused_total", "Connections and capabilities exchanges refused.", float64(n.Refused))
}
