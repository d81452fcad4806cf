// Package exchange is a small telephone exchange: phones register with it, it bridges their calls
// with transcoding, sends numbers that it does not know to trunks, and records both legs.
//
//	x, err := exchange.New(exchange.Config{Domain: "example.org", Users: map[string]string{"alice": "secret"}})
//	_, err = x.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:5060"})
//	defer x.Close()
package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/wav"
	"github.com/gotelco/telco/sip"
)

// Config configures an [Exchange].
type Config struct {
	// Domain is the part after the @ of the users' addresses, and the realm of their passwords.
	Domain string
	// Users are user names and their passwords.
	Users map[string]string
	// Algorithms are the digest algorithms offered, in this order. If empty, SHA-256 and MD5. Phones
	// that stop at the first algorithm that they do not know want MD5 alone.
	Algorithms []sip.DigestAlgorithm
	// Routes say where numbers go that are no user's. The first that matches counts.
	Routes []Route
	// Trunks are the addresses whose calls are taken without a password.
	Trunks []netip.Prefix
	// RingTime is how long a phone rings before its caller gets 480. If zero, 60 s.
	RingTime time.Duration
	// MaxCalls bounds the calls at a time; more get 503. If zero, 1000.
	MaxCalls int

	// Record is the folder that recordings go to. If empty, nothing is recorded.
	Record string
	// RecordingName names the files of a call, without ".wav". If nil, the time, and "-caller" and
	// "-callee".
	RecordingName func(c *call.Call) (caller, callee string)

	// Call configures the agent below; its OnCall and SIP.Handler are the exchange's own.
	Call call.Config

	Logger *slog.Logger // if nil, nothing is logged
}

// Route sends calls whose called user matches Match to the URI To, in which $1 and so on stand
// for what the parentheses of Match enclosed.
type Route struct {
	Match *regexp.Regexp
	To    string
}

// Exchange is a registrar and a back-to-back user agent.
type Exchange struct {
	cfg       Config
	agent     *call.Agent
	registrar *sip.Registrar
	auth      *sip.DigestServer
	bridged   atomic.Uint64
	failed    atomic.Uint64
	wg        sync.WaitGroup
}

// New returns an exchange that listens nowhere yet.
func New(cfg Config) (*Exchange, error) {
	if cfg.Domain == "" {
		return nil, errors.New("exchange: a domain is needed")
	}
	if cfg.RingTime <= 0 {
		cfg.RingTime = time.Minute
	}
	if cfg.MaxCalls <= 0 {
		cfg.MaxCalls = 1000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.RecordingName == nil {
		var n atomic.Uint64
		cfg.RecordingName = func(*call.Call) (string, string) {
			name := fmt.Sprintf("%s-%d", time.Now().UTC().Format("20060102T150405.000"), n.Add(1))
			return name + "-caller", name + "-callee"
		}
	}
	if cfg.Record != "" {
		if err := os.MkdirAll(cfg.Record, 0o755); err != nil {
			return nil, err
		}
	}
	auth, err := sip.NewDigestServer(sip.DigestConfig{Realm: cfg.Domain, Users: sip.Passwords(cfg.Users), Algorithms: cfg.Algorithms})
	if err != nil {
		return nil, err
	}
	x := &Exchange{cfg: cfg, auth: auth}
	x.registrar = sip.NewRegistrar(sip.RegistrarConfig{Auth: auth, Logger: cfg.Logger})
	cfg.Call.OnCall = x.onCall
	cfg.Call.SIP.Handler = sip.HandlerFunc(x.serve)
	if x.agent, err = call.NewAgent(cfg.Call); err != nil {
		return nil, err
	}
	return x, nil
}

// Endpoint returns the SIP endpoint, to listen.
func (x *Exchange) Endpoint() *sip.Endpoint { return x.agent.UserAgent().Endpoint() }

// Agent returns the agent that holds the legs.
func (x *Exchange) Agent() *call.Agent { return x.agent }

// Registered returns how many addresses have phones.
func (x *Exchange) Registered() int { return x.registrar.Len() }

// Counts returns how many calls were answered, and how many were not, since the beginning.
func (x *Exchange) Counts() (answered, failed uint64) { return x.bridged.Load(), x.failed.Load() }

// Close hangs up, waits for the recordings to be whole, and closes the endpoint.
func (x *Exchange) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	x.agent.HangUp(ctx)
	err := x.agent.Close()
	x.wg.Wait()
	return err
}

// serve answers what is no call.
func (x *Exchange) serve(tx *sip.ServerTransaction, req *sip.Request) {
	switch req.Method {
	case sip.REGISTER:
		x.registrar.ServeSIP(tx, req)
	case sip.OPTIONS:
		tx.Respond(sip.NewResponse(req, 200, ""))
	case sip.ACK:
	default:
		resp := sip.NewResponse(req, 405, "")
		resp.Set("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, UPDATE")
		tx.Respond(resp)
	}
}

// trusted reports whether a request comes over a trunk.
func (x *Exchange) trusted(f sip.Flow) bool {
	a := f.Remote.Addr().Unmap()
	for _, p := range x.cfg.Trunks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// onCall carries a call from its caller to whom it is for.
func (x *Exchange) onCall(c *call.Call) {
	x.wg.Add(1)
	defer x.wg.Done()
	req := c.Request()
	log := x.cfg.Logger.With("call_id", req.CallID(), "from", req.Value("From"), "to", req.RequestURI)
	if x.agent.Calls() > 2*x.cfg.MaxCalls {
		log.Warn("call refused", "status", 503)
		c.Refuse(503, "")
		return
	}
	if !x.trusted(c.Flow()) && !x.authentic(c, log) {
		return
	}
	uri, opts, status := x.target(req)
	if status != 0 {
		log.Info("call refused", "status", status)
		x.failed.Add(1)
		c.Refuse(status, "")
		return
	}
	from := sip.Address{}
	if a, err := req.From(); err == nil {
		from = a
		from.Params.Del("tag")
	}
	opts.From = from.String()
	rec := &recording{x: x, log: log}
	ctx, cancel := context.WithCancelCause(c.Context())
	defer cancel(nil)
	ring := time.AfterFunc(x.cfg.RingTime, func() { cancel(context.DeadlineExceeded) })
	defer ring.Stop()
	err := x.agent.Connect(ctx, c, uri, call.ConnectOptions{DialOptions: opts, OnConnect: func(in, out *call.Call) {
		ring.Stop()
		x.bridged.Add(1)
		log.Info("call answered", "caller_codec", in.Codec().Name, "callee_codec", out.Codec().Name)
		rec.start(in, out)
	}})
	rec.stop()
	if err != nil {
		x.failed.Add(1)
		log.Info("call not answered", "err", err)
		return
	}
	log.Info("call ended", "cause", context.Cause(c.Context()))
}

// authentic asks a caller for the password, unless it is right already.
func (x *Exchange) authentic(c *call.Call, log *slog.Logger) bool {
	user, resp, err := sip.Authenticate(c.Context(), x.auth, c.Request(), true)
	if resp != nil {
		if err != nil {
			log.Debug("caller is challenged", "err", err)
		}
		c.Respond(resp)
		return false
	}
	if from, err := c.Request().From(); err != nil || from.URI.User != user.Username {
		log.Warn("caller uses another's name", "user", user.Username)
		c.Refuse(403, "")
		return false
	}
	return true
}

// target says where a call goes, or why nowhere.
func (x *Exchange) target(req *sip.Request) (uri string, opts call.DialOptions, status int) {
	u, err := req.URI()
	if err != nil {
		return "", opts, 416
	}
	user := u.User
	if _, ok := x.cfg.Users[user]; ok {
		bindings := x.registrar.Lookup(sip.URI{Scheme: "sip", User: user, Host: x.domainOf(req)})
		if len(bindings) == 0 {
			return "", opts, 480
		}
		b := bindings[0]
		opts.To = "<sip:" + user + "@" + x.cfg.Domain + ">"
		opts.Send.Flow = b.Flow // over what it registered: the way through its NAT
		if len(b.Path) > 0 {
			opts.Edit = func(r *sip.Request) {
				for _, p := range b.Path {
					r.Add("Route", p)
				}
			}
		}
		return b.Contact, opts, 0
	}
	for _, r := range x.cfg.Routes {
		if m := r.Match.FindStringSubmatchIndex(user); m != nil {
			return string(r.Match.ExpandString(nil, r.To, user, m)), opts, 0
		}
	}
	return "", opts, 404
}

// domainOf is the domain that a phone registered under: phones that know no name use the address.
func (x *Exchange) domainOf(req *sip.Request) string {
	u, err := req.URI()
	if err == nil && len(x.registrar.Lookup(sip.URI{Scheme: "sip", User: u.User, Host: u.Host})) > 0 {
		return u.Host
	}
	return x.cfg.Domain
}

// recording is the two files of a call.
type recording struct {
	x     *Exchange
	log   *slog.Logger
	mu    sync.Mutex
	close []func()
}

func (r *recording) start(in, out *call.Call) {
	if r.x.cfg.Record == "" {
		return
	}
	caller, callee := r.x.cfg.RecordingName(in)
	r.leg(in.Media(), caller)
	r.leg(out.Media(), callee)
}

func (r *recording) leg(m *call.Media, name string) {
	name = filepath.Join(r.x.cfg.Record, filepath.Base(name)+".wav")
	f, err := os.Create(name)
	if err != nil {
		r.log.Error("cannot record", "err", err)
		return
	}
	w, err := wav.NewWriter(f, wav.Format{SampleRate: m.SampleRate()})
	if err != nil {
		r.log.Error("cannot record", "err", err)
		f.Close()
		return
	}
	rec := call.NewRecorder(w)
	m.AddSink(rec)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.close = append(r.close, func() {
		m.RemoveSink(rec)
		err := errors.Join(rec.Close(), w.Close(), f.Close())
		switch {
		case err != nil:
			r.log.Error("recording is incomplete", "file", name, "err", err)
		case rec.Lost() > 0:
			r.log.Error("recording has gaps", "file", name, "lost_samples", rec.Lost())
		default:
			r.log.Info("recorded", "file", name, "samples", w.Frames())
		}
	})
}

func (r *recording) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.close {
		c()
	}
	r.close = nil
}

// ParseRoute reads a route of the form "PATTERN URI".
func ParseRoute(s string) (Route, error) {
	pattern, to, ok := strings.Cut(strings.TrimSpace(s), " ")
	if !ok {
		return Route{}, fmt.Errorf("exchange: route %q: want a pattern and a URI", s)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return Route{}, fmt.Errorf("exchange: route %q: %w", s, err)
	}
	return Route{re, strings.TrimSpace(to)}, nil
}
