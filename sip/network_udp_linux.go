package sip

import (
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

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
	s.source.rc, s.source.v6 = rc, v6
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
			s.source.on = err == nil
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

// sourceAddrs sends. On a socket that is bound to all addresses it makes datagrams leave from the
// address to which their requests came.
type sourceAddrs struct {
	rc     syscall.RawConn
	on, v6 bool
	oob    sync.Map // netip.Addr -> []byte, the control message; as many as we have addresses
}

// write sends with the source address of the flow. It returns false where that is not wanted.
func (a *sourceAddrs) write(s *socket, f Flow, data []byte) (bool, error) {
	local := f.Local.Addr()
	if !a.on || !local.IsValid() || local.IsUnspecified() {
		if a.rc == nil {
			return false, nil
		}
		return sendRaw(a.rc, a.v6, data, f.Remote)
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
