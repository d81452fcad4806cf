package sip

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// NetworkConfig is the part of a Config that is about sockets. The zero value works.
type NetworkConfig struct {
	// TLS is how we connect over TLS and WSS: trusted roots, our certificate for peers that
	// ask for one, versions. If nil, the system's roots and no certificate. Versions below
	// TLS 1.2 are used only where MinVersion asks for them. The peer's certificate is checked
	// against the name of RFC 5922 unless InsecureSkipVerify is set.
	TLS *tls.Config

	// AllowWildcardNames accepts certificates for "*.example.com" where a host of example.com
	// is expected. RFC 5922 section 7.2 forbids it, many providers' certificates need it.
	AllowWildcardNames bool

	// Dial opens the streams that TCP and TLS run over. If nil, a net.Dialer.
	Dial func(context.Context, DialTarget) (net.Conn, error)

	// DialWebSocket opens connections of WS and WSS: each Write to the net.Conn sends one
	// message, each Read receives one. If nil, targets over WebSocket cannot be reached; see
	// package sip/websocket.
	DialWebSocket func(context.Context, DialTarget) (net.Conn, error)

	// ListenPacket opens a UDP socket for an endpoint that sends before it listens. If nil,
	// net.ListenUDP.
	ListenPacket func(netip.AddrPort) (net.PacketConn, error)

	// DialTimeout ends an attempt to connect, TLS handshake included. If zero, 5 seconds.
	DialTimeout time.Duration

	// HandshakeTimeout ends the TLS handshake of an accepted connection. If zero, 10 seconds.
	HandshakeTimeout time.Duration

	// MessageTimeout is how long a peer may take to send one message, and a new connection its
	// first. If zero, 32 seconds (64*T1). A slower sender is cut.
	MessageTimeout time.Duration

	// WriteTimeout is how long a peer may leave what we send unread. If zero, 10 seconds. A
	// slower reader is cut.
	WriteTimeout time.Duration

	// IdleTimeout closes a connection over which nothing was received for so long. If zero, an
	// hour. If negative, never.
	IdleTimeout time.Duration

	// KeepAlive is how often CRLF CRLF is sent over connections that we opened (RFC 5626
	// section 4.4.1); a peer that answered once and then doesn't within 10 seconds is cut. If
	// zero, never; KeepAlive of an Endpoint turns it on for one flow.
	KeepAlive time.Duration

	// MaxConns is how many connections there may be. If zero, 10,000. At the limit one that was
	// accepted and has said nothing yet makes room, or one that is idle for MessageTimeout: the one
	// that has been silent for longest. If there is none, the new one is refused.
	MaxConns int

	// MaxConnsPerHost is how many accepted connections one IP address may have. If zero, no
	// limit of its own. Further ones are refused.
	MaxConnsPerHost int

	// MaxQueue is how many octets wait for a slow reader before it is cut. If zero, 1 MiB.
	MaxQueue int

	// MaxMessage is the largest message that is accepted from a stream, in octets. If zero,
	// 65,536. A connection with a larger one is cut.
	MaxMessage int

	// ReadBuffer and WriteBuffer are the sizes that are asked of the system for UDP sockets. If
	// zero, 4 MiB. The system may grant less; that is logged.
	ReadBuffer, WriteBuffer int

	// DSCP is the code point of what we send (RFC 2474), 0 to 63. If zero, the system's: best
	// effort. Signalling is customarily marked CS3 (24) or AF31 (26) (RFC 4594 section 4.2).
	DSCP int

	Logger *slog.Logger // if nil, nothing is logged
}

// DialTarget is what a stream is to be opened to.
type DialTarget struct {
	Transport Transport

	// Local is the address to connect from. A zero address is the system's choice.
	Local  netip.AddrPort
	Remote netip.AddrPort

	// ServerName is the domain or host that the target was found for: the name to verify
	// (RFC 5922), to ask for (SNI), and the Host of a WebSocket handshake. It may be empty.
	ServerName string

	// TLS is the client configuration for ServerName, verification included, when the
	// transport is WSS; nil for others. (For TLS the handshake is not the dialer's work.)
	TLS *tls.Config
}

// ListenConfig describes one socket or listener of an endpoint.
type ListenConfig struct {
	// Transport is what is spoken. WS and WSS need a listener of package sip/websocket.
	Transport Transport

	// Addr is the address to bind, such as "192.0.2.1:5060", "[2001:db8::1]:5060" or ":5060"
	// (all addresses of both families). If the port is missing, the transport's default.
	// Unused where the socket is given.
	Addr string

	// Advertise is the host, or host:port, that Via and Contact name instead of the bound
	// address: a public address before a NAT, a name of a cluster.
	Advertise string

	// TLS is our certificate and what we ask of clients (ClientAuth for mutual TLS). It is
	// required for TLS. GetCertificate or GetConfigForClient choose by server name and follow
	// a changed certificate; see CertificateFiles.
	TLS *tls.Config

	// DSCP overrides the NetworkConfig's.
	DSCP int
}

const (
	defaultDialTimeout      = 5 * time.Second
	defaultHandshakeTimeout = 10 * time.Second
	defaultMessageTimeout   = 32 * time.Second
	defaultWriteTimeout     = 10 * time.Second
	defaultIdleTimeout      = time.Hour
	defaultMaxConns         = 10_000
	defaultMaxQueue         = 1 << 20
	defaultMaxMessage       = 65_536
	defaultSocketBuffer     = 4 << 20
	pongTimeout             = 10 * time.Second // RFC 5626 section 4.4.1
)

func (c NetworkConfig) withDefaults() NetworkConfig {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	num := func(d *int, v int) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.DialTimeout, defaultDialTimeout)
	def(&c.HandshakeTimeout, defaultHandshakeTimeout)
	def(&c.MessageTimeout, defaultMessageTimeout)
	def(&c.WriteTimeout, defaultWriteTimeout)
	def(&c.IdleTimeout, defaultIdleTimeout)
	num(&c.MaxConns, defaultMaxConns)
	num(&c.MaxQueue, defaultMaxQueue)
	num(&c.MaxMessage, defaultMaxMessage)
	num(&c.ReadBuffer, defaultSocketBuffer)
	num(&c.WriteBuffer, defaultSocketBuffer)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
