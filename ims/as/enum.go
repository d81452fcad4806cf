package as

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gotelco/telco/sip"
)

// ENUMConfig says how numbers are looked up (RFC 6116).
type ENUMConfig struct {
	// Suffixes are the domains under which numbers are, tried one after the other until one has a
	// URI: private ones and those of carriers ("e164enum.net") before the public "e164.arpa",
	// which is asked alone if there are none.
	Suffixes []string `yaml:"suffixes"`

	// Private also takes services whose type begins with "P-" (RFC 6116 section 3.4.3.1).
	Private bool `yaml:"private"`

	// Services are the types of Enumservices that are taken: if empty, "sip" (RFC 3764), "pstn"
	// (RFC 4769), "voice" (RFC 4415) and "tel". Of the URIs sip and sips are places to bridge to; a
	// tel URI is another number, with which routing goes on.
	Services []string `yaml:"services"`

	// Trunk, if set, carries calls to the URIs found, which become its Request-URIs. If empty,
	// they are called directly: whoever writes the records then says where to.
	Trunk string `yaml:"trunk"`

	// Timeout bounds a lookup, all suffixes together. If zero, 2 seconds: the caller waits.
	Timeout time.Duration `yaml:"timeout"`

	// Servers are name servers. If empty, those of the system.
	Servers []netip.AddrPort `yaml:"servers"`

	// MaxTTL and MaxNegativeTTL bound how long answers, and answers that there is nothing, are
	// kept. If zero, a day and 5 minutes.
	MaxTTL         time.Duration `yaml:"max_ttl"`
	MaxNegativeTTL time.Duration `yaml:"max_negative_ttl"`

	// Resolver, if not nil, answers in place of Servers.
	Resolver sip.Resolver `yaml:"-"`
}

// ENUM finds the URIs of numbers. Its methods may be called by many goroutines at once; the same
// question is asked once however many wait for it.
type ENUM struct {
	cfg      ENUMConfig
	resolver sip.Resolver
}

// NewENUM checks a configuration.
func NewENUM(cfg ENUMConfig) (*ENUM, error) {
	if len(cfg.Suffixes) == 0 {
		cfg.Suffixes = []string{"e164.arpa"}
	}
	for _, s := range cfg.Suffixes {
		if c, err := parseContext(s); err != nil || strings.HasPrefix(c, "+") {
			return nil, fmt.Errorf("%q is no domain", s)
		}
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("timeout %v", cfg.Timeout)
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	if len(cfg.Services) == 0 {
		cfg.Services = []string{"sip", "pstn", "voice", "tel"}
	}
	e := &ENUM{cfg: cfg, resolver: cfg.Resolver}
	if e.resolver == nil {
		dns := sip.DNSConfig{MaxTTL: cfg.MaxTTL, MaxNegativeTTL: cfg.MaxNegativeTTL, MaxStale: -1}
		if len(cfg.Servers) > 0 {
			dns.Servers = cfg.Servers
		}
		e.resolver = sip.NewDNS(dns)
	}
	return e, nil
}

// Lookup returns the sip, sips and tel URIs of a global number in the order in which they are to
// be tried: those of the lowest order that has any (RFC 6116 section 3.4.1). The result is empty
// if there are none; the error says that nobody could tell.
func (e *ENUM) Lookup(ctx context.Context, n Number) ([]sip.ENUMResult, error) {
	if !n.IsGlobal() {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	var failed error
	for _, suffix := range e.cfg.Suffixes {
		all, err := sip.ENUM{Resolver: e.resolver, Suffix: suffix, Private: e.cfg.Private}.Lookup(ctx, n.Digits)
		if err != nil {
			failed = fmt.Errorf("as: enum %s: %w", suffix, err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		var out []sip.ENUMResult
		for _, r := range all {
			u, err := sip.ParseURI(r.URI)
			if err != nil || !u.IsSIP() && u.Scheme != "tel" || !slices.ContainsFunc(e.cfg.Services, r.HasService) {
				continue
			}
			if len(out) == 0 || r.Order == out[0].Order {
				out = append(out, r)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, failed
}

// route returns the targets for a number, or another number for it: whichever comes first.
func (e *ENUM) route(ctx context.Context, called Party) (targets []Target, other Party, err error) {
	results, err := e.Lookup(ctx, called.Number)
	for _, r := range results {
		u, err := sip.ParseURI(r.URI)
		switch {
		case err != nil:
		case u.Scheme != "tel":
			t := Target{URI: r.URI}
			if e.cfg.Trunk != "" {
				t = Target{Trunk: e.cfg.Trunk, Called: r.URI}
			}
			if len(targets) < maxTargets {
				targets = append(targets, t)
			}
		case len(targets) == 0:
			// npdi and rn (RFC 4694) make even the same number news.
			if p := PartyOf(u, false); !p.Number.IsZero() && p.Number != called.Number {
				return nil, p, nil
			}
		}
	}
	return targets, Party{}, err
}
