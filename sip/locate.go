package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// LocateConfig says how a [Locator] finds servers. The zero value works.
type LocateConfig struct {
	// Resolver answers questions of DNS. If nil, a [DNS] with the zero configuration.
	Resolver Resolver

	// Transports are those that we can send over, in the order in which they are tried where a
	// domain says nothing about transports (no NAPTR records). If nil, UDP, TCP and TLS.
	Transports []Transport

	// PreferIPv6 tries the IPv6 addresses of a host before its IPv4 addresses.
	PreferIPv6 bool

	// AllNAPTROrders goes on to NAPTR records of a higher order when all targets of the first
	// have failed. RFC 3403 section 4.1 forbids it: it lets an attacker who blocks TLS choose UDP.
	AllNAPTROrders bool

	// MaxTargets is how many targets are returned at most. If zero, 16.
	MaxTargets int

	// BackOff is how long a target is avoided after its first failure; it doubles with each
	// further one up to MaxBackOff. If zero, 30 seconds and 5 minutes.
	BackOff, MaxBackOff time.Duration

	// MaxHealth is how many failing targets are remembered. If zero, 4,096.
	MaxHealth int
}

// Target is one address to which a request or a response may go, and how.
type Target struct {
	Transport Transport
	Addr      netip.AddrPort

	// ServerName is the domain that the target was found for, which its certificate must name
	// (RFC 5922 section 7.3), whatever hosts DNS led to.
	ServerName string

	// Why tells how the target was found, such as
	// "NAPTR 10 50 SIP+D2T, SRV 10 60 a.example.com, address".
	Why string

	datagramOnly bool // TCP was tried: send over UDP whatever the size
}

func (t Target) String() string {
	return fmt.Sprintf("%v %v (%s)", t.Transport, t.Addr, t.Why)
}

// LocateError tells that a URI leads nowhere.
type LocateError struct {
	Host string
	Err  error
}

func (e *LocateError) Error() string { return fmt.Sprintf("sip: locate %s: %v", e.Host, e.Err) }

func (e *LocateError) Unwrap() error { return e.Err }

var (
	errNotLocatable = errors.New("URI names no SIP server")
	errNoAddress    = errors.New("no address")
	errNoService    = errors.New("domain says that it has no such service") // RFC 2782: target "."
	errNoTransport  = errors.New("no transport that both sides have")
)

// Locator finds the servers of a SIP URI (RFC 3263) and remembers which of them failed. It may
// be used by several goroutines at once.
type Locator struct {
	cfg    LocateConfig
	health *health
	random func(n int) int // of 0 to n-1
}

// NewLocator returns a locator that knows of no failures.
func NewLocator(cfg LocateConfig) *Locator {
	if cfg.Resolver == nil {
		cfg.Resolver = NewDNS(DNSConfig{})
	}
	if cfg.Transports == nil {
		cfg.Transports = []Transport{UDP, TCP, TLS}
	}
	if cfg.MaxTargets == 0 {
		cfg.MaxTargets = 16
	}
	return &Locator{cfg: cfg, health: newHealth(cfg), random: rand.IntN}
}

// Targets returns where a request may go whose next hop is uri (its topmost Route or its
// Request-URI), the first to be tried first (RFC 3263 section 4). Targets that failed lately
// stand at the end. It asks nobody if the URI has a numeric address.
func (l *Locator) Targets(ctx context.Context, uri URI) ([]Target, error) {
	host := uri.Host
	if m, ok := uri.Params.Value("maddr"); ok && m != "" {
		host = m
	}
	if !uri.IsSIP() || host == "" {
		return nil, &LocateError{uri.String(), errNotLocatable}
	}
	w := walk{l: l, ctx: ctx, domain: bareHost(uri.Host), secure: uri.Scheme == "sips"}
	t, err := w.wanted(uri.Transport())
	if err == nil {
		err = w.find(bareHost(host), uri.Port, t)
	}
	return w.result(host, err)
}

// isLiteral tells that the targets of uri are known without DNS.
func isLiteral(uri URI) bool {
	host := uri.Host
	if m, ok := uri.Params.Value("maddr"); ok && m != "" {
		host = m
	}
	_, ok := hostAddr(host)
	return ok || !uri.IsSIP()
}

// leadingDigits returns the digits that s starts with, such as the seconds of a Retry-After.
func leadingDigits(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return s[:i]
		}
	}
	return s
}

// ResponseTargets returns where a response may go that could not be sent over the connection or
// to the source address of its request (RFC 3261 section 18.2.2, RFC 3263 section 5). via is the
// topmost Via.
func (l *Locator) ResponseTargets(ctx context.Context, via Via) ([]Target, error) {
	t, ok := ParseTransport(via.Transport)
	w := walk{l: l, ctx: ctx, domain: bareHost(via.Host), secure: t.Secure()}
	if !ok {
		return nil, &LocateError{via.Host, errNoTransport}
	}
	if a, err := netip.ParseAddr(via.Received()); err == nil && t.Reliable() {
		w.add(t, a, cmp.Or(uint16(via.Port), t.DefaultPort()), "received of Via")
	}
	if m, ok := via.Params.Value("maddr"); ok && m != "" && !t.Reliable() {
		return w.result(m, w.find(bareHost(m), via.Port, t))
	}
	return w.result(via.Host, w.find(w.domain, via.Port, t))
}

// Failed remembers that a target did not answer, or answered 503; retryAfter is the value of
// its Retry-After, zero without one. The target is avoided for the longer of that (at most an
// hour) and the back-off.
func (l *Locator) Failed(t Target, retryAfter time.Duration) { l.health.failed(t, retryAfter) }

// Succeeded remembers that a target answered.
func (l *Locator) Succeeded(t Target) { l.health.succeeded(t) }

// bareHost takes the brackets off an IPv6 address and the final dot off a name.
func bareHost(h string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(h, "["), "]"), ".")
}
