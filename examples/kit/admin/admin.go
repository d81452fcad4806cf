// Package admin is the one HTTP listener that every program has beside its protocols:
//
//	/healthz        200 while the process lives
//	/readyz         200 when it takes work; 503 and the reasons while it doesn't, and while it drains
//	/metrics        counters for Prometheus
//	/trace.pcapng   what happens from now on, as a capture: curl -sN … | wireshark -k -i -
//	/events         the same as server-sent events, a line of JSON each, the last ones first
//
// and whatever the program adds with [Server.Handle].
//
//	srv := admin.New(admin.Config{Addr: *listen, Logger: log})
//	srv.Metrics(func(m *metrics.Writer) { m.Gauge("calls", "Calls now.", float64(calls.Load())) })
//	stack := sip.NewEndpoint(sip.Config{Trace: srv.Trace})
//	err := srv.Run(ctx)
//
// A capture holds what subscribers say, so the listener is for 127.0.0.1 or a management network;
// with a Token everything but /healthz and /readyz wants it. Requests under a host name that was
// not configured are refused, lest a web page elsewhere reads along through a browser here.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/examples/kit/metrics"
	"github.com/gotelco/telco/trace"
	"github.com/gotelco/telco/trace/pcapng"
)

// Config sets up a [Server].
type Config struct {
	// Addr is where to listen. If empty, "127.0.0.1:8080".
	Addr string

	// Hosts are the host names under which the server may be asked, beside localhost and addresses.
	Hosts []string

	// Token, if set, has to come as "Authorization: Bearer TOKEN".
	Token string

	// Capture sets how /trace.pcapng is written.
	Capture pcapng.Config

	// Backlog is how many past events /events starts with. If zero, 500.
	Backlog int

	// Logger gets the server's own troubles. If nil, nothing is logged.
	Logger *slog.Logger
}

// Server is the listener. Its methods may be called by several goroutines.
type Server struct {
	cfg      Config
	mux      *http.ServeMux
	live     *pcapng.Live
	events   *events
	draining atomic.Bool

	mu         sync.Mutex
	collectors []func(*metrics.Writer)
	checks     []check
	paths      []string
	listener   net.Listener
}

type check struct {
	name string
	f    func() error
}

// New returns a Server that does not listen yet.
func New(cfg Config) *Server {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:8080"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), live: pcapng.NewLive(cfg.Capture), events: newEvents(cfg.Backlog)}
	s.handle("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	s.handle("GET /readyz", s.readyz)
	s.handle("GET /metrics", s.metrics)
	s.handle("GET /trace.pcapng", s.capture)
	s.handle("GET /events", s.stream)
	return s
}

// Handle adds a handler; see http.ServeMux for patterns.
func (s *Server) Handle(pattern string, h http.Handler) {
	s.mu.Lock()
	s.paths = append(s.paths, pattern)
	s.mu.Unlock()
	s.mux.Handle(pattern, h)
}

func (s *Server) handle(pattern string, h http.HandlerFunc) { s.Handle(pattern, h) }

// Trace feeds /trace.pcapng and /events. It is a [trace.Func].
func (s *Server) Trace(e trace.Event) {
	s.live.Trace(e)
	s.events.trace(e)
}

// Metrics adds a function that writes its samples whenever /metrics is read.
func (s *Server) Metrics(f func(*metrics.Writer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collectors = append(s.collectors, f)
}

// Check adds a condition of readiness: /readyz answers 503 while f returns an error.
func (s *Server) Check(name string, f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checks = append(s.checks, check{name, f})
}

// Drain makes /readyz answer 503 from now on, so that no new work is sent here.
func (s *Server) Drain() { s.draining.Store(true) }

// Listen opens the listener, and returns its address. Run does it when it was not done before.
func (s *Server) Listen() (net.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		l, err := net.Listen("tcp", s.cfg.Addr)
		if err != nil {
			return nil, fmt.Errorf("admin: %w", err)
		}
		s.listener = l
	}
	return s.listener.Addr(), nil
}

// Run serves until ctx is done, then lets requests end for a second. It returns nil then.
func (s *Server) Run(ctx context.Context) error {
	if _, err := s.Listen(); err != nil {
		return err
	}
	streams, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return streams },
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("admin: %w", err)
	case <-ctx.Done():
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer stop()
	if err := srv.Shutdown(last); err != nil {
		_ = srv.Close() // what is still open has had its second
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// ServeHTTP checks host and token, then serves.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.hostAllowed(r.Host) {
		http.Error(w, "not under this host name", http.StatusMisdirectedRequest)
		return
	}
	if r.URL.Path == "/" && r.Method == http.MethodGet {
		if _, pattern := s.mux.Handler(r); pattern == "" {
			s.index(w)
			return
		}
	}
	if s.cfg.Token != "" && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.cfg.Token))
		if !ok || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "wants the token", http.StatusUnauthorized)
			return
		}
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) hostAllowed(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || slices.Contains(s.cfg.Hosts, host) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func (s *Server) index(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.paths {
		fmt.Fprintln(w, p)
	}
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	var reasons []string
	if s.draining.Load() {
		reasons = append(reasons, "draining")
	}
	s.mu.Lock()
	checks := slices.Clone(s.checks)
	s.mu.Unlock()
	for _, c := range checks {
		if err := c.f(); err != nil {
			reasons = append(reasons, c.name+": "+err.Error())
		}
	}
	if len(reasons) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, strings.Join(reasons, "\n"))
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", metrics.ContentType)
	s.mu.Lock()
	collectors := slices.Clone(s.collectors)
	s.mu.Unlock()
	m := metrics.NewWriter(w)
	process(m)
	for _, f := range collectors {
		f(m)
	}
}

func (s *Server) capture(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="trace.pcapng"`)
	err := s.live.Stream(r.Context(), patient(w))
	if errors.Is(err, pcapng.ErrTooManyReaders) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	} else if err != nil {
		s.cfg.Logger.Debug("a reader of the capture left", "err", err)
	}
}

// patience is how long a reader of a stream may block a write.
const patience = 10 * time.Second

// patientWriter gives each write its own deadline, as a stream has no other.
type patientWriter struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func patient(w http.ResponseWriter) *patientWriter {
	return &patientWriter{w, http.NewResponseController(w)}
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(patience)) // not supported: no deadline then
	return p.w.Write(b)
}

func (p *patientWriter) Flush() { _ = p.c.Flush() }
