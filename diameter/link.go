package diameter

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gotelco/telco/trace"
)

// link is a transport connection that carries whole messages.
type link interface {
	// read returns the next message, which stays valid until the next call. more tells that
	// another one has arrived already. A *ProtocolError says that framing is lost; msg is then
	// what there is of the offending header.
	read() (msg []byte, more bool, err error)
	// write sends whole messages, one behind the other. It gives up at the deadline.
	write(msgs []byte, deadline time.Time) error
	// tryWrite sends as much as goes without waiting, perhaps nothing.
	tryWrite(msgs []byte) int
	readDeadline(t time.Time)
	// close ends the connection: with a reset if abort is set.
	close(abort bool)

	localIPs() []netip.Addr
	addrs() (local, remote netip.AddrPort)
	transport() trace.Transport
	secure() bool
	upgradable() bool // whether TLS can begin on it
}

// A streamLink carries messages over TCP or TLS, or anything that is a stream.
type streamLink struct {
	raw net.Conn                 // what the connection began with
	nc  net.Conn                 // what messages go through: raw, or TLS on top of it
	tls atomic.Pointer[tls.Conn] // nc, if it is TLS
	max int

	buf        []byte
	start, end int
	stop       atomic.Bool // what comes next is not Diameter: read returns errUpgrade

	local, remote netip.AddrPort

	sys     syscall.RawConn // of a TCP connection, for tryWrite
	attempt func(fd uintptr) bool
	pending []byte
	wrote   int
}

func newStreamLink(nc net.Conn, maxMessage int) *streamLink {
	l := &streamLink{raw: nc, nc: nc, max: maxMessage, buf: make([]byte, min(64<<10, max(maxMessage, HeaderLen))),
		local: addrPortOf(nc.LocalAddr()), remote: addrPortOf(nc.RemoteAddr())}
	if t, ok := nc.(*tls.Conn); ok {
		l.tls.Store(t)
	}
	if t, ok := nc.(*net.TCPConn); ok {
		l.sys, _ = t.SyscallConn()
		l.attempt = func(fd uintptr) bool {
			l.wrote = writeNow(fd, l.pending)
			return true // whatever became of it: do not wait
		}
	}
	return l
}

func (l *streamLink) tryWrite(b []byte) int {
	if l.sys == nil || l.tls.Load() != nil {
		return 0
	}
	l.pending, l.wrote = b, 0
	err := l.sys.Write(l.attempt)
	l.pending = nil
	if err != nil {
		return 0
	}
	return l.wrote
}

func addrPortOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case nil:
	case *net.TCPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	default:
		ap, _ := netip.ParseAddrPort(a.String())
		return ap
	}
	return netip.AddrPort{}
}

// errUpgrade says that octets have come which begin a TLS handshake.
var errUpgrade = errors.New("diameter: TLS begins")

func (l *streamLink) read() ([]byte, bool, error) {
	for {
		if l.end > l.start && l.stop.Load() {
			return nil, false, errUpgrade
		}
		if n := l.end - l.start; n >= 4 {
			have := l.buf[l.start:l.end]
			length, err := l.length(have)
			if err != nil {
				return have[:min(n, HeaderLen)], false, err
			}
			if n >= length {
				l.start += length
				return have[:length:length], l.whole(), nil
			}
			l.room(length)
		} else {
			l.room(HeaderLen)
		}
		n, err := l.nc.Read(l.buf[l.end:])
		l.end += n
		if n == 0 && err != nil {
			return nil, false, err
		}
	}
}

// length is that of the message at the head of b, once its first octets show that it can be one.
func (l *streamLink) length(b []byte) (int, error) {
	n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	switch {
	case b[0] != version:
		if len(b) < HeaderLen {
			return HeaderLen, nil // the rest of the header is for the answer
		}
		return 0, &ProtocolError{ResultCode: UnsupportedVersion, Text: fmt.Sprintf("version %d", b[0])}
	case n < HeaderLen || n%4 != 0 || n > l.max:
		if len(b) < HeaderLen {
			return HeaderLen, nil
		}
		return 0, &ProtocolError{ResultCode: InvalidMessageLength, Text: fmt.Sprintf("message length %d", n)}
	}
	return n, nil
}

// whole tells whether another whole message lies in the buffer.
func (l *streamLink) whole() bool {
	have := l.buf[l.start:l.end]
	if len(have) < HeaderLen {
		return false
	}
	n, err := l.length(have)
	return err != nil || len(have) >= n
}

// room makes place for a message of n octets at the head of the buffer.
func (l *streamLink) room(n int) {
	if l.start+n <= len(l.buf) && l.end < len(l.buf) {
		return
	}
	buf := l.buf
	if n > len(buf) {
		buf = make([]byte, min(l.max, max(n, 2*len(buf))))
	}
	l.end = copy(buf, l.buf[l.start:l.end])
	l.start, l.buf = 0, buf
}

func (l *streamLink) write(b []byte, deadline time.Time) error {
	if err := l.raw.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := l.nc.Write(b)
	return err
}

func (l *streamLink) readDeadline(t time.Time) { l.raw.SetReadDeadline(t) }

func (l *streamLink) close(abort bool) {
	t := l.tls.Load()
	if !abort && t != nil {
		go t.Close() // writes an alert first
		return
	}
	raw := l.raw
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok && abort {
		t.SetLinger(0)
	}
	raw.Close()
}

func (l *streamLink) localIPs() []netip.Addr {
	if a := l.local.Addr(); a.IsValid() {
		return []netip.Addr{a.WithZone("")}
	}
	return []netip.Addr{netip.IPv4Unspecified()}
}

func (l *streamLink) addrs() (local, remote netip.AddrPort) { return l.local, l.remote }

func (l *streamLink) transport() trace.Transport {
	if l.secure() {
		return trace.TLS
	}
	if !l.remote.IsValid() {
		return trace.Pipe
	}
	return trace.TCP
}

func (l *streamLink) secure() bool     { return l.tls.Load() != nil }
func (l *streamLink) upgradable() bool { return !l.secure() }

// checkName checks a name against the peer's certificate, if that was verified.
func (l *streamLink) checkName(host string) error {
	t := l.tls.Load()
	if t == nil {
		return nil
	}
	s := t.ConnectionState()
	if len(s.VerifiedChains) == 0 {
		return nil
	}
	return s.PeerCertificates[0].VerifyHostname(host)
}

// upgrade makes a TLS connection of the link. What has been read beyond the last message belongs to it.
func (l *streamLink) upgrade(cfg *tls.Config, client bool, deadline time.Time) error {
	nc := net.Conn(&prefixedConn{Conn: l.raw, prefix: append([]byte(nil), l.buf[l.start:l.end]...)})
	l.start, l.end = 0, 0
	var t *tls.Conn
	if client {
		t = tls.Client(nc, cfg)
	} else {
		t = tls.Server(nc, cfg)
	}
	l.raw.SetDeadline(deadline)
	if err := t.Handshake(); err != nil {
		return err
	}
	l.raw.SetDeadline(time.Time{})
	l.stop.Store(false)
	l.nc = t
	l.tls.Store(t)
	return nil
}

// prefixedConn is a connection of which something has been read already.
type prefixedConn struct {
	net.Conn
	prefix []byte
}

func (c *prefixedConn) Read(b []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(b, c.prefix)
		c.prefix = c.prefix[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
