package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// advertised is ListenConfig.Advertise, taken apart.
type advertised struct {
	host string
	port int
}

func parseAdvertised(s string) (advertised, error) {
	if s == "" {
		return advertised{}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil { // no port
		host = strings.Trim(s, "[]")
		if a, err := netip.ParseAddr(host); err == nil {
			host = a.String()
		} else if strings.ContainsAny(host, ":/ ") {
			return advertised{}, fmt.Errorf("sip: advertised address %q is not host or host:port", s)
		}
		return advertised{host: host}, nil
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return advertised{}, fmt.Errorf("sip: advertised address %q: bad port", s)
	}
	return advertised{host, int(p)}, nil
}

// of returns what to show for a bound address.
func (a advertised) of(bound netip.AddrPort) (string, int) {
	host, port := a.host, a.port
	if host == "" {
		host = bound.Addr().WithZone("").String()
	}
	if port == 0 {
		port = int(bound.Port())
	}
	return host, port
}

// sentBy returns the host and port that Via and Contact name for messages over f: what the
// listener advertises, else its bound address, else the connection's own.
func (n *network) sentBy(f Flow) (host string, port int) {
	if f.Transport == UDP {
		if s := n.socket(f); s != nil {
			return s.advertised.of(f.Local)
		}
		return f.Local.Addr().String(), int(f.Local.Port())
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if c := n.conns[f.conn]; c != nil && c.listener != nil {
		return c.listener.advertised.of(netip.AddrPortFrom(f.Local.Addr(), c.listener.local.Port()))
	}
	// RFC 3261 section 18.1.1: where a new connection of the same transport reaches us.
	for _, l := range n.listeners {
		if l.cfg.Transport == f.Transport && reaches(l.local.Addr(), f.Local.Addr()) {
			return l.advertised.of(netip.AddrPortFrom(f.Local.Addr(), l.local.Port()))
		}
	}
	return f.Local.Addr().String(), int(f.Local.Port())
}

// ours says whether host and port name one of our sockets or listeners.
func (n *network) ours(host string, port int) bool {
	ip, _ := netip.ParseAddr(strings.Trim(host, "[]"))
	is := func(a advertised, local netip.AddrPort) bool {
		if h, p := a.of(local); port == p && hostEqual(host, h) {
			return true
		}
		return ip.IsValid() && port == int(local.Port()) && local.Addr().Unmap() == ip.Unmap()
	}
	if list := n.sockets.Load(); list != nil {
		for _, s := range *list {
			if is(s.advertised, s.local) {
				return true
			}
		}
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, l := range n.listeners {
		if is(l.advertised, l.local) {
			return true
		}
	}
	return false
}

// reaches tells whether a socket bound to bound serves the address local.
func reaches(bound, local netip.Addr) bool {
	if bound.IsUnspecified() {
		return bound.Is6() || local.Is4()
	}
	return bound == local
}
