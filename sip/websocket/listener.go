package websocket

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Config says how a [Listener] accepts. The zero value works.
type Config struct {
	// Path is the only path that is served. If empty, any.
	Path string

	// Origins are the hosts of web pages that may connect, beside our own: "phone.example.com",
	// "*.example.com", or "*" for any. A browser names the origin of its page; other clients
	// name none and are not held to it.
	Origins []string

	// TLS makes the listener of Listen a secure one, for WSS.
	TLS *tls.Config

	// Backlog is how many connections wait to be accepted. If zero, 128. Further ones are
	// answered with 503.
	Backlog int

	// Handshakes is how many connections of Listen and Serve may be on their way to a WebSocket. If
	// zero, 1,024. Of more, the oldest is closed.
	Handshakes int
}

// Listener accepts WebSocket connections for SIP. It is the http.Handler of their path, and a
// net.Listener whose connections carry one message a Read or Write.
type Listener struct {
	cfg     Config
	addr    net.Addr
	server  *http.Server // of Listen
	backlog chan *conn
	once    sync.Once
	done    chan struct{}
}

var (
	_ net.Listener = (*Listener)(nil)
	_ http.Handler = (*Listener)(nil)
)

// NewListener returns a listener to be mounted in a web server, which listens on addr.
func NewListener(addr net.Addr, cfg Config) *Listener {
	if cfg.Backlog == 0 {
		cfg.Backlog = 128
	}
	return &Listener{cfg: cfg, addr: addr, backlog: make(chan *conn, cfg.Backlog), done: make(chan struct{})}
}

// Listen opens a listener with a web server of its own.
func Listen(addr string, cfg Config) (*Listener, error) {
	nl, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return Serve(nl, cfg), nil
}

// Serve is Listen for a listener that is there already.
func Serve(nl net.Listener, cfg Config) *Listener {
	if cfg.Handshakes == 0 {
		cfg.Handshakes = 1024
	}
	l := NewListener(nl.Addr(), cfg)
	h := &handshakes{max: cfg.Handshakes, waiting: make(map[net.Conn]struct{})}
	l.server = &http.Server{
		ConnState:         h.state,
		Handler:           l,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // libraries print nothing
	}
	if cfg.TLS != nil {
		c := cfg.TLS.Clone()
		c.NextProtos = []string{"http/1.1"} // WebSocket needs a connection of its own
		nl = tls.NewListener(nl, c)
	}
	go l.server.Serve(nl)
	return l
}

// ServeHTTP makes a connection of an upgrade request.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case l.cfg.Path != "" && r.URL.Path != l.cfg.Path:
		http.NotFound(w, r)
		return
	case !offersSIP(r):
		http.Error(w, "want WebSocket with the subprotocol sip (RFC 7118)", http.StatusBadRequest)
		return
	}
	select {
	case <-l.done:
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	default:
	}
	if len(l.backlog) == cap(l.backlog) {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, OriginPatterns: l.cfg.Origins, CompressionMode: websocket.CompressionDisabled})
	if err != nil { // answered by Accept
		return
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		local = l.addr
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	c := newConn(ws, local, net.TCPAddrFromAddrPort(remote), r.TLS)
	select {
	case l.backlog <- c:
	case <-l.done:
		c.Close()
	default:
		ws.Close(websocket.StatusTryAgainLater, "busy")
	}
}

func offersSIP(r *http.Request) bool {
	for _, v := range r.Header.Values("Sec-WebSocket-Protocol") {
		if slices.ContainsFunc(strings.Split(v, ","), func(p string) bool { return strings.EqualFold(strings.TrimSpace(p), subprotocol) }) {
			return true
		}
	}
	return false
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close stops accepting, and the web server of Listen. Connections that were accepted stay.
func (l *Listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		if l.server != nil {
			l.server.Close()
		}
		for {
			select {
			case c := <-l.backlog:
				c.Close()
			default:
				return
			}
		}
	})
	return nil
}

// Addr returns the address of the web server.
func (l *Listener) Addr() net.Addr { return l.addr }
