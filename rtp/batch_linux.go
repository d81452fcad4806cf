package rtp

import (
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one call reads.
const batchSize = 32

// batch reads datagrams by recvmmsg(2), without an allocation for any of them. (x/net allocates each address.)
type batch struct {
	conn  syscall.RawConn
	fn    func(fd uintptr) bool
	n     int
	errno syscall.Errno
	head  [batchSize]message
	iov   [batchSize]unix.Iovec
	from  [batchSize]polledSys // for the address
	buf   [batchSize][maxDatagram]byte
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      [unsafe.Sizeof(uintptr(0)) - 4]byte
}

func newBatch(conn *net.UDPConn) *batch {
	b := &batch{}
	b.conn, _ = conn.SyscallConn() // fails on a closed connection, as reading then does
	b.fn = b.receive
	return b
}

func (b *batch) receive(fd uintptr) bool {
	for i := range b.head {
		b.iov[i].Base = &b.buf[i][0]
		b.iov[i].SetLen(maxDatagram)
		h := &b.head[i].header
		*h = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&b.from[i].addr)), Namelen: unix.SizeofSockaddrAny, Iov: &b.iov[i]}
		h.SetIovlen(1)
	}
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.head[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	b.n, b.errno = int(n), e
	return e != syscall.EAGAIN && e != syscall.EINTR
}

func (b *batch) read() (int, error) {
	if b.conn == nil {
		return 0, net.ErrClosed
	}
	b.n, b.errno = 0, 0
	if err := b.conn.Read(b.fn); err != nil {
		return 0, err
	}
	if b.errno != 0 {
		return 0, b.errno
	}
	return b.n, nil
}

func (b *batch) datagram(i int) (netip.AddrPort, []byte) {
	return b.from[i].from(), b.buf[i][:b.head[i].length]
}
