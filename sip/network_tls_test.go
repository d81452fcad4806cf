package sip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/memnet"
)

// testCA signs certificates for tests.
type testCA struct {
	t      *testing.T
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	pool   *x509.CertPool
	serial int64
}

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := &testCA{t: t, key: key, pool: x509.NewCertPool(), serial: 1}
	ca.cert, _ = x509.ParseCertificate(der)
	ca.pool.AddCert(ca.cert)
	return ca
}

// issue makes a certificate for names: DNS names, addresses, "sip:" URIs, and "CN=" for a common
// name. edit may change it further.
func (ca *testCA) issue(edit func(*x509.Certificate), names ...string) tls.Certificate {
	ca.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	ca.serial++
	c := &x509.Certificate{SerialNumber: big.NewInt(ca.serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, n := range names {
		if cn, ok := strings.CutPrefix(n, "CN="); ok {
			c.Subject.CommonName = cn
		} else if a, err := netip.ParseAddr(n); err == nil {
			c.IPAddresses = append(c.IPAddresses, a.AsSlice())
		} else if u, err := url.Parse(n); err == nil && u.Scheme != "" {
			c.URIs = append(c.URIs, u)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	if edit != nil {
		edit(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// write stores a certificate and its key as PEM files.
func (ca *testCA) write(c tls.Certificate, certFile, keyFile string) {
	ca.t.Helper()
	key, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err == nil {
		err = os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key}), 0o600)
	}
	if err == nil {
		err = os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), 0o600)
	}
	if err != nil {
		ca.t.Fatal(err)
	}
}

// TestPeerNames has the cases of RFC 5922 section 7.1.
func TestPeerNames(t *testing.T) {
	ca := newTestCA(t)
	for _, c := range []struct {
		has, want []string
	}{
		{[]string{"sip:example.com", "dns.example.com", "CN=cn.example.com"}, []string{"example.com"}},
		{[]string{"sip:alice@example.com", "dns.example.com"}, []string{"dns.example.com"}},
		{[]string{"SIP:Example.com:5061;transport=tls", "sip:two.example.com"}, []string{"Example.com", "two.example.com"}},
		{[]string{"sips:example.com", "im:example.com", "dns.example.com"}, []string{"dns.example.com"}},
		{[]string{"CN=cn.example.com"}, []string{"cn.example.com"}},
		{[]string{"CN=Some Company"}, nil},
		{[]string{"CN=cn.example.com", "192.0.2.1"}, nil},
		{[]string{"sip:[2001:db8::1]:5061"}, []string{"[2001:db8::1]"}},
	} {
		if d := cmp.Diff(c.want, PeerNames(ca.issue(nil, c.has...).Leaf)); d != "" {
			t.Errorf("%v:\n%s", c.has, d)
		}
	}
}

// TestVerifyPeerName has the cases of RFC 5922 section 7.2.
func TestVerifyPeerName(t *testing.T) {
	ca := newTestCA(t)
	cert := ca.issue(nil, "sip:example.com", "sip:b.example.com").Leaf
	host := ca.issue(nil, "*.example.com", "example.org", "192.0.2.1", "2001:db8::1").Leaf
	for _, c := range []struct {
		cert            *x509.Certificate
		name            string
		plain, wildcard bool
	}{
		{cert, "example.com", true, true},
		{cert, "EXAMPLE.COM.", true, true},
		{cert, "b.example.com", true, true},
		{cert, "c.example.com", false, false},
		{cert, "com", false, false},
		{cert, "", false, false},
		{host, "example.org", true, true},
		{host, "*.example.com", true, true}, // literally so
		{host, "foo.example.com", false, true},
		{host, "foo.bar.example.com", false, false},
		{host, "example.com", false, false},
		{host, "192.0.2.1", true, true},
		{host, "192.0.2.2", false, false},
		{host, "[2001:db8::1]", true, true},
	} {
		if err := VerifyPeerName(c.cert, c.name); (err == nil) != c.plain {
			t.Errorf("%q: %v", c.name, err)
		}
		if err := verifyPeerName(c.cert, c.name, true); (err == nil) != c.wildcard {
			t.Errorf("%q with wildcards: %v", c.name, err)
		}
	}
}

func TestTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, other := newTestCA(t), newTestCA(t)
		sipOnly := func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{sipDomain}
		}
		clientOnly := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
		expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
		certOf := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
		for _, c := range []struct {
			name   string
			server *tls.Config
			client NetworkConfig
			domain string
			err    string // "" if it works
		}{
			{name: "URI name", server: certOf(ca.issue(nil, "sip:b.test")), domain: "b.test"},
			{name: "DNS name", server: certOf(ca.issue(nil, "b.test")), domain: "B.TEST"},
			{name: "address", server: certOf(ca.issue(nil, "192.0.2.2")), domain: ""},
			{name: "sipDomain usage", server: certOf(ca.issue(sipOnly, "sip:b.test")), domain: "b.test"},
			{name: "no name for the address", server: certOf(ca.issue(nil, "b.test")), domain: "", err: "not for the address"},
			{name: "another name", server: certOf(ca.issue(nil, "sip:c.test", "b.test")), domain: "b.test", err: "RFC 5922"},
			{name: "wildcard", server: certOf(ca.issue(nil, "*.test.example")), domain: "b.test.example", err: "RFC 5922"},
			{name: "wildcard allowed", server: certOf(ca.issue(nil, "*.test.example")), domain: "b.test.example", client: NetworkConfig{AllowWildcardNames: true}},
			{name: "unknown authority", server: certOf(other.issue(nil, "b.test")), domain: "b.test", err: "unknown authority"},
			{name: "expired", server: certOf(ca.issue(expired, "b.test")), domain: "b.test", err: "expired"},
			{name: "for clients only", server: certOf(ca.issue(clientOnly, "b.test")), domain: "b.test", err: "not for servers"},
			{name: "not verified", server: certOf(other.issue(nil, "c.test")), domain: "b.test", client: NetworkConfig{TLS: &tls.Config{InsecureSkipVerify: true}}},
			{name: "mutual", server: &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, "b.test")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool}, domain: "b.test",
				client: NetworkConfig{TLS: &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.issue(nil, "sip:a.test")}}}},
			{name: "older version", server: &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, "b.test")}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, domain: "b.test", err: "version"},
			{name: "older version opted in", server: &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, "b.test")}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, domain: "b.test",
				client: NetworkConfig{TLS: &tls.Config{RootCAs: ca.pool, MinVersion: tls.VersionTLS10}}},
		} {
			func() {
				failed := t.Failed()
				defer func() {
					if t.Failed() && !failed {
						t.Log("case:", c.name)
					}
				}()
				mem := memnet.New(memnet.Config{})
				if c.client.TLS == nil {
					c.client.TLS = &tls.Config{RootCAs: ca.pool}
				}
				a, b := newNetHost(t, mem, "192.0.2.1", c.client), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
				b.serveMem(t, mem, ListenConfig{Transport: TLS, Addr: "192.0.2.2:5061", TLS: c.server})
				b.onData = func(f Flow, data []byte) { b.send(f, data) }
				f, err := a.reach(t, TLS, "192.0.2.2:5061", c.domain)
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Errorf("%v, want %q", err, c.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := a.send(f, []byte(sipText("secret"))); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := a.data(); len(got) != 1 || got[0] != sipText("secret") {
					t.Errorf("got %q", got)
				}
				if st := a.tlsState(f); st == nil || !st.HandshakeComplete || c.domain != "" && st.ServerName != c.domain {
					t.Errorf("client's state: %+v", st)
				}
				if in := b.events()[0].flow; c.name == "mutual" {
					if st := b.tlsState(in); st == nil || fmt.Sprint(PeerNames(st.VerifiedChains[0][0])) != "[a.test]" {
						t.Errorf("the client is %+v", st)
					}
					// Its connection serves requests to its own domain, and to no other.
					if back, err := b.reach(t, TLS, f.Local.String(), "a.test"); back != in || err != nil {
						t.Errorf("to a.test: %v, %v", back, err)
					}
					if back, err := b.reach(t, TLS, f.Local.String(), "c.test"); err == nil {
						t.Errorf("to c.test: %v", back)
					}
				}
			}()
		}
	})
}

func TestTLSSlowHandshakeIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newTestCA(t)
		mem := memnet.New(memnet.Config{})
		b := newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		b.serveMem(t, mem, ListenConfig{Transport: TLS, Addr: "192.0.2.2:5061", TLS: &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, "b.test")}}})
		c, err := mem.Dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:5061"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		c.Close()
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.pending != 0 || b.snapshot().HandshakeErrors != 1 {
			t.Errorf("%d pending, %+v", b.pending, b.snapshot())
		}
	})
}

// TestTLSReconnectKeepsTheName: a Contact with an address leads to the peer that was verified
// under its domain's name, and to nobody else.
func TestTLSReconnectKeepsTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newTestCA(t)
		mem := memnet.New(memnet.Config{})
		a, b := newNetHost(t, mem, "192.0.2.1", NetworkConfig{TLS: &tls.Config{RootCAs: ca.pool}}), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		l := &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, "b.test")}}
		current := l
		b.serveMem(t, mem, ListenConfig{Transport: TLS, Addr: "192.0.2.2:5061", TLS: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return current, nil }}})
		if _, err := a.reach(t, TLS, "192.0.2.2:5061", "192.0.2.2"); err == nil {
			t.Fatal("the certificate is not for the address")
		}
		f, err := a.reach(t, TLS, "192.0.2.2:5061", "b.test")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := a.reach(t, TLS, "192.0.2.2:5061", ""); again != f || err != nil {
			t.Errorf("the connection is not used again: %v, %v", again, err)
		}
		if _, err := a.reach(t, TLS, "192.0.2.2:5061", "c.test"); err == nil {
			t.Error("the connection is used for a domain that its certificate does not name")
		}
		a.closeFlow(f)
		synctest.Wait()
		again, err := a.reach(t, TLS, "192.0.2.2:5061", "192.0.2.2")
		if err != nil || again == f || again.IsZero() {
			t.Errorf("after the connection ended: %v, %v", again, err)
		}
		a.closeFlow(again)
		synctest.Wait()
		current = &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, "c.test")}}
		if _, err := a.reach(t, TLS, "192.0.2.2:5061", "192.0.2.2"); err == nil {
			t.Error("another peer at the same address was taken for b.test")
		}
	})
}

func TestCertificateFilesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newTestCA(t)
		dir := t.TempDir()
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		stamp := time.Now()
		write := func(c tls.Certificate) {
			ca.write(c, cert, key)
			stamp = stamp.Add(time.Second) // the bubble's clock is not the file system's
			os.Chtimes(cert, stamp, stamp)
			os.Chtimes(key, stamp, stamp)
		}
		write(ca.issue(nil, "one.test"))
		files, err := NewCertificateFiles(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		mem := memnet.New(memnet.Config{})
		a, b := newNetHost(t, mem, "192.0.2.1", NetworkConfig{TLS: &tls.Config{RootCAs: ca.pool}}), newNetHost(t, mem, "192.0.2.2", NetworkConfig{})
		b.serveMem(t, mem, ListenConfig{Transport: TLS, Addr: "192.0.2.2:5061", TLS: &tls.Config{GetCertificate: files.GetCertificate}})
		works := func(name string) bool {
			_, err := a.reach(t, TLS, "192.0.2.2:5061", name)
			return err == nil
		}
		if !works("one.test") {
			t.Error("the first certificate is not served")
		}
		write(ca.issue(nil, "two.test"))
		if works("two.test") {
			t.Error("files are looked at all the time")
		}
		time.Sleep(6 * time.Second)
		if !works("two.test") {
			t.Error("the new certificate is not served")
		}
		os.WriteFile(cert, []byte("half a file"), 0o600)
		stamp = stamp.Add(time.Second)
		os.Chtimes(cert, stamp, stamp)
		time.Sleep(6 * time.Second)
		for c := a.conn(Flow{Transport: TLS, Remote: netip.MustParseAddrPort("192.0.2.2:5061")}); c != nil; c = a.conn(Flow{Transport: TLS, Remote: netip.MustParseAddrPort("192.0.2.2:5061")}) {
			c.cut(net.ErrClosed)
			synctest.Wait()
		}
		if !works("two.test") || files.Err() == nil {
			t.Errorf("a broken file: %v", files.Err())
		}
		if _, err := NewCertificateFiles(cert, key); err == nil {
			t.Error("a broken file is accepted at the start")
		}
		if _, err := NewCertificateFiles(filepath.Join(dir, "none"), key); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
}

func TestTLSListenerNeedsACertificate(t *testing.T) {
	n := newNetwork(NetworkConfig{}, func(Flow, []byte) {}, func(Flow, error) {})
	defer n.close()
	for _, lc := range []ListenConfig{{Transport: TLS, Addr: "127.0.0.1:0"}, {Transport: WS, Addr: "127.0.0.1:0"}, {Addr: "127.0.0.1:0"}, {Transport: UDP, Addr: "127.0.0.1:0", Advertise: "a:b:c"}} {
		if f, err := n.listen(lc); err == nil {
			t.Errorf("%+v: %v", lc, f)
		}
	}
}
