package sip_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

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
