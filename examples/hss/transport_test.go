package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/ims/aka"
	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/sctp/kernel"
)

// authority makes certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return k
}

// issue writes the files of a host's certificate.
func (a *authority) issue(host string) TLS {
	a.t.Helper()
	k := a.newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		return write(a.t, filepath.Join(a.dir, host+name), string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	return TLS{Cert: file(".pem", "CERTIFICATE", der), Key: file(".key", "EC PRIVATE KEY", keyDER), CA: file(".ca", "CERTIFICATE", a.cert.Raw)}
}

// logBuffer is a log to look into.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// inProcess runs the server within the test, with alice.
func inProcess(t *testing.T, cfg Config) (*server, *logBuffer) {
	t.Helper()
	out := new(logBuffer)
	cfg.Admin.Addr = "127.0.0.1:0"
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := newServer(cfg, slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.hss.As("test").Put(demoSubscriber(), hss.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, nil, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, out
}

// registers connects an S-CSCF and registers alice through it.
func registers(t *testing.T, s *server, change func(*diameter.Config)) error {
	t.Helper()
	_, addr, _ := strings.Cut(s.listening[0], " ")
	c, err := newSCSCF("scscf1.ims.example", demoCSCF, "ims.example", "hss.ims.example", addr, slog.New(slog.DiscardHandler), change)
	if err != nil {
		t.Fatal(err)
	}
	defer c.node.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.node.Ready(ctx, "hss.ims.example"); err != nil {
		return err
	}
	card := aka.NewSIM(aka.NewMilenage(demoKey(demoK), demoKey(demoOPc)), aka.SQNScheme{}, 0)
	_, err = c.register(ctx, demoIMPI, demoIMPU, card)
	return err
}

// With TLS a peer is who its certificate says, if one of our authority says so.
func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	cfg := defaults()
	cfg.Listen = []Listen{{"tls", "127.0.0.1:0"}}
	cfg.TLS = ours.issue("hss.ims.example")
	s, log := inProcess(t, cfg)
	with := func(files TLS) func(*diameter.Config) {
		files.CA = cfg.TLS.CA
		certs, err := newCertificates(files)
		if err != nil {
			t.Fatal(err)
		}
		return func(c *diameter.Config) {
			c.TLS = certs.config()
			c.Peers[0].Transport = diameter.TLS
			c.Timers.Tc = 100 * time.Millisecond
		}
	}
	if err := registers(t, s, with(ours.issue("scscf1.ims.example"))); err != nil {
		t.Errorf("with a certificate of ours: %v\n%s", err, log)
	}
	for name, files := range map[string]TLS{"of another authority": theirs.issue("scscf1.ims.example"), "of another host": ours.issue("scscf2.ims.example")} {
		change := with(files)
		_, addr, _ := strings.Cut(s.listening[0], " ")
		states := make(chan diameter.PeerStatus, 1024)
		c, err := newSCSCF("scscf1.ims.example", demoCSCF, "ims.example", "hss.ims.example", addr, slog.New(slog.DiscardHandler), func(d *diameter.Config) {
			change(d)
			d.PeerChanged = func(p diameter.PeerStatus) {
				select {
				case states <- p:
				default:
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for seen, i := 0, 0; seen < 2 && i < 100; i++ { // closed again twice: it was refused and tried once more
			select {
			case p := <-states:
				if p.Usable {
					t.Errorf("with a certificate %s a peer is admitted", name)
				}
				if p.State == diameter.PeerClosed {
					seen++
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("with a certificate %s nothing happens", name)
			}
		}
		c.node.Close()
	}
	// Certificates are read for each connection: a file that is gone is noticed.
	if err := os.Remove(cfg.TLS.Key); err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.listening[0], "tls "), &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		conn.Close()
		t.Error("TLS without a key")
	}
}

// SCTP, the kernel's or over UDP.
func TestSCTP(t *testing.T) {
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := p.LocalAddr().(*net.UDPAddr).Port
	p.Close()
	cfg := defaults()
	at := fmt.Sprintf("127.0.0.1:%d", port)
	if kernel.Available() != nil {
		at = fmt.Sprintf("127.0.0.1:3868/udp:%d", port)
	}
	cfg.Listen = []Listen{{"sctp", at}}
	s, log := inProcess(t, cfg)
	err = registers(t, s, func(c *diameter.Config) {
		c.Peers[0].Transport = diameter.SCTP
		c.SCTP = s.sctpNetwork()
	})
	if err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}
