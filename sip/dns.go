package sip

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// DNSConfig says how [DNS] asks. The zero value asks the servers of /etc/resolv.conf.
type DNSConfig struct {
	// Servers are asked in turn. If nil, those of ResolvConf, whose changes are followed.
	Servers []netip.AddrPort

	// ResolvConf is the resolv.conf(5). If empty, /etc/resolv.conf.
	ResolvConf string

	// Hosts is the hosts(5), which comes before A and AAAA records. If empty, /etc/hosts. If
	// "-", none.
	Hosts string

	// Timeout is how long one server may take. If zero, 2 seconds, or less where resolv.conf
	// says so: a call waits for it.
	Timeout time.Duration

	// Attempts is how often each server is asked. If zero, 2.
	Attempts int

	// MaxCache is how many answers are kept. If zero, 8,192. When full, expired ones go first,
	// then any.
	MaxCache int

	// MaxTTL bounds how long an answer is kept, MaxNegativeTTL how long one without records
	// is. If zero, a day and 5 minutes. MinTTL keeps answers at least so long; if zero, 1 second.
	MaxTTL, MaxNegativeTTL, MinTTL time.Duration

	// MaxStale is how long an expired answer still serves while no server can be reached
	// (RFC 8767). If zero, an hour. If negative, not at all.
	MaxStale time.Duration

	// MaxPending is how many questions may be under way. If zero, 1,024. Further ones fail.
	MaxPending int

	// Dial opens the connection to a server; network is "udp" or "tcp". If nil, a net.Dialer.
	Dial func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error)

	Logger *slog.Logger // if nil, nothing is logged
}

// DNS is a DNS client for SIP, a [Resolver]. It asks over UDP with EDNS0, and over TCP what is
// truncated; it keeps answers for their TTL, negative ones too, and asks each question once,
// however many callers wait for the answer.
type DNS struct {
	cfg   DNSConfig
	files dnsFiles
	stats dnsStats

	mu      sync.Mutex
	cache   map[dnsQuestion]cacheEntry
	pending map[dnsQuestion]*dnsCall
	first   int // the server that answered last
}

type dnsStats struct{ hits, stale, queries, failures, overTCP, mismatches atomic.Uint64 }

// DNSStats counts what a [DNS] did.
type DNSStats struct {
	Hits       uint64 // answered from the cache
	Stale      uint64 // answered by an expired answer, because no server could be reached
	Queries    uint64 // messages sent to servers
	Failures   uint64 // questions that no server answered
	OverTCP    uint64 // queries over TCP
	Mismatches uint64 // responses that were not ours: late, or forged
	Cached     int    // answers in the cache now
}

var _ Resolver = (*DNS)(nil)

// NewDNS returns a client with an empty cache.
func NewDNS(cfg DNSConfig) *DNS {
	if cfg.ResolvConf == "" {
		cfg.ResolvConf = "/etc/resolv.conf"
	}
	if cfg.Hosts == "" {
		cfg.Hosts = "/etc/hosts"
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.MaxTTL, 24*time.Hour)
	def(&cfg.MaxNegativeTTL, 5*time.Minute)
	def(&cfg.MinTTL, time.Second)
	def(&cfg.MaxStale, time.Hour)
	if cfg.MaxCache == 0 {
		cfg.MaxCache = 8192
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = 1024
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server.String())
		}
	}
	return &DNS{cfg: cfg, cache: make(map[dnsQuestion]cacheEntry), pending: make(map[dnsQuestion]*dnsCall)}
}

// Stats returns the counters.
func (d *DNS) Stats() DNSStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return DNSStats{
		Hits: d.stats.hits.Load(), Stale: d.stats.stale.Load(), Queries: d.stats.queries.Load(), Failures: d.stats.failures.Load(),
		OverTCP: d.stats.overTCP.Load(), Mismatches: d.stats.mismatches.Load(), Cached: len(d.cache),
	}
}

// Flush forgets all answers.
func (d *DNS) Flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.cache)
}

// LookupNAPTR returns the NAPTR records of a name.
func (d *DNS) LookupNAPTR(ctx context.Context, name string) ([]NAPTR, error) {
	a, err := d.resolve(ctx, newQuestion(name, typeNAPTR))
	return a.naptr, err
}

// LookupSRV returns the SRV records of a name such as "_sip._udp.example.com".
func (d *DNS) LookupSRV(ctx context.Context, name string) ([]SRV, error) {
	a, err := d.resolve(ctx, newQuestion(name, dnsmessage.TypeSRV))
	return a.srv, err
}

// LookupAddrs returns the addresses of a host: those of the hosts file, else A records before
// AAAA records. An error of one type doesn't matter if the other has records. A name without
// dots is looked for in the search domains of resolv.conf too.
func (d *DNS) LookupAddrs(ctx context.Context, name string) ([]netip.Addr, error) {
	hosts, conf := d.files.read(&d.cfg)
	plain := newQuestion(name, 0).name
	if a := hosts[plain]; len(a) > 0 {
		return a, nil
	}
	names := []string{plain}
	if strings.Count(plain, ".") < conf.ndots && !strings.HasSuffix(name, ".") && d.cfg.Servers == nil {
		names = nil
		for _, domain := range conf.search {
			names = append(names, plain+"."+domain)
		}
		names = append(names, plain)
	}
	var err error
	for _, n := range names {
		var addrs []netip.Addr
		if addrs, err = d.lookupBoth(ctx, n); len(addrs) > 0 {
			return addrs, nil
		}
	}
	return nil, err
}

func (d *DNS) lookupBoth(ctx context.Context, name string) ([]netip.Addr, error) {
	type result struct {
		a   dnsAnswer
		err error
	}
	six := make(chan result, 1)
	go func() {
		a, err := d.resolve(ctx, newQuestion(name, dnsmessage.TypeAAAA))
		six <- result{a, err}
	}()
	a, err := d.resolve(ctx, newQuestion(name, dnsmessage.TypeA))
	r := <-six
	addrs := append(append([]netip.Addr(nil), a.addrs...), r.a.addrs...)
	if len(addrs) > 0 {
		return addrs, nil
	}
	return nil, errors.Join(err, r.err)
}

// resolve answers from the cache or asks, following aliases that the server left to us.
func (d *DNS) resolve(ctx context.Context, q dnsQuestion) (dnsAnswer, error) {
	typ := q.typ
	for range maxAliases {
		a, err := d.lookup(ctx, q)
		if err != nil || a.alias == "" {
			return a, err
		}
		q = dnsQuestion{a.alias, typ}
	}
	return dnsAnswer{}, &DNSError{Name: q.name, Type: q.typeName(), Err: errors.New("too many aliases")}
}

// exchange asks the servers in turn.
func (d *DNS) exchange(q dnsQuestion) (dnsAnswer, error) {
	_, conf := d.files.read(&d.cfg)
	servers, timeout, attempts := d.cfg.Servers, d.cfg.Timeout, d.cfg.Attempts
	if servers == nil {
		servers = conf.servers
	}
	if timeout == 0 {
		timeout = min(conf.timeout, 2*time.Second)
	}
	if attempts == 0 {
		attempts = 2
	}
	d.mu.Lock()
	if conf.rotate {
		d.first++
	}
	first := d.first
	d.mu.Unlock()
	err := error(&DNSError{Name: q.name, Type: q.typeName(), Err: errors.New("no servers")})
	for i := range attempts * len(servers) {
		k := (first + i) % len(servers)
		var a dnsAnswer
		if a, err = d.ask(q, servers[k], timeout); err == nil {
			if i > 0 {
				d.mu.Lock()
				d.first = k
				d.mu.Unlock()
			}
			return a, nil
		}
		err = &DNSError{Name: q.name, Type: q.typeName(), Server: servers[k], Err: err}
		d.cfg.Logger.Debug("dns", "name", q.name, "type", q.typeName(), "server", servers[k], "err", err)
	}
	return dnsAnswer{}, err
}

// ask asks one server: over UDP, and over TCP if the answer is truncated.
func (d *DNS) ask(q dnsQuestion, server netip.AddrPort, timeout time.Duration) (dnsAnswer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	a, err := d.askOver(ctx, "udp", q, server, true)
	if errors.Is(err, errDNSFormat) {
		a, err = d.askOver(ctx, "udp", q, server, false)
	}
	if errors.Is(err, errDNSTruncated) {
		d.stats.overTCP.Add(1)
		a, err = d.askOver(ctx, "tcp", q, server, true)
	}
	return a, err
}

func (d *DNS) askOver(ctx context.Context, network string, q dnsQuestion, server netip.AddrPort, edns bool) (dnsAnswer, error) {
	var idb [2]byte
	rand.Read(idb[:])
	id := binary.BigEndian.Uint16(idb[:])
	query, err := q.appendQuery(make([]byte, 2, 514), id, edns)
	if err != nil {
		return dnsAnswer{}, err
	}
	c, err := d.cfg.Dial(ctx, network, server)
	if err != nil {
		return dnsAnswer{}, err
	}
	defer c.Close()
	if end, ok := ctx.Deadline(); ok {
		c.SetDeadline(end)
	}
	d.stats.queries.Add(1)
	if network == "tcp" {
		binary.BigEndian.PutUint16(query, uint16(len(query)-2))
		if _, err := c.Write(query); err != nil {
			return dnsAnswer{}, err
		}
		if _, err := io.ReadFull(c, query[:2]); err != nil {
			return dnsAnswer{}, err
		}
		msg := make([]byte, binary.BigEndian.Uint16(query))
		if _, err := io.ReadFull(c, msg); err != nil {
			return dnsAnswer{}, err
		}
		return q.parseAnswer(msg, id)
	}
	if _, err := c.Write(query[2:]); err != nil {
		return dnsAnswer{}, err
	}
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return dnsAnswer{}, err
		}
		a, err := q.parseAnswer(buf[:n], id)
		if errors.Is(err, errDNSMismatch) { // somebody guesses, or an old answer: wait for ours
			d.stats.mismatches.Add(1)
			continue
		}
		return a, err
	}
}

// dnsFiles follows resolv.conf and hosts; it looks for changes every 5 seconds.
type dnsFiles struct {
	mu      sync.Mutex
	checked time.Time
	stamps  [2]time.Time
	hosts   map[string][]netip.Addr
	conf    resolvConf
}

func (f *dnsFiles) read(cfg *DNSConfig) (map[string][]netip.Addr, resolvConf) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if !f.checked.IsZero() && now.Sub(f.checked) < 5*time.Second {
		return f.hosts, f.conf
	}
	first := f.checked.IsZero()
	f.checked = now
	for i, name := range []string{cfg.ResolvConf, cfg.Hosts} {
		var stamp time.Time
		if i == 1 && name == "-" {
			continue
		}
		if st, err := os.Stat(name); err == nil {
			stamp = st.ModTime()
		}
		if !first && stamp.Equal(f.stamps[i]) {
			continue
		}
		f.stamps[i] = stamp
		text, _ := os.ReadFile(name) // without a file, as with an empty one
		if i == 0 {
			f.conf = parseResolvConf(string(text))
		} else {
			f.hosts = parseHosts(string(text))
		}
	}
	return f.hosts, f.conf
}
