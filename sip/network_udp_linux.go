package sip

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one system call receives at most.
const batchSize = 32

// tuneUDP sets buffer sizes and DSCP, and asks for the local address of datagrams where the
// socket is bound to all of them.
func (n *network) tuneUDP(s *socket, c *net.UDPConn, lc ListenConfig) {
	rc, err := c.SyscallConn()
	if err != nil {
		return
	}
	if lc.DSCP == 0 {
		lc.DSCP = n.cfg.DSCP
	}
	v6 := isV6Socket(rc)
	var read int
	rc.Control(func(fd uintptr) {
		h := int(fd)
		// FORCE goes beyond net.core.rmem_max, where the process may.
		if unix.SetsockoptInt(h, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n.cfg.ReadBuffer) != nil {
			unix.SetsockoptInt(h, unix.SOL_SOCKET, unix.SO_RCVBUF, n.cfg.ReadBuffer)
		}
		if unix.SetsockoptInt(h, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, n.cfg.WriteBuffer) != nil {
			unix.SetsockoptInt(h, unix.SOL_SOCKET, unix.SO_SNDBUF, n.cfg.WriteBuffer)
		}
		read, _ = unix.GetsockoptInt(h, unix.SOL_SOCKET, unix.SO_RCVBUF)
		setDSCP(h, v6, lc.DSCP)
		if s.local.Addr().IsUnspecified() {
			var err error
			if v6 {
				err = unix.SetsockoptInt(h, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
			} else {
				err = unix.SetsockoptInt(h, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
			}
			s.source.on, s.source.v6 = err == nil, v6
		}
	})
	if read /= 2; read < n.cfg.ReadBuffer { // the kernel doubles it for its own needs
		n.log.Warn("small UDP receive buffer: raise net.core.rmem_max", "local", s.local, "octets", read, "wanted", n.cfg.ReadBuffer)
	}
}

func isV6Socket(rc syscall.RawConn) bool {
	v6 := false
	rc.Control(func(fd uintptr) {
		sa, err := unix.Getsockname(int(fd))
		_, is6 := sa.(*unix.SockaddrInet6)
		v6 = err == nil && is6
	})
	return v6
}

// setDSCP marks what a socket sends. On a socket of both families both fields are set.
func setDSCP(fd int, v6 bool, dscp int) {
	if dscp <= 0 || dscp > 63 {
		return
	}
	if v6 {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscp<<2)
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, dscp<<2)
}

// tuneStream sets the options of a connection.
func (n *network) tuneStream(nc net.Conn, dscp int) {
	if dscp == 0 {
		dscp = n.cfg.DSCP
	}
	tc, ok := nc.(*net.TCPConn)
	if !ok || dscp == 0 {
		return
	}
	if rc, err := tc.SyscallConn(); err == nil {
		v6 := isV6Socket(rc)
		rc.Control(func(fd uintptr) { setDSCP(int(fd), v6, dscp) })
	}
}

// reuseAddr lets a connection leave from a port on which we listen too.
func reuseAddr(_, _ string, rc syscall.RawConn) error {
	var err error
	if cerr := rc.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}

// readBatches receives with recvmmsg until the socket is closed. It returns false at once if the
// socket can't be read so.
func (s *socket) readBatches(c *net.UDPConn) bool {
	n := s.network
	rc, err := c.SyscallConn()
	if err != nil {
		return false
	}
	v6 := isV6Socket(rc)
	var read func([]ipv4.Message, int) (int, error)
	if v6 {
		p := ipv6.NewPacketConn(c)
		read = func(ms []ipv4.Message, flags int) (int, error) { return p.ReadBatch(ms, flags) }
	} else {
		read = ipv4.NewPacketConn(c).ReadBatch
	}
	ms := make([]ipv4.Message, batchSize)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 65536)} // touched, so resident, only as far as used
		if s.source.on {
			ms[i].OOB = make([]byte, 64)
		}
	}
	for failures := 0; ; {
		k, err := read(ms, 0)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || n.ctx.Err() != nil {
				return true
			}
			n.stats.receiveErrors.Add(1)
			failures++
			n.log.Warn("receive", "transport", UDP, "local", s.local, "err", err)
			n.backoff(failures)
			continue
		}
		failures = 0
		for i := range ms[:k] {
			m := &ms[i]
			f := Flow{UDP, s.local, addrPortOf(m.Addr), s.id}
			if s.source.on {
				if a := localOf(m.OOB[:m.NN]); a.IsValid() {
					f.Local = netip.AddrPortFrom(a, s.local.Port())
				}
			}
			if m.Flags&unix.MSG_TRUNC != 0 {
				n.stats.truncated.Add(1)
				continue
			}
			s.deliver(f, m.Buffers[0][:m.N])
		}
	}
}

// sourceAddrs makes datagrams leave from the address to which their requests came, on a socket
// that is bound to all addresses.
type sourceAddrs struct {
	on, v6 bool
	oob    sync.Map // netip.Addr -> []byte, the control message; as many as we have addresses
}

// write sends with the source address of the flow. It returns false where that is not wanted.
func (a *sourceAddrs) write(s *socket, f Flow, data []byte) (bool, error) {
	local := f.Local.Addr()
	if !a.on || !local.IsValid() || local.IsUnspecified() {
		return false, nil
	}
	oob, ok := a.oob.Load(local)
	if !ok {
		oob = pktinfo(local, a.v6)
	}
	_, _, err := s.pc.(*net.UDPConn).WriteMsgUDPAddrPort(data, oob.([]byte), f.Remote)
	if err == nil && !ok { // so it is an address of ours
		a.oob.Store(local, oob)
	}
	return true, err
}
