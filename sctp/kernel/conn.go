//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package kernel

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/sctp"
	"github.com/gotelco/telco/sctp/internal/watch"
	"github.com/gotelco/telco/trace"
)

// conn is an association.
type conn struct {
	cfg sctp.Config
	f   *os.File
	raw syscall.RawConn

	mu            sync.Mutex
	local, remote sctp.Addr
	down          *sctp.DownError // set once

	out            atomic.Uint32 // streams
	sent, received atomic.Uint64

	over     chan struct{} // closed with down set: Send returns it
	closing  chan struct{} // closed when Shutdown or Close begins, or the peer has
	hung     chan struct{} // closed by Close: nothing more is delivered
	quit     chan struct{} // closed by Abort: the reader stops
	ended    chan struct{} // closed when the socket is
	closeOne [3]sync.Once  // of closing, hung, quit
	limit    *time.Timer   // of Close; guarded by mu

	sender
	reader
	receiver
}

// newConn takes over a socket that is connected. It leaves f open on an error.
func newConn(f *os.File, cfg sctp.Config) (*conn, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &conn{cfg: cfg, f: f, raw: raw, over: make(chan struct{}), closing: make(chan struct{}), hung: make(chan struct{}),
		quit: make(chan struct{}), ended: make(chan struct{})}
	var s assocStatus
	if e := raw.Control(func(fd uintptr) {
		if s, err = status(int(fd)); err != nil {
			return
		}
		if err = c.learn(int(fd)); err != nil {
			return
		}
		c.sendBuffer, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	}); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	c.out.Store(uint32(s.out))
	c.sender.init()
	c.reader.init()
	up := newBatch(0)
	up.items = append(up.items, c.event(sctp.Event{Kind: sctp.Up, In: s.in, Out: s.out}))
	c.ready <- up
	go c.read()
	return c, nil
}

// learn asks for the addresses of both ends.
func (c *conn) learn(fd int) error {
	local, err := addrs(fd, optLocalAddrs)
	if err != nil {
		return err
	}
	remote, err := addrs(fd, optPeerAddrs)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.local, c.remote = local, remote
	c.mu.Unlock()
	return nil
}

// LocalAddr is this end's address.
func (c *conn) LocalAddr() sctp.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sctp.Addr{IPs: slices.Clone(c.local.IPs), Port: c.local.Port}
}

// RemoteAddr is the peer's address.
func (c *conn) RemoteAddr() sctp.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sctp.Addr{IPs: slices.Clone(c.remote.IPs), Port: c.remote.Port}
}

func (c *conn) ends() (local, remote netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.local.AddrPort(), c.remote.AddrPort()
}

// event is e as Receive delivers it.
func (c *conn) event(e sctp.Event) sctp.Received {
	if c.cfg.Trace != nil {
		what := e.Kind.String()
		switch e.Kind {
		case sctp.PathUp, sctp.PathDown:
			what += " " + e.Path.String()
		case sctp.Down:
			what += ": " + e.Reason.Error()
		}
		local, remote := c.ends()
		watch.State(c.cfg.Trace, local, remote, what)
	}
	return sctp.Received{Event: &e}
}

func (c *conn) trace(dir trace.Dir, m *sctp.Message) {
	if c.cfg.Trace != nil {
		local, remote := c.ends()
		watch.Message(c.cfg.Trace, dir, local, remote, m.Stream, m.PPID, m.Data)
	}
}

// States of an association, numbered as Linux does.
var states = [...]string{"EMPTY", "CLOSED", "COOKIE-WAIT", "COOKIE-ECHOED", "ESTABLISHED", "SHUTDOWN-PENDING", "SHUTDOWN-SENT", "SHUTDOWN-RECEIVED", "SHUTDOWN-ACK-SENT"}

const closedState = 1

// Status is a snapshot; see [sctp.Conn].
func (c *conn) Status() sctp.Status {
	st := sctp.Status{State: "CLOSED", Sent: c.sent.Load(), Received: c.received.Load()}
	remote := c.RemoteAddr()
	c.raw.Control(func(fd uintptr) {
		s, err := status(int(fd))
		if err != nil {
			return
		}
		if s.state >= 0 && s.state < len(states) {
			st.State = states[s.state]
		}
		st.In, st.Out, st.PeerWindow = s.in, s.out, s.window
		if q := queued(int(fd)); s.unacked+s.unsent > 0 {
			st.Unacked = q * s.unacked / (s.unacked + s.unsent)
			st.Unsent = q - st.Unacked
		}
		if b, err := option(int(fd), unix.IPPROTO_SCTP, optAssocStats, make([]byte, 256)); err == nil && len(b) >= 184 {
			st.Retransmitted = ne.Uint64(b[176:])
		}
		for _, ip := range remote.IPs {
			if p, err := pathStatus(int(fd), ip, remote.Port); err == nil {
				p.Primary = ip == s.primary
				st.Paths = append(st.Paths, p)
			}
		}
	})
	return st
}

// setDown says why the association is over, if nobody has yet.
func (c *conn) setDown(err *sctp.DownError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down == nil {
		c.down = err
		close(c.over)
	}
}

func (c *conn) reason() *sctp.DownError {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

const (
	onceClosing = iota
	onceHung
	onceQuit
)

func (c *conn) close(which int, ch chan struct{}) {
	c.closeOne[which].Do(func() { close(ch) })
}

// beginClosing turns off sending; what waits to send returns.
func (c *conn) beginClosing() {
	c.close(onceClosing, c.closing)
	c.f.SetWriteDeadline(longAgo)
}

func (c *conn) shutdown() {
	c.beginClosing()
	c.raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_WR) })
}

// Shutdown ends the association once the peer has everything; see [sctp.Conn].
func (c *conn) Shutdown(ctx context.Context) error {
	c.shutdown()
	select {
	case <-c.ended:
	default:
		select {
		case <-c.ended:
		case <-ctx.Done():
			c.Abort("shutdown took too long")
			return ctx.Err()
		}
	}
	if d := c.reason(); d.Reason != sctp.ShutdownComplete {
		return d
	}
	return nil
}

// Abort ends the association at once; see [sctp.Conn]. The kernel sends no text with it.
func (c *conn) Abort(string) error {
	c.abort(&sctp.DownError{Reason: sctp.LocalClosed})
	<-c.ended
	return nil
}

func (c *conn) abort(why *sctp.DownError) {
	c.setDown(why)
	// A one-to-one socket takes no SCTP_ABORT with a cause: it aborts when it is closed without
	// lingering, and finish closes it.
	c.raw.Control(func(fd uintptr) {
		unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	c.close(onceQuit, c.quit)
	c.beginClosing()
	c.f.SetReadDeadline(longAgo)
}

// Close ends the association in the background; see [sctp.Conn].
func (c *conn) Close() error {
	c.setDown(&sctp.DownError{Reason: sctp.LocalClosed})
	c.mu.Lock()
	if c.limit == nil {
		c.limit = time.AfterFunc(c.cfg.CloseTimeout, func() { c.Abort("shutdown took too long") })
		select {
		case <-c.ended:
			c.limit.Stop()
		default:
		}
	}
	c.mu.Unlock()
	c.close(onceHung, c.hung)
	c.shutdown()
	return nil
}
