package as

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gotelco/telco/sip"
)

// EmergencyConfig says which calls are emergency calls, and who is told of them by a MESSAGE.
type EmergencyConfig struct {
	// Numbers are the emergency numbers with the service of each: "urn:service:sos" or one below
	// it, such as "urn:service:sos.fire" (RFC 5031 section 4.2). If nil, 112 and 911 are
	// urn:service:sos.
	Numbers map[string]string `yaml:"numbers"`

	// Alerts are told of each emergency call. If empty, nobody is.
	Alerts []Target `yaml:"alerts"`
	// Calling is who the alert is from: a number, user@host or URI. If empty, the caller.
	Calling string `yaml:"calling"`

	// Tries is how often an alert is sent to each target until it answers 2xx. If zero, 6. The time
	// between tries begins with MinRetry and doubles up to MaxRetry: if zero, 2 and 60 seconds.
	Tries    int           `yaml:"tries"`
	MinRetry time.Duration `yaml:"min_retry"`
	MaxRetry time.Duration `yaml:"max_retry"`
	// Timeout bounds one try. If zero, 10 seconds.
	Timeout time.Duration `yaml:"timeout"`
	// MaxPending bounds alerts under way. If zero, 1,000. Further ones are logged as errors, and
	// counted.
	MaxPending int `yaml:"max_pending"`

	// Send sends alerts; it has to be set if there are Alerts.
	Send Sender `yaml:"-"`

	// OnAlert, if not nil, is told what became of each alert. It must not block.
	OnAlert func(AlertResult) `yaml:"-"`

	Logger *slog.Logger `yaml:"-"` // if nil, nothing is logged
}

// AlertResult is what became of one alert.
type AlertResult struct {
	CallID string // of the Request
	Target string
	Tries  int
	Err    error // nil if the target took it
}

// EmergencyStats is a snapshot of Emergency.
type EmergencyStats struct {
	Calls     uint64 // that Alert was told of
	Delivered uint64 // alerts that a target took
	Failed    uint64 // alerts that none took
	Dropped   uint64 // alerts for which there was no room
	Pending   int    // alerts under way
}

// Emergency knows emergency calls, and tells others of them. Its methods may be called by many
// goroutines at once.
type Emergency struct {
	cfg     EmergencyConfig
	calling Party
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu     sync.Mutex
	stats  EmergencyStats
	closed bool
}

// NewEmergency checks a configuration.
func NewEmergency(cfg EmergencyConfig) (*Emergency, error) {
	if cfg.Numbers == nil {
		cfg.Numbers = map[string]string{"112": "urn:service:sos", "911": "urn:service:sos"}
	}
	cfg.Numbers = maps.Clone(cfg.Numbers)
	for number, service := range cfg.Numbers {
		if n, err := ParseNumber(number); err != nil || n.Digits != number {
			return nil, fmt.Errorf("as: emergency number %q is not digits", number)
		}
		u, err := sip.ParseURI(service)
		if err != nil || emergencyService(u) == "" {
			return nil, fmt.Errorf("as: emergency number %s: %q is not urn:service:sos, nor below it", number, service)
		}
	}
	e := &Emergency{cfg: cfg, log: cfg.Logger}
	var err error
	if e.calling, err = partyOfText(cfg.Calling); err != nil {
		return nil, fmt.Errorf("as: emergency: calling: %w", err)
	}
	for i, t := range cfg.Alerts {
		if err := t.check(nil); err != nil {
			return nil, fmt.Errorf("as: emergency: alert %d: %w", i+1, err)
		}
	}
	if len(cfg.Alerts) > 0 && cfg.Send == nil {
		return nil, errors.New("as: emergency: alerts want a Sender")
	}
	e.cfg.Tries = cmp.Or(max(cfg.Tries, 0), 6)
	e.cfg.MinRetry = cmp.Or(max(cfg.MinRetry, 0), 2*time.Second)
	e.cfg.MaxRetry = max(cmp.Or(max(cfg.MaxRetry, 0), time.Minute), e.cfg.MinRetry)
	e.cfg.Timeout = cmp.Or(max(cfg.Timeout, 0), 10*time.Second)
	e.cfg.MaxPending = cmp.Or(max(cfg.MaxPending, 0), 1000)
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e, nil
}

// emergencyService returns the service of a urn:service:sos in lower case, "" for other URIs (RFC
// 5031 section 4: services are compared without regard to case).
func emergencyService(u sip.URI) string {
	s := strings.ToLower(u.Opaque)
	if u.Scheme == "urn" && (s == "service:sos" || strings.HasPrefix(s, "service:sos.")) {
		return "urn:" + s
	}
	return ""
}

// Match returns the emergency service that a Request-URI asks for, "urn:service:sos.police", and ""
// for other calls. It looks at the URI as it came, before any rewriting: urn:service:sos, and the
// Numbers in tel URIs and in the user part of sip URIs, local whatever their phone-context says.
func (e *Emergency) Match(u sip.URI) string {
	if s := emergencyService(u); s != "" {
		return s
	}
	n, err := NumberOf(u, true)
	if err != nil {
		return ""
	}
	return strings.ToLower(e.cfg.Numbers[n.Digits])
}

// emergency returns the emergency service that a Request-URI asks for, "" if it is none.
func (s *settings) emergency(u sip.URI) string {
	if s.Emergency != nil {
		return s.Emergency.Match(u)
	}
	return emergencyService(u)
}

// urgent reports whether an INVITE is an emergency call, for which there is more room than for others.
func (s *settings) urgent(invite *sip.Request) bool {
	u, err := invite.URI()
	return err == nil && s.emergency(u) != ""
}

// Alert tells everybody in Alerts of an emergency call. It returns at once: the call itself waits
// for nothing. The text has the caller, the number and service called, the time, and what the
// request says about the place: Geolocation (RFC 6442), a position in a PIDF-LO body (RFC 4119,
// RFC 5491), and P-Access-Network-Info (RFC 7315).
func (e *Emergency) Alert(r *Request) {
	e.mu.Lock()
	e.stats.Calls++
	e.mu.Unlock()
	if len(e.cfg.Alerts) == 0 {
		return
	}
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	m := Message{ID: r.ID, Calling: e.calling, Body: []byte(alertText(r, at))}
	if m.Calling.IsZero() {
		m.Calling = r.Calling
		m.Calling.Private = false // RFC 3325 section 9.3: emergency services learn who calls
	}
	m.Header.Set("Priority", "emergency")
	if r.SIP != nil {
		for v := range r.SIP.Values("Geolocation") {
			if !strings.Contains(v, "cid:") { // what it names is not in this request
				m.Header.Add("Geolocation", strings.Clone(v))
			}
		}
	}
	for _, t := range e.cfg.Alerts {
		e.mu.Lock()
		room := !e.closed && e.stats.Pending < e.cfg.MaxPending
		if room {
			e.stats.Pending++
			e.work.Add(1)
		} else {
			e.stats.Dropped++
		}
		e.mu.Unlock()
		if !room {
			e.log.Error("no room for an emergency alert", "call", r.ID, "target", t.String())
			continue
		}
		go e.alert(t, m)
	}
}

// alert sends one alert until its target takes it.
func (e *Emergency) alert(t Target, m Message) {
	defer e.work.Done()
	m.Called = e.called(t)
	result := AlertResult{CallID: m.ID, Target: t.String()}
	wait := e.cfg.MinRetry
	for {
		result.Tries++
		ctx, cancel := context.WithTimeout(e.ctx, e.cfg.Timeout)
		copied := m
		copied.Header = m.Header.Clone()
		_, result.Err = e.cfg.Send(ctx, t, &copied)
		cancel()
		if result.Err == nil || result.Tries >= e.cfg.Tries || e.ctx.Err() != nil {
			break
		}
		e.log.Warn("an emergency alert is sent again", "call", m.ID, "target", result.Target, "try", result.Tries, "err", result.Err)
		// Alerts of many calls shall not come back together.
		timer := time.NewTimer(wait + rand.N(wait/4+1))
		select {
		case <-timer.C:
		case <-e.ctx.Done():
		}
		timer.Stop()
		wait = min(2*wait, e.cfg.MaxRetry)
	}
	e.mu.Lock()
	e.stats.Pending--
	if result.Err == nil {
		e.stats.Delivered++
	} else {
		e.stats.Failed++
	}
	e.mu.Unlock()
	if result.Err != nil {
		e.log.Error("an emergency alert reached nobody", "call", m.ID, "target", result.Target, "tries", result.Tries, "err", result.Err)
	} else {
		e.log.Info("an emergency alert was delivered", "call", m.ID, "target", result.Target, "tries", result.Tries)
	}
	if e.cfg.OnAlert != nil {
		e.cfg.OnAlert(result)
	}
}

// called is who an alert is for, where the target does not say it.
func (e *Emergency) called(t Target) Party {
	p, err := partyOfText(cmp.Or(t.Called, t.URI))
	if err != nil || p.IsZero() {
		p = Party{URI: "urn:service:sos"}
	}
	return p
}

// Stats returns a snapshot.
func (e *Emergency) Stats() EmergencyStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// Close gives up alerts that have not been delivered when ctx is done, and returns when none is
// under way.
func (e *Emergency) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	done := make(chan struct{})
	go func() {
		e.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		e.cancel()
		return nil
	case <-ctx.Done():
		e.cancel()
		<-done
		return context.Cause(ctx)
	}
}

// position is that of a point, or the centre of a circle, in GML within a PIDF-LO (RFC 5491).
var position = regexp.MustCompile(`<(?:[a-zA-Z0-9]+:)?pos>\s*(-?[0-9.]+(?:\s+-?[0-9.]+){1,2})\s*</`)

// alertText is what an alert says. Whatever stood in the request, it stays one short line each.
func alertText(r *Request, at time.Time) string {
	line := func(s string) string {
		s = strings.Map(func(c rune) rune {
			if isControl(c) {
				return ' '
			}
			return c
		}, strings.ToValidUTF8(s, "?"))
		if len(s) > 100 {
			s = strings.ToValidUTF8(s[:100], "") + "…"
		}
		return s
	}
	var b strings.Builder
	add := func(name, value string) {
		if value = line(value); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteString("EMERGENCY CALL\n")
	caller := r.Calling.String()
	if r.Calling.Name != "" {
		caller += " (" + r.Calling.Name + ")"
	}
	if r.Unverified {
		caller = cmp.Or(caller, "unknown") + " (without a password: it may be anybody)"
	}
	add("Caller", cmp.Or(caller, "unknown"))
	called := r.Called.String()
	if r.Emergency != "" && called != r.Emergency {
		called = strings.TrimSpace(called + " (" + r.Emergency + ")")
	}
	add("Called", called)
	add("Time", at.UTC().Format(time.RFC3339))
	if r.SIP != nil {
		n := 0
		for v := range r.SIP.Values("Geolocation") {
			if n++; n <= 3 {
				add("Location", v)
			}
		}
		if body, ok := sip.FindBody(r.SIP, "application/pidf+xml"); ok {
			if m := position.FindSubmatch(body[:min(len(body), 64<<10)]); m != nil {
				add("Position", strings.Join(strings.Fields(string(m[1])), " "))
			}
		}
		n = 0
		for v := range r.SIP.Values("P-Access-Network-Info") {
			if n++; n <= 2 {
				add("Access", v)
			}
		}
	}
	add("Call", r.ID)
	return b.String()
}
