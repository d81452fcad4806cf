//go:build !linux

package rtp

import (
	"errors"
	"net"
	"net/netip"
)

const readBatch = 1

type (
	rawSocket struct{}
	readerSys struct{}
)

func newRawSocket(*net.UDPConn) (*rawSocket, error)             { return nil, errors.ErrUnsupported }
func (*rawSocket) close() error                                 { return nil }
func (*rawSocket) write([]byte, netip.AddrPort) error           { return errors.ErrUnsupported }
func (*readerSys) open()                                        {}
func (*readerSys) read(*rawSocket) (int, error)                 { return 0, nil }
func (*readerSys) datagram(int) (netip.AddrPort, []byte, int64) { return netip.AddrPort{}, nil, 0 }
