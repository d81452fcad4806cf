package sip

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"slices"
)

// clientTLS returns the configuration to connect to serverName (or to an address, where no name
// is known). The chain is verified by the roots as usual, the name by RFC 5922.
func (n *network) clientTLS(serverName string, remote netip.AddrPort) *tls.Config {
	cfg := &tls.Config{}
	if n.cfg.TLS != nil {
		cfg = n.cfg.TLS.Clone()
	}
	if serverName == "" {
		serverName = remote.Addr().WithZone("").String()
	}
	cfg.ServerName = serverName // SNI, left out by package tls for addresses
	if cfg.InsecureSkipVerify {
		return cfg
	}
	cfg.InsecureSkipVerify = true // not skipped: done below, where names are those of RFC 5922
	also := cfg.VerifyConnection
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := verifyServer(cs, serverName, cfg, n.cfg.AllowWildcardNames); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
		}
		if also != nil {
			return also(cs)
		}
		return nil
	}
	return cfg
}

// verifyServer checks the chain and the name of a server's certificate.
func verifyServer(cs tls.ConnectionState, serverName string, cfg *tls.Config, wildcards bool) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	opts := x509.VerifyOptions{Roots: cfg.RootCAs, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if cfg.Time != nil {
		opts.CurrentTime = cfg.Time()
	}
	for _, c := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	leaf := cs.PeerCertificates[0]
	if _, err := leaf.Verify(opts); err != nil {
		return err
	}
	if !forServers(leaf) {
		return errors.New("certificate is not for servers")
	}
	return verifyPeerName(leaf, serverName, wildcards)
}

// sipDomain is id-kp-sipDomain (RFC 5924 section 4.1).
var sipDomain = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 20}

// forServers checks the extended key usage: none at all, any, serverAuth or sipDomain.
func forServers(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) ||
		slices.ContainsFunc(c.UnknownExtKeyUsage, sipDomain.Equal)
}

// tlsState returns the TLS state of a flow's connection, nil if it has none.
func (n *network) tlsState(f Flow) *tls.ConnectionState {
	if c := n.conn(f); c != nil {
		return c.tls
	}
	return nil
}
