package sip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/memnet"
	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers over memnet as its script says.
type nameServer struct {
	mu      sync.Mutex
	asked   []string // "udp A name"
	respond func(network string, q dnsmessage.Question, edns bool) *dnsmessage.Message
	raw     func(query []byte) [][]byte // if set, what is sent instead
}

func (s *nameServer) answer(network string, query []byte) [][]byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		panic(fmt.Sprint("bad query: ", err))
	}
	q := m.Questions[0]
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprintf("%s %s %s", network, newQuestion("", q.Type).typeName(), strings.TrimSuffix(q.Name.String(), ".")))
	s.mu.Unlock()
	if s.raw != nil {
		return s.raw(query)
	}
	r := s.respond(network, q, len(m.Additionals) == 1)
	if r == nil {
		return nil
	}
	r.ID, r.Response, r.Questions = m.ID, true, m.Questions
	b, err := r.Pack()
	if err != nil {
		panic(err)
	}
	return [][]byte{b}
}

func (s *nameServer) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.asked
	s.asked = nil
	return out
}

// connected is a PacketConn with one peer.
type connected struct {
	*memnet.PacketConn
	to netip.AddrPort
}

func (c connected) Read(b []byte) (int, error) {
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil || from == c.to {
			return n, err
		}
	}
}
func (c connected) Write(b []byte) (int, error) { return c.WriteToUDPAddrPort(b, c.to) }
func (c connected) RemoteAddr() net.Addr        { return net.UDPAddrFromAddrPort(c.to) }

// serveDNS makes a client of a server at 192.0.2.53 (and a silent one before it, if asked for).
func serveDNS(t *testing.T, s *nameServer, cfg DNSConfig) *DNS {
	t.Helper()
	mem := memnet.New(memnet.Config{Latency: time.Millisecond})
	at := netip.MustParseAddrPort("192.0.2.53:53")
	pc, err := mem.ListenPacket(at)
	if err != nil {
		t.Fatal(err)
	}
	l, err := mem.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close(); l.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, b := range s.answer("udp", buf[:n]) {
				pc.WriteToUDPAddrPort(b, from)
			}
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var n [2]byte
				if _, err := io.ReadFull(c, n[:]); err != nil {
					return
				}
				q := make([]byte, binary.BigEndian.Uint16(n[:]))
				io.ReadFull(c, q)
				for _, b := range s.answer("tcp", q) {
					c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
				}
				io.Copy(io.Discard, c)
			}()
		}
	}()
	if cfg.Servers == nil {
		cfg.Servers = []netip.AddrPort{at}
	}
	cfg.Hosts = "-"
	me := netip.MustParseAddrPort("192.0.2.1:0")
	cfg.Dial = func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
		if network == "tcp" {
			return mem.Dial(ctx, me, server)
		}
		pc, err := mem.ListenPacket(me)
		return connected{pc, server}, err
	}
	return NewDNS(cfg)
}

func rr(name string, typ dnsmessage.Type, ttl uint32, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Type: typ, Class: dnsmessage.ClassINET, TTL: ttl}, Body: body}
}

func aRecord(name string, ttl uint32, ip ...byte) dnsmessage.Resource {
	return rr(name, dnsmessage.TypeA, ttl, &dnsmessage.AResource{A: [4]byte(ip)})
}

func soa(zone string, ttl, min uint32) dnsmessage.Resource {
	n := dnsmessage.MustNewName(zone + ".")
	return rr(zone, dnsmessage.TypeSOA, ttl, &dnsmessage.SOAResource{NS: n, MBox: n, MinTTL: min})
}

func naptrRecord(t *testing.T, name string, ttl uint32, r NAPTR) dnsmessage.Resource {
	t.Helper()
	data, err := appendNAPTR(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return rr(name, typeNAPTR, ttl, &dnsmessage.UnknownResource{Type: typeNAPTR, Data: data})
}

func TestDNSRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pointer := NAPTR{10, 20, "s", "SIP+D2U", "", "_sip._udp.example.com"}
		s := &nameServer{respond: func(_ string, q dnsmessage.Question, edns bool) *dnsmessage.Message {
			if !edns {
				t.Error("query without EDNS0")
			}
			switch q.Type {
			case typeNAPTR:
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{
					rr("Example.COM", typeNAPTR, 60, &dnsmessage.UnknownResource{Type: typeNAPTR, Data: []byte("junk")}),
					naptrRecord(t, "EXAMPLE.com", 60, pointer),
					naptrRecord(t, "other.com", 60, NAPTR{1, 1, "s", "SIP+D2T", "", "evil.test"}),
				}}
			case dnsmessage.TypeSRV:
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{rr("_sip._udp.example.com", dnsmessage.TypeSRV, 60,
					&dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 3, Target: dnsmessage.MustNewName("a.example.com.")})}}
			case dnsmessage.TypeA:
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{
					rr("a.example.com", dnsmessage.TypeCNAME, 60, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("B.example.com.")}),
					aRecord("b.example.com", 60, 192, 0, 2, 9),
				}}
			default:
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{
					rr("a.example.com", dnsmessage.TypeAAAA, 60, &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::9").As16()})}}
			}
		}}
		d := serveDNS(t, s, DNSConfig{})
		n, err := d.LookupNAPTR(t.Context(), "example.com.")
		if diff := cmp.Diff([]NAPTR{pointer}, n); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		srv, err := d.LookupSRV(t.Context(), "_sip._udp.Example.com")
		if diff := cmp.Diff([]SRV{{1, 2, 3, "a.example.com"}}, srv); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		a, err := d.LookupAddrs(t.Context(), "a.example.com")
		if fmt.Sprint(a) != "[192.0.2.9 2001:db8::9]" || err != nil {
			t.Errorf("%v, %v", a, err)
		}
	})
}

func TestDNSCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		up.Store(true)
		s := &nameServer{respond: func(_ string, q dnsmessage.Question, _ bool) *dnsmessage.Message {
			switch name := q.Name.String(); {
			case !up.Load():
				return nil
			case name == "a.test." && q.Type == dnsmessage.TypeA:
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{aRecord("a.test", 300, 192, 0, 2, 1), aRecord("a.test", 100, 192, 0, 2, 2)}}
			case name == "gone.test.":
				return &dnsmessage.Message{Header: dnsmessage.Header{RCode: dnsmessage.RCodeNameError}, Authorities: []dnsmessage.Resource{soa("test", 900, 60)}}
			default:
				return &dnsmessage.Message{Authorities: []dnsmessage.Resource{soa("test", 100, 900)}}
			}
		}}
		d := serveDNS(t, s, DNSConfig{})
		ask := func(name string, want, asked string) {
			t.Helper()
			got, err := d.resolve(t.Context(), newQuestion(name, dnsmessage.TypeA))
			if fmt.Sprint(got.addrs) != want || (err != nil) != (want == "[]" && strings.HasPrefix(asked, "fail")) {
				t.Errorf("%s: %v, %v, want %s", name, got.addrs, err, want)
			}
			if q := fmt.Sprint(len(s.questions())); q != strings.TrimPrefix(asked, "fail ") {
				t.Errorf("%s: %s questions, want %s", name, q, asked)
			}
		}
		const two = "[192.0.2.1 192.0.2.2]"
		ask("a.test", two, "1")
		ask("A.test.", two, "0")
		time.Sleep(99 * time.Second)
		ask("a.test", two, "0")
		time.Sleep(2 * time.Second)
		ask("a.test", two, "1") // the shortest TTL has passed
		ask("gone.test", "[]", "1")
		time.Sleep(59 * time.Second)
		ask("gone.test", "[]", "0") // RFC 2308: the lesser of the SOA's TTL and its minimum
		time.Sleep(2 * time.Second)
		ask("gone.test", "[]", "1")

		// The server dies: what was known still serves, for an hour.
		up.Store(false)
		time.Sleep(time.Hour / 2)
		start := time.Now()
		ask("a.test", two, "2")
		if w := time.Since(start); w != 4*time.Second {
			t.Errorf("waited %v for a dead server", w)
		}
		ask("a.test", two, "0")
		time.Sleep(31 * time.Second)
		ask("a.test", two, "2")
		time.Sleep(time.Hour)
		ask("a.test", "[]", "fail 2")
		ask("a.test", "[]", "fail 0") // a failure is kept for 5 seconds
		up.Store(true)
		time.Sleep(6 * time.Second)
		ask("a.test", two, "1")
		if st := d.Stats(); st.Stale != 2 || st.Failures != 3 || st.Cached != 2 {
			t.Errorf("%+v", st)
		}
	})
}

func TestDNSAsksOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &nameServer{respond: func(_ string, q dnsmessage.Question, _ bool) *dnsmessage.Message {
			return &dnsmessage.Message{Answers: []dnsmessage.Resource{aRecord("a.test", 1, 192, 0, 2, 1)}}
		}}
		d := serveDNS(t, s, DNSConfig{MaxPending: 3})
		var wg sync.WaitGroup
		q := newQuestion("a.test", dnsmessage.TypeA)
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.resolve(impatient, q); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		for range 50 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if a, err := d.resolve(t.Context(), q); err != nil || len(a.addrs) != 1 {
					t.Error(a, err)
				}
			}()
		}
		for i := range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				d.resolve(t.Context(), newQuestion(fmt.Sprint(i, ".test"), dnsmessage.TypeA))
			}()
		}
		wg.Wait()
		if n := len(s.questions()); n != 3 {
			t.Errorf("%d questions under way at once, want 3", n)
		}
	})
}

func TestDNSOverTCPAndOldServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &nameServer{respond: func(network string, q dnsmessage.Question, edns bool) *dnsmessage.Message {
			switch {
			case q.Name.String() == "old.test." && edns:
				return &dnsmessage.Message{Header: dnsmessage.Header{RCode: dnsmessage.RCodeFormatError}}
			case q.Name.String() == "old.test.":
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{aRecord("old.test", 1, 192, 0, 2, 1)}}
			case network == "udp":
				return &dnsmessage.Message{Header: dnsmessage.Header{Truncated: true}}
			}
			m := &dnsmessage.Message{}
			for i := range 200 {
				m.Answers = append(m.Answers, aRecord("big.test", 1, 192, 0, 2, byte(i)))
			}
			return m
		}}
		d := serveDNS(t, s, DNSConfig{})
		if a, err := d.resolve(t.Context(), newQuestion("big.test", dnsmessage.TypeA)); len(a.addrs) != 200 || err != nil {
			t.Errorf("%d addresses, %v", len(a.addrs), err)
		}
		if a, err := d.resolve(t.Context(), newQuestion("old.test", dnsmessage.TypeA)); len(a.addrs) != 1 || err != nil {
			t.Errorf("%v, %v", a.addrs, err)
		}
		if got := fmt.Sprint(s.questions()); got != "[udp A big.test tcp A big.test udp A old.test udp A old.test]" {
			t.Error(got)
		}
	})
}

// TestDNSForgeries: answers with another id, of another question or without one are waited out.
func TestDNSForgeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pack := func(m dnsmessage.Message) []byte {
			b, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		s := &nameServer{}
		s.raw = func(query []byte) [][]byte {
			var m dnsmessage.Message
			m.Unpack(query)
			m.Additionals = nil
			m.Answers = []dnsmessage.Resource{aRecord("a.test", 1, 6, 6, 6, 6)}
			m.Response, m.ID = true, m.ID+1
			wrongID := pack(m)
			m.ID--
			asked := m.Questions
			m.Questions = []dnsmessage.Question{{Name: dnsmessage.MustNewName("b.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}
			wrongName := pack(m)
			m.Questions, m.Response = asked, false
			noResponse := pack(m)
			m.Response = true
			m.Answers = []dnsmessage.Resource{aRecord("a.test", 1, 192, 0, 2, 1)}
			return [][]byte{wrongID, wrongName, noResponse, pack(m)}
		}
		d := serveDNS(t, s, DNSConfig{})
		a, err := d.resolve(t.Context(), newQuestion("a.test", dnsmessage.TypeA))
		if fmt.Sprint(a.addrs) != "[192.0.2.1]" || err != nil || d.Stats().Mismatches != 3 {
			t.Errorf("%v, %v, %+v", a.addrs, err, d.Stats())
		}
	})
}

func TestDNSNextServerAndAliases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &nameServer{respond: func(_ string, q dnsmessage.Question, _ bool) *dnsmessage.Message {
			switch q.Name.String() {
			case "alias.test.": // an authoritative server that doesn't know the other zone
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{rr("alias.test", dnsmessage.TypeCNAME, 10, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("a.other.")})}}
			case "a.other.":
				return &dnsmessage.Message{Answers: []dnsmessage.Resource{aRecord("a.other", 10, 192, 0, 2, 5)}}
			}
			return &dnsmessage.Message{Answers: []dnsmessage.Resource{rr("loop.test", dnsmessage.TypeCNAME, 10, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("loop.test.")})}}
		}}
		d := serveDNS(t, s, DNSConfig{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.52:53"), netip.MustParseAddrPort("192.0.2.53:53")}})
		start := time.Now()
		a, err := d.resolve(t.Context(), newQuestion("alias.test", dnsmessage.TypeA))
		if fmt.Sprint(a.addrs) != "[192.0.2.5]" || err != nil {
			t.Errorf("%v, %v", a.addrs, err)
		}
		if w := time.Since(start).Truncate(time.Second); w != 2*time.Second { // once: then the living server is first
			t.Errorf("took %v", w)
		}
		if _, err := d.resolve(t.Context(), newQuestion("loop.test", dnsmessage.TypeA)); err == nil {
			t.Error("an alias of itself was resolved")
		}
	})
}

func TestDNSCacheIsBounded(t *testing.T) {
	d := NewDNS(DNSConfig{MaxCache: 10})
	now := time.Now()
	for i := range 1000 {
		d.store(newQuestion(fmt.Sprint(i), dnsmessage.TypeA), cacheEntry{expires: now.Add(time.Duration(i))}, now)
	}
	if n := d.Stats().Cached; n != 10 {
		t.Errorf("%d cached", n)
	}
}

func TestParseResolvConf(t *testing.T) {
	server := func(s ...string) (out []netip.AddrPort) {
		for _, a := range s {
			out = append(out, netip.MustParseAddrPort(a))
		}
		return out
	}
	for text, want := range map[string]resolvConf{
		"": {servers: server("127.0.0.1:53"), ndots: 1, timeout: 5 * time.Second, attempts: 2},
		"nameserver 192.0.2.1 # one\n; two\nnameserver fe80::1%eth0\r\nsearch a.test. b.test\noptions ndots:3 timeout:1 attempts:9 rotate bad:x edns0\n": {
			servers: server("192.0.2.1:53", "[fe80::1%eth0]:53"), search: []string{"a.test", "b.test"}, ndots: 3, timeout: time.Second, attempts: 5, rotate: true},
		"nameserver\nnameserver x\ndomain c.test\nnameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4": {
			servers: server("1.1.1.1:53", "1.1.1.2:53", "1.1.1.3:53"), search: []string{"c.test"}, ndots: 1, timeout: 5 * time.Second, attempts: 2},
	} {
		got := parseResolvConf(text)
		if d := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got)); d != "" {
			t.Errorf("%q:\n%s", text, d)
		}
	}
}

func TestHostsAndSearch(t *testing.T) {
	dir := t.TempDir()
	hosts, conf := filepath.Join(dir, "hosts"), filepath.Join(dir, "resolv.conf")
	os.WriteFile(hosts, []byte("127.0.0.5 Box box.test # me\n2001:db8::5 box\nbad line\n"), 0o600)
	os.WriteFile(conf, []byte("nameserver 192.0.2.1\nsearch one.test two.test\noptions attempts:1\n"), 0o600)
	var mu sync.Mutex
	var asked []string
	d := NewDNS(DNSConfig{Hosts: hosts, ResolvConf: conf, Attempts: 1, Dial: func(_ context.Context, _ string, server netip.AddrPort) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, server.String())
		return nil, errServFail
	}})
	if a, err := d.LookupAddrs(t.Context(), "BOX."); fmt.Sprint(a) != "[127.0.0.5 2001:db8::5]" || err != nil {
		t.Error(a, err)
	}
	d.mu.Lock()
	d.cache[newQuestion("sip.two.test", dnsmessage.TypeA)] = cacheEntry{answer: dnsAnswer{addrs: []netip.Addr{netip.MustParseAddr("192.0.2.77")}}, expires: time.Now().Add(time.Hour)}
	d.mu.Unlock()
	if a, err := d.LookupAddrs(t.Context(), "sip"); fmt.Sprint(a) != "[192.0.2.77]" || err != nil {
		t.Error(a, err)
	}
	mu.Lock()
	if len(asked) == 0 || asked[0] != "192.0.2.1:53" {
		t.Errorf("asked %v", asked)
	}
	mu.Unlock()
	// A changed file is seen, at latest after 5 seconds.
	os.WriteFile(hosts, []byte("127.0.0.6 box\n"), 0o600)
	os.Chtimes(hosts, time.Now(), time.Now().Add(time.Minute))
	d.files.checked = d.files.checked.Add(-6 * time.Second)
	if a, _ := d.LookupAddrs(t.Context(), "box"); fmt.Sprint(a) != "[127.0.0.6]" {
		t.Error(a)
	}
}

func TestNAPTRRoundTrip(t *testing.T) {
	for _, r := range []NAPTR{{}, {1, 2, "u", "E2U+sip", "!^.*$!sip:a@b!", ""}, {65535, 65535, "s", "SIP+D2U", "", "_sip._udp.example.com"}} {
		b, err := appendNAPTR(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseNAPTR(b)
		if got != r || err != nil {
			t.Errorf("%v, %v, want %v", got, err, r)
		}
		for i := range b {
			if _, err := parseNAPTR(b[:i]); err == nil {
				t.Errorf("%v cut to %d octets parses", r, i)
			}
		}
	}
}

func FuzzDNSAnswer(f *testing.F) {
	q := newQuestion("example.com", typeNAPTR)
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}}
	m.Questions = []dnsmessage.Question{{Name: dnsmessage.MustNewName("example.com."), Type: typeNAPTR, Class: dnsmessage.ClassINET}}
	data, _ := appendNAPTR(nil, NAPTR{1, 2, "s", "SIP+D2U", "", "_sip._udp.example.com"})
	m.Answers = []dnsmessage.Resource{
		rr("example.com", dnsmessage.TypeCNAME, 10, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("b.example.com.")}),
		rr("b.example.com", typeNAPTR, 10, &dnsmessage.UnknownResource{Type: typeNAPTR, Data: data}), aRecord("b.example.com", 3, 1, 2, 3, 4)}
	m.Authorities = []dnsmessage.Resource{soa("com", 1, 2)}
	seed, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, q := range []dnsQuestion{q, {"example.com", dnsmessage.TypeSRV}, {"example.com", dnsmessage.TypeA}} {
			a, err := q.parseAnswer(b, 7)
			if err != nil && !a.empty() {
				t.Errorf("records beside %v", err)
			}
			if len(a.naptr) > maxDNSRecords || a.ttl < -1 {
				t.Errorf("%+v", a)
			}
		}
	})
}

func FuzzNAPTR(f *testing.F) {
	for _, r := range []NAPTR{{1, 2, "u", "E2U+sip", `!^\+(.*)$!sip:\1@b!`, ""}, {1, 2, "s", "SIP+D2U", "", "a.b"}} {
		b, _ := appendNAPTR(nil, r)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseNAPTR(b)
		if err != nil {
			return
		}
		again, err := appendNAPTR(nil, r)
		if err != nil {
			t.Fatalf("%v does not append: %v", r, err)
		}
		back, err := parseNAPTR(again)
		if err != nil || back != r {
			t.Fatalf("%v came back as %v, %v", r, back, err)
		}
		ENUM{}.services(r.Service)
		if uri, err := substitute(r.Regexp, "+441632960083"); err == nil && len(uri) > 2048 {
			t.Errorf("%d octets of URI", len(uri))
		}
	})
}

func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nsearch a.test\noptions ndots:3 timeout:1 rotate\n")
	f.Add("127.0.0.1 localhost box\n::1 localhost\n")
	f.Fuzz(func(t *testing.T, s string) {
		c := parseResolvConf(s)
		if len(c.servers) == 0 || len(c.servers) > 3 || len(c.search) > 8 || c.timeout <= 0 || c.attempts <= 0 || c.ndots < 0 {
			t.Errorf("%+v", c)
		}
		for name, addrs := range parseHosts(s) {
			if len(addrs) == 0 || name != strings.ToLower(name) {
				t.Errorf("%q: %v", name, addrs)
			}
		}
	})
}
