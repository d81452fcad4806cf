package sip

import (
	"context"
	"net"
	"net/netip"
)

// Target is one address to which a request may go, and how.
type Target struct {
	Transport  Transport
	Addr       netip.AddrPort
	ServerName string // the domain that the target was found for: the name its certificate must have (RFC 5922)

	datagramOnly bool // TCP was tried: send over UDP whatever the size
}

// locator finds the targets of a URI.
type locator struct{}

// targets looks the host's addresses up.
func (*locator) targets(ctx context.Context, uri URI) ([]Target, error) {
	first, ok := literalTarget(URI{Scheme: uri.Scheme, Host: "192.0.2.1", Port: uri.Port, Params: uri.Params})
	if !ok {
		return nil, &TransportError{Op: "locate", Err: errNoSocket}
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", uri.Host)
	if err != nil {
		return nil, &TransportError{Op: "locate", Transport: first.Transport, Err: err}
	}
	var out []Target
	for _, a := range addrs {
		out = append(out, Target{Transport: first.Transport, Addr: netip.AddrPortFrom(a.Unmap(), first.Addr.Port()), ServerName: uri.Host})
	}
	return out, nil
}
