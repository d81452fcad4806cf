package diameter

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/trace"
)

// authority issues certificates for the tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.pool.AddCert(a.cert)
	return a
}

// config is a TLS configuration of a node that wants the peer's certificate, too.
func (a *authority) config(host string) *tls.Config {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs: a.pool, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// transcript keeps what a node traces.
type transcript struct {
	mu     sync.Mutex
	events []trace.Event
}

func (x *transcript) trace(e trace.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e.Data = bytes.Clone(e.Data)
	x.events = append(x.events, e)
}

func (x *transcript) transports() (seen map[trace.Transport]int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	seen = map[trace.Transport]int{}
	for _, e := range x.events {
		if e.Dir != trace.State {
			seen[e.Transport]++
		}
	}
	return seen
}

func TestTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		ca := newAuthority(t)
		server := w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) {
			c.Services = echoService
			c.TLS = ca.config("hss." + realmB)
		})
		l, err := w.mem.Listen(netip.MustParseAddrPort("192.0.2.1:5868"))
		if err != nil {
			t.Fatal(err)
		}
		go server.Serve(tls.NewListener(l, ca.config("hss."+realmB)))
		client := func(ip, host, certified string) *Node {
			return w.node(ip, host, realmA, func(c *Config) {
				c.TLS = ca.config(certified)
				c.Peers = []Peer{{Host: "hss." + realmB, Transport: TLS, Addresses: []string{"192.0.2.1:5868"}}}
			})
		}
		n := client("192.0.2.2", "cscf."+realmA, "cscf."+realmA)
		ready(t, n, "hss."+realmB)
		if a, err := n.Do(t.Context(), mar("s", realmB, "")); err != nil || resultOf(t, a.Message) != Success {
			t.Error(err)
		}
		if s, _ := n.Peer("hss." + realmB); s.Transport != "TLS" {
			t.Errorf("%+v", s)
		}
		liar := client("192.0.2.3", "liar."+realmA, "other."+realmA)
		time.Sleep(time.Second)
		s, _ := liar.Peer("hss." + realmB)
		if want := "CEA: diameter: hss.b.example refused: DIAMETER_UNKNOWN_PEER: liar.a.example: x509: certificate is valid for other.a.example, not liar.a.example"; s.Reason != want {
			t.Errorf("%s\nwant %s", s.Reason, want)
		}
		n.Close()
		liar.Close()
		server.Close()
		time.Sleep(10 * time.Second) // crypto/tls's own time limit of the last alert
	})
}

func TestInbandTLS(t *testing.T) {
	for _, c := range []struct {
		client, server InbandSecurity
		cert           string
		want           trace.Transport
		reason         string
	}{
		{OfferInbandTLS, OfferInbandTLS, "cscf." + realmA, trace.TLS, ""},
		{RequireInbandTLS, OfferInbandTLS, "cscf." + realmA, trace.TLS, ""},
		{RequireInbandTLS, RequireInbandTLS, "cscf." + realmA, trace.TLS, ""},
		{OfferInbandTLS, NoInbandSecurity, "cscf." + realmA, trace.TCP, ""},
		{NoInbandSecurity, OfferInbandTLS, "cscf." + realmA, trace.TCP, ""},
		{NoInbandSecurity, RequireInbandTLS, "cscf." + realmA, 0,
			"CEA: diameter: hss.b.example refused: DIAMETER_NO_COMMON_SECURITY: you announced no security in band, hss.b.example wants TLS in band"},
		{RequireInbandTLS, NoInbandSecurity, "cscf." + realmA, 0,
			"CEA: diameter: hss.b.example refused: DIAMETER_NO_COMMON_SECURITY: you announced TLS in band, hss.b.example wants no security in band"},
		{OfferInbandTLS, OfferInbandTLS, "other." + realmA, 0, ""},
	} {
		t.Run(fmt.Sprint(c.client, c.server, c.cert), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newNetwork(t)
				ca := newAuthority(t)
				server := w.node("192.0.2.1", "hss."+realmB, realmB, func(cfg *Config) {
					cfg.Services = echoService
					cfg.TLS, cfg.InbandSecurity = ca.config("hss."+realmB), c.server
				})
				var x transcript
				n := w.node("192.0.2.2", "cscf."+realmA, realmA, func(cfg *Config) {
					cfg.TLS, cfg.InbandSecurity = ca.config(c.cert), c.client
					cfg.Peers = []Peer{peerAt("hss."+realmB, "192.0.2.1")}
					cfg.Trace = x.trace
				})
				time.Sleep(time.Second)
				synctest.Wait()
				if c.want == 0 {
					for _, x := range []*Node{n, server} {
						for _, s := range x.Stats().Peers {
							if s.Usable {
								t.Errorf("%+v", s)
							}
						}
					}
					if s, _ := n.Peer("hss." + realmB); c.reason != "" && s.Reason != c.reason {
						t.Errorf("%s", s.Reason)
					}
				} else {
					for range 20 {
						if a, err := n.Do(t.Context(), mar("s", realmB, "")); err != nil || resultOf(t, a.Message) != Success {
							t.Error(err)
						}
					}
					seen := x.transports()
					if seen[c.want] < 40 || c.want == trace.TLS && seen[trace.TCP] != 2 {
						t.Errorf("%v", seen)
					}
				}
				n.Close()
				server.Close()
				time.Sleep(10 * time.Second)
			})
		})
	}
}

func TestOverSCTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := sctp.NewMemory(sctp.MemoryConfig{Delay: time.Millisecond})
		at := sctp.AddrOf(netip.MustParseAddrPort("192.0.2.1:3868"))
		hss, err := New(Config{OriginHost: "hss." + realmB, OriginRealm: realmB, Applications: []Application{cx}, Services: echoService, Accept: Accept{Hosts: []string{"*"}}, SCTP: net})
		if err != nil {
			t.Fatal(err)
		}
		defer hss.Close()
		l, err := net.Listen(t.Context(), at, hss.sctpConfig())
		if err != nil {
			t.Fatal(err)
		}
		go hss.ServeSCTP(l)
		var x transcript
		n, err := New(Config{OriginHost: "cscf." + realmA, OriginRealm: realmA, Applications: []Application{cx}, SCTP: net, Trace: x.trace,
			Peers: []Peer{{Host: "hss." + realmB, Transport: SCTP, Addresses: []string{at.String()}}}})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		ready(t, n, "hss."+realmB)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				a, err := n.Do(t.Context(), mar(fmt.Sprint("s", i), realmB, ""))
				if err != nil || a.Text(AVPSessionID, 0) != fmt.Sprint("s", i) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, e := range x.events {
			if e.Dir != trace.State && (e.Transport != trace.OverSCTP || e.PPID != 46) {
				t.Errorf("%v, PPID %d", e.Transport, e.PPID)
			}
		}
		if err := n.Shutdown(context.Background(), DisconnectCauseRebooting); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := hss.Stats(); len(s.Peers) != 0 {
			t.Errorf("%+v", s.Peers)
		}
	})
}

// TestSCTPMessages: PPID 46; in order until the peer was heard, unordered from then on; DPR in order.
func TestSCTPMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sctp.Pipe()
		defer a.Close()
		defer b.Close()
		hss, _ := New(Config{OriginHost: "hss." + realmB, OriginRealm: realmB, Applications: []Application{cx}, Services: echoService, Accept: Accept{Hosts: []string{"*"}}})
		defer hss.Close()
		hss.admit()
		hss.accepted(newSCTPLink(a, 1<<16))
		r := &raw{t: t, host: "raw.example"}
		send := func(h Header, avps []byte) {
			m, _ := Message{h, avps}.AppendBinary(nil)
			if _, err := b.Send(t.Context(), sctp.Message{PPID: 46, Data: m}); err != nil {
				t.Fatal(err)
			}
		}
		receive := func() sctp.Received {
			t.Helper()
			for {
				in, err := b.Receive(t.Context(), make([]sctp.Received, 0, 1))
				if err != nil {
					t.Fatal(err)
				}
				if in[0].Event == nil {
					return in[0]
				}
			}
		}
		send(Header{Flags: Request, Code: CommandCapabilitiesExchange}, r.cerAVPs(authApp(cxApp)))
		if m := receive(); m.PPID != PPIDDiameter || m.Stream != 0 {
			t.Errorf("CEA: %+v", m)
		}
		m := r.mar("s", realmB, "")
		send(m.Header, m.AVPs)
		if m := receive(); m.PPID != PPIDDiameter || !m.Unordered {
			t.Errorf("answer: %+v", m)
		}
		send(Header{Flags: Request, Code: CommandDisconnectPeer}, AppendUint32(r.origin(nil), AVPDisconnectCause, Mandatory, 0, 0))
		if m := receive(); m.Unordered {
			t.Errorf("DPA: %+v", m)
		}
	})
}

// TestTraceMarksSecrets: keys within messages are among the spans.
func TestTraceMarksSecrets(t *testing.T) {
	key := func(code AVPCode, v string) []byte {
		return AppendText(nil, code, Mandatory, Vendor3GPP, v)
	}
	group := func(code AVPCode, avps ...[]byte) []byte {
		b, at := BeginAVP(nil, code, Mandatory, Vendor3GPP)
		return EndAVP(append(b, slicesConcat(avps...)...), at)
	}
	m := Message{Header{Code: marCode, ApplicationID: cxApp}, slicesConcat(
		AppendText(nil, AVPSessionID, Mandatory, 0, "public"),
		group(612, key(608, "Digest-AKAv1-MD5"), key(609, "SECRET-RAND-AUTN"), key(610, "SECRET-RES"), key(625, "SECRET-CK"), key(626, "SECRET-IK")),
		group(1413, group(1414, key(1448, "SECRET-XRES"), key(1450, "SECRET-KASME"))),
		AppendText(nil, 121, Mandatory, 0, "SECRET-HA1"),
	)}
	b, _ := m.AppendBinary(nil)
	red := trace.Redacted(b, secrets(b))
	if bytes.Contains(red, []byte("SECRET")) || !bytes.Contains(red, []byte("Digest-AKAv1-MD5")) || !bytes.Contains(red, []byte("public")) || len(red) != len(b) {
		t.Errorf("%q", red)
	}
	if n := len(secrets(b)); n != 7 {
		t.Errorf("%d spans", n)
	}
	if _, err := ParseMessage(red); err != nil {
		t.Error(err)
	}
}

// TestTrace: each message is seen once by each side, and the bytes are those of the wire.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork(t)
		var x transcript
		w.node("192.0.2.1", "hss."+realmB, realmB, func(c *Config) { c.Services, c.Trace = echoService, x.trace })
		r := w.raw("192.0.2.2", "raw.example", "192.0.2.1")
		r.cer()
		m := r.mar("s;7", realmB, "")
		r.send(m.Header, m.AVPs)
		a := r.read()
		synctest.Wait()
		x.mu.Lock()
		defer x.mu.Unlock()
		var dirs []trace.Dir
		for _, e := range x.events {
			dirs = append(dirs, e.Dir)
			if e.Proto != trace.Diameter || e.Interface != "hss."+realmB {
				t.Errorf("%+v", e)
			}
		}
		last := x.events[len(x.events)-1]
		want, _ := a.AppendBinary(nil)
		if !bytes.Equal(last.Data, want) || last.Correlation != "s;7" || last.Remote.Addr().String() != "192.0.2.2" || last.Local.Port() != 3868 {
			t.Errorf("%+v", last)
		}
		if fmt.Sprint(dirs) != "[received sent state received sent]" {
			t.Error(dirs)
		}
	})
}

// TestRealSockets: once over TCP on the loopback, with messages that cross buffers.
func TestRealSockets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hss, err := New(Config{OriginHost: "hss." + realmB, OriginRealm: realmB, Applications: []Application{cx}, Services: echoService, Accept: Accept{Hosts: []string{"*"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer hss.Close()
	go hss.Serve(l)
	n, err := New(Config{OriginHost: "cscf." + realmA, OriginRealm: realmA, Applications: []Application{cx}, Peers: []Peer{{Host: "hss." + realmB, Addresses: []string{l.Addr().String()}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ready(t, n, "hss."+realmB)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for k := range 50 {
				s := fmt.Sprintf("s;%d;%d", i, k)
				big := AppendOctets(nil, 999, 0, Vendor3GPP, make([]byte, (i*k*37)%70000))
				a, err := n.Do(t.Context(), mar(s, realmB, "", big))
				if err != nil || a.Text(AVPSessionID, 0) != s {
					t.Errorf("%s: %v", s, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := n.Shutdown(t.Context(), DisconnectCauseRebooting); err != nil {
		t.Error(err)
	}
}
