//go:build !linux

package rtp

import (
	"errors"
	"net"
	"time"
)

type (
	pollerSys struct{}
	polledSys struct{}
)

func (*pollerSys) open() error                            { return nil }
func (*pollerSys) close() error                           { return nil }
func (*pollerSys) add(*net.UDPConn, int32, *polled) error { return errors.ErrUnsupported }
func (*pollerSys) remove(*polled)                         {}

func (p *Poller) run() {
	defer close(p.done)
	for !p.isClosed() {
		time.Sleep(sweep)
	}
}
