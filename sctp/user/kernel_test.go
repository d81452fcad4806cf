package user_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/gotelco/telco/internal/lab"
	"github.com/gotelco/telco/internal/sctptest"
	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/kernel"
	"github.com/gotelco/telco/sctp/user"
)

// kernelPort is where the kernel receives SCTP over UDP in these tests.
const kernelPort = 9899

// kernelOverUDP has the kernel speak RFC 6951.
func kernelOverUDP(t *testing.T) {
	lab.NeedKernel(t)
	if err := kernel.Available(); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"udp_port": "9899", "encap_port": "0"} {
		if err := os.WriteFile("/proc/sys/net/sctp/"+name, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
}

func loopback(udp uint16) sctp.Addr {
	return sctp.Addr{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, UDP: udp}
}

// The kernel's SCTP as the server of our associations, over UDP.
func TestKernelServes(t *testing.T) {
	kernelOverUDP(t)
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		return sctptest.Lab{Client: user.New(user.Config{}), ClientAddr: loopback(udpPort(t)),
			Server: kernel.Network{}, ServerAddr: loopback(kernelPort), AbortWithoutText: true}
	})
}

// And as the client.
func TestKernelDials(t *testing.T) {
	kernelOverUDP(t)
	sctptest.Run(t, false, func(t *testing.T) sctptest.Lab {
		return sctptest.Lab{Client: kernel.Network{}, ClientAddr: loopback(0),
			Server: user.New(user.Config{}), ServerAddr: loopback(udpPort(t)), AbortWithoutText: true}
	})
}
