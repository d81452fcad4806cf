package diameter_test

import (
	"context"
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/tsharktest"
)

const (
	fdAddr, hssAddr, spareAddr = "10.99.0.1", "10.99.0.2", "10.99.0.3"
	fdHost, fdRealm            = "fd.relay.example", "relay.example"
	hssHost, spareHost         = "hss.home.example", "spare.home.example"
	homeRealm                  = "home.example"
	cscfHost, cscfRealm        = "cscf.visited.example", "visited.example"
)

// freeDiameter starts a relay that connects to our server and admits our client. As a message begins
// the receiver's interval anew, of two sides with like intervals one may always be the first to ask:
// its watchdogs go to the server every 6 s, to the client hardly ever.
func freeDiameter(t *testing.T, c *certificates) *program {
	t.Helper()
	write := func(name, text string) string {
		p := filepath.Join(c.dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	acl := write("acl.conf", "ALLOW_IPSEC *.visited.example *.home.example\n")
	rt := write("rt.conf", fmt.Sprintf("dr=%q : %q += 50;\n", homeRealm, hssHost))
	conf := write("fd.conf", fmt.Sprintf(`Identity = %q;
Realm = %q;
Port = 3868;
SecPort = 0;
TwTimer = 40;
TcTimer = 6;
No_SCTP;
ListenOn = %q;
TLS_Cred = %q, %q;
TLS_CA = %q;
LoadExtension = "acl_wl.fdx" : %q;
LoadExtension = "rt_default.fdx" : %q;
ConnectPeer = %q { ConnectTo = %q; Port = 3868; No_TLS; Prefer_TCP; TwTimer = 6; };
`, fdHost, fdRealm, fdAddr, filepath.Join(c.dir, fdHost+".pem"), filepath.Join(c.dir, fdHost+".key"), filepath.Join(c.dir, "ca.pem"), acl, rt, hssHost, hssAddr))
	return runProgram(t, "freeDiameterd", "-c", conf)
}

// TestFreeDiameter has freeDiameter between two nodes: it connects to one, the other connects to it.
func TestFreeDiameter(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute (-short)")
	}
	lab.Need(t, "freediameter freediameter-extensions iproute2", "freeDiameterd", "ip", "unshare")
	tsharktest.Need(t)
	if !inNamespace(t, fdAddr, hssAddr, spareAddr) {
		return
	}
	certs := newCertificates(t)
	certs.issue(t, fdHost)
	timers := diameter.Timers{Tw: 40 * time.Second, TwJitter: time.Second, Tc: 2 * time.Second, ReopenWatchdogs: -1}
	asking := timers
	asking.Tw = 6 * time.Second
	capture := tsharktest.Capture(t)

	var hold atomic.Bool
	var retransmitted atomic.Int32
	var mu sync.Mutex
	var held []*diameter.Incoming
	serve := func(_ context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
		if r.Flags&diameter.Retransmitted != 0 {
			retransmitted.Add(1)
		}
		if hold.Load() {
			mu.Lock()
			defer mu.Unlock()
			held = append(held, r)
			return nil, nil
		}
		return success(r), nil
	}
	server := func(host, addr string, h diameter.Handler) *diameter.Node {
		return startNode(t, diameter.Config{OriginHost: host, OriginRealm: homeRealm, Applications: []diameter.Application{cxApplication}, Timers: timers, Trace: capture,
			Accept:   diameter.Accept{Hosts: []string{"*"}},
			Services: []diameter.Service{{Application: cxApp, Command: marCode, Handler: h}}}, addr+":3868")
	}
	hss := server(hssHost, hssAddr, serve)
	server(spareHost, spareAddr, func(ctx context.Context, r *diameter.Incoming) (encoding.BinaryAppender, error) {
		if r.Flags&diameter.Retransmitted != 0 {
			retransmitted.Add(1)
		}
		return succeed(ctx, r)
	})
	fd := freeDiameter(t, certs)
	cscf := startNode(t, diameter.Config{OriginHost: cscfHost, OriginRealm: cscfRealm, Applications: []diameter.Application{cxApplication}, Timers: asking, Trace: capture,
		Peers:  []diameter.Peer{{Host: fdHost, Addresses: []string{fdAddr + ":3868"}}, {Host: spareHost, Addresses: []string{spareAddr + ":3868"}}},
		Routes: []diameter.Route{{Realm: homeRealm, Peers: []diameter.RoutePeer{{Host: fdHost}, {Host: spareHost, Priority: 1}}}}}, "")
	waitReady(t, hss, fdHost)
	waitReady(t, cscf, fdHost, spareHost)
	if s, _ := hss.Peer(fdHost); s.State != diameter.PeerROpen || !s.Capabilities.Relay {
		t.Errorf("%s, %+v", sprint(s), s.Capabilities)
	}
	if s, _ := cscf.Peer(fdHost); s.State != diameter.PeerIOpen {
		t.Error(sprint(s))
	}

	// Relayed by realm.
	ask := func(o *once, count int) {
		var wg sync.WaitGroup
		for range count {
			m := mar(cscf, homeRealm, "")
			session := m.Text(diameter.AVPSessionID, 0)
			wg.Add(1)
			if err := cscf.Send(m, func(a diameter.Answer, err error) {
				defer wg.Done()
				if err != nil || resultCode(a.Message) != diameter.Success || a.Text(diameter.AVPSessionID, 0) != session {
					t.Errorf("%v: %v", a.Header, err)
				}
				o.count(session)
			}); err != nil {
				t.Error(err)
				wg.Done()
			}
		}
		wg.Wait()
	}
	var relayed once
	ask(&relayed, 200)
	relayed.check(t, 200)
	if s, _ := hss.Peer(fdHost); s.RequestsReceived != 200 {
		t.Error(sprint(s))
	}

	// Its watchdogs to the server, the client's to it. A second one is sent only if the first was answered.
	eventually(t, "its watchdogs at the server", func() bool {
		s, _ := hss.Peer(fdHost)
		return s.WatchdogsReceived > 1 && s.Watchdog == diameter.WatchdogOkay
	})
	eventually(t, "watchdogs of the client", func() bool {
		s, _ := cscf.Peer(fdHost)
		return s.WatchdogsSent > 1 && s.Watchdog == diameter.WatchdogOkay
	})
	if s, _ := hss.Peer(fdHost); s.State != diameter.PeerROpen {
		t.Error(sprint(s))
	}

	// Its farewell.
	fd.cmd.Process.Signal(syscall.SIGTERM)
	eventually(t, "DPR", func() bool {
		s, _ := cscf.Peer(fdHost)
		return strings.Contains(s.Reason, "the peer parts: REBOOTING")
	})
	<-fd.done

	// It comes back, is asked, and is killed with all that it was asked.
	fd = freeDiameter(t, certs)
	waitReady(t, hss, fdHost)
	waitReady(t, cscf, fdHost)
	hold.Store(true)
	var failedOver once
	done := make(chan struct{})
	go func() { ask(&failedOver, 100); close(done) }()
	eventually(t, "100 requests at the server", func() bool { mu.Lock(); defer mu.Unlock(); return len(held) == 100 })
	fd.kill()
	<-done
	failedOver.check(t, 100)
	if retransmitted.Load() != 100 {
		t.Errorf("%d with the T flag, want 100", retransmitted.Load())
	}
	if s, _ := cscf.Peer(fdHost); s.Retransmitted != 100 || s.Pending != 0 {
		t.Error(sprint(s))
	}
	t.Log(strings.Count(fd.output(), "\n"), "lines of freeDiameter")
}
