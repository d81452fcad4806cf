package esl

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/trace"
)

// DefaultAddr is where FreeSWITCH's event socket listens.
const DefaultAddr = "127.0.0.1:8021"

// Config configures a [Server]. Switch must be set, and Password for clients that connect.
type Config struct {
	Switch *control.Switch

	// Password is what clients have to say. Without one nobody can log in.
	Password string
	// Allow are the networks that clients may connect from. If nil, loopback.
	Allow []netip.Prefix
	// Tries is how many wrong passwords an address has within Window; then it is refused until Window is over. If
	// zero, 10 and one minute.
	Tries  int
	Window time.Duration
	// FailDelay is how late a wrong password is answered. If zero, 1 s.
	FailDelay time.Duration
	// AuthTimeout is for the password, and for the first command in outbound mode. If zero, 25 s.
	AuthTimeout time.Duration

	// MaxClients bounds the connections that are logged in, and MaxStrangers those that are not yet. If zero, 100
	// and 20. Outbound connections are bounded by the channels.
	MaxClients, MaxStrangers int
	// MaxHeader and MaxBody bound a command, in octets. If zero, 64 KiB and 1 MiB.
	MaxHeader, MaxBody int
	// Queue is how many events may wait for a client to take them. What is beyond is lost and counted, and a client
	// that loses more than MaxLost in a row is cut. If zero, 10,000 and 500.
	Queue, MaxLost int
	// WriteTimeout is how long a client may not read before it is cut. If zero, 10 s.
	WriteTimeout time.Duration
	// MaxJobs bounds the bgapi commands (and keys being sent) at a time, and MaxTasks what is scheduled. If zero, 1000 each.
	MaxJobs, MaxTasks int
	// MaxLinger bounds how long a client lingers after the end of its channel. If zero, one hour.
	MaxLinger time.Duration
	// DialTimeout is for a connection in outbound mode. If zero, 5 s.
	DialTimeout time.Duration
	// Dial makes connections in outbound mode. If nil, by TCP. It may refuse addresses.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// OnEvent sees the events that clients send (sendevent) before everybody does: to carry out those that ask for
	// something, such as SEND_MESSAGE. An error refuses the event. If nil, they are only passed on.
	OnEvent func(context.Context, *control.Event) error
	// Commands are API commands, besides and before those of the package.
	Commands map[string]CommandFunc
	// Deny are API commands that clients must not use, nor channels by their variables: clients set those.
	Deny []string
	// Version is what the command version tells. FreeSWITCH's clients take the first number for a version. If empty,
	// "telco".
	Version string
	// Reload is what reloadxml does. If nil, it is refused.
	Reload func(context.Context) error
	// Codecs are what "show codec" shows.
	Codecs []string
	// Profiles are what "sofia status" shows. If nil, none.
	Profiles func() []Profile
	// Registrations are what "show registrations" shows. If nil, none.
	Registrations func() []Registration

	// Log is what the command log listens to. If nil, there is nothing to hear.
	Log    *Log
	Logger *slog.Logger // if nil, nothing is logged
	Trace  trace.Func   // if nil, not called
}

// A CommandFunc carries out an API command. What it returns is sent as it is; mostly it begins with "+OK" or
// "-ERR" and ends with a line break. ctx is done when the server is closed.
type CommandFunc func(ctx context.Context, args string) string

// A Server lets clients control a switch. Its methods may be called by any goroutine.
type Server struct {
	cfg     Config
	sw      *control.Switch
	log     *slog.Logger
	guard   *guard
	ctx     context.Context
	cancel  context.CancelFunc
	unwatch func()
	deny    map[string]bool
	work    sync.WaitGroup
	sched   scheduler
	locks   locks

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]bool
	clients   map[*client]bool
	strangers int
	welcomed  int
	jobs      int

	watching                                        atomic.Pointer[[]*client]
	accepted, refused, lost, commands, outboundConn atomic.Uint64
}

// Stats is a snapshot of a [Server].
type Stats struct {
	Clients  int    // that are connected, in either mode
	Accepted uint64 // connections
	Refused  uint64 // connections and passwords
	Outbound uint64 // connections made by channels
	Commands uint64
	Lost     uint64 // events that clients were too slow for
	Jobs     int    // bgapi commands that run, and keys that are being sent
}

// New returns a Server and makes it the application "socket" of the switch, and its API (see
// [control.Switch.SetAPI]).
func New(cfg Config) (*Server, error) {
	if cfg.Switch == nil {
		return nil, errors.New("esl: a server needs a switch")
	}
	number := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	duration := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	number(&cfg.Tries, 10)
	number(&cfg.MaxClients, 100)
	number(&cfg.MaxStrangers, 20)
	number(&cfg.MaxHeader, 64<<10)
	number(&cfg.MaxBody, 1<<20)
	number(&cfg.Queue, 10000)
	number(&cfg.MaxLost, 500)
	number(&cfg.MaxJobs, 1000)
	number(&cfg.MaxTasks, 1000)
	duration(&cfg.Window, time.Minute)
	duration(&cfg.FailDelay, time.Second)
	duration(&cfg.AuthTimeout, 25*time.Second)
	duration(&cfg.WriteTimeout, 10*time.Second)
	duration(&cfg.MaxLinger, time.Hour)
	duration(&cfg.DialTimeout, 5*time.Second)
	if cfg.Allow == nil {
		cfg.Allow = loopback
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.Version == "" {
		cfg.Version = "telco"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, sw: cfg.Switch, log: cfg.Logger, guard: newGuard(cfg.Allow, cfg.Tries, cfg.Window),
		deny: make(map[string]bool), listeners: make(map[net.Listener]bool), clients: make(map[*client]bool),
	}
	for _, name := range cfg.Deny {
		s.deny[name] = true
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.unwatch = s.sw.Watch(s.offer)
	s.sw.Handle("socket", s.socket)
	s.sw.SetAPI(s.channelAPI)
	return s, nil
}

// errClosed is what Serve returns after Close.
var errClosed = &net.OpError{Op: "esl", Err: net.ErrClosed}

// ListenAndServe listens on a TCP address, [DefaultAddr] if it is empty, and serves it.
func (s *Server) ListenAndServe(addr string) error {
	if addr == "" {
		addr = DefaultAddr
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// Serve takes clients from l, which it closes at the end. It returns when that fails, or with an error that is
// net.ErrClosed after Close.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.listeners[l] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	for {
		conn, err := l.Accept()
		if s.ctx.Err() != nil {
			if conn != nil {
				conn.Close()
			}
			return errClosed
		}
		if err != nil {
			if e := net.Error(nil); errors.As(err, &e) && e.Timeout() || !errors.Is(err, net.ErrClosed) && isTemporary(err) {
				select {
				case <-time.After(50 * time.Millisecond): // such as no descriptor left
					continue
				case <-s.ctx.Done():
				}
				return errClosed
			}
			return err
		}
		s.accepted.Add(1)
		c := s.newClient(conn)
		if !s.addStranger(c) {
			s.refused.Add(1)
			conn.Close()
			continue
		}
		s.work.Go(c.serve)
	}
}

func isTemporary(err error) bool {
	t, ok := err.(interface{ Temporary() bool })
	return ok && t.Temporary()
}

// Close ends all connections, schedules and jobs, and waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	clients := maps.Clone(s.clients)
	s.mu.Unlock()
	s.unwatch()
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() {
			if c.authed.Load() {
				c.disconnect("The system is being shut down.\n")
			}
			c.cut(net.ErrClosed)
		})
	}
	wait.Wait()
	s.cancel()
	s.sched.stop()
	s.work.Wait()
	return nil
}

// background runs f, unless too much runs already.
func (s *Server) background(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs >= s.cfg.MaxJobs || s.closed {
		return false
	}
	s.jobs++
	s.work.Go(func() {
		f()
		s.mu.Lock()
		s.jobs--
		s.mu.Unlock()
	})
	return true
}

// Stats returns a snapshot.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Clients: len(s.clients), Accepted: s.accepted.Load(), Refused: s.refused.Load(), Outbound: s.outboundConn.Load(),
		Commands: s.commands.Load(), Lost: s.lost.Load(), Jobs: s.jobs,
	}
}

// addStranger takes a connection that has not logged in yet.
func (s *Server) addStranger(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.strangers >= s.cfg.MaxStrangers || s.welcomed >= s.cfg.MaxClients {
		return false
	}
	s.strangers++
	s.clients[c] = true
	return true
}

// welcome notes that a client has logged in: it may get events from now on.
func (s *Server) welcome(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.outbound {
		s.strangers--
		s.welcomed++
	}
	s.clients[c] = true
	s.update()
}

func (s *Server) remove(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.clients[c] {
		return
	}
	delete(s.clients, c)
	switch {
	case c.outbound:
	case c.authed.Load():
		s.welcomed--
	default:
		s.strangers--
	}
	s.update()
}

// update makes the list that offer reads. s.mu is held.
func (s *Server) update() {
	list := make([]*client, 0, len(s.clients))
	for c := range s.clients {
		if c.authed.Load() {
			list = append(list, c)
		}
	}
	s.watching.Store(&list)
}

// offer gives an event to the clients.
func (s *Server) offer(e *control.Event) {
	s.locks.watch(e)
	if list := s.watching.Load(); list != nil {
		for _, c := range *list {
			c.offer(e)
		}
	}
}

// taps says from which level on a client gets the log.
func (s *Server) taps(c *client, level int) {
	if s.cfg.Log != nil {
		s.cfg.Log.taps.set(c, level)
	}
}
