package as

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/sip"
)

// Config configures a [Server]. [Server.Reload] puts another one in force while calls go on; it keeps Call and
// Control as they were, and refuses a Config that changes what of them cannot change.
type Config struct {
	// Call configures the agent below: codecs, media, SIP. Its OnCall, OnTransfer, and in SIP OnInvite, OnRequest,
	// Handler and Proxy.OnRequest are the server's own. If its SIP.Session.Expires is zero, it is 30 min. Its
	// SIP.Redirects is the server's, too: see Redirect.
	Call call.Config
	// Control configures call control. Its Agent, Resolve, Dialplan and OnDestroy are the server's own.
	Control control.Config

	// Domain is the host of our own URIs, such as those of callers from elsewhere. If empty, that of Phones, else
	// that of IMS, else "anonymous.invalid".
	Domain string
	IMS    IMS
	Trunks []Trunk
	Phones Phones

	// Router decides where calls go. If nil, those of the IMS side are let go on (action proxy), and others are
	// refused with 404.
	Router Router
	// RouteTimeout bounds a decision. If zero, 5 s; then the call is refused with 504.
	RouteTimeout time.Duration
	// RingTimeout is how long a target may ring that says nothing itself. If zero, 2 min.
	RingTimeout time.Duration

	// Redirect says what becomes of a 3xx of targets that are URIs, and of the core; those of trunks and phones have
	// settings of their own.
	Redirect Redirect
	// MaxDiversions is how often a call may be diverted, here and, as its header fields tell, before. If zero, 5.
	MaxDiversions int

	// Emergency says which calls are emergency calls, whose numbers are left as they are, and for which there is room beyond
	// MaxCalls, the limits of trunks and Call.Admission; and tells others of them. If nil, those to urn:service:sos are,
	// and nobody is told.
	Emergency *Emergency

	Announcements Announcements
	// Recording is what record_session is given where a decision has the call recorded, such as
	// "${uuid}.wav" or a URL that Control.Spool takes. If empty, nothing is.
	Recording string

	// MaxCalls bounds the calls from outside there may be at a time; further ones get 503 with Retry-After. If
	// zero, 10,000. Call.Admission bounds them by the load of the machine. Emergency calls have a tenth more, and ten at least.
	MaxCalls int
	// MaxDuration ends calls that last longer. If zero, 12 h. If negative, they may last for ever.
	MaxDuration time.Duration
	// MediaTimeout ends calls one of whose legs has sent no RTP for so long, and HoldTimeout those that are held. If
	// zero, 5 min and 30 min. If negative, such calls go on.
	MediaTimeout, HoldTimeout time.Duration

	// OnRegister, if not nil, is told of the users of the IMS core whose registration we hear of. It must not block.
	OnRegister func(Registration)
	// OnRequest, if not nil, may answer requests outside of calls that are no INVITE, REGISTER or OPTIONS to ourselves,
	// by Respond of f, and returns true then. Those that it leaves go on by their Route where they have one, and are
	// refused else. It has a goroutine of its own.
	OnRequest func(ctx context.Context, r *Request, f *sip.Forwarding) bool
	// OnCall, if not nil, is told of every call that is not refused at once when it is decided where it goes, and again when it
	// is answered: for records of calls that are under way when the program dies. It has a goroutine of its own and may
	// block; for one call it has returned before OnEnd is called.
	OnCall func(*CallInfo)
	// OnEnd, if not nil, is told of every call when it is over: for call records. It has a goroutine of its own and
	// may block.
	OnEnd func(*CallInfo)
}

// Phones are those that register with the server itself. The zero value has none.
type Phones struct {
	// Domain is the host of their addresses, and the realm of their passwords. If empty, there are no phones.
	Domain string
	// Users are user names and their passwords.
	Users map[string]string
	// Algorithms are the digest algorithms offered, in this order. If empty, SHA-256 and MD5. Phones that stop at
	// the first algorithm that they do not know want MD5 alone.
	Algorithms []sip.DigestAlgorithm
	// EmergencyPassword has emergency calls of phones asked for a password like all others. By default they get through without
	// one, and without a name that anybody knows; see Unverified of Request.
	EmergencyPassword bool
	// Border says how they write numbers.
	Border BorderConfig
	// Redirect says what becomes of a 3xx of a phone, which is how many of them forward calls.
	Redirect Redirect
	// Numbers are the numbers of users, as the caller's in calls that leave: "+49301234".
	Numbers map[string]string
}

// Announcements are what callers hear where a call cannot be connected.
type Announcements struct {
	// Causes are names that playback understands, by the cause of Q.850; 0 is for all others.
	Causes map[int]string
	// Answer has the call answered for it. By default it is early media (183), which costs the caller nothing.
	Answer bool
	// Max bounds how long it is played. If zero, 30 s.
	Max time.Duration
}

// name is the announcement for a cause; own is that of the decision.
func (a *Announcements) name(cause int, own string) string {
	if own != "" {
		return own
	}
	if s, ok := a.Causes[cause]; ok {
		return s
	}
	return a.Causes[0]
}

// ConfigError says which part of a configuration is wrong.
type ConfigError struct {
	Field string
	Err   error
}

func (e *ConfigError) Error() string { return "as: " + e.Field + ": " + e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *ConfigError) Unwrap() error { return e.Err }

// ErrFixed is the reason in a [ConfigError] of [Server.Reload]: the program has to be started again for that.
var ErrFixed = errors.New("cannot change while the server runs")

// settings are a Config ready for use. They do not change; calls keep those that they began with.
type settings struct {
	Config
	ims       *Border
	phones    *Border
	digest    *sip.DigestServer // nil without phones
	trunks    []*trunk
	trunkFrom map[string]*trunk
}

func newSettings(cfg Config, old *settings) (*settings, error) {
	cfg.Domain = cmp.Or(cfg.Domain, cfg.Phones.Domain, cfg.IMS.Domain, "anonymous.invalid")
	cfg.RouteTimeout = cmp.Or(max(cfg.RouteTimeout, 0), 5*time.Second)
	cfg.RingTimeout = cmp.Or(max(cfg.RingTimeout, 0), 2*time.Minute)
	cfg.MaxDuration = cmp.Or(cfg.MaxDuration, 12*time.Hour)
	cfg.MediaTimeout = cmp.Or(cfg.MediaTimeout, 5*time.Minute)
	cfg.HoldTimeout = cmp.Or(cfg.HoldTimeout, 30*time.Minute)
	cfg.Announcements.Max = cmp.Or(max(cfg.Announcements.Max, 0), 30*time.Second)
	if cfg.MaxDiversions <= 0 {
		cfg.MaxDiversions = 5
	}
	if cfg.MaxCalls <= 0 {
		cfg.MaxCalls = 10_000
	}
	s := &settings{Config: cfg, trunkFrom: map[string]*trunk{}}
	var err error
	if s.ims, err = NewBorder(cfg.IMS.Border); err != nil {
		return nil, &ConfigError{"ims", err}
	}
	if s.phones, err = NewBorder(cfg.Phones.Border); err != nil {
		return nil, &ConfigError{"phones", err}
	}
	for _, r := range slices.Concat(cfg.IMS.Routes, cfg.IMS.OrigRoutes) {
		a, err := sip.ParseAddress(r)
		if err == nil && !a.URI.LR() {
			err = errors.New("no loose route (;lr is missing)")
		}
		if err != nil {
			return nil, &ConfigError{"ims route " + r, err}
		}
	}
	for _, p := range cfg.IMS.Peers {
		if !p.Prefix.IsValid() {
			return nil, &ConfigError{"ims peers", errors.New("an empty one")}
		}
	}
	if cfg.Phones.Domain != "" {
		d := sip.DigestConfig{Realm: cfg.Phones.Domain, Users: sip.Passwords(maps.Clone(cfg.Phones.Users)), Algorithms: cfg.Phones.Algorithms}
		if old != nil && old.digest != nil {
			d.Nonces = old.digest.Nonces()
		}
		if s.digest, err = sip.NewDigestServer(d); err != nil {
			return nil, &ConfigError{"phones", err}
		}
	}
	for _, t := range cfg.Trunks {
		if s.trunk(t.Name) != nil {
			return nil, &ConfigError{"trunk " + t.Name, errors.New("there are two of this name")}
		}
		var before *trunk
		if old != nil {
			before = old.trunk(t.Name)
		}
		tr, err := newTrunk(t, before)
		if err != nil {
			return nil, err
		}
		if tr.codecs, err = chosen(t.Codecs, cfg.Call.Codecs); err != nil {
			return nil, &ConfigError{"trunk " + t.Name + ": codecs", err}
		}
		s.trunks = append(s.trunks, tr)
	}
	return s, nil
}

// chosen are the codecs of the given names, in the order of the names; a name stands for all forms of its payload.
func chosen(names []string, all []call.Codec) (out []call.Codec, err error) {
	if len(all) == 0 {
		all = []call.Codec{call.PCMA, call.PCMU}
	}
	for _, name := range names {
		before := len(out)
		for _, c := range all {
			if strings.EqualFold(c.Name, name) {
				out = append(out, c)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("%s is not among those of the server", name)
		}
	}
	return out, nil
}

// trunk returns a trunk by its name, nil if there is none.
func (s *settings) trunk(name string) *trunk {
	for _, t := range s.trunks {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// peer is who a request comes from.
type peer struct {
	side  Side // 0: nobody that we know
	trust Trust
	trunk *trunk
}

// classify tells by the address who sent a request. Of several trunks with one address the one whose registration
// or number the request names counts, else the first.
func (s *settings) classify(from netip.AddrPort, requestURI sip.URI) peer {
	for _, p := range s.IMS.Peers {
		if p.Contains(from) {
			return peer{side: SideIMS, trust: Home}
		}
	}
	var found *trunk
	for _, t := range s.trunks {
		if !slices.ContainsFunc(t.sources, func(p Source) bool { return p.Contains(from) }) {
			continue
		}
		if t.Username != "" && requestURI.User == t.Username {
			found = t
			break
		}
		if found == nil {
			found = t
		}
	}
	switch {
	case found != nil:
		return peer{side: SideTrunk, trust: found.Trust, trunk: found}
	case s.digest != nil:
		return peer{side: SidePhone}
	}
	return peer{}
}

// fixed says what of a Config differs from the one in force and cannot change.
func fixed(old, cfg *Config) error {
	bad := func(field string, same bool) error {
		if same {
			return nil
		}
		return &ConfigError{field, ErrFixed}
	}
	codecs := func(list []call.Codec) (names []string) {
		for _, c := range list {
			names = append(names, fmt.Sprint(c.Name, c.PayloadType, c.FMTP))
		}
		return names
	}
	limits := func(a call.Admission) [4]any { return [4]any{a.MaxCalls, a.MaxLate, a.MaxBusy, a.MaxCPU} }
	a, b := &old.Call, &cfg.Call
	return errors.Join(
		bad("codecs", slices.Equal(codecs(a.Codecs), codecs(b.Codecs))),
		bad("media address", a.Address == b.Address && a.Advertise == b.Advertise),
		bad("media ports", a.Ports == b.Ports),
		bad("admission", limits(a.Admission) == limits(b.Admission)),
		bad("address of the user agent", a.SIP.Address == b.SIP.Address && a.SIP.Contact == b.SIP.Contact),
		bad("sounds and recordings", old.Control.Sounds == cfg.Control.Sounds && old.Control.Recordings == cfg.Control.Recordings),
		bad("most channels", old.Control.MaxChannels == cfg.Control.MaxChannels),
		bad("domain of the phones", old.Phones.Domain == cfg.Phones.Domain),
	)
}
