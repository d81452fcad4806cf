package websocket

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"

	"github.com/coder/websocket"
	"github.com/gotelco/telco/sip"
)

// Dialer connects to WebSocket servers. The zero value works; its Dial is what
// sip.NetworkConfig.DialWebSocket wants.
type Dialer struct {
	// Path is the path of the resource. If empty, "/". SIP URIs don't tell it.
	Path string

	// Header is sent with the handshake: Authorization, Cookie, Origin.
	Header http.Header

	// DialStream opens the TCP connection. If nil, a net.Dialer.
	DialStream func(context.Context, sip.DialTarget) (net.Conn, error)
}

// Dial connects to a target over WS or WSS.
func (d Dialer) Dial(ctx context.Context, to sip.DialTarget) (net.Conn, error) {
	dial := d.DialStream
	if dial == nil {
		dial = func(ctx context.Context, to sip.DialTarget) (net.Conn, error) {
			var nd net.Dialer
			if to.Local.IsValid() {
				nd.LocalAddr = net.TCPAddrFromAddrPort(to.Local)
			}
			return nd.DialContext(ctx, "tcp", to.Remote.String())
		}
	}
	// The handshake runs over the one connection that is opened here, whatever the URL's host.
	var mu sync.Mutex
	var stream net.Conn
	open := func(ctx context.Context) (net.Conn, error) {
		nc, err := dial(ctx, to)
		if err == nil {
			mu.Lock()
			stream = nc
			mu.Unlock()
		}
		return nc, err
	}
	var state *tls.ConnectionState
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return open(ctx) },
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			nc, err := open(ctx)
			if err != nil {
				return nil, err
			}
			cfg := to.TLS
			if cfg == nil {
				cfg = &tls.Config{ServerName: host(to)}
			}
			cfg = cfg.Clone()
			cfg.NextProtos = []string{"http/1.1"}
			tc := tls.Client(nc, cfg)
			if err := tc.HandshakeContext(ctx); err != nil {
				nc.Close()
				return nil, err
			}
			s := tc.ConnectionState()
			mu.Lock()
			state = &s
			mu.Unlock()
			return tc, nil
		},
		DisableKeepAlives: true,
	}
	// A redirect would lead elsewhere than to the target.
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ws, _, err := websocket.Dial(ctx, d.url(to), &websocket.DialOptions{HTTPClient: client, HTTPHeader: d.Header, Subprotocols: []string{subprotocol}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	if ws.Subprotocol() != subprotocol {
		ws.CloseNow()
		return nil, fmt.Errorf("websocket: server does not speak the subprotocol sip (RFC 7118 section 4)")
	}
	mu.Lock()
	defer mu.Unlock()
	return newConn(ws, stream.LocalAddr(), net.TCPAddrFromAddrPort(to.Remote), state), nil
}

// host is the name of the server, else its address.
func host(to sip.DialTarget) string {
	if to.ServerName != "" {
		return to.ServerName
	}
	return to.Remote.Addr().WithZone("").String()
}

// url is what the handshake asks for.
func (d Dialer) url(to sip.DialTarget) string {
	u := url.URL{Scheme: "ws", Path: d.Path}
	if to.Transport == sip.WSS {
		u.Scheme = "wss"
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.Host = host(to)
	if a, err := netip.ParseAddr(u.Host); err == nil && a.Is6() {
		u.Host = "[" + u.Host + "]"
	}
	if to.Remote.Port() != to.Transport.DefaultPort() {
		u.Host += ":" + strconv.Itoa(int(to.Remote.Port()))
	}
	return u.String()
}
