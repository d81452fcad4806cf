package rtp

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The code points for calls (RFC 4594 section 4).
const (
	ExpeditedForwarding = 46 // EF, for media
	CS5                 = 40 // for signalling
)

// SetDSCP marks the packets that conn sends, over IPv4 and IPv6 (RFC 2474): 0 to 63. The conn must be one of the system, such as
// *net.UDPConn.
func SetDSCP(conn net.PacketConn, dscp int) error {
	if dscp < 0 || dscp > 63 {
		return fmt.Errorf("rtp: DSCP %d, want 0 to 63", dscp)
	}
	if _, ok := conn.(net.Conn); !ok {
		return fmt.Errorf("rtp: DSCP of a %T: %w", conn, errors.ErrUnsupported)
	}
	// A socket for both versions takes both options, others one of them.
	err4 := ipv4.NewPacketConn(conn).SetTOS(dscp << 2)
	err6 := ipv6.NewPacketConn(conn).SetTrafficClass(dscp << 2)
	if err4 != nil && err6 != nil {
		return fmt.Errorf("rtp: DSCP: %w", errors.Join(err4, err6))
	}
	return nil
}
