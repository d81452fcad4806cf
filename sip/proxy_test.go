package sip_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// Calls through the record-routing proxy of the example over a network that loses datagrams: both
// sides hang up, callers give up, and nothing is left anywhere.
func TestProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Seed: 3, Loss: 0.05, Latency: 10 * time.Millisecond})
		listen := func(ep *sip.Endpoint, addr string) {
			pc, err := n.ListenPacket(netip.MustParseAddrPort(addr))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ep.ServePacketConn(pc, sip.ListenConfig{}); err != nil {
				t.Fatal(err)
			}
		}
		p := newProxy("example.org")
		const self = "192.0.2.9:5060"
		listen(p.Endpoint(), self)
		phone := func(name, addr string, onInvite func(*sip.Incoming)) *sip.UserAgent {
			ua, err := sip.NewUserAgent(sip.UserAgentConfig{
				Address: "<sip:" + name + "@example.org>", Routes: []string{"<sip:" + self + ";lr>"}, OnInvite: onInvite,
				OnRequest: func(in *sip.Incoming) { in.Reply(200, nil, "") },
			})
			if err != nil {
				t.Fatal(err)
			}
			listen(ua.Endpoint(), addr)
			return ua
		}
		const calls = 30
		ended := make(chan error, calls)
		bob := phone("bob", "192.0.2.2:5060", func(in *sip.Incoming) {
			c := in.Dialog.Context()
			defer func() { <-c.Done(); ended <- context.Cause(c) }()
			in.Reply(180, nil, "")
			time.Sleep(2 * time.Second)
			if err := in.Reply(200, []byte("v=0\r\n"), ""); errors.Is(err, sip.ErrEnded) {
				return
			} else if err != nil {
				t.Error(err)
			}
			if _, err := in.ACK(t.Context()); errors.Is(err, sip.ErrPeerHungUp) {
				return // the CANCEL was lost, and then the ACK
			} else if err != nil {
				t.Errorf("ACK: %v", err)
				return
			}
			select { // long enough for a re-INVITE that has to wait
			case <-c.Done():
				return
			case <-time.After(time.Minute):
			}
			if err := in.Dialog.Bye(t.Context(), sip.RequestOptions{}); err != nil {
				t.Errorf("BYE: %v", err)
			}
		})
		alice := phone("alice", "192.0.2.1:5060", nil)
		if _, err := bob.Register(t.Context(), sip.RegisterOptions{Registrar: "sip:example.org"}); err != nil {
			t.Fatal(err)
		}
		for i := range calls {
			ctx := t.Context()
			if i%3 == 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			d, _, err := alice.Invite(ctx, "sip:bob@example.org", sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte("v=0\r\n")}})
			switch {
			case i%3 == 0:
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("call %d: %v", i, err)
				}
				continue
			case err != nil:
				t.Errorf("call %d: %v", i, err)
				continue
			}
			if _, err := d.Invite(t.Context(), sip.RequestOptions{Body: []byte("v=0\r\n")}); err != nil {
				t.Errorf("re-INVITE: %v", err)
			}
			if i%3 == 1 {
				if err := d.Bye(t.Context(), sip.RequestOptions{}); err != nil {
					t.Errorf("BYE: %v", err)
				}
			}
			<-d.Context().Done()
		}
		got := map[string]int{}
		for range calls {
			got[(<-ended).Error()]++
		}
		byBob, canceled := got[sip.ErrHungUp.Error()], got[sip.ErrCanceled.Error()]
		if byBob != calls/3 || canceled < calls/6 || byBob+canceled+got[sip.ErrPeerHungUp.Error()] != calls {
			t.Errorf("calls ended by %v", got)
		}
		time.Sleep(100 * time.Second)
		synctest.Wait()
		for name, ep := range map[string]*sip.Endpoint{"alice": alice.Endpoint(), "bob": bob.Endpoint(), "proxy": p.Endpoint()} {
			if st := ep.Stats(); st.ServerTransactions != 0 || st.ClientTransactions != 0 || st.Leaked != 0 {
				t.Errorf("%s: %d and %d transactions are left, %d leaked", name, st.ServerTransactions, st.ClientTransactions, st.Leaked)
			}
		}
		if alice.Dialogs() != 0 || bob.Dialogs() != 0 {
			t.Errorf("%d and %d dialogs are left", alice.Dialogs(), bob.Dialogs())
		}
		alice.Close()
		bob.Close()
		p.Endpoint().Close()
	})
}

// A proxy without a listener of the transport that a request goes out by is on the path where it can be
// reached, and nowhere else.
func TestProxyRecordRouteTransports(t *testing.T) {
	listen := func(ep *sip.Endpoint, tr sip.Transport) string {
		t.Helper()
		f, err := ep.Listen(sip.ListenConfig{Transport: tr, Addr: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		return f.Local.String()
	}
	got := make(chan []string, 1)
	callee := sip.NewEndpoint(sip.Config{Handler: sip.HandlerFunc(func(tx *sip.ServerTransaction, req *sip.Request) {
		var routes []string
		for v := range req.Values("Record-Route") {
			routes = append(routes, strings.Clone(v))
		}
		got <- routes
		tx.Respond(sip.NewResponse(req, 200, ""))
	})})
	defer callee.Close()
	target := "sip:callee@" + listen(callee, sip.TCP) + ";transport=tcp"
	p, err := sip.NewProxy(sip.ProxyConfig{OnRequest: func(f *sip.Forwarding) {
		f.RecordRoute("", sip.Params{})
		f.Forward()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Endpoint().Close()
	udp := listen(p.Endpoint(), sip.UDP)
	caller, err := sip.NewUserAgent(sip.UserAgentConfig{Routes: []string{"<sip:" + udp + ";lr>"}})
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	listen(caller.Endpoint(), sip.UDP)
	check := func(want ...string) {
		t.Helper()
		if _, err := caller.Do(t.Context(), caller.NewRequest(sip.MESSAGE, target), sip.SendOptions{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, <-got); diff != "" {
			t.Errorf("Record-Route: %s", diff)
		}
	}
	check("<sip:" + udp + ";lr>")
	tcp := listen(p.Endpoint(), sip.TCP)
	check("<sip:"+tcp+";transport=tcp;lr>", "<sip:"+udp+";lr>")
}
