package sctp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gotelco/telco/internal/sctptest"
	"github.com/gotelco/telco/sctp"
)

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  sctp.MemoryConfig
	}{
		{"at once", sctp.MemoryConfig{}},
		{"slow", sctp.MemoryConfig{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Bandwidth: 100e6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sctptest.Run(t, true, func(t *testing.T) sctptest.Lab {
				n := sctp.NewMemory(c.cfg)
				server, client := addr("10.0.0.1,10.1.0.1:0"), addr("10.0.0.2,10.1.0.2:0")
				lab := sctptest.Lab{Client: n, Server: n, ServerAddr: server, ClientAddr: client, FixedPort: 777,
					Crash: func(c sctp.Conn) { c.(*sctp.MemoryConn).Crash() },
					Cut: func(i int, cut bool) {
						a, b := netip.Addr{}, netip.Addr{}
						if i >= 0 {
							a, b = server.IPs[i], client.IPs[i]
						}
						if cut {
							n.Cut(a, b)
						} else {
							n.Restore(a, b)
						}
					}}
				if c.cfg.Delay == 0 {
					lab.FixedPort = 0 // nothing crosses
				}
				return lab
			})
		})
	}
}
