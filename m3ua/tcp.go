package m3ua

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotelco/telco/sctp"
)

// maxTCPMessage is the longest message a TCP connection is read for.
const maxTCPMessage = 1 << 17

// TCP carries M3UA over TCP (RFC 4666 section 1.3.1), one message after the other, each as long as
// its header says. It is a [sctp.Network] whose associations are [Streamless]: everything is on
// stream 0, in order. Peers should send BEAT (TBeat), as TCP has no heartbeat of its own.
//
// Of sctp.Config it honours CloseTimeout.
type TCP struct {
	// Dialer and ListenConfig are used if set.
	Dialer       *net.Dialer
	ListenConfig *net.ListenConfig
}

var _ sctp.Network = TCP{}

// Capabilities says what TCP can do.
func (TCP) Capabilities() sctp.Capabilities {
	return sctp.Capabilities{Name: "tcp", MaxMessage: maxTCPMessage}
}

// Listen accepts connections on the first address of local.
func (t TCP) Listen(ctx context.Context, local sctp.Addr, cfg sctp.Config) (sctp.Listener, error) {
	var lc net.ListenConfig
	if t.ListenConfig != nil {
		lc = *t.ListenConfig
	}
	l, err := lc.Listen(ctx, "tcp", tcpAddr(local))
	if err != nil {
		return nil, err
	}
	return &tcpListener{l: l.(*net.TCPListener), cfg: cfg}, nil
}

func tcpAddr(a sctp.Addr) string {
	if len(a.IPs) == 0 {
		return fmt.Sprintf(":%d", a.Port)
	}
	return a.AddrPort().String()
}

// Dial connects to the first address of remote.
func (t TCP) Dial(ctx context.Context, local, remote sctp.Addr, cfg sctp.Config) (sctp.Conn, error) {
	var d net.Dialer
	if t.Dialer != nil {
		d = *t.Dialer
	}
	if len(local.IPs) > 0 || local.Port != 0 {
		d.LocalAddr = net.TCPAddrFromAddrPort(local.AddrPort())
	}
	c, err := d.DialContext(ctx, "tcp", tcpAddr(remote))
	if err != nil {
		return nil, err
	}
	return NewTCPConn(c, cfg), nil
}

type tcpListener struct {
	l   *net.TCPListener
	cfg sctp.Config
}

func (l *tcpListener) Accept(ctx context.Context) (sctp.Conn, error) {
	defer context.AfterFunc(ctx, func() { l.l.SetDeadline(time.Unix(1, 0)) })()
	for {
		c, err := l.l.Accept()
		switch {
		case err == nil:
			return NewTCPConn(c, l.cfg), nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			l.l.SetDeadline(time.Time{}) // of an Accept before this one
		default:
			return nil, err
		}
	}
}

func (l *tcpListener) Addr() sctp.Addr { return addrOfNet(l.l.Addr()) }
func (l *tcpListener) Close() error    { return l.l.Close() }

func addrOfNet(a net.Addr) sctp.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return sctp.Addr{}
	}
	return sctp.AddrOf(netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
}

// tcpConn is a stream of messages, as an association.
type tcpConn struct {
	c   net.Conn
	cfg sctp.Config
	r   *bufio.Reader

	mu  sync.Mutex // of writing
	buf []byte

	state sync.Mutex
	up    bool
	down  *sctp.DownError // why it is over
	told  bool            // Down was delivered

	bufs           [batch][]byte
	sent, received atomic.Uint64
}

// NewTCPConn makes an association of a stream, such as a connection of TCP or TLS.
func NewTCPConn(c net.Conn, cfg sctp.Config) sctp.Conn {
	if cfg.CloseTimeout == 0 {
		cfg.CloseTimeout = 2 * time.Second
	}
	return &tcpConn{c: c, cfg: cfg, r: bufio.NewReaderSize(c, maxTCPMessage)}
}

// Streamless is true.
func (t *tcpConn) Streamless() bool { return true }

func (t *tcpConn) LocalAddr() sctp.Addr  { return addrOfNet(t.c.LocalAddr()) }
func (t *tcpConn) RemoteAddr() sctp.Addr { return addrOfNet(t.c.RemoteAddr()) }

func (t *tcpConn) Status() sctp.Status {
	st := sctp.Status{State: "ESTABLISHED", In: 1, Out: 1, Sent: t.sent.Load(), Received: t.received.Load()}
	t.state.Lock()
	defer t.state.Unlock()
	if t.down != nil {
		st.State = "CLOSED"
	}
	return st
}

// end notes the first reason why the connection is over.
func (t *tcpConn) end(why *sctp.DownError) *sctp.DownError {
	t.state.Lock()
	defer t.state.Unlock()
	if t.down == nil {
		t.down = why
	}
	return t.down
}

func (t *tcpConn) over() *sctp.DownError {
	t.state.Lock()
	defer t.state.Unlock()
	return t.down
}

func (t *tcpConn) Send(ctx context.Context, ms ...sctp.Message) (int, error) {
	return t.send(ctx, time.Time{}, ms)
}

// TrySend sends as Send does, but gives the connection up where that takes over a second: a stream
// cannot take back half a message.
func (t *tcpConn) TrySend(ms ...sctp.Message) (int, error) {
	return t.send(context.Background(), time.Now().Add(time.Second), ms)
}

func (t *tcpConn) send(ctx context.Context, limit time.Time, ms []sctp.Message) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.over(); d != nil {
		return 0, d
	}
	t.buf = t.buf[:0]
	n := 0
	var bad error
	for _, m := range ms {
		switch {
		case m.Stream != 0:
			bad = sctp.ErrStream
		case len(m.Data) == 0:
			bad = sctp.ErrEmpty
		case len(m.Data) > maxTCPMessage:
			bad = sctp.ErrTooLong
		}
		if bad != nil {
			break
		}
		t.buf = append(t.buf, m.Data...)
		n++
	}
	if len(t.buf) > 0 {
		t.c.SetWriteDeadline(limit)
		stop := cut(ctx, t.c.SetWriteDeadline)
		_, err := t.c.Write(t.buf)
		stop()
		if err != nil {
			t.c.Close()
			return 0, t.end(&sctp.DownError{Reason: sctp.PeerLost, Err: err})
		}
		t.sent.Add(uint64(n))
	}
	return n, bad
}

// cut ends a read or write when ctx is done, until the func it returns is called.
func cut(ctx context.Context, deadline func(time.Time) error) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		deadline(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !stop() {
			<-fired // or it would cut the next one
		}
	}
}

func (t *tcpConn) Receive(ctx context.Context, in []sctp.Received) ([]sctp.Received, error) {
	t.state.Lock()
	first := !t.up
	t.up = true
	told, down := t.told, t.down
	t.state.Unlock()
	if first {
		return append(in, sctp.Received{Event: &sctp.Event{Kind: sctp.Up, In: 1, Out: 1}}), nil
	}
	if told {
		return in, down
	}
	t.c.SetReadDeadline(time.Time{})
	defer cut(ctx, t.c.SetReadDeadline)()
	limit := min(max(cap(in)-len(in), 1), len(t.bufs))
	for i := range limit {
		if i > 0 && !t.whole() {
			break
		}
		b, err := t.message(i)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				return in, ctx.Err()
			}
			why := &sctp.DownError{Reason: sctp.PeerLost, Err: err}
			if err == io.EOF {
				why = &sctp.DownError{Reason: sctp.ShutdownComplete}
			}
			why = t.end(why)
			t.c.Close()
			t.state.Lock()
			t.told = true
			t.state.Unlock()
			return append(in, sctp.Received{Event: &sctp.Event{Kind: sctp.Down, Reason: why}}), nil
		}
		t.received.Add(1)
		in = append(in, sctp.Received{Message: sctp.Message{PPID: PPID, Data: b}})
	}
	return in, nil
}

// whole says whether a whole message is in the buffer.
func (t *tcpConn) whole() bool {
	if t.r.Buffered() < headerLen {
		return false
	}
	h, err := t.r.Peek(headerLen)
	return err == nil && t.r.Buffered() >= frameLen(h)
}

// frameLen is how many octets a message takes in the stream. A length that leaves out padding is
// not followed by it.
func frameLen(h []byte) int { return int(min(binary.BigEndian.Uint32(h[4:]), maxTCPMessage+1)) }

var errFrame = errors.New("m3ua: the length of a message in a TCP stream is not possible")

// message reads one message into the buffer number i. A header of another length than a message
// can have ends the connection: nobody knows where the next message begins. Until the message is
// whole its octets stay where they are, so that a read that its context cuts off can go on.
func (t *tcpConn) message(i int) ([]byte, error) {
	n := headerLen
	h, err := t.r.Peek(n)
	if err == nil {
		if n = frameLen(h); n < headerLen || n > maxTCPMessage {
			return nil, errFrame
		}
		h, err = t.r.Peek(n)
	}
	if err != nil {
		if len(h) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	t.bufs[i] = append(t.bufs[i][:0], h...)
	t.r.Discard(n)
	return t.bufs[i], nil
}

func (t *tcpConn) Shutdown(ctx context.Context) error {
	t.end(&sctp.DownError{Reason: sctp.LocalClosed})
	return t.c.Close()
}

func (t *tcpConn) Abort(string) error {
	t.end(&sctp.DownError{Reason: sctp.LocalClosed})
	if l, ok := t.c.(interface{ SetLinger(int) error }); ok {
		l.SetLinger(0)
	}
	return t.c.Close()
}

func (t *tcpConn) Close() error { return t.Shutdown(context.Background()) }
