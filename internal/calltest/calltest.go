// Package calltest makes telephones and switches for tests, on networks in memory.
package calltest

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gotelco/telco/call"
	"github.com/gotelco/telco/call/control"
	"github.com/gotelco/telco/internal/memnet"
	"github.com/gotelco/telco/sip"
)

// Agent returns an agent at 10.0.0.host:5060 of a network. It is closed at the end of the test.
func Agent(t testing.TB, n *memnet.Network, host byte, cfg call.Config) *call.Agent {
	t.Helper()
	at := netip.AddrFrom4([4]byte{10, 0, 0, host})
	cfg.Address, cfg.Ports = at, [2]uint16{4000, 4099}
	cfg.ListenPacket = func(a netip.AddrPort) (net.PacketConn, error) { return n.ListenPacket(a) }
	if cfg.SIP.Address == "" {
		cfg.SIP.Address = "<sip:agent@" + at.String() + ">"
	}
	a, err := call.NewAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.ListenPacket(netip.AddrPortFrom(at, 5060))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.UserAgent().Endpoint().ServePacketConn(conn, sip.ListenConfig{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// Answer returns what a telephone does that answers every call, and says a tone of the given frequency in Hz.
func Answer(tone float64) func(*call.Call) {
	return func(c *call.Call) {
		c.Ring()
		if c.Answer(context.Background()) != nil {
			return
		}
		c.Media().SetSource(call.Tone(c.Media().SampleRate(), tone, 8000))
		<-c.Context().Done()
	}
}

// Switch returns a switch at 10.0.0.host:5060 of a network, without heartbeats. It is closed at the end of the test.
func Switch(t testing.TB, n *memnet.Network, host byte, cfg control.Config) *control.Switch {
	t.Helper()
	var sw *control.Switch
	cfg.Agent = Agent(t, n, host, call.Config{OnCall: func(c *call.Call) { sw.Serve(c) }})
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = -1
	}
	sw, err := control.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := sw.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return sw
}
