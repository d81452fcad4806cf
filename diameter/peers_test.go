package diameter_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
)

// What the tests with other implementations share.

const (
	cxApp   diameter.ApplicationID = 16777216
	marCode diameter.CommandCode   = 303
)

var cxApplication = diameter.Application{ID: cxApp, VendorID: diameter.Vendor3GPP}

// mar is a request of Cx to a realm.
func mar(n *diameter.Node, realm, host string) diameter.Message {
	b := diameter.AppendText(nil, diameter.AVPSessionID, diameter.Mandatory, 0, n.NewSessionID(""))
	b, at := diameter.BeginAVP(b, diameter.AVPVendorSpecificApplicationID, diameter.Mandatory, 0)
	b = diameter.AppendUint32(b, diameter.AVPVendorID, diameter.Mandatory, 0, uint32(diameter.Vendor3GPP))
	b = diameter.AppendUint32(b, diameter.AVPAuthApplicationID, diameter.Mandatory, 0, uint32(cxApp))
	b = diameter.EndAVP(b, at)
	b = diameter.AppendUint32(b, diameter.AVPAuthSessionState, diameter.Mandatory, 0, 1)
	b = diameter.AppendText(b, diameter.AVPOriginHost, diameter.Mandatory, 0, n.OriginHost())
	b = diameter.AppendText(b, diameter.AVPOriginRealm, diameter.Mandatory, 0, n.OriginRealm())
	b = diameter.AppendText(b, diameter.AVPDestinationRealm, diameter.Mandatory, 0, realm)
	if host != "" {
		b = diameter.AppendText(b, diameter.AVPDestinationHost, diameter.Mandatory, 0, host)
	}
	b = diameter.AppendText(b, diameter.AVPUserName, diameter.Mandatory, 0, "alice@"+realm)
	return diameter.Message{Header: diameter.Header{Flags: diameter.Request | diameter.Proxiable, Code: marCode, ApplicationID: cxApp}, AVPs: b}
}

// success answers a request.
func success(r *diameter.Incoming) diameter.Message {
	var b []byte
	for a := range r.AVPs.All() {
		switch a.Code {
		case diameter.AVPSessionID, diameter.AVPVendorSpecificApplicationID, diameter.AVPAuthSessionState:
			b = diameter.AppendAVP(b, a)
		}
	}
	b = diameter.AppendUint32(b, diameter.AVPResultCode, diameter.Mandatory, 0, uint32(diameter.Success))
	return diameter.Message{Header: r.Header.Answer(), AVPs: b}
}

func succeed(_ context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
	return success(r), nil
}

func resultCode(m diameter.Message) diameter.ResultCode {
	a, _ := m.Find(diameter.AVPResultCode, 0)
	v, _ := a.Uint32()
	return diameter.ResultCode(v)
}

// startNode makes a node and lets it listen.
func startNode(t *testing.T, cfg diameter.Config, listen string) *diameter.Node {
	t.Helper()
	if os.Getenv("TELCO_DIAMETER_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", cfg.OriginHost)
	}
	n, err := diameter.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	if listen != "" {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		go n.Serve(l)
	}
	return n
}

func waitReady(t *testing.T, n *diameter.Node, hosts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := n.Ready(ctx, hosts...); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for something that the other side does in its own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// certificate writes a CA's and a host's PEM files for the programs and returns a configuration for us.
type certificates struct {
	dir  string
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newCertificates(t *testing.T) *certificates {
	c := &certificates{dir: t.TempDir(), pool: x509.NewCertPool()}
	c.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &c.key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	c.ca, _ = x509.ParseCertificate(der)
	c.pool.AddCert(c.ca)
	c.write(t, "ca.pem", "CERTIFICATE", der)
	return c
}

func (c *certificates) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue makes host.pem and host.key.
func (c *certificates) issue(t *testing.T, host string) *tls.Config {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		KeyUsage:  x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, c.ca, &key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	pk, _ := x509.MarshalPKCS8PrivateKey(key)
	c.write(t, host+".pem", "CERTIFICATE", der)
	c.write(t, host+".key", "PRIVATE KEY", pk)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs: c.pool, ClientCAs: c.pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// program runs another program until the test ends, its output in a file that a failing test shows.
type program struct {
	cmd  *exec.Cmd
	out  *os.File
	done chan struct{}
}

func runProgram(t *testing.T, name string, args ...string) *program {
	t.Helper()
	return runProgramIn(t, nil, name, args...)
}

func runProgramIn(t *testing.T, stdin *os.File, name string, args ...string) *program {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), filepath.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: exec.Command(name, args...), out: out, done: make(chan struct{})}
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), tail(p.output(), 30))
		}
		out.Close()
	})
	return p
}

func (p *program) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

func (p *program) output() string {
	b, _ := os.ReadFile(p.out.Name())
	return string(b)
}

func tail(s string, lines int) string {
	l := strings.Split(s, "\n")
	return strings.Join(l[max(0, len(l)-lines):], "\n")
}

// inNamespace runs the test again in a network namespace of its own with the addresses on lo, and
// returns false to the caller outside.
func inNamespace(t *testing.T, addresses ...string) bool {
	t.Helper()
	const inside = "TELCO_TEST_NAMESPACE"
	if os.Getenv(inside) != "" {
		for _, args := range append([]string{"link set lo up"}, addresses...) {
			if !strings.Contains(args, " ") {
				args = "addr add " + args + "/32 dev lo"
			}
			if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
				t.Fatalf("ip %s: %v: %s", args, err, out)
			}
		}
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	cmd := exec.Command("unshare", "--net", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "unshare failed") {
		t.Skipf("needs root for a network namespace: %s", out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
	return false
}

// once counts the answers to requests, each of which should have one.
type once struct {
	mu      sync.Mutex
	answers map[string]int
}

func (o *once) count(session string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answers == nil {
		o.answers = map[string]int{}
	}
	o.answers[session]++
}

func (o *once) check(t *testing.T, want int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.answers) != want {
		t.Errorf("%d requests answered, want %d", len(o.answers), want)
	}
	for s, k := range o.answers {
		if k != 1 {
			t.Errorf("%s answered %d times", s, k)
		}
	}
}

func sprint(s diameter.PeerStatus) string {
	return fmt.Sprintf("%s %v %v (%s), %d sent, %d answers, DWR %d out %d in", s.Host, s.State, s.Watchdog, s.Reason, s.RequestsSent, s.AnswersReceived, s.WatchdogsSent, s.WatchdogsReceived)
}
