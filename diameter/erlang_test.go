package diameter_test

import (
	"context"
	"crypto/tls"
	"encoding"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
)

const otpRealm = "otp.example"

// otp is a node of Erlang's diameter (testdata/node.escript).
type otp struct {
	*program
	stdin io.WriteCloser
}

func runOTP(t *testing.T, terms string) *otp {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for another program (-short)")
	}
	lab.Need(t, "erlang-diameter erlang-ssl", "escript")
	conf := filepath.Join(t.TempDir(), "node.terms")
	if err := os.WriteFile(conf, []byte(terms), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := runProgramIn(t, r, "escript", "testdata/node.escript", conf)
	r.Close()
	t.Cleanup(func() { w.Close() })
	o := &otp{p, w}
	o.says(t, "started")
	return o
}

// up waits until Erlang takes requests: it drops those that come with its CEA still being handled.
func (o *otp) up(t *testing.T) { o.says(t, "event {up,") }

func (o *otp) says(t *testing.T, what string) { o.saysTimes(t, what, 1) }

func (o *otp) saysTimes(t *testing.T, what string, times int) {
	t.Helper()
	eventually(t, "Erlang says "+what, func() bool { return strings.Count(o.output(), what) >= times })
}

func (o *otp) command(format string, args ...any) { fmt.Fprintf(o.stdin, format+"\n", args...) }

var accounting = diameter.Application{ID: diameter.BaseAccounting, Accounting: true}

// acr is an accounting request to a realm.
func acr(n *diameter.Node, realm string) *diameter.ACR {
	return &diameter.ACR{
		Header:    diameter.Header{Flags: diameter.Request | diameter.Proxiable, Code: diameter.CommandAccounting, ApplicationID: diameter.BaseAccounting},
		SessionID: n.NewSessionID(""), OriginHost: n.OriginHost(), OriginRealm: n.OriginRealm(), DestinationRealm: realm,
		AccountingRecordType: 1, AccountingRecordNumber: 0,
	}
}

// accountant serves accounting requests.
func accountant(seen *atomic.Int32) []diameter.Service {
	return []diameter.Service{{Application: diameter.BaseAccounting, Command: diameter.CommandAccounting,
		Handler: func(_ context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
			q, err := diameter.ParseACR(r.Message)
			if err != nil {
				return nil, err
			}
			seen.Add(1)
			return &diameter.ACA{Header: q.Header.Answer(), SessionID: q.SessionID, ResultCode: diameter.Success,
				AccountingRecordType: q.AccountingRecordType, AccountingRecordNumber: q.AccountingRecordNumber}, nil
		}}}
}

// quick are timers for tests that wait for real time.
var quick = diameter.Timers{Tc: time.Second, Tw: 6 * time.Second, ReopenWatchdogs: -1}

// TestErlang exchanges requests both ways over a connection that Erlang accepts and one that it makes.
func TestErlang(t *testing.T) {
	tsharktest.Need(t)
	for _, who := range []string{"listen", "connect"} {
		t.Run(who, func(t *testing.T) {
			var seen atomic.Int32
			port, ours := lab.FreePort(t), lab.FreePort(t)
			cfg := diameter.Config{OriginHost: "telco.home.example", OriginRealm: homeRealm, Applications: []diameter.Application{accounting}, Timers: quick,
				Services: accountant(&seen), Accept: diameter.Accept{Hosts: []string{".otp.example"}}, Trace: tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", port), "-d", fmt.Sprintf("tcp.port==%d,diameter", ours))}
			transport := fmt.Sprintf("{transport, listen, [{ip, {127,0,0,1}}, {port, %d}]}.", port)
			listen := ""
			if who == "connect" {
				listen = fmt.Sprintf("127.0.0.1:%d", ours)
				transport = fmt.Sprintf("{transport, connect, [{raddr, {127,0,0,1}}, {rport, %d}]}.", ours)
			} else {
				cfg.Peers = []diameter.Peer{{Host: "node.otp.example", Addresses: []string{fmt.Sprintf("127.0.0.1:%d", port)}}}
			}
			o := runOTP(t, `{host, "node.otp.example"}. {realm, "otp.example"}. `+transport)
			n := startNode(t, cfg, listen)
			waitReady(t, n, "node.otp.example")
			o.up(t)
			for range 20 {
				a, err := n.Do(t.Context(), acr(n, otpRealm))
				if err != nil {
					t.Fatal(err)
				}
				if aca, err := diameter.ParseACA(a.Message); err != nil || aca.ResultCode != diameter.Success {
					t.Fatalf("%v: %v", aca.ResultCode, err)
				}
			}
			o.command("call %s 20", homeRealm)
			o.saysTimes(t, "answer 2001", 20)
			if seen.Load() != 20 {
				t.Errorf("%d requests from Erlang", seen.Load())
			}
			eventually(t, "watchdogs both ways", func() bool {
				s, _ := n.Peer("node.otp.example")
				return s.WatchdogsSent+s.WatchdogsReceived > 0 && s.Watchdog == diameter.WatchdogOkay
			})
			o.command("stop") // parts with DPR
			eventually(t, "DPR", func() bool {
				s, ok := n.Peer("node.otp.example")
				return !ok || strings.Contains(s.Reason, "the peer parts")
			})
		})
	}
}

// TestErlangElection: both sides connect at once, with our name above Erlang's and below.
func TestErlangElection(t *testing.T) {
	for _, ourHost := range []string{"a.home.example", "z.home.example"} {
		t.Run(ourHost, func(t *testing.T) {
			var seen atomic.Int32
			port, ours := lab.FreePort(t), lab.FreePort(t)
			o := runOTP(t, fmt.Sprintf(`{host, "node.otp.example"}. {realm, "otp.example"}.
				{transport, listen, [{ip, {127,0,0,1}}, {port, %d}]}.
				{transport, connect, [{raddr, {127,0,0,1}}, {rport, %d}]}.`, port, ours))
			n := startNode(t, diameter.Config{OriginHost: ourHost, OriginRealm: homeRealm, Applications: []diameter.Application{accounting}, Timers: quick, Services: accountant(&seen),
				Peers: []diameter.Peer{{Host: "node.otp.example", Addresses: []string{fmt.Sprintf("127.0.0.1:%d", port)}}}}, fmt.Sprintf("127.0.0.1:%d", ours))
			waitReady(t, n, "node.otp.example")
			time.Sleep(4 * time.Second) // beyond Erlang's next attempt
			waitReady(t, n, "node.otp.example")
			if a, err := n.Do(t.Context(), acr(n, otpRealm)); err != nil || resultCode(a.Message) != diameter.Success {
				t.Error(err)
			}
			o.command("call %s 3", homeRealm)
			o.saysTimes(t, "answer 2001", 3)
			s, _ := n.Peer("node.otp.example")
			t.Log(sprint(s))
		})
	}
}

// patient is a connection that waits before its second write: the ClientHello of TLS in band.
type patient struct {
	net.Conn
	writes int
}

func (c *patient) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		time.Sleep(time.Second)
	}
	return c.Conn.Write(b)
}

// TestErlangTLS: from the start of the connection and after the capabilities exchange, either side connecting. Erlang (diameter
// 2.2.7 and ssl 10.8.7 of OTP 25) as the responder in band reads nothing after a handshake whose ClientHello came before it had
// asked ssl for it, as one does that follows its CEA at once, with TLS 1.2 and 1.3; one that comes later does no harm.
func TestErlangTLS(t *testing.T) {
	certs := newCertificates(t)
	cfg := certs.issue(t, "telco.home.example")
	certs.issue(t, "node.otp.example")
	ssl := fmt.Sprintf(`{certfile, "%[1]s/node.otp.example.pem"}, {keyfile, "%[1]s/node.otp.example.key"}, {cacertfile, "%[1]s/ca.pem"}, {verify, verify_peer}`, certs.dir)
	for _, c := range []struct {
		name    string
		inband  bool
		connect bool // Erlang connects
	}{{"on connect", false, false}, {"on connect, Erlang connects", false, true}, {"in band, Erlang connects", true, true}, {"in band", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			var seen atomic.Int32
			port, ours := lab.FreePort(t), lab.FreePort(t)
			options, inband := "{ssl_options, true}, "+ssl, "[0]"
			if c.inband {
				options, inband = "{ssl_options, ["+ssl+"]}", "[1]"
			}
			role, where := "listen", fmt.Sprintf("{ip, {127,0,0,1}}, {port, %d}", port)
			if c.connect {
				role, where = "connect", fmt.Sprintf("{raddr, {127,0,0,1}}, {rport, %d}", ours)
				if !c.inband {
					where += `, {server_name_indication, "telco.home.example"}`
				}
			}
			if c.connect && c.inband {
				options = `{ssl_options, [` + ssl + `, {server_name_indication, "telco.home.example"}]}`
			}
			if role == "listen" { // ask for our certificate, too
				options = strings.Replace(options, "{verify, verify_peer}", "{verify, verify_peer}, {fail_if_no_peer_cert, true}", 1)
			}
			x := diameter.Config{OriginHost: "telco.home.example", OriginRealm: homeRealm, Applications: []diameter.Application{accounting}, Timers: quick, Services: accountant(&seen),
				TLS: cfg, Accept: diameter.Accept{Hosts: []string{"*"}}}
			if c.inband {
				x.InbandSecurity = diameter.RequireInbandTLS
			}
			if c.inband && !c.connect {
				x.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					nc, err := new(net.Dialer).DialContext(ctx, network, address)
					if err != nil {
						return nil, err
					}
					return &patient{Conn: nc}, nil
				}
			}
			if !c.connect {
				p := diameter.Peer{Host: "node.otp.example", Addresses: []string{fmt.Sprintf("127.0.0.1:%d", port)}}
				if !c.inband {
					p.Transport = diameter.TLS
				}
				x.Peers = []diameter.Peer{p}
			}
			o := runOTP(t, fmt.Sprintf(`{host, "node.otp.example"}. {realm, "otp.example"}. {inband, %s}. {transport, %s, [%s, %s]}.`, inband, role, where, options))
			n := startNode(t, x, "")
			if c.connect {
				l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ours))
				if err != nil {
					t.Fatal(err)
				}
				if !c.inband {
					l = tls.NewListener(l, cfg)
				}
				go n.Serve(l)
			}
			waitReady(t, n, "node.otp.example")
			o.up(t)
			if s, _ := n.Peer("node.otp.example"); s.Transport != "TLS" {
				t.Errorf("%+v", s)
			}
			if a, err := n.Do(t.Context(), acr(n, otpRealm)); err != nil || resultCode(a.Message) != diameter.Success {
				t.Error(err)
			}
			o.command("call %s 3", homeRealm)
			o.saysTimes(t, "answer 2001", 3)
		})
	}
}

// TestErlangRedirect: Erlang as a redirect agent sends a client of ours to a server of ours.
func TestErlangRedirect(t *testing.T) {
	var seen atomic.Int32
	port, ours := lab.FreePort(t), lab.FreePort(t)
	o := runOTP(t, fmt.Sprintf(`{host, "node.otp.example"}. {realm, "otp.example"}. {redirect, ["aaa://server.home.example:%d;transport=tcp"]}.
		{transport, listen, [{ip, {127,0,0,1}}, {port, %d}]}.`, ours, port))
	startNode(t, diameter.Config{OriginHost: "server.home.example", OriginRealm: homeRealm, Applications: []diameter.Application{accounting}, Timers: quick,
		Services: accountant(&seen), Accept: diameter.Accept{Hosts: []string{"*"}}}, fmt.Sprintf("127.0.0.1:%d", ours))
	n := startNode(t, diameter.Config{OriginHost: cscfHost, OriginRealm: cscfRealm, Applications: []diameter.Application{accounting}, Timers: quick,
		Peers:  []diameter.Peer{{Host: "node.otp.example", Addresses: []string{fmt.Sprintf("127.0.0.1:%d", port)}}},
		Routes: []diameter.Route{{Realm: "*", Peers: []diameter.RoutePeer{{Host: "node.otp.example"}}}},
		Redirect: func(u diameter.URI) (diameter.Peer, bool) {
			return diameter.Peer{Host: u.Host, Addresses: []string{fmt.Sprintf("127.0.0.1:%d", u.Port)}}, u.Host == "server.home.example"
		}}, "")
	waitReady(t, n, "node.otp.example")
	o.up(t)
	for range 5 {
		a, err := n.Do(t.Context(), acr(n, homeRealm))
		if err != nil || resultCode(a.Message) != diameter.Success || a.Peer != "server.home.example" {
			t.Errorf("%v from %s: %v", a.Header, a.Peer, err)
		}
	}
	o.says(t, "request 271")
	if k := strings.Count(o.output(), "request 271"); k != 1 || seen.Load() != 5 {
		t.Errorf("%d requests at the redirect agent, %d at the server", k, seen.Load())
	}
}

// TestErlangOverload: reports encoded by Erlang are obeyed, and ours are decoded by it.
func TestErlangOverload(t *testing.T) {
	tsharktest.Need(t)
	var seen atomic.Int32
	port := lab.FreePort(t)
	o := runOTP(t, fmt.Sprintf(`{host, "node.otp.example"}. {realm, "otp.example"}. {overload, 40}. {transport, listen, [{ip, {127,0,0,1}}, {port, %d}]}.`, port))
	n := startNode(t, diameter.Config{OriginHost: "telco.home.example", OriginRealm: homeRealm, Applications: []diameter.Application{accounting}, Timers: quick,
		Services: accountant(&seen), Overload: true, Trace: tsharktest.Capture(t, "-d", fmt.Sprintf("tcp.port==%d,diameter", port)),
		Peers: []diameter.Peer{{Host: "node.otp.example", Addresses: []string{fmt.Sprintf("127.0.0.1:%d", port)}}}}, "")
	waitReady(t, n, "node.otp.example")
	o.up(t)
	sent, throttled := 0, 0
	for range 300 {
		q := acr(n, otpRealm)
		q.DestinationHost = diameter.Some("node.otp.example")
		_, err := n.Do(t.Context(), q)
		var te *diameter.ThrottledError
		switch {
		case err == nil:
			sent++
		case errors.As(err, &te) && te.Reduction == 40 && te.Destination == "node.otp.example":
			throttled++
		default:
			t.Fatal(err)
		}
	}
	if throttled < 70 || throttled > 170 {
		t.Errorf("%d sent, %d throttled of 300, want about 120", sent, throttled)
	}
	if err := n.ReportOverload(diameter.BaseAccounting, diameter.OCReportTypeRealmReport, 25, 300*time.Second); err != nil {
		t.Fatal(err)
	}
	o.command("call %s 1", homeRealm)
	o.says(t, "answer 2001 [#{")
	for _, want := range []string{"'OC-Reduction-Percentage' => [25]", "'OC-Validity-Duration' => [300]", "'OC-Report-Type' => 1"} {
		if !strings.Contains(o.output(), want) {
			t.Errorf("Erlang did not read %s", want)
		}
	}
}
