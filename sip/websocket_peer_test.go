package sip_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/gotelco/telco/sip"
	"github.com/gotelco/telco/sip/websocket"
)

// Agents register with Kamailio and call each other through it over WS, WSS and UDP, in every
// pair: its requests come to us over the WebSockets that we opened.
func TestPeerKamailioWebSocketPairs(t *testing.T) {
	need(t, "kamailio kamailio-tls-modules kamailio-websocket-modules", "kamailio")
	dir := t.TempDir()
	_, pool := certificates(t, dir)
	port := kamailioOf(t, dir, "kamailio-ws.cfg", "")
	calls := make(chan *sip.Incoming, 1)
	transports := []string{"ws", "wss", "udp"}
	agents := make(map[string]*sip.UserAgent)
	for _, transport := range transports {
		route := fmt.Sprintf("<sip:127.0.0.1:%d;lr;transport=%s>", port, transport)
		if transport == "wss" {
			route = fmt.Sprintf("<sip:127.0.0.1:%d;lr;transport=wss>", port+1)
		}
		ua, _ := peerUA(t, sip.UserAgentConfig{
			Address: "<sip:" + transport + "@example.org>", Routes: []string{route},
			Endpoint: sip.Config{Network: sip.NetworkConfig{TLS: &tls.Config{RootCAs: pool}, DialWebSocket: websocket.Dialer{}.Dial}},
			OnInvite: func(in *sip.Incoming) {
				in.Reply(180, nil, "")
				if err := in.Reply(200, []byte(sdp), ""); err == nil {
					calls <- in
				}
			},
			OnRequest: func(in *sip.Incoming) { in.Reply(200, []byte(sdp), "") },
		}, nil)
		agents[transport] = ua
		if _, err := ua.Register(t.Context(), sip.RegisterOptions{Registrar: "sip:example.org"}); err != nil {
			t.Fatalf("%s registers: %v", transport, err)
		}
	}
	for _, caller := range transports {
		for _, callee := range transports {
			if caller == callee {
				continue
			}
			t.Run(caller+" to "+callee, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				d, _, err := agents[caller].Invite(ctx, "sip:"+callee+"@example.org", sip.InviteOptions{RequestOptions: sip.RequestOptions{Body: []byte(sdp)}})
				if err != nil {
					t.Fatal(err)
				}
				in := <-calls
				if _, err := in.ACK(ctx); err != nil {
					t.Errorf("ACK: %v", err)
				}
				if _, err := in.Dialog.Invite(ctx, sip.RequestOptions{Body: []byte(sdp)}); err != nil {
					t.Errorf("re-INVITE of the callee: %v", err)
				}
				if err := d.Bye(ctx, sip.RequestOptions{}); err != nil {
					t.Errorf("BYE: %v", err)
				}
				select {
				case <-in.Dialog.Context().Done():
				case <-ctx.Done():
					t.Error("the BYE did not arrive")
				}
			})
		}
	}
	for _, transport := range []string{"ws", "wss"} {
		if n := agents[transport].Endpoint().NetworkStats(); n.Dialled != 1 || n.Accepted != 0 {
			t.Errorf("%s: %+v, want one connection for all", transport, n)
		}
	}
}
