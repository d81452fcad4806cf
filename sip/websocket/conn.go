package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// subprotocol is registered for SIP (RFC 7118 section 4.1).
const subprotocol = "sip"

// errTooLong tells that a message did not fit the buffer of Read.
var errTooLong = errors.New("websocket: message is too long")

// conn is a net.Conn whose Read and Write carry one message each. When a deadline passes the
// connection is lost: a WebSocket cannot be read on after half a frame.
type conn struct {
	ws            *websocket.Conn
	local, remote net.Addr
	tls           *tls.ConnectionState
	read, write   limit
	once          sync.Once
	closed        atomic.Bool
	buf           []byte // of the last message
}

var _ net.Conn = (*conn)(nil)

// limit is a deadline as a context.
type limit struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	timer  *time.Timer
	passed bool
}

func (l *limit) init() { l.ctx, l.cancel = context.WithCancel(context.Background()) }

// set moves the deadline; zero takes it away.
func (l *limit) set(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if !t.IsZero() && !l.passed {
		l.timer = time.AfterFunc(max(time.Until(t), 0), func() {
			l.mu.Lock()
			l.passed = true
			l.mu.Unlock()
			l.cancel()
		})
	}
}

func (l *limit) error(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.passed {
		return os.ErrDeadlineExceeded
	}
	return err
}

func newConn(ws *websocket.Conn, local, remote net.Addr, state *tls.ConnectionState) *conn {
	c := &conn{ws: ws, local: local, remote: remote, tls: state}
	c.read.init()
	c.write.init()
	ws.SetReadLimit(-1) // the reader's buffer is the limit
	return c
}

// ConnectionState returns the TLS state, the zero value without TLS.
func (c *conn) ConnectionState() tls.ConnectionState {
	if c.tls == nil {
		return tls.ConnectionState{}
	}
	return *c.tls
}

// Read receives one message into p. An empty one is skipped.
func (c *conn) Read(p []byte) (int, error) {
	b, err := c.ReadMessage(len(p))
	return copy(p, b), err
}

// keepBuffer is how much a connection holds between two messages.
const keepBuffer = 4 << 10

// ReadMessage receives one message of at most limit octets, which is valid until the next call. Unlike
// Read it needs no buffer before one comes. An empty one is skipped.
func (c *conn) ReadMessage(limit int) ([]byte, error) {
	for {
		_, r, err := c.ws.Reader(c.read.ctx)
		if err != nil {
			return nil, c.readError(err)
		}
		if cap(c.buf) > keepBuffer {
			c.buf = nil
		}
		b := c.buf[:0]
		for err == nil {
			b = slices.Grow(b, 512)
			var k int
			k, err = r.Read(b[len(b):cap(b)])
			if b = b[:len(b)+k]; len(b) > limit {
				return nil, errTooLong
			}
		}
		c.buf = b
		if !errors.Is(err, io.EOF) {
			return nil, c.readError(err)
		}
		if len(b) > 0 {
			return b, nil
		}
	}
}

func (c *conn) readError(err error) error {
	switch {
	case c.closed.Load():
		return net.ErrClosed
	case websocket.CloseStatus(err) != -1:
		return io.EOF
	}
	return c.read.error(err)
}

// Write sends p as one message: as text if it is valid UTF-8, else as binary data.
func (c *conn) Write(p []byte) (int, error) {
	typ := websocket.MessageText
	if !utf8.Valid(p) {
		typ = websocket.MessageBinary
	}
	if err := c.ws.Write(c.write.ctx, typ, p); err != nil {
		if c.closed.Load() {
			return 0, net.ErrClosed
		}
		return 0, c.write.error(err)
	}
	return len(p), nil
}

// closeTime is how long the peer may take to answer a Close.
const closeTime = time.Second

// Close starts the closing handshake and doesn't wait for it.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.closed.Store(true)
		c.read.set(time.Time{})
		c.write.set(time.Time{})
		go func() {
			t := time.AfterFunc(closeTime, func() {
				c.read.cancel()
				c.write.cancel()
				c.ws.CloseNow()
			})
			defer t.Stop()
			c.ws.Close(websocket.StatusNormalClosure, "")
			c.read.cancel()
			c.write.cancel()
		}()
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	return nil
}
