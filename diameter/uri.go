package diameter

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// URI is a DiameterURI (RFC 6733 section 4.3.1): where a node can be reached.
type URI struct {
	Secure    bool   // aaas: with TLS
	Host      string // the node's identity
	Port      uint16 // if zero, 3868, or 5868 if Secure
	Transport Transport
}

// ParseURI reads "aaa://host.example.com:6666;transport=tcp;protocol=diameter". The transport is TCP unless the
// URI says otherwise (as in RFC 6733; RFC 3588 meant SCTP).
func ParseURI(s string) (URI, error) {
	fail := func(why string) (URI, error) { return URI{}, fmt.Errorf("diameter: URI %.300q: %s", s, why) }
	scheme, rest, ok := strings.Cut(s, "://")
	var u URI
	switch {
	case ok && strings.EqualFold(scheme, "aaa"):
	case ok && strings.EqualFold(scheme, "aaas"):
		u.Secure, u.Transport = true, TLS
	default:
		return fail("no aaa:// or aaas://")
	}
	host, params, _ := strings.Cut(rest, ";")
	if h, port, ok := strings.Cut(host, ":"); ok {
		p, err := strconv.ParseUint(port, 10, 16)
		if err != nil || p == 0 {
			return fail("bad port")
		}
		host, u.Port = h, uint16(p)
	}
	if !validIdentity(host) || strings.ContainsAny(host, "[]/@") {
		return fail("no host name")
	}
	u.Host = host
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		switch {
		case strings.EqualFold(k, "transport"):
			switch strings.ToLower(v) {
			case "tcp":
			case "sctp":
				u.Transport = SCTP
			default:
				return fail("transport " + strconv.Quote(v))
			}
		case strings.EqualFold(k, "protocol") && !strings.EqualFold(v, "diameter"):
			return fail("protocol " + strconv.Quote(v))
		}
	}
	return u, nil
}

// String is the URI as ParseURI reads it.
func (u URI) String() string {
	s := "aaa://"
	if u.Secure {
		s = "aaas://"
	}
	s += u.Host
	if u.Port != 0 {
		s += ":" + strconv.Itoa(int(u.Port))
	}
	if u.Transport == SCTP {
		s += ";transport=sctp"
	}
	return s
}

// Peer is how to reach the node that the URI names.
func (u URI) Peer() Peer {
	port := strconv.Itoa(int(u.Port))
	if u.Port == 0 {
		port = defaultPort
		if u.Secure {
			port = defaultPortTLS
		}
	}
	return Peer{Host: u.Host, Transport: u.Transport, Addresses: []string{net.JoinHostPort(u.Host, port)}}
}
