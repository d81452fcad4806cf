//go:build !linux || !(amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package kernel

import (
	"context"

	"github.com/gotelco/telco/sctp"
)

// Available returns ErrUnavailable: this package knows the kernel of 64-bit Linux alone.
func Available() error { return ErrUnavailable }

// Listen returns ErrUnavailable.
func (Network) Listen(context.Context, sctp.Addr, sctp.Config) (sctp.Listener, error) {
	return nil, ErrUnavailable
}

// Dial returns ErrUnavailable.
func (Network) Dial(context.Context, sctp.Addr, sctp.Addr, sctp.Config) (sctp.Conn, error) {
	return nil, ErrUnavailable
}
