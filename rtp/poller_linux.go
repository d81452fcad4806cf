package rtp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pollerSys is an epoll descriptor that waits in the poller of the runtime, as sockets do: so there is no thread that
// waits, and what has arrived is read as soon as it would be from one socket.
type pollerSys struct {
	epoll int
	file  *os.File
	conn  syscall.RawConn
}

type polledSys struct {
	conn syscall.RawConn
	read func(fd uintptr) bool // made once, so that reading allocates nothing
	addr unix.RawSockaddrAny
	zone string // of a link-local address, and its number
	zno  uint32
	buf  []byte
	n    int
	errn syscall.Errno
}

func (s *pollerSys) open() (err error) {
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err = unix.SetNonblock(s.epoll, true); err != nil {
		unix.Close(s.epoll)
		return err
	}
	s.file = os.NewFile(uintptr(s.epoll), "epoll")
	s.conn, err = s.file.SyscallConn()
	if err == nil {
		err = s.file.SetReadDeadline(time.Time{}) // fails if the runtime cannot wait for it
	}
	if err != nil {
		s.file.Close()
	}
	return err
}

func (s *pollerSys) close() error { return s.file.Close() }

func (s *pollerSys) add(c *net.UDPConn, id int32, q *polled) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	q.sys.conn = raw
	q.sys.read = q.sys.receive
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: id}
	cerr := raw.Control(func(fd uintptr) { err = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, int(fd), &ev) })
	if cerr != nil {
		return cerr
	}
	return err
}

func (s *pollerSys) remove(q *polled) {
	q.sys.conn.Control(func(fd uintptr) { unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, int(fd), nil) })
}

// receive reads one datagram and never waits.
func (q *polledSys) receive(fd uintptr) bool {
	size := uint32(unix.SizeofSockaddrAny)
	n, _, e := unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&q.buf[0])), uintptr(len(q.buf)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&q.addr)), uintptr(unsafe.Pointer(&size)))
	q.n, q.errn = int(n), e
	return true
}

func (q *polledSys) from() netip.AddrPort {
	switch q.addr.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&q.addr))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), port(&a.Port))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(&q.addr))
		ip := netip.AddrFrom16(a.Addr)
		if a.Scope_id != 0 && !ip.Is4In6() {
			if q.zno != a.Scope_id {
				q.zno, q.zone = a.Scope_id, strconv.Itoa(int(a.Scope_id))
				if i, err := net.InterfaceByIndex(int(a.Scope_id)); err == nil {
					q.zone = i.Name
				}
			}
			ip = ip.WithZone(q.zone)
		}
		return netip.AddrPortFrom(ip, port(&a.Port))
	}
	return netip.AddrPort{}
}

// port reads a port in network order.
func port(p *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:])
}

// atOnce is how many datagrams of one socket are read before the others have their turn.
const atOnce = 8

func (p *Poller) run() {
	defer close(p.done)
	buf := make([]byte, maxDatagram)
	events := make([]unix.EpollEvent, 64)
	var scratch []*Session
	n := 0
	ready := func(fd uintptr) bool { // false waits for the next event
		var err error
		for n, err = unix.EpollWait(int(fd), events, 0); err == unix.EINTR; {
			n, err = unix.EpollWait(int(fd), events, 0)
		}
		return n != 0
	}
	swept := time.Now()
	p.sys.file.SetReadDeadline(swept.Add(sweep))
	for !p.isClosed() {
		n = 0
		if err := p.sys.conn.Read(ready); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		now := time.Now()
		for _, ev := range events[:max(n, 0)] {
			if q := p.socket(ev.Fd); q != nil {
				p.drain(now, q, buf)
			}
		}
		if now.Sub(swept) >= sweep {
			swept = now
			scratch = p.reports(now, scratch)
			p.sys.file.SetReadDeadline(now.Add(sweep))
		}
	}
}

func (p *Poller) drain(now time.Time, q *polled, buf []byte) {
	q.sys.buf = buf
	for range atOnce {
		if q.sys.conn.Read(q.sys.read) != nil || q.sys.errn == syscall.EAGAIN {
			return // closed, or empty
		}
		if q.sys.errn != 0 {
			if !q.session.failed(q.sys.errn) {
				p.remove(q.session)
			}
			return
		}
		q.session.deliver(now, q.rtcp, q.sys.from(), buf[:q.sys.n])
	}
}
