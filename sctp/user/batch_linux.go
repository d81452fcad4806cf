package user

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize  = 32
	longestUDP = 1 << 16
)

// mmsghdr is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// batch moves many packets in one system call, without allocating.
type batch struct {
	c     net.PacketConn
	rc    syscall.RawConn
	local netip.AddrPort
	raw   bool // raw IP: no ports, and IPv4 headers on what is received
	v4    bool

	in  direction
	out chan *direction // one, taken by who writes

	readFn func(fd uintptr) bool
	got    int
	rerr   error
}

// direction is what a system call works on.
type direction struct {
	msgs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]unix.RawSockaddrInet6
	bufs  [batchSize][]byte

	n, done int
	err     error
	fn      func(fd uintptr) bool
}

func newBatch(c net.PacketConn, local netip.AddrPort, raw bool) (PacketConn, error) {
	rc, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		c.Close()
		return nil, err
	}
	b := &batch{c: c, rc: rc, local: local, raw: raw, v4: local.Addr().Is4(), out: make(chan *direction, 1)}
	rc.Control(func(fd uintptr) { // as much as the system lets us have; fragments rather than black holes
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20)
		if b.v4 {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
		} else {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT)
		}
	})
	for i := range b.in.bufs {
		b.in.bufs[i] = make([]byte, longestUDP)
		b.in.point(i, b.in.bufs[i])
	}
	b.readFn = b.read
	w := new(direction)
	w.fn = func(fd uintptr) bool { return w.send(fd) }
	b.out <- w
	return b, nil
}

// point has message i read into, or written from, data.
func (d *direction) point(i int, data []byte) {
	d.iovs[i].Base = unsafe.SliceData(data)
	d.iovs[i].SetLen(len(data))
	h := &d.msgs[i].hdr
	h.Name = (*byte)(unsafe.Pointer(&d.names[i]))
	h.Iov = &d.iovs[i]
	h.SetIovlen(1)
}

func (b *batch) LocalAddr() netip.AddrPort { return b.local }

func (b *batch) read(fd uintptr) bool {
	for i := range b.in.msgs {
		b.in.msgs[i].hdr.Namelen = uint32(unsafe.Sizeof(b.in.names[i]))
	}
	for {
		n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.in.msgs[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			b.got, b.rerr = int(n), nil
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			b.got, b.rerr = 0, e
			return true
		}
	}
}

func (b *batch) ReadPackets(ps []Packet) (int, error) {
	if err := b.rc.Read(b.readFn); err != nil {
		return 0, err
	}
	if b.rerr != nil {
		return 0, b.rerr
	}
	n := 0
	for i := 0; i < b.got && n < len(ps); i++ {
		data := b.in.bufs[i][:b.in.msgs[i].n]
		if b.raw && b.v4 { // the header of IP stands in front
			if len(data) < 20 || len(data) < int(data[0]&15)*4 {
				continue
			}
			data = data[int(data[0]&15)*4:]
		}
		ps[n] = Packet{b.local, b.in.addr(i, b.raw), data}
		n++
	}
	return n, nil
}

// addr reads the name that the system put beside message i.
func (d *direction) addr(i int, raw bool) netip.AddrPort {
	port := be.Uint16((*[2]byte)(unsafe.Pointer(&d.names[i].Port))[:])
	if raw {
		port = 0
	}
	if d.names[i].Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&d.names[i])).Addr), port)
	}
	a := netip.AddrFrom16(d.names[i].Addr)
	if a.IsLinkLocalUnicast() && d.names[i].Scope_id != 0 {
		a = a.WithZone(strconv.Itoa(int(d.names[i].Scope_id)))
	}
	return netip.AddrPortFrom(a, port)
}

func (d *direction) setAddr(i int, to netip.AddrPort, raw bool) {
	port := to.Port()
	if raw {
		port = 0
	}
	h := &d.msgs[i].hdr
	if to.Addr().Is4() {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&d.names[i]))
		*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
		be.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], port)
		h.Namelen = unix.SizeofSockaddrInet4
		return
	}
	d.names[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16(), Scope_id: scope(to.Addr().Zone())}
	be.PutUint16((*[2]byte)(unsafe.Pointer(&d.names[i].Port))[:], port)
	h.Namelen = unix.SizeofSockaddrInet6
}

func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index)
	}
	return 0
}

func (d *direction) send(fd uintptr) bool {
	for d.done < d.n {
		n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&d.msgs[d.done])), uintptr(d.n-d.done), unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			d.done += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			d.err = e
			return true
		}
	}
	return true
}

func (b *batch) WritePackets(ps []Packet) (n int, err error) {
	w := <-b.out
	defer func() { b.out <- w }()
	for n < len(ps) {
		w.n, w.done, w.err = min(len(ps)-n, batchSize), 0, nil
		for i, p := range ps[n : n+w.n] {
			w.point(i, p.Data)
			w.setAddr(i, p.Remote, b.raw)
		}
		if err := b.rc.Write(w.fn); err != nil {
			return n + w.done, err
		}
		n += w.done
		if w.err != nil {
			return n, w.err
		}
	}
	return n, nil
}

func (b *batch) Close() error { return b.c.Close() }

// kernelHasSCTP says whether the system has an SCTP of its own, which would answer for us.
func kernelHasSCTP() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return !errors.Is(err, unix.EPROTONOSUPPORT) && !errors.Is(err, unix.ESOCKTNOSUPPORT) && !errors.Is(err, unix.EINVAL)
	}
	unix.Close(fd)
	return true
}
