//go:build !linux

package sip

import (
	"net"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// tuneUDP asks for large buffers.
func (n *network) tuneUDP(s *socket, c *net.UDPConn, lc ListenConfig) {
	c.SetReadBuffer(n.cfg.ReadBuffer)
	c.SetWriteBuffer(n.cfg.WriteBuffer)
	if lc.DSCP == 0 {
		lc.DSCP = n.cfg.DSCP
	}
	if lc.DSCP > 0 && lc.DSCP < 64 {
		ipv4.NewPacketConn(c).SetTOS(lc.DSCP << 2)
		ipv6.NewPacketConn(c).SetTrafficClass(lc.DSCP << 2)
	}
}

// tuneStream sets the options of a connection.
func (n *network) tuneStream(nc net.Conn, dscp int) {
	if dscp == 0 {
		dscp = n.cfg.DSCP
	}
	if _, ok := nc.(*net.TCPConn); ok && dscp > 0 && dscp < 64 {
		ipv4.NewConn(nc).SetTOS(dscp << 2)
		ipv6.NewConn(nc).SetTrafficClass(dscp << 2)
	}
}

// reuseAddr does nothing here: connections leave from a port of their own.
func reuseAddr(_, _ string, _ syscall.RawConn) error { return nil }

// readBatches is for Linux.
func (s *socket) readBatches(*net.UDPConn) bool { return false }

// sourceAddrs is for Linux: elsewhere the system chooses the address that datagrams leave from.
type sourceAddrs struct{}

func (*sourceAddrs) write(*socket, Flow, []byte) (bool, error) { return false, nil }
