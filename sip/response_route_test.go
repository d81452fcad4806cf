package sip

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotelco/telco/internal/memnet"
)

// TestResponseFindsAnotherWay: the connection of a request ends before its response. The
// response goes to where the request came from, else to where the sent-by leads (RFC 3263
// section 5).
func TestResponseFindsAnotherWay(t *testing.T) {
	for _, c := range []struct {
		name, listens, advertises string
		arrives                   bool
	}{
		{"to the source address", "192.0.2.1:5070", "", true},
		{"to a host of the sent-by", "192.0.2.9:5070", "client.test:5070", true},
		{"to a service of the sent-by", "192.0.2.9:5066", "service.test", true},
		{"nowhere", "192.0.2.9:5071", "client.test:5072", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, memnet.Config{})
				names := zone{"client.test": {"192.0.2.9"}, "SRV _sip._tcp.service.test": {"0 0 5066 client.test"}}
				dial := func(from string) func(context.Context, DialTarget) (net.Conn, error) {
					return func(ctx context.Context, to DialTarget) (net.Conn, error) {
						conn, err := b.net.Dial(ctx, netip.AddrPortFrom(netip.MustParseAddr(from), 0), to.Remote)
						if err != nil {
							return nil, err
						}
						return conn, nil
					}
				}
				listen := func(e *Endpoint, addr string, lc ListenConfig) {
					l, err := b.net.Listen(netip.MustParseAddrPort(addr))
					if err != nil {
						t.Fatal(err)
					}
					lc.Transport = TCP
					if _, err := e.ServeListener(l, lc); err != nil {
						t.Fatal(err)
					}
				}
				got := make(chan struct{})
				server := NewEndpoint(Config{Locate: LocateConfig{Resolver: names}, Network: NetworkConfig{Dial: dial("192.0.2.2")},
					Handler: HandlerFunc(func(tx *ServerTransaction, req *Request) {
						close(got)
						time.Sleep(time.Second)
						tx.Respond(NewResponse(req, 200, ""))
					})})
				defer server.Close()
				listen(server, "192.0.2.2:5060", ListenConfig{})
				// The client's listener may stand on another host than its connection leaves from.
				client := NewEndpoint(Config{Network: NetworkConfig{Dial: dial("192.0.2.1")}})
				defer client.Close()
				answered := make(chan string, 10)
				back := newNetHost(t, nil, "", NetworkConfig{})
				back.onData = func(_ Flow, data []byte) { answered <- string(data[:12]) }
				back.serveMem(t, b.net, ListenConfig{Transport: TCP, Addr: c.listens})
				sentBy := c.advertises
				if sentBy == "" {
					sentBy = "192.0.2.1:5070"
				}
				nc, err := dial("192.0.2.1")(t.Context(), DialTarget{Remote: netip.MustParseAddrPort("192.0.2.2:5060")})
				if err != nil {
					t.Fatal(err)
				}
				req := newTestRequest(client, OPTIONS, "sip:b@192.0.2.2")
				req.Insert("Via", 0, "SIP/2.0/TCP "+sentBy+";branch=z9hG4bK1")
				text, err := req.AppendText(nil)
				if err != nil {
					t.Fatal(err)
				}
				nc.Write(text)
				<-got
				nc.Close()
				select {
				case first := <-answered:
					if !c.arrives || first != "SIP/2.0 200 " {
						t.Errorf("%q arrived", first)
					}
				case <-time.After(time.Minute):
					if c.arrives {
						t.Error("no response")
					}
				}
			})
		})
	}
}
