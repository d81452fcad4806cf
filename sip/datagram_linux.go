package sip

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Datagrams are received in batches and sent with raw system calls that never block: package
// syscall's ordinary ones tell the scheduler of each call, which wakes its monitor thread when the
// process was idle, and that costs more than the call.

// batchSize is how many datagrams one system call receives at most.
const batchSize = 32

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// receiver receives from one socket.
type receiver struct {
	rc    syscall.RawConn
	hdrs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]unix.RawSockaddrInet6 // holds an IPv4 address too
	oobs  [batchSize][64]byte
	bufs  [batchSize][]byte
	oob   bool

	n     int
	errno syscall.Errno
	call  func(fd uintptr) bool // r.recv, bound once
}

func newReceiver(rc syscall.RawConn, oob bool) *receiver {
	r := &receiver{rc: rc, oob: oob}
	r.call = r.recv
	for i := range r.hdrs {
		r.bufs[i] = make([]byte, 65536) // touched, so resident, only as far as used
		r.iovs[i].Base = &r.bufs[i][0]
		r.iovs[i].SetLen(len(r.bufs[i]))
		h := &r.hdrs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
	}
	return r
}

// receive waits for datagrams and returns how many came.
func (r *receiver) receive() (int, error) {
	for i := range r.hdrs {
		h := &r.hdrs[i].hdr
		h.Namelen, h.Flags = unix.SizeofSockaddrInet6, 0
		if r.oob {
			h.Control = &r.oobs[i][0]
			h.SetControllen(len(r.oobs[i]))
		}
	}
	if err := r.rc.Read(r.call); err != nil {
		return 0, err
	}
	if r.errno != 0 {
		return 0, r.errno
	}
	return r.n, nil
}

func (r *receiver) recv(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.hdrs[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		r.n, r.errno = int(n), errno
		return errno != unix.EAGAIN
	}
}

// datagram returns the i-th of those received: its sender, our address if it is known, and its
// content, which is valid until the next receive.
func (r *receiver) datagram(i int) (from netip.AddrPort, local netip.Addr, data []byte, truncated bool) {
	h := &r.hdrs[i]
	if r.oob {
		local = localOf(r.oobs[i][:h.hdr.Controllen])
	}
	return addrPortOfRaw(&r.names[i]), local, r.bufs[i][:h.n], h.hdr.Flags&unix.MSG_TRUNC != 0
}

// addrPortOfRaw reads a socket address of either family.
func addrPortOfRaw(sa *unix.RawSockaddrInet6) netip.AddrPort {
	port := uint16(sa.Port)
	p := (*[2]byte)(unsafe.Pointer(&port))
	number := uint16(p[0])<<8 | uint16(p[1])
	if sa.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), number)
	}
	a := netip.AddrFrom16(sa.Addr).Unmap()
	if sa.Scope_id != 0 && a.Is6() {
		zone := strconv.Itoa(int(sa.Scope_id))
		if i, err := net.InterfaceByIndex(int(sa.Scope_id)); err == nil {
			zone = i.Name
		}
		a = a.WithZone(zone)
	}
	return netip.AddrPortFrom(a, number)
}

// sending is one sendto(2) under way.
type sending struct {
	data  []byte
	name  unix.RawSockaddrInet6
	size  uintptr
	errno syscall.Errno
	call  func(fd uintptr) // s.send, bound once
}

var sendings = sync.Pool{New: func() any {
	s := new(sending)
	s.call = s.send
	return s
}}

func (s *sending) send(fd uintptr) {
	for {
		_, _, s.errno = syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.data))), uintptr(len(s.data)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&s.name)), s.size)
		if s.errno != unix.EINTR {
			return
		}
	}
}

// sendRaw sends a datagram. It returns false where the ordinary way must be taken: an address with
// a zone, or a full buffer.
func sendRaw(rc syscall.RawConn, v6 bool, data []byte, to netip.AddrPort) (bool, error) {
	addr := to.Addr()
	if addr.Zone() != "" || !v6 && !addr.Is4() {
		return false, nil
	}
	s := sendings.Get().(*sending)
	var port uint16
	p := (*[2]byte)(unsafe.Pointer(&port))
	p[0], p[1] = byte(to.Port()>>8), byte(to.Port())
	if v6 {
		s.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: addr.As16()}
		s.size = unix.SizeofSockaddrInet6
	} else {
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&s.name)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: addr.As4()}
		s.size = unix.SizeofSockaddrInet4
	}
	s.data = data
	err := rc.Control(s.call)
	errno := s.errno
	s.data = nil
	sendings.Put(s)
	switch {
	case err != nil:
		return true, err
	case errno == unix.EAGAIN:
		return false, nil
	case errno != 0:
		return true, &net.OpError{Op: "write", Net: "udp", Addr: net.UDPAddrFromAddrPort(to), Err: errno}
	}
	return true, nil
}

// readBatches receives until the socket is closed. It returns false at once if the socket can't
// be read so.
func (s *socket) readBatches(c *net.UDPConn) bool {
	n := s.network
	rc, err := c.SyscallConn()
	if err != nil {
		return false
	}
	r := newReceiver(rc, s.source.on)
	for failures := 0; ; {
		k, err := r.receive()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || n.ctx.Err() != nil {
				return true
			}
			if errors.Is(err, unix.ENOSYS) { // an old or foreign kernel
				return false
			}
			n.stats.receiveErrors.Add(1)
			failures++
			n.log.Warn("receive", "transport", UDP, "local", s.local, "err", err)
			n.backoff(failures)
			continue
		}
		failures = 0
		for i := range k {
			from, local, data, truncated := r.datagram(i)
			f := Flow{UDP, s.local, from, s.id}
			if local.IsValid() {
				f.Local = netip.AddrPortFrom(local, s.local.Port())
			}
			if truncated {
				n.stats.truncated.Add(1)
				continue
			}
			s.deliver(f, data)
		}
	}
}
