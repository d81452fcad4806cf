package rtp

import (
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readBatch is how many datagrams of a session's own socket are read by one call. Mostly there is one.
const readBatch = 8

// rawSocket is a UDP socket that the runtime does not watch: a socket that it watches tells epoll of every packet that comes
// or goes. Its owner sees to it that nobody uses it when it is closed.
type rawSocket struct {
	fd    int
	inet6 bool
	to    netip.AddrPort // what name is
	name  unix.RawSockaddrAny
	size  uintptr
}

// newRawSocket takes conn over and closes it, if it returns no error.
func newRawSocket(conn *net.UDPConn) (*rawSocket, error) {
	rc, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &rawSocket{fd: -1}
	cerr := rc.Control(func(fd uintptr) {
		var sa unix.Sockaddr
		if sa, err = unix.Getsockname(int(fd)); err != nil {
			return
		}
		_, r.inet6 = sa.(*unix.SockaddrInet6)
		if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			return
		}
		r.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = cerr
	}
	if err != nil {
		if r.fd >= 0 {
			unix.Close(r.fd)
		}
		return nil, err
	}
	conn.Close()
	return r, nil
}

func (r *rawSocket) close() error { return unix.Close(r.fd) }

// write sends and never waits.
func (r *rawSocket) write(b []byte, to netip.AddrPort) error {
	if r.to != to {
		if err := r.setName(to, &r.name, &r.size); err != nil {
			return err
		}
		r.to = to
	}
	if len(b) == 0 {
		return unix.EINVAL
	}
	for {
		_, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(r.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL,
			uintptr(unsafe.Pointer(&r.name)), r.size)
		switch e {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}

// setName writes an address as the socket wants it.
func (r *rawSocket) setName(to netip.AddrPort, name *unix.RawSockaddrAny, size *uintptr) error {
	ip := to.Addr()
	switch {
	case !r.inet6 && ip.Unmap().Is4():
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*a = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.Unmap().As4()}
		setPort(&a.Port, to.Port())
		*size = unix.SizeofSockaddrInet4
	case r.inet6 && ip.IsValid():
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(name))
		*a = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: ip.As16()} // maps IPv4
		setPort(&a.Port, to.Port())
		if z := ip.Zone(); z != "" {
			i, err := net.InterfaceByName(z)
			if err != nil {
				return err
			}
			a.Scope_id = uint32(i.Index)
		}
		*size = unix.SizeofSockaddrInet6
	default:
		return unix.EAFNOSUPPORT
	}
	return nil
}

// setPort writes a port in network order.
func setPort(p *uint16, port uint16) {
	b := (*[2]byte)(unsafe.Pointer(p))
	b[0], b[1] = byte(port>>8), byte(port)
}

// stampSize is the room for the time of arrival.
const stampSize = 64

type readerSys struct {
	head    [batchSize]message
	iov     [batchSize]unix.Iovec
	from    [batchSize]polledSys // for the address
	control [batchSize][stampSize / 8]uint64
	buf     [batchSize][maxDatagram]byte
	used    int
}

func (r *readerSys) open() {
	for i := range r.head {
		r.iov[i].Base = &r.buf[i][0]
		r.iov[i].SetLen(maxDatagram)
	}
	r.used = batchSize
}

// read reads up to most datagrams and never waits: recvmmsg(2), which asks once more than there are, or recvmsg(2) for one.
func (r *readerSys) read(s *rawSocket, most int) (int, error) {
	for i := range max(r.used, 1) { // the system has written to these
		h := &r.head[i].header
		*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&r.from[i].addr)), Namelen: unix.SizeofSockaddrAny, Iov: &r.iov[i]}
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&r.control[i]))
		h.SetControllen(stampSize)
	}
	r.used = 0
	for {
		var n uintptr
		var e syscall.Errno
		if most == 1 {
			n, _, e = unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.head[0])), unix.MSG_DONTWAIT)
			r.head[0].length, n = uint32(n), 1
		} else {
			n, _, e = unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.head[0])), uintptr(most), unix.MSG_DONTWAIT, 0, 0)
		}
		switch e {
		case 0:
			r.used = int(n)
			return int(n), nil
		case syscall.EAGAIN:
			return 0, nil
		case syscall.EINTR:
		default:
			return 0, e
		}
	}
}

// datagram returns what was read, and when it arrived in nanoseconds of Unix time; 0 if the system does not say.
func (r *readerSys) datagram(i int) (from netip.AddrPort, data []byte, stamp int64) {
	h := &r.head[i].header
	if int(h.Controllen) >= unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{}))) {
		c := (*unix.Cmsghdr)(unsafe.Pointer(&r.control[i]))
		if c.Level == unix.SOL_SOCKET && c.Type == unix.SCM_TIMESTAMPNS {
			t := (*unix.Timespec)(unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0)))
			stamp = t.Nano()
		}
	}
	return r.from[i].from(), r.buf[i][:r.head[i].length], stamp
}

// writerSys collects datagrams for sendmmsg(2).
type writerSys struct {
	n    int
	head [batchSize]message
	iov  [batchSize]unix.Iovec
	name [batchSize]unix.RawSockaddrAny
	buf  [batchSize][maxDatagram]byte
}

// add takes a datagram, and says whether there is no room for another one.
func (w *writerSys) add(s *rawSocket, b []byte, to netip.AddrPort) (full bool, err error) {
	var size uintptr
	if len(b) == 0 || len(b) > maxDatagram {
		return false, unix.EMSGSIZE
	}
	if err := s.setName(to, &w.name[w.n], &size); err != nil {
		return false, err
	}
	w.iov[w.n].Base = &w.buf[w.n][0]
	w.iov[w.n].SetLen(copy(w.buf[w.n][:], b))
	h := &w.head[w.n].header
	*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&w.name[w.n])), Namelen: uint32(size), Iov: &w.iov[w.n]}
	h.SetIovlen(1)
	w.n++
	return w.n == batchSize, nil
}

// flush sends what was collected and never waits. It returns how many datagrams the system refused.
func (w *writerSys) flush(s *rawSocket) (refused int) {
	for at := 0; at < w.n; {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&w.head[at])), uintptr(w.n-at), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch e {
		case 0:
			at += int(n)
		case unix.EINTR:
		default: // of the first of them
			refused++
			at++
		}
	}
	w.n = 0
	return refused
}
