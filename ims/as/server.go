package as

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// Server is an Application Server: a user agent, a proxy, a registrar and call control over one SIP endpoint. Its
// methods may be called by any goroutine.
type Server struct {
	log       *slog.Logger
	agent     *call.Agent
	sw        *control.Switch
	registrar *sip.Registrar
	accounts  *sip.RegistrationTable
	users     *registrations
	settings  atomic.Pointer[settings]

	ctx    context.Context // done when the server is closed
	cancel context.CancelFunc
	work   sync.WaitGroup

	reload sync.Mutex // one at a time
	pings  func()     // stops those of the settings in force

	mu       sync.Mutex
	pending  map[*sip.Request]*session // decided about, on their way to the agent
	sessions map[string]*session       // by the UUID of the channel
	calls    int                       // from outside, proxied ones until they are answered included
	own      map[string]ownCall        // by the UUID of the channel
	draining bool
	closed   bool
	idle     chan struct{} // closed when calls is 0, while draining

	counts counts
	key    [32]byte     // of what our Record-Route says
	quiet  atomic.Int64 // when a stranger was logged last, in Unix seconds
}

// counts are the counters of Stats.
type counts struct {
	received, answered, failed, refused, unknown, proxied, timeouts, requests atomic.Uint64
}

// New returns a server that listens nowhere yet: call Listen on its Endpoint. Close it after use.
func New(cfg Config) (*Server, error) {
	log := cfg.Call.Logger
	if cfg.Control.Logger != nil {
		log = cfg.Control.Logger
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	set, err := newSettings(cfg, nil)
	if err != nil {
		return nil, err
	}
	s := &Server{log: log, users: newRegistrations(), pending: map[*sip.Request]*session{}, sessions: map[string]*session{}}
	rand.Read(s.key[:])
	s.settings.Store(set)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.registrar = sip.NewRegistrar(sip.RegistrarConfig{Auth: phoneAuth{s}, Logger: log})

	agent := cfg.Call
	agent.OnCall, agent.OnTransfer = s.onCall, s.onTransfer
	exempt := agent.Admission.Exempt
	agent.Admission.Exempt = func(invite *sip.Request) bool {
		return s.settings.Load().urgent(invite) || exempt != nil && exempt(invite)
	}
	agent.SIP.Handler = sip.HandlerFunc(s.serve)
	agent.SIP.Proxy.OnRequest = s.onRequest
	if agent.SIP.Address == "" {
		agent.SIP.Address = "<sip:as@" + set.Domain + ">"
	}
	agent.SIP.Redirects = -1 // where calls go is for connect to say
	if agent.SIP.Session.Expires == 0 {
		agent.SIP.Session.Expires = 30 * time.Minute
	}
	if s.agent, err = call.NewAgent(agent); err != nil {
		return nil, err
	}
	ctl := cfg.Control
	ctl.Agent, ctl.Resolve, ctl.Dialplan, ctl.OnDestroy = s.agent, s.resolve, s.dialplan, s.onDestroy
	if ctl.Domain == "" {
		ctl.Domain = set.Domain
	}
	if s.sw, err = control.New(ctl); err != nil {
		s.agent.Close()
		return nil, err
	}
	s.sw.Handle("route", s.appRoute)
	s.accounts = sip.NewRegistrationTable(s.agent.UserAgent(), func(st sip.RegistrationStatus) {
		s.log.Info("as: registration with a trunk", "trunk", st.Name, "state", st.State.String(), "err", st.Err)
	})
	s.begin(nil, set)
	s.work.Go(s.watch)
	return s, nil
}

// Endpoint returns the SIP endpoint, to listen.
func (s *Server) Endpoint() *sip.Endpoint { return s.agent.UserAgent().Endpoint() }

// Agent returns the agent that holds the legs.
func (s *Server) Agent() *call.Agent { return s.agent }

// Switch returns call control: every leg of the server that is no proxied call is a channel of it.
func (s *Server) Switch() *control.Switch { return s.sw }

// Registrar returns the registrar of the phones.
func (s *Server) Registrar() *sip.Registrar { return s.registrar }

// Close ends all calls in good order, as far as ctx leaves time, takes registrations back, and closes the endpoint.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.reload.Lock()
	s.cancel()
	if s.pings != nil {
		s.pings()
		s.pings = nil
	}
	s.reload.Unlock()
	errs := []error{s.accounts.Close(ctx), s.sw.Close(ctx)}
	s.agent.HangUp(ctx)
	errs = append(errs, s.agent.Close())
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.work.Wait()
	return errors.Join(errs...)
}

// spawn runs f on a goroutine that Close waits for.
func (s *Server) spawn(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		go f()
		return
	}
	s.work.Go(f)
}

// Drain has calls that come in refused with 503 and Retry-After from now on, and OPTIONS too, so that others send theirs
// elsewhere; and waits until there is no call left, or ctx is done.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	if s.idle == nil {
		s.idle = make(chan struct{})
		if s.calls == 0 {
			close(s.idle)
		}
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Resume ends Drain.
func (s *Server) Resume() {
	s.mu.Lock()
	s.draining, s.idle = false, nil
	s.mu.Unlock()
}

// Draining reports whether calls are refused because of Drain or Close.
func (s *Server) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// enter counts a call that came in, and reports false where there is no room for it. Urgent ones have a tenth more, and ten at least:
// anybody can write 112.
func (s *Server) enter(set *settings, urgent bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := set.MaxCalls
	if urgent {
		most += max(most/10, 10)
	}
	if s.draining && !urgent || s.calls >= most {
		return false
	}
	s.calls++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls--; s.calls == 0 && s.idle != nil {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
}

// onRequest decides whose a request outside of the agent's dialogs is. It must not block.
func (s *Server) onRequest(f *sip.Forwarding) {
	set := s.settings.Load()
	uri, _ := f.Original.URI()
	p := set.classify(f.Flow().Remote, uri)
	if f.InDialog() {
		if s.letGoOn(f, p) {
			f.Forward()
		} else {
			f.Respond(refusal(f.Original, 481, 0, ""))
		}
		return
	}
	switch f.Original.Method {
	case sip.INVITE:
		s.onInvite(f, set, p)
	case sip.REGISTER:
		if p.side == SideIMS {
			s.thirdParty(f, set) // in order: a registration and its end may follow one another closely
		} else {
			f.Serve()
		}
	case sip.OPTIONS:
		if _, more := f.Request.Nth("Route", 0); !more && (uri.User == "" || s.agent.UserAgent().Proxy().IsSelf(uri)) {
			s.onOptions(f)
			return
		}
		fallthrough
	default:
		s.onOther(f, set, p)
	}
}

// onOptions says that we are there, or that we are about to leave.
func (s *Server) onOptions(f *sip.Forwarding) {
	if s.Draining() {
		f.Respond(refusal(f.Original, 503, 0, ""))
		return
	}
	f.Serve()
}

// serve answers what the agent hands on: requests of phones, and what nobody wants.
func (s *Server) serve(tx *sip.ServerTransaction, req *sip.Request) {
	switch req.Method {
	case sip.REGISTER:
		set := s.settings.Load()
		if set.digest == nil {
			tx.Respond(sip.NewResponse(req, 403, ""))
			return
		}
		s.registrar.ServeSIP(tx, req)
	case sip.OPTIONS:
		resp := sip.NewResponse(req, 200, "")
		resp.Set("Allow", allow)
		resp.Set("Accept", "application/sdp")
		tx.Respond(resp)
	case sip.SUBSCRIBE, sip.NOTIFY: // of no dialog
		tx.Respond(sip.NewResponse(req, 481, ""))
	case sip.ACK:
	default:
		resp := sip.NewResponse(req, 405, "")
		resp.Set("Allow", allow)
		tx.Respond(resp)
	}
}

const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, REGISTER, MESSAGE"

// phoneAuth authenticates phones as the settings in force say.
type phoneAuth struct{ s *Server }

var errNoPhones = errors.New("as: there are no phones")

func (a phoneAuth) Verify(ctx context.Context, r *sip.AuthRequest) (*sip.Authenticated, error) {
	if d := a.s.settings.Load().digest; d != nil {
		return d.Verify(ctx, r)
	}
	return nil, errNoPhones
}

func (a phoneAuth) Challenge(ctx context.Context, r *sip.AuthRequest, why error) ([]sip.Challenge, error) {
	if d := a.s.settings.Load().digest; d != nil {
		return d.Challenge(ctx, r, why)
	}
	return nil, errNoPhones
}

// Stats is a snapshot of a [Server].
type Stats struct {
	Calls    int // from outside, now
	Draining bool

	Received uint64 // calls from outside
	Answered uint64 // of these, by us
	Failed   uint64 // of these, not answered by anybody
	Proxied  uint64 // of these, let go on
	Refused  uint64 // of these, for want of room
	Unknown  uint64 // of these, from nobody that we know
	Timeouts uint64 // calls that ended because a leg was silent
	Requests uint64 // other than INVITE, REGISTER and OPTIONS to us

	Users  int // of the IMS core whose registration we know of
	Phones int // addresses with phones

	Trunks    []TrunkStats
	Control   control.Stats
	Admission call.AdmissionStats
}

// Stats returns a snapshot.
func (s *Server) Stats() Stats {
	set := s.settings.Load()
	c := &s.counts
	st := Stats{
		Received: c.received.Load(), Answered: c.answered.Load(), Failed: c.failed.Load(), Proxied: c.proxied.Load(),
		Refused: c.refused.Load(), Unknown: c.unknown.Load(), Timeouts: c.timeouts.Load(), Requests: c.requests.Load(),
		Users: s.users.len(), Phones: s.registrar.Len(), Control: s.sw.Stats(), Admission: s.agent.Admission(),
	}
	s.mu.Lock()
	st.Calls, st.Draining = s.calls, s.draining
	s.mu.Unlock()
	accounts := s.accounts.Status()
	now := time.Now()
	for _, t := range set.trunks {
		row := t.stats(now)
		for _, a := range accounts {
			if a.Name == t.Name {
				row.Registration = a
			}
		}
		st.Trunks = append(st.Trunks, row)
	}
	return st
}

// watch ends calls that have lasted too long, or one of whose legs has vanished.
func (s *Server) watch() {
	for {
		set := s.settings.Load()
		every := time.Minute
		for _, d := range []time.Duration{set.MediaTimeout, set.HoldTimeout, set.MaxDuration} {
			if d > 0 {
				every = min(every, max(d/8, 10*time.Millisecond))
			}
		}
		t := time.NewTimer(every)
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			return
		}
		now := time.Now()
		for _, info := range s.sw.Channels() {
			ch := s.sw.Channel(info.UUID)
			if ch == nil {
				continue
			}
			if cause := overdue(set, ch, info, now); cause != control.CauseNone {
				s.log.Warn("as: call ends", "uuid", info.UUID, "cause", cause.String())
				s.counts.timeouts.Add(1)
				ch.Hangup(cause)
			}
		}
		s.expire(now)
	}
}

// overdue says why a channel has to end.
func overdue(set *settings, ch *control.Channel, info control.ChannelInfo, now time.Time) control.Cause {
	if info.Answered.IsZero() {
		return control.CauseNone
	}
	if set.MaxDuration > 0 && now.Sub(info.Answered) > set.MaxDuration {
		return control.AllottedTimeout
	}
	c := ch.Call()
	if c == nil || c.Media() == nil {
		return control.CauseNone
	}
	limit := set.MediaTimeout
	if info.CallState == "HELD" || c.Held() {
		limit = set.HoldTimeout
	}
	last := c.Media().Stats().RTP.LastReceived
	if last.Before(info.Answered) {
		last = info.Answered
	}
	if limit > 0 && now.Sub(last) > limit {
		return control.MediaTimeout
	}
	return control.CauseNone
}

// stranger logs a request from nobody that is known: once a second, since some send nothing else.
func (s *Server) stranger(f *sip.Forwarding) {
	s.counts.unknown.Add(1)
	if now := time.Now().Unix(); s.quiet.Swap(now) != now {
		s.log.Warn("as: request from nobody that is known", "method", string(f.Original.Method), "source", sourceOf(f.Flow()), "call_id", f.Original.CallID())
	}
}

// sourceOf is an address as text, for variables and logs.
func sourceOf(f sip.Flow) string {
	return net.JoinHostPort(f.Remote.Addr().Unmap().String(), strconv.Itoa(int(f.Remote.Port())))
}
