package diameter_test

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/gotelco/telco/diameter"
)

// TestInbandTLSOverTCP: both sides are nodes of ours, on real sockets.
func TestInbandTLSOverTCP(t *testing.T) {
	certs := newCertificates(t)
	var seen atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := startNode(t, diameter.Config{OriginHost: hssHost, OriginRealm: homeRealm, Applications: []diameter.Application{accounting}, Services: accountant(&seen),
		Accept: diameter.Accept{Hosts: []string{"*"}}, TLS: certs.issue(t, hssHost), InbandSecurity: diameter.RequireInbandTLS}, "")
	go server.Serve(l)
	n := startNode(t, diameter.Config{OriginHost: cscfHost, OriginRealm: cscfRealm, Applications: []diameter.Application{accounting}, TLS: certs.issue(t, cscfHost),
		InbandSecurity: diameter.RequireInbandTLS, Peers: []diameter.Peer{{Host: hssHost, Addresses: []string{l.Addr().String()}}}}, "")
	waitReady(t, n, hssHost)
	for range 100 {
		if a, err := n.Do(t.Context(), acr(n, homeRealm)); err != nil || resultCode(a.Message) != diameter.Success {
			t.Fatal(err)
		}
	}
	if s, _ := server.Peer(cscfHost); s.Transport != "TLS" || seen.Load() != 100 {
		t.Errorf("%+v, %d", s, seen.Load())
	}
}
