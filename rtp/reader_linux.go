package rtp

import (
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readBatch is how many datagrams of one socket are read by one call. Mostly there is one.
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
		if err := r.setName(to); err != nil {
			return err
		}
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

func (r *rawSocket) setName(to netip.AddrPort) error {
	ip := to.Addr()
	switch {
	case !r.inet6 && ip.Unmap().Is4():
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&r.name))
		*a = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.Unmap().As4()}
		setPort(&a.Port, to.Port())
		r.size = unix.SizeofSockaddrInet4
	case r.inet6 && ip.IsValid():
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(&r.name))
		*a = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: ip.As16()} // maps IPv4
		setPort(&a.Port, to.Port())
		if z := ip.Zone(); z != "" {
			i, err := net.InterfaceByName(z)
			if err != nil {
				return err
			}
			a.Scope_id = uint32(i.Index)
		}
		r.size = unix.SizeofSockaddrInet6
	default:
		return unix.EAFNOSUPPORT
	}
	r.to = to
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
	head    [readBatch]message
	iov     [readBatch]unix.Iovec
	from    [readBatch]polledSys // for the address
	control [readBatch][stampSize / 8]uint64
	buf     [readBatch][maxDatagram]byte
	used    int
}

func (r *readerSys) open() {
	for i := range r.head {
		r.iov[i].Base = &r.buf[i][0]
		r.iov[i].SetLen(maxDatagram)
	}
	r.used = readBatch
}

// read is recvmmsg(2).
func (r *readerSys) read(s *rawSocket) (int, error) {
	for i := range r.used { // the system has written to these
		h := &r.head[i].header
		*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&r.from[i].addr)), Namelen: unix.SizeofSockaddrAny, Iov: &r.iov[i]}
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&r.control[i]))
		h.SetControllen(stampSize)
	}
	r.used = 0
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.head[0])), readBatch, unix.MSG_DONTWAIT, 0, 0)
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
