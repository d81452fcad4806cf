//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotelco/telco/sctp"
)

// Available says whether the kernel has SCTP; asking loads its module where that is allowed.
func Available() error {
	fd, _, err := open(sctp.Addr{}, sctp.Addr{}, sctp.Config{}.Defaults())
	if err != nil {
		return err
	}
	unix.Close(fd)
	return nil
}

// longAgo as a deadline ends what waits.
var longAgo = time.Unix(1, 0)

// expire sets the deadline of a file to long ago when ctx is done.
func expire(ctx context.Context, set func(time.Time) error) (stop func() bool) {
	return context.AfterFunc(ctx, func() { set(longAgo) })
}

// Dial sets up an association; see [sctp.Network].
func (Network) Dial(ctx context.Context, local, remote sctp.Addr, cfg sctp.Config) (sctp.Conn, error) {
	cfg = cfg.Defaults()
	if len(remote.IPs) == 0 || remote.Port == 0 {
		return nil, fmt.Errorf("sctp/kernel: dial %v: no address", remote)
	}
	fd, family, err := open(local, remote, cfg)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "sctp")
	if err := dial(ctx, f, family, local, remote); err != nil {
		f.Close()
		return nil, err
	}
	c, err := newConn(f, cfg)
	if err != nil {
		f.Close()
		return nil, &sctp.DownError{Reason: sctp.CannotStart, Err: err}
	}
	return c, nil
}

func dial(ctx context.Context, f *os.File, family int, local, remote sctp.Addr) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var started error
	if err := raw.Control(func(fd uintptr) {
		if started = encapsulate(int(fd), remote.UDP); started != nil {
			return
		}
		if len(local.IPs) > 0 || local.Port != 0 {
			if err := setOption(int(fd), optBindxAdd, sockaddrs(local, family)); err != nil {
				started = fmt.Errorf("sctp/kernel: bind to %v: %w", local, err)
				return
			}
		}
		if err := setOption(int(fd), optConnectx, sockaddrs(remote, family)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			started = &sctp.DownError{Reason: sctp.CannotStart, Err: err}
		}
	}); err != nil {
		return err
	}
	if started != nil {
		return started
	}
	stop := expire(ctx, f.SetWriteDeadline)
	defer stop()
	var result error
	err = raw.Write(func(fd uintptr) bool {
		// Both are asked each time: an answer may have come before the first wait.
		if e, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || e != 0 {
			if err == nil {
				err = syscall.Errno(e)
			}
			result = &sctp.DownError{Reason: sctp.CannotStart, Err: err}
			return true
		}
		_, err := unix.Getpeername(int(fd))
		return err == nil
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if !stop() && result == nil { // ctx was done as the association came up
		f.SetWriteDeadline(time.Time{})
	}
	return result
}

// listener takes associations from the kernel as they come, one ahead of Accept.
type listener struct {
	f      *os.File
	cfg    sctp.Config
	addr   sctp.Addr
	ready  chan accepted
	closed chan struct{}
	once   sync.Once
	done   sync.WaitGroup
}

type accepted struct {
	c   *conn
	err error
}

// Listen accepts associations; see [sctp.Network].
func (Network) Listen(_ context.Context, local sctp.Addr, cfg sctp.Config) (sctp.Listener, error) {
	cfg = cfg.Defaults()
	fd, family, err := open(local, sctp.Addr{}, cfg)
	if err != nil {
		return nil, err
	}
	fail := func(what string, err error) (sctp.Listener, error) {
		unix.Close(fd)
		return nil, fmt.Errorf("sctp/kernel: %s %v: %w", what, local, err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fail("listen on", err)
	}
	if err := encapsulate(fd, local.UDP); err != nil {
		return fail("listen on", err)
	}
	if err := setOption(fd, optBindxAdd, sockaddrs(local, family)); err != nil {
		return fail("bind to", err)
	}
	if err := unix.Listen(fd, cfg.Backlog); err != nil {
		return fail("listen on", err)
	}
	l := &listener{f: os.NewFile(uintptr(fd), "sctp"), cfg: cfg, ready: make(chan accepted), closed: make(chan struct{})}
	l.addr = sctp.Addr{IPs: slices.Clone(local.IPs), Port: local.Port, UDP: local.UDP}
	if sa, err := unix.Getsockname(fd); err == nil {
		switch sa := sa.(type) {
		case *unix.SockaddrInet4:
			l.addr.Port = uint16(sa.Port)
		case *unix.SockaddrInet6:
			l.addr.Port = uint16(sa.Port)
		}
	}
	if len(l.addr.IPs) == 0 {
		l.addr.IPs = []netip.Addr{netip.IPv4Unspecified()}
		if family == unix.AF_INET6 {
			l.addr.IPs[0] = netip.IPv6Unspecified()
		}
	}
	raw, err := l.f.SyscallConn()
	if err != nil {
		l.f.Close()
		return nil, err
	}
	l.done.Go(func() { l.run(raw) })
	return l, nil
}

func (l *listener) Addr() sctp.Addr {
	a := l.addr
	a.IPs = slices.Clone(a.IPs)
	return a
}

func (l *listener) run(raw syscall.RawConn) {
	for {
		fd, errno := -1, error(nil)
		err := raw.Read(func(s uintptr) bool {
			for {
				fd, _, errno = unix.Accept4(int(s), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
				if errno != unix.EINTR && errno != unix.ECONNABORTED {
					return errno != unix.EAGAIN
				}
			}
		})
		if err != nil {
			return // closed
		}
		var a accepted
		if errno != nil {
			a.err = os.NewSyscallError("accept", errno)
		} else {
			f := os.NewFile(uintptr(fd), "sctp")
			if a.c, err = newConn(f, l.cfg); err != nil {
				f.Close() // it is over already
				continue
			}
		}
		select {
		case l.ready <- a:
		case <-l.closed:
			if a.c != nil {
				a.c.Abort("nobody took it")
			}
			return
		}
		if errno != nil { // no descriptors left, say
			select {
			case <-time.After(50 * time.Millisecond):
			case <-l.closed:
				return
			}
		}
	}
}

func (l *listener) Accept(ctx context.Context) (sctp.Conn, error) {
	var a accepted
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case a = <-l.ready:
	default:
		select {
		case a = <-l.ready:
		case <-l.closed:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return a.c, nil
}

func (l *listener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.closed)
		err = l.f.Close()
		l.done.Wait()
	})
	return err
}
