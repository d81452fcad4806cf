package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call"
)

// App is an application. It works on the channel's goroutine until ctx is done, which is when the channel ends, is
// transferred, or the application is broken off. It must return then. An error is logged and told in
// Application-Response.
type App func(ctx context.Context, c *Channel, args string) error

// Switch is a set of channels. Its methods may be called by any goroutine.
type Switch struct {
	cfg     Config
	log     *slog.Logger
	uuid    string
	started time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	sequence, lost atomic.Uint64
	events         chan func()
	watching       atomic.Int32
	watchMu        sync.Mutex
	watchers       []*watcher

	sounds, recordings *folder

	mu       sync.Mutex
	channels map[string]*Channel
	apps     map[string]App
	globals  map[string]string
	rooms    map[string]*room
	looped   *loopback // made when it is needed
	api      func(context.Context, string) (string, error)
	paused   bool
	closed   bool
	total    uint64 // channels since the beginning
	peak     int
}

// New returns a Switch. Close it after use; the agent is the caller's to close.
func New(cfg Config) (*Switch, error) {
	if cfg.Agent == nil {
		return nil, errors.New("control: a switch needs an agent")
	}
	set := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	set(&cfg.MaxChannels, 10000)
	set(&cfg.MaxQueue, 1000)
	set(&cfg.MaxVars, 1000)
	set(&cfg.MaxEvents, 10000)
	set(&cfg.MaxKeys, 100)
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 20 * time.Second
	}
	if cfg.Hostname == "" {
		cfg.Hostname, _ = os.Hostname()
	}
	if cfg.Context == "" {
		cfg.Context = "default"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Functions == nil {
		cfg.Functions = functions
	}
	if cfg.Resolve == nil {
		cfg.Resolve = resolveProfile
	}
	s := &Switch{
		cfg: cfg, log: cfg.Logger, uuid: NewUUID(), started: time.Now(), events: make(chan func(), cfg.MaxEvents),
		channels: map[string]*Channel{}, apps: maps.Clone(applications), globals: maps.Clone(cfg.Globals), rooms: map[string]*room{}, api: cfg.API,
	}
	if s.globals == nil {
		s.globals = map[string]string{}
	}
	var err error
	if s.sounds, err = openFolder(cfg.Sounds); err != nil {
		return nil, fmt.Errorf("control: sounds: %w", err)
	}
	if s.recordings, err = openFolder(cfg.Recordings); err != nil {
		s.sounds.close()
		return nil, fmt.Errorf("control: recordings: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Add(1)
	go s.watch()
	if cfg.Heartbeat > 0 {
		s.work.Go(s.heartbeat)
	}
	return s, nil
}

// resolveProfile is Config.Resolve by default.
func resolveProfile(_ context.Context, ep Endpoint) ([]Target, error) {
	switch ep.Kind {
	case KindProfile:
		uri := ep.Dest
		if !strings.HasPrefix(uri, "sip:") && !strings.HasPrefix(uri, "sips:") && !strings.HasPrefix(uri, "tel:") {
			uri = "sip:" + uri
		}
		return []Target{{URI: uri}}, nil
	case KindGateway:
		return nil, InvalidGateway
	case KindUser:
		return nil, UserNotRegistered
	}
	return nil, DestinationOutOfOrder
}

// Close hangs up all channels with SYSTEM_SHUTDOWN, waits until they are over, or ctx is done, and tells watchers of
// SHUTDOWN.
func (s *Switch) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	all := s.list()
	for _, c := range all {
		c.Hangup(SystemShutdown)
	}
	var err error
	for _, c := range all {
		select {
		case <-c.over:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	s.mu.Lock()
	looped := s.looped
	s.mu.Unlock()
	if looped != nil {
		err = errors.Join(err, looped.close(ctx))
	}
	e := s.NewEvent("SHUTDOWN", "")
	e.Add("Event-Info", "System Shutting Down")
	s.Emit(e)
	s.cancel()
	s.work.Wait()
	s.sounds.close()
	s.recordings.close()
	return err
}

// UUID names this run of the switch (Core-UUID).
func (s *Switch) UUID() string { return s.uuid }

// Agent returns the agent that makes calls.
func (s *Switch) Agent() *call.Agent { return s.cfg.Agent }

// Started returns when the switch began.
func (s *Switch) Started() time.Time { return s.started }

// Handle makes app an application of the given name, instead of what there is. It holds for what is executed from
// now on.
func (s *Switch) Handle(name string, app App) {
	s.mu.Lock()
	s.apps[name] = app
	s.mu.Unlock()
}

// Apps returns the names of the applications, sorted.
func (s *Switch) Apps() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.apps))
}

// SetAPI replaces the API of the Config.
func (s *Switch) SetAPI(f func(ctx context.Context, command string) (string, error)) {
	s.mu.Lock()
	s.api = f
	s.mu.Unlock()
}

// Global returns a global variable.
func (s *Switch) Global(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.globals[name]
}

// SetGlobal sets a global variable; an empty value removes it. There are at most MaxVars.
func (s *Switch) SetGlobal(name, value string) error {
	if err := checkVar(name, value); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == "" {
		delete(s.globals, name)
		return nil
	}
	if _, have := s.globals[name]; !have && len(s.globals) >= s.cfg.MaxVars {
		return errTooManyVars
	}
	s.globals[name] = value
	return nil
}

// Globals returns the global variables.
func (s *Switch) Globals() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.globals)
}

// Pause has calls that come in, and Originate, refused until it is called with false: before the end of the program.
func (s *Switch) Pause(on bool) {
	s.mu.Lock()
	s.paused = on
	s.mu.Unlock()
}

// Channel returns the channel of the given UUID, nil if there is none.
func (s *Switch) Channel(uuid string) *Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels[uuid]
}

func (s *Switch) list() []*Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.channels))
}

// Channels returns all channels, the oldest first.
func (s *Switch) Channels() []ChannelInfo {
	var out []ChannelInfo
	for _, c := range s.list() {
		out = append(out, c.Info())
	}
	slices.SortFunc(out, func(a, b ChannelInfo) int {
		if d := a.Created.Compare(b.Created); d != 0 {
			return d
		}
		return strings.Compare(a.UUID, b.UUID)
	})
	return out
}

// Stats is a snapshot of a [Switch].
type Stats struct {
	Channels int    // that there are
	Peak     int    // that there ever were at once
	Total    uint64 // since the beginning
	Lost     uint64 // events that watchers were too slow for
}

// Stats returns a snapshot.
func (s *Switch) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Channels: len(s.channels), Peak: s.peak, Total: s.total, Lost: s.lost.Load()}
}

func (s *Switch) heartbeat() {
	t := time.NewTicker(s.cfg.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			st := s.Stats()
			e := s.NewEvent("HEARTBEAT", "")
			e.Add("Event-Info", "System Ready")
			e.Add("Up-Time", upTime(time.Since(s.started)))
			e.Add("Session-Count", fmt.Sprint(st.Channels))
			e.Add("Max-Sessions", fmt.Sprint(s.cfg.MaxChannels))
			e.Add("Session-Peak-Max", fmt.Sprint(st.Peak))
			e.Add("Session-Since-Startup", fmt.Sprint(st.Total))
			e.Add("Heartbeat-Interval", fmt.Sprint(int(s.cfg.Heartbeat/time.Second)))
			e.Add("Uptime-msec", fmt.Sprint(time.Since(s.started).Milliseconds()))
			s.Emit(e)
		case <-s.ctx.Done():
			return
		}
	}
}

// upTime is a length of time in FreeSWITCH's words.
func upTime(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%d years, %d days, %d hours, %d minutes, %d seconds, %d milliseconds, %d microseconds",
		ms/(365*86400000), ms/86400000%365, ms/3600000%24, ms/60000%60, ms/1000%60, ms%1000, d.Microseconds()%1000)
}

// NewUUID returns a random UUID (RFC 9562 section 5.4).
func NewUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// errClosed is what is returned after Close.
var errClosed = fmt.Errorf("control: the switch is closed: %w", net.ErrClosed)

// add takes a new channel.
func (s *Switch) add(c *Channel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosed
	case s.paused, len(s.channels) >= s.cfg.MaxChannels:
		return SwitchCongestion
	case s.channels[c.uuid] != nil:
		return fmt.Errorf("control: there is a channel %s already", c.uuid)
	}
	s.channels[c.uuid] = c
	s.total++
	s.peak = max(s.peak, len(s.channels))
	return nil
}
