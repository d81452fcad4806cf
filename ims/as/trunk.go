package as

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// Trunk is another SIP network that calls come from and go to: a carrier, a PBX, a gateway.
type Trunk struct {
	Name string
	// Servers are where its calls are sent to, in the order of their priorities; those of one priority by
	// weight (RFC 2782).
	Servers []TrunkServer
	// Sources are where its calls come from. If empty, the addresses of Servers that are no names.
	Sources []Source
	// Trust says whether it belongs to the trust domain. [Untrusted] is what carriers mostly are.
	Trust Trust
	// Domain is the host in URIs that are sent there. If empty, that of the server tried.
	Domain string
	// Border says how it writes numbers.
	Border BorderConfig
	// Called has the number that is called taken from To, as some carriers need that send calls to the
	// registered Contact; else the Request-URI counts.
	CalledInTo bool

	// Identity says how the caller is told.
	Identity Identity
	// From, if not empty, is From of every call, for carriers that want the account's address there: the
	// caller is then in P-Asserted-Identity or P-Preferred-Identity, as Identity has it.
	From string
	// Username and Password answer its challenges (401 and 407). Where Username is empty there is no
	// answer.
	Username, Password string
	// Register, if its Registrar is set, registers us with it.
	Register TrunkRegister

	// Diversion says which header fields tell it how a call was diverted, and what of them it is believed.
	Diversion DiversionFields
	// Redirect says what becomes of its 3xx.
	Redirect Redirect

	// TargetTimeout is how long a server may leave an INVITE without any response. If zero, 3 s.
	TargetTimeout time.Duration
	// RingTimeout is how long a call may ring. If zero, 2 min.
	RingTimeout time.Duration
	// NextOn are the status codes with which the next server is tried, besides silence and servers that
	// cannot be reached. If nil, 408, 500, 502, 503, 504.
	NextOn []int
	// CoolDown is how long a server that is silent, cannot be reached or answers 503 is left alone; it
	// doubles with each further failure, up to ten times itself. If zero, 30 s. If all servers are cooling
	// down, all are tried.
	CoolDown time.Duration
	// Ping is how often each server gets an OPTIONS: what does not answer is left alone until it does. If
	// zero, never.
	Ping time.Duration

	// MaxCalls bounds the calls there are over the trunk, both ways: further ones from it get 503, and
	// those to it go to the next target. If zero, any number.
	MaxCalls int
	// Codecs are the names of the codecs that are offered and taken, in this order. If empty, all that
	// the server has.
	Codecs []string
	// Preconditions says that the trunk knows of preconditions (RFC 3312), such as another operator's IMS: those of a
	// handset are passed on then. Others are called when the handset has its bearer.
	Preconditions bool
	// Transfer lets the other side of the trunk have calls transferred (REFER), which are then at our expense.
	Transfer bool
	// Headers are changed in each initial INVITE that goes there, in this order.
	Headers []HeaderRule
}

// TrunkServer is one address of a trunk.
type TrunkServer struct {
	URI      string // "sip:192.0.2.7:5060;transport=tcp"; a name is looked up (RFC 3263)
	Priority int    // the lowest first
	Weight   int    // if zero, 1
}

// TrunkRegister says how we register with a trunk.
type TrunkRegister struct {
	Registrar string        // "sip:example.org"
	Address   string        // the address of record; if empty, Username at the registrar's host
	Expires   time.Duration // if zero, 1 hour
	Proxy     string        // a URI to send to instead, such as that of one of the Servers
}

// Identity says which header fields tell a trunk who calls.
type Identity uint8

// The ways to tell.
const (
	IdentityFrom      Identity = iota // From alone
	IdentityAsserted                  // P-Asserted-Identity too (RFC 3325); trunks in the trust domain always have it
	IdentityPreferred                 // P-Preferred-Identity too
)

var identityNames = names[Identity]{"identity", []string{"from", "asserted", "preferred"}}

// String returns "from", "asserted" or "preferred".
func (i Identity) String() string { return identityNames.text(i) }

// MarshalText returns what String does.
func (i Identity) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what String returns.
func (i *Identity) UnmarshalText(b []byte) error { return identityNames.parse(i, b) }

var trustNames = names[Trust]{"trust", []string{"untrusted", "trusted", "home"}}

// String returns "untrusted", "trusted" or "home".
func (t Trust) String() string { return trustNames.text(t) }

// MarshalText returns what String does.
func (t Trust) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what String returns.
func (t *Trust) UnmarshalText(b []byte) error { return trustNames.parse(t, b) }

// HeaderRule changes a header field.
type HeaderRule struct {
	Name string
	// Value is what the field becomes; with Add it is added to what there is. If empty, the field is
	// removed.
	Value string
	Add   bool
}

func (r HeaderRule) apply(h *sip.Header) {
	switch {
	case r.Value == "":
		h.Del(r.Name)
	case r.Add:
		h.Add(r.Name, r.Value)
	default:
		h.Set(r.Name, r.Value)
	}
}

// protected are the fields that no rule changes, since the dialog stands on them.
var protected = []string{"Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length", "Content-Type", "Route", "Record-Route", "Max-Forwards"}

func (t *Trunk) check() error {
	bad := func(field string, err error) error {
		return &ConfigError{Field: "trunk " + t.Name + ": " + field, Err: err}
	}
	if t.Name == "" || strings.ContainsAny(t.Name, "/,|[]{} ") {
		return &ConfigError{Field: "trunk name", Err: fmt.Errorf("%q cannot be one", t.Name)}
	}
	for _, s := range t.Servers {
		u, err := sip.ParseURI(s.URI)
		if err == nil && !u.IsSIP() {
			err = errors.New("no sip URI")
		}
		if err == nil && (s.Weight < 0 || s.Priority < 0) {
			err = errors.New("negative priority or weight")
		}
		if err != nil {
			return bad("server "+s.URI, err)
		}
	}
	if t.From != "" {
		if _, err := sip.ParseAddress(t.From); err != nil {
			return bad("from", err)
		}
	}
	if t.Register.Registrar != "" {
		if _, err := sip.ParseURI(t.Register.Registrar); err != nil {
			return bad("registrar", err)
		}
		if t.Register.Proxy != "" {
			if _, err := sip.ParseURI(t.Register.Proxy); err != nil {
				return bad("register proxy", err)
			}
		}
		if t.Register.Address == "" && t.Username == "" {
			return bad("register", errors.New("neither an address nor a username"))
		}
	}
	for _, r := range t.Headers {
		if r.Name == "" || slices.Contains(protected, sip.CanonicalName(r.Name)) || strings.ContainsAny(r.Name+r.Value, "\r\n") {
			return bad("header "+r.Name, errors.New("cannot be changed"))
		}
	}
	return nil
}

// trunk is a Trunk at work. It outlives a reload that leaves its servers alone.
type trunk struct {
	Trunk
	border  *Border
	sources []Source
	servers []*trunkServer
	codecs  []call.Codec      // of Codecs
	calls   *atomic.Int64     // of the trunk, whatever its configuration
	digest  *sip.DigestClient // nil without credentials
}

// trunkServer is what is known of a server.
type trunkServer struct {
	TrunkServer
	uri sip.URI

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // it is left alone; zero if it is well
	why      string
	silent   bool // it does not answer pings
}

// newTrunk makes a trunk; what is known of the servers of old, which may be nil, stays known.
func newTrunk(cfg Trunk, old *trunk) (*trunk, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.TargetTimeout = cmp.Or(max(cfg.TargetTimeout, 0), 3*time.Second)
	cfg.RingTimeout = cmp.Or(max(cfg.RingTimeout, 0), 2*time.Minute)
	cfg.CoolDown = cmp.Or(max(cfg.CoolDown, 0), 30*time.Second)
	if cfg.NextOn == nil {
		cfg.NextOn = []int{408, 500, 502, 503, 504}
	}
	t := &trunk{Trunk: cfg, sources: slices.Clone(cfg.Sources), calls: new(atomic.Int64)}
	var err error
	if t.border, err = NewBorder(cfg.Border); err != nil {
		return nil, &ConfigError{Field: "trunk " + cfg.Name, Err: err}
	}
	if cfg.Username != "" {
		t.digest = sip.NewDigestClient(sip.DigestClientConfig{Answerer: sip.Password("", cfg.Username, cfg.Password)})
	}
	if old != nil {
		t.calls = old.calls
		if old.Username == cfg.Username && old.Password == cfg.Password {
			t.digest = old.digest
		}
	}
	for _, s := range cfg.Servers {
		s.Weight = max(s.Weight, 1)
		var ts *trunkServer
		if old != nil {
			if i := slices.IndexFunc(old.servers, func(o *trunkServer) bool { return o.TrunkServer == s }); i >= 0 {
				ts = old.servers[i]
			}
		}
		if ts == nil {
			u, _ := sip.ParseURI(s.URI)
			ts = &trunkServer{TrunkServer: s, uri: u}
		}
		t.servers = append(t.servers, ts)
		if a, ok := ts.uri.Addr(); ok && len(cfg.Sources) == 0 {
			t.sources = append(t.sources, Source{Prefix: netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())})
		}
	}
	return t, nil
}

// order returns the servers to try, the first first: by priority, and drawn by weight among equals. Those that
// are left alone are not among them unless all are.
func (t *trunk) order(now time.Time, draw func(n int) int) []*trunkServer {
	var well []*trunkServer
	for _, s := range t.servers {
		if s.usable(now) {
			well = append(well, s)
		}
	}
	if len(well) == 0 {
		well = slices.Clone(t.servers)
	}
	slices.SortStableFunc(well, func(a, b *trunkServer) int { return cmp.Compare(a.Priority, b.Priority) })
	for i := 0; i < len(well); {
		n := i
		for n < len(well) && well[n].Priority == well[i].Priority {
			n++
		}
		drawByWeight(well[i:n], draw)
		i = n
	}
	return well
}

// drawByWeight puts servers in an order in which each is first as often as its weight says.
func drawByWeight(list []*trunkServer, draw func(n int) int) {
	for ; len(list) > 1; list = list[1:] {
		sum := 0
		for _, s := range list {
			sum += s.Weight
		}
		at := draw(sum)
		for i, s := range list {
			if at -= s.Weight; at < 0 {
				copy(list[1:i+1], list[:i])
				list[0] = s
				break
			}
		}
	}
}

func (s *trunkServer) usable(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.silent && !now.Before(s.until)
}

// failed has the server left alone for a while: at least for as long as it asks itself.
func (s *trunkServer) failed(now time.Time, coolDown, asked time.Duration, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range min(s.failures, 4) {
		coolDown *= 2
	}
	s.failures++
	s.until = now.Add(max(coolDown, min(asked, time.Hour)))
	s.why = why.Error()
}

func (s *trunkServer) succeeded() {
	s.mu.Lock()
	s.failures, s.until, s.why, s.silent = 0, time.Time{}, "", false
	s.mu.Unlock()
}

// next says whether another server may do better after err, and notes what err says of this one.
func (t *trunk) next(s *trunkServer, now time.Time, err error) bool {
	var refused *sip.ResponseError
	if errors.As(err, &refused) {
		code := refused.Response.StatusCode
		if code == 503 {
			after, _ := refused.Response.RetryAfter()
			s.failed(now, t.CoolDown, time.Duration(after.Seconds)*time.Second, err)
		} else {
			s.succeeded()
		}
		return slices.Contains(t.NextOn, code)
	}
	var own control.Cause // of the channel's end
	if errors.As(err, &own) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return false // it rang too long, or nobody waits any more
	}
	s.failed(now, t.CoolDown, 0, err)
	return true
}

// TrunkStats is a snapshot of a trunk.
type TrunkStats struct {
	Name    string
	Calls   int // now
	Servers []TrunkServerStats
	// Registration is the state of ours with it; its Name is empty where there is none.
	Registration sip.RegistrationStatus
}

// TrunkServerStats says how a server of a trunk does.
type TrunkServerStats struct {
	URI      string
	Usable   bool
	Failures int       // in a row
	Until    time.Time // when it is tried again; zero if it is usable
	Why      string    // it is not
}

func (t *trunk) stats(now time.Time) TrunkStats {
	st := TrunkStats{Name: t.Name, Calls: int(t.calls.Load())}
	for _, s := range t.servers {
		ok := s.usable(now)
		s.mu.Lock()
		row := TrunkServerStats{URI: s.URI, Usable: ok, Failures: s.failures, Why: s.why}
		if !ok {
			row.Until = s.until
		}
		s.mu.Unlock()
		st.Servers = append(st.Servers, row)
	}
	return st
}

// take counts a call, and reports false where there are as many as there may be.
func (t *trunk) take(urgent bool) bool {
	if n := t.calls.Add(1); t.MaxCalls > 0 && n > int64(t.MaxCalls) && !urgent {
		t.calls.Add(-1)
		return false
	}
	return true
}

func (t *trunk) release() { t.calls.Add(-1) }

// ping asks each server how it does, until ctx is done.
func (t *trunk) ping(ctx context.Context, ua *sip.UserAgent, note func(s *trunkServer, up bool, err error)) {
	var wg sync.WaitGroup
	for _, s := range t.servers {
		wg.Go(func() {
			wait := time.Duration(rand.Int64N(int64(t.Ping))/8 + 1) // not all at once
			for {
				timer := time.NewTimer(wait)
				select {
				case <-timer.C:
				case <-ctx.Done():
					timer.Stop()
					return
				}
				wait = t.Ping
				req := ua.NewRequest(sip.OPTIONS, s.URI)
				_, err := ua.Do(ctx, req, sip.SendOptions{NextHop: s.uri, TargetTimeout: t.TargetTimeout, Timeout: t.TargetTimeout})
				if ctx.Err() != nil {
					return
				}
				// Any answer shows that it is there, but those that say it cannot serve.
				code := sip.StatusCode(err)
				up := err == nil || code != 0 && code != 408 && code != 503
				s.mu.Lock()
				changed := s.silent == up
				s.mu.Unlock()
				if up && changed {
					s.succeeded()
				}
				s.mu.Lock()
				if s.silent = !up; !up {
					s.why = err.Error()
				}
				s.mu.Unlock()
				if changed {
					note(s, up, err)
				}
			}
		})
	}
	wg.Wait()
}
