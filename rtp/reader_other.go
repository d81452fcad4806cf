//go:build !linux

package rtp

import (
	"errors"
	"net"
	"net/netip"
)

const (
	readBatch = 1
	batchSize = 1
)

type (
	rawSocket struct{}
	readerSys struct{}
	writerSys struct{ n int }
)

func newRawSocket(*net.UDPConn) (*rawSocket, error)             { return nil, errors.ErrUnsupported }
func (*rawSocket) close() error                                 { return nil }
func (*rawSocket) write([]byte, netip.AddrPort) error           { return errors.ErrUnsupported }
func (*readerSys) open()                                        {}
func (*readerSys) read(*rawSocket, int) (int, error)            { return 0, nil }
func (*readerSys) datagram(int) (netip.AddrPort, []byte, int64) { return netip.AddrPort{}, nil, 0 }

func (*writerSys) add(*rawSocket, []byte, netip.AddrPort) (bool, error) {
	return false, errors.ErrUnsupported
}
func (*writerSys) flush(*rawSocket) int { return 0 }
