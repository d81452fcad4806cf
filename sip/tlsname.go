package sip

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
)

// PeerNames returns the SIP domain identities of a certificate by the rules of RFC 5922 section
// 7.1: the hosts of its sip: URIs without a user; if there are none, its DNS names; the common
// name only if the certificate has no subjectAltName at all. A server uses them to tell which
// domain a client with a verified certificate speaks for (section 7.4).
func PeerNames(c *x509.Certificate) []string {
	var names []string
	for _, u := range c.URIs {
		if !strings.EqualFold(u.Scheme, "sip") {
			continue
		}
		// sip:example.com has no authority part: package url keeps it as opaque text.
		host := u.Opaque
		if host == "" || strings.Contains(host, "@") {
			continue
		}
		if i := strings.IndexAny(host, ";?"); i >= 0 {
			host = host[:i]
		}
		if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
			host = host[:i]
		}
		if host != "" {
			names = append(names, host)
		}
	}
	if len(names) > 0 {
		return names
	}
	if len(c.DNSNames) > 0 {
		return append(names, c.DNSNames...)
	}
	if !hasSAN(c) && isDNSName(c.Subject.CommonName) {
		names = append(names, c.Subject.CommonName)
	}
	return names
}

// hasSAN tells whether the certificate has a subjectAltName extension (2.5.29.17).
func hasSAN(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.String() == "2.5.29.17" {
			return true
		}
	}
	return len(c.DNSNames)+len(c.URIs)+len(c.IPAddresses)+len(c.EmailAddresses) > 0
}

func isDNSName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
		default:
			return false
		}
	}
	return true
}

// VerifyPeerName checks that a certificate, whose chain was verified before, is one for name: a
// domain compared as RFC 5922 section 7.2 says (whole, without wildcards, in either case), or an
// IP address that is among its IP addresses.
func VerifyPeerName(c *x509.Certificate, name string) error { return verifyPeerName(c, name, false) }

func verifyPeerName(c *x509.Certificate, name string, wildcards bool) error {
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if a, err := netip.ParseAddr(name); err == nil {
		for _, ip := range c.IPAddresses {
			if b, ok := netip.AddrFromSlice(ip); ok && b.Unmap() == a.Unmap() {
				return nil
			}
		}
		for _, n := range PeerNames(c) { // sip:192.0.2.1 is what some write
			if b, err := netip.ParseAddr(strings.Trim(n, "[]")); err == nil && b.Unmap() == a.Unmap() {
				return nil
			}
		}
		return fmt.Errorf("sip: certificate is not for the address %s", name)
	}
	names := PeerNames(c)
	for _, n := range names {
		n = strings.TrimSuffix(n, ".")
		if strings.EqualFold(n, name) {
			return nil
		}
		if suffix, ok := strings.CutPrefix(n, "*."); ok && wildcards {
			if _, parent, ok := strings.Cut(name, "."); ok && strings.EqualFold(parent, suffix) && strings.Contains(suffix, ".") {
				return nil
			}
		}
	}
	return fmt.Errorf("sip: certificate is for %q, not for %q (RFC 5922 section 7)", names, name)
}
