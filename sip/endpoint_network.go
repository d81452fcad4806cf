package sip

import (
	"context"
	"crypto/tls"
	"time"
)

// Alive tells whether a message could be sent over f now: a connection still exists, or a socket
// for it does.
func (e *Endpoint) Alive(f Flow) bool { return e.net.alive(f) }

// KeepAlive sends keep-alives over f every period, with the jitter of RFC 5626 section 4.4.1;
// zero stops them. Over connections they are CRLF CRLF, and a peer that answered before and does
// no more loses its connection; over UDP they are a CRLF, which nobody answers.
func (e *Endpoint) KeepAlive(f Flow, period time.Duration) error { return e.net.keepAlive(f, period) }

// CloseFlow ends the connection of a flow after what is queued has been sent. It does nothing to
// UDP.
func (e *Endpoint) CloseFlow(f Flow) { e.net.closeFlow(f) }

// TLS returns the TLS state of a flow's connection, nil if it has none. [PeerNames] of the first
// of its PeerCertificates are the domains that the peer speaks for, if it has VerifiedChains or
// we connected to it (RFC 5922 section 7.4).
func (e *Endpoint) TLS(f Flow) *tls.ConnectionState { return e.net.tlsState(f) }

// NetworkStats returns the counters of sockets and connections.
func (e *Endpoint) NetworkStats() NetworkStats { return e.net.snapshot() }

// Locate returns where a request to uri would go (RFC 3263), the first to be tried first.
func (e *Endpoint) Locate(ctx context.Context, uri URI) ([]Target, error) {
	return e.locate.Targets(ctx, uri)
}
