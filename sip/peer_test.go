package sip_test

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
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/sip/websocket"
)

// need skips a test against another program where it is missing, and with -short.
func need(t *testing.T, pkg string, programs ...string) {
	t.Helper()
	lab.Need(t, pkg, programs...)
	if testing.Short() {
		t.Skip("talks to another program, left out with -short")
	}
}

// output collects what a program prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a program until the test ends, and returns its output.
func start(t *testing.T, dir, name string, args ...string) *output {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := &output{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s: %s", name, out)
		}
	})
	return out
}

// run runs a program to its end, which must be a good one.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// fromTemplate writes a file of testdata/peers with its words replaced, and returns its name.
func fromTemplate(t *testing.T, dir, name, as string, words ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/peers", name))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, as)
	if err := os.WriteFile(to, []byte(strings.NewReplacer(words...).Replace(string(b))), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// certificates makes an authority (ca.pem) and a certificate for 127.0.0.1 and example.org (cert.pem,
// key.pem) in dir.
func certificates(t *testing.T, dir string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, kind string, der []byte) {
		must(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	write("ca.pem", "CERTIFICATE", caDER)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"example.org"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	write("cert.pem", "CERTIFICATE", der)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	write("key.pem", "PRIVATE KEY", keyDER)
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(caDER)
	must(err)
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// peerUA returns an agent that listens on 127.0.0.1 over UDP, TCP and, with a certificate, TLS on
// the port after. Its messages are judged by tshark.
func peerUA(t *testing.T, cfg sip.UserAgentConfig, cert *tls.Certificate) (*sip.UserAgent, int) {
	t.Helper()
	port := lab.FreePort(t)
	args := []string{"-d", fmt.Sprintf("udp.port==%d,sip", port), "-d", fmt.Sprintf("tcp.port==%d,sip", port)}
	cfg.Endpoint.Trace = tsharktest.Capture(t, args...)
	ua, err := sip.NewUserAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ua.Close() })
	for _, transport := range []sip.Transport{sip.UDP, sip.TCP, sip.TLS} {
		lc := sip.ListenConfig{Transport: transport, Addr: "127.0.0.1:" + strconv.Itoa(port)}
		if transport == sip.TLS {
			if cert == nil {
				continue
			}
			lc.Addr = "127.0.0.1:" + strconv.Itoa(port+1)
			lc.TLS = &tls.Config{Certificates: []tls.Certificate{*cert}}
		}
		if _, err := ua.Endpoint().Listen(lc); err != nil {
			t.Fatal(err)
		}
	}
	return ua, port
}

// wait waits until ok, which looks at what another process does.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"

// sipp runs a scenario of testdata/peers against remote.
func sipp(t *testing.T, scenario, transport, remote string, args ...string) {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata/peers", scenario))
	if err != nil {
		t.Fatal(err)
	}
	run(t, t.TempDir(), "sipp", append([]string{"-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(lab.FreePort(t)),
		"-t", transport, "-nostdin", "-timeout", "60", "-timeout_error", "-trace_err", remote}, args...)...)
}

// patient are timers for a machine that stands still for a second now and then: SIPp gives a call up where a
// refusal that it has acknowledged comes again.
var patient = sip.Timers{T1: 2 * time.Second, T2: 8 * time.Second}

// SIPp calls an agent that asks for a digest.
func TestPeerSIPpCalls(t *testing.T) {
	need(t, "sip-tester", "sipp")
	for _, transport := range []string{"u1", "t1"} {
		t.Run(transport, func(t *testing.T) {
			auth, err := sip.NewDigestServer(sip.DigestConfig{Realm: "example.org", Algorithms: []sip.DigestAlgorithm{sip.MD5},
				Users: sip.Passwords(map[string]string{"alice": "wonderland"})})
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			ends := map[string]int{}
			ua, port := peerUA(t, sip.UserAgentConfig{Endpoint: sip.Config{Timers: patient},
				OnInvite: func(in *sip.Incoming) {
					if _, resp, _ := sip.Authenticate(in.Context(), auth, in.Request, false); resp != nil {
						in.Respond(resp)
						return
					}
					in.Reply(180, nil, "")
					if err := in.Reply(200, []byte(sdp), ""); err != nil {
						t.Errorf("answer: %v", err)
					}
					<-in.Dialog.Context().Done()
					mu.Lock()
					ends[context.Cause(in.Dialog.Context()).Error()]++
					mu.Unlock()
				},
				OnRequest: func(in *sip.Incoming) { in.Reply(200, []byte(sdp), "") },
			}, nil)
			const calls = 20
			sipp(t, "uac_auth.xml", transport, "127.0.0.1:"+strconv.Itoa(port), "-m", strconv.Itoa(calls), "-r", "20")
			wait(t, "the end of all calls", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return ends[sip.ErrPeerHungUp.Error()] == calls
			})
			if n := ua.Dialogs(); n != 0 {
				t.Errorf("%d dialogs are left", n)
			}
		})
	}
}

// SIPp gives up while it rings.
func TestPeerSIPpCancels(t *testing.T) {
	need(t, "sip-tester", "sipp")
	causes := make(chan error, 10)
	_, port := peerUA(t, sip.UserAgentConfig{OnInvite: func(in *sip.Incoming) {
		in.Reply(180, nil, "")
		<-in.Dialog.Context().Done()
		causes <- context.Cause(in.Dialog.Context())
	}}, nil)
	sipp(t, "uac_cancel.xml", "u1", "127.0.0.1:"+strconv.Itoa(port), "-m", "10", "-r", "20")
	for range 10 {
		if err := <-causes; !errors.Is(err, sip.ErrCanceled) {
			t.Errorf("ended by %v", err)
		}
	}
}

// An agent calls SIPp, which asks for a digest and verifies it.
func TestPeerSIPpAnswers(t *testing.T) {
	need(t, "sip-tester", "sipp")
	for _, transport := range []string{"u1", "t1"} {
		t.Run(transport, func(t *testing.T) {
			port := strconv.Itoa(lab.FreePort(t))
			file, err := filepath.Abs("testdata/peers/uas_auth.xml")
			if err != nil {
				t.Fatal(err)
			}
			const calls = 10
			ended := make(chan string, 1)
			go func() {
				ended <- run(t, t.TempDir(), "sipp", "-sf", file, "-i", "127.0.0.1", "-p", port, "-t", transport,
					"-nostdin", "-timeout", "60", "-timeout_error", "-m", strconv.Itoa(calls))
			}()
			ua, _ := peerUA(t, sip.UserAgentConfig{Auth: sip.Password("example.org", "alice", "wonderland")}, nil)
			uri := "sip:bob@127.0.0.1:" + port
			if transport == "t1" {
				uri += ";transport=tcp"
				wait(t, "SIPp's start", func() bool {
					c, err := net.Dial("tcp", "127.0.0.1:"+port)
					if err == nil {
						c.Close()
					}
					return err == nil
				})
			}
			for i := range calls {
				d, resp, err := ua.Invite(t.Context(), uri, sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(sdp)}})
				if err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
				if !bytes.Contains(resp.Body, []byte("m=audio")) {
					t.Errorf("call %d: %s", i, resp)
				}
				if err := d.Bye(t.Context(), sip.RequestOptions{}); err != nil {
					t.Errorf("call %d: BYE: %v", i, err)
				}
			}
			<-ended
			if n := ua.Dialogs(); n != 0 {
				t.Errorf("%d dialogs are left", n)
			}
		})
	}
}

// peerRegistrar is a registrar with digest on 127.0.0.1, over UDP, TCP and TLS.
func peerRegistrar(t *testing.T, cert *tls.Certificate, algorithms ...sip.DigestAlgorithm) (*sip.Registrar, int) {
	t.Helper()
	auth, err := sip.NewDigestServer(sip.DigestConfig{Realm: "example.org", Algorithms: algorithms,
		Users: sip.Passwords(map[string]string{"alice": "wonderland"})})
	if err != nil {
		t.Fatal(err)
	}
	registrar := sip.NewRegistrar(sip.RegistrarConfig{Auth: auth})
	_, port := peerUA(t, sip.UserAgentConfig{Handler: sip.HandlerFunc(func(tx *sip.ServerTransaction, req *sip.Request) {
		if req.Method != sip.REGISTER {
			tx.Respond(sip.NewResponse(req, 200, ""))
			return
		}
		registrar.ServeSIP(tx, req)
	})}, cert)
	return registrar, port
}

// baresip registers over each transport; over TLS it checks our certificate.
func TestPeerBaresipRegisters(t *testing.T) {
	need(t, "baresip-core", "baresip")
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			dir := t.TempDir()
			cert, _ := certificates(t, dir)
			registrar, port := peerRegistrar(t, &cert, sip.MD5)
			if transport == "tls" {
				port++
			}
			fromTemplate(t, dir, "baresip.config", "config", "@PORT@", strconv.Itoa(lab.FreePort(t)), "@DIR@", dir)
			account := fmt.Sprintf("<sip:alice@127.0.0.1:%d;transport=%s>;auth_pass=wonderland;regint=60\n", port, transport)
			if err := os.WriteFile(filepath.Join(dir, "accounts"), []byte(account), 0o600); err != nil {
				t.Fatal(err)
			}
			os.WriteFile(filepath.Join(dir, "contacts"), nil, 0o600)
			start(t, dir, "baresip", "-f", dir)
			aor, err := sip.ParseURI("sip:alice@127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			wait(t, "the registration", func() bool { return len(registrar.Lookup(aor)) == 1 })
			b := registrar.Lookup(aor)[0]
			if got := strings.ToLower(b.Flow.Transport.String()); got != transport {
				t.Errorf("registered over %s", got)
			}
		})
	}
}

// sipsak asks for our options and registers (its usrloc mode).
func TestPeerSipsak(t *testing.T) {
	need(t, "sipsak", "sipsak")
	registrar, port := peerRegistrar(t, nil, sip.MD5)
	to := fmt.Sprintf("127.0.0.1:%d", port)
	if out := run(t, t.TempDir(), "sipsak", "-vv", "-s", "sip:"+to); !strings.Contains(out, "200 OK") {
		t.Error(out)
	}
	run(t, t.TempDir(), "sipsak", "-U", "-C", "sip:alice@127.0.0.1:5070", "-u", "alice", "-a", "wonderland", "-s", "sip:alice@"+to, "-x", "3600", "-v")
	aor, err := sip.ParseURI("sip:alice@127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if bs := registrar.Lookup(aor); len(bs) != 1 || bs[0].Contact != "sip:alice@127.0.0.1:5070" {
		t.Errorf("%+v", bs)
	}
}

// kamailio starts Kamailio and returns its port; TLS is on the port after.
func kamailio(t *testing.T, dir, algorithm string, args ...string) int {
	t.Helper()
	return kamailioOf(t, dir, "kamailio.cfg", algorithm, args...)
}

// kamailioOf is kamailio with a file of testdata/peers.
func kamailioOf(t *testing.T, dir, template, algorithm string, args ...string) int {
	t.Helper()
	port := lab.FreePort(t)
	cfg := fromTemplate(t, dir, template, "kamailio.cfg",
		"@PORT@", strconv.Itoa(port), "@TLSPORT@", strconv.Itoa(port+1), "@DIR@", dir, "@ALGORITHM@", algorithm)
	start(t, dir, "kamailio", append(args, "-f", cfg, "-DD", "-E", "-m", "64", "-Y", dir, "-w", dir, "-P", filepath.Join(dir, "pid"))...)
	probe, err := sip.NewUserAgent(sip.UserAgentConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	if _, err := probe.Endpoint().Listen(sip.ListenConfig{Transport: sip.UDP, Addr: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	wait(t, "Kamailio's start", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := probe.Do(ctx, probe.NewRequest(sip.OPTIONS, fmt.Sprintf("sip:127.0.0.1:%d", port)), sip.SendOptions{})
		return err == nil
	})
	return port
}

// A table of lines registers with Kamailio, over each transport with MD5 and SHA-256, one with a password
// that is put right later.
func TestPeerKamailioRegistrationTable(t *testing.T) {
	need(t, "kamailio kamailio-tls-modules", "kamailio")
	dir := t.TempDir()
	_, pool := certificates(t, dir)
	ua, _ := peerUA(t, sip.UserAgentConfig{Endpoint: sip.Config{Network: sip.NetworkConfig{TLS: &tls.Config{RootCAs: pool}}}}, nil)
	table := sip.NewRegistrationTable(ua, nil)
	var wrong sip.RegisterOptions
	for _, algorithm := range []sip.DigestAlgorithm{sip.MD5, sip.SHA256} {
		dir := filepath.Join(dir, string(algorithm))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"cert.pem", "key.pem"} {
			if b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f)); err == nil {
				os.WriteFile(filepath.Join(dir, f), b, 0o600)
			}
		}
		port := kamailio(t, dir, string(algorithm))
		for _, transport := range []string{"udp", "tcp", "tls"} {
			hop := fmt.Sprintf("sip:127.0.0.1:%d;transport=%s", port, transport)
			if transport == "tls" {
				hop = fmt.Sprintf("sips:127.0.0.1:%d", port+1)
			}
			next, err := sip.ParseURI(hop)
			if err != nil {
				t.Fatal(err)
			}
			opts := sip.RegisterOptions{Registrar: "sip:example.org", Address: "<sip:" + transport + "@example.org>", Send: sip.SendOptions{NextHop: next},
				Auth: sip.Password("example.org", transport, "wonderland")}
			if transport == "udp" && algorithm == sip.MD5 {
				wrong = opts
				opts.Auth = sip.Password("example.org", transport, "guess")
			}
			if err := table.Set(transport+" "+string(algorithm), opts); err != nil {
				t.Fatal(err)
			}
		}
	}
	count := func(state sip.RegistrationState) int {
		n := 0
		for _, s := range table.Status() {
			if s.State == state {
				n++
			}
		}
		return n
	}
	wait(t, "the registration of five", func() bool { return count(sip.Registered) == 5 && count(sip.RegistrationRejected) == 1 })
	if err := table.Set("udp "+string(sip.MD5), wrong); err != nil {
		t.Fatal(err)
	}
	wait(t, "the registration of the sixth", func() bool { return count(sip.Registered) == 6 })
	if err := table.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// An agent registers with Kamailio over each transport, with MD5 and SHA-256.
func TestPeerKamailioRegistrar(t *testing.T) {
	need(t, "kamailio kamailio-tls-modules", "kamailio")
	for _, algorithm := range []sip.DigestAlgorithm{sip.MD5, sip.SHA256} {
		t.Run(string(algorithm), func(t *testing.T) {
			dir := t.TempDir()
			_, pool := certificates(t, dir)
			port := kamailio(t, dir, string(algorithm))
			for _, transport := range []string{"udp", "tcp", "tls"} {
				to := fmt.Sprintf("<sip:127.0.0.1:%d;lr;transport=%s>", port, transport)
				if transport == "tls" {
					to = fmt.Sprintf("<sips:127.0.0.1:%d;lr>", port+1)
				}
				ua, _ := peerUA(t, sip.UserAgentConfig{
					Address: "<sip:" + transport + "@example.org>", Routes: []string{to},
					Auth:     sip.Password("example.org", transport, "wonderland"),
					Endpoint: sip.Config{Network: sip.NetworkConfig{TLS: &tls.Config{RootCAs: pool}}},
				}, nil)
				reg, err := ua.Register(t.Context(), sip.RegisterOptions{Registrar: "sip:example.org", Expires: 2 * time.Hour})
				if err != nil {
					t.Errorf("%s: %v", transport, err)
					continue
				}
				if until, _ := reg.Expires(); time.Until(until) > 600*time.Second || time.Until(until) < 500*time.Second {
					t.Errorf("%s: until %v", transport, until)
				}
				if err := reg.Refresh(t.Context()); err != nil {
					t.Errorf("%s: refresh: %v", transport, err)
				}
				if err := reg.Close(t.Context()); err != nil {
					t.Errorf("%s: removal: %v", transport, err)
				}
				if n := reg.Response().Count("Contact"); n != 0 {
					t.Errorf("%s: %d contacts are left", transport, n)
				}
			}
		})
	}
}

// Two agents call one another through Kamailio, which asks for a digest and stays on the path, over
// each pair of transports.
func TestPeerKamailioProxy(t *testing.T) {
	need(t, "kamailio kamailio-tls-modules", "kamailio")
	dir := t.TempDir()
	cert, pool := certificates(t, dir)
	port := kamailio(t, dir, "MD5")
	agent := func(name, transport string, onInvite func(*sip.Incoming)) *sip.UserAgent {
		route := fmt.Sprintf("<sip:127.0.0.1:%d;lr;transport=%s>", port, transport)
		if transport == "tls" {
			route = fmt.Sprintf("<sip:127.0.0.1:%d;lr;transport=tls>", port+1)
		}
		ua, _ := peerUA(t, sip.UserAgentConfig{
			Address: "<sip:" + name + "@example.org>", Routes: []string{route}, Auth: sip.Password("example.org", name, "wonderland"),
			Endpoint: sip.Config{Network: sip.NetworkConfig{TLS: &tls.Config{RootCAs: pool}}},
			OnInvite: onInvite, OnRequest: func(in *sip.Incoming) { in.Reply(200, []byte(sdp), "") },
		}, &cert)
		return ua
	}
	for _, tc := range []struct{ caller, callee string }{{"udp", "udp"}, {"udp", "tcp"}, {"tcp", "udp"}, {"tls", "tcp"}, {"udp", "tls"}} {
		t.Run(tc.caller+" to "+tc.callee, func(t *testing.T) {
			calls := make(chan *sip.Incoming, 1)
			bob := agent("bob", tc.callee, func(in *sip.Incoming) {
				in.Reply(180, nil, "")
				if err := in.Reply(200, []byte(sdp), ""); err == nil {
					calls <- in
				}
			})
			alice := agent("alice", tc.caller, nil)
			reg, err := bob.Register(t.Context(), sip.RegisterOptions{Registrar: "sip:example.org"})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				d, resp, err := alice.Invite(t.Context(), "sip:bob@example.org", sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(sdp)}})
				if err != nil {
					t.Fatal(err)
				}
				if resp.Count("Record-Route") == 0 {
					t.Errorf("%s", resp)
				}
				in := <-calls
				if _, err := in.ACK(t.Context()); err != nil {
					t.Errorf("ACK: %v", err)
				}
				if _, err := d.Invite(t.Context(), sip.RequestOptions{Body: []byte(sdp)}); err != nil {
					t.Errorf("re-INVITE: %v", err)
				}
				if _, err := in.Dialog.Invite(t.Context(), sip.RequestOptions{Body: []byte(sdp)}); err != nil {
					t.Errorf("re-INVITE of the callee: %v", err)
				}
				byes := []*sip.Dialog{d, in.Dialog}
				if err := byes[i].Bye(t.Context(), sip.RequestOptions{}); err != nil {
					t.Errorf("BYE: %v", err)
				}
				<-byes[1-i].Context().Done()
			}
			if _, _, err := alice.Invite(t.Context(), "sip:nobody@example.org", sip.InviteOptions{}); sip.StatusCode(err) != 404 {
				t.Errorf("nobody: %v", err)
			}
			if err := reg.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// An agent registers with Kamailio over WebSocket and calls one that is there over UDP.
func TestPeerKamailioWebSocket(t *testing.T) {
	need(t, "kamailio kamailio-tls-modules kamailio-websocket-modules", "kamailio")
	dir := t.TempDir()
	certificates(t, dir)
	port := kamailio(t, dir, "SHA-256", "-A", "WS")
	calls := make(chan *sip.Incoming, 1)
	agent := func(name, transport string) *sip.UserAgent {
		ua, _ := peerUA(t, sip.UserAgentConfig{
			Address: "<sip:" + name + "@example.org>", Auth: sip.Password("example.org", name, "wonderland"),
			Routes:   []string{fmt.Sprintf("<sip:127.0.0.1:%d;lr;transport=%s>", port, transport)},
			Endpoint: sip.Config{Network: sip.NetworkConfig{DialWebSocket: (&websocket.Dialer{}).Dial}},
			OnInvite: func(in *sip.Incoming) {
				if err := in.Reply(200, []byte(sdp), ""); err == nil {
					calls <- in
				}
			},
		}, nil)
		reg, err := ua.Register(t.Context(), sip.RegisterOptions{Registrar: "sip:example.org"})
		if err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		t.Cleanup(func() {
			if err := reg.Close(context.Background()); err != nil {
				t.Errorf("%s: %v", transport, err)
			}
		})
		return ua
	}
	agent("bob", "udp")
	alice := agent("alice", "ws")
	d, _, err := alice.Invite(t.Context(), "sip:bob@example.org", sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(sdp)}})
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := (<-calls).ACK(t.Context()); err != nil {
		t.Errorf("%v, %v", ack, err)
	}
	if err := d.Bye(t.Context(), sip.RequestOptions{}); err != nil {
		t.Error(err)
	}
}

// SIPp calls, requires 100rel, is late with its PRACK, and refreshes the session.
func TestPeerSIPpReliable(t *testing.T) {
	need(t, "sip-tester", "sipp")
	ua, port := peerUA(t, sip.UserAgentConfig{Supported: []string{"100rel", "timer"}, OnInvite: func(in *sip.Incoming) {
		if err := in.Reply(183, []byte(sdp), ""); err != nil {
			t.Errorf("183: %v", err)
		}
		if err := in.Reply(200, nil, ""); err != nil {
			t.Errorf("200: %v", err)
		}
		if req, err := in.PRACK(t.Context()); err != nil || req == nil {
			t.Errorf("PRACK: %v %v", req, err)
		}
	}}, nil)
	sipp(t, "uac_100rel.xml", "u1", "127.0.0.1:"+strconv.Itoa(port), "-m", "10", "-r", "20")
	wait(t, "the end of all calls", func() bool { return ua.Dialogs() == 0 })
	if s := ua.Stats(); s.ProvisionalsAgain < 10 || s.CallsAccepted != 10 {
		t.Errorf("%+v", s)
	}
}

// SIPp rings reliably and checks the PRACK.
func TestPeerSIPpRingsReliably(t *testing.T) {
	need(t, "sip-tester", "sipp")
	port := strconv.Itoa(lab.FreePort(t))
	file, err := filepath.Abs("testdata/peers/uas_100rel.xml")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		ended <- run(t, t.TempDir(), "sipp", "-sf", file, "-i", "127.0.0.1", "-p", port, "-nostdin", "-timeout", "60", "-timeout_error", "-m", "10")
	}()
	ua, _ := peerUA(t, sip.UserAgentConfig{Supported: []string{"100rel"}, Session: sip.SessionTimer{Expires: 30 * time.Minute}}, nil)
	for range 10 {
		acked := make(chan error, 1)
		d, _, err := ua.Invite(t.Context(), "sip:bob@127.0.0.1:"+port, sip.InviteOptions{
			RequestOptions: sip.RequestOptions{Body: []byte(sdp)},
			OnPRACK:        func(_ *sip.Dialog, _ *sip.Response, err error) { acked <- err },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-acked; err != nil {
			t.Error(err)
		}
		if err := d.Bye(t.Context(), sip.RequestOptions{}); err != nil {
			t.Error(err)
		}
	}
	<-ended
}

// SIPp calls through a proxy that forks to an agent and to a target that refuses.
func TestPeerSIPpThroughProxy(t *testing.T) {
	need(t, "sip-tester", "sipp")
	for _, transport := range []string{"u1", "t1"} {
		t.Run(transport, func(t *testing.T) {
			auth, err := sip.NewDigestServer(sip.DigestConfig{Realm: "example.org", Algorithms: []sip.DigestAlgorithm{sip.MD5},
				Users: sip.Passwords(map[string]string{"alice": "wonderland"})})
			if err != nil {
				t.Fatal(err)
			}
			agent, agentPort := peerUA(t, sip.UserAgentConfig{Endpoint: sip.Config{Timers: patient},
				OnInvite: func(in *sip.Incoming) {
					if _, resp, _ := sip.Authenticate(in.Context(), auth, in.Request, false); resp != nil {
						in.Respond(resp)
						return
					}
					in.Reply(180, nil, "")
					in.Reply(200, []byte(sdp), "")
				},
				OnRequest: func(in *sip.Incoming) { in.Reply(200, []byte(sdp), "") },
			}, nil)
			busy, busyPort := peerUA(t, sip.UserAgentConfig{Endpoint: sip.Config{Timers: patient}, OnInvite: func(in *sip.Incoming) { in.Reply(404, nil, "") }}, nil)
			port := lab.FreePort(t)
			p, err := sip.NewProxy(sip.ProxyConfig{
				Endpoint: sip.Config{Timers: patient, Trace: tsharktest.Capture(t, "-d", fmt.Sprintf("udp.port==%d,sip", port), "-d", fmt.Sprintf("tcp.port==%d,sip", port))},
				OnRequest: func(f *sip.Forwarding) {
					f.RecordRoute("", sip.Params{})
					if f.InDialog() {
						f.Forward()
						return
					}
					f.Forward(&sip.Branch{URI: fmt.Sprintf("sip:bob@127.0.0.1:%d", busyPort)}, &sip.Branch{URI: fmt.Sprintf("sip:bob@127.0.0.1:%d", agentPort)})
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Endpoint().Close() })
			for _, tr := range []sip.Transport{sip.UDP, sip.TCP} {
				if _, err := p.Endpoint().Listen(sip.ListenConfig{Transport: tr, Addr: fmt.Sprintf("127.0.0.1:%d", port)}); err != nil {
					t.Fatal(err)
				}
			}
			sipp(t, "uac_auth.xml", transport, fmt.Sprintf("127.0.0.1:%d", port), "-m", "20", "-r", "20")
			wait(t, "the end of all calls", func() bool { return agent.Dialogs() == 0 && busy.Dialogs() == 0 })
			if s := agent.Stats(); s.CallsAccepted != 20 {
				t.Errorf("%+v", s)
			}
		})
	}
}
