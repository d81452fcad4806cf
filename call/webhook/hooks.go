package webhook

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/call/control"
)

// Schema is the JSON Schema (draft 2020-12) of what servers get, "#/$defs/request", and of the answers that are taken,
// "#/$defs/answer".
//
//go:embed schema.json
var Schema string

// Config configures [Hooks]. The zero value works.
type Config struct {
	// Client says how servers are asked; its URL is the one that calls ask whose application has no argument. Each server
	// (scheme, host and port) has limits of its own.
	Client ClientConfig
	// Allow, if not nil, says which URLs an application's argument may name.
	Allow func(*url.URL) bool
	// Fallback is what a call does when the server can't be asked or its answer is no use. If empty, the application
	// fails, and the call goes on with what is next.
	Fallback []control.Action
	// MaxActions bounds the actions of an answer. If zero, 100.
	MaxActions int
	// MaxRounds bounds how often one application asks. If zero, 1000.
	MaxRounds int
	// MaxServers bounds the servers that are known at a time. If zero, 64.
	MaxServers int
	// NoEnd does without the request that tells a server of the end of a call.
	NoEnd bool
	// EndTries is how often the end of a call is told until the server has taken it, after 1, 2, 4 … seconds. If zero, 5.
	EndTries int

	Logger *slog.Logger // if nil, nothing is logged
}

// Reason says why a server is asked.
type Reason string

const (
	Start Reason = "start" // the application begins
	Next  Reason = "next"  // the actions of the last answer are done
	End   Reason = "end"   // the call is over; the answer doesn't matter
)

// Request is what a server gets.
type Request struct {
	Version   int               `json:"version"` // 1
	Reason    Reason            `json:"reason"`
	Time      time.Time         `json:"time"`
	Channel   Channel           `json:"channel"`
	Results   []Result          `json:"results"` // of the last answer's actions
	Variables map[string]string `json:"variables"`
}

// Channel is the call that a Request is about.
type Channel struct {
	UUID         string     `json:"uuid"`
	Direction    string     `json:"direction"` // inbound or outbound, as seen from here
	Name         string     `json:"name"`
	State        string     `json:"state"` // DOWN, DIALING, RINGING, EARLY, ACTIVE, HELD, HANGUP
	CallerName   string     `json:"caller_name,omitempty"`
	CallerNumber string     `json:"caller_number,omitempty"`
	Destination  string     `json:"destination,omitempty"`
	Address      string     `json:"address,omitempty"` // of the peer's signalling
	Codec        string     `json:"codec,omitempty"`
	Bridged      string     `json:"bridged,omitempty"` // UUID
	Created      time.Time  `json:"created"`
	Answered     *time.Time `json:"answered,omitempty"`
	Hungup       *time.Time `json:"hungup,omitempty"`
	Cause        string     `json:"cause,omitempty"` // of the end
}

// Result is how an action went.
type Result struct {
	App      string `json:"app"`
	Args     string `json:"args,omitempty"`
	Response string `json:"response,omitempty"`
	Error    string `json:"error,omitempty"`
}

// Answer is what a server answers. With 204 and no body there is nothing to do, and the application ends.
type Answer struct {
	// Actions are done in order. An application that fails doesn't keep the next one from being done.
	Actions []Action `json:"actions,omitempty"`
	// Set sets variables before that; an empty value removes one.
	Set map[string]string `json:"set,omitempty"`
	// URL is asked next. If empty, the same again. It may be relative.
	URL string `json:"url,omitempty"`
	// Done ends the application after the actions. So does an answer without actions.
	Done bool `json:"done,omitempty"`
}

// Action is an application of package control.
type Action struct {
	App  string `json:"app"`
	Args string `json:"args,omitempty"`
}

// Hooks has calls ask web servers what to do.
type Hooks struct {
	cfg Config

	ctx  context.Context // of ends that are told
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	servers map[string]*Client
	ending  map[string]struct{} // channels whose end will be told, by UUID and URL
	closed  bool
}

// New checks a configuration.
func New(cfg Config) (*Hooks, error) {
	check := cfg.Client
	check.URL = cmp.Or(check.URL, "http://localhost/")
	if _, err := NewClient(check); err != nil {
		return nil, err
	}
	if cfg.MaxActions < 0 || cfg.MaxRounds < 0 || cfg.MaxServers < 0 || cfg.EndTries < 0 {
		return nil, errors.New("webhook: a negative limit")
	}
	cfg.MaxActions = cmp.Or(cfg.MaxActions, 100)
	cfg.MaxRounds = cmp.Or(cfg.MaxRounds, 1000)
	cfg.MaxServers = cmp.Or(cfg.MaxServers, 64)
	cfg.EndTries = cmp.Or(cfg.EndTries, 5)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Hooks{cfg: cfg, servers: map[string]*Client{}, ending: map[string]struct{}{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h, nil
}

// Close gives up what has not been told yet. Calls that ask go on without an answer.
func (h *Hooks) Close() error {
	h.mu.Lock()
	h.closed = true
	servers := slices.Collect(maps.Values(h.servers))
	h.mu.Unlock()
	h.stop()
	h.wg.Wait()
	for _, s := range servers {
		s.Close()
	}
	return nil
}

// server returns the client for a URL's server.
func (h *Hooks) server(u *url.URL) (*Client, error) {
	key := u.Scheme + "://" + u.Host
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if s := h.servers[key]; s != nil {
		return s, nil
	}
	if len(h.servers) >= h.cfg.MaxServers {
		for k, s := range h.servers { // one that nobody asks now is no loss
			if len(s.places) == 0 {
				s.Close()
				delete(h.servers, k)
				break
			}
		}
		if len(h.servers) >= h.cfg.MaxServers {
			return nil, fmt.Errorf("webhook: %d servers are asked already", len(h.servers))
		}
	}
	cfg := h.cfg.Client
	cfg.URL = key + "/"
	s, err := NewClient(cfg)
	if err == nil {
		h.servers[key] = s
	}
	return s, err
}

var errClosed = errors.New("webhook: closed")

// App is the application: its argument is the URL to ask. It fits [control.Switch.Handle].
func (h *Hooks) App(ctx context.Context, c *control.Channel, args string) error {
	to, err := h.target(cmp.Or(strings.TrimSpace(args), h.cfg.Client.URL), nil)
	if err != nil {
		return err
	}
	if !h.cfg.NoEnd {
		h.tellEnd(c, to)
	}
	err = h.converse(ctx, c, to)
	if err == nil || ctx.Err() != nil {
		return err
	}
	h.cfg.Logger.Warn("webhook: no use", "uuid", c.UUID(), "url", plainURL(to), "err", err)
	for _, a := range h.cfg.Fallback {
		if ctx.Err() != nil {
			break
		}
		c.Run(ctx, a.App, a.Args)
	}
	return err
}

// target reads a URL, relative to another.
func (h *Hooks) target(s string, base *url.URL) (*url.URL, error) {
	if base != nil {
		u, err := base.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("webhook: %.100q is no URL", s)
		}
		s = u.String()
	}
	u, err := parseURL(s)
	if err != nil {
		return nil, err
	}
	if h.cfg.Allow != nil && s != h.cfg.Client.URL && !h.cfg.Allow(u) {
		return nil, fmt.Errorf("webhook: %s is not allowed", plainURL(u))
	}
	return u, nil
}

// converse asks and obeys until there is nothing more to do.
func (h *Hooks) converse(ctx context.Context, c *control.Channel, to *url.URL) error {
	req := Request{Version: 1, Reason: Start, Results: []Result{}}
	for range h.cfg.MaxRounds {
		answer, err := h.ask(ctx, c, to, req)
		if err != nil {
			return err
		}
		for k, v := range answer.Set {
			if err := c.SetVar(k, v); err != nil {
				return err
			}
		}
		req.Reason, req.Results = Next, make([]Result, 0, len(answer.Actions))
		for _, a := range answer.Actions {
			err := c.Run(ctx, a.App, a.Args)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r := Result{App: a.App, Args: a.Args, Response: c.Var("current_application_response")}
			if err != nil {
				r.Error = err.Error()
			}
			req.Results = append(req.Results, r)
		}
		if answer.Done || len(answer.Actions) == 0 && answer.URL == "" {
			return nil
		}
		if answer.URL != "" {
			if to, err = h.target(answer.URL, to); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("webhook: asked %d times", h.cfg.MaxRounds)
}

// ask sends one request about a channel as it is now.
func (h *Hooks) ask(ctx context.Context, c *control.Channel, to *url.URL, req Request) (Answer, error) {
	server, err := h.server(to)
	if err != nil {
		return Answer{}, err
	}
	req.Time, req.Channel, req.Variables = time.Now().UTC(), describe(c), c.Vars()
	body, err := json.Marshal(req)
	if err != nil {
		return Answer{}, err
	}
	status, b, err := server.post(ctx, to.String(), plainURL(to), "application/json", body, nil)
	if err != nil || status == http.StatusNoContent || req.Reason == End {
		return Answer{}, err
	}
	answer, err := parseAnswer(b)
	if err == nil && len(answer.Actions) > h.cfg.MaxActions {
		err = fmt.Errorf("%d actions, more than %d", len(answer.Actions), h.cfg.MaxActions)
	}
	if err != nil {
		return Answer{}, &Error{URL: plainURL(to), Err: err}
	}
	return answer, nil
}

// parseAnswer reads an answer. What it doesn't know is an error: somebody has misspelled something.
func parseAnswer(b []byte) (Answer, error) {
	var a Answer
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("answer: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return a, errors.New("answer: more than one value")
	}
	for i, x := range a.Actions {
		if x.App == "" {
			return a, fmt.Errorf("answer: actions[%d] has no app", i)
		}
	}
	return a, nil
}

// tellEnd has the end of a channel told to a URL, once.
func (h *Hooks) tellEnd(c *control.Channel, to *url.URL) {
	key := c.UUID() + " " + to.String()
	h.mu.Lock()
	_, known := h.ending[key]
	if known || h.closed {
		h.mu.Unlock()
		return
	}
	h.ending[key] = struct{}{}
	h.wg.Add(1)
	h.mu.Unlock()
	go func() {
		defer h.wg.Done()
		defer func() {
			h.mu.Lock()
			delete(h.ending, key)
			h.mu.Unlock()
		}()
		select {
		case <-c.Done():
		case <-h.ctx.Done():
			return
		}
		wait := time.Second
		for try := 1; ; try++ {
			_, err := h.ask(h.ctx, c, to, Request{Version: 1, Reason: End, Results: []Result{}})
			if err == nil || h.ctx.Err() != nil {
				return
			}
			if try >= h.cfg.EndTries {
				h.cfg.Logger.Warn("webhook: the end of a call could not be told", "uuid", c.UUID(), "url", plainURL(to), "err", err)
				return
			}
			select {
			case <-time.After(wait):
			case <-h.ctx.Done():
				return
			}
			wait *= 2
		}
	}()
}

// describe says what a channel is now.
func describe(c *control.Channel) Channel {
	i := c.Info()
	d := Channel{
		UUID: i.UUID, Direction: "outbound", Name: i.Name, State: i.CallState, CallerName: i.CallerName, CallerNumber: i.CallerNumber,
		Destination: i.Destination, Address: i.Address, Codec: i.Codec, Bridged: i.Bridged, Created: i.Created.UTC(),
		Answered: when(i.Answered), Hungup: when(i.Hungup),
	}
	if i.Incoming {
		d.Direction = "inbound"
	}
	if i.Cause != control.CauseNone {
		d.Cause = i.Cause.String()
	}
	return d
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
