package diameter_test

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/gotelco/telco/diameter"
	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
)

// TestErlangSCTP: over the kernel's SCTP, either side connecting.
func TestErlangSCTP(t *testing.T) {
	lab.NeedKernel(t)
	for i, connect := range []bool{false, true} {
		t.Run(fmt.Sprint("Erlang connects ", connect), func(t *testing.T) {
			var seen atomic.Int32
			at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(13868+i))
			cfg := diameter.Config{OriginHost: "telco.home.example", OriginRealm: homeRealm, Applications: []diameter.Application{accounting}, Timers: quick,
				Services: accountant(&seen), Accept: diameter.Accept{Hosts: []string{"*"}}, SCTP: kernel.Network{}}
			role, where := "listen", "{ip, {127,0,0,1}}, {port, %d}"
			if connect {
				role, where = "connect", "{raddr, {127,0,0,1}}, {rport, %d}"
			} else {
				cfg.Peers = []diameter.Peer{{Host: "node.otp.example", Transport: diameter.SCTP, Addresses: []string{at.String()}}}
			}
			terms := fmt.Sprintf(`{host, "node.otp.example"}. {realm, "otp.example"}. {sctp, true}. {transport, %s, [`+where+`]}.`, role, at.Port())
			var o *otp
			if !connect {
				o = runOTP(t, terms)
			}
			n := startNode(t, cfg, "")
			if connect {
				l, err := cfg.SCTP.Listen(t.Context(), sctp.AddrOf(at), sctp.Config{})
				if err != nil {
					t.Fatal(err)
				}
				go n.ServeSCTP(l)
				o = runOTP(t, terms)
			}
			waitReady(t, n, "node.otp.example")
			o.up(t)
			if s, _ := n.Peer("node.otp.example"); s.Transport != "SCTP" {
				t.Errorf("%+v", s)
			}
			for range 20 {
				if a, err := n.Do(t.Context(), acr(n, otpRealm)); err != nil || resultCode(a.Message) != diameter.Success {
					t.Fatal(err)
				}
			}
			o.command("call %s 20", homeRealm)
			o.saysTimes(t, "answer 2001", 20)
			if seen.Load() != 20 {
				t.Errorf("%d requests from Erlang", seen.Load())
			}
		})
	}
}
