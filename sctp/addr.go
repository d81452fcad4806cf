package sctp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Addr is one end of an association: its addresses, the first of them the primary one, and the
// port of SCTP, which all of them share.
type Addr struct {
	IPs  []netip.Addr
	Port uint16

	// UDP is the port of UDP that packets are wrapped in (RFC 6951), where the network does
	// that. If zero, 9899.
	UDP uint16
}

// AddrOf is an Addr of one address.
func AddrOf(a netip.AddrPort) Addr {
	return Addr{IPs: []netip.Addr{a.Addr()}, Port: a.Port()}
}

// ParseAddr reads an address as [Addr.String] writes it: addresses divided by commas, then the
// port, as in "10.0.0.1,10.1.0.1:2905" or "[2001:db8::1,10.0.0.1]:2905"; with "/udp:9899" behind
// it for a port of UDP.
func ParseAddr(s string) (Addr, error) {
	whole := s
	var a Addr
	fail := func(why string) (Addr, error) {
		return Addr{}, fmt.Errorf("sctp: address %q: %s", whole, why)
	}
	if rest, udp, ok := strings.Cut(s, "/udp:"); ok {
		p, err := strconv.ParseUint(udp, 10, 16)
		if err != nil {
			return fail("no port of UDP")
		}
		s, a.UDP = rest, uint16(p)
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return fail("no port")
	}
	p, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil {
		return fail("no port")
	}
	a.Port = uint16(p)
	hosts := s[:i]
	if strings.HasPrefix(hosts, "[") != strings.HasSuffix(hosts, "]") {
		return fail("unbalanced brackets")
	}
	hosts = strings.TrimSuffix(strings.TrimPrefix(hosts, "["), "]")
	for h := range strings.SplitSeq(hosts, ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(h))
		if err != nil {
			return fail(fmt.Sprintf("%q is no IP address", h))
		}
		a.IPs = append(a.IPs, ip.Unmap())
	}
	return a, nil
}

// AddrPort is the primary address with the port.
func (a Addr) AddrPort() netip.AddrPort {
	if len(a.IPs) == 0 {
		return netip.AddrPortFrom(netip.Addr{}, a.Port)
	}
	return netip.AddrPortFrom(a.IPs[0], a.Port)
}

// Network is "sctp", as net.Addr wants it.
func (a Addr) Network() string { return "sctp" }

// String is the address as ParseAddr reads it.
func (a Addr) String() string {
	hosts := make([]string, len(a.IPs))
	for i, ip := range a.IPs {
		hosts[i] = ip.String()
	}
	s := strings.Join(hosts, ",")
	if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	s += ":" + strconv.Itoa(int(a.Port))
	if a.UDP != 0 {
		s += "/udp:" + strconv.Itoa(int(a.UDP))
	}
	return s
}

// Equal says whether both have the same addresses in the same order, and the same ports.
func (a Addr) Equal(b Addr) bool {
	return a.Port == b.Port && a.UDP == b.UDP && slices.Equal(a.IPs, b.IPs)
}
